//! From Amazon's order to an observation: the tables of the contract, row by row.
//!
//! **Payment.** The Orders API tells no refunds, so an observation from the list says what the
//! payment would be without any and marks its refunds as unseen: a refund that is already known
//! stays. For orders that may have refunds it also asks for one fetch, which reads the ledger and
//! is the truth. So a newly seen shipped order is `paid` at once and `refunded` a moment later,
//! and never goes back.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::document::{ItemDocument, Money, OrderDocument, Package, ProceedsPart};
use super::facts;
use super::finances::Refunds;
use crate::model::{
    AddressSeen, Amounts, Anomaly, ChannelOrderId, Currency, CustomerSeen, FulfilledBy, Item, Native,
    Observation, OrderStatus, PaymentStatus, Seen, Shipment, ShipmentItem, ShipmentStatus, Source, Timestamp,
};

/// Where a document comes from.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub source: Source,
    pub read_at: Timestamp,
    pub refunds: &'a Refunds,
}

/// Translates one order.
pub(super) fn observe(id: ChannelOrderId, order: &OrderDocument, reading: Reading<'_>) -> Observation {
    let status = status(order);
    let currency = currency(order);
    let mut seen = Observation::empty(id, reading.source, reading.read_at);
    seen.changed_at = order.last_updated_time.as_deref().and_then(Timestamp::parse);
    seen.placed_at = order.created_time.as_deref().and_then(Timestamp::parse);
    seen.number = Some(number(order));
    seen.payment_status = payment(&status, order, reading.refunds);
    seen.refunds_unseen = *reading.refunds == Refunds::Unseen;
    seen.channel_status = channel_status(order);
    seen.currency = currency;
    seen.amounts = amounts(order, currency, reading.refunds);
    seen.customer = customer(order);
    seen.shipping_address = address(order);
    seen.items =
        order.order_items.as_ref().map(|all| all.iter().map(|item| line(order, item, currency)).collect());
    seen.shipments = shipments(order);
    seen.notes = notes(order);
    seen.tags = Some(order.programs.list().to_vec());
    seen.fulfilled_by = fulfilled_by(order);
    seen.facts = facts::of(order);
    seen.anomalies = anomalies(order);
    seen.incomplete = reading.source == Source::Listing && may_have_refunds(order);
    seen.status = status;
    seen
}

/// Money was taken, so some may have been given back.
fn may_have_refunds(order: &OrderDocument) -> bool {
    matches!(order.status(), Some("SHIPPED" | "PARTIALLY_SHIPPED" | "CANCELLED" | "UNFULFILLABLE"))
}

fn status(order: &OrderDocument) -> Native<OrderStatus> {
    Native::Known(match order.status() {
        None => return Native::Absent,
        Some("CANCELLED" | "UNFULFILLABLE") => OrderStatus::Cancelled,
        Some("SHIPPED") if all_delivered(order) => OrderStatus::Delivered,
        Some("SHIPPED") => OrderStatus::Shipped,
        Some("PARTIALLY_SHIPPED" | "UNSHIPPED") => OrderStatus::Accepted,
        Some("PENDING" | "PENDING_AVAILABILITY") => OrderStatus::Pending,
        Some(other) => return Native::Unknown(other.to_owned()),
    })
}

/// Amazon has no order-level "delivered", and tells the parcels of the seller only.
fn all_delivered(order: &OrderDocument) -> bool {
    let mut packages = order.live_packages().peekable();
    order.by_merchant() && packages.peek().is_some() && packages.all(|p| p.status() == Some("DELIVERED"))
}

/// Without refunds: pending while Amazon has not authorised the payment, and for cancelled orders,
/// which Amazon never charged; else paid, owed by Amazon.
fn payment(status: &Native<OrderStatus>, order: &OrderDocument, refunds: &Refunds) -> Native<PaymentStatus> {
    let total = order.proceeds.as_ref().and_then(|p| p.grand_total.as_ref()).and_then(Money::read);
    if let Some(state) = refunds.state(total) {
        return Native::Known(state);
    }
    match status {
        Native::Known(OrderStatus::Pending | OrderStatus::Cancelled) => Native::Known(PaymentStatus::Pending),
        Native::Known(_) => Native::Known(PaymentStatus::Paid),
        Native::Unknown(_) | Native::Absent => Native::Absent,
    }
}

fn number(order: &OrderDocument) -> String {
    let mut aliases = order.order_aliases.iter().flatten();
    aliases
        .find(|alias| alias.alias_type.as_deref() == Some("SELLER_ORDER_ID"))
        .and_then(|alias| alias.alias_id.as_deref().map(str::trim))
        .filter(|number| !number.is_empty())
        .unwrap_or(&order.order_id)
        .to_owned()
}

fn channel_status(order: &OrderDocument) -> BTreeMap<String, String> {
    let words = [("fulfillmentStatus", order.status()), ("fulfilledBy", order.fulfilled_by())];
    words.into_iter().filter_map(|(name, word)| Some((name.to_owned(), word?.to_owned()))).collect()
}

