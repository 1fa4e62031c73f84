//! The contract's samples, read and mapped.

use super::document::{ListAnswer, OrderAnswer, OrderDoc};
use super::facts::Facts;
use super::map::{Reading, observe, order_id};
use super::market::{Market, Node};
use crate::channel::contract::sample;
use crate::model::{FulfilledBy, Native, Observation, OrderStatus, PaymentStatus, Seen, Source, Timestamp};

fn see(order: &OrderDoc) -> Observation {
    let reading = Reading {
        source: Source::Listing,
        read_at: Timestamp::EPOCH,
        market: Market::UnitedStates,
        node: Some(Node::Seller),
    };
    observe(order_id(order).expect("id"), order, reading)
}

fn list(name: &str) -> Option<(Vec<Observation>, Option<String>)> {
    let answer: ListAnswer =
        serde_json::from_str(&sample(&format!("walmart/samples/{name}"))?).expect("a list");
    let list = answer.list.0.expect("list");
    let orders = list.elements.0.expect("elements").order.0;
    let seen = orders.iter().map(|raw| see(&serde_json::from_str(raw.get()).expect("an order"))).collect();
    Some((seen, list.meta.0.and_then(|meta| meta.next_cursor.0)))
}

fn one(name: &str) -> Option<Observation> {
    let answer: OrderAnswer =
        serde_json::from_str(&sample(&format!("walmart/samples/{name}"))?).expect("an answer");
    Some(see(&answer.order.0[0]))
}

fn total(seen: &Observation) -> String {
    let currency = seen.currency.map(|c| c.to_string()).unwrap_or_default();
    format!("{} {currency}", seen.amounts.total.map(|t| t.to_string()).unwrap_or_default())
}

#[test]
fn the_documented_list() {
    let Some((seen, cursor)) = list("orders-list.json") else { return };
    let rows: Vec<_> = seen
        .iter()
        .map(|o| match (&o.status, &o.payment_status) {
            (Native::Known(status), Native::Known(payment)) => (*status, *payment, total(o)),
            other => panic!("{other:?}"),
        })
        .collect();
    let cancelled = || (OrderStatus::Cancelled, PaymentStatus::Pending, "0.00 USD".to_owned());
    let shipped = |total: &str| (OrderStatus::Shipped, PaymentStatus::Paid, total.to_owned());
    assert_eq!(
        rows,
        [
            (OrderStatus::Pending, PaymentStatus::Pending, "10.80 USD".to_owned()),
            cancelled(),
            cancelled(),
            cancelled(),
            cancelled(),
            cancelled(),
            shipped("10.84 USD"),
            shipped("10.84 USD"),
            shipped("10.61 USD"),
            cancelled(),
        ]
    );
    assert_eq!(seen[0].number.as_deref(), Some("5281956426648"));
    assert_eq!(seen[0].channel_status["orderType"], "REPLACEMENT");
    assert_eq!(seen[0].items.as_ref().expect("items")[0].line_id, "4");
    assert!(cursor.expect("cursor").starts_with("?limit=10&hasMoreElements=true"));
}

#[test]
fn a_production_list_with_its_nulls() {
    let Some((seen, _)) = list("orders-list-production-nulls.json") else { return };
    assert_eq!(seen[0].status, Native::Known(OrderStatus::Shipped));
    assert_eq!(total(&seen[0]), "39.99 USD");
    let shipment = &seen[0].shipments.as_ref().expect("shipments")[0];
    assert_eq!(shipment.carrier.as_deref(), Some("OtherCarrier"));
    assert_eq!(shipment.tracking_number.as_deref(), Some("TBA387619000000"));
    assert_eq!(seen[1].status, Native::Known(OrderStatus::Cancelled));
    assert_eq!(total(&seen[1]), "0.00 USD");
    assert_eq!(seen[1].items.as_ref().expect("items")[0].quantity_cancelled, Some(1));
    assert!(matches!(seen[1].customer.phone, Seen::Value(_)));
}

#[test]
fn a_shipped_order() {
    let Some(seen) = one("order-shipped.json") else { return };
    assert_eq!(seen.order.as_str(), "1815367951431");
    assert_eq!(seen.placed_at, Timestamp::parse("2021-06-15T22:33:27Z"));
    assert_eq!(total(&seen), "5.34 USD");
    assert_eq!(seen.fulfilled_by, Some(FulfilledBy::Seller));
    let facts = Facts::read(&seen.facts);
    assert_eq!((facts.method(), facts.node()), (Some("Value"), Some(Node::Seller)));
    assert_eq!(facts.ship_by(), Timestamp::parse("2021-06-17T05:00:00Z"));
    assert_eq!(facts.lines[0].under("435678956435467"), 1);
    assert_eq!(facts.lines[0].changed_at, Some(Timestamp::from_millis(1_623_835_855_623)));
}

#[test]
fn a_replacement_with_every_attribute() {
    let Some(seen) = one("order-replacement-attributes.json") else { return };
    assert_eq!(seen.status, Native::Known(OrderStatus::Pending));
    assert_eq!(seen.payment_status, Native::Known(PaymentStatus::Pending), "nothing was charged");
    assert_eq!(seen.fulfilled_by, Some(FulfilledBy::Seller));
    assert_eq!(total(&seen), "10.80 USD");
}

#[test]
fn what_shipping_and_cancelling_answer() {
    let Some(shipped) = one("ship-response.json") else { return };
    assert_eq!(shipped.status, Native::Known(OrderStatus::Shipped));
    assert_eq!(total(&shipped), "603.56 USD");
    let Some(cancelled) = one("cancel-response.json") else { return };
    assert_eq!(cancelled.status, Native::Known(OrderStatus::Cancelled));
    assert_eq!(cancelled.payment_status, Native::Known(PaymentStatus::Pending));
    assert_eq!(total(&cancelled), "0.00 USD");
}

#[test]
fn a_refund_in_full() {
    let Some(seen) = one("refund-response.json") else { return };
    assert_eq!(seen.payment_status, Native::Known(PaymentStatus::Refunded));
    assert_eq!(seen.status, Native::Known(OrderStatus::Shipped));
    assert_eq!(seen.amounts.refunded.map(|amount| amount.to_string()).as_deref(), Some("21.99"));
    assert_eq!(seen.items.expect("items")[0].quantity_refunded, None, "units are not told");
}
