//! Webhook deliveries: journalled before they are answered, applied after.
//!
//! Accepting writes two rows and nothing else, because a flash sale goes through here. The body is
//! sealed on the caller's thread.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::absorb::{Absorbed, How, Received, absorb};
use super::rows::{GO_ON, Rows, STOP, Span};
use super::tables::Tab;
use super::txn::Txn;
use super::{Accepted, Effects, InboxItem, Store, StoreError, codec, connections, keys};
use crate::model::{
    ChannelId, ChannelOrderId, Delivery, Failure, FailureKind, Lane, Tiding, Timestamp, Trigger,
};

/// How long a repetition is recognised: longer than any marketplace repeats.
const REMEMBERED_FOR: Duration = Duration::from_hours(24 * 4);

/// Waits between the attempts to find out what stands behind an alias. At the end the delivery is
/// dropped and the channel polled, which finds what the delivery was about.
const RESOLVE_AGAIN: [Duration; 6] = [
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_hours(1),
    Duration::from_hours(6),
];

/// So many attempts while the channel says that it knows no such thing: it may be too new, or nothing
/// but a stranger's invention.
const NOT_FOUND_ATTEMPTS: usize = 3;

/// What is stored of a delivery beside its body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) delivery_id: String,
    pub(super) topic: String,
    pub(super) notes: Vec<(String, String)>,
    pub(super) received_at: Timestamp,
    /// How often its alias could not be resolved.
    #[serde(default)]
    pub(super) attempts: u32,
    /// All but its unknown names was applied.
    #[serde(default)]
    pub(super) applied: bool,
    /// How many names of it are unknown.
    #[serde(default)]
    pub(super) unknown: u32,
    /// It is no delivery but a name that a page mentioned.
    #[serde(default)]
    pub(super) alias: Option<String>,
}

impl Store {
    /// T accept: the delivery is on disk when this returns. Tables `inbox`, `delivery_ids`. After a
    /// crash before the answer the sender repeats and hears `Duplicate`. `DiskFull` below 256 MiB,
    /// `Busy` when the queue or the channel's backlog is full.
    pub async fn accept_delivery(
        &self,
        channel: &ChannelId,
        delivery: Delivery,
    ) -> Result<Accepted, StoreError> {
        self.shared.need_room()?;
        let row = keys::inbox(channel, self.shared.ticket());
        let now = delivery.received_at;
        let id = keys::delivery_id(channel, &delivery.delivery_id);
        let sealed = {
            let (head, body) = split(delivery);
            self.shared.keyring().seal(Tab::Inbox, &row, &pack(&head, &body)?, &self.shared.random)?
        };
        let channel = channel.clone();
        self.write("accept_delivery", move |tx| {
            let expiry = tx.number(Tab::DeliveryIds, &id)?;
            if expiry.is_some_and(|ms| Timestamp::from_millis(ms.cast_signed()) > now) {
                return Ok(Accepted::Duplicate);
            }
            if tx.backlog(&channel) >= tx.shared.backlog_max {
                return Err(StoreError::Busy);
            }
            tx.put_number(Tab::DeliveryIds, id, now.plus(REMEMBERED_FOR).as_millis().cast_unsigned())?;
            tx.put_presealed(Tab::Inbox, row, &sealed)?;
            tx.change_backlog(&channel, 1);
            Ok(Accepted::New)
        })
        .await
    }

