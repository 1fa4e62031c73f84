//! The rules that turn a reading of a Shopify order, from whichever door it came, into the
//! canonical order. One place, so that a webhook body and a fetch of the same order agree.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::scalar::Id;
use crate::model::{
    AddressSeen, Amounts, Anomaly, ChannelOrderId, Currency, CustomerSeen, FulfilledBy, Item, Native,
    Observation, OrderStatus, PaymentStatus, Seen, Shipment, ShipmentItem, ShipmentStatus, Source, Timestamp,
};

/// An order as Shopify told it, with GraphQL's words and without a decision yet.
pub(super) struct Reading {
    pub order: ChannelOrderId,
    pub number: Option<String>,
    pub changed_at: Option<Timestamp>,
    pub placed_at: Option<Timestamp>,
    /// `None`: not said.
    pub cancelled: Option<bool>,
    pub cancel_reason: Option<String>,
    /// Word of `displayFinancialStatus`; `Nothing` is Shopify's null.
    pub financial: Seen<String>,
    /// Word of `displayFulfillmentStatus`.
    pub fulfilment: Seen<String>,
    pub currency: Option<Currency>,
    pub sums: Sums,
    pub lines: Option<Vec<Line>>,
    pub fulfilments: Option<Vec<Fulfilment>>,
    pub refunds: Option<Vec<RefundedUnits>>,
    pub customer: CustomerSeen,
    pub shipping_address: Seen<AddressSeen>,
    pub notes: Option<Vec<String>>,
    pub tags: Option<Vec<String>>,
    pub facts: BTreeMap<String, String>,
    pub anomalies: Vec<Anomaly>,
    pub incomplete: bool,
}

/// Sums in the shop's currency.
#[derive(Default)]
pub(super) struct Sums {
    pub total: Sum,
    pub subtotal: Sum,
    pub tax: Sum,
    pub discount: Sum,
    pub shipping: Option<Decimal>,
    pub refunded: Option<Decimal>,
}

/// A sum when the order was placed, and after edits, refunds and cancellation.
#[derive(Clone, Copy, Default)]
pub(super) struct Sum {
    pub placed: Option<Decimal>,
    pub current: Option<Decimal>,
}

pub(super) struct Line {
    pub id: String,
    pub sku: Option<String>,
    pub title: Option<String>,
    pub variant: Option<String>,
    pub quantity: u32,
    /// What is left of it after edits, refunds and cancellation.
    pub current: u32,
    pub unit_price: Option<Decimal>,
}

pub(super) struct Fulfilment {
    pub id: Id,
    pub success: bool,
    /// Word of `displayStatus`.
    pub shown: Option<String>,
    pub created_at: Option<Timestamp>,
    pub tracking: Vec<Track>,
    /// Units per order line; `None`: not said.
    pub units: Option<Vec<ShipmentItem>>,
}

#[derive(Clone, Default)]
pub(super) struct Track {
    pub company: Option<String>,
    pub number: Option<String>,
    pub url: Option<String>,
}

pub(super) struct RefundedUnits {
    pub line: String,
    pub units: u32,
    /// Taken off the order before they were shipped, not sent back.
    pub unshipped: bool,
    /// Money went back with them.
    pub paid_back: bool,
}

impl Reading {
    /// *Live*: something of the order is left. A cancellation or full return sets every current
    /// figure to 0, and the order would show empty; then the figures of the purchase count.
    fn live(&self) -> bool {
        self.lines.as_ref().is_none_or(|lines| lines.iter().any(|line| line.current > 0))
    }

    pub(super) fn into_observation(self, source: Source, read_at: Timestamp) -> Observation {
        let live = self.live();
        let mut anomalies = Vec::new();
        anomalies.extend(odd_fulfilment(&self.fulfilment));
        Observation {
            changed_at: self.changed_at,
            number: self.number.clone(),
            status: status(&self),
            payment_status: payment_status(&self.financial),
            channel_status: own_words(&self),
            currency: self.currency,
            amounts: amounts(&self.sums, self.currency, live),
            placed_at: self.placed_at,
            items: self.lines.as_ref().map(|lines| items(lines, &self, live)),
            shipments: self.fulfilments.as_ref().map(|fulfilments| shipments(fulfilments)),
            fulfilled_by: Some(FulfilledBy::Seller),
            customer: self.customer,
            shipping_address: self.shipping_address,
            notes: self.notes,
            tags: self.tags,
            facts: self.facts,
            anomalies: anomalies.into_iter().chain(self.anomalies).collect(),
            incomplete: self.incomplete,
            ..Observation::empty(self.order, source, read_at)
        }
    }
}

