//! The format of the file, and how an older one becomes the current one.

use redb::{ReadableDatabase, TableError};

use super::StoreError;
use super::rows::Rows;
use super::tables::Tab;
use super::txn::Txn;

/// What this version writes.
pub(super) const SCHEMA: u32 = 1;

const SCHEMA_KEY: &[u8] = b"schema";

/// The format of a file that was just opened, before anything is written; `None` in a fresh one.
pub(super) fn found(db: &impl ReadableDatabase) -> Result<Option<u32>, redb::Error> {
    let tx = db.begin_read()?;
    let table = match tx.open_table(Tab::Meta.definition()) {
        Ok(table) => table,
        Err(TableError::TableDoesNotExist(_)) => return Ok(None),
        Err(e) => return Err(e.into()),
    };
    let found = table.get(SCHEMA_KEY)?;
    Ok(found.map(|bytes| bytes.value().try_into().map_or(u32::MAX, |b| narrow(u64::from_be_bytes(b)))))
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn stored(rows: &impl Rows) -> Result<Option<u32>, StoreError> {
    Ok(rows.number(Tab::Meta, SCHEMA_KEY)?.map(narrow))
}

type Step = fn(&mut Txn<'_>) -> Result<(), StoreError>;

/// Step `n` turns format `n + 1` into format `n + 2`.
const STEPS: [Step; SCHEMA as usize - 1] = [];

/// Brings the file to the current format, in the caller's transaction.
pub(super) fn migrate(tx: &mut Txn<'_>) -> Result<(), StoreError> {
    let from = stored(tx)?.unwrap_or(SCHEMA);
    for step in STEPS.iter().skip(from as usize - 1) {
        step(tx)?;
    }
    tx.put_number(Tab::Meta, SCHEMA_KEY.to_vec(), u64::from(SCHEMA))
}

/// Whether this version can read a file of that format.
pub(super) const fn is_known(found: u32) -> bool {
    found > 0 && found <= SCHEMA
}
