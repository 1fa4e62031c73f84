//! What goes into and comes out of the store's operations.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{
    ActionId, ActionRequest, ChannelId, Delivery, Failure, Lane, Memo, Observation, Order, OrderKey,
    OrderStatus, PaymentStatus, Person, Role, SyncError, SyncId, SyncState, Tiding, Timestamp,
};

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("another fenicia has the data folder {dir} open: stop it first, or choose another folder")]
    InUse { dir: String },
    #[error("cannot use the data folder {dir}: {source}. Create it and make it writable for this user")]
    Folder { dir: String, source: std::io::Error },
    #[error(
        "the store in {dir} was written by a newer fenicia (format {found}, this one knows {known}): install that version again"
    )]
    Newer { dir: String, found: u32, known: u32 },
    #[error(
        "the key does not open the store in {dir}: restore the key file, or the key that the config named, from your backup"
    )]
    WrongKey { dir: String },
    #[error("the key that the config names is too short: use at least 16 characters, better 32 random ones")]
    WeakKey,
    #[error("the disk has {free_bytes} bytes free, 64 MiB are needed: free some space first")]
    DiskFull { free_bytes: u64 },
    #[error("the store in {dir} is damaged: {what}. Restore the newest backup with `fenicia restore`")]
    Damaged { dir: String, what: String },
}

/// Why a backup cannot be put back or checked.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("{file} is not a backup of fenicia: {what}. Name a file that `fenicia backup` made")]
    NotABackup { file: String, what: String },
    #[error("the data folder {dir} holds a store already: choose another folder, or replace the store")]
    NotEmpty { dir: String },
}

/// Why an operation was not done. None of them leaves half of it behind.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The queue stayed full for a second, or the channel's backlog is over its bound.
    #[error("too much is waiting to be written")]
    Busy,
    #[error("the disk is nearly full")]
    DiskFull,
    /// The store is closing, or failed and the process is about to end.
    #[error("the store is closed")]
    Closed,
    #[error("a stored record cannot be read: {0}")]
    Corrupt(String),
    #[error("no such {0}")]
    NotFound(&'static str),
}

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
    pub(super) fn add(&mut self, part: Self) {
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
    pub anomalies: Vec<String>,
}

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

/// Somebody who is signed in to the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Unique per user and per key.
    pub caller: String,
    pub name: String,
    pub role: Role,
    /// A mark of what it stands on: over as soon as that is another, or gone.
    pub ground: [u8; 32],
    pub began_at: Timestamp,
    /// Not written at each use.
    pub seen_at: Timestamp,
}

/// Who asked for a command, and under which idempotency key.
#[derive(Clone, Debug)]
pub struct Asked {
    /// User or key name.
    pub by: String,
    /// Caller-scoped key and the hash of the request it belongs to.
    pub key: Option<(String, [u8; 32])>,
}

/// Something that an operator asks for.
#[derive(Clone, Debug)]
pub enum Command {
    SyncOrder(OrderKey),
    SyncChannel {
        channel: ChannelId,
        since: Timestamp,
    },
    StopSync(SyncId),
    /// Checked against the stored order by the caller; memo as prepared.
    Act {
        order: OrderKey,
        request: ActionRequest,
        memo: Memo,
    },
    Retry(String),
    RetryAll {
        channel: Option<ChannelId>,
    },
    Dismiss(String),
    ReadNotification(String),
    CreateKey {
        name: String,
        role: Role,
    },
    RevokeKey(String),
}

/// Stored with the idempotency key, so it holds no secret: a repeated `CreateKey` answers the key
/// without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommandAnswer {
    Sync(SyncId),
    Action(ActionId),
    /// How many were put back to work.
    Retried(u64),
    Key {
        key: ApiKey,
        secret: Option<String>,
    },
    Done,
}

#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("this idempotency key was used for another request")]
    KeyReused,
    #[error("no such {0}")]
    NotFound(&'static str),
    /// A bulk sync of the channel is under way.
    #[error("a sync of this channel is running")]
    Running(SyncId),
    #[error("{0}")]
    Conflict(String),
}

/// What became of an attempt at an action.
#[derive(Clone, Debug)]
pub enum ActionResult {
    /// `shown`: by the order as it is stored; else it is read again a little later.
    Done {
        shown: bool,
    },
    /// Taken by the channel, look again then. The memo takes the place of the stored one.
    Submitted {
        memo: Memo,
        look_at: Timestamp,
    },
    /// Certainly no effect; tried again then.
    Later {
        failure: Failure,
        at: Timestamp,
    },
    /// Sent, effect not known yet: look again then. The memo takes the place of the stored one.
    Doubtful {
        failure: Failure,
        memo: Memo,
        look_at: Timestamp,
    },
    Failed {
        failure: Failure,
    },
    Unknown {
        failure: Failure,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderFilter {
    pub channel: Option<ChannelId>,
    pub status: Vec<OrderStatus>,
    pub payment_status: Vec<PaymentStatus>,
    pub sync_state: Vec<SyncState>,
    /// Number, SKU or tracking number by prefix; name words, e-mail and phone by blind index.
    /// Every word must match.
    pub q: Option<String>,
    pub placed_after: Option<Timestamp>,
    pub placed_before: Option<Timestamp>,
    pub updated_after: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub struct OrderPage {
    pub orders: Vec<(Order, Person)>,
    pub next: Option<String>,
    /// Answered short: no further back than this was looked. Then there is a `next`.
    pub looked_back_to: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub struct Paged<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

/// Counts of all orders, from counters kept in the write transactions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    pub total: u64,
    pub status: BTreeMap<String, u64>,
    pub payment_status: BTreeMap<String, u64>,
    pub sync_state: BTreeMap<String, u64>,
    pub channel: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub seq: u64,
    pub at: Timestamp,
    pub order_id: OrderKey,
    /// `created` or `updated`.
    pub change: String,
    pub status: OrderStatus,
    pub payment_status: PaymentStatus,
    pub fields: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct ChangesPage {
    pub items: Vec<Change>,
    /// Oldest number that is still kept; asking from before it is a gap.
    pub oldest: u64,
    /// Newest number that was ever given: asking from after it is a mistake.
    pub newest: u64,
}

/// Parked work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureRow {
    pub id: String,
    pub what: FailedWhat,
    pub channel: ChannelId,
    pub order_id: Option<OrderKey>,
    pub action_id: Option<ActionId>,
    pub error: SyncError,
    pub attempts: u32,
    pub failed_at: Timestamp,
    pub next_attempt_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailedWhat {
    Sync,
    Action,
    Poll,
}

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

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    pub id: String,
    pub name: String,
    pub role: Role,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EraseWho {
    Orders(Vec<OrderKey>),
    Email(String),
    Channel(ChannelId),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Erased {
    pub orders: Vec<OrderKey>,
    /// The sealing keys under which the erased data was kept are gone from disk.
    pub keys_dropped: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BackupReport {
    pub orders: u64,
    pub bytes: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    pub file_bytes: u64,
    pub stored_bytes: u64,
    pub free_bytes: u64,
}