fn status(reading: &Reading) -> Native<OrderStatus> {
    let Some(cancelled) = reading.cancelled else { return Native::Absent };
    if cancelled {
        return Native::Known(OrderStatus::Cancelled);
    }
    match &reading.fulfilment {
        Seen::Absent => Native::Absent,
        Seen::Value(word) if word == "FULFILLED" => Native::Known(delivered_or_shipped(reading)),
        Seen::Value(word)
            if matches!(word.as_str(), "PARTIALLY_FULFILLED" | "IN_PROGRESS" | "PENDING_FULFILLMENT") =>
        {
            Native::Known(OrderStatus::Accepted)
        }
        // The rest decides nothing. There is no step of accepting: the merchant may work on an
        // order as soon as its money is secured.
        Seen::Value(_) | Seen::Nothing => by_money(&reading.financial),
    }
}

fn delivered_or_shipped(reading: &Reading) -> OrderStatus {
    let sent: Vec<_> = reading.fulfilments.iter().flatten().filter(|fulfilment| fulfilment.success).collect();
    let arrived = |f: &&Fulfilment| matches!(f.shown.as_deref(), Some("DELIVERED" | "PICKED_UP"));
    if !sent.is_empty() && sent.iter().all(arrived) { OrderStatus::Delivered } else { OrderStatus::Shipped }
}

fn by_money(financial: &Seen<String>) -> Native<OrderStatus> {
    match financial {
        Seen::Absent => Native::Absent,
        Seen::Nothing => Native::Known(OrderStatus::Pending),
        Seen::Value(word) => match word.as_str() {
            "PAID" | "AUTHORIZED" | "PARTIALLY_PAID" | "PARTIALLY_REFUNDED" | "REFUNDED" => {
                Native::Known(OrderStatus::Accepted)
            }
            "PENDING" | "EXPIRED" | "VOIDED" => Native::Known(OrderStatus::Pending),
            _ => Native::Unknown(word.clone()),
        },
    }
}

fn payment_status(financial: &Seen<String>) -> Native<PaymentStatus> {
    match financial {
        Seen::Absent => Native::Absent,
        // An order without transactions.
        Seen::Nothing => Native::Known(PaymentStatus::Pending),
        Seen::Value(word) => match word.as_str() {
            "PAID" => Native::Known(PaymentStatus::Paid),
            "PARTIALLY_REFUNDED" => Native::Known(PaymentStatus::PartiallyRefunded),
            "REFUNDED" => Native::Known(PaymentStatus::Refunded),
            "PENDING" | "AUTHORIZED" | "PARTIALLY_PAID" | "EXPIRED" | "VOIDED" => {
                Native::Known(PaymentStatus::Pending)
            }
            _ => Native::Unknown(word.clone()),
        },
    }
}

/// A fulfilment word that no version so far had: told, and the money decides.
fn odd_fulfilment(word: &Seen<String>) -> Option<Anomaly> {
    const KNOWN: [&str; 11] = [
        "UNFULFILLED",
        "PARTIALLY_FULFILLED",
        "FULFILLED",
        "RESTOCKED",
        "PENDING_FULFILLMENT",
        "OPEN",
        "IN_PROGRESS",
        "ON_HOLD",
        "SCHEDULED",
        "REQUEST_DECLINED",
        "FULFILLMENT_NOT_REQUIRED",
    ];
    let Seen::Value(word) = word else { return None };
    (!KNOWN.contains(&word.as_str())).then(|| Anomaly {
        code: format!("unknown_status:{word}"),
        summary: format!("Shopify calls the fulfilment {word}, which fenicia does not know. The payment decided the status."),
    })
}

fn own_words(reading: &Reading) -> BTreeMap<String, String> {
    let mut words = BTreeMap::new();
    let mut say = |name: &str, word: Option<&String>| {
        if let Some(word) = word {
            words.insert(name.to_owned(), word.clone());
        }
    };
    say("displayFinancialStatus", reading.financial.as_value());
    say("displayFulfillmentStatus", reading.fulfilment.as_value());
    say("cancelReason", reading.cancel_reason.as_ref());
    words
}

trait AsValue<T> {
    fn as_value(&self) -> Option<&T>;
}

impl<T> AsValue<T> for Seen<T> {
    fn as_value(&self) -> Option<&T> {
        if let Self::Value(value) = self { Some(value) } else { None }
    }
}

fn amounts(sums: &Sums, currency: Option<Currency>, live: bool) -> Amounts {
    let round = |amount: Decimal| currency.map_or(amount, |currency| currency.round(amount));
    let pick = |sum: Sum| {
        let (first, second) = if live { (sum.current, sum.placed) } else { (sum.placed, sum.current) };
        first.or(second).map(round)
    };
    Amounts {
        total: pick(sums.total),
        subtotal: pick(sums.subtotal),
        tax: pick(sums.tax),
        discount: pick(sums.discount),
        shipping: sums.shipping.map(round),
        refunded: sums.refunded.map(round),
    }
}

