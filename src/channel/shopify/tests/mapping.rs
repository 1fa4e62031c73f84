//! The mapping tables of the contract, row by row, in both shapes.

use serde_json::{Value, json};

use super::orders::{body, delivered, fetched, fetched_without, graph, refund, sent, with};
use crate::channel::shopify::graph::{self, Withheld};
use crate::channel::shopify::samples;
use crate::model::{
    AddressSeen, Native, Observation, OrderStatus, PaymentStatus, Seen, ShipmentStatus, Source,
};

fn known<T: Copy>(native: &Native<T>) -> Option<T> {
    if let Native::Known(value) = native { Some(*value) } else { None }
}

fn value<T: Clone>(seen: &Seen<T>) -> Option<T> {
    seen.clone().value()
}

#[test]
fn both_shapes_of_an_order_agree() {
    let mut fetch = fetched(&graph());
    let payload = delivered(&body());
    assert!(
        fetch
            .facts
            .remove("fulfilment_orders")
            .is_some_and(|fact| fact == "71,OPEN,UNSUBMITTED,3,c|711:11:2 712:12:1")
    );
    fetch.source = Source::Payload;
    assert_eq!(fetch, payload);
}

#[test]
fn every_field_lands_in_its_place() {
    let seen = fetched(&graph());
    assert_eq!((seen.order.as_str(), seen.number.as_deref()), ("5001", Some("#1042")));
    assert_eq!(seen.changed_at.map(|at| at.to_string()).as_deref(), Some("2026-11-20T10:00:05Z"));
    assert_eq!(seen.placed_at.map(|at| at.to_string()).as_deref(), Some("2026-11-20T10:00:00Z"));
    assert_eq!(seen.notes, Some(vec!["Ring twice".to_owned()]));
    assert_eq!(seen.tags, Some(vec!["b2b".to_owned(), "gift".to_owned()]));
    let shown = |amount: Option<rust_decimal::Decimal>| amount.map(|a| a.to_string()).unwrap_or_default();
    let sums = &seen.amounts;
    let sums = [sums.total, sums.subtotal, sums.shipping, sums.tax, sums.discount, sums.refunded].map(shown);
    assert_eq!(sums, ["1249.00", "1100.00", "50.00", "149.00", "50.00", "0.00"]);
    let items = seen.items.expect("items");
    assert_eq!(
        (items[0].line_id.as_str(), items[0].sku.as_deref(), items[0].variant.as_deref()),
        ("11", Some("SKU-1"), None)
    );
    assert_eq!((items[0].quantity, shown(items[0].unit_price).as_str()), (2, "350.00"));
    assert_eq!(
        (items[0].quantity_shipped, items[0].quantity_cancelled, items[0].quantity_refunded),
        (Some(0), Some(0), Some(0))
    );
    assert_eq!(items[1].sku, None);
    assert_eq!(value(&seen.customer.name).as_deref(), Some("Eva Luna"));
    assert_eq!(value(&seen.customer.phone).as_deref(), Some("+525511112222"));
    let address = value(&seen.shipping_address).expect("an address");
    assert_eq!((value(&address.region).as_deref(), address.line2), (Some("PUE"), Seen::Nothing));
    assert_eq!(seen.channel_status["displayFinancialStatus"], "PAID");
}

#[test]
fn amounts_have_their_currency_s_decimals() {
    for (currency, amount, shown) in
        [("JPY", "19940.0", "19940"), ("KWD", "1.5", "1.500"), ("USD", "199.65", "199.65")]
    {
        let sum = json!({ "shopMoney": { "amount": amount } });
        let order = with(graph(), json!({ "currencyCode": currency, "currentTotalPriceSet": sum }));
        assert_eq!(
            fetched(&order).amounts.total.map(|a| a.to_string()).as_deref(),
            Some(shown),
            "{currency}"
        );
    }
}

