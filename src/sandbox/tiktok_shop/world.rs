//! Orders, their units and packages, and what happens after the sale.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::super::book::Book;
use super::super::kit::Kit;
use super::super::names::Shopper;
use super::market::Market;
use crate::model::Timestamp;

/// Until the carrier takes a declared parcel along.
const COLLECTION: Duration = Duration::from_mins(5);
/// Until the money of a cancellation is back.
const REFUND: Duration = Duration::from_secs(30);
/// Until a buyer's request is granted by itself.
const GRANT: Duration = Duration::from_hours(48);

/// Who sends an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    Seller,
    /// The seller packs, with TikTok's label.
    TikTokLabel,
    Warehouse,
}

#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "the marketplace's own flags")]
pub(super) struct Order {
    pub id: String,
    pub market: &'static Market,
    pub sender: Sender,
    pub buyer: Shopper,
    pub units: Vec<Unit>,
    pub shipping: Decimal,
    pub cash_on_delivery: bool,
    pub is_sample: bool,
    pub paid_at: Option<Timestamp>,
    /// The hour in which the buyer may still think better of it.
    pub on_hold: bool,
    pub placed_at: Timestamp,
    /// Moves with the status only.
    pub updated_at: Timestamp,
    pub sent_at: Option<Timestamp>,
    pub delivered_at: Option<Timestamp>,
    pub completed_at: Option<Timestamp>,
    pub cancelled: Option<Cancelled>,
    /// The buyer's open request to cancel.
    pub request: Option<u64>,
    pub address_changed: bool,
    pub buyer_message: Option<String>,
    pub seller_note: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Cancelled {
    pub at: Timestamp,
    pub by: &'static str,
    pub reason: String,
}

#[derive(Clone, Debug)]
pub(super) struct Unit {
    pub id: String,
    pub sku_id: String,
    pub seller_sku: String,
    pub title: String,
    pub variant: Option<String>,
    pub price: Decimal,
    pub package: String,
    pub state: UnitState,
    pub label: Option<Label>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnitState {
    Open,
    Declared,
    Moving,
    Arrived,
    Cancelled,
}

/// What stands on a parcel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Label {
    pub carrier: (&'static str, &'static str),
    pub number: String,
    pub at: Timestamp,
}

/// A cancellation or a return.
#[derive(Clone, Debug)]
pub(super) struct AfterSale {
    pub id: u64,
    pub order: String,
    pub is_return: bool,
    pub by_buyer: bool,
    pub status: &'static str,
    pub amount: Decimal,
    pub currency: &'static str,
    pub reason: String,
    pub units: Vec<String>,
    pub deadline: Option<Timestamp>,
    pub placed_at: Timestamp,
    pub updated_at: Timestamp,
}

pub(super) const PENDING: &str = "CANCELLATION_REQUEST_PENDING";
pub(super) const AGREED: &str = "CANCELLATION_REQUEST_SUCCESS";
pub(super) const WITHDRAWN: &str = "CANCELLATION_REQUEST_CANCEL";
pub(super) const COMPLETE: &str = "CANCELLATION_REQUEST_COMPLETE";
pub(super) const RETURNED: &str = "RETURN_OR_REFUND_REQUEST_COMPLETE";

/// Something that is told.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    pub kind: u32,
    pub order: String,
    pub data: Value,
}

/// What takes effect later.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Release(String),
    Collect(String),
    Refund(u64),
    Grant(u64),
}

impl Order {
    pub(super) fn live(&self) -> impl Iterator<Item = &Unit> {
        let all = self.cancelled.is_some();
        self.units.iter().filter(move |unit| all || unit.state != UnitState::Cancelled)
    }

    pub(super) fn total(&self) -> Decimal {
        self.units.iter().map(|unit| unit.price).sum::<Decimal>() + self.shipping
    }

    pub(super) fn is_unpaid(&self) -> bool {
        self.paid_at.is_none() && !self.cash_on_delivery
    }

    pub(super) fn has_left(&self) -> bool {
        self.live()
            .any(|unit| matches!(unit.state, UnitState::Declared | UnitState::Moving | UnitState::Arrived))
    }

    fn all_are(&self, states: &[UnitState]) -> bool {
        self.live().all(|unit| states.contains(&unit.state))
    }

