//! What must be true of an order, told from the shop's own state and not from its answers.

use rust_decimal::Decimal;

use super::super::stand::Truth;
use super::order::{Order, Payment};

pub(super) fn of(order: &Order) -> Truth {
    let live = order.is_live();
    let lines = order.lines.iter().map(|line| if live { line.current_quantity } else { line.quantity });
    let wanted: Vec<u32> = lines.filter(|units| *units > 0).collect();
    let shipped = order.fulfillments.iter().filter(|own| own.status == "SUCCESS");
    Truth {
        order_id: order.id.to_string(),
        number: order.name(),
        status: status(order),
        payment_status: payment(order),
        currency: Some(order.currency.as_str().to_owned()),
        total: Some(
            order.currency.round(if live { order.current_total() } else { order.total() }).to_string(),
        ),
        items: wanted.len(),
        units: wanted.iter().sum(),
        shipments: shipped.clone().map(|own| own.numbers.len().max(1)).sum(),
        tracking_numbers: shipped.flat_map(|own| own.numbers.clone()).collect(),
        placed_at: order.placed_at,
        changed_at: order.updated_at,
    }
}

fn status(order: &Order) -> &'static str {
    if order.cancelled.is_some() {
        return "cancelled";
    }
    if order.has_shipped() {
        let arrived =
            order.fulfillments.iter().all(|own| own.status != "SUCCESS" || own.delivered_at.is_some());
        return match (order.remaining(), arrived) {
            (0, true) => "delivered",
            (0, false) => "shipped",
            _ => "accepted",
        };
    }
    let at_work = order.fulfillment_orders.first().is_some_and(|part| part.status == "IN_PROGRESS");
    if at_work || matches!(order.payment, Payment::Paid | Payment::Authorized) {
        "accepted"
    } else {
        "pending"
    }
}

fn payment(order: &Order) -> &'static str {
    if order.payment != Payment::Paid {
        return "pending";
    }
    match order.refunded() {
        refunded if refunded <= Decimal::ZERO => "paid",
        refunded if refunded >= order.total() => "refunded",
        _ => "partially_refunded",
    }
}
