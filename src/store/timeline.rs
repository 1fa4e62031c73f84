//! The timeline of an order: numbered from 0 without gaps, append only, never personal.

use super::rows::{GO_ON, Rows, STOP, Span};
use super::tables::Tab;
use super::txn::Txn;
use super::{Store, StoreError, codec, keys};
use crate::model::{Event, OrderKey};

impl Store {
    /// Newest first; `before` is exclusive. Table `timeline`.
    pub fn timeline(
        &self,
        key: &OrderKey,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        read(&self.snapshot()?, key, before, limit)
    }
}

pub(super) fn read(
    rows: &impl Rows,
    key: &OrderKey,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<Event>, StoreError> {
    let mut span = Span::prefix(keys::order(key)).backwards();
    if let Some(before) = before {
        span = span.before(keys::event(key, before));
    }
    let mut events = Vec::new();
    if limit == 0 {
        return Ok(events);
    }
    rows.walk(Tab::Timeline, &span, &mut |key, bytes| {
        events.push(codec::decode(Tab::Timeline, key, bytes)?);
        if events.len() < limit { GO_ON } else { STOP }
    })?;
    Ok(events)
}

/// Writes `events` from number `next` on; answers the next free number.
pub(super) fn append(
    tx: &mut Txn<'_>,
    key: &OrderKey,
    mut next: u64,
    events: Vec<Event>,
) -> Result<u64, StoreError> {
    for mut event in events {
        event.seq = next;
        tx.put(Tab::Timeline, keys::event(key, next), &event)?;
        next += 1;
    }
    Ok(next)
}
