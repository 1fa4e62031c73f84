//! How often somebody may try to sign in.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::model::Timestamp;

const TRIES: usize = 5;
const WITHIN: Duration = Duration::from_mins(1);
/// Names and addresses remembered at the same time.
const REMEMBERED: usize = 4_096;

/// Recent tries, by user name and by address.
#[derive(Default)]
pub struct Attempts(Mutex<HashMap<String, Vec<Timestamp>>>);

impl Attempts {
    /// Notes a try under each of these names. `Err`: how long to wait; the try is not made.
    pub fn begin(&self, names: &[String], now: Timestamp) -> Result<(), Duration> {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tries.retain(|_, at| {
            at.retain(|at| now.since(*at) < WITHIN);
            !at.is_empty()
        });
        let full = |name: &String| {
            let tries = tries.get(name).filter(|tries| tries.len() >= TRIES)?;
            tries.first().map(|oldest| WITHIN.saturating_sub(now.since(*oldest)))
        };
        if let Some(wait) = names.iter().filter_map(full).max() {
            return Err(wait);
        }
        // A flood of made-up names must not fill the memory, nor lock out who is remembered.
        if tries.len() + names.len() > REMEMBERED {
            return Err(WITHIN);
        }
        for name in names {
            tries.entry(name.clone()).or_default().push(now);
        }
        Ok(())
    }

    /// After a success the name starts afresh.
    pub fn forgive(&self, names: &[String]) {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for name in names {
            tries.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_try_within_a_minute_waits() {
        let attempts = Attempts::default();
        let names = ["user ana".to_owned(), "from 127.0.0.1".to_owned()];
        let at = Timestamp::from_secs;
        for second in 0..5 {
            assert_eq!(attempts.begin(&names, at(second)), Ok(()));
        }
        assert_eq!(attempts.begin(&names, at(10)), Err(Duration::from_secs(50)));
        assert_eq!(attempts.begin(&["user luis".to_owned()], at(10)), Ok(()));
        assert_eq!(attempts.begin(&names, at(60)), Ok(()));
    }

    #[test]
    fn a_success_is_forgiven() {
        let attempts = Attempts::default();
        let names = ["user ana".to_owned()];
        for _ in 0..5 {
            assert_eq!(attempts.begin(&names, Timestamp::EPOCH), Ok(()));
        }
        attempts.forgive(&names);
        assert_eq!(attempts.begin(&names, Timestamp::EPOCH), Ok(()));
    }
}
