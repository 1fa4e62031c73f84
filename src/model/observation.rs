//! What one answer or delivery says about one order.
//!
//! An observation is never an order: it may be old, partial or masked. `sync::merge` decides what
//! of it is taken over.

use std::collections::BTreeMap;

use super::{
    Amounts, ChannelOrderId, Currency, FulfilledBy, Item, OrderStatus, PaymentStatus, Shipment, Timestamp,
};

/// A field of an answer. The difference between the first two keeps known values alive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Seen<T> {
    /// Not said, withheld or masked: a known value stays.
    #[default]
    Absent,
    /// Said to be empty: a known value goes.
    Nothing,
    Value(T),
}

impl<T> Seen<T> {
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Nothing => None,
        }
    }
}

impl Seen<String> {
    /// `None` and blank count as not said, which is right where a marketplace leaves out what it
    /// withholds.
    pub fn text(text: Option<&str>) -> Self {
        match text.map(str::trim) {
            None | Some("") => Self::Absent,
            Some(text) => Self::Value(text.to_owned()),
        }
    }

    /// `None` and blank count as said to be empty, which is right where the field was asked for
    /// and answered.
    pub fn asked(text: Option<&str>) -> Self {
        match text.map(str::trim) {
            None | Some("") => Self::Nothing,
            Some(text) => Self::Value(text.to_owned()),
        }
    }
}

/// Where an observation comes from. Decides what happens when it carries the stored change stamp
/// but other content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A webhook's body: made some time ago.
    Payload,
    /// A page of a list, possibly from a search index that trails.
    Listing,
    /// A read of this very order: the truth at `read_at`.
    Fetch,
}

/// A state in the marketplace's words, translated where the word is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Native<T> {
    Known(T),
    /// The word has no translation: the stored state stays and an anomaly is told.
    Unknown(String),
    /// Not said.
    Absent,
}

/// Something odd that the merchant or the developer should see once: an unknown state, a withheld
/// field, a shopper's wish to cancel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anomaly {
    /// Stable and free of personal data, such as `unknown_status:ON_FIRE`. Told once per order.
    pub code: String,
    /// One line for a person.
    pub summary: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomerSeen {
    pub name: Seen<String>,
    pub email: Seen<String>,
    pub phone: Seen<String>,
}

/// One reading of one whole order. `None` for a part means that the answer did not hold it.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    pub order: ChannelOrderId,
    pub source: Source,
    /// The marketplace's own change stamp; `None` where it has none.
    pub changed_at: Option<Timestamp>,
    /// When the request was begun or the delivery received, by our clock.
    pub read_at: Timestamp,
    pub number: Option<String>,
    pub status: Native<OrderStatus>,
    pub payment_status: Native<PaymentStatus>,
    /// The source does not tell refunds: `payment_status` is what it would be without any, and a
    /// stored `partially_refunded` or `refunded` stays.
    pub refunds_unseen: bool,
    pub channel_status: BTreeMap<String, String>,
    pub currency: Option<Currency>,
    /// `None` inside means not given: a known amount stays.
    pub amounts: Amounts,
    pub placed_at: Option<Timestamp>,
    pub customer: CustomerSeen,
    pub shipping_address: Seen<AddressSeen>,
    pub items: Option<Vec<Item>>,
    pub shipments: Option<Vec<Shipment>>,
    pub notes: Option<Vec<String>>,
    pub tags: Option<Vec<String>>,
    pub fulfilled_by: Option<FulfilledBy>,
    /// Replaces the stored facts key by key; a key that is not named stays.
    pub facts: BTreeMap<String, String>,
    /// Other names under which the channel may speak of this order later, such as `shipment:42`.
    /// Looked up by deliveries that carry no order id.
    pub aliases: Vec<String>,
    pub anomalies: Vec<Anomaly>,
    /// What the source did not hold and one fetch would complete. The fetch is queued behind
    /// everything urgent. Of a fetch itself: the marketplace held a part back for now, and a later
    /// one may complete it.
    pub incomplete: bool,
}

/// An address as it was said. When a given field contradicts the stored address, the whole
/// address is taken over; else what is absent is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressSeen {
    pub name: Seen<String>,
    pub line1: Seen<String>,
    pub line2: Seen<String>,
    pub city: Seen<String>,
    pub region: Seen<String>,
    pub postal_code: Seen<String>,
    pub country: Seen<String>,
    pub phone: Seen<String>,
}

impl Observation {
    /// An observation that says nothing yet, to be filled in by struct update or assignment.
    pub fn empty(order: ChannelOrderId, source: Source, read_at: Timestamp) -> Self {
        Self {
            order,
            source,
            changed_at: None,
            read_at,
            number: None,
            status: Native::Absent,
            payment_status: Native::Absent,
            refunds_unseen: false,
            channel_status: BTreeMap::new(),
            currency: None,
            amounts: Amounts::default(),
            placed_at: None,
            customer: CustomerSeen::default(),
            shipping_address: Seen::Absent,
            items: None,
            shipments: None,
            notes: None,
            tags: None,
            fulfilled_by: None,
            facts: BTreeMap::new(),
            aliases: Vec::new(),
            anomalies: Vec::new(),
            incomplete: false,
        }
    }
}
