//! What dies, dies alone: panics and kills in every actor, over a store in memory and virtual time.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ractor::ActorCell;

use super::{Handle, channel, channels, janitor, notifier, scheduler};
use crate::channel::{
    Answer, Call, Channel, Env, Fetched, Finding, KeyFault, Kind, ListRequest, Method, Page, Settings,
    Stream, Subscriptions,
};
use crate::clock::Clock;
use crate::config::{self, Connections};
use crate::model::{
    ChannelId, ChannelOrderId, ConnectionStatus, Delivery, Failure, FailureKind, Native, Observation,
    OrderKey, OrderStatus, Secret, Source, Tiding, Timestamp, Tokens,
};
use crate::random::Random;
use crate::store::{Store, testing};

static KIND: Kind = Kind {
    name: "fake",
    title: "Fake",
    tile: "Bz",
    keys: &[],
    method: Method::WebhooksAndPolling,
    schedule: "0 * * * *",
    retention: None,
    build,
};

#[allow(clippy::unnecessary_wraps, reason = "a kind's builder may fail")]
fn build(_: &Settings, _: &Env) -> Result<Arc<dyn Channel>, Vec<KeyFault>> {
    Ok(Arc::new(Fake::default()))
}

/// A marketplace whose connector panics on demand.
#[derive(Default)]
struct Fake {
    /// How many of the next calls of each kind panic.
    reads: AtomicUsize,
    fetches: AtomicUsize,
    lists: AtomicUsize,
    /// Lists are never allowed.
    starved: AtomicBool,
    /// This order panics always.
    poison: Mutex<Option<ChannelOrderId>>,
    fetched: AtomicUsize,
    listed: AtomicUsize,
    /// What the next lists answer; then they are empty. And the page tokens they were asked with.
    pages: Mutex<VecDeque<Result<Page, Failure>>>,
    tokens: Mutex<Vec<Option<String>>>,
    /// Webhooks are refused as often.
    unsubscribed: AtomicUsize,
    subscribed: AtomicUsize,
}

const STREAMS: [Stream; 1] = [Stream {
    name: "orders",
    overlap: Duration::from_mins(1),
    first: None,
    every: Duration::ZERO,
    longest: Duration::from_hours(24 * 365),
    durable_token: false,
    optional: false,
}];

fn strike(left: &AtomicUsize, what: &str) {
    let struck = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok();
    assert!(!struck, "{what} was told to panic");
}

fn seen(order: &ChannelOrderId, at: Timestamp) -> Box<Observation> {
    let mut seen = Observation::empty(order.clone(), Source::Fetch, at);
    seen.status = Native::Known(OrderStatus::Accepted);
    seen.placed_at = Some(at);
    Box::new(seen)
}

impl Channel for Fake {
    fn read(&self, delivery: &Delivery) -> Vec<Tiding> {
        strike(&self.reads, "read");
        let order = ChannelOrderId::new(&String::from_utf8_lossy(&delivery.body)).expect("an id");
        vec![Tiding::Hint { order, changed_at: None }]
    }

    fn streams(&self) -> &[Stream] {
        &STREAMS
    }

    fn list<'a>(&'a self, _call: Call<'a>, request: ListRequest<'a>) -> Answer<'a, Page> {
        Box::pin(async move {
            self.listed.fetch_add(1, Ordering::SeqCst);
            self.tokens.lock().expect("not poisoned").push(request.token.map(str::to_owned));
            strike(&self.lists, "list");
            if self.starved.load(Ordering::SeqCst) {
                return Err(Failure::new(FailureKind::RateLimited, "too many calls"));
            }
            self.pages.lock().expect("not poisoned").pop_front().unwrap_or_else(|| Ok(Page::default()))
        })
    }

    fn subscribe<'a>(&'a self, _call: Call<'a>, _address: &'a str) -> Answer<'a, Subscriptions> {
        Box::pin(async {
            self.subscribed.fetch_add(1, Ordering::SeqCst);
            if self
                .unsubscribed
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1))
                .is_ok()
            {
                return Err(Failure::invalid("no such address"));
            }
            Ok(Subscriptions::default())
        })
    }

    fn fetch<'a>(&'a self, _call: Call<'a>, orders: &'a [ChannelOrderId]) -> Answer<'a, Vec<Fetched>> {
        Box::pin(async {
            self.fetched.fetch_add(1, Ordering::SeqCst);
            let poison = self.poison.lock().expect("not poisoned").clone();
            assert!(!orders.iter().any(|order| Some(order) == poison.as_ref()), "a poison order");
            strike(&self.fetches, "fetch");
            Ok(orders
                .iter()
                .map(|order| Fetched::Found(seen(order, Timestamp::from_secs(1_800_000_000))))
                .collect())
        })
    }

    fn authorise<'a>(&'a self, _held: Option<&'a Tokens>) -> Answer<'a, Tokens> {
        Box::pin(async { Ok(Tokens::bare(Secret::new("token"), Timestamp::EPOCH)) })
    }

    fn probe<'a>(&'a self, _call: Call<'a>) -> Answer<'a, Vec<Finding>> {
        Box::pin(async { Ok(vec![Finding::good("it answers")]) })
    }
}

