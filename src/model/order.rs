//! The canonical order, as it is stored and shown.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::status::closed_words;
use super::{
    ActionId, ActionState, Currency, FailureKind, OrderKey, OrderStatus, PaymentStatus, SyncId, Timestamp,
};

/// An order without its personal data, which lives apart in [`Person`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    pub key: OrderKey,
    /// The marketplace, by its name in the config file.
    pub channel_kind: String,
    /// What the merchant and the shopper call it, such as `#1042`.
    pub number: String,
    pub status: OrderStatus,
    pub payment_status: PaymentStatus,
    /// The marketplace's own words for its states, by the marketplace's own names.
    #[serde(default)]
    pub channel_status: BTreeMap<String, String>,
    pub currency: Option<Currency>,
    #[serde(default)]
    pub amounts: Amounts,
    pub placed_at: Timestamp,
    #[serde(default)]
    pub items: Vec<Item>,
    #[serde(default)]
    pub shipments: Vec<Shipment>,
    #[serde(default)]
    pub tags: Vec<String>,
    pub fulfilled_by: FulfilledBy,
    /// The connector's own facts, needed for later calls (ids of fulfilment orders, packages ...).
    /// Never shown, never personal.
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
    pub version: Version,
    /// When this content was first stored and last changed here.
    pub created_at: Timestamp,
    pub stored_at: Timestamp,
    /// Warnings already told in the timeline, so that each is told once.
    #[serde(default)]
    pub told: Vec<String>,
    #[serde(default)]
    pub sync: SyncInfo,
    #[serde(default)]
    pub last_action: Option<LastAction>,
    /// Next free number of this order's timeline.
    #[serde(default)]
    pub next_seq: u64,
    /// Personal data was erased on request or by retention and is not taken in again.
    #[serde(default)]
    pub erased: bool,
}

/// How new the stored content is, in the marketplace's time and in ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The marketplace's own change stamp, where it gives one.
    pub changed_at: Option<Timestamp>,
    /// When the request that read it was begun, or its delivery received.
    pub read_at: Timestamp,
    /// When it was last read by itself, rather than heard of or listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetched_at: Option<Timestamp>,
}

impl Version {
    /// Whether a change with this stamp is surely in the stored content. Stamps may be no finer
    /// than a second, so the stamp that is stored is certain only once the order was fetched after
    /// that second.
    pub fn includes(&self, changed_at: Timestamp) -> bool {
        self.changed_at.is_some_and(|known| {
            changed_at < known
                || changed_at == known
                    && self.fetched_at.is_some_and(|at| at >= known.plus(std::time::Duration::from_secs(1)))
        })
    }
}

/// Sums of the order, each in the order's currency and with its number of decimals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amounts {
    pub total: Option<Decimal>,
    pub subtotal: Option<Decimal>,
    pub shipping: Option<Decimal>,
    pub tax: Option<Decimal>,
    pub discount: Option<Decimal>,
    pub refunded: Option<Decimal>,
}

/// One line. Counts are units of the line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    pub line_id: String,
    pub sku: Option<String>,
    pub title: Option<String>,
    pub variant: Option<String>,
    pub quantity: u32,
    pub unit_price: Option<Decimal>,
    pub quantity_shipped: Option<u32>,
    pub quantity_cancelled: Option<u32>,
    pub quantity_refunded: Option<u32>,
}

/// One parcel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipment {
    pub shipment_id: String,
    pub carrier: Option<String>,
    pub tracking_number: Option<String>,
    pub tracking_url: Option<String>,
    pub status: Option<ShipmentStatus>,
    pub shipped_at: Option<Timestamp>,
    #[serde(default)]
    pub items: Vec<ShipmentItem>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShipmentItem {
    pub line_id: String,
    pub quantity: u32,
}

closed_words!(
    /// Where a parcel is.
    ShipmentStatus {
        Pending = "pending",
        Shipped = "shipped",
        InTransit = "in_transit",
        Delivered = "delivered",
        /// Undeliverable, lost or returned.
        Failed = "failed",
    }
);

closed_words!(
    /// Who packs and sends.
    FulfilledBy {
        Seller = "seller",
        /// The marketplace's own warehouse: the order is read-only here.
        Channel = "channel",
    }
);

/// Everything about a person. Sealed on disk, erased as one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    #[serde(default)]
    pub customer: Customer,
    pub shipping_address: Option<Address>,
    /// Shoppers and clerks write names and phone numbers into notes, so notes are personal.
    #[serde(default)]
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    pub name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    pub name: Option<String>,
    pub line1: Option<String>,
    pub line2: Option<String>,
    pub city: Option<String>,
    pub region: Option<String>,
    pub postal_code: Option<String>,
    /// ISO 3166 alpha-2.
    pub country: Option<String>,
    pub phone: Option<String>,
}

closed_words!(
    /// Whether the stored order is in step with its marketplace.
    SyncState {
        Synced = "synced",
        /// Work for it is due.
        Pending = "pending",
        /// The last attempt failed; `error` says why and what to do.
        Failed = "failed",
        /// The marketplace does not have it any more.
        Missing = "missing",
    }
);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncInfo {
    pub state: SyncState,
    pub last_success_at: Option<Timestamp>,
    pub error: Option<SyncError>,
    /// The last bulk sync that found the order in step, which is counted by it once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bulk: Option<SyncId>,
}

impl Default for SyncInfo {
    fn default() -> Self {
        Self { state: SyncState::Synced, last_success_at: None, error: None, bulk: None }
    }
}

/// A failure as it is stored and shown: the advice is derived when shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncError {
    pub kind: FailureKind,
    pub message: String,
    pub retry_at: Option<Timestamp>,
    /// The order was not as it was when the action was asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub conflict: bool,
}

impl SyncError {
    /// What the merchant should do.
    pub const fn advice(&self) -> &'static str {
        if self.conflict { FailureKind::CONFLICT_ADVICE } else { self.kind.advice() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastAction {
    pub id: ActionId,
    pub kind: String,
    pub state: ActionState,
}
