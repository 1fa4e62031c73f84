//! All buckets of one connection and who waits for them. Pure: every method takes the time.

use std::time::Duration;

use super::bucket::Bucket;
use super::lanes::{Fair, backlog, is_urgent, per_lane};
use super::line::{Head, Line, Waiter};
use super::{Limit, LimitNews};
use crate::model::{Lane, Left, RateLimit, Timestamp};

/// Most calls of one connection that wait at a time.
const MOST_WAITING: usize = 1_024;
/// When a caller should ask again that found no room.
const NO_ROOM: Duration = Duration::from_secs(5);

/// How long a call of this lane waits at most.
pub(super) const fn patience(lane: Lane) -> Duration {
    Duration::from_secs(match lane {
        Lane::Manual => 20,
        Lane::Action => 60,
        Lane::Webhook => 300,
        Lane::Poll | Lane::Bulk => 900,
    })
}

/// The place of a call, while it waits and until it has its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) id: u64,
    pub(super) lane: Lane,
    line: usize,
    cost: f64,
}

/// Why a call may not even wait: it would not go before this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong {
    pub(super) resume_at: Timestamp,
}

/// A call takes from the bucket of its operation and from the bucket for all, where they exist.
/// First it must be its lane's turn in its own line, then among the lines.
pub(super) struct Allowance {
    /// The first line is for operations without a bucket of their own.
    lines: Vec<Line>,
    shared: Option<Shared>,
    next_id: u64,
}

struct Shared {
    bucket: Bucket,
    fair: Fair,
}

impl Allowance {
    pub(super) fn new(limits: &[Limit], now: Timestamp) -> Self {
        let mut allowance = Self { lines: vec![Line::new("", None)], shared: None, next_id: 0 };
        for limit in limits {
            allowance.add(limit.operation, Bucket::new(limit, now));
        }
        allowance
    }

    fn add(&mut self, operation: &'static str, bucket: Bucket) {
        if operation.is_empty() {
            self.shared = Some(Shared { bucket, fair: Fair::default() });
        } else if let Some(line) = self.lines.iter_mut().find(|line| line.operation == operation) {
            line.bucket = Some(bucket);
        } else {
            self.lines.push(Line::new(operation, Some(bucket)));
        }
    }

    /// Lines up, if the call can be expected to go within its lane's patience. `dispatch` next.
    pub(super) fn join(
        &mut self,
        operation: &str,
        lane: Lane,
        cost: f64,
        now: Timestamp,
    ) -> Result<Place, TooLong> {
        self.advance(now);
        let cost = if cost.is_finite() { cost.clamp(0.0, 1e9) } else { 1.0 };
        let line = self.line_of(operation);
        let place = Place { id: self.next_id, lane, line, cost };
        let expected = self.expect(place, self.lines[line].cost(lane) + cost);
        if expected.since(now) > patience(lane) {
            return Err(TooLong { resume_at: expected });
        }
        if self.lines.iter().map(Line::len).sum::<usize>() >= MOST_WAITING {
            return Err(TooLong { resume_at: expected.max(now.plus(NO_ROOM)) });
        }
        self.next_id += 1;
        let lane_was_empty = self.lines.iter().all(|line| line.is_empty(lane));
        if let Some(shared) = self.shared.as_mut().filter(|_| lane_was_empty) {
            shared.fair.join(lane);
        }
        self.lines[line].push(lane, Waiter { id: place.id, cost });
        Ok(place)
    }

    /// Lets everyone through who may go now, and names them.
    pub(super) fn dispatch(&mut self, now: Timestamp) -> Vec<u64> {
        self.advance(now);
        let mut through = Vec::new();
        while let Some(head) = self.next_head(now) {
            if self.shared_ready_at(head, now) > now {
                break;
            }
            through.extend(self.let_through(head));
        }
        through
    }

    /// When `dispatch` may let somebody through; `None` when nobody waits.
    pub(super) fn next_at(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.advance(now);
        let candidate = self.next_head(now).map(|head| self.shared_ready_at(head, now));
        let lines = self.heads().map(|head| self.own_ready_at(head, now)).filter(|at| *at > now);
        // Never "at once": what could go at once has gone.
        lines.chain(candidate).min().map(|at| at.max(now.plus(Duration::from_millis(1))))
    }

