//! What the merchant is told: one open notification per cause, however often it recurs.

use super::rows::{GO_ON, Rows, STOP, Span};
use super::tables::Tab;
use super::txn::Txn;
use super::{Incident, Notification, Paged, Store, StoreError, codec, keys, tellings};
use crate::model::Timestamp;

/// How long a closed notification is kept.
const KEPT_FOR: std::time::Duration = std::time::Duration::from_hours(24 * 90);
/// Notifications looked at for one page.
const BUDGET: usize = 5_000;

impl Store {
    /// Newest first. Table `notifications`. `NotFound` for a broken cursor.
    pub fn notifications(
        &self,
        unread_only: bool,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Paged<Notification>, StoreError> {
        let mut span = Span::all().backwards();
        if let Some(cursor) = cursor {
            span = span.before(row(cursor).ok_or(StoreError::NotFound("cursor"))?);
        }
        let rows = self.snapshot()?;
        let mut items: Vec<Notification> = Vec::new();
        let (mut looked, mut more) = (0, None);
        rows.walk(Tab::Notifications, &span, &mut |key, bytes| {
            looked += 1;
            let found: Notification = codec::decode(Tab::Notifications, key, bytes)?;
            let last = found.id.clone();
            if !unread_only || !found.read {
                items.push(found);
            }
            if items.len() < limit && looked < BUDGET {
                return GO_ON;
            }
            more = Some(last);
            STOP
        })?;
        Ok(Paged { items, next: more })
    }

    /// T notify: opens an incident, or counts it up when one with the same key is open. Tables
    /// `notifications`, `incidents`, `untold`.
    pub async fn open_incident(
        &self,
        incident: Incident,
        now: Timestamp,
    ) -> Result<Notification, StoreError> {
        self.write("open_incident", move |tx| open(tx, incident, now)).await
    }

    /// T notify: closes the open incident with this key, if there is one.
    pub async fn close_incident(
        &self,
        key: String,
        now: Timestamp,
    ) -> Result<Option<Notification>, StoreError> {
        self.write("close_incident", move |tx| close(tx, &key, now)).await
    }

    /// Notifications of which it is not decided yet who is told, oldest first. Table `untold`.
    pub fn untold(&self, limit: usize) -> Result<Vec<Notification>, StoreError> {
        let rows = self.snapshot()?;
        let mut found = Vec::new();
        for (key, _) in rows.rows(Tab::Untold, &Span::all(), limit)? {
            found.extend(rows.record(Tab::Notifications, &key)?);
        }
        Ok(found)
    }
}

fn row(id: &str) -> Option<Vec<u8>> {
    uuid::Uuid::parse_str(id).ok().map(|id| id.as_bytes().to_vec())
}

fn incident_row(key: &str) -> Vec<u8> {
    keys::Key::new().text(key).done()
}

pub(super) fn is_open(rows: &impl Rows, key: &str) -> Result<bool, StoreError> {
    Ok(rows.get(Tab::Incidents, &incident_row(key))?.is_some())
}

pub(super) fn open(tx: &mut Txn<'_>, incident: Incident, now: Timestamp) -> Result<Notification, StoreError> {
    let of_key = incident_row(&incident.key);
    if let Some(row) = tx.get(Tab::Incidents, &of_key)?
        && let Some(mut known) = tx.record::<Notification>(Tab::Notifications, &row)?
    {
        known.count += 1;
        known.error = incident.error.or(known.error);
        known.message = incident.message;
        known.advice = incident.advice;
        tx.put(Tab::Notifications, row, &known)?;
        return Ok(known);
    }
    let (row, new) = write_new(tx, incident, now, None)?;
    tx.put_bytes(Tab::Incidents, of_key, &row)?;
    Ok(new)
}

/// Tells of something that is over as it is told: a recovery.
pub(super) fn tell(tx: &mut Txn<'_>, incident: Incident, now: Timestamp) -> Result<(), StoreError> {
    write_new(tx, incident, now, Some(now)).map(drop)
}

fn write_new(
    tx: &mut Txn<'_>,
    incident: Incident,
    now: Timestamp,
    closed_at: Option<Timestamp>,
) -> Result<(Vec<u8>, Notification), StoreError> {
    let id = tx.uuid(now);
    let row = id.as_bytes().to_vec();
    let new = Notification {
        id: id.to_string(),
        key: incident.key,
        kind: incident.kind.to_owned(),
        channel: incident.channel,
        order_id: incident.order,
        error: incident.error,
        message: incident.message,
        advice: incident.advice,
        count: 1,
        opened_at: now,
        closed_at,
        read: false,
        tellings: Vec::new(),
    };
    tx.put(Tab::Notifications, row.clone(), &new)?;
    tx.put_bytes(Tab::Untold, row.clone(), &[])?;
    tx.memory.notices += 1;
    Ok((row, new))
}

pub(super) fn close(tx: &mut Txn<'_>, key: &str, now: Timestamp) -> Result<Option<Notification>, StoreError> {
    let of_key = incident_row(key);
    let Some(row) = tx.get(Tab::Incidents, &of_key)? else {
        return Ok(None);
    };
    tx.remove(Tab::Incidents, &of_key)?;
    let Some(mut known) = tx.record::<Notification>(Tab::Notifications, &row)? else {
        return Ok(None);
    };
    known.closed_at = Some(now);
    tellings::closing(tx, &row, &mut known, now)?;
    tx.put(Tab::Notifications, row, &known)?;
    tx.memory.notices += 1;
    Ok(Some(known))
}

/// Marks as read; answers whether there is such a notification.
pub(super) fn read(tx: &mut Txn<'_>, id: &str) -> Result<bool, StoreError> {
    let Some(row) = row(id) else { return Ok(false) };
    let Some(known) = tx.record::<Notification>(Tab::Notifications, &row)? else {
        return Ok(false);
    };
    tx.put(Tab::Notifications, row, &Notification { read: true, ..known })?;
    Ok(true)
}

/// Removes at most `limit` notifications that were closed long ago.
pub(super) fn prune(tx: &mut Txn<'_>, limit: usize, now: Timestamp) -> Result<usize, StoreError> {
    let mut gone = Vec::new();
    tx.walk(Tab::Notifications, &Span::all(), &mut |key, bytes| {
        let known: Notification = codec::decode(Tab::Notifications, key, bytes)?;
        if now.since(known.opened_at) < KEPT_FOR || gone.len() == limit {
            return STOP;
        }
        if known.closed_at.is_some_and(|closed| now.since(closed) >= KEPT_FOR) {
            gone.push((key.to_vec(), known));
        }
        GO_ON
    })?;
    for (key, known) in &gone {
        tellings::forget(tx, key, known)?;
        tx.remove(Tab::Notifications, key)?;
        tx.remove(Tab::Untold, key)?;
    }
    Ok(gone.len())
}
