//! One connection's way out: buckets, breaker, metrics.

use std::time::Duration;

use super::gate::{Change, Gate, Verdict};
use super::meter::Meter;
use super::{Http, Request, Response};
use crate::clock::Clock;
use crate::model::{ChannelId, Failure, FailureKind, Lane, RateLimit, Timestamp};
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
pub struct Wire {
    http: Http,
    clock: Clock,
    channel: ChannelId,
    request_timeout: Duration,
    gate: Gate,
    meter: Meter,
}

impl Wire {
    pub fn new(
        http: Http,
        clock: Clock,
        random: Random,
        channel: ChannelId,
        request_timeout: Duration,
        limits: &[Limit],
    ) -> Self {
        let gate = Gate::new(clock.clone(), random, limits);
        let meter = Meter::new(&channel);
        Self { http, clock, channel, request_timeout, gate, meter }
    }

    /// Sends once. `Err` only when there was no complete answer, when the breaker is open, or when
    /// the allowance would make the caller wait longer than its lane accepts (`RateLimited` with
    /// `resume_at`, nothing sent). The time-out counts from sending; the wait comes before.
    ///
    /// A 429 empties the bucket of its operation, and parks it where `Retry-After` says so. What
    /// else an answer says about limits is for the connector to `learn`.
    pub async fn call(&self, request: Request, lane: Lane) -> Result<Response, Failure> {
        let operation = request.operation;
        let lined_up = tokio::time::Instant::now();
        let pass = self.gate.enter(operation, request.cost, lane).await;
        self.meter.waited(lined_up.elapsed());
        let pass = pass?;

        let sent = tokio::time::Instant::now();
        let result = self.http.send(request, self.request_timeout, self.clock.now()).await;
        self.meter.request(operation, &result, sent.elapsed());
        self.log(operation, &result, sent.elapsed());
        self.log_change(pass.finish(verdict(&result)));
        if let Ok(response) = &result
            && response.status == 429
        {
            let resume_at = response.retry_after(self.clock.now());
            self.learn(operation, LimitNews { remaining: Some(0.0), resume_at, ..LimitNews::default() });
        }
        result
    }

    /// Feeds a bucket with what an answer said. An empty name means the bucket for all; so does an
    /// operation without a bucket of its own.
    pub fn learn(&self, operation: &'static str, news: LimitNews) {
        self.gate.learn(operation, &news);
    }

    /// For the channel's JSON: the bucket for all, else the scarcest.
    pub fn rate_limit(&self) -> RateLimit {
        self.gate.rate_limit()
    }

    fn log(&self, operation: &str, result: &Result<Response, Failure>, took: Duration) {
        let millis = took.as_millis();
        match result {
            Ok(answer) => {
                tracing::debug!(channel = %self.channel, operation, status = answer.status, millis, "answered");
            }
            Err(failure) => {
                tracing::debug!(channel = %self.channel, operation, %failure, millis, "no answer")
            }
        }
    }

    fn log_change(&self, change: Option<Change>) {
        match change {
            Some(Change::Opened { until }) => tracing::warn!(
                channel = %self.channel, %until,
                "the marketplace does not answer: no calls until then, but one to see whether it is back"
            ),
            Some(Change::Closed) => tracing::info!(channel = %self.channel, "the marketplace answers again"),
            None => {}
        }
    }
}

fn verdict(result: &Result<Response, Failure>) -> Verdict {
    let outage = |outage: bool| if outage { Verdict::Outage } else { Verdict::Answered };
    match result {
        Ok(response) => outage(response.status >= 500),
        Err(failure) => match failure.kind {
            FailureKind::NetworkTimeout => Verdict::Outage,
            FailureKind::Unavailable => outage(failure.http_status.is_none_or(|status| status >= 500)),
            _ => Verdict::Nothing,
        },
    }
}
