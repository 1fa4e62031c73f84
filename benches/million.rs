//! What the store promises in figures: pages of lists and searches at a million orders, durable
//! acceptance of webhooks, start-up after a kill.
//!
//! `cargo bench --bench million`; `ORDERS=100000` for a smaller store, `STORE=/path` to keep it.
//! The disk decides about durable rates: compare with the raw syncs measured beside them.

#![allow(clippy::expect_used, reason = "a bench that cannot go on stops")]
#![allow(clippy::disallowed_methods, reason = "a bench measures real time")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fenicia::clock::Clock;
use fenicia::model::{ChannelId, Delivery, OrderKey, OrderStatus, PaymentStatus, Source, Tiding, Timestamp};
use fenicia::model::{Native, Observation};
use fenicia::random::Random;
use fenicia::store::{Options, OrderFilter, Store, testing};

fn main() {
    let orders = std::env::var("ORDERS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let kept = std::env::var_os("STORE").map(PathBuf::from);
    let folder = tempfile::tempdir().expect("folder");
    let dir = kept.unwrap_or_else(|| folder.path().to_owned());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    runtime.block_on(run(&dir, orders));
}

fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").expect("standard output");
}

fn options(dir: &Path) -> Options {
    Options {
        cache_bytes: 128 << 20,
        backlog_max: u64::MAX,
        ..Options::new(dir, Clock::system(), Random::system())
    }
}

fn open(dir: &Path) -> Store {
    let begun = Instant::now();
    let store = Store::open(options(dir)).expect("store");
    say(&format!("open                    {:>9.1?}", begun.elapsed()));
    store
}

async fn run(dir: &Path, orders: u64) {
    let now = Clock::system().now();
    let store = open(dir);
    let there = store.summary().expect("summary").total;
    if there < orders {
        let begun = Instant::now();
        for (channel, share) in [("tienda", 6), ("amazon-mx", 3), ("walmart", 1)] {
            testing::fill(&store, channel, 0, orders * share / 10, now).await.expect("filled");
        }
        let rate = f64::from(u32::try_from(orders).unwrap_or(u32::MAX)) / begun.elapsed().as_secs_f64();
        say(&format!("fill {orders} orders: {:.1?}, {rate:.0}/s", begun.elapsed()));
    }
    let sizes = store.sizes().expect("sizes");
    say(&format!("file {} MiB", sizes.file_bytes >> 20));
    lists(&store, now);
    syncs(dir);
    accept(&store, 1).await;
    accept(&store, 16).await;
    accept(&store, 64).await;
    accept(&store, 256).await;
    apply(&store, now).await;
    store.close().await;
    open(dir).close().await;
}

/// Twenty pages each, from different places.
fn lists(store: &Store, now: Timestamp) {
    let tienda = ChannelId::new("tienda").expect("channel");
    let all = OrderFilter::default();
    let q = |text: &str| OrderFilter { q: Some(text.to_owned()), ..all.clone() };
    let cases = [
        ("everything", all.clone()),
        ("one status", OrderFilter { status: vec![OrderStatus::Accepted], ..all.clone() }),
        (
            "channel+status+payment",
            OrderFilter {
                channel: Some(tienda),
                status: vec![OrderStatus::Shipped],
                payment_status: vec![PaymentStatus::Refunded],
                ..all.clone()
            },
        ),
        (
            "placed in a past week",
            OrderFilter {
                placed_after: Some(now.minus(Duration::from_hours(24 * 60))),
                placed_before: Some(now.minus(Duration::from_hours(24 * 53))),
                ..all.clone()
            },
        ),
        (
            "updated lately",
            OrderFilter { updated_after: Some(now.minus(Duration::from_hours(5))), ..all.clone() },
        ),
        ("q number", q("#101234")),
        ("q number, short", q("10")),
        ("q sku", q("sku-777")),
        ("q e-mail", q("buyer777@example.com")),
        ("q phone", q("55 00000777")),
        ("q first name", q("josé")),
        ("q both names", q("josé apellido42")),
        ("q names+status", OrderFilter { status: vec![OrderStatus::Pending], ..q("maría apellido7") }),
        ("q names that never meet", q("ana apellido1 apellido2")),
    ];
    for (name, filter) in cases {
        let mut spans = Vec::new();
        let mut cursor = None;
        let mut found = 0;
        for _ in 0..20 {
            let begun = Instant::now();
            let page = store.list_orders(&filter, cursor.as_deref(), 50).expect("page");
            spans.push(begun.elapsed());
            found += page.orders.len();
            cursor = page.next;
        }
        spans.sort();
        say(&format!("list {name:<24} p50 {:>9.1?}  max {:>9.1?}  ({found} found)", spans[10], spans[19]));
    }
    let begun = Instant::now();
    store.summary().expect("summary");
    say(&format!("summary                 {:>9.1?}", begun.elapsed()));
}

