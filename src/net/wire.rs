//! One connection's way out: buckets, breaker, metrics.

use std::sync::Arc;
use std::time::Duration;

use super::gate::{Change, Gate, Prepaid, Verdict};
use super::meter::Meter;
use super::{Http, Ledger, Request, Response};
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
        let (operation, cost) = (request.operation, request.cost);
        self.call_at(operation, cost, lane, |_| request).await
    }

    /// As `call`, for a request that tells when it is sent: it is made once its turn has come, for
    /// the wait may be longer than the marketplace lets a request age.
    pub async fn call_at(
        &self,
        operation: &'static str,
        cost: f64,
        lane: Lane,
        make: impl FnOnce(Timestamp) -> Request + Send,
    ) -> Result<Response, Failure> {
        let lined_up = tokio::time::Instant::now();
        let pass = self.gate.enter(operation, cost, lane).await;
        self.meter.waited(lined_up.elapsed());
        let pass = pass?;

        let sent = tokio::time::Instant::now();
        let now = self.clock.now();
        let result = self.http.send(make(now), self.request_timeout, now).await;
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

    /// Goes on where the ledger says that an earlier process stopped, and writes into it from now on.
    /// Without one, every allowance is taken to be whole at the start.
    pub fn resume(&self, ledger: Arc<dyn Ledger>) {
        self.gate.resume(ledger);
    }

    /// Waits for the turn of a call and keeps it for the next call of this operation and lane, which
    /// then goes at once. Dropped before that, it is given back.
    pub async fn prepay(
        &self,
        operation: &'static str,
        cost: f64,
        lane: Lane,
    ) -> Result<Prepaid<'_>, Failure> {
        let lined_up = tokio::time::Instant::now();
        let prepaid = self.gate.prepay(operation, cost, lane).await;
        self.meter.waited(lined_up.elapsed());
        prepaid
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
        let channel = &self.channel;
        let millis = took.as_millis();
        match result {
            Ok(answer) => tracing::debug!(%channel, operation, status = answer.status, millis, "answered"),
            Err(failure) => tracing::debug!(%channel, operation, %failure, millis, "no answer"),
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

#[cfg(test)]
mod tests {
    use super::super::test_server::{Reply, Server, ok};
    use super::super::{HttpOptions, Method};
    use super::*;

    fn wire(limits: &[Limit]) -> Wire {
        let http = Http::new(HttpOptions {
            body_max_bytes: 10_000,
            connect_timeout: Duration::from_secs(5),
            user_agent: "fenicia-test".into(),
        })
        .unwrap();
        let clock = Clock::starting_at(Timestamp::EPOCH);
        let channel = ChannelId::new("tienda").unwrap();
        Wire::new(http, clock, Random::seeded(1), channel, Duration::from_secs(5), limits)
    }

    fn get(url: String) -> Request {
        Request::new("get_order", Method::Get, url)
    }

    #[tokio::test]
    async fn a_429_parks_the_operation_for_as_long_as_it_says() {
        let busy = b"HTTP/1.1 429 Slow\r\nRetry-After: 40\r\nContent-Length: 0\r\n\r\n".to_vec();
        let mut server = Server::start(vec![Reply::Bytes(busy)]).await;
        let limit = Limit { operation: "get_order", per_second: 10.0, burst: 10.0, reserve: 0.0 };
        let wire = wire(&[limit]);
        assert_eq!(wire.call(get(server.url("/")), Lane::Poll).await.unwrap().status, 429);
        server.request().await;
        let failure = wire.call(get(server.url("/")), Lane::Manual).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::RateLimited);
        let until = failure.resume_at.unwrap();
        assert!((Timestamp::from_secs(40)..Timestamp::from_secs(45)).contains(&until), "{until}");
        assert!(server.no_more_requests());
        assert_eq!(wire.rate_limit(), RateLimit { remaining: Some(0), resets_at: Some(until) });
    }

    #[tokio::test]
    async fn a_dead_marketplace_is_left_alone_after_five_calls() {
        let closed = Server::closed_address().await;
        let wire = wire(&[]);
        for _ in 0..5 {
            let failure = wire.call(get(format!("http://{closed}/")), Lane::Poll).await.unwrap_err();
            assert_eq!(failure.kind, FailureKind::NetworkTimeout);
        }
        let failure = wire.call(get(format!("http://{closed}/")), Lane::Poll).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unavailable);
        assert!(failure.resume_at.is_some() && failure.no_effect);
        let failure = wire.call(get(format!("http://{closed}/")), Lane::Manual).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::NetworkTimeout, "a person may always probe");
    }

    #[test]
    fn only_the_lack_of_an_answer_and_a_5xx_are_outages() {
        let answer =
            |status| Response { status, headers: Vec::new(), body: Vec::new(), begun_at: Timestamp::EPOCH };
        for (result, expected) in [
            (Ok(answer(200)), Verdict::Answered),
            (Ok(answer(401)), Verdict::Answered),
            (Ok(answer(429)), Verdict::Answered),
            (Ok(answer(500)), Verdict::Outage),
            (Err(Failure::timeout("")), Verdict::Outage),
            (Err(Failure::unavailable("not HTTP")), Verdict::Outage),
            (Err(Failure::unavailable("too large").http(200, None)), Verdict::Answered),
            (Err(Failure::unavailable("too large").http(502, None)), Verdict::Outage),
            (Err(Failure::new(FailureKind::InvalidRequest, "")), Verdict::Nothing),
        ] {
            assert_eq!(verdict(&result), expected, "{result:?}");
        }
    }

    #[test]
    fn calls_are_counted_by_outcome_and_timed() {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        metrics::with_local_recorder(&recorder, || {
            runtime.block_on(async {
                let server = Server::start(vec![Reply::Bytes(ok("", b"{}")), Reply::Reset]).await;
                let wire = wire(&[]);
                assert!(wire.call(get(server.url("/")), Lane::Poll).await.is_ok());
                assert!(wire.call(get(server.url("/")), Lane::Poll).await.is_err());
            });
        });
        let text = recorder.handle().render();
        for line in [
            r#"fenicia_channel_requests_total{channel="tienda",operation="get_order",outcome="ok"} 1"#,
            r#"fenicia_channel_requests_total{channel="tienda",operation="get_order",outcome="timeout"} 1"#,
            r#"fenicia_channel_request_seconds_count{channel="tienda",operation="get_order"} 2"#,
            r#"fenicia_rate_limit_wait_seconds_total{channel="tienda"} 0"#,
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
