//! A token bucket that an answer can correct. Pure: every method takes the time.

use std::time::Duration;

use super::{Limit, LimitNews};
use crate::model::{Left, RateLimit, Timestamp};

/// We refill a little slower than the marketplace does: calls travel for unequal times, so that two
/// of them sent exactly one interval apart may arrive closer than that.
const PACE: f64 = 0.98;

/// Tokens are compared with this slack, because the times are whole milliseconds.
const EPSILON: f64 = 1e-6;

/// A note about what is left allows for what flows in so long, at least for one call and at most for
/// a quarter of the bucket: so much less is known after a crash.
const NOTED_AHEAD_SECONDS: f64 = 10.0;

/// A rate so many times the noted one is worth a note of its own.
const FASTER: f64 = 1.1;

/// Longest time that one answer can park a bucket.
const LONGEST_PARK: Duration = Duration::from_hours(24);

/// Tokens are fractions of calls, or the marketplace's own points.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    per_second: f64,
    burst: f64,
    reserve: f64,
    /// Negative after a call that cost more than the bucket holds.
    tokens: f64,
    /// What the last note lets a restart believe to be left; the calls under way may have taken
    /// more, until the next note is on disk.
    noted: f64,
    /// The rate beside it.
    noted_rate: f64,
    /// When `tokens` and `noted` were right.
    at: Timestamp,
    parked_until: Option<Timestamp>,
    /// The park has just ended: the marketplace lets one call through, whatever our count says.
    granted: bool,
    /// Cost of the calls under way, which a `remaining` may not have counted yet.
    in_flight: f64,
    calls: u32,
}

impl Bucket {
    pub(super) fn new(limit: &Limit, now: Timestamp) -> Self {
        let per_second = positive(limit.per_second).unwrap_or(1.0);
        let burst = positive(limit.burst).unwrap_or(1.0);
        Self {
            per_second,
            burst,
            reserve: positive(limit.reserve).unwrap_or(0.0),
            tokens: burst,
            noted: burst - ahead(per_second, burst),
            noted_rate: per_second,
            at: now,
            parked_until: None,
            granted: false,
            in_flight: 0.0,
            calls: 0,
        }
    }

    /// A bucket for an operation without a documented limit, made to hold what answers say.
    pub(super) fn unlimited(operation: &'static str, now: Timestamp) -> Self {
        Self::new(&Limit { operation, per_second: 1_000.0, burst: 1_000.0, reserve: 0.0 }, now)
    }

    /// Goes on where an earlier process stopped. Without a note it never took more than goes without
    /// one.
    pub(super) fn resume(&mut self, left: Option<Left>, now: Timestamp) {
        self.advance(now);
        if let Some(left) = left {
            self.note(left, now);
            // A rate below the documented one comes back with the next answer that tells it.
            self.per_second = self.per_second.max(left.per_second);
        } else {
            self.noted = self.burst - ahead(self.per_second, self.burst);
        }
        self.tokens = self.tokens.min(self.noted);
    }

    /// The note to write before the calls let through so far may be sent, if one is necessary.
    pub(super) fn owed(&self) -> Option<Left> {
        let ahead = ahead(self.per_second, self.burst);
        let grows_faster = self.per_second > self.noted_rate * FASTER;
        let owed = self.tokens < self.noted - EPSILON || grows_faster;
        owed.then_some(Left { tokens: self.tokens - ahead, at: self.at, per_second: self.per_second })
    }

    /// This note is on disk.
    pub(super) fn note(&mut self, left: Left, now: Timestamp) {
        self.advance(now);
        self.noted = self.grown(left, now);
        self.noted_rate = left.per_second;
    }

    fn grown(&self, left: Left, now: Timestamp) -> f64 {
        let flown_in = now.since(left.at).as_secs_f64() * left.per_second * PACE;
        (left.tokens + flown_in).min(self.burst - ahead(self.per_second, self.burst))
    }

