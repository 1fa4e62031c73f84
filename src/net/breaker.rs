//! Stops calling a marketplace that does not answer. Pure: every method takes the time.

use std::time::Duration;

use crate::model::{Lane, Timestamp};

/// Outages in a row that open the breaker.
const OUTAGES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(15);
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// When a caller should ask again while the probe is under way.
const PROBE_TIME: Duration = Duration::from_secs(5);

/// Five outages in a row open it; then one call at a time is let through after each pause, which
/// doubles until an answer closes it. A person's call is always let through.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    outages: u32,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    until: Timestamp,
    pause: Duration,
    probing: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Go {
        /// This call decides how long the breaker stays open: report it, or `abandon` it.
        probe: bool,
    },
    Refused {
        until: Timestamp,
    },
}

impl Breaker {
    /// Lets a call through or not, without starting a probe.
    pub(super) fn look(&self, now: Timestamp, lane: Lane) -> Admission {
        match &self.open {
            None => Admission::Go { probe: false },
            Some(open) if open.pause_is_over(now) && !open.probing => Admission::Go { probe: true },
            Some(_) if lane == Lane::Manual => Admission::Go { probe: false },
            Some(open) if open.probing => Admission::Refused { until: now.plus(PROBE_TIME) },
            Some(open) => Admission::Refused { until: open.until },
        }
    }

    pub(super) fn admit(&mut self, now: Timestamp, lane: Lane) -> Admission {
        let admission = self.look(now, lane);
        if let (Admission::Go { probe: true }, Some(open)) = (admission, &mut self.open) {
            open.probing = true;
        }
        admission
    }

    /// An answer came that is not a 5xx. Says whether this closed the breaker.
    pub(super) fn answered(&mut self) -> bool {
        self.outages = 0;
        self.open.take().is_some()
    }

    /// No answer, or a 5xx. Says until when the breaker is open, if this opened it or kept it open.
    pub(super) fn outage(
        &mut self,
        now: Timestamp,
        probe: bool,
        jitter: impl FnOnce(Duration) -> Duration,
    ) -> Option<Timestamp> {
        self.outages = self.outages.saturating_add(1);
        let pause = match &self.open {
            None if self.outages < OUTAGES => return None,
            None => FIRST_PAUSE,
            // A call from before the opening, or a person's: says nothing new.
            Some(_) if !probe => return None,
            Some(open) => (open.pause * 2).min(LONGEST_PAUSE),
        };
        let until = now.plus(jitter(pause).min(LONGEST_PAUSE));
        self.open = Some(Open { until, pause, probing: false });
        Some(until)
    }

    /// The probe ended without a verdict.
    pub(super) fn abandon(&mut self) {
        if let Some(open) = &mut self.open {
            open.probing = false;
        }
    }
}

impl Open {
    /// Also over when the clock was set back, so that no pause exceeds the longest one.
    fn pause_is_over(&self, now: Timestamp) -> bool {
        now >= self.until || self.until.since(now) > LONGEST_PAUSE
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp::EPOCH;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..OUTAGES {
            breaker.outage(START, false, |pause| pause);
        }
        breaker
    }

    #[test]
    fn opens_after_five_outages_in_a_row() {
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            assert_eq!(breaker.outage(START, false, |pause| pause), None);
        }
        breaker.answered();
        for _ in 0..4 {
            assert_eq!(breaker.outage(START, false, |pause| pause), None);
        }
        assert_eq!(breaker.admit(START, Lane::Poll), Admission::Go { probe: false });
        assert_eq!(breaker.outage(START, false, |pause| pause), Some(at(15)));
        assert_eq!(breaker.admit(START, Lane::Poll), Admission::Refused { until: at(15) });
    }

    #[test]
    fn lets_one_probe_through_after_the_pause() {
        let mut breaker = opened();
        assert_eq!(breaker.admit(at(14), Lane::Webhook), Admission::Refused { until: at(15) });
        assert_eq!(breaker.admit(at(15), Lane::Webhook), Admission::Go { probe: true });
        assert_eq!(breaker.admit(at(15), Lane::Webhook), Admission::Refused { until: at(20) });
        breaker.abandon();
        assert_eq!(breaker.admit(at(15), Lane::Bulk), Admission::Go { probe: true });
    }

    #[test]
    fn a_person_may_always_probe() {
        let mut breaker = opened();
        assert_eq!(breaker.admit(START, Lane::Manual), Admission::Go { probe: false });
        assert_eq!(breaker.outage(START, false, |pause| pause), None, "does not prolong the pause");
        assert_eq!(breaker.admit(at(15), Lane::Poll), Admission::Go { probe: true });
        assert_eq!(breaker.admit(at(15), Lane::Manual), Admission::Go { probe: false });
        assert!(breaker.answered());
        assert_eq!(breaker.admit(at(15), Lane::Bulk), Admission::Go { probe: false });
    }

    #[test]
    fn the_pause_doubles_up_to_five_minutes() {
        let mut breaker = opened();
        let mut now = START;
        let mut pauses = Vec::new();
        for _ in 0..7 {
            let Admission::Refused { until } = breaker.look(now, Lane::Poll) else { panic!("open") };
            pauses.push(until.since(now).as_secs());
            now = until;
            assert_eq!(breaker.admit(now, Lane::Poll), Admission::Go { probe: true });
            breaker.outage(now, true, |pause| pause);
        }
        assert_eq!(pauses, [15, 30, 60, 120, 240, 300, 300]);
    }

    #[test]
    fn after_a_cure_the_pause_begins_small_again() {
        let mut breaker = opened();
        breaker.admit(at(15), Lane::Poll);
        breaker.outage(at(15), true, |pause| pause);
        assert!(breaker.answered());
        assert!(!breaker.answered());
        for _ in 0..4 {
            breaker.outage(at(60), false, |pause| pause);
        }
        assert_eq!(breaker.outage(at(60), false, |pause| pause), Some(at(75)));
    }

    #[test]
    fn a_clock_set_back_does_not_keep_it_open() {
        let mut breaker = Breaker::default();
        for _ in 0..OUTAGES {
            breaker.outage(at(100_000), false, |pause| pause);
        }
        assert_eq!(breaker.admit(START, Lane::Poll), Admission::Go { probe: true });
    }

    proptest! {
        #[test]
        fn at_most_one_probe_and_no_pause_beyond_the_longest(
            steps in prop::collection::vec((0_u64..400, 0_u8..3), 1..300),
        ) {
            let mut breaker = Breaker::default();
            let mut now = START;
            let mut probes = 0;
            for (secs, outcome) in steps {
                now = now.plus(Duration::from_secs(secs));
                match breaker.admit(now, Lane::Poll) {
                    Admission::Refused { until } => {
                        prop_assert!(until > now && until.since(now) <= LONGEST_PAUSE);
                        continue;
                    }
                    Admission::Go { probe } => probes += u32::from(probe),
                }
                prop_assert!(probes <= 1);
                match outcome {
                    0 => { breaker.answered(); }
                    1 => { breaker.outage(now, probes == 1, |pause| pause * 6 / 5); }
                    _ if probes == 1 => breaker.abandon(),
                    _ => {}
                }
                probes = 0;
            }
        }
    }
}
