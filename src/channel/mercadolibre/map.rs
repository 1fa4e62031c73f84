//! From the documents of one order to one observation.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use super::document::{
    BillingDoc, CarrierDoc, DestinationDoc, LineDoc, Many, NotesDoc, OrderDoc, PaymentDoc, PlaceDoc, Said,
    ShipmentDoc,
};
use super::state::{Parcel, Payment, Sale, money, order_status, shipment_status};
use crate::model::{
    AddressSeen, Amounts, Anomaly, ChannelOrderId, CustomerSeen, FulfilledBy, Item, Observation, Seen,
    Shipment, ShipmentItem, Source, Timestamp,
};

/// Keys of what is kept beside an order for later calls.
pub mod fact {
    pub const SHIPMENT: &str = "shipment_id";
    pub const PACK: &str = "pack_id";
    pub const MODE: &str = "logistic_mode";
    pub const TYPE: &str = "logistic_type";
    pub const SHIPMENT_STATUS: &str = "shipment_status";
    pub const SHIPMENT_SUBSTATUS: &str = "shipment_substatus";
    pub const RECEIVER: &str = "receiver_id";
    pub const ORDER_STATUS: &str = "order_status";
    /// Until when the sale can be given up.
    pub const EXPIRES: &str = "expires_at";
    /// Not empty once the seller has rated the sale.
    pub const RATED: &str = "rated";
}

/// A part of a reading that is asked for on its own.
#[derive(Debug)]
pub enum Part<T> {
    /// There is none, or it is not for us.
    None,
    /// There may be one; it could not be read now.
    Unseen,
    Seen(T),
}

impl<T> Part<T> {
    pub fn seen(self) -> Option<T> {
        match self {
            Self::Seen(doc) => Some(doc),
            Self::None | Self::Unseen => None,
        }
    }

    pub const fn is_unseen(&self) -> bool {
        matches!(self, Self::Unseen)
    }

    const fn as_seen(&self) -> Option<&T> {
        match self {
            Self::Seen(doc) => Some(doc),
            Self::None | Self::Unseen => None,
        }
    }
}

/// Parts of the order that a failing back end left empty this time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Holes {
    pub buyer: bool,
    pub shipping: bool,
}

/// Everything that was read about one order.
#[derive(Debug)]
pub struct Reading {
    pub order: OrderDoc,
    pub holes: Holes,
    pub shipment: Part<ShipmentDoc>,
    pub carrier: Part<CarrierDoc>,
    pub billing: Part<BillingDoc>,
    pub notes: Part<Many<NotesDoc>>,
    pub read_at: Timestamp,
}

pub fn observe(id: ChannelOrderId, reading: &Reading) -> Observation {
    let order = &reading.order;
    let sale = sale(order);
    let shipment = reading.shipment.as_seen();
    let items = order.order_items.as_ref().map(|lines| items(lines, order));
    let (payment_status, amounts) = amounts(order, &sale);
    Observation {
        changed_at: changed_at(reading),
        number: Some(order.pack_id.map_or_else(|| id.to_string(), |pack| pack.0.to_string())),
        status: order_status(&sale, parcel(&reading.shipment)),
        payment_status,
        channel_status: channel_status(order, shipment),
        currency: *order.currency_id,
        amounts,
        placed_at: *order.date_created,
        customer: customer(reading),
        shipping_address: address(shipment.and_then(|s| s.destination.as_ref())),
        shipments: shipments(reading, items.as_deref().unwrap_or_default()),
        items,
        notes: reading.notes.as_seen().map(|notes| texts(&notes.0)),
        tags: order.tags.0.clone(),
        fulfilled_by: fulfilled_by(&reading.shipment),
        facts: facts(order, &reading.shipment),
        aliases: aliases(order, shipment),
        anomalies: anomalies(reading, &sale),
        incomplete: is_incomplete(reading),
        ..Observation::empty(id, Source::Fetch, reading.read_at)
    }
}

/// The newest stamp of what was read. The parcel is read after its order, so its stamp says nothing
/// about a change of the order between the two.
fn changed_at(reading: &Reading) -> Option<Timestamp> {
    let order = &reading.order;
    let parcel = reading.shipment.as_seen().and_then(|shipment| *shipment.last_updated);
    let parcel = parcel.map(|at| at.min(reading.read_at));
    [*order.last_updated, *order.date_last_updated, parcel].into_iter().max().flatten()
}

