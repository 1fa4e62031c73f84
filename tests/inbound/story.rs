//! What the timelines tell: everything once, nothing left out, and how it stands now.

use std::collections::{BTreeMap, BTreeSet};

use fenicia::model::{Event, EventKind, Order};
use fenicia::sandbox::{DeliveryRecord, DeliveryState};

use super::world::World;

/// Longest timeline that is read.
const MOST: usize = 10_000;

/// Orders whose timeline does not tell their life as it was.
pub fn untold(world: &World) -> Vec<String> {
    let mut letters: BTreeMap<String, Vec<DeliveryRecord>> = BTreeMap::new();
    for record in world.kit().webhooks.records().into_iter().filter(|record| !record.forged) {
        letters.entry(record.order.clone().unwrap_or_default()).or_default().push(record);
    }
    let mut faults = Vec::new();
    let truths = world.stand().truths(None, usize::MAX);
    for truth in &truths {
        let Some((order, _)) = world.order(&truth.order_id) else { continue };
        let mut events = world.store().timeline(&order.key, None, MOST).expect("readable");
        events.reverse();
        let in_a_cart = truths.iter().filter(|other| other.number == truth.number).count() > 1;
        let letters = letters.get(&truth.order_id).map_or(&[][..], Vec::as_slice);
        let own = [
            birth(&order, &events),
            changes(&order, &events),
            parcels(&events),
            received(in_a_cart, letters, &events),
        ];
        faults.extend(own.into_iter().flatten().map(|fault| format!("{}: {fault}; {events:#?}", order.key)));
    }
    faults
}

fn of_kind(events: &[Event], kind: EventKind) -> impl Iterator<Item = &Event> {
    events.iter().filter(move |event| event.kind == kind)
}

/// It arrives once, in the state from which the first change leads away.
fn birth(order: &Order, events: &[Event]) -> Option<String> {
    let first = |field: &str, now: String| {
        let changes = events.iter().flat_map(|event| &event.changes);
        let from = changes.filter(|change| change.field == field).find_map(|change| change.from.clone());
        from.unwrap_or(now)
    };
    let status = first("status", order.status.to_string());
    let payment = first("payment_status", order.payment_status.to_string());
    let words = format!("arrived: {status}, payment {payment}").replace('_', " ");
    let born: Vec<_> = of_kind(events, EventKind::Created).map(|event| event.summary.as_str()).collect();
    let once = matches!(born[..], [told] if told.ends_with(&words));
    (!once).then(|| format!("it should say once {words:?}, not {born:?}"))
}

/// Each change begins where the one before ended, and the last ends where the order stands.
fn changes(order: &Order, events: &[Event]) -> Option<String> {
    let mut last: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    for change in events.iter().flat_map(|event| &event.changes) {
        let (from, to) = (change.from.as_deref(), change.to.as_deref());
        // A personal field only says that it changed.
        if from.is_none() && to.is_none() {
            continue;
        }
        if let Some(stood) = last.insert(&change.field, to)
            && stood != from
        {
            return Some(format!("{} leads from {from:?}, but stood at {stood:?}", change.field));
        }
    }
    let now = [("status", order.status.to_string()), ("payment_status", order.payment_status.to_string())];
    let wrong =
        now.iter().find(|(field, now)| last.get(field).is_some_and(|told| *told != Some(now.as_str())));
    wrong.map(|(field, now)| format!("{field} is {now}, told is {:?}", last[field]))
}

/// No parcel is added twice.
fn parcels(events: &[Event]) -> Option<String> {
    let added: Vec<_> = of_kind(events, EventKind::ShipmentAdded).map(|event| &event.summary).collect();
    let distinct: BTreeSet<_> = added.iter().collect();
    (distinct.len() < added.len()).then(|| format!("a parcel was added twice: {added:?}"))
}

/// One that comes without an id, so that two of them within a second cannot be told apart.
const NAMELESS: &str = "RECIPIENT_ADDRESS_UPDATE";

/// Each webhook that was answered well stands there once; one that was given up may have been taken in
/// while its answer was lost. What concerns the parcel of a whole cart stands in each of its orders.
fn received(in_a_cart: bool, letters: &[DeliveryRecord], events: &[Event]) -> Option<String> {
    let told = of_kind(events, EventKind::WebhookReceived).count();
    let with = |state| letters.iter().filter(move |letter| letter.state == state);
    let taken = with(DeliveryState::Delivered).count();
    let nameless = with(DeliveryState::Delivered).filter(|letter| letter.topic == NAMELESS).count();
    let least = taken - nameless.saturating_sub(1);
    let most = taken + with(DeliveryState::Abandoned).count();
    let right = told >= least && (in_a_cart || told <= most);
    (!right).then(|| format!("{told} webhooks stand there, not {least} to {most}"))
}
