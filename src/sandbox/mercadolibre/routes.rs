//! Which call is which, and what is checked before any of them.

use std::time::Duration;

use serde_json::json;

use super::super::kit::Kit;
use super::super::message::{Request, Response};
use super::world::{Parcel, Sale, World};
use super::writes::{Desk, Written};
use super::{CLIENT_ID, Site, State, USER_ID, not_found, problem, search, show};
use crate::model::Timestamp;

/// A call, with its id already a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route<'a> {
    Token,
    Consent,
    Search,
    Order(u64),
    OrderShipments(u64),
    Billing(&'a str, &'a str),
    Notes(u64),
    AddNote(u64),
    Feedback(u64),
    GiveFeedback(u64),
    Shipment(u64),
    ShipmentItems(u64),
    ShipmentOrders(u64),
    Carrier(u64),
    Report(u64),
    UpdateShipment(u64),
    Pack(u64),
    Payment(u64),
    User,
    Missed,
    Currency(&'a str),
    BadId,
    Unknown,
}

fn route<'a>(method: &str, path: &[&'a str]) -> Route<'a> {
    let number = |id: &str, route: fn(u64) -> Route<'a>| id.parse().map_or(Route::BadId, route);
    match (method, path) {
        ("POST", ["oauth", "token"]) => Route::Token,
        ("GET", ["authorization"]) => Route::Consent,
        ("GET", ["orders", "search"]) => Route::Search,
        ("GET", ["orders", "billing-info", site, id]) => Route::Billing(site, id),
        ("GET", ["orders", id]) => number(id, Route::Order),
        ("GET", ["orders", id, "shipments"]) => number(id, Route::OrderShipments),
        ("GET", ["orders", id, "notes"]) => number(id, Route::Notes),
        ("POST", ["orders", id, "notes"]) => number(id, Route::AddNote),
        ("GET", ["orders", id, "feedback"]) => number(id, Route::Feedback),
        ("POST", ["orders", id, "feedback"]) => number(id, Route::GiveFeedback),
        ("GET", ["shipments", id]) => number(id, Route::Shipment),
        ("PUT", ["shipments", id]) => number(id, Route::UpdateShipment),
        ("GET", ["shipments", id, "items"]) => number(id, Route::ShipmentItems),
        ("GET", ["shipments", id, "orders"]) => number(id, Route::ShipmentOrders),
        ("GET", ["shipments", id, "carrier"]) => number(id, Route::Carrier),
        ("POST", ["shipments", id, "seller_notifications"]) => number(id, Route::Report),
        ("GET", ["packs", id]) => number(id, Route::Pack),
        ("GET", ["collections", id]) => number(id, Route::Payment),
        ("GET", ["users", "me"]) => Route::User,
        ("GET", ["missed_feeds"]) => Route::Missed,
        ("GET", ["currencies", id]) => Route::Currency(id),
        _ => Route::Unknown,
    }
}

pub(super) fn operation(request: &Request) -> &'static str {
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    match route(&request.method, &path) {
        Route::Token => "token",
        Route::Consent => "consent",
        Route::Search => "search",
        Route::Order(_) => "order",
        Route::OrderShipments(_) => "order_shipments",
        Route::Billing(..) => "billing_info",
        Route::Notes(_) => "notes",
        Route::AddNote(_) => "add_note",
        Route::Feedback(_) => "feedback",
        Route::GiveFeedback(_) => "give_feedback",
        Route::Shipment(_) => "shipment",
        Route::ShipmentItems(_) => "shipment_items",
        Route::ShipmentOrders(_) => "shipment_orders",
        Route::Carrier(_) => "carrier",
        Route::Report(_) => "seller_notifications",
        Route::UpdateShipment(_) => "update_shipment",
        Route::Pack(_) => "pack",
        Route::Payment(_) => "payment",
        Route::User => "user",
        Route::Missed => "missed_feeds",
        Route::Currency(_) => "currency",
        Route::BadId | Route::Unknown => "unknown",
    }
}

