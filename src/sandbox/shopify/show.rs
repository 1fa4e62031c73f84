//! Orders as the GraphQL schema shows them: one JSON document with every field.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::order::{Address, Customer, Fulfillment, FulfillmentOrder, Line, Order, Payment, Refund};
use super::world::{CancelJob, LOCATIONS};
use crate::model::{Currency, Timestamp};

pub(super) fn gid(kind: &str, id: impl std::fmt::Display) -> String {
    format!("gid://shopify/{kind}/{id}")
}

/// The number of a gid of this kind.
pub(super) fn number(kind: &str, gid: &str) -> Option<u64> {
    gid.strip_prefix("gid://shopify/")?.strip_prefix(kind)?.strip_prefix('/')?.parse().ok()
}

pub(super) fn time(at: Timestamp) -> String {
    at.to_rfc3339_secs()
}

/// As the API prints amounts: no more zeros than one behind the point.
fn amount(value: Decimal) -> String {
    let shown = value.normalize().to_string();
    if shown.contains('.') { shown } else { format!("{shown}.0") }
}

fn bag(value: Decimal, currency: Currency) -> Value {
    let money = json!({ "amount": amount(value), "currencyCode": currency.as_str() });
    json!({ "shopMoney": money, "presentmentMoney": money })
}

pub(super) fn order(order: &Order) -> Value {
    let mut shown = state(order);
    let parts = [details(order), amounts(order), people(order), lists(order)];
    if let Value::Object(shown) = &mut shown {
        for part in parts {
            if let Value::Object(part) = part {
                shown.extend(part);
            }
        }
    }
    shown
}

fn state(order: &Order) -> Value {
    let cancelled = order.cancelled.as_ref();
    json!({
        "__typename": "Order",
        "id": gid("Order", order.id),
        "legacyResourceId": order.id.to_string(),
        "name": order.name(),
        "number": order.number,
        "confirmationNumber": format!("SBX{}", order.number),
        "confirmed": true,
        "createdAt": time(order.created_at),
        "updatedAt": time(order.updated_at),
        "processedAt": time(order.placed_at),
        "cancelledAt": cancelled.map(|cancelled| time(cancelled.at)),
        "closedAt": cancelled.map(|cancelled| time(cancelled.at)),
        "closed": cancelled.is_some(),
        "cancelReason": cancelled.map(|cancelled| cancelled.reason.clone()),
        "cancellation": cancelled.map(|cancelled| json!({ "staffNote": cancelled.staff_note })),
        "displayFinancialStatus": order.financial_status(),
        "displayFulfillmentStatus": order.fulfillment_status(),
        "returnStatus": "NO_RETURN",
    })
}

fn details(order: &Order) -> Value {
    let units: u32 = order.lines.iter().map(|line| line.quantity).sum();
    let current: u32 = order.lines.iter().map(|line| line.current_quantity).sum();
    let paid = order.payment == Payment::Paid;
    json!({
        "note": order.note,
        "tags": order.tags,
        "email": order.customer.as_ref().map(|customer| customer.shopper.email.clone()),
        "phone": Value::Null,
        "poNumber": Value::Null,
        "sourceName": "web",
        "customAttributes": [],
        "discountCode": (order.discount > Decimal::ZERO).then_some("TENTH"),
        "discountCodes": if order.discount > Decimal::ZERO { json!(["TENTH"]) } else { json!([]) },
        "paymentGatewayNames": if order.payment == Payment::None { json!([]) } else { json!(["bogus"]) },
        "currencyCode": order.currency.as_str(),
        "presentmentCurrencyCode": order.currency.as_str(),
        "edited": false,
        "fulfillable": order.remaining() > 0,
        "fullyPaid": paid,
        "unpaid": !paid,
        "refundable": paid && order.refunded() < order.total(),
        "restockable": order.is_live(),
        "requiresShipping": order.lines.iter().any(|line| line.requires_shipping),
        "taxesIncluded": false,
        "taxExempt": false,
        "test": order.test,
        "merchantEditable": order.cancelled.is_none(),
        "currentSubtotalLineItemsQuantity": current,
        "subtotalLineItemsQuantity": units,
        "statusPageUrl": "https://fenicia-sandbox.myshopify.com/status",
    })
}

