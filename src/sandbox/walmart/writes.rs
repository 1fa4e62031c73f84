//! Acknowledging and cancelling. All or nothing: one bad line refuses the whole request.

use serde_json::{Value, json};

use super::super::kit::Kit;
use super::super::message::{Request, Response};
use super::replies;
use super::show::{self, Extras};
use super::world::{Batch, Order, Stage, Warehouse};

const REASONS: [&str; 5] = [
    "CUSTOMER_REQUESTED_SELLER_TO_CANCEL",
    "SELLER_CANCEL_OUT_OF_STOCK",
    "SELLER_CANCEL_PRICING_ERROR",
    "SELLER_CANCEL_ADDRESS_NOT_SERVICEABLE",
    "SELLER_CANCEL_FRAUD_STOP_SHIPMENT",
];

/// The answer, and whether the order changed.
pub(super) type Outcome = Result<(), Response>;

/// `POST …/acknowledge`
pub(super) fn acknowledge(order: &mut Order, request: &Request, kit: &Kit) -> Outcome {
    if !request.body.is_empty() {
        kit.breach(request, "unexpected_body", "an order is acknowledged with an empty body");
    }
    refuse_foreign(order, "acknowledge")?;
    let open = order.has(Stage::is_open);
    if order.has(Stage::has_left) || !open {
        return Err(replies::bad_content("acknowledge", &order.id, "Some or all qty in higher status"));
    }
    let now = kit.now();
    let mut lines = Vec::new();
    for line in order.lines.iter_mut().filter(|line| line.units(|stage| stage == Stage::Created) > 0) {
        line.turn(Stage::Created, Stage::Acknowledged, now);
        lines.push(line.number.clone());
    }
    if !lines.is_empty() {
        kit.effect("acknowledge", Some(&order.id), json!({"lines": lines}));
    }
    Ok(())
}

/// One line of a cancellation, checked.
struct Cut {
    line: String,
    units: u32,
    reason: String,
}

/// `POST …/cancel`
pub(super) fn cancel(order: &mut Order, request: &Request, kit: &Kit) -> Outcome {
    refuse_foreign(order, "cancel")?;
    let body = json_body(request, kit)?;
    let mut cuts: Vec<Cut> = Vec::new();
    for line in lines(&body, "orderCancellation") {
        let number = text(line, "lineNumber");
        for status in statuses(line) {
            cuts.push(cut(order, &number, status, request, kit)?);
        }
    }
    if cuts.is_empty() {
        kit.breach(request, "no_lines", "a cancellation names its lines");
        return Err(replies::bad_content("cancel", &order.id, "No lines"));
    }
    for cut in &cuts {
        let wanted: u32 = cuts.iter().filter(|other| other.line == cut.line).map(|other| other.units).sum();
        let open = order.line(&cut.line).map_or(0, |line| line.units(Stage::is_open));
        if wanted > open {
            let why = format!("Line {} doesn't have enough quantity to cancel requested quantity", cut.line);
            return Err(replies::bad_content("cancel", &order.id, &why));
        }
    }
    let now = kit.now();
    for cut in &cuts {
        let reason = Some(cut.reason.clone());
        let gone = Batch { stage: Stage::Cancelled, units: 0, label: None, reason, since: now };
        if let Some(line) = order.line(&cut.line) {
            line.advance(Stage::is_open, cut.units, &gone);
        }
    }
    order.phone_masked = true;
    let told: Vec<Value> =
        cuts.iter().map(|cut| json!({"line": cut.line, "units": cut.units, "reason": cut.reason})).collect();
    kit.effect("cancel", Some(&order.id), json!({"lines": told}));
    Ok(())
}

fn cut(
    order: &mut Order,
    number: &str,
    status: &Value,
    request: &Request,
    kit: &Kit,
) -> Result<Cut, Response> {
    let id = order.id.clone();
    let Some(line) = order.line(number) else {
        let why = format!("The Line: {number} of PO: {id} does not exist");
        return Err(replies::bad_content("cancel", &id, &why));
    };
    if text(status, "status") != "Cancelled" {
        kit.breach(request, "status", "a cancellation says Cancelled");
        return Err(replies::service(400, "INVALID_REQUEST_CONTENT", "status", "Invalid status"));
    }
    let reason = text(status, "cancellationReason");
    if !REASONS.contains(&reason.as_str()) {
        kit.breach(request, "cancellation_reason", reason);
        return Err(replies::service(400, "INVALID_REQUEST_CONTENT", "cancellationReason", "Invalid reason"));
    }
    if reason == REASONS[0] && !line.unwanted {
        kit.breach(request, "reason_against_policy", "the customer did not ask to cancel this line");
    }
    Ok(Cut { line: number.to_owned(), units: units(status, request, kit)?, reason })
}

pub(super) fn refuse_foreign(order: &Order, call: &str) -> Outcome {
    if order.warehouse == Warehouse::Walmart {
        return Err(replies::bad_content(call, &order.id, "The order is fulfilled by Walmart"));
    }
    Ok(())
}

pub(super) fn json_body(request: &Request, kit: &Kit) -> Result<Value, Response> {
    if request.content_type().as_deref() != Some("application/json") {
        kit.breach(request, "content_type", "a change is sent as JSON");
        return Err(replies::service(415, "UNSUPPORTED_MEDIA_TYPE", "data", "Unsupported media type"));
    }
    request.json().ok_or_else(|| {
        kit.breach(request, "malformed_json", "the body is no JSON");
        replies::service(400, "MALFORMED_REQUEST_CONTENT", "data", "Malformed request content")
    })
}

pub(super) fn lines<'a>(body: &'a Value, wrapper: &str) -> Vec<&'a Value> {
    body[wrapper]["orderLines"]["orderLine"]
        .as_array()
        .map(|lines| lines.iter().collect())
        .unwrap_or_default()
}

pub(super) fn statuses(line: &Value) -> Vec<&Value> {
    let statuses = line["orderLineStatuses"]["orderLineStatus"].as_array();
    statuses.map(|statuses| statuses.iter().collect()).unwrap_or_default()
}

pub(super) fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

/// A positive whole number, as a text, of single pieces.
pub(super) fn units(status: &Value, request: &Request, kit: &Kit) -> Result<u32, Response> {
    let quantity = &status["statusQuantity"];
    let unit = quantity["unitOfMeasurement"].as_str();
    let amount =
        quantity["amount"].as_str().and_then(|text| text.parse::<u32>().ok()).filter(|units| *units > 0);
    if let (Some("EACH" | "EA"), Some(units)) = (unit, amount) {
        return Ok(units);
    }
    kit.breach(request, "status_quantity", quantity.to_string());
    Err(replies::service(400, "INVALID_REQUEST_CONTENT", "statusQuantity", "Invalid quantity"))
}

pub(super) fn shown(order: &Order) -> Response {
    Response::json(200, &json!({"order": show::order(order, Extras::default())}))
}
