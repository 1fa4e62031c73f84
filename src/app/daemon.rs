//! The running daemon: store, tree and listeners, started in that order and stopped in reverse.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::admin_key;
use super::files::{READABLE, write_atomically};
use crate::actors::Handle;
use crate::channel::Env;
use crate::config::{Config, Connections};
use crate::page::Page;
use crate::store::{self, CommandError, OpenError, Store, StoreError};
use crate::systemd;
use crate::telemetry::Metrics;
use crate::web::{AdminOptions, Api, BindError, Bound, Options, Serving, WebhooksOptions};

pub use crate::web::Addresses;

/// Why the daemon did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error("the store does not take the first records: {0}")]
    Store(#[from] StoreError),
    #[error("the admin key cannot be made: {0}")]
    Key(#[from] CommandError),
    #[error("cannot write {path}: {source}")]
    File { path: String, source: io::Error },
    #[error("the actors did not start: {0}")]
    Actors(#[from] ractor::SpawnErr),
}

/// Sized so that an idle daemon stays small; reads beyond it come from the page cache.
const CACHE_BYTES: usize = 16 << 20;
/// Deliveries waiting per channel above which the marketplace is asked to send again later.
const BACKLOG_MAX: u64 = 200_000;
/// For order syncs and actions in flight at a stop.
const DRAIN: Duration = Duration::from_secs(15);

/// See the module doc.
pub struct Daemon {
    store: Store,
    handle: Handle,
    page: Arc<Page>,
    api: Arc<Api>,
    serving: Serving,
    addresses: Addresses,
    upkeep: JoinHandle<()>,
}

impl Daemon {
    /// Ready for work when it returns: listeners bound, actors running, `addresses.json` written.
    pub async fn start(
        config: &Config,
        connections: Connections,
        env: &Env,
        metrics: Metrics,
    ) -> Result<Self, StartError> {
        let bound = Bound::bind(config.webhooks.listen, config.admin.listen).await?;
        let addresses = bound.addresses();
        let store = open(config, env).await?;
        admin_key::ensure(&store, &config.store.path, env.clock.now()).await?;
        let handle =
            Handle::start(store.clone(), env.clock.clone(), env.random.clone(), config, connections).await?;
        let page = Arc::new(Page::new(&config.admin, &env.clock, &env.random));
        let mut api = Api::new(
            store.clone(),
            handle.clone(),
            env.clock.clone(),
            env.random.clone(),
            metrics.clone(),
            options(config, addresses),
        );
        api.pages = Some(page.clone());
        handle.set_page(page_address(config, addresses));
        write_addresses(&config.store.path, addresses)?;
        let api = Arc::new(api);
        let serving = bound.serve(&api);
        let upkeep = tokio::spawn(metrics.keep_up());
        tracing::info!(webhooks = %addresses.webhooks, admin = %addresses.admin, "listening");
        Ok(Self { store, handle, page, api, serving, addresses, upkeep })
    }

    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    pub fn page(&self) -> &Page {
        &self.page
    }

    /// Takes up what a new config says about the page and the listeners, from the next request on.
    /// Where they listen and where the data lies needs a restart.
    pub fn take_up(&self, config: &Config) {
        self.page.take_up(&config.admin);
        self.handle.set_page(page_address(config, self.addresses));
        let data_dir = self.api.options().data_dir.clone();
        self.api.set_options(Options { data_dir, ..options(config, self.addresses) });
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Stops taking work, lets what is in flight finish, closes the store. At most 30 s.
    pub async fn stop(self) {
        self.handle.close();
        self.serving.shutdown().await;
        systemd::extend_timeout(DRAIN);
        self.handle.stop(DRAIN).await;
        self.store.close().await;
        self.upkeep.abort();
        tracing::info!("stopped");
    }
}

/// Opening can walk through the file after a crash, so it stays off the runtime's threads.
async fn open(config: &Config, env: &Env) -> Result<Store, StartError> {
    let dir = config.store.path.clone();
    let shown = dir.display().to_string();
    let options = store::Options {
        dir,
        key: config.store.encryption_key.clone(),
        clock: env.clock.clone(),
        random: env.random.clone(),
        cache_bytes: CACHE_BYTES,
        backlog_max: BACKLOG_MAX,
    };
    match tokio::task::spawn_blocking(move || Store::open(options)).await {
        Ok(opened) => Ok(opened?),
        Err(error) => Err(OpenError::Damaged { dir: shown, what: error.to_string() }.into()),
    }
}

/// Where people find the page: the public address, else the bound one.
fn page_address(config: &Config, addresses: Addresses) -> String {
    config.admin.public_url.clone().unwrap_or_else(|| format!("http://{}", addresses.admin))
}

fn options(config: &Config, addresses: Addresses) -> Options {
    Options {
        webhooks: WebhooksOptions {
            origin: config
                .webhooks
                .public_url
                .clone()
                .unwrap_or_else(|| format!("http://{}", addresses.webhooks)),
            max_body: config.webhooks.max_body,
            trusted_proxies: config.webhooks.trusted_proxies.clone(),
        },
        admin: AdminOptions {
            public_url: config.admin.public_url.clone(),
            trusted_proxies: config.admin.trusted_proxies.clone(),
        },
        data_dir: config.store.path.clone(),
    }
}

/// Where scripts and client commands find the real addresses, also for port 0.
fn write_addresses(folder: &Path, addresses: Addresses) -> Result<(), StartError> {
    let path = folder.join("addresses.json");
    let json = serde_json::json!({
        "webhooks": addresses.webhooks.to_string(),
        "admin": addresses.admin.to_string(),
    });
    write_atomically(&path, json.to_string().as_bytes(), READABLE)
        .map_err(|source| StartError::File { path: path.display().to_string(), source })
}
