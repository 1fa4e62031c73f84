//! For tests, benches and the crash suite: stores in memory, and stores filled quickly.

use std::time::Duration;

use redb::StorageBackend;
use redb::backends::InMemoryBackend;
use rust_decimal::Decimal;

use super::api_keys::KeyRow;
use super::commands::AskedRow;
use super::deliveries::Head;
use super::jobs::{self, Job};
use super::orders::Draft;
use super::tables::Tab;
use super::{
    Change, Notification, OpenError, Options, PollState, Store, StoreError, SyncStatus, codec, keys, open,
};
use crate::clock::Clock;
use crate::model::{
    Action, Address, Amounts, ConnectionState, Customer, Event, EventKind, FieldChange, FulfilledBy, Item,
    Order, OrderKey, OrderStatus, PaymentStatus, Person, SyncInfo, Timestamp, Tokens, Trigger, Version,
};
use crate::random::Random;

/// Orders written by one transaction of `fill`.
const BATCH: u64 = 1_000;

/// A store in memory whose operations are committed by their callers, without a thread, so that it
/// keeps pace with virtual time. Only its small files lie in the folder; it forgets everything
/// when it is dropped.
pub fn memory(dir: impl Into<std::path::PathBuf>, clock: Clock, random: Random) -> Result<Store, OpenError> {
    on_backend(Options::new(dir, clock, random), InMemoryBackend::new())
}

/// A store on any storage, without a thread: the crash suite drives it on storage that loses what
/// was not synced.
#[allow(clippy::needless_pass_by_value, reason = "as `Store::open`")]
pub fn on_backend(options: Options, storage: impl StorageBackend) -> Result<Store, OpenError> {
    open::inline(&options, storage)
}

/// Makes the disk look as full as this from now on.
pub fn pretend_free(store: &Store, bytes: u64) {
    store.shared.disk.pin(bytes);
}

/// Writes `count` orders of one channel as a bulk sync would leave them, numbered from `first`:
/// ten statuses and payments mixed, a hundred family names and one that every other customer has besides,
/// a minute between two orders.
pub async fn fill(
    store: &Store,
    channel: &str,
    first: u64,
    count: u64,
    newest: Timestamp,
) -> Result<(), StoreError> {
    let mut at = first;
    while at < first + count {
        let end = (at + BATCH).min(first + count);
        let channel = channel.to_owned();
        let from = at;
        store
            .write("fill", move |tx| {
                for n in from..end {
                    let back = Duration::from_mins(first + count - 1 - n);
                    let (order, person) = sample(&channel, n, newest.minus(back));
                    Draft::create(order, person, Vec::new()).save(tx)?;
                }
                Ok::<_, StoreError>(())
            })
            .await?;
        at = end;
    }
    Ok(())
}

/// Adds `count` events to an order's timeline, a minute apart, the last one at `newest`. `NotFound`
/// when there is no such order.
pub async fn tell(store: &Store, key: OrderKey, count: u32, newest: Timestamp) -> Result<(), StoreError> {
    store
        .write("tell", move |tx| {
            let mut draft = Draft::open(tx, &key)?.ok_or(StoreError::NotFound("order"))?;
            for n in 1..=count {
                let at = newest.minus(Duration::from_mins(u64::from(count - n)));
                let tag = |n: u32| Some(format!("tag-{n}"));
                let change = FieldChange { field: "tags".to_owned(), from: tag(n - 1), to: tag(n) };
                let event = Event::new(at, EventKind::Changed, Some(Trigger::Webhook), "Changed: tags");
                draft.tell(event.changes(vec![change]));
            }
            draft.save(tx).map(drop)
        })
        .await
}

const FIRST: [&str; 12] =
    ["Ana", "José", "María", "Luis", "Carmen", "Jorge", "Lucía", "Pedro", "Elena", "Raúl", "Sofía", "Iván"];

