//! An order in the shape of a webhook's body, read into a `Reading`.
//!
//! The body keeps the legacy REST shape. It may lack fields: a subscription can leave them out,
//! and Shopify withholds personal data from some apps. What is absent or null here is not known to
//! be empty.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer};

use super::map::{Fulfilment, Line, Reading, RefundedUnits, Sum, Sums, Track};
use super::scalar::{Amount, Id, filled};
use crate::model::{AddressSeen, Currency, CustomerSeen, Seen, ShipmentItem, Timestamp};

#[derive(Deserialize)]
struct Order {
    id: Id,
    name: Option<String>,
    processed_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "said")]
    cancelled_at: Seen<String>,
    cancel_reason: Option<String>,
    #[serde(default, deserialize_with = "said")]
    note: Seen<String>,
    tags: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    #[serde(default, deserialize_with = "said")]
    financial_status: Seen<String>,
    #[serde(default, deserialize_with = "said")]
    fulfillment_status: Seen<String>,
    currency: Option<String>,
    #[serde(default)]
    total_price: Amount,
    #[serde(default)]
    current_total_price: Amount,
    #[serde(default)]
    subtotal_price: Amount,
    #[serde(default)]
    current_subtotal_price: Amount,
    #[serde(default)]
    total_tax: Amount,
    #[serde(default)]
    current_total_tax: Amount,
    #[serde(default)]
    total_discounts: Amount,
    #[serde(default)]
    current_total_discounts: Amount,
    total_shipping_price_set: Option<Money>,
    customer: Option<Customer>,
    shipping_address: Option<Address>,
    billing_address: Option<Address>,
    line_items: Option<Vec<LineItem>>,
    fulfillments: Option<Vec<Fulfillment>>,
    refunds: Option<Vec<Refund>>,
}

/// Tells a null from an absent field.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Seen<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map_or(Seen::Nothing, Seen::Value))
}

#[derive(Deserialize)]
struct Money {
    shop_money: ShopMoney,
}

#[derive(Deserialize)]
struct ShopMoney {
    amount: Amount,
}

#[derive(Deserialize)]
struct Customer {
    first_name: Option<String>,
    last_name: Option<String>,
    email: Option<String>,
    phone: Option<String>,
}

#[derive(Deserialize)]
struct Address {
    name: Option<String>,
    address1: Option<String>,
    address2: Option<String>,
    city: Option<String>,
    province: Option<String>,
    province_code: Option<String>,
    zip: Option<String>,
    country_code: Option<String>,
    phone: Option<String>,
}

#[derive(Deserialize)]
struct LineItem {
    id: Id,
    sku: Option<String>,
    title: Option<String>,
    variant_title: Option<String>,
    quantity: u32,
    current_quantity: Option<u32>,
    #[serde(default)]
    price: Amount,
}

#[derive(Deserialize)]
struct Fulfillment {
    id: Id,
    status: Option<String>,
    shipment_status: Option<String>,
    created_at: Option<Timestamp>,
    tracking_company: Option<String>,
    tracking_number: Option<String>,
    tracking_numbers: Option<Vec<String>>,
    tracking_url: Option<String>,
    tracking_urls: Option<Vec<String>>,
    line_items: Option<Vec<SentLine>>,
}

#[derive(Deserialize)]
struct SentLine {
    id: Id,
    quantity: u32,
}

#[derive(Deserialize)]
struct Refund {
    transactions: Option<Vec<Transaction>>,
    refund_line_items: Option<Vec<RefundLine>>,
}

#[derive(Deserialize)]
struct Transaction {
    kind: Option<String>,
    status: Option<String>,
    currency: Option<String>,
    #[serde(default)]
    amount: Amount,
}

#[derive(Deserialize)]
struct RefundLine {
    line_item_id: Id,
    quantity: u32,
    restock_type: Option<String>,
}

/// `None` when the body is not an order with an id and a change time.
pub(super) fn read(body: &[u8]) -> Option<Reading> {
    let order: Order = serde_json::from_slice(body).ok()?;
    order.updated_at?;
    order.into_reading()
}

fn owned(text: Option<&str>) -> Option<String> {
    filled(text).map(str::to_owned)
}

fn upper(word: Seen<String>) -> Seen<String> {
    match word {
        Seen::Value(word) => Seen::Value(word.to_ascii_uppercase()),
        other => other,
    }
}

/// REST's words beside GraphQL's; its null is unfulfilled.
fn fulfilment(word: Seen<String>) -> Seen<String> {
    match upper(word) {
        Seen::Nothing => Seen::Value("UNFULFILLED".into()),
        Seen::Value(word) if word == "PARTIAL" => Seen::Value("PARTIALLY_FULFILLED".into()),
        other => other,
    }
}

