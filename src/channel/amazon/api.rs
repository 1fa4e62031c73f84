//! Calls to the Selling Partner API: addresses, headers, allowances, and what an answer teaches
//! about them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::errors;
use crate::channel::{Call, Env, Settings};
use crate::clock::Clock;
use crate::model::{Failure, Timestamp};
use crate::net::{Limit, LimitNews, Method, Request, Response, Wire};
use crate::random::Random;

/// One operation, with its documented default allowance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operation {
    /// The API's own name.
    pub name: &'static str,
    /// For people: completes "Amazon refused to …".
    pub what: &'static str,
    pub per_second: f64,
    pub burst: f64,
    /// Kept for people who wait.
    pub reserve: f64,
    /// Concerns one order, so that a refusal says nothing about the connection.
    pub one_order: bool,
    /// Needs a role that the other reads do not need.
    pub own_role: bool,
}

impl Operation {
    const fn new(name: &'static str, what: &'static str, per_second: f64, burst: f64) -> Self {
        Self { name, what, per_second, burst, reserve: 0.0, one_order: true, own_role: false }
    }

    const fn reserve(mut self, reserve: f64) -> Self {
        self.reserve = reserve;
        self
    }

    const fn own_role(mut self) -> Self {
        self.own_role = true;
        self
    }

    const fn of_channel(mut self) -> Self {
        self.one_order = false;
        self
    }
}

pub(super) const SEARCH_ORDERS: Operation =
    Operation::new("searchOrders", "list orders", 0.0056, 20.0).reserve(2.0).of_channel();
pub(super) const GET_ORDER: Operation = Operation::new("getOrder", "read the order", 0.5, 30.0).reserve(2.0);
pub(super) const LIST_TRANSACTIONS: Operation =
    Operation::new("listTransactions", "read refunds", 0.5, 10.0).reserve(2.0).own_role();
pub(super) const PARTICIPATIONS: Operation =
    Operation::new("getMarketplaceParticipations", "name the account's marketplaces", 0.016, 15.0)
        .of_channel();
pub(super) const CONFIRM_SHIPMENT: Operation =
    Operation::new("confirmShipment", "confirm the shipment", 2.0, 10.0);
pub(super) const CREATE_FEED_DOCUMENT: Operation =
    Operation::new("createFeedDocument", "take the cancellation", 0.5, 15.0);
pub(super) const CREATE_FEED: Operation = Operation::new("createFeed", "take the cancellation", 0.0083, 15.0);
pub(super) const GET_FEED: Operation = Operation::new("getFeed", "report on the cancellation", 2.0, 15.0);
pub(super) const GET_FEEDS: Operation = Operation::new("getFeeds", "list cancellations", 0.0222, 10.0);
pub(super) const GET_FEED_DOCUMENT: Operation =
    Operation::new("getFeedDocument", "report on the cancellation", 0.0222, 10.0);

const OPERATIONS: [Operation; 10] = [
    SEARCH_ORDERS,
    GET_ORDER,
    LIST_TRANSACTIONS,
    PARTICIPATIONS,
    CONFIRM_SHIPMENT,
    CREATE_FEED_DOCUMENT,
    CREATE_FEED,
    GET_FEED,
    GET_FEEDS,
    GET_FEED_DOCUMENT,
];

/// The allowances by the documentation; answers correct them.
pub(super) fn limits() -> [Limit; OPERATIONS.len()] {
    OPERATIONS.map(|operation| Limit {
        operation: operation.name,
        per_second: operation.per_second,
        burst: operation.burst,
        reserve: operation.reserve,
    })
}

/// One connection's calls.
pub(super) struct Api {
    pub wire: Wire,
    /// Without a trailing slash.
    pub origin: String,
    /// It stands in place of all of Amazon's hosts.
    stands_for_all: bool,
    pub clock: Clock,
    random: Random,
    /// Refill rates that answers announced, per second.
    rates: Mutex<BTreeMap<&'static str, f64>>,
}

impl Api {
    pub fn new(wire: Wire, settings: &Settings, host: &str, env: &Env) -> Self {
        let origin = settings.origin(host);
        Self {
            wire,
            stands_for_all: settings.base_url.is_some() && !origin.ends_with(".amazon.com"),
            origin,
            clock: env.clock.clone(),
            random: env.random.clone(),
            rates: Mutex::default(),
        }
    }

