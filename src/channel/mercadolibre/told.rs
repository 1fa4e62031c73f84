//! What an earlier walk of a list has told already, so that it is not told again on each poll.

use std::collections::HashMap;
use std::hash::Hash;

use crate::model::Timestamp;

/// Remembers entries with the mark they carried. Only a walk that was stored to its end counts,
/// and its proof is that the next one begins where it said: the caller moves the beginning in the
/// transaction that stored the last page. Forgotten on restart, which costs some reading only.
pub struct Told<K, M> {
    settled: HashMap<K, M>,
    walking: HashMap<K, M>,
    /// Where the next walk begins when this one was stored to its end.
    next_from: Option<Timestamp>,
}

impl<K: Eq + Hash, M: PartialEq> Told<K, M> {
    pub fn new() -> Self {
        Self { settled: HashMap::new(), walking: HashMap::new(), next_from: None }
    }

    /// A walk begins at `from`.
    pub fn begin(&mut self, from: Timestamp) {
        let walked = std::mem::take(&mut self.walking);
        if self.next_from.take() == Some(from) {
            self.settled = walked;
        }
    }

    /// Notes an entry; true when it was not told with this mark before.
    pub fn is_news(&mut self, entry: K, mark: M) -> bool {
        let told = [&self.settled, &self.walking].into_iter().any(|told| told.get(&entry) == Some(&mark));
        self.walking.insert(entry, mark);
        !told
    }

    /// The walk has come to its end.
    pub fn end(&mut self, next_from: Timestamp) {
        self.next_from = Some(next_from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn an_entry_is_told_again_only_when_its_mark_changed() {
        let mut told = Told::new();
        told.begin(at(0));
        assert!(told.is_news("a", 1));
        told.end(at(10));
        told.begin(at(10));
        assert!(!told.is_news("a", 1));
        assert!(told.is_news("b", 1));
        told.end(at(10));
        told.begin(at(10));
        assert!(told.is_news("a", 2));
        assert!(!told.is_news("b", 1));
    }

    #[test]
    fn a_walk_that_was_not_stored_to_its_end_does_not_count() {
        let mut told = Told::new();
        told.begin(at(0));
        assert!(told.is_news("a", 1));
        told.begin(at(0));
        assert!(told.is_news("a", 1), "broken off");
        told.end(at(10));
        told.begin(at(0));
        assert!(told.is_news("a", 1), "the last page was not stored");
    }
}
