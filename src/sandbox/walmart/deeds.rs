//! What shoppers, carriers, Walmart and the seller's other tools do to orders.

use super::super::kit::Kit;
use super::super::names::tracking;
use super::super::stand::{Deed, Refused};
use super::carriers::CARRIERS;
use super::invent::cents;
use super::world::{Batch, Carrier, GRACE, Label, Order, Stage, Warehouse};
use crate::model::Timestamp;

/// `Err` leaves the order as it was.
pub(super) fn happen(order: &mut Order, deed: &Deed, kit: &Kit) -> Result<(), Refused> {
    let now = kit.now();
    match deed {
        Deed::Cancel => cancel_open(order, "CUSTOMER_CANCELLED", now),
        Deed::RequestCancel => request_cancel(order, now),
        Deed::Ship { carrier, tracking: number, units } => {
            let label = Label {
                carrier: carrier_of(carrier.as_deref().unwrap_or("UPS")),
                number: number.clone().unwrap_or_else(|| tracking(&kit.random)),
                url: None,
                method: order.method.to_owned(),
                shipped_at: now,
            };
            ship_open(order, &label, *units, now)
        }
        Deed::Deliver => {
            if !order.has(|stage| stage == Stage::Shipped) {
                return Err(Refused::new("no parcel is on its way"));
            }
            for line in &mut order.lines {
                line.turn(Stage::Shipped, Stage::Delivered, now);
            }
            Ok(())
        }
        Deed::Refund { amount } => refund(order, amount.as_deref(), now),
        Deed::Pay => Err(Refused::new("Walmart charges the customer when a line is shipped")),
        Deed::ChangeAddress { .. } => Err(Refused::new("a customer cannot change the address at Walmart")),
        Deed::Note { .. } | Deed::Tag { .. } => Err(Refused::new("Walmart has neither notes nor tags")),
        Deed::Delete { .. } => Err(Refused::new("Walmart deletes no purchase order")),
    }
}

fn carrier_of(name: &str) -> Carrier {
    if CARRIERS.contains(&name) { Carrier::Listed(name.to_owned()) } else { Carrier::Other(name.to_owned()) }
}

fn cancel_open(order: &mut Order, reason: &str, now: Timestamp) -> Result<(), Refused> {
    if !order.has(Stage::is_open) {
        return Err(Refused::new("nothing is left to cancel"));
    }
    let gone =
        Batch { stage: Stage::Cancelled, units: 0, label: None, reason: Some(reason.to_owned()), since: now };
    for line in &mut order.lines {
        let open = line.units(Stage::is_open);
        if open > 0 {
            line.advance(Stage::is_open, open, &gone);
        }
    }
    order.phone_masked = true;
    Ok(())
}

fn request_cancel(order: &mut Order, now: Timestamp) -> Result<(), Refused> {
    let open = order.lines.iter_mut().filter(|line| !line.unwanted && line.units(Stage::is_open) > 0);
    let mut asked = false;
    for line in open {
        line.unwanted = true;
        line.changed_at = now;
        asked = true;
    }
    if asked { Ok(()) } else { Err(Refused::new("nothing is left to ask for")) }
}

fn ship_open(order: &mut Order, label: &Label, units: Option<u32>, now: Timestamp) -> Result<(), Refused> {
    if !order.has(Stage::is_open) {
        return Err(Refused::new("nothing is left to ship"));
    }
    let sent =
        Batch { stage: Stage::Shipped, units: 0, label: Some(label.clone()), reason: None, since: now };
    for line in &mut order.lines {
        let open = line.units(Stage::is_open);
        let units = units.unwrap_or(open).min(open);
        if units > 0 {
            // The other tool acknowledges first, as Walmart wants it.
            line.turn(Stage::Created, Stage::Acknowledged, now);
            line.advance(|stage| stage == Stage::Acknowledged, units, &sent);
        }
    }
    Ok(())
}

fn refund(order: &mut Order, amount: Option<&str>, now: Timestamp) -> Result<(), Refused> {
    let mut left = match amount {
        Some(text) => cents(text)?,
        None => i64::MAX,
    };
    let mut given = 0;
    for line in order.lines.iter_mut().filter(|line| line.units(Stage::has_left) > 0) {
        let back = (line.cost() - line.refunded).min(left);
        if back > 0 {
            line.refunded += back;
            line.changed_at = now;
            left -= back;
            given += back;
        }
    }
    if given == 0 {
        return Err(Refused::new("nothing was charged that could go back"));
    }
    // Some orders tell a refund in full by the stage of their units alone.
    if amount.is_none() && order.habit() == 2 {
        for line in &mut order.lines {
            line.turn(Stage::Shipped, Stage::Refund, now);
            line.turn(Stage::Delivered, Stage::Refund, now);
        }
    }
    Ok(())
}

/// The seller has let the time for a tracking number run out.
pub(super) fn is_overdue(order: &Order, kit: &Kit) -> bool {
    let late = kit.now() > order.ship_by.plus(kit.hastened(GRACE));
    late && order.warehouse != Warehouse::Walmart && order.has(Stage::is_open)
}

/// Walmart cancels what is overdue; nothing is left to do where there is nothing.
pub(super) fn expire(order: &mut Order, now: Timestamp) {
    drop(cancel_open(order, "AUTO_CANCELLED", now));
}
