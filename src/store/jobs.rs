//! The coalescing row of an order that is wanted afresh.
//!
//! However many triggers ask for an order, it has one row with a *wanted* and a *done* generation.
//! A run satisfies the generation it saw when it was claimed. Rows live only while there is work.

use serde::{Deserialize, Serialize};

use super::orders::Draft;
use super::rows::{GO_ON, Rows, Span};
use super::tables::Tab;
use super::txn::Txn;
use super::{Incident, Store, StoreError, incidents, keys};
use crate::model::{Event, Lane, OrderKey, SyncId, SyncState, Timestamp};

/// Events kept for an order that is not stored yet; later ones are dropped.
const EVENTS: usize = 40;
/// After so many interruptions in a row an order is run alone on its channel.
const SUSPECT_AFTER: u32 = 3;
/// After so many it is what kills the process: it waits, and the operator is told.
const POISON_AFTER: u32 = 5;
/// How long it waits then.
const POISON_WAIT: std::time::Duration = std::time::Duration::from_hours(1);

/// A row of `jobs`. While it is not parked, exactly one row of `due` leads to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Job {
    /// Generation of the newest trigger; larger than `done` as long as the row exists.
    pub(super) wanted: u64,
    pub(super) done: u64,
    pub(super) lane: Lane,
    pub(super) due: Timestamp,
    /// Failed for good: due again when somebody asks.
    #[serde(default)]
    pub(super) parked: bool,
    /// Runs since the last success.
    #[serde(default)]
    pub(super) attempts: u32,
    /// Runs in a row that were killed.
    #[serde(default)]
    pub(super) interrupted: u32,
    /// How often an order that is not stored was not found, or the order was read without some of its
    /// parts.
    #[serde(default)]
    pub(super) misses: u32,
    #[serde(default)]
    pub(super) run: Option<Run>,
    #[serde(default)]
    pub(super) by: Option<String>,
    /// The beginning of the timeline of an order that is not stored yet.
    #[serde(default)]
    pub(super) events: Vec<Event>,
    /// Syncs that somebody waits for.
    #[serde(default)]
    pub(super) waiters: Vec<Waiter>,
    /// The bulk sync that listed the order.
    #[serde(default)]
    pub(super) bulk: Option<Waiter>,
}

/// A run under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) boot: u64,
    pub(super) seen: u64,
    /// Lane and due time of what was asked for since it began.
    #[serde(default)]
    pub(super) next: Option<(Lane, Timestamp)>,
}

/// A sync that is settled when its generation is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Waiter {
    pub(super) sync: SyncId,
    pub(super) generation: u64,
}

/// A row of `started`: what must be known of a run without reading its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Running {
    pub(super) boot: u64,
    pub(super) lane: Lane,
    /// It was interrupted so often that nothing else of its channel runs beside it.
    pub(super) alone: bool,
}

impl Running {
    fn of(job: &Job) -> Option<Self> {
        let run = job.run.as_ref()?;
        Some(Self { boot: run.boot, lane: job.lane, alone: job.is_suspect() })
    }

    fn to_number(self) -> u64 {
        (self.boot << 4) | (self.lane as u64) << 1 | u64::from(self.alone)
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let number = u64::from_be_bytes(bytes.try_into().ok()?);
        let lane = *Lane::ALL.get(usize::try_from((number >> 1) & 7).ok()?)?;
        Some(Self { boot: number >> 4, lane, alone: number & 1 == 1 })
    }
}

/// A trigger.
#[derive(Clone, Debug)]
pub(super) struct Want {
    pub(super) lane: Lane,
    pub(super) due: Timestamp,
    pub(super) by: Option<String>,
    pub(super) bulk: Option<SyncId>,
    pub(super) waiter: Option<SyncId>,
    /// For the timeline, when the order is not stored yet.
    pub(super) events: Vec<Event>,
}

impl Want {
    pub(super) fn at(lane: Lane, due: Timestamp) -> Self {
        Self { lane, due, by: None, bulk: None, waiter: None, events: Vec::new() }
    }
}

/// What a trigger met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// No run was waiting to begin already.
    pub(super) fresh: bool,
    /// The order was not yet counted for this bulk sync.
    pub(super) counted: bool,
}

