//! Reading rows, the same way from a snapshot and inside the write transaction.

use std::cell::OnceCell;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use redb::{ReadOnlyTable, ReadTransaction, ReadableDatabase};
use serde::de::DeserializeOwned;

use super::crypt::Keyring;
use super::keys::after_prefix;
use super::tables::Tab;
use super::{StoreError, codec};

pub(super) type Bytes = &'static [u8];

/// A row as it is: key and value.
pub(super) type Row = (Vec<u8>, Vec<u8>);

/// Called with each row of a walk; `Break` ends it.
pub(super) type Visit<'v> = dyn FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, StoreError> + 'v;

pub(super) const GO_ON: Result<ControlFlow<()>, StoreError> = Ok(ControlFlow::Continue(()));
pub(super) const STOP: Result<ControlFlow<()>, StoreError> = Ok(ControlFlow::Break(()));

/// Some neighbouring rows of a table.
#[derive(Clone, Debug)]
pub(super) struct Span {
    from: Bound<Vec<u8>>,
    to: Bound<Vec<u8>>,
    backwards: bool,
}

impl Span {
    pub(super) fn all() -> Self {
        Self { from: Bound::Unbounded, to: Bound::Unbounded, backwards: false }
    }

    /// The rows whose keys begin with `prefix`.
    pub(super) fn prefix(prefix: Vec<u8>) -> Self {
        let to = after_prefix(&prefix).map_or(Bound::Unbounded, Bound::Excluded);
        Self { from: Bound::Included(prefix), to, backwards: false }
    }

    /// Only rows after `key`.
    pub(super) fn after(mut self, key: Vec<u8>) -> Self {
        self.from = Bound::Excluded(key);
        self
    }

    /// Only rows from `key` on.
    pub(super) fn starting(mut self, key: Vec<u8>) -> Self {
        self.from = Bound::Included(key);
        self
    }

    /// Only rows before `key`.
    pub(super) fn before(mut self, key: Vec<u8>) -> Self {
        self.to = Bound::Excluded(key);
        self
    }

    /// From the last row to the first.
    pub(super) fn backwards(mut self) -> Self {
        self.backwards = true;
        self
    }

    pub(super) fn bounds(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        (self.from.as_ref().map(Vec::as_slice), self.to.as_ref().map(Vec::as_slice))
    }

    /// Ranges whose end lies before their start are empty; the engine would panic.
    pub(super) fn is_empty(&self) -> bool {
        match (&self.from, &self.to) {
            (Bound::Included(from) | Bound::Excluded(from), Bound::Excluded(to)) => from >= to,
            _ => false,
        }
    }

    pub(super) fn is_backwards(&self) -> bool {
        self.backwards
    }
}

pub(super) trait Rows {
    fn get(&self, tab: Tab, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    fn walk(&self, tab: Tab, span: &Span, visit: &mut Visit<'_>) -> Result<(), StoreError>;

    fn keyring(&self) -> &Keyring;

    /// Without reading the value.
    fn has(&self, tab: Tab, key: &[u8]) -> Result<bool, StoreError>;

    /// At most `limit` rows.
    fn rows(&self, tab: Tab, span: &Span, limit: usize) -> Result<Vec<Row>, StoreError> {
        let mut rows = Vec::new();
        if limit == 0 {
            return Ok(rows);
        }
        self.walk(tab, span, &mut |key, value| {
            rows.push((key.to_vec(), value.to_vec()));
            if rows.len() < limit { GO_ON } else { STOP }
        })?;
        Ok(rows)
    }

    fn first(&self, tab: Tab, span: &Span) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(tab, span, 1)?.pop())
    }

    fn count(&self, tab: Tab, span: &Span) -> Result<u64, StoreError> {
        let mut count = 0;
        self.walk(tab, span, &mut |_, _| {
            count += 1;
            GO_ON
        })?;
        Ok(count)
    }

