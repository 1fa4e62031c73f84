//! Calls outwards: one shared HTTP client, and one [`Wire`] per connection that keeps its limits.
//!
//! A wire never follows a redirect, never repeats a request by itself, caps every answer, bounds
//! every phase in time, waits for the token bucket of the operation (urgent lanes first), and opens
//! a circuit breaker after five outages in a row.
//!
//! Limits: 1,024 calls of one connection wait at a time; a manual call waits at most 20 s, an action
//! 60 s, a webhook's 5 min, a poll's or a bulk sync's 15 min. The breaker opens for 15 s, doubling to
//! 5 min. The buckets, the lanes and the breaker are pure; `gate` makes them wait. What is left of an
//! allowance outlives the process where the wire is given a [`Ledger`].

mod allowance;
mod body;
mod breaker;
mod bucket;
mod connect;
mod fault;
mod gate;
mod guard;
mod http;
mod lanes;
mod ledger;
mod line;
mod meter;
mod retry_after;
#[cfg(test)]
mod test_server;
mod wire;

pub use gate::Prepaid;
pub use guard::Reach;
pub use http::{Http, HttpError, HttpOptions};
pub use ledger::Ledger;
pub use wire::{Limit, LimitNews, Wire};

use crate::model::Timestamp;
use retry_after::RetryAfter;

/// One request to a marketplace. Headers hold secrets, so there is no `Debug`.
pub struct Request {
    /// Name of the operation for limits and metrics, from a closed set.
    pub operation: &'static str,
    pub method: Method,
    /// Absolute, `https:` (or `http:` to a configured `base_url`).
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// Tokens that the call takes from its bucket.
    pub cost: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Request {
    pub fn new(operation: &'static str, method: Method, url: impl Into<String>) -> Self {
        Self { operation, method, url: url.into(), headers: Vec::new(), body: Vec::new(), cost: 1.0 }
    }

    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Sets the body and its content type.
    #[must_use]
    pub fn body(self, content_type: &'static str, body: Vec<u8>) -> Self {
        let mut request = self.header("content-type", content_type);
        request.body = body;
        request
    }

    #[must_use]
    pub fn cost(mut self, cost: f64) -> Self {
        self.cost = cost;
        self
    }
}

/// An answer, whatever its status. The body is whole, decompressed, and at most the cap long.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Our clock when the request was begun.
    pub begun_at: Timestamp,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The marketplace's clock, from the `Date` header.
    pub fn date(&self) -> Option<Timestamp> {
        retry_after::http_date(self.header("date")?)
    }

    /// When `Retry-After` lets us go on, on our clock: seconds or a date.
    pub fn retry_after(&self, now: Timestamp) -> Option<Timestamp> {
        Some(RetryAfter::parse(self.header("retry-after")?)?.resume_at(now, self.date()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_until_a_date_is_measured_by_the_marketplaces_clock() {
        let headers =
            [("date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")];
        let response = Response {
            status: 429,
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: Vec::new(),
            begun_at: Timestamp::EPOCH,
        };
        assert_eq!(response.retry_after(Timestamp::from_secs(1_000)), Some(Timestamp::from_secs(1_030)));
        assert_eq!(response.date(), Timestamp::parse("1994-11-06T08:49:37Z"));
        assert!(!response.is_success());
    }
}
