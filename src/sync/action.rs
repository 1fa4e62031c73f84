//! What follows an attempt at an outbound action. Pure.

use std::time::Duration;

use super::retry::{Retry, retry};
use crate::model::{Failure, FailureKind, Timestamp};

/// What to do after a call for an action failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterFailure {
    /// Certainly no effect: send again then.
    SendAgain(Timestamp),
    /// It may have acted: look at the order then, before anything is sent.
    LookFirst(Timestamp),
    /// Certainly no effect, and sending again would not help.
    GiveUp,
}

/// How long a marketplace may take to show an effect, per look.
const LOOKS: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(30), Duration::from_mins(2)];

pub fn after_failure(
    failure: &Failure,
    attempt: u32,
    now: Timestamp,
    jitter: impl FnOnce(Duration) -> Duration,
) -> AfterFailure {
    if !failure.no_effect {
        return AfterFailure::LookFirst(now.plus(LOOKS[0]));
    }
    match failure.kind {
        // An operator waits, and a reconnect is needed first: say so at once.
        FailureKind::Permission => AfterFailure::GiveUp,
        // Somebody else is changing the same order: one more try, after a fresh look.
        _ if failure.conflict && attempt == 1 => AfterFailure::SendAgain(now.plus(jitter(LOOKS[0]))),
        _ => match retry(failure, attempt, now, jitter) {
            Retry::At(at) => AfterFailure::SendAgain(at),
            Retry::Park => AfterFailure::GiveUp,
        },
    }
}

/// When to look for a missing effect again after `looks` vain looks; `None`: it is not to be
/// learnt this way, a person must look.
pub fn next_look(looks: usize, now: Timestamp) -> Option<Timestamp> {
    LOOKS.get(looks).map(|span| now.plus(*span))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(failure: &Failure) -> AfterFailure {
        after_failure(failure, 1, Timestamp::EPOCH, |span| span)
    }

    #[test]
    fn what_may_have_acted_is_looked_at_before_it_is_sent_again() {
        let lost = Failure::timeout("the answer was lost");
        assert_eq!(after(&lost), AfterFailure::LookFirst(Timestamp::from_secs(2)));
        let garbage = Failure::unavailable("garbage");
        assert_eq!(after(&garbage), AfterFailure::LookFirst(Timestamp::from_secs(2)));
    }

    #[test]
    fn what_certainly_did_not_act_is_sent_again_or_given_up() {
        let mut unreachable = Failure::timeout("connection refused");
        unreachable.no_effect = true;
        assert_eq!(after(&unreachable), AfterFailure::SendAgain(Timestamp::from_secs(2)));
        let limited = Failure::rate_limited("slow down", Timestamp::from_secs(60));
        assert_eq!(after(&limited), AfterFailure::SendAgain(Timestamp::from_secs(60)));
        for failure in [Failure::invalid("no"), Failure::permission("no"), Failure::unsupported("no")] {
            assert_eq!(after(&failure), AfterFailure::GiveUp, "{failure}");
        }
    }

    #[test]
    fn a_conflict_is_looked_at_and_tried_once_more() {
        let conflict = Failure::conflict("somebody else is changing it");
        assert_eq!(after(&conflict), AfterFailure::SendAgain(Timestamp::from_secs(2)));
        assert_eq!(after_failure(&conflict, 2, Timestamp::EPOCH, |span| span), AfterFailure::GiveUp);
    }

    #[test]
    fn looking_ends() {
        assert!(next_look(2, Timestamp::EPOCH).is_some());
        assert_eq!(next_look(3, Timestamp::EPOCH), None);
    }
}
