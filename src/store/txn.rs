//! The write transaction that a group of operations shares.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use redb::{ReadableTable as _, Table, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::crypt::Keyring;
use super::rows::{Bytes, Rows, Span, Visit, walk_rows};
use super::tables::Tab;
use super::{Shared, StoreError, codec};
use crate::model::{ChannelId, Timestamp};
use crate::random::Random;

/// What the writer keeps in memory because counting it each time would cost too much. Always equal
/// to what the tables say.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Number of the newest change.
    pub(super) changes: u64,
    /// Rows of `inbox` and `waiting` per channel.
    pub(super) backlog: HashMap<ChannelId, u64>,
    /// Whose turn it is among the lanes of a channel; only fairness depends on it.
    pub(super) turns: HashMap<ChannelId, usize>,
    /// How many notifications were opened in this process; wakes the notifier.
    pub(super) notices: u64,
}

enum Undo {
    Row { tab: Tab, key: Vec<u8>, old: Option<Vec<u8>> },
    Backlog { channel: ChannelId, old: u64 },
    Change,
}

/// Reads see what was written before in the same group. An operation that fails leaves nothing
/// behind: what it wrote is taken back, what its neighbours in the group wrote stays.
pub(super) struct Txn<'t> {
    tx: &'t WriteTransaction,
    tables: [OnceCell<Table<'t, Bytes, Bytes>>; Tab::COUNT],
    undo: Vec<Undo>,
    /// Rows written so far.
    records: u64,
    /// What the engine reported; from then on the group cannot be committed.
    broken: RefCell<Option<String>>,
    pub(super) memory: &'t mut Memory,
    pub(super) shared: &'t Shared,
    keyring: Arc<Keyring>,
}

impl<'t> Txn<'t> {
    pub(super) fn new(tx: &'t WriteTransaction, memory: &'t mut Memory, shared: &'t Shared) -> Self {
        Self {
            tx,
            tables: [const { OnceCell::new() }; Tab::COUNT],
            undo: Vec::new(),
            records: 0,
            broken: RefCell::new(None),
            keyring: shared.keyring(),
            memory,
            shared,
        }
    }

