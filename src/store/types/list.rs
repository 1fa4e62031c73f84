//! Lists of orders, changes and failures.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{
    ActionId, ChannelId, Order, OrderKey, OrderStatus, PaymentStatus, Person, SyncError, SyncState, Timestamp,
};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderFilter {
    pub channel: Option<ChannelId>,
    pub status: Vec<OrderStatus>,
    pub payment_status: Vec<PaymentStatus>,
    pub sync_state: Vec<SyncState>,
    /// Number, SKU or tracking number by prefix; name words, e-mail and phone by blind index.
    /// Every word must match.
    pub q: Option<String>,
    pub placed_after: Option<Timestamp>,
    pub placed_before: Option<Timestamp>,
    pub updated_after: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub struct OrderPage {
    pub orders: Vec<(Order, Person)>,
    pub next: Option<String>,
    /// Answered short: no further back than this was looked. Then there is a `next`.
    pub looked_back_to: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub struct Paged<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

/// Counts of all orders, from counters kept in the write transactions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    pub total: u64,
    pub status: BTreeMap<String, u64>,
    pub payment_status: BTreeMap<String, u64>,
    pub sync_state: BTreeMap<String, u64>,
    pub channel: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub seq: u64,
    pub at: Timestamp,
    pub order_id: OrderKey,
    /// `created` or `updated`.
    pub change: String,
    pub status: OrderStatus,
    pub payment_status: PaymentStatus,
    pub fields: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct ChangesPage {
    pub items: Vec<Change>,
    /// Oldest number that is still kept; asking from before it is a gap.
    pub oldest: u64,
    /// Newest number that was ever given: asking from after it is a mistake.
    pub newest: u64,
}

/// Parked work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureRow {
    pub id: String,
    pub what: FailedWhat,
    pub channel: ChannelId,
    pub order_id: Option<OrderKey>,
    pub action_id: Option<ActionId>,
    pub error: SyncError,
    pub attempts: u32,
    pub failed_at: Timestamp,
    pub next_attempt_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailedWhat {
    Sync,
    Action,
    Poll,
}
