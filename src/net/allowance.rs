//! All buckets of one connection and who waits for them. Pure: every method takes the time.

use std::collections::VecDeque;
use std::time::Duration;

use super::bucket::Bucket;
use super::lanes::{Fair, PerLane, backlog, is_urgent, per_lane};
use super::{Limit, LimitNews};
use crate::model::{Lane, RateLimit, Timestamp};

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

struct Line {
    operation: &'static str,
    bucket: Option<Bucket>,
    fair: Fair,
    waiting: PerLane<VecDeque<Waiter>>,
}

struct Shared {
    bucket: Bucket,
    fair: Fair,
}

#[derive(Clone, Copy)]
struct Waiter {
    id: u64,
    cost: f64,
}

/// The head of a line.
#[derive(Clone, Copy)]
struct Head {
    line: usize,
    lane: Lane,
    cost: f64,
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
        let lane_was_empty = self.lines.iter().all(|line| line.waiting[lane as usize].is_empty());
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
        let queue = &self.lines[place.line].waiting[place.lane as usize];
        let position = queue.iter().position(|waiter| waiter.id == place.id)?;
        let own = queue.iter().take(position + 1).map(|waiter| waiter.cost).sum();
        Some(self.expect(place, own))
    }

    /// The caller does not wait any longer. False when it had been let through meanwhile.
    pub(super) fn leave(&mut self, place: Place) -> bool {
        let queue = &mut self.lines[place.line].waiting[place.lane as usize];
        let before = queue.len();
        queue.retain(|waiter| waiter.id != place.id);
        queue.len() < before
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

    /// Of the bucket for all, else of the emptiest.
    pub(super) fn rate_limit(&mut self, now: Timestamp) -> RateLimit {
        self.advance(now);
        let own = self.lines.iter().filter_map(|line| line.bucket.as_ref());
        let scarcest = own.min_by(|a, b| a.fill().total_cmp(&b.fill()));
        let shared = self.shared.as_ref().map(|shared| &shared.bucket);
        shared.or(scarcest).map(Bucket::rate_limit).unwrap_or_default()
    }

    fn advance(&mut self, now: Timestamp) {
        let own = self.lines.iter_mut().filter_map(|line| line.bucket.as_mut());
        own.chain(self.shared.as_mut().map(|shared| &mut shared.bucket))
            .for_each(|bucket| bucket.advance(now));
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
        let mark = |head: &Head| self.shared.as_ref().map_or(0.0, |shared| shared.fair.mark(head.lane));
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
        let line = &mut self.lines[head.line];
        let waiter = line.waiting[head.lane as usize].pop_front()?;
        line.fair.charge(head.lane, waiter.cost);
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

impl Line {
    fn new(operation: &'static str, bucket: Option<Bucket>) -> Self {
        Self { operation, bucket, fair: Fair::default(), waiting: Default::default() }
    }

    fn push(&mut self, lane: Lane, waiter: Waiter) {
        if self.waiting[lane as usize].is_empty() {
            self.fair.join(lane);
        }
        self.waiting[lane as usize].push_back(waiter);
    }

    fn head(&self, line: usize) -> Option<Head> {
        let lane = self.fair.next(|lane| !self.waiting[lane as usize].is_empty())?;
        let cost = self.waiting[lane as usize].front()?.cost;
        Some(Head { line, lane, cost })
    }

    fn has_urgent(&self) -> bool {
        Lane::ALL.iter().any(|lane| is_urgent(*lane) && !self.waiting[*lane as usize].is_empty())
    }

    fn cost(&self, lane: Lane) -> f64 {
        self.waiting[lane as usize].iter().map(|waiter| waiter.cost).sum()
    }

    fn len(&self) -> usize {
        self.waiting.iter().map(VecDeque::len).sum()
    }
}

/// The reserve is kept for urgent calls to come. While some wait already, the bucket is spent and
/// the other lanes keep their share of what flows in, or they would starve.
fn keeps_reserve(lane: Lane, urgent_waits: bool) -> bool {
    !is_urgent(lane) && !urgent_waits
}
