//! What every actor knows: the store, the clock, and which connections there are.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Notify;

use super::connection::Connection;
use crate::clock::Clock;
use crate::config::{self, Sync};
use crate::model::{
    ActionRequest, ChannelId, ConnectionState, ConnectionStatus, Failure, OrderKey, Timestamp,
};
use crate::notify::Post;
use crate::random::Random;
use crate::store::{Asked, Changed, Command, ConnectionChange, Store, Success};
use crate::telemetry::metrics;

/// One per daemon, not per process: several run side by side in a test.
pub struct Shared {
    pub store: Store,
    pub clock: Clock,
    pub random: Random,
    settings: RwLock<Sync>,
    connections: RwLock<BTreeMap<ChannelId, Arc<Connection>>>,
    /// Channels that a person must reconnect, mirrored from the store.
    cut_off: Mutex<HashSet<ChannelId>>,
    /// When a success was last written, so that a busy channel does not write one per order.
    noted: Mutex<HashMap<ChannelId, Timestamp>>,
    ready: AtomicBool,
    stopping: AtomicBool,
    escalated: Notify,
    /// Whom to tell beside the page, by the names after `notify.`.
    targets: RwLock<Arc<Targets>>,
    /// Where the page is reached, without a slash at its end.
    page: RwLock<Option<String>>,
    pub post: Post,
    /// Held for reading from a message's departure until what became of it is on disk.
    pub sending: tokio::sync::RwLock<()>,
}

pub type Targets = BTreeMap<String, config::Notify>;

/// Successes of a healthy connection are written at most this often.
const NOTE_EVERY: Duration = Duration::from_secs(5);
/// After an outage, due work is spread over its length, at most this long.
const SPREAD_MOST: Duration = Duration::from_mins(10);

impl Shared {
    pub fn new(store: Store, clock: Clock, random: Random, settings: Sync) -> Self {
        Self {
            post: Post::new(clock.clone()),
            store,
            clock,
            random,
            settings: RwLock::new(settings),
            connections: RwLock::default(),
            cut_off: Mutex::default(),
            noted: Mutex::default(),
            ready: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            escalated: Notify::new(),
            targets: RwLock::default(),
            page: RwLock::default(),
            sending: tokio::sync::RwLock::default(),
        }
    }

    // ---- what there is -----------------------------------------------------------------------