    /// TikTok Shop's word.
    pub(super) fn status(&self) -> &'static str {
        use UnitState::{Arrived, Declared, Moving};
        if self.cancelled.is_some() {
            "CANCELLED"
        } else if self.completed_at.is_some() {
            "COMPLETED"
        } else if self.is_unpaid() {
            "UNPAID"
        } else if self.on_hold {
            "ON_HOLD"
        } else if !self.has_left() {
            "AWAITING_SHIPMENT"
        } else if self.all_are(&[Arrived]) {
            "DELIVERED"
        } else if self.all_are(&[Moving, Arrived]) {
            "IN_TRANSIT"
        } else if self.all_are(&[Declared, Moving, Arrived]) {
            "AWAITING_COLLECTION"
        } else {
            "PARTIALLY_SHIPPING"
        }
    }

    /// Packages that a number stands on, in order of first appearance.
    pub(super) fn parcels(&self) -> Vec<(&str, &Label)> {
        let mut parcels: Vec<(&str, &Label)> = Vec::new();
        for unit in self.units.iter().filter(|unit| unit.state != UnitState::Cancelled) {
            if let Some(label) =
                unit.label.as_ref().filter(|_| !parcels.iter().any(|(id, _)| *id == unit.package))
            {
                parcels.push((&unit.package, label));
            }
        }
        parcels
    }

    pub(super) fn told(&self) -> Event {
        // This topic has a word of its own for a cancelled order.
        let status = if self.cancelled.is_some() { "CANCEL" } else { self.status() };
        let data = json!({
            "order_id": self.id, "order_status": status, "is_on_hold_order": self.on_hold,
            "update_time": self.updated_at.as_secs(),
        });
        Event { kind: 1, order: self.id.clone(), data }
    }
}

impl AfterSale {
    pub(super) fn told(&self) -> Event {
        let role = if self.by_buyer { "BUYER" } else { "SELLER" };
        let data = if self.is_return {
            json!({
                "order_id": self.order, "return_role": role, "return_type": "REFUND", "return_status": self.status,
                "return_id": self.id.to_string(), "create_time": self.placed_at.as_secs(),
                "update_time": self.updated_at.as_secs(),
            })
        } else {
            json!({
                "order_id": self.order, "cancellations_role": role, "cancel_status": self.status,
                "cancel_id": self.id.to_string(), "create_time": self.placed_at.as_secs(),
            })
        };
        Event { kind: if self.is_return { 12 } else { 11 }, order: self.order.clone(), data }
    }
}

/// Everything, under one lock.
pub(super) struct World {
    pub orders: Book<Order>,
    pub after_sales: BTreeMap<u64, AfterSale>,
    by_order: HashMap<String, Vec<u64>>,
    due: BTreeSet<(Timestamp, Due)>,
    next: u64,
}

impl World {
    pub(super) fn new(drop_oldest: bool) -> Self {
        Self {
            orders: Book::new(drop_oldest),
            after_sales: BTreeMap::new(),
            by_order: HashMap::new(),
            due: BTreeSet::new(),
            next: 1,
        }
    }

    /// A fresh number above `base`, as long as the marketplace's own.
    pub(super) fn number(&mut self, base: u64) -> u64 {
        self.next += 1;
        base + self.next * 17
    }

    /// Something that moves the order's status, and what is told of it.
    pub(super) fn change(&mut self, id: &str, now: Timestamp, change: impl FnOnce(&mut Order)) -> Vec<Event> {
        let changed = self.orders.change(id, now, |order| {
            order.updated_at = now;
            change(order);
            order.told()
        });
        changed.into_iter().collect()
    }

    pub(super) fn refunded(&self, order: &str) -> Decimal {
        self.of_order(order)
            .filter(|own| matches!(own.status, COMPLETE | RETURNED))
            .map(|own| own.amount)
            .sum()
    }

    /// The cancellations and returns of one order.
    pub(super) fn of_order(&self, order: &str) -> impl Iterator<Item = &AfterSale> {
        self.by_order.get(order).into_iter().flatten().filter_map(|id| self.after_sales.get(id))
    }

    /// Held for an hour from the payment.
    pub(super) fn hold(&mut self, id: &str, kit: &Kit) {
        let hour = kit.hastened(Duration::from_hours(1));
        self.due.insert((kit.now().plus(hour), Due::Release(id.to_owned())));
    }

    /// The carrier comes by for what was declared.
    pub(super) fn await_collection(&mut self, id: &str, kit: &Kit) {
        self.due.insert((kit.now().plus(kit.hastened(COLLECTION)), Due::Collect(id.to_owned())));
    }

    pub(super) fn enter(&mut self, after: AfterSale) -> Event {
        let told = after.told();
        self.by_order.entry(after.order.clone()).or_default().push(after.id);
        self.after_sales.insert(after.id, after);
        told
    }

