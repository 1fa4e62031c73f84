//! Who is signed in: in memory only, by the hash of the cookie's secret.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::csrf::Token;
use crate::model::Timestamp;
use crate::random::Random;
use crate::web::{Caller, sha256};

/// Without a page opened by hand.
const IDLE: Duration = Duration::from_hours(12);
const LONGEST: Duration = Duration::from_hours(7 * 24);
const AT_ONCE: usize = 1_000;
/// Searches that a session remembers, and for how long.
const SEARCHES: usize = 20;
const SEARCH_KEPT: Duration = Duration::from_mins(30);

/// What a session's cookie hashes to.
pub type SessionId = [u8; 32];

/// A session, as a request sees it.
#[derive(Clone)]
pub struct Session {
    pub id: SessionId,
    pub caller: Caller,
    pub token: Token,
}

struct Kept {
    session: Session,
    began: Timestamp,
    seen: Timestamp,
    searches: VecDeque<Search>,
}

struct Search {
    id: String,
    words: String,
    at: Timestamp,
}

/// All of them.
#[derive(Default)]
pub struct Sessions(Mutex<HashMap<SessionId, Kept>>);

impl Sessions {
    fn kept(&self) -> MutexGuard<'_, HashMap<SessionId, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers the cookie's secret, which is kept nowhere.
    pub fn begin(&self, caller: Caller, random: &Random, now: Timestamp) -> String {
        let secret = random.token(32);
        let id = sha256(secret.as_bytes());
        let session = Session { id, caller, token: Token::new(random) };
        let mut kept = self.kept();
        kept.retain(|_, kept| kept.is_good(now));
        if kept.len() >= AT_ONCE
            && let Some(oldest) = kept.iter().min_by_key(|(_, kept)| kept.seen).map(|(id, _)| *id)
        {
            kept.remove(&oldest);
        }
        kept.insert(id, Kept { session, began: now, seen: now, searches: VecDeque::new() });
        secret
    }

    /// `by_hand`: a person does something, which keeps the session from idling out.
    pub fn find(&self, secret: &str, now: Timestamp, by_hand: bool) -> Option<Session> {
        let id = sha256(secret.as_bytes());
        let mut kept = self.kept();
        let found = kept.get_mut(&id)?;
        if !found.is_good(now) {
            kept.remove(&id);
            return None;
        }
        if by_hand {
            found.seen = now;
        }
        Some(found.session.clone())
    }

    pub fn end(&self, id: &SessionId) {
        self.kept().remove(id);
    }

    /// Ends the sessions of callers that may not stay.
    pub fn keep_only(&self, may_stay: impl Fn(&Caller) -> bool) {
        self.kept().retain(|_, kept| may_stay(&kept.session.caller));
    }

    /// Keeps the words of a search out of the address; answers the id that stands for them there.
    pub fn remember(&self, id: &SessionId, words: String, random: &Random, now: Timestamp) -> String {
        let search = Search { id: random.token(9), words, at: now };
        let name = search.id.clone();
        if let Some(kept) = self.kept().get_mut(id) {
            kept.searches.push_front(search);
            kept.searches.truncate(SEARCHES);
        }
        name
    }

    /// The words of a search. `None` once it is forgotten, and in another browser.
    pub fn recall(&self, id: &SessionId, search: &str, now: Timestamp) -> Option<String> {
        let kept = self.kept();
        let mut searches = kept.get(id)?.searches.iter();
        let found = searches.find(|kept| kept.id == search && now.since(kept.at) < SEARCH_KEPT)?;
        Some(found.words.clone())
    }
}

impl Kept {
    fn is_good(&self, now: Timestamp) -> bool {
        now.since(self.seen) < IDLE && now.since(self.began) < LONGEST
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Role;

    fn ana() -> Caller {
        Caller { id: "user:ana".to_owned(), name: "ana".to_owned(), role: Role::Operator }
    }

    fn hours(hours: i64) -> Timestamp {
        Timestamp::from_secs(hours * 3_600)
    }

    #[test]
    fn a_session_idles_out_and_does_not_outlive_a_week() {
        let (sessions, random) = (Sessions::default(), Random::seeded(1));
        let secret = sessions.begin(ana(), &random, hours(0));
        assert!(sessions.find("another", hours(0), true).is_none());
        assert!(sessions.find(&secret, hours(11), true).is_some());
        assert!(sessions.find(&secret, hours(22), false).is_some());
        assert!(sessions.find(&secret, hours(23), false).is_none());
        let secret = sessions.begin(ana(), &random, hours(0));
        for hour in (0..168).step_by(10) {
            assert!(sessions.find(&secret, hours(hour), true).is_some(), "{hour}");
        }
        assert!(sessions.find(&secret, hours(168), true).is_none());
    }

    #[test]
    fn sessions_end_with_what_they_stand_on() {
        let (sessions, random) = (Sessions::default(), Random::seeded(1));
        let secret = sessions.begin(ana(), &random, hours(0));
        sessions.keep_only(|caller| caller.role == Role::Operator);
        assert!(sessions.find(&secret, hours(1), true).is_some());
        sessions.keep_only(|caller| caller.id != "user:ana");
        assert!(sessions.find(&secret, hours(1), true).is_none());
    }

    #[test]
    fn a_search_is_known_to_its_own_session_for_a_while() {
        let (sessions, random) = (Sessions::default(), Random::seeded(1));
        let secret = sessions.begin(ana(), &random, hours(0));
        let mine = sessions.find(&secret, hours(0), true).expect("signed in").id;
        let search = sessions.remember(&mine, "María".to_owned(), &random, hours(0));
        assert_eq!(sessions.recall(&mine, &search, hours(0)).as_deref(), Some("María"));
        assert_eq!(sessions.recall(&[0; 32], &search, hours(0)), None);
        assert_eq!(sessions.recall(&mine, &search, hours(1)), None);
    }
}