pub(super) fn answer(state: &mut State, request: &Request, site: &Site, kit: &Kit) -> Written {
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    let route = route(&request.method, &path);
    match route {
        Route::Token => return (state.access.token(request, kit), Vec::new()),
        Route::Consent => return (state.access.consent(request, &kit.random), Vec::new()),
        _ => {}
    }
    if let Some(refusal) = refuse(state, request, kit) {
        return (refusal, Vec::new());
    }
    let now = kit.now();
    let mut desk = Desk { world: &mut state.world, request, site, kit, now };
    match route {
        Route::Report(id) => desk.report(id),
        Route::UpdateShipment(id) => desk.update_shipment(id),
        Route::GiveFeedback(id) => desk.feedback(id),
        Route::AddNote(id) => desk.add_note(id),
        Route::Missed => (missed(state, request, kit), Vec::new()),
        Route::Search => (search::search(&state.world, request, site, kit), Vec::new()),
        read => (look(&state.world, read, request, site, kit), Vec::new()),
    }
}

/// What holds for every call but those for tokens.
fn refuse(state: &mut State, request: &Request, kit: &Kit) -> Option<Response> {
    let now = kit.now();
    if let Some(until) = state.blocked_until.filter(|until| now < *until) {
        // Calls that were under way already are no breach; a client that goes on is.
        let wait = until.since(now);
        if wait > Duration::from_secs(1) && state.blocked_calls_are_late(now) {
            kit.breach(request, "called_while_throttled", "the answer said when to go on");
        }
        let seconds = wait.as_secs() + 1;
        return Some(
            problem(429, "local_rate_limited", "Too many requests")
                .with_header("retry-after", seconds.to_string()),
        );
    }
    if !state.bucket.take(1.0, now) {
        kit.breach(request, "over_rate_limit", "1500 calls a minute");
        return Some(Response::text(429, "local_rate_limited"));
    }
    if request.param("access_token").is_some() {
        kit.breach(request, "token_in_query", "the access token belongs into the header");
    }
    if request.header("accept").is_none_or(|accept| !accept.contains("application/json")) {
        kit.breach(request, "accept", "every call says accept: application/json");
    }
    let token = request.header("authorization").and_then(|header| header.strip_prefix("Bearer "));
    match token {
        None => Some(Response::json(
            401,
            &json!({"code": "unauthorized", "message": "authorization value not present"}),
        )),
        Some(token) if !state.access.knows(token, now) => Some(problem(401, "not_found", "invalid_token")),
        Some(_) => None,
    }
}

impl State {
    /// Whether the block is older than a call takes.
    fn blocked_calls_are_late(&self, now: Timestamp) -> bool {
        self.blocked_since.is_some_and(|since| now.since(since) > Duration::from_secs(1))
    }
}

fn missed(state: &State, request: &Request, kit: &Kit) -> Response {
    if request.param("app_id") != Some(CLIENT_ID.to_string().as_str()) {
        return problem(400, "bad_request", "app_id is not yours");
    }
    let topic = request.param("topic").unwrap_or_default();
    search::missed_page(&state.notices.missed(kit, topic), request)
}