fn currency(order: &OrderDocument) -> Option<Currency> {
    let total = order.proceeds.as_ref().and_then(|proceeds| proceeds.grand_total.as_ref());
    let prices = order.lines().iter().filter_map(unit_price);
    total.into_iter().chain(prices).find_map(Money::read).map(|(_, currency)| currency)
}

fn amounts(order: &OrderDocument, currency: Option<Currency>, refunds: &Refunds) -> Amounts {
    let proceeds = order.proceeds.as_ref().filter(|_| !order.is_pending());
    let (Some(proceeds), Some(own)) = (proceeds, currency) else {
        return Amounts { refunded: refunds.amount(currency), ..Amounts::default() };
    };
    let parts = proceeds.breakdowns.as_deref().unwrap_or_default();
    Amounts {
        total: proceeds.grand_total.as_ref().and_then(|total| total.in_currency(own)),
        subtotal: part(parts, "ITEM", own),
        shipping: part(parts, "SHIPPING", own),
        tax: part(parts, "TAX", own),
        // Amazon does not say which sign a discount has; here it is always what was taken off.
        discount: part(parts, "DISCOUNT", own).map(|discount| discount.abs()),
        refunded: refunds.amount(currency),
    }
}

/// The sum of one type of breakdown; `None` when there is none of it.
fn part(parts: &[ProceedsPart], kind: &str, own: Currency) -> Option<Decimal> {
    let fitting = parts.iter().filter(|part| part.kind.as_deref() == Some(kind));
    fitting
        .filter_map(|part| part.subtotal.as_ref()?.in_currency(own))
        .fold(None, |sum, amount| Some(sum.unwrap_or_default() + amount))
}

fn customer(order: &OrderDocument) -> CustomerSeen {
    let buyer = order.buyer.as_ref();
    let address = order.recipient.as_ref().and_then(|recipient| recipient.delivery_address.as_ref());
    CustomerSeen {
        name: Seen::text(buyer.and_then(|buyer| buyer.buyer_name.as_deref())),
        email: Seen::text(buyer.and_then(|buyer| buyer.buyer_email.as_deref())),
        phone: Seen::text(address.and_then(|address| address.phone.as_deref())),
    }
}

/// Never said to be empty: a missing address means a missing role or a state that withholds it.
fn address(order: &OrderDocument) -> Seen<AddressSeen> {
    let Some(given) = order.recipient.as_ref().and_then(|recipient| recipient.delivery_address.as_ref())
    else {
        return Seen::Absent;
    };
    let rest: Vec<&str> = [&given.address_line2, &given.address_line3]
        .into_iter()
        .filter_map(|text| text.as_deref().map(str::trim).filter(|text| !text.is_empty()))
        .collect();
    let address = AddressSeen {
        name: Seen::text(given.name.as_deref()),
        line1: Seen::text(given.address_line1.as_deref()),
        line2: Seen::text(Some(&rest.join(", "))),
        city: Seen::text(given.city.as_deref()),
        region: Seen::text(given.state_or_region.as_deref()),
        postal_code: Seen::text(given.postal_code.as_deref()),
        country: Seen::text(given.country_code.as_deref()),
        phone: Seen::text(given.phone.as_deref()),
    };
    if address == AddressSeen::default() { Seen::Absent } else { Seen::Value(address) }
}

fn line(order: &OrderDocument, item: &ItemDocument, currency: Option<Currency>) -> Item {
    let product = item.product.as_ref();
    Item {
        line_id: item.order_item_id.to_string(),
        sku: product.and_then(|product| filled(product.seller_sku.as_deref())),
        title: product.and_then(|product| filled(product.title.as_deref())),
        // Every variation is a product of its own, with its own SKU.
        variant: None,
        quantity: item.quantity_ordered.unwrap_or_default(),
        unit_price: currency.filter(|_| !order.is_pending()).and_then(|own| price(item, own)),
        quantity_shipped: item.fulfillment.as_ref().and_then(|fulfillment| fulfillment.quantity_fulfilled),
        quantity_cancelled: cancelled_units(order, item),
        quantity_refunded: None,
    }
}

fn unit_price(item: &ItemDocument) -> Option<&Money> {
    item.product.as_ref()?.price.as_ref()?.unit_price.as_ref()
}

/// The unit price, else the line's goods divided by its units.
fn price(item: &ItemDocument, own: Currency) -> Option<Decimal> {
    if let Some(price) = unit_price(item).and_then(|price| price.in_currency(own)) {
        return Some(price);
    }
    let goods = part(item.proceeds.as_ref()?.breakdowns.as_deref()?, "ITEM", own)?;
    goods.checked_div(Decimal::from(item.quantity_ordered?)).map(|price| own.round(price))
}

/// Amazon tells a cancellation of the whole order, or of a line by its execution; what is neither
/// sent nor still to be sent is then cancelled.
fn cancelled_units(order: &OrderDocument, item: &ItemDocument) -> Option<u32> {
    let ordered = item.quantity_ordered?;
    let fulfillment = item.fulfillment.as_ref();
    let fulfilled = fulfillment.and_then(|f| f.quantity_fulfilled);
    if order.status() == Some("CANCELLED") {
        return Some(ordered.saturating_sub(fulfilled.unwrap_or_default()));
    }
    item.cancellation.as_ref()?.cancellation_execution.as_ref()?;
    Some(ordered.saturating_sub(fulfilled?).saturating_sub(fulfillment?.quantity_unfulfilled?))
}