    /// An address that an answer named, of Amazon's storage. Where one origin stands in place of all
    /// of Amazon's hosts, it stands in place of the storage's too.
    pub fn own_address(&self, url: &str) -> String {
        const STORAGE: &str = ".amazonaws.com";
        if url.starts_with('/') {
            return format!("{}{url}", self.origin);
        }
        let rest = url.split_once("://").map_or("", |(_, rest)| rest);
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, path) = rest.split_at(end);
        let name = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
        if self.stands_for_all && name.ends_with(STORAGE) {
            return format!("{}{path}", self.origin);
        }
        url.to_owned()
    }

    /// `path` begins with a slash and holds the query.
    pub async fn get(&self, call: Call<'_>, operation: &Operation, path: &str) -> Result<Response, Failure> {
        let response = self.send(call, operation, self.request(call, operation, Method::Get, path)).await?;
        if response.is_success() { Ok(response) } else { Err(self.refusal(operation, &response)) }
    }

    pub async fn post(
        &self,
        call: Call<'_>,
        operation: &Operation,
        path: &str,
        json: Vec<u8>,
    ) -> Result<Response, Failure> {
        let response = self.post_any(call, operation, path, json).await?;
        if response.is_success() { Ok(response) } else { Err(self.refusal(operation, &response)) }
    }

    /// The answer whatever its status, for a caller that looks into refusals.
    pub async fn post_any(
        &self,
        call: Call<'_>,
        operation: &Operation,
        path: &str,
        json: Vec<u8>,
    ) -> Result<Response, Failure> {
        let request = self.request(call, operation, Method::Post, path).body("application/json", json);
        self.send(call, operation, request).await
    }

    fn request(&self, call: Call<'_>, operation: &Operation, method: Method, path: &str) -> Request {
        Request::new(operation.name, method, format!("{}{path}", self.origin))
            .header("x-amz-access-token", call.tokens.access.expose())
            .header("x-amz-date", amz_date(self.clock.now()))
            .header("user-agent", user_agent())
            .header("accept", "application/json")
    }

    async fn send(
        &self,
        call: Call<'_>,
        operation: &Operation,
        request: Request,
    ) -> Result<Response, Failure> {
        let response = self.wire.call(request, call.lane).await?;
        self.learn_rate(operation, &response);
        Ok(response)
    }

    /// What an answer that is not a success means; one that asks us to wait stops the operation.
    pub fn refusal(&self, operation: &Operation, response: &Response) -> Failure {
        let failure = errors::failure(operation, response, self.clock.now(), self.refill(operation));
        if failure.resume_at.is_some() {
            let news =
                LimitNews { remaining: Some(0.0), resume_at: failure.resume_at, ..LimitNews::default() };
            self.wire.learn(operation.name, news);
        }
        failure
    }

    /// The announced rate comes now and then, on answers of 2xx, 400 and 404.
    fn learn_rate(&self, operation: &Operation, response: &Response) {
        let Some(rate) = response.header("x-amzn-ratelimit-limit").and_then(announced_rate) else { return };
        self.rates.lock().unwrap_or_else(PoisonError::into_inner).insert(operation.name, rate);
        self.wire.learn(operation.name, LimitNews { per_second: Some(rate), ..LimitNews::default() });
    }

    /// How long one token takes to come back, and a little more so that connections spread.
    fn refill(&self, operation: &Operation) -> Duration {
        let learned = self.rates.lock().unwrap_or_else(PoisonError::into_inner).get(operation.name).copied();
        let span = Duration::from_secs_f64(1.0 / learned.unwrap_or(operation.per_second));
        span + Duration::from_millis(self.random.below(1 + span.as_secs() * 100))
    }
}

fn announced_rate(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|rate| (0.000_1..=1_000.0).contains(rate))
}

/// A 200 that is not what was asked for is a fault of the edge: asked again, never stored.
pub(super) fn read<T: DeserializeOwned>(operation: &Operation, response: &Response) -> Result<T, Failure> {
    serde_json::from_slice(&response.body).map_err(|_| {
        Failure::unavailable(format!("Amazon's answer to {} cannot be read", operation.name))
            .http(response.status, response.header("x-amzn-requestid").map(str::to_owned))
    })
}

/// The path with its query; a parameter without a value is left out.
pub(super) fn with_query(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    format!("{path}?{}", query.finish())
}

/// `20261125T180000Z`
fn amz_date(now: Timestamp) -> String {
    now.to_jiff().strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// The form that Amazon asks for: `App/Version (Language=X; …)`.
pub(super) fn user_agent() -> String {
    format!("Fenicia/{} (Language=Rust; Platform={})", env!("CARGO_PKG_VERSION"), std::env::consts::OS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_times_are_encoded() {
        assert_eq!(
            with_query(
                "/x",
                &[("token", Some("a+b/c=")), ("none", None), ("from", Some("2026-01-01T00:00:00Z"))]
            ),
            "/x?token=a%2Bb%2Fc%3D&from=2026-01-01T00%3A00%3A00Z"
        );
    }

    #[test]
    fn one_origin_stands_in_place_of_the_storage_too() {
        let at = |base: &str| crate::channel::amazon::stand::amazon(base).api;
        let signed = "https://tortuga-prod-na.s3-external-1.amazonaws.com/x/y?sig=a%2Fb";
        let fake = at("http://127.0.0.1:9001");
        assert_eq!(fake.own_address(signed), "http://127.0.0.1:9001/x/y?sig=a%2Fb");
        assert_eq!(fake.own_address("/x?sig=a"), "http://127.0.0.1:9001/x?sig=a");
        for own in ["http://127.0.0.1:9002/x", "https://files.example.com/?to=.amazonaws.com"] {
            assert_eq!(fake.own_address(own), own);
        }
        assert_eq!(at("https://sandbox.sellingpartnerapi-na.amazon.com").own_address(signed), signed);
    }

    #[test]
    fn the_date_header_is_compact() {
        assert_eq!(amz_date(Timestamp::from_millis(1_500)), "19700101T000001Z");
    }

    #[test]
    fn nonsense_rates_are_not_learnt() {
        assert_eq!(announced_rate("0.0167"), Some(0.0167));
        for text in ["0", "-1", "NaN", "inf", "fast"] {
            assert_eq!(announced_rate(text), None, "{text}");
        }
    }

    #[test]
    fn every_operation_has_one_allowance() {
        let mut names: Vec<&str> = limits().iter().map(|limit| limit.operation).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), OPERATIONS.len());
    }
}
