//! The state machine of an action under every run of outcomes, with kills between all of it. Time is
//! virtual.

mod bench;
mod market;

use std::time::Duration;

use fenicia::model::{Action, ActionId, ActionRequest, ActionState, CancelReason, EventKind, ShipLine};
use fenicia::store::verify_running;
use proptest::prelude::*;

use bench::Bench;
use market::{Sort, Turn, wish};

fn ship(number: &str) -> ActionRequest {
    ActionRequest::Ship {
        carrier: "DHL".to_owned(),
        tracking_number: Some(number.to_owned()),
        tracking_url: None,
        items: vec![ShipLine { line_id: "a".to_owned(), quantity: 1 }],
    }
}

fn cancel() -> ActionRequest {
    ActionRequest::Cancel { reason: CancelReason::Other, note: None }
}

fn is_final(state: ActionState) -> bool {
    matches!(state, ActionState::Done | ActionState::Failed | ActionState::Unknown)
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        3 => Just(Turn::Works),
        3 => Just(Turn::Lost),
        2 => Just(Turn::Silent),
        2 => Just(Turn::Down),
        1 => Just(Turn::Limited),
        1 => Just(Turn::Refused),
        1 => Just(Turn::Denied),
        1 => Just(Turn::Taken),
        1 => Just(Turn::Panics),
        2 => Just(Turn::Hangs),
    ]
}

#[derive(Clone, Debug)]
struct Script {
    sort: Sort,
    /// Which wishes, asked for at once; 3 is the cancellation, twice the same are two operators.
    wishes: Vec<u8>,
    writes: Vec<Turn>,
    reads: Vec<bool>,
    /// Milliseconds between kills.
    kills: Vec<u64>,
}

fn script() -> impl Strategy<Value = Script> {
    (
        prop_oneof![Just(Sort::Keyed), Just(Sort::Shown), Just(Sort::Blind)],
        prop::collection::vec(0..4_u8, 1..5),
        prop::collection::vec(turn(), 0..8),
        prop::collection::vec(prop::bool::weighted(0.8), 0..10),
        prop::collection::vec(0..6_000_u64, 0..5),
    )
        .prop_map(|(sort, wishes, writes, reads, kills)| Script { sort, wishes, writes, reads, kills })
}

async fn play(script: Script) -> Result<(), TestCaseError> {
    let mut bench = Bench::open(script.sort, script.writes, script.reads).await;
    let mut asked = Vec::new();
    for wish in script.wishes {
        let request = if wish == 3 { cancel() } else { ship(&format!("T{wish}")) };
        if let Some(id) = bench.ask(request.clone()).await {
            asked.push((id, request));
        }
    }
    for pause in script.kills {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        bench = bench.kill().await;
    }
    let ends = bench.clock.now().plus(Duration::from_hours(72));
    while !asked.iter().all(|(id, _)| is_final(bench.action(*id).state)) {
        prop_assert!(bench.clock.now() < ends, "not every action ends: {:?}", asked);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    check(&bench, &asked, script.sort)
}

fn check(bench: &Bench, asked: &[(ActionId, ActionRequest)], sort: Sort) -> Result<(), TestCaseError> {
    let world = bench.market.world();
    let times = |wish: &str| world.effects.get(wish).copied().unwrap_or(0);
    for (wish, times) in &world.effects {
        let twins = asked.iter().filter(|(_, request)| self::wish(request) == wish).count();
        // Where nothing shows or keys an effect, two who ask for the same get it twice.
        let most = if sort == Sort::Blind { u32::try_from(twins).expect("few") } else { 1 };
        prop_assert!(*times <= most, "{} took effect {} times", wish, times);
    }
    let events = bench.store.timeline(&Bench::key(), None, 1_000).expect("readable");
    for (id, request) in asked {
        let action = bench.action(*id);
        let twins = asked.iter().filter(|(_, own)| own == request).count();
        match action.state {
            ActionState::Done => prop_assert!(times(wish(request)) >= 1, "{:?} is done", action),
            ActionState::Failed if twins == 1 => {
                prop_assert_eq!(times(wish(request)), 0, "{:?} failed", action);
            }
            _ => {}
        }
        prop_assert_eq!(action.state == ActionState::Done, action.error.is_none(), "{:?}", action);
    }
    let count = |kinds: &[EventKind]| events.iter().filter(|event| kinds.contains(&event.kind)).count();
    prop_assert_eq!(count(&[EventKind::ActionRequested]), asked.len());
    prop_assert_eq!(count(&[EventKind::ActionDone]), ended(bench, asked, ActionState::Done));
    prop_assert_eq!(count(&[EventKind::ActionUnknown]), ended(bench, asked, ActionState::Unknown));
    let report = verify_running(&bench.store).expect("readable");
    prop_assert!(report.faults.is_empty(), "{:?}", report.faults);
    Ok(())
}

fn ended(bench: &Bench, asked: &[(ActionId, ActionRequest)], state: ActionState) -> usize {
    asked.iter().filter(|(id, _)| bench.action(*id).state == state).count()
}

fn in_virtual_time<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_an_action_ends_and_acts_at_most_once(script in script()) {
        in_virtual_time(play(script))?;
    }
}

/// One action, some outcomes, no kill: its state and how often it took effect.
async fn run(sort: Sort, writes: &[Turn]) -> (Action, u32) {
    let bench = Bench::open(sort, writes.to_vec(), Vec::new()).await;
    let id = bench.ask(ship("T0")).await.expect("taken");
    while !is_final(bench.action(id).state) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let times = bench.market.world().effects.get("T0").copied().unwrap_or(0);
    (bench.action(id), times)
}

