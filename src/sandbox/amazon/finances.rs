//! `listTransactions`: numbers, nulls, empty pages, and refunds that appear twice.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::super::kit::Kit;
use super::super::message::{Request, Response};
use super::errors;
use super::show::View;
use super::world::{Order, Refund, World};
use crate::model::Timestamp;

const PARAMETERS: [&str; 7] = [
    "postedAfter",
    "postedBefore",
    "marketplaceId",
    "transactionStatus",
    "relatedIdentifierName",
    "relatedIdentifierValue",
    "nextToken",
];
const LATE: Duration = Duration::from_mins(2);
/// A longer window gives nothing.
const WINDOW_MAX: Duration = Duration::from_hours(4320);
const PAGE: usize = 100;

/// Answers `GET /finances/2024-06-19/transactions`.
pub(super) fn list(world: &World, view: View, kit: &Kit, request: &Request) -> Response {
    for (name, _) in &request.query {
        if !PARAMETERS.contains(&name.as_str()) {
            kit.breach(request, "unknown_parameter", format!("listTransactions knows no `{name}`"));
        }
    }
    let now = kit.now();
    let refuse = |rule: &str, message: &str| {
        kit.breach(request, rule, message);
        errors::invalid(message)
    };
    let related = match (request.param("relatedIdentifierName"), request.param("relatedIdentifierValue")) {
        (Some("ORDER_ID"), Some(order)) => Some(order),
        (None, None) => None,
        _ => return refuse("related_identifier", "The related identifier is not one that filters."),
    };
    let after = request.param("postedAfter").map(Timestamp::parse);
    let complete = now.minus(kit.hastened(LATE));
    let from = match (after, related) {
        (Some(None), _) => return refuse("bad_time", "postedAfter is no date-time."),
        (Some(Some(after)), _) if after > complete => {
            return refuse("two_minutes", "postedAfter must be more than two minutes before now.");
        }
        (Some(Some(after)), _) => after,
        (None, Some(_)) => Timestamp::EPOCH,
        (None, None) => return refuse("posted_after", "postedAfter is required."),
    };
    let until = request.param("postedBefore").and_then(Timestamp::parse);
    let until = until.unwrap_or(if related.is_some() { Timestamp::MAX } else { complete });
    let mut found = Vec::new();
    let too_long = related.is_none() && until.since(from) > WINDOW_MAX;
    if !too_long {
        found = transactions(world, related, request.param("marketplaceId"), view);
        found.retain(|(posted, _)| *posted >= from && *posted < until);
        found.sort_by_key(|(posted, _)| *posted);
    }
    if request.param("marketplaceId").is_some() {
        kit.breach(
            request,
            "marketplace_filter",
            "with a marketplace the seller's own US orders are left out",
        );
    }
    page(&found, request, related.is_none(), &refuse)
}

/// A sweep begins with an empty page that has a token, as happens.
fn page(
    found: &[(Timestamp, Value)],
    request: &Request,
    sweep: bool,
    refuse: &dyn Fn(&str, &str) -> Response,
) -> Response {
    let same = checksum(request);
    let start = match request.param("nextToken") {
        None if sweep && !found.is_empty() => return answer(&[], Some(token(same, 0))),
        None => 0,
        Some(text) => match read_token(text) {
            Some((own, start)) if own == same => start,
            Some(_) => return refuse("token_parameters", "Arguments must not change while paging."),
            None => return refuse("bad_token", "nextToken cannot be read."),
        },
    };
    let end = found.len().min(start + PAGE);
    let rows = found.get(start..end).unwrap_or_default();
    answer(rows, (end < found.len()).then(|| token(same, end)))
}

fn answer(rows: &[(Timestamp, Value)], next: Option<String>) -> Response {
    let rows: Vec<&Value> = rows.iter().map(|(_, row)| row).collect();
    let mut payload = json!({ "transactions": rows });
    if let Some(next) = next {
        payload["nextToken"] = next.into();
    }
    Response::json(200, &json!({ "payload": payload }))
}

fn checksum(request: &Request) -> u32 {
    let mut fixed: Vec<_> = request.query.iter().filter(|(name, _)| name != "nextToken").collect();
    fixed.sort();
    crc32c::crc32c(format!("{fixed:?}").as_bytes())
}

fn token(same: u32, start: usize) -> String {
    STANDARD.encode(format!("{same}:{start}"))
}

fn read_token(text: &str) -> Option<(u32, usize)> {
    let text = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
    let (same, start) = text.split_once(':')?;
    Some((same.parse().ok()?, start.parse().ok()?))
}

fn transactions(
    world: &World,
    order: Option<&str>,
    market: Option<&str>,
    view: View,
) -> Vec<(Timestamp, Value)> {
    let orders: Vec<&Order> = match order {
        Some(id) => world.order(id).into_iter().collect(),
        None => world.orders.iter().collect(),
    };
    orders
        .into_iter()
        .filter(|order| {
            market.is_none_or(|market| {
                order.market.id == market && (order.by_amazon || order.market.country != "US")
            })
        })
        .flat_map(|order| of_order(order, view))
        .collect()
}

