use serde_json::{Value, json};

use super::*;
use crate::channel::amazon::finances::Refunds;
use crate::model::decimal;

/// An order that is to be sent by the merchant, changed by `patch`.
fn order(patch: Value) -> OrderDocument {
    let mut base = json!({
        "orderId": "701-0000001-0000001",
        "createdTime": "2026-11-20T10:00:00Z",
        "lastUpdatedTime": "2026-11-21T10:00:00.250Z",
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": "A1AM78C64UM0Y8"},
        "proceeds": {"grandTotal": {"amount": "249.9", "currencyCode": "MXN"}},
        "recipient": {"deliveryAddress": {"name": "Rosa", "addressLine1": "Calle 1", "countryCode": "MX"}},
        "fulfillment": {"fulfillmentStatus": "UNSHIPPED", "fulfilledBy": "MERCHANT"},
        "orderItems": [{"orderItemId": "11", "quantityOrdered": 2, "product": {"sellerSku": "TAZA"},
                        "fulfillment": {"quantityFulfilled": 0, "quantityUnfulfilled": 2}}]
    });
    overlay(&mut base, patch);
    serde_json::from_str(&base.to_string()).expect("order")
}

fn overlay(base: &mut Value, patch: Value) {
    match (base, patch) {
        (Value::Object(base), Value::Object(patch)) => {
            for (key, value) in patch {
                overlay(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, patch) => *base = patch,
    }
}

fn see(order: &OrderDocument, source: Source, refunds: &Refunds) -> Observation {
    let id = ChannelOrderId::new(&order.order_id).expect("id");
    observe(id, order, Reading { source, read_at: Timestamp::EPOCH, refunds })
}

fn listed(order: &OrderDocument) -> Observation {
    see(order, Source::Listing, &Refunds::Unseen)
}

fn package(reference: &str, status: &str) -> Value {
    json!({"packageReferenceId": reference, "packageStatus": {"status": status}})
}

#[test]
fn every_row_of_the_status_table() {
    use Native::{Known, Unknown};
    use OrderStatus::{Accepted, Cancelled, Delivered, Pending, Shipped};
    let delivered = json!([package("1", "DELIVERED"), package("2", "CANCELLED")]);
    let on_its_way = json!([package("1", "DELIVERED"), package("2", "IN_TRANSIT")]);
    let called_back = json!([package("1", "CANCELLED")]);
    let rows = [
        ("CANCELLED", "MERCHANT", json!([]), Known(Cancelled)),
        ("UNFULFILLABLE", "AMAZON", json!([]), Known(Cancelled)),
        ("SHIPPED", "MERCHANT", delivered.clone(), Known(Delivered)),
        ("SHIPPED", "MERCHANT", on_its_way, Known(Shipped)),
        ("SHIPPED", "MERCHANT", called_back, Known(Shipped)),
        ("SHIPPED", "MERCHANT", json!([]), Known(Shipped)),
        ("SHIPPED", "AMAZON", delivered.clone(), Known(Shipped)),
        ("PARTIALLY_SHIPPED", "MERCHANT", delivered, Known(Accepted)),
        ("UNSHIPPED", "MERCHANT", json!([]), Known(Accepted)),
        ("PENDING", "MERCHANT", json!([]), Known(Pending)),
        ("PENDING_AVAILABILITY", "AMAZON", json!([]), Known(Pending)),
        ("Canceled", "MERCHANT", json!([]), Unknown("Canceled".to_owned())),
    ];
    for (word, by, packages, expected) in rows {
        let order = order(
            json!({"fulfillment": {"fulfillmentStatus": word, "fulfilledBy": by}, "packages": packages}),
        );
        assert_eq!(listed(&order).status, expected, "{word} by {by}");
    }
    assert_eq!(listed(&order(json!({"fulfillment": null}))).status, Native::Absent);
}

#[test]
fn every_row_of_the_payment_table() {
    use PaymentStatus::{Paid, PartiallyRefunded, Pending, Refunded};
    let sum =
        |amount| Refunds::Sum { amount: decimal(amount).expect("number"), currency: "MXN".parse().ok() };
    let rows = [
        ("SHIPPED", sum("249.89"), Refunded),
        ("CANCELLED", sum("249.90"), Refunded),
        ("SHIPPED", sum("10"), PartiallyRefunded),
        ("UNSHIPPED", Refunds::Uncounted, PartiallyRefunded),
        ("PENDING", Refunds::Unseen, Pending),
        ("PENDING_AVAILABILITY", Refunds::Unseen, Pending),
        ("CANCELLED", Refunds::None, Pending),
        ("UNFULFILLABLE", Refunds::None, Pending),
        ("UNSHIPPED", Refunds::None, Paid),
        ("PARTIALLY_SHIPPED", Refunds::None, Paid),
        ("SHIPPED", Refunds::None, Paid),
    ];
    for (word, refunds, expected) in rows {
        let order = order(json!({"fulfillment": {"fulfillmentStatus": word}}));
        let seen = see(&order, Source::Fetch, &refunds);
        assert_eq!(seen.payment_status, Native::Known(expected), "{word} {refunds:?}");
    }
}

#[test]
fn a_listed_order_that_may_have_refunds_is_paid_for_now_and_asks_for_one_fetch() {
    let shipped = listed(&order(json!({"fulfillment": {"fulfillmentStatus": "SHIPPED"}})));
    assert_eq!(shipped.payment_status, Native::Known(PaymentStatus::Paid));
    assert!(shipped.refunds_unseen && shipped.incomplete);
    let owed = listed(&order(json!({})));
    assert!(owed.refunds_unseen && !owed.incomplete, "nothing was charged yet");
    let fetched =
        see(&order(json!({"fulfillment": {"fulfillmentStatus": "SHIPPED"}})), Source::Fetch, &Refunds::None);
    assert!(!fetched.refunds_unseen && !fetched.incomplete);
    assert_eq!(fetched.amounts.refunded.map(|a| a.to_string()).as_deref(), Some("0.00"));
}

#[test]
fn a_pending_order_has_no_prices() {
    let seen = listed(&order(json!({
        "fulfillment": {"fulfillmentStatus": "PENDING"},
        "orderItems": [{"orderItemId": "11", "quantityOrdered": 2,
                        "product": {"price": {"unitPrice": {"amount": "1", "currencyCode": "MXN"}}}}]
    })));
    assert_eq!(seen.amounts, Amounts::default());
    assert_eq!(seen.items.expect("items")[0].unit_price, None);
}

#[test]
fn sums_and_prices_carry_the_currency_s_decimals() {
    let seen = listed(&order(json!({
        "proceeds": {"grandTotal": {"amount": "249.9", "currencyCode": "MXN"}, "breakdowns": [
            {"type": "ITEM", "subtotal": {"amount": "200", "currencyCode": "MXN"}},
            {"type": "SHIPPING", "subtotal": {"amount": "50", "currencyCode": "MXN"}},
            {"type": "TAX", "subtotal": {"amount": "9.90", "currencyCode": "MXN"}},
            {"type": "DISCOUNT", "subtotal": {"amount": "-10.00", "currencyCode": "MXN"}},
            {"type": "OTHER", "subtotal": {"amount": "7", "currencyCode": "USD"}}]},
        "orderItems": [{"orderItemId": "11", "quantityOrdered": 3, "proceeds": {"breakdowns": [
            {"type": "ITEM", "subtotal": {"amount": "200", "currencyCode": "MXN"}}]}}]
    })));
    let shown = |amount: Option<Decimal>| amount.map(|a| a.to_string()).unwrap_or_default();
    let sums = &seen.amounts;
    assert_eq!(
        [sums.total, sums.subtotal, sums.shipping, sums.tax, sums.discount, sums.refunded].map(shown),
        ["249.90", "200.00", "50.00", "9.90", "10.00", ""]
    );
    assert_eq!(shown(seen.items.expect("items")[0].unit_price), "66.67");
}

#[test]
fn what_a_role_or_a_state_withholds_is_not_said() {
    let seen = listed(&order(json!({"recipient": null, "fulfillment": {"fulfillmentStatus": "CANCELLED"}})));
    assert_eq!(seen.shipping_address, Seen::Absent);
    assert_eq!(seen.customer, CustomerSeen::default());
    assert_eq!(seen.notes, None);
    assert!(seen.anomalies.is_empty(), "a cancelled order owes no address");
    let owed = listed(&order(
        json!({"recipient": {"deliveryAddress": {"name": "", "addressLine1": "", "countryCode": " "}}}),
    ));
    assert_eq!(owed.shipping_address, Seen::Absent, "an address of blanks is none");
    assert_eq!(owed.anomalies[0].code, "address_withheld");
}

#[test]
fn lines_two_and_three_of_an_address_become_one() {
    let seen = listed(&order(
        json!({"recipient": {"deliveryAddress": {"addressLine2": "", "addressLine3": "Piso 4"}}}),
    ));
    let Seen::Value(address) = seen.shipping_address else { panic!("an address") };
    assert_eq!(address.line2, Seen::Value("Piso 4".to_owned()));
    let both =
        listed(&order(json!({"recipient": {"deliveryAddress": {"addressLine2": "B", "addressLine3": "C"}}})));
    let Seen::Value(address) = both.shipping_address else { panic!("an address") };
    assert_eq!(address.line2, Seen::Value("B, C".to_owned()));
}

#[test]
fn the_seller_s_own_number_is_the_number() {
    let named = order(json!({"orderAliases": [{"aliasType": "OTHER", "aliasId": "x"},
                                              {"aliasType": "SELLER_ORDER_ID", "aliasId": "A-17"}]}));
    assert_eq!(listed(&named).number.as_deref(), Some("A-17"));
    assert_eq!(listed(&order(json!({}))).number.as_deref(), Some("701-0000001-0000001"));
}

#[test]
fn a_buyer_s_wish_to_cancel_is_told_while_something_can_be_done() {
    let wish = json!([{"orderItemId": "11", "quantityOrdered": 2, "cancellation":
        {"cancellationRequest": {"requester": "BUYER", "cancelReason": "Ordered by mistake."}}}]);
    let asked = listed(&order(json!({"orderItems": wish.clone()})));
    assert_eq!(asked.status, Native::Known(OrderStatus::Accepted));
    assert_eq!(asked.anomalies[0].code, "buyer_cancel_requested");
    assert_eq!(asked.anomalies[0].summary, "The customer asked to cancel the order: Ordered by mistake.");
    assert_eq!(asked.facts["cancel_wish"], "yes");
    let late = listed(&order(json!({"orderItems": wish, "fulfillment": {"fulfillmentStatus": "SHIPPED"}})));
    assert!(late.anomalies.is_empty());
    assert_eq!(late.facts["cancel_wish"], "no");
}

#[test]
fn parcels_that_were_called_back_are_left_out_but_keep_their_reference() {
    let seen = listed(&order(json!({
        "fulfillment": {"fulfillmentStatus": "PARTIALLY_SHIPPED"},
        "packages": [package("1", "CANCELLED"), package("2", "UNDELIVERABLE"), package("3", "LOST")]
    })));
    let shipments = seen.shipments.expect("shipments");
    let states: Vec<_> = shipments.iter().map(|s| (s.shipment_id.as_str(), s.status)).collect();
    assert_eq!(states, [("2", Some(ShipmentStatus::Failed)), ("3", None)]);
    assert_eq!(seen.facts["packages"], r#"["1","2","3"]"#);
    assert_eq!(seen.anomalies[0].code, "unknown_package_status:LOST");
}

#[test]
fn parcels_that_are_not_listed_are_unknown_only_once_something_was_sent() {
    let parcels = |word: &str, by: &str| {
        listed(&order(json!({"fulfillment": {"fulfillmentStatus": word, "fulfilledBy": by}}))).shipments
    };
    assert_eq!(parcels("UNSHIPPED", "MERCHANT"), Some(Vec::new()));
    assert_eq!(parcels("SHIPPED", "MERCHANT"), None);
    assert_eq!(parcels("SHIPPED", "AMAZON"), Some(Vec::new()));
}

#[test]
fn units_are_cancelled_with_the_order_or_by_the_line() {
    let units = |patch| listed(&order(patch)).items.expect("items")[0].quantity_cancelled;
    assert_eq!(units(json!({})), None);
    assert_eq!(units(json!({"fulfillment": {"fulfillmentStatus": "CANCELLED"}})), Some(2));
    assert_eq!(
        units(json!({"orderItems": [{"orderItemId": "11", "quantityOrdered": 3,
            "cancellation": {"cancellationExecution": {"cancelledBy": "BUYER"}},
            "fulfillment": {"quantityFulfilled": 1, "quantityUnfulfilled": 0}}]})),
        Some(2)
    );
}

#[test]
fn notes_are_the_delivery_instruction_and_each_gift_message_once() {
    let gift = |id: &str, message: &str| {
        json!({"orderItemId": id, "quantityOrdered": 1,
               "fulfillment": {"packing": {"giftOption": {"giftMessage": message}}}})
    };
    let seen = listed(&order(json!({
        "recipient": {"deliveryPreference": {"addressInstruction": "Toque dos veces"}},
        "orderItems": [gift("1", "Felicidades"), gift("2", "Felicidades"), gift("3", " ")]
    })));
    assert_eq!(seen.notes.expect("notes"), ["Toque dos veces", "Felicidades"]);
}
