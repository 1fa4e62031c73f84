//! A configured channel as the rest of the daemon sees it.

use std::sync::Arc;

use crate::channel::{Channel, Kind};
use crate::model::{ChannelId, Timestamp};

/// Shared by the channel's actor, the listeners and the page. Replaced when the channel is
/// reconfigured.
pub struct Connection {
    pub id: ChannelId,
    pub name: String,
    pub kind: &'static Kind,
    pub enabled: bool,
    /// The schedule as configured, for people.
    pub schedule: String,
    /// Where the marketplace should send webhooks; `None` without a public address or for a
    /// marketplace that sends none.
    pub webhook_url: Option<String>,
    pub channel: Arc<dyn Channel>,
}

impl Connection {
    /// Order syncs and actions under way.
    pub fn in_flight(&self) -> usize {
        unimplemented!()
    }

    pub fn next_poll_at(&self) -> Option<Timestamp> {
        unimplemented!()
    }
}