fn is_incomplete(reading: &Reading) -> bool {
    reading.holes.buyer
        || reading.shipment.is_unseen()
        || reading.carrier.is_unseen()
        || reading.billing.is_unseen()
        || reading.notes.is_unseen()
}

pub fn sale(order: &OrderDoc) -> Sale<'_> {
    Sale {
        status: order.status.word(),
        tags: order.tags.list(),
        fulfilled: *order.fulfilled,
        has_cancel_detail: order.cancel_detail.is_some(),
    }
}

pub fn parcel(shipment: &Part<ShipmentDoc>) -> Parcel<'_> {
    match shipment {
        Part::None => Parcel::None,
        Part::Unseen => Parcel::Unseen,
        Part::Seen(doc) => {
            Parcel::Seen { mode: mode(doc), status: doc.status.word(), substatus: doc.substatus.word() }
        }
    }
}

fn mode(shipment: &ShipmentDoc) -> &str {
    shipment.logistic.as_ref().map_or("", |logistic| logistic.mode.word())
}

fn kind(shipment: &ShipmentDoc) -> &str {
    shipment.logistic.as_ref().map_or("", |logistic| logistic.kind.word())
}

/// Absent when empty or hidden behind a run of `X`.
fn unmasked(text: &Said<String>) -> Option<&str> {
    let text = text.word().trim();
    let hidden = text.chars().all(|c| c == 'X' || c.is_whitespace());
    (!hidden).then_some(text)
}

fn place(place: &Said<PlaceDoc>) -> Option<&str> {
    unmasked(&place.as_ref()?.name)
}

// ---- amounts and lines -----------------------------------------------------------------------

fn amounts(
    order: &OrderDoc,
    sale: &Sale<'_>,
) -> (crate::model::Native<crate::model::PaymentStatus>, Amounts) {
    let currency = *order.currency_id;
    let round = |amount: Decimal| currency.map_or(amount, |currency| currency.round(amount));
    let total = order.total_amount.map(|amount| amount.0);
    let payments: Vec<_> = order.payments.list().iter().map(payment).collect();
    let money = money(sale, &payments, total, currency);
    let amounts = Amounts {
        total: total.map(round),
        tax: order.taxes.as_ref().and_then(|taxes| *taxes.amount).map(|amount| round(amount.0)),
        refunded: Some(round(money.refunded)),
        ..Amounts::default()
    };
    (money.status, amounts)
}

fn payment(doc: &PaymentDoc) -> Payment<'_> {
    Payment {
        status: doc.status.word(),
        amount: doc.transaction_amount.map_or(Decimal::ZERO, |amount| amount.0),
        refunded: doc.transaction_amount_refunded.map_or(Decimal::ZERO, |amount| amount.0),
        tags: doc.tags.list(),
    }
}

fn items(lines: &[LineDoc], order: &OrderDoc) -> Vec<Item> {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    lines
        .iter()
        .map(|line| {
            let mut item = item(line, order);
            // Two lines of one variation would share a name.
            let nth = seen.entry(item.line_id.clone()).or_default();
            *nth += 1;
            if *nth > 1 {
                item.line_id = format!("{}-{nth}", item.line_id);
            }
            item
        })
        .collect()
}

fn item(line: &LineDoc, order: &OrderDoc) -> Item {
    let item = line.item.as_ref();
    let id = item.map_or("", |item| item.id.word());
    let variation = item.and_then(|item| *item.variation_id);
    let attributes = item.map_or(&[][..], |item| item.variation_attributes.list());
    let values: Vec<_> = attributes.iter().map(|a| a.value_name.word()).filter(|v| !v.is_empty()).collect();
    let sku = item.and_then(|item| {
        [item.seller_sku.word(), item.seller_custom_field.word()].into_iter().find(|sku| !sku.is_empty())
    });
    let price = line.unit_price.map(|price| price.0);
    Item {
        line_id: variation.map_or_else(|| id.to_owned(), |variation| format!("{id}-{}", variation.0)),
        sku: sku.map(str::to_owned),
        title: item.and_then(|item| item.title.0.clone()),
        variant: (!values.is_empty()).then(|| values.join(" / ")),
        quantity: line.quantity.and_then(|quantity| quantity.0.to_u32()).unwrap_or(0),
        unit_price: price.map(|price| order.currency_id.map_or(price, |currency| currency.round(price))),
        quantity_shipped: None,
        quantity_cancelled: None,
        quantity_refunded: None,
    }
}

// ---- people ----------------------------------------------------------------------------------

