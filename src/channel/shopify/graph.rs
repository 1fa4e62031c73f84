//! An order in GraphQL's shape, read into a `Reading`.

use serde::Deserialize;

use super::facts::{self, FulfilmentOrder, Left};
use super::map::{Fulfilment, Line, Reading, RefundedUnits, Sum, Sums, Track};
use super::scalar::{Amount, Id, filled};
use crate::model::{AddressSeen, Anomaly, CustomerSeen, Seen, ShipmentItem, Timestamp};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Order {
    pub id: Id,
    name: Option<String>,
    processed_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
    cancelled_at: Option<String>,
    cancel_reason: Option<String>,
    note: Option<String>,
    tags: Option<Vec<String>>,
    email: Option<String>,
    phone: Option<String>,
    display_financial_status: Option<String>,
    display_fulfillment_status: Option<String>,
    currency_code: Option<String>,
    total_price_set: Option<Money>,
    current_total_price_set: Option<Money>,
    subtotal_price_set: Option<Money>,
    current_subtotal_price_set: Option<Money>,
    total_tax_set: Option<Money>,
    current_total_tax_set: Option<Money>,
    total_discounts_set: Option<Money>,
    current_total_discounts_set: Option<Money>,
    total_shipping_price_set: Option<Money>,
    total_refunded_set: Option<Money>,
    customer: Option<Customer>,
    shipping_address: Option<Address>,
    billing_address: Option<Billing>,
    pub line_items: Option<Connection<LineItem>>,
    pub fulfillments: Option<Vec<Fulfillment>>,
    pub fulfillment_orders: Option<Connection<FulfillmentOrder>>,
    pub refunds: Option<Vec<Refund>>,
}

/// One page of a list inside an order.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Connection<T> {
    pub nodes: Vec<T>,
    pub page_info: Option<PageInfo>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageInfo {
    pub has_next_page: bool,
    pub end_cursor: Option<String>,
}

