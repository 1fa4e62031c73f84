//! Shipping, tracking and cancelling.

use std::time::Duration;

use serde_json::{Value, json};

use super::orders::{graph, sent, stored, with, work};
use super::shop::{Asked, Shop, Told, call, data, tokens, told};
use crate::channel::shopify::actions::{capabilities, judge, prepare};
use crate::channel::shopify::samples;
use crate::channel::{Performed, Refused, Verdict};
use crate::model::{
    Action, ActionId, ActionRequest, ActionState, CancelReason, FailureKind, Order, ShipLine, Timestamp,
};

fn lines(lines: &[(&str, u32)]) -> Vec<ShipLine> {
    lines
        .iter()
        .map(|(line, quantity)| ShipLine { line_id: (*line).to_owned(), quantity: *quantity })
        .collect()
}

fn ship(number: Option<&str>, items: &[(&str, u32)]) -> ActionRequest {
    ActionRequest::Ship {
        carrier: "ups".into(),
        tracking_number: number.map(str::to_owned),
        tracking_url: None,
        items: lines(items),
    }
}

fn track(number: &str, parcel: Option<&str>) -> ActionRequest {
    ActionRequest::Tracking {
        carrier: "FedEx".into(),
        tracking_number: number.into(),
        tracking_url: None,
        shipment_id: parcel.map(str::to_owned),
    }
}

fn cancel(reason: CancelReason) -> ActionRequest {
    ActionRequest::Cancel { reason, note: Some("sorry".into()) }
}

/// The action as it is stored after the order showed `order`.
fn action(order: &Order, request: ActionRequest) -> Action {
    Action {
        id: ActionId(uuid::Uuid::nil()),
        order: order.key.clone(),
        memo: prepare(order, &request).expect("possible"),
        request,
        state: ActionState::Running,
        attempts: 1,
        failed_tries: 0,
        by: None,
        requested_at: Timestamp::EPOCH,
        updated_at: Timestamp::EPOCH,
        sent_boot: None,
        error: None,
    }
}

/// Everything sent under one number.
fn all_sent(number: &str) -> Value {
    with(
        graph(),
        json!({ "displayFulfillmentStatus": "FULFILLED", "fulfillmentOrders": { "nodes": [] },
        "fulfillments": [sent("81", "FULFILLED", &[number], &[("11", 2), ("12", 1)])] }),
    )
}

fn cancelled() -> Value {
    with(graph(), json!({ "cancelledAt": "2026-11-22T00:00:00Z", "fulfillmentOrders": { "nodes": [] } }))
}

fn held(status: &str, request: &str) -> Value {
    let mut order = graph();
    order["fulfillmentOrders"]["nodes"][0]["status"] = json!(status);
    order["fulfillmentOrders"]["nodes"][0]["requestStatus"] = json!(request);
    order
}

#[test]
fn an_open_order_can_be_shipped_and_cancelled_but_not_tracked() {
    let can = capabilities(&stored(&graph()));
    assert!(can.ship.supported && can.ship.partial && can.ship.carrier_other && !can.ship.tracking_required);
    assert!(can.ship.carriers.is_some_and(|names| names.contains(&"UPS".to_owned())));
    assert!(!can.tracking.supported);
    assert!(can.cancel.supported);
    assert!(can.cancel.consequence.is_some_and(|text| text.contains("not refunded")));
    let words: Vec<_> =
        can.cancel.reasons.iter().map(|r| (r.reason.as_str(), r.channel_word.as_str())).collect();
    assert_eq!(
        words,
        [
            ("customer_request", "CUSTOMER"),
            ("out_of_stock", "INVENTORY"),
            ("pricing_error", "STAFF"),
            ("undeliverable", "OTHER"),
            ("other", "OTHER"),
        ]
    );
}

#[test]
fn what_cannot_be_done_says_why_and_where_it_can() {
    let why = |order: &Value| capabilities(&stored(order)).ship.why.unwrap_or_default();
    assert!(why(&held("ON_HOLD", "UNSUBMITTED")).contains("on hold"));
    assert!(why(&held("SCHEDULED", "UNSUBMITTED")).contains("scheduled"));
    assert!(why(&held("IN_PROGRESS", "ACCEPTED")).contains("fulfilment service"));
    assert!(why(&all_sent("A")).contains("shipped already"));
    assert!(why(&cancelled()).contains("cancelled"));
    let sent = capabilities(&stored(&all_sent("A")));
    assert!(sent.tracking.supported && !sent.cancel.supported);
    assert!(!capabilities(&stored(&cancelled())).cancel.supported);
}

