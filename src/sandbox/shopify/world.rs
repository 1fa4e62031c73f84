//! The shop's orders as Shopify keeps them, and what can happen to them.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use rust_decimal::Decimal;

use super::super::book::Book;
use super::super::names::{street, tracking};
use super::super::stand::{Refused, Wish};
use super::order::{Cancelled, Fulfillment, Order, Parts, Payment, Refund};
use crate::model::Timestamp;
use crate::random::Random;

/// The two places that goods leave from.
pub(super) const LOCATIONS: [(u64, &str); 2] =
    [(68_100_000_001, "Main warehouse"), (68_100_000_002, "Back room")];

/// Entries of `owners` from which on those of forgotten orders are dropped.
const OWNERS_MAX: usize = 1_000_000;

pub(super) struct World {
    pub orders: Book<Order>,
    pub jobs: BTreeMap<String, CancelJob>,
    /// The order that a fulfilment order, a fulfilment or a refund belongs to.
    owners: HashMap<u64, u64>,
    next_id: u64,
    pub next_number: u64,
}

/// A cancellation under way.
#[derive(Clone, Debug)]
pub(super) struct CancelJob {
    pub order: u64,
    pub due: Timestamp,
    pub refund: bool,
    pub reason: String,
    pub staff_note: Option<String>,
    pub outcome: Option<Result<(), String>>,
}

/// How a shipment is tracked.
#[derive(Clone, Debug, Default)]
pub(super) struct Tracking {
    pub company: Option<String>,
    pub numbers: Vec<String>,
    pub urls: Vec<String>,
}

impl World {
    pub(super) fn new(drop_oldest: bool) -> Self {
        Self {
            orders: Book::new(drop_oldest),
            jobs: BTreeMap::new(),
            owners: HashMap::new(),
            next_id: 5_100_000_000_000,
            next_number: 1_001,
        }
    }

    /// Ids grow by an odd step, so that nobody takes them for a count.
    pub(super) fn new_id(&mut self) -> u64 {
        self.next_id += 32_767;
        self.next_id
    }

    pub(super) fn order(&self, id: u64) -> Option<&Order> {
        self.orders.get(&id.to_string()).filter(|order| !order.deleted)
    }

    /// The order of a fulfilment order, fulfilment or refund.
    pub(super) fn owner(&self, part: u64) -> Option<&Order> {
        self.order(*self.owners.get(&part)?)
    }

    fn own(&mut self, part: u64, order: u64) {
        if self.owners.len() >= OWNERS_MAX {
            let orders = &self.orders;
            self.owners.retain(|_, order| orders.get(&order.to_string()).is_some());
        }
        self.owners.insert(part, order);
    }

    pub(super) fn place(&mut self, wish: &Wish, random: &Random, now: Timestamp) -> Result<u64, Refused> {
        let order = self.invent(wish, random, now)?;
        let id = order.id;
        for part in &order.fulfillment_orders {
            self.own(part.id, id);
        }
        self.orders
            .insert(&id.to_string(), order.updated_at, order)
            .map_err(|full| Refused::new(full.to_string()))?;
        Ok(id)
    }

    /// Changes an order and stamps it. `None`: no such order.
    pub(super) fn change<R>(
        &mut self,
        id: u64,
        now: Timestamp,
        change: impl FnOnce(&mut Order) -> R,
    ) -> Option<R> {
        self.orders.change(&id.to_string(), now, |order| {
            order.updated_at = now;
            change(order)
        })
    }

    /// Ships parts of one order from one place; the caller has checked them.
    pub(super) fn ship(&mut self, id: u64, parts: &Parts, tracking: Tracking, now: Timestamp) -> Option<u64> {
        let fulfillment_id = self.new_id();
        let first_line_id = self.new_id();
        let mut order = self.order(id)?.clone();
        let mut lines = Vec::new();
        let mut location = 0;
        for (fulfillment_order, units) in parts {
            let part = order.fulfillment_orders.iter_mut().find(|part| part.id == *fulfillment_order)?;
            location = part.location;
            for line in &mut part.lines {
                let taken = match units {
                    None => line.remaining,
                    Some(units) => {
                        units.iter().filter(|(own, _)| *own == line.id).map(|(_, units)| *units).sum()
                    }
                };
                if taken > 0 {
                    line.remaining -= taken.min(line.remaining);
                    lines.push((first_line_id + lines.len() as u64, line.line, taken));
                }
            }
            part.status =
                if part.lines.iter().all(|line| line.remaining == 0) { "CLOSED" } else { "IN_PROGRESS" };
            part.updated_at = now;
        }
        order.fulfillments.push(Fulfillment {
            id: fulfillment_id,
            status: "SUCCESS",
            display_status: "FULFILLED",
            created_at: now,
            updated_at: now,
            delivered_at: None,
            location,
            company: tracking.company,
            numbers: tracking.numbers,
            urls: tracking.urls,
            lines,
        });
        self.own(fulfillment_id, id);
        self.change(id, now, |there| *there = Order { updated_at: now, ..order });
        Some(fulfillment_id)
    }