/// Whether a field was said, be it to be empty.
fn told(field: &Seen<String>) -> bool {
    *field != Seen::Absent
}

impl Order {
    /// A fetch would tell no more. Personal fields do not count: whole orders lack them too.
    fn is_complete(&self) -> bool {
        let states = [&self.cancelled_at, &self.financial_status, &self.fulfillment_status, &self.note];
        let parts = self.line_items.is_some() && self.fulfillments.is_some() && self.refunds.is_some();
        let head = self.name.is_some() && self.processed_at.is_some() && self.tags.is_some();
        let sums = self.currency.is_some() && self.current_total_price.0.is_some();
        states.into_iter().all(told) && parts && head && sums
    }

    fn into_reading(self) -> Option<Reading> {
        let currency = self.currency.as_deref().and_then(|code| code.parse().ok());
        let refunded = refunded(self.refunds.as_deref(), currency);
        let fulfilment = fulfilment(self.fulfillment_status.clone());
        let financial = upper(self.financial_status.clone());
        let complete = self.is_complete();
        // The body does not tell work under way from work not begun; of an unpaid order that
        // decides the status.
        let may_be_under_way = fulfilment == Seen::Value("UNFULFILLED".into())
            && self.cancelled_at == Seen::Nothing
            && !matches!(&financial, Seen::Value(word) if word != "PENDING");
        Some(Reading {
            order: self.id.order()?,
            number: owned(self.name.as_deref()),
            changed_at: self.updated_at,
            placed_at: self.processed_at,
            cancelled: told(&self.cancelled_at).then_some(self.cancelled_at != Seen::Nothing),
            cancel_reason: owned(self.cancel_reason.as_deref()).map(|reason| reason.to_ascii_uppercase()),
            financial,
            fulfilment,
            currency,
            sums: self.sums(refunded),
            customer: self.customer(),
            shipping_address: self.shipping_address.as_ref().map_or(Seen::Absent, |a| Seen::Value(a.seen())),
            notes: told(&self.note)
                .then(|| self.note.clone().value().and_then(|note| owned(Some(&note))).into_iter().collect()),
            tags: self.tags.as_deref().map(split_tags),
            incomplete: !complete || may_be_under_way || refunded.is_none(),
            lines: self.line_items.as_ref().map(|lines| self.lines(lines)),
            fulfilments: self
                .fulfillments
                .map(|all| all.into_iter().map(Fulfillment::into_fulfilment).collect()),
            refunds: self.refunds.as_ref().map(|all| all.iter().flat_map(Refund::units).collect()),
            facts: BTreeMap::new(),
            anomalies: Vec::new(),
        })
    }

    fn sums(&self, refunded: Option<Decimal>) -> Sums {
        let sum = |placed: Amount, current: Amount| Sum { placed: placed.0, current: current.0 };
        Sums {
            total: sum(self.total_price, self.current_total_price),
            subtotal: sum(self.subtotal_price, self.current_subtotal_price),
            tax: sum(self.total_tax, self.current_total_tax),
            discount: sum(self.total_discounts, self.current_total_discounts),
            shipping: self.total_shipping_price_set.as_ref().and_then(|set| set.shop_money.amount.0),
            refunded,
        }
    }

    fn customer(&self) -> CustomerSeen {
        let shipping = self.shipping_address.as_ref();
        let full = self.customer.as_ref().and_then(Customer::full_name);
        // What GraphQL shows as the display name of a customer without a name.
        let shown =
            self.customer.as_ref().and_then(|c| filled(c.email.as_deref()).or(filled(c.phone.as_deref())));
        let name = full
            .as_deref()
            .or(shown)
            .or_else(|| filled(shipping.and_then(|address| address.name.as_deref())))
            .or_else(|| filled(self.billing_address.as_ref().and_then(|address| address.name.as_deref())));
        let phone = filled(self.phone.as_deref())
            .or_else(|| filled(self.customer.as_ref().and_then(|customer| customer.phone.as_deref())))
            .or_else(|| filled(shipping.and_then(|address| address.phone.as_deref())));
        CustomerSeen {
            name: Seen::text(name),
            email: Seen::text(self.email.as_deref()),
            phone: Seen::text(phone),
        }
    }