    /// Brings the count up to `now`. Nothing flows in while the bucket is parked, so that a park
    /// ends gently.
    pub(super) fn advance(&mut self, now: Timestamp) {
        let back = self.at.since(now);
        if !back.is_zero() {
            // The clock was set back: what was known keeps its distance.
            self.parked_until = self.parked_until.map(|until| until.minus(back));
            self.at = now;
            return;
        }
        if let Some(until) = self.parked_until {
            if now < until {
                self.at = now;
                return;
            }
            self.parked_until = None;
            self.granted = true;
            self.at = until.max(self.at);
        }
        let flown_in = now.since(self.at).as_secs_f64() * self.rate();
        self.tokens = (self.tokens + flown_in).min(self.burst);
        self.noted = (self.noted + flown_in).min(self.burst - ahead(self.per_second, self.burst));
        self.at = now;
    }

    /// When a call may go, as things stand. Call `advance` first.
    pub(super) fn ready_at(&self, cost: f64, keep_reserve: bool) -> Timestamp {
        if let Some(until) = self.parked_until {
            return until;
        }
        if self.granted {
            return self.at;
        }
        self.after_lack(self.at, self.need(cost, keep_reserve) - self.tokens)
    }

    /// When a call may go that has `backlog` (its own cost included) to wait for.
    pub(super) fn predict(&self, backlog: f64, cost: f64, keep_reserve: bool) -> Timestamp {
        let start = self.parked_until.unwrap_or(self.at);
        let free = if self.parked_until.is_some() || self.granted { cost } else { 0.0 };
        if free > 0.0 && backlog <= cost + EPSILON {
            return start;
        }
        self.after_lack(start, backlog - cost + self.need(cost, keep_reserve) - self.tokens - free)
    }

    pub(super) fn take(&mut self, cost: f64) {
        if self.granted {
            self.granted = false;
            self.tokens = self.tokens.max(cost);
        }
        self.tokens -= cost;
        self.in_flight += cost;
        self.calls += 1;
    }

    /// The call has its answer, or never will.
    pub(super) fn finish(&mut self, cost: f64) {
        self.calls = self.calls.saturating_sub(1);
        self.in_flight = if self.calls == 0 { 0.0 } else { (self.in_flight - cost).max(0.0) };
    }

    /// The call was let through but nothing was sent.
    pub(super) fn put_back(&mut self, cost: f64) {
        self.tokens = (self.tokens + cost).min(self.burst);
        self.finish(cost);
    }

    pub(super) fn learn(&mut self, news: &LimitNews, now: Timestamp) {
        self.advance(now);
        if let Some(per_second) = news.per_second.and_then(positive) {
            self.per_second = per_second;
        }
        if let Some(burst) = news.burst.and_then(positive) {
            self.burst = burst;
            self.tokens = self.tokens.min(burst);
        }
        if let Some(remaining) = news.remaining.filter(|n| n.is_finite()) {
            // The marketplace has perhaps not counted yet what is on its way.
            self.tokens = (remaining - self.in_flight).clamp(0.0, self.burst);
        }
        if let Some(resume_at) = news.resume_at.filter(|at| *at > now) {
            let until = resume_at.min(now.plus(LONGEST_PARK));
            self.parked_until = Some(self.parked_until.map_or(until, |earlier| earlier.max(until)));
            self.granted = false;
            self.tokens = self.tokens.min(0.0);
        }
    }

    /// Share of the bucket that is left.
    pub(super) fn fill(&self) -> f64 {
        if self.parked_until.is_some() { 0.0 } else { self.tokens.max(0.0) / self.burst }
    }

    pub(super) fn rate_limit(&self) -> RateLimit {
        if self.parked_until.is_some() {
            return RateLimit { remaining: Some(0), resets_at: self.parked_until };
        }
        let missing = self.burst - self.tokens;
        RateLimit {
            remaining: Some(whole(self.tokens)),
            resets_at: (missing > EPSILON).then(|| self.after_lack(self.at, missing)),
        }
    }

