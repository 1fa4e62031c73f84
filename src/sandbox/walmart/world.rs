//! The seller's orders as Walmart keeps them. Money is in hundredths.

use std::time::Duration;

use super::super::names::Shopper;
use crate::model::Timestamp;

/// How far back the interface shows orders.
pub(super) const REACH: Duration = Duration::from_hours(4320);
/// How long after the estimated ship date a line without tracking lives.
pub(super) const GRACE: Duration = Duration::from_hours(96);

/// Who packs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Warehouse {
    Seller,
    Walmart,
    ThirdParty,
}

impl Warehouse {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Seller => "SellerFulfilled",
            Self::Walmart => "WFSFulfilled",
            Self::ThirdParty => "3PLFulfilled",
        }
    }

    pub fn named(word: &str) -> Option<Self> {
        [Self::Seller, Self::Walmart, Self::ThirdParty].into_iter().find(|own| own.word() == word)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Created,
    Acknowledged,
    Shipped,
    Delivered,
    Cancelled,
    Refund,
}

impl Stage {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Created => "Created",
            Self::Acknowledged => "Acknowledged",
            Self::Shipped => "Shipped",
            Self::Delivered => "Delivered",
            Self::Cancelled => "Cancelled",
            Self::Refund => "Refund",
        }
    }

    pub const fn is_open(self) -> bool {
        matches!(self, Self::Created | Self::Acknowledged)
    }

    pub const fn has_left(self) -> bool {
        matches!(self, Self::Shipped | Self::Delivered | Self::Refund)
    }
}

/// The carrier as the seller named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    Listed(String),
    Other(String),
}

impl Carrier {
    pub fn name(&self) -> &str {
        match self {
            Self::Listed(name) | Self::Other(name) => name,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Label {
    pub carrier: Carrier,
    pub number: String,
    pub url: Option<String>,
    pub method: String,
    pub shipped_at: Timestamp,
}

/// Some units of a line in one stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Batch {
    pub stage: Stage,
    pub units: u32,
    pub label: Option<Label>,
    pub reason: Option<String>,
    /// When they came into this stage, on Walmart's clock.
    pub since: Timestamp,
}

#[derive(Clone, Debug)]
pub(super) struct Line {
    pub number: String,
    pub sku: String,
    pub title: String,
    pub quantity: u32,
    pub goods: i64,
    pub shipping: i64,
    pub tax: i64,
    pub discount: i64,
    pub refunded: i64,
    pub batches: Vec<Batch>,
    /// The customer asked to cancel it.
    pub unwanted: bool,
    pub changed_at: Timestamp,
}

impl Line {
    pub fn units(&self, wanted: impl Fn(Stage) -> bool) -> u32 {
        self.batches.iter().filter(|batch| wanted(batch.stage)).map(|batch| batch.units).sum()
    }

    pub fn is_gone(&self) -> bool {
        self.units(|stage| stage == Stage::Cancelled) == self.quantity
    }

    /// What the customer pays for it; nothing once it is cancelled as a whole.
    pub fn cost(&self) -> i64 {
        if self.is_gone() { 0 } else { self.goods + self.shipping + self.tax - self.discount }
    }

    /// Moves units on, oldest first. The caller has checked that there are enough.
    pub fn advance(&mut self, from: impl Fn(Stage) -> bool, units: u32, into: &Batch) {
        let mut left = units;
        for batch in self.batches.iter_mut().filter(|batch| from(batch.stage)) {
            let taken = batch.units.min(left);
            batch.units -= taken;
            left -= taken;
        }
        self.batches.retain(|batch| batch.units > 0);
        let moved = units - left;
        let same = |batch: &&mut Batch| {
            batch.stage == into.stage && batch.label == into.label && batch.reason == into.reason
        };
        match self.batches.iter_mut().find(same) {
            Some(batch) => batch.units += moved,
            None if moved > 0 => self.batches.push(Batch { units: moved, ..into.clone() }),
            None => {}
        }
        self.changed_at = into.since;
    }

    /// Delivers or gives back: the label stays with its units.
    pub fn turn(&mut self, from: Stage, into: Stage, at: Timestamp) {
        for batch in self.batches.iter_mut().filter(|batch| batch.stage == from) {
            batch.stage = into;
            batch.since = at;
            self.changed_at = at;
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Order {
    pub id: String,
    /// The customer's own number.
    pub number: String,
    pub warehouse: Warehouse,
    pub replaces: Option<String>,
    pub currency: String,
    pub shopper: Shopper,
    pub mail_known: bool,
    pub phone_masked: bool,
    pub method: &'static str,
    pub placed_at: Timestamp,
    pub ship_by: Timestamp,
    pub deliver_by: Timestamp,
    pub lines: Vec<Line>,
    pub changed_at: Timestamp,
    /// A list of one is sent as the bare object.
    pub bare: bool,
}

impl Order {
    pub fn line(&mut self, number: &str) -> Option<&mut Line> {
        self.lines.iter_mut().find(|line| line.number == number)
    }

    /// One of three habits of writing, the same for an order each time.
    pub fn habit(&self) -> u8 {
        self.id.bytes().last().unwrap_or_default() % 3
    }

    pub fn has(&self, wanted: impl Fn(Stage) -> bool) -> bool {
        self.lines.iter().any(|line| line.units(&wanted) > 0)
    }
}
