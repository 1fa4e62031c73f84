//! What shoppers, carriers and the merchant's other tools do, and what webhooks tell of it.

use rust_decimal::Decimal;
use serde_json::json;

use super::super::kit::Kit;
use super::super::stand::{Deed, Refused};
use super::hooks::Event;
use super::order::{Cancelled, Order, Payment};
use super::rest;
use super::world::{World, invented_tracking, new_street, sorted_tags};
use crate::model::{Timestamp, decimal};

/// Lets something happen to an order; answers what webhooks tell.
pub(super) fn happen(world: &mut World, id: u64, deed: &Deed, kit: &Kit) -> Result<Vec<Event>, Refused> {
    let now = kit.now();
    let order = world.order(id).ok_or_else(|| Refused::new("no such order"))?;
    if order.cancelled.is_some()
        && !matches!(deed, Deed::Delete { .. } | Deed::Note { .. } | Deed::Tag { .. })
    {
        return Err(Refused::new("the order is cancelled"));
    }
    match deed {
        Deed::Pay => pay(world, id, now),
        Deed::ChangeAddress { line1 } => {
            let street = new_street(line1.as_ref(), &kit.random);
            let changed =
                world.change(id, now, |order| order.address.as_mut().map(|address| address.line1 = street));
            changed.flatten().ok_or_else(|| Refused::new("the order has no address"))?;
            Ok(updated(world, id))
        }
        Deed::Note { text } => {
            world.change(id, now, |order| order.note = Some(text.clone()));
            Ok(updated(world, id))
        }
        Deed::Tag { tag } => {
            world.change(id, now, |order| {
                let mut tags = std::mem::take(&mut order.tags);
                tags.push(tag.clone());
                order.tags = sorted_tags(tags);
            });
            Ok(updated(world, id))
        }
        Deed::Cancel => {
            order.cancellable().map_err(Refused::new)?;
            let record = Cancelled { at: now, reason: "CUSTOMER".to_owned(), staff_note: None };
            world.cancel(id, record, true, now);
            Ok(cancelled(world, id))
        }
        Deed::RequestCancel => Err(Refused::new("buyers do not ask for a cancellation here")),
        Deed::Refund { amount } => refund(world, id, amount.as_deref(), now),
        Deed::Ship { carrier, tracking, units } => {
            ship(world, id, carrier.as_deref(), tracking.as_deref(), *units, kit)
        }
        Deed::Deliver => deliver(world, id, now),
        Deed::Delete { listed } => delete(world, id, *listed),
    }
}

fn pay(world: &mut World, id: u64, now: Timestamp) -> Result<Vec<Event>, Refused> {
    let paid = world.change(id, now, |order| {
        let open = matches!(order.payment, Payment::Pending | Payment::Authorized);
        if open {
            order.payment = Payment::Paid;
        }
        open
    });
    match paid {
        Some(true) => Ok(told(world, id, &["orders/paid", "orders/updated"])),
        _ => Err(Refused::new("the order is not waiting for a payment")),
    }
}

fn refund(world: &mut World, id: u64, amount: Option<&str>, now: Timestamp) -> Result<Vec<Event>, Refused> {
    let amount: Option<Decimal> = match amount {
        Some(text) => Some(decimal(text).ok_or_else(|| Refused::new("the amount is a decimal"))?),
        None => None,
    };
    world.refund(id, amount, now).unwrap_or_else(|| Err(Refused::new("no such order")))?;
    let mut events = updated(world, id);
    events.extend(refunded(world, id));
    Ok(events)
}

fn ship(
    world: &mut World,
    id: u64,
    carrier: Option<&str>,
    number: Option<&str>,
    units: Option<u32>,
    kit: &Kit,
) -> Result<Vec<Event>, Refused> {
    let order = world.order(id).ok_or_else(|| Refused::new("no such order"))?;
    if order.payment == Payment::Pending {
        return Err(Refused::new("nobody ships an order that is not paid"));
    }
    let shipments = order.parts(units);
    if shipments.is_empty() {
        return Err(Refused::new("nothing is left to ship"));
    }
    let mut events = Vec::new();
    for parts in shipments {
        let tracking = invented_tracking(carrier, number, &kit.random);
        if let Some(fulfillment) = world.ship(id, &parts, tracking, kit.now()) {
            events.extend(shipped(world, id, fulfillment));
        }
    }
    Ok(events)
}

