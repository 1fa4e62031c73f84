//! Erasing personal data: on a person's request, on a marketplace's, or when its time has run out.
//!
//! An erased order stays, without its person, and takes no personal data in again. What was
//! sealed becomes unreadable for good when the sealing keys are renewed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::time::Duration;

use super::jobs::{self, Want};
use super::orders::Draft;
use super::rows::{GO_ON, Rows, STOP, Span};
use super::tables::Tab;
use super::txn::Txn;
use super::{EraseWho, Erased, Store, StoreError, actions, changes, deliveries, keys, renewal, search};
use crate::model::{ChannelId, ChannelOrderId, Event, EventKind, Lane, OrderKey, Person, Timestamp, Trigger};

/// Orders erased by one transaction.
const BATCH: usize = 200;
/// Row of `meta` for a channel that is being erased as a whole.
const CHANNEL_MARK: &str = "erase_channel";

impl Store {
    /// How long the personal data of a channel's orders lives after their end; `None`: for ever.
    /// Told at start and with each reload; `erase_due` obeys it.
    pub fn set_retention(&self, channel: &ChannelId, span: Option<Duration>) {
        let mut spans = self.shared.retention.write().unwrap_or_else(PoisonError::into_inner);
        match span {
            Some(span) => spans.insert(channel.clone(), span),
            None => spans.remove(channel),
        };
    }

    /// T erase: a bounded batch of orders whose retention has run out, or whose channel is to be
    /// erased. Answers how many; 0 when nothing is left.
    pub async fn erase_due(&self, now: Timestamp) -> Result<u64, StoreError> {
        let spans = self.shared.retention.read().unwrap_or_else(PoisonError::into_inner).clone();
        self.write("erase_due", move |tx| {
            let mut count = erase_marked_channels(tx, now)?;
            for (channel, span) in &spans {
                for key in run_out(tx, channel, now.minus(*span), BATCH)? {
                    count += u64::from(erase_order(tx, &key, None, None, now)?);
                }
            }
            Ok(count)
        })
        .await
    }

    /// Erases the personal data of these orders now and renews the sealing keys, so that freed
    /// pages and old copies cannot be read any more. A backup made earlier is readable as long as
    /// it exists. Takes seconds at a million orders; killed in between, it is safe to repeat.
    pub async fn erase(
        &self,
        who: EraseWho,
        by: Option<String>,
        now: Timestamp,
    ) -> Result<Erased, StoreError> {
        let found = self.orders_of(&who)?;
        let mut orders = Vec::new();
        for batch in found.chunks(BATCH) {
            let (batch, by) = (batch.to_vec(), by.clone());
            let erased = self.write("erase", move |tx| {
                let mut erased = Vec::new();
                for key in batch {
                    if erase_order(tx, &key, by.clone(), Some(Trigger::Manual), now)? {
                        erased.push(key);
                    }
                }
                Ok::<_, StoreError>(erased)
            });
            orders.extend(erased.await?);
        }
        let pending = self.pending_of(&who, &found)?;
        self.write("erase_pending", move |tx| {
            for (channel, words) in &pending {
                shred_pending(tx, channel, words.as_deref(), None, now)?;
            }
            ask_for_renewal(tx)
        })
        .await?;
        renewal::renew(self, true, now).await?;
        Ok(Erased { orders, keys_dropped: true })
    }

    fn orders_of(&self, who: &EraseWho) -> Result<Vec<OrderKey>, StoreError> {
        let rows = self.snapshot()?;
        match who {
            EraseWho::Orders(orders) => Ok(orders.clone()),
            EraseWho::Email(email) => search::orders_of_email(&rows, email),
            EraseWho::Channel(channel) => persons_of(&rows, channel, usize::MAX),
        }
    }

    /// The words by which pending deliveries about `who` are found, per channel.
    fn pending_of(
        &self,
        who: &EraseWho,
        orders: &[OrderKey],
    ) -> Result<BTreeMap<ChannelId, Option<Vec<String>>>, StoreError> {
        if let EraseWho::Channel(channel) = who {
            return Ok(BTreeMap::from([(channel.clone(), None)]));
        }
        let mut pending: BTreeMap<ChannelId, Option<Vec<String>>> = BTreeMap::new();
        for key in orders {
            let words = pending.entry(key.channel.clone()).or_insert_with(|| Some(Vec::new()));
            words.get_or_insert_default().push(key.order.to_string());
        }
        if let EraseWho::Email(email) = who {
            let rows = self.snapshot()?;
            for (row, _) in rows.rows(Tab::Connections, &Span::all(), usize::MAX)? {
                if let Some(channel) = keys::Cut(&row).channel() {
                    let words = pending.entry(channel).or_insert_with(|| Some(Vec::new()));
                    words.get_or_insert_default().push(email.clone());
                }
            }
        }
        Ok(pending)
    }
}