    /// When this waiting call is expected to go; `None` when it does not wait (any more).
    pub(super) fn predict(&mut self, place: Place, now: Timestamp) -> Option<Timestamp> {
        self.advance(now);
        let own = self.lines[place.line].cost_up_to(place.lane, place.id)?;
        Some(self.expect(place, own))
    }

    /// The caller does not wait any longer. False when it had been let through meanwhile.
    pub(super) fn leave(&mut self, place: Place) -> bool {
        self.lines[place.line].remove(place.lane, place.id)
    }

    /// The call that was let through has ended.
    pub(super) fn finish(&mut self, place: Place) {
        self.each_bucket(place.line, |bucket| bucket.finish(place.cost));
    }

    /// The call that was let through was not sent.
    pub(super) fn put_back(&mut self, place: Place) {
        self.each_bucket(place.line, |bucket| bucket.put_back(place.cost));
    }

    /// An operation without a bucket of its own feeds the bucket for all; where there is none
    /// either, it gets one.
    pub(super) fn learn(&mut self, operation: &'static str, news: &LimitNews, now: Timestamp) {
        let line = self.line_of(operation);
        if self.lines[line].bucket.is_none() && self.shared.is_none() {
            self.add(operation, Bucket::unlimited(operation, now));
        }
        let line = self.line_of(operation);
        let shared = self.shared.as_mut().map(|shared| &mut shared.bucket);
        if let Some(bucket) = self.lines[line].bucket.as_mut().or(shared) {
            bucket.learn(news, now);
        }
    }

    /// Goes on where an earlier process stopped.
    pub(super) fn resume(&mut self, left: impl Fn(&str) -> Option<Left>, now: Timestamp) {
        for (operation, bucket) in self.buckets() {
            bucket.resume(left(operation), now);
        }
    }

    /// The notes to write before the calls let through so far may be sent.
    pub(super) fn owed(&mut self, now: Timestamp) -> Vec<(&'static str, Left)> {
        self.advance(now);
        self.buckets().filter_map(|(operation, bucket)| Some((operation, bucket.owed()?))).collect()
    }

    /// This note is on disk.
    pub(super) fn note(&mut self, operation: &str, left: Left, now: Timestamp) {
        let of_it = self.buckets().find(|(own, _)| *own == operation);
        if let Some((_, bucket)) = of_it {
            bucket.note(left, now);
        }
    }

    /// Of the bucket for all, else of the emptiest.
    pub(super) fn rate_limit(&mut self, now: Timestamp) -> RateLimit {
        self.advance(now);
        let own = self.lines.iter().filter_map(|line| line.bucket.as_ref());
        let scarcest = own.min_by(|a, b| a.fill().total_cmp(&b.fill()));
        let shared = self.shared.as_ref().map(|shared| &shared.bucket);
        shared.or(scarcest).map(Bucket::rate_limit).unwrap_or_default()
    }

    fn advance(&mut self, now: Timestamp) {
        self.buckets().for_each(|(_, bucket)| bucket.advance(now));
    }

    /// All there are, by operation; the one for all has the empty name.
    fn buckets(&mut self) -> impl Iterator<Item = (&'static str, &mut Bucket)> {
        let own = self.lines.iter_mut().filter_map(|line| Some((line.operation, line.bucket.as_mut()?)));
        own.chain(self.shared.as_mut().map(|shared| ("", &mut shared.bucket)))
    }

    fn line_of(&self, operation: &str) -> usize {
        self.lines.iter().position(|line| line.operation == operation).unwrap_or(0)
    }

    fn each_bucket(&mut self, line: usize, act: impl Fn(&mut Bucket)) {
        self.lines[line].bucket.as_mut().into_iter().for_each(&act);
        self.shared.as_mut().into_iter().for_each(|shared| act(&mut shared.bucket));
    }

