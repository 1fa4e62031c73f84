//! Orders as the 2026-01-01 API shows them: the parts that were asked for.

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::world::{Line, Order, Package, Phase};
use crate::model::Timestamp;

/// The data sets that can be asked for.
pub(super) const DATA_SETS: [&str; 11] = [
    "BUYER",
    "RECIPIENT",
    "PROCEEDS",
    "EXPENSE",
    "PROMOTION",
    "CANCELLATION",
    "FULFILLMENT",
    "PACKAGES",
    "TAX",
    "PAYMENT",
    "FULFILLMENT_ORDERS",
];

/// How this seller's orders are shown.
#[derive(Clone, Copy)]
pub(super) struct View {
    /// The application holds the restricted roles.
    pub personal_data: bool,
    pub milliseconds: bool,
}

impl View {
    pub(super) fn time(self, at: Timestamp) -> String {
        if self.milliseconds {
            return at.to_jiff().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
        }
        at.to_rfc3339_secs()
    }

    pub(super) fn order(self, order: &Order, data: &[String]) -> Value {
        let asked = |name: &str| data.iter().any(|own| own == name);
        let mut shown = Map::new();
        let mut put = |name: &str, value: Value| {
            if !value.is_null() {
                shown.insert(name.to_owned(), value);
            }
        };
        put("orderId", order.id.clone().into());
        if let Some(alias) = &order.alias {
            put("orderAliases", json!([{ "aliasId": alias, "aliasType": "SELLER_ORDER_ID" }]));
        }
        put("createdTime", self.time(order.created_at).into());
        put("lastUpdatedTime", self.time(order.updated_at).into());
        put("programs", json!(order.programs));
        if let Some(original) = &order.replaces {
            let association = json!({ "orderId": original, "associationType": "REPLACEMENT_ORIGINAL_ID" });
            put("associatedOrders", json!([association]));
        }
        put("salesChannel", sales_channel(order));
        let known = order.priced && self.personal_data && order.phase != Phase::Cancelled;
        if asked("BUYER") && known {
            put("buyer", buyer(order));
        }
        if asked("RECIPIENT") && known {
            put("recipient", recipient(order));
        }
        if asked("PROCEEDS") && order.priced {
            put("proceeds", proceeds(order));
        }
        if asked("PAYMENT") && order.priced {
            put("payment", json!({ "paymentExecutions": [{ "paymentMethod": "CreditCard" }] }));
        }
        if asked("FULFILLMENT") {
            put("fulfillment", self.fulfillment(order));
        }
        put("orderItems", order.lines.iter().map(|line| item(line, order, data)).collect());
        if asked("PACKAGES") && !order.by_amazon && !order.packages.is_empty() {
            put("packages", order.packages.iter().map(|package| self.package(package)).collect());
        }
        Value::Object(shown)
    }

    fn fulfillment(self, order: &Order) -> Value {
        let day = std::time::Duration::from_hours(24);
        json!({
            "fulfillmentStatus": order.status(),
            "fulfilledBy": if order.by_amazon { "AMAZON" } else { "MERCHANT" },
            "fulfillmentServiceLevel": "STANDARD",
            "shipByWindow": {
                "earliestDateTime": self.time(order.created_at),
                "latestDateTime": self.time(order.created_at.plus(2 * day)),
            },
            "deliverByWindow": {
                "earliestDateTime": self.time(order.created_at.plus(3 * day)),
                "latestDateTime": self.time(order.created_at.plus(6 * day)),
            },
        })
    }

    fn package(self, package: &Package) -> Value {
        let items: Vec<Value> = package
            .items
            .iter()
            .map(|(line, units)| json!({ "orderItemId": line, "quantity": units }))
            .collect();
        let mut shown = json!({
            "packageReferenceId": package.reference,
            "createdTime": self.time(package.created_at),
            "packageStatus": { "status": package.status },
            "carrier": package.carrier,
            "shipTime": self.time(package.ship_time),
            "trackingNumber": package.tracking,
            "packageItems": items,
        });
        if let Some(service) = &package.service {
            shown["shippingService"] = service.clone().into();
        }
        shown
    }
}

fn sales_channel(order: &Order) -> Value {
    if order.elsewhere {
        return json!({ "channelName": "NON_AMAZON", "marketplaceId": order.market.id, "marketplaceName": "Non-Amazon" });
    }
    json!({ "channelName": "AMAZON", "marketplaceId": order.market.id, "marketplaceName": order.market.name })
}

