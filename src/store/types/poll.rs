//! Polls and bulk syncs, page by page.

use serde::{Deserialize, Serialize};

use crate::model::{ChannelId, OrderKey, SyncError, SyncId, Tiding, Timestamp};

/// A stream's place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PollState {
    pub watermark: Option<Timestamp>,
    pub window: Option<Window>,
    pub last_ok: Option<Timestamp>,
    /// When the last window was opened.
    pub last_begun: Option<Timestamp>,
}

/// A window being walked through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Overlap already taken off.
    pub from: Timestamp,
    pub to: Option<Timestamp>,
    pub token: Option<String>,
    /// Largest watermark that the pages so far proposed.
    pub proposed: Option<Timestamp>,
    /// The boot that opened it: a token that is not durable dies with it.
    pub boot: u64,
}

/// A page on its way in.
#[derive(Clone, Debug, Default)]
pub struct PageIn {
    pub tidings: Vec<Tiding>,
    pub next: Option<String>,
    pub watermark: Option<Timestamp>,
    pub total: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncStatus {
    pub id: SyncId,
    pub channel: ChannelId,
    /// Set for the sync of one order.
    pub order: Option<OrderKey>,
    pub state: SyncRunState,
    pub phase: SyncPhase,
    pub since: Option<Timestamp>,
    pub started_by: Option<String>,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub found: u64,
    pub done: u64,
    pub failed: u64,
    /// How many orders the marketplace says there are, while listing.
    pub total: Option<u64>,
    /// Resume point of the listing.
    pub token: Option<String>,
    pub boot: u64,
    pub error: Option<SyncError>,
    /// Orders that failed, up to a bound.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_orders: Vec<OrderKey>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncRunState {
    Running,
    Done,
    Failed,
    Cancelled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncPhase {
    Listing,
    Syncing,
}