#[test]
fn an_order_known_from_a_webhook_only_can_be_shipped() {
    let seen = super::orders::delivered(&super::orders::body());
    let (order, _) = super::orders::stored_from(seen);
    assert!(capabilities(&order).ship.supported);
    assert!(prepare(&order, &ship(Some("1Z"), &[("11", 2)])).is_ok());
}

#[test]
fn several_locations_are_announced() {
    let nodes = [work("71", "3", &[("711", "11", 2)]), work("72", "4", &[("721", "12", 1)])];
    let order = stored(&with(graph(), json!({ "fulfillmentOrders": { "nodes": nodes } })));
    assert!(capabilities(&order).ship.consequence.is_some_and(|text| text.contains("locations")));
}

#[test]
fn a_wish_that_cannot_be_met_names_its_field() {
    let order = stored(&graph());
    let field = |request: &ActionRequest| match prepare(&order, request) {
        Err(Refused::Invalid { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(field(&ship(Some("A"), &[("99", 1)])), "items");
    assert_eq!(field(&ship(Some("A"), &[("11", 3)])), "items");
    assert_eq!(field(&ship(Some("A"), &[("11", 0)])), "items");
    let linked = |number: Option<&str>, url: &str| ActionRequest::Ship {
        carrier: String::new(),
        tracking_number: number.map(str::to_owned),
        tracking_url: Some(url.into()),
        items: lines(&[("11", 1)]),
    };
    assert_eq!(field(&linked(None, "https://x.example")), "tracking_url");
    assert_eq!(field(&linked(Some("A"), "javascript:alert(1)")), "tracking_url");
    let long = ActionRequest::Cancel { reason: CancelReason::Other, note: Some("x".repeat(256)) };
    assert_eq!(field(&long), "note");
    assert!(matches!(prepare(&order, &track("A", None)), Err(Refused::Unsupported { .. })));
    let two = [sent("81", "FULFILLED", &["A", "B"], &[("11", 1)])];
    let two = stored(&with(graph(), json!({ "fulfillments": two })));
    assert!(matches!(prepare(&two, &track("C", None)), Err(Refused::Invalid { field: "shipment_id", .. })));
    assert!(matches!(
        prepare(&two, &track("C", Some("9"))),
        Err(Refused::Invalid { field: "shipment_id", .. })
    ));
    assert!(matches!(
        prepare(&stored(&cancelled()), &cancel(CancelReason::Other)),
        Err(Refused::Conflict { .. })
    ));
    assert!(matches!(prepare(&order, &ActionRequest::Acknowledge), Err(Refused::Unsupported { .. })));
    let held = stored(&held("ON_HOLD", "UNSUBMITTED"));
    assert!(matches!(prepare(&held, &ship(Some("A"), &[("11", 1)])), Err(Refused::Unsupported { .. })));
}

#[test]
fn what_a_repeat_must_repeat_is_fixed() {
    let order = stored(&graph());
    let memo = prepare(&order, &ship(Some("A"), &[("11", 1)])).expect("possible");
    assert_eq!((memo["carrier"].as_str(), memo["before"].as_str()), ("UPS", "11:0"));
    let memo = prepare(&order, &cancel(CancelReason::OutOfStock)).expect("possible");
    assert_eq!((memo["reason"].as_str(), memo["restock"].as_str()), ("INVENTORY", "false"));
    let memo = prepare(&order, &cancel(CancelReason::PricingError)).expect("possible");
    assert_eq!((memo["reason"].as_str(), memo["restock"].as_str()), ("STAFF", "true"));
}

#[test]
fn a_shipment_with_the_number_is_the_effect() {
    let before = stored(&graph());
    let whole = action(&before, ship(Some(" a1 "), &[("11", 2), ("12", 1)]));
    assert_eq!(judge(&before, &whole), Verdict::Repeatable, "the second of two would find nothing left");
    assert_eq!(judge(&stored(&all_sent("A1")), &whole), Verdict::Done);
    let part = action(&before, ship(Some("A1"), &[("11", 1)]));
    assert_eq!(judge(&before, &part), Verdict::NotSeen, "two of it would both find units");
    let mut later = before.clone();
    later.version.read_at = part.updated_at.plus(Duration::from_secs(90));
    assert_eq!(judge(&later, &part), Verdict::Repeatable, "it was not taken");
    let one_sent = with(
        graph(),
        json!({ "fulfillments": [sent("81", "FULFILLED", &["A1"], &[("11", 1)])],
        "fulfillmentOrders": { "nodes": [work("71", "3", &[("711", "11", 1), ("712", "12", 1)])] } }),
    );
    let one_sent = stored(&one_sent);
    assert_eq!(judge(&one_sent, &part), Verdict::Done);
    // The same number again, for another unit of the line.
    let second = action(&one_sent, ship(Some("A1"), &[("11", 1)]));
    assert_ne!(judge(&one_sent, &second), Verdict::Done);
    let silent = action(&before, ship(None, &[("11", 1)]));
    assert_eq!(judge(&one_sent, &silent), Verdict::Done);
}

#[test]
fn replacing_a_number_or_cancelling_can_be_repeated() {
    let order = stored(&all_sent("OLD"));
    let replace = action(&order, track("NEW", None));
    assert_eq!(judge(&order, &replace), Verdict::Repeatable);
    let mut done = all_sent("NEW");
    assert_eq!(judge(&stored(&done), &replace), Verdict::Repeatable, "the carrier is still the old one");
    done["fulfillments"][0]["trackingInfo"][0]["company"] = json!("FedEx");
    assert_eq!(judge(&stored(&done), &replace), Verdict::Done);
    let mut open = stored(&graph());
    let gone = action(&open, cancel(CancelReason::Other));
    open.version.read_at = gone.updated_at.plus(Duration::from_secs(30));
    assert_eq!(judge(&open, &gone), Verdict::NotSeen, "it may be under way");
    open.version.read_at = gone.updated_at.plus(Duration::from_secs(90));
    assert_eq!(judge(&open, &gone), Verdict::Repeatable);
    assert_eq!(judge(&stored(&cancelled()), &gone), Verdict::Done);
}

fn shipped(_: &Asked) -> Told {
    data(
        json!({ "fulfillmentCreate": { "fulfillment": { "id": "gid://shopify/Fulfillment/81", "status": "SUCCESS" }, "userErrors": [] } }),
    )
}

fn refused(mutation: &str, message: &str) -> Told {
    data(
        json!({ mutation: { "fulfillment": null, "userErrors": [{ "field": ["fulfillment"], "message": message }] } }),
    )
}

#[tokio::test]
async fn each_location_is_a_call_of_its_own() {
    let shop = Shop::start(shipped).await;
    let nodes = [work("71", "3", &[("711", "11", 2)]), work("72", "4", &[("721", "12", 1)])];
    let order = stored(&with(graph(), json!({ "fulfillmentOrders": { "nodes": nodes } })));
    let action = action(&order, ship(Some("1Z"), &[("11", 1), ("12", 1)]));
    let done = shop.channel().perform(call(&tokens("")), &order, &action).await;
    assert_eq!(done, Ok(Performed::Done));
    let sent: Vec<_> = shop.asked().iter().map(|asked| asked.variables()["fulfillment"].clone()).collect();
    let expected = |order: u32, line: u32| {
        json!({ "notifyCustomer": false, "trackingInfo": { "company": "UPS", "number": "1Z" },
            "lineItemsByFulfillmentOrder": [{ "fulfillmentOrderId": format!("gid://shopify/FulfillmentOrder/{order}"),
                "fulfillmentOrderLineItems": [{ "id": format!("gid://shopify/FulfillmentOrderLineItem/{line}"), "quantity": 1 }] }] })
    };
    assert_eq!(sent, [expected(71, 711), expected(72, 721)]);
}

#[tokio::test]
async fn after_half_a_shipment_the_order_must_be_looked_at_and_only_the_rest_is_sent() {
    let shop = Shop::start(|asked| {
        if asked.body.contains("FulfillmentOrder/72") {
            refused("fulfillmentCreate", "Quantity must be greater than 0")
        } else {
            shipped(asked)
        }
    })
    .await;
    let nodes = [work("71", "3", &[("711", "11", 2)]), work("72", "4", &[("721", "12", 1)])];
    let order = stored(&with(graph(), json!({ "fulfillmentOrders": { "nodes": nodes } })));
    let action = action(&order, ship(Some("1Z"), &[("11", 2), ("12", 1)]));
    let failure =
        shop.channel().perform(call(&tokens("")), &order, &action).await.expect_err("the second is refused");
    assert!(!failure.no_effect);
    let half = json!({ "fulfillments": [sent("81", "FULFILLED", &["1Z"], &[("11", 2)])],
        "fulfillmentOrders": { "nodes": [work("72", "4", &[("721", "12", 1)])] } });
    let half = stored(&with(graph(), half));
    assert_eq!(judge(&half, &action), Verdict::Repeatable);
    assert!(prepare(&half, &action.request).is_ok());
    let failure = shop.channel().perform(call(&tokens("")), &half, &action).await.expect_err("refused again");
    assert!(failure.no_effect);
    assert_eq!(shop.asked().len(), 3);
}

#[tokio::test]
async fn a_try_that_arrived_late_is_done() {
    let shop = Shop::start(|asked| {
        if asked.query().contains("mutation") {
            return refused("fulfillmentCreate", "Fulfillment order 71 has an unfulfillable status= closed.");
        }
        data(json!({ "order": { "fulfillments": [{ "status": "SUCCESS", "trackingInfo": [{ "number": "1Z" }] }] } }))
    })
    .await;
    let order = stored(&graph());
    let lucky = action(&order, ship(Some("1Z"), &[("11", 2)]));
    assert_eq!(shop.channel().perform(call(&tokens("")), &order, &lucky).await, Ok(Performed::Done));
    let other = action(&order, ship(Some("1Z9"), &[("11", 2)]));
    let failure = shop.channel().perform(call(&tokens("")), &order, &other).await.expect_err("refused");
    assert_eq!((failure.kind, failure.no_effect), (FailureKind::InvalidRequest, true));
}

#[tokio::test]
async fn without_known_work_it_is_read_first() {
    let shop = Shop::start(|asked| {
        if asked.query().contains("mutation") {
            return shipped(asked);
        }
        data(json!({ "node": { "fulfillmentOrders": graph()["fulfillmentOrders"] } }))
    })
    .await;
    let (order, _) = super::orders::stored_from(super::orders::delivered(&super::orders::body()));
    let action = action(&order, ship(None, &[("11", 2)]));
    assert_eq!(shop.channel().perform(call(&tokens("")), &order, &action).await, Ok(Performed::Done));
    let sent = shop.asked()[1].variables()["fulfillment"]["trackingInfo"].clone();
    assert_eq!(sent, json!({ "company": "UPS" }));
}

#[tokio::test]
async fn a_missing_right_concerns_the_action_only() {
    let shop = Shop::start(|_| {
        told(&json!({ "data": { "fulfillmentCreate": null }, "errors": [{ "message": "Access denied for fulfillmentCreate field.",
            "path": ["fulfillmentCreate"], "extensions": { "code": "ACCESS_DENIED" } }] }))
    })
    .await;
    let order = stored(&graph());
    let action = action(&order, ship(Some("1Z"), &[("11", 2)]));
    let failure = shop.channel().perform(call(&tokens("")), &order, &action).await.expect_err("denied");
    assert_eq!((failure.kind, failure.local, failure.no_effect), (FailureKind::Permission, true, true));
}

#[tokio::test]
async fn a_new_number_goes_with_those_that_stay() {
    let shop = Shop::start(|_| {
        data(json!({ "fulfillmentTrackingInfoUpdate": { "fulfillment": { "id": "gid://shopify/Fulfillment/81", "status": "SUCCESS" }, "userErrors": [] } }))
    })
    .await;
    let one = stored(&all_sent("OLD"));
    let two = stored(&with(
        graph(),
        json!({ "fulfillments": [sent("81", "FULFILLED", &["A", "B"], &[("11", 2)])] }),
    ));
    for (order, parcel, tracking) in [
        (&one, None, json!({ "company": "FedEx", "number": "NEW" })),
        (&two, Some("81.2"), json!({ "company": "FedEx", "numbers": ["A", "NEW"] })),
    ] {
        let action = action(order, track("NEW", parcel));
        assert_eq!(shop.channel().perform(call(&tokens("")), order, &action).await, Ok(Performed::Done));
        let sent = shop.asked().last().expect("a call").variables();
        assert_eq!(sent, json!({ "id": "gid://shopify/Fulfillment/81", "tracking": tracking }));
    }
}

fn job(payload: Value) -> Told {
    data(
        json!({ "orderCancel": with(json!({ "job": null, "jobResult": null, "orderCancelUserErrors": [], "userErrors": [] }), payload) }),
    )
}

#[tokio::test]
async fn a_cancellation_is_done_when_the_order_shows_it() {
    let shop = Shop::start(|asked| {
        if asked.query().contains("mutation") {
            return job(json!({ "job": { "id": "gid://shopify/Job/j", "done": false }, "jobResult": { "id": "gid://shopify/OrderCancelJobResult/r", "status": "STARTED" } }));
        }
        data(json!({ "order": { "cancelledAt": null }, "node": { "status": "STARTED", "errors": [] } }))
    })
    .await;
    let order = stored(&graph());
    let mut action = action(&order, cancel(CancelReason::OutOfStock));
    let channel = shop.channel();
    let Ok(Performed::Submitted { memo, .. }) = channel.perform(call(&tokens("")), &order, &action).await
    else {
        panic!("submitted")
    };
    let sent = shop.asked()[0].variables();
    assert_eq!(
        sent,
        json!({ "id": "gid://shopify/Order/5001", "reason": "INVENTORY", "restock": false, "note": "sorry" })
    );
    assert!(!shop.asked()[0].query().contains("refund"));
    action.memo.extend(memo);
    let Ok(Performed::Submitted { memo, look_after }) =
        channel.follow(call(&tokens("")), &order, &action).await
    else {
        panic!("still going on")
    };
    assert_eq!((memo["polls"].as_str(), look_after.as_secs()), ("1", 2));
    assert_eq!(shop.asked()[1].variables()["job"], "gid://shopify/OrderCancelJobResult/r");
    assert_eq!(channel.follow(call(&tokens("")), &stored(&cancelled()), &action).await, Ok(Performed::Done));
}

#[tokio::test]
async fn a_server_without_job_results_is_asked_without_them() {
    let shop = Shop::start(|asked| {
        if asked.query().contains("jobResult") {
            return told(&json!({ "errors": [{ "message": "Field 'jobResult' doesn't exist on type 'OrderCancelPayload'",
                "path": ["mutation", "orderCancel", "jobResult"], "extensions": { "code": "undefinedField" } }] }));
        }
        if asked.query().contains("mutation") {
            return job(json!({ "job": { "id": "gid://shopify/Job/j", "done": false } }));
        }
        data(json!({ "order": { "cancelledAt": null }, "job": { "done": true } }))
    })
    .await;
    let order = stored(&graph());
    let mut action = action(&order, cancel(CancelReason::Other));
    let channel = shop.channel();
    let mut looks = vec![channel.perform(call(&tokens("")), &order, &action).await];
    for _ in 0..2 {
        if let Some(Ok(Performed::Submitted { memo, .. })) = looks.last() {
            action.memo.extend(memo.clone());
        }
        looks.push(channel.follow(call(&tokens("")), &order, &action).await);
    }
    let failure = looks.pop().expect("a last look").expect_err("the job ended in vain");
    assert_eq!((failure.kind, shop.asked().len()), (FailureKind::InvalidRequest, 4));
}

#[tokio::test]
async fn a_failed_job_tells_its_reason() {
    let shop = Shop::start(|_| {
        let errors = json!([{ "code": "INVALID", "message": "Cannot cancel an order that has outstanding fulfillments" }]);
        data(json!({ "order": { "cancelledAt": null }, "node": { "status": "FAILED", "errors": errors } }))
    })
    .await;
    let order = stored(&graph());
    let mut action = action(&order, cancel(CancelReason::Other));
    action.memo.insert("job_result".into(), "gid://shopify/OrderCancelJobResult/r".into());
    let failure = shop.channel().follow(call(&tokens("")), &order, &action).await.expect_err("failed");
    assert!(failure.message.contains("outstanding"), "{failure}");
}

#[tokio::test]
async fn the_recorded_refusals_of_a_cancellation_have_their_outcome() {
    let Some(sample) = samples::json("graphql_order_cancel_errors.json") else { return };
    let order = stored(&graph());
    let action = action(&order, cancel(CancelReason::Other));
    let cases = sample["expected"].as_object().expect("cases").clone();
    assert!(cases.len() >= 3);
    for (name, case) in cases {
        let payload = case["response"]["payload"].clone();
        let shop = Shop::start(move |_| told(&payload)).await;
        let outcome = shop.channel().perform(call(&tokens("")), &order, &action).await;
        if name == "alreadyCancelled" {
            assert_eq!(outcome, Ok(Performed::Done));
        } else if let Err(failure) = outcome {
            assert!(
                matches!(failure.kind, FailureKind::InvalidRequest | FailureKind::NotFound),
                "{name}: {failure}"
            );
        }
    }
}

#[test]
fn recorded_answers_of_other_mutations_are_refusals() {
    use crate::channel::shopify::errors::{UserError, refused};
    let Some(bulk) = samples::json("graphql_bulk_query_refusals.json") else { return };
    for (name, case) in bulk["validations"].as_object().expect("cases") {
        let errors = &case["response"]["data"]["bulkOperationRunQuery"]["userErrors"];
        let errors: Vec<UserError> = serde_json::from_value(errors.clone()).unwrap_or_default();
        assert!(
            errors.is_empty() || refused(&errors).is_some_and(|f| f.kind == FailureKind::InvalidRequest),
            "{name}"
        );
    }
}
