//! When a dead child is started again: back-off, and how much dying is too much. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::Timestamp;

/// Back-off of one child: 1 s, doubled with each death, at most 5 min, forgotten after 10 min up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backoff {
    deaths: u32,
    started_at: Option<Timestamp>,
}

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(5);
const FORGIVEN_AFTER: Duration = Duration::from_mins(10);

impl Backoff {
    pub fn started(&mut self, now: Timestamp) {
        self.started_at = Some(now);
    }

    /// The wait before the next start, without jitter.
    pub fn died(&mut self, now: Timestamp) -> Duration {
        if self.started_at.is_some_and(|at| now.since(at) >= FORGIVEN_AFTER) {
            self.deaths = 0;
        }
        self.deaths = self.deaths.saturating_add(1);
        FIRST.saturating_mul(1 << (self.deaths - 1).min(16)).min(LONGEST)
    }
}

/// More than `most` deaths within `within` means that restarting does not help.
#[derive(Clone, Debug)]
pub struct Intensity {
    most: usize,
    within: Duration,
    deaths: VecDeque<Timestamp>,
}

impl Intensity {
    pub fn new(most: usize, within: Duration) -> Self {
        Self { most, within, deaths: VecDeque::with_capacity(most + 1) }
    }

    /// Counts a death. True when it was one too many.
    pub fn exceeded_by_death(&mut self, now: Timestamp) -> bool {
        self.deaths.retain(|at| now.since(*at) < self.within);
        self.deaths.push_back(now);
        self.deaths.len() > self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn the_back_off_doubles_to_its_cap_and_is_forgiven_after_a_while_up() {
        let mut backoff = Backoff::default();
        backoff.started(at(0));
        let waits: Vec<u64> = (0..12).map(|_| backoff.died(at(1)).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        backoff.started(at(100));
        assert_eq!(backoff.died(at(701)).as_secs(), 1);
    }

    #[test]
    fn the_sixth_death_in_a_minute_is_one_too_many() {
        let mut intensity = Intensity::new(5, Duration::from_mins(1));
        let mut counted = (0..6).map(|i| intensity.exceeded_by_death(at(i)));
        assert!(counted.by_ref().take(5).all(|exceeded| !exceeded));
        assert_eq!(counted.next(), Some(true));
        assert!(!intensity.exceeded_by_death(at(300)));
    }
}