#[test]
fn the_first_rule_that_fits_gives_the_status() {
    use OrderStatus::{Accepted, Cancelled, Delivered, Pending, Shipped};
    let there = sent("81", "DELIVERED", &["1Z"], &[("11", 2)]);
    let collected = sent("82", "PICKED_UP", &[], &[("12", 1)]);
    let under_way = sent("83", "IN_TRANSIT", &["1Z2"], &[("12", 1)]);
    let at = json!("2026-11-22T00:00:00Z");
    let table: Vec<(Value, &str, Value, Vec<Value>, OrderStatus)> = vec![
        (at.clone(), "FULFILLED", json!("PAID"), vec![there.clone()], Cancelled),
        (at, "UNFULFILLED", json!("VOIDED"), vec![], Cancelled),
        (json!(null), "FULFILLED", json!("PAID"), vec![there.clone(), collected], Delivered),
        (json!(null), "FULFILLED", json!("PAID"), vec![there, under_way], Shipped),
        (json!(null), "FULFILLED", json!("PENDING"), vec![], Shipped),
        (json!(null), "PARTIALLY_FULFILLED", json!("PENDING"), vec![], Accepted),
        (json!(null), "IN_PROGRESS", json!("PENDING"), vec![], Accepted),
        (json!(null), "PENDING_FULFILLMENT", json!(null), vec![], Accepted),
    ];
    for (cancelled, fulfilment, financial, fulfilments, status) in table {
        let changes = json!({ "cancelledAt": cancelled, "displayFulfillmentStatus": fulfilment,
            "displayFinancialStatus": financial, "fulfillments": fulfilments });
        assert_eq!(known(&fetched(&with(graph(), changes)).status), Some(status), "{fulfilment} {financial}");
    }
    for silent in [
        "UNFULFILLED",
        "ON_HOLD",
        "SCHEDULED",
        "REQUEST_DECLINED",
        "OPEN",
        "RESTOCKED",
        "FULFILLMENT_NOT_REQUIRED",
    ] {
        for (financial, status) in [
            (json!("PAID"), Accepted),
            (json!("AUTHORIZED"), Accepted),
            (json!("PARTIALLY_PAID"), Accepted),
            (json!("PARTIALLY_REFUNDED"), Accepted),
            (json!("REFUNDED"), Accepted),
            (json!("PENDING"), Pending),
            (json!("EXPIRED"), Pending),
            (json!("VOIDED"), Pending),
            (json!(null), Pending),
        ] {
            let changes = json!({ "displayFulfillmentStatus": silent, "displayFinancialStatus": financial });
            let seen = fetched(&with(graph(), changes));
            assert_eq!(known(&seen.status), Some(status), "{silent} {financial}");
            assert!(seen.anomalies.is_empty());
        }
    }
}

#[test]
fn the_payment_is_pending_until_it_is_known_to_be_paid() {
    use PaymentStatus::{Paid, PartiallyRefunded, Pending, Refunded};
    for (word, status) in [
        (json!("PAID"), Paid),
        (json!("PARTIALLY_REFUNDED"), PartiallyRefunded),
        (json!("REFUNDED"), Refunded),
        (json!("PENDING"), Pending),
        (json!("AUTHORIZED"), Pending),
        (json!("PARTIALLY_PAID"), Pending),
        (json!("EXPIRED"), Pending),
        (json!("VOIDED"), Pending),
        (json!(null), Pending),
    ] {
        let graph = fetched(&with(graph(), json!({ "displayFinancialStatus": word })));
        assert_eq!(known(&graph.payment_status), Some(status), "{word}");
        let lower = word.as_str().map(str::to_lowercase);
        let rest = delivered(&with(body(), json!({ "financial_status": lower })));
        assert_eq!(known(&rest.payment_status), Some(status), "{word}");
    }
}

#[test]
fn unknown_words_keep_what_is_known_and_are_told() {
    let odd = fetched(&with(graph(), json!({ "displayFulfillmentStatus": "BEAMED_UP" })));
    assert_eq!(known(&odd.status), Some(OrderStatus::Accepted));
    assert_eq!(odd.anomalies[0].code, "unknown_status:BEAMED_UP");
    let odd = fetched(&with(graph(), json!({ "displayFinancialStatus": "BARTERED" })));
    assert_eq!(odd.payment_status, Native::Unknown("BARTERED".into()));
    assert_eq!(odd.status, Native::Unknown("BARTERED".into()));
}

#[test]
fn the_words_of_a_webhook_body_mean_the_same() {
    use OrderStatus::{Accepted, Cancelled, Delivered, Shipped};
    let parcel = |status: Value| {
        json!([{ "id": 81, "status": "success", "shipment_status": status, "tracking_numbers": ["1Z"],
        "tracking_company": "UPS", "tracking_urls": ["https://ups.example/1Z"], "created_at": "2026-11-21T09:00:00Z",
        "line_items": [{ "id": 11, "quantity": 2 }] }])
    };
    for (changes, status) in [
        (json!({ "fulfillment_status": "partial" }), Accepted),
        (json!({ "fulfillment_status": "fulfilled", "fulfillments": parcel(json!(null)) }), Shipped),
        (json!({ "fulfillment_status": "fulfilled", "fulfillments": parcel(json!("delivered")) }), Delivered),
        (json!({ "cancelled_at": "2026-11-22T00:00:00Z", "financial_status": "voided" }), Cancelled),
    ] {
        assert_eq!(known(&delivered(&with(body(), changes.clone())).status), Some(status), "{changes}");
    }
    let seen = delivered(&with(
        body(),
        json!({ "fulfillment_status": "fulfilled", "fulfillments": parcel(json!("in_transit")) }),
    ));
    let shipment = &seen.shipments.expect("shipments")[0];
    assert_eq!((shipment.shipment_id.as_str(), shipment.status), ("81", Some(ShipmentStatus::InTransit)));
    assert_eq!(shipment.tracking_url.as_deref(), Some("https://ups.example/1Z"));
    assert_eq!(seen.items.expect("items")[0].quantity_shipped, Some(2));
}

