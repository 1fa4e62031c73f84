//! The embedded store: named operations, each one transaction, over plain model values.
//!
//! One writer thread owns the only write transaction and groups what waits into one commit, which
//! is on disk before any caller hears of it. Reads are short snapshots and never wait. No
//! operation returns a guard, so no snapshot outlives a call. Nothing here knows a marketplace,
//! an actor or HTTP.
//!
//! The operations of [`Store`] stand in the file of the noun they are about.

mod absorb;
mod actions;
mod allowances;
mod api_keys;
mod backup;
mod changes;
mod claims;
mod codec;
mod commands;
mod connections;
mod crypt;
mod deliveries;
mod disk;
mod failpoint;
mod failures;
mod files;
mod finish;
mod incidents;
mod jobs;
mod keys;
mod lanes;
mod list;
mod migrate;
mod open;
mod orders;
mod polls;
mod renewal;
mod retention;
mod rows;
mod search;
mod sessions;
mod shared;
mod syncs;
mod tables;
mod tellings;
#[doc(hidden)]
pub mod testing;
#[cfg(test)]
mod tests;
mod timeline;
mod tokens;
mod txn;
mod types;
mod upkeep;
mod verify;
mod views;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::Clock;
use crate::model::Secret;
use crate::random::Random;

use rows::Snapshot;
use shared::Shared;
use txn::Txn;
use writer::Writer;

pub use backup::restore;
pub use renewal::KEYS_LIVE;
pub use types::*;
pub use verify::{Fault, VerifyReport, verify, verify_backup, verify_running, watermarks};

/// Called with the reason when the store can promise nothing any more.
pub type Fatal = Arc<dyn Fn(&str) + Send + Sync>;

/// The exit code of a process whose store failed.
const FAILED: i32 = 70;

/// How a store is opened.
#[derive(Clone)]
pub struct Options {
    pub dir: PathBuf,
    /// The master key from the config; `None`: a key file in the folder, mode 0600, made at need.
    pub key: Option<Secret>,
    pub clock: Clock,
    pub random: Random,
    /// What the engine caches; expect one and a half times as much in use.
    pub cache_bytes: usize,
    /// Undelivered inbox rows per channel above which new deliveries are refused.
    pub backlog_max: u64,
}

impl Options {
    /// The defaults, with a key file in the folder.
    pub fn new(dir: impl Into<PathBuf>, clock: Clock, random: Random) -> Self {
        Self { dir: dir.into(), key: None, clock, random, cache_bytes: 64 << 20, backlog_max: 100_000 }
    }
}

/// A cheap handle.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
    writer: Arc<Writer>,
}

impl Store {
    /// Opens or creates, takes the lock, migrates, counts the boot up. Blocking. When the store
    /// fails later on, it ends the process with 70, for the service manager to start it again.
    #[allow(clippy::needless_pass_by_value, reason = "options are made to be spent")]
    pub fn open(options: Options) -> Result<Self, OpenError> {
        open::file(&options, Arc::new(|_| std::process::exit(FAILED)))
    }

    /// Waits for the writer to finish what is queued and closes the file cleanly.
    pub async fn close(&self) {
        self.writer.close().await;
    }

    /// Number of this start; claims of earlier boots are dead.
    pub fn boot(&self) -> u64 {
        self.shared.boot
    }

    /// Whether the writer answers: for the watchdog and readiness.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.write("ping", |_| Ok(())).await
    }

    /// Whether the disk has room for new deliveries; else they are refused.
    pub fn has_room(&self) -> bool {
        self.shared.need_room().is_ok()
    }

    /// Newest number of the feed of changes; wakes long-polls and event streams.
    pub fn watch_changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// Changes whenever a notification was opened or closed in this process; wakes the notifier.
    pub fn watch_notifications(&self) -> tokio::sync::watch::Receiver<u64> {
        self.shared.notices.subscribe()
    }

    async fn write<T, E, F>(&self, name: &'static str, operation: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: for<'t> FnOnce(&mut Txn<'t>) -> Result<T, E> + Send + 'static,
    {
        self.writer.write(name, operation).await
    }

    fn snapshot(&self) -> Result<Snapshot, StoreError> {
        self.shared.snapshot()
    }
}
