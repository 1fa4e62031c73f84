//! The feed of changes: one number per changed order, in the order of the commits.

use std::time::Duration;

use super::rows::{GO_ON, Rows, STOP, Span};
use super::tables::Tab;
use super::txn::Txn;
use super::{Change, ChangesPage, Store, StoreError, codec, keys};
use crate::model::{Order, Timestamp};

/// Older changes are pruned, but never the newest one: numbers are not used twice.
pub(super) const KEPT_FOR: Duration = Duration::from_hours(24 * 90);
/// Most changes kept.
pub(super) const KEPT: u64 = 1_000_000;

impl Store {
    /// Changes after `after`, oldest first. Table `changes`.
    pub fn changes(&self, after: u64, limit: usize) -> Result<ChangesPage, StoreError> {
        let rows = self.snapshot()?;
        let first = rows.first(Tab::Changes, &Span::all())?;
        let told = *self.shared.changes.borrow();
        // The feed is told of a commit a moment after a snapshot can see it.
        let seen = rows.has(Tab::Changes, &keys::Key::new().u64(after).done())?;
        let newest = if seen { told.max(after) } else { told };
        let oldest = first.and_then(|(key, _)| keys::Cut(&key).u64()).unwrap_or(newest + 1);
        let mut items = Vec::new();
        let span = Span::all().after(keys::Key::new().u64(after).done());
        rows.walk(Tab::Changes, &span, &mut |key, bytes| {
            if items.len() == limit {
                return STOP;
            }
            items.push(codec::decode(Tab::Changes, key, bytes)?);
            GO_ON
        })?;
        Ok(ChangesPage { items, oldest, newest })
    }
}

/// Notes that `order` was created or updated; answers the number.
pub(super) fn append(
    tx: &mut Txn<'_>,
    order: &Order,
    created: bool,
    fields: Vec<String>,
    at: Timestamp,
) -> Result<u64, StoreError> {
    let seq = tx.next_change();
    let change = Change {
        seq,
        at,
        order_id: order.key.clone(),
        change: if created { "created" } else { "updated" }.to_owned(),
        status: order.status,
        payment_status: order.payment_status,
        fields,
    };
    tx.put(Tab::Changes, keys::Key::new().u64(seq).done(), &change)?;
    Ok(seq)
}

/// Removes at most `limit` changes that are too old or too many.
pub(super) fn prune(tx: &mut Txn<'_>, limit: usize, now: Timestamp) -> Result<usize, StoreError> {
    let newest = tx.memory.changes;
    let mut gone = Vec::new();
    tx.walk(Tab::Changes, &Span::all(), &mut |key, bytes| {
        let change: Change = codec::decode(Tab::Changes, key, bytes)?;
        let old = now.since(change.at) > KEPT_FOR || newest - change.seq >= KEPT;
        if !old || change.seq == newest || gone.len() == limit {
            return STOP;
        }
        gone.push(key.to_vec());
        GO_ON
    })?;
    for key in &gone {
        tx.remove(Tab::Changes, key)?;
    }
    Ok(gone.len())
}