/// Reads these bytes as keys, and as the content of every kind of record. Whatever they are, they
/// are read or refused.
pub fn read_back(bytes: &[u8]) {
    let mut framed = vec![1];
    framed.extend(crc32c::crc32c(bytes).to_be_bytes());
    framed.extend(bytes);
    for record in [bytes, &framed] {
        reads::<Order>(record, Tab::Orders);
        reads::<Person>(record, Tab::Persons);
        reads::<Event>(record, Tab::Timeline);
        reads::<Change>(record, Tab::Changes);
        reads::<Job>(record, Tab::Jobs);
        reads::<Head>(record, Tab::Inbox);
        reads::<PollState>(record, Tab::Polls);
        reads::<SyncStatus>(record, Tab::Syncs);
        reads::<ConnectionState>(record, Tab::Connections);
        reads::<Tokens>(record, Tab::Tokens);
        reads::<Action>(record, Tab::Actions);
        reads::<Notification>(record, Tab::Notifications);
        reads::<KeyRow>(record, Tab::ApiKeys);
        reads::<AskedRow>(record, Tab::Asked);
    }
    let _ = jobs::cut_due(bytes);
    let mut cut = keys::Cut(bytes);
    while cut.order().is_some() || cut.time().is_some() || cut.uuid().is_some() || cut.byte().is_some() {}
}

fn reads<T: serde::de::DeserializeOwned>(record: &[u8], tab: Tab) {
    let _ = codec::decode::<T>(tab, record, record);
}

/// The `n`th order of `fill`.
pub fn sample(channel: &str, n: u64, placed_at: Timestamp) -> (Order, Person) {
    let text = format!("{channel}:{}", 5_000_000_000 + n);
    let key: OrderKey = text.parse().unwrap_or_else(|_| unreachable_key());
    let pick = |from: u64, of: usize| usize::try_from(from % of as u64).unwrap_or(0);
    let status = OrderStatus::ALL[pick(n / 3, OrderStatus::ALL.len())];
    let payment_status = PaymentStatus::ALL[pick(n / 7, PaymentStatus::ALL.len())];
    let item = |line: u64| Item {
        line_id: (n * 10 + line).to_string(),
        sku: Some(format!("SKU-{}", (n * 3 + line) % 5_000)),
        title: Some("Cotton shirt with long sleeves".to_owned()),
        variant: Some("Blue / M".to_owned()),
        quantity: 1 + u32::try_from(line).unwrap_or(0),
        unit_price: Some(Decimal::new(24_900, 2)),
        quantity_shipped: Some(0),
        quantity_cancelled: Some(0),
        quantity_refunded: Some(0),
    };
    let order = Order {
        number: format!("#{}", 1_000 + n),
        channel_kind: "shop".to_owned(),
        status,
        payment_status,
        channel_status: [("financial_status".to_owned(), payment_status.to_string())].into(),
        currency: "MXN".parse().ok(),
        amounts: Amounts { total: Some(Decimal::new(124_900, 2)), ..Amounts::default() },
        placed_at,
        items: (0..3).map(item).collect(),
        shipments: Vec::new(),
        tags: Vec::new(),
        fulfilled_by: FulfilledBy::Seller,
        facts: [("fulfillment_order".to_owned(), format!("gid-{n}"))].into(),
        version: Version { changed_at: Some(placed_at), read_at: placed_at, fetched_at: None },
        created_at: placed_at,
        stored_at: placed_at,
        told: Vec::new(),
        sync: SyncInfo { last_success_at: Some(placed_at), ..SyncInfo::default() },
        last_action: None,
        next_seq: 0,
        erased: false,
        key,
    };
    let common = if n.is_multiple_of(2) { " García" } else { "" };
    let name = format!("{} Apellido{}{common}", FIRST[pick(n / 5, FIRST.len())], n % 100);
    let person = Person {
        customer: Customer {
            name: Some(name.clone()),
            email: Some(format!("buyer{}@example.com", n % 50_000)),
            phone: Some(format!("+52 55 {:08}", n % 90_000_000)),
        },
        shipping_address: Some(Address {
            name: Some(name),
            line1: Some(format!("Calle {}", n % 500)),
            city: Some("Ciudad de México".to_owned()),
            country: Some("MX".to_owned()),
            ..Address::default()
        }),
        notes: Vec::new(),
    };
    (order, person)
}

fn unreachable_key() -> OrderKey {
    use crate::model::{ChannelId, ChannelOrderId};
    let channel = ChannelId::new("fill").unwrap_or_else(|_| std::process::abort());
    OrderKey::new(channel, ChannelOrderId::from(0))
}
