//! Syncs that somebody asked for, of one order or of a whole channel, and how they are getting on.

use std::collections::BTreeMap;

use super::absorb::{Absorbed, How, absorb, order_of_alias};
use super::rows::{GO_ON, Rows, STOP, Span};
use super::tables::Tab;
use super::txn::Txn;
use super::{
    Effects, PageIn, Store, StoreError, SyncPhase, SyncRunState, SyncStatus, codec, deliveries, jobs, keys,
};
use crate::model::{
    ChannelId, Failure, Lane, Order, OrderKey, SyncError, SyncId, Tiding, Timestamp, Trigger,
};

/// So many of a bulk sync's failed orders are named.
const FAILED_NAMED: usize = 200;
/// So many syncs are looked at for the last ones of whole channels.
const LOOKED_BACK: usize = 2_000;
/// How long an ended sync can be asked for.
const KEPT_FOR: std::time::Duration = std::time::Duration::from_hours(24 * 7);

impl Store {
    /// The running bulk sync of a channel. Table `bulk`.
    pub fn running_bulk(&self, channel: &ChannelId) -> Result<Option<SyncId>, StoreError> {
        running(&self.snapshot()?, channel)
    }

    /// The running bulk sync of a channel that is still in its listing phase.
    pub fn listing_bulk(&self, channel: &ChannelId) -> Result<Option<SyncId>, StoreError> {
        let rows = self.snapshot()?;
        let Some(sync) = running(&rows, channel)? else { return Ok(None) };
        let listing = load(&rows, sync)?.is_some_and(|status| status.phase == SyncPhase::Listing);
        Ok(listing.then_some(sync))
    }

    /// T page of a bulk sync (lane bulk). Nothing happens when the sync has ended.
    pub async fn store_bulk_page(
        &self,
        channel: &ChannelId,
        kind: &'static str,
        sync: SyncId,
        page: PageIn,
        now: Timestamp,
    ) -> Result<Effects, StoreError> {
        let channel = channel.clone();
        self.write("store_bulk_page", move |tx| {
            let mut effects = Effects::default();
            let Some(status) = load(tx, sync)?.filter(is_under_way) else { return Ok(effects) };
            let listing = How::listing(&channel, kind, Trigger::Bulk, Lane::Bulk, now);
            let (mut found, mut done) = (0, 0);
            for tiding in page.tidings {
                let known = is_counted(tx, &status, &tiding)?;
                let how = How { bulk: (!known).then_some(sync), ..listing };
                match absorb(tx, &how, tiding, &mut effects)? {
                    _ if known => {}
                    Absorbed::Settled => (found, done) = (found + 1, done + 1),
                    Absorbed::Queued { counted: true } => found += 1,
                    Absorbed::Queued { counted: false } | Absorbed::Noted => {}
                    Absorbed::Unknown(alias) => {
                        deliveries::keep_alias(tx, &channel, alias, &mut effects, now)?;
                    }
                }
            }
            let Some(mut status) = load(tx, sync)? else { return Ok(effects) };
            status.found += found;
            status.done += done;
            status.token = page.next;
            status.total = page.total.or(status.total);
            status.boot = tx.boot();
            save_bulk(tx, status, now)?;
            Ok(effects)
        })
        .await
    }

    /// T end of listing, or of the whole sync on a failure. Tables `syncs`, `bulk`.
    pub async fn end_bulk_listing(
        &self,
        sync: SyncId,
        failure: Option<Failure>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("end_bulk_listing", move |tx| {
            let Some(mut status) = load(tx, sync)?.filter(|s| s.state == SyncRunState::Running) else {
                return Ok(());
            };
            status.phase = SyncPhase::Syncing;
            status.token = None;
            match failure {
                Some(failure) => end(tx, status, SyncRunState::Failed, Some(failure.to_error(None)), now),
                None => save_bulk(tx, status, now),
            }
        })
        .await
    }

    /// The newest bulk sync of each channel, ended or not, among the newest syncs. Table `syncs`.
    pub fn last_bulks(&self) -> Result<BTreeMap<ChannelId, SyncId>, StoreError> {
        let mut last = BTreeMap::new();
        let mut looked = 0;
        self.snapshot()?.walk(Tab::Syncs, &Span::all().backwards(), &mut |key, bytes| {
            let status: SyncStatus = codec::decode(Tab::Syncs, key, bytes)?;
            if status.order.is_none() {
                last.entry(status.channel).or_insert(status.id);
            }
            looked += 1;
            if looked < LOOKED_BACK { GO_ON } else { STOP }
        })?;
        Ok(last)
    }

    /// How a sync of either kind is getting on; `None` for one that never was or ended long ago.
    pub fn sync_status(&self, sync: SyncId) -> Result<Option<SyncStatus>, StoreError> {
        load(&self.snapshot()?, sync)
    }
}

fn row(sync: SyncId) -> Vec<u8> {
    sync.0.as_bytes().to_vec()
}

pub(super) fn load(rows: &impl Rows, sync: SyncId) -> Result<Option<SyncStatus>, StoreError> {
    rows.record(Tab::Syncs, &row(sync))
}

pub(super) fn is_running(rows: &impl Rows, sync: SyncId) -> Result<bool, StoreError> {
    Ok(load(rows, sync)?.is_some_and(|status| is_under_way(&status)))
}

fn is_under_way(status: &SyncStatus) -> bool {
    status.state == SyncRunState::Running
}

