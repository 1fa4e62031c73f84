//! What differs between two states of an order, in words that may stand in the timeline.

use std::fmt::Display;

use crate::model::{Event, EventKind, FieldChange, Order, Person, Shipment, Timestamp, Trigger};

/// The differences, grouped as the timeline tells them.
#[derive(Debug, Default)]
pub(super) struct Difference {
    status: Option<FieldChange>,
    payment: Option<FieldChange>,
    shipments_added: Vec<Shipment>,
    shipments_changed: bool,
    others: Vec<FieldChange>,
}

impl Difference {
    pub(super) fn between(old: (&Order, &Person), new: (&Order, &Person)) -> Self {
        let mut found = Self::default();
        let ((old, old_person), (new, new_person)) = (old, new);
        found.status = change("status", Some(old.status), Some(new.status));
        found.payment = change("payment_status", Some(old.payment_status), Some(new.payment_status));
        found.shipments(old, new);
        found.plain_fields(old, new);
        found.channel_words(old, new);
        found.personal_fields(old_person, new_person);
        found
    }

    pub(super) fn is_empty(&self) -> bool {
        self.status.is_none()
            && self.payment.is_none()
            && self.shipments_added.is_empty()
            && !self.shipments_changed
            && self.others.is_empty()
    }

    /// Names of the changed fields, for the feed of changes.
    pub(super) fn fields(&self) -> Vec<String> {
        let mut fields: Vec<String> = Vec::new();
        fields.extend(self.status.iter().map(|c| c.field.clone()));
        fields.extend(self.payment.iter().map(|c| c.field.clone()));
        if self.shipments_changed || !self.shipments_added.is_empty() {
            fields.push("shipments".to_owned());
        }
        fields.extend(self.others.iter().map(|c| c.field.clone()));
        fields
    }

    /// One event per thing that a person would tell apart.
    pub(super) fn events(self, at: Timestamp, trigger: Trigger) -> Vec<Event> {
        let mut events = Vec::new();
        let mut tell = |kind, summary: String, changes| {
            events.push(Event::new(at, kind, Some(trigger), summary).changes(changes));
        };
        if let Some(change) = self.status {
            tell(EventKind::StatusChanged, format!("Status: {}", arrow(&change)), vec![change]);
        }
        if let Some(change) = self.payment {
            tell(EventKind::PaymentChanged, format!("Payment: {}", arrow(&change)), vec![change]);
        }
        for shipment in &self.shipments_added {
            tell(EventKind::ShipmentAdded, format!("Shipment added: {}", parcel(shipment)), vec![]);
        }
        let mut others = self.others;
        if self.shipments_changed {
            others.insert(0, FieldChange { field: "shipments".to_owned(), from: None, to: None });
        }
        if !others.is_empty() {
            let names: Vec<&str> = others.iter().map(|c| c.field.as_str()).collect();
            tell(EventKind::Changed, format!("Changed: {}", names.join(", ")), others);
        }
        events
    }

    fn shipments(&mut self, old: &Order, new: &Order) {
        let known = |s: &Shipment| {
            old.shipments
                .iter()
                .any(|o| o.shipment_id == s.shipment_id && o.tracking_number == s.tracking_number)
        };
        self.shipments_added = new.shipments.iter().filter(|s| !known(s)).cloned().collect();
        self.shipments_changed = self.shipments_added.is_empty() && old.shipments != new.shipments;
    }

    fn plain_fields(&mut self, old: &Order, new: &Order) {
        let (a, b) = (&old.amounts, &new.amounts);
        self.push("number", Some(&old.number), Some(&new.number));
        self.push("currency", old.currency, new.currency);
        self.push("total", a.total, b.total);
        self.push("subtotal", a.subtotal, b.subtotal);
        self.push("shipping", a.shipping, b.shipping);
        self.push("tax", a.tax, b.tax);
        self.push("discount", a.discount, b.discount);
        self.push("refunded", a.refunded, b.refunded);
        self.push("placed_at", Some(old.placed_at), Some(new.placed_at));
        self.push("fulfilled_by", Some(old.fulfilled_by), Some(new.fulfilled_by));
        self.push("tags", Some(old.tags.join(", ")), Some(new.tags.join(", ")));
        if old.items != new.items {
            self.others.push(FieldChange {
                field: "items".to_owned(),
                from: Some(units(old)),
                to: Some(units(new)),
            });
        }
    }

    fn channel_words(&mut self, old: &Order, new: &Order) {
        let names = old.channel_status.keys().chain(new.channel_status.keys());
        let names: std::collections::BTreeSet<&String> = names.collect();
        for name in names {
            self.push(
                &format!("channel_status.{name}"),
                old.channel_status.get(name),
                new.channel_status.get(name),
            );
        }
    }

    /// Says that a personal field changed, never from what to what.
    fn personal_fields(&mut self, old: &Person, new: &Person) {
        let changed = [
            ("customer.name", old.customer.name != new.customer.name),
            ("customer.email", old.customer.email != new.customer.email),
            ("customer.phone", old.customer.phone != new.customer.phone),
            ("shipping_address", old.shipping_address != new.shipping_address),
            ("notes", old.notes != new.notes),
        ];
        for (field, _) in changed.iter().filter(|(_, changed)| *changed) {
            self.others.push(FieldChange { field: (*field).to_owned(), from: None, to: None });
        }
    }

    fn push<T: Display + PartialEq>(&mut self, field: &str, from: Option<T>, to: Option<T>) {
        self.others.extend(change(field, from, to));
    }
}

fn change<T: Display + PartialEq>(field: &str, from: Option<T>, to: Option<T>) -> Option<FieldChange> {
    (from != to).then(|| FieldChange {
        field: field.to_owned(),
        from: from.map(|v| v.to_string()),
        to: to.map(|v| v.to_string()),
    })
}

fn arrow(change: &FieldChange) -> String {
    let word = |side: &Option<String>| side.as_deref().unwrap_or("none").replace('_', " ");
    format!("{} → {}", word(&change.from), word(&change.to))
}

fn parcel(shipment: &Shipment) -> String {
    match (&shipment.carrier, &shipment.tracking_number) {
        (Some(carrier), Some(number)) => format!("{carrier} {number}"),
        (None, Some(number)) => number.clone(),
        (Some(carrier), None) => format!("{carrier}, no tracking number"),
        (None, None) => "no tracking number".to_owned(),
    }
}

fn units(order: &Order) -> String {
    let units: u64 = order.items.iter().map(|i| u64::from(i.quantity)).sum();
    let lines = order.items.len();
    format!("{units} {} in {lines} {}", plural(units, "unit"), plural(lines as u64, "line"))
}

fn plural(count: u64, word: &str) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}