impl Job {
    fn new(want: &Want) -> Self {
        Self {
            wanted: 0,
            done: 0,
            lane: want.lane,
            due: want.due,
            parked: false,
            attempts: 0,
            interrupted: 0,
            misses: 0,
            run: None,
            by: None,
            events: Vec::new(),
            waiters: Vec::new(),
            bulk: None,
        }
    }

    /// A run will begin that has not begun yet.
    pub(super) fn is_waiting(&self) -> bool {
        !self.parked && self.run.as_ref().is_none_or(|run| self.wanted > run.seen)
    }

    /// Killed so often that it may be what kills the process.
    pub(super) fn is_suspect(&self) -> bool {
        self.interrupted >= SUSPECT_AFTER
    }

    pub(super) fn add_events(&mut self, events: Vec<Event>) {
        let room = EVENTS.saturating_sub(self.events.len());
        self.events.extend(events.into_iter().take(room));
    }
}

pub(super) fn load(rows: &impl Rows, key: &OrderKey) -> Result<Option<Job>, StoreError> {
    rows.record(Tab::Jobs, &keys::order(key))
}

/// Writes the row and keeps `due` and `started` in step with it. `before` is the row as it is
/// stored.
pub(super) fn save(
    tx: &mut Txn<'_>,
    key: &OrderKey,
    before: Option<&Job>,
    after: Option<&Job>,
) -> Result<(), StoreError> {
    let row = keys::order(key);
    let due_row = |job: &Job| (!job.parked).then(|| keys::due(key, job.lane, job.due));
    let (old, new) = (before.and_then(due_row), after.and_then(due_row));
    if old != new {
        if let Some(old) = old {
            tx.remove(Tab::Due, &old)?;
        }
        if let Some(new) = new {
            tx.put_bytes(Tab::Due, new, &[])?;
        }
    }
    match (before.and_then(Running::of), after.and_then(Running::of)) {
        (had, Some(run)) if had != Some(run) => tx.put_number(Tab::Started, row.clone(), run.to_number())?,
        (Some(_), None) => drop(tx.remove(Tab::Started, &row)?),
        _ => {}
    }
    match after {
        Some(job) if before != Some(job) => tx.put(Tab::Jobs, row, job),
        None if before.is_some() => tx.remove(Tab::Jobs, &row).map(drop),
        _ => Ok(()),
    }
}

/// Asks for a run. The caller tells the stored order that it is pending.
pub(super) fn want(tx: &mut Txn<'_>, key: &OrderKey, want: Want) -> Result<Wanted, StoreError> {
    let before = load(tx, key)?;
    let mut job = before.clone().unwrap_or_else(|| Job::new(&want));
    let fresh = before.is_none() || !job.is_waiting();
    job.wanted = tx.ticket();
    if job.parked {
        job = Job { parked: false, attempts: 0, lane: want.lane, due: want.due, ..job };
    } else if let Some(run) = &mut job.run {
        let next = run.next.get_or_insert((want.lane, want.due));
        *next = (next.0.min(want.lane), next.1.min(want.due));
    } else {
        job.lane = job.lane.min(want.lane);
        job.due = job.due.min(want.due);
    }
    job.by = want.by.or(job.by);
    job.add_events(want.events);
    job.waiters.extend(want.waiter.map(|sync| Waiter { sync, generation: job.wanted }));
    let counted = want.bulk.is_some() && job.bulk.map(|waiter| waiter.sync) != want.bulk;
    if let Some(sync) = want.bulk {
        job.bulk = Some(Waiter { sync, generation: job.wanted });
    }
    save(tx, key, before.as_ref(), Some(&job))?;
    Ok(Wanted { fresh, counted })
}

/// Asks for a run of an order that may be stored, and marks it pending.
pub(super) fn want_order(tx: &mut Txn<'_>, key: &OrderKey, asked: Want) -> Result<Wanted, StoreError> {
    let wanted = want(tx, key, asked)?;
    if let Some(mut draft) = Draft::open(tx, key)? {
        draft.pending();
        draft.save(tx)?;
    }
    Ok(wanted)
}

/// No work for the order is due any more: a stored order that was pending is as it was.
pub(super) fn rest(tx: &mut Txn<'_>, key: &OrderKey) -> Result<(), StoreError> {
    let Some(mut draft) = Draft::open(tx, key)? else { return Ok(()) };
    if draft.order.sync.state == SyncState::Pending {
        let failed = draft.order.sync.error.is_some();
        draft.order.sync.state = if failed { SyncState::Failed } else { SyncState::Synced };
        draft.save(tx)?;
    }
    Ok(())
}

