//! One order as GraphQL and as a webhook body tell it, to be changed field by field.

use serde_json::{Value, json};

use crate::channel::shopify::graph::{self, Withheld};
use crate::channel::shopify::payload;
use crate::model::{Observation, Order, OrderKey, Person, Source, Timestamp};
use crate::sync::{Merged, Merging};

pub(super) const READ_AT: Timestamp = Timestamp::EPOCH;

fn money(amount: &str) -> Value {
    json!({ "shopMoney": { "amount": amount } })
}

/// Paid, two lines, nothing sent, all of it waiting at one location.
pub(super) fn graph() -> Value {
    json!({
        "id": "gid://shopify/Order/5001", "name": "#1042",
        "processedAt": "2026-11-20T10:00:00Z", "updatedAt": "2026-11-20T10:00:05Z",
        "cancelledAt": null, "cancelReason": null, "note": "Ring twice", "tags": ["b2b", "gift"],
        "email": "eva@example.com", "phone": null,
        "displayFinancialStatus": "PAID", "displayFulfillmentStatus": "UNFULFILLED", "currencyCode": "MXN",
        "totalPriceSet": money("1249.0"), "currentTotalPriceSet": money("1249.0"),
        "subtotalPriceSet": money("1100.0"), "currentSubtotalPriceSet": money("1100.0"),
        "totalTaxSet": money("149.0"), "currentTotalTaxSet": money("149.0"),
        "totalDiscountsSet": money("50.0"), "currentTotalDiscountsSet": money("50.0"),
        "totalShippingPriceSet": money("50.0"), "totalRefundedSet": money("0.0"),
        "customer": { "firstName": "Eva", "lastName": "Luna", "displayName": "Eva Luna",
            "defaultPhoneNumber": { "phoneNumber": "+525511112222" } },
        "shippingAddress": { "name": "Eva Luna", "address1": "Calle 5", "address2": null, "city": "Puebla",
            "province": "Puebla", "provinceCode": "PUE", "zip": "72000", "countryCodeV2": "MX", "phone": null },
        "billingAddress": { "name": "Eva Luna" },
        "lineItems": { "nodes": [line("11", "SKU-1", 2), line("12", "", 1)], "pageInfo": end() },
        "fulfillments": [],
        "fulfillmentOrders": { "nodes": [work("71", "3", &[("711", "11", 2), ("712", "12", 1)])], "pageInfo": end() },
        "refunds": [],
    })
}

pub(super) fn end() -> Value {
    json!({ "hasNextPage": false, "endCursor": null })
}

fn line(id: &str, sku: &str, quantity: u32) -> Value {
    json!({ "id": format!("gid://shopify/LineItem/{id}"), "sku": sku, "title": "Mug", "variantTitle": "Default Title",
        "quantity": quantity, "currentQuantity": quantity, "originalUnitPriceSet": money("350.0") })
}

/// An open fulfilment order: its lines as (own id, order line, units).
pub(super) fn work(id: &str, location: &str, lines: &[(&str, &str, u32)]) -> Value {
    let line = |(id, line, units): &(&str, &str, u32)| {
        json!({ "id": format!("gid://shopify/FulfillmentOrderLineItem/{id}"), "remainingQuantity": units,
            "lineItem": { "id": format!("gid://shopify/LineItem/{line}") } })
    };
    json!({ "id": format!("gid://shopify/FulfillmentOrder/{id}"), "status": "OPEN", "requestStatus": "UNSUBMITTED",
        "assignedLocation": { "location": { "id": format!("gid://shopify/Location/{location}") } },
        "supportedActions": [{ "action": "CREATE_FULFILLMENT" }, { "action": "HOLD" }],
        "lineItems": { "nodes": lines.iter().map(line).collect::<Vec<_>>(), "pageInfo": end() } })
}

