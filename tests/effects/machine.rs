//! The state machine of an action under every run of outcomes: a marketplace of a few lines that
//! answers, refuses, loses and panics as a script says, and kills between all of it. Time is virtual.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fenicia::actors::Handle;
use fenicia::channel::{
    Answer, Call, Channel, Env, Fetched, Finding, KeyFault, Kind, ListRequest, Memo, Method, Page, Performed,
    Refused, Settings, Stream, Verdict,
};
use fenicia::clock::Clock;
use fenicia::config::{self, Connections};
use fenicia::model::{
    Action, ActionId, ActionRequest, ActionState, CancelReason, ChannelId, ChannelOrderId, EventKind,
    Failure, Item, Lane, Native, Observation, Order, OrderKey, OrderStatus, Secret, ShipLine, Shipment,
    ShipmentItem, Source, Timestamp, Tokens,
};
use fenicia::random::Random;
use fenicia::store::testing::on_backend;
use fenicia::store::{Asked, Command, CommandAnswer, CommandError, Options, Store, verify_running};
use proptest::prelude::*;

use super::disk::Disk;

/// What a marketplace lets us see or key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    /// A call that is repeated with its key has no second effect.
    Keyed,
    /// The order shows the effect; a repeat acts twice.
    Shown,
    /// Neither.
    Blind,
}

/// What becomes of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Works,
    /// It acts, the answer is lost.
    Lost,
    /// It does not act, and nobody can tell.
    Silent,
    /// It certainly did not act.
    Down,
    Limited,
    Refused,
    Denied,
    /// It is taken, and done a while later.
    Taken,
    /// It acts, then the connector panics.
    Panics,
    /// It acts, and the answer takes longer than the next kill.
    Hangs,
}

#[derive(Debug, Default)]
struct World {
    left: u32,
    parcels: Vec<String>,
    cancelled: bool,
    /// Times that each wish took effect, by its number, or `cancel`.
    effects: BTreeMap<String, u32>,
    /// In the order of their first effect.
    acted: Vec<String>,
    writes: VecDeque<Turn>,
    /// How the next reads go; then they all work.
    reads: VecDeque<bool>,
}

#[derive(Clone)]
struct Market {
    sort: Sort,
    world: Arc<Mutex<World>>,
}

impl Market {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn act(&self, wish: &str) {
        let mut world = self.world();
        let first = !world.effects.contains_key(wish);
        if first {
            world.acted.push(wish.to_owned());
        }
        if self.sort == Sort::Keyed && !first {
            return;
        }
        *world.effects.entry(wish.to_owned()).or_default() += 1;
        if wish == CANCEL {
            world.cancelled = true;
        } else {
            world.left = world.left.saturating_sub(1);
            world.parcels.push(wish.to_owned());
        }
    }
}

const CANCEL: &str = "cancel";
const ORDER: &str = "1";
const UNITS: u32 = 3;

fn wish(request: &ActionRequest) -> &str {
    match request {
        ActionRequest::Ship { tracking_number, .. } => tracking_number.as_deref().unwrap_or_default(),
        _ => CANCEL,
    }
}

static KIND: Kind = Kind {
    name: "machine",
    title: "Machine",
    tile: "Bz",
    keys: &[],
    method: Method::Polling,
    schedule: "0 0 1 1 *",
    retention: None,
    build: |_: &Settings, _: &Env| Err::<Arc<dyn Channel>, Vec<KeyFault>>(Vec::new()),
};

const STREAMS: [Stream; 1] = [Stream {
    name: "orders",
    overlap: Duration::from_mins(1),
    first: None,
    every: Duration::ZERO,
    longest: Duration::from_hours(24 * 365),
    durable_token: false,
    optional: false,
}];

impl Channel for Market {
    fn streams(&self) -> &[Stream] {
        &STREAMS
    }