/// A carrier's news does not move the order's change time, so that only the fulfilment's own
/// webhooks, or reading again, show it.
fn deliver(world: &mut World, id: u64, now: Timestamp) -> Result<Vec<Event>, Refused> {
    let delivered = world.orders.touch(&id.to_string(), |order| {
        let mut delivered = Vec::new();
        for own in
            order.fulfillments.iter_mut().filter(|own| own.status == "SUCCESS" && own.delivered_at.is_none())
        {
            own.delivered_at = Some(now);
            own.display_status = "DELIVERED";
            own.updated_at = now;
            delivered.push(own.id);
        }
        delivered
    });
    let delivered =
        delivered.filter(|ids| !ids.is_empty()).ok_or_else(|| Refused::new("no parcel is on its way"))?;
    let order = world.order(id).ok_or_else(|| Refused::new("no such order"))?;
    let parcels = order.fulfillments.iter().filter(|own| delivered.contains(&own.id));
    Ok(parcels
        .flat_map(|own| {
            [
                Event {
                    topic: "fulfillment_events/create",
                    order: Some(id),
                    body: rest::delivered(own, order, now),
                },
                Event { topic: "fulfillments/update", order: Some(id), body: rest::fulfillment(own, order) },
            ]
        })
        .collect())
}

fn delete(world: &mut World, id: u64, listed: bool) -> Result<Vec<Event>, Refused> {
    if world.order(id).is_some_and(|order| order.cancelled.is_none()) {
        return Err(Refused::new("only a cancelled order can be deleted"));
    }
    if listed {
        world.orders.touch(&id.to_string(), |order| order.deleted = true);
    } else {
        world.orders.remove(&id.to_string());
    }
    Ok(vec![Event { topic: "orders/delete", order: Some(id), body: json!({ "id": id }) }])
}

// ---- what webhooks tell ------------------------------------------------------------------

fn told(world: &World, id: u64, topics: &[&'static str]) -> Vec<Event> {
    let Some(order) = world.order(id) else { return Vec::new() };
    topics.iter().map(|topic| Event { topic, order: Some(id), body: rest::order(order) }).collect()
}

pub(super) fn placed(world: &World, id: u64) -> Vec<Event> {
    let paid = world.order(id).is_some_and(|order| order.payment == Payment::Paid);
    let topics: &[&str] =
        if paid { &["orders/create", "orders/paid", "orders/updated"] } else { &["orders/create"] };
    told(world, id, topics)
}

pub(super) fn updated(world: &World, id: u64) -> Vec<Event> {
    told(world, id, &["orders/updated"])
}

pub(super) fn cancelled(world: &World, id: u64) -> Vec<Event> {
    let mut events = told(world, id, &["orders/cancelled", "orders/updated"]);
    events.extend(refunded(world, id));
    events
}

/// The newest refund, if there is one.
fn refunded(world: &World, id: u64) -> Option<Event> {
    let order = world.order(id)?;
    let refund = order.refunds.last()?;
    Some(Event { topic: "refunds/create", order: Some(id), body: rest::refund(refund, order) })
}

pub(super) fn shipped(world: &World, id: u64, fulfillment: u64) -> Vec<Event> {
    let all = world.order(id).is_some_and(|order| order.remaining() == 0);
    let topic = if all { "orders/fulfilled" } else { "orders/partially_fulfilled" };
    let mut events = told(world, id, &[topic, "orders/updated"]);
    events.extend(parcel(world.order(id), fulfillment, "fulfillments/create"));
    events
}

pub(super) fn tracked(world: &World, id: u64, fulfillment: u64) -> Vec<Event> {
    let mut events = updated(world, id);
    events.extend(parcel(world.order(id), fulfillment, "fulfillments/update"));
    events
}

fn parcel(order: Option<&Order>, fulfillment: u64, topic: &'static str) -> Option<Event> {
    let order = order?;
    let shown = order.fulfillments.iter().find(|own| own.id == fulfillment)?;
    Some(Event { topic, order: Some(order.id), body: rest::fulfillment(shown, order) })
}
