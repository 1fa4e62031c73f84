use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::channel::amazon::document::OrderDocument;
use crate::channel::amazon::stand::{amazon, stored};
use crate::model::{ActionId, ActionState, OrderKey};

fn order(status: &str, patch: serde_json::Value) -> Order {
    let mut document = json!({
        "orderId": "701-0000001-0000001",
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": "A1AM78C64UM0Y8"},
        "fulfillment": {"fulfillmentStatus": status, "fulfilledBy": "MERCHANT",
                        "shipByWindow": {"latestDateTime": "2026-11-27T06:59:59Z"}},
        "orderItems": [
            {"orderItemId": "11", "quantityOrdered": 3,
             "fulfillment": {"quantityFulfilled": 1, "quantityUnfulfilled": 2}},
            {"orderItemId": "12", "quantityOrdered": 1,
             "fulfillment": {"quantityFulfilled": 0, "quantityUnfulfilled": 1}}
        ]
    });
    let serde_json::Value::Object(patch) = patch else { panic!("an object of changes") };
    for (key, value) in patch {
        document[key] = value;
    }
    let document: OrderDocument = serde_json::from_str(&document.to_string()).expect("order");
    stored(&document)
}

fn untouched() -> Order {
    order(
        "UNSHIPPED",
        json!({"orderItems": [{"orderItemId": "11", "quantityOrdered": 3,
        "fulfillment": {"quantityFulfilled": 0, "quantityUnfulfilled": 3}}]}),
    )
}

fn parcel(reference: &str, tracking: &str, units: u32) -> serde_json::Value {
    json!({"packageReferenceId": reference, "trackingNumber": tracking, "carrier": "FedEx",
           "packageStatus": {"status": "SHIPPED"}, "packageItems": [{"orderItemId": "11", "quantity": units}]})
}

fn ship(carrier: &str, tracking: &str, items: &[(&str, u32)]) -> ActionRequest {
    ActionRequest::Ship {
        carrier: carrier.to_owned(),
        tracking_number: Some(tracking.to_owned()),
        tracking_url: None,
        items: items.iter().map(|(line, n)| ShipLine { line_id: (*line).to_owned(), quantity: *n }).collect(),
    }
}

fn correct(shipment_id: Option<&str>) -> ActionRequest {
    ActionRequest::Tracking {
        carrier: "UPS".to_owned(),
        tracking_number: "T9".to_owned(),
        tracking_url: None,
        shipment_id: shipment_id.map(str::to_owned),
    }
}

fn cancel(reason: CancelReason) -> ActionRequest {
    ActionRequest::Cancel { reason, note: None }
}

fn prepare(order: &Order, request: &ActionRequest) -> Result<Memo, Refused> {
    amazon("http://127.0.0.1:1").prepared(order, request, Timestamp::from_secs(1_000))
}

fn act(request: ActionRequest, memo: &[(&str, &str)]) -> Action {
    let key: OrderKey = "mx:701-0000001-0000001".parse().expect("key");
    Action {
        id: ActionId(uuid::Uuid::nil()),
        order: key,
        request,
        state: ActionState::Running,
        attempts: 1,
        failed_tries: 0,
        by: None,
        requested_at: Timestamp::EPOCH,
        updated_at: Timestamp::EPOCH,
        sent_boot: None,
        memo: memo.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>(),
        error: None,
    }
}

#[tokio::test]
async fn a_part_is_shipped_under_the_next_free_reference() {
    let order = order("PARTIALLY_SHIPPED", json!({"packages": [parcel("1", "T1", 1)]}));
    let memo = prepare(&order, &ship("fedex", "T2", &[("11", 2)])).expect("possible");
    assert_eq!(memo[PACKAGE], "2");
    assert_eq!(memo[CARRIER_CODE], "FedEx");
    assert_eq!(memo[SHIP_DATE], "1970-01-01T00:16:40Z");
    assert!(!memo.contains_key(CARRIER_NAME));
    let other = prepare(&order, &ship("Mi Paquetería", "T2", &[("11", 2)])).expect("possible");
    assert_eq!((other[CARRIER_CODE].as_str(), other[CARRIER_NAME].as_str()), ("Other", "Mi Paquetería"));
}

#[tokio::test]
async fn references_of_parcels_that_were_called_back_or_made_elsewhere_are_not_reused() {
    let mut gone = parcel("1", "T1", 1);
    gone["packageStatus"]["status"] = json!("CANCELLED");
    let order =
        order("UNSHIPPED", json!({"packages": [gone, parcel("SC-77", "T0", 1), parcel("3", "T3", 1)]}));
    let memo = prepare(&order, &ship("UPS", "T2", &[("12", 1)])).expect("possible");
    assert_eq!(memo[PACKAGE], "2");
}

