//! Calls to Walmart: address, headers, allowances, and what an answer teaches about them.

use std::time::Duration;

use super::document::Moment;
use super::errors;
use super::market::Market;
use crate::channel::{Call, Env, Settings};
use crate::clock::Clock;
use crate::model::{Failure, Lane, Timestamp};
use crate::net::{Limit, LimitNews, Method, Request, Response, Wire};
use crate::random::Random;

const ORIGIN: &str = "https://marketplace.walmartapis.com";
const SERVICE: &str = "Walmart Marketplace";

/// Bounds of what a 429 can make us wait, whatever its clock says.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_mins(5);
/// When a 429 does not say until when.
const UNSAID_WAIT: Duration = Duration::from_mins(1);

/// What a call concerns, which decides what its refusal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// A list of orders.
    List,
    /// A read of one order.
    Order,
    /// A change of one order.
    Change,
    Account,
}

/// One operation, with its documented allowance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operation {
    /// Also the name of its bucket and in the metrics.
    pub name: &'static str,
    /// For people: completes "Walmart refused to …".
    pub what: &'static str,
    pub about: About,
    /// Zero: no figure is published.
    per_minute: f64,
    /// Kept for people who wait.
    reserve: f64,
}

impl Operation {
    const fn new(
        name: &'static str,
        what: &'static str,
        about: About,
        per_minute: f64,
        reserve: f64,
    ) -> Self {
        Self { name, what, about, per_minute, reserve }
    }
}

pub(super) const TOKEN: Operation = Operation::new("token", "give a token", About::Account, 0.0, 0.0);
pub(super) const TOKEN_DETAIL: Operation =
    Operation::new("token_detail", "tell about the token", About::Account, 0.0, 0.0);
pub(super) const LIST_ORDERS: Operation =
    Operation::new("list_orders", "list orders", About::List, 5_000.0, 200.0);
pub(super) const GET_ORDER: Operation =
    Operation::new("get_order", "read the order", About::Order, 5_000.0, 200.0);
pub(super) const ACKNOWLEDGE: Operation =
    Operation::new("acknowledge", "acknowledge the order", About::Change, 60.0, 0.0);
pub(super) const SHIP: Operation = Operation::new("ship", "take the shipment", About::Change, 60.0, 0.0);
pub(super) const CANCEL: Operation = Operation::new("cancel", "cancel the order", About::Change, 60.0, 0.0);

const LIMITED: [Operation; 5] = [LIST_ORDERS, GET_ORDER, ACKNOWLEDGE, SHIP, CANCEL];

/// A bucket per operation; answers correct them.
fn limits() -> [Limit; LIMITED.len()] {
    LIMITED.map(|operation| Limit {
        operation: operation.name,
        per_second: operation.per_minute / 60.0,
        burst: operation.per_minute,
        reserve: operation.reserve,
    })
}

/// One connection's calls.
pub(super) struct Api {
    wire: Wire,
    origin: String,
    market: Market,
    pub clock: Clock,
    random: Random,
}

/// An answer together with the id that Walmart's support asks for.
pub(super) struct Answered {
    pub response: Response,
    pub correlation: String,
}

impl Api {
    pub fn new(settings: &Settings, env: &Env, market: Market) -> Self {
        let (clock, random) = (env.clock.clone(), env.random.clone());
        let wire = Wire::new(
            env.http.clone(),
            clock.clone(),
            random.clone(),
            settings.id.clone(),
            settings.request_timeout,
            &limits(),
        );
        Self { wire, origin: settings.origin(ORIGIN), market, clock, random }
    }

    pub(super) fn wire(&self) -> &Wire {
        &self.wire
    }

    /// A request with the headers of every call, and its correlation id.
    pub fn request(&self, operation: &Operation, method: Method, path: &str) -> (Request, String) {
        let correlation = self.random.uuid_v4().to_string();
        let request = Request::new(operation.name, method, format!("{}{path}", self.origin))
            .header("WM_QOS.CORRELATION_ID", &*correlation)
            .header("WM_SVC.NAME", SERVICE)
            .header("accept", "application/json");
        let request = if self.market.is_global() {
            request.header("WM_MARKET", self.market.code()).header("WM_GLOBAL_VERSION", "3.1")
        } else {
            request
        };
        (request, correlation)
    }

    /// Any complete answer, whatever its status.
    pub async fn ask(&self, call: Call<'_>, operation: &Operation, path: &str) -> Result<Answered, Failure> {
        let (request, correlation) = self.request(operation, Method::Get, path);
        let request = request.header("WM_SEC.ACCESS_TOKEN", call.tokens.access.expose());
        // Odd for a GET, but documented as compulsory there.
        let request = if operation.about == About::Account {
            request.header("content-type", "application/x-www-form-urlencoded")
        } else {
            request
        };
        Ok(Answered { response: self.exchange(request, call.lane).await?, correlation })
    }

