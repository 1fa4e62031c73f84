//! Random lives of orders, in bad weather.

use std::collections::BTreeMap;
use std::time::Duration;

use fenicia::model::Timestamp;
use fenicia::random::Random;
use fenicia::sandbox::{Deed, Fault, Rule, Wish};

use super::world::World;
use super::{each, number, seed, story};

/// Lives that go on beside each other.
const BESIDE: u64 = 200;
/// All of a world's lives begin within it.
const MORNING: Duration = Duration::from_hours(4);
const MINUTE: Duration = Duration::from_mins(1);
/// Some changes are announced nowhere and shown by no list: they are found by the next reading, which
/// the longest-lived rule puts a day away, within the rounds in which it is looked at.
const AT_MOST: Duration = Duration::from_hours(30);

enum Step {
    /// The life of this number begins.
    Begin(usize),
    Deed(usize),
    /// Something goes wrong with the next calls.
    Weather,
    Kill,
    /// Started again, unless it runs.
    Start,
}

#[test]
fn random_histories_end_as_a_fresh_reading_has_them() {
    let histories = number("FENICIA_HISTORIES", BESIDE);
    each(async |kind| {
        let (mut deeds, mut consents, mut left) = (0, 0, histories);
        let mut slowest = Duration::ZERO;
        for world in 0.. {
            let now = left.min(BESIDE);
            let (done, again, took) = histories_of(kind, seed() * 1_000 + world, now).await;
            deeds += done;
            consents += again;
            slowest = slowest.max(took);
            left -= now;
            if left == 0 {
                break;
            }
        }
        eprintln!(
            "{kind}: {histories} histories, {deeds} deeds, {consents} consents after lost answers, all true {slowest:?} after the last one at the latest"
        );
    });
}

/// How many deeds and consents there were, and how long it took until all was true.
async fn histories_of(kind: &'static str, seed: u64, count: u64) -> (u64, u64, Duration) {
    let random = Random::seeded(seed);
    let mut world = World::open(kind, seed, "").await;
    let mut orders: Vec<Option<String>> = (0..count).map(|_| None).collect();
    let (mut deeds, mut consents) = (0, 0);
    for ((at, _), step) in plan(&random, world.clock.now(), orders.len()) {
        world.clock.sleep_until(at).await;
        match step {
            Step::Begin(life) => {
                on_the_way(&world, &random);
                orders[life] = Some(world.place(&wish(&world, &random)));
                deeds += 1;
            }
            Step::Deed(life) => {
                on_the_way(&world, &random);
                let order = orders[life].as_deref().expect("begun");
                let first = random.below(DEEDS);
                let mut next = (0..DEEDS).map(|step| deed((first + step) % DEEDS, &random));
                deeds += u64::from(next.any(|deed| world.stand().happen(order, &deed).is_ok()));
            }
            // While the daemon is down, nobody needs a consent.
            Step::Weather if !world.is_running() => weather(&world, &random),
            Step::Weather => {
                consents += u64::from(world.reconnect_if_lost().await);
                weather(&world, &random);
            }
            Step::Kill if world.is_running() => world.kill().await,
            Step::Start if !world.is_running() => world.start().await,
            Step::Kill | Step::Start => {}
        }
    }
    world.mend();
    let begun = world.clock.now();
    loop {
        consents += u64::from(world.reconnect_if_lost().await);
        let mut left = world.untrue();
        if left.is_empty() {
            left = world.unlike_a_fresh_reading().await;
        }
        let took = world.clock.now().since(begun);
        if left.is_empty() {
            it_stays_true(&world).await;
            return (deeds, consents, took);
        }
        left.truncate(5);
        assert!(took <= AT_MOST, "{kind}, seed {seed}, after {took:?}: {left:#?}; {}", world.condition());
        tokio::time::sleep(Duration::from_mins(10)).await;
    }
}

