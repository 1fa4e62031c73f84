//! Units folded into lines: TikTok Shop lists each unit on its own, without a quantity.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::document::{LineDoc, OrderDoc};
use super::facts::{Unit, UnitState};
use crate::model::{Currency, Item, Shipment, ShipmentItem, ShipmentStatus};

/// Units of one SKU at one price.
#[derive(Debug)]
pub struct Line<'a> {
    /// The smallest id of its units, cancelled ones included, so that it never changes.
    pub id: &'a str,
    /// The units that count: all of a cancelled order, else those that are not cancelled.
    units: Vec<&'a LineDoc>,
}

/// In order of first appearance. A line whose units are all cancelled is left out.
pub fn fold(order: &OrderDoc) -> Vec<Line<'_>> {
    let mut lines: Vec<((&str, Option<Decimal>), Line<'_>)> = Vec::new();
    let mut ids: BTreeMap<(&str, Option<Decimal>), &str> = BTreeMap::new();
    for unit in order.line_items.list() {
        let sku = unit.sku_id.filled().unwrap_or(&unit.id);
        let key = (sku, unit.sale_price.as_ref().map(|price| price.0.normalize()));
        let id = ids.entry(key).or_insert(&unit.id);
        if number(&unit.id) < number(id) {
            *id = &unit.id;
        }
        if is_cancelled(unit) && !is_order_cancelled(order) {
            continue;
        }
        match lines.iter_mut().find(|(known, _)| *known == key) {
            Some((_, line)) => line.units.push(unit),
            None => lines.push((key, Line { id: "", units: vec![unit] })),
        }
    }
    lines
        .into_iter()
        .map(|(key, line)| Line { id: ids.get(&key).copied().unwrap_or_default(), ..line })
        .collect()
}

/// Orders ids by their value: a longer number is larger.
fn number(id: &str) -> (usize, &str) {
    (id.len(), id)
}

pub fn is_order_cancelled(order: &OrderDoc) -> bool {
    matches!(&*order.status, "CANCELLED" | "CANCEL")
}

fn is_cancelled(unit: &LineDoc) -> bool {
    matches!(&*unit.display_status, "CANCELLED" | "CANCEL")
}

/// Any unit of the order was taken out of it.
pub fn has_cancelled_units(order: &OrderDoc) -> bool {
    order.line_items.list().iter().any(is_cancelled)
}

/// A number cannot be stored without shipping where the seller ships; TikTok's own labels have one
/// from the beginning.
fn is_shipped(order: &OrderDoc, unit: &LineDoc) -> bool {
    const GONE: [&str; 4] = ["AWAITING_COLLECTION", "IN_TRANSIT", "DELIVERED", "COMPLETED"];
    GONE.contains(&&*order.status)
        || GONE.contains(&&*unit.display_status)
        || matches!(&*unit.package_status, "PROCESSING" | "FULFILLING" | "COMPLETED")
        || (&*order.shipping_type == "SELLER" && !unit.tracking_number.is_empty())
}