    /// Reads; a refusal is a failure.
    pub async fn get(&self, call: Call<'_>, operation: &Operation, path: &str) -> Result<Response, Failure> {
        let answered = self.ask(call, operation, path).await?;
        self.accept(operation, answered)
    }

    /// Changes one order; sent once. `None`: with an empty body.
    pub async fn post(
        &self,
        call: Call<'_>,
        operation: &Operation,
        path: &str,
        json: Option<Vec<u8>>,
    ) -> Result<Response, Failure> {
        let (request, correlation) = self.request(operation, Method::Post, path);
        let request = request.header("WM_SEC.ACCESS_TOKEN", call.tokens.access.expose());
        let request = match json {
            Some(json) => request.body("application/json", json),
            None => request,
        };
        let response = self.exchange(request, call.lane).await?;
        self.accept(operation, Answered { response, correlation })
    }

    /// Turns an answer that is not a success into a failure.
    pub fn accept(&self, operation: &Operation, answered: Answered) -> Result<Response, Failure> {
        let Answered { response, correlation } = answered;
        if response.is_success() {
            return Ok(response);
        }
        tracing::debug!(operation = operation.name, status = response.status, %correlation, "refused");
        Err(errors::failure(operation, &response, correlation, self.resume_at(&response), self.clock.now()))
    }

    /// Sends once and learns from the answer.
    pub async fn exchange(&self, request: Request, lane: Lane) -> Result<Response, Failure> {
        let operation = request.operation;
        let response = self.wire.call(request, lane).await?;
        if response.status == 429 {
            let resume_at = Some(self.resume_at(&response));
            self.wire.learn(operation, LimitNews { remaining: Some(0.0), resume_at, ..LimitNews::default() });
        } else if let Some(remaining) =
            response.header("x-current-token-count").and_then(|n| n.trim().parse().ok())
        {
            self.wire.learn(operation, LimitNews { remaining: Some(remaining), ..LimitNews::default() });
        }
        Ok(response)
    }

    /// When a 429 lets us go on.
    pub fn resume_at(&self, response: &Response) -> Timestamp {
        resume_at(response, self.clock.now())
    }
}

/// The replenishment time is on Walmart's clock, so it is measured against the answer's own date.
fn resume_at(response: &Response, now: Timestamp) -> Timestamp {
    if let Some(at) = response.retry_after(now) {
        return at;
    }
    let said = ["x-next-replenishment-time", "x-next-replenish-time"]
        .into_iter()
        .find_map(|name| Moment::read(response.header(name)?));
    let wait = match said {
        Some(at) => at.0.since(response.date().unwrap_or(now)).clamp(SHORTEST_WAIT, LONGEST_WAIT),
        None => UNSAID_WAIT,
    };
    now.plus(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(headers: &[(&str, &str)]) -> Response {
        Response {
            status: 429,
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: Vec::new(),
            begun_at: Timestamp::EPOCH,
        }
    }

    #[test]
    fn a_429_is_waited_for_until_the_bucket_is_filled_again() {
        let now = Timestamp::parse("2026-06-11T10:00:00Z").expect("time");
        let date = ("date", "Thu, 11 Jun 2026 11:00:00 GMT");
        let theirs = Timestamp::parse("2026-06-11T11:00:00Z").expect("time");
        let in_40 = theirs.plus(Duration::from_secs(40)).as_millis().to_string();
        let far = theirs.plus(Duration::from_secs(4_000)).as_millis().to_string();
        let past = theirs.minus(Duration::from_secs(5)).as_millis().to_string();
        for (headers, secs) in [
            (vec![date, ("x-next-replenishment-time", in_40.as_str())], 40),
            (vec![date, ("x-next-replenish-time", in_40.as_str())], 40),
            (vec![date, ("x-next-replenishment-time", "2026-06-11T11:00:40Z")], 40),
            (vec![date, ("x-next-replenishment-time", far.as_str())], 300),
            (vec![date, ("x-next-replenishment-time", past.as_str())], 1),
            (vec![date, ("x-next-replenishment-time", "soon")], 60),
            (vec![], 60),
            (vec![("retry-after", "7"), ("x-next-replenishment-time", far.as_str())], 7),
        ] {
            assert_eq!(resume_at(&answer(&headers), now), now.plus(Duration::from_secs(secs)), "{headers:?}");
        }
    }

    #[test]
    fn every_limited_operation_has_its_own_bucket() {
        let mut names: Vec<&str> = limits().iter().map(|limit| limit.operation).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), LIMITED.len());
    }
}