#[tokio::test]
async fn a_parcel_that_amazon_confirmed_but_does_not_list_yet_keeps_its_reference() {
    let channel = amazon("http://127.0.0.1:1");
    let order = untouched();
    channel.confirmed.lock().expect("lock").insert(order.key.order.clone(), BTreeSet::from([1]));
    let memo =
        channel.prepared(&order, &ship("UPS", "T2", &[("11", 1)]), Timestamp::EPOCH).expect("possible");
    assert_eq!(memo[PACKAGE], "2");
    let refused = channel.prepared(&order, &cancel(CancelReason::Other), Timestamp::EPOCH);
    assert_eq!(refused, Err(Refused::unsupported(PARTLY_SENT)), "it would refund what was sent");
}

#[tokio::test]
async fn what_is_wrong_with_a_shipment_is_said_at_its_field() {
    let order = order("UNSHIPPED", json!({}));
    let field = |request: &ActionRequest| match prepare(&order, request) {
        Err(Refused::Invalid { field, .. }) => field,
        other => panic!("expected a fault: {other:?}"),
    };
    assert_eq!(field(&ship(" ", "T", &[("11", 1)])), "carrier");
    assert_eq!(field(&ship("UPS", " ", &[("11", 1)])), "tracking_number");
    assert_eq!(field(&ship("UPS", "T", &[])), "items");
    assert_eq!(field(&ship("UPS", "T", &[("99", 1)])), "items");
    assert_eq!(field(&ship("UPS", "T", &[("11", 0)])), "items");
    assert_eq!(field(&ship("UPS", "T", &[("11", 3)])), "items");
    assert_eq!(field(&ship("UPS", "T", &[("11", 1), ("11", 2)])), "items");
}

