//! From Walmart's order to an observation: the tables of the contract, row by row.
//!
//! The order carries no stamp of its last change, so readings are ordered by when they were made.
//! Walmart masks telephone numbers with zeros and sends a placeholder for a mail address that it
//! does not know yet; both count as not said, so that a known value stays.

use std::collections::BTreeMap;

use super::charges;
use super::document::{LineDoc, OrderDoc, TrackingDoc, filled};
use super::facts;
use super::market::{Market, Node};
use super::units::{Count, Portion, State, ordered, portions, unknown_words};
use crate::model::{
    AddressSeen, Anomaly, ChannelOrderId, CustomerSeen, FulfilledBy, Item, Native, Observation, Seen,
    Shipment, ShipmentItem, ShipmentStatus, Source, Timestamp,
};

/// Stands for an address that Walmart does not know yet.
const PLACEHOLDER_MAIL: &str = "nocxemail@walmartone.com";

/// Where a document comes from.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    pub source: Source,
    pub read_at: Timestamp,
    pub market: Market,
    /// The list it was on.
    pub node: Option<Node>,
}

/// The order's id, when it has one that can be used.
pub(super) fn order_id(order: &OrderDoc) -> Option<ChannelOrderId> {
    ChannelOrderId::new(&order.purchase_order_id.as_ref()?.0).ok()
}

/// Translates one order.
pub(super) fn observe(id: ChannelOrderId, order: &OrderDoc, reading: Reading) -> Observation {
    let node = order.ship_node.as_ref().and_then(|node| Node::named(node.kind.as_deref()?)).or(reading.node);
    let currency = charges::currency(order).or(reading.market.currency());
    let count =
        order.lines().iter().map(|line| Count::of(&portions(line))).fold(Count::default(), Count::plus);
    let mut seen = Observation::empty(id, reading.source, reading.read_at);
    seen.number = order.customer_order_id.as_ref().map(|number| number.0.clone());
    let told = !order.lines().is_empty();
    seen.status =
        if told { count.native_status(order.lines().iter().flat_map(unknown_words)) } else { Native::Absent };
    seen.payment_status = if told { Native::Known(charges::payment(order)) } else { Native::Absent };
    // Every order has lines: one without was not told whole, and is read by its number.
    seen.incomplete = !told;
    seen.channel_status = channel_status(order, count);
    seen.currency = currency;
    seen.amounts = currency.map(|own| charges::amounts(order, own)).unwrap_or_default();
    seen.placed_at = order.order_date.as_ref().map(|at| at.0);
    seen.customer = customer(order);
    seen.shipping_address = address(order);
    let items = || order.lines().iter().enumerate().map(|(at, line)| item(at, line, currency)).collect();
    seen.items = told.then(items);
    seen.shipments = told.then(|| shipments(order));
    seen.notes = Some(Vec::new());
    seen.tags = Some(Vec::new());
    seen.fulfilled_by = node.map(|node| match node {
        Node::Walmart => FulfilledBy::Channel,
        Node::Seller | Node::ThirdParty => FulfilledBy::Seller,
    });
    seen.facts = facts::of(order, node);
    seen.anomalies = anomalies(order);
    seen
}

fn channel_status(order: &OrderDoc, count: Count) -> BTreeMap<String, String> {
    let mut words = BTreeMap::from([("orderLineStatus".to_owned(), count.words())]);
    if order.lines().is_empty() {
        words.clear();
    }
    words.extend(filled(&order.order_type).map(|kind| ("orderType".to_owned(), kind)));
    words
}

fn customer(order: &OrderDoc) -> CustomerSeen {
    let shipping = order.shipping_info.as_ref();
    let mail = order.customer_email_id.as_deref().map(str::trim);
    let phone = shipping.and_then(|shipping| shipping.phone.as_ref()).map(|phone| phone.0.as_str());
    let name = shipping.and_then(|shipping| shipping.postal_address.as_ref()?.name.as_deref());
    CustomerSeen {
        name: Seen::text(name),
        email: Seen::text(mail.filter(|mail| !mail.eq_ignore_ascii_case(PLACEHOLDER_MAIL))),
        phone: Seen::text(phone.filter(|phone| !is_masked(phone))),
    }
}

/// No digit but zeros.
fn is_masked(phone: &str) -> bool {
    !phone.chars().any(|c| c.is_ascii_digit() && c != '0')
}

/// Never said to be empty: an address does not go away, its parts are merely left out.
fn address(order: &OrderDoc) -> Seen<AddressSeen> {
    let Some(given) = order.shipping_info.as_ref().and_then(|shipping| shipping.postal_address.as_ref())
    else {
        return Seen::Absent;
    };
    let address = AddressSeen {
        name: Seen::text(given.name.as_deref()),
        line1: Seen::text(given.address1.as_deref()),
        line2: Seen::text(given.address2.as_deref()),
        city: Seen::text(given.city.as_deref()),
        region: Seen::text(given.state.as_deref()),
        postal_code: Seen::text(given.postal_code.as_ref().map(|code| code.0.as_str())),
        country: Seen::text(given.country.as_deref().map(country)),
        phone: Seen::Absent,
    };
    if address == AddressSeen::default() { Seen::Absent } else { Seen::Value(address) }
}