impl Store {
    /// T raise: orders are wanted afresh, without a delivery: reread, incomplete observation.
    /// Tables `jobs`, `due`, `orders`.
    pub async fn raise(
        &self,
        orders: Vec<OrderKey>,
        lane: Lane,
        due: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("raise", move |tx| {
            for key in &orders {
                want_order(tx, key, Want::at(lane, due.max(now)))?;
            }
            Ok(())
        })
        .await
    }

    /// At start: jobs claimed by an earlier boot are due again and counted as interrupted. Tables
    /// `started`, `jobs`, `due`. Answers how many.
    pub async fn recover_claims(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.write("recover_claims", move |tx| {
            let boot = tx.boot();
            let mut dead = Vec::new();
            tx.walk(Tab::Started, &Span::all(), &mut |key, value| {
                if Running::from_bytes(value).is_none_or(|running| running.boot != boot) {
                    dead.extend(keys::Cut(key).order());
                }
                GO_ON
            })?;
            let mut count = 0;
            for key in &dead {
                if let Some(job) = load(tx, key)? {
                    let again = interrupted(job.clone(), now);
                    save(tx, key, Some(&job), Some(&again))?;
                    if again.interrupted >= POISON_AFTER {
                        incidents::open(tx, poison(key), now)?;
                    }
                    count += 1;
                } else {
                    tx.remove(Tab::Started, &keys::order(key))?;
                }
            }
            Ok(count)
        })
        .await
    }

    /// After an outage: what became due meanwhile, and what a failure has put off, is due again,
    /// spread over `span`. At most 5,000 at a time.
    pub async fn spread_due(
        &self,
        channel: &crate::model::ChannelId,
        span: std::time::Duration,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const MOST: usize = 5_000;
        let channel = channel.clone();
        self.write("spread_due", move |tx| {
            let mut waiting = Vec::new();
            for lane in [Lane::Webhook, Lane::Poll, Lane::Bulk] {
                let due = Span::prefix(keys::lane(&channel, lane).done());
                waiting.extend(tx.rows(Tab::Due, &due, MOST - waiting.len())?);
            }
            let count = u32::try_from(waiting.len().max(1)).unwrap_or(u32::MAX);
            let step = span / count;
            for (n, (row, _)) in (0_u32..).zip(waiting) {
                let Some(key) = cut_due(&row).map(|(_, _, key)| key) else { continue };
                let due = now.plus(step * n);
                // What waits for another reason, such as for more news, goes on waiting for it.
                let moves =
                    |job: &Job| job.run.is_none() && (job.due <= now || (job.attempts > 0 && due < job.due));
                if let Some(job) = load(tx, &key)?.filter(moves) {
                    save(tx, &key, Some(&job), Some(&Job { due, ..job.clone() }))?;
                }
            }
            Ok(())
        })
        .await
    }
}

/// A run was killed: due at once, in its lane or the more urgent one asked for since.
pub(super) fn interrupted(mut job: Job, now: Timestamp) -> Job {
    let next = job.run.take().and_then(|run| run.next);
    job.lane = next.map_or(job.lane, |(lane, _)| lane.min(job.lane));
    job.interrupted += 1;
    job.due = if job.interrupted >= POISON_AFTER { now.plus(POISON_WAIT) } else { now };
    job
}

fn poison(key: &OrderKey) -> Incident {
    Incident {
        key: format!("order:{key}"),
        kind: "sync_failed",
        channel: Some(key.channel.clone()),
        order: Some(key.clone()),
        error: None,
        message: format!("fenicia stopped {POISON_AFTER} times while it was reading order {key}."),
        advice: "It is tried again each hour. Look into the log for what happens, and report it.".to_owned(),
    }
}

/// A row of `due`.
pub(super) fn cut_due(row: &[u8]) -> Option<(Lane, Timestamp, OrderKey)> {
    let mut cut = keys::Cut(row);
    let channel = cut.channel()?;
    let lane = *Lane::ALL.get(usize::from(cut.byte()?))?;
    let due = cut.time()?;
    Some((lane, due, OrderKey::new(channel, cut.order_id()?)))
}
