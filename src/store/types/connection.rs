//! The state of a connection, and what changes it.

use crate::model::{Failure, Timestamp};

/// A change of a connection's state.
#[derive(Clone, Debug)]
pub enum ConnectionChange {
    /// The channel is configured: make or refresh its row. Other credentials than those that were
    /// refused give it a fresh try.
    Configured {
        kind: &'static str,
        enabled: bool,
        credentials: String,
    },
    /// What was begun then succeeded.
    Succeeded {
        what: Success,
        begun: Timestamp,
    },
    /// A call failed in a way that concerns the connection.
    Failed {
        failure: Failure,
    },
    /// The channel says no to what a poll asks for.
    PollRefused {
        failure: Failure,
    },
    /// The newest refresh token was refused for good, in these words.
    GrantDied {
        message: String,
    },
    /// The marketplace refuses to renew our access. What we hold works `until` then, so nothing is
    /// down yet, but a person can mend it in time.
    RenewalRefused {
        failure: Failure,
        until: Option<Timestamp>,
    },
    Webhook,
    /// No calls before then.
    Parked {
        until: Timestamp,
    },
    /// By an operator or by a finished consent.
    Reconnected,
}

/// What may succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Success {
    /// A call that brought no order.
    Call,
    /// Orders were read.
    Sync,
    /// A poll came to its end.
    Poll,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChannelCounts {
    pub total: u64,
    pub today: u64,
    /// Due or waiting jobs, pending deliveries and pending actions.
    pub backlog: u64,
}