#[tokio::test]
async fn who_may_not_ship_hears_why_and_where_to_go() {
    let warehouse = json!({"fulfillment": {"fulfillmentStatus": "UNSHIPPED", "fulfilledBy": "AMAZON"}});
    let rows = [
        (order("UNSHIPPED", warehouse), true),
        (order("UNSHIPPED", json!({"programs": ["PRIME", "FBM_SHIP_PLUS"]})), true),
        (order("PENDING", json!({})), false),
        (order("CANCELLED", json!({})), false),
        (order("SHIPPED", json!({})), false),
    ];
    for (order, never) in rows {
        let refused = prepare(&order, &ship("UPS", "T", &[("11", 1)])).expect_err("refused");
        let ability = capabilities(&order).ship;
        assert!(!ability.supported);
        let why = match refused {
            Refused::Unsupported { why } if never => why,
            Refused::Conflict { why } if !never => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(ability.why.as_deref(), Some(why.as_str()));
        assert!(why.contains("Seller Central"), "{why}");
    }
}

#[test]
fn an_order_that_is_to_be_sent_can_be_shipped_in_parts_with_any_carrier() {
    let order = untouched();
    let abilities = capabilities(&order);
    assert!(abilities.ship.supported && abilities.ship.partial && abilities.ship.tracking_required);
    assert!(abilities.ship.carrier_other && abilities.ship.carriers.is_some());
    assert_eq!(abilities.ship.ship_by, Timestamp::parse("2026-11-27T06:59:59Z"));
    assert!(!abilities.tracking.supported, "there is no parcel yet");
    assert!(abilities.cancel.supported);
    assert_eq!(abilities.cancel.reasons.len(), CancelReason::ALL.len());
}

#[tokio::test]
async fn only_whole_unsent_orders_of_the_seller_can_be_cancelled() {
    let warehouse = json!({"fulfillment": {"fulfillmentStatus": "UNSHIPPED", "fulfilledBy": "AMAZON"}});
    let partly = order("PARTIALLY_SHIPPED", json!({}));
    let counted = order("UNSHIPPED", json!({}));
    for order in [order("UNSHIPPED", warehouse), partly, counted, order("SHIPPED", json!({}))] {
        let refused = prepare(&order, &cancel(CancelReason::OutOfStock));
        assert!(matches!(refused, Err(Refused::Unsupported { .. })), "{refused:?}");
        assert!(!capabilities(&order).cancel.supported);
    }
    for status in ["PENDING", "CANCELLED"] {
        let refused = prepare(&order(status, json!({})), &cancel(CancelReason::Other));
        assert!(matches!(refused, Err(Refused::Conflict { .. })), "{status}: {refused:?}");
    }
}

#[tokio::test]
async fn reasons_become_amazon_s_words_and_a_buyer_s_wish_outweighs_them() {
    let words = [
        (CancelReason::CustomerRequest, "BuyerCanceled"),
        (CancelReason::OutOfStock, "NoInventory"),
        (CancelReason::PricingError, "PricingError"),
        (CancelReason::Undeliverable, "ShippingAddressUndeliverable"),
        (CancelReason::Other, "GeneralAdjustment"),
    ];
    let asked = order(
        "UNSHIPPED",
        json!({"orderItems": [{"orderItemId": "11", "quantityOrdered": 1,
        "cancellation": {"cancellationRequest": {"requester": "BUYER"}}}]}),
    );
    for (reason, word) in words {
        assert_eq!(prepare(&untouched(), &cancel(reason)).expect("possible")[CANCEL_WORD], word);
        assert_eq!(prepare(&asked, &cancel(reason)).expect("possible")[CANCEL_WORD], "BuyerCanceled");
    }
}

#[tokio::test]
async fn a_label_is_corrected_under_the_same_reference() {
    let one = order("SHIPPED", json!({"packages": [parcel("4", "T4", 3)]}));
    assert_eq!(prepare(&one, &correct(None)).expect("possible")[PACKAGE], "4");
    let two = order("SHIPPED", json!({"packages": [parcel("4", "T4", 1), parcel("SC-1", "T5", 2)]}));
    assert!(matches!(prepare(&two, &correct(None)), Err(Refused::Invalid { field: "shipment_id", .. })));
    assert!(matches!(prepare(&two, &correct(Some("5"))), Err(Refused::Invalid { field: "shipment_id", .. })));
    assert!(matches!(prepare(&two, &correct(Some("SC-1"))), Err(Refused::Unsupported { .. })));
    assert_eq!(prepare(&two, &correct(Some("4"))).expect("possible")[PACKAGE], "4");
    assert!(capabilities(&two).tracking.supported);
    let foreign = order("SHIPPED", json!({"packages": [parcel("SC-1", "T5", 2)]}));
    assert!(!capabilities(&foreign).tracking.supported);
}

#[test]
fn the_order_shows_whether_a_shipment_took_effect() {
    let before = order("UNSHIPPED", json!({}));
    let after = order("PARTIALLY_SHIPPED", json!({"packages": [parcel("1", " t1", 2)]}));
    let taken = order("PARTIALLY_SHIPPED", json!({"packages": [parcel("1", "T0", 1)]}));
    let action = act(ship("FedEx", "T1", &[("11", 2)]), &[(PACKAGE, "1")]);
    assert_eq!(judge(&before, &action), Verdict::Repeatable);
    assert_eq!(judge(&after, &action), Verdict::Done);
    assert_eq!(judge(&taken, &action), Verdict::NotSeen, "the same call would overwrite another parcel");
}

#[test]
fn a_parcel_of_another_tool_counts_only_when_the_units_are_gone() {
    let action = act(ship("FedEx", "T1", &[("11", 2)]), &[(PACKAGE, "2")]);
    let units = |left: u32| {
        json!({"packages": [parcel("SC-1", "T1", 2)], "orderItems": [{"orderItemId": "11", "quantityOrdered": 4,
            "fulfillment": {"quantityFulfilled": 4 - left, "quantityUnfulfilled": left}}]})
    };
    assert_eq!(judge(&order("PARTIALLY_SHIPPED", units(1)), &action), Verdict::Done);
    let second_half = order("PARTIALLY_SHIPPED", units(2));
    assert_eq!(judge(&second_half, &action), Verdict::Repeatable, "a further part in the same parcel");
}

#[test]
fn a_corrected_label_may_be_sent_again_until_it_shows() {
    let action = act(correct(None), &[(PACKAGE, "4")]);
    let mut corrected = parcel("4", "T9", 1);
    assert_eq!(
        judge(&order("SHIPPED", json!({"packages": [corrected.clone()]})), &action),
        Verdict::Repeatable
    );
    corrected["carrier"] = json!("ups");
    assert_eq!(judge(&order("SHIPPED", json!({"packages": [corrected]})), &action), Verdict::Done);
}

#[test]
fn a_cancellation_is_repeatable_until_a_feed_is_under_way() {
    let action = act(cancel(CancelReason::Other), &[]);
    assert_eq!(judge(&untouched(), &action), Verdict::Repeatable);
    assert_eq!(judge(&order("CANCELLED", json!({})), &action), Verdict::Done);
    assert_eq!(judge(&untouched(), &act(cancel(CancelReason::Other), &[(FEED, "f1")])), Verdict::NotSeen);
}