    fn heads(&self) -> impl Iterator<Item = Head> + '_ {
        self.lines.iter().enumerate().filter_map(|(line, waiting)| waiting.head(line))
    }

    /// Among the lines whose own bucket allows it, whose turn it is at the bucket for all.
    fn next_head(&self, now: Timestamp) -> Option<Head> {
        let ready = self.heads().filter(|head| self.own_ready_at(*head, now) <= now);
        let mark =
            |head: &Head| self.shared.as_ref().map_or(0.0, |shared| shared.fair.mark(head.lane, head.cost));
        ready.min_by(|a, b| mark(a).total_cmp(&mark(b)).then(a.lane.cmp(&b.lane)))
    }

    fn own_ready_at(&self, head: Head, now: Timestamp) -> Timestamp {
        let line = &self.lines[head.line];
        let keep = keeps_reserve(head.lane, line.has_urgent());
        line.bucket.as_ref().map_or(now, |bucket| bucket.ready_at(head.cost, keep))
    }

    fn shared_ready_at(&self, head: Head, now: Timestamp) -> Timestamp {
        let keep = keeps_reserve(head.lane, self.lines.iter().any(Line::has_urgent));
        self.shared.as_ref().map_or(now, |shared| shared.bucket.ready_at(head.cost, keep))
    }

    fn let_through(&mut self, head: Head) -> Option<u64> {
        let waiter = self.lines[head.line].pop(head.lane)?;
        if let Some(shared) = &mut self.shared {
            shared.fair.charge(head.lane, waiter.cost);
        }
        self.each_bucket(head.line, |bucket| bucket.take(waiter.cost));
        Some(waiter.id)
    }

    /// When a call goes before which `own` waits in its line and lane, its own cost included.
    fn expect(&self, place: Place, own: f64) -> Timestamp {
        let Place { lane, line, cost, .. } = place;
        let in_line = per_lane(|lane| self.lines[line].cost(lane));
        let in_all = per_lane(|lane| self.lines.iter().map(|line| line.cost(lane)).sum());
        let keep = !is_urgent(lane);
        let expect = |bucket: &Bucket, backlog: f64| bucket.predict(backlog, cost, keep);
        let by_line = self.lines[line].bucket.as_ref().map(|b| expect(b, backlog(lane, own, &in_line)));
        let by_all = self.shared.as_ref().map(|s| {
            let own_everywhere = own + in_all[lane as usize] - in_line[lane as usize];
            expect(&s.bucket, backlog(lane, own_everywhere, &in_all))
        });
        by_line.max(by_all).unwrap_or(Timestamp::EPOCH)
    }
}

