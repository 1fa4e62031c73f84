//! What an observation changes in a stored order.
//!
//! The laws, each with a property test: merging the same observation twice changes nothing the
//! second time; an older observation changes nothing; complete observations end in the same state
//! in whatever order they arrive; what an observation does not say never replaces what is known.

use super::changes::Difference;
use super::freshness::{Freshness, freshness};
use crate::model::{
    Address, AddressSeen, Amounts, Anomaly, Currency, Customer, CustomerSeen, Event, EventKind, FulfilledBy,
    Item, Native, Observation, Order, OrderKey, OrderStatus, PaymentStatus, Person, Seen, Shipment, Source,
    SyncInfo, Timestamp, Trigger, Version,
};

/// The circumstances of a merge.
#[derive(Clone, Copy, Debug)]
pub struct Merging<'a> {
    pub key: &'a OrderKey,
    pub channel_kind: &'static str,
    pub trigger: Trigger,
    pub now: Timestamp,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Merged {
    /// Older than what is stored: nothing to do.
    Stale,
    /// Says what is stored. Only the version stamp and the connector's facts may be newer.
    Unchanged {
        order: Box<Order>,
        incomplete: bool,
    },
    /// Carries the stored change stamp but other content, and is not a fetch: fetch.
    Doubtful,
    Applied(Box<Applied>),
}

/// A changed order, its person, and what to write into the timeline and the feed of changes.
/// Events are unnumbered; the order's `next_seq` is untouched.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    pub order: Order,
    pub person: Person,
    pub created: bool,
    pub events: Vec<Event>,
    /// Names of the changed fields, for the feed of changes. Empty when only anomalies are told.
    pub fields: Vec<String>,
    /// One fetch would complete it.
    pub incomplete: bool,
    /// Codes of anomalies told for the first time.
    pub anomalies: Vec<String>,
}

/// Decides what of `seen` is taken over. `None` for an order that is not stored yet.
pub fn merge(stored: Option<(&Order, &Person)>, seen: Observation, how: Merging<'_>) -> Merged {
    let fresh = match stored {
        None => Freshness::Newer,
        Some((order, _)) => freshness(order.version, seen.source, seen.changed_at, seen.read_at),
    };
    if fresh == Freshness::Older {
        return Merged::Stale;
    }
    let source = seen.source;
    let incomplete = seen.incomplete && source != Source::Fetch;
    match stored {
        None => Merged::Applied(Box::new(create(seen, how, incomplete))),
        Some((order, person)) => {
            let (new, new_person, told) = overlay(order.clone(), person.clone(), seen);
            let difference = Difference::between((order, person), (&new, &new_person));
            if fresh == Freshness::Same && !difference.is_empty() {
                return Merged::Doubtful;
            }
            if difference.is_empty() && told.is_empty() {
                return Merged::Unchanged { order: Box::new(new), incomplete };
            }
            Merged::Applied(Box::new(update(new, new_person, difference, told, how, incomplete)))
        }
    }
}

fn create(seen: Observation, how: Merging<'_>, incomplete: bool) -> Applied {
    let blank = Order {
        key: how.key.clone(),
        channel_kind: how.channel_kind.to_owned(),
        number: seen.order.to_string(),
        status: OrderStatus::Pending,
        payment_status: PaymentStatus::Pending,
        channel_status: std::collections::BTreeMap::new(),
        currency: None,
        amounts: Amounts::default(),
        placed_at: seen.changed_at.unwrap_or(seen.read_at),
        items: Vec::new(),
        shipments: Vec::new(),
        tags: Vec::new(),
        fulfilled_by: FulfilledBy::Seller,
        facts: std::collections::BTreeMap::new(),
        version: Version { changed_at: None, read_at: seen.read_at, fetched_at: None },
        created_at: how.now,
        stored_at: how.now,
        told: Vec::new(),
        sync: SyncInfo::default(),
        last_action: None,
        next_seq: 0,
        erased: false,
    };
    let (order, person, told) = overlay(blank, Person::default(), seen);
    let summary =
        format!("Order {} arrived: {}, payment {}", order.number, order.status, order.payment_status)
            .replace('_', " ");
    let mut events = vec![Event::new(how.now, EventKind::Created, Some(how.trigger), summary)];
    events.extend(anomaly_events(&told, how));
    let anomalies = told.into_iter().map(|a| a.code).collect();
    Applied {
        order,
        person,
        created: true,
        events,
        fields: vec!["created".to_owned()],
        incomplete,
        anomalies,
    }
}

