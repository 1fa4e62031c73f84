//! What was searched for, kept out of the address: in memory only, and only for a while.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::session::SessionId;
use crate::model::Timestamp;
use crate::random::Random;

/// Searches that a session remembers, and for how long.
const EACH: usize = 20;
const KEPT: Duration = Duration::from_mins(30);

struct Search {
    id: String,
    words: String,
    at: Timestamp,
}

impl Search {
    fn is_fresh(&self, now: Timestamp) -> bool {
        now.since(self.at) < KEPT
    }
}

/// Those of all sessions, newest first.
#[derive(Default)]
pub struct Searches(Mutex<HashMap<SessionId, VecDeque<Search>>>);

impl Searches {
    fn kept(&self) -> MutexGuard<'_, HashMap<SessionId, VecDeque<Search>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers the id that stands for the words in the address.
    pub fn remember(&self, session: &SessionId, words: String, random: &Random, now: Timestamp) -> String {
        let search = Search { id: random.token(9), words, at: now };
        let name = search.id.clone();
        let mut kept = self.kept();
        kept.retain(|_, searches| searches.front().is_some_and(|newest| newest.is_fresh(now)));
        let own = kept.entry(*session).or_default();
        own.push_front(search);
        own.truncate(EACH);
        name
    }

    /// The words of a search. `None` once it is forgotten, and in another browser.
    pub fn recall(&self, session: &SessionId, search: &str, now: Timestamp) -> Option<String> {
        let kept = self.kept();
        let found = kept.get(session)?.iter().find(|kept| kept.id == search && kept.is_fresh(now))?;
        Some(found.words.clone())
    }

    pub fn forget(&self, session: &SessionId) {
        self.kept().remove(session);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_known_to_its_own_session_for_a_while() {
        let (searches, random) = (Searches::default(), Random::seeded(1));
        let (mine, at) = ([1; 32], Timestamp::from_secs);
        let search = searches.remember(&mine, "María".to_owned(), &random, at(0));
        assert_eq!(searches.recall(&mine, &search, at(60)).as_deref(), Some("María"));
        assert_eq!(searches.recall(&[0; 32], &search, at(60)), None);
        assert_eq!(searches.recall(&mine, &search, at(1_800)), None);
        searches.remember(&[0; 32], "José".to_owned(), &random, at(1_800));
        assert_eq!(searches.kept().len(), 1, "what is forgotten takes no room");
    }
}
