//! What both listeners share: the store, the actors, and what is kept in memory for callers.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::{Semaphore, watch};

use super::auth::Keys;
use super::live::Live;
use super::pages::Pages;
use super::problem::{Code, Problem};
use crate::actors::{Connection, Handle};
use crate::clock::Clock;
use crate::config::Cidr;
use crate::model::{ChannelId, Timestamp};
use crate::random::Random;
use crate::store::{Store, StoreError};
use crate::telemetry::Metrics;

/// Long-polls of the feed of changes that may wait at the same time.
const WAITING_MAX: usize = 64;

/// What the config says about the listeners.
#[derive(Clone, Debug)]
pub struct Options {
    pub webhooks: WebhooksOptions,
    pub admin: AdminOptions,
    /// Where a backup is made before it is sent.
    pub data_dir: PathBuf,
}

#[derive(Clone, Debug)]
pub struct WebhooksOptions {
    /// What the marketplaces reach the listener by, without a trailing slash: the public address,
    /// else the bound one.
    pub origin: String,
    /// Largest delivery, in bytes.
    pub max_body: usize,
    pub trusted_proxies: Vec<Cidr>,
}

#[derive(Clone, Debug)]
pub struct AdminOptions {
    pub public_url: Option<String>,
    pub trusted_proxies: Vec<Cidr>,
}

/// State of both listeners. Shared, never cloned.
pub struct Api {
    pub store: Store,
    pub handle: Handle,
    pub clock: Clock,
    pub random: Random,
    pub metrics: Metrics,
    options: RwLock<Arc<Options>>,
    /// The web page and its sessions, where there is one.
    pub pages: Option<Arc<dyn Pages>>,
    pub(super) keys: Keys,
    pub(super) live: Live,
    pub(super) waiting: Semaphore,
    pub(super) backups: Arc<Semaphore>,
    pub(super) stop: watch::Sender<bool>,
}

impl Api {
    pub fn new(
        store: Store,
        handle: Handle,
        clock: Clock,
        random: Random,
        metrics: Metrics,
        options: Options,
    ) -> Self {
        Self {
            store,
            handle,
            clock,
            random,
            metrics,
            options: RwLock::new(Arc::new(options)),
            pages: None,
            keys: Keys::default(),
            live: Live::new(),
            waiting: Semaphore::new(WAITING_MAX),
            backups: Arc::new(Semaphore::new(1)),
            stop: watch::Sender::new(false),
        }
    }

    /// As they stand at this moment: a request keeps to what it began with.
    pub fn options(&self) -> Arc<Options> {
        self.options.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From the next request on.
    pub fn set_options(&self, options: Options) {
        *self.options.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(options);
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Completes when the listeners end: streams and long-polls end with them.
    pub async fn ended(&self) {
        let mut stop = self.stop.subscribe();
        // A sender that is gone means the same.
        let _ = stop.wait_for(|stop| *stop).await;
    }

    /// A read of the store away from the threads that serve connections.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let store = self.store.clone();
        match tokio::task::spawn_blocking(move || read(&store)).await {
            Ok(result) => Ok(result?),
            Err(_) => Err(Problem::internal()),
        }
    }

    /// A configured channel, by the id in a path.
    pub(super) fn connection(&self, id: &str) -> Result<Arc<Connection>, Problem> {
        let connection = ChannelId::new(id).ok().and_then(|id| self.handle.channel(&id));
        connection.ok_or_else(|| {
            Problem::not_found(
                "There is no such channel here. Look at GET /api/v1/channels, or add it to config.toml.",
            )
        })
    }

    /// A configured channel that is turned on.
    pub(super) fn enabled(&self, id: &str) -> Result<Arc<Connection>, Problem> {
        let connection = self.connection(id)?;
        if connection.enabled {
            Ok(connection)
        } else {
            Err(Problem::new(
                Code::Conflict,
                "This channel is turned off. Set enabled = true in config.toml and reload.",
            ))
        }
    }

    /// Puts the actors of all channels to work.
    pub(super) fn nudge_all(&self) {
        for connection in self.handle.channels() {
            self.handle.nudge(&connection.id);
        }
    }
}