pub(super) fn running(rows: &impl Rows, channel: &ChannelId) -> Result<Option<SyncId>, StoreError> {
    let id = rows.get(Tab::Bulk, &keys::Key::of(channel).done())?;
    Ok(id.and_then(|id| uuid::Uuid::from_slice(&id).ok()).map(SyncId))
}

/// The bulk sync has counted the order of this tiding already: lists overlap, move while they are
/// read, and are begun anew. Of failed orders, those that it names.
fn is_counted(tx: &mut Txn<'_>, status: &SyncStatus, tiding: &Tiding) -> Result<bool, StoreError> {
    let SyncStatus { id: sync, channel, .. } = status;
    let order = match tiding {
        Tiding::Seen(seen) => Some(seen.order.clone()),
        Tiding::Hint { order, .. } => Some(order.clone()),
        Tiding::Alias(alias) => order_of_alias(tx, channel, alias)?,
        _ => None,
    };
    let Some(order) = order else { return Ok(false) };
    let key = OrderKey::new(channel.clone(), order);
    let row = keys::order(&key);
    let in_step = match tx.record::<Order>(Tab::Orders, &row) {
        Ok(order) => order.is_some_and(|order| order.sync.bulk == Some(*sync)),
        // Told where the order is taken in.
        Err(StoreError::Corrupt(_)) => false,
        Err(error) => return Err(error),
    };
    if in_step || status.failed_orders.contains(&key) {
        return Ok(true);
    }
    Ok(jobs::load(tx, &key)?.is_some_and(|job| job.bulk.is_some_and(|bulk| bulk.sync == *sync)))
}

/// A new sync; of a whole channel when `order` is `None`.
pub(super) fn start(
    tx: &mut Txn<'_>,
    channel: &ChannelId,
    order: Option<OrderKey>,
    since: Option<Timestamp>,
    by: &str,
    now: Timestamp,
) -> Result<SyncId, StoreError> {
    let id = SyncId(tx.uuid(now));
    let bulk = order.is_none();
    let status = SyncStatus {
        id,
        channel: channel.clone(),
        order,
        state: SyncRunState::Running,
        phase: if bulk { SyncPhase::Listing } else { SyncPhase::Syncing },
        since,
        started_by: Some(by.to_owned()),
        started_at: now,
        ended_at: None,
        found: u64::from(!bulk),
        done: 0,
        failed: 0,
        total: None,
        token: None,
        boot: tx.boot(),
        error: None,
        failed_orders: Vec::new(),
    };
    tx.put(Tab::Syncs, row(id), &status)?;
    if bulk {
        tx.put_bytes(Tab::Bulk, keys::Key::of(channel).done(), id.0.as_bytes())?;
    }
    Ok(id)
}

/// The sync that somebody waits for has its answer.
pub(super) fn settle(
    tx: &mut Txn<'_>,
    sync: SyncId,
    error: Option<SyncError>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(mut status) = load(tx, sync)?.filter(|s| s.state == SyncRunState::Running) else {
        return Ok(());
    };
    let state = if error.is_none() { SyncRunState::Done } else { SyncRunState::Failed };
    status.done = u64::from(error.is_none());
    status.failed = u64::from(error.is_some());
    end(tx, status, state, error, now)
}

/// One order of a bulk sync has its result.
pub(super) fn count(
    tx: &mut Txn<'_>,
    sync: SyncId,
    order: &OrderKey,
    well: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(mut status) = load(tx, sync)?.filter(|s| s.state == SyncRunState::Running) else {
        return Ok(());
    };
    status.done += u64::from(well);
    status.failed += u64::from(!well);
    if !well && status.failed_orders.len() < FAILED_NAMED {
        status.failed_orders.push(order.clone());
    }
    save_bulk(tx, status, now)
}

/// A bulk sync is done when its listing has ended and every order has its result.
fn save_bulk(tx: &mut Txn<'_>, status: SyncStatus, now: Timestamp) -> Result<(), StoreError> {
    if status.phase == SyncPhase::Syncing && status.done + status.failed >= status.found {
        return end(tx, status, SyncRunState::Done, None, now);
    }
    tx.put(Tab::Syncs, row(status.id), &status)
}

/// Ends a sync. What it queued is cleared away by the claims.
pub(super) fn end(
    tx: &mut Txn<'_>,
    mut status: SyncStatus,
    state: SyncRunState,
    error: Option<SyncError>,
    now: Timestamp,
) -> Result<(), StoreError> {
    status.state = state;
    status.error = error;
    status.ended_at = Some(now);
    if running(tx, &status.channel)? == Some(status.id) {
        tx.remove(Tab::Bulk, &keys::Key::of(&status.channel).done())?;
    }
    tx.put(Tab::Syncs, row(status.id), &status)
}

/// Removes at most `limit` syncs that ended long ago. Ids are in the order of their start.
pub(super) fn prune(tx: &mut Txn<'_>, limit: usize, now: Timestamp) -> Result<usize, StoreError> {
    let mut gone = Vec::new();
    tx.walk(Tab::Syncs, &Span::all(), &mut |key, bytes| {
        let status: SyncStatus = codec::decode(Tab::Syncs, key, bytes)?;
        if now.since(status.started_at) < KEPT_FOR || gone.len() == limit {
            return STOP;
        }
        if status.ended_at.is_some_and(|ended| now.since(ended) >= KEPT_FOR) {
            gone.push(key.to_vec());
        }
        GO_ON
    })?;
    for key in &gone {
        tx.remove(Tab::Syncs, key)?;
    }
    Ok(gone.len())
}