#[test]
fn each_tracking_number_is_a_parcel_and_failed_fulfilments_are_none() {
    let cancelled = with(sent("80", "CANCELED", &["OLD"], &[("11", 1)]), json!({ "status": "CANCELLED" }));
    let fulfilments = [
        cancelled,
        sent("81", "FULFILLED", &["A", "B"], &[("11", 2)]),
        sent("82", "LABEL_PRINTED", &[], &[("12", 1)]),
    ];
    let seen = fetched(&with(graph(), json!({ "fulfillments": fulfilments })));
    let shipments = seen.shipments.expect("shipments");
    let told: Vec<_> = shipments
        .iter()
        .map(|s| (s.shipment_id.as_str(), s.tracking_number.as_deref(), s.status, s.items.len()))
        .collect();
    assert_eq!(
        told,
        [
            ("81", Some("A"), Some(ShipmentStatus::Shipped), 1),
            ("81.2", Some("B"), Some(ShipmentStatus::Shipped), 0),
            ("82", None, Some(ShipmentStatus::Pending), 1),
        ]
    );
    let items = seen.items.expect("items");
    assert_eq!(items.iter().map(|item| item.quantity_shipped).collect::<Vec<_>>(), [Some(2), Some(1)]);
}

fn lines(current: [u32; 2]) -> Value {
    let mut order = graph();
    for (n, current) in current.iter().enumerate() {
        order["lineItems"]["nodes"][n]["currentQuantity"] = json!(current);
    }
    order
}

#[test]
fn a_live_order_shows_what_is_left_of_it() {
    let now = json!({ "shopMoney": { "amount": "350.0" } });
    let changes = json!({ "currentTotalPriceSet": now, "refunds": [refund("350.0", &[("11", 1, "CANCEL"), ("12", 1, "RETURN")])] });
    let seen = fetched(&with(lines([1, 0]), changes));
    assert_eq!(seen.amounts.total.map(|a| a.to_string()).as_deref(), Some("350.00"));
    let items = seen.items.expect("items");
    assert_eq!(items.len(), 1);
    assert_eq!(
        (items[0].quantity, items[0].quantity_refunded, items[0].quantity_cancelled),
        (1, Some(1), Some(0))
    );
}

#[test]
fn a_cancelled_or_returned_order_keeps_showing_the_purchase() {
    let zero = json!({ "shopMoney": { "amount": "0.0" } });
    let cancelled = json!({ "cancelledAt": "2026-11-22T00:00:00Z", "currentTotalPriceSet": zero, "currentSubtotalPriceSet": zero,
        "refunds": [refund("0.0", &[("11", 2, "CANCEL"), ("12", 1, "CANCEL")])] });
    let seen = fetched(&with(lines([0, 0]), cancelled));
    assert_eq!(seen.amounts.total.map(|a| a.to_string()).as_deref(), Some("1249.00"));
    assert_eq!(seen.amounts.subtotal.map(|a| a.to_string()).as_deref(), Some("1100.00"));
    let counts = |seen: &Observation| -> Vec<_> {
        let items = seen.items.iter().flatten();
        items.map(|item| (item.quantity, item.quantity_cancelled, item.quantity_refunded)).collect()
    };
    assert_eq!(counts(&seen), [(2, Some(2), Some(0)), (1, Some(1), Some(0))]);
    let returned = json!({ "displayFinancialStatus": "REFUNDED", "displayFulfillmentStatus": "FULFILLED",
        "fulfillments": [sent("81", "DELIVERED", &["A"], &[("11", 2), ("12", 1)])],
        "refunds": [refund("1249.0", &[("11", 2, "RETURN"), ("12", 1, "NO_RESTOCK")])] });
    let seen = fetched(&with(lines([0, 0]), returned));
    assert_eq!(counts(&seen), [(2, Some(0), Some(2)), (1, Some(0), Some(1))]);
}

