//! One way to call the Admin API, whatever is asked.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::config::Account;
use super::errors::{self, Fault, LEAST_WAIT};
use super::query::Query;
use crate::channel::said::Said;
use crate::channel::{Call, Env, Settings};
use crate::clock::Clock;
use crate::model::{Failure, FailureKind, Lane, Timestamp};
use crate::net::{Limit, LimitNews, Method, Request, Response, Wire};
use crate::random::Random;

/// What a shop on the standard plan has until its first answer tells: 2000 points, 100 a second.
const LIMITS: &[Limit] = &[Limit { operation: "", per_second: 100.0, burst: 2000.0, reserve: 200.0 }];
/// Clocks that differ by more are told about.
pub(super) const SKEW_MAX: Duration = Duration::from_secs(30);

pub(super) struct Api {
    wire: Wire,
    clock: Clock,
    random: Random,
    url: String,
    token_url: String,
    version: String,
    /// Shopify's clock minus ours, in milliseconds.
    skew: AtomicI64,
    told_skew: AtomicBool,
    told_version: AtomicBool,
}

/// An answer that holds data, perhaps beside faults of single fields.
pub(super) struct Reply<T> {
    pub data: T,
    pub faults: Vec<Fault>,
    /// Our clock when the request was begun.
    pub begun_at: Timestamp,
    /// A search filter was not understood, so the list is not filtered.
    pub filter_ignored: bool,
    /// The version that Shopify really used.
    pub version: Option<String>,
}

impl<T> Reply<T> {
    /// The data, when nothing at all was refused.
    pub(super) fn whole(self) -> Result<T, Failure> {
        match self.faults.first() {
            None => Ok(self.data),
            Some(fault) => Err(fault.failure()),
        }
    }
}

/// The data is read last: an answer whose data has another shape still tells its errors and costs.
#[derive(Deserialize)]
struct Envelope {
    data: Option<Box<RawValue>>,
    #[serde(default)]
    errors: Value,
    #[serde(default)]
    extensions: Said<Extensions>,
}

#[derive(Default, Deserialize)]
struct Extensions {
    cost: Option<Cost>,
    #[serde(default)]
    search: Vec<Search>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cost {
    requested_query_cost: Option<f64>,
    throttle_status: Option<ThrottleStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ThrottleStatus {
    maximum_available: Option<f64>,
    currently_available: Option<f64>,
    restore_rate: Option<f64>,
}

#[derive(Deserialize)]
struct Search {
    #[serde(default)]
    warnings: Vec<Value>,
}

impl Api {
    pub(super) fn new(account: &Account, settings: &Settings, env: &Env) -> Self {
        let (http, clock, random) = (env.http.clone(), env.clock.clone(), env.random.clone());
        Self {
            wire: Wire::new(http, clock, random, settings.id.clone(), settings.request_timeout, LIMITS),
            clock: env.clock.clone(),
            random: env.random.clone(),
            url: account.graphql_url(),
            token_url: account.token_url(),
            version: account.version.clone(),
            skew: AtomicI64::new(0),
            told_skew: AtomicBool::new(false),
            told_version: AtomicBool::new(false),
        }
    }

    /// Sends a document. `points` is its requested cost. `Err` when nothing of the answer is
    /// usable; refusals of single fields come with the data.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        call: Call<'_>,
        query: &Query,
        points: u32,
        variables: Value,
    ) -> Result<Reply<T>, Failure> {
        let body = json!({ "query": query.text, "variables": variables }).to_string().into_bytes();
        let request = Request::new(query.operation, Method::Post, &self.url)
            .header("x-shopify-access-token", call.tokens.access.expose())
            .header("accept", "application/json")
            .body("application/json", body)
            .cost(f64::from(points));
        let response = self.wire.call(request, call.lane).await?;
        self.note_clock(&response);
        if let Some(failure) = errors::http(&response, self.clock.now()) {
            self.note_wait(&failure);
            return Err(failure);
        }
        self.note_version(&response);
        self.open(&response)
    }

    fn open<T: DeserializeOwned>(&self, response: &Response) -> Result<Reply<T>, Failure> {
        let nonsense = || {
            Failure::unavailable("Shopify's answer cannot be read")
                .http(response.status, errors::request_id(response))
        };
        let envelope: Envelope = serde_json::from_slice(&response.body).map_err(|_| nonsense())?;
        let extensions = envelope.extensions.0.unwrap_or_default();
        let faults = errors::faults(&envelope.errors);
        self.learn(&extensions);
        let data = envelope.data.and_then(|data| serde_json::from_str::<T>(data.get()).ok());
        let whole = faults.iter().find(|fault| data.is_none() || fault.concerns_all());
        if let Some(fault) = whole {
            let mut failure = fault.failure();
            if failure.request_id.is_none() {
                failure = failure.http(response.status, errors::request_id(response));
            }
            if fault.kind == FailureKind::RateLimited {
                failure.resume_at = Some(self.allowance_back_at(extensions.cost.as_ref()));
                self.note_wait(&failure);
            }
            return Err(failure);
        }
        Ok(Reply {
            data: data.ok_or_else(nonsense)?,
            faults,
            begun_at: response.begun_at,
            filter_ignored: extensions.search.iter().any(|search| !search.warnings.is_empty()),
            version: response.header("x-shopify-api-version").map(str::to_owned),
        })
    }

    /// Asks the token service with a form.
    pub(super) async fn token(&self, form: &[(&str, &str)]) -> Result<Response, Failure> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish().into_bytes();
        let request = Request::new("token", Method::Post, &self.token_url)
            .header("accept", "application/json")
            .body("application/x-www-form-urlencoded", body)
            .cost(0.0);
        let response = self.wire.call(request, Lane::Action).await?;
        self.note_clock(&response);
        Ok(response)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Shopify's clock, as far as its answers told it.
    pub(super) fn shop_now(&self) -> Timestamp {
        let skew = self.skew.load(Ordering::Relaxed);
        Timestamp::from_millis(self.clock.now().as_millis().saturating_add(skew))
    }

    pub(super) fn skew(&self) -> Duration {
        Duration::from_millis(self.skew.load(Ordering::Relaxed).unsigned_abs())
    }

    /// Since 2026-10 a cancellation's job tells why it failed.
    pub(super) fn tells_job_results(&self) -> bool {
        self.version.as_str() >= "2026-10"
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    pub(super) fn wire(&self) -> &Wire {
        &self.wire
    }

    fn note_clock(&self, response: &Response) {
        let Some(date) = response.date() else { return };
        let skew = date.as_millis() - self.clock.now().as_millis();
        self.skew.store(skew, Ordering::Relaxed);
        if self.skew() > SKEW_MAX && !self.told_skew.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                seconds = skew / 1_000,
                "this machine's clock differs from the marketplace's: check time synchronisation"
            );
        }
    }

