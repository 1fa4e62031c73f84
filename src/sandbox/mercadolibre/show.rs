//! The world in the marketplace's own words.

use std::time::Duration;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde_json::{Value, json};

use super::Site;
use super::world::{Farewell, Feedback, Mode, Parcel, Payment, Sale, Stage};
use crate::model::Timestamp;

/// The marketplace's own offset in most stamps.
pub(super) fn local(at: Timestamp) -> String {
    let there = at.minus(Duration::from_hours(4));
    there.to_jiff().strftime("%Y-%m-%dT%H:%M:%S%.3f-04:00").to_string()
}

/// As notifications and the search index write it.
pub(super) fn utc(at: Timestamp) -> String {
    at.to_jiff().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Amounts are floats, with a float's noise.
fn float(amount: Decimal) -> f64 {
    amount.to_f64().unwrap_or(0.0)
}

pub(super) fn status(sale: &Sale) -> &'static str {
    match (sale.stage, sale.farewell) {
        (Stage::GivenUp, Farewell::Cancelled) => "cancelled",
        (Stage::GivenUp, Farewell::Rated) => "confirmed",
        (Stage::GivenUp, Farewell::ToBalance) => "paid",
        (Stage::Unpaid, _) => "payment_required",
        _ if sale.refunded() > Decimal::ZERO => "partially_refunded",
        _ => "paid",
    }
}

fn is_rated_away(sale: &Sale) -> bool {
    sale.stage == Stage::GivenUp && sale.farewell == Farewell::Rated
}

/// `GET /orders/{id}`.
pub(super) fn order(sale: &Sale, site: &Site) -> Value {
    let price = float(sale.line.unit_price);
    json!({
        "id": sale.id,
        "date_created": local(sale.placed_at),
        "last_updated": local(sale.updated_at),
        "date_closed": sale.closed_at.map(local),
        "expiration_date": local(sale.expires_at()),
        "pack_id": sale.pack,
        "fulfilled": if is_rated_away(sale) { Some(false) } else { sale.fulfilled },
        "buying_mode": "buy_equals_pay",
        "shipping_cost": null,
        "mediations": [],
        "total_amount": price * f64::from(sale.line.quantity),
        "paid_amount": float(sale.paid()),
        "order_items": [item(sale, site)],
        "currency_id": sale.currency.to_string(),
        "payments": sale.payments.iter().map(|own| payment(own, sale)).collect::<Vec<_>>(),
        "shipping": {"id": sale.parcel},
        "status": status(sale),
        "status_detail": null,
        "tags": sale.tags,
        "feedback": {"sale": sale.feedback.as_ref().map(|own| json!({"id": own.id})), "purchase": null},
        "context": {"channel": "marketplace", "site": site.id, "flows": []},
        "seller": {"id": super::USER_ID, "user_type": null, "tags": [], "status": null, "buy_restrictions": []},
        "buyer": {
            "id": sale.buyer_id, "billing_info": {"id": sale.billing_id.to_string()}, "user_type": null, "tags": [],
            "status": null, "buy_restrictions": [],
        },
        "taxes": {"amount": null, "currency_id": null, "id": null},
        "cancel_detail": is_rated_away(sale).then(|| json!({"group": "seller", "code": "not_fulfilled"})),
        "manufacturing_ending_date": null,
        "order_request": {"change": null, "return": null},
    })
}

fn item_id(sale: &Sale, site: &Site) -> String {
    format!("{}{}", site.id, sale.id % 10_000_000)
}

fn item(sale: &Sale, site: &Site) -> Value {
    let line = &sale.line;
    let attributes: Vec<_> = line
        .variant
        .iter()
        .map(|value| json!({"id": "COLOR", "name": "Color", "value_name": value}))
        .collect();
    json!({
        "item": {
            "id": item_id(sale, site),
            "title": line.title,
            "category_id": "MLM1234",
            "variation_id": line.variant.as_ref().map(|_| sale.id % 1_000_000_007),
            "seller_custom_field": line.custom_field.then_some(line.sku.as_deref()).flatten(),
            "variation_attributes": attributes,
            "warranty": null,
            "condition": "new",
            "seller_sku": (!line.custom_field).then_some(line.sku.as_deref()).flatten(),
        },
        "quantity": line.quantity,
        "requested_quantity": {"measure": "unit", "value": line.quantity},
        "picked_quantity": null,
        "unit_price": float(line.unit_price),
        "full_unit_price": float(line.unit_price),
        "currency_id": sale.currency.to_string(),
        "manufacturing_days": null,
        "sale_fee": float(line.unit_price) * 0.11,
        "listing_type_id": "gold_special",
        "base_exchange_rate": null,
        "base_currency_id": null,
        "element_id": 1,
    })
}

fn payment(own: &Payment, sale: &Sale) -> Value {
    let partly = own.status == "approved" && own.refunded > Decimal::ZERO;
    let tags: &[&str] = if own.to_balance { &["refund_account_money"] } else { &[] };
    json!({
        "id": own.id,
        "order_id": sale.id,
        "payer_id": sale.buyer_id,
        "collector": {"id": super::USER_ID},
        "reason": sale.line.title,
        "payment_method_id": "account_money",
        "currency_id": sale.currency.to_string(),
        "installments": 1,
        "operation_type": "regular_payment",
        "payment_type": "account_money",
        "status": own.status,
        "status_detail": if partly { "partially_refunded" } else { "accredited" },
        "transaction_amount": float(own.amount),
        "transaction_amount_refunded": float(own.refunded),
        "taxes_amount": 0.0,
        "shipping_cost": 0.0,
        "total_paid_amount": float(own.amount),
        "date_approved": local(own.at),
        "date_created": local(own.at),
        "date_last_modified": local(sale.updated_at),
        "marketplace_fee": float(own.amount) * 0.11,
        "tags": tags,
    })
}

