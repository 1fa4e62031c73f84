//! The API's answers as far as the command line shows them. What is absent or new is ignored.

use serde::Deserialize;

use crate::model::Timestamp;

#[derive(Debug, Deserialize)]
pub(super) struct Items<T> {
    pub items: Vec<T>,
    #[serde(default)]
    pub next_cursor: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorView {
    pub kind: String,
    pub message: String,
    pub advice: Option<String>,
    pub at: Option<Timestamp>,
    pub retry_at: Option<Timestamp>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ChannelView {
    pub id: String,
    pub kind: String,
    pub name: String,
    pub status: String,
    pub status_since: Option<Timestamp>,
    pub last_success_at: Option<Timestamp>,
    pub last_error: Option<ErrorView>,
    pub method: String,
    pub schedule: String,
    pub next_poll_at: Option<Timestamp>,
    pub last_webhook_at: Option<Timestamp>,
    pub backlog: u64,
    pub in_flight: u64,
    pub rate_limit: RateLimitView,
    pub orders: OrderCounts,
    pub webhook_url: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RateLimitView {
    pub remaining: Option<f64>,
    pub resets_at: Option<Timestamp>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OrderCounts {
    pub total: u64,
    pub today: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OrderView {
    pub id: String,
    pub number: Option<String>,
    pub status: String,
    pub payment_status: String,
    pub currency: Option<String>,
    pub total: Option<String>,
    pub refunded: Option<String>,
    pub placed_at: Option<Timestamp>,
    pub updated_at: Option<Timestamp>,
    pub synced_at: Option<Timestamp>,
    pub customer: Option<CustomerView>,
    pub items: Vec<ItemView>,
    pub shipments: Vec<ShipmentView>,
    pub sync: SyncOfOrder,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CustomerView {
    pub name: Option<String>,
    pub email: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ItemView {
    pub line_id: String,
    pub sku: Option<String>,
    pub title: Option<String>,
    pub quantity: u64,
    pub unit_price: Option<String>,
    pub quantity_shipped: Option<u64>,
    pub quantity_cancelled: Option<u64>,
}

impl ItemView {
    /// Units that can still be shipped.
    pub(super) fn open(&self) -> u64 {
        let gone = self.quantity_shipped.unwrap_or(0) + self.quantity_cancelled.unwrap_or(0);
        self.quantity.saturating_sub(gone)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ShipmentView {
    pub shipment_id: Option<String>,
    pub carrier: Option<String>,
    pub tracking_number: Option<String>,
    pub status: Option<String>,
    pub shipped_at: Option<Timestamp>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SyncOfOrder {
    pub state: String,
    pub last_success_at: Option<Timestamp>,
    pub error: Option<ErrorView>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct EventView {
    pub at: Option<Timestamp>,
    pub kind: String,
    pub trigger: Option<String>,
    pub by: Option<String>,
    pub summary: String,
    pub error: Option<ErrorView>,
}

#[derive(Debug, Deserialize)]
pub(super) struct SyncStarted {
    pub sync_id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SyncView {
    pub state: String,
    pub phase: Option<String>,
    pub found: u64,
    pub done: u64,
    pub failed: u64,
    pub eta_seconds: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ActionView {
    pub id: String,
    pub kind: String,
    pub state: String,
    pub attempts: u64,
    pub error: Option<ErrorView>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FailureView {
    pub id: String,
    pub what: String,
    pub channel: String,
    pub order_id: Option<String>,
    pub error: ErrorView,
    pub attempts: u64,
    pub failed_at: Option<Timestamp>,
    pub next_attempt_at: Option<Timestamp>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct KeyView {
    pub id: String,
    pub name: String,
    pub role: String,
    pub created_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
    /// Only in the answer that made it.
    pub key: Option<String>,
}
