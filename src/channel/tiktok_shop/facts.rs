//! What is kept beside an order for the calls that change it.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::model::{Order, Timestamp};

/// Keys of the facts. An empty text takes a fact back.
pub mod key {
    pub const STATUS: &str = "status";
    pub const ON_HOLD: &str = "on_hold";
    /// The buyer asks to cancel.
    pub const BUYER_WANTS_OUT: &str = "buyer_wants_out";
    /// The buyer's open wish to cancel.
    pub const CANCEL_ID: &str = "cancel_id";
    pub const FULFILLED_BY: &str = "fulfillment_type";
    pub const SHIPPED_WITH: &str = "shipping_type";
    /// Which of the merchant's ways of sending was chosen; decides the carriers.
    pub const DELIVERY_OPTION: &str = "delivery_option_id";
    /// The market, as a country.
    pub const REGION: &str = "region";
    pub const SHIP_BY: &str = "ship_by";
    pub const SHIPPED_AT: &str = "shipped_at";
    /// The parcel holds other orders too.
    pub const COMBINED: &str = "combined";
    pub const UNITS: &str = "units";
    pub const PROVIDERS: &str = "providers";
}

/// One unit, as the calls name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    pub id: String,
    pub line: String,
    pub package: String,
    /// The tracking number of its package.
    #[serde(default)]
    pub number: String,
    pub state: UnitState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitState {
    Open,
    Shipped,
    Cancelled,
}

/// A carrier that an order accepts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    pub id: String,
    pub name: String,
}

/// A fact that is a list. Only plain texts are in it, so that writing cannot fail.
pub fn list<T: Serialize>(items: &[T]) -> String {
    serde_json::to_string(items).unwrap_or_default()
}

/// See `Channel::dress`.
pub fn dress(order: &mut Order) {
    let (status, state) = if order.shipments.is_empty() {
        ("AWAITING_SHIPMENT", UnitState::Open)
    } else {
        ("IN_TRANSIT", UnitState::Shipped)
    };
    let units: Vec<Unit> = order
        .items
        .iter()
        .map(|item| Unit {
            id: item.line_id.clone(),
            line: item.line_id.clone(),
            package: String::new(),
            number: String::new(),
            state,
        })
        .collect();
    let facts = [
        (key::STATUS, status.to_owned()),
        (key::SHIPPED_WITH, "SELLER".to_owned()),
        (key::UNITS, list(&units)),
    ];
    order.facts.extend(facts.map(|(name, value)| (name.to_owned(), value)));
}

/// The facts of a stored order, read.
#[derive(Clone, Copy)]
pub struct Facts<'a>(pub &'a BTreeMap<String, String>);

impl<'a> Facts<'a> {
    pub const fn of(order: &'a Order) -> Self {
        Self(&order.facts)
    }

    pub fn text(self, key: &str) -> &'a str {
        self.0.get(key).map_or("", String::as_str)
    }

    pub fn is(self, key: &str) -> bool {
        !self.text(key).is_empty()
    }

    pub fn time(self, key: &str) -> Option<Timestamp> {
        Timestamp::parse(self.text(key))
    }

    pub fn units(self) -> Vec<Unit> {
        self.list(key::UNITS).unwrap_or_default()
    }

    /// `None`: not asked for yet.
    pub fn providers(self) -> Option<Vec<Provider>> {
        self.list(key::PROVIDERS)
    }

    fn list<T: DeserializeOwned>(self, key: &str) -> Option<Vec<T>> {
        serde_json::from_str(self.text(key)).ok()
    }
}