fn amounts(order: &Order) -> Value {
    let bag = |value| bag(value, order.currency);
    let live = |value| bag_if(order.is_live(), value, order.currency);
    let owed = if order.payment == Payment::Pending { order.current_total() } else { Decimal::ZERO };
    json!({
        "currentCartDiscountAmountSet": live(order.discount),
        "currentShippingPriceSet": live(order.shipping),
        "currentSubtotalPriceSet": live(order.subtotal()),
        "currentTotalDiscountsSet": live(order.discount),
        "currentTotalPriceSet": bag(order.current_total()),
        "currentTotalTaxSet": live(order.tax),
        "netPaymentSet": bag(order.received() - order.refunded()),
        "originalTotalPriceSet": bag(order.total()),
        "subtotalPriceSet": bag(order.subtotal()),
        "totalCapturableSet": bag_if(order.payment == Payment::Authorized, order.total(), order.currency),
        "totalDiscountsSet": bag(order.discount),
        "totalOutstandingSet": bag(owed),
        "totalPriceSet": bag(order.total()),
        "totalReceivedSet": bag(order.received()),
        "totalRefundedSet": bag(order.refunded()),
        "totalRefundedShippingSet": bag(Decimal::ZERO),
        "totalShippingPriceSet": bag(order.shipping),
        "totalTaxSet": bag(order.tax),
        "totalTipReceivedSet": bag(Decimal::ZERO),
    })
}

fn bag_if(holds: bool, value: Decimal, currency: Currency) -> Value {
    bag(if holds { value } else { Decimal::ZERO }, currency)
}

fn people(order: &Order) -> Value {
    let shipping = order.address.as_ref().map(address);
    json!({
        "customer": order.customer.as_ref().map(|shown| customer(shown, order)),
        "shippingAddress": shipping,
        "billingAddress": shipping,
        "displayAddress": shipping,
        "billingAddressMatchesShippingAddress": true,
        "shippingLine": shipping_line(order),
    })
}

fn customer(customer: &Customer, order: &Order) -> Value {
    let shopper = &customer.shopper;
    json!({
        "__typename": "Customer",
        "id": gid("Customer", customer.id),
        "legacyResourceId": customer.id.to_string(),
        "firstName": shopper.first_name,
        "lastName": shopper.last_name,
        "displayName": shopper.name(),
        "email": shopper.email,
        "phone": shopper.phone,
        "note": Value::Null,
        "tags": [],
        "createdAt": time(order.placed_at),
        "updatedAt": time(order.placed_at),
        "verifiedEmail": true,
        "defaultEmailAddress": { "emailAddress": shopper.email, "validFormat": true },
        "defaultPhoneNumber": { "phoneNumber": shopper.phone },
        "defaultAddress": order.address.as_ref().map(address),
    })
}

fn address(address: &Address) -> Value {
    let name = format!("{} {}", address.first_name, address.last_name);
    json!({
        "__typename": "MailingAddress",
        "id": gid("MailingAddress", address.id),
        "name": name.trim(),
        "firstName": address.first_name,
        "lastName": address.last_name,
        "company": Value::Null,
        "address1": address.line1,
        "address2": address.line2,
        "city": address.city,
        "province": "Oregon",
        "provinceCode": "OR",
        "zip": address.zip,
        "country": "United States",
        "countryCode": "US",
        "countryCodeV2": "US",
        "phone": address.phone,
        "formatted": [address.line1, format!("{} OR {}", address.city, address.zip), "United States"],
    })
}

fn shipping_line(order: &Order) -> Option<Value> {
    (order.shipping > Decimal::ZERO).then(|| {
        json!({
            "id": gid("ShippingLine", order.id + 1),
            "title": "Standard",
            "code": "Standard",
            "source": "shopify",
            "custom": false,
            "isRemoved": false,
            "originalPriceSet": bag(order.shipping, order.currency),
            "discountedPriceSet": bag(order.shipping, order.currency),
        })
    })
}

fn lists(order: &Order) -> Value {
    json!({
        "lineItems": order.lines.iter().map(|shown| line(shown, order)).collect::<Vec<_>>(),
        "shippingLines": shipping_line(order).into_iter().collect::<Vec<_>>(),
        "fulfillments": order.fulfillments.iter().map(|shown| fulfillment(shown, order)).collect::<Vec<_>>(),
        "fulfillmentsCount": { "count": order.fulfillments.len(), "precision": "EXACT" },
        "fulfillmentOrders":
            order.fulfillment_orders.iter().map(|shown| fulfillment_order(shown, order)).collect::<Vec<_>>(),
        "refunds": order.refunds.iter().map(|shown| refund(shown, order)).collect::<Vec<_>>(),
        "transactions": transactions(order),
        "transactionsCount": { "count": transactions(order).len(), "precision": "EXACT" },
    })
}