fn update(
    mut order: Order,
    person: Person,
    difference: Difference,
    told: Vec<Anomaly>,
    how: Merging<'_>,
    incomplete: bool,
) -> Applied {
    let fields = difference.fields();
    if !fields.is_empty() {
        order.stored_at = how.now;
    }
    let mut events = difference.events(how.now, how.trigger);
    events.extend(anomaly_events(&told, how));
    let anomalies = told.into_iter().map(|a| a.code).collect();
    Applied { order, person, created: false, events, fields, incomplete, anomalies }
}

fn anomaly_events(told: &[Anomaly], how: Merging<'_>) -> Vec<Event> {
    told.iter()
        .map(|a| Event::new(how.now, EventKind::Anomaly, Some(how.trigger), a.summary.clone()))
        .collect()
}

/// Lays what was said over what is known. Answers the anomalies that were not told before.
fn overlay(mut order: Order, mut person: Person, seen: Observation) -> (Order, Person, Vec<Anomaly>) {
    let mut anomalies = seen.anomalies;
    order.version = Version {
        changed_at: seen.changed_at.max(order.version.changed_at),
        read_at: seen.read_at.max(order.version.read_at),
        fetched_at: (seen.source == Source::Fetch).then_some(seen.read_at).max(order.version.fetched_at),
    };
    if let Some(number) = seen.number {
        order.number = number;
    }
    order.status = translated(order.status, seen.status, "status", &mut anomalies);
    let payment = translated(order.payment_status, seen.payment_status, "payment status", &mut anomalies);
    let refunded = matches!(order.payment_status, PaymentStatus::PartiallyRefunded | PaymentStatus::Refunded);
    if !(seen.refunds_unseen && refunded) {
        order.payment_status = payment;
    }
    if !seen.channel_status.is_empty() {
        order.channel_status = seen.channel_status;
    }
    order.currency = seen.currency.or(order.currency);
    order.amounts = amounts(order.amounts, &seen.amounts, order.currency);
    order.placed_at = seen.placed_at.unwrap_or(order.placed_at);
    if let Some(items) = seen.items {
        order.items = items.into_iter().map(|item| item_over(&order.items, item, order.currency)).collect();
    }
    if let Some(shipments) = seen.shipments {
        order.shipments = shipments.into_iter().map(|s| shipment_over(&order.shipments, s)).collect();
    }
    order.tags = seen.tags.unwrap_or(order.tags);
    order.fulfilled_by = seen.fulfilled_by.unwrap_or(order.fulfilled_by);
    order.facts.extend(seen.facts);
    if !order.erased {
        person.customer = customer_over(person.customer, seen.customer);
        person.shipping_address = address_over(person.shipping_address, seen.shipping_address);
        person.notes = seen.notes.unwrap_or(person.notes);
    }
    anomalies.retain(|a| !order.told.contains(&a.code));
    anomalies.dedup_by(|a, b| a.code == b.code);
    order.told.extend(anomalies.iter().map(|a| a.code.clone()));
    (order, person, anomalies)
}

fn translated<T>(known: T, said: Native<T>, axis: &str, anomalies: &mut Vec<Anomaly>) -> T {
    match said {
        Native::Known(value) => value,
        Native::Absent => known,
        Native::Unknown(word) => {
            let word: String = word.chars().filter(|c| !c.is_control()).take(60).collect();
            anomalies.push(Anomaly {
                code: format!("unknown_{}:{word}", axis.replace(' ', "_")),
                summary: format!("The channel says an unknown {axis}, {word:?}. The last known one stays."),
            });
            known
        }
    }
}