    fn list<'a>(&'a self, _: Call<'a>, _: ListRequest<'a>) -> Answer<'a, Page> {
        Box::pin(async { Ok(Page::default()) })
    }

    fn fetch<'a>(&'a self, _: Call<'a>, orders: &'a [ChannelOrderId]) -> Answer<'a, Vec<Fetched>> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let mut world = self.world();
            if world.reads.pop_front() == Some(false) {
                return Err(Failure::unavailable("HTTP 503"));
            }
            let now = Timestamp::from_secs(1_800_000_000);
            let seen = |order: &ChannelOrderId| {
                let mut seen = Observation::empty(order.clone(), Source::Fetch, now);
                let all_left = world.left == 0;
                let status = match (world.cancelled, all_left) {
                    (true, _) => OrderStatus::Cancelled,
                    (_, true) => OrderStatus::Shipped,
                    _ => OrderStatus::Accepted,
                };
                seen.status = Native::Known(status);
                seen.placed_at = Some(now);
                seen.items = Some(vec![item(UNITS - world.left)]);
                seen.shipments = Some(world.parcels.iter().map(|number| parcel(number)).collect());
                Fetched::Found(Box::new(seen))
            };
            Ok(orders.iter().map(seen).collect())
        })
    }

    fn authorise<'a>(&'a self, _: Option<&'a Tokens>) -> Answer<'a, Tokens> {
        Box::pin(async {
            Ok(Tokens {
                access: Secret::new("token"),
                expires_at: None,
                obtained_at: Timestamp::EPOCH,
                refresh: None,
                refresh_expires_at: None,
                generation: 0,
                scopes: Vec::new(),
                extra: BTreeMap::new(),
            })
        })
    }

    fn probe<'a>(&'a self, _: Call<'a>) -> Answer<'a, Vec<Finding>> {
        Box::pin(async { Ok(vec![Finding::good("it answers")]) })
    }

    fn prepare(&self, order: &Order, request: &ActionRequest, _: Timestamp) -> Result<Memo, Refused> {
        let left = order.items.first().map_or(0, |item| item.quantity - item.quantity_shipped.unwrap_or(0));
        match request {
            _ if order.status == OrderStatus::Cancelled => Err(Refused::conflict("The order is cancelled.")),
            ActionRequest::Ship { .. } if left == 0 => Err(Refused::conflict("Every unit is shipped.")),
            ActionRequest::Cancel { .. } if left < UNITS => Err(Refused::conflict("A part is shipped.")),
            _ => Ok(Memo::from([("left".to_owned(), left.to_string())])),
        }
    }

    fn perform<'a>(&'a self, _: Call<'a>, _: &'a Order, action: &'a Action) -> Answer<'a, Performed> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let turn = self.world().writes.pop_front().unwrap_or(Turn::Works);
            let wish = wish(&action.request);
            match turn {
                Turn::Works | Turn::Lost | Turn::Panics | Turn::Hangs => self.act(wish),
                _ => {}
            }
            match turn {
                Turn::Works => Ok(Performed::Done),
                Turn::Lost | Turn::Silent => Err(Failure::timeout("the answer was lost")),
                Turn::Down => Err(Failure { no_effect: true, ..Failure::unavailable("HTTP 503") }),
                Turn::Limited => Err(Failure::rate_limited("slow down", Timestamp::from_secs(1_800_000_030))),
                Turn::Refused => Err(Failure::invalid("no")),
                Turn::Denied => Err(Failure::permission("a right is missing").local()),
                Turn::Taken => {
                    let memo = [("job".to_owned(), "1".to_owned())].into();
                    Ok(Performed::Submitted { memo, look_after: Duration::from_secs(3) })
                }
                Turn::Panics => panic!("as the script says"),
                Turn::Hangs => {
                    tokio::time::sleep(Duration::from_secs(30)).await;
                    Err(Failure::timeout("no answer"))
                }
            }
        })
    }

    fn follow<'a>(&'a self, _: Call<'a>, _: &'a Order, action: &'a Action) -> Answer<'a, Performed> {
        Box::pin(async move {
            // What earlier steps noted is still there.
            let noted = |key: &str| action.memo.contains_key(key);
            if !noted("job") || !noted("left") {
                return Err(Failure::invalid("the notes are gone"));
            }
            if !noted("polls") {
                let memo = [("polls".to_owned(), "1".to_owned())].into();
                return Ok(Performed::Submitted { memo, look_after: Duration::from_secs(3) });
            }
            if !self.world().effects.contains_key(wish(&action.request)) {
                self.act(wish(&action.request));
            }
            Ok(Performed::Done)
        })
    }

    fn judge(&self, order: &Order, action: &Action) -> Verdict {
        let wish = wish(&action.request);
        let shown = match wish {
            CANCEL => order.status == OrderStatus::Cancelled,
            number => order.shipments.iter().any(|own| own.tracking_number.as_deref() == Some(number)),
        };
        match self.sort {
            Sort::Blind => Verdict::CannotTell,
            _ if shown => Verdict::Done,
            Sort::Keyed => Verdict::Repeatable,
            Sort::Shown => Verdict::NotSeen,
        }
    }
}