#[test]
fn withheld_fields_are_not_taken_for_empty_ones() {
    let bare = json!({ "email": null, "phone": null, "customer": null, "shippingAddress": null, "billingAddress": null });
    let denied = ["email", "phone", "customer", "shippingAddress", "billingAddress"];
    let seen = fetched_without(&with(graph(), bare.clone()), &denied);
    assert_eq!(
        (&seen.customer.name, &seen.customer.email, &seen.customer.phone),
        (&Seen::Absent, &Seen::Absent, &Seen::Absent)
    );
    assert_eq!(seen.shipping_address, Seen::Absent);
    assert_eq!(seen.anomalies[0].code, "withheld:personal_data");
    let seen = fetched(&with(graph(), bare));
    assert_eq!((&seen.customer.name, &seen.customer.email), (&Seen::Nothing, &Seen::Nothing));
    assert_eq!(seen.shipping_address, Seen::Nothing);
    assert!(seen.anomalies.is_empty());
}

#[test]
fn the_name_comes_from_the_nearest_source_that_has_one() {
    let nobody = json!({ "firstName": null, "lastName": " ", "displayName": "eva@example.com", "defaultPhoneNumber": null });
    let name = |changes: Value| value(&fetched(&with(graph(), changes)).customer.name);
    assert_eq!(name(json!({ "customer": nobody })).as_deref(), Some("eva@example.com"));
    let ship = json!({ "name": "Neighbour", "address1": "x" });
    assert_eq!(name(json!({ "customer": null, "shippingAddress": ship })).as_deref(), Some("Neighbour"));
    let bill = json!({ "customer": null, "shippingAddress": null, "billingAddress": { "name": "Firm" } });
    assert_eq!(name(bill).as_deref(), Some("Firm"));
    let nameless =
        json!({ "id": 9, "first_name": null, "last_name": null, "email": "eva@example.com", "phone": null });
    let rest = delivered(&with(body(), json!({ "customer": nameless })));
    assert_eq!(value(&rest.customer.name).as_deref(), Some("eva@example.com"));
}

#[test]
fn a_body_that_lacks_fields_says_nothing_about_them_and_is_completed_later() {
    let seen =
        delivered(&json!({ "id": 5001, "updated_at": "2026-11-20T10:00:05Z", "financial_status": "paid" }));
    let empty = Observation::empty(seen.order.clone(), Source::Payload, super::orders::READ_AT);
    assert_eq!(seen.status, Native::Absent);
    assert_eq!(seen.customer, empty.customer);
    assert_eq!((&seen.shipping_address, &seen.items, &seen.shipments), (&Seen::Absent, &None, &None));
    assert_eq!((&seen.notes, &seen.tags, &seen.amounts), (&None, &None, &empty.amounts));
    assert!(seen.incomplete);
    let nulls = json!({ "email": null, "customer": null, "shipping_address": null, "billing_address": null });
    let seen = delivered(&with(body(), nulls));
    assert_eq!(
        (&seen.customer.email, &seen.customer.name, &seen.shipping_address),
        (&Seen::Absent, &Seen::Absent, &Seen::Absent)
    );
    assert!(!seen.incomplete, "withheld data would not come with a fetch either");
    let masked = json!({ "name": null, "address1": null, "city": "Puebla", "country_code": "MX" });
    let seen = delivered(&with(body(), json!({ "shipping_address": masked })));
    let expected = AddressSeen {
        city: Seen::Value("Puebla".into()),
        country: Seen::Value("MX".into()),
        ..AddressSeen::default()
    };
    assert_eq!(value(&seen.shipping_address), Some(expected));
}

#[test]
fn an_unpaid_body_without_shipments_is_completed_since_work_may_be_under_way() {
    let unpaid = |financial: Value| delivered(&with(body(), json!({ "financial_status": financial })));
    assert!(unpaid(json!("pending")).incomplete);
    assert!(!unpaid(json!("voided")).incomplete);
    assert!(!delivered(&body()).incomplete);
}

#[test]
fn refunds_of_a_body_are_summed_in_the_order_s_currency_only() {
    let refund = |currency: &str| {
        json!([{ "id": 1, "transactions": [
        { "kind": "refund", "status": "success", "amount": "100.50", "currency": currency },
        { "kind": "refund", "status": "failure", "amount": "5.00", "currency": currency },
        { "kind": "void", "status": "success", "amount": "7.00", "currency": currency }],
        "refund_line_items": [{ "line_item_id": 11, "quantity": 1, "restock_type": "return" }] }])
    };
    let seen = delivered(&with(body(), json!({ "refunds": refund("MXN") })));
    assert_eq!(seen.amounts.refunded.map(|a| a.to_string()).as_deref(), Some("100.50"));
    assert_eq!(seen.items.expect("items")[0].quantity_refunded, Some(1));
    let foreign = delivered(&with(body(), json!({ "refunds": refund("USD") })));
    assert_eq!((foreign.amounts.refunded, foreign.incomplete), (None, true));
}