fn amounts(known: Amounts, said: &Amounts, currency: Option<Currency>) -> Amounts {
    let round = |amount| match currency {
        Some(currency) => currency.round(amount),
        None => amount,
    };
    let over = |known: Option<_>, said: Option<_>| said.or(known).map(round);
    Amounts {
        total: over(known.total, said.total),
        subtotal: over(known.subtotal, said.subtotal),
        shipping: over(known.shipping, said.shipping),
        tax: over(known.tax, said.tax),
        discount: over(known.discount, said.discount),
        refunded: over(known.refunded, said.refunded),
    }
}

fn item_over(known: &[Item], said: Item, currency: Option<Currency>) -> Item {
    let round = |amount| currency.map_or(amount, |c| c.round(amount));
    let Some(known) = known.iter().find(|i| i.line_id == said.line_id) else {
        return Item { unit_price: said.unit_price.map(round), ..said };
    };
    Item {
        sku: said.sku.or_else(|| known.sku.clone()),
        title: said.title.or_else(|| known.title.clone()),
        variant: said.variant.or_else(|| known.variant.clone()),
        unit_price: said.unit_price.or(known.unit_price).map(round),
        quantity_shipped: said.quantity_shipped.or(known.quantity_shipped),
        quantity_cancelled: said.quantity_cancelled.or(known.quantity_cancelled),
        quantity_refunded: said.quantity_refunded.or(known.quantity_refunded),
        ..said
    }
}

fn shipment_over(known: &[Shipment], said: Shipment) -> Shipment {
    let same = |s: &&Shipment| s.shipment_id == said.shipment_id && s.tracking_number == said.tracking_number;
    let Some(known) = known.iter().find(same) else {
        return said;
    };
    Shipment {
        carrier: said.carrier.or_else(|| known.carrier.clone()),
        tracking_url: said.tracking_url.or_else(|| known.tracking_url.clone()),
        status: said.status.or(known.status),
        shipped_at: said.shipped_at.or(known.shipped_at),
        items: if said.items.is_empty() { known.items.clone() } else { said.items },
        ..said
    }
}

fn over<T>(known: Option<T>, said: Seen<T>) -> Option<T> {
    match said {
        Seen::Absent => known,
        Seen::Nothing => None,
        Seen::Value(value) => Some(value),
    }
}

fn customer_over(known: Customer, said: CustomerSeen) -> Customer {
    Customer {
        name: over(known.name, said.name),
        email: over(known.email, said.email),
        phone: over(known.phone, said.phone),
    }
}

/// A given field that contradicts the known address means that it is another address: then
/// nothing of the old one is mixed in.
fn address_over(known: Option<Address>, said: Seen<AddressSeen>) -> Option<Address> {
    let said = match said {
        Seen::Absent => return known,
        Seen::Nothing => return None,
        Seen::Value(said) => said,
    };
    let base = match known {
        Some(known) if !contradicts(&known, &said) => known,
        _ => Address::default(),
    };
    let address = Address {
        name: over(base.name, said.name),
        line1: over(base.line1, said.line1),
        line2: over(base.line2, said.line2),
        city: over(base.city, said.city),
        region: over(base.region, said.region),
        postal_code: over(base.postal_code, said.postal_code),
        country: over(base.country, said.country),
        phone: over(base.phone, said.phone),
    };
    (address != Address::default()).then_some(address)
}

fn contradicts(known: &Address, said: &AddressSeen) -> bool {
    let differs = |known: &Option<String>, said: &Seen<String>| match (known, said) {
        (Some(known), Seen::Value(said)) => known != said,
        _ => false,
    };
    differs(&known.line1, &said.line1)
        || differs(&known.city, &said.city)
        || differs(&known.region, &said.region)
        || differs(&known.postal_code, &said.postal_code)
        || differs(&known.country, &said.country)
}

#[cfg(test)]
mod tests;