fn customer(reading: &Reading) -> CustomerSeen {
    let destination = reading.shipment.as_seen().and_then(|s| s.destination.as_ref());
    CustomerSeen {
        name: if reading.holes.buyer { Seen::Absent } else { name(reading, destination) },
        // E-mail addresses are not given any more.
        email: Seen::Absent,
        phone: Seen::text(destination.and_then(|d| unmasked(&d.receiver_phone))),
    }
}

/// The best name there is. Where a better source merely fails now, none: a stored name stays.
fn name(reading: &Reading, destination: Option<&DestinationDoc>) -> Seen<String> {
    let buyer = reading.order.buyer.as_ref();
    let own = buyer.and_then(|buyer| full_name(&buyer.first_name, &buyer.last_name));
    if let Some(name) = own {
        return Seen::Value(name);
    }
    match &reading.billing {
        Part::Unseen => return Seen::Absent,
        Part::None => {}
        Part::Seen(billing) => {
            let info = billing.buyer.as_ref().and_then(|buyer| buyer.billing_info.as_ref());
            if let Some(name) = info.and_then(|info| full_name(&info.name, &info.last_name)) {
                return Seen::Value(name);
            }
        }
    }
    if reading.shipment.is_unseen() {
        return Seen::Absent;
    }
    let receiver = destination.and_then(|destination| unmasked(&destination.receiver_name));
    Seen::text(receiver.or_else(|| buyer.and_then(|buyer| unmasked(&buyer.nickname))))
}