/// One result of the search: no billing id, and the index's own stamp.
pub(super) fn search_result(sale: &Sale, indexed_at: Timestamp, site: &Site) -> Value {
    let mut result = order(sale, site);
    result["date_last_updated"] = json!(utc(indexed_at));
    result["buyer"] = json!({"id": sale.buyer_id});
    result
}

/// The order while some back ends fail: `206`, and what the header names is empty.
pub(super) const MISSING: &str = "buyer, feedback, mediations, seller, shipping";

pub(super) fn order_with_holes(sale: &Sale, site: &Site) -> Value {
    let mut order = order(sale, site);
    for part in MISSING.split(", ") {
        order[part] = Value::Null;
    }
    order
}

/// `GET /shipments/{id}` as documented. The destination is hidden until the payment is confirmed.
pub(super) fn shipment(parcel: &Parcel, sale: &Sale, site: &Site) -> Value {
    let (mode, kind) = parcel.mode.words();
    let shows_phone = matches!(parcel.mode, Mode::Me1 | Mode::Custom);
    let hidden = |text: &str| if parcel.paid { text.to_owned() } else { "XXXXXXX".to_owned() };
    let receiver = &parcel.receiver;
    json!({
        "id": parcel.id,
        "status": parcel.status,
        "substatus": parcel.substatus,
        "date_created": local(parcel.placed_at),
        "last_updated": local(parcel.updated_at),
        "declared_value": float(sale.total()),
        "dimensions": {"height": 10, "width": 20, "length": 30, "weight": 500},
        "logistic": {"direction": "forward", "mode": mode, "type": kind},
        "status_history": {"date_shipped": parcel.shipped_at.map(local)},
        "tracking_number": parcel.tracking_number,
        "tracking_method": parcel.tracking_method,
        "origin": {"type": "selling_address", "sender_id": super::USER_ID, "shipping_address": {"address_line": "XXXXXXX"}},
        "destination": {
            "receiver_id": parcel.receiver_id,
            "receiver_name": hidden(&receiver.name()),
            "receiver_phone": if shows_phone { hidden(&receiver.phone) } else { "XXXXXXX".to_owned() },
            "comments": null,
            "type": "buying_address",
            "shipping_address": {
                "address_line": hidden(&receiver.line1),
                "street_name": hidden(&receiver.line1),
                "street_number": hidden("SN"),
                "comment": null,
                "city": {"id": null, "name": receiver.city},
                "state": {"id": null, "name": "Estado Ejemplo"},
                "country": {"id": site.country, "name": site.country},
                "zip_code": hidden(&receiver.postal_code),
            },
        },
        "lead_time": {"cost": float(parcel.cost), "cost_type": "charged", "currency_id": sale.currency.to_string(), "service_id": 831},
        "sibling": {"reason": null, "sibling_id": null},
        "source": {"site_id": site.id, "market_place": "MELI"},
        "tags": ["test_shipment"],
    })
}

/// What a client gets that does not ask for the documented form.
pub(super) fn old_shipment(parcel: &Parcel) -> Value {
    let (mode, kind) = parcel.mode.words();
    json!({
        "id": parcel.id, "mode": mode, "logistic_type": kind, "status": parcel.status, "substatus": parcel.substatus,
        "tracking_number": parcel.tracking_number, "last_updated": local(parcel.updated_at),
    })
}

pub(super) fn shipment_item(sale: &Sale, site: &Site) -> Value {
    json!({
        "item_id": item_id(sale, site), "description": sale.line.title,
        "quantity": sale.line.quantity, "variation_id": null, "order_id": sale.id, "sender_id": super::USER_ID,
    })
}

/// With the tax data that a client must neither store nor log.
pub(super) fn billing(sale: &Sale, site: &Site) -> Value {
    json!({
        "site_id": site.id,
        "buyer": {
            "cust_id": sale.buyer_id,
            "billing_info": {
                "name": sale.buyer.first_name,
                "last_name": sale.buyer.last_name,
                "identification": {"type": "RFC", "number": "SANDBOX-TAX-NUMBER"},
                "address": {"street_name": sale.buyer.line1, "zip_code": sale.buyer.postal_code, "country_id": site.country},
            },
        },
        "seller": {"cust_id": super::USER_ID},
    })
}

pub(super) fn notes(sale: &Sale) -> Value {
    let notes: Vec<_> = sale
        .notes
        .iter()
        .map(|note| json!({"id": note.id, "date_created": utc(note.at), "date_last_updated": utc(note.at), "note": note.text}))
        .collect();
    json!([{"results": notes, "order_id": sale.id.to_string()}])
}

pub(super) fn feedback(own: &Feedback, sale: &Sale) -> Value {
    json!({
        "id": own.id, "role": "seller", "date_created": local(own.at), "fulfilled": own.fulfilled, "rating": own.rating,
        "reason": own.reason, "message": own.message, "restock_item": false, "order_id": sale.id, "status": "active",
    })
}
