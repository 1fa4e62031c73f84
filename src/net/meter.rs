//! What one connection's calls look like to Prometheus.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Response;
use crate::model::{ChannelId, Failure, FailureKind};

const REQUESTS: &str = "fenicia_channel_requests_total";
const SECONDS: &str = "fenicia_channel_request_seconds";
const WAITED: &str = "fenicia_rate_limit_wait_seconds_total";

/// Gives the metrics of this layer their help texts. Once, after the recorder is installed.
pub fn describe_metrics() {
    metrics::describe_counter!(REQUESTS, "Requests sent to marketplaces, by operation and outcome");
    metrics::describe_histogram!(
        SECONDS,
        metrics::Unit::Seconds,
        "From sending a request to its whole answer, without the wait for the allowance"
    );
    metrics::describe_counter!(
        WAITED,
        metrics::Unit::Seconds,
        "Time that calls waited for the channel's allowance, whole seconds"
    );
}

pub(super) struct Meter {
    channel: String,
    waited: metrics::Counter,
    /// Counters are whole numbers. The rest below a second is kept here, so that the total is never
    /// off by more than one second.
    waited_rest_ms: AtomicU64,
}

impl Meter {
    pub(super) fn new(channel: &ChannelId) -> Self {
        let channel = channel.as_str().to_owned();
        let waited = metrics::counter!(WAITED, "channel" => channel.clone());
        waited.increment(0);
        Self { channel, waited, waited_rest_ms: AtomicU64::new(0) }
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
        metrics::counter!(
            REQUESTS,
            "channel" => self.channel.clone(), "operation" => operation, "outcome" => outcome(result)
        )
        .increment(1);
        metrics::histogram!(SECONDS, "channel" => self.channel.clone(), "operation" => operation)
            .record(took.as_secs_f64());
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