    /// Ends an order; `refund` returns the money of a paid one.
    pub(super) fn cancel(
        &mut self,
        id: u64,
        cancelled: Cancelled,
        refund: bool,
        now: Timestamp,
    ) -> Option<()> {
        let refund_id = self.new_id();
        self.own(refund_id, id);
        self.change(id, now, |order| {
            let owed = order.received() - order.refunded();
            if order.payment == Payment::Paid && refund && owed > Decimal::ZERO {
                let lines = order.lines.iter().map(|line| (line.id, line.current_quantity)).collect();
                order.refunds.push(Refund { id: refund_id, at: now, amount: owed, lines });
            } else if order.payment != Payment::Paid {
                order.payment = Payment::Voided;
            }
            order.lines.iter_mut().for_each(|line| line.current_quantity = 0);
            for part in &mut order.fulfillment_orders {
                part.status = "CLOSED";
                part.updated_at = now;
                part.lines.iter_mut().for_each(|line| (line.total, line.remaining) = (0, 0));
            }
            order.cancelled = Some(cancelled);
        })
    }

    /// Money goes back: an amount, or all of it together with the goods.
    pub(super) fn refund(
        &mut self,
        id: u64,
        amount: Option<Decimal>,
        now: Timestamp,
    ) -> Option<Result<(), Refused>> {
        let refund_id = self.new_id();
        self.own(refund_id, id);
        let order = self.order(id)?;
        let owed = order.received() - order.refunded();
        let wanted = amount.unwrap_or(owed);
        if wanted <= Decimal::ZERO || wanted > owed {
            return Some(Err(Refused::new("there is not that much left to refund")));
        }
        self.change(id, now, |order| {
            let everything = amount.is_none();
            let lines = order.lines.iter().map(|line| (line.id, line.current_quantity));
            let lines = if everything { lines.collect() } else { Vec::new() };
            if everything {
                order.lines.iter_mut().for_each(|line| line.current_quantity = 0);
            }
            order.refunds.push(Refund { id: refund_id, at: now, amount: wanted, lines });
        });
        Some(Ok(()))
    }

    /// Lets cancellations whose time has come take effect; answers the orders concerned.
    pub(super) fn finish_jobs(&mut self, now: Timestamp) -> Vec<u64> {
        let due: Vec<String> = self
            .jobs
            .iter()
            .filter(|(_, job)| job.outcome.is_none() && job.due <= now)
            .map(|(id, _)| id.clone())
            .collect();
        let mut cancelled = Vec::new();
        for id in due {
            let Some(job) = self.jobs.get(&id).cloned() else { continue };
            let outcome = match self.order(job.order).map(Order::cancellable) {
                Some(Ok(())) => {
                    let record =
                        Cancelled { at: now, reason: job.reason.clone(), staff_note: job.staff_note.clone() };
                    self.cancel(job.order, record, job.refund, now);
                    cancelled.push(job.order);
                    Ok(())
                }
                Some(Err(why)) => Err(why.to_owned()),
                None => Err("Order does not exist".to_owned()),
            };
            if let Some(job) = self.jobs.get_mut(&id) {
                job.outcome = Some(outcome);
            }
        }
        cancelled
    }
}

/// Invented tracking, as another tool of the merchant's would enter it.
pub(super) fn invented_tracking(carrier: Option<&str>, number: Option<&str>, random: &Random) -> Tracking {
    Tracking {
        company: Some(carrier.unwrap_or("UPS").to_owned()),
        numbers: vec![number.map_or_else(|| tracking(random), str::to_owned)],
        urls: Vec::new(),
    }
}

pub(super) fn new_street(given: Option<&String>, random: &Random) -> String {
    given.cloned().unwrap_or_else(|| street(random))
}

/// Sorted, and unique whatever the case.
pub(super) fn sorted_tags(mut tags: Vec<String>) -> Vec<String> {
    tags.retain(|tag| !tag.trim().is_empty());
    tags.sort_by_key(|tag| tag.to_lowercase());
    tags.dedup_by_key(|tag| tag.to_lowercase());
    tags
}

/// How long a cancellation takes.
pub(super) const CANCEL_TAKES: Duration = Duration::from_secs(2);
