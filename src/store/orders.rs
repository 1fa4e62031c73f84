//! Stored orders with their personal data, and the one way of changing them.

use super::rows::Rows;
use super::tables::Tab;
use super::txn::Txn;
use super::{Store, StoreError, keys, timeline, views};
use crate::model::{Event, Order, OrderKey, OrderStatus, Person, SyncState, Timestamp};

impl Store {
    /// An order with its personal data. Tables `orders`, `persons`.
    pub fn order(&self, key: &OrderKey) -> Result<Option<(Order, Person)>, StoreError> {
        load(&self.snapshot()?, key)
    }
}

pub(super) fn load(rows: &impl Rows, key: &OrderKey) -> Result<Option<(Order, Person)>, StoreError> {
    let row = keys::order(key);
    let Some(order) = rows.record::<Order>(Tab::Orders, &row)? else {
        return Ok(None);
    };
    let person = rows.sealed::<Person>(Tab::Persons, &row)?.unwrap_or_default();
    Ok(Some((order, person)))
}

/// When the marketplace last changed the order, else when its content last changed here.
pub(super) fn updated_at(order: &Order) -> Timestamp {
    order.version.changed_at.unwrap_or(order.stored_at)
}

/// Since when the order has been at its end, as far as it can be told: the retention of personal
/// data runs from then. Where no delivery is announced, a shipped order counts as delivered after
/// a week.
pub(super) fn ended_at(order: &Order) -> Option<Timestamp> {
    let changed = updated_at(order).min(order.stored_at);
    match order.status {
        OrderStatus::Delivered | OrderStatus::Cancelled => Some(changed),
        OrderStatus::Shipped => Some(changed.plus(std::time::Duration::from_hours(24 * 7))),
        OrderStatus::Pending | OrderStatus::Accepted => None,
    }
}

/// An order being changed inside a transaction. Nothing is written before `save`.
pub(super) struct Draft {
    pub(super) before: Option<(Order, Person)>,
    pub(super) order: Order,
    pub(super) person: Person,
    pub(super) events: Vec<Event>,
}

impl Draft {
    pub(super) fn open(rows: &impl Rows, key: &OrderKey) -> Result<Option<Self>, StoreError> {
        let stored = load(rows, key)?;
        Ok(stored.map(|(order, person)| Self {
            before: Some((order.clone(), person.clone())),
            order,
            person,
            events: Vec::new(),
        }))
    }

    /// An order that is not stored yet. `events` were waiting for it.
    pub(super) fn create(order: Order, person: Person, events: Vec<Event>) -> Self {
        Self { before: None, order, person, events }
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.events.push(event);
    }

    pub(super) fn tell_all(&mut self, events: impl IntoIterator<Item = Event>) {
        self.events.extend(events);
    }

    /// Work for the order is due.
    pub(super) fn pending(&mut self) {
        self.order.sync.state = SyncState::Pending;
    }

    /// Writes what changed: `orders`, `persons`, `timeline`, the retention and the views.
    pub(super) fn save(mut self, tx: &mut Txn<'_>) -> Result<Order, StoreError> {
        let key = self.order.key.clone();
        if self.order.erased {
            self.person = Person::default();
        }
        self.order.next_seq = timeline::append(tx, &key, self.order.next_seq, self.events)?;
        let before = self.before.as_ref().map(|(order, person)| (order, person));
        let row = keys::order(&key);
        if before.is_none_or(|(order, _)| *order != self.order) {
            tx.put(Tab::Orders, row.clone(), &self.order)?;
        }
        let had_person = before.map_or(Person::default(), |(_, person)| person.clone());
        if had_person != self.person {
            if self.person == Person::default() {
                tx.remove(Tab::Persons, &row)?;
            } else {
                tx.put_sealed(Tab::Persons, row, &self.person)?;
            }
        }
        note_end(tx, before.map(|(order, _)| order), &self.order, self.person != Person::default())?;
        views::replace(tx, before, (&self.order, &self.person))?;
        Ok(self.order)
    }
}

/// Keeps `ended` and `retention`: a row exactly while there is personal data of an ended order.
/// Later changes of an ended order do not prolong its retention.
fn note_end(
    tx: &mut Txn<'_>,
    before: Option<&Order>,
    after: &Order,
    has_person: bool,
) -> Result<(), StoreError> {
    let row = keys::order(&after.key);
    let known = tx.number(Tab::Ended, &row)?.map(|ms| Timestamp::from_millis(ms.cast_signed()));
    let same_status = before.is_some_and(|order| order.status == after.status);
    let ended = match ended_at(after) {
        Some(at) if has_person => Some(known.filter(|_| same_status).unwrap_or(at)),
        _ => None,
    };
    if known == ended {
        return Ok(());
    }
    if let Some(known) = known {
        tx.remove(Tab::Retention, &keys::retention(&after.key, known))?;
        tx.remove(Tab::Ended, &row)?;
    }
    if let Some(ended) = ended {
        tx.put_bytes(Tab::Retention, keys::retention(&after.key, ended), &[])?;
        tx.put_number(Tab::Ended, row, ended.as_millis().cast_unsigned())?;
    }
    Ok(())
}