/// The calls that only read.
fn look(world: &World, route: Route<'_>, request: &Request, site: &Site, kit: &Kit) -> Response {
    let sale =
        |id: u64, shown: &dyn Fn(&Sale) -> Response| world.sale(id).map_or_else(|| not_found("order"), shown);
    let ok = |body: &serde_json::Value| Response::json(200, body);
    match route {
        Route::Order(id) => sale(id, &|sale| ok(&show::order(sale, site))),
        Route::Notes(id) => sale(id, &|sale| ok(&show::notes(sale))),
        Route::Feedback(id) => sale(id, &|sale| {
            let own = sale.feedback.as_ref().map(|own| show::feedback(own, sale));
            ok(&json!({"sale": own, "purchase": null}))
        }),
        Route::OrderShipments(id) => sale(id, &|sale| {
            want_header(request, kit, "x-new-domain");
            sale.parcel.map_or_else(
                || Response::empty(204),
                |parcel| {
                    ok(&json!([{"id": parcel + 1, "type": "return"}, {"id": parcel, "type": "forward"}]))
                },
            )
        }),
        Route::Billing(of, id) => {
            let found = id.parse().ok().and_then(|id: u64| world.sale(*world.billings.get(&id)?));
            let found = found.filter(|sale| of == site.id && sale.paid() > rust_decimal::Decimal::ZERO);
            found.map_or_else(|| not_found("billing_info"), |sale| ok(&show::billing(sale, site)))
        }
        Route::Shipment(id) => parcel(world, id, |parcel, sale| {
            if want_header(request, kit, "x-format-new") {
                ok(&show::shipment(parcel, sale, site))
            } else {
                ok(&show::old_shipment(parcel))
            }
        }),
        Route::ShipmentItems(id) => parcel(world, id, |parcel, _| {
            want_header(request, kit, "x-format-new");
            let sales = parcel.sales.iter().filter_map(|id| world.sale(*id));
            ok(&sales.map(|sale| show::shipment_item(sale, site)).collect())
        }),
        Route::ShipmentOrders(id) => parcel(world, id, |parcel, _| {
            want_header(request, kit, "x-new-domain");
            ok(&parcel.sales.iter().map(|id| json!({"id": id})).collect())
        }),
        Route::Carrier(id) => parcel(world, id, |_, _| not_found("carrier")),
        Route::Pack(id) => match world.packs.get(&id) {
            Some(sales) => {
                let orders: Vec<_> = sales.iter().map(|id| json!({"id": id})).collect();
                ok(&json!({"id": id, "orders": orders, "status": "released", "status_detail": null}))
            }
            None => not_found("pack"),
        },
        Route::Payment(id) => match world.payments.get(&id) {
            Some(order) => ok(&json!({"id": id, "order_id": order.to_string(), "status": "approved"})),
            None => not_found("payment"),
        },
        Route::User => ok(
            &json!({"id": USER_ID, "nickname": "SANDBOX", "site_id": site.id, "status": {"site_status": "active"}}),
        ),
        Route::Currency(id) => ok(&json!({"id": id, "decimal_places": if id == "CLP" { 0 } else { 2 }})),
        Route::BadId => problem(400, "invalid_order_id", "The id must be a number"),
        _ => {
            kit.breach(request, "unknown_route", "there is no such resource");
            problem(404, "not_found", "resource not found")
        }
    }
}

fn parcel(world: &World, id: u64, shown: impl Fn(&Parcel, &Sale) -> Response) -> Response {
    let parcel = world.parcels.get(&id);
    let sale = parcel.and_then(|parcel| world.sale(*parcel.sales.first()?));
    parcel.zip(sale).map_or_else(|| not_found("shipment"), |(parcel, sale)| shown(parcel, sale))
}

/// Headers that opt into the documented form.
fn want_header(request: &Request, kit: &Kit, name: &str) -> bool {
    let there = request.header(name) == Some("true");
    if !there {
        kit.breach(
            request,
            &format!("missing_{}", name.replace('-', "_")),
            "the header opts into the documented form",
        );
    }
    there
}

/// The order of the request while some back ends fail.
pub(super) fn holes(world: &World, request: &Request, site: &Site) -> Response {
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    let Route::Order(id) = route(&request.method, &path) else {
        return problem(400, "bad_request", "only an order has holes");
    };
    world.sale(id).map_or_else(
        || not_found("order"),
        |sale| {
            Response::json(206, &show::order_with_holes(sale, site))
                .with_header("x-content-missing", show::MISSING)
        },
    )
}
