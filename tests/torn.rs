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

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fenicia::clock::Clock;
use fenicia::model::{ChannelId, ChannelOrderId, Delivery, Observation, Seen, Source, Tiding, Timestamp};
use fenicia::random::Random;
use fenicia::store::testing::on_backend;
use fenicia::store::{Options, Store, verify_running};
use redb::StorageBackend;

const SECTOR: usize = 512;

/// What a power loss leaves.
#[derive(Debug, Default)]
struct Disk {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// Sectors written since the last sync.
    dirty: BTreeSet<usize>,
    syncs: u64,
    /// The n-th call from now fails, once reached all do.
    fails_in: Option<u64>,
}

impl Disk {
    /// Some of the unsynced sectors reached the platter, others did not; the length may be either.
    fn torn(&self, random: &Random) -> Vec<u8> {
        let len = if random.below(2) == 0 { self.durable.len() } else { self.live.len() };
        let mut image = self.durable.clone();
        image.resize(len.max(self.durable.len()), 0);
        for sector in &self.dirty {
            let span = sector * SECTOR..((sector + 1) * SECTOR).min(self.live.len()).min(image.len());
            if !span.is_empty() && random.below(2) == 0 {
                image[span.clone()].copy_from_slice(&self.live[span]);
            }
        }
        image
    }

    fn call(&mut self) -> std::io::Result<()> {
        match &mut self.fails_in {
            Some(0) => Err(std::io::Error::other("the disk is broken")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Backend(Arc<Mutex<Disk>>);

impl Backend {
    fn of(image: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(Disk { live: image.clone(), durable: image, ..Disk::default() })))
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> std::io::Result<u64> {
        let mut disk = self.disk();
        disk.call()?;
        Ok(disk.live.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        let mut disk = self.disk();
        disk.call()?;
        let from = usize::try_from(offset).expect("a small disk");
        out.copy_from_slice(disk.live.get(from..from + out.len()).ok_or(std::io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> std::io::Result<()> {
        let mut disk = self.disk();
        disk.call()?;
        disk.live.resize(usize::try_from(len).expect("a small disk"), 0);
        Ok(())
    }

    fn sync_data(&self) -> std::io::Result<()> {
        let mut disk = self.disk();
        disk.call()?;
        disk.durable = disk.live.clone();
        disk.dirty.clear();
        disk.syncs += 1;
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        let mut disk = self.disk();
        disk.call()?;
        let from = usize::try_from(offset).expect("a small disk");
        let end = from + data.len();
        if disk.live.len() < end {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        disk.live[from..end].copy_from_slice(data);
        for sector in from / SECTOR..=(end - 1) / SECTOR {
            disk.dirty.insert(sector);
        }
        Ok(())
    }
}

fn channel() -> ChannelId {
    ChannelId::new("shop").expect("an id")
}

fn open(folder: &std::path::Path, backend: &Backend) -> Result<Store, fenicia::store::OpenError> {
    let start = Timestamp::from_secs(1_800_000_000);
    on_backend(Options::new(folder, Clock::starting_at(start), Random::seeded(1)), backend.clone())
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
fn check(folder: &std::path::Path, image: Vec<u8>, accepted: u64, applied: u64) {
    let backend = Backend::of(image);
    let store = open(folder, &backend).unwrap_or_else(|error| panic!("an image does not open: {error}"));
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
        let backend = Backend::default();
        let store = open(folder.path(), &backend).expect("a fresh store");
        let mut work_images = 0;
        work(&store, 0, 24, |accepted, applied| {
            for _ in 0..8 {
                let image = backend.disk().torn(&random);
                check(folder.path(), image, accepted, applied);
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
        let backend = Backend::default();
        let store = open(folder.path(), &backend).expect("a fresh store");
        let (before, _) = work(&store, 0, 3, |_, _| {}).await;
        backend.disk().fails_in = Some(n);
        let (accepted, applied) = work(&store, before, 8, |_, _| {}).await;
        drop(store);
        let image = backend.disk().torn(&Random::seeded(n));
        check(folder.path(), image, accepted, applied);
    }
}
