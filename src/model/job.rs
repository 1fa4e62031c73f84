//! How urgent a piece of work is.

use super::Trigger;
use super::status::closed_words;

closed_words!(
    /// Lanes share a channel's allowance by weight; earlier ones go first, none starves.
    Lane {
        /// A person waits.
        Manual = "manual",
        Action = "action",
        Webhook = "webhook",
        Poll = "poll",
        /// At most a quarter of the allowance while other work waits.
        Bulk = "bulk",
    }
);

impl Lane {
    pub const fn trigger(self) -> Trigger {
        match self {
            Self::Manual => Trigger::Manual,
            Self::Action => Trigger::Action,
            Self::Webhook => Trigger::Webhook,
            Self::Poll => Trigger::Poll,
            Self::Bulk => Trigger::Bulk,
        }
    }
}
