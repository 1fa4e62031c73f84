//! One line of an order's timeline. Never holds personal data.

use serde::{Deserialize, Serialize};

use super::Timestamp;
use super::order::SyncError;
use super::status::closed_words;

closed_words!(
    EventKind {
        WebhookReceived = "webhook_received",
        PollSeen = "poll_seen",
        SyncRequested = "sync_requested",
        SyncSucceeded = "sync_succeeded",
        SyncFailed = "sync_failed",
        Created = "created",
        Changed = "changed",
        StatusChanged = "status_changed",
        PaymentChanged = "payment_changed",
        ShipmentAdded = "shipment_added",
        ActionRequested = "action_requested",
        ActionDone = "action_done",
        ActionFailed = "action_failed",
        ActionUnknown = "action_unknown",
        MissingAtSource = "missing_at_source",
        Anomaly = "anomaly",
        Erased = "erased",
    }
);

closed_words!(
    /// What set the work off.
    Trigger {
        Webhook = "webhook",
        Poll = "poll",
        Manual = "manual",
        Bulk = "bulk",
        Action = "action",
    }
);

/// From what to what. For a personal field both sides are null: it only says that it changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    pub field: String,
    pub from: Option<String>,
    pub to: Option<String>,
}

/// One timeline entry. `seq` is 0-based per order and without gaps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub seq: u64,
    pub at: Timestamp,
    pub kind: EventKind,
    pub trigger: Option<Trigger>,
    /// The user or API key that asked, for manual work.
    pub by: Option<String>,
    pub attempt: u32,
    /// One line for a person.
    pub summary: String,
    #[serde(default)]
    pub changes: Vec<FieldChange>,
    pub error: Option<SyncError>,
}

impl Event {
    /// An event without a number yet: the store numbers it when it is written.
    pub fn new(at: Timestamp, kind: EventKind, trigger: Option<Trigger>, summary: impl Into<String>) -> Self {
        Self {
            seq: 0,
            at,
            kind,
            trigger,
            by: None,
            attempt: 1,
            summary: summary.into(),
            changes: Vec::new(),
            error: None,
        }
    }

    #[must_use]
    pub fn by(mut self, by: Option<String>) -> Self {
        self.by = by;
        self
    }

    #[must_use]
    pub fn attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self
    }

    #[must_use]
    pub fn changes(mut self, changes: Vec<FieldChange>) -> Self {
        self.changes = changes;
        self
    }

    #[must_use]
    pub fn error(mut self, error: SyncError) -> Self {
        self.error = Some(error);
        self
    }
}
