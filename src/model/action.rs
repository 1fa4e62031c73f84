//! An outbound action: a wish of an operator that must take effect once or be visibly unknown.

use serde::{Deserialize, Serialize};

use super::order::SyncError;
use super::status::closed_words;
use super::{ActionId, OrderKey, Timestamp};

closed_words!(
    /// Where an action stands. The last three are final.
    ActionState {
        Queued = "queued",
        /// Sent or about to be sent; after a crash it is looked at before anything is sent again.
        Running = "running",
        Done = "done",
        Failed = "failed",
        /// Sent, outcome not to be learnt: a person must look.
        Unknown = "unknown",
    }
);

closed_words!(
    /// Why an order is cancelled, in the API's words.
    CancelReason {
        CustomerRequest = "customer_request",
        OutOfStock = "out_of_stock",
        PricingError = "pricing_error",
        Undeliverable = "undeliverable",
        Other = "other",
    }
);

/// Units of one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShipLine {
    pub line_id: String,
    pub quantity: u32,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ActionRequest {
    Ship {
        carrier: String,
        tracking_number: Option<String>,
        tracking_url: Option<String>,
        /// Never empty: without a choice of the caller, every unit that is left.
        items: Vec<ShipLine>,
    },
    Tracking {
        carrier: String,
        tracking_number: String,
        tracking_url: Option<String>,
        /// The parcel; `None` when the order has exactly one.
        shipment_id: Option<String>,
    },
    Cancel {
        reason: CancelReason,
        note: Option<String>,
    },
    /// Tells the marketplace that the order was taken up. Asked for by the daemon itself.
    Acknowledge,
}

impl ActionRequest {
    /// Whether the other wants the same of the order, in whatever words: to ship these units, to
    /// give this parcel a number, to cancel.
    pub fn aims_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Ship { items, .. }, Self::Ship { items: others, .. }) => items == others,
            (Self::Tracking { shipment_id, .. }, Self::Tracking { shipment_id: other, .. }) => {
                shipment_id == other
            }
            (Self::Cancel { .. }, Self::Cancel { .. }) | (Self::Acknowledge, Self::Acknowledge) => true,
            _ => false,
        }
    }

    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Ship { .. } => "ship",
            Self::Tracking { .. } => "tracking",
            Self::Cancel { .. } => "cancel",
            Self::Acknowledge => "acknowledge",
        }
    }
}

/// What a connector fixed for an action; stored with it before the call.
pub type Memo = std::collections::BTreeMap<String, String>;

/// A durable action. Its request may hold a note and is sealed on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    pub id: ActionId,
    pub order: OrderKey,
    pub request: ActionRequest,
    pub state: ActionState,
    /// How often a call was begun.
    pub attempts: u32,
    /// Tries in a row that brought neither an outcome nor an answer: the step on the ladder.
    #[serde(default, skip_serializing_if = "is_none")]
    pub failed_tries: u32,
    /// The user or key that asked.
    pub by: Option<String>,
    pub requested_at: Timestamp,
    pub updated_at: Timestamp,
    /// The boot in which the running attempt was begun.
    pub sent_boot: Option<u64>,
    /// What the connector fixed before the call so that a repeat is the same call: a package
    /// reference, a key, the id of a feed being processed.
    #[serde(default)]
    pub memo: Memo,
    pub error: Option<SyncError>,
}

impl Action {
    /// Memo key of an action that the marketplace has taken and is working on.
    pub const TAKEN: &'static str = "fenicia.submitted";

    pub fn was_taken(&self) -> bool {
        self.memo.contains_key(Self::TAKEN)
    }

    /// It may have acted, and nobody knows: looked for still, or given up.
    pub fn is_in_doubt(&self) -> bool {
        match self.state {
            ActionState::Unknown => true,
            ActionState::Running => self.error.is_some() && !self.was_taken(),
            ActionState::Queued | ActionState::Done | ActionState::Failed => false,
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
const fn is_none(count: &u32) -> bool {
    *count == 0
}
