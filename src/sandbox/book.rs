//! A stand's orders: by id, and by the time of their last change.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::model::Timestamp;

/// Most orders that a stand holds.
pub const MOST_ORDERS: usize = 200_000;

/// The stand is full: place fewer orders, or let it drop the oldest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sandbox holds {MOST_ORDERS} orders already")]
pub struct Full;

/// Orders under a serial number (the order of placing), with a name, and with an index of changes.
#[derive(Debug)]
pub struct Book<T> {
    orders: BTreeMap<u64, Entry<T>>,
    by_name: HashMap<String, u64>,
    by_change: BTreeSet<(Timestamp, u64)>,
    next: u64,
    drop_oldest: bool,
}

#[derive(Debug)]
struct Entry<T> {
    name: String,
    changed_at: Timestamp,
    order: T,
}

impl<T> Book<T> {
    /// With `drop_oldest` a full book makes room; else it refuses.
    pub fn new(drop_oldest: bool) -> Self {
        Self {
            orders: BTreeMap::new(),
            by_name: HashMap::new(),
            by_change: BTreeSet::new(),
            next: 1,
            drop_oldest,
        }
    }

    pub fn len(&self) -> usize {
        self.orders.len()
    }

    pub fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }

    pub fn insert(&mut self, name: &str, changed_at: Timestamp, order: T) -> Result<(), Full> {
        if self.orders.len() >= MOST_ORDERS {
            if !self.drop_oldest {
                return Err(Full);
            }
            let oldest = self.orders.first_key_value().map(|(_, entry)| entry.name.clone());
            oldest.and_then(|name| self.remove(&name));
        }
        let serial = self.next;
        self.next += 1;
        self.by_name.insert(name.to_owned(), serial);
        self.by_change.insert((changed_at, serial));
        self.orders.insert(serial, Entry { name: name.to_owned(), changed_at, order });
        Ok(())
    }

    pub fn get(&self, name: &str) -> Option<&T> {
        Some(&self.orders.get(self.by_name.get(name)?)?.order)
    }

    pub fn changed_at(&self, name: &str) -> Option<Timestamp> {
        Some(self.orders.get(self.by_name.get(name)?)?.changed_at)
    }

    /// Changes an order and moves it to `changed_at` in the index. `None` when it is not there.
    pub fn change<R>(
        &mut self,
        name: &str,
        changed_at: Timestamp,
        change: impl FnOnce(&mut T) -> R,
    ) -> Option<R> {
        let serial = *self.by_name.get(name)?;
        let entry = self.orders.get_mut(&serial)?;
        self.by_change.remove(&(entry.changed_at, serial));
        entry.changed_at = changed_at;
        self.by_change.insert((changed_at, serial));
        Some(change(&mut entry.order))
    }

    /// Changes an order without the marketplace noticing: the index stays.
    pub fn touch<R>(&mut self, name: &str, change: impl FnOnce(&mut T) -> R) -> Option<R> {
        let serial = self.by_name.get(name)?;
        Some(change(&mut self.orders.get_mut(serial)?.order))
    }

    pub fn remove(&mut self, name: &str) -> Option<T> {
        let serial = self.by_name.remove(name)?;
        let entry = self.orders.remove(&serial)?;
        self.by_change.remove(&(entry.changed_at, serial));
        Some(entry.order)
    }

    /// In the order of placing.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.orders.values().map(|entry| &entry.order)
    }

    /// Placed after the order called `name`; all when the name is unknown or absent.
    pub fn after(&self, name: Option<&str>) -> impl Iterator<Item = &T> {
        let from = name.and_then(|name| self.by_name.get(name)).map_or(0, |serial| serial + 1);
        self.orders.range(from..).map(|(_, entry)| &entry.order)
    }

    /// Changed at `from` or later, earliest change first.
    pub fn changed_since(&self, from: Timestamp) -> impl Iterator<Item = (Timestamp, &T)> {
        self.by_change
            .range((from, 0)..)
            .filter_map(|(at, serial)| Some((*at, &self.orders.get(serial)?.order)))
    }

    /// The `nth` newest order, from 0.
    pub fn nth_newest(&self, nth: usize) -> Option<&T> {
        self.orders.values().rev().nth(nth).map(|entry| &entry.order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_moves_an_order_to_the_end() {
        let mut book = Book::new(false);
        for (name, at) in [("a", 1), ("b", 2), ("c", 3)] {
            book.insert(name, Timestamp::from_secs(at), name).unwrap();
        }
        book.change("a", Timestamp::from_secs(9), |_| ());
        let seen: Vec<_> = book.changed_since(Timestamp::from_secs(2)).map(|(_, name)| *name).collect();
        assert_eq!(seen, ["b", "c", "a"]);
        assert_eq!(book.after(Some("a")).copied().collect::<Vec<_>>(), ["b", "c"]);
        assert_eq!(book.remove("b"), Some("b"));
        assert_eq!(book.changed_since(Timestamp::EPOCH).count(), 2);
    }
}
