//! Sales, parcels and payments of one seller.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use rust_decimal::Decimal;

use super::super::book::Book;
use super::super::names::Shopper;
use crate::model::{Currency, Timestamp};

/// Until when a sale can be given up.
pub(super) const EXPIRY: Duration = Duration::from_hours(504);

/// Where a sale stands in the world, whatever the interface says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Unpaid,
    Owed,
    Sent,
    Arrived,
    GivenUp,
}

/// How the interface shows a sale that was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Farewell {
    Cancelled,
    /// By the seller's rating: the status goes back to `confirmed`.
    Rated,
    /// Refunded to the buyer's balance: the status stays `paid` for ever.
    ToBalance,
}

#[derive(Clone, Debug)]
pub(super) struct Sale {
    pub id: u64,
    pub pack: Option<u64>,
    pub parcel: Option<u64>,
    pub buyer_id: u64,
    pub billing_id: u64,
    pub buyer: Shopper,
    pub line: Line,
    pub currency: Currency,
    pub stage: Stage,
    /// How it is shown once it is given up.
    pub farewell: Farewell,
    pub payments: Vec<Payment>,
    pub tags: Vec<String>,
    pub fulfilled: Option<bool>,
    pub notes: Vec<Note>,
    pub feedback: Option<Feedback>,
    pub placed_at: Timestamp,
    pub closed_at: Option<Timestamp>,
    /// The order's own stamp; the index has another one.
    pub updated_at: Timestamp,
}

#[derive(Clone, Debug)]
pub(super) struct Line {
    pub sku: Option<String>,
    /// The SKU stands in the older field.
    pub custom_field: bool,
    pub title: String,
    pub variant: Option<String>,
    pub quantity: u32,
    pub unit_price: Decimal,
}

#[derive(Clone, Debug)]
pub(super) struct Payment {
    pub id: u64,
    pub status: &'static str,
    pub amount: Decimal,
    pub refunded: Decimal,
    pub to_balance: bool,
    pub at: Timestamp,
}

#[derive(Clone, Debug)]
pub(super) struct Note {
    pub id: String,
    pub at: Timestamp,
    pub text: String,
}

#[derive(Clone, Debug)]
pub(super) struct Feedback {
    pub id: u64,
    pub at: Timestamp,
    pub fulfilled: bool,
    pub rating: String,
    pub reason: Option<String>,
    pub message: String,
}

/// Who moves a parcel's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Me1,
    Custom,
    Full,
    Flex,
    DropOff,
}

