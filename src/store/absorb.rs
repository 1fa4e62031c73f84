//! Taking in what a delivery or a page says: merge it, or queue a fetch.

use std::collections::BTreeSet;
use std::time::Duration;

use super::jobs::{self, Want, Wanted};
use super::orders::Draft;
use super::rows::Rows;
use super::tables::Tab;
use super::txn::Txn;
use super::{
    Changed, Effects, Incident, Store, StoreError, changes, connections, deliveries, failures, incidents,
    keys, retention,
};
use crate::model::{
    Anomaly, ChannelId, ChannelOrderId, Event, EventKind, Lane, Observation, Order, OrderKey, SyncId,
    SyncState, Tiding, Timestamp, Trigger,
};
use crate::sync::{Applied, Merged, Merging, merge};

/// Webhooks come in bursts: a fetch waits this long for the rest of its burst.
const DEBOUNCE: Duration = Duration::from_millis(300);

/// No tiding may put a fetch off for longer, whatever the clock did since it was received.
const SETTLES_WITHIN: Duration = Duration::from_secs(5);

impl Store {
    /// T absorb: merges or queues what was read outside of a delivery, a page or a claimed job.
    /// Tables of orders, `jobs`, `due`.
    pub async fn absorb(
        &self,
        channel: &ChannelId,
        kind: &'static str,
        lane: Lane,
        tidings: Vec<Tiding>,
        now: Timestamp,
    ) -> Result<Effects, StoreError> {
        let channel = channel.clone();
        self.write("absorb", move |tx| {
            let mut effects = Effects::default();
            let how = How { quiet: true, ..How::listing(&channel, kind, lane.trigger(), lane, now) };
            for tiding in tidings {
                if let Absorbed::Unknown(alias) = absorb(tx, &how, tiding, &mut effects)? {
                    deliveries::keep_alias(tx, &channel, alias, &mut effects, now)?;
                }
            }
            Ok(effects)
        })
        .await
    }
}

/// The circumstances in which something is taken in.
#[derive(Clone, Copy)]
pub(super) struct How<'a> {
    pub(super) channel: &'a ChannelId,
    pub(super) kind: &'static str,
    pub(super) trigger: Trigger,
    pub(super) lane: Lane,
    pub(super) bulk: Option<SyncId>,
    /// The delivery, for one.
    pub(super) delivery: Option<Received<'a>>,
    /// The timeline says already what set the work off.
    pub(super) quiet: bool,
    /// A fetch before then is too early.
    pub(super) not_before: Option<Timestamp>,
    pub(super) now: Timestamp,
}

#[derive(Clone, Copy)]
pub(super) struct Received<'a> {
    pub(super) seq: u64,
    pub(super) topic: &'a str,
    pub(super) at: Timestamp,
}

/// What became of a tiding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Absorbed {
    /// The order is as the tiding says.
    Settled,
    /// The order will be fetched. `counted`: it was not yet counted for this bulk sync.
    Queued { counted: bool },
    /// Nothing that stands behind this name is known.
    Unknown(String),
    /// Not about one order.
    Noted,
}

impl<'a> How<'a> {
    pub(super) fn listing(
        channel: &'a ChannelId,
        kind: &'static str,
        trigger: Trigger,
        lane: Lane,
        now: Timestamp,
    ) -> Self {
        Self { channel, kind, trigger, lane, bulk: None, delivery: None, quiet: false, not_before: None, now }
    }

    fn key(&self, order: ChannelOrderId) -> OrderKey {
        OrderKey::new(self.channel.clone(), order)
    }

    fn due(&self) -> Timestamp {
        let due = if self.delivery.is_some() { self.now.plus(DEBOUNCE) } else { self.now };
        self.not_before.map_or(due, |at| at.min(self.now.plus(SETTLES_WITHIN)).max(due))
    }

    /// The line of the timeline for what set the work off.
    fn event(&self, outcome: &str) -> Option<Event> {
        let event = match self.delivery {
            Some(delivery) => Event::new(
                delivery.at,
                EventKind::WebhookReceived,
                Some(self.trigger),
                format!("Webhook {} received{outcome}", delivery.topic),
            ),
            None => Event::new(
                self.now,
                EventKind::PollSeen,
                Some(self.trigger),
                format!("Seen in the channel's list{outcome}"),
            ),
        };
        (!self.quiet).then_some(event)
    }
}

