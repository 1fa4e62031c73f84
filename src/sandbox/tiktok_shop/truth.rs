//! What must be true of an order, told from the shop's own state and not from its answers.

use std::collections::BTreeSet;

use rust_decimal::Decimal;

use super::super::stand::Truth;
use super::world::{Order, World};
use crate::model::Currency;

pub(super) fn of(world: &World, order: &Order) -> Truth {
    let refunded = world.refunded(&order.id);
    let all_back = order.total() > Decimal::ZERO && refunded >= order.total();
    let kinds: BTreeSet<(&str, Decimal)> =
        order.live().map(|unit| (unit.sku_id.as_str(), unit.price)).collect();
    let parcels = order.parcels();
    let currency: Option<Currency> = order.market.currency.parse().ok();
    let changes = world.of_order(&order.id).map(|own| own.updated_at);
    Truth {
        order_id: order.id.clone(),
        number: order.id.clone(),
        status: status(order, all_back),
        payment_status: match (order.paid_at, refunded) {
            (None, _) => "pending",
            (Some(_), _) if all_back => "refunded",
            (Some(_), refunded) if refunded > Decimal::ZERO => "partially_refunded",
            (Some(_), _) => "paid",
        },
        currency: Some(order.market.currency.to_owned()),
        total: currency.map(|currency| currency.round(order.total()).to_string()),
        items: kinds.len(),
        units: u32::try_from(order.live().count()).unwrap_or(u32::MAX),
        shipments: parcels.len(),
        tracking_numbers: parcels.iter().map(|(_, label)| label.number.clone()).collect(),
        placed_at: order.placed_at,
        changed_at: changes.chain([order.updated_at]).max().unwrap_or(order.updated_at),
    }
}

fn status(order: &Order, all_back: bool) -> &'static str {
    if order.cancelled.is_some() {
        return "cancelled";
    }
    if order.completed_at.is_some() {
        // Paid back before it arrived: nothing says that it did.
        return if all_back && order.delivered_at.is_none() { "shipped" } else { "delivered" };
    }
    if order.is_unpaid() || order.on_hold {
        return "pending";
    }
    if order.delivered_at.is_some() {
        return "delivered";
    }
    let owed = order.live().any(|unit| unit.label.is_none());
    if owed || order.live().next().is_none() { "accepted" } else { "shipped" }
}