/// Whatever is still on its way changes nothing any more, and the timelines tell how it came.
async fn it_stays_true(world: &World) {
    world.kit().webhooks.settled().await;
    world.until("nothing is due", (MINUTE, AT_MOST), || world.backlog() == 0).await;
    assert_eq!(world.untrue(), Vec::<String>::new(), "{}", world.kind);
    let untold = story::untold(world);
    assert!(untold.is_empty(), "{}, {} of them: {}", world.kind, untold.len(), untold[0]);
    world.is_sound();
}

/// What happens when, in order.
fn plan(random: &Random, start: Timestamp, lives: usize) -> BTreeMap<(Timestamp, usize), Step> {
    let mut plan = BTreeMap::new();
    let mut add = |at, step| {
        let number = plan.len();
        plan.insert((at, number), step);
    };
    let within = |span: Duration| Duration::from_millis(random.below(span.as_millis() as u64));
    for life in 0..lives {
        let mut at = start.plus(within(MORNING));
        add(at, Step::Begin(life));
        for _ in 0..random.below(8) {
            // Some deeds follow within the second, some are a while away.
            let most = [Duration::from_millis(800), Duration::from_mins(1), Duration::from_hours(1)];
            // Never at once: two changes of a millisecond are told in the same words.
            let while_after = within(most[usize::try_from(random.below(3)).expect("small")]);
            at = at.plus(while_after + Duration::from_millis(1));
            add(at, Step::Deed(life));
        }
    }
    for _ in 0..lives / 4 {
        add(start.plus(within(MORNING * 2)), Step::Weather);
    }
    for _ in 0..3 {
        let at = start.plus(within(MORNING * 2));
        add(at, Step::Kill);
        add(at.plus(Duration::from_secs(random.below(900))), Step::Start);
    }
    plan
}

fn wish(world: &World, random: &Random) -> Wish {
    let flavours = world.stand().flavours();
    let rare = !flavours.is_empty() && random.below(4) == 0;
    let flavour =
        rare.then(|| flavours[usize::try_from(random.below(flavours.len() as u64)).expect("small")]);
    Wish { paid: Some(random.below(3) != 0), flavour: flavour.map(str::to_owned), ..Wish::default() }
}

/// How many sorts of deeds `deed` tells apart.
const DEEDS: u64 = 14;

fn deed(number: u64, random: &Random) -> Deed {
    match number {
        0..=1 => Deed::Pay,
        2..=4 => Deed::Ship { carrier: None, tracking: None, units: None },
        5 => Deed::Ship { carrier: None, tracking: None, units: Some(1) },
        6..=7 => Deed::Deliver,
        8 => Deed::ChangeAddress { line1: None },
        9 => Deed::Note { text: "Leave it with the neighbour.".to_owned() },
        10 => Deed::Tag { tag: "gift".to_owned() },
        11 => Deed::Refund { amount: (random.below(2) == 0).then(|| "1.00".to_owned()) },
        12 => Deed::RequestCancel,
        _ => Deed::Cancel,
    }
}

/// What becomes of the webhook that the next deed sends.
fn on_the_way(world: &World, random: &Random) {
    let fault = match random.below(10) {
        0..=1 => Fault::Lost,
        2 => Fault::Doubled,
        3 => Fault::Late { ms: random.below(3 * 3_600_000) },
        4..=5 => Fault::Shuffled { ms: 5_000 },
        6 => Fault::Forged,
        _ => return,
    };
    world.kit().faults.add(Rule::once("*", fault));
}

/// What becomes of the next calls.
fn weather(world: &World, random: &Random) {
    let fault = match random.below(9) {
        0 => Fault::Status { status: 503 },
        1 => Fault::ResetBefore,
        2 => Fault::ResetAfter,
        3 => Fault::Hang,
        4 => Fault::Truncated,
        5 => Fault::CutAnswer,
        6 => Fault::HtmlAfter,
        7 => Fault::TokenExpired,
        _ => Fault::Delay { ms: 8_000 },
    };
    let most = if fault == Fault::TokenExpired { 1 } else { 4 };
    let times = 1 + u32::try_from(random.below(most)).expect("small");
    world.kit().faults.add(Rule::times("*", times, fault));
}
