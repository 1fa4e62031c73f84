//! News for event streams: what changed, by id and number only.
//!
//! Orders come from the store's feed of changes as they are committed, gathered for a moment.
//! Everything else is compared once a second, and only while somebody listens.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::body::Bytes;
use serde::Serialize;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::api::{SyncNews, fill_summary};
use super::problem::Problem;
use super::state::Api;
use crate::actors::Connection;
use crate::model::{ActionId, ActionState, ChannelId, ConnectionStatus, OrderKey, SyncId, Timestamp};
use crate::store::{Store, StoreError, Summary};

/// Streams that may be open at the same time.
const STREAMS_MAX: usize = 128;
/// News that a slow stream may be behind before it is told to read everything afresh.
const BEHIND_MAX: usize = 256;
/// Syncs and actions that are followed at the same time; the oldest are dropped.
const FOLLOWED_MAX: usize = 256;
/// How long changes of orders are gathered.
const GATHER: Duration = Duration::from_millis(200);
/// Changes told one by one; more at once are told as one `resync`.
const TOLD_MAX: usize = 500;
const COMPARE_EVERY: Duration = Duration::from_secs(1);
/// Open failures and unread notifications are counted up to this.
const COUNTED_MAX: usize = 100;

/// One piece of news.
#[derive(Clone)]
pub enum News {
    /// An order changed; `seq` is its place in the feed.
    Order {
        seq: u64,
        frame: Bytes,
    },
    Other(Bytes),
    /// This API key was revoked: its streams end.
    Revoked(Arc<str>),
}

/// Where news is told, and what it is about.
pub struct Live {
    news: broadcast::Sender<News>,
    seats: Arc<Semaphore>,
    followed: Mutex<Followed>,
    /// Somebody began to listen who has not heard how things stand.
    joined: AtomicBool,
}

/// Work that somebody asked for and waits for.
#[derive(Clone, Default)]
struct Followed {
    syncs: BTreeSet<SyncId>,
    actions: BTreeSet<ActionId>,
}

impl Live {
    pub fn new() -> Self {
        Self {
            news: broadcast::Sender::new(BEHIND_MAX),
            seats: Arc::new(Semaphore::new(STREAMS_MAX)),
            followed: Mutex::default(),
            joined: AtomicBool::new(false),
        }
    }

    /// A seat among the streams, and the news from now on. `None` when all seats are taken.
    pub fn listen(&self) -> Option<(OwnedSemaphorePermit, broadcast::Receiver<News>)> {
        let seat = self.seats.clone().try_acquire_owned().ok()?;
        let news = self.news.subscribe();
        self.joined.store(true, Ordering::Release);
        Some((seat, news))
    }

    /// The sync's progress is told until it is over.
    pub fn follow_sync(&self, id: SyncId) {
        follow(&mut self.followed().syncs, id);
    }

    /// The action's state is told until it is final.
    pub fn follow_action(&self, id: ActionId) {
        follow(&mut self.followed().actions, id);
    }

    pub fn end_streams_of(&self, caller: &str) {
        self.tell(News::Revoked(caller.into()));
    }

    fn tell(&self, news: News) {
        // Fails when nobody listens.
        let _ = self.news.send(news);
    }

    fn is_heard(&self) -> bool {
        self.news.receiver_count() > 0
    }

    fn followed(&self) -> MutexGuard<'_, Followed> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, syncs: &[SyncId], actions: &[ActionId]) {
        let mut followed = self.followed();
        for id in syncs {
            followed.syncs.remove(id);
        }
        for id in actions {
            followed.actions.remove(id);
        }
    }
}

/// Ids are time-ordered, so the first one is the oldest.
fn follow<T: Ord>(ids: &mut BTreeSet<T>, id: T) {
    ids.insert(id);
    if ids.len() > FOLLOWED_MAX {
        ids.pop_first();
    }
}

/// An event in the format of the stream. Data is JSON on one line, so it holds no line break.
pub fn frame(event: &str, id: Option<u64>, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).unwrap_or_else(|_| "{}".to_owned());
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    Bytes::from(format!("{id}event: {event}\ndata: {data}\n\n"))
}

/// The news of one changed order.
pub fn order_frame(order: &OrderKey, seq: u64) -> Bytes {
    frame("order", Some(seq), &json!({ "id": order, "seq": seq }))
}

/// Watches and tells for as long as the listeners live.
pub async fn watch(api: Arc<Api>) {
    tokio::select! {
        () = api.ended() => {}
        () = watch_orders(&api) => {}
        () = compare(&api) => {}
    }
}

async fn watch_orders(api: &Arc<Api>) {
    let mut newest = api.store.watch_changes();
    let mut told = *newest.borrow_and_update();
    while newest.changed().await.is_ok() {
        sleep(GATHER).await;
        let last = *newest.borrow_and_update();
        if api.live.is_heard() {
            tell_orders(api, told, last).await;
        }
        told = last;
    }
    // The store is closed; the listeners end soon as well.
    std::future::pending::<()>().await;
}

