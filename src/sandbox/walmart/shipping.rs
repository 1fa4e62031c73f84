//! Marking as shipped, and correcting a label. All or nothing.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::kit::Kit;
use super::super::message::{Request, Response};
use super::carriers::{CARRIERS, METHODS};
use super::replies;
use super::world::{Batch, Carrier, Label, Line, Order, Stage};
use super::writes::{Outcome, json_body, lines, refuse_foreign, statuses, text, units};
use crate::model::Timestamp;

/// How long after shipping a number may be replaced.
const CORRECTABLE: Duration = Duration::from_hours(4);
/// How far ahead of Walmart's clock a shipment may be dated.
const AHEAD: Duration = Duration::from_mins(5);
const SELLER_ORDER_MAX: usize = 30;

/// Fields that the call takes; anything else is a slip.
const FIELDS: [&str; 30] = [
    "orderShipment",
    "processMode",
    "orderLines",
    "orderLine",
    "lineNumber",
    "intentToCancelOverride",
    "sellerOrderId",
    "sellerOrderNo",
    "orderLineStatuses",
    "orderLineStatus",
    "status",
    "asn",
    "statusQuantity",
    "unitOfMeasurement",
    "amount",
    "trackingInfo",
    "currentTrackingInfo",
    "shipDateTime",
    "carrierName",
    "carrier",
    "otherCarrier",
    "methodCode",
    "trackingNumber",
    "trackingURL",
    "returnCenterAddress",
    "name",
    "address1",
    "city",
    "state",
    "postalCode",
];

/// One entry of the request, checked.
struct Entry {
    line: String,
    units: u32,
    label: Label,
    /// The number to be replaced.
    replaces: Option<String>,
}

/// `POST …/shipping`
pub(super) fn ship(order: &mut Order, request: &Request, kit: &Kit) -> Outcome {
    refuse_foreign(order, "shipConfirm")?;
    let body = json_body(request, kit)?;
    tell_unknown_fields(&body, request, kit);
    let corrects = match body["orderShipment"]["processMode"].as_str() {
        None => false,
        Some("PARTIAL_UPDATE") => true,
        Some(mode) => {
            kit.breach(request, "process_mode", mode);
            return Err(refused(order, "processMode", "Invalid process mode"));
        }
    };
    let mut entries = Vec::new();
    for line in lines(&body, "orderShipment") {
        entries.extend(read_line(order, line, corrects, request, kit)?);
    }
    if entries.is_empty() {
        kit.breach(request, "no_lines", "a shipment names its lines");
        return Err(refused(order, "orderLines", "No lines"));
    }
    let operation = if corrects { "correct" } else { "ship" };
    if corrects {
        correct(order, &entries, kit)?;
    } else {
        send(order, &entries, kit)?;
    }
    order.phone_masked |= order.habit() == 0;
    let told: Vec<Value> = entries
        .iter()
        .map(|entry| {
            json!({"line": entry.line, "units": entry.units, "carrier": entry.label.carrier.name(),
                   "tracking": entry.label.number, "replaces": entry.replaces})
        })
        .collect();
    kit.effect(operation, Some(&order.id), json!({"lines": told}));
    Ok(())
}

fn read_line(
    order: &mut Order,
    line: &Value,
    corrects: bool,
    request: &Request,
    kit: &Kit,
) -> Result<Vec<Entry>, Response> {
    let number = text(line, "lineNumber");
    let id = order.id.clone();
    let (placed_at, position) = (order.placed_at, order.lines.iter().position(|own| own.number == number));
    let Some(own) = order.line(&number) else {
        return Err(replies::bad_content(
            "shipConfirm",
            &id,
            &format!("The Line: {number} of PO: {id} does not exist"),
        ));
    };
    if text(line, "sellerOrderId").len() > SELLER_ORDER_MAX {
        kit.breach(request, "seller_order_id", "at most 30 characters");
    }
    let overrules = line["intentToCancelOverride"].as_bool().unwrap_or(false);
    if own.unwanted && !overrules && !corrects {
        let why = format!("The Line: {number} of PO: {id} has an intent to cancel");
        return Err(replies::bad_content("shipConfirm", &id, &why));
    }
    let mut entries = Vec::new();
    for status in statuses(line) {
        if text(status, "status") != "Shipped" {
            kit.breach(request, "status", "a shipment says Shipped");
            return Err(replies::service(400, "INVALID_REQUEST_CONTENT", "status", "Invalid status"));
        }
        let replaces = status["currentTrackingInfo"]["trackingNumber"].as_str().map(str::to_owned);
        entries.push(Entry {
            line: number.clone(),
            units: units(status, request, kit)?,
            label: label(&status["trackingInfo"], placed_at, position.unwrap_or_default() + 1, request, kit)?,
            replaces,
        });
    }
    Ok(entries)
}