impl<T> Connection<T> {
    /// Where the next page begins.
    pub(super) fn next(&self) -> Option<String> {
        self.page_info.as_ref().filter(|info| info.has_next_page)?.end_cursor.clone()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Money {
    shop_money: ShopMoney,
}

#[derive(Deserialize)]
struct ShopMoney {
    amount: Amount,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Customer {
    first_name: Option<String>,
    last_name: Option<String>,
    display_name: Option<String>,
    default_phone_number: Option<Phone>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Phone {
    phone_number: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Address {
    name: Option<String>,
    address1: Option<String>,
    address2: Option<String>,
    city: Option<String>,
    province: Option<String>,
    province_code: Option<String>,
    zip: Option<String>,
    country_code_v2: Option<String>,
    phone: Option<String>,
}

#[derive(Deserialize)]
struct Billing {
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LineItem {
    id: Id,
    sku: Option<String>,
    title: Option<String>,
    variant_title: Option<String>,
    quantity: u32,
    current_quantity: u32,
    original_unit_price_set: Option<Money>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Fulfillment {
    pub id: Id,
    status: Option<String>,
    display_status: Option<String>,
    created_at: Option<Timestamp>,
    tracking_info: Option<Vec<TrackingInfo>>,
    #[serde(rename = "fulfillmentLineItems")]
    pub lines: Option<Connection<LineUnits>>,
}

#[derive(Deserialize)]
struct TrackingInfo {
    company: Option<String>,
    number: Option<String>,
    url: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LineUnits {
    quantity: Option<u32>,
    line_item: LineRef,
}

#[derive(Deserialize)]
struct LineRef {
    id: Id,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FulfillmentOrder {
    pub id: Id,
    status: String,
    request_status: Option<String>,
    assigned_location: Option<AssignedLocation>,
    supported_actions: Option<Vec<SupportedAction>>,
    pub line_items: Connection<FulfillmentOrderLine>,
}

#[derive(Deserialize)]
struct AssignedLocation {
    location: Option<LineRef>,
}

#[derive(Deserialize)]
struct SupportedAction {
    action: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FulfillmentOrderLine {
    id: Id,
    remaining_quantity: u32,
    line_item: LineRef,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Refund {
    pub id: Id,
    total_refunded_set: Option<Money>,
    #[serde(rename = "refundLineItems")]
    pub lines: Option<Connection<RefundLine>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RefundLine {
    quantity: u32,
    restock_type: Option<String>,
    line_item: LineRef,
}

/// What belongs to the customer, by the first step of its path below the order.
pub(super) const PERSONAL: [&str; 5] = ["customer", "shippingAddress", "billingAddress", "email", "phone"];

/// First steps of the paths, below the order, of fields that Shopify withheld from this app.
pub(super) struct Withheld<'a>(pub &'a [String]);

impl Withheld<'_> {
    fn any(&self, fields: &[&str]) -> bool {
        self.0.iter().any(|field| fields.contains(&field.as_str()))
    }

    fn seen(&self, fields: &[&str], text: Option<&str>) -> Seen<String> {
        if self.any(fields) { Seen::text(text) } else { Seen::asked(text) }
    }
}

fn amount(money: Option<&Money>) -> Option<rust_decimal::Decimal> {
    money.and_then(|money| money.shop_money.amount.0)
}

fn sum(placed: Option<&Money>, current: Option<&Money>) -> Sum {
    Sum { placed: amount(placed), current: amount(current) }
}

fn owned(text: Option<&str>) -> Option<String> {
    filled(text).map(str::to_owned)
}

impl Order {
    /// `None` when the id cannot be one.
    pub(super) fn into_reading(self, withheld: &Withheld<'_>) -> Option<Reading> {
        let mut facts = std::collections::BTreeMap::new();
        if let Some(orders) = &self.fulfillment_orders {
            facts::write(&mut facts, &orders.nodes.iter().map(FulfillmentOrder::fact).collect::<Vec<_>>());
        }
        Some(Reading {
            order: self.id.order()?,
            customer: self.customer(withheld),
            shipping_address: self.address(withheld),
            sums: self.sums(),
            number: owned(self.name.as_deref()),
            changed_at: self.updated_at,
            placed_at: self.processed_at,
            cancelled: Some(self.cancelled_at.is_some()),
            cancel_reason: self.cancel_reason,
            financial: Seen::asked(self.display_financial_status.as_deref()),
            fulfilment: Seen::asked(self.display_fulfillment_status.as_deref()),
            currency: self.currency_code.and_then(|code| code.parse().ok()),
            lines: self.line_items.map(|lines| lines.nodes.into_iter().map(LineItem::into_line).collect()),
            fulfilments: self
                .fulfillments
                .map(|all| all.into_iter().map(Fulfillment::into_fulfilment).collect()),
            refunds: self.refunds.map(|all| all.into_iter().flat_map(Refund::into_units).collect()),
            notes: Some(owned(self.note.as_deref()).into_iter().collect()),
            tags: self.tags,
            facts,
            anomalies: withheld_anomaly(withheld).into_iter().collect(),
            incomplete: false,
        })
    }

    fn sums(&self) -> Sums {
        Sums {
            total: sum(self.total_price_set.as_ref(), self.current_total_price_set.as_ref()),
            subtotal: sum(self.subtotal_price_set.as_ref(), self.current_subtotal_price_set.as_ref()),
            tax: sum(self.total_tax_set.as_ref(), self.current_total_tax_set.as_ref()),
            discount: sum(self.total_discounts_set.as_ref(), self.current_total_discounts_set.as_ref()),
            shipping: amount(self.total_shipping_price_set.as_ref()),
            refunded: amount(self.total_refunded_set.as_ref()),
        }
    }

    fn customer(&self, withheld: &Withheld<'_>) -> CustomerSeen {
        let own = self.customer.as_ref().and_then(Customer::name);
        let shipping = self.shipping_address.as_ref();
        let name = own
            .or_else(|| owned(shipping.and_then(|address| address.name.as_deref())))
            .or_else(|| owned(self.billing_address.as_ref().and_then(|address| address.name.as_deref())));
        let own_phone = self.customer.as_ref().and_then(|customer| customer.default_phone_number.as_ref());
        let phone = filled(self.phone.as_deref())
            .or_else(|| filled(own_phone.and_then(|phone| phone.phone_number.as_deref())))
            .or_else(|| filled(shipping.and_then(|address| address.phone.as_deref())));
        CustomerSeen {
            name: withheld.seen(&["customer", "shippingAddress", "billingAddress"], name.as_deref()),
            email: withheld.seen(&["email"], self.email.as_deref()),
            phone: withheld.seen(&["phone", "customer", "shippingAddress"], phone),
        }
    }

    fn address(&self, withheld: &Withheld<'_>) -> Seen<AddressSeen> {
        const FIELD: &[&str] = &["shippingAddress"];
        let Some(address) = &self.shipping_address else {
            // Pickup and digital orders have none.
            return if withheld.any(FIELD) { Seen::Absent } else { Seen::Nothing };
        };
        let region = filled(address.province_code.as_deref()).or_else(|| filled(address.province.as_deref()));
        Seen::Value(AddressSeen {
            name: withheld.seen(FIELD, address.name.as_deref()),
            line1: withheld.seen(FIELD, address.address1.as_deref()),
            line2: withheld.seen(FIELD, address.address2.as_deref()),
            city: withheld.seen(FIELD, address.city.as_deref()),
            region: withheld.seen(FIELD, region),
            postal_code: withheld.seen(FIELD, address.zip.as_deref()),
            country: withheld.seen(FIELD, address.country_code_v2.as_deref()),
            phone: withheld.seen(FIELD, address.phone.as_deref()),
        })
    }
}

fn withheld_anomaly(withheld: &Withheld<'_>) -> Option<Anomaly> {
    withheld.any(&PERSONAL).then(|| Anomaly {
        code: "withheld:personal_data".into(),
        summary: "Shopify withholds the customer's data from this app. Grant it access to protected customer data, or use a plan that allows it; what was known is kept.".into(),
    })
}

impl Customer {
    fn name(&self) -> Option<String> {
        let first = self.first_name.as_deref().unwrap_or("").trim();
        let last = self.last_name.as_deref().unwrap_or("").trim();
        owned(Some(&format!("{first} {last}"))).or_else(|| owned(self.display_name.as_deref()))
    }
}

impl LineItem {
    fn into_line(self) -> Line {
        Line {
            id: self.id.as_str().to_owned(),
            sku: owned(self.sku.as_deref()),
            title: owned(self.title.as_deref()),
            variant: owned(self.variant_title.as_deref()),
            quantity: self.quantity,
            current: self.current_quantity,
            unit_price: amount(self.original_unit_price_set.as_ref()),
        }
    }
}

impl Fulfillment {
    fn into_fulfilment(self) -> Fulfilment {
        let track = |info: TrackingInfo| Track {
            company: owned(info.company.as_deref()),
            number: owned(info.number.as_deref()),
            url: owned(info.url.as_deref()),
        };
        Fulfilment {
            id: self.id,
            success: self.status.as_deref() == Some("SUCCESS"),
            shown: self.display_status,
            created_at: self.created_at,
            tracking: self.tracking_info.unwrap_or_default().into_iter().map(track).collect(),
            units: self.lines.map(|lines| lines.nodes.iter().map(LineUnits::item).collect()),
        }
    }
}

impl LineUnits {
    fn item(&self) -> ShipmentItem {
        ShipmentItem { line_id: self.line_item.id.as_str().to_owned(), quantity: self.quantity.unwrap_or(0) }
    }
}

impl FulfillmentOrder {
    pub(super) fn fact(&self) -> FulfilmentOrder {
        let location = self.assigned_location.as_ref().and_then(|assigned| assigned.location.as_ref());
        let offered =
            |actions: &Vec<SupportedAction>| actions.iter().any(|offer| offer.action == "CREATE_FULFILLMENT");
        FulfilmentOrder {
            id: self.id.as_str().to_owned(),
            status: self.status.clone(),
            request_status: self.request_status.clone().unwrap_or_default(),
            location: location.map(|location| location.id.as_str().to_owned()).unwrap_or_default(),
            // Not said is not denied: Shopify itself has the last word.
            can_create: self.supported_actions.as_ref().is_none_or(offered),
            lines: self.line_items.nodes.iter().map(FulfillmentOrderLine::left).collect(),
        }
    }
}

impl FulfillmentOrderLine {
    fn left(&self) -> Left {
        Left {
            id: self.id.as_str().to_owned(),
            order_line: self.line_item.id.as_str().to_owned(),
            units: self.remaining_quantity,
        }
    }
}

impl Refund {
    fn into_units(self) -> Vec<RefundedUnits> {
        let paid_back = amount(self.total_refunded_set.as_ref()).is_none_or(|amount| !amount.is_zero());
        let units = |line: RefundLine| RefundedUnits {
            line: line.line_item.id.as_str().to_owned(),
            units: line.quantity,
            unshipped: line.restock_type.as_deref() == Some("CANCEL"),
            paid_back,
        };
        self.lines.map(|lines| lines.nodes.into_iter().map(units).collect()).unwrap_or_default()
    }
}
