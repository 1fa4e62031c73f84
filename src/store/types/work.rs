//! Deliveries and syncs of single orders: what is claimed, and what comes of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{ActionId, Delivery, Failure, Lane, Observation, OrderKey, OrderStatus, Timestamp};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    New,
    /// The same delivery id was accepted before; nothing was written.
    Duplicate,
}

/// A pending delivery.
#[derive(Clone, Debug)]
pub struct InboxItem {
    pub seq: u64,
    pub delivery: Delivery,
    /// How often its alias could not be resolved; 0 for a new one.
    pub attempts: u32,
    /// It is no delivery but a name that a page mentioned: what it says is `Tiding::Alias`.
    pub alias: Option<String>,
}

/// What a transaction means for the actors.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// Orders whose stored content changed, with the change.
    pub changed: Vec<Changed>,
    /// Jobs were queued.
    pub queued: u64,
    /// Orders that this batch confirmed unchanged or newer than said.
    pub unchanged: u64,
    pub poll_now: bool,
    pub check_subscriptions: bool,
    /// Deliveries that wait for `Channel::resolve`, with their alias.
    pub unresolved: Vec<(u64, String)>,
    /// Anomalies for the log and the metric, by code.
    pub anomalies: Vec<String>,
}

impl Effects {
    /// Takes in what a part of the batch means.
    pub(in crate::store) fn add(&mut self, part: Self) {
        self.changed.extend(part.changed);
        self.queued += part.queued;
        self.unchanged += part.unchanged;
        self.poll_now |= part.poll_now;
        self.check_subscriptions |= part.check_subscriptions;
        self.unresolved.extend(part.unresolved);
        self.anomalies.extend(part.anomalies);
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    pub order: OrderKey,
    pub created: bool,
    pub seq: u64,
    /// Marketplace's change to stored here; `None` where the marketplace gives no stamp.
    pub lag: Option<Duration>,
    /// Status, for `Channel::wants`.
    pub status: OrderStatus,
}

/// A claimed job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    pub order: OrderKey,
    /// Generation that this run will satisfy.
    pub seen: u64,
    pub lane: Lane,
    /// Counts from 1 since the last success.
    pub attempt: u32,
    /// Killed or crashed runs in a row.
    pub interrupted: u32,
    pub by: Option<String>,
    /// Whether the order is stored.
    pub known: bool,
}

/// What became of a claimed job.
#[derive(Clone, Debug)]
pub enum SyncOutcome {
    Found(Box<Observation>),
    /// Not there. `reach` as in `channel::Fetched::Missing`. A missing order that is not stored is
    /// looked for again a few times before it is given up.
    Missing {
        reach: Option<Duration>,
    },
    /// `retry_at`: due again then; `None`: parked as a failure until somebody retries it.
    Failed {
        failure: Failure,
        retry_at: Option<Timestamp>,
    },
}

#[derive(Clone, Debug, Default)]
pub struct Finished {
    pub changed: Option<Changed>,
    /// Wanted again meanwhile: due now.
    pub again: bool,
    /// The order's last action, if nobody knows what came of it: the order may tell.
    pub in_doubt: Option<ActionId>,
    pub anomalies: Vec<String>,
}