pub fn items(
    order: &OrderDoc,
    lines: &[Line<'_>],
    currency: Option<Currency>,
    refunded: Option<&BTreeSet<String>>,
) -> Vec<Item> {
    lines.iter().map(|line| item(order, line, currency, refunded)).collect()
}

fn item(
    order: &OrderDoc,
    line: &Line<'_>,
    currency: Option<Currency>,
    refunded: Option<&BTreeSet<String>>,
) -> Item {
    let first = line.units.first().copied();
    let text = |field: fn(&LineDoc) -> Option<&str>| first.and_then(field).map(str::to_owned);
    let quantity = count(&line.units, |_| true);
    let cancelled = is_order_cancelled(order);
    let price = first.and_then(|unit| unit.sale_price.as_ref()).map(|price| price.0);
    Item {
        line_id: line.id.to_owned(),
        sku: text(|unit| unit.seller_sku.filled().or_else(|| unit.sku_id.filled())),
        title: text(|unit| unit.product_name.filled()),
        variant: text(|unit| unit.sku_name.filled()),
        quantity,
        unit_price: price.map(|price| currency.map_or(price, |currency| currency.round(price))),
        quantity_shipped: Some(if cancelled {
            0
        } else {
            count(&line.units, |unit| is_shipped(order, unit))
        }),
        quantity_cancelled: Some(if cancelled { quantity } else { 0 }),
        quantity_refunded: refunded.map(|refunded| count(&line.units, |unit| refunded.contains(&*unit.id))),
    }
}

fn count(units: &[&LineDoc], which: impl Fn(&LineDoc) -> bool) -> u32 {
    u32::try_from(units.iter().filter(|unit| which(unit)).count()).unwrap_or(u32::MAX)
}

/// One per package that has a tracking number and is not cancelled.
pub fn shipments(order: &OrderDoc, lines: &[Line<'_>]) -> Vec<Shipment> {
    let mut shipments: Vec<Shipment> = Vec::new();
    for unit in order.line_items.list() {
        let Some(number) = unit.tracking_number.filled() else { continue };
        if is_cancelled(unit) || &*unit.package_status == "CANCELLED" {
            continue;
        }
        let id = unit.package_id.filled().unwrap_or(number);
        if !shipments.iter().any(|shipment| shipment.shipment_id == id) {
            shipments.push(shipment(order, unit, id, number));
        }
        let line = lines.iter().find(|line| line.units.iter().any(|own| own.id == unit.id));
        if let (Some(line), Some(shipment)) = (line, shipments.iter_mut().find(|s| s.shipment_id == id)) {
            pack(shipment, line.id);
        }
    }
    shipments
}

fn shipment(order: &OrderDoc, unit: &LineDoc, id: &str, number: &str) -> Shipment {
    Shipment {
        shipment_id: id.to_owned(),
        carrier: unit.shipping_provider_name.filled().map(str::to_owned),
        tracking_number: Some(number.to_owned()),
        tracking_url: None,
        status: parcel_status(order, unit),
        shipped_at: unit.rts_time.0.or(order.rts_time.0),
        items: Vec::new(),
    }
}

fn parcel_status(order: &OrderDoc, unit: &LineDoc) -> Option<ShipmentStatus> {
    match (&*unit.package_status, &*order.status) {
        ("COMPLETED", _) | (_, "DELIVERED") => Some(ShipmentStatus::Delivered),
        ("FULFILLING", _) | (_, "IN_TRANSIT") => Some(ShipmentStatus::InTransit),
        ("PROCESSING", _) => Some(ShipmentStatus::Shipped),
        ("TO_FULFILL", _) if is_shipped(order, unit) => Some(ShipmentStatus::Shipped),
        ("TO_FULFILL", _) => Some(ShipmentStatus::Pending),
        _ => None,
    }
}

fn pack(shipment: &mut Shipment, line_id: &str) {
    match shipment.items.iter_mut().find(|item| item.line_id == line_id) {
        Some(item) => item.quantity += 1,
        None => shipment.items.push(ShipmentItem { line_id: line_id.to_owned(), quantity: 1 }),
    }
}

/// Every unit with the line it counts in, for the calls that name units.
pub fn units(order: &OrderDoc, lines: &[Line<'_>]) -> Vec<Unit> {
    let unit = |line: &Line<'_>, unit: &LineDoc| Unit {
        id: unit.id.to_string(),
        line: line.id.to_owned(),
        package: unit.package_id.to_string(),
        number: unit.tracking_number.to_string(),
        state: if is_cancelled(unit) || is_order_cancelled(order) {
            UnitState::Cancelled
        } else if is_shipped(order, unit) {
            UnitState::Shipped
        } else {
            UnitState::Open
        },
    };
    lines.iter().flat_map(|line| line.units.iter().map(move |own| unit(line, own))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn order(status: &str, units: &Value) -> OrderDoc {
        let order = json!({"status": status, "shipping_type": "SELLER", "line_items": units});
        serde_json::from_str(&order.to_string()).expect("an order")
    }

    fn unit(id: u32, sku: &str, price: &str) -> Value {
        json!({"id": id.to_string(), "sku_id": sku, "seller_sku": format!("S-{sku}"), "sale_price": price, "product_name": "Hat", "sku_name": "Black, M"})
    }

    fn with(mut unit: Value, fields: &Value) -> Value {
        for (name, value) in fields.as_object().expect("fields") {
            unit[name] = value.clone();
        }
        unit
    }

    #[test]
    fn units_of_one_sku_at_one_price_are_one_line() {
        let order = order(
            "AWAITING_SHIPMENT",
            &json!([unit(9, "a", "21.3"), unit(3, "b", "5"), unit(10, "a", "21.30"), unit(11, "a", "0")]),
        );
        let items = items(&order, &fold(&order), "USD".parse().ok(), None);
        let seen: Vec<_> = items
            .iter()
            .map(|item| (item.line_id.as_str(), item.quantity, item.unit_price.map(|p| p.to_string())))
            .collect();
        let price = |text: &str| Some(text.to_owned());
        assert_eq!(seen, [("9", 2, price("21.30")), ("3", 1, price("5.00")), ("11", 1, price("0.00"))]);
        assert_eq!(items[0].sku.as_deref(), Some("S-a"));
        assert_eq!(items[0].variant.as_deref(), Some("Black, M"));
        assert_eq!(items[0].quantity_refunded, None);
    }

    #[test]
    fn a_cancelled_unit_leaves_but_its_line_keeps_its_name() {
        let gone = with(unit(1, "a", "2"), &json!({"display_status": "CANCELLED"}));
        let alone = with(unit(3, "b", "2"), &json!({"display_status": "CANCELLED"}));
        let units = json!([gone, unit(2, "a", "2"), alone]);
        let open = order("AWAITING_SHIPMENT", &units);
        let items_of = |order: &OrderDoc| items(order, &fold(order), None, None);
        let line = &items_of(&open)[..];
        assert_eq!((line.len(), line[0].line_id.as_str(), line[0].quantity), (1, "1", 1));
        assert_eq!(line[0].quantity_cancelled, Some(0), "it is not counted at all");
        let cancelled = order("CANCELLED", &units);
        let lines = items_of(&cancelled);
        assert_eq!(lines.len(), 2);
        assert_eq!((lines[0].quantity, lines[0].quantity_cancelled), (2, Some(2)));
    }

    #[test]
    fn a_package_with_a_number_is_a_shipment() {
        let packed = |id, package: &str, number: &str, status: &str| {
            with(
                unit(id, "a", "2"),
                &json!({"package_id": package, "tracking_number": number, "package_status": status, "shipping_provider_name": "USPS"}),
            )
        };
        let order = order(
            "PARTIALLY_SHIPPING",
            &json!([
                packed(1, "P1", "T1", "FULFILLING"),
                packed(2, "P1\n", "T1", "FULFILLING"),
                packed(3, "P2", "", "TO_FULFILL"),
                packed(4, "P3", "T3", "CANCELLED"),
                packed(5, "P4", "T4", "PROCESSING"),
            ]),
        );
        let lines = fold(&order);
        let shipments = shipments(&order, &lines);
        let seen: Vec<_> =
            shipments.iter().map(|s| (s.shipment_id.as_str(), s.items[0].quantity, s.status)).collect();
        assert_eq!(
            seen,
            [("P1", 2, Some(ShipmentStatus::InTransit)), ("P4", 1, Some(ShipmentStatus::Shipped))]
        );
        assert_eq!(shipments[0].carrier.as_deref(), Some("USPS"));
        let item = &items(&order, &lines, None, None)[0];
        assert_eq!((item.quantity, item.quantity_shipped), (5, Some(4)));
        let open: Vec<_> = units(&order, &lines).into_iter().filter(|u| u.state == UnitState::Open).collect();
        assert_eq!((open.len(), open[0].id.as_str(), open[0].package.as_str()), (1, "3", "P2"));
    }

    #[test]
    fn refunded_units_are_counted_in_their_line() {
        let order = order("COMPLETED", &json!([unit(1, "a", "2"), unit(2, "a", "2")]));
        let refunded = BTreeSet::from(["2".to_owned()]);
        let items = items(&order, &fold(&order), None, Some(&refunded));
        assert_eq!((items[0].quantity_refunded, items[0].quantity_shipped), (Some(1), Some(2)));
    }
}