fn buyer(order: &Order) -> Value {
    let mut shown = json!({ "buyerName": order.shopper.name() });
    if !order.by_amazon {
        shown["buyerEmail"] = order.shopper.email.clone().into();
    }
    if let Some(company) = &order.company {
        shown["buyerCompanyName"] = company.clone().into();
        shown["buyerPurchaseOrderNumber"] = format!("PO-{}", &order.id[12..]).into();
    }
    shown
}

fn recipient(order: &Order) -> Value {
    let shopper = &order.shopper;
    let mut address = json!({
        "name": shopper.name(),
        "companyName": order.company.as_deref().unwrap_or_default(),
        "addressLine1": shopper.line1,
        "addressLine2": "",
        "addressLine3": "",
        "city": shopper.city,
        "districtOrCounty": "",
        "stateOrRegion": order.market.state,
        "municipality": "",
        "postalCode": shopper.postal_code,
        "countryCode": order.market.country,
        "addressType": if order.company.is_some() { "COMMERCIAL" } else { "RESIDENTIAL" },
    });
    if !order.by_amazon {
        address["phone"] = shopper.phone.clone().into();
    }
    if order.market.country == "BR" {
        let (number, street) = shopper.line1.split_once(' ').unwrap_or(("", &shopper.line1));
        address["extendedFields"] = json!({
            "streetName": street, "streetNumber": number, "complement": "", "neighborhood": "Centro",
        });
    }
    let mut shown = json!({ "deliveryAddress": address });
    if let Some(instruction) = &order.instruction {
        shown["deliveryPreference"] = json!({ "addressInstruction": instruction });
    }
    shown
}

fn money(value: Decimal, order: &Order) -> Value {
    json!({ "amount": order.currency.round(value).to_string(), "currencyCode": order.currency.as_str() })
}

fn proceeds(order: &Order) -> Value {
    let mut breakdowns = vec![json!({ "type": "ITEM", "subtotal": money(order.goods(), order) })];
    for (name, value) in [("SHIPPING", order.shipping), ("TAX", order.tax)] {
        if value > Decimal::ZERO {
            breakdowns.push(json!({ "type": name, "subtotal": money(value, order) }));
        }
    }
    json!({ "grandTotal": money(order.total(), order), "breakdowns": breakdowns })
}

fn item(line: &Line, order: &Order, data: &[String]) -> Value {
    let asked = |name: &str| data.iter().any(|own| own == name);
    let mut product = json!({
        "asin": format!("B0{:0>8}", &line.id[6..]),
        "title": line.title,
        "sellerSku": line.sku,
        "condition": { "conditionType": "NEW", "conditionSubtype": "NEW", "conditionNote": "" },
    });
    if order.priced {
        product["price"] = json!({ "unitPrice": money(line.price, order) });
    }
    let mut shown = json!({ "orderItemId": line.id, "quantityOrdered": line.quantity, "product": product });
    shown["programs"] = if line.transparency { json!(["TRANSPARENCY"]) } else { json!([]) };
    if asked("PROCEEDS") && order.priced {
        let total = line.price * Decimal::from(line.quantity);
        shown["proceeds"] = json!({
            "proceedsTotal": money(total, order),
            "breakdowns": [{ "type": "ITEM", "subtotal": money(total, order) }],
        });
    }
    if asked("FULFILLMENT") {
        shown["fulfillment"] = json!({
            "quantityFulfilled": line.fulfilled,
            "quantityUnfulfilled": if order.phase == Phase::Cancelled { 0 } else { line.quantity - line.fulfilled },
        });
        if let Some(gift) = &line.gift {
            shown["fulfillment"]["packing"] =
                json!({ "giftOption": { "giftMessage": gift, "giftWrapLevel": "BASIC" } });
        }
    }
    if asked("CANCELLATION") {
        let mut cancellation = Map::new();
        if let Some(reason) = &order.cancel_request {
            let request = json!({ "requester": "BUYER", "cancelReason": reason });
            cancellation.insert("cancellationRequest".to_owned(), request);
        }
        if let Some((by, reason)) = &order.cancelled_by {
            let execution = json!({ "cancelledBy": by, "cancelReason": reason });
            cancellation.insert("cancellationExecution".to_owned(), execution);
        }
        if !cancellation.is_empty() {
            shown["cancellation"] = Value::Object(cancellation);
        }
    }
    shown
}
