//! `searchOrders` and `getOrder`, with all the rules of their parameters.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::kit::Kit;
use super::super::message::{Request, Response};
use super::errors;
use super::show::{DATA_SETS, View};
use super::world::{MARKETS, Order, World};
use crate::model::Timestamp;

const PARAMETERS: [&str; 10] = [
    "createdAfter",
    "createdBefore",
    "lastUpdatedAfter",
    "lastUpdatedBefore",
    "fulfillmentStatuses",
    "marketplaceIds",
    "fulfilledBy",
    "maxResultsPerPage",
    "paginationToken",
    "includedData",
];
const STATUSES: [&str; 7] = [
    "PENDING_AVAILABILITY",
    "PENDING",
    "UNSHIPPED",
    "PARTIALLY_SHIPPED",
    "SHIPPED",
    "CANCELLED",
    "UNFULFILLABLE",
];
/// The list is complete only so late.
const LATE: Duration = Duration::from_mins(2);
const TOKEN_LIFETIME: Duration = Duration::from_hours(24);

/// What a page token remembers.
#[derive(Serialize, Deserialize)]
struct Token {
    /// A checksum of the parameters that must come again unchanged.
    same: u32,
    until: Timestamp,
    last: (u32, String),
    issued_at: Timestamp,
}

struct Refusal(&'static str, String);

/// Answers `GET /orders/2026-01-01/orders`.
pub(super) fn search(world: &World, view: View, kit: &Kit, request: &Request) -> Response {
    for (name, _) in &request.query {
        if !PARAMETERS.contains(&name.as_str()) {
            kit.breach(request, "unknown_parameter", format!("searchOrders knows no `{name}`"));
        }
    }
    match Search::read(request, view, kit) {
        Ok(search) => search.run(world, view, kit),
        Err(Refusal("region", message)) => errors::unauthorised(&message),
        Err(Refusal(rule, message)) => {
            kit.breach(request, rule, message.clone());
            errors::invalid(&message)
        }
    }
}

struct Search {
    by_update: bool,
    from: Timestamp,
    until: Timestamp,
    last: Option<(u32, String)>,
    statuses: Vec<String>,
    fulfilled_by: Vec<String>,
    markets: Vec<String>,
    data: Vec<String>,
    size: usize,
    same: u32,
}

impl Search {
    fn read(request: &Request, view: View, kit: &Kit) -> Result<Self, Refusal> {
        let now = kit.now();
        let complete = now.minus(kit.hastened(LATE));
        let (by_update, from) = match (time(request, "createdAfter")?, time(request, "lastUpdatedAfter")?) {
            (Some(from), None) => (false, from),
            (None, Some(from)) => (true, from),
            _ => {
                return Err(Refusal(
                    "exactly_one_after",
                    "Exactly one of createdAfter and lastUpdatedAfter is required.".to_owned(),
                ));
            }
        };
        let (own, other) = if by_update {
            ("lastUpdatedBefore", "createdBefore")
        } else {
            ("createdBefore", "lastUpdatedBefore")
        };
        if request.param(other).is_some() {
            return Err(Refusal("before_without_after", format!("{other} needs its own After.")));
        }
        let before = time(request, own)?;
        if before.is_some_and(|before| before < from) {
            return Err(Refusal("before_after", format!("{own} is earlier than its After.")));
        }
        if before.unwrap_or(from) > complete || from > complete {
            return Err(Refusal(
                "two_minutes",
                format!("{own} and its After must be at least two minutes before now."),
            ));
        }
        let same = checksum(request);
        let token = request.param("paginationToken").map(|token| read_token(token, same, now)).transpose()?;
        let until = token.as_ref().map_or(before.unwrap_or(complete), |token| token.until);
        let until = if view.milliseconds { until } else { Timestamp::from_secs(until.as_secs()) };
        Ok(Self {
            by_update,
            from,
            until,
            last: token.map(|token| token.last),
            statuses: list(request, "fulfillmentStatuses", Some(&STATUSES))?,
            fulfilled_by: list(request, "fulfilledBy", Some(&["MERCHANT", "AMAZON"]))?,
            markets: markets(request)?,
            data: list(request, "includedData", Some(&DATA_SETS))?,
            size: size(request)?,
            same,
        })
    }

    fn matches(&self, order: &Order) -> bool {
        let at = if self.by_update { order.updated_at } else { order.created_at };
        let by = if order.by_amazon { "AMAZON" } else { "MERCHANT" };
        let within = |list: &[String], own: &str| list.is_empty() || list.iter().any(|listed| listed == own);
        self.from <= at
            && at <= self.until
            && within(&self.statuses, order.status())
            && within(&self.fulfilled_by, by)
            && within(&self.markets, order.market.id)
    }

    /// The order of a list is not promised, so it is by a checksum of the id.
    fn run(&self, world: &World, view: View, kit: &Kit) -> Response {
        let since = if self.by_update { self.from } else { Timestamp::EPOCH };
        let mut found: Vec<((u32, &str), &Order)> = world
            .orders
            .changed_since(since)
            .filter(|(_, order)| self.matches(order))
            .map(|(_, order)| ((crc32c::crc32c(order.id.as_bytes()), order.id.as_str()), order))
            .collect();
        found.sort_by_key(|(key, _)| *key);
        let start = match &self.last {
            Some((mark, id)) => found.partition_point(|(key, _)| *key <= (*mark, id.as_str())),
            None => 0,
        };
        let page = &found[start..found.len().min(start + self.size)];
        let orders: Vec<_> = page.iter().map(|(_, order)| view.order(order, &self.data)).collect();
        let echo = if self.by_update { "lastUpdatedBefore" } else { "createdBefore" };
        let mut body = json!({ "orders": orders, echo: view.time(self.until) });
        if let Some(((mark, id), _)) = page.last().filter(|_| start + page.len() < found.len()) {
            let token = Token {
                same: self.same,
                until: self.until,
                last: (*mark, (*id).to_owned()),
                issued_at: kit.now(),
            };
            body["pagination"] = json!({ "nextToken": write_token(&token) });
        }
        Response::json(200, &body)
    }
}

fn time(request: &Request, name: &str) -> Result<Option<Timestamp>, Refusal> {
    let Some(text) = request.param(name) else { return Ok(None) };
    match Timestamp::parse(text) {
        Some(at) => Ok(Some(at)),
        None => Err(Refusal("bad_time", format!("{name} is no ISO 8601 date-time with a zone."))),
    }
}

fn list(request: &Request, name: &str, known: Option<&[&str]>) -> Result<Vec<String>, Refusal> {
    if request.query.iter().filter(|(own, _)| own == name).count() > 1 {
        return Err(Refusal("repeated_parameter", format!("{name} is one parameter, with commas.")));
    }
    let Some(text) = request.param(name) else { return Ok(Vec::new()) };
    let values: Vec<String> = text.split(',').map(str::to_owned).collect();
    let strange = values.iter().find(|value| known.is_some_and(|known| !known.contains(&value.as_str())));
    match strange {
        Some(strange) => Err(Refusal("unknown_value", format!("{name} knows no value {strange}."))),
        None => Ok(values),
    }
}

fn markets(request: &Request) -> Result<Vec<String>, Refusal> {
    let markets = list(request, "marketplaceIds", None)?;
    if markets.len() > 50 {
        return Err(Refusal("over_page_size", "marketplaceIds takes up to 50.".to_owned()));
    }
    if markets.iter().any(|id| !MARKETS.iter().any(|market| market.id == id)) {
        return Err(Refusal("region", "The marketplaces are not valid for the region.".to_owned()));
    }
    Ok(markets)
}

fn size(request: &Request) -> Result<usize, Refusal> {
    let Some(text) = request.param("maxResultsPerPage") else { return Ok(100) };
    match text.parse() {
        Ok(size @ 1..=100) => Ok(size),
        _ => Err(Refusal("over_page_size", "maxResultsPerPage is between 1 and 100.".to_owned())),
    }
}

/// Everything but the page size, the data sets and the token itself, as it was sent.
fn checksum(request: &Request) -> u32 {
    let mut fixed: Vec<&(String, String)> = request
        .query
        .iter()
        .filter(|(name, _)| {
            !matches!(name.as_str(), "paginationToken" | "maxResultsPerPage" | "includedData")
        })
        .collect();
    fixed.sort();
    crc32c::crc32c(format!("{fixed:?}").as_bytes())
}

/// Ends in `=` or holds `+` and `/`, as base64 does: a client must encode it.
fn write_token(token: &Token) -> String {
    let mut bytes = vec![0xfb, 0xff];
    bytes.extend(serde_json::to_vec(token).unwrap_or_default());
    STANDARD.encode(bytes)
}

fn read_token(text: &str, same: u32, now: Timestamp) -> Result<Token, Refusal> {
    let bytes = STANDARD.decode(text).unwrap_or_default();
    let token: Option<Token> = bytes.get(2..).and_then(|bytes| serde_json::from_slice(bytes).ok());
    match token {
        None => Err(Refusal("bad_token", "paginationToken cannot be read.".to_owned())),
        Some(token) if token.same != same => {
            Err(Refusal("token_parameters", "Parameters must not change while paging.".to_owned()))
        }
        Some(token) if now.since(token.issued_at) > TOKEN_LIFETIME => {
            Err(Refusal("old_token", "paginationToken has expired.".to_owned()))
        }
        Some(token) => Ok(token),
    }
}

/// Answers `GET /orders/2026-01-01/orders/{orderId}`.
pub(super) fn get(world: &World, view: View, kit: &Kit, request: &Request, id: &str) -> Response {
    for (name, _) in request.query.iter().filter(|(name, _)| name != "includedData") {
        kit.breach(request, "unknown_parameter", format!("getOrder knows no `{name}`"));
    }
    if !is_order_id(id) {
        kit.breach(request, "bad_id", "an order id is 3-7-7 digits");
        return errors::invalid("The order id is not in 3-7-7 format.");
    }
    let data = match list(request, "includedData", Some(&DATA_SETS)) {
        Ok(data) => data,
        Err(Refusal(rule, message)) => {
            kit.breach(request, rule, message.clone());
            return errors::invalid(&message);
        }
    };
    match world.order(id) {
        Some(order) => Response::json(200, &json!({ "order": view.order(order, &data) })),
        None => errors::not_found(),
    }
}

pub(super) fn is_order_id(id: &str) -> bool {
    let groups: Vec<&str> = id.split('-').collect();
    let digits = |group: &&str| group.bytes().all(|byte| byte.is_ascii_digit());
    groups.iter().map(|group| group.len()).eq([3, 7, 7]) && groups.iter().all(digits)
}
