//! Row by row, on small orders.

use super::*;
use crate::model::{Currency, OrderStatus};

fn see(json: &str) -> Observation {
    see_on(json, None)
}

fn see_on(json: &str, node: Option<Node>) -> Observation {
    let order: OrderDoc = serde_json::from_str(json).expect(json);
    let id = order_id(&order).unwrap_or_else(|| ChannelOrderId::from(1));
    let reading = Reading {
        source: Source::Listing,
        read_at: Timestamp::from_secs(5),
        market: Market::UnitedStates,
        node,
    };
    observe(id, &order, reading)
}

fn with_lines(lines: &str) -> String {
    format!(r#"{{"purchaseOrderId":"1","orderLines":{{"orderLine":[{lines}]}}}}"#)
}

fn status(word: &str, units: u32, tracking: &str) -> String {
    format!(
        r#"{{"status":"{word}","statusQuantity":{{"unitOfMeasurement":"EACH","amount":"{units}"}},"trackingInfo":{tracking}}}"#
    )
}

fn line(number: &str, units: u32, statuses: &[String]) -> String {
    format!(
        r#"{{"lineNumber":"{number}","item":{{"productName":"Mug","sku":"MUG"}},
            "orderLineQuantity":{{"unitOfMeasurement":"EACH","amount":"{units}"}},
            "orderLineStatuses":{{"orderLineStatus":[{}]}},
            "charges":{{"charge":[{{"chargeType":"PRODUCT","chargeName":"ItemPrice",
                "chargeAmount":{{"currency":"USD","amount":10}},"tax":null}}]}}}}"#,
        statuses.join(",")
    )
}

fn tracking(carrier: &str, number: &str) -> String {
    format!(
        r#"{{"shipDateTime":1568466571000,"carrierName":{{"carrier":"{carrier}","otherCarrier":null}},
            "methodCode":"Standard","trackingNumber":"{number}","trackingURL":"https://example.com/{number}"}}"#
    )
}

#[test]
fn a_masked_phone_and_a_placeholder_mail_are_not_said() {
    for (phone, mail, said) in [
        ("\"0000000000\"", "\"nocxemail@walmartone.com\"", false),
        ("\"000-000-0000\"", "\"\"", false),
        ("\"\"", "null", false),
        ("null", "null", false),
        ("\"3155550100\"", "\"a1b2@relay.walmart.com\"", true),
        ("3155550100", "\"a1b2@relay.walmart.com\"", true),
    ] {
        let seen = see(&format!(
            r#"{{"purchaseOrderId":"1","customerEmailId":{mail},"shippingInfo":{{"phone":{phone}}}}}"#
        ));
        assert_eq!(matches!(seen.customer.phone, Seen::Value(_)), said, "{phone}");
        assert_eq!(matches!(seen.customer.email, Seen::Value(_)), said, "{mail}");
        assert!(said || seen.customer.phone == Seen::Absent);
    }
}

