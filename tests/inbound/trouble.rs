//! Marketplaces break down, withdraw our access, and forget us.

use std::time::Duration;

use fenicia::model::{ConnectionStatus, FailureKind, Timestamp};
use fenicia::sandbox::{Fault, Wish};

use super::world::World;
use super::{each, number, seed};

const SECOND: Duration = Duration::from_secs(1);
const A_MINUTE: Duration = Duration::from_secs(60);
const A_DAY: Duration = Duration::from_hours(24);

fn calls_between(world: &World, from: Timestamp, to: Timestamp) -> usize {
    world.kit().effects.calls().iter().filter(|call| from <= call.at && call.at < to).count()
}

async fn with_orders(kind: &'static str, count: usize) -> (World, Vec<String>) {
    let world = World::open(kind, seed(), "").await;
    world.until("the first poll", (SECOND, A_DAY), || world.state().last_success_at.is_some()).await;
    let orders = (0..count).map(|_| world.place(&Wish { paid: Some(true), ..Wish::default() })).collect();
    world.until("all is true", (A_MINUTE, A_DAY), || world.untrue().is_empty()).await;
    world.until("nothing is due", (A_MINUTE, A_DAY), || world.backlog() == 0).await;
    (world, orders)
}

#[test]
fn after_an_outage_nobody_stampedes() {
    let count = usize::try_from(number("FENICIA_OUTAGE", 120)).expect("a count");
    each(async |kind| {
        let (world, orders) = with_orders(kind, count).await;
        world.suffers(Fault::Status { status: 503 });
        let broken = world.clock.now();
        for order in &orders {
            world.ship(order);
            tokio::time::sleep(A_MINUTE * 240 / u32::try_from(count).expect("few")).await;
        }
        assert_eq!(world.state().status, ConnectionStatus::Degraded, "{kind}");
        let mended = world.clock.now();
        world.mend();
        let vain = calls_between(&world, broken, mended);
        // Polls every quarter of an hour at most, and one probe a minute: not a call per order.
        assert!(vain <= 4 * (15 + 60 + 20), "{kind}: {vain} calls at a marketplace that is down");

        let took = world.until("all is true", (SECOND * 5, A_DAY), || world.untrue().is_empty()).await;
        let all = calls_between(&world, mended, world.clock.now());
        let minute =
            |n: u32| calls_between(&world, mended.plus(A_MINUTE * n), mended.plus(A_MINUTE * (n + 1)));
        let busiest = (0..120).map(minute).max().unwrap_or(0);
        assert!(busiest <= count, "{kind}: {busiest} calls in one minute for {count} orders");
        eprintln!(
            "{kind}: {vain} calls in four hours of outage with {count} changes; after it {all} calls, {busiest} in the busiest minute, all true after {took:.0?}"
        );
        world.is_sound();
    });
}

#[test]
fn a_withdrawn_access_costs_one_refusal_and_one_notification() {
    each(async |kind| {
        let (world, orders) = with_orders(kind, 20).await;
        world.stand().revoke_access();
        let withdrawn = world.clock.now();
        let cut_off = || world.state().status == ConnectionStatus::NeedsReconnect;
        // One after the other: what is under way at the same time cannot know of each other's refusal.
        for order in &orders {
            world.ship(order);
            tokio::time::sleep(SECOND * 3).await;
        }
        let noticed = world.until("it is noticed", (SECOND, A_DAY), cut_off).await;
        let until_noticed = calls_between(&world, withdrawn, world.clock.now());
        for _ in 0..12 {
            world.place(&Wish { paid: Some(true), ..Wish::default() });
            tokio::time::sleep(A_MINUTE * 30).await;
        }
        let later = calls_between(&world, withdrawn, world.clock.now()) - until_noticed;
        let told = world.store().notifications(false, None, 50).expect("readable").items;
        let told: Vec<_> = told.into_iter().filter(|own| own.kind == "channel_down").collect();
        eprintln!(
            "{kind}: noticed after {noticed:.0?} with {until_noticed} calls; {later} calls in the six hours after"
        );
        assert_eq!(told.len(), 1, "{kind}: {told:#?}");
        assert!(until_noticed <= 4, "{kind}: {until_noticed} calls until it was noticed");
        // One probe an hour, which may take a token and a page.
        assert!(later <= 6 * 3, "{kind}: {later} calls while a person must act");

        world.stand().restore_access();
        world.handle().test(&world.id).await.expect("access is back");
        assert_eq!(world.state().status, ConnectionStatus::Connected, "{kind}");
        world.until("all is true", (SECOND * 10, A_DAY), || world.untrue().is_empty()).await;
        world.is_sound();
    });
}