    fn record<T: DeserializeOwned>(&self, tab: Tab, key: &[u8]) -> Result<Option<T>, StoreError>
    where
        Self: Sized,
    {
        self.get(tab, key)?.map(|bytes| codec::decode(tab, key, &bytes)).transpose()
    }

    fn sealed<T: DeserializeOwned>(&self, tab: Tab, key: &[u8]) -> Result<Option<T>, StoreError>
    where
        Self: Sized,
    {
        self.get(tab, key)?.map(|bytes| open_record(self.keyring(), tab, key, &bytes)).transpose()
    }

    fn number(&self, tab: Tab, key: &[u8]) -> Result<Option<u64>, StoreError> {
        self.get(tab, key)?.map(|bytes| to_number(tab, key, &bytes)).transpose()
    }
}

pub(super) fn to_number(tab: Tab, key: &[u8], bytes: &[u8]) -> Result<u64, StoreError> {
    let bytes = bytes.try_into().map_err(|_| codec::corrupt(tab, key, "it is not a number"))?;
    Ok(u64::from_be_bytes(bytes))
}

/// A sealed record: JSON inside the seal, which is also its checksum.
pub(super) fn open_record<T: DeserializeOwned>(
    keyring: &Keyring,
    tab: Tab,
    key: &[u8],
    sealed: &[u8],
) -> Result<T, StoreError> {
    let plain = keyring.open(tab, key, sealed)?;
    serde_json::from_slice(&plain)
        .map_err(|_| codec::corrupt(tab, key, "its content is not what this table holds"))
}

/// A consistent view of everything committed. Short-lived: it keeps freed pages from being reused.
pub(super) struct Snapshot {
    tx: ReadTransaction,
    tables: [OnceCell<ReadOnlyTable<Bytes, Bytes>>; Tab::COUNT],
    keyring: Arc<Keyring>,
}

impl Snapshot {
    pub(super) fn of(db: &impl ReadableDatabase, keyring: Arc<Keyring>) -> Result<Self, StoreError> {
        let tx = db.begin_read().map_err(|e| StoreError::Corrupt(format!("cannot read: {e}")))?;
        Ok(Self { tx, tables: [const { OnceCell::new() }; Tab::COUNT], keyring })
    }

    pub(super) fn table(&self, tab: Tab) -> Result<&ReadOnlyTable<Bytes, Bytes>, StoreError> {
        let cell = &self.tables[tab.index()];
        if let Some(table) = cell.get() {
            return Ok(table);
        }
        let table = self.tx.open_table(tab.definition()).map_err(|e| fault(tab, &e))?;
        Ok(cell.get_or_init(|| table))
    }
}

impl Rows for Snapshot {
    fn has(&self, tab: Tab, key: &[u8]) -> Result<bool, StoreError> {
        Ok(self.table(tab)?.get(key).map_err(|e| fault(tab, &e))?.is_some())
    }

    fn get(&self, tab: Tab, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self.table(tab)?.get(key).map_err(|e| fault(tab, &e))?;
        Ok(found.map(|guard| guard.value().to_vec()))
    }

    fn walk(&self, tab: Tab, span: &Span, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        if span.is_empty() {
            return Ok(());
        }
        let rows = self.table(tab)?.range::<&[u8]>(span.bounds()).map_err(|e| fault(tab, &e))?;
        walk_rows(rows, span.is_backwards(), visit, |e| fault(tab, &e))
    }

    fn keyring(&self) -> &Keyring {
        &self.keyring
    }
}

pub(super) fn walk_rows(
    mut rows: redb::Range<'_, Bytes, Bytes>,
    backwards: bool,
    visit: &mut Visit<'_>,
    fault: impl Fn(redb::StorageError) -> StoreError,
) -> Result<(), StoreError> {
    while let Some(row) = if backwards { rows.next_back() } else { rows.next() } {
        let (key, value) = row.map_err(&fault)?;
        if visit(key.value(), value.value())?.is_break() {
            break;
        }
    }
    Ok(())
}

fn fault(tab: Tab, error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Corrupt(format!("table {}: {error}", tab.name()))
}
