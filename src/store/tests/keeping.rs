//! Backups, restores, checks, and what a failing engine does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use redb::{ReadableDatabase as _, StorageBackend, backends::InMemoryBackend};

fn options(dir: &std::path::Path) -> Options {
    Options::new(dir, Clock::starting_at(start()), Random::system())
}

async fn with_orders(dir: &std::path::Path) -> Store {
    let store = Store::open(options(dir)).expect("store");
    testing::fill(&store, "tienda", 0, 50, start()).await.expect("filled");
    store.accept_delivery(&tienda(), delivery("d1", b"{}", start())).await.expect("accepted");
    store
}

#[tokio::test]
async fn a_backup_of_a_running_store_is_whole_and_comes_back() {
    let (dir, other) = (tempfile::tempdir().expect("folder"), tempfile::tempdir().expect("folder"));
    let store = with_orders(dir.path()).await;
    let file = other.path().join("copy.backup");
    let report = store.backup(&file).expect("backup");
    assert_eq!(report.orders, 50);
    testing::fill(&store, "tienda", 50, 10, start()).await.expect("filled");
    assert!(matches!(
        restore(&file, dir.path(), None, true),
        Err(RestoreError::Open(OpenError::InUse { .. }))
    ));
    let checked = verify_backup(&file, dir.path(), None).expect("checked");
    assert_eq!((checked.orders, checked.faults.as_slice()), (50, [].as_slice()));
    store.close().await;

    assert!(matches!(restore(&file, dir.path(), None, false), Err(RestoreError::NotEmpty { .. })));
    assert_eq!(restore(&file, dir.path(), None, true).expect("restored").orders, 50);
    assert!(dir.path().join("store.redb.replaced").exists());
    let store = Store::open(options(dir.path())).expect("opens");
    assert_eq!(store.summary().expect("summary").total, 50);
    assert_eq!(store.inbox(&tienda(), 10, start()).expect("inbox").len(), 1);
    assert!(*store.watch_changes().borrow() >= 1_000_000, "no number of a change comes twice");
    store.close().await;
    assert_eq!(verify(dir.path(), None, false).expect("checked").faults, []);
}

#[tokio::test]
async fn a_backup_needs_the_master_key() {
    let (dir, other) = (tempfile::tempdir().expect("folder"), tempfile::tempdir().expect("folder"));
    let store = with_orders(dir.path()).await;
    let file = other.path().join("copy.backup");
    store.backup(&file).expect("backup");
    store.close().await;
    let lost = restore(&file, other.path(), None, false);
    assert!(matches!(lost, Err(RestoreError::Open(OpenError::WrongKey { .. }))));
    let wrong = Secret::new("a key from somewhere else");
    let lost = restore(&file, other.path(), Some(&wrong), false);
    assert!(matches!(lost, Err(RestoreError::Open(OpenError::WrongKey { .. }))));
    std::fs::copy(dir.path().join("store.key"), other.path().join("store.key")).expect("key");
    restore(&file, other.path(), None, false).expect("restored");
    std::fs::write(&file, b"something else").expect("written");
    let broken = restore(&file, other.path(), None, true);
    assert!(matches!(broken, Err(RestoreError::NotABackup { .. })));
}

#[tokio::test]
async fn a_store_opens_with_its_own_key_and_format_only() {
    let dir = tempfile::tempdir().expect("folder");
    let key = |text: &str| Options { key: Some(Secret::new(text)), ..options(dir.path()) };
    let store = Store::open(key("the right key, long enough")).expect("store");
    store.close().await;
    assert!(!dir.path().join("store.key").exists());
    assert!(matches!(Store::open(key("a wrong key, long enough")), Err(OpenError::WrongKey { .. })));
    assert!(matches!(Store::open(key("short")), Err(OpenError::WeakKey)));
    assert!(matches!(Store::open(options(dir.path())), Err(OpenError::WrongKey { .. })));

    let db = redb::Database::open(dir.path().join("store.redb")).expect("engine");
    let tx = db.begin_write().expect("tx");
    tx.open_table(tables::Tab::Meta.definition())
        .expect("table")
        .insert(b"schema".as_slice(), 7_u64.to_be_bytes().as_slice())
        .expect("written");
    tx.commit().expect("commit");
    drop(db);
    let newer = Store::open(key("the right key, long enough"));
    assert!(matches!(newer, Err(OpenError::Newer { found: 7, known: 1, .. })));
}

#[tokio::test]
async fn a_spoilt_view_is_found_and_made_anew() {
    let dir = tempfile::tempdir().expect("folder");
    with_orders(dir.path()).await.close().await;
    {
        let db = redb::Database::open(dir.path().join("store.redb")).expect("engine");
        let tx = db.begin_write().expect("tx");
        tx.open_table(tables::Tab::Facets.definition()).expect("table").pop_first().expect("popped");
        tx.open_table(tables::Tab::Blind.definition()).expect("table").pop_last().expect("popped");
        tx.commit().expect("commit");
        assert!(db.begin_read().is_ok());
    }
    let faults = verify(dir.path(), None, false).expect("checked").faults;
    assert!(
        !faults.is_empty() && faults.iter().all(|f| f.invariant == "v8_views_equal_a_recount"),
        "{faults:?}"
    );
    let report = verify(dir.path(), None, true).expect("repaired");
    assert_eq!((report.repaired, report.faults.as_slice()), (true, [].as_slice()));
    assert_eq!(verify(dir.path(), None, false).expect("checked").faults, []);
}