/// Takes one tiding in. A record that cannot be read costs this tiding alone: it is reported as an
/// anomaly, and what it would have written is taken back.
pub(super) fn absorb(
    tx: &mut Txn<'_>,
    how: &How<'_>,
    tiding: Tiding,
    effects: &mut Effects,
) -> Result<Absorbed, StoreError> {
    let mut own = Effects::default();
    match tx.attempt(|tx| take_in(tx, how, tiding, &mut own)) {
        Ok(absorbed) => {
            effects.add(own);
            Ok(absorbed)
        }
        Err(StoreError::Corrupt(what)) => {
            tracing::error!(channel = %how.channel, what, "a stored record cannot be read");
            effects.anomalies.push("corrupt_record".to_owned());
            Ok(Absorbed::Noted)
        }
        Err(other) => Err(other),
    }
}

fn take_in(
    tx: &mut Txn<'_>,
    how: &How<'_>,
    tiding: Tiding,
    effects: &mut Effects,
) -> Result<Absorbed, StoreError> {
    match tiding {
        Tiding::Seen(seen) => observe(tx, how, *seen, effects),
        Tiding::Hint { order, changed_at } => hint(tx, how, order, changed_at, effects),
        Tiding::Settling { order, until } => {
            let how = How { not_before: Some(until), ..*how };
            hint(tx, &how, order, None, effects)
        }
        Tiding::Alias(alias) => match order_of_alias(tx, how.channel, &alias)? {
            Some(order) => hint(tx, how, order, None, effects),
            None => Ok(Absorbed::Unknown(alias)),
        },
        other => {
            note(tx, how, other, effects)?;
            Ok(Absorbed::Noted)
        }
    }
}

fn observe(
    tx: &mut Txn<'_>,
    how: &How<'_>,
    seen: Observation,
    effects: &mut Effects,
) -> Result<Absorbed, StoreError> {
    let key = how.key(seen.order.clone());
    let stamp = seen.changed_at;
    let aliases = seen.aliases.clone();
    let draft = Draft::open(tx, &key)?;
    let merging = Merging { key: &key, channel_kind: how.kind, trigger: how.trigger, now: how.now };
    let merged = merge(draft.as_ref().map(|draft| (&draft.order, &draft.person)), seen, merging);
    if merged != Merged::Stale {
        remember_aliases(tx, &key, &aliases)?;
    }
    match (merged, draft) {
        (Merged::Stale, Some(mut draft)) => {
            effects.unchanged += 1;
            if how.delivery.is_some() {
                draft.tell_all(how.event(", older than what is stored"));
            }
            settle(tx, how, draft)?;
            Ok(Absorbed::Settled)
        }
        (Merged::Unchanged { .. }, Some(draft)) if draft.order.sync.state == SyncState::Missing => {
            queue(tx, how, &key, Some(draft), "", effects)
        }
        (Merged::Unchanged { order, incomplete }, Some(draft)) => {
            confirm(tx, how, draft, *order, incomplete, stamp, effects)
        }
        (Merged::Applied(applied), draft) => apply(tx, how, draft, *applied, stamp, effects),
        (Merged::Doubtful, Some(draft)) => queue(tx, how, &key, Some(draft), "", effects),
        (Merged::Doubtful | Merged::Stale | Merged::Unchanged { .. }, None) => {
            queue(tx, how, &key, None, "", effects)
        }
    }
}

/// The observation says what is stored.
fn confirm(
    tx: &mut Txn<'_>,
    how: &How<'_>,
    mut draft: Draft,
    mut order: Order,
    incomplete: bool,
    stamp: Option<Timestamp>,
    effects: &mut Effects,
) -> Result<Absorbed, StoreError> {
    let known = draft.order.version;
    order.sync.last_success_at = Some(how.now);
    draft.order = order;
    effects.unchanged += 1;
    // What the source leaves out was completed by the fetch of the stored stamp. Without stamps
    // nobody knows, so a delivery or a person's bulk sync is worth a fetch and a poll is not.
    let may_hide_news = match stamp {
        Some(stamp) => !known.includes(stamp),
        None => how.delivery.is_some() || how.bulk.is_some(),
    };
    if incomplete && may_hide_news {
        return fetch_later(tx, how, draft, "", effects);
    }
    if how.delivery.is_some() {
        draft.tell_all(how.event(", nothing changed"));
    }
    settle(tx, how, draft)?;
    Ok(Absorbed::Settled)
}

