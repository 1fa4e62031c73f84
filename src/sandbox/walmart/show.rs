//! An order as the interface writes it, with the nulls and gaps of production answers.

use serde_json::{Map, Value, json};

use super::replies::one_or_many;
use super::world::{Batch, Carrier, Line, Order, Stage, Warehouse};
use crate::model::Timestamp;

/// Optional parts that a query asks for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extras {
    pub product: bool,
    pub replacement: bool,
}

pub(super) fn order(order: &Order, extras: Extras) -> Value {
    let habit = order.habit();
    let mut shown = json!({
        "purchaseOrderId": order.id,
        "customerOrderId": order.number,
        "customerEmailId": if order.mail_known { &order.shopper.email } else { "nocxemail@walmartone.com" },
        "orderDate": order.placed_at.as_millis(),
        "shippingInfo": shipping_info(order),
        "orderLines": {
            "orderLine": one_or_many(order.lines.iter().map(|own| line(own, order, extras)).collect(), order.bare),
        },
    });
    if extras.replacement {
        shown["orderType"] = json!(if order.replaces.is_some() { "REPLACEMENT" } else { "REGULAR" });
        if let Some(original) = &order.replaces {
            shown["originalCustomerOrderID"] = json!(original);
        }
    }
    match (order.warehouse, habit) {
        (Warehouse::Seller, 0) => {}
        (Warehouse::Seller, 1) => shown["shipNode"] = json!({}),
        (warehouse, _) => shown["shipNode"] = json!({"type": warehouse.word()}),
    }
    shown
}

fn shipping_info(order: &Order) -> Value {
    let shopper = &order.shopper;
    let mut info = json!({
        "phone": if order.phone_masked { "0000000000" } else { &shopper.phone },
        "methodCode": order.method,
        "postalAddress": {
            "name": shopper.name(), "address1": shopper.line1, "address2": null, "city": shopper.city,
            "state": "NY", "postalCode": shopper.postal_code, "country": "USA", "addressType": "RESIDENTIAL",
        },
    });
    // Production leaves the estimates out once everything is on its way.
    if order.has(Stage::is_open) {
        info["estimatedDeliveryDate"] = json!(order.deliver_by.as_millis());
        info["estimatedShipDate"] = json!(order.ship_by.as_millis());
    }
    info
}

fn line(line: &Line, order: &Order, extras: Extras) -> Value {
    let habit = order.habit();
    let statuses = line.batches.iter().map(|own| batch(own, habit)).collect();
    let mut shown = json!({
        "lineNumber": line.number,
        "item": {"productName": line.title, "sku": line.sku},
        "charges": charges(line, order),
        "orderLineQuantity": {"unitOfMeasurement": "EACH", "amount": line.quantity.to_string()},
        "statusDate": line.changed_at.as_millis(),
        "orderLineStatuses": {"orderLineStatus": one_or_many(statuses, order.bare)},
        "fulfillment": {"fulfillmentOption": "S2H", "shipMethod": order.method.to_uppercase()},
    });
    if extras.product {
        shown["item"]["weight"] = json!({"value": "1", "unit": "LB"});
    }
    if line.unwanted {
        shown["intentToCancel"] = json!("true");
    }
    let by_stage = line.units(|stage| stage == Stage::Refund) > 0;
    match (if by_stage { 0 } else { line.refunded }, habit) {
        (0, 0) => shown["refund"] = Value::Null,
        (0, 1) => shown["refund"] = json!({}),
        (0, _) => {}
        (back, 0) => shown["refunds"] = json!({"refund": [refund(back, order)]}),
        (back, _) => shown["refund"] = refund(back, order),
    }
    shown
}

fn refund(cents: i64, order: &Order) -> Value {
    json!({
        "refundId": order.id, "refundComments": "",
        "refundCharges": {"refundCharge": [{
            "refundReason": "CustomerReturnedItem",
            "charge": {
                "chargeType": "PRODUCT", "chargeName": "Item Price",
                "chargeAmount": {"currency": order.currency, "amount": number(-cents)},
            },
        }]},
    })
}

/// The charges are of the whole line, and zero once it is cancelled.
fn charges(line: &Line, order: &Order) -> Value {
    let gone = line.is_gone();
    let charge = |kind: &str, name: &str, cents: i64, tax: i64| {
        let tax = match (gone, tax) {
            (false, 0) => Value::Null,
            (gone, tax) => {
                let cents = if gone { 0 } else { tax };
                json!({"taxName": "Tax1", "taxAmount": {"currency": order.currency, "amount": number(cents)}})
            }
        };
        json!({
            "chargeType": kind, "chargeName": name, "tax": tax,
            "chargeAmount": {"currency": order.currency, "amount": number(if gone { 0 } else { cents })},
        })
    };
    let mut charges = vec![charge("PRODUCT", "ItemPrice", line.goods, line.tax)];
    if line.shipping > 0 {
        charges.push(charge("SHIPPING", "Shipping", line.shipping, 0));
    }
    if line.discount > 0 {
        charges.push(charge("PRODUCT", "SubscriptionDiscount", -line.discount, 0));
    }
    json!({"charge": one_or_many(charges, order.bare)})
}

/// A JSON number with as many decimals as it needs.
fn number(cents: i64) -> Value {
    let sign = if cents < 0 { "-" } else { "" };
    let (whole, rest) = (cents.unsigned_abs() / 100, cents.unsigned_abs() % 100);
    let text = match rest {
        0 => format!("{sign}{whole}"),
        rest if rest % 10 == 0 => format!("{sign}{whole}.{}", rest / 10),
        rest => format!("{sign}{whole}.{rest:02}"),
    };
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

fn batch(batch: &Batch, habit: u8) -> Value {
    let mut shown = Map::from_iter([
        ("status".to_owned(), json!(batch.stage.word())),
        (
            "statusQuantity".to_owned(),
            json!({"unitOfMeasurement": "EACH", "amount": batch.units.to_string()}),
        ),
    ]);
    // Only the seller's own word is shown again, and not on every order.
    if habit != 2 {
        shown.insert("cancellationReason".to_owned(), Value::Null);
    }
    match (&batch.label, habit) {
        (Some(label), _) => {
            let name = match &label.carrier {
                Carrier::Listed(name) => json!({"otherCarrier": null, "carrier": name}),
                Carrier::Other(name) => json!({"otherCarrier": name, "carrier": null}),
            };
            shown.insert(
                "trackingInfo".to_owned(),
                json!({
                    "shipDateTime": whole_seconds(label.shipped_at), "carrierName": name, "methodCode": label.method,
                    "trackingNumber": label.number, "trackingURL": label.url,
                }),
            );
        }
        (None, 0) => drop(shown.insert("trackingInfo".to_owned(), Value::Null)),
        (None, 1) => drop(shown.insert("trackingInfo".to_owned(), json!({}))),
        (None, _) => {}
    }
    Value::Object(shown)
}

fn whole_seconds(at: Timestamp) -> i64 {
    at.as_secs() * 1_000
}
