//! Who goes next: lanes share what flows in by weight.

use crate::model::Lane;

/// Each lane weighs three times the next, so that bulk gets at most a quarter of the flow while any
/// other lane waits, and none starves. Manual and action are equals; manual wins ties.
const fn weight(lane: Lane) -> f64 {
    match lane {
        Lane::Manual | Lane::Action => 27.0,
        Lane::Webhook => 9.0,
        Lane::Poll => 3.0,
        Lane::Bulk => 1.0,
    }
}

/// Something per lane, in the order of urgency.
pub(super) type PerLane<T> = [T; Lane::ALL.len()];

pub(super) fn per_lane(value: impl Fn(Lane) -> f64) -> PerLane<f64> {
    let mut all = PerLane::default();
    for lane in Lane::ALL {
        all[*lane as usize] = value(*lane);
    }
    all
}

/// Lanes that may use the reserve.
pub(super) const fn is_urgent(lane: Lane) -> bool {
    matches!(lane, Lane::Manual | Lane::Action)
}

/// Self-clocked fair queuing: a call's mark is where its lane would stand after it, the lowest mark
/// goes next, and a lane that was away does not save up.
#[derive(Clone, Debug, Default)]
pub(super) struct Fair {
    stands: PerLane<f64>,
    /// The mark of the latest call that was let through.
    reached: f64,
}

impl Fair {
    /// The lane waits again after nobody waited in it.
    pub(super) fn join(&mut self, lane: Lane) {
        let stand = &mut self.stands[lane as usize];
        *stand = stand.max(self.reached);
    }

    pub(super) fn mark(&self, lane: Lane, cost: f64) -> f64 {
        self.stands[lane as usize] + cost / weight(lane)
    }

    /// The lane that goes next, given what the first call of each lane costs, if one waits.
    pub(super) fn next(&self, first: impl Fn(Lane) -> Option<f64>) -> Option<Lane> {
        let waiting = Lane::ALL.iter().filter_map(|lane| Some((*lane, self.mark(*lane, first(*lane)?))));
        // `min_by` takes the first of equals: the more urgent lane.
        waiting.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(lane, _)| lane)
    }

    pub(super) fn charge(&mut self, lane: Lane, cost: f64) {
        let mark = self.mark(lane, cost);
        self.stands[lane as usize] = mark;
        self.reached = self.reached.max(mark);
    }
}

/// What goes before a caller, and the caller itself: `own` is waiting in its lane up to and with
/// it, `others` are the sums of all lanes (its own is ignored).
pub(super) fn backlog(lane: Lane, own: f64, others: &PerLane<f64>) -> f64 {
    let before = |other: Lane| others[other as usize].min(own * weight(other) / weight(lane));
    own + Lane::ALL.iter().copied().filter(|other| *other != lane).map(before).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who gets 400 calls when these lanes always wait.
    fn shares(waiting: &[Lane]) -> PerLane<u32> {
        let mut fair = Fair::default();
        let mut got = [0; 5];
        for lane in waiting {
            fair.join(*lane);
        }
        for _ in 0..400 {
            let lane = fair.next(|lane| waiting.contains(&lane).then_some(1.0)).unwrap();
            fair.charge(lane, 1.0);
            got[lane as usize] += 1;
        }
        got
    }

    #[test]
    fn bulk_gets_at_most_a_quarter_beside_any_other_lane_and_never_nothing() {
        for other in [Lane::Manual, Lane::Action, Lane::Webhook, Lane::Poll] {
            let bulk = shares(&[other, Lane::Bulk])[Lane::Bulk as usize];
            assert!((10..=101).contains(&bulk), "{other}: {bulk}");
        }
    }

    #[test]
    fn every_lane_gets_something_and_urgent_lanes_more() {
        let got = shares(Lane::ALL);
        assert!(got.windows(2).all(|pair| pair[0] >= pair[1]), "{got:?}");
        assert!(got.iter().all(|n| *n > 0), "{got:?}");
    }

    #[test]
    fn a_newcomer_of_an_urgent_lane_goes_next() {
        let mut fair = Fair::default();
        fair.join(Lane::Bulk);
        for _ in 0..1_000 {
            fair.charge(Lane::Bulk, 1.0);
        }
        for lane in Lane::ALL {
            fair.join(*lane);
        }
        assert_eq!(fair.next(|_| Some(1.0)), Some(Lane::Manual));
    }

    #[test]
    fn nobody_waiting_means_nobody_next() {
        assert_eq!(Fair::default().next(|_| None), None);
    }

    #[test]
    fn the_backlog_counts_of_other_lanes_only_what_goes_before() {
        let waiting = [0.0, 0.0, 2.0, 0.0, 50.0];
        assert!((backlog(Lane::Poll, 1.0, &waiting) - (1.0 + 2.0 + 1.0 / 3.0)).abs() < 1e-9);
        assert!((backlog(Lane::Bulk, 51.0, &waiting) - 53.0).abs() < 1e-9);
    }
}
