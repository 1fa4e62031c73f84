//! The only door into the tree.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorRef, SpawnErr};
use tokio::task::JoinHandle;

use super::batcher::Batcher;
use super::channel;
use super::connection::{Connection, Live, with_tokens};
use super::consent::Consents;
use super::ledger::Kept;
use super::root::{self, Root};
use super::session::Session;
use super::{ConsentError, Shared, Targets};
use crate::channel::{Channel, Dormant, Finding, Given};
use crate::clock::Clock;
use crate::config::{ChannelConfig, Config, Connections, Erasure};
use crate::model::{ChannelId, Failure, Lane};
use crate::notify::{Message, Undelivered};
use crate::random::Random;
use crate::store::{ConnectionChange, KEYS_LIVE, Store, Success};

/// Cheap to clone; never blocks. Messages are nudges and may be lost, the rows in the store are the
/// truth.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
    consents: Arc<Consents>,
    root: ActorRef<root::Message>,
    tree: Arc<std::sync::Mutex<Option<JoinHandle<()>>>>,
}

const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// For messages under way at a stop.
const SENDING: Duration = Duration::from_secs(3);

impl Handle {
    /// Starts the tree over an open store. Work of an earlier start is due again.
    pub async fn start(
        store: Store,
        clock: Clock,
        random: Random,
        config: &Config,
        connections: Connections,
    ) -> Result<Self, SpawnErr> {
        let shared = Arc::new(Shared::new(store, clock, random, config.sync));
        match shared.store.recover_claims(shared.clock.now()).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "order syncs that the last stop interrupted are due again"),
            Err(error) => tracing::error!(%error, "interrupted order syncs were not recovered"),
        }
        let wanted = connect(&shared, config, connections, &BTreeMap::new());
        shared.set_connections(wanted);
        shared.set_targets(config.notify.clone());
        configured(&shared).await;
        let (root, tree) = Actor::spawn(None, Root, Arc::clone(&shared)).await?;
        shared.set_ready();
        let tree = Arc::new(std::sync::Mutex::new(Some(tree)));
        Ok(Self { shared, consents: Arc::default(), root, tree })
    }

    /// Applies another config channel by channel; what did not change keeps running untouched.
    pub async fn reload(&self, config: &Config, connections: Connections) {
        let running = self.shared.connections().into_iter().map(|c| (c.id.clone(), c)).collect();
        let wanted = connect(&self.shared, config, connections, &running);
        self.shared.set_settings(config.sync);
        self.shared.set_connections(wanted);
        self.shared.set_targets(config.notify.clone());
        configured(&self.shared).await;
        if let Err(error) = self.root.call(root::Message::Align, Some(PING_TIMEOUT)).await {
            tracing::error!(%error, "the new config was not taken up by the actors");
        }
    }

    /// The configured channel of this id, disabled ones included.
    pub fn channel(&self, id: &ChannelId) -> Option<Arc<Connection>> {
        self.shared.connection(id)
    }

    /// All configured channels, by id.
    pub fn channels(&self) -> Vec<Arc<Connection>> {
        self.shared.connections()
    }

    /// Something of this channel may be due: deliveries, jobs, actions, a bulk sync.
    pub fn nudge(&self, id: &ChannelId) {
        if let Some(connection) = self.shared.connection(id) {
            connection.wake();
        }
    }

    /// Proves the connection with one harmless call, now. A success cures `needs_reconnect`.
    pub async fn test(&self, id: &ChannelId) -> Result<Vec<Finding>, Failure> {
        let connection = self.shared.connection(id).ok_or_else(|| Failure::not_found("no such channel"))?;
        let answer = with_tokens!(&connection, Lane::Manual, |call| connection.channel.probe(call));
        match &answer {
            Ok(findings) if findings.iter().all(|finding| finding.ok) => self.reconnected(&connection).await,
            Ok(_) => {}
            Err(failure) => self.shared.note_failure(id, failure).await,
        }
        answer
    }

    /// Where people find the page, for links in messages; without a slash at its end.
    pub fn set_page(&self, address: String) {
        self.shared.set_page(address);
    }

    /// Whom the config wants told beside the page.
    pub fn targets(&self) -> Arc<Targets> {
        self.shared.targets()
    }

    /// Sends a test to this target, now and once. `None`: the config has no such target.
    pub async fn test_target(&self, name: &str) -> Option<Result<(), Undelivered>> {
        let targets = self.shared.targets();
        let notify = targets.get(name)?;
        let now = self.shared.clock.now();
        let id = self.shared.random.uuid_v7(now).to_string();
        let message = Message::test(name, &id, now, self.shared.page().as_deref());
        Some(self.shared.post.send(&notify.target, &message).await)
    }

    /// Begins a consent: the address that a person must open. `None`: this marketplace has no
    /// consent flow, its credentials come from the config file.
    pub fn begin_consent(&self, id: &ChannelId, redirect: String) -> Option<String> {
        let connection = self.shared.connection(id)?;
        self.consents.begin(&connection, redirect, &self.shared.random, self.shared.clock.now())
    }

    /// Ends a consent with what the marketplace sent back, and stores the tokens.
    pub async fn finish_consent(&self, id: &ChannelId, given: &Given) -> Result<(), ConsentError> {
        let connection = self.shared.connection(id).ok_or(ConsentError::NotUnderWay)?;
        self.consents.finish(&connection, given, self.shared.clock.now()).await?;
        self.reconnected(&connection).await;
        Ok(())
    }

    async fn reconnected(&self, connection: &Connection) {
        let cut_off = self.shared.is_cut_off(&connection.id);
        let succeeded = ConnectionChange::Succeeded { what: Success::Call, begun: self.shared.clock.now() };
        self.shared.change(&connection.id, succeeded).await;
        if cut_off {
            self.shared.change(&connection.id, ConnectionChange::Reconnected).await;
            connection.tell(channel::Message::Reconnected);
        }
        connection.wake();
    }

    /// The daemon takes new work: false while it starts up and shuts down.
    pub fn is_ready(&self) -> bool {
        self.shared.is_ready()
    }

    /// Root, scheduler and the store's writer have answered just now.
    pub async fn is_alive(&self) -> bool {
        let tree = self.root.call(root::Message::Ping, Some(PING_TIMEOUT)).await;
        let tree = tree.is_ok_and(|answer| answer.is_success());
        let writer = tokio::time::timeout(PING_TIMEOUT, self.shared.store.ping()).await;
        tree && writer.is_ok_and(|answer| answer.is_ok())
    }

    #[cfg(test)]
    pub(super) fn root_cell(&self) -> ractor::ActorCell {
        self.root.get_cell()
    }

    /// Returns when the tree cannot keep itself alive any more.
    pub async fn escalated(&self) {
        self.shared.escalated().await;
    }

    /// Nothing new is taken from now on.
    pub fn close(&self) {
        self.shared.set_stopping();
    }

    /// Lets what is in flight finish, at most until `deadline`, then ends the tree. Courtesy:
    /// whatever is cut off is found again in its rows.
    pub async fn stop(&self, deadline: Duration) {
        self.shared.set_stopping();
        let drains = self.shared.connections().into_iter().filter_map(|connection| connection.actor());
        let drains: Vec<_> = drains
            .map(|actor| {
                tokio::spawn(async move { actor.call(channel::Message::Drain, Some(deadline)).await })
            })
            .collect();
        let drained = tokio::time::timeout(deadline, async {
            for drain in drains {
                drop(drain.await);
            }
        });
        if drained.await.is_err() {
            tracing::warn!("some order syncs did not end in time; the next start does them again");
        }
        // A message that has left is noted down, else the next start would send it again.
        drop(tokio::time::timeout(SENDING, self.shared.sending.write()).await);
        self.root.kill();
        let tree = self.tree.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(tree) = tree {
            drop(tokio::time::timeout(Duration::from_secs(5), tree).await);
        }
    }
}

