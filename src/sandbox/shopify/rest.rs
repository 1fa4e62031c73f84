//! Orders in the older REST shape, which webhook bodies keep.

use jiff::tz::Offset;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::order::{Address, Customer, Fulfillment, Line, Order, Payment, Refund};
use super::show::gid;
use super::world::LOCATIONS;
use crate::model::{Currency, Timestamp};

/// The shop's clock: six hours behind.
const OFFSET: Offset = Offset::constant(-6);

pub(super) fn time(at: Timestamp) -> String {
    at.to_jiff().to_zoned(OFFSET.to_time_zone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

fn amount(value: Decimal, currency: Currency) -> String {
    format!("{:.*}", usize::try_from(currency.decimals().max(2)).unwrap_or(2), value)
}

fn set(value: Decimal, currency: Currency) -> Value {
    let money = json!({ "amount": amount(value, currency), "currency_code": currency.as_str() });
    json!({ "shop_money": money, "presentment_money": money })
}

/// The body of `orders/*`.
pub(super) fn order(order: &Order) -> Value {
    let mut shown = state(order);
    if let Value::Object(shown) = &mut shown {
        for part in [details(order), amounts(order), people(order)] {
            if let Value::Object(part) = part {
                shown.extend(part);
            }
        }
    }
    shown
}

fn state(order: &Order) -> Value {
    let cancelled = order.cancelled.as_ref();
    let email = order.customer.as_ref().map_or("", |customer| customer.shopper.email.as_str());
    json!({
        "id": order.id,
        "admin_graphql_api_id": gid("Order", order.id),
        "app_id": Value::Null,
        "cancel_reason": cancelled.map(|cancelled| cancelled.reason.to_lowercase()),
        "cancelled_at": cancelled.map(|cancelled| time(cancelled.at)),
        "closed_at": cancelled.map(|cancelled| time(cancelled.at)),
        "confirmation_number": format!("SBX{}", order.number),
        "confirmed": true,
        "contact_email": email,
        "created_at": time(order.created_at),
        "currency": order.currency.as_str(),
        "discount_codes": discount_codes(order),
        "duties_included": false,
        "email": email,
        "estimated_taxes": false,
        "financial_status": order.financial_status().map(str::to_lowercase),
        "fulfillment_status": match (order.has_shipped(), order.remaining()) {
            (false, _) => Value::Null,
            (true, 0) => "fulfilled".into(),
            (true, _) => "partial".into(),
        },
        "name": order.name(),
        "processed_at": time(order.placed_at),
        "updated_at": time(order.updated_at),
        "test": order.test,
    })
}

fn details(order: &Order) -> Value {
    json!({
        "location_id": Value::Null,
        "note": order.note,
        "note_attributes": [],
        "number": order.number - 1_000,
        "order_number": order.number,
        "payment_gateway_names": if order.payment == Payment::None { json!([]) } else { json!(["bogus"]) },
        "phone": Value::Null,
        "po_number": Value::Null,
        "presentment_currency": order.currency.as_str(),
        "source_name": "web",
        "tags": order.tags.join(", "),
        "tax_exempt": false,
        "tax_lines": tax_lines(order),
        "taxes_included": false,
        "total_weight": 0,
        "user_id": Value::Null,
        "line_items": order.lines.iter().map(|shown| line(shown, order)).collect::<Vec<_>>(),
        "fulfillments": order.fulfillments.iter().map(|shown| fulfillment(shown, order)).collect::<Vec<_>>(),
        "refunds": order.refunds.iter().map(|shown| refund(shown, order)).collect::<Vec<_>>(),
        "shipping_lines": shipping_lines(order),
        "payment_terms": Value::Null,
    })
}

fn discount_codes(order: &Order) -> Value {
    if order.discount.is_zero() {
        return json!([]);
    }
    json!([{ "code": "TENTH", "amount": amount(order.discount, order.currency), "type": "fixed_amount" }])
}

fn tax_lines(order: &Order) -> Value {
    if order.tax.is_zero() {
        return json!([]);
    }
    json!([{
        "price": amount(order.tax, order.currency), "rate": 0.08, "title": "Sales tax",
        "price_set": set(order.tax, order.currency), "channel_liable": false,
    }])
}

fn shipping_lines(order: &Order) -> Value {
    if order.shipping.is_zero() {
        return json!([]);
    }
    json!([{
        "id": order.id + 1, "code": "Standard", "title": "Standard", "source": "shopify",
        "price": amount(order.shipping, order.currency), "price_set": set(order.shipping, order.currency),
        "discounted_price": amount(order.shipping, order.currency), "is_removed": false,
    }])
}

fn amounts(order: &Order) -> Value {
    let mut shown = serde_json::Map::new();
    let live = |value: Decimal| if order.is_live() { value } else { Decimal::ZERO };
    let goods = order.subtotal() + order.discount;
    for (name, value) in [
        ("current_subtotal_price", live(order.subtotal())),
        ("current_total_discounts", live(order.discount)),
        ("current_total_price", order.current_total()),
        ("current_total_tax", live(order.tax)),
        ("subtotal_price", order.subtotal()),
        ("total_discounts", order.discount),
        ("total_line_items_price", goods),
        ("total_price", order.total()),
        ("total_tax", order.tax),
    ] {
        shown.insert(name.to_owned(), amount(value, order.currency).into());
        shown.insert(format!("{name}_set"), set(value, order.currency));
    }
    let owed = if order.payment == Payment::Pending { order.current_total() } else { Decimal::ZERO };
    shown.insert("total_outstanding".to_owned(), amount(owed, order.currency).into());
    shown.insert("total_shipping_price_set".to_owned(), set(order.shipping, order.currency));
    shown.insert("total_tip_received".to_owned(), amount(Decimal::ZERO, order.currency).into());
    Value::Object(shown)
}

fn people(order: &Order) -> Value {
    let shipping = order.address.as_ref().map(address);
    json!({
        "billing_address": shipping,
        "shipping_address": shipping,
        "customer": order.customer.as_ref().map(|shown| customer(shown, order)),
    })
}

fn customer(customer: &Customer, order: &Order) -> Value {
    let shopper = &customer.shopper;
    json!({
        "id": customer.id,
        "admin_graphql_api_id": gid("Customer", customer.id),
        "email": shopper.email,
        "phone": shopper.phone,
        "first_name": shopper.first_name,
        "last_name": shopper.last_name,
        "state": "disabled",
        "note": Value::Null,
        "verified_email": true,
        "tax_exempt": false,
        "tags": "",
        "currency": order.currency.as_str(),
        "created_at": time(order.placed_at),
        "updated_at": time(order.placed_at),
        "default_address": order.address.as_ref().map(address),
    })
}

fn address(address: &Address) -> Value {
    json!({
        "first_name": address.first_name,
        "last_name": address.last_name,
        "name": format!("{} {}", address.first_name, address.last_name).trim(),
        "company": Value::Null,
        "address1": address.line1,
        "address2": address.line2,
        "city": address.city,
        "province": "Oregon",
        "province_code": "OR",
        "zip": address.zip,
        "country": "United States",
        "country_code": "US",
        "phone": address.phone,
        "latitude": Value::Null,
        "longitude": Value::Null,
    })
}

fn line(line: &Line, order: &Order) -> Value {
    let open: u32 = order
        .fulfillment_orders
        .iter()
        .flat_map(|part| &part.lines)
        .filter(|part| part.line == line.id)
        .map(|part| part.remaining)
        .sum();
    let state = match (line.current_quantity, open) {
        (0, _) => Value::Null,
        (_, 0) => "fulfilled".into(),
        (wanted, open) if open < wanted => "partial".into(),
        _ => Value::Null,
    };
    json!({
        "id": line.id,
        "admin_graphql_api_id": gid("LineItem", line.id),
        "current_quantity": line.current_quantity,
        "fulfillable_quantity": open,
        "fulfillment_service": "manual",
        "fulfillment_status": state,
        "gift_card": false,
        "grams": 0,
        "name": line.variant.as_ref().map_or(line.title.clone(), |variant| format!("{} - {variant}", line.title)),
        "price": amount(line.price, order.currency),
        "price_set": set(line.price, order.currency),
        "product_exists": true,
        "product_id": line.id + 1,
        "properties": [],
        "quantity": line.quantity,
        "requires_shipping": line.requires_shipping,
        "sku": line.sku,
        "taxable": true,
        "title": line.title,
        "total_discount": amount(Decimal::ZERO, order.currency),
        "total_discount_set": set(Decimal::ZERO, order.currency),
        "variant_id": line.id + 2,
        "variant_inventory_management": "shopify",
        "variant_title": line.variant,
        "vendor": "Sandbox",
        "tax_lines": [],
        "duties": [],
        "discount_allocations": [],
    })
}

/// The body of `fulfillments/*`.
pub(super) fn fulfillment(shown: &Fulfillment, order: &Order) -> Value {
    let place = order.fulfillments.iter().position(|other| other.id == shown.id).unwrap_or(0) + 1;
    let lines: Vec<Value> = shown
        .lines
        .iter()
        .filter_map(|(_, id, units)| {
            let mut line = line(order.lines.iter().find(|line| line.id == *id)?, order);
            line["quantity"] = (*units).into();
            Some(line)
        })
        .collect();
    json!({
        "id": shown.id,
        "admin_graphql_api_id": gid("Fulfillment", shown.id),
        "order_id": order.id,
        "status": shown.status.to_lowercase(),
        "created_at": time(shown.created_at),
        "updated_at": time(shown.updated_at),
        "service": "manual",
        "location_id": LOCATIONS[shown.location.min(LOCATIONS.len() - 1)].0,
        "origin_address": Value::Null,
        "receipt": {},
        "name": format!("{}.{place}", order.name()),
        "shipment_status": shown.delivered_at.map(|_| "delivered"),
        "tracking_company": shown.company,
        "tracking_number": shown.numbers.first(),
        "tracking_numbers": shown.numbers,
        "tracking_url": shown.urls.first(),
        "tracking_urls": shown.urls,
        "line_items": lines,
    })
}

/// The body of `refunds/create`.
pub(super) fn refund(shown: &Refund, order: &Order) -> Value {
    let lines: Vec<Value> = shown
        .lines
        .iter()
        .enumerate()
        .filter_map(|(at, (id, units))| {
            let own = order.lines.iter().find(|line| line.id == *id)?;
            let subtotal = own.price * Decimal::from(*units);
            Some(json!({
                "id": shown.id + 1 + at as u64,
                "quantity": units,
                "line_item_id": id,
                "location_id": LOCATIONS[0].0,
                "restock_type": if order.has_shipped() { "return" } else { "cancel" },
                "subtotal_set": set(subtotal, order.currency),
                "total_tax_set": set(Decimal::ZERO, order.currency),
                "line_item": line(own, order),
            }))
        })
        .collect();
    json!({
        "id": shown.id,
        "admin_graphql_api_id": gid("Refund", shown.id),
        "order_id": order.id,
        "created_at": time(shown.at),
        "processed_at": time(shown.at),
        "note": Value::Null,
        "user_id": Value::Null,
        "restock": true,
        "duties": [],
        "return": Value::Null,
        "order_adjustments": [],
        "refund_shipping_lines": [],
        "refund_line_items": lines,
        "transactions": [{
            "id": shown.id + 500, "order_id": order.id, "kind": "refund", "gateway": "bogus", "status": "success",
            "amount": amount(shown.amount, order.currency), "currency": order.currency.as_str(),
            "created_at": time(shown.at), "test": order.test,
        }],
    })
}

/// The body of `fulfillment_events/create`.
pub(super) fn delivered(shown: &Fulfillment, order: &Order, at: Timestamp) -> Value {
    json!({
        "id": shown.id + 900,
        "admin_graphql_api_id": gid("FulfillmentEvent", shown.id + 900),
        "fulfillment_id": shown.id,
        "order_id": order.id,
        "status": "delivered",
        "message": Value::Null,
        "happened_at": time(at),
        "created_at": time(at),
        "updated_at": time(at),
    })
}