/// The reserve is kept for urgent calls to come. While some wait already, the bucket is spent and
/// the other lanes keep their share of what flows in, or they would starve.
fn keeps_reserve(lane: Lane, urgent_waits: bool) -> bool {
    !is_urgent(lane) && !urgent_waits
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp::EPOCH;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn limit(operation: &'static str, per_second: f64, burst: f64) -> Limit {
        Limit { operation, per_second, burst, reserve: 0.0 }
    }

    fn park(until: Timestamp) -> LimitNews {
        LimitNews { resume_at: Some(until), ..LimitNews::default() }
    }

    /// Joins, and says whether the call goes at once.
    fn goes(allowance: &mut Allowance, operation: &str, lane: Lane, now: Timestamp) -> bool {
        let place = allowance.join(operation, lane, 1.0, now).unwrap();
        let through = allowance.dispatch(now);
        allowance.leave(place);
        through.contains(&place.id)
    }

    #[test]
    fn without_a_limit_everyone_goes_at_once() {
        let mut allowance = Allowance::new(&[], START);
        for lane in Lane::ALL {
            assert!(goes(&mut allowance, "get_order", *lane, START));
        }
        assert_eq!(allowance.next_at(START), None);
        assert_eq!(allowance.rate_limit(START), RateLimit::default());
    }

    #[test]
    fn a_call_takes_from_its_own_bucket_and_from_the_one_for_all() {
        let mut allowance = Allowance::new(&[limit("", 1.0, 3.0), limit("ship", 1.0, 1.0)], START);
        assert!(goes(&mut allowance, "ship", Lane::Poll, START));
        assert!(!goes(&mut allowance, "ship", Lane::Poll, START), "its own is empty");
        assert!(goes(&mut allowance, "list", Lane::Poll, START));
        assert!(goes(&mut allowance, "get", Lane::Poll, START));
        assert!(!goes(&mut allowance, "list", Lane::Poll, START), "the one for all is empty");
    }

    #[test]
    fn one_operation_does_not_hold_up_another() {
        let mut allowance = Allowance::new(&[limit("list", 0.5, 1.0), limit("get", 0.5, 1.0)], START);
        assert!(goes(&mut allowance, "list", Lane::Manual, START));
        let waiting = allowance.join("list", Lane::Manual, 1.0, START).unwrap();
        assert!(goes(&mut allowance, "get", Lane::Bulk, START));
        assert!(allowance.leave(waiting));
    }

    #[test]
    fn a_person_overtakes_a_bulk_sync() {
        let mut allowance = Allowance::new(&[limit("", 1.0, 1.0)], START);
        assert!(goes(&mut allowance, "", Lane::Bulk, START));
        for _ in 0..50 {
            allowance.join("", Lane::Bulk, 1.0, START).unwrap();
        }
        let person = allowance.join("", Lane::Manual, 1.0, START).unwrap();
        let next = allowance.next_at(START).unwrap();
        assert!(next <= at(1_100), "{next}");
        assert_eq!(allowance.dispatch(next), [person.id]);
    }

    #[test]
    fn bulk_gets_at_most_a_quarter_of_the_flow_while_polls_wait() {
        let mut allowance = Allowance::new(&[limit("", 10.0, 1.0)], START);
        let mut lanes = HashMap::new();
        for lane in [Lane::Bulk, Lane::Poll] {
            for _ in 0..200 {
                lanes.insert(allowance.join("", lane, 1.0, START).unwrap().id, lane);
            }
        }
        let mut now = START;
        let mut bulk = 0;
        for _ in 0..100 {
            now = allowance.next_at(now).unwrap_or(now);
            bulk += allowance.dispatch(now).iter().filter(|id| lanes[id] == Lane::Bulk).count();
        }
        assert!((20..=26).contains(&bulk), "{bulk}");
    }

    #[test]
    fn a_wait_beyond_the_lanes_patience_is_refused_with_the_moment() {
        let mut allowance = Allowance::new(&[limit("search", 0.0056, 20.0)], START);
        while goes(&mut allowance, "search", Lane::Poll, START) {}
        let TooLong { resume_at } = allowance.join("search", Lane::Manual, 1.0, START).unwrap_err();
        assert!((at(170_000)..=at(190_000)).contains(&resume_at), "{resume_at}");
        assert!(allowance.join("search", Lane::Poll, 1.0, START).is_ok(), "a poll is patient");
    }

    #[test]
    fn who_stands_behind_too_many_is_refused() {
        let mut allowance = Allowance::new(&[limit("", 1.0, 1.0)], START);
        let joined = (0..100).take_while(|_| allowance.join("", Lane::Manual, 1.0, START).is_ok()).count();
        assert!((18..=21).contains(&joined), "{joined}");
    }

    #[test]
    fn the_line_is_bounded() {
        let mut allowance = Allowance::new(&[limit("", 10_000.0, 1.0)], START);
        let joined = (0..2_000).take_while(|_| allowance.join("", Lane::Bulk, 1.0, START).is_ok()).count();
        assert_eq!(joined, MOST_WAITING);
    }

    #[test]
    fn the_reserve_waits_for_people_and_actions() {
        let reserved = Limit { reserve: 2.0, ..limit("", 0.2, 3.0) };
        let mut allowance = Allowance::new(&[reserved], START);
        assert!(goes(&mut allowance, "", Lane::Webhook, START));
        assert!(!goes(&mut allowance, "", Lane::Webhook, START));
        assert!(goes(&mut allowance, "", Lane::Action, START));
        assert!(goes(&mut allowance, "", Lane::Manual, START));
    }

    #[test]
    fn what_an_answer_says_about_an_unlimited_operation_is_kept() {
        let mut allowance = Allowance::new(&[], START);
        allowance.learn("get", &park(at(5_000)), START);
        assert!(!goes(&mut allowance, "get", Lane::Poll, START));
        assert!(goes(&mut allowance, "list", Lane::Poll, START));
        assert!(goes(&mut allowance, "get", Lane::Poll, at(5_000)));
        let mut shared = Allowance::new(&[limit("", 1.0, 5.0)], START);
        shared.learn("get", &park(at(5_000)), START);
        assert!(!goes(&mut shared, "list", Lane::Poll, START), "it feeds the bucket for all");
    }

    #[test]
    fn a_call_that_was_not_sent_gives_its_tokens_back() {
        let mut allowance = Allowance::new(&[limit("get", 0.01, 2.0)], START);
        let place = allowance.join("get", Lane::Poll, 1.0, START).unwrap();
        assert_eq!(allowance.dispatch(START), [place.id]);
        assert!(!allowance.leave(place), "it is through already");
        allowance.put_back(place);
        assert!(goes(&mut allowance, "get", Lane::Poll, START));
    }

    #[test]
    fn tells_of_the_scarcest_bucket_unless_there_is_one_for_all() {
        let own = [limit("list", 1.0, 10.0), limit("get", 1.0, 4.0)];
        let mut allowance = Allowance::new(&own, START);
        goes(&mut allowance, "get", Lane::Poll, START);
        assert_eq!(allowance.rate_limit(START).remaining, Some(3));
        let mut allowance = Allowance::new(&[own[0], own[1], limit("", 1.0, 40.0)], START);
        assert_eq!(allowance.rate_limit(START).remaining, Some(40));
    }

    /// Lets time pass until nobody waits; says when each call went.
    fn run_dry(allowance: &mut Allowance, mut now: Timestamp) -> HashMap<u64, Timestamp> {
        let mut gone = HashMap::new();
        for _ in 0..10_000 {
            gone.extend(allowance.dispatch(now).into_iter().map(|id| (id, now)));
            let Some(next) = allowance.next_at(now) else { return gone };
            assert!(next > now);
            now = next;
        }
        panic!("somebody waits for ever");
    }

    fn lane() -> impl Strategy<Value = Lane> {
        prop::sample::select(Lane::ALL)
    }

    proptest! {
        #[test]
        fn everyone_who_lines_up_goes_and_never_too_many(
            calls in prop::collection::vec((lane(), 0_usize..3, 0.5_f64..4.0), 1..60),
            rates in (0.2_f64..20.0, 0.2_f64..20.0),
            reserve in 0.0_f64..6.0,
        ) {
            let limits = [
                Limit { reserve, ..limit("", rates.0, 8.0) },
                Limit { reserve, ..limit("get", rates.1, 5.0) },
            ];
            let mut allowance = Allowance::new(&limits, START);
            let mut costs = HashMap::new();
            for (lane, operation, cost) in calls {
                let operation = ["get", "list", "ship"][operation];
                if let Ok(place) = allowance.join(operation, lane, cost, START) {
                    costs.insert(place.id, cost);
                }
            }
            let gone = run_dry(&mut allowance, START);
            prop_assert_eq!(gone.len(), costs.len());
            for moment in gone.values() {
                let sent: f64 = gone.iter().filter(|(_, at)| *at <= moment).map(|(id, _)| costs[id]).sum();
                let most = 8.0 + moment.since(START).as_secs_f64() * rates.0 + 0.01;
                prop_assert!(sent <= most, "{sent} > {most}");
            }
        }

        #[test]
        fn the_expected_moment_is_about_right(
            calls in prop::collection::vec(lane(), 1..40),
            rate in 1.0_f64..20.0,
        ) {
            let mut allowance = Allowance::new(&[limit("", rate, 2.0)], START);
            let places: Vec<Place> =
                calls.iter().filter_map(|lane| allowance.join("", *lane, 1.0, START).ok()).collect();
            let expected: Vec<_> = places.iter().filter_map(|p| allowance.predict(*p, START)).collect();
            let gone = run_dry(&mut allowance, START);
            for (place, expected) in places.iter().zip(expected) {
                let off = gone[&place.id].since(expected).max(expected.since(gone[&place.id]));
                // Whole calls against a flow: up to one call per lane.
                prop_assert!(off.as_secs_f64() <= 5.5 / rate, "{off:?}");
            }
        }
    }
}