#[test]
fn countries_get_two_letters() {
    for (said, shown) in [("USA", "US"), ("CAN", "CA"), ("MEX", "MX"), ("CHL", "CL"), ("PRI", "PRI")] {
        let seen = see(&format!(
            r#"{{"purchaseOrderId":"1","shippingInfo":{{"postalAddress":{{"name":"A","address2":null,"country":"{said}"}}}}}}"#
        ));
        let Seen::Value(address) = seen.shipping_address else { panic!("an address") };
        assert_eq!(address.country, Seen::Value(shown.to_owned()));
        assert_eq!(address.line2, Seen::Absent);
    }
    for empty in ["null", "{}", r#"{"name":""}"#] {
        let seen = see(&format!(r#"{{"purchaseOrderId":"1","shippingInfo":{{"postalAddress":{empty}}}}}"#));
        assert_eq!(seen.shipping_address, Seen::Absent, "{empty}");
    }
}

#[test]
fn an_order_that_says_almost_nothing_is_still_an_order() {
    for json in [
        r#"{"purchaseOrderId":"1"}"#,
        r#"{"purchaseOrderId":1,"shippingInfo":null,"orderLines":null,"shipNode":null}"#,
        r#"{"purchaseOrderId":"1","shippingInfo":{},"orderLines":{},"shipNode":{}}"#,
        r#"{"purchaseOrderId":"1","orderLines":{"orderLine":{}},"shipNode":{"type":null}}"#,
    ] {
        let seen = see(json);
        assert_eq!((seen.status, seen.payment_status), (Native::Absent, Native::Absent), "{json}");
        assert_eq!((seen.items, seen.shipments, seen.amounts.total), (None, None, None), "{json}");
        assert!(seen.incomplete, "a known order keeps what it has until it is read by its number");
        assert_eq!(seen.fulfilled_by, None, "{json}");
    }
}

#[test]
fn shipments_are_distinct_by_carrier_and_number() {
    let (one, two) = (tracking("UPS", "1Z"), tracking("FedEx", "1Z"));
    let lines = [
        line(
            "1",
            3,
            &[status("Shipped", 1, &one), status("Shipped", 1, &two), status("Acknowledged", 1, "{}")],
        ),
        line("4", 1, &[status("Delivered", 1, &one)]),
        line("5", 1, &[status("Shipped", 1, "null")]),
    ];
    let seen = see(&with_lines(&lines.join(",")));
    let shipments = seen.shipments.expect("shipments");
    let names: Vec<&str> = shipments.iter().map(|shipment| shipment.shipment_id.as_str()).collect();
    assert_eq!(names, ["UPS:1Z", "FedEx:1Z"]);
    let units: Vec<(&str, u32)> =
        shipments[0].items.iter().map(|item| (item.line_id.as_str(), item.quantity)).collect();
    assert_eq!(units, [("1", 1), ("4", 1)]);
    assert_eq!(shipments[0].status, Some(ShipmentStatus::Shipped), "as far as its slowest unit");
    assert_eq!(shipments[0].shipped_at, Some(Timestamp::from_millis(1_568_466_571_000)));
    assert_eq!(shipments[0].tracking_url.as_deref(), Some("https://example.com/1Z"));
    assert_eq!(seen.status, Native::Known(OrderStatus::Accepted));
    assert_eq!(seen.channel_status["orderLineStatus"], "Acknowledged 1, Shipped 3, Delivered 1");
}

#[test]
fn a_carrier_without_a_listed_name_is_shown_by_its_own() {
    let other = r#"{"carrierName":{"carrier":null,"otherCarrier":"Bicycle Bob"},"trackingNumber":7}"#;
    let seen = see(&with_lines(&line("1", 1, &[status("Shipped", 1, other)])));
    let shipments = seen.shipments.expect("shipments");
    assert_eq!(shipments[0].carrier.as_deref(), Some("Bicycle Bob"));
    assert_eq!(shipments[0].tracking_number.as_deref(), Some("7"));
}

#[test]
fn units_are_counted_per_line() {
    let statuses =
        [status("Cancelled", 1, "null"), status("Shipped", 2, "null"), status("Refund", 1, "null")];
    let seen = see(&with_lines(&line("7", 4, &statuses)));
    let item = &seen.items.expect("items")[0];
    assert_eq!((item.line_id.as_str(), item.quantity), ("7", 4));
    assert_eq!(
        (item.quantity_shipped, item.quantity_cancelled, item.quantity_refunded),
        (Some(3), Some(1), Some(1))
    );
    assert_eq!(item.unit_price.map(|price| price.to_string()).as_deref(), Some("2.50"));
    assert_eq!((item.sku.as_deref(), item.title.as_deref()), (Some("MUG"), Some("Mug")));
}

#[test]
fn who_packs_is_said_by_the_order_or_by_the_list_it_is_on() {
    for (json, list, expected) in [
        (r#"{"purchaseOrderId":"1","shipNode":{"type":"WFSFulfilled"}}"#, None, Some(FulfilledBy::Channel)),
        (r#"{"purchaseOrderId":"1","shipNode":{"type":"SellerFulfilled"}}"#, None, Some(FulfilledBy::Seller)),
        (r#"{"purchaseOrderId":"1","shipNode":{"type":"3PLFulfilled"}}"#, None, Some(FulfilledBy::Seller)),
        (r#"{"purchaseOrderId":"1","shipNode":{}}"#, Some(Node::Walmart), Some(FulfilledBy::Channel)),
        (r#"{"purchaseOrderId":"1"}"#, Some(Node::Seller), Some(FulfilledBy::Seller)),
        (r#"{"purchaseOrderId":"1"}"#, None, None),
    ] {
        assert_eq!(see_on(json, list).fulfilled_by, expected, "{json}");
    }
}

#[test]
fn a_wish_to_cancel_is_told_while_it_can_be_granted() {
    for (state, told) in [("Created", true), ("Acknowledged", true), ("Shipped", false), ("Cancelled", false)]
    {
        let unwanted =
            line("2", 1, &[status(state, 1, "null")]).replacen('{', r#"{"intentToCancel":"true","#, 1);
        let seen = see(&with_lines(&unwanted));
        let codes: Vec<&str> = seen.anomalies.iter().map(|anomaly| anomaly.code.as_str()).collect();
        assert_eq!(codes.contains(&"buyer_cancel_requested"), told, "{state}");
        if told {
            assert!(seen.anomalies[0].summary.contains("line 2"), "{}", seen.anomalies[0].summary);
        }
    }
}

#[test]
fn an_unknown_word_is_told_and_moves_nothing() {
    let seen = see(&with_lines(&line("1", 1, &[status("OnHold", 1, "null")])));
    assert_eq!(seen.status, Native::Unknown("OnHold".to_owned()));
}

#[test]
fn an_order_without_charges_is_in_the_currency_of_its_market() {
    let seen = see(&with_lines(r#"{"lineNumber":"1","charges":{}}"#));
    assert_eq!(seen.currency, "USD".parse::<Currency>().ok());
}