pub(super) fn line(line: &Line, order: &Order) -> Value {
    let bag = |value| bag(value, order.currency);
    let total = line.price * Decimal::from(line.quantity);
    let open: u32 = order
        .fulfillment_orders
        .iter()
        .flat_map(|part| &part.lines)
        .filter(|part| part.line == line.id)
        .map(|part| part.remaining)
        .sum();
    let name =
        line.variant.as_ref().map_or(line.title.clone(), |variant| format!("{} - {variant}", line.title));
    json!({
        "__typename": "LineItem",
        "id": gid("LineItem", line.id),
        "name": name,
        "title": line.title,
        "variantTitle": line.variant,
        "sku": line.sku,
        "vendor": "Sandbox",
        "quantity": line.quantity,
        "currentQuantity": line.current_quantity,
        "fulfillableQuantity": open,
        "unfulfilledQuantity": open,
        "nonFulfillableQuantity": line.quantity - line.current_quantity,
        "refundableQuantity": line.current_quantity,
        "isGiftCard": false,
        "requiresShipping": line.requires_shipping,
        "restockable": true,
        "taxable": true,
        "merchantEditable": true,
        "customAttributes": [],
        "originalUnitPriceSet": bag(line.price),
        "originalTotalSet": bag(total),
        "discountedTotalSet": bag(total),
        "discountedUnitPriceSet": bag(line.price),
        "totalDiscountSet": bag(Decimal::ZERO),
        "product": { "id": gid("Product", line.id + 1), "title": line.title, "legacyResourceId": (line.id + 1).to_string() },
        "variant": {
            "id": gid("ProductVariant", line.id + 2),
            "title": line.variant.as_deref().unwrap_or("Default Title"),
            "sku": line.sku,
            "legacyResourceId": (line.id + 2).to_string(),
        },
    })
}

fn order_line(id: u64, order: &Order) -> Value {
    order.lines.iter().find(|shown| shown.id == id).map_or(Value::Null, |shown| line(shown, order))
}

pub(super) fn location(place: usize) -> Value {
    let (id, name) = LOCATIONS[place.min(LOCATIONS.len() - 1)];
    json!({
        "__typename": "Location",
        "id": gid("Location", id),
        "name": name,
        "legacyResourceId": id.to_string(),
        "isActive": true,
    })
}

pub(super) fn fulfillment(shown: &Fulfillment, order: &Order) -> Value {
    let place = order.fulfillments.iter().position(|other| other.id == shown.id).unwrap_or(0) + 1;
    let lines: Vec<Value> = shown
        .lines
        .iter()
        .map(|(id, line, units)| {
            json!({
                "__typename": "FulfillmentLineItem",
                "id": gid("FulfillmentLineItem", id),
                "quantity": units,
                "lineItem": order_line(*line, order),
            })
        })
        .collect();
    let tracking: Vec<Value> = shown
        .numbers
        .iter()
        .enumerate()
        .map(|(at, number)| json!({ "company": shown.company, "number": number, "url": shown.urls.get(at) }))
        .collect();
    json!({
        "__typename": "Fulfillment",
        "id": gid("Fulfillment", shown.id),
        "legacyResourceId": shown.id.to_string(),
        "name": format!("{}-F{place}", order.name()),
        "status": shown.status,
        "displayStatus": shown.display_status,
        "createdAt": time(shown.created_at),
        "updatedAt": time(shown.updated_at),
        "deliveredAt": shown.delivered_at.map(time),
        "inTransitAt": shown.delivered_at.map(|_| time(shown.created_at)),
        "estimatedDeliveryAt": Value::Null,
        "totalQuantity": shown.lines.iter().map(|(_, _, units)| units).sum::<u32>(),
        "requiresShipping": true,
        "location": location(shown.location),
        "order": { "$ref": gid("Order", order.id) },
        "trackingInfo": tracking,
        "fulfillmentLineItems": lines,
    })
}