/// The observation is newer: its content is taken over.
fn apply(
    tx: &mut Txn<'_>,
    how: &How<'_>,
    draft: Option<Draft>,
    applied: Applied,
    stamp: Option<Timestamp>,
    effects: &mut Effects,
) -> Result<Absorbed, StoreError> {
    let Applied { order, person, created, events, fields, incomplete, anomalies } = applied;
    let key = order.key.clone();
    let job = jobs::load(tx, &key)?;
    let mut draft = match draft {
        Some(known) => Draft { order, person, ..known },
        None => Draft::create(order, person, take_events(tx, &key)?),
    };
    draft.tell_all(how.event(""));
    draft.tell_all(events);
    effects.anomalies.extend(anomalies);
    draft.order.sync.last_success_at = Some(how.now);
    if incomplete || job.as_ref().is_some_and(|job| !job.parked) {
        draft.pending();
    } else {
        draft.order.sync =
            crate::model::SyncInfo { state: SyncState::Synced, error: None, ..draft.order.sync };
        forgive(tx, &key, how.now)?;
    }
    if created || !fields.is_empty() {
        let seq = changes::append(tx, &draft.order, created, fields, how.now)?;
        effects.changed.push(changed(&draft.order, created, seq, stamp, how.now));
    }
    if incomplete {
        let wanted = jobs::want(tx, &key, want_rest(how))?;
        effects.queued += 1;
        draft.save(tx)?;
        return Ok(Absorbed::Queued { counted: wanted.counted });
    }
    settle(tx, how, draft)?;
    Ok(Absorbed::Settled)
}

/// The order is as it was said to be: a bulk sync will not count it again.
fn settle(tx: &mut Txn<'_>, how: &How<'_>, mut draft: Draft) -> Result<(), StoreError> {
    draft.order.sync.bulk = how.bulk.or(draft.order.sync.bulk);
    draft.save(tx).map(drop)
}

pub(super) fn changed(
    order: &Order,
    created: bool,
    seq: u64,
    stamp: Option<Timestamp>,
    now: Timestamp,
) -> Changed {
    Changed {
        order: order.key.clone(),
        created,
        seq,
        lag: stamp.map(|stamp| now.since(stamp)),
        status: order.status,
    }
}

/// A newer content than the one that failed: the failure is over, its parked job with it.
fn forgive(tx: &mut Txn<'_>, key: &OrderKey, now: Timestamp) -> Result<(), StoreError> {
    let subject = failures::Subject::Sync(key.clone());
    if failures::cure(tx, &subject, now)?.is_some() {
        incidents::close(tx, &format!("order:{key}"), now)?;
    }
    if let Some(job) = jobs::load(tx, key)?.filter(|job| job.parked) {
        jobs::save(tx, key, Some(&job), None)?;
    }
    Ok(())
}

/// The events that waited for this order to be stored.
pub(super) fn take_events(tx: &mut Txn<'_>, key: &OrderKey) -> Result<Vec<Event>, StoreError> {
    let Some(job) = jobs::load(tx, key)? else { return Ok(Vec::new()) };
    let told = jobs::Job { events: Vec::new(), ..job.clone() };
    jobs::save(tx, key, Some(&job), Some(&told))?;
    Ok(job.events)
}

/// The fetch of what an applied observation left out goes behind everything urgent.
fn want_rest(how: &How<'_>) -> Want {
    let lane = if how.lane == Lane::Bulk { Lane::Bulk } else { Lane::Poll };
    Want { bulk: how.bulk, ..Want::at(lane, how.due()) }
}

fn fetch_later(
    tx: &mut Txn<'_>,
    how: &How<'_>,
    mut draft: Draft,
    outcome: &str,
    effects: &mut Effects,
) -> Result<Absorbed, StoreError> {
    let Wanted { fresh, counted } = jobs::want(tx, &draft.order.key, want_rest(how))?;
    effects.queued += 1;
    if fresh || how.delivery.is_some() {
        draft.tell_all(how.event(outcome));
    }
    draft.pending();
    draft.save(tx)?;
    Ok(Absorbed::Queued { counted })
}

fn hint(
    tx: &mut Txn<'_>,
    how: &How<'_>,
    order: ChannelOrderId,
    changed_at: Option<Timestamp>,
    effects: &mut Effects,
) -> Result<Absorbed, StoreError> {
    let key = how.key(order);
    let draft = Draft::open(tx, &key)?;
    let Some(mut draft) = draft else {
        return queue(tx, how, &key, None, "", effects);
    };
    // A list that names an order which was missing proves that it is there again.
    let missing = draft.order.sync.state == SyncState::Missing;
    let is_known = !missing && changed_at.is_some_and(|said| draft.order.version.includes(said));
    if !is_known {
        return queue(tx, how, &key, Some(draft), "", effects);
    }
    effects.unchanged += 1;
    if how.delivery.is_some() {
        draft.tell_all(how.event(", its change is known already"));
    }
    settle(tx, how, draft)?;
    Ok(Absorbed::Settled)
}

