//! What operators do with an order: ship it whole, in parts, correct its number, cancel it, two of
//! them at once, while answers get lost and the daemon is killed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use fenicia::model::{Action, ActionId, ActionRequest, ActionState, Order, ShipLine};
use fenicia::random::Random;
use fenicia::sandbox::{Fault, Wish, WishLine};
use tokio::task::JoinSet;

use super::ledger::{Entry, Tally, Wanted};
use super::rows::Row;
use super::shop::Shop;

#[derive(Clone, Copy, Debug)]
enum Story {
    Whole,
    Parts,
    Corrected,
    Cancelled,
    /// One operator ships, the other cancels.
    Race,
    /// Two operators ask for the very same shipment.
    Twins,
    /// Two operators ship different units.
    Shared,
}

const STORIES: [Story; 8] = [
    Story::Whole,
    Story::Parts,
    Story::Corrected,
    Story::Cancelled,
    Story::Race,
    Story::Parts,
    Story::Twins,
    Story::Shared,
];

struct Stage {
    shop: Shop,
    row: &'static Row,
    random: Random,
    numbers: AtomicU64,
    refused: AtomicUsize,
    spoilt: AtomicUsize,
}

/// At least `wanted` actions.
pub async fn tell(row: &'static Row, wanted: usize, seed: u64) -> Tally {
    let stage = Arc::new(Stage {
        shop: Shop::open(row.kind, seed).await,
        row,
        random: Random::seeded(seed + 1),
        numbers: AtomicU64::new(0),
        refused: AtomicUsize::new(0),
        spoilt: AtomicUsize::new(0),
    });
    let mut tally = Tally::default();
    let mut nth = 0;
    while tally.asked < wanted && tally.faults.len() < 10 {
        let mut under_way = JoinSet::new();
        for _ in 0..row.at_once {
            let stage = Arc::clone(&stage);
            under_way.spawn(async move { stage.order(nth).await });
            nth += 1;
        }
        let killer = tokio::spawn(kill_now_and_then(Arc::clone(&stage)));
        let mut entries = Vec::new();
        while let Some(told) = under_way.join_next().await {
            entries.extend(told.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic())));
        }
        killer.abort();
        drop(killer.await);
        stage.settle_down(&entries).await;
        tally.settle(&stage.shop, row, &entries);
    }
    tally.refused = stage.refused.load(Ordering::Relaxed);
    tally.spoilt = stage.spoilt.load(Ordering::Relaxed);
    tally.kills = stage.shop.kills.load(Ordering::Relaxed);
    tally.calls = stage.shop.kit().effects.call_counts().values().sum();
    tally.faults.extend(stage.shop.is_sound());
    let breaches = stage.shop.kit().violations.all();
    tally
        .faults
        .extend(breaches.iter().map(|own| format!("{} at {}: {}", own.rule, own.request, own.detail)));
    tally
}

async fn kill_now_and_then(stage: Arc<Stage>) {
    loop {
        tokio::time::sleep(Duration::from_millis(50 + stage.random.below(9_000))).await;
        stage.shop.kill().await;
    }
}

impl Stage {
    async fn order(&self, nth: usize) -> Vec<Entry> {
        let Some(order) = self.place(nth) else { return Vec::new() };
        let shown = self.shop.read(&order).await;
        let story = STORIES[nth % STORIES.len()];
        let units: Vec<ShipLine> = shown
            .items
            .iter()
            .map(|item| ShipLine { line_id: item.line_id.clone(), quantity: item.quantity })
            .collect();
        match story {
            Story::Whole => self.whole(&order, &units).await,
            Story::Parts => self.parts(&order, &units).await,
            Story::Corrected => self.corrected(&order, &units).await,
            Story::Cancelled => self.cancelled(&order).await,
            Story::Race => self.race(&order, &units).await,
            Story::Twins => self.twins(&order, &units).await,
            Story::Shared => self.shared(&order, &units).await,
        }
    }

