//! When a failed piece of work is tried again.

use std::time::Duration;

use crate::model::{Failure, FailureKind, Timestamp};

/// What to do after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Again at this time, by itself.
    At(Timestamp),
    /// Not again until somebody asks: told to the merchant.
    Park,
}

/// Time-outs and outages: quickly at first, then the ladder, then parked and told.
const LADDER: [Duration; 7] = [
    Duration::from_secs(2),
    Duration::from_secs(8),
    Duration::from_secs(30),
    Duration::from_mins(5),
    Duration::from_mins(15),
    Duration::from_hours(1),
    Duration::from_hours(6),
];

/// The wait when a channel limits us and does not say for how long.
const UNSAID_LIMIT: Duration = Duration::from_mins(1);

/// How soon an order is looked at again whose channel waits for a person to reconnect it. A
/// reconnect sets everything due at once, so this only bounds a missed signal.
const WHILE_DISCONNECTED: Duration = Duration::from_hours(6);

/// Decides by the kind of the failure. `attempt` counts from 1. Jitter is the caller's: pass the
/// result of the ladder through `Random::jitter`.
pub fn retry(
    failure: &Failure,
    attempt: u32,
    now: Timestamp,
    jitter: impl FnOnce(Duration) -> Duration,
) -> Retry {
    match failure.kind {
        FailureKind::NetworkTimeout | FailureKind::Unavailable => {
            let step = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
            match LADDER.get(step) {
                Some(span) => Retry::At(failure.resume_at.unwrap_or(now).max(now.plus(jitter(*span)))),
                None => Retry::Park,
            }
        }
        FailureKind::RateLimited => {
            Retry::At(failure.resume_at.unwrap_or_else(|| now.plus(UNSAID_LIMIT)).max(now))
        }
        FailureKind::Permission if !failure.local => Retry::At(now.plus(WHILE_DISCONNECTED)),
        FailureKind::Permission
        | FailureKind::NotFound
        | FailureKind::InvalidRequest
        | FailureKind::Unsupported => Retry::Park,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(kind: FailureKind, attempt: u32) -> Retry {
        retry(&Failure::new(kind, "why"), attempt, Timestamp::EPOCH, |span| span)
    }

    #[test]
    fn outages_climb_the_ladder_and_are_parked_at_its_end() {
        let spans: Vec<_> = (1..=8).map(|attempt| again(FailureKind::NetworkTimeout, attempt)).collect();
        let at = |secs| Retry::At(Timestamp::from_secs(secs));
        assert_eq!(spans, [at(2), at(8), at(30), at(300), at(900), at(3_600), at(21_600), Retry::Park]);
    }

    #[test]
    fn a_limit_is_waited_for_exactly_and_for_ever() {
        let until = Timestamp::from_secs(179);
        let limited = Failure::rate_limited("slow down", until);
        for attempt in [1, 50, u32::MAX] {
            assert_eq!(retry(&limited, attempt, Timestamp::EPOCH, |span| span), Retry::At(until));
        }
    }

    #[test]
    fn what_a_person_must_mend_is_not_repeated() {
        for kind in [FailureKind::NotFound, FailureKind::InvalidRequest, FailureKind::Unsupported] {
            assert_eq!(again(kind, 1), Retry::Park, "{kind}");
        }
    }
}