    /// Ends an order, with its money on the way back.
    pub(super) fn cancel(
        &mut self,
        id: &str,
        by: &'static str,
        reason: &str,
        kit: &Kit,
    ) -> (u64, Vec<Event>) {
        let number = self.number(4_035_000_000_000_000_000);
        let Some(order) = self.orders.get(id) else { return (number, Vec::new()) };
        let now = kit.now();
        let paid = order.paid_at.is_some();
        let amount =
            if paid { (order.total() - self.refunded(id)).max(Decimal::ZERO) } else { Decimal::ZERO };
        let after = AfterSale {
            id: number,
            order: id.to_owned(),
            is_return: false,
            by_buyer: by == "BUYER",
            status: if paid { AGREED } else { COMPLETE },
            amount,
            currency: order.market.currency,
            reason: reason.to_owned(),
            units: order.units.iter().map(|unit| unit.id.clone()).collect(),
            deadline: None,
            placed_at: now,
            updated_at: now,
        };
        let mut events = vec![self.enter(after)];
        if paid {
            self.due.insert((now.plus(kit.hastened(REFUND)), Due::Refund(number)));
        }
        events.extend(self.end(id, by, reason, now));
        (number, events)
    }

    fn end(&mut self, id: &str, by: &'static str, reason: &str, now: Timestamp) -> Vec<Event> {
        self.change(id, now, |order| {
            order.cancelled = Some(Cancelled { at: now, by, reason: reason.to_owned() });
            order.request = None;
            for unit in &mut order.units {
                unit.state = UnitState::Cancelled;
            }
        })
    }

    /// A buyer asks; the order's change time stays.
    pub(super) fn request(&mut self, id: &str, kit: &Kit) -> Vec<Event> {
        let number = self.number(4_035_000_000_000_000_000);
        let Some(order) = self.orders.get(id) else { return Vec::new() };
        let now = kit.now();
        let deadline = now.plus(kit.hastened(GRANT));
        let after = AfterSale {
            id: number,
            order: id.to_owned(),
            is_return: false,
            by_buyer: true,
            status: PENDING,
            amount: order.total(),
            currency: order.market.currency,
            reason: "ecom_order_to_ship_canceled_reason_created_by_mistakes".to_owned(),
            units: order.units.iter().map(|unit| unit.id.clone()).collect(),
            deadline: Some(deadline),
            placed_at: now,
            updated_at: now,
        };
        self.orders.touch(id, |order| order.request = Some(number));
        self.due.insert((deadline, Due::Grant(number)));
        vec![self.enter(after)]
    }

    /// The buyer's request is granted: by the seller, or by time.
    pub(super) fn grant(&mut self, number: u64, kit: &Kit) -> Vec<Event> {
        let now = kit.now();
        let Some(after) = self.after_sales.get_mut(&number).filter(|after| after.status == PENDING) else {
            return Vec::new();
        };
        after.status = AGREED;
        after.updated_at = now;
        let (order, reason, told) = (after.order.clone(), after.reason.clone(), after.told());
        self.due.insert((now.plus(kit.hastened(REFUND)), Due::Refund(number)));
        std::iter::once(told).chain(self.end(&order, "BUYER", &reason, now)).collect()
    }

    /// The buyer's request is turned down.
    pub(super) fn reject(&mut self, number: u64, now: Timestamp) -> Vec<Event> {
        let Some(after) = self.after_sales.get_mut(&number).filter(|after| after.status == PENDING) else {
            return Vec::new();
        };
        after.status = WITHDRAWN;
        after.updated_at = now;
        let (order, told) = (after.order.clone(), after.told());
        self.orders.touch(&order, |order| order.request = None);
        vec![told]
    }

    /// Everything that is due by now, and what is told of it.
    pub(super) fn catch_up(&mut self, kit: &Kit) -> Vec<Event> {
        let now = kit.now();
        let mut events = Vec::new();
        while self.due.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, due)) = self.due.pop_first() else { break };
            events.extend(match due {
                Due::Release(id) => self.release(&id, now),
                Due::Collect(id) => self.collect(&id, now),
                Due::Refund(number) => self.complete(number, now),
                Due::Grant(number) => self.grant(number, kit),
            });
        }
        events
    }

    fn release(&mut self, id: &str, now: Timestamp) -> Vec<Event> {
        if self.orders.get(id).is_none_or(|order| !order.on_hold || order.cancelled.is_some()) {
            return Vec::new();
        }
        self.change(id, now, |order| order.on_hold = false)
    }

    fn collect(&mut self, id: &str, now: Timestamp) -> Vec<Event> {
        let declared = |order: &Order| order.units.iter().any(|unit| unit.state == UnitState::Declared);
        if !self.orders.get(id).is_some_and(declared) {
            return Vec::new();
        }
        self.change(id, now, |order| {
            for unit in order.units.iter_mut().filter(|unit| unit.state == UnitState::Declared) {
                unit.state = UnitState::Moving;
            }
        })
    }

    fn complete(&mut self, number: u64, now: Timestamp) -> Vec<Event> {
        let Some(after) = self.after_sales.get_mut(&number).filter(|after| after.status == AGREED) else {
            return Vec::new();
        };
        after.status = COMPLETE;
        after.updated_at = now;
        vec![after.told()]
    }
}