/// Erases one order; answers whether there was anything to erase.
pub(super) fn erase_order(
    tx: &mut Txn<'_>,
    key: &OrderKey,
    by: Option<String>,
    trigger: Option<Trigger>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(mut draft) = Draft::open(tx, key)? else { return Ok(false) };
    actions::scrub(tx, key)?;
    if draft.order.erased && draft.person == Person::default() {
        return Ok(false);
    }
    draft.order.erased = true;
    draft.person = Person::default();
    draft.tell(Event::new(now, EventKind::Erased, trigger, "Personal data erased").by(by));
    let fields = ["customer", "shipping_address", "notes"].map(str::to_owned).to_vec();
    changes::append(tx, &draft.order, false, fields, now)?;
    draft.save(tx)?;
    Ok(true)
}

/// A marketplace asks for these orders, and for everyone with this address, to be erased.
pub(super) fn erase_asked(
    tx: &mut Txn<'_>,
    channel: &ChannelId,
    orders: &[ChannelOrderId],
    email: Option<&str>,
    own: Option<u64>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut found: BTreeSet<OrderKey> =
        orders.iter().map(|order| OrderKey::new(channel.clone(), order.clone())).collect();
    if let Some(email) = email {
        let of_email = search::orders_of_email(tx, email)?;
        found.extend(of_email.into_iter().filter(|key| key.channel == *channel));
    }
    for key in &found {
        erase_order(tx, key, None, Some(Trigger::Webhook), now)?;
    }
    let words: Vec<String> =
        found.iter().map(|key| key.order.to_string()).chain(email.map(str::to_owned)).collect();
    shred_pending(tx, channel, Some(&words), own, now)?;
    ask_for_renewal(tx)
}

/// Drops pending deliveries that name erased people. An order that one of them was about is
/// fetched instead.
fn shred_pending(
    tx: &mut Txn<'_>,
    channel: &ChannelId,
    words: Option<&[String]>,
    own: Option<u64>,
    now: Timestamp,
) -> Result<(), StoreError> {
    for word in deliveries::shred(tx, channel, words, own)? {
        if let Ok(order) = ChannelOrderId::new(&word) {
            let key = OrderKey::new(channel.clone(), order);
            if tx.has(Tab::Orders, &keys::order(&key))? {
                jobs::want_order(tx, &key, Want::at(Lane::Webhook, now))?;
            }
        }
    }
    Ok(())
}

/// The whole channel is to be erased: begun here, finished by `erase_due`.
pub(super) fn erase_channel_later(
    tx: &mut Txn<'_>,
    channel: &ChannelId,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.put_number(Tab::Meta, channel_mark(channel), now.as_millis().cast_unsigned())?;
    erase_marked_channels(tx, now).map(drop)
}

fn channel_mark(channel: &ChannelId) -> Vec<u8> {
    keys::Key::new().text(CHANNEL_MARK).text(channel.as_str()).done()
}

fn erase_marked_channels(tx: &mut Txn<'_>, now: Timestamp) -> Result<u64, StoreError> {
    let mut count = 0;
    for (mark, _) in tx.rows(Tab::Meta, &Span::prefix(keys::Key::new().text(CHANNEL_MARK).done()), BATCH)? {
        let mut cut = keys::Cut(&mark);
        cut.text();
        let Some(channel) = cut.channel() else { continue };
        let persons = persons_of(tx, &channel, BATCH)?;
        for key in &persons {
            count += u64::from(erase_order(tx, key, None, Some(Trigger::Webhook), now)?);
        }
        if persons.len() < BATCH {
            tx.remove(Tab::Meta, &mark)?;
            ask_for_renewal(tx)?;
        }
    }
    Ok(count)
}

/// Orders of a channel that have personal data.
fn persons_of(rows: &impl Rows, channel: &ChannelId, limit: usize) -> Result<Vec<OrderKey>, StoreError> {
    let mut found = Vec::new();
    rows.walk(Tab::Persons, &Span::prefix(keys::Key::of(channel).done()), &mut |key, _| {
        found.extend(keys::Cut(key).order());
        if found.len() < limit { GO_ON } else { STOP }
    })?;
    Ok(found)
}

/// Orders that came to their end before `before`.
fn run_out(
    rows: &impl Rows,
    channel: &ChannelId,
    before: Timestamp,
    limit: usize,
) -> Result<Vec<OrderKey>, StoreError> {
    let own = keys::Key::of(channel);
    let span = Span::prefix(own.clone().done()).before(own.time(before).done());
    let mut found = Vec::new();
    rows.walk(Tab::Retention, &span, &mut |key, _| {
        let mut cut = keys::Cut(key);
        let order = cut.channel().and_then(|channel| {
            cut.time()?;
            Some(OrderKey::new(channel, cut.order_id()?))
        });
        found.extend(order);
        if found.len() < limit { GO_ON } else { STOP }
    })?;
    Ok(found)
}

/// The sealing keys are to be renewed soon, not only with the week.
fn ask_for_renewal(tx: &mut Txn<'_>) -> Result<(), StoreError> {
    tx.put_number(Tab::Meta, renewal::WANTED.to_vec(), 1)
}