#[test]
fn the_recorded_rest_order_is_read() {
    let Some(sample) = samples::json("rest_order_2026-07.json") else { return };
    let seen = delivered(&sample["order"]);
    assert_eq!((seen.order.as_str(), seen.number.as_deref()), ("450789469", Some("#1001")));
    assert_eq!(known(&seen.status), Some(OrderStatus::Accepted));
    assert_eq!(known(&seen.payment_status), Some(PaymentStatus::PartiallyRefunded));
    let sums = &seen.amounts;
    let sums = [sums.total, sums.subtotal, sums.shipping, sums.tax, sums.discount, sums.refunded];
    assert_eq!(
        sums.map(|a| a.map(|a| a.to_string()).unwrap_or_default()),
        ["199.65", "195.67", "0.00", "3.98", "3.33", "209.00"]
    );
    let items = seen.items.as_ref().expect("items");
    assert_eq!(items.iter().map(|item| item.line_id.as_str()).collect::<Vec<_>>(), ["518995019"]);
    // The only fulfilment failed.
    assert_eq!(seen.shipments, Some(vec![]));
    assert_eq!((seen.notes.as_deref(), seen.tags.as_deref()), (Some(&[][..]), Some(&[][..])));
    assert_eq!(value(&seen.customer.name).as_deref(), Some("Bob Norman"));
    assert_eq!(value(&seen.customer.phone).as_deref(), Some("+557734881234"));
    let address = value(&seen.shipping_address).expect("an address");
    assert_eq!(
        (value(&address.region).as_deref(), value(&address.country).as_deref()),
        (Some("KY"), Some("US"))
    );
    assert_eq!(address.line2, Seen::Nothing);
    assert!(!seen.incomplete);
}

fn recorded(order: &Value) -> Observation {
    let order: graph::Order = serde_json::from_str(&order.to_string()).expect("an order");
    let reading = order.into_reading(&Withheld(&[])).expect("an id");
    reading.into_observation(Source::Fetch, super::orders::READ_AT)
}

#[test]
fn the_recorded_cancellation_is_cancelled_and_refunded() {
    let Some(sample) = samples::json("graphql_order_cancel_paid_refunded.json") else { return };
    let before = recorded(&sample["upstreamCalls"][0]["response"]["body"]["data"]["order"]);
    assert_eq!(known(&before.status), Some(OrderStatus::Accepted));
    assert_eq!(
        before.facts["fulfilment_orders"],
        "9659302248754,OPEN,UNSUBMITTED,,c|19461847580978:19312619651378:2"
    );
    let after = recorded(&sample["downstreamRead"]["response"]["data"]["order"]);
    assert_eq!(
        (known(&after.status), known(&after.payment_status)),
        (Some(OrderStatus::Cancelled), Some(PaymentStatus::Refunded))
    );
    assert_eq!(after.channel_status["cancelReason"], "OTHER");
    assert_eq!(
        (after.facts["fulfilment_orders"].as_str(), after.amounts.refunded.map(|a| a.to_string()).as_deref()),
        ("", Some("20.0"))
    );
}

#[test]
fn the_recorded_fulfilment_with_two_numbers_is_two_parcels() {
    let Some(sample) = samples::json("graphql_fulfillment_multi_tracking.json") else { return };
    let seen = recorded(&sample["downstreamRead"]["response"]["data"]["order"]);
    let shipments = seen.shipments.expect("shipments");
    let ids: Vec<_> = shipments.iter().map(|s| (s.shipment_id.as_str(), s.carrier.as_deref())).collect();
    assert_eq!(ids, [("8086547988786", Some("UPS")), ("8086547988786.2", Some("UPS"))]);
    assert!(shipments[1].tracking_url.as_deref().is_some_and(|url| url.ends_with("-2")));
}

#[test]
fn the_recorded_partial_refund_is_one() {
    let Some(sample) = samples::json("graphql_refund_partial.json") else { return };
    let seen = recorded(&sample["downstreamRead"]["response"]["data"]["order"]);
    assert_eq!(known(&seen.payment_status), Some(PaymentStatus::PartiallyRefunded));
    assert_eq!(known(&seen.status), Some(OrderStatus::Accepted));
    assert_eq!(seen.amounts.refunded.map(|a| a.to_string()).as_deref(), Some("15.0"));
}
