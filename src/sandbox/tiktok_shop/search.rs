//! The three lists. Filters go into the body, paging into the query; a token is good for one filter.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value, json};

use super::super::kit::Kit;
use super::super::message::{Request, Response};
use super::world::{AfterSale, World};
use super::{bad, good, show};
use crate::model::Timestamp;

/// What the body of a list may filter by.
const ORDER_FILTERS: [&str; 9] = [
    "order_status",
    "create_time_ge",
    "create_time_lt",
    "update_time_ge",
    "update_time_lt",
    "shipping_type",
    "buyer_user_id",
    "is_buyer_request_cancel",
    "warehouse_ids",
];
const AFTER_SALE_FILTERS: [&str; 12] = [
    "order_ids",
    "cancel_ids",
    "return_ids",
    "cancel_types",
    "cancel_status",
    "return_types",
    "return_status",
    "create_time_ge",
    "create_time_lt",
    "update_time_ge",
    "update_time_lt",
    "locale",
];

/// A place in a list, behind which the next page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    millis: i64,
    id: u64,
}

/// What was asked for, checked.
struct Asked {
    body: Map<String, Value>,
    size: usize,
    by_update: bool,
    ascending: bool,
    after: Option<Place>,
    /// An empty page comes first.
    pause: bool,
}

struct Rules {
    filters: &'static [&'static str],
    size: usize,
    size_max: usize,
    ascending: bool,
}

fn wrong(request: &Request, kit: &Kit, rule: &str, message: &str) -> Response {
    kit.breach(request, rule, message);
    bad(kit, 400, 36_009_004, &format!("Invalid parameter: {message}"))
}

impl Asked {
    fn read(request: &Request, rules: &Rules, kit: &Kit) -> Result<Self, Response> {
        let body = if request.body.is_empty() { Some(Value::Object(Map::new())) } else { request.json() };
        let Some(Value::Object(body)) = body else {
            return Err(wrong(request, kit, "body", "the body is no JSON object"));
        };
        if let Some(name) = body.keys().find(|name| !rules.filters.contains(&name.as_str())) {
            return Err(wrong(request, kit, "unknown_filter", &format!("{name} is not taken in the body")));
        }
        let size = match request.param("page_size").map(str::parse::<usize>) {
            None => rules.size,
            Some(Ok(size)) if (1..=rules.size_max).contains(&size) => size,
            Some(_) => return Err(wrong(request, kit, "page_size", "page_size is out of range")),
        };
        let by_update = match request.param("sort_field") {
            None | Some("create_time") => false,
            Some("update_time") => true,
            Some(_) => return Err(wrong(request, kit, "sort_field", "sort_field is unknown")),
        };
        let ascending = match request.param("sort_order") {
            None => rules.ascending,
            Some("ASC") => true,
            Some("DESC") => false,
            Some(_) => return Err(wrong(request, kit, "sort_order", "sort_order is ASC or DESC")),
        };
        let mut asked = Self { body, size, by_update, ascending, after: None, pause: false };
        if let Some(token) = request.param("page_token").filter(|token| !token.is_empty()) {
            let Some((place, pause, filter)) = read_token(token) else {
                return Err(wrong(request, kit, "page_token", "page_token cannot be read"));
            };
            if filter != asked.filter() {
                return Err(wrong(request, kit, "changed_filter", "page_token belongs to another filter"));
            }
            (asked.after, asked.pause) = (Some(place), pause);
        }
        Ok(asked)
    }

    fn filter(&self) -> String {
        let text = format!("{:?} {} {}", self.body, self.by_update, self.ascending);
        STANDARD.encode(&digest(&SHA256, text.as_bytes()).as_ref()[..6])
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.body.get(name).and_then(Value::as_i64)
    }

    /// From inclusive, to exclusive, in seconds.
    fn within(&self, created: Timestamp, updated: Timestamp) -> bool {
        let in_span = |at: Timestamp, from: &str, to: &str| {
            self.number(from).is_none_or(|from| at.as_secs() >= from)
                && self.number(to).is_none_or(|to| at.as_secs() < to)
        };
        in_span(created, "create_time_ge", "create_time_lt")
            && in_span(updated, "update_time_ge", "update_time_lt")
    }