#[tokio::test]
async fn a_spoilt_record_costs_that_record_alone_and_is_named() {
    let bench = Bench::configured().await;
    for n in ["1", "2"] {
        bench.poll(vec![tiding(seen(n, Source::Listing, bench.now, OrderStatus::Accepted))]).await;
    }
    let row = keys::order(&order_key("tienda:1"));
    let spoil = row.clone();
    bench
        .store
        .write("spoil", move |tx| tx.put_bytes(tables::Tab::Orders, spoil, b"\x01nonsense"))
        .await
        .expect("spoilt");
    let now = bench.now.plus(Duration::from_secs(5));
    let both = ["1", "2"].map(|n| tiding(seen(n, Source::Listing, now, OrderStatus::Shipped))).to_vec();
    let effects = bench.poll(both).await;
    assert_eq!(effects.anomalies, ["corrupt_record"]);
    assert_eq!(bench.order("tienda:2").status, OrderStatus::Shipped);
    assert!(matches!(bench.store.order(&order_key("tienda:1")), Err(StoreError::Corrupt(_))));
    let faults = verify_running(&bench.store).expect("checked").faults;
    assert!(faults.iter().any(|f| f.what.contains(r"orders, key tienda\x001\x00")), "{faults:?}");
    bench.store.write("mend", move |tx| tx.remove(tables::Tab::Orders, &row)).await.expect("removed");
    std::mem::forget(bench);
}

/// Storage whose writes begin to fail.
#[derive(Debug)]
struct Failing {
    inner: InMemoryBackend,
    left: Arc<AtomicU64>,
}

impl Failing {
    fn spend(&self) -> Result<(), std::io::Error> {
        let left = self.left.load(Ordering::SeqCst);
        if left == 0 {
            return Err(std::io::Error::other("the disk is gone"));
        }
        self.left.store(left - 1, Ordering::SeqCst);
        Ok(())
    }
}

impl StorageBackend for Failing {
    fn len(&self) -> Result<u64, std::io::Error> {
        self.inner.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), std::io::Error> {
        self.inner.read(offset, out)
    }
    fn set_len(&self, len: u64) -> Result<(), std::io::Error> {
        self.spend()?;
        self.inner.set_len(len)
    }
    fn sync_data(&self) -> Result<(), std::io::Error> {
        self.spend()?;
        self.inner.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> Result<(), std::io::Error> {
        self.spend()?;
        self.inner.write(offset, data)
    }
}

#[tokio::test]
async fn when_the_disk_fails_nothing_is_acknowledged_any_more() {
    for calls in [0, 1, 2, 3, 5, 8] {
        let dir = tempfile::tempdir().expect("folder");
        let left = Arc::new(AtomicU64::new(u64::MAX));
        let storage = Failing { inner: InMemoryBackend::new(), left: left.clone() };
        let store = testing::on_backend(options(dir.path()), storage).expect("store");
        left.store(calls, Ordering::SeqCst);
        let mut refused = false;
        for n in 0..40 {
            let answer = store.accept_delivery(&tienda(), delivery(&format!("d{n}"), b"x", start())).await;
            match answer {
                Ok(_) => assert!(!refused, "accepted after a failure"),
                Err(StoreError::Closed) => refused = true,
                Err(other) => panic!("{other}"),
            }
        }
        assert!(refused);
        assert!(matches!(store.ping().await, Err(StoreError::Closed)));
    }
}

#[tokio::test]
async fn a_panicking_operation_ends_the_store_loudly() {
    let dir = tempfile::tempdir().expect("folder");
    let told = Arc::new(tokio::sync::Notify::new());
    let tell = told.clone();
    let store = open::file(&options(dir.path()), Arc::new(move |_| tell.notify_one())).expect("store");
    store.accept_delivery(&tienda(), delivery("d1", b"x", start())).await.expect("accepted");
    let answer: Result<(), StoreError> = store.write("panic", |_| panic!("a fault in an operation")).await;
    assert!(matches!(answer, Err(StoreError::Closed)));
    told.notified().await;
    assert!(matches!(store.ping().await, Err(StoreError::Closed)));
    drop(store);
}

#[tokio::test]
async fn a_failed_operation_leaves_its_neighbours_alone() {
    let bench = Bench::new();
    let before = *bench.store.watch_changes().borrow();
    let failed: Result<(), StoreError> = bench
        .store
        .write("fail", |tx| {
            let (order, person) = testing::sample("tienda", 1, start());
            changes::append(tx, &order, true, Vec::new(), start())?;
            orders::Draft::create(order, person, Vec::new()).save(tx)?;
            tx.change_backlog(&tienda(), 5);
            Err(StoreError::Busy)
        })
        .await;
    assert!(matches!(failed, Err(StoreError::Busy)));
    assert_eq!(bench.store.summary().expect("summary").total, 0);
    assert_eq!(*bench.store.watch_changes().borrow(), before);
    assert!(bench.store.changes(0, 10).expect("changes").items.is_empty());
    let left = bench.store.write("look", |tx| Ok::<_, StoreError>(tx.backlog(&tienda()))).await;
    assert_eq!(left.expect("read"), 0);
}
