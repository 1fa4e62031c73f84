//! What must be true of an order, told from Walmart's own state and not from its answers.

use std::collections::BTreeSet;

use super::super::stand::Truth;
use super::world::{Order, Stage};

pub(super) fn of(order: &Order) -> Truth {
    let parcels: BTreeSet<(&str, &str)> = order
        .lines
        .iter()
        .flat_map(|line| &line.batches)
        .filter_map(|batch| batch.label.as_ref())
        .map(|label| (label.carrier.name(), label.number.as_str()))
        .collect();
    Truth {
        order_id: order.id.clone(),
        number: order.number.clone(),
        status: status(order),
        payment_status: payment(order),
        currency: Some(order.currency.clone()),
        total: Some(money(order.lines.iter().map(super::world::Line::cost).sum())),
        items: order.lines.len(),
        units: order.lines.iter().map(|line| line.quantity).sum(),
        shipments: parcels.len(),
        tracking_numbers: parcels.iter().map(|(_, number)| (*number).to_owned()).collect(),
        placed_at: order.placed_at,
        changed_at: order.changed_at,
    }
}

fn money(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn status(order: &Order) -> &'static str {
    let any = |wanted: Stage| order.has(|stage| stage == wanted);
    if any(Stage::Created) {
        "pending"
    } else if any(Stage::Acknowledged) {
        "accepted"
    } else if any(Stage::Shipped) || any(Stage::Refund) {
        "shipped"
    } else if any(Stage::Delivered) {
        "delivered"
    } else {
        "cancelled"
    }
}

fn payment(order: &Order) -> &'static str {
    let charged = order.lines.iter().filter(|line| line.units(Stage::has_left) > 0);
    let sum: i64 = charged.clone().map(super::world::Line::cost).sum();
    let back: i64 = order.lines.iter().map(|line| line.refunded).sum();
    if charged.count() == 0 {
        "pending"
    } else if back == 0 {
        "paid"
    } else if back >= sum - 1 {
        "refunded"
    } else {
        "partially_refunded"
    }
}