    /// What must be in the bucket for a call to go: never more than fits.
    fn need(&self, cost: f64, keep_reserve: bool) -> f64 {
        let reserve = if keep_reserve { self.reserve } else { 0.0 };
        (cost + reserve).min(self.burst)
    }

    fn after_lack(&self, start: Timestamp, lack: f64) -> Timestamp {
        if lack <= EPSILON {
            return start;
        }
        let seconds = (lack / self.rate()).min(1e9);
        let wait = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        // Up to the next whole millisecond.
        start.plus(wait.saturating_add(Duration::from_nanos(999_999)))
    }

    fn rate(&self) -> f64 {
        self.per_second * PACE
    }
}

/// What a note allows for. A bucket that holds hardly one call needs a note for each.
fn ahead(per_second: f64, burst: f64) -> f64 {
    if burst < 2.0 { 0.0 } else { (per_second * NOTED_AHEAD_SECONDS).max(1.0).min(burst / 4.0) }
}

fn positive(number: f64) -> Option<f64> {
    (number.is_finite() && number > 0.0).then_some(number)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what fits")]
fn whole(tokens: f64) -> u64 {
    (tokens + EPSILON).floor().clamp(0.0, 1e15) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp::EPOCH;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn bucket(per_second: f64, burst: f64, reserve: f64) -> Bucket {
        Bucket::new(&Limit { operation: "", per_second, burst, reserve }, START)
    }

    /// Takes calls of one token until none is left, and says how many there were.
    fn drain(bucket: &mut Bucket, now: Timestamp, keep_reserve: bool) -> u32 {
        bucket.advance(now);
        let mut taken = 0;
        while bucket.ready_at(1.0, keep_reserve) <= now {
            bucket.take(1.0);
            bucket.finish(1.0);
            taken += 1;
        }
        taken
    }

    #[test]
    fn a_new_bucket_is_full() {
        assert_eq!(drain(&mut bucket(0.0056, 20.0, 0.0), START, false), 20);
        assert_eq!(drain(&mut bucket(0.0056, 1.0, 0.0), START, false), 1);
        assert_eq!(drain(&mut bucket(0.5, 30.0, 0.0), START, false), 30);
    }

    #[test]
    fn a_quiet_channel_owes_no_note_and_a_busy_one_some_a_minute() {
        let mut bucket = bucket(0.5, 30.0, 0.0);
        let mut notes = 0;
        let mut call = |bucket: &mut Bucket, now| {
            bucket.advance(now);
            bucket.take(1.0);
            bucket.finish(1.0);
            if let Some(left) = bucket.owed() {
                bucket.note(left, now);
                notes += 1;
            }
            notes
        };
        for minute in 0..60 {
            assert_eq!(call(&mut bucket, at(minute * 60_000)), 0);
        }
        let mut now = at(3_600_000);
        let busy = at(7_200_000);
        while now < busy {
            now = bucket.ready_at(1.0, false).max(now);
            call(&mut bucket, now);
        }
        assert!((280..400).contains(&call(&mut bucket, now)), "one in some ten seconds");
    }

    #[test]
    fn a_faster_rate_is_noted_once() {
        let mut bucket = bucket(0.0056, 20.0, 0.0);
        assert_eq!(bucket.owed(), None);
        bucket.learn(&LimitNews { per_second: Some(5.6), ..LimitNews::default() }, START);
        let left = bucket.owed().expect("a note");
        assert!((left.per_second - 5.6).abs() < EPSILON);
        bucket.note(left, START);
        assert_eq!(bucket.owed(), None);
    }

    #[test]
    fn goes_on_where_the_last_note_says_and_waits_for_what_it_lacks() {
        let mut known = bucket(0.5, 30.0, 0.0);
        let left = |tokens, per_second| Some(Left { tokens, at: START, per_second });
        known.resume(left(-1.0, 0.5), at(10_000));
        assert_eq!(drain(&mut known, at(10_000), false), 3, "4.9 have flown in");
        let mut empty = bucket(0.0056, 20.0, 0.0);
        empty.resume(left(0.0, 0.0056), START);
        assert!(empty.ready_at(1.0, false) > at(178_000));
        let mut unknown = bucket(0.0056, 20.0, 0.0);
        unknown.resume(None, START);
        assert_eq!(drain(&mut unknown, START, false), 19);
        let mut long_ago = bucket(0.0056, 20.0, 0.0);
        long_ago.resume(left(-5.0, 0.0056), at(86_400_000));
        assert_eq!(drain(&mut long_ago, at(86_400_000), false), 19);
        let mut told_more = bucket(0.0056, 20.0, 0.0);
        told_more.resume(left(-5.0, 5.6), at(1_000));
        assert!(told_more.ready_at(1.0, false) < at(1_300), "as the answers before the restart said");
    }

    #[test]
    fn an_empty_bucket_is_ready_one_interval_later() {
        let mut bucket = bucket(0.5, 2.0, 0.0);
        drain(&mut bucket, START, false);
        let ready = bucket.ready_at(1.0, false);
        assert!((at(2_000)..=at(2_050)).contains(&ready), "{ready}");
        bucket.advance(ready);
        assert_eq!(bucket.ready_at(1.0, false), ready);
    }

    #[test]
    fn the_reserve_is_kept_unless_the_caller_may_use_it() {
        let mut bucket = bucket(1.0, 10.0, 3.0);
        assert_eq!(drain(&mut bucket, START, true), 7);
        assert_eq!(drain(&mut bucket, START, false), 3);
    }

    #[test]
    fn a_reserve_as_large_as_the_bucket_does_not_lock_the_others_out() {
        assert!(drain(&mut bucket(1.0, 5.0, 9.0), START, true) >= 1);
    }

    #[test]
    fn a_call_dearer_than_the_bucket_goes_when_it_is_full_and_leaves_a_debt() {
        let mut bucket = bucket(10.0, 100.0, 0.0);
        assert_eq!(bucket.ready_at(300.0, false), START);
        bucket.take(300.0);
        let ready = bucket.ready_at(1.0, false);
        assert!((at(20_000)..=at(21_000)).contains(&ready), "{ready}");
    }

    #[test]
    fn after_a_park_exactly_one_call_goes_at_once_and_the_rest_at_the_usual_pace() {
        let mut bucket = bucket(0.0056, 20.0, 0.0);
        bucket.learn(&LimitNews { resume_at: Some(at(2_000)), ..LimitNews::default() }, START);
        assert_eq!(bucket.ready_at(1.0, false), at(2_000));
        assert_eq!(drain(&mut bucket, at(1_999), false), 0);
        assert_eq!(drain(&mut bucket, at(2_000), false), 1);
        assert!(bucket.ready_at(1.0, false) > at(170_000));
    }

    #[test]
    fn a_shorter_park_does_not_cut_a_longer_one_and_none_exceeds_a_day() {
        let mut bucket = bucket(1.0, 5.0, 0.0);
        let park = |at| LimitNews { resume_at: Some(at), ..LimitNews::default() };
        bucket.learn(&park(at(9_000)), START);
        bucket.learn(&park(at(3_000)), START);
        assert_eq!(bucket.ready_at(1.0, false), at(9_000));
        bucket.learn(&park(Timestamp::MAX), START);
        assert_eq!(bucket.ready_at(1.0, false), START.plus(LONGEST_PARK));
    }

    #[test]
    fn a_clock_set_back_neither_prolongs_a_park_nor_stops_the_flow() {
        let late = at(3_600_000);
        let mut bucket =
            Bucket::new(&Limit { operation: "", per_second: 1.0, burst: 5.0, reserve: 0.0 }, late);
        bucket.learn(
            &LimitNews { resume_at: Some(late.plus(Duration::from_secs(10))), ..LimitNews::default() },
            late,
        );
        bucket.advance(START);
        assert_eq!(bucket.ready_at(1.0, false), at(10_000));
    }

    #[test]
    fn what_is_on_its_way_is_taken_off_the_marketplaces_count() {
        let mut bucket = bucket(50.0, 1_000.0, 0.0);
        bucket.take(100.0);
        bucket.take(100.0);
        bucket.finish(100.0);
        bucket.learn(&LimitNews { remaining: Some(500.0), ..LimitNews::default() }, START);
        assert_eq!(bucket.rate_limit().remaining, Some(400));
    }

    #[test]
    fn nonsense_in_an_answer_changes_nothing() {
        let mut bucket = bucket(1.0, 5.0, 0.0);
        let nonsense = LimitNews {
            per_second: Some(0.0),
            burst: Some(f64::NAN),
            remaining: Some(f64::INFINITY),
            resume_at: Some(START),
        };
        bucket.learn(&nonsense, START);
        assert_eq!(drain(&mut bucket, START, false), 5);
    }

    #[test]
    fn tells_a_person_what_is_left_and_when_it_is_full_again() {
        let mut bucket = bucket(1.0, 5.0, 0.0);
        assert_eq!(bucket.rate_limit(), RateLimit { remaining: Some(5), resets_at: None });
        bucket.take(1.0);
        assert_eq!(bucket.rate_limit().remaining, Some(4));
        assert!(bucket.rate_limit().resets_at.is_some_and(|at| at > START));
    }

    proptest! {
        #[test]
        fn never_gives_more_than_burst_and_flow(
            per_second in 0.001_f64..50.0,
            burst in 1.0_f64..100.0,
            steps in prop::collection::vec((0_u64..20_000, 0.1_f64..1.0), 1..200),
        ) {
            let mut bucket = bucket(per_second, burst, 0.0);
            let mut now = START;
            let mut taken = 0.0;
            for (millis, cost) in steps {
                now = now.plus(Duration::from_millis(millis));
                bucket.advance(now);
                if bucket.ready_at(cost, false) <= now {
                    bucket.take(cost);
                    bucket.finish(cost);
                    taken += cost;
                    let most = burst + now.since(START).as_secs_f64() * per_second + 0.001;
                    prop_assert!(taken <= most, "{taken} > {most}");
                }
            }
        }

        #[test]
        fn never_gives_more_through_any_number_of_crashes(
            per_second in 0.001_f64..50.0,
            burst in 1.0_f64..100.0,
            steps in prop::collection::vec((0_u64..20_000, 0.1_f64..1.0, prop::bool::weighted(0.2)), 1..200),
        ) {
            let mut alive = bucket(per_second, burst, 0.0);
            let mut ledger = None;
            alive.resume(ledger, START);
            let mut now = START;
            // The marketplace's own count.
            let mut left = burst;
            for (millis, cost, dies) in steps {
                now = now.plus(Duration::from_millis(millis));
                left = (left + Duration::from_millis(millis).as_secs_f64() * per_second).min(burst);
                if dies {
                    alive = bucket(per_second, burst, 0.0);
                    alive.resume(ledger, now);
                }
                alive.advance(now);
                if alive.ready_at(cost, false) <= now {
                    alive.take(cost);
                    if let Some(owed) = alive.owed() {
                        ledger = Some(owed);
                        alive.note(owed, now);
                    }
                    alive.finish(cost);
                    left -= cost;
                    prop_assert!(left >= -0.001, "{left}");
                }
            }
        }

        #[test]
        fn the_promised_moment_holds(
            per_second in 0.001_f64..50.0,
            burst in 1.0_f64..100.0,
            cost in 0.1_f64..200.0,
            spent in 0.0_f64..300.0,
        ) {
            let mut bucket = bucket(per_second, burst, 0.0);
            bucket.take(spent);
            let ready = bucket.ready_at(cost, false);
            bucket.advance(ready);
            prop_assert_eq!(bucket.ready_at(cost, false), ready);
        }
    }
}