    /// Oldest pending deliveries of a channel that are due (unresolved ones wait for their time).
    /// One that cannot be read is logged and left where it is.
    pub fn inbox(
        &self,
        channel: &ChannelId,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<InboxItem>, StoreError> {
        let rows = self.snapshot()?;
        let mut items: Vec<InboxItem> = Vec::new();
        let own = keys::Key::of(channel);
        let due = Span::prefix(own.clone().done())
            .before(own.clone().time(now.plus(Duration::from_millis(1))).done());
        for (tab, span) in [(Tab::Inbox, Span::prefix(own.done())), (Tab::Waiting, due)] {
            if items.len() == limit {
                break;
            }
            rows.walk(tab, &span, &mut |key, sealed| {
                match read_row(&rows, tab, key, sealed) {
                    Ok(item) => items.push(item),
                    Err(e) => tracing::error!(%channel, "a delivery cannot be read: {e}"),
                }
                if items.len() < limit { GO_ON } else { STOP }
            })?;
        }
        Ok(items)
    }

    /// T apply: what the deliveries say is merged or queued, their timeline lines are written and
    /// their inbox rows removed; a row with an unknown alias stays, due again later, and is
    /// reported in `Effects::unresolved`. Tables of orders, `jobs`, `due`, `inbox`, `waiting`.
    pub async fn apply_deliveries(
        &self,
        channel: &ChannelId,
        kind: &'static str,
        read: Vec<(InboxItem, Vec<Tiding>)>,
        now: Timestamp,
    ) -> Result<Effects, StoreError> {
        let channel = channel.clone();
        self.write("apply_deliveries", move |tx| {
            let mut effects = Effects::default();
            let mut last = None;
            for (item, tidings) in read {
                let received = apply(tx, &channel, kind, (item, tidings), &mut effects, now)?;
                last = last.max(received);
            }
            if let Some(last) = last {
                connections::webhook_seen(tx, &channel, last)?;
            }
            Ok(effects)
        })
        .await
    }

    /// Whether this delivery still waits for something. Tables `inbox`, `waiting_at`, `waiting`.
    pub fn has_delivery(&self, channel: &ChannelId, seq: u64) -> Result<bool, StoreError> {
        Ok(find(&self.snapshot()?, channel, seq)?.is_some())
    }

    /// T resolve: the orders behind an unresolved delivery are queued, or (`Err`) it waits longer;
    /// after six attempts the row is dropped with an anomaly and a poll, sooner and without a poll
    /// when nothing stands behind it. Tables `waiting`, `waiting_at`, `jobs`, `due`.
    pub async fn resolve_delivery(
        &self,
        channel: &ChannelId,
        seq: u64,
        orders: Result<Vec<ChannelOrderId>, Failure>,
        now: Timestamp,
    ) -> Result<Effects, StoreError> {
        let channel = channel.clone();
        self.write("resolve_delivery", move |tx| resolve(tx, &channel, seq, orders, now)).await
    }
}

fn split(delivery: Delivery) -> (Head, Vec<u8>) {
    let head = Head {
        delivery_id: delivery.delivery_id,
        topic: delivery.topic,
        notes: delivery.notes,
        received_at: delivery.received_at,
        attempts: 0,
        applied: false,
        unknown: 0,
        alias: None,
    };
    (head, delivery.body)
}

/// The length of the head, the head as JSON, the body as it came.
fn pack(head: &Head, body: &[u8]) -> Result<Vec<u8>, StoreError> {
    let mut plain = Vec::with_capacity(body.len() + 512);
    plain.extend([0; 4]);
    serde_json::to_writer(&mut plain, head).map_err(|e| StoreError::Corrupt(format!("inbox: {e}")))?;
    let length = u32::try_from(plain.len() - 4).unwrap_or(u32::MAX);
    plain[..4].copy_from_slice(&length.to_be_bytes());
    plain.extend(body);
    Ok(plain)
}

fn unpack(mut plain: Vec<u8>) -> Option<(Head, Vec<u8>)> {
    let (length, rest) = plain.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let head = serde_json::from_slice(rest.get(..length)?).ok()?;
    plain.drain(..4 + length);
    Some((head, plain))
}

fn open_row(rows: &impl Rows, tab: Tab, key: &[u8], sealed: &[u8]) -> Result<(Head, Vec<u8>), StoreError> {
    let plain = rows.keyring().open(tab, key, sealed)?;
    unpack(plain).ok_or_else(|| codec::corrupt(tab, key, "it is not a delivery"))
}

/// What is stored of a delivery beside its body.
pub(super) fn head_of(rows: &impl Rows, tab: Tab, key: &[u8], sealed: &[u8]) -> Result<Head, StoreError> {
    open_row(rows, tab, key, sealed).map(|(head, _)| head)
}

fn seq_of(tab: Tab, key: &[u8]) -> Option<u64> {
    let mut cut = keys::Cut(key);
    cut.channel()?;
    if tab == Tab::Waiting {
        cut.time()?;
    }
    cut.u64()
}

fn read_row(rows: &impl Rows, tab: Tab, key: &[u8], sealed: &[u8]) -> Result<InboxItem, StoreError> {
    let (head, body) = open_row(rows, tab, key, sealed)?;
    let seq = seq_of(tab, key).ok_or_else(|| codec::corrupt(tab, key, "its key is unknown"))?;
    let delivery = Delivery {
        delivery_id: head.delivery_id,
        topic: head.topic,
        notes: head.notes,
        body,
        received_at: head.received_at,
    };
    Ok(InboxItem { seq, delivery, attempts: head.attempts, alias: head.alias })
}

/// Where a delivery is.
struct Place {
    tab: Tab,
    key: Vec<u8>,
}

fn find(rows: &impl Rows, channel: &ChannelId, seq: u64) -> Result<Option<(Place, Vec<u8>)>, StoreError> {
    let key = keys::inbox(channel, seq);
    match rows.get(Tab::Inbox, &key)? {
        Some(sealed) => Ok(Some((Place { tab: Tab::Inbox, key }, sealed))),
        None => find_waiting(rows, channel, seq),
    }
}

fn find_waiting(
    rows: &impl Rows,
    channel: &ChannelId,
    seq: u64,
) -> Result<Option<(Place, Vec<u8>)>, StoreError> {
    let Some(due) = rows.number(Tab::WaitingAt, &keys::inbox(channel, seq))? else { return Ok(None) };
    let key = keys::waiting(channel, Timestamp::from_millis(due.cast_signed()), seq);
    let sealed = rows.get(Tab::Waiting, &key)?;
    Ok(sealed.map(|sealed| (Place { tab: Tab::Waiting, key }, sealed)))
}

fn remove(tx: &mut Txn<'_>, channel: &ChannelId, seq: u64, place: &Place) -> Result<(), StoreError> {
    if tx.remove(place.tab, &place.key)? {
        tx.change_backlog(channel, -1);
    }
    if place.tab == Tab::Waiting {
        tx.remove(Tab::WaitingAt, &keys::inbox(channel, seq))?;
    }
    Ok(())
}

/// Puts a delivery aside until `due`.
fn set_aside(
    tx: &mut Txn<'_>,
    channel: &ChannelId,
    seq: u64,
    place: &Place,
    (head, body): (&Head, &[u8]),
    due: Timestamp,
) -> Result<(), StoreError> {
    remove(tx, channel, seq, place)?;
    let key = keys::waiting(channel, due, seq);
    let sealed = tx.keyring().seal(Tab::Waiting, &key, &pack(head, body)?, tx.random())?;
    tx.put_bytes(Tab::Waiting, key, &sealed)?;
    tx.put_number(Tab::WaitingAt, keys::inbox(channel, seq), due.as_millis().cast_unsigned())?;
    tx.change_backlog(channel, 1);
    Ok(())
}

/// A page mentioned a name that nobody knows: it waits like a delivery, to be resolved.
pub(super) fn keep_alias(
    tx: &mut Txn<'_>,
    channel: &ChannelId,
    alias: String,
    effects: &mut Effects,
    now: Timestamp,
) -> Result<(), StoreError> {
    let seq = tx.ticket();
    let head = Head {
        delivery_id: format!("alias:{alias}"),
        topic: "name in a list".to_owned(),
        notes: Vec::new(),
        received_at: now,
        attempts: 0,
        applied: true,
        unknown: 1,
        alias: Some(alias.clone()),
    };
    let place = Place { tab: Tab::Inbox, key: keys::inbox(channel, seq) };
    set_aside(tx, channel, seq, &place, (&head, &[]), now.plus(RESOLVE_AGAIN[0]))?;
    effects.unresolved.push((seq, alias));
    Ok(())
}

/// The delivery as it stands now. A row in the inbox is never changed, so what was read of it holds;
/// one that waits may have been resolved in part meanwhile.
fn current(
    tx: &Txn<'_>,
    channel: &ChannelId,
    item: InboxItem,
) -> Result<Option<(Place, Head, Vec<u8>)>, StoreError> {
    let key = keys::inbox(channel, item.seq);
    if tx.has(Tab::Inbox, &key)? {
        let (head, body) = split(item.delivery);
        return Ok(Some((Place { tab: Tab::Inbox, key }, head, body)));
    }
    let Some((place, sealed)) = find_waiting(tx, channel, item.seq)? else { return Ok(None) };
    let (head, body) = open_row(tx, place.tab, &place.key, &sealed)?;
    Ok(Some((place, head, body)))
}

/// Applies one delivery; answers when it was received. One that is gone was applied before.
fn apply(
    tx: &mut Txn<'_>,
    channel: &ChannelId,
    kind: &'static str,
    (item, tidings): (InboxItem, Vec<Tiding>),
    effects: &mut Effects,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let seq = item.seq;
    let Some((place, head, body)) = current(tx, channel, item)? else {
        return Ok(None);
    };
    let how = how_of(channel, kind, seq, &head, now);
    let mut told = std::collections::BTreeSet::new();
    let mut unknown = Vec::new();
    for tiding in tidings {
        if head.applied && !matches!(tiding, Tiding::Alias(_)) {
            continue;
        }
        // One line per delivery and order: what follows about the same order is told by its events.
        let quiet = order_of(&tiding).is_some_and(|order| !told.insert(order.clone()));
        let how = How { quiet, ..how };
        if let Absorbed::Unknown(alias) = absorb(tx, &how, tiding, effects)? {
            unknown.push(alias);
        }
    }
    let received_at = head.received_at;
    if unknown.is_empty() {
        remove(tx, channel, seq, &place)?;
    } else {
        // Normally resolved at once; the time counts when nobody does.
        let due = now.plus(RESOLVE_AGAIN[0]);
        let count = u32::try_from(unknown.len()).unwrap_or(u32::MAX);
        let head = Head { applied: true, unknown: count, ..head };
        set_aside(tx, channel, seq, &place, (&head, &body), due)?;
        effects.unresolved.extend(unknown.into_iter().map(|alias| (seq, alias)));
    }
    Ok(Some(received_at))
}

fn how_of<'a>(
    channel: &'a ChannelId,
    kind: &'static str,
    seq: u64,
    head: &'a Head,
    now: Timestamp,
) -> How<'a> {
    if head.alias.is_some() {
        return How::listing(channel, kind, Trigger::Poll, Lane::Poll, now);
    }
    let delivery = Some(Received { seq, topic: &head.topic, at: head.received_at });
    How { delivery, ..How::listing(channel, kind, Trigger::Webhook, Lane::Webhook, now) }
}