/// Two channels, `a` and `b`, over one tree.
struct Shop {
    _folder: tempfile::TempDir,
    store: Store,
    clock: Clock,
    handle: Handle,
    a: Arc<Fake>,
    b: Arc<Fake>,
}

impl Shop {
    async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("config.toml");
        std::fs::write(&path, "[webhooks]\npublic_url = \"https://orders.example\"\n[channels.a]\nkind = \"fake\"\n[channels.b]\nkind = \"fake\"\n")
            .expect("written");
        let config = config::load(&path, &[&KIND]).expect("a sound config");
        let clock = Clock::starting_at(Timestamp::from_secs(1_800_000_000));
        let random = Random::seeded(5);
        let store =
            testing::memory(folder.path().join("data"), clock.clone(), random.clone()).expect("a store");
        let (a, b) = (Arc::new(Fake::default()), Arc::new(Fake::default()));
        let connections: Connections =
            [(id("a"), a.clone() as Arc<dyn Channel>), (id("b"), b.clone() as Arc<dyn Channel>)].into();
        let handle =
            Handle::start(store.clone(), clock.clone(), random, &config, connections).await.expect("a tree");
        let shop = Self { _folder: folder, store, clock, handle, a, b };
        shop.until("both channels were polled at the start", || {
            shop.a.listed.load(Ordering::SeqCst) > 0 && shop.b.listed.load(Ordering::SeqCst) > 0
        })
        .await;
        shop
    }

    /// Virtual time runs on until this is so; far longer than what it waits for is a failure.
    async fn until(&self, what: &str, holds: impl Fn() -> bool) {
        for _ in 0..200_000 {
            if holds() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("not within five hours: {what}");
    }

    async fn delivers(&self, channel: &str, order: &str) {
        let delivery = Delivery {
            delivery_id: format!("delivery-of-{order}"),
            topic: "orders".to_owned(),
            notes: Vec::new(),
            body: order.as_bytes().to_vec(),
            received_at: self.clock.now(),
        };
        self.store.accept_delivery(&id(channel), delivery).await.expect("accepted");
        self.handle.nudge(&id(channel));
    }

    fn has(&self, order: &str) -> bool {
        let key: OrderKey = order.parse().expect("a key");
        self.store.order(&key).expect("readable").is_some()
    }

    async fn shows(&self, order: &str) {
        self.until(order, || self.has(order)).await;
    }

    fn status(&self, channel: &str) -> ConnectionStatus {
        self.store.connection(&id(channel)).expect("readable").expect("configured").status
    }

    /// How often each incident of this kind came about, and whether it is over; newest first.
    fn told(&self, kind: &str) -> Vec<(u64, bool)> {
        let told = self.store.notifications(false, None, 50).expect("readable").items;
        let of_kind = told.iter().filter(|own| own.kind == kind);
        of_kind.map(|own| (own.count, own.closed_at.is_some())).collect()
    }

    /// The next answers of `a`'s list, to one more poll that is awaited.
    async fn polls(&self, answers: impl IntoIterator<Item = Result<Page, Failure>>) {
        self.a.pages.lock().expect("not poisoned").extend(answers);
        let before = self.a.listed.load(Ordering::SeqCst);
        self.handle.channel(&id("a")).expect("configured").tell(channel::Message::PollNow);
        self.until("the answers are taken", || {
            self.a.pages.lock().expect("not poisoned").is_empty()
                && self.a.listed.load(Ordering::SeqCst) > before
        })
        .await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    fn actor_of(&self, channel: &str) -> ActorCell {
        self.handle.channel(&id(channel)).and_then(|c| c.actor()).expect("a running actor").get_cell()
    }
}

fn id(text: &str) -> ChannelId {
    ChannelId::new(text).expect("an id")
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_cannot_be_read_becomes_a_poll_and_the_next_one_is_read() {
    let shop = Shop::open().await;
    let polls = shop.a.listed.load(Ordering::SeqCst);
    shop.a.reads.store(1, Ordering::SeqCst);
    shop.delivers("a", "1").await;
    shop.until("the channel is polled", || shop.a.listed.load(Ordering::SeqCst) > polls).await;
    shop.delivers("a", "2").await;
    shop.shows("a:2").await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_an_order_sync_is_tried_again_and_harms_nobody() {
    let shop = Shop::open().await;
    let sibling = shop.actor_of("a");
    shop.a.fetches.store(1, Ordering::SeqCst);
    shop.delivers("a", "1").await;
    shop.delivers("b", "1").await;
    shop.shows("b:1").await;
    shop.shows("a:1").await;
    assert_eq!(shop.actor_of("a").get_id(), sibling.get_id(), "the channel went on");
}

#[tokio::test(start_paused = true)]
async fn a_poison_order_is_parked_and_the_others_flow() {
    let shop = Shop::open().await;
    *shop.a.poison.lock().expect("not poisoned") = ChannelOrderId::new("666").ok();
    shop.delivers("a", "666").await;
    for n in 1..=20 {
        shop.delivers("a", &n.to_string()).await;
    }
    for n in 1..=20 {
        shop.shows(&format!("a:{n}")).await;
    }
    assert!(!shop.has("a:666"));
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_poll_is_followed_by_another_poll() {
    let shop = Shop::open().await;
    shop.a.lists.store(1, Ordering::SeqCst);
    let connection = shop.handle.channel(&id("a")).expect("configured");
    let before = shop.a.listed.load(Ordering::SeqCst);
    connection.tell(channel::Message::PollNow);
    shop.until("a second poll", || shop.a.listed.load(Ordering::SeqCst) >= before + 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_killed_channel_comes_back_alone() {
    let shop = Shop::open().await;
    let (a, b) = (shop.actor_of("a"), shop.actor_of("b"));
    a.kill();
    let back = || {
        let actor = shop.handle.channel(&id("a")).and_then(|c| c.actor());
        actor.is_some_and(|actor| actor.get_id() != a.get_id())
    };
    shop.until("another actor for the channel", back).await;
    assert_eq!(shop.actor_of("b").get_id(), b.get_id(), "the sibling did not notice");
    shop.delivers("a", "1").await;
    shop.shows("a:1").await;
}

#[tokio::test(start_paused = true)]
async fn every_permanent_actor_is_revived() {
    let shop = Shop::open().await;
    let child = |is: fn(&ActorCell) -> Option<bool>| {
        shop.handle.root_cell().get_children().into_iter().find(|cell| is(cell) == Some(true))
    };
    for is in [
        ActorCell::is_message_type_of::<scheduler::Message> as fn(&ActorCell) -> Option<bool>,
        ActorCell::is_message_type_of::<janitor::Message>,
        ActorCell::is_message_type_of::<channels::Message>,
        ActorCell::is_message_type_of::<notifier::Message>,
    ] {
        let dead = child(is).expect("it runs");
        dead.kill();
        shop.until("another one", || child(is).is_some_and(|cell| cell.get_id() != dead.get_id())).await;
    }
    shop.until("a sign of life", || shop.actor_alive("b")).await;
    assert!(shop.handle.is_alive().await);
    shop.delivers("b", "1").await;
    shop.shows("b:1").await;
}

impl Shop {
    fn actor_alive(&self, channel: &str) -> bool {
        self.handle.channel(&id(channel)).is_some_and(|c| c.actor().is_some())
    }
}

#[tokio::test(start_paused = true)]
async fn too_many_deaths_are_not_hidden() {
    let shop = Shop::open().await;
    let mut last = None;
    for _ in 0..6 {
        let scheduler = || {
            let children = shop.handle.root_cell().get_children();
            children.into_iter().find(|c| c.is_message_type_of::<scheduler::Message>() == Some(true))
        };
        let fresh = || scheduler().is_some_and(|cell| Some(cell.get_id()) != last);
        shop.until("a scheduler", fresh).await;
        let cell = scheduler().expect("it runs");
        last = Some(cell.get_id());
        cell.kill();
    }
    let escalated = tokio::time::timeout(Duration::from_mins(1), shop.handle.escalated()).await;
    assert!(escalated.is_ok(), "the daemon ends so that it is started afresh");
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_fills_up_is_told_once_and_so_is_its_end() {
    let shop = Shop::open().await;
    let told = || shop.told("disk_full");
    testing::pretend_free(&shop.store, 1 << 20);
    shop.until("it is told", || told() == [(1, false)]).await;
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert_eq!(told(), [(1, false)], "said once");
    testing::pretend_free(&shop.store, 1 << 40);
    shop.until("it is over", || told() == [(1, true)]).await;
    testing::pretend_free(&shop.store, 1 << 20);
    shop.until("it is told anew", || told() == [(1, false), (1, true)]).await;
    shop.handle.stop(Duration::from_secs(1)).await;
}

fn page(next: Option<&str>) -> Page {
    Page { next: next.map(str::to_owned), ..Page::default() }
}

#[tokio::test(start_paused = true)]
async fn a_window_whose_page_was_forgotten_begins_anew() {
    let shop = Shop::open().await;
    shop.polls([Ok(page(Some("second"))), Err(Failure::unavailable("an outage"))]).await;
    shop.polls([Err(Failure::invalid("an unknown page")), Ok(page(Some("other"))), Ok(page(None))]).await;
    let tokens = shop.a.tokens.lock().expect("not poisoned").clone();
    let asked: Vec<_> = tokens.iter().map(|token| token.as_deref()).collect();
    assert_eq!(asked, [None, None, Some("second"), Some("second"), None, Some("other")]);
    let place = shop.store.poll(&id("a"), "orders").expect("readable");
    assert!(place.window.is_none(), "it came to its end: {place:?}");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_refused_is_told_until_a_poll_comes_through() {
    let shop = Shop::open().await;
    shop.polls([Err(Failure::invalid("no such marketplace"))]).await;
    assert_eq!(shop.status("a"), ConnectionStatus::Degraded);
    assert_eq!(shop.store.failures(None, None, 10).expect("readable").items.len(), 1);
    shop.delivers("a", "1").await;
    shop.shows("a:1").await;
    assert_eq!(shop.status("a"), ConnectionStatus::Degraded, "an order is no list");
    shop.polls([Err(Failure::invalid("no such marketplace"))]).await;
    assert_eq!(shop.told("channel_down"), [(2, false)], "told once");
    shop.polls([Ok(page(None))]).await;
    assert_eq!(shop.status("a"), ConnectionStatus::Connected);
    assert_eq!((shop.told("channel_down"), shop.told("channel_recovered").len()), (vec![(2, true)], 1));
    assert!(shop.store.failures(None, None, 10).expect("readable").items.is_empty());
}

#[tokio::test(start_paused = true)]
async fn polls_that_never_come_to_their_end_are_told() {
    let shop = Shop::open().await;
    shop.a.starved.store(true, Ordering::SeqCst);
    let begun = shop.clock.now();
    shop.until("it is told", || shop.told("channel_down") == [(1, false)]).await;
    let hours = shop.clock.now().since(begun).as_secs().div_ceil(3_600);
    assert_eq!(hours, 4, "three hours after the first one that was due");
    shop.a.starved.store(false, Ordering::SeqCst);
    shop.until("it is over", || shop.told("channel_down") == [(1, true)]).await;
}

#[tokio::test(start_paused = true)]
async fn refused_webhooks_are_told_and_asked_for_once_an_hour() {
    let shop = Shop::open().await;
    shop.until("they stand", || shop.a.subscribed.load(Ordering::SeqCst) > 0).await;
    shop.a.unsubscribed.store(1, Ordering::SeqCst);
    let (asked, begun) = (shop.a.subscribed.load(Ordering::SeqCst), shop.clock.now());
    shop.actor_of("a").kill();
    shop.until("they stand after all", || shop.a.subscribed.load(Ordering::SeqCst) == asked + 2).await;
    let minutes = shop.clock.now().since(begun).as_secs() / 60;
    assert!((60..=62).contains(&minutes), "{minutes} minutes");
    shop.until("it is over", || shop.told("webhooks_off") == [(1, true)]).await;
    assert_eq!(shop.status("a"), ConnectionStatus::Connected, "the polls go on");
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_what_is_in_flight() {
    let shop = Shop::open().await;
    shop.delivers("a", "1").await;
    shop.shows("a:1").await;
    shop.handle.stop(Duration::from_secs(5)).await;
    assert!(!shop.handle.is_ready());
    assert!(!shop.handle.is_alive().await);
}
