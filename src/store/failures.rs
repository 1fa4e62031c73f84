//! Work that failed: waiting for its next attempt, or parked until a person acts.

use super::rows::{GO_ON, Rows, STOP, Span};
use super::tables::Tab;
use super::txn::Txn;
use super::{FailedWhat, FailureRow, Paged, Store, StoreError, codec, keys};
use crate::model::{ActionId, ChannelId, OrderKey, SyncError, Timestamp};

/// Row of `meta`: when a failure was last cured.
const CURED: &[u8] = b"cured";
/// Rows looked at for one page.
const BUDGET: usize = 5_000;

impl Store {
    /// Newest first. Table `failures`. `NotFound` for a broken cursor.
    pub fn failures(
        &self,
        channel: Option<&ChannelId>,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Paged<FailureRow>, StoreError> {
        let mut span = Span::all().backwards();
        if let Some(cursor) = cursor {
            span = span.before(row(cursor).ok_or(StoreError::NotFound("cursor"))?);
        }
        let rows = self.snapshot()?;
        let mut items: Vec<FailureRow> = Vec::new();
        let (mut looked, mut more) = (0, None);
        rows.walk(Tab::Failures, &span, &mut |key, bytes| {
            looked += 1;
            let found: FailureRow = codec::decode(Tab::Failures, key, bytes)?;
            let last = found.id.clone();
            if channel.is_none_or(|channel| *channel == found.channel) {
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

    /// Table `failures`.
    pub fn failure(&self, id: &str) -> Result<Option<FailureRow>, StoreError> {
        by_id(&self.snapshot()?, id)
    }

    /// When a failure was last over because its work succeeded. Table `meta`.
    pub fn last_cured(&self) -> Result<Option<Timestamp>, StoreError> {
        let at = self.snapshot()?.number(Tab::Meta, CURED)?;
        Ok(at.map(|ms| Timestamp::from_millis(ms.cast_signed())))
    }
}

/// What a failure is about; there is one row for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Sync(OrderKey),
    Action(ActionId, OrderKey),
    Poll(ChannelId),
}

impl Subject {
    fn row(&self) -> Vec<u8> {
        let text = match self {
            Self::Sync(order) => format!("sync:{order}"),
            Self::Action(action, _) => format!("action:{action}"),
            Self::Poll(channel) => format!("poll:{channel}"),
        };
        keys::Key::new().text(&text).done()
    }

    pub(super) fn of(failure: &FailureRow) -> Option<Self> {
        match failure.what {
            FailedWhat::Sync => failure.order_id.clone().map(Self::Sync),
            FailedWhat::Action => Some(Self::Action(failure.action_id?, failure.order_id.clone()?)),
            FailedWhat::Poll => Some(Self::Poll(failure.channel.clone())),
        }
    }

    fn what(&self) -> FailedWhat {
        match self {
            Self::Sync(_) => FailedWhat::Sync,
            Self::Action(..) => FailedWhat::Action,
            Self::Poll(_) => FailedWhat::Poll,
        }
    }

    fn order(&self) -> Option<&OrderKey> {
        match self {
            Self::Sync(order) | Self::Action(_, order) => Some(order),
            Self::Poll(_) => None,
        }
    }

    fn channel(&self) -> &ChannelId {
        match self {
            Self::Sync(order) | Self::Action(_, order) => &order.channel,
            Self::Poll(channel) => channel,
        }
    }
}

fn row(id: &str) -> Option<Vec<u8>> {
    uuid::Uuid::parse_str(id).ok().map(|id| id.as_bytes().to_vec())
}

pub(super) fn of(rows: &impl Rows, subject: &Subject) -> Result<Option<FailureRow>, StoreError> {
    match rows.get(Tab::FailureOf, &subject.row())? {
        Some(id) => rows.record(Tab::Failures, &id),
        None => Ok(None),
    }
}

pub(super) fn by_id(rows: &impl Rows, id: &str) -> Result<Option<FailureRow>, StoreError> {
    match row(id) {
        Some(row) => rows.record(Tab::Failures, &row),
        None => Ok(None),
    }
}

/// Notes a failed attempt. `error.retry_at` is when it is tried again; `None` when it is parked.
pub(super) fn put(
    tx: &mut Txn<'_>,
    subject: &Subject,
    error: SyncError,
    attempts: u32,
    now: Timestamp,
) -> Result<(), StoreError> {
    let known = tx.get(Tab::FailureOf, &subject.row())?;
    let key = known.clone().unwrap_or_else(|| tx.uuid(now).as_bytes().to_vec());
    let id =
        uuid::Uuid::from_slice(&key).map_err(|_| codec::corrupt(Tab::FailureOf, &key, "it is not an id"))?;
    let failure = FailureRow {
        id: id.to_string(),
        what: subject.what(),
        channel: subject.channel().clone(),
        order_id: subject.order().cloned(),
        action_id: match subject {
            Subject::Action(action, _) => Some(*action),
            _ => None,
        },
        next_attempt_at: error.retry_at,
        error,
        attempts,
        failed_at: now,
    };
    if known.is_none() {
        tx.put_bytes(Tab::FailureOf, subject.row(), &key)?;
    }
    tx.put(Tab::Failures, key, &failure)
}

/// The work succeeded. Answers the row that was there.
pub(super) fn cure(
    tx: &mut Txn<'_>,
    subject: &Subject,
    now: Timestamp,
) -> Result<Option<FailureRow>, StoreError> {
    let cured = clear(tx, subject)?;
    if cured.is_some() {
        tx.put_number(Tab::Meta, CURED.to_vec(), now.as_millis().cast_unsigned())?;
    }
    Ok(cured)
}

/// As `cure`, or given up by a person.
pub(super) fn clear(tx: &mut Txn<'_>, subject: &Subject) -> Result<Option<FailureRow>, StoreError> {
    let of_subject = subject.row();
    let Some(id) = tx.get(Tab::FailureOf, &of_subject)? else {
        return Ok(None);
    };
    tx.remove(Tab::FailureOf, &of_subject)?;
    tx.take(Tab::Failures, &id)
}

/// All failures, for retrying them.
pub(super) fn all(rows: &impl Rows, channel: Option<&ChannelId>) -> Result<Vec<FailureRow>, StoreError> {
    let mut found = Vec::new();
    rows.walk(Tab::Failures, &Span::all(), &mut |key, bytes| {
        let failure: FailureRow = codec::decode(Tab::Failures, key, bytes)?;
        if channel.is_none_or(|channel| *channel == failure.channel) {
            found.push(failure);
        }
        GO_ON
    })?;
    Ok(found)
}