fn order_of(tiding: &Tiding) -> Option<&ChannelOrderId> {
    match tiding {
        Tiding::Seen(seen) => Some(&seen.order),
        Tiding::Hint { order, .. } | Tiding::Settling { order, .. } => Some(order),
        _ => None,
    }
}

fn resolve(
    tx: &mut Txn<'_>,
    channel: &ChannelId,
    seq: u64,
    orders: Result<Vec<ChannelOrderId>, Failure>,
    now: Timestamp,
) -> Result<Effects, StoreError> {
    let mut effects = Effects::default();
    let Some((place, sealed)) = find(tx, channel, seq)? else {
        return Ok(effects);
    };
    let (head, body) = open_row(tx, place.tab, &place.key, &sealed)?;
    // Hints are not merged, so the kind of the channel does not matter.
    let how = how_of(channel, "", seq, &head, now);
    match orders {
        Ok(orders) if !orders.is_empty() => {
            for order in orders {
                absorb(tx, &how, Tiding::Hint { order, changed_at: None }, &mut effects)?;
            }
            if head.unknown <= 1 {
                remove(tx, channel, seq, &place)?;
            } else {
                let head = Head { unknown: head.unknown - 1, ..head };
                set_aside(tx, channel, seq, &place, (&head, &body), now.plus(RESOLVE_AGAIN[0]))?;
            }
        }
        Err(failure) if (head.attempts as usize) < patience(&failure) => {
            let wait = now.plus(RESOLVE_AGAIN[head.attempts as usize]);
            let due = failure.resume_at.unwrap_or(wait).max(wait);
            let head = Head { attempts: head.attempts + 1, ..head };
            set_aside(tx, channel, seq, &place, (&head, &body), due)?;
        }
        nothing => {
            remove(tx, channel, seq, &place)?;
            effects.anomalies.push("unresolved_delivery".to_owned());
            effects.poll_now = nothing.is_err_and(|failure| failure.kind != FailureKind::NotFound);
        }
    }
    Ok(effects)
}

