//! What deciding about one observation costs.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a measuring tool")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use fenicia::model::{
    ChannelOrderId, Native, Observation, OrderKey, OrderStatus, Seen, Source, Timestamp, Trigger,
};
use fenicia::store::testing::sample;
use fenicia::sync::{Merging, merge};

fn seen(order: &OrderKey, at: Timestamp, status: OrderStatus) -> Observation {
    let mut seen =
        Observation::empty(ChannelOrderId::new(order.order.as_str()).unwrap(), Source::Payload, at);
    seen.changed_at = Some(at);
    seen.status = Native::Known(status);
    seen.customer.name = Seen::Value("Sample Shopper".to_owned());
    seen
}

fn benches(c: &mut Criterion) {
    let placed = Timestamp::from_secs(1_800_000_000);
    let later = Timestamp::from_secs(1_800_000_060);
    let (order, person) = sample("shop", 7, placed);
    let key = order.key.clone();
    let how = Merging { key: &key, channel_kind: "shop", trigger: Trigger::Webhook, now: later };
    let mut group = c.benchmark_group("merge");
    group.bench_function("created", |b| {
        b.iter(|| merge(None, black_box(seen(&key, placed, OrderStatus::Accepted)), how));
    });
    group.bench_function("changed", |b| {
        b.iter(|| merge(Some((&order, &person)), black_box(seen(&key, later, OrderStatus::Delivered)), how));
    });
    group.bench_function("stale", |b| {
        b.iter(|| {
            merge(Some((&order, &person)), black_box(seen(&key, Timestamp::EPOCH, OrderStatus::Pending)), how)
        });
    });
    group.finish();
}

criterion_group!(merging, benches);
criterion_main!(merging);