/// What goes wrong, and the kind of error that it is.
const KINDS_OF_TROUBLE: [(Fault, FailureKind); 8] = [
    (Fault::Hang, FailureKind::NetworkTimeout),
    (Fault::ResetBefore, FailureKind::NetworkTimeout),
    (Fault::RateLimited { seconds: 5 }, FailureKind::RateLimited),
    (Fault::Status { status: 403 }, FailureKind::Permission),
    (Fault::Status { status: 404 }, FailureKind::NotFound),
    (Fault::Status { status: 500 }, FailureKind::Unavailable),
    (Fault::HtmlAfter, FailureKind::Unavailable),
    (Fault::Status { status: 400 }, FailureKind::InvalidRequest),
];

#[test]
fn every_kind_of_error_is_recognised_in_each_marketplace_s_own_words() {
    each(async |kind| {
        let (world, orders) = with_orders(kind, 1).await;
        let mut wrong = Vec::new();
        for (fault, wanted) in KINDS_OF_TROUBLE {
            world.suffers(fault.clone());
            let told = world.read(&orders[0]).await.expect_err("it cannot be read");
            world.mend();
            // Waits that the marketplace asked for are over, and so is what the breaker waits for.
            tokio::time::sleep(A_MINUTE * 15).await;
            // A bare 400 is how Walmart tells of an outage.
            let is_excuse = kind == "walmart" && fault == Fault::Status { status: 400 };
            let wanted = if is_excuse { FailureKind::Unavailable } else { wanted };
            if told.kind != wanted || told.message.is_empty() || told.kind.advice().is_empty() {
                wrong.push(format!("{fault:?} is {}, not {wanted}: {}", told.kind, told.message));
            }
        }
        assert_eq!(wrong, Vec::<String>::new(), "{kind}");
    });
}

/// For an hour the marketplace cannot reach us, and gives up on us where it does such a thing.
#[test]
fn after_subscriptions_were_lost_the_gap_is_polled_at_once() {
    each(async |kind| {
        let config = "[sync]\ninitial_import = \"1h\"\n";
        let world = World::open(kind, seed(), config).await;
        world.until("the first poll", (SECOND, A_DAY), || world.state().last_success_at.is_some()).await;
        tokio::time::sleep(A_MINUTE).await;
        let made = |world: &World| {
            let calls = world.kit().effects.calls();
            let made = calls.into_iter().filter(|call| call.operation.contains("webhookSubscriptionCreate"));
            made.map(|call| call.at).collect::<Vec<_>>()
        };
        let first = made(&world).len();
        let target = world.cut_the_way_in();
        world.place(&Wish { paid: Some(true), ..Wish::default() });
        world.kit().webhooks.settled().await;
        world.restore_the_way_in(target);
        tokio::time::sleep(A_DAY * 2).await;
        let again = made(&world).split_off(first);
        if let Some(at) = again.last() {
            let polled = calls_between(&world, *at, at.plus(SECOND * 5));
            assert!(polled > again.len().min(1), "{kind}: nothing was asked after {at}");
            eprintln!("{kind}: {} subscriptions made again, {polled} calls within 5 s", again.len());
        }
        assert_eq!(world.untrue(), Vec::<String>::new(), "{kind}");
        world.is_sound();
    });
}
