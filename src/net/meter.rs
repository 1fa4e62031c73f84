//! What one connection's calls look like from outside.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Response;
use crate::model::{ChannelId, Failure, FailureKind};
use crate::telemetry::metrics;

pub(super) struct Meter {
    channel: ChannelId,
    waited: ::metrics::Counter,
    /// Counters are whole numbers. The rest below a second is kept here, so that the total is never
    /// off by more than one second.
    waited_rest_ms: AtomicU64,
}

impl Meter {
    pub(super) fn new(channel: &ChannelId) -> Self {
        let waited = metrics::rate_limit_wait(channel.as_str());
        // Shows up with its first zero.
        waited.increment(0);
        Self { channel: channel.clone(), waited, waited_rest_ms: AtomicU64::new(0) }
    }

    pub(super) fn waited(&self, span: Duration) {
        let millis = u64::try_from(span.as_millis()).unwrap_or(0);
        let add = |rest: u64| Some((rest + millis % 1_000) % 1_000);
        // The closure always gives a value, so this cannot fail.
        let rest = self.waited_rest_ms.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).unwrap_or(0);
        self.waited.increment(millis / 1_000 + (rest + millis % 1_000) / 1_000);
    }

    pub(super) fn request(
        &self,
        operation: &'static str,
        result: &Result<Response, Failure>,
        took: Duration,
    ) {
        let channel = self.channel.as_str();
        metrics::channel_request(channel, operation).record(took.as_secs_f64());
        metrics::channel_requests(channel, operation, outcome(result)).increment(1);
    }
}

/// A redirect is not followed, so it counts as the client's error.
fn outcome(result: &Result<Response, Failure>) -> &'static str {
    match result {
        Ok(response) => match response.status {
            200..=299 | 304 => "ok",
            429 => "rate_limited",
            500.. => "server_error",
            _ => "client_error",
        },
        Err(failure) => match failure.kind {
            FailureKind::NetworkTimeout => "timeout",
            FailureKind::InvalidRequest => "client_error",
            _ => "unavailable",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn answer(status: u16) -> Response {
        Response { status, headers: Vec::new(), body: Vec::new(), begun_at: Timestamp::EPOCH }
    }

    #[test]
    fn every_end_of_a_call_has_one_outcome() {
        for (result, expected) in [
            (Ok(answer(204)), "ok"),
            (Ok(answer(302)), "client_error"),
            (Ok(answer(404)), "client_error"),
            (Ok(answer(429)), "rate_limited"),
            (Ok(answer(503)), "server_error"),
            (Err(Failure::timeout("")), "timeout"),
            (Err(Failure::unavailable("")), "unavailable"),
        ] {
            assert_eq!(outcome(&result), expected, "{result:?}");
        }
    }

    #[test]
    fn parts_of_seconds_add_up() {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        ::metrics::with_local_recorder(&recorder, || {
            let meter = Meter::new(&ChannelId::new("tienda").unwrap());
            for millis in [400, 400, 400, 2_900] {
                meter.waited(Duration::from_millis(millis));
            }
        });
        let text = recorder.handle().render();
        assert!(text.contains("fenicia_rate_limit_wait_seconds_total{channel=\"tienda\"} 4"), "{text}");
    }
}
