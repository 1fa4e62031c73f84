//! Accepting deliveries in groups of several sizes, and lists and searches over 20,000 orders.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a measuring tool")]

use std::sync::atomic::{AtomicU64, Ordering};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fenicia::clock::Clock;
use fenicia::model::{ChannelId, Delivery, OrderStatus, Timestamp};
use fenicia::random::Random;
use fenicia::store::{Options, OrderFilter, Store, testing};

static NEXT: AtomicU64 = AtomicU64::new(0);

fn delivery() -> Delivery {
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    Delivery {
        delivery_id: format!("bench-{n}"),
        topic: "orders/updated".to_owned(),
        notes: Vec::new(),
        body: vec![b'x'; 6_500],
        received_at: Timestamp::from_secs(1_800_000_000),
    }
}

fn store(dir: &std::path::Path) -> Store {
    Store::open(Options::new(dir, Clock::system(), Random::system())).unwrap()
}

fn accept(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let channel = ChannelId::new("shop").unwrap();
    let mut group = c.benchmark_group("accept");
    for at_once in [1u64, 16, 64] {
        group.throughput(Throughput::Elements(at_once));
        group.bench_function(BenchmarkId::from_parameter(at_once), |b| {
            b.to_async(&runtime).iter(|| async {
                let waiting: Vec<_> = (0..at_once)
                    .map(|_| {
                        let (store, channel) = (store.clone(), channel.clone());
                        tokio::spawn(
                            async move { store.accept_delivery(&channel, delivery()).await.unwrap() },
                        )
                    })
                    .collect();
                for one in waiting {
                    one.await.unwrap();
                }
            });
        });
    }
    group.finish();
}

fn read(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    runtime.block_on(testing::fill(&store, "shop", 0, 20_000, Timestamp::from_secs(1_800_000_000))).unwrap();
    let q = |q: &str| OrderFilter { q: Some(q.to_owned()), ..OrderFilter::default() };
    let filters = [
        ("newest", OrderFilter::default()),
        ("by status", OrderFilter { status: vec![OrderStatus::Shipped], ..OrderFilter::default() }),
        ("by number", q("#7000")),
        ("by name", q("maría apellido7")),
    ];
    let mut group = c.benchmark_group("list");
    for (name, filter) in filters {
        group.bench_function(name, |b| b.iter(|| store.list_orders(&filter, None, 50).unwrap()));
    }
    group.finish();
}

criterion_group!(stores, accept, read);
criterion_main!(stores);
