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
mod tests;
