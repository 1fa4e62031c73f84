//! One connection's way out: buckets, breaker, metrics.

use std::time::Duration;

use super::{Http, Request, Response};
use crate::clock::Clock;
use crate::model::{ChannelId, Failure, Lane, RateLimit, Timestamp};
use crate::random::Random;

/// A documented allowance: a token bucket for one operation, or for all when `operation` is empty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    pub operation: &'static str,
    pub per_second: f64,
    /// Size of the bucket.
    pub burst: f64,
    /// What only the lanes Manual and Action may take.
    pub reserve: f64,
}

/// What an answer said about an allowance.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LimitNews {
    pub per_second: Option<f64>,
    pub burst: Option<f64>,
    /// What is left now, by the marketplace's count.
    pub remaining: Option<f64>,
    /// Nothing may be sent before.
    pub resume_at: Option<Timestamp>,
}

/// See the module doc of `net`.
pub struct Wire {}

impl Wire {
    pub fn new(
        _http: Http,
        _clock: Clock,
        _random: Random,
        _channel: ChannelId,
        _request_timeout: Duration,
        _limits: &[Limit],
    ) -> Self {
        Self {}
    }

    /// Sends once. `Err` only when there was no complete answer, when the breaker is open, or when
    /// the allowance would make the caller wait longer than its lane accepts (`RateLimited` with
    /// `resume_at`, nothing sent).
    pub async fn call(&self, _request: Request, _lane: Lane) -> Result<Response, Failure> {
        Err(Failure::unavailable("not connected"))
    }

    /// Feeds a bucket with what an answer said. An empty name means the bucket for all.
    pub fn learn(&self, _operation: &'static str, _news: LimitNews) {}

    /// For the channel's JSON: the bucket for all, else the scarcest.
    pub fn rate_limit(&self) -> RateLimit {
        RateLimit::default()
    }
}
