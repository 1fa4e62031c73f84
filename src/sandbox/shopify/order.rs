//! One order as Shopify keeps it.

use rust_decimal::Decimal;

use super::super::names::Shopper;
use super::world::LOCATIONS;
use crate::model::{Currency, Timestamp};

#[derive(Clone, Debug)]
pub(super) struct Order {
    pub id: u64,
    pub number: u64,
    pub currency: Currency,
    pub placed_at: Timestamp,
    pub created_at: Timestamp,
    /// Milliseconds, though answers show seconds.
    pub updated_at: Timestamp,
    pub cancelled: Option<Cancelled>,
    pub note: Option<String>,
    pub tags: Vec<String>,
    pub customer: Option<Customer>,
    pub address: Option<Address>,
    pub lines: Vec<Line>,
    pub shipping: Decimal,
    pub tax: Decimal,
    pub discount: Decimal,
    pub payment: Payment,
    pub refunds: Vec<Refund>,
    pub fulfillment_orders: Vec<FulfillmentOrder>,
    pub fulfillments: Vec<Fulfillment>,
    pub test: bool,
    /// Only the index of the list has it still.
    pub deleted: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Cancelled {
    pub at: Timestamp,
    pub reason: String,
    pub staff_note: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Customer {
    pub id: u64,
    pub shopper: Shopper,
}

#[derive(Clone, Debug)]
pub(super) struct Address {
    pub id: u64,
    pub first_name: String,
    pub last_name: String,
    pub line1: String,
    pub line2: Option<String>,
    pub city: String,
    pub zip: String,
    pub phone: String,
}

#[derive(Clone, Debug)]
pub(super) struct Line {
    pub id: u64,
    pub sku: String,
    pub title: String,
    pub variant: Option<String>,
    pub quantity: u32,
    pub current_quantity: u32,
    pub price: Decimal,
    pub requires_shipping: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payment {
    Pending,
    Authorized,
    Paid,
    Voided,
    /// No transaction at all: the status is null.
    None,
}

#[derive(Clone, Debug)]
pub(super) struct Refund {
    pub id: u64,
    pub at: Timestamp,
    pub amount: Decimal,
    /// Line and units, when goods come back.
    pub lines: Vec<(u64, u32)>,
}

#[derive(Clone, Debug)]
pub(super) struct FulfillmentOrder {
    pub id: u64,
    pub status: &'static str,
    pub request_status: &'static str,
    pub location: usize,
    pub method: &'static str,
    pub updated_at: Timestamp,
    pub lines: Vec<FulfillmentOrderLine>,
}

#[derive(Clone, Debug)]
pub(super) struct FulfillmentOrderLine {
    pub id: u64,
    pub line: u64,
    pub total: u32,
    pub remaining: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Fulfillment {
    pub id: u64,
    pub status: &'static str,
    pub display_status: &'static str,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub delivered_at: Option<Timestamp>,
    pub location: usize,
    pub company: Option<String>,
    pub numbers: Vec<String>,
    pub urls: Vec<String>,
    /// Own id, order line, units.
    pub lines: Vec<(u64, u64, u32)>,
}

/// What a shipment takes: fulfilment order, and units by its line; `None`: all that remains.
pub(super) type Parts = Vec<(u64, Option<Vec<(u64, u32)>>)>;

impl Order {
    pub(super) fn name(&self) -> String {
        format!("#{}", self.number)
    }

    pub(super) fn subtotal(&self) -> Decimal {
        self.lines.iter().map(|line| line.price * Decimal::from(line.quantity)).sum::<Decimal>()
            - self.discount
    }

    pub(super) fn total(&self) -> Decimal {
        self.subtotal() + self.shipping + self.tax
    }

    /// Whether any unit is still wanted; else every current amount is nought.
    pub(super) fn is_live(&self) -> bool {
        self.lines.iter().any(|line| line.current_quantity > 0)
    }

    pub(super) fn current_total(&self) -> Decimal {
        if self.is_live() { self.total() } else { Decimal::ZERO }
    }

    pub(super) fn received(&self) -> Decimal {
        if self.payment == Payment::Paid { self.total() } else { Decimal::ZERO }
    }

    pub(super) fn refunded(&self) -> Decimal {
        self.refunds.iter().map(|refund| refund.amount).sum()
    }

    pub(super) fn financial_status(&self) -> Option<&'static str> {
        match self.payment {
            Payment::None => None,
            Payment::Pending => Some("PENDING"),
            Payment::Authorized => Some("AUTHORIZED"),
            Payment::Voided => Some("VOIDED"),
            Payment::Paid if self.refunded() >= self.total() && !self.refunds.is_empty() => Some("REFUNDED"),
            Payment::Paid if self.refunds.is_empty() => Some("PAID"),
            Payment::Paid => Some("PARTIALLY_REFUNDED"),
        }
    }

    pub(super) fn remaining(&self) -> u32 {
        self.fulfillment_orders.iter().flat_map(|part| &part.lines).map(|line| line.remaining).sum()
    }

    pub(super) fn has_shipped(&self) -> bool {
        self.fulfillments.iter().any(|fulfillment| fulfillment.status == "SUCCESS")
    }

    pub(super) fn fulfillment_status(&self) -> &'static str {
        match (self.has_shipped(), self.remaining()) {
            (true, 0) => "FULFILLED",
            (true, _) => "PARTIALLY_FULFILLED",
            (false, _) if self.cancelled.is_some() => "UNFULFILLED",
            (false, _) => match self.fulfillment_orders.first().map(|part| part.status) {
                Some("ON_HOLD") => "ON_HOLD",
                Some("SCHEDULED") => "SCHEDULED",
                Some("IN_PROGRESS") => "IN_PROGRESS",
                _ => "UNFULFILLED",
            },
        }
    }

    pub(super) fn cancellable(&self) -> Result<(), &'static str> {
        if self.cancelled.is_some() {
            return Err("Cannot cancel an order that has already been canceled");
        }
        if self.has_shipped() {
            return Err("Cannot cancel an order that has outstanding fulfillments");
        }
        Ok(())
    }

    /// All open fulfilment orders of each place, with all that remains or `units` of each line.
    pub(super) fn parts(&self, units: Option<u32>) -> Vec<Parts> {
        (0..LOCATIONS.len())
            .map(|place| {
                self.fulfillment_orders
                    .iter()
                    .filter(|part| part.location == place && matches!(part.status, "OPEN" | "IN_PROGRESS"))
                    .filter(|part| part.lines.iter().any(|line| line.remaining > 0))
                    .map(|part| {
                        let lines = units.map(|units| {
                            let taken = part.lines.iter().map(|line| (line.id, units.min(line.remaining)));
                            taken.collect()
                        });
                        (part.id, lines)
                    })
                    .collect::<Parts>()
            })
            .filter(|parts| !parts.is_empty())
            .collect()
    }
}
