//! Power loss at every moment: the whole store on a disk that keeps, of what was not synced, a random
//! choice of sectors. Every image must open, hold every acknowledged operation, and be sound.
//!
//! `FENICIA_TORN_IMAGES` sets how many images are tried (default 10,000 in CI, 1,000 elsewhere).
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test says what it expects"
)]

#[path = "support/torn_disk.rs"]
mod torn_disk;

use fenicia::clock::Clock;
use fenicia::model::{ChannelId, ChannelOrderId, Delivery, Observation, Seen, Source, Tiding, Timestamp};
use fenicia::random::Random;
use fenicia::store::testing::on_backend;
use fenicia::store::{Options, Store, verify_running};

use torn_disk::{Calls, TornDisk};

fn channel() -> ChannelId {
    ChannelId::new("shop").expect("an id")
}

fn open(folder: &std::path::Path, disk: &TornDisk) -> Result<Store, fenicia::store::OpenError> {
    let start = Timestamp::from_secs(1_800_000_000);
    on_backend(Options::new(folder, Clock::starting_at(start), Random::seeded(1)), disk.clone())
}

fn delivery(n: u64) -> Delivery {
    Delivery {
        delivery_id: format!("delivery-{n}"),
        topic: "orders/updated".to_owned(),
        notes: Vec::new(),
        body: format!("{{\"order\":{n},\"padding\":\"{}\"}}", "x".repeat(700)).into_bytes(),
        received_at: Timestamp::from_secs(1_800_000_000),
    }
}

fn seen(n: u64) -> Tiding {
    let order = ChannelOrderId::from(n);
    let now = Timestamp::from_secs(1_800_000_000 + i64::try_from(n).expect("small"));
    let mut seen = Observation::empty(order, Source::Payload, now);
    seen.changed_at = Some(now);
    seen.placed_at = Some(now);
    seen.number = Some(format!("#{n}"));
    seen.customer.name = Seen::Value(format!("Sample Shopper {n}"));
    Tiding::Seen(Box::new(seen))
}

/// Accepts and applies deliveries, counting what was acknowledged, until the disk breaks or `count`
/// are through. `tear` is called after each operation.
async fn work(store: &Store, from: u64, count: u64, mut tear: impl FnMut(u64, u64)) -> (u64, u64) {
    let (mut accepted, mut applied) = (from, from);
    for n in from..from + count {
        if store.accept_delivery(&channel(), delivery(n)).await.is_err() {
            break;
        }
        accepted = n + 1;
        tear(accepted, applied);
        let now = Timestamp::from_secs(1_800_000_100);
        let Ok(items) = store.inbox(&channel(), 16, now) else { break };
        let read = items.into_iter().map(|item| (item, vec![seen(n)])).collect();
        if store.apply_deliveries(&channel(), "test", read, now).await.is_err() {
            break;
        }
        applied = n + 1;
        tear(accepted, applied);
    }
    (accepted, applied)
}

/// Opens an image and checks that it is sound and holds what was acknowledged.
fn check(folder: &std::path::Path, disk: &TornDisk, accepted: u64, applied: u64) {
    let store = open(folder, disk).unwrap_or_else(|error| panic!("an image does not open: {error}"));
    let report = verify_running(&store).expect("readable");
    assert_eq!(report.faults, [], "with {accepted} accepted and {applied} applied");
    for n in 0..applied {
        let key = format!("shop:{n}").parse().expect("a key");
        assert!(store.order(&key).expect("readable").is_some(), "order {n} of {applied} is gone");
    }
    let pending = store.inbox(&channel(), 16, Timestamp::MAX).expect("readable").len() as u64;
    let held = report.orders + pending;
    assert!(held >= accepted, "{accepted} accepted, {} applied and {pending} pending found", report.orders);
}

fn images() -> u64 {
    let default = if std::env::var_os("CI").is_some() { 10_000 } else { 1_000 };
    std::env::var("FENICIA_TORN_IMAGES").ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

#[tokio::test]
async fn every_torn_image_opens_and_holds_what_was_acknowledged() {
    let images = images();
    let random = Random::seeded(7);
    let mut tried = 0;
    while tried < images {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = TornDisk::default();
        let store = open(folder.path(), &disk).expect("a fresh store");
        let mut work_images = 0;
        work(&store, 0, 24, |accepted, applied| {
            for _ in 0..8 {
                check(folder.path(), &disk.after_power_loss(&random), accepted, applied);
                work_images += 1;
            }
        })
        .await;
        tried += work_images;
    }
    eprintln!("{tried} images");
}

/// The disk breaks at the n-th call, for every n: nothing that was acknowledged before is lost.
#[tokio::test]
async fn a_disk_that_breaks_at_the_nth_call_loses_nothing_acknowledged() {
    let most = if std::env::var_os("CI").is_some() { 400 } else { 60 };
    for n in 0..most {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = TornDisk::default();
        let store = open(folder.path(), &disk).expect("a fresh store");
        let (before, _) = work(&store, 0, 3, |_, _| {}).await;
        disk.breaks_after(n, Calls::All);
        let (accepted, applied) = work(&store, before, 8, |_, _| {}).await;
        drop(store);
        check(folder.path(), &disk.after_power_loss(&Random::seeded(n)), accepted, applied);
    }
}