/// The connections that the config asks for; what did not change is taken over from `running`.
fn connect(
    shared: &Shared,
    config: &Config,
    mut connectors: Connections,
    running: &BTreeMap<ChannelId, Arc<Connection>>,
) -> BTreeMap<ChannelId, Arc<Connection>> {
    let mut wanted = BTreeMap::new();
    for (id, channel) in &config.channels {
        let webhook_url = config.webhook_url(channel);
        let kept = running.get(id).filter(|running| {
            running.config == *channel
                && running.webhook_url == webhook_url
                && running.max_in_flight == config.sync.max_in_flight
        });
        let connection = if let Some(kept) = kept {
            Arc::clone(kept)
        } else {
            let connector = connectors.remove(id).filter(|_| channel.enabled);
            let connector = connector.unwrap_or_else(|| Arc::new(Dormant));
            Arc::new(connection(shared, config, channel, connector, webhook_url))
        };
        wanted.insert(id.clone(), connection);
    }
    wanted
}

fn connection(
    shared: &Shared,
    config: &Config,
    channel: &ChannelConfig,
    connector: Arc<dyn Channel>,
    webhook_url: Option<String>,
) -> Connection {
    let id = channel.id().clone();
    let credentials = channel.credentials();
    if let Some(wire) = connector.wire() {
        wire.resume(Arc::new(Kept { channel: id.clone(), store: shared.store.clone() }));
    }
    Connection {
        name: channel.name.clone(),
        kind: channel.kind,
        enabled: channel.enabled,
        schedule: channel.poll.expression().to_owned(),
        webhook_url,
        channel: Arc::clone(&connector),
        config: channel.clone(),
        session: Session::new(id.clone(), connector, credentials, shared.store.clone(), shared.clock.clone()),
        batcher: Batcher::default(),
        max_in_flight: config.sync.max_in_flight,
        live: Live::default(),
        id,
    }
}

/// Tells the store which channels there are.
async fn configured(shared: &Shared) {
    for connection in shared.connections() {
        let wished = match connection.config.retain_personal_data {
            Erasure::Never => None,
            Erasure::After(span) => Some(span),
        };
        // What a marketplace forbids to keep must be unreadable by then, not only out of sight.
        let ceiling = connection.kind.retention.map(|limit| limit.after_delivery.saturating_sub(KEYS_LIVE));
        let kept = [wished, ceiling].into_iter().flatten().min();
        shared.store.set_retention(&connection.id, kept);
        let change = ConnectionChange::Configured {
            kind: connection.kind.name,
            enabled: connection.enabled,
            credentials: connection.config.credentials_fingerprint(),
        };
        shared.change(&connection.id, change).await;
    }
}