fn item(shipped: u32) -> Item {
    Item {
        line_id: "a".to_owned(),
        sku: None,
        title: None,
        variant: None,
        quantity: UNITS,
        unit_price: None,
        quantity_shipped: Some(shipped),
        quantity_cancelled: Some(0),
        quantity_refunded: Some(0),
    }
}

fn parcel(number: &str) -> Shipment {
    Shipment {
        shipment_id: number.to_owned(),
        carrier: None,
        tracking_number: Some(number.to_owned()),
        tracking_url: None,
        status: None,
        shipped_at: None,
        items: vec![ShipmentItem { line_id: "a".to_owned(), quantity: 1 }],
    }
}

/// One daemon over one disk.
struct Bench {
    folder: tempfile::TempDir,
    clock: Clock,
    market: Market,
    disk: Disk,
    store: Store,
    handle: Handle,
    boots: u64,
}

impl Bench {
    async fn open(sort: Sort, writes: Vec<Turn>, reads: Vec<bool>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("config.toml"), "[channels.m]\nkind = \"machine\"\n")
            .expect("written");
        let clock = Clock::starting_at(Timestamp::from_secs(1_800_000_000));
        let world = World { left: UNITS, writes: writes.into(), ..World::default() };
        let market = Market { sort, world: Arc::new(Mutex::new(world)) };
        let disk = Disk::default();
        let (store, handle) = start(&folder, &clock, &market, &disk, 0).await;
        let bench = Self { folder, clock, market, disk, store, handle, boots: 1 };
        let now = bench.clock.now();
        bench.store.raise(vec![Bench::key()], Lane::Manual, now, now).await.expect("raised");
        bench.handle.nudge(&Bench::key().channel);
        while bench.store.order(&Bench::key()).expect("readable").is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bench.market.world().reads = reads.into();
        bench
    }

    async fn kill(self) -> Self {
        let disk = self.disk.take_away();
        self.handle.stop(Duration::ZERO).await;
        let Self { folder, clock, market, boots, store, handle, .. } = self;
        drop((store, handle));
        let (store, handle) = start(&folder, &clock, &market, &disk, boots).await;
        Self { folder, clock, market, disk, store, handle, boots: boots + 1 }
    }

    fn key() -> OrderKey {
        OrderKey::new(ChannelId::new("m").expect("an id"), ChannelOrderId::new(ORDER).expect("an id"))
    }

    /// As the API would; `None`: refused at once.
    async fn ask(&self, request: ActionRequest) -> Option<ActionId> {
        let (order, _) = self.store.order(&Self::key()).expect("readable").expect("stored");
        let memo = self.market.prepare(&order, &request, self.clock.now()).ok()?;
        let command = Command::Act { order: Self::key(), request, memo };
        let asked = Asked { by: "ana".to_owned(), key: None };
        let answer = self.store.command(command, asked, self.clock.now()).await;
        self.handle.nudge(&Self::key().channel);
        match answer {
            Ok(CommandAnswer::Action(id)) => Some(id),
            // The very same is under way already.
            Err(CommandError::Conflict(_)) => None,
            other => panic!("{other:?}"),
        }
    }

    fn action(&self, id: ActionId) -> Action {
        self.store.action(id).expect("readable").expect("kept")
    }
}

async fn start(
    folder: &tempfile::TempDir,
    clock: &Clock,
    market: &Market,
    disk: &Disk,
    boots: u64,
) -> (Store, Handle) {
    let config = config::load(&folder.path().join("config.toml"), &[&KIND]).expect("a sound config");
    let random = Random::seeded(boots + 1);
    let options = Options::new(folder.path().join("data"), clock.clone(), random.clone());
    let store = on_backend(options, disk.clone()).expect("the store opens");
    let id = ChannelId::new("m").expect("an id");
    let connections: Connections = [(id, Arc::new(market.clone()) as Arc<dyn Channel>)].into();
    let handle = Handle::start(store.clone(), clock.clone(), random, &config, connections).await;
    (store, handle.expect("a tree"))
}

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