fn full_name(first: &Said<String>, last: &Said<String>) -> Option<String> {
    let parts: Vec<_> = [first, last].into_iter().filter_map(unmasked).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// Absent as a whole while the street is hidden, which it is until the payment is confirmed.
fn address(destination: Option<&DestinationDoc>) -> Seen<AddressSeen> {
    let Some(destination) = destination else { return Seen::Absent };
    let Some(doc) = destination.shipping_address.as_ref() else { return Seen::Absent };
    let street: Vec<_> = [&doc.street_name, &doc.street_number].into_iter().filter_map(unmasked).collect();
    let line1 = unmasked(&doc.address_line).map(str::to_owned);
    let line1 = line1.or_else(|| (!street.is_empty()).then(|| street.join(" ")));
    let Some(line1) = line1 else { return Seen::Absent };
    Seen::Value(AddressSeen {
        name: Seen::text(unmasked(&destination.receiver_name)),
        line1: Seen::Value(line1),
        line2: Seen::text(unmasked(&doc.comment)),
        city: Seen::text(place(&doc.city)),
        region: Seen::text(place(&doc.state)),
        postal_code: Seen::text(unmasked(&doc.zip_code)),
        country: Seen::text(doc.country.as_ref().and_then(|country| unmasked(&country.id))),
        phone: Seen::Absent,
    })
}

fn texts(notes: &[NotesDoc]) -> Vec<String> {
    let all = notes.iter().flat_map(|notes| notes.results.list());
    all.filter_map(|note| note.note.0.clone()).filter(|text| !text.trim().is_empty()).collect()
}

// ---- the parcel ------------------------------------------------------------------------------

/// One entry when there is a tracking number, which is all that says "a parcel" here.
fn shipments(reading: &Reading, items: &[Item]) -> Option<Vec<Shipment>> {
    let doc = match &reading.shipment {
        Part::Unseen => return None,
        Part::None => return Some(Vec::new()),
        Part::Seen(doc) => doc,
    };
    let Some(number) = unmasked(&doc.tracking_number) else { return Some(Vec::new()) };
    let carrier = reading.carrier.as_seen();
    let parts =
        items.iter().map(|item| ShipmentItem { line_id: item.line_id.clone(), quantity: item.quantity });
    Some(vec![Shipment {
        shipment_id: doc.id.map_or_else(String::new, |id| id.0.to_string()),
        carrier: unmasked(&doc.tracking_method)
            .or_else(|| carrier.and_then(|carrier| unmasked(&carrier.name)))
            .map(str::to_owned),
        tracking_number: Some(number.to_owned()),
        tracking_url: carrier.and_then(|carrier| unmasked(&carrier.url)).map(str::to_owned),
        status: shipment_status(doc.status.word(), doc.substatus.word()),
        shipped_at: doc.status_history.as_ref().and_then(|history| *history.date_shipped),
        items: parts.collect(),
    }])
}

fn fulfilled_by(shipment: &Part<ShipmentDoc>) -> Option<FulfilledBy> {
    match shipment {
        Part::Unseen => None,
        Part::Seen(doc) if kind(doc) == "fulfillment" => Some(FulfilledBy::Channel),
        Part::None | Part::Seen(_) => Some(FulfilledBy::Seller),
    }
}

// ---- words, facts, names ---------------------------------------------------------------------

fn channel_status(order: &OrderDoc, shipment: Option<&ShipmentDoc>) -> BTreeMap<String, String> {
    let payments: Vec<_> = order.payments.list().iter().map(|payment| payment.status.word()).collect();
    let payments = payments.join(", ");
    let order_words = [
        ("order.status", order.status.word()),
        ("order.status_detail", order.status_detail.word()),
        ("payments.status", payments.as_str()),
    ];
    let shipment_words = shipment.map(|doc| {
        [
            ("shipment.status", doc.status.word()),
            ("shipment.substatus", doc.substatus.word()),
            ("logistic.mode", mode(doc)),
            ("logistic.type", kind(doc)),
        ]
    });
    order_words
        .into_iter()
        .chain(shipment_words.into_iter().flatten())
        .filter(|(_, word)| !word.is_empty())
        .map(|(name, word)| (name.to_owned(), word.to_owned()))
        .collect()
}

fn facts(order: &OrderDoc, shipment: &Part<ShipmentDoc>) -> BTreeMap<String, String> {
    let id = |id: Option<super::document::Id>| id.map_or_else(String::new, |id| id.0.to_string());
    let mut facts = vec![
        (fact::ORDER_STATUS, order.status.word().to_owned()),
        (fact::PACK, id(*order.pack_id)),
        (fact::EXPIRES, order.expiration_date.map_or_else(String::new, |at| at.to_string())),
    ];
    if let Some(feedback) = order.feedback.as_ref() {
        let rated = feedback.sale.is_some() || feedback.seller.is_some();
        facts.push((fact::RATED, if rated { "yes".to_owned() } else { String::new() }));
    }
    let blank = ShipmentDoc::default();
    let doc = match shipment {
        Part::Unseen => None,
        Part::None => Some(&blank),
        Part::Seen(doc) => Some(doc),
    };
    if let Some(doc) = doc {
        let receiver = doc.destination.as_ref().and_then(|destination| *destination.receiver_id);
        facts.extend([
            (fact::SHIPMENT, id(*doc.id)),
            (fact::MODE, mode(doc).to_owned()),
            (fact::TYPE, kind(doc).to_owned()),
            (fact::SHIPMENT_STATUS, doc.status.word().to_owned()),
            (fact::SHIPMENT_SUBSTATUS, doc.substatus.word().to_owned()),
            (fact::RECEIVER, id(receiver)),
        ]);
    }
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Names that lead to this one order. The shipment of a cart leads to several, so it is not among
/// them: who is told about it asks for all of its orders.
fn aliases(order: &OrderDoc, shipment: Option<&ShipmentDoc>) -> Vec<String> {
    let named_by_order = order.shipping.as_ref().and_then(|shipping| *shipping.id);
    let shipment = named_by_order.or_else(|| shipment.and_then(|doc| *doc.id));
    let alone = shipment.filter(|_| order.pack_id.is_none());
    let payments = order.payments.list().iter().filter_map(|payment| *payment.id);
    let payments = payments.map(|id| format!("payment:{}", id.0));
    alone.into_iter().map(|id| format!("shipment:{}", id.0)).chain(payments).collect()
}

fn anomalies(reading: &Reading, sale: &Sale<'_>) -> Vec<Anomaly> {
    let mut anomalies = Vec::new();
    let mut tell = |code: &str, summary: &str| {
        anomalies.push(Anomaly { code: code.to_owned(), summary: summary.to_owned() });
    };
    if sale.has_tag("fraud_risk_detected") {
        tell(
            "fraud_risk_detected",
            "Mercado Libre sees a risk of fraud: do not send the parcel, and cancel the sale",
        );
    }
    let flows = reading.order.context.as_ref().map_or(&[][..], |context| context.flows.list());
    if flows.iter().any(|flow| flow == "cbt") {
        tell("cross_border", "A cross-border sale (Global Selling): fenicia shows only part of it");
    }
    if reading.shipment.is_unseen() && !reading.holes.shipping {
        tell("shipment_unreadable", "Mercado Libre does not show the shipment of this order");
    }
    anomalies
}
