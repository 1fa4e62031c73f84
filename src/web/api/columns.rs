//! The columns of a CSV export.

use std::borrow::Cow;

use rust_decimal::Decimal;

use super::order::shown;
use crate::model::{Address, Order, Person, Timestamp};

/// One column. Personal ones are only exported when they are asked for.
#[derive(Clone, Copy)]
pub struct Column {
    pub name: &'static str,
    /// About the customer.
    pub personal: bool,
    value: fn(&Order, &Person) -> String,
}

const fn plain(name: &'static str, value: fn(&Order, &Person) -> String) -> Column {
    Column { name, personal: false, value }
}

const fn personal(name: &'static str, value: fn(&Order, &Person) -> String) -> Column {
    Column { name, personal: true, value }
}

/// All columns, in their usual order.
pub const ALL: [Column; 37] = [
    plain("id", |order, _| order.key.to_string()),
    plain("channel", |order, _| order.key.channel.to_string()),
    plain("channel_kind", |order, _| order.channel_kind.clone()),
    plain("channel_order_id", |order, _| order.key.order.to_string()),
    plain("number", |order, _| order.number.clone()),
    plain("status", |order, _| order.status.to_string()),
    plain("payment_status", |order, _| order.payment_status.to_string()),
    plain("currency", |order, _| order.currency.map(|currency| currency.to_string()).unwrap_or_default()),
    plain("total", |order, _| money(order, order.amounts.total)),
    plain("subtotal", |order, _| money(order, order.amounts.subtotal)),
    plain("shipping", |order, _| money(order, order.amounts.shipping)),
    plain("tax", |order, _| money(order, order.amounts.tax)),
    plain("discount", |order, _| money(order, order.amounts.discount)),
    plain("refunded", |order, _| money(order, order.amounts.refunded)),
    plain("placed_at", |order, _| order.placed_at.to_string()),
    plain("updated_at", |order, _| time(order.version.changed_at)),
    plain("synced_at", |order, _| time(order.sync.last_success_at)),
    plain("sync_state", |order, _| order.sync.state.to_string()),
    plain("fulfilled_by", |order, _| order.fulfilled_by.to_string()),
    plain("items", |order, _| items(order)),
    plain("units", |order, _| {
        order.items.iter().map(|item| u64::from(item.quantity)).sum::<u64>().to_string()
    }),
    plain("carriers", |order, _| of_shipments(order, |shipment| shipment.carrier.as_deref())),
    plain("tracking_numbers", |order, _| of_shipments(order, |shipment| shipment.tracking_number.as_deref())),
    plain("tags", |order, _| order.tags.join(", ")),
    personal("customer_name", |_, person| text(person.customer.name.as_deref())),
    personal("customer_email", |_, person| text(person.customer.email.as_deref())),
    personal("customer_phone", |_, person| text(person.customer.phone.as_deref())),
    personal("address_name", |_, person| address(person, |to| to.name.as_deref())),
    personal("address_line1", |_, person| address(person, |to| to.line1.as_deref())),
    personal("address_line2", |_, person| address(person, |to| to.line2.as_deref())),
    personal("address_city", |_, person| address(person, |to| to.city.as_deref())),
    personal("address_region", |_, person| address(person, |to| to.region.as_deref())),
    personal("address_postal_code", |_, person| address(person, |to| to.postal_code.as_deref())),
    personal("address_country", |_, person| address(person, |to| to.country.as_deref())),
    personal("address_phone", |_, person| address(person, |to| to.phone.as_deref())),
    personal("notes", |_, person| person.notes.join("\n")),
    plain("channel_status", |order, _| {
        let words = order.channel_status.iter().map(|(name, word)| format!("{name}={word}"));
        words.collect::<Vec<_>>().join(", ")
    }),
];

/// Every column's name, and whether it is about the customer.
pub fn names() -> impl Iterator<Item = (&'static str, bool)> {
    ALL.iter().map(|column| (column.name, column.personal))
}

/// Fields that a line of JSON can be narrowed to.
pub const JSON_FIELDS: [&str; 28] = [
    "id",
    "channel",
    "channel_kind",
    "channel_order_id",
    "number",
    "status",
    "payment_status",
    "channel_status",
    "currency",
    "total",
    "subtotal",
    "shipping",
    "tax",
    "discount",
    "refunded",
    "placed_at",
    "updated_at",
    "synced_at",
    "customer",
    "shipping_address",
    "items",
    "shipments",
    "notes",
    "tags",
    "fulfilled_by",
    "capabilities",
    "last_action",
    "sync",
];

/// Without a choice: everything that is not personal.
pub fn default() -> Vec<Column> {
    ALL.into_iter().filter(|column| !column.personal).collect()
}

pub fn named(name: &str) -> Option<Column> {
    ALL.into_iter().find(|column| column.name == name)
}

/// The cell's text, safe to open in a spreadsheet.
pub fn cell(column: &Column, order: &Order, person: &Person) -> String {
    let value = (column.value)(order, person);
    match defused(&value) {
        Cow::Borrowed(_) => value,
        Cow::Owned(defused) => defused,
    }
}

/// A spreadsheet runs what begins like a formula; an apostrophe makes it text. Numbers stay.
fn defused(value: &str) -> Cow<'_, str> {
    let risky = value.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if risky && value.parse::<Decimal>().is_err() { format!("'{value}").into() } else { value.into() }
}

fn money(order: &Order, amount: Option<Decimal>) -> String {
    amount.map(|amount| shown(order.currency, amount)).unwrap_or_default()
}

fn time(at: Option<Timestamp>) -> String {
    at.map(|at| at.to_string()).unwrap_or_default()
}

fn text(value: Option<&str>) -> String {
    value.unwrap_or_default().to_owned()
}

fn address(person: &Person, part: fn(&Address) -> Option<&str>) -> String {
    text(person.shipping_address.as_ref().and_then(part))
}

/// `2 × SKU-1, 1 × SKU-2`; a line without a SKU goes by its title.
fn items(order: &Order) -> String {
    let lines = order.items.iter().map(|item| {
        let name = item.sku.as_deref().or(item.title.as_deref()).unwrap_or(&item.line_id);
        format!("{} × {name}", item.quantity)
    });
    lines.collect::<Vec<_>>().join(", ")
}

fn of_shipments(order: &Order, part: fn(&crate::model::Shipment) -> Option<&str>) -> String {
    order.shipments.iter().filter_map(part).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_never_begins_like_a_formula() {
        for (value, wanted) in [
            ("=HYPERLINK(\"http://evil.example\")", "'=HYPERLINK(\"http://evil.example\")"),
            ("+52 55 1234 5678", "'+52 55 1234 5678"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-2+3", "'-2+3"),
            ("\t=1", "'\t=1"),
            ("-12.50", "-12.50"),
            ("plain", "plain"),
            ("", ""),
        ] {
            assert_eq!(defused(value), wanted);
        }
    }

    #[test]
    fn personal_columns_come_only_when_asked_for() {
        let names: Vec<_> = default().iter().map(|column| column.name).collect();
        assert!(names.contains(&"total"));
        assert!(!names.iter().any(|name| name.starts_with("customer") || name.starts_with("address")));
        assert!(!names.contains(&"notes"));
        assert!(named("customer_email").is_some());
    }

    #[test]
    fn each_column_is_there_once() {
        let mut names: Vec<_> = ALL.iter().map(|column| column.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }
}