    /// A retired version falls forward to the oldest that is left.
    fn note_version(&self, response: &Response) {
        let Some(used) = response.header("x-shopify-api-version") else { return };
        if used != self.version && !self.told_version.swap(true, Ordering::Relaxed) {
            tracing::warn!(asked = %self.version, %used, "the marketplace used another API version: set api_version");
        }
    }

    fn learn(&self, extensions: &Extensions) {
        let Some(status) = extensions.cost.as_ref().and_then(|cost| cost.throttle_status.as_ref()) else {
            return;
        };
        let news = LimitNews {
            per_second: status.restore_rate,
            burst: status.maximum_available,
            remaining: status.currently_available,
            resume_at: None,
        };
        self.wire.learn("", news);
    }

    fn note_wait(&self, failure: &Failure) {
        if failure.kind == FailureKind::RateLimited {
            self.wire.learn("", LimitNews { resume_at: failure.resume_at, ..LimitNews::default() });
        }
    }

    fn allowance_back_at(&self, cost: Option<&Cost>) -> Timestamp {
        let jitter = Duration::from_millis(self.random.below(250));
        self.clock.now().plus(wait_for(cost)).plus(jitter)
    }
}

/// Until the bucket holds what was asked for.
fn wait_for(cost: Option<&Cost>) -> Duration {
    let missing = cost.and_then(|cost| {
        let status = cost.throttle_status.as_ref()?;
        Some((cost.requested_query_cost? - status.currently_available?) / status.restore_rate?)
    });
    let seconds = missing.filter(|seconds| seconds.is_finite()).unwrap_or(0.0).clamp(0.0, 60.0);
    Duration::from_secs_f64(seconds).max(LEAST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(json: &str) -> Cost {
        serde_json::from_str(json).expect("a cost")
    }

    #[test]
    fn a_throttled_call_waits_until_the_bucket_holds_what_it_asks_for() {
        let refused = r#"{"requestedQueryCost": 910, "actualQueryCost": null,
            "throttleStatus": {"maximumAvailable": 2000, "currentlyAvailable": 110, "restoreRate": 100}}"#;
        assert_eq!(wait_for(Some(&cost(refused))), Duration::from_secs(8));
        let nearly = r#"{"requestedQueryCost": 91,
            "throttleStatus": {"maximumAvailable": 2000.0, "currentlyAvailable": 90.0, "restoreRate": 100.0}}"#;
        assert_eq!(wait_for(Some(&cost(nearly))), Duration::from_secs(1));
        assert_eq!(wait_for(None), Duration::from_secs(1));
        assert_eq!(wait_for(Some(&cost("{}"))), Duration::from_secs(1));
        let broken =
            r#"{"requestedQueryCost": 91, "throttleStatus": {"currentlyAvailable": 0, "restoreRate": 0}}"#;
        assert_eq!(wait_for(Some(&cost(broken))), Duration::from_secs(1));
    }
}