    fn word_is(&self, name: &str, word: &str) -> bool {
        match self.body.get(name) {
            None => true,
            Some(Value::Array(words)) => words.iter().any(|own| own == word),
            Some(own) => own == word,
        }
    }

    fn comes_after(&self, place: Place) -> bool {
        match self.after {
            None => true,
            Some(last) if self.ascending => place > last,
            Some(last) => place < last,
        }
    }

    /// One page of what was found, in order, and the token of the next one.
    fn page<T>(&self, mut found: Vec<(Place, T)>) -> (Vec<T>, String) {
        found.sort_by_key(|(place, _)| *place);
        if !self.ascending {
            found.reverse();
        }
        let first = self.after.is_none();
        found.retain(|(place, _)| self.comes_after(*place));
        if let (true, Some(after)) = (self.pause, self.after) {
            return (Vec::new(), self.token(after, false));
        }
        let more = found.len() > self.size;
        found.truncate(self.size);
        let last = found.last().map(|(place, _)| *place).filter(|_| more);
        let token = last.map(|place| self.token(place, first)).unwrap_or_default();
        (found.into_iter().map(|(_, item)| item).collect(), token)
    }

    fn token(&self, place: Place, pause: bool) -> String {
        STANDARD.encode(format!("{}>{}>{}>{}", place.millis, place.id, u8::from(pause), self.filter()))
    }
}

fn read_token(token: &str) -> Option<(Place, bool, String)> {
    let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
    let mut parts = text.splitn(4, '>');
    let place = Place { millis: parts.next()?.parse().ok()?, id: parts.next()?.parse().ok()? };
    let pause = parts.next()? == "1";
    Some((place, pause, parts.next()?.to_owned()))
}

/// `POST /order/202309/orders/search`
pub(super) fn orders(world: &World, request: &Request, kit: &Kit) -> Response {
    let rules = Rules { filters: &ORDER_FILTERS, size: 20, size_max: 100, ascending: false };
    let asked = match Asked::read(request, &rules, kit) {
        Ok(asked) => asked,
        Err(refusal) => return refusal,
    };
    let now = kit.now();
    // The index does not show the newest changes yet.
    let shown_until = now.minus(kit.tuning.list_lag);
    let from = asked.number("update_time_ge").map_or(Timestamp::EPOCH, Timestamp::from_secs);
    let found = world.orders.changed_since(from).filter(|(at, order)| {
        *at <= shown_until
            && asked.within(order.placed_at, order.updated_at)
            && asked.word_is("order_status", order.status())
    });
    let placed = |(at, order): (Timestamp, _)| {
        let order: &super::world::Order = order;
        let at = if asked.by_update { at } else { order.placed_at };
        (Place { millis: at.as_millis(), id: order.id.parse().unwrap_or(0) }, order)
    };
    let found: Vec<_> = found.map(placed).collect();
    let total = found.len();
    let (page, token) = asked.page(found);
    let shown: Vec<Value> = page.into_iter().map(|order| show::order(order, now)).collect();
    good(kit, &json!({"orders": shown, "next_page_token": token, "total_count": total}))
}

/// `POST /return_refund/202309/cancellations/search` and `…/returns/search`
pub(super) fn after_sales(world: &World, request: &Request, returns: bool, kit: &Kit) -> Response {
    let rules = Rules { filters: &AFTER_SALE_FILTERS, size: 10, size_max: 50, ascending: true };
    let asked = match Asked::read(request, &rules, kit) {
        Ok(asked) => asked,
        Err(refusal) => return refusal,
    };
    let status = if returns { "return_status" } else { "cancel_status" };
    let is_wanted = |own: &&AfterSale| {
        own.is_return == returns
            && asked.within(own.placed_at, own.updated_at)
            && asked.word_is("order_ids", &own.order)
            && asked.word_is(status, own.status)
    };
    let placed = |own| {
        let own: &AfterSale = own;
        let at = if asked.by_update { own.updated_at } else { own.placed_at };
        (Place { millis: at.as_millis(), id: own.id }, own)
    };
    let found: Vec<_> = world.after_sales.values().filter(is_wanted).map(placed).collect();
    let total = found.len();
    let (page, token) = asked.page(found);
    let shown: Vec<Value> = page.into_iter().map(show::after_sale).collect();
    let list = if returns { "return_orders" } else { "cancellations" };
    good(kit, &json!({list: shown, "next_page_token": token, "total_count": total}))
}