/// A fulfilment: its lines as (order line, units).
pub(super) fn sent(id: &str, shown: &str, numbers: &[&str], lines: &[(&str, u32)]) -> Value {
    let line = |(line, units): &(&str, u32)| json!({ "quantity": units, "lineItem": { "id": format!("gid://shopify/LineItem/{line}") } });
    let track = |number: &&str| json!({ "company": "UPS", "number": number, "url": null });
    json!({ "id": format!("gid://shopify/Fulfillment/{id}"), "status": "SUCCESS", "displayStatus": shown,
        "createdAt": "2026-11-21T09:00:00Z", "trackingInfo": numbers.iter().map(track).collect::<Vec<_>>(),
        "fulfillmentLineItems": { "nodes": lines.iter().map(line).collect::<Vec<_>>(), "pageInfo": end() } })
}

pub(super) fn refund(paid: &str, lines: &[(&str, u32, &str)]) -> Value {
    let line = |(line, units, restock): &(&str, u32, &str)| json!({ "quantity": units, "restockType": restock, "lineItem": { "id": format!("gid://shopify/LineItem/{line}") } });
    json!({ "id": "gid://shopify/Refund/91", "totalRefundedSet": money(paid),
        "refundLineItems": { "nodes": lines.iter().map(line).collect::<Vec<_>>(), "pageInfo": end() } })
}

/// The same order as a webhook's body.
pub(super) fn body() -> Value {
    let line = |id: u64, sku: &str, quantity: u32| {
        json!({ "id": id, "sku": sku, "title": "Mug", "variant_title": null, "quantity": quantity,
            "current_quantity": quantity, "price": "350.00" })
    };
    json!({
        "id": 5001, "name": "#1042", "processed_at": "2026-11-20T04:00:00-06:00", "updated_at": "2026-11-20T04:00:05-06:00",
        "cancelled_at": null, "cancel_reason": null, "note": "Ring twice", "tags": "b2b, gift",
        "email": "eva@example.com", "phone": null, "financial_status": "paid", "fulfillment_status": null,
        "currency": "MXN", "total_price": "1249.00", "current_total_price": "1249.00",
        "subtotal_price": "1100.00", "current_subtotal_price": "1100.00", "total_tax": "149.00",
        "current_total_tax": "149.00", "total_discounts": "50.00", "current_total_discounts": "50.00",
        "total_shipping_price_set": { "shop_money": { "amount": "50.00", "currency_code": "MXN" } },
        "customer": { "id": 9, "first_name": "Eva", "last_name": "Luna", "email": "eva@example.com", "phone": "+525511112222" },
        "shipping_address": { "name": "Eva Luna", "address1": "Calle 5", "address2": null, "city": "Puebla",
            "province": "Puebla", "province_code": "PUE", "zip": "72000", "country_code": "MX", "phone": null },
        "billing_address": { "name": "Eva Luna" },
        "line_items": [line(11, "SKU-1", 2), line(12, "", 1)], "fulfillments": [], "refunds": [],
    })
}

/// `base` with some of its fields replaced; a `null` replaces too.
pub(super) fn with(mut base: Value, changes: Value) -> Value {
    let (Value::Object(fields), Value::Object(changes)) = (&mut base, changes) else { panic!("objects") };
    fields.extend(changes);
    base
}

pub(super) fn fetched(order: &Value) -> Observation {
    fetched_without(order, &[])
}

pub(super) fn fetched_without(order: &Value, withheld: &[&str]) -> Observation {
    let withheld: Vec<String> = withheld.iter().map(|field| (*field).to_owned()).collect();
    let order: graph::Order = serde_json::from_str(&order.to_string()).expect("an order");
    order.into_reading(&Withheld(&withheld)).expect("an id").into_observation(Source::Fetch, READ_AT)
}

pub(super) fn delivered(body: &Value) -> Observation {
    let reading = payload::read(body.to_string().as_bytes()).expect("an order");
    reading.into_observation(Source::Payload, READ_AT)
}

/// The canonical order after a fetch.
pub(super) fn stored(order: &Value) -> Order {
    stored_from(fetched(order)).0
}

pub(super) fn stored_from(seen: Observation) -> (Order, Person) {
    let key: OrderKey = format!("tienda:{}", seen.order).parse().expect("a key");
    let how =
        Merging { key: &key, channel_kind: "shopify", trigger: crate::model::Trigger::Poll, now: READ_AT };
    match crate::sync::merge(None, seen, how) {
        Merged::Applied(applied) => (applied.order, applied.person),
        other => panic!("a new order is taken over: {other:?}"),
    }
}