fn label(
    info: &Value,
    placed_at: Timestamp,
    position: usize,
    request: &Request,
    kit: &Kit,
) -> Result<Label, Response> {
    let bad = |field: &str, why: &str| {
        kit.breach(request, "tracking_info", format!("{field}: {why}"));
        replies::service(400, "INVALID_REQUEST_CONTENT", field, why)
    };
    let url = info["trackingURL"].as_str().filter(|url| !url.is_empty()).map(str::to_owned);
    let name = &info["carrierName"];
    let carrier = match (name["carrier"].as_str(), name["otherCarrier"].as_str()) {
        (Some(listed), None) if CARRIERS.contains(&listed) => Carrier::Listed(listed.to_owned()),
        (Some(_), None) => return Err(bad("carrier", "Invalid carrier")),
        (None, Some(other)) if url.is_some() => Carrier::Other(other.to_owned()),
        (None, Some(_)) => return Err(bad("trackingURL", "trackingURL is mandatory with otherCarrier")),
        (Some(_), Some(_)) | (None, None) => {
            return Err(bad("carrierName", "One of carrier and otherCarrier"));
        }
    };
    let method = text(info, "methodCode");
    if !METHODS.contains(&method.as_str()) {
        return Err(bad("methodCode", &format!("Method code is not supported in line number {position}")));
    }
    let number = text(info, "trackingNumber");
    if number.trim().is_empty() {
        return Err(bad("trackingNumber", "The tracking number is mandatory"));
    }
    let shipped_at = info["shipDateTime"].as_i64().map(Timestamp::from_millis);
    let credible = |at: &Timestamp| at.as_secs() >= placed_at.as_secs() && *at <= kit.now().plus(AHEAD);
    let shipped_at = shipped_at.filter(credible).ok_or_else(|| bad("shipDateTime", "Invalid ship date"))?;
    Ok(Label { carrier, number, url, method, shipped_at })
}

/// Only acknowledged units can leave.
fn send(order: &mut Order, entries: &[Entry], kit: &Kit) -> Outcome {
    let id = order.id.clone();
    for entry in entries {
        let wanted: u32 =
            entries.iter().filter(|other| other.line == entry.line).map(|other| other.units).sum();
        let Some(line) = order.line(&entry.line) else { continue };
        if line.units(Stage::has_left) == line.quantity {
            let why = format!("The Line: {} of PO: {id} is in SHIPPED status", entry.line);
            return Err(replies::bad_content("shipConfirm", &id, &why));
        }
        if wanted > line.units(|stage| stage == Stage::Acknowledged) {
            let why = "Qty OverShipped : Some or All Line(s)/Qty cannot be Shipped due to invalid Lines Or invalid Qty \
                       Or Qty more than allowed";
            return Err(replies::bad_content("shipConfirm", &id, why));
        }
    }
    let now = kit.now();
    for entry in entries {
        let sent = Batch {
            stage: Stage::Shipped,
            units: 0,
            label: Some(entry.label.clone()),
            reason: None,
            since: now,
        };
        if let Some(line) = order.line(&entry.line) {
            line.advance(|stage| stage == Stage::Acknowledged, entry.units, &sent);
        }
    }
    Ok(())
}

/// Replaces the label of units that are on their way.
fn correct(order: &mut Order, entries: &[Entry], kit: &Kit) -> Outcome {
    let id = order.id.clone();
    let now = kit.now();
    for entry in entries {
        let Some(line) = order.line(&entry.line) else { continue };
        if of_label(line, entry).is_none_or(|batch| batch.units != entry.units) {
            let why = format!("Line {}: no such shipment to update", entry.line);
            return Err(replies::bad_content("shipConfirm", &id, &why));
        }
        if of_label(line, entry).is_none_or(|batch| now.since(batch.since) > CORRECTABLE) {
            let why = format!("The Line: {} of PO: {id} is in SHIPPED status", entry.line);
            return Err(replies::bad_content("shipConfirm", &id, &why));
        }
    }
    for entry in entries {
        if let Some(batch) = order.line(&entry.line).and_then(|line| of_label(line, entry)) {
            batch.label = Some(entry.label.clone());
        }
    }
    Ok(())
}

/// The batch whose number is to be replaced; without one named, the only one.
fn of_label<'a>(line: &'a mut Line, entry: &Entry) -> Option<&'a mut Batch> {
    let mut sent = line.batches.iter_mut().filter(|batch| batch.stage == Stage::Shipped);
    match &entry.replaces {
        Some(number) => sent.find(|batch| batch.label.as_ref().is_some_and(|label| label.number == *number)),
        None => sent.next(),
    }
}

fn refused(order: &Order, field: &str, why: &str) -> Response {
    replies::service(400, "INVALID_REQUEST_CONTENT", field, &format!("{why} ({})", order.id))
}

fn tell_unknown_fields(value: &Value, request: &Request, kit: &Kit) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if !FIELDS.contains(&name.as_str()) {
                    kit.breach(request, "unknown_field", name);
                }
                tell_unknown_fields(value, request, kit);
            }
        }
        Value::Array(elements) => elements.iter().for_each(|value| tell_unknown_fields(value, request, kit)),
        _ => {}
    }
}
