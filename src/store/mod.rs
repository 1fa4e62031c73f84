//! The embedded store: named operations, each one transaction, over plain model values.
//!
//! One writer thread owns the only write transaction and groups what waits into one commit, which
//! is on disk before any caller hears of it. Reads are short snapshots and never wait. No
//! operation returns a guard, so no snapshot outlives a call. Nothing here knows a marketplace,
//! an actor or HTTP.

mod types;

use std::path::PathBuf;

use crate::clock::Clock;
use crate::model::{
    Action, ActionId, ChannelId, ChannelOrderId, ConnectionState, Delivery, Event, Failure, Lane, Memo,
    Order, OrderKey, Person, Secret, SyncId, Tiding, Timestamp, Tokens,
};
use crate::random::Random;

pub use types::*;

/// How a store is opened.
pub struct Options {
    pub dir: PathBuf,
    /// The master key from the config; `None`: a key file in the folder, mode 0600, made at need.
    pub key: Option<Secret>,
    pub clock: Clock,
    pub random: Random,
    pub cache_bytes: usize,
    /// Undelivered inbox rows per channel above which new deliveries are refused.
    pub backlog_max: u64,
}

/// A cheap handle.
#[derive(Clone)]
pub struct Store {}

#[allow(unused_variables, clippy::unused_async, clippy::needless_pass_by_value)]
impl Store {
    // ---- life ----------------------------------------------------------------------------

