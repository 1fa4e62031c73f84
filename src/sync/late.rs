//! When a channel is late that says nothing of any trouble.

use std::time::Duration;

use crate::model::Timestamp;

/// So many scheduled checks may pass without a success.
const CHECKS: u32 = 3;

/// From when on a channel is late whose last success was at `success` and whose checks follow each
/// other as `next` says: after three of them, and half of the way to a fourth for the one that may
/// be under way. `None` when its schedule comes to an end before that.
pub fn late_from(success: Timestamp, next: impl Fn(Timestamp) -> Option<Timestamp>) -> Option<Timestamp> {
    let third = checks_after(success, &next)?;
    Some(third.plus(next(third)?.since(third) / 2))
}

/// Whether the polls of a channel stopped coming to their end: since the last one as many were due,
/// the first of them long ago. A first import or a catch-up may well take hours.
pub fn polls_are_late(
    last: Timestamp,
    now: Timestamp,
    next: impl Fn(Timestamp) -> Option<Timestamp>,
) -> bool {
    const LONG: Duration = Duration::from_hours(3);
    let Some(first) = next(last) else { return false };
    checks_after(last, &next).is_some_and(|third| third <= now) && now.since(first) >= LONG
}

/// When the last of the checks that may pass is due.
fn checks_after(success: Timestamp, next: impl Fn(Timestamp) -> Option<Timestamp>) -> Option<Timestamp> {
    (0..CHECKS).try_fold(success, |at, _| next(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn three_checks_and_a_half_may_pass() {
        let quarter = |at: Timestamp| Some(Timestamp::from_secs((at.as_secs() / 900 + 1) * 900));
        let success = Timestamp::from_secs(900 + 8);
        let late = late_from(success, quarter).expect("a schedule that goes on");
        assert_eq!(late, Timestamp::from_secs(4 * 900).plus(Duration::from_secs(450)));
        assert_eq!(late_from(success, |_| None), None);
    }

    #[test]
    fn polls_are_late_when_three_were_due_and_the_first_long_ago() {
        const HOUR: i64 = 3_600;
        let each = |gap: i64| move |after: Timestamp| Some(at((after.as_secs() / gap + 1) * gap));
        let late = |gap: i64, now: i64| polls_are_late(at(0), at(now), each(gap));
        assert!(!late(900, 3 * HOUR), "three hours after the first of them, which was due at a quarter");
        assert!(late(900, 3 * HOUR + 900));
        assert!(!late(24 * HOUR, 71 * HOUR));
        assert!(late(24 * HOUR, 72 * HOUR));
        assert!(!polls_are_late(at(0), at(1_000 * HOUR), |_| None), "never due");
    }
}