    /// Runs one operation, or one part of an operation that may fail alone.
    pub(super) fn attempt<T, E>(&mut self, part: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E> {
        let mark = self.undo.len();
        let result = part(self);
        if result.is_err() {
            self.take_back(mark);
        }
        result
    }

    /// Forgets how to take back what was written: an operation has ended well.
    pub(super) fn settle(&mut self) {
        self.undo.clear();
    }

    fn take_back(&mut self, mark: usize) {
        while self.undo.len() > mark {
            match self.undo.pop() {
                Some(Undo::Row { tab, key, old: Some(old) }) => drop(self.write_row(tab, &key, &old)),
                Some(Undo::Row { tab, key, old: None }) => drop(self.remove_row(tab, &key)),
                Some(Undo::Backlog { channel, old }) => drop(self.memory.backlog.insert(channel, old)),
                Some(Undo::Change) => self.memory.changes -= 1,
                None => return,
            }
        }
    }

    pub(super) fn put<T: Serialize>(&mut self, tab: Tab, key: Vec<u8>, value: &T) -> Result<(), StoreError> {
        let bytes = codec::encode(tab, value)?;
        self.put_bytes(tab, key, &bytes)
    }

    pub(super) fn put_bytes(&mut self, tab: Tab, key: Vec<u8>, value: &[u8]) -> Result<(), StoreError> {
        let old = self.write_row(tab, &key, value)?;
        self.undo.push(Undo::Row { tab, key, old });
        Ok(())
    }

    pub(super) fn put_number(&mut self, tab: Tab, key: Vec<u8>, value: u64) -> Result<(), StoreError> {
        self.put_bytes(tab, key, &value.to_be_bytes())
    }

    pub(super) fn put_sealed<T: Serialize>(
        &mut self,
        tab: Tab,
        key: Vec<u8>,
        value: &T,
    ) -> Result<(), StoreError> {
        let plain =
            serde_json::to_vec(value).map_err(|_| codec::corrupt(tab, &key, "it cannot be encoded"))?;
        let sealed = self.keyring.seal(tab, &key, &plain, &self.shared.random)?;
        self.put_bytes(tab, key, &sealed)
    }

    /// A row that its caller sealed before it was queued. If a new epoch has begun meanwhile, it
    /// is sealed anew: the row must not outlive its key.
    pub(super) fn put_presealed(&mut self, tab: Tab, key: Vec<u8>, sealed: &[u8]) -> Result<(), StoreError> {
        if !self.keyring.is_old(sealed) {
            return self.put_bytes(tab, key, sealed);
        }
        let plain = self.keyring.open(tab, &key, sealed)?;
        let sealed = self.keyring.seal(tab, &key, &plain, &self.shared.random)?;
        self.put_bytes(tab, key, &sealed)
    }

    /// Answers whether the row was there.
    pub(super) fn remove(&mut self, tab: Tab, key: &[u8]) -> Result<bool, StoreError> {
        let old = self.remove_row(tab, key)?;
        let was = old.is_some();
        if was {
            self.undo.push(Undo::Row { tab, key: key.to_vec(), old });
        }
        Ok(was)
    }

    /// Removes and answers a record.
    pub(super) fn take<T: DeserializeOwned>(
        &mut self,
        tab: Tab,
        key: &[u8],
    ) -> Result<Option<T>, StoreError> {
        let record = self.record(tab, key)?;
        if record.is_some() {
            self.remove(tab, key)?;
        }
        Ok(record)
    }

    pub(super) fn change_backlog(&mut self, channel: &ChannelId, by: i64) {
        let old = self.backlog(channel);
        self.undo.push(Undo::Backlog { channel: channel.clone(), old });
        self.memory.backlog.insert(channel.clone(), old.saturating_add_signed(by));
    }

    pub(super) fn backlog(&self, channel: &ChannelId) -> u64 {
        self.memory.backlog.get(channel).copied().unwrap_or(0)
    }

    pub(super) fn next_change(&mut self) -> u64 {
        self.undo.push(Undo::Change);
        self.memory.changes += 1;
        self.memory.changes
    }

    /// A number larger than any before it, also across restarts.
    pub(super) fn ticket(&self) -> u64 {
        self.shared.ticket()
    }

    pub(super) fn boot(&self) -> u64 {
        self.shared.boot
    }

    pub(super) fn random(&self) -> &Random {
        &self.shared.random
    }

    pub(super) fn uuid(&self, now: Timestamp) -> uuid::Uuid {
        self.shared.random.uuid_v7(now)
    }

    pub(super) fn records(&self) -> u64 {
        self.records
    }

    pub(super) fn broken(&self) -> Option<String> {
        self.broken.borrow().clone()
    }

    /// After the keys were exchanged by this very group.
    pub(super) fn reload_keyring(&mut self) {
        self.keyring = self.shared.keyring();
    }

    fn fault(&self, tab: Tab, error: &dyn std::fmt::Display) -> StoreError {
        self.broken.borrow_mut().get_or_insert_with(|| format!("table {}: {error}", tab.name()));
        StoreError::Closed
    }

    fn table(&self, tab: Tab) -> Result<&Table<'t, Bytes, Bytes>, StoreError> {
        let cell = &self.tables[tab.index()];
        if let Some(table) = cell.get() {
            return Ok(table);
        }
        let table = self.tx.open_table(tab.definition()).map_err(|e| self.fault(tab, &e))?;
        Ok(cell.get_or_init(|| table))
    }

    fn table_mut(&mut self, tab: Tab) -> Result<&mut Table<'t, Bytes, Bytes>, StoreError> {
        self.table(tab)?;
        self.tables[tab.index()].get_mut().ok_or(StoreError::Closed)
    }

    fn write_row(&mut self, tab: Tab, key: &[u8], value: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.records += 1;
        let done = self.table_mut(tab)?.insert(key, value).map(|old| old.map(|guard| guard.value().to_vec()));
        done.map_err(|e| self.fault(tab, &e))
    }

    fn remove_row(&mut self, tab: Tab, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let done = self.table_mut(tab)?.remove(key).map(|old| old.map(|guard| guard.value().to_vec()));
        let old = done.map_err(|e| self.fault(tab, &e))?;
        self.records += u64::from(old.is_some());
        Ok(old)
    }
}

impl Rows for Txn<'_> {
    fn has(&self, tab: Tab, key: &[u8]) -> Result<bool, StoreError> {
        Ok(self.table(tab)?.get(key).map_err(|e| self.fault(tab, &e))?.is_some())
    }

    fn get(&self, tab: Tab, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self.table(tab)?.get(key).map_err(|e| self.fault(tab, &e))?;
        Ok(found.map(|guard| guard.value().to_vec()))
    }

    fn walk(&self, tab: Tab, span: &Span, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        if span.is_empty() {
            return Ok(());
        }
        let rows = self.table(tab)?.range::<&[u8]>(span.bounds()).map_err(|e| self.fault(tab, &e))?;
        walk_rows(rows, span.is_backwards(), visit, |e| self.fault(tab, &e))
    }

    fn keyring(&self) -> &Keyring {
        &self.keyring
    }
}