    /// Opens or creates, takes the lock, migrates, counts the boot up. Blocking.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        unimplemented!()
    }

    /// Waits for the writer to finish what is queued and closes the file cleanly.
    pub async fn close(&self) {
        unimplemented!()
    }

    /// Number of this start; claims of earlier boots are dead.
    pub fn boot(&self) -> u64 {
        unimplemented!()
    }

    /// Whether the writer answers: for the watchdog and readiness.
    pub async fn ping(&self) -> Result<(), StoreError> {
        unimplemented!()
    }

    /// Newest number of the feed of changes; wakes long-polls and event streams.
    pub fn watch_changes(&self) -> tokio::sync::watch::Receiver<u64> {
        unimplemented!()
    }

    // ---- webhooks in ---------------------------------------------------------------------

    /// T accept: the delivery is on disk when this returns. Tables `inbox`, `delivery_ids`.
    pub async fn accept_delivery(
        &self,
        channel: &ChannelId,
        delivery: Delivery,
    ) -> Result<Accepted, StoreError> {
        unimplemented!()
    }

    /// Oldest pending deliveries of a channel that are due (unresolved ones wait for their time).
    pub fn inbox(
        &self,
        channel: &ChannelId,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<InboxItem>, StoreError> {
        unimplemented!()
    }

    /// T apply: what the deliveries say is merged or queued, their timeline lines are written and
    /// their inbox rows removed; a row with an unknown alias stays, due again later, and is
    /// reported in `Effects::unresolved`.
    pub async fn apply_deliveries(
        &self,
        channel: &ChannelId,
        kind: &'static str,
        read: Vec<(u64, Vec<Tiding>)>,
        now: Timestamp,
    ) -> Result<Effects, StoreError> {
        unimplemented!()
    }

    /// T resolve: the orders behind an unresolved delivery are queued, or (`Err`) it waits longer;
    /// after `attempts` the row is dropped with an anomaly.
    pub async fn resolve_delivery(
        &self,
        channel: &ChannelId,
        seq: u64,
        orders: Result<Vec<ChannelOrderId>, Failure>,
        now: Timestamp,
    ) -> Result<Effects, StoreError> {
        unimplemented!()
    }

    // ---- order syncs ---------------------------------------------------------------------

    /// T raise: orders are wanted afresh, without a delivery: reread, incomplete observation.
    pub async fn raise(
        &self,
        orders: Vec<OrderKey>,
        lane: Lane,
        due: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        unimplemented!()
    }

    /// T claim: due jobs by weighted lane, at most `limit`, none of `in_flight`, none in a lane
    /// less urgent than `least_urgent`. Writes the boot and counts the attempt.
    pub async fn claim_due(
        &self,
        channel: &ChannelId,
        limit: usize,
        in_flight: Vec<ChannelOrderId>,
        least_urgent: Lane,
        now: Timestamp,
    ) -> Result<Vec<Claim>, StoreError> {
        unimplemented!()
    }

    /// T finish: what the fetch gave, merged; the job's `done` moves to the claim's generation.
    pub async fn finish_sync(
        &self,
        kind: &'static str,
        claim: Claim,
        outcome: SyncOutcome,
        now: Timestamp,
    ) -> Result<Finished, StoreError> {
        unimplemented!()
    }

    /// T absorb: merges or queues what was read outside of a delivery, a page or a claimed job.
    pub async fn absorb(
        &self,
        channel: &ChannelId,
        kind: &'static str,
        lane: Lane,
        tidings: Vec<Tiding>,
        now: Timestamp,
    ) -> Result<Effects, StoreError> {
        unimplemented!()
    }

    /// When the next job, action or unresolved delivery of the channel is due.
    pub fn next_due(&self, channel: &ChannelId) -> Result<Option<Timestamp>, StoreError> {
        unimplemented!()
    }

    /// At start: jobs claimed by an earlier boot are due again and counted as interrupted.
    pub async fn recover_claims(&self, now: Timestamp) -> Result<u64, StoreError> {
        unimplemented!()
    }

    /// After an outage: due times of waiting jobs are spread over `span`.
    pub async fn spread_due(
        &self,
        channel: &ChannelId,
        span: std::time::Duration,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        unimplemented!()
    }

    /// Orders in one of `statuses`, placed after `placed_after`, last read before `read_before`.
    pub fn orders_to_reread(
        &self,
        channel: &ChannelId,
        statuses: &[crate::model::OrderStatus],
        placed_after: Timestamp,
        read_before: Timestamp,
        limit: usize,
    ) -> Result<Vec<OrderKey>, StoreError> {
        unimplemented!()
    }

    // ---- polls and bulk ------------------------------------------------------------------

    pub fn poll(&self, channel: &ChannelId, stream: &str) -> Result<PollState, StoreError> {
        unimplemented!()
    }

    /// T open window.
    pub async fn open_window(
        &self,
        channel: &ChannelId,
        stream: &'static str,
        window: Window,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        unimplemented!()
    }

    /// T page: tidings merged or queued (lane poll), the next page token and the largest watermark
    /// so far noted.
    pub async fn store_page(
        &self,
        channel: &ChannelId,
        kind: &'static str,
        stream: &'static str,
        page: PageIn,
        now: Timestamp,
    ) -> Result<Effects, StoreError> {
        unimplemented!()
    }

    /// T close window: the watermark moves, never backwards; the window is gone.
    pub async fn close_window(
        &self,
        channel: &ChannelId,
        stream: &'static str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        unimplemented!()
    }

    /// The running bulk sync of a channel that is still in its listing phase.
    pub fn listing_bulk(&self, channel: &ChannelId) -> Result<Option<SyncId>, StoreError> {
        unimplemented!()
    }

    /// The running bulk sync of a channel.
    pub fn running_bulk(&self, channel: &ChannelId) -> Result<Option<SyncId>, StoreError> {
        unimplemented!()
    }

    /// T page of a bulk sync (lane bulk).
    pub async fn store_bulk_page(
        &self,
        channel: &ChannelId,
        kind: &'static str,
        sync: SyncId,
        page: PageIn,
        now: Timestamp,
    ) -> Result<Effects, StoreError> {
        unimplemented!()
    }

    /// T end of listing, or of the whole sync on a failure.
    pub async fn end_bulk_listing(
        &self,
        sync: SyncId,
        failure: Option<Failure>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        unimplemented!()
    }

    pub fn sync_status(&self, sync: SyncId) -> Result<Option<SyncStatus>, StoreError> {
        unimplemented!()
    }

    // ---- connections ---------------------------------------------------------------------

    pub fn connection(&self, channel: &ChannelId) -> Result<Option<ConnectionState>, StoreError> {
        unimplemented!()
    }

    /// T connection: read, change, write; opens and closes incidents for status changes.
    pub async fn update_connection(
        &self,
        channel: &ChannelId,
        change: ConnectionChange,
        now: Timestamp,
    ) -> Result<ConnectionState, StoreError> {
        unimplemented!()
    }

    pub fn tokens(&self, channel: &ChannelId) -> Result<Option<Tokens>, StoreError> {
        unimplemented!()
    }

    /// T tokens: the new pair is on disk when this returns; only then may it be used. The
    /// generation is set by the store.
    pub async fn put_tokens(&self, channel: &ChannelId, tokens: Tokens) -> Result<Tokens, StoreError> {
        unimplemented!()
    }

    pub fn channel_counts(&self, channel: &ChannelId, today: Timestamp) -> Result<ChannelCounts, StoreError> {
        unimplemented!()
    }

    // ---- operator's commands -------------------------------------------------------------

    /// T command: executes once, and once only for the same idempotency key.
    pub async fn command(
        &self,
        command: Command,
        asked: Asked,
        now: Timestamp,
    ) -> Result<CommandAnswer, CommandError> {
        unimplemented!()
    }

    /// What `command` answered under this idempotency key, so that a repeat is answered before the
    /// request is checked against an order that has moved on. `KeyReused` for another request,
    /// `None` for a key that is new or expired.
    pub fn answered(&self, key: &(String, [u8; 32])) -> Result<Option<CommandAnswer>, CommandError> {
        unimplemented!()
    }

    // ---- actions -------------------------------------------------------------------------

    pub fn action(&self, id: ActionId) -> Result<Option<Action>, StoreError> {
        unimplemented!()
    }

    /// All actions of an order, oldest first.
    pub fn actions_of(&self, order: &OrderKey) -> Result<Vec<Action>, StoreError> {
        unimplemented!()
    }

    /// Heads of their order's queue that are due, none of `in_flight`. No write.
    pub fn due_actions(
        &self,
        channel: &ChannelId,
        limit: usize,
        in_flight: &[ActionId],
        now: Timestamp,
    ) -> Result<Vec<Action>, StoreError> {
        unimplemented!()
    }

    /// T intent: state running, attempt counted, boot noted, memo fixed. Before the call.
    pub async fn intend_action(
        &self,
        id: ActionId,
        memo: Memo,
        now: Timestamp,
    ) -> Result<Action, StoreError> {
        unimplemented!()
    }

    /// T result.
    pub async fn settle_action(
        &self,
        id: ActionId,
        result: ActionResult,
        now: Timestamp,
    ) -> Result<Action, StoreError> {
        unimplemented!()
    }

    // ---- reads for people ----------------------------------------------------------------

    pub fn order(&self, key: &OrderKey) -> Result<Option<(Order, Person)>, StoreError> {
        unimplemented!()
    }

    /// Newest first; `before` is exclusive.
    pub fn timeline(
        &self,
        key: &OrderKey,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        unimplemented!()
    }

    /// Newest first. Fast at a million orders: walks only the index rows of matching facets.
    pub fn list_orders(
        &self,
        filter: &OrderFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<OrderPage, StoreError> {
        unimplemented!()
    }

    pub fn summary(&self) -> Result<Summary, StoreError> {
        unimplemented!()
    }

    /// Changes after `after`, oldest first.
    pub fn changes(&self, after: u64, limit: usize) -> Result<ChangesPage, StoreError> {
        unimplemented!()
    }

    pub fn failures(
        &self,
        channel: Option<&ChannelId>,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Paged<FailureRow>, StoreError> {
        unimplemented!()
    }

    pub fn notifications(
        &self,
        unread_only: bool,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Paged<Notification>, StoreError> {
        unimplemented!()
    }

    /// T notify: opens an incident, or counts it up when one with the same key is open.
    pub async fn open_incident(
        &self,
        incident: Incident,
        now: Timestamp,
    ) -> Result<Notification, StoreError> {
        unimplemented!()
    }

    /// T notify: closes the open incident with this key, if there is one.
    pub async fn close_incident(
        &self,
        key: String,
        now: Timestamp,
    ) -> Result<Option<Notification>, StoreError> {
        unimplemented!()
    }

    // ---- keys ----------------------------------------------------------------------------

    /// The key with this secret. Constant time over the hash.
    pub fn authenticate(&self, secret: &str) -> Result<Option<ApiKey>, StoreError> {
        unimplemented!()
    }

    pub fn api_keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        unimplemented!()
    }

    // ---- upkeep --------------------------------------------------------------------------

    /// T prune: a bounded batch of expired delivery ids, idempotency keys, ended syncs, old
    /// changes and closed notifications. Answers whether more is left.
    pub async fn prune(&self, now: Timestamp) -> Result<bool, StoreError> {
        unimplemented!()
    }

    /// T erase: a bounded batch of orders whose retention has run out.
    pub async fn erase_due(&self, now: Timestamp) -> Result<u64, StoreError> {
        unimplemented!()
    }

    /// Erases the personal data of these orders now and renews the sealing keys, so that freed
    /// pages and old copies cannot be read any more.
    pub async fn erase(
        &self,
        who: EraseWho,
        by: Option<String>,
        now: Timestamp,
    ) -> Result<Erased, StoreError> {
        unimplemented!()
    }

    /// A consistent copy of the running store, written next to `to` and renamed. Blocking.
    pub fn backup(&self, to: &std::path::Path) -> Result<BackupReport, StoreError> {
        unimplemented!()
    }

    /// Sizes for the metrics.
    pub fn sizes(&self) -> Result<Sizes, StoreError> {
        unimplemented!()
    }
}