impl Mode {
    /// `logistic.mode` and `logistic.type`.
    pub(super) const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Me1 => ("me1", "default"),
            Self::Custom => ("custom", "custom"),
            Self::Full => ("me2", "fulfillment"),
            Self::Flex => ("me2", "self_service"),
            Self::DropOff => ("me2", "drop_off"),
        }
    }

    const fn once_paid(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Me1 => ("handling", None),
            Self::Custom => ("pending", None),
            Self::Full | Self::Flex | Self::DropOff => ("ready_to_ship", Some("ready_to_print")),
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Parcel {
    pub id: u64,
    pub mode: Mode,
    pub status: &'static str,
    pub substatus: Option<&'static str>,
    pub sales: Vec<u64>,
    pub receiver_id: u64,
    pub receiver: Shopper,
    /// The destination is hidden before.
    pub paid: bool,
    pub cost: Decimal,
    pub tracking_number: Option<String>,
    pub tracking_method: Option<String>,
    pub placed_at: Timestamp,
    pub shipped_at: Option<Timestamp>,
    pub updated_at: Timestamp,
    /// A report of the seller takes this long to show.
    pub slow: Duration,
    pub reported: Option<Report>,
}

/// A report that was accepted and does not show yet.
#[derive(Clone, Debug)]
pub(super) struct Report {
    pub number: Option<String>,
}

impl Sale {
    pub(super) fn total(&self) -> Decimal {
        self.currency.round(self.line.unit_price * Decimal::from(self.line.quantity))
    }

    pub(super) fn paid(&self) -> Decimal {
        self.kept().map(|payment| payment.amount).sum()
    }

    pub(super) fn refunded(&self) -> Decimal {
        self.kept().map(|payment| payment.refunded).sum()
    }

    fn kept(&self) -> impl Iterator<Item = &Payment> {
        self.payments.iter().filter(|payment| matches!(payment.status, "approved" | "refunded"))
    }

    pub(super) fn expires_at(&self) -> Timestamp {
        self.placed_at.plus(EXPIRY)
    }

    pub(super) fn add_tag(&mut self, tag: &str) {
        if !self.tags.iter().any(|own| own == tag) {
            self.tags.push(tag.to_owned());
        }
    }

    pub(super) fn drop_tag(&mut self, tag: &str) {
        self.tags.retain(|own| own != tag);
    }

    /// The sale ends and the money goes back.
    pub(super) fn give_up(&mut self, farewell: Farewell) {
        self.stage = Stage::GivenUp;
        self.farewell = farewell;
        let to_balance = farewell == Farewell::ToBalance;
        if to_balance {
            self.add_tag("unfulfilled");
        }
        for payment in &mut self.payments {
            match payment.status {
                "approved" if to_balance => payment.to_balance = true,
                "approved" => {
                    payment.status = "refunded";
                    payment.refunded = payment.amount;
                }
                "pending" => payment.status = "cancelled",
                _ => {}
            }
        }
    }
}

impl Parcel {
    pub(super) fn has_left(&self) -> bool {
        matches!(self.status, "shipped" | "delivered" | "not_delivered")
    }

    pub(super) fn pay(&mut self, now: Timestamp) {
        (self.status, self.substatus) = self.mode.once_paid();
        self.paid = true;
        self.updated_at = now;
    }

    fn ship(&mut self, number: Option<String>, now: Timestamp) {
        self.status = "shipped";
        self.substatus = None;
        self.tracking_number = number.or_else(|| self.tracking_number.take());
        self.shipped_at.get_or_insert(now);
        self.updated_at = now;
        self.reported = None;
    }
}

/// Everything, under one lock.
pub(super) struct World {
    pub sales: Book<Sale>,
    pub parcels: HashMap<u64, Parcel>,
    pub packs: HashMap<u64, Vec<u64>>,
    /// Payment to sale.
    pub payments: HashMap<u64, u64>,
    /// Billing id to the newest sale of that buyer.
    pub billings: HashMap<u64, u64>,
    /// Parcels with a report that does not show yet.
    pub reported: BTreeSet<(Timestamp, u64)>,
    /// A full book makes room for a new sale.
    pub drop_oldest: bool,
    next: u64,
}

impl World {
    pub(super) fn new(drop_oldest: bool) -> Self {
        Self {
            sales: Book::new(drop_oldest),
            parcels: HashMap::new(),
            packs: HashMap::new(),
            payments: HashMap::new(),
            billings: HashMap::new(),
            reported: BTreeSet::new(),
            drop_oldest,
            next: 1,
        }
    }

    /// A fresh number above `base`, as long as the marketplace's own.
    pub(super) fn number(&mut self, base: u64) -> u64 {
        self.next += 1;
        base + self.next * 13
    }

    pub(super) fn sale(&self, id: u64) -> Option<&Sale> {
        self.sales.get(&id.to_string())
    }

    /// Changes a sale and both of its stamps.
    pub(super) fn change<R>(
        &mut self,
        id: u64,
        now: Timestamp,
        change: impl FnOnce(&mut Sale) -> R,
    ) -> Option<R> {
        self.sales.change(&id.to_string(), now, |sale| {
            sale.updated_at = now;
            change(sale)
        })
    }

    /// Forgets a sale with all that is only its own.
    pub(super) fn forget(&mut self, id: u64) -> bool {
        let Some(sale) = self.sales.remove(&id.to_string()) else { return false };
        for payment in &sale.payments {
            self.payments.remove(&payment.id);
        }
        if self.billings.get(&sale.billing_id) == Some(&id) {
            self.billings.remove(&sale.billing_id);
        }
        if let Some(parcel) = sale.parcel.and_then(|parcel| self.parcels.get_mut(&parcel)) {
            parcel.sales.retain(|own| *own != id);
            if parcel.sales.is_empty() {
                let parcel = parcel.id;
                self.parcels.remove(&parcel);
            }
        }
        if let Some(pack) = sale.pack.and_then(|pack| self.packs.get_mut(&pack)) {
            pack.retain(|own| *own != id);
        }
        true
    }

    /// Moves a parcel on, and the index with it; the orders' own stamps stay.
    pub(super) fn move_parcel(
        &mut self,
        id: u64,
        now: Timestamp,
        change: impl FnOnce(&mut Parcel),
    ) -> Vec<u64> {
        let Some(parcel) = self.parcels.get_mut(&id) else { return Vec::new() };
        parcel.updated_at = now;
        change(parcel);
        let sales = parcel.sales.clone();
        for sale in &sales {
            self.sales.change(&sale.to_string(), now, |_| ());
        }
        sales
    }

    /// The parcel leaves, and every live sale in it.
    pub(super) fn dispatch(&mut self, id: u64, number: Option<String>, now: Timestamp) {
        for sale in self.move_parcel(id, now, |parcel| parcel.ship(number, now)) {
            self.sales.touch(&sale.to_string(), |sale| {
                if sale.stage == Stage::Owed {
                    sale.stage = Stage::Sent;
                }
            });
        }
    }

    /// What was reported earlier shows now.
    pub(super) fn catch_up(&mut self, now: Timestamp) {
        while let Some(&(at, parcel)) = self.reported.first() {
            if at > now {
                return;
            }
            self.reported.pop_first();
            let report = self.parcels.get_mut(&parcel).and_then(|parcel| parcel.reported.take());
            if let Some(report) = report {
                self.dispatch(parcel, report.number, at);
            }
        }
    }

    /// After a sale was given up: its parcel stays for the others, or is cancelled with the last.
    pub(super) fn close_parcel(&mut self, sale: u64, now: Timestamp) -> Option<u64> {
        let parcel = self.sale(sale)?.parcel?;
        let sales = &self.parcels.get(&parcel)?.sales;
        let all_gone = sales.iter().all(|id| self.sale(*id).is_none_or(|sale| sale.stage == Stage::GivenUp));
        let parcel = self.parcels.get_mut(&parcel)?;
        if !all_gone || parcel.has_left() {
            return None;
        }
        parcel.status = "cancelled";
        parcel.substatus = None;
        parcel.updated_at = now;
        Some(parcel.id)
    }
}