/// Queues a fetch, in the lane of what set it off.
fn queue(
    tx: &mut Txn<'_>,
    how: &How<'_>,
    key: &OrderKey,
    draft: Option<Draft>,
    outcome: &str,
    effects: &mut Effects,
) -> Result<Absorbed, StoreError> {
    let waiting = jobs::load(tx, key)?.is_some_and(|job| job.is_waiting());
    let tell = how.delivery.is_some() || !waiting;
    let event = how.event(outcome).filter(|_| tell);
    let mut want = Want { bulk: how.bulk, ..Want::at(how.lane, how.due()) };
    match draft {
        Some(mut draft) => {
            draft.tell_all(event);
            draft.pending();
            draft.save(tx)?;
        }
        None => want.events.extend(event),
    }
    effects.queued += 1;
    let wanted = jobs::want(tx, key, want)?;
    Ok(Absorbed::Queued { counted: wanted.counted })
}

fn note(tx: &mut Txn<'_>, how: &How<'_>, tiding: Tiding, effects: &mut Effects) -> Result<(), StoreError> {
    match tiding {
        Tiding::PollNow => effects.poll_now = true,
        Tiding::CheckSubscriptions => effects.check_subscriptions = true,
        Tiding::Anomaly { order, anomaly } => tell_anomaly(tx, how, order, anomaly, effects)?,
        Tiding::Access { ends_at, message } => {
            connections::access_ends(tx, how.channel, ends_at, &message, how.now)?;
        }
        Tiding::Erase { orders, email } => {
            let own = how.delivery.map(|delivery| delivery.seq);
            retention::erase_asked(tx, how.channel, &orders, email.as_deref(), own, how.now)?;
            // A pending delivery that named the person was dropped; what it said is polled for.
            effects.poll_now |= email.is_some();
        }
        Tiding::EraseAll => retention::erase_channel_later(tx, how.channel, how.now)?,
        Tiding::DataRequest { orders, email, reference } => {
            request_data(tx, how, orders, email.as_deref(), &reference)?;
        }
        Tiding::Seen(_) | Tiding::Hint { .. } | Tiding::Settling { .. } | Tiding::Alias(_) => {}
    }
    Ok(())
}

fn tell_anomaly(
    tx: &mut Txn<'_>,
    how: &How<'_>,
    order: Option<ChannelOrderId>,
    anomaly: Anomaly,
    effects: &mut Effects,
) -> Result<(), StoreError> {
    let draft = order.map(|order| Draft::open(tx, &how.key(order))).transpose()?.flatten();
    if let Some(mut draft) = draft {
        if draft.order.told.contains(&anomaly.code) {
            return Ok(());
        }
        draft.order.told.push(anomaly.code.clone());
        draft.tell(Event::new(how.now, EventKind::Anomaly, Some(how.trigger), anomaly.summary));
        draft.save(tx)?;
    }
    effects.anomalies.push(anomaly.code);
    Ok(())
}

/// A customer asks for their data: a person answers. Names orders, never the customer.
fn request_data(
    tx: &mut Txn<'_>,
    how: &How<'_>,
    orders: Vec<ChannelOrderId>,
    email: Option<&str>,
    reference: &str,
) -> Result<(), StoreError> {
    let mut known: BTreeSet<OrderKey> = orders.into_iter().map(|order| how.key(order)).collect();
    if let Some(email) = email {
        let found = super::search::orders_of_email(tx, email)?;
        known.extend(found.into_iter().filter(|key| key.channel == *how.channel));
    }
    let listed: Vec<String> = known.iter().take(50).map(ToString::to_string).collect();
    let orders = if listed.is_empty() { "none stored here".to_owned() } else { listed.join(", ") };
    let incident = Incident {
        key: format!("data_request:{}:{reference}", how.channel),
        kind: "data_request",
        channel: Some(how.channel.clone()),
        order: None,
        error: None,
        message: format!(
            "A customer of {} asks which data about them is stored (request {reference}). Orders: {orders}.",
            how.channel
        ),
        advice: "Answer the customer within the legal time, usually 30 days, then mark this as read."
            .to_owned(),
    };
    incidents::open(tx, incident, how.now).map(drop)
}

pub(super) fn remember_aliases(
    tx: &mut Txn<'_>,
    key: &OrderKey,
    aliases: &[String],
) -> Result<(), StoreError> {
    for alias in aliases {
        let row = keys::alias(&key.channel, alias);
        if tx.get(Tab::Aliases, &row)?.as_deref() != Some(key.order.as_str().as_bytes()) {
            tx.put_bytes(Tab::Aliases, row, key.order.as_str().as_bytes())?;
        }
    }
    Ok(())
}

pub(super) fn order_of_alias(
    rows: &impl Rows,
    channel: &ChannelId,
    alias: &str,
) -> Result<Option<ChannelOrderId>, StoreError> {
    let found = rows.get(Tab::Aliases, &keys::alias(channel, alias))?;
    let text = found.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok());
    Ok(text.and_then(|text| ChannelOrderId::new(text).ok()))
}
