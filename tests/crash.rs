//! `kill -9` under load, again and again, and an oracle: whatever was answered 200 is in the order's
//! timeline exactly once, every order ends as the marketplace has it, and the store is sound.
//!
//! `FENICIA_CRASH_CYCLES` sets how often (default 50 in CI, 8 elsewhere), `FENICIA_SEED` repeats a run.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test says what it expects"
)]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fenicia::clock::Clock;
use fenicia::kinds;
use fenicia::net::Method;
use fenicia::random::Random;
use fenicia::sandbox::{DeliveryState, Kit, Running, Tuning, Wish, stir, visit};
use serde_json::Value;
use support::{Daemon, Folder};

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Orders placed or changed per cycle.
const EVENTS: u64 = 120;

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_was_answered_200_survives_kill_9() {
    let cycles = number("FENICIA_CRASH_CYCLES", if std::env::var_os("CI").is_some() { 50 } else { 8 });
    let seed = number("FENICIA_SEED", 1);
    eprintln!("{cycles} cycles, seed {seed}");
    let random = Random::seeded(seed);
    // Webhooks are tried again within milliseconds, so that a try meets every phase of a start.
    let tuning = Tuning { limits: 1e6, haste: 2_000.0, list_lag: Duration::ZERO, drop_oldest: false };
    let kit = Kit::new(Clock::system(), Random::seeded(seed), tuning);
    let stand = kinds::stand("shopify", kit).expect("a stand");
    let shop = Running::open(stand, 0).await.expect("a port");
    // Only the poll at each start: what a webhook brought must not be masked by a poll.
    let folder = Folder::new(&format!("{}\npoll = \"0 0 1 1 *\"\n", shop.config("shop").trim_end()));

    let daemon = Daemon::start(&folder);
    until_webhooks_come(&daemon, &shop).await;
    daemon.kill();

    for _ in 0..cycles {
        let daemon = Daemon::start(&folder);
        shop.stand().kit().webhooks.set_target(Some(format!("{}/webhooks/shop", daemon.webhooks)));
        let killed_at = EVENTS / 4 + random.below(EVENTS * 3 / 4);
        let mut daemon = Some(daemon);
        for event in 0..EVENTS {
            let stand = shop.stand().as_ref();
            if event % 3 == 0 {
                visit(stand, &random)
            } else {
                stir(stand, &random)
            };
            if event == killed_at {
                daemon.take().expect("still running").kill();
            } else if event % 10 == 0 && daemon.is_some() && event + 10 < killed_at {
                // Some deliveries are through, some on their way, when the kill comes.
                shop.stand().kit().webhooks.settled().await;
            }
        }
    }
    let daemon = Daemon::start(&folder);
    shop.stand().kit().webhooks.set_target(Some(format!("{}/webhooks/shop", daemon.webhooks)));
    shop.stand().kit().webhooks.settled().await;
    let acknowledged = acknowledged(&shop);
    every_order_is_as_the_marketplace_has_it(&daemon, &shop).await;
    every_delivery_stands_once_in_its_timeline(&daemon, &acknowledged).await;
    assert_eq!(shop.stand().kit().violations.all(), [], "protocol violations");
    assert!(daemon.stop().success(), "{}", folder.log());
    the_store_is_sound(&folder);
    eprintln!(
        "{} orders, {} deliveries answered 200",
        shop.stand().orders(),
        acknowledged.values().sum::<usize>()
    );
}

/// The daemon subscribes a moment after its start.
async fn until_webhooks_come(daemon: &Daemon, shop: &Running) {
    shop.stand().kit().webhooks.set_target(Some(format!("{}/webhooks/shop", daemon.webhooks)));
    while shop.stand().kit().webhooks.records().is_empty() {
        let order = shop.stand().place(&Wish::default()).expect("an order");
        let path = format!("/api/v1/orders/shop:{order}");
        let asked = daemon.client.call(Method::Post, &format!("{path}/sync"), None).await;
        assert_eq!(asked.status, 202, "{}", asked.text);
        daemon.client.until(&path, |_| true).await;
    }
}

/// Deliveries that were answered 200, per order.
fn acknowledged(shop: &Running) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for record in shop.stand().kit().webhooks.records() {
        if let (DeliveryState::Delivered, Some(order), false) = (record.state, record.order, record.forged) {
            *counts.entry(order).or_default() += 1;
        }
    }
    counts
}

async fn every_order_is_as_the_marketplace_has_it(daemon: &Daemon, shop: &Running) {
    for truth in shop.stand().truths(None, usize::MAX) {
        let path = format!("/api/v1/orders/shop:{}", truth.order_id);
        daemon
            .client
            .until(&path, |order| {
                order["status"] == truth.status
                    && order["payment_status"] == truth.payment_status
                    && order["total"].as_str() == truth.total.as_deref()
            })
            .await;
    }
}

async fn every_delivery_stands_once_in_its_timeline(daemon: &Daemon, acknowledged: &BTreeMap<String, usize>) {
    for (order, count) in acknowledged {
        let events = timeline(daemon, order).await;
        let received = events.iter().filter(|event| event["kind"] == "webhook_received").count();
        assert_eq!(received, *count, "deliveries in the timeline of {order}: {events:#?}");
        let seqs: Vec<u64> = events.iter().rev().filter_map(|event| event["seq"].as_u64()).collect();
        assert_eq!(seqs, (0..events.len() as u64).collect::<Vec<_>>(), "numbers of {order}");
    }
}

async fn timeline(daemon: &Daemon, order: &str) -> Vec<Value> {
    let mut events = Vec::new();
    let mut cursor = String::new();
    loop {
        let answer =
            daemon.client.get(&format!("/api/v1/orders/shop:{order}/timeline?limit=200{cursor}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        events.extend(answer.body["items"].as_array().cloned().unwrap_or_default());
        match answer.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return events,
        }
    }
}

fn the_store_is_sound(folder: &Folder) {
    let report = fenicia::store::verify(&folder.data(), None, false).expect("a store");
    assert_eq!(report.faults, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_told_to_stop_leaves_nothing_interrupted() {
    let kit = Kit::new(Clock::system(), Random::seeded(3), Tuning { limits: 1e6, ..Tuning::default() });
    let shop = Running::open(kinds::stand("shopify", kit).expect("a stand"), 0).await.expect("a port");
    let folder = Folder::new(&shop.config("shop"));
    let random = Random::seeded(4);
    for _ in 0..5 {
        let daemon = Arc::new(Daemon::start(&folder));
        shop.stand().kit().webhooks.set_target(Some(format!("{}/webhooks/shop", daemon.webhooks)));
        for _ in 0..20 {
            visit(shop.stand().as_ref(), &random);
            tokio::task::yield_now().await;
        }
        let daemon = Arc::into_inner(daemon).expect("the only one");
        assert!(daemon.stop().success(), "{}", folder.log());
        the_store_is_sound(&folder);
    }
    assert!(!folder.log().contains("are due again"), "{}", folder.log());
}