/// The parcels. Amazon tells none of its own; a seller's order without the list says nothing once
/// something was sent.
fn shipments(order: &OrderDocument) -> Option<Vec<Shipment>> {
    if order.packages.is_none() {
        let none_yet = order.is_pending() || order.status() == Some("UNSHIPPED");
        return (none_yet || order.fulfilled_by() == Some("AMAZON")).then(Vec::new);
    }
    Some(order.live_packages().map(shipment).collect())
}

pub(super) fn shipment(package: &Package) -> Shipment {
    let items = package.package_items.iter().flatten();
    Shipment {
        shipment_id: package.package_reference_id.to_string(),
        carrier: filled(package.carrier.as_deref()),
        tracking_number: filled(package.tracking_number.as_deref()),
        tracking_url: None,
        status: package.status().and_then(shipment_status),
        shipped_at: package.ship_time.as_deref().and_then(Timestamp::parse),
        items: items
            .map(|item| ShipmentItem {
                line_id: item.order_item_id.to_string(),
                quantity: item.quantity.unwrap_or_default(),
            })
            .collect(),
    }
}

fn shipment_status(word: &str) -> Option<ShipmentStatus> {
    Some(match word {
        "PENDING" => ShipmentStatus::Pending,
        "SHIPPED" => ShipmentStatus::Shipped,
        "IN_TRANSIT" => ShipmentStatus::InTransit,
        "DELIVERED" => ShipmentStatus::Delivered,
        "UNDELIVERABLE" => ShipmentStatus::Failed,
        _ => return None,
    })
}

/// The delivery instruction, then each gift message once. An order that is cancelled loses its
/// recipient by its state, not by the customer's wish, so its notes stay.
fn notes(order: &OrderDocument) -> Option<Vec<String>> {
    let instruction = order
        .recipient
        .as_ref()
        .and_then(|recipient| filled(recipient.delivery_preference.as_ref()?.address_instruction.as_deref()));
    let mut notes: Vec<String> = instruction.into_iter().collect();
    for item in order.lines() {
        let gift = item.fulfillment.as_ref().and_then(|f| f.packing.as_ref()?.gift_option.as_ref());
        let message = gift.and_then(|gift| filled(gift.gift_message.as_deref()));
        notes.extend(message.filter(|message| !notes.contains(message)));
    }
    let withheld = order.recipient.is_none() && (notes.is_empty() || order.status() == Some("CANCELLED"));
    (!withheld).then_some(notes)
}

fn fulfilled_by(order: &OrderDocument) -> Option<FulfilledBy> {
    match order.fulfilled_by()? {
        "MERCHANT" => Some(FulfilledBy::Seller),
        "AMAZON" => Some(FulfilledBy::Channel),
        _ => None,
    }
}

fn anomalies(order: &OrderDocument) -> Vec<Anomaly> {
    let mut anomalies = Vec::new();
    let mut tell = |code: String, summary: String| anomalies.push(Anomaly { code, summary });
    for word in order.live_packages().filter_map(Package::status).filter(|w| shipment_status(w).is_none()) {
        let word = plain(word);
        tell(
            format!("unknown_package_status:{word}"),
            format!("Amazon calls a parcel {word}, which is not known here."),
        );
    }
    if let Some(reason) = cancel_wish(order) {
        tell("buyer_cancel_requested".to_owned(), format!("The customer asked to cancel the order{reason}."));
    }
    if is_owed(order) && order.by_merchant() && address(order) == Seen::Absent {
        tell(
            "address_withheld".to_owned(),
            "Amazon gives no address: the role Direct-to-Consumer Shipping (Restricted) is missing. Add it, \
             authorise the application again and put the new refresh token into the config file."
                .to_owned(),
        );
    }
    anomalies
}

/// Units are still to be sent.
fn is_owed(order: &OrderDocument) -> bool {
    matches!(order.status(), Some("UNSHIPPED" | "PARTIALLY_SHIPPED"))
}

/// The buyer's wish while the seller can still act on it, as `: reason`, or empty without one.
pub(super) fn cancel_wish(order: &OrderDocument) -> Option<String> {
    let request = order.lines().iter().filter(|_| is_owed(order)).find_map(ItemDocument::buyer_request)?;
    let reason = request.cancel_reason.as_deref().unwrap_or_default();
    let reason: String = reason.trim().trim_end_matches('.').chars().take(120).collect();
    Some(if reason.is_empty() { reason } else { format!(": {reason}") })
}

/// Whether an order that must be sent came without an address; `None` when it does not tell.
pub(super) fn address_missing(order: &OrderDocument) -> Option<bool> {
    (is_owed(order) && order.by_merchant()).then(|| address(order) == Seen::Absent)
}

fn filled(text: Option<&str>) -> Option<String> {
    text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A state's word as it may stand in a code.
fn plain(word: &str) -> String {
    word.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(40).collect()
}

#[cfg(test)]
mod tests;
