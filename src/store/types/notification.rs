//! Incidents, and who was told of them.

use serde::{Deserialize, Serialize};

use crate::model::{ChannelId, OrderKey, SyncError, Timestamp};

/// Something to tell the merchant.
#[derive(Clone, Debug)]
pub struct Incident {
    /// One open incident per key: `channel:tienda`, `order:tienda:42`.
    pub key: String,
    /// `sync_failed`, `channel_down`, `channel_recovered`, `action_failed`, `backlog`,
    /// `webhooks_off`, `disk_full`, `data_request` ...
    pub kind: &'static str,
    pub channel: Option<ChannelId>,
    pub order: Option<OrderKey>,
    pub error: Option<SyncError>,
    pub message: String,
    pub advice: String,
}

impl Incident {
    pub const CHANNEL_DOWN: &'static str = "channel_down";
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    pub id: String,
    pub key: String,
    pub kind: String,
    pub channel: Option<ChannelId>,
    pub order_id: Option<OrderKey>,
    pub error: Option<SyncError>,
    pub message: String,
    pub advice: String,
    pub count: u64,
    pub opened_at: Timestamp,
    pub closed_at: Option<Timestamp>,
    pub read: bool,
    /// Beside the page: to whom else, and how far that got. At most two per target.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tellings: Vec<Telling>,
}

/// One message to one target of the config, from its waiting to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telling {
    /// The name after `notify.`.
    pub target: String,
    pub phase: Phase,
    pub state: TellingState,
    /// Failed and successful ones.
    pub attempts: u32,
    /// While it waits: when it is tried. Then: when it ended.
    pub at: Timestamp,
    /// Why the last attempt failed. Holds no secret.
    pub error: Option<String>,
}

/// What is told of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Phase {
    Opened,
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TellingState {
    Waiting,
    Delivered,
    /// Tried as often as may be, or its target is gone.
    GivenUp,
}

/// What became of one attempt to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    Delivered,
    Again { error: String, at: Timestamp },
    GivenUp { error: String },
}

/// What a message told of one notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    pub id: String,
    pub phase: Phase,
    /// It said that the incident is over.
    pub over: bool,
}