    fn place(&self, nth: usize) -> Option<String> {
        let sorts = self.row.flavours.len() + 1;
        let flavour = self.row.flavours.get(nth % (sorts * 2)).map(|own| (*own).to_owned());
        let line = |sku: &str, quantity| WishLine {
            sku: sku.to_owned(),
            title: None,
            variant: None,
            quantity,
            unit_price: "12.50".to_owned(),
        };
        let lines = vec![line("EFFECT-A", 3), line("EFFECT-B", 2)];
        let wish = Wish { flavour, paid: Some(true), lines, ..Wish::default() };
        self.shop.stand().place(&wish).ok()
    }

    fn number(&self) -> String {
        format!("1Z999AA{:09}", self.numbers.fetch_add(1, Ordering::Relaxed))
    }

    /// Half of the calls for this go wrong in some way, most of them after they have acted.
    fn mischief(&self, request: &ActionRequest) {
        let operations = match request {
            ActionRequest::Ship { .. } => self.row.ships,
            ActionRequest::Tracking { .. } => self.row.tracks,
            ActionRequest::Cancel { .. } | ActionRequest::Acknowledge => self.row.cancels,
        };
        let fault = match self.random.below(20) {
            0 | 1 => Fault::ResetAfter,
            2 | 3 => Fault::TimeoutAfter,
            4 => Fault::HtmlAfter,
            5 => Fault::GarbageAfter,
            6 => Fault::Truncated,
            7 => Fault::CutAnswer,
            8 => Fault::Status { status: 503 },
            9 => Fault::ResetBefore,
            10 => Fault::Status { status: 500 },
            11 => {
                self.shop.spoil(self.row.reads, &Fault::Status { status: 503 });
                Fault::ResetAfter
            }
            12 => {
                self.shop.spoil(self.row.reads, &Fault::GarbageAfter);
                return;
            }
            _ => return,
        };
        self.spoilt.fetch_add(1, Ordering::Relaxed);
        self.shop.spoil(operations, &fault);
    }