async fn tell_orders(api: &Api, after: u64, last: u64) {
    let changes = match api.read(move |store| store.changes(after, TOLD_MAX)).await {
        Ok(page) => page.items,
        Err(problem) => {
            tracing::warn!(problem.detail, "changes cannot be read for the event streams");
            return;
        }
    };
    if changes.len() == TOLD_MAX {
        api.live.tell(News::Other(frame("resync", Some(last), &json!({}))));
        return;
    }
    for change in changes {
        let frame = order_frame(&change.order_id, change.seq);
        api.live.tell(News::Order { seq: change.seq, frame });
    }
}

async fn compare(api: &Arc<Api>) {
    let mut tick = interval(COMPARE_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before: Option<Picture> = None;
    loop {
        tick.tick().await;
        if !api.live.is_heard() {
            before = None;
            continue;
        }
        let joined = api.live.joined.swap(false, Ordering::AcqRel);
        let now = match Picture::take(api).await {
            Ok(picture) => picture,
            Err(problem) => {
                api.live.joined.fetch_or(joined, Ordering::AcqRel);
                tracing::warn!(problem.detail, "the state cannot be read for the event streams");
                continue;
            }
        };
        now.follow(&api.live);
        let mut frames = now.since(&before.unwrap_or_else(|| now.as_first_seen()));
        // What changed between the making of a page and its first picture here was told to nobody.
        if joined && frames.is_empty() {
            frames.push(frame("counts", None, &now.summary));
        }
        for frame in frames {
            api.live.tell(News::Other(frame));
        }
        before = Some(now);
    }
}

/// Everything that streams tell about, but for orders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Picture {
    channels: BTreeMap<ChannelId, ChannelLook>,
    syncs: BTreeMap<SyncId, SyncNews>,
    actions: BTreeMap<ActionId, ActionNews>,
    failures: Count,
    notifications: Count,
    summary: Summary,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct ChannelLook {
    enabled: bool,
    status: Option<ConnectionStatus>,
    last_success_at: Option<Timestamp>,
    last_error_at: Option<Timestamp>,
    last_webhook_at: Option<Timestamp>,
    backlog: u64,
    in_flight: usize,
    /// What becomes so, or ends, by nothing but the passing of time.
    late: bool,
    waits: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct ActionNews {
    id: ActionId,
    order_id: OrderKey,
    state: ActionState,
}

/// How many there are, `more` than the number when they were not all counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    number: usize,
    more: bool,
}

impl Picture {
    async fn take(api: &Api) -> Result<Self, Problem> {
        let connections = api.handle.channels();
        let followed = api.live.followed().clone();
        let now = api.now();
        api.read(move |store| Self::read(store, &connections, &followed, now)).await
    }

    fn read(
        store: &Store,
        connections: &[Arc<Connection>],
        followed: &Followed,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let mut picture = Self { summary: store.summary()?, ..Self::default() };
        fill_summary(connections, &mut picture.summary);
        let mut syncs = followed.syncs.clone();
        for connection in connections {
            syncs.extend(store.running_bulk(&connection.id)?);
            picture.channels.insert(connection.id.clone(), ChannelLook::read(store, connection, now)?);
        }
        for id in syncs {
            if let Some(sync) = store.sync_status(id)? {
                picture.syncs.insert(id, SyncNews::of(sync, now));
            }
        }
        for id in &followed.actions {
            if let Some(action) = store.action(*id)? {
                let news = ActionNews { id: action.id, order_id: action.order, state: action.state };
                picture.actions.insert(action.id, news);
            }
        }
        let failures = store.failures(None, None, COUNTED_MAX)?;
        picture.failures = Count { number: failures.items.len(), more: failures.next.is_some() };
        let unread = store.notifications(true, None, COUNTED_MAX)?;
        picture.notifications = Count { number: unread.items.len(), more: unread.next.is_some() };
        Ok(picture)
    }

    /// What to compare the first picture with: nothing is news but the work that somebody follows,
    /// which may be over before a second picture is taken.
    fn as_first_seen(&self) -> Self {
        Self { syncs: BTreeMap::new(), actions: BTreeMap::new(), ..self.clone() }
    }

    /// What runs is looked at again, whoever began it and in whichever life of the daemon; what is
    /// over is told this once more.
    fn follow(&self, live: &Live) {
        for sync in self.syncs.values().filter(|sync| !sync.is_over()) {
            live.follow_sync(sync.sync_id);
        }
        let final_state =
            |state| matches!(state, ActionState::Done | ActionState::Failed | ActionState::Unknown);
        let syncs: Vec<_> = self.syncs.values().filter(|sync| sync.is_over()).map(|s| s.sync_id).collect();
        let actions: Vec<_> =
            self.actions.values().filter(|action| final_state(action.state)).map(|a| a.id).collect();
        live.forget(&syncs, &actions);
    }

    /// What changed from `before` to this.
    fn since(&self, before: &Self) -> Vec<Bytes> {
        let mut frames = Vec::new();
        for (id, look) in &self.channels {
            if before.channels.get(id) != Some(look) {
                frames.push(frame("channel", None, &json!({ "id": id })));
            }
        }
        for id in before.channels.keys().filter(|id| !self.channels.contains_key(*id)) {
            frames.push(frame("channel", None, &json!({ "id": id })));
        }
        for (id, sync) in self.syncs.iter().filter(|(id, sync)| before.syncs.get(*id) != Some(*sync)) {
            debug_assert_eq!(*id, sync.sync_id);
            frames.push(frame("sync", None, sync));
        }
        for (_, action) in self.actions.iter().filter(|(id, now)| before.actions.get(*id) != Some(*now)) {
            frames.push(frame("action", None, action));
        }
        if self.failures != before.failures {
            let Count { number, more } = self.failures;
            frames.push(frame("failure", None, &json!({ "open": number, "more": more })));
        }
        if self.notifications != before.notifications {
            let Count { number, more } = self.notifications;
            frames.push(frame("notification", None, &json!({ "unread": number, "more": more })));
        }
        if self.summary != before.summary {
            frames.push(frame("counts", None, &self.summary));
        }
        frames
    }
}

impl ChannelLook {
    fn read(store: &Store, connection: &Connection, now: Timestamp) -> Result<Self, StoreError> {
        let state = store.connection(&connection.id)?;
        let state = state.as_ref();
        Ok(Self {
            enabled: connection.enabled,
            status: state.map(|state| state.status),
            last_success_at: state.and_then(|state| state.last_success_at),
            last_error_at: state.and_then(|state| state.last_error.as_ref()).map(|error| error.at),
            last_webhook_at: state.and_then(|state| state.last_webhook_at),
            backlog: store.channel_counts(&connection.id, now)?.backlog,
            in_flight: connection.in_flight(),
            late: state.and_then(|s| s.last_success_at).is_some_and(|at| connection.is_late(at, now)),
            waits: state.and_then(|state| state.parked_until).is_some_and(|until| until > now),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(frames: &[Bytes]) -> Vec<String> {
        frames.iter().map(|frame| String::from_utf8_lossy(frame).into_owned()).collect()
    }

    #[test]
    fn a_frame_is_one_event() {
        let key: OrderKey = "tienda:42".parse().expect("a key");
        assert_eq!(
            order_frame(&key, 7),
            "id: 7\nevent: order\ndata: {\"id\":\"tienda:42\",\"seq\":7}\n\n".as_bytes()
        );
        assert_eq!(frame("bye", None, &json!({})), "event: bye\ndata: {}\n\n".as_bytes());
    }

    #[test]
    fn only_what_changed_is_told() {
        let before = Picture::default();
        let action = ActionNews {
            id: ActionId(uuid::Uuid::nil()),
            order_id: "tienda:42".parse().expect("a key"),
            state: ActionState::Running,
        };
        let now = Picture {
            actions: BTreeMap::from([(action.id, action.clone())]),
            failures: Count { number: 2, more: false },
            ..Picture::default()
        };
        assert_eq!(
            text(&now.since(&before)),
            [
                "event: action\ndata: {\"id\":\"00000000-0000-0000-0000-000000000000\",\
                 \"order_id\":\"tienda:42\",\"state\":\"running\"}\n\n",
                "event: failure\ndata: {\"more\":false,\"open\":2}\n\n",
            ]
        );
        assert!(now.since(&now.clone()).is_empty());
    }

    #[test]
    fn a_final_action_is_followed_no_longer() {
        let live = Live::new();
        let id = ActionId(uuid::Uuid::nil());
        live.follow_action(id);
        let action =
            ActionNews { id, order_id: "tienda:42".parse().expect("a key"), state: ActionState::Done };
        Picture { actions: BTreeMap::from([(id, action)]), ..Picture::default() }.follow(&live);
        assert!(live.followed().actions.is_empty());
    }

    #[test]
    fn what_is_followed_is_bounded() {
        let mut ids = BTreeSet::new();
        for id in 0..=FOLLOWED_MAX {
            follow(&mut ids, id);
        }
        assert_eq!((ids.len(), ids.first()), (FOLLOWED_MAX, Some(&1)));
    }

    #[test]
    fn seats_are_bounded() {
        let live = Live::new();
        let seats: Vec<_> = (0..STREAMS_MAX).map(|_| live.listen().expect("a seat")).collect();
        assert!(live.listen().is_none());
        drop(seats);
        assert!(live.listen().is_some());
    }
}
