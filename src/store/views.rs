//! The derived tables behind lists, counts and search. Kept in the transaction that changes an
//! order; can be made anew from the orders.

use super::orders::updated_at;
use super::rows::Rows;
use super::tables::Tab;
use super::txn::Txn;
use super::{StoreError, keys, search};
use crate::model::{ChannelId, Order, OrderKey, OrderStatus, PaymentStatus, Person, SyncState, Timestamp};

/// What an order is listed and counted under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facet {
    pub(super) status: OrderStatus,
    pub(super) payment_status: PaymentStatus,
    pub(super) sync_state: SyncState,
}

impl Facet {
    pub(super) fn of(order: &Order) -> Self {
        Self { status: order.status, payment_status: order.payment_status, sync_state: order.sync.state }
    }

    /// The key in `counts` and the prefix in `facets`.
    pub(super) fn key(self, channel: &ChannelId) -> keys::Key {
        keys::Key::of(channel)
            .byte(self.status as u8)
            .byte(self.payment_status as u8)
            .byte(self.sync_state as u8)
    }

    /// Reads the three bytes after the channel.
    pub(super) fn cut(cut: &mut keys::Cut<'_>) -> Option<Self> {
        let status = *OrderStatus::ALL.get(usize::from(cut.byte()?))?;
        let payment_status = *PaymentStatus::ALL.get(usize::from(cut.byte()?))?;
        let sync_state = *SyncState::ALL.get(usize::from(cut.byte()?))?;
        Some(Self { status, payment_status, sync_state })
    }
}

fn facet_row(order: &Order) -> Vec<u8> {
    Facet::of(order).key(&order.key.channel).newest(order.placed_at).text(order.key.order.as_str()).done()
}

/// The value of a facet row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamps {
    pub(super) updated_at: Timestamp,
    pub(super) read_at: Timestamp,
}

impl Stamps {
    fn of(order: &Order) -> Self {
        Self { updated_at: updated_at(order), read_at: order.version.read_at }
    }

    fn bytes(self) -> Vec<u8> {
        keys::Key::new().time(self.updated_at).time(self.read_at).done()
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut cut = keys::Cut(bytes);
        Some(Self { updated_at: cut.time()?, read_at: cut.time()? })
    }
}

fn updated_row(order: &Order) -> Vec<u8> {
    keys::placed(keys::Key::new(), updated_at(order), &order.key)
}

fn placed_value(order: &Order) -> Vec<u8> {
    keys::Key::new().time(order.placed_at).done()
}

/// Brings the views from `before` to `after`, touching only what differs.
pub(super) fn replace(
    tx: &mut Txn<'_>,
    before: Option<(&Order, &Person)>,
    after: (&Order, &Person),
) -> Result<(), StoreError> {
    let old = before.map(|(order, _)| order);
    replace_facet(tx, old, after.0)?;
    let row = (updated_row(after.0), placed_value(after.0));
    let old_row = old.map(|old| (updated_row(old), placed_value(old)));
    if old_row.as_ref() != Some(&row) {
        if let Some((old_key, _)) = old_row.filter(|(key, _)| *key != row.0) {
            tx.remove(Tab::Updated, &old_key)?;
        }
        tx.put_bytes(Tab::Updated, row.0, &row.1)?;
    }
    search::replace(tx, before, after)
}

fn replace_facet(tx: &mut Txn<'_>, old: Option<&Order>, new: &Order) -> Result<(), StoreError> {
    let row = facet_row(new);
    let moved = match old {
        None => true,
        Some(old) if facet_row(old) != row => {
            tx.remove(Tab::Facets, &facet_row(old))?;
            true
        }
        Some(_) => false,
    };
    if moved || old.map(Stamps::of) != Some(Stamps::of(new)) {
        tx.put_bytes(Tab::Facets, row, &Stamps::of(new).bytes())?;
    }
    if old.map(Facet::of) != Some(Facet::of(new)) {
        if let Some(old) = old {
            count(tx, old, -1)?;
        }
        count(tx, new, 1)?;
    }
    Ok(())
}

fn count(tx: &mut Txn<'_>, order: &Order, by: i64) -> Result<(), StoreError> {
    let key = Facet::of(order).key(&order.key.channel).done();
    let count = tx.number(Tab::Counts, &key)?.unwrap_or(0).saturating_add_signed(by);
    if count == 0 {
        tx.remove(Tab::Counts, &key)?;
        return Ok(());
    }
    tx.put_number(Tab::Counts, key, count)
}

/// Every combination that occurs, with its count.
pub(super) fn combinations(
    rows: &impl Rows,
    channel: Option<&ChannelId>,
) -> Result<Vec<(ChannelId, Facet, u64)>, StoreError> {
    use super::rows::{GO_ON, Span, to_number};
    let span = channel.map_or_else(Span::all, |channel| Span::prefix(keys::Key::of(channel).done()));
    let mut found = Vec::new();
    rows.walk(Tab::Counts, &span, &mut |key, value| {
        let mut cut = keys::Cut(key);
        let parsed = cut.channel().and_then(|channel| Some((channel, Facet::cut(&mut cut)?)));
        let (channel, facet) =
            parsed.ok_or_else(|| super::codec::corrupt(Tab::Counts, key, "its key is unknown"))?;
        found.push((channel, facet, to_number(Tab::Counts, key, value)?));
        GO_ON
    })?;
    Ok(found)
}

/// The views' rows of one order, for the check against a recount.
pub(super) fn rows_of(
    keyring: &super::crypt::Keyring,
    order: &Order,
    person: &Person,
) -> Vec<(Tab, Vec<u8>, Vec<u8>)> {
    let mut rows = vec![
        (Tab::Facets, facet_row(order), Stamps::of(order).bytes()),
        (Tab::Updated, updated_row(order), placed_value(order)),
    ];
    rows.extend(
        search::rows_of(keyring, order, person)
            .into_iter()
            .map(|(tab, key)| (Tab::ALL[tab], key, Vec::new())),
    );
    rows
}

/// The order that a position in a list names: when it was placed, and its key.
pub(super) fn position(order: &OrderKey, placed_at: Timestamp) -> Vec<u8> {
    keys::placed(keys::Key::new(), placed_at, order)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These bytes are in every store: variants may be added at the end only.
    #[test]
    fn the_bytes_of_facets_are_frozen() {
        let words: Vec<_> = OrderStatus::ALL.iter().map(|v| v.as_str()).collect();
        assert_eq!(words, ["pending", "accepted", "shipped", "delivered", "cancelled"]);
        let words: Vec<_> = PaymentStatus::ALL.iter().map(|v| v.as_str()).collect();
        assert_eq!(words, ["pending", "paid", "partially_refunded", "refunded"]);
        let words: Vec<_> = SyncState::ALL.iter().map(|v| v.as_str()).collect();
        assert_eq!(words, ["synced", "pending", "failed", "missing"]);
        let words: Vec<_> = crate::model::Lane::ALL.iter().map(|v| v.as_str()).collect();
        assert_eq!(words, ["manual", "action", "webhook", "poll", "bulk"]);
        assert_eq!(crate::model::Lane::Bulk as u8, 4);
    }
}