    /// Asks and waits for the end. `None`: refused at once.
    async fn act(&self, order: &str, request: ActionRequest, wanted: Wanted) -> Option<Entry> {
        self.mischief(&request);
        let key = format!("key-{}", self.numbers.fetch_add(1, Ordering::Relaxed));
        let Ok(id) = self.shop.ask(order, &request, &key).await else {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        let (action, stored) = self.ended(id, order).await;
        let shown_at_once = match &wanted {
            Wanted::Ship { number, .. } | Wanted::Track { number } => {
                stored.shipments.iter().any(|parcel| parcel.tracking_number.as_ref() == Some(number))
            }
            Wanted::Cancel => stored.status.to_string() == "cancelled",
        };
        let why = action.error.map(|error| format!("{}: {}", error.kind, error.message));
        Some(Entry { order: order.to_owned(), wanted, state: action.state, why, shown_at_once })
    }

    async fn ended(&self, id: ActionId, order: &str) -> (Action, Order) {
        let over = |action: &Action| {
            matches!(action.state, ActionState::Done | ActionState::Failed | ActionState::Unknown)
        };
        let what = format!("the action {id} of {order} ends");
        self.shop
            .until(&what, || {
                let action = self.shop.action(id).filter(over)?;
                Some((action, self.shop.order(order)?))
            })
            .await
    }

    async fn ship(&self, order: &str, number: &str, items: &[ShipLine]) -> Option<Entry> {
        let request = ActionRequest::Ship {
            carrier: self.shop.carrier(order),
            tracking_number: Some(number.to_owned()),
            tracking_url: Some(format!("https://track.example.com/{number}")),
            items: items.to_vec(),
        };
        let units = items.iter().map(|line| u64::from(line.quantity)).sum();
        self.act(order, request, Wanted::Ship { number: number.to_owned(), units }).await
    }

    async fn cancel(&self, order: &str) -> Option<Entry> {
        let stored = self.shop.order(order);
        let abilities = stored.and_then(|stored| self.shop.abilities(&stored));
        let reasons = abilities.map(|abilities| abilities.cancel.reasons).unwrap_or_default();
        let nth = usize::try_from(self.random.below(reasons.len().max(1) as u64)).unwrap_or(0);
        let Some(choice) = reasons.get(nth) else {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        let request = ActionRequest::Cancel { reason: choice.reason, note: None };
        self.act(order, request, Wanted::Cancel).await
    }

    async fn whole(&self, order: &str, units: &[ShipLine]) -> Vec<Entry> {
        self.ship(order, &self.number(), units).await.into_iter().collect()
    }

    /// Each unit of the first line in a parcel of its own, then all that is left.
    async fn parts(&self, order: &str, units: &[ShipLine]) -> Vec<Entry> {
        let Some(first) = units.first() else { return Vec::new() };
        let one = [ShipLine { line_id: first.line_id.clone(), quantity: 1 }];
        let mut entries: Vec<Entry> = self.ship(order, &self.number(), &one).await.into_iter().collect();
        if entries.is_empty() {
            // Whole orders only.
            return self.whole(order, units).await;
        }
        entries.extend(self.ship(order, &self.number(), &one).await);
        let rest: Vec<ShipLine> = self.shop.order(order).map(|stored| left(&stored)).unwrap_or_default();
        if !rest.is_empty() {
            entries.extend(self.ship(order, &self.number(), &rest).await);
        }
        entries
    }

    async fn corrected(&self, order: &str, units: &[ShipLine]) -> Vec<Entry> {
        let mut entries = self.whole(order, units).await;
        let stored = self.shop.order(order);
        let Some(parcel) = stored.and_then(|stored| stored.shipments.into_iter().next()) else {
            return entries;
        };
        let number = self.number();
        let request = ActionRequest::Tracking {
            carrier: parcel.carrier.unwrap_or_else(|| "UPS".to_owned()),
            tracking_number: number.clone(),
            tracking_url: Some(format!("https://track.example.com/{number}")),
            shipment_id: Some(parcel.shipment_id),
        };
        entries.extend(self.act(order, request, Wanted::Track { number }).await);
        entries
    }

    async fn cancelled(&self, order: &str) -> Vec<Entry> {
        self.cancel(order).await.into_iter().collect()
    }

    async fn race(&self, order: &str, units: &[ShipLine]) -> Vec<Entry> {
        let number = self.number();
        let (shipped, cancelled) = tokio::join!(self.ship(order, &number, units), self.cancel(order));
        shipped.into_iter().chain(cancelled).collect()
    }

    async fn twins(&self, order: &str, units: &[ShipLine]) -> Vec<Entry> {
        let number = self.number();
        let (one, two) = tokio::join!(self.ship(order, &number, units), self.ship(order, &number, units));
        one.into_iter().chain(two).collect()
    }

    async fn shared(&self, order: &str, units: &[ShipLine]) -> Vec<Entry> {
        let (Some(first), Some(last)) = (units.first(), units.last()) else { return Vec::new() };
        let one = [ShipLine { line_id: first.line_id.clone(), quantity: 1 }];
        let other = [ShipLine { line_id: last.line_id.clone(), quantity: 1 }];
        let (a, b) = (self.number(), self.number());
        let (one, two, three) =
            tokio::join!(self.ship(order, &a, &one), self.ship(order, &b, &other), async {
                self.ship(order, &self.number(), &one).await
            },);
        one.into_iter().chain(two).chain(three).collect()
    }

    /// The reads that follow an action are through.
    async fn settle_down(&self, entries: &[Entry]) {
        self.shop.kit().faults.clear();
        // Parcels of a slow marketplace show themselves, and unknown ones are looked at once more.
        tokio::time::sleep(Duration::from_mins(5)).await;
        let mut orders: Vec<&str> = entries.iter().map(|entry| entry.order.as_str()).collect();
        orders.sort_unstable();
        orders.dedup();
        for order in orders {
            self.shop.read(order).await;
        }
    }
}

fn left(order: &Order) -> Vec<ShipLine> {
    let open = |item: &fenicia::model::Item| {
        let gone = item.quantity_shipped.unwrap_or(0) + item.quantity_cancelled.unwrap_or(0);
        ShipLine { line_id: item.line_id.clone(), quantity: item.quantity.saturating_sub(gone) }
    };
    order.items.iter().map(open).filter(|line| line.quantity > 0).collect()
}
