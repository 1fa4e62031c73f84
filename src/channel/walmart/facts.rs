//! What later calls need to know about an order, kept with it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::document::{LineDoc, OrderDoc, filled};
use super::map::{carrier_of, line_id, tracking_of};
use super::market::Node;
use super::units::{Count, State, portions};
use crate::model::{Order, Timestamp};

/// Walmart's word for the speed of the delivery, which a shipment must repeat.
const METHOD: &str = "method_code";
const NODE: &str = "ship_node";
/// The seller's deadline.
const SHIP_BY: &str = "ship_by";
/// The lines, as JSON.
const LINES: &str = "lines";

/// Units of one line, and what is known of its parcels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Line {
    pub id: String,
    pub created: u32,
    pub acknowledged: u32,
    pub shipped: u32,
    pub cancelled: u32,
    /// The customer asked to cancel it.
    pub unwanted: bool,
    /// When the line last changed.
    pub changed_at: Option<Timestamp>,
    pub parcels: Vec<Parcel>,
}

/// Units of one line in one parcel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Parcel {
    pub carrier: Option<String>,
    pub tracking: String,
    pub units: u32,
    pub delivered: bool,
}

impl Line {
    /// Units that are still to be sent.
    pub fn live(&self) -> u32 {
        self.created.saturating_add(self.acknowledged)
    }

    /// Units under a tracking number.
    pub fn under(&self, tracking: &str) -> u32 {
        let ours = self.parcels.iter().filter(|parcel| parcel.is(tracking));
        ours.fold(0, |sum, parcel| sum.saturating_add(parcel.units))
    }
}

impl Parcel {
    pub fn is(&self, tracking: &str) -> bool {
        self.tracking.trim().eq_ignore_ascii_case(tracking.trim())
    }
}

/// The facts of a document.
pub(super) fn of(order: &OrderDoc, node: Option<Node>) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let mut note = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            facts.insert(key.to_owned(), value);
        }
    };
    let shipping = order.shipping_info.as_ref();
    note(METHOD, shipping.and_then(|shipping| filled(&shipping.method_code)));
    note(
        SHIP_BY,
        shipping.and_then(|shipping| shipping.estimated_ship_date.as_ref()).map(|at| at.0.to_string()),
    );
    note(NODE, node.map(|node| node.word().to_owned()));
    let lines: Vec<Line> = order.lines().iter().enumerate().map(|(at, doc)| line(at, doc)).collect();
    note(LINES, serde_json::to_string(&lines).ok().filter(|_| !lines.is_empty()));
    facts
}

/// See `Channel::dress`.
pub(super) fn dress(order: &mut Order) {
    let sent = !order.shipments.is_empty();
    let numbers = order.shipments.iter().filter_map(|parcel| parcel.tracking_number.clone());
    let parcels: Vec<Parcel> =
        numbers.map(|tracking| Parcel { tracking, units: 1, ..Parcel::default() }).collect();
    let dressed = order.items.iter().map(|item| Line {
        id: item.line_id.clone(),
        acknowledged: if sent { 0 } else { item.quantity },
        shipped: if sent { item.quantity } else { 0 },
        changed_at: Some(order.stored_at),
        parcels: parcels.clone(),
        ..Line::default()
    });
    let lines = serde_json::to_string(&dressed.collect::<Vec<_>>()).unwrap_or_default();
    order.facts.insert(LINES.to_owned(), lines);
}

fn line(at: usize, doc: &LineDoc) -> Line {
    let portions = portions(doc);
    let count = Count::of(&portions);
    let sent = portions.iter().filter(|portion| portion.state.was_charged());
    let parcel = |portion: &super::units::Portion<'_>| {
        let said = portion.said?.tracking_info.as_ref()?;
        let delivered = portion.state == State::Delivered;
        Some(Parcel {
            carrier: carrier_of(said),
            tracking: tracking_of(said)?,
            units: portion.units,
            delivered,
        })
    };
    Line {
        id: line_id(at, doc),
        created: count.get(State::Created),
        acknowledged: count.get(State::Acknowledged),
        shipped: count.shipped(),
        cancelled: count.get(State::Cancelled),
        unwanted: doc.is_unwanted(),
        changed_at: doc.status_date.as_ref().map(|at| at.0),
        parcels: sent.filter_map(parcel).collect(),
    }
}

/// The facts of a stored order or of a fresh reading.
pub(super) struct Facts<'a> {
    stored: &'a BTreeMap<String, String>,
    pub lines: Vec<Line>,
}

impl<'a> Facts<'a> {
    pub fn read(stored: &'a BTreeMap<String, String>) -> Self {
        let lines = stored.get(LINES).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        Self { stored, lines }
    }

    pub fn method(&self) -> Option<&'a str> {
        self.stored.get(METHOD).map(String::as_str)
    }

    pub fn node(&self) -> Option<Node> {
        self.stored.get(NODE).and_then(|word| Node::named(word))
    }

    pub fn ship_by(&self) -> Option<Timestamp> {
        self.stored.get(SHIP_BY).and_then(|text| Timestamp::parse(text))
    }

    pub fn line(&self, id: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.id == id)
    }

    pub fn created(&self) -> u32 {
        self.lines.iter().fold(0, |sum, line| sum.saturating_add(line.created))
    }

    pub fn cancelled(&self) -> u32 {
        self.lines.iter().fold(0, |sum, line| sum.saturating_add(line.cancelled))
    }

    pub fn is_live(&self) -> bool {
        self.lines.iter().any(|line| line.live() > 0)
    }
}