    fn lines(&self, lines: &[LineItem]) -> Vec<Line> {
        let removed = |line: &LineItem| -> u32 {
            let refunds =
                self.refunds.iter().flatten().flat_map(|refund| refund.refund_line_items.iter().flatten());
            refunds.filter(|refund| refund.line_item_id == line.id).map(|refund| refund.quantity).sum()
        };
        let line = |line: &LineItem| Line {
            id: line.id.as_str().to_owned(),
            sku: owned(line.sku.as_deref()),
            title: owned(line.title.as_deref()),
            variant: owned(line.variant_title.as_deref()),
            quantity: line.quantity,
            current: line.current_quantity.unwrap_or_else(|| line.quantity.saturating_sub(removed(line))),
            unit_price: line.price.0,
        };
        lines.iter().map(line).collect()
    }
}

/// What the refunds paid back; `None` when they do not tell, or tell it in another currency.
fn refunded(refunds: Option<&[Refund]>, currency: Option<Currency>) -> Option<Decimal> {
    let mut sum = Decimal::ZERO;
    for refund in refunds? {
        for transaction in refund.transactions.as_ref()?.iter().filter(|transaction| transaction.is_refund())
        {
            let same = transaction.currency.as_deref().is_none_or(|code| code.parse().ok() == currency);
            sum += transaction.amount.0.filter(|_| same)?;
        }
    }
    Some(sum)
}

impl Transaction {
    fn is_refund(&self) -> bool {
        self.kind.as_deref() == Some("refund") && self.status.as_deref() == Some("success")
    }
}

impl Refund {
    fn units(&self) -> Vec<RefundedUnits> {
        let paid_back = self.transactions.as_ref().is_none_or(|all| all.iter().any(Transaction::is_refund));
        let units = |line: &RefundLine| RefundedUnits {
            line: line.line_item_id.as_str().to_owned(),
            units: line.quantity,
            unshipped: line.restock_type.as_deref() == Some("cancel"),
            paid_back,
        };
        self.refund_line_items.iter().flatten().map(units).collect()
    }
}

fn split_tags(text: &str) -> Vec<String> {
    text.split(',').filter_map(|tag| owned(Some(tag))).collect()
}

impl Customer {
    fn full_name(&self) -> Option<String> {
        let first = self.first_name.as_deref().unwrap_or("").trim();
        let last = self.last_name.as_deref().unwrap_or("").trim();
        owned(Some(&format!("{first} {last}")))
    }
}

impl Address {
    /// A street shows that the address is not withheld: then what is null or blank is empty.
    fn seen(&self) -> AddressSeen {
        let open = filled(self.address1.as_deref()).is_some();
        let seen = |text: Option<&str>| if open { Seen::asked(text) } else { Seen::text(text) };
        let region = filled(self.province_code.as_deref()).or_else(|| filled(self.province.as_deref()));
        AddressSeen {
            name: seen(self.name.as_deref()),
            line1: seen(self.address1.as_deref()),
            line2: seen(self.address2.as_deref()),
            city: seen(self.city.as_deref()),
            region: seen(region),
            postal_code: seen(self.zip.as_deref()),
            country: seen(self.country_code.as_deref()),
            phone: seen(self.phone.as_deref()),
        }
    }
}

impl Fulfillment {
    fn into_fulfilment(self) -> Fulfilment {
        let tracking = self.tracking();
        let units = |lines: Vec<SentLine>| {
            lines
                .into_iter()
                .map(|line| ShipmentItem { line_id: line.id.as_str().to_owned(), quantity: line.quantity })
        };
        Fulfilment {
            success: self.status.as_deref() == Some("success"),
            shown: Some(
                self.shipment_status.map_or_else(|| "FULFILLED".into(), |word| word.to_ascii_uppercase()),
            ),
            created_at: self.created_at,
            units: self.line_items.map(|lines| units(lines).collect()),
            id: self.id,
            tracking,
        }
    }

    fn tracking(&self) -> Vec<Track> {
        let many = self.tracking_numbers.as_deref().unwrap_or_default();
        let one = self.tracking_number.as_slice();
        let numbers = if many.is_empty() { one } else { many };
        let urls = match self.tracking_urls.as_deref() {
            Some(urls) if !urls.is_empty() => urls,
            _ => self.tracking_url.as_slice(),
        };
        let company = owned(self.tracking_company.as_deref());
        if numbers.is_empty() && company.is_none() {
            return Vec::new();
        }
        let track = |n: usize| Track {
            company: company.clone(),
            number: owned(numbers.get(n).map(String::as_str)),
            url: owned(urls.get(n).map(String::as_str)),
        };
        (0..numbers.len().max(1)).map(track).collect()
    }
}
