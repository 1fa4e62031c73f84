//! The calls that change something: parcels, numbers, cancellations.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::kit::Kit;
use super::super::message::{Request, Response};
use super::world::{Event, Label, Order, PENDING, Sender, UnitState, World};
use super::{bad, good};
use crate::model::Timestamp;

/// Until when a number may be replaced.
const CHANGES: Duration = Duration::from_hours(72);

type Outcome = (Response, Vec<Event>);

fn none(response: Response) -> Outcome {
    (response, Vec::new())
}

fn wrong(request: &Request, kit: &Kit, rule: &str, message: &str) -> Outcome {
    kit.breach(request, rule, message);
    none(bad(kit, 400, 36_009_004, &format!("Invalid parameter: {message}")))
}

fn missing(kit: &Kit) -> Outcome {
    none(bad(kit, 200, 21_008_111, "order or package not found"))
}

/// A body with these fields and no others.
fn body(request: &Request, fields: &[&str], kit: &Kit) -> Result<Value, Outcome> {
    let Some(Value::Object(body)) = request.json() else {
        return Err(wrong(request, kit, "body", "the body is no JSON object"));
    };
    match body.keys().find(|name| !fields.contains(&name.as_str())) {
        Some(name) => Err(wrong(request, kit, "unknown_field", &format!("{name} is not taken here"))),
        None => Ok(Value::Object(body)),
    }
}

/// Carrier and number, as they stand in `body`.
fn label(body: &Value, order: &Order, request: &Request, kit: &Kit) -> Result<Label, Outcome> {
    let id = body["shipping_provider_id"].as_str().unwrap_or_default();
    let number = body["tracking_number"].as_str().unwrap_or_default();
    let Some(carrier) = order.market.carriers.iter().find(|(own, _)| *own == id).copied() else {
        return Err(wrong(
            request,
            kit,
            "carrier",
            "shipping_provider_id is not one of the delivery option's",
        ));
    };
    if number.trim().is_empty() {
        return Err(wrong(request, kit, "tracking_number", "tracking_number is empty"));
    }
    Ok(Label { carrier, number: number.to_owned(), at: kit.now() })
}

/// Why an order may not be shipped by the seller now.
fn obstacle(order: &Order) -> Option<(u32, &'static str)> {
    match (order.sender, order.status()) {
        (Sender::Warehouse, _) => Some((21_008_025, "the order is fulfilled by the platform")),
        (Sender::TikTokLabel, _) => Some((36_009_004, "Invalid parameter: handover_method is required")),
        (Sender::Seller, "ON_HOLD") => Some((21_011_044, "the order is on hold")),
        (Sender::Seller, "AWAITING_SHIPMENT" | "PARTIALLY_SHIPPING") if order.request.is_some() => {
            Some((21_011_041, "the buyer requests a cancellation"))
        }
        (Sender::Seller, "AWAITING_SHIPMENT" | "PARTIALLY_SHIPPING") => None,
        (Sender::Seller, "AWAITING_COLLECTION" | "IN_TRANSIT") => {
            Some((21_008_026, "the package is shipped already"))
        }
        (Sender::Seller, _) => Some((21_008_013, "the order's status does not allow this")),
    }
}

