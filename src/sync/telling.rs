//! When somebody is told again, and how often people are interrupted.

use std::time::Duration;

use crate::model::Timestamp;

/// After each failed attempt. Nine attempts over some eighteen hours, then it is given up.
const LADDER: [Duration; 8] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
];

/// When the next attempt is due after `failed` ones; `None`: it is given up. `not_before` is what the
/// receiver asks for, believed up to the longest step of the ladder.
pub fn again(
    failed: u32,
    now: Timestamp,
    not_before: Option<Timestamp>,
    jitter: impl FnOnce(Duration) -> Duration,
) -> Option<Timestamp> {
    let step = LADDER.get(usize::try_from(failed.saturating_sub(1)).ok()?)?;
    let latest = now.plus(LADDER[LADDER.len() - 1]);
    Some(now.plus(jitter(*step)).max(not_before.unwrap_or(now).min(latest)))
}

/// How long a target is left alone after this many failures in a row, whatever else is due there.
pub fn rest(failures: u32) -> Duration {
    const FIRST: Duration = Duration::from_secs(5);
    const LONGEST: Duration = Duration::from_mins(5);
    match failures {
        0 => Duration::ZERO,
        more => FIRST.saturating_mul(1 << (more - 1).min(16)).min(LONGEST),
    }
}

/// How often people are written to: three messages at once, then one a minute that gathers what
/// has come meanwhile.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// When the allowance is whole again.
    whole_at: Timestamp,
}

const BURST: u32 = 3;
const EVERY: Duration = Duration::from_mins(1);

impl Pace {
    pub fn allows(&self, now: Timestamp) -> bool {
        // A clock that was set back must not silence anybody.
        let debt = self.whole_at.since(now);
        debt <= EVERY * (BURST - 1) || debt > EVERY * BURST
    }

    pub fn sent(&mut self, now: Timestamp) {
        let most = now.plus(EVERY * BURST);
        self.whole_at = self.whole_at.max(now).plus(EVERY).min(most);
    }
}

/// Whether much has been waiting for so long that somebody should hear of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backlog {
    much_since: Option<Timestamp>,
    /// What was said last; unknown after a start.
    told: Option<BacklogNews>,
}

/// What to do about a backlog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BacklogNews {
    Tell,
    Over,
}

impl Backlog {
    /// So much is waiting.
    pub const MUCH: u64 = 1_000;
    /// For so long.
    pub const LONG: Duration = Duration::from_mins(15);
    /// It is over when this much is left.
    const LITTLE: u64 = Self::MUCH / 2;

    /// To be called again and again with what waits. Answers only what is new; after a start that is
    /// not known, and `Over` may be said without need.
    pub fn look(&mut self, waiting: u64, now: Timestamp) -> Option<BacklogNews> {
        let news = if waiting <= Self::LITTLE {
            self.much_since = None;
            BacklogNews::Over
        } else if waiting >= Self::MUCH && now.since(*self.much_since.get_or_insert(now)) >= Self::LONG {
            BacklogNews::Tell
        } else {
            return None;
        };
        (self.told.replace(news) != Some(news)).then_some(news)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn nine_attempts_over_some_eighteen_hours() {
        let mut now = at(0);
        let mut attempts = 1;
        while let Some(next) = again(attempts, now, None, |span| span) {
            now = next;
            attempts += 1;
        }
        assert_eq!(attempts, 9);
        assert_eq!(now.since(at(0)).as_secs(), 5 + 30 + 120 + 600 + 1_800 + 7_200 + 18_000 + 36_000);
    }

    #[test]
    fn a_receiver_may_ask_for_more_time_but_not_for_ever() {
        let next = |not_before| again(1, at(0), Some(at(not_before)), |span| span);
        assert_eq!(next(3), Some(at(5)));
        assert_eq!(next(90), Some(at(90)));
        assert_eq!(next(1_000_000), Some(at(36_000)));
    }

    #[test]
    fn a_target_that_fails_rests_longer_and_longer() {
        let rests: Vec<u64> = (0..9).map(|failures| rest(failures).as_secs()).collect();
        assert_eq!(rests, [0, 5, 10, 20, 40, 80, 160, 300, 300]);
    }

    #[test]
    fn people_get_three_messages_at_once_and_then_one_a_minute() {
        let mut pace = Pace::default();
        let mut sent = Vec::new();
        for second in 0..240 {
            if pace.allows(at(1_000 + second)) {
                pace.sent(at(1_000 + second));
                sent.push(second);
            }
        }
        assert_eq!(sent, [0, 1, 2, 60, 120, 180]);
        assert!(pace.allows(at(10)), "a clock that was set back");
    }

    #[test]
    fn a_backlog_is_told_when_it_lasts_and_is_over_when_little_is_left() {
        let mut backlog = Backlog::default();
        assert_eq!(backlog.look(5_000, at(0)), None);
        assert_eq!(backlog.look(400, at(60)), Some(BacklogNews::Over));
        assert_eq!(backlog.look(5_000, at(120)), None);
        assert_eq!(backlog.look(700, at(900)), None, "still much, but not growing");
        assert_eq!(backlog.look(2_000, at(1_019)), None);
        assert_eq!(backlog.look(2_000, at(1_020)), Some(BacklogNews::Tell));
        assert_eq!(backlog.look(2_000, at(1_030)), None);
        assert_eq!(backlog.look(500, at(2_000)), Some(BacklogNews::Over));
    }
}
