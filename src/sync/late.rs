//! When a channel is late that says nothing of any trouble.

use crate::model::Timestamp;

/// So many scheduled checks may pass without a success.
const CHECKS: u32 = 3;

/// From when on a channel is late whose last success was at `success` and whose checks follow each
/// other as `next` says: after three of them, and half of the way to a fourth for the one that may
/// be under way. `None` when its schedule comes to an end before that.
pub fn late_from(success: Timestamp, next: impl Fn(Timestamp) -> Option<Timestamp>) -> Option<Timestamp> {
    let third = (0..CHECKS).try_fold(success, |at, _| next(at))?;
    Some(third.plus(next(third)?.since(third) / 2))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn three_checks_and_a_half_may_pass() {
        let quarter = |at: Timestamp| Some(Timestamp::from_secs((at.as_secs() / 900 + 1) * 900));
        let success = Timestamp::from_secs(900 + 8);
        let late = late_from(success, quarter).expect("a schedule that goes on");
        assert_eq!(late, Timestamp::from_secs(4 * 900).plus(Duration::from_secs(450)));
        assert_eq!(late_from(success, |_| None), None);
    }
}