/// Raw appends with a sync each, as the measure for durable rates.
fn syncs(dir: &Path) {
    let path = dir.join("syncs.tmp");
    let mut file = std::fs::File::create(&path).expect("file");
    let begun = Instant::now();
    let mut count = 0_u32;
    while begun.elapsed() < Duration::from_secs(2) {
        file.write_all(&[7; 4_096]).expect("written");
        file.sync_data().expect("synced");
        count += 1;
    }
    std::fs::remove_file(path).expect("removed");
    say(&format!("raw syncs               {:>9.0}/s", f64::from(count) / begun.elapsed().as_secs_f64()));
}

async fn accept(store: &Store, callers: u32) {
    let channel = ChannelId::new("tienda").expect("channel");
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for caller in 0..callers {
        let (store, channel) = (store.clone(), channel.clone());
        tasks.spawn(async move {
            let mut spans = Vec::new();
            for n in 0_u32.. {
                if begun.elapsed() > Duration::from_secs(3) {
                    break;
                }
                let delivery = Delivery {
                    delivery_id: format!("{callers}-{caller}-{n}-{begun:?}"),
                    topic: "orders/updated".to_owned(),
                    notes: Vec::new(),
                    body: vec![b'x'; 6_504],
                    received_at: Clock::system().now(),
                };
                let asked = Instant::now();
                store.accept_delivery(&channel, delivery).await.expect("accepted");
                spans.push(asked.elapsed());
            }
            spans
        });
    }
    let mut spans: Vec<Duration> = tasks.join_all().await.into_iter().flatten().collect();
    spans.sort();
    let rate = f64::from(u32::try_from(spans.len()).unwrap_or(0)) / begun.elapsed().as_secs_f64();
    let at = |percent: usize| spans[spans.len() * percent / 100];
    say(&format!("accept, {callers:>3} callers {rate:>9.0}/s  p50 {:>9.1?}  p99 {:>9.1?}", at(50), at(99)));
}

/// What was accepted is applied: half of it new orders, half changes of stored ones.
async fn apply(store: &Store, now: Timestamp) {
    let channel = ChannelId::new("tienda").expect("channel");
    let begun = Instant::now();
    let mut count = 0_u32;
    while begun.elapsed() < Duration::from_secs(5) {
        let pending = store.inbox(&channel, 100, now.plus(Duration::from_hours(1))).expect("inbox");
        if pending.is_empty() {
            break;
        }
        let read = pending.into_iter().enumerate().map(|(n, item)| {
            let number = if n % 2 == 0 { 5_000_000_000 + u64::from(count) + n as u64 } else { item.seq };
            let key: OrderKey = format!("tienda:{number}").parse().expect("key");
            let seen = Observation {
                changed_at: Some(now.plus(Duration::from_secs(1))),
                status: Native::Known(OrderStatus::Delivered),
                payment_status: Native::Known(PaymentStatus::Paid),
                placed_at: Some(now),
                ..Observation::empty(key.order, Source::Payload, now)
            };
            (item, vec![Tiding::Seen(Box::new(seen))])
        });
        let read: Vec<_> = read.collect();
        count += u32::try_from(read.len()).unwrap_or(0);
        store.apply_deliveries(&channel, "shop", read, now).await.expect("applied");
    }
    say(&format!("apply                   {:>9.0}/s", f64::from(count) / begun.elapsed().as_secs_f64()));
}