#[tokio::test(start_paused = true)]
async fn each_outcome_leads_where_it_should() {
    use ActionState::{Done, Failed, Unknown};
    #[rustfmt::skip]
    let table: &[(Sort, &[Turn], ActionState, u32)] = &[
        (Sort::Shown, &[Turn::Works], Done, 1),
        (Sort::Shown, &[Turn::Lost], Done, 1),
        (Sort::Shown, &[Turn::Silent], Unknown, 0),
        (Sort::Keyed, &[Turn::Silent, Turn::Works], Done, 1),
        (Sort::Keyed, &[Turn::Lost, Turn::Lost, Turn::Lost], Done, 1),
        (Sort::Blind, &[Turn::Lost], Unknown, 1),
        (Sort::Blind, &[Turn::Silent], Unknown, 0),
        (Sort::Blind, &[Turn::Works], Done, 1),
        (Sort::Shown, &[Turn::Down, Turn::Down, Turn::Works], Done, 1),
        (Sort::Shown, &[Turn::Limited, Turn::Works], Done, 1),
        (Sort::Shown, &[Turn::Refused], Failed, 0),
        (Sort::Shown, &[Turn::Denied], Failed, 0),
        (Sort::Shown, &[Turn::Taken], Done, 1),
        (Sort::Shown, &[Turn::Panics], Done, 1),
        (Sort::Shown, &[Turn::Hangs], Done, 1),
        (Sort::Shown, &[Turn::Down; 8], Failed, 0),
    ];
    for (sort, writes, state, times) in table {
        let (action, acted) = run(*sort, writes).await;
        assert_eq!((action.state, acted), (*state, *times), "{sort:?} {writes:?}: {:?}", action.error);
    }
}

/// Seconds, 5 minutes, 15 minutes, 1 hour, 6 hours, then parked and told.
#[tokio::test(start_paused = true)]
async fn an_outage_climbs_the_ladder_and_is_parked_and_told() {
    let bench = Bench::open(Sort::Shown, vec![Turn::Down; 20], Vec::new()).await;
    let id = bench.ask(ship("T0")).await.expect("taken");
    let mut tried = Vec::new();
    let mut attempts = 0;
    while !is_final(bench.action(id).state) {
        let now = bench.action(id);
        if now.attempts > attempts {
            attempts = now.attempts;
            tried.push(bench.clock.now());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    tried.push(bench.action(id).updated_at);
    let waits: Vec<u64> = tried.windows(2).map(|pair| pair[1].since(pair[0]).as_secs()).collect();
    let ladder = [2, 8, 30, 300, 900, 3_600, 21_600_u64];
    assert_eq!(waits.len(), ladder.len(), "{waits:?}");
    for (wait, step) in waits.iter().zip(ladder) {
        // Jitter, and the sweep that finds what is due.
        assert!((step * 3 / 4..=step * 5 / 4 + 6).contains(wait), "{waits:?}");
    }
    let told = bench.store.notifications(false, None, 10).expect("readable").items;
    assert_eq!(told.iter().filter(|own| own.kind == "action_failed").count(), 1, "{told:?}");
    let parked = bench.store.failures(None, None, 10).expect("readable").items;
    assert_eq!((parked.len(), parked[0].next_attempt_at), (1, None));
}

/// What cannot even be looked at climbs the same ladder.
#[tokio::test(start_paused = true)]
async fn an_order_that_cannot_be_read_is_given_up_in_the_end() {
    let bench = Bench::open(Sort::Shown, Vec::new(), vec![false; 200]).await;
    let id = bench.ask(ship("T0")).await.expect("taken");
    let begun = bench.clock.now();
    while !is_final(bench.action(id).state) {
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert!(bench.clock.now().since(begun) < Duration::from_hours(24), "it is parked some time");
    }
    let action = bench.action(id);
    assert_eq!((action.state, action.attempts), (ActionState::Failed, 0), "{:?}", action.error);
}

/// The order is read before the action is done: who asks next sees what is left.
#[tokio::test(start_paused = true)]
async fn a_done_action_shows_in_the_order_at_once() {
    let bench = Bench::open(Sort::Shown, vec![Turn::Works, Turn::Taken, Turn::Lost], Vec::new()).await;
    for (nth, number) in ["T0", "T1", "T2"].into_iter().enumerate() {
        let id = bench.ask(ship(number)).await.expect("taken");
        while !is_final(bench.action(id).state) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let (order, _) = bench.store.order(&Bench::key()).expect("readable").expect("stored");
        let units = u32::try_from(nth).expect("small") + 1;
        assert_eq!(order.items[0].quantity_shipped, Some(units), "{number}");
        assert_eq!(order.shipments.len(), nth + 1, "{number}");
        let last = order.last_action.expect("shown");
        assert_eq!((last.id, last.state), (id, ActionState::Done));
    }
    assert!(bench.ask(ship("T3")).await.is_none(), "nothing is left");
}

/// What was asked for is held against the order as it is when it is sent, not as it was.
#[tokio::test(start_paused = true)]
async fn an_order_that_changed_meanwhile_is_checked_again_before_anything_is_sent() {
    let bench = Bench::open(Sort::Shown, Vec::new(), Vec::new()).await;
    {
        let mut world = bench.market.world();
        world.cancelled = true;
    }
    let id = bench.ask(ship("T0")).await.expect("the stored order still allows it");
    while !is_final(bench.action(id).state) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let action = bench.action(id);
    assert_eq!((action.state, action.attempts), (ActionState::Failed, 0));
    assert_eq!(action.error.expect("a reason").message, "The order is cancelled.");
    assert!(bench.market.world().effects.is_empty(), "nothing was sent");
}