fn patience(failure: &Failure) -> usize {
    if failure.kind == FailureKind::NotFound { NOT_FOUND_ATTEMPTS } else { RESOLVE_AGAIN.len() }
}

/// Whether `text` holds `word` by itself. Too short a word would be found everywhere.
fn names(text: &str, word: &str) -> bool {
    let alone = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    word.len() >= 6
        && text.match_indices(word).any(|(at, _)| {
            alone(text[..at].chars().next_back()) && alone(text[at + word.len()..].chars().next())
        })
}

/// Drops the pending deliveries of a channel whose body names one of `words`; all of them when
/// `words` is `None`; never `own`, which is being applied. Answers the words found.
pub(super) fn shred(
    tx: &mut Txn<'_>,
    channel: &ChannelId,
    words: Option<&[String]>,
    own: Option<u64>,
) -> Result<std::collections::BTreeSet<String>, StoreError> {
    let mut gone = Vec::new();
    let mut found = std::collections::BTreeSet::new();
    for tab in [Tab::Inbox, Tab::Waiting] {
        tx.walk(tab, &Span::prefix(keys::Key::of(channel).done()), &mut |key, sealed| {
            let Some(seq) = seq_of(tab, key).filter(|seq| Some(*seq) != own) else { return GO_ON };
            let named = match (words, open_row(tx, tab, key, sealed)) {
                (None, _) => true,
                (Some(_), Err(_)) => false,
                (Some(words), Ok((_, body))) => {
                    let text = String::from_utf8_lossy(&body);
                    let named: Vec<_> = words.iter().filter(|word| names(&text, word)).collect();
                    found.extend(named.iter().map(|word| (*word).clone()));
                    !named.is_empty()
                }
            };
            if named {
                gone.push((seq, Place { tab, key: key.to_vec() }));
            }
            GO_ON
        })?;
    }
    for (seq, place) in &gone {
        remove(tx, channel, *seq, place)?;
    }
    Ok(found)
}
