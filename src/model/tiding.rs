//! What a delivery or a page of a list says.

use super::{Anomaly, ChannelOrderId, Observation, Timestamp};

/// A delivery read back from disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub delivery_id: String,
    pub topic: String,
    pub notes: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub received_at: Timestamp,
}

/// One thing that a delivery or a page says.
#[derive(Clone, Debug, PartialEq)]
pub enum Tiding {
    /// A reading of a whole order.
    Seen(Box<Observation>),
    /// Something about this order changed: fetch it. `changed_at` lets a known change be skipped.
    Hint { order: ChannelOrderId, changed_at: Option<Timestamp> },
    /// As a hint, but only a reading begun after `until`, by our clock, is sure to hold the change:
    /// a further one may be told in the very same words, and so be taken for a repetition.
    Settling { order: ChannelOrderId, until: Timestamp },
    /// Something changed about the order or orders known under this name.
    Alias(String),
    /// The delivery is authentic but cannot be read: poll the channel.
    PollNow,
    /// Erase the personal data of these orders and of everyone with this e-mail address.
    Erase { orders: Vec<ChannelOrderId>, email: Option<String> },
    /// Erase the personal data of the whole channel.
    EraseAll,
    /// A customer asks what is stored: a person must answer.
    DataRequest { orders: Vec<ChannelOrderId>, email: Option<String>, reference: String },
    /// The marketplace has ended, or will end, our access.
    Access { ends_at: Option<Timestamp>, message: String },
    /// Look at the webhook subscriptions now.
    CheckSubscriptions,
    /// About one order, or about the channel.
    Anomaly { order: Option<ChannelOrderId>, anomaly: Anomaly },
}