fn items(lines: &[Line], reading: &Reading, live: bool) -> Vec<Item> {
    let shown = lines.iter().filter(|line| !live || line.current > 0);
    shown.map(|line| item(line, reading, live)).collect()
}

/// Counts are of the units that `quantity` shows: what an edit took off a live line is in none.
fn item(line: &Line, reading: &Reading, live: bool) -> Item {
    let quantity = if live { line.current } else { line.quantity };
    let shipped = shipped_units(&line.id, reading).map(|units| units.min(quantity));
    Item {
        line_id: line.id.clone(),
        sku: line.sku.clone(),
        title: line.title.clone(),
        variant: line.variant.clone().filter(|variant| variant != "Default Title"),
        quantity,
        unit_price: line
            .unit_price
            .map(|price| reading.currency.map_or(price, |currency| currency.round(price))),
        quantity_shipped: shipped,
        quantity_cancelled: if live { Some(0) } else { cancelled_units(line, shipped, reading) },
        quantity_refunded: reading.refunds.as_ref().map(|refunds| {
            refunds
                .iter()
                .filter(|refund| refund.line == line.id && refund.paid_back)
                .map(|refund| refund.units)
                .sum()
        }),
    }
}

fn shipped_units(line: &str, reading: &Reading) -> Option<u32> {
    let mut units = 0;
    for fulfilment in reading.fulfilments.as_ref()?.iter().filter(|fulfilment| fulfilment.success) {
        units += fulfilment
            .units
            .as_ref()?
            .iter()
            .filter(|sent| sent.line_id == line)
            .map(|sent| sent.quantity)
            .sum::<u32>();
    }
    Some(units)
}

/// Of an order of which nothing is left.
fn cancelled_units(line: &Line, shipped: Option<u32>, reading: &Reading) -> Option<u32> {
    if reading.cancelled == Some(true) {
        return shipped.map(|shipped| line.quantity - shipped);
    }
    let sent_back = |refund: &&RefundedUnits| refund.line == line.id && !refund.unshipped;
    let back: u32 = reading.refunds.as_ref()?.iter().filter(sent_back).map(|refund| refund.units).sum();
    Some(line.quantity.saturating_sub(back))
}

fn shipments(fulfilments: &[Fulfilment]) -> Vec<Shipment> {
    fulfilments.iter().filter(|fulfilment| fulfilment.success).flat_map(parcels).collect()
}

/// One parcel for each tracking number; a fulfilment without any is one parcel without a number.
fn parcels(fulfilment: &Fulfilment) -> Vec<Shipment> {
    let single = [Track::default()];
    let tracking = if fulfilment.tracking.is_empty() { &single[..] } else { &fulfilment.tracking };
    let parcel = |(n, track): (usize, &Track)| Shipment {
        shipment_id: parcel_id(fulfilment.id.as_str(), n),
        carrier: track.company.clone(),
        tracking_number: track.number.clone(),
        tracking_url: track.url.clone(),
        status: parcel_status(fulfilment.shown.as_deref()),
        shipped_at: fulfilment.created_at,
        // Shopify does not say which parcel holds what: the first stands for all.
        items: if n == 0 { fulfilment.units.clone().unwrap_or_default() } else { Vec::new() },
    };
    tracking.iter().enumerate().map(parcel).collect()
}

/// The fulfilment's number, for its further parcels followed by a count from 2.
fn parcel_id(fulfilment: &str, n: usize) -> String {
    if n == 0 { fulfilment.to_owned() } else { format!("{fulfilment}.{}", n + 1) }
}

/// The fulfilment that a parcel belongs to.
pub(super) fn fulfilment_of(parcel: &str) -> &str {
    parcel.split('.').next().unwrap_or(parcel)
}

fn parcel_status(shown: Option<&str>) -> Option<ShipmentStatus> {
    Some(match shown? {
        "FULFILLED" | "MARKED_AS_FULFILLED" => ShipmentStatus::Shipped,
        "CONFIRMED" | "LABEL_PRINTED" | "LABEL_PURCHASED" | "READY_FOR_PICKUP" | "SUBMITTED" => {
            ShipmentStatus::Pending
        }
        "CARRIER_PICKED_UP" | "IN_TRANSIT" | "OUT_FOR_DELIVERY" | "ATTEMPTED_DELIVERY" | "DELAYED" => {
            ShipmentStatus::InTransit
        }
        "DELIVERED" | "PICKED_UP" => ShipmentStatus::Delivered,
        "FAILURE" | "NOT_DELIVERED" | "CANCELED" | "LABEL_VOIDED" => ShipmentStatus::Failed,
        _ => return None,
    })
}
