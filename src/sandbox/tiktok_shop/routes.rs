//! The interface's addresses, and what each takes.

use serde_json::{Value, json};

use super::super::kit::Kit;
use super::super::message::{Request, Response};
use super::guard::{self, Door};
use super::world::Event;
use super::{CIPHER, SHOP_ID, State, bad, good, market, search, show, writes};

const PAGES: &[&str] = &["page_size", "page_token", "sort_field", "sort_order"];
/// Most orders that one call shows.
const IDS_MAX: usize = 50;

/// The stand's name for what a request asks for.
pub(super) fn operation(request: &Request) -> &'static str {
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (request.method.as_str(), path.as_slice()) {
        ("GET", ["api", "v2", "token", "get"]) => "token_get",
        ("GET", ["api", "v2", "token", "refresh"]) => "token_refresh",
        ("GET", ["oauth", "authorize"]) => "consent",
        ("GET", ["authorization", "202309", "shops"]) => "shops",
        ("GET", ["event", "202309", "webhooks"]) => "webhooks",
        ("PUT", ["event", "202309", "webhooks"]) => "subscribe",
        ("DELETE", ["event", "202309", "webhooks"]) => "unsubscribe",
        ("POST", ["order", "202309", "orders", "search"]) => "orders_search",
        ("GET", ["order", "202309" | "202507", "orders"]) => "orders",
        ("POST", ["return_refund", "202309", "cancellations", "search"]) => "cancellations_search",
        ("POST", ["return_refund", "202309", "returns", "search"]) => "returns_search",
        ("POST", ["return_refund", "202309", "cancellations"]) => "cancel",
        ("POST", ["return_refund", "202309", "cancellations", _, "approve"]) => "approve",
        ("POST", ["return_refund", "202309", "cancellations", _, "reject"]) => "reject",
        ("GET", ["logistics", "202309", "delivery_options", _, "shipping_providers"]) => "shipping_providers",
        ("POST", ["fulfillment", "202309", "orders", _, "packages"]) => "ship_units",
        ("POST", ["fulfillment", "202309", "packages", _, "ship"]) => "ship_package",
        ("POST", ["fulfillment", "202309", "orders", _, "shipping_info", "update"]) => {
            "update_order_shipping"
        }
        ("POST", ["fulfillment", "202309", "packages", _, "shipping_info", "update"]) => {
            "update_package_shipping"
        }
        ("GET", ["fulfillment", "202309", "orders", _, "tracking"]) => "tracking",
        _ => "unknown",
    }
}

fn door(operation: &str) -> Door {
    let params = match operation {
        "orders" => &["ids"],
        "orders_search" | "cancellations_search" | "returns_search" => PAGES,
        "approve" | "reject" => &["idempotency_key"],
        _ => &[][..],
    };
    Door { params, shop: operation != "shops" }
}

/// Answers a call, and says what is to be told of it.
pub(super) fn answer(state: &mut State, request: &Request, kit: &Kit) -> (Response, Vec<Event>) {
    let operation = operation(request);
    let answer = match operation {
        "token_get" => state.access.get(request, kit),
        "token_refresh" => state.access.renew(request, kit),
        "consent" => state.access.consent(request, kit),
        "unknown" => {
            kit.breach(request, "unknown_path", "the interface has no such call");
            bad(kit, 404, 36_009_009, "no schema found for this path")
        }
        _ => {
            if let Some(refusal) = guard::refuse(state, request, &door(operation), kit) {
                return (refusal, Vec::new());
            }
            return admitted(state, request, operation, kit);
        }
    };
    (answer, Vec::new())
}

fn admitted(state: &mut State, request: &Request, operation: &str, kit: &Kit) -> (Response, Vec<Event>) {
    let segments = request.segments();
    let id = segments.get(3).map(String::as_str).unwrap_or_default();
    let world = &mut state.world;
    let answer = match operation {
        "shops" => shops(kit),
        "webhooks" => state.hooks.list(kit),
        "subscribe" => state.hooks.subscribe(request, kit),
        "unsubscribe" => state.hooks.unsubscribe(request, kit),
        "orders_search" => search::orders(world, request, kit),
        "orders" => orders(state, request, kit),
        "cancellations_search" => search::after_sales(world, request, false, kit),
        "returns_search" => search::after_sales(world, request, true, kit),
        "shipping_providers" => providers(id, kit),
        "tracking" => tracking(state, id, kit),
        "ship_units" => return writes::ship_units(world, id, request, kit),
        "ship_package" => return writes::ship_package(world, id, request, kit),
        "update_order_shipping" => return writes::relabel_order(world, id, request, kit),
        "update_package_shipping" => return writes::relabel_package(world, id, request, kit),
        "cancel" => return writes::cancel(world, request, kit),
        "approve" => return writes::approve(world, id, request, kit),
        "reject" => return writes::reject(world, id, request, kit),
        _ => bad(kit, 404, 36_009_009, "no schema found for this path"),
    };
    (answer, Vec::new())
}

fn shops(kit: &Kit) -> Response {
    let own = json!({
        "id": SHOP_ID, "name": "Sandbox shop", "region": "US", "seller_type": "LOCAL", "cipher": CIPHER,
        "code": "USLCSANDBOX",
    });
    let other = json!({
        "id": "7495000000000000001", "name": "Another shop", "region": "GB", "seller_type": "LOCAL",
        "cipher": "GCP_another", "code": "GBLCSANDBOX",
    });
    good(kit, &json!({"shops": [other, own]}))
}

/// Some ids that are not there spoil the call, others are left out: both have been seen.
fn orders(state: &State, request: &Request, kit: &Kit) -> Response {
    let ids: Vec<&str> = request.param("ids").unwrap_or_default().split(',').collect();
    let sound = |id: &&str| (1..=20).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit());
    if ids.len() > IDS_MAX || !ids.iter().all(sound) {
        kit.breach(request, "ids", "one to fifty numbers, joined by commas");
        return bad(kit, 400, 36_009_004, "Invalid parameter: ids");
    }
    let missing = |id: &&&str| state.world.orders.get(id).is_none();
    let spoils = |id: &str| id.bytes().last().is_some_and(|digit| digit.is_multiple_of(2));
    if ids.iter().filter(missing).any(|id| spoils(id)) {
        return bad(kit, 200, 21_008_111, "order not found");
    }
    let now = kit.now();
    let found = ids.iter().filter_map(|id| state.world.orders.get(id)).map(|order| show::order(order, now));
    good(kit, &json!({"orders": found.collect::<Vec<_>>()}))
}

fn providers(option: &str, kit: &Kit) -> Response {
    let Some(carriers) = market::carriers(option) else {
        return bad(kit, 400, 36_009_004, "Invalid parameter: delivery_option_id");
    };
    let shown: Vec<Value> = carriers.iter().map(|(id, name)| json!({"id": id, "name": name})).collect();
    good(kit, &json!({"shipping_providers": shown}))
}

/// Milliseconds, unlike every other time.
fn tracking(state: &State, id: &str, kit: &Kit) -> Response {
    let Some(order) = state.world.orders.get(id) else {
        return bad(kit, 200, 21_008_111, "order not found");
    };
    let step = |text: &str, at: Option<crate::model::Timestamp>| {
        at.map(|at| json!({"description": text, "update_time_millis": at.as_millis()}))
    };
    let steps = [step("Shipped by the seller", order.sent_at), step("Delivered", order.delivered_at)];
    good(kit, &json!({"tracking": steps.into_iter().flatten().collect::<Vec<_>>()}))
}
