//! What the handle, the writer and the readers of one open store share.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use redb::Database;
use tokio::sync::watch;

use super::crypt::Keyring;
use super::disk::{self, Gauge};
use super::rows::Snapshot;
use super::txn::Memory;
use super::{Fatal, StoreError};
use crate::clock::Clock;
use crate::model::{ChannelId, Timestamp};
use crate::random::Random;

pub(super) struct Shared {
    pub(super) dir: PathBuf,
    pub(super) clock: Clock,
    pub(super) random: Random,
    pub(super) boot: u64,
    pub(super) backlog_max: u64,
    pub(super) fatal: Fatal,
    pub(super) disk: Gauge,
    pub(super) changes: watch::Sender<u64>,
    pub(super) notices: watch::Sender<u64>,
    /// How long personal data lives after an order's end; a channel that is absent keeps it.
    pub(super) retention: RwLock<HashMap<ChannelId, Duration>>,
    /// When each API key was last used; written down with the next pruning.
    pub(super) last_used: Mutex<HashMap<String, Timestamp>>,
    /// Where the walk through the delivery ids goes on.
    pub(super) prune_from: Mutex<Vec<u8>>,
    keyring: RwLock<Arc<Keyring>>,
    db: RwLock<Option<Arc<Database>>>,
    tickets: AtomicU64,
}

impl Shared {
    pub(super) fn new(
        options: super::Options,
        fatal: Fatal,
        boot: u64,
        db: Arc<Database>,
        keyring: Keyring,
        memory: &Memory,
    ) -> Self {
        Self {
            dir: options.dir,
            clock: options.clock,
            random: options.random,
            boot,
            backlog_max: options.backlog_max,
            fatal,
            disk: Gauge::default(),
            changes: watch::Sender::new(memory.changes),
            notices: watch::Sender::new(0),
            retention: RwLock::default(),
            last_used: Mutex::default(),
            prune_from: Mutex::default(),
            keyring: RwLock::new(Arc::new(keyring)),
            db: RwLock::new(Some(db)),
            tickets: AtomicU64::new(0),
        }
    }

    /// Grows within a start and from start to start, without a write.
    pub(super) fn ticket(&self) -> u64 {
        (self.boot << 36) | self.tickets.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn keyring(&self) -> Arc<Keyring> {
        self.keyring.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_keyring(&self, keyring: Keyring) {
        *self.keyring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keyring);
    }

    /// A snapshot with every key that its rows need: no key is exchanged while it begins.
    pub(super) fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let keyring = self.keyring.read().unwrap_or_else(PoisonError::into_inner);
        let db = self.db.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or(StoreError::Closed)?;
        Snapshot::of(&*db, keyring.clone())
    }

    /// Refuses while the disk is nearly full.
    pub(super) fn need_room(&self) -> Result<(), StoreError> {
        if self.free_bytes() < disk::LEAST_TO_ACCEPT { Err(StoreError::DiskFull) } else { Ok(()) }
    }

    pub(super) fn free_bytes(&self) -> u64 {
        self.disk.free(&self.dir, self.clock.now())
    }

    /// After a commit: wakes who waits for changes and notifications.
    pub(super) fn publish(&self, memory: &Memory) {
        let publish = |sender: &watch::Sender<u64>, value| {
            sender.send_if_modified(|last| std::mem::replace(last, value) != value);
        };
        publish(&self.changes, memory.changes);
        publish(&self.notices, memory.notices);
    }

    pub(super) fn forget_database(&self) {
        *self.db.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