/// `POST /fulfillment/202309/orders/{id}/packages`
pub(super) fn ship_units(world: &mut World, id: &str, request: &Request, kit: &Kit) -> Outcome {
    let Some(order) = world.orders.get(id) else { return missing(kit) };
    let fields = ["order_line_item_ids", "shipping_provider_id", "tracking_number"];
    let body = match body(request, &fields, kit) {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    if !order.market.by_units {
        return wrong(request, kit, "ship_route", "this market ships packages");
    }
    if let Some((code, message)) = obstacle(order) {
        return none(bad(kit, 400, code, message));
    }
    let label = match label(&body, order, request, kit) {
        Ok(label) => label,
        Err(refusal) => return refusal,
    };
    let wanted: Vec<&str> =
        body["order_line_item_ids"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let units: Vec<_> = order.units.iter().filter(|unit| wanted.contains(&unit.id.as_str())).collect();
    if wanted.is_empty() || units.len() != wanted.len() {
        return wrong(request, kit, "units", "order_line_item_ids names units that are not there");
    }
    if units.iter().any(|unit| unit.state != UnitState::Open) {
        return none(bad(kit, 400, 21_008_026, "a unit is shipped or cancelled already"));
    }
    let ids: Vec<String> = wanted.into_iter().map(str::to_owned).collect();
    let rest_stays = order.units.iter().any(|unit| unit.state == UnitState::Open && !ids.contains(&unit.id));
    // What is left keeps its package.
    let package = if rest_stays {
        world.number(1_153_000_000_000_000_000).to_string()
    } else {
        units.first().map(|unit| unit.package.clone()).unwrap_or_default()
    };
    kit.effect(
        "ship_units",
        Some(id),
        json!({"units": ids, "carrier": label.carrier.1, "number": label.number}),
    );
    let mut events = declare(world, id, &ids, &package, &label, kit);
    if rest_stays {
        events.push(split(id, &package, kit.now()));
    }
    let mut data = json!({"order_id": id, "order_line_item_ids": ids, "package_id": package});
    if !label.number.bytes().any(|b| b.is_ascii_digit()) {
        data["warning"] = json!({"message": "match more than one provider"});
    }
    (good(kit, &data), events)
}

/// `POST /fulfillment/202309/packages/{id}/ship`
pub(super) fn ship_package(world: &mut World, package: &str, request: &Request, kit: &Kit) -> Outcome {
    let Some(id) = order_of(world, package) else { return missing(kit) };
    let Some(order) = world.orders.get(&id) else { return missing(kit) };
    let body = match body(request, &["self_shipment", "handover_method", "pickup_slot"], kit) {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    if let Some((code, message)) = obstacle(order) {
        return none(bad(kit, 400, code, message));
    }
    let label = match label(&body["self_shipment"], order, request, kit) {
        Ok(label) => label,
        Err(refusal) => return refusal,
    };
    let open = |unit: &&super::world::Unit| unit.package == package && unit.state == UnitState::Open;
    let ids: Vec<String> = order.units.iter().filter(open).map(|unit| unit.id.clone()).collect();
    if ids.is_empty() {
        return none(bad(kit, 400, 21_008_026, "the package is shipped already"));
    }
    kit.effect(
        "ship_package",
        Some(&id),
        json!({"package": package, "carrier": label.carrier.1, "number": label.number}),
    );
    let events = declare(world, &id, &ids, package, &label, kit);
    (good(kit, &json!({})), events)
}

fn order_of(world: &World, package: &str) -> Option<String> {
    let holds = |order: &&Order| order.units.iter().any(|unit| unit.package == package);
    world.orders.iter().rev().find(holds).map(|order| order.id.clone())
}

/// The units leave under a label.
pub(super) fn declare(
    world: &mut World,
    id: &str,
    units: &[String],
    package: &str,
    label: &Label,
    kit: &Kit,
) -> Vec<Event> {
    let events = world.change(id, kit.now(), |order| {
        order.sent_at.get_or_insert(label.at);
        for unit in order.units.iter_mut().filter(|unit| units.contains(&unit.id)) {
            unit.state = UnitState::Declared;
            unit.label = Some(label.clone());
            package.clone_into(&mut unit.package);
        }
    });
    world.await_collection(id, kit);
    events
}

fn split(order: &str, package: &str, now: Timestamp) -> Event {
    let data = json!({
        "sc_type": "SPLIT", "role_type": "SELLER", "update_time": now.as_secs(),
        "package_list": [{"package_id": package, "order_id_list": [order]}],
    });
    Event { kind: 4, order: order.to_owned(), data }
}

/// `POST /fulfillment/202309/orders/{id}/shipping_info/update`
pub(super) fn relabel_order(world: &mut World, id: &str, request: &Request, kit: &Kit) -> Outcome {
    let Some(order) = world.orders.get(id) else { return missing(kit) };
    match order.parcels().as_slice() {
        [] => none(bad(kit, 400, 21_008_013, "nothing is shipped yet")),
        [(package, _)] if order.live().all(|unit| unit.package == *package) => {
            let package = (*package).to_owned();
            relabel(world, id, &package, "update_order_shipping", request, kit)
        }
        _ => wrong(request, kit, "several_packages", "the order has several packages"),
    }
}

/// `POST /fulfillment/202309/packages/{id}/shipping_info/update`
pub(super) fn relabel_package(world: &mut World, package: &str, request: &Request, kit: &Kit) -> Outcome {
    match order_of(world, package) {
        Some(id) => relabel(world, &id, package, "update_package_shipping", request, kit),
        None => missing(kit),
    }
}

/// Another number does not move the order's change time.
fn relabel(
    world: &mut World,
    id: &str,
    package: &str,
    operation: &str,
    request: &Request,
    kit: &Kit,
) -> Outcome {
    let Some(order) = world.orders.get(id) else { return missing(kit) };
    let body = match body(request, &["tracking_number", "shipping_provider_id"], kit) {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let old = order.parcels().into_iter().find(|(own, _)| *own == package).map(|(_, label)| label.clone());
    let Some(old) = old else { return none(bad(kit, 400, 21_008_013, "the package is not shipped yet")) };
    if order.sender != Sender::Seller || order.delivered_at.is_some() {
        return none(bad(kit, 400, 21_008_013, "the order's status does not allow this"));
    }
    if kit.now().since(old.at) > CHANGES {
        return none(bad(kit, 400, 21_011_050, "the time for updates has run out"));
    }
    let label = match label(&body, order, request, kit) {
        Ok(label) => Label { at: old.at, ..label },
        Err(refusal) => return refusal,
    };
    kit.effect(
        operation,
        Some(id),
        json!({"package": package, "carrier": label.carrier.1, "number": label.number}),
    );
    world.orders.touch(id, |order| {
        for unit in order.units.iter_mut().filter(|unit| unit.package == package && unit.label.is_some()) {
            unit.label = Some(label.clone());
        }
    });
    none(good(kit, &json!({})))
}

/// `POST /return_refund/202309/cancellations`
pub(super) fn cancel(world: &mut World, request: &Request, kit: &Kit) -> Outcome {
    let body = match body(request, &["order_id", "cancel_reason"], kit) {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let id = body["order_id"].as_str().unwrap_or_default();
    let reason = body["cancel_reason"].as_str().unwrap_or_default();
    let Some(order) = world.orders.get(id) else { return missing(kit) };
    let may_still = order.market.region == "US" && order.status() == "AWAITING_COLLECTION";
    match order.status() {
        "CANCELLED" | "COMPLETED" => {
            return none(bad(kit, 400, 25_001_051, "the order is completed or cancelled"));
        }
        "UNPAID" | "ON_HOLD" | "AWAITING_SHIPMENT" => {}
        _ if may_still => {}
        _ => return none(bad(kit, 400, 25_001_045, "the order is shipped already")),
    }
    if order.request.is_some() {
        return none(bad(kit, 400, 25_001_011, "a request of the buyer is pending"));
    }
    if !order.market.reasons[usize::from(!order.is_unpaid())].contains(&reason) {
        kit.breach(request, "cancel_reason", format!("{reason} is no reason here and now"));
        return none(bad(kit, 400, 25_001_021, "the cancel reason is invalid"));
    }
    kit.effect("cancel", Some(id), json!({"reason": reason}));
    let (number, events) = world.cancel(id, "SELLER", reason, kit);
    let status = world.after_sales.get(&number).map_or(PENDING, |after| after.status);
    (good(kit, &json!({"cancel_id": number.to_string(), "cancel_status": status})), events)
}

/// The buyer's open request, its order, and whether this key settled it before.
fn request_of(world: &World, cancel_id: &str) -> Option<(u64, String, &'static str)> {
    let number = cancel_id.parse().ok()?;
    let after = world.after_sales.get(&number).filter(|after| after.by_buyer && !after.is_return)?;
    Some((number, after.order.clone(), after.status))
}

/// `POST …/cancellations/{id}/approve`: once more with the same key is no second time.
pub(super) fn approve(world: &mut World, cancel_id: &str, request: &Request, kit: &Kit) -> Outcome {
    let Some((number, order, status)) = request_of(world, cancel_id) else { return missing(kit) };
    if request.param("idempotency_key").is_none_or(str::is_empty) {
        kit.breach(request, "idempotency_key", "an answer to a request goes with a key");
    }
    match status {
        PENDING => {
            kit.effect("approve", Some(&order), json!({"cancel": cancel_id}));
            let events = world.grant(number, kit);
            (good(kit, &json!({})), events)
        }
        super::world::AGREED | super::world::COMPLETE => none(good(kit, &json!({}))),
        _ => none(bad(kit, 400, 25_001_012, "the request was answered already")),
    }
}

/// `POST …/cancellations/{id}/reject`
pub(super) fn reject(world: &mut World, cancel_id: &str, request: &Request, kit: &Kit) -> Outcome {
    let Some((number, order, status)) = request_of(world, cancel_id) else { return missing(kit) };
    if let Err(refusal) = body(request, &["reject_reason", "comment", "images"], kit) {
        return refusal;
    }
    if status != PENDING {
        return none(bad(kit, 400, 25_001_012, "the request was answered already"));
    }
    kit.effect("reject", Some(&order), json!({"cancel": cancel_id}));
    let events = world.reject(number, kit.now());
    (good(kit, &json!({})), events)
}
