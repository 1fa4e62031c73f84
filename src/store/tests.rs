//! The store's operations as its callers see them.

use std::time::Duration;

use super::*;
use crate::model::*;

mod accepting;
mod acting;
mod asking;
mod erasing;
mod golden;
mod keeping;
mod listing;
mod model;
mod sessions;
mod syncing;
mod telling;
mod torn;

/// A store in memory under a clock that stands still unless a test moves it.
struct Bench {
    store: Store,
    dir: tempfile::TempDir,
    now: Timestamp,
}

const KIND: &str = "shop";

fn start() -> Timestamp {
    Timestamp::parse("2026-11-20T12:00:00Z").expect("time")
}

/// Whatever a test did, the invariants hold.
impl Drop for Bench {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(verify_running(&self.store).expect("checked").faults, []);
        }
    }
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("folder");
        let store =
            testing::memory(dir.path(), Clock::starting_at(start()), Random::seeded(7)).expect("store");
        Self { store, dir, now: start() }
    }

    /// With channel `tienda` configured.
    async fn configured() -> Self {
        let bench = Self::new();
        bench.configure("tienda").await;
        bench
    }

    async fn configure(&self, channel: &str) {
        let change =
            ConnectionChange::Configured { kind: KIND, enabled: true, credentials: "first".to_owned() };
        self.store.update_connection(&channel_id(channel), change, self.now).await.expect("configured");
    }

    fn later(&mut self, secs: u64) -> Timestamp {
        self.now = self.now.plus(Duration::from_secs(secs));
        self.now
    }

    async fn deliver(&self, id: &str, tidings: Vec<Tiding>) -> Effects {
        let channel = tienda();
        let accepted = self.store.accept_delivery(&channel, delivery(id, b"{}", self.now)).await;
        assert_eq!(accepted.expect("accepted"), Accepted::New);
        let item = self.store.inbox(&channel, 10, self.now).expect("inbox").pop().expect("pending");
        self.store.apply_deliveries(&channel, KIND, vec![(item, tidings)], self.now).await.expect("applied")
    }

    async fn poll(&self, tidings: Vec<Tiding>) -> Effects {
        let page = PageIn { tidings, ..PageIn::default() };
        self.store.store_page(&tienda(), KIND, "orders", page, self.now).await.expect("page")
    }

    /// A bulk sync that has just begun.
    async fn bulk(&self) -> SyncId {
        let asked = Command::SyncChannel { channel: tienda(), since: start() };
        let CommandAnswer::Sync(sync) = self.store.command(asked, by("ana"), self.now).await.expect("asked")
        else {
            panic!("a sync")
        };
        sync
    }

    /// A page of a bulk sync.
    async fn list(&self, sync: SyncId, tidings: Vec<Tiding>) {
        let page = PageIn { tidings, ..PageIn::default() };
        self.store.store_bulk_page(&tienda(), KIND, sync, page, self.now).await.expect("page");
    }

    async fn claim(&self) -> Vec<Claim> {
        self.store.claim_due(&tienda(), 10, Vec::new(), Lane::Bulk, self.now).await.expect("claims")
    }

    async fn claim_one(&self) -> Claim {
        let mut claims = self.claim().await;
        assert_eq!(claims.len(), 1, "{claims:?}");
        claims.pop().expect("one claim")
    }

    async fn finish(&self, claim: Claim, outcome: SyncOutcome) -> Finished {
        self.store.finish_sync(KIND, claim, outcome, self.now).await.expect("finished")
    }

    fn order(&self, key: &str) -> Order {
        self.store.order(&order_key(key)).expect("read").expect("stored").0
    }

    fn kinds(&self, key: &str) -> Vec<&'static str> {
        let mut events = self.store.timeline(&order_key(key), None, 100).expect("timeline");
        events.reverse();
        assert!(events.iter().enumerate().all(|(n, event)| event.seq == n as u64), "gap in {events:?}");
        events.iter().map(|event| event.kind.as_str()).collect()
    }
}

fn tienda() -> ChannelId {
    channel_id("tienda")
}

fn channel_id(text: &str) -> ChannelId {
    ChannelId::new(text).expect("channel")
}

fn order_key(text: &str) -> OrderKey {
    text.parse().expect("order key")
}

fn order_id(text: &str) -> ChannelOrderId {
    ChannelOrderId::new(text).expect("order id")
}

fn delivery(id: &str, body: &[u8], at: Timestamp) -> Delivery {
    Delivery {
        delivery_id: id.to_owned(),
        topic: "orders/updated".to_owned(),
        notes: vec![("shop".to_owned(), "x".to_owned())],
        body: body.to_vec(),
        received_at: at,
    }
}

/// A whole order as a delivery or a page says it.
fn seen(order: &str, source: Source, changed: Timestamp, status: OrderStatus) -> Observation {
    Observation {
        changed_at: Some(changed),
        number: Some(format!("#{order}")),
        status: Native::Known(status),
        payment_status: Native::Known(PaymentStatus::Paid),
        placed_at: Some(start().minus(Duration::from_hours(1))),
        customer: CustomerSeen {
            name: Seen::Value("Ana Núñez".to_owned()),
            email: Seen::Value("ana@example.com".to_owned()),
            phone: Seen::Value("+52 55 1234 5678".to_owned()),
        },
        ..Observation::empty(order_id(order), source, changed)
    }
}

fn tiding(seen: Observation) -> Tiding {
    Tiding::Seen(Box::new(seen))
}

fn hint(order: &str) -> Tiding {
    Tiding::Hint { order: order_id(order), changed_at: None }
}

fn found(seen: Observation) -> SyncOutcome {
    SyncOutcome::Found(Box::new(seen))
}

fn by(name: &str) -> Asked {
    Asked { by: name.to_owned(), key: None }
}
