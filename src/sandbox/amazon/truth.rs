//! What must be true of an order, told from the seller's own state and not from the answers.

use rust_decimal::Decimal;

use super::super::stand::Truth;
use super::world::{Order, Phase};

/// `None`: an order of another shop, which fenicia leaves out.
pub(super) fn of(order: &Order) -> Option<Truth> {
    let told: &[_] = if order.by_amazon { &[] } else { &order.packages };
    (!order.elsewhere).then(|| Truth {
        order_id: order.id.clone(),
        number: order.alias.clone().unwrap_or_else(|| order.id.clone()),
        status: status(order),
        payment_status: payment(order),
        currency: order.priced.then(|| order.currency.as_str().to_owned()),
        total: order.priced.then(|| order.currency.round(order.total()).to_string()),
        items: order.lines.len(),
        units: order.lines.iter().map(|line| line.quantity).sum(),
        shipments: told.len(),
        tracking_numbers: told.iter().map(|package| package.tracking.clone()).collect(),
        placed_at: order.created_at,
        changed_at: order.updated_at,
    })
}

fn status(order: &Order) -> &'static str {
    match order.phase {
        Phase::PendingAvailability | Phase::Pending => "pending",
        Phase::Cancelled | Phase::Unfulfillable => "cancelled",
        Phase::Open if order.lines.iter().any(|line| line.fulfilled < line.quantity) => "accepted",
        Phase::Open if order.by_amazon || order.packages.is_empty() => "shipped",
        Phase::Open if order.packages.iter().all(|package| package.status == "DELIVERED") => "delivered",
        Phase::Open => "shipped",
    }
}

fn payment(order: &Order) -> &'static str {
    let refunded = order.refunded();
    match order.phase {
        _ if refunded > Decimal::ZERO && refunded >= order.total() => "refunded",
        _ if refunded > Decimal::ZERO => "partially_refunded",
        Phase::Open => "paid",
        _ => "pending",
    }
}