    pub fn settings(&self) -> Sync {
        *self.settings.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set_settings(&self, settings: Sync) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    pub fn connection(&self, id: &ChannelId) -> Option<Arc<Connection>> {
        self.connections.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    pub fn connections(&self) -> Vec<Arc<Connection>> {
        self.connections.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub fn set_connections(&self, connections: BTreeMap<ChannelId, Arc<Connection>>) {
        *self.connections.write().unwrap_or_else(PoisonError::into_inner) = connections;
    }

    pub fn targets(&self) -> Arc<Targets> {
        self.targets.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set_targets(&self, targets: Targets) {
        *self.targets.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(targets);
    }

    pub fn page(&self) -> Option<String> {
        self.page.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set_page(&self, address: String) {
        *self.page.write().unwrap_or_else(PoisonError::into_inner) = Some(address);
    }

    // ---- life --------------------------------------------------------------------------------

    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire) && !self.is_stopping()
    }

    pub fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    pub fn set_stopping(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// The tree cannot keep itself alive: the daemon must be started afresh.
    pub fn escalate(&self) {
        self.escalated.notify_one();
    }

    pub async fn escalated(&self) {
        self.escalated.notified().await;
    }

    // ---- the state of connections ------------------------------------------------------------

    /// Whether a person must reconnect the channel first.
    pub fn is_cut_off(&self, id: &ChannelId) -> bool {
        self.cut_off.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
    }

    /// An order or a page came through that was asked for then.
    pub async fn note_success(&self, id: &ChannelId, begun: Timestamp) {
        let now = self.clock.now();
        let recent = {
            let noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
            noted.get(id).is_some_and(|at| *at <= now && now.since(*at) < NOTE_EVERY)
        };
        if !recent {
            self.change(id, ConnectionChange::Succeeded { what: Success::Sync, begun }).await;
        }
    }

    /// A list that was begun then was read to its end.
    pub async fn note_list(&self, id: &ChannelId, begun: Timestamp) {
        self.change(id, ConnectionChange::Succeeded { what: Success::Sync, begun }).await;
    }

    /// A poll that began then came through all of its lists.
    pub async fn note_poll(&self, id: &ChannelId, begun: Timestamp) {
        self.change(id, ConnectionChange::Succeeded { what: Success::Poll, begun }).await;
    }

    /// A call failed. What concerns one order only is not the connection's trouble.
    pub async fn note_failure(&self, id: &ChannelId, failure: &Failure) {
        if !failure.local && !failure.kind.is_refusal() {
            self.change_for_worse(id, ConnectionChange::Failed { failure: failure.clone() }).await;
        }
    }

    /// A poll failed. Whatever is said to a poll concerns the connection.
    pub async fn note_poll_failure(&self, id: &ChannelId, failure: &Failure) {
        if failure.kind.is_refusal() {
            self.change_for_worse(id, ConnectionChange::PollRefused { failure: failure.clone() }).await;
        } else {
            self.note_failure(id, failure).await;
        }
    }

    async fn change_for_worse(&self, id: &ChannelId, change: ConnectionChange) {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        self.change(id, change).await;
    }

    /// Changes the stored state and what follows from it. A store that does not take it is logged:
    /// the next success or failure says the same.
    pub async fn change(&self, id: &ChannelId, change: ConnectionChange) {
        let succeeded = matches!(change, ConnectionChange::Succeeded { .. });
        let now = self.clock.now();
        let before = self.store.connection(id).ok().flatten();
        match self.store.update_connection(id, change, now).await {
            Ok(state) => {
                if succeeded && state.status == ConnectionStatus::Connected {
                    self.noted.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), now);
                }
                self.mirror(id, &state);
                self.told(id, before.as_ref(), &state, now).await;
            }
            Err(error) => {
                tracing::error!(channel = %id, %error, "the state of the connection was not stored");
            }
        }
    }

    fn mirror(&self, id: &ChannelId, state: &ConnectionState) {
        let mut cut_off = self.cut_off.lock().unwrap_or_else(PoisonError::into_inner);
        if state.status == ConnectionStatus::NeedsReconnect {
            cut_off.insert(id.clone());
        } else {
            cut_off.remove(id);
        }
    }

    /// Logs a change of status once, and after an outage spreads the work that has become due.
    async fn told(
        &self,
        id: &ChannelId,
        before: Option<&ConnectionState>,
        state: &ConnectionState,
        now: Timestamp,
    ) {
        let Some(before) = before.filter(|before| before.status != state.status) else { return };
        let (from, to) = (before.status.as_str(), state.status.as_str());
        match state.status {
            ConnectionStatus::Connected | ConnectionStatus::Disabled => {
                tracing::info!(channel = %id, from, to, "connection status");
            }
            ConnectionStatus::Degraded | ConnectionStatus::NeedsReconnect => {
                let why = state.last_error.as_ref().map_or("", |error| error.message.as_str());
                tracing::warn!(channel = %id, from, to, why, "connection status");
            }
        }
        if state.status == ConnectionStatus::Connected && before.status != ConnectionStatus::Disabled {
            let outage = now.since(before.status_since).min(SPREAD_MOST);
            let span = if outage > Duration::from_mins(1) { outage } else { Duration::ZERO };
            if let Err(error) = self.store.spread_due(id, span, now).await {
                tracing::warn!(channel = %id, %error, "what the outage put off was not brought forward; it waits for its own time");
            }
            if let Some(connection) = self.connection(id) {
                connection.wake();
            }
        }
    }

    // ---- what a transaction brought ----------------------------------------------------------

    /// Tells metrics and log, and asks for what the daemon owes by itself.
    pub async fn observe(&self, id: &ChannelId, changed: &[Changed], anomalies: &[String]) {
        for code in anomalies {
            let class = code.split(':').next().unwrap_or_default();
            tracing::warn!(channel = %id, code, "anomaly");
            metrics::anomalies(id.as_str(), class).increment(1);
        }
        for change in changed {
            if let Some(lag) = change.lag {
                metrics::sync_lag(id.as_str()).record(lag.as_secs_f64());
            }
            if change.created {
                self.want(id, &change.order).await;
            }
        }
    }

    async fn want(&self, id: &ChannelId, key: &OrderKey) {
        let Some(connection) = self.connection(id) else { return };
        let Ok(Some((order, _))) = self.store.order(key) else { return };
        let Some(request) = connection.channel.wants(&order) else { return };
        let now = self.clock.now();
        let memo = match connection.channel.prepare(&order, &request, now) {
            Ok(memo) => memo,
            Err(refused) => {
                tracing::debug!(order = %key, ?refused, "nothing to ask for");
                return;
            }
        };
        // Once per order and kind, however often it is seen as new.
        let asked = Asked { by: "fenicia".to_owned(), key: Some((own_key(key, &request), [0; 32])) };
        let command = Command::Act { order: key.clone(), request, memo };
        match self.store.command(command, asked, now).await {
            Ok(_) => connection.wake(),
            Err(error) => tracing::error!(order = %key, %error, "the order was not queued for acknowledging"),
        }
    }

    /// Refreshes the gauges that are read from the store.
    pub fn gauge(&self, now: Timestamp) {
        for connection in self.connections() {
            let id = connection.id.as_str();
            if let Ok(counts) = self.store.channel_counts(&connection.id, now) {
                metrics::backlog(id).set(count(counts.backlog));
            }
            metrics::in_flight(id).set(count(connection.in_flight() as u64));
            if let Ok(Some(state)) = self.store.connection(&connection.id) {
                let up = connection.enabled && state.status == ConnectionStatus::Connected;
                metrics::channel_up(id).set(if up { 1.0 } else { 0.0 });
                if let Some(at) = state.last_success_at {
                    metrics::channel_last_success(id).set(count(u64::try_from(at.as_secs()).unwrap_or(0)));
                }
            }
            if let Ok(Some(tokens)) = self.store.tokens(&connection.id)
                && let Some(at) = tokens.refresh_expires_at.or(tokens.expires_at)
            {
                metrics::channel_token_expiry(id).set(at.since(now).as_secs_f64());
            }
        }
        if let Ok(sizes) = self.store.sizes() {
            metrics::store_bytes().set(count(sizes.file_bytes));
        }
    }
}

fn own_key(order: &OrderKey, request: &ActionRequest) -> String {
    format!("fenicia/{}/{order}", request.kind())
}

#[allow(clippy::cast_precision_loss, reason = "gauges are floats; counts stay far below 2^52")]
fn count(count: u64) -> f64 {
    count as f64
}
