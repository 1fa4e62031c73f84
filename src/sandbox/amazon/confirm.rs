//! `confirmShipment`: a package of the seller's, made or edited.

use serde_json::{Value, json};

use super::super::kit::Kit;
use super::super::message::{Request, Response};
use super::carriers::CARRIERS;
use super::errors;
use super::orders::is_order_id;
use super::world::{Order, Package, World};
use crate::model::Timestamp;

/// How often one package may be edited.
const EDITS_MAX: u32 = 5;

/// A package as the client wants it.
struct Wanted {
    reference: String,
    carrier: String,
    service: Option<String>,
    tracking: String,
    ship_time: Timestamp,
    items: Vec<(String, u32)>,
}

/// Answers `POST /orders/v0/orders/{orderId}/shipmentConfirmation`.
pub(super) fn confirm(world: &mut World, kit: &Kit, request: &Request, id: &str) -> Response {
    if !is_order_id(id) {
        kit.breach(request, "bad_id", "an order id is 3-7-7 digits");
        return errors::invalid("The order id is not in 3-7-7 format.");
    }
    let Some(order) = world.order(id) else { return errors::not_found() };
    let body = request.json().unwrap_or(Value::Null);
    let wanted = match read(&body, order) {
        Ok(wanted) => wanted,
        Err(message) => {
            kit.breach(request, "bad_shipment", message.clone());
            return errors::invalid(&message);
        }
    };
    let edits = order.packages.iter().position(|package| package.reference == wanted.reference);
    if let Err(message) = allowed(order, &wanted, edits) {
        return errors::invalid(&message);
    }
    let now = kit.now();
    let detail = json!({
        "package": wanted.reference, "carrier": wanted.carrier, "tracking_number": wanted.tracking,
        "edit": edits.is_some(),
    });
    world.change(id, now, |order| pack(order, wanted, edits, now));
    kit.effect("confirmShipment", Some(id), detail);
    Response::empty(204)
}

fn read(body: &Value, order: &Order) -> Result<Wanted, String> {
    let text = |from: &Value, name: &str| from.get(name).and_then(Value::as_str).map(str::to_owned);
    if text(body, "marketplaceId").as_deref() != Some(order.market.id) {
        return Err("marketplaceId is not that of the order.".to_owned());
    }
    let package = body.get("packageDetail").ok_or("packageDetail is required.")?;
    let reference = text(package, "packageReferenceId").ok_or("packageReferenceId is a string.")?;
    if reference.parse::<u64>().map_or(true, |number| number == 0) {
        return Err("packageReferenceId holds a positive integer.".to_owned());
    }
    let code = text(package, "carrierCode").ok_or("carrierCode is required.")?;
    if !CARRIERS.contains(&code.as_str()) {
        return Err(format!("carrierCode {code} is not one of the listed values."));
    }
    let name = text(package, "carrierName").filter(|name| !name.trim().is_empty());
    let carrier = if code == "Other" { name.ok_or("carrierName is required with Other.")? } else { code };
    let tracking = text(package, "trackingNumber").filter(|tracking| !tracking.trim().is_empty());
    let ship_date = text(package, "shipDate").ok_or("shipDate is required.")?;
    Ok(Wanted {
        reference,
        carrier,
        service: text(package, "shippingMethod"),
        tracking: tracking.ok_or("trackingNumber is required.")?,
        ship_time: Timestamp::parse(&ship_date).ok_or("shipDate is no ISO 8601 date-time with a zone.")?,
        items: items(package, order)?,
    })
}

fn items(package: &Value, order: &Order) -> Result<Vec<(String, u32)>, String> {
    let given = package.get("orderItems").and_then(Value::as_array).filter(|items| !items.is_empty());
    let mut items = Vec::new();
    for item in given.ok_or("orderItems is required and not empty.")? {
        let id = item.get("orderItemId").and_then(Value::as_str).ok_or("orderItemId is a string.")?;
        let quantity =
            item.get("quantity").and_then(Value::as_u64).and_then(|units| u32::try_from(units).ok());
        let quantity = quantity.filter(|units| *units > 0).ok_or("quantity is an integer of 1 or more.")?;
        let line = order.lines.iter().find(|line| line.id == id);
        let codes = item.get("transparencyCodes").and_then(Value::as_array).map_or(0, Vec::len);
        if line.is_some_and(|line| line.transparency) && codes == 0 {
            return Err("transparencyCodes are required for this item.".to_owned());
        }
        items.push((id.to_owned(), quantity));
    }
    Ok(items)
}

fn allowed(order: &Order, wanted: &Wanted, edits: Option<usize>) -> Result<(), String> {
    if order.by_amazon {
        return Err("The order is fulfilled by Amazon.".to_owned());
    }
    if order.programs.contains(&"FBM_SHIP_PLUS") {
        return Err("Shipments of this program are confirmed by Amazon.".to_owned());
    }
    match order.status() {
        "PENDING" | "PENDING_AVAILABILITY" => return Err("The order is not ready for shipment.".to_owned()),
        "CANCELLED" | "UNFULFILLABLE" => {
            return Err("NonexistentOrderItem: the order was cancelled.".to_owned());
        }
        "SHIPPED" if edits.is_none() => {
            return Err("PackageToUpdateNotFound: the order is fulfilled already.".to_owned());
        }
        _ => {}
    }
    if edits.is_some_and(|at| order.packages[at].edits >= EDITS_MAX) {
        return Err("The package was updated too many times.".to_owned());
    }
    for (id, units) in &wanted.items {
        let line = order.lines.iter().find(|line| line.id == *id);
        let line = line.ok_or_else(|| format!("NonexistentOrderItem: {id} is no item of the order."))?;
        let freed = edits.map_or(0, |at| in_package(&order.packages[at], id));
        if *units > line.quantity - line.fulfilled + freed {
            return Err(format!("The quantity of {id} is more than what is left."));
        }
    }
    Ok(())
}

fn in_package(package: &Package, line: &str) -> u32 {
    package.items.iter().filter(|(own, _)| own == line).map(|(_, units)| *units).sum()
}

fn pack(order: &mut Order, wanted: Wanted, edits: Option<usize>, now: Timestamp) {
    let package = Package {
        reference: wanted.reference,
        carrier: wanted.carrier,
        tracking: wanted.tracking,
        service: wanted.service,
        ship_time: wanted.ship_time,
        created_at: now,
        status: "IN_TRANSIT",
        items: wanted.items,
        edits: 0,
    };
    match edits.and_then(|at| order.packages.get_mut(at)) {
        Some(there) => *there = Package { created_at: there.created_at, edits: there.edits + 1, ..package },
        None => order.packages.push(package),
    }
    for line in &mut order.lines {
        line.fulfilled = order.packages.iter().map(|package| in_package(package, &line.id)).sum();
    }
}
