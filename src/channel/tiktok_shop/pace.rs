//! How fast we may call. TikTok Shop publishes no numbers, so the pace is found out: halved by
//! each refusal, recovering slowly. Pure.

use std::time::Duration;

/// Calls per second to begin with, and at most.
pub const FASTEST: f64 = 3.0;
const SLOWEST: f64 = 0.2;
/// Good answers in a row that earn a faster pace.
const GOOD_RUN: u32 = 30;
const RECOVERY: f64 = 1.25;
const LONGEST_WAIT: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub struct Pace {
    per_second: f64,
    /// Refusals in a row.
    refusals: u32,
    good: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { per_second: FASTEST, refusals: 0, good: 0 }
    }
}

impl Pace {
    /// "Too many calls": the new pace, and the wait that doubles with each refusal in a row.
    pub fn refused(&mut self) -> (f64, Duration) {
        let wait = Duration::from_secs(1 << self.refusals.min(6)).min(LONGEST_WAIT);
        self.refusals = self.refusals.saturating_add(1);
        self.good = 0;
        self.per_second = (self.per_second / 2.0).max(SLOWEST);
        (self.per_second, wait)
    }

    /// A call was let through: the new pace, when it changed.
    pub fn answered(&mut self) -> Option<f64> {
        self.refusals = 0;
        if self.per_second >= FASTEST {
            return None;
        }
        self.good += 1;
        if self.good < GOOD_RUN {
            return None;
        }
        self.good = 0;
        self.per_second = (self.per_second * RECOVERY).min(FASTEST);
        Some(self.per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_halve_the_pace_and_double_the_wait() {
        let mut pace = Pace::default();
        let all: Vec<_> = (0..8).map(|_| pace.refused()).collect();
        let waits: Vec<_> = all.iter().map(|(_, wait)| wait.as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert!((all[0].0 - 1.5).abs() < 1e-9 && (all[1].0 - 0.75).abs() < 1e-9);
        assert!((all[7].0 - SLOWEST).abs() < 1e-9);
    }

    #[test]
    fn good_answers_bring_the_pace_back_slowly() {
        let mut pace = Pace::default();
        assert_eq!(pace.answered(), None);
        pace.refused();
        let changes: Vec<_> = (0..200).filter_map(|_| pace.answered()).collect();
        assert_eq!(changes.len(), 4);
        assert!((changes[3] - FASTEST).abs() < 1e-9);
        assert_eq!(pace.refused().1, Duration::from_secs(1), "the wait begins anew");
    }
}
