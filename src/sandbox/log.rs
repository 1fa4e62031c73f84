//! A bounded list of records: the newest are kept, all are counted.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many records of each sort are kept.
pub const KEPT: usize = 50_000;

/// Newest last. When full, the oldest record goes; `total` still counts it.
#[derive(Debug)]
pub struct Log<T> {
    inner: Mutex<Inner<T>>,
}

#[derive(Debug)]
struct Inner<T> {
    entries: VecDeque<T>,
    total: u64,
}

impl<T> Default for Log<T> {
    fn default() -> Self {
        Self { inner: Mutex::new(Inner { entries: VecDeque::new(), total: 0 }) }
    }
}

impl<T: Clone> Log<T> {
    pub fn push(&self, entry: T) {
        let mut inner = locked(&self.inner);
        if inner.entries.len() == KEPT {
            inner.entries.pop_front();
        }
        inner.entries.push_back(entry);
        inner.total += 1;
    }

    /// How many there ever were since the last `clear`.
    pub fn total(&self) -> u64 {
        locked(&self.inner).total
    }

    pub fn all(&self) -> Vec<T> {
        locked(&self.inner).entries.iter().cloned().collect()
    }

    pub fn filtered(&self, wanted: impl Fn(&T) -> bool) -> Vec<T> {
        locked(&self.inner).entries.iter().filter(|entry| wanted(entry)).cloned().collect()
    }

    pub fn clear(&self) {
        let mut inner = locked(&self.inner);
        inner.entries.clear();
        inner.total = 0;
    }
}

/// A stand that panicked in a test must still show its records to the test.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