fn country(alpha3: &str) -> &str {
    match alpha3.trim() {
        "USA" => "US",
        "CAN" => "CA",
        "MEX" => "MX",
        "CHL" => "CL",
        other => other,
    }
}

/// Line numbers have gaps; a line without one is known by its place.
pub(super) fn line_id(at: usize, line: &LineDoc) -> String {
    line.line_number.as_ref().map_or_else(|| (at + 1).to_string(), |number| number.0.clone())
}

fn item(at: usize, line: &LineDoc, currency: Option<crate::model::Currency>) -> Item {
    let product = line.item.as_ref();
    let count = Count::of(&portions(line));
    // A refund of money does not say how many units it is for.
    let refunded = count.get(State::Refunded);
    let known = refunded > 0 || line.refunds().next().is_none();
    Item {
        line_id: line_id(at, line),
        sku: product.and_then(|product| product.sku.as_ref()).map(|sku| sku.0.clone()),
        title: product.and_then(|product| filled(&product.product_name)),
        variant: None,
        quantity: ordered(line),
        unit_price: currency.and_then(|own| charges::unit_price(line, own)),
        quantity_shipped: Some(count.shipped()),
        quantity_cancelled: Some(count.get(State::Cancelled)),
        quantity_refunded: known.then_some(refunded),
    }
}

pub(super) fn carrier_of(tracking: &TrackingDoc) -> Option<String> {
    let name = tracking.carrier_name.as_ref()?;
    filled(&name.carrier).or_else(|| filled(&name.other_carrier))
}

pub(super) fn tracking_of(tracking: &TrackingDoc) -> Option<String> {
    tracking.tracking_number.as_ref().map(|number| number.0.clone())
}

/// Distinct carrier and number over all lines, in order of appearance.
fn shipments(order: &OrderDoc) -> Vec<Shipment> {
    let mut shipments: Vec<Shipment> = Vec::new();
    for (at, line) in order.lines().iter().enumerate() {
        for portion in portions(line) {
            let Some(tracking) = portion.said.and_then(|said| said.tracking_info.as_ref()) else { continue };
            let (carrier, number) = (carrier_of(tracking), tracking_of(tracking));
            if carrier.is_none() && number.is_none() {
                continue;
            }
            let same =
                |shipment: &Shipment| shipment.carrier == carrier && shipment.tracking_number == number;
            let place = shipments.iter().position(same).unwrap_or_else(|| {
                shipments.push(parcel(carrier, number));
                shipments.len() - 1
            });
            put_into(&mut shipments[place], &line_id(at, line), &portion, tracking);
        }
    }
    shipments
}

fn parcel(carrier: Option<String>, number: Option<String>) -> Shipment {
    let name = [carrier.as_deref(), number.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(":");
    Shipment {
        shipment_id: name,
        carrier,
        tracking_number: number,
        tracking_url: None,
        status: None,
        shipped_at: None,
        items: Vec::new(),
    }
}

/// A parcel is as far as the least advanced unit in it.
fn put_into(shipment: &mut Shipment, line_id: &str, portion: &Portion<'_>, tracking: &TrackingDoc) {
    let status = match portion.state {
        State::Delivered => ShipmentStatus::Delivered,
        State::Shipped | State::Refunded => ShipmentStatus::Shipped,
        State::Unclear | State::Created | State::Acknowledged | State::Cancelled => ShipmentStatus::Pending,
    };
    shipment.status = Some(shipment.status.map_or(status, |known| known.min(status)));
    shipment.tracking_url = shipment.tracking_url.take().or_else(|| filled(&tracking.tracking_url));
    let at = tracking.ship_date_time.as_ref().map(|at| at.0);
    shipment.shipped_at = match (shipment.shipped_at, at) {
        (Some(known), Some(at)) => Some(known.min(at)),
        (known, at) => known.or(at),
    };
    match shipment.items.iter_mut().find(|item| item.line_id == line_id) {
        Some(item) => item.quantity = item.quantity.saturating_add(portion.units),
        None => shipment.items.push(ShipmentItem { line_id: line_id.to_owned(), quantity: portion.units }),
    }
}

fn anomalies(order: &OrderDoc) -> Vec<Anomaly> {
    let mut anomalies = Vec::new();
    let unwanted = |line: &LineDoc| line.is_unwanted() && Count::of(&portions(line)).live() > 0;
    let lines: Vec<String> = order
        .lines()
        .iter()
        .enumerate()
        .filter(|(_, line)| unwanted(line))
        .map(|(at, line)| line_id(at, line))
        .collect();
    if !lines.is_empty() {
        anomalies.push(Anomaly {
            code: "buyer_cancel_requested".to_owned(),
            summary: format!(
                "The customer asked to cancel {} {}. Cancel with the customer's request as the reason, or ship in \
                 Seller Central.",
                if lines.len() == 1 { "line" } else { "lines" },
                lines.join(", ")
            ),
        });
    }
    anomalies
}

#[cfg(test)]
mod tests;