pub(super) fn fulfillment_order(part: &FulfillmentOrder, order: &Order) -> Value {
    let actions: &[&str] = match (part.status, part.request_status) {
        ("OPEN" | "IN_PROGRESS", "UNSUBMITTED") => &["CREATE_FULFILLMENT", "MOVE", "HOLD", "SPLIT"],
        ("ON_HOLD", _) => &["RELEASE_HOLD", "HOLD", "MOVE"],
        ("SCHEDULED", _) => &["MARK_AS_OPEN"],
        ("IN_PROGRESS", "ACCEPTED") => &["REQUEST_CANCELLATION"],
        _ => &[],
    };
    let actions: Vec<Value> =
        actions.iter().map(|action| json!({ "action": action, "externalUrl": null })).collect();
    let lines: Vec<Value> = part
        .lines
        .iter()
        .map(|own| {
            let line = order_line(own.line, order);
            json!({
                "__typename": "FulfillmentOrderLineItem",
                "id": gid("FulfillmentOrderLineItem", own.id),
                "totalQuantity": own.total,
                "remainingQuantity": own.remaining,
                "productTitle": line["title"],
                "sku": line["sku"],
                "variantTitle": line["variantTitle"],
                "requiresShipping": line["requiresShipping"],
                "lineItem": line,
            })
        })
        .collect();
    json!({
        "__typename": "FulfillmentOrder",
        "id": gid("FulfillmentOrder", part.id),
        "status": part.status,
        "requestStatus": part.request_status,
        "createdAt": time(order.created_at),
        "updatedAt": time(part.updated_at),
        "fulfillAt": time(order.placed_at),
        "fulfillBy": Value::Null,
        "orderId": gid("Order", order.id),
        "orderName": order.name(),
        "order": { "$ref": gid("Order", order.id) },
        "assignedLocation": {
            "name": LOCATIONS[part.location.min(LOCATIONS.len() - 1)].1,
            "countryCode": "US",
            "location": location(part.location),
        },
        "supportedActions": actions,
        "deliveryMethod": { "__typename": "DeliveryMethod", "id": gid("DeliveryMethod", part.id + 1), "methodType": part.method },
        "lineItems": lines,
    })
}

pub(super) fn refund(shown: &Refund, order: &Order) -> Value {
    let lines: Vec<Value> = shown
        .lines
        .iter()
        .enumerate()
        .filter_map(|(at, (id, units))| {
            let line = order.lines.iter().find(|line| line.id == *id)?;
            let subtotal = line.price * Decimal::from(*units);
            Some(json!({
                "id": gid("RefundLineItem", shown.id + 1 + at as u64),
                "quantity": units,
                "lineItem": self::line(line, order),
                "subtotalSet": bag(subtotal, order.currency),
                "totalTaxSet": bag(Decimal::ZERO, order.currency),
                "priceSet": bag(line.price, order.currency),
                "location": location(0),
                "restockType": if order.has_shipped() { "RETURN" } else { "CANCEL" },
                "restocked": true,
            }))
        })
        .collect();
    json!({
        "__typename": "Refund",
        "id": gid("Refund", shown.id),
        "legacyResourceId": shown.id.to_string(),
        "createdAt": time(shown.at),
        "updatedAt": time(shown.at),
        "processedAt": time(shown.at),
        "note": Value::Null,
        "totalRefundedSet": bag(shown.amount, order.currency),
        "order": { "$ref": gid("Order", order.id) },
        "refundLineItems": lines,
        "transactions": [transaction(shown.id + 500, "REFUND", shown.amount, shown.at, order)],
    })
}

fn transactions(order: &Order) -> Vec<Value> {
    let kind = match order.payment {
        Payment::None => return Vec::new(),
        Payment::Authorized | Payment::Voided => "AUTHORIZATION",
        Payment::Pending | Payment::Paid => "SALE",
    };
    let mut shown = vec![transaction(order.id + 500, kind, order.total(), order.placed_at, order)];
    if order.payment == Payment::Pending {
        shown[0]["status"] = "PENDING".into();
    }
    shown.extend(
        order
            .refunds
            .iter()
            .map(|refund| transaction(refund.id + 500, "REFUND", refund.amount, refund.at, order)),
    );
    shown
}

fn transaction(id: u64, kind: &str, value: Decimal, at: Timestamp, order: &Order) -> Value {
    json!({
        "__typename": "OrderTransaction",
        "id": gid("OrderTransaction", id),
        "kind": kind,
        "status": "SUCCESS",
        "gateway": "bogus",
        "amountSet": bag(value, order.currency),
        "createdAt": time(at),
        "processedAt": time(at),
        "test": order.test,
    })
}

pub(super) fn job(id: &str, job: &CancelJob) -> Value {
    json!({ "id": gid("Job", id), "done": job.outcome.is_some() })
}

pub(super) fn job_result(id: &str, job: &CancelJob) -> Value {
    let (status, errors) = match &job.outcome {
        None => ("STARTED", json!([])),
        Some(Ok(())) => ("SUCCEEDED", json!([])),
        Some(Err(why)) => ("FAILED", json!([{ "code": "INVALID", "field": ["orderId"], "message": why }])),
    };
    json!({
        "__typename": "OrderCancelJobResult",
        "id": gid("OrderCancelJobResult", id),
        "done": job.outcome.is_some(),
        "status": status,
        "errors": errors,
        "order": { "$ref": gid("Order", job.order) },
    })
}