fn of_order(order: &Order, view: View) -> Vec<(Timestamp, Value)> {
    let mut shown = Vec::new();
    if matches!(order.status(), "SHIPPED" | "PARTIALLY_SHIPPED") {
        shown.push((order.created_at, shipment(order, view)));
    }
    for (at, refund) in order.refunds.iter().enumerate() {
        // Every second refund is deferred first and appears again when it is released.
        if at % 2 == 0 {
            shown.push((refund.at, of_refund(order, refund, "RELEASED", view)));
        } else {
            shown.push((refund.at, of_refund(order, refund, "DEFERRED", view)));
            shown.push((
                refund.at.plus(Duration::from_mins(1)),
                of_refund(order, refund, "DEFERRED_RELEASED", view),
            ));
        }
    }
    shown
}

/// Finance amounts are JSON numbers.
fn amount(value: Decimal, order: &Order) -> Value {
    let number: f64 = order.currency.round(value).to_string().parse().unwrap_or_default();
    json!({ "currencyAmount": number, "currencyCode": order.currency.as_str() })
}

fn leaf(name: &str, value: Decimal, order: &Order) -> Value {
    json!({ "breakdownType": name, "breakdownAmount": amount(value, order), "breakdowns": [] })
}

fn group(name: &str, leaves: Vec<(&str, Decimal)>, order: &Order) -> Value {
    let sum: Decimal = leaves.iter().map(|(_, value)| *value).sum();
    let leaves: Vec<Value> = leaves.into_iter().map(|(name, value)| leaf(name, value, order)).collect();
    json!({ "breakdownType": name, "breakdownAmount": amount(sum, order), "breakdowns": leaves })
}

fn base(order: &Order, view: View, posted: Timestamp) -> Value {
    json!({
        "sellingPartnerMetadata": {
            "sellingPartnerId": super::SELLER_ID, "accountType": "PAYABLE", "marketplaceId": order.market.id,
        },
        "postedDate": view.time(posted),
        "marketplaceDetails": { "marketplaceId": order.market.id, "marketplaceName": order.market.name },
        "contexts": null,
        "breakdowns": null,
    })
}

fn shipment(order: &Order, view: View) -> Value {
    let mut shown = base(order, view, order.created_at);
    shown["relatedIdentifiers"] =
        json!([{ "relatedIdentifierName": "ORDER_ID", "relatedIdentifierValue": order.id }]);
    shown["transactionType"] = "Shipment".into();
    shown["transactionId"] = format!("shipment-{}", order.id).into();
    shown["transactionStatus"] = "RELEASED".into();
    shown["description"] = "Order Payment".into();
    shown["totalAmount"] = amount(order.total() * Decimal::new(85, 2), order);
    shown["items"] = Value::Null;
    shown
}

fn of_refund(order: &Order, refund: &Refund, status: &str, view: View) -> Value {
    let fee = order.currency.round(refund.amount * Decimal::new(12, 2));
    let (goods, shipping, tax) = if refund.full {
        (order.goods(), order.shipping, order.tax)
    } else {
        (refund.amount, Decimal::ZERO, Decimal::ZERO)
    };
    let mut breakdowns = vec![
        group("ProductCharges", vec![("OurPricePrincipal", -goods)], order),
        // Fees are not the customer's money.
        group(
            "AmazonFees",
            vec![("Commission", fee), ("RefundCommission", -fee * Decimal::new(2, 1))],
            order,
        ),
    ];
    if shipping > Decimal::ZERO {
        breakdowns.push(group(
            "Shipping",
            vec![("ShippingPrincipal", -shipping), ("ShippingChargeback", shipping)],
            order,
        ));
    }
    if tax > Decimal::ZERO {
        breakdowns.push(group(
            "Tax",
            vec![("OurPriceTax", -tax), ("MarketplaceFacilitatorTax-Principal", tax)],
            order,
        ));
    }
    let mut shown = base(order, view, refund.at);
    shown["relatedIdentifiers"] = json!([
        { "relatedIdentifierName": "ORDER_ID", "relatedIdentifierValue": order.id },
        { "relatedIdentifierName": "REFUND_ID", "relatedIdentifierValue": refund.id },
    ]);
    shown["transactionType"] = "Refund".into();
    shown["transactionId"] = format!("{}-{status}", refund.id).into();
    shown["transactionStatus"] = status.into();
    shown["description"] = "Refund Order".into();
    shown["totalAmount"] = amount(fee - refund.amount, order);
    shown["items"] = json!([{
        "description": order.lines.first().map(|line| line.title.clone()),
        "totalAmount": amount(fee - refund.amount, order),
        "relatedIdentifiers": null,
        "breakdowns": breakdowns,
        "contexts": null,
    }]);
    shown
}
