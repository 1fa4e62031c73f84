//! Actions: what is allowed, what is sent, and how a doubtful outcome is settled.

use std::time::Duration;

use serde_json::{Value, json};

use super::shop::{Asked, NOW, Shop, Told, bad, call, good, tokens};
use crate::channel::tiktok_shop::connector::TikTokShop;
use crate::channel::tiktok_shop::document::{AfterSaleDoc, OrderDoc};
use crate::channel::tiktok_shop::facts::Provider;
use crate::channel::tiktok_shop::map::{Reading, observe};
use crate::channel::tiktok_shop::money::Ledger;
use crate::channel::{Channel, Performed, Refused, Verdict};
use crate::model::{
    Action, ActionId, ActionRequest, ActionState, CancelReason, Capabilities, ChannelId, ChannelOrderId,
    FailureKind, Memo, Order, OrderKey, ShipLine, Source, Timestamp, Trigger,
};
use crate::sync::{Merged, Merging, merge};

const ID: &str = "576700000000000001";

fn now() -> Timestamp {
    Timestamp::from_secs(NOW)
}

/// Two units of one SKU and one of another, each in a package of its own kind.
fn doc(fields: &Value) -> Value {
    let unit = |id: &str, sku: &str, package: &str| json!({"id": id, "sku_id": sku, "sale_price": "5", "package_id": package, "package_status": "TO_FULFILL"});
    let mut doc = json!({
        "id": ID, "status": "AWAITING_SHIPMENT", "create_time": NOW - 500, "update_time": NOW - 400, "paid_time": NOW - 450,
        "fulfillment_type": "FULFILLMENT_BY_SELLER", "shipping_type": "SELLER", "delivery_option_id": "9",
        "payment": {"currency": "USD", "total_amount": "15"}, "recipient_address": {"region_code": "US"},
        "line_items": [unit("1", "a", "501"), unit("2", "a", "501"), unit("3", "b", "502")],
    });
    for (name, value) in fields.as_object().expect("fields") {
        doc[name] = value.clone();
    }
    doc
}

/// The order that the store would hold after this was fetched.
fn stored(fields: &Value, providers: Option<&[&str]>, after: &[Value]) -> Order {
    let order: OrderDoc = serde_json::from_str(&doc(fields).to_string()).expect("an order");
    let mut ledger = Ledger::default();
    for entry in after {
        let entry: AfterSaleDoc = serde_json::from_str(&entry.to_string()).expect("an after-sale");
        ledger.enter(&entry);
    }
    let named = |names: &[&str]| {
        let provider =
            |(n, name): (usize, &&str)| Provider { id: format!("70{n}"), name: (*name).to_owned() };
        names.iter().enumerate().map(provider).collect::<Vec<_>>()
    };
    let providers = providers.map(named);
    let reading = Reading {
        order: &order,
        after_sales: Some(&ledger.of(ID)),
        providers: providers.as_deref(),
        source: Source::Fetch,
        read_at: now(),
    };
    let key = OrderKey::new(ChannelId::new("tt").expect("id"), ChannelOrderId::new(ID).expect("id"));
    let seen = observe(key.order.clone(), &reading);
    let how = Merging { key: &key, channel_kind: "tiktok_shop", trigger: Trigger::Manual, now: now() };
    match merge(None, seen, how) {
        Merged::Applied(applied) => applied.order,
        other => panic!("{other:?}"),
    }
}

fn open() -> Order {
    stored(&json!({}), Some(&["USPS", "FedEx"]), &[])
}

fn line(id: &str, quantity: u32) -> ShipLine {
    ShipLine { line_id: id.to_owned(), quantity }
}

fn ship(carrier: &str, items: &[ShipLine]) -> ActionRequest {
    ActionRequest::Ship {
        carrier: carrier.to_owned(),
        tracking_number: Some("T1".to_owned()),
        tracking_url: None,
        items: items.to_vec(),
    }
}

fn track(shipment: Option<&str>) -> ActionRequest {
    ActionRequest::Tracking {
        carrier: "usps".to_owned(),
        tracking_number: "T9".to_owned(),
        tracking_url: None,
        shipment_id: shipment.map(str::to_owned),
    }
}

const fn cancel(reason: CancelReason) -> ActionRequest {
    ActionRequest::Cancel { reason, note: None }
}

fn action(order: &Order, request: ActionRequest, memo: Memo) -> Action {
    Action {
        id: ActionId(uuid::Uuid::from_u128(7)),
        order: order.key.clone(),
        request,
        state: ActionState::Running,
        attempts: 1,
        failed_tries: 0,
        by: None,
        requested_at: now(),
        updated_at: now(),
        sent_boot: None,
        memo,
        error: None,
    }
}

/// A connector that is asked for decisions only.
fn quiet() -> TikTokShop {
    super::shop::channel("http://127.0.0.1:1", true)
}

fn able(order: &Order) -> Capabilities {
    quiet().capabilities(order, now())
}

fn prepare(order: &Order, request: &ActionRequest) -> Result<Memo, Refused> {
    quiet().prepare(order, request, now())
}

/// Prepares and performs against a shop that answers so.
async fn performed(
    order: &Order,
    request: ActionRequest,
    answer: impl Fn(&Asked) -> Told + Send + Sync + 'static,
) -> (Result<Performed, crate::model::Failure>, Vec<Asked>) {
    let shop = Shop::start(answer).await;
    let channel = shop.channel();
    let memo = channel.prepare(order, &request, now()).expect("prepared");
    let action = action(order, request, memo);
    let tokens = tokens();
    let result = channel.perform(call(&tokens), order, &action).await;
    (result, shop.asked())
}

#[tokio::test]
async fn what_the_seller_sends_can_be_shipped_with_the_order_s_carriers() {
    let can = able(&open()).ship;
    assert!(can.supported && can.partial && can.tracking_required && !can.carrier_other);
    assert_eq!(can.carriers, Some(vec!["USPS".to_owned(), "FedEx".to_owned()]));
    assert_eq!(able(&stored(&json!({}), None, &[])).ship.carriers, None, "not asked for yet");
    let combined = stored(&json!({"split_or_combine_tag": "COMBINED"}), None, &[]);
    assert!(able(&combined).ship.consequence.is_some());
}

#[tokio::test]
async fn what_cannot_be_shipped_says_why() {
    for (fields, word, unsupported) in [
        (json!({"shipping_type": "TIKTOK"}), "TikTok's own shipping", true),
        (json!({"fulfillment_type": "FULFILLMENT_BY_TIKTOK"}), "warehouse", true),
        (json!({"fulfillment_type": "FULFILLMENT_BY_DILAYANI_TOKOPEDIA"}), "warehouse", true),
        (json!({"status": "ON_HOLD"}), "on hold", false),
        (json!({"is_on_hold_order": true}), "on hold", false),
        (json!({"status": "UNPAID"}), "not paid", false),
        (json!({"is_buyer_request_cancel": true}), "asks to cancel", false),
        (json!({"status": "AWAITING_COLLECTION"}), "sent already", false),
        (json!({"status": "CANCELLED"}), "cancelled", false),
    ] {
        let order = stored(&fields, None, &[]);
        let why = able(&order).ship.why.expect("a reason");
        assert!(why.contains(word), "{fields}: {why}");
        let refused = prepare(&order, &ship("USPS", &[line("1", 2)])).expect_err("refused");
        assert_eq!(matches!(refused, Refused::Unsupported { .. }), unsupported, "{fields} {refused:?}");
    }
}

#[tokio::test]
async fn carrier_number_and_units_are_checked_before_anything_is_queued() {
    let order = open();
    let field = |request: &ActionRequest| match prepare(&order, request) {
        Err(Refused::Invalid { field, why }) => (field, why),
        other => panic!("{other:?}"),
    };
    let (named, why) = field(&ship("Estafeta", &[line("1", 1)]));
    assert!(named == "carrier" && why.contains("USPS, FedEx"), "{why}");
    assert_eq!(field(&ship("USPS", &[line("1", 3)])).0, "items");
    assert_eq!(field(&ship("USPS", &[line("9", 1)])).0, "items");
    let silent = ActionRequest::Ship {
        carrier: "USPS".to_owned(),
        tracking_number: None,
        tracking_url: None,
        items: vec![line("1", 1)],
    };
    assert_eq!(field(&silent).0, "tracking_number");
    let memo = prepare(&order, &ship(" fed ex ", &[line("3", 1), line("1", 1)])).expect("good");
    assert_eq!((memo["provider_id"].as_str(), memo["units"].as_str()), ("701", "1,3"));
}

#[tokio::test]
async fn units_are_declared_where_the_market_wants_units() {
    let (result, asked) = performed(&open(), ship("USPS", &[line("1", 2)]), |_| {
        good(json!({"order_id": ID, "package_id": "601", "warning": {"message": "match more than one provider"}}))
    })
    .await;
    assert_eq!(result, Ok(Performed::Done));
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].line(), format!("POST /fulfillment/202309/orders/{ID}/packages"));
    let expected =
        json!({"order_line_item_ids": ["1", "2"], "shipping_provider_id": "700", "tracking_number": "T1"});
    assert_eq!(asked[0].json(), expected);
}

#[tokio::test]
async fn packages_are_declared_elsewhere_and_as_a_whole() {
    let order = stored(&json!({"recipient_address": {"region_code": "MX"}}), Some(&["USPS"]), &[]);
    assert!(able(&order).ship.partial, "there are two packages");
    let half = prepare(&order, &ship("USPS", &[line("1", 1)])).expect_err("half a package");
    assert!(matches!(half, Refused::Invalid { field: "items", .. }));
    let (result, asked) =
        performed(&order, ship("USPS", &[line("1", 2), line("3", 1)]), |_| good(json!({}))).await;
    assert_eq!(result, Ok(Performed::Done));
    let lines: Vec<_> = asked.iter().map(Asked::line).collect();
    assert_eq!(
        lines,
        ["POST /fulfillment/202309/packages/501/ship", "POST /fulfillment/202309/packages/502/ship"]
    );
    assert_eq!(
        asked[0].json(),
        json!({"self_shipment": {"shipping_provider_id": "700", "tracking_number": "T1"}})
    );
}

#[tokio::test]
async fn carriers_that_are_not_known_yet_are_asked_for_before_sending() {
    let order = stored(&json!({}), None, &[]);
    let answer = |asked: &Asked| match asked.method.as_str() {
        "GET" => good(json!({"shipping_providers": [{"id": "88", "name": "USPS"}]})),
        _ => good(json!({"package_id": "601"})),
    };
    let (result, asked) = performed(&order, ship("usps", &[line("3", 1)]), answer).await;
    assert_eq!(result, Ok(Performed::Done));
    assert_eq!(asked[0].path, "/logistics/202309/delivery_options/9/shipping_providers");
    assert_eq!(asked[1].json()["shipping_provider_id"], "88");
    let (result, asked) = performed(&order, ship("Estafeta", &[line("3", 1)]), answer).await;
    let failure = result.expect_err("no such carrier");
    assert!(failure.kind == FailureKind::InvalidRequest && failure.message.contains("USPS"), "{failure}");
    assert_eq!(asked.len(), 1);
}

fn sent(number: &str) -> Value {
    let unit = |id: &str| json!({"id": id, "sku_id": "a", "sale_price": "5", "package_id": "601", "package_status": "PROCESSING", "tracking_number": number, "shipping_provider_name": "USPS", "rts_time": NOW - 100});
    json!({"status": "AWAITING_COLLECTION", "rts_time": NOW - 100, "line_items": [unit("1"), unit("2")]})
}

#[tokio::test]
async fn a_parcel_that_was_declared_before_is_looked_at() {
    for (number, done) in [("T1", true), ("T2", false)] {
        let (result, _) =
            performed(&open(), ship("USPS", &[line("1", 2)]), move |asked| match asked.path.as_str() {
                "/order/202507/orders" => good(json!({"orders": [doc(&sent(number))]})),
                path if path.ends_with("/packages") => bad(400, 21_008_026, "package already declared"),
                _ => good(json!({})),
            })
            .await;
        assert_eq!(result.is_ok(), done, "{number}: {result:?}");
    }
}

#[tokio::test]
async fn a_fresh_reading_settles_a_lost_answer() {
    let request = ship("USPS", &[line("1", 2)]);
    let memo = prepare(&open(), &request).expect("prepared");
    let action = action(&open(), request, memo);
    assert_eq!(quiet().judge(&open(), &action), Verdict::Repeatable);
    assert_eq!(quiet().judge(&stored(&sent("T1"), None, &[]), &action), Verdict::Done);
    assert_eq!(quiet().judge(&stored(&sent("T2"), None, &[]), &action), Verdict::Repeatable);
    let refused = prepare(&stored(&sent("T2"), None, &[]), &action.request);
    assert!(matches!(refused, Err(Refused::Conflict { .. })), "nothing is sent a second time");
}

#[tokio::test]
async fn a_number_is_replaced_within_three_days() {
    let order = stored(&sent("T1"), Some(&["USPS"]), &[]);
    let can = able(&order).tracking;
    let until = now().minus(Duration::from_secs(100)).plus(Duration::from_hours(72));
    assert_eq!((can.supported, can.until), (true, Some(until)));
    let (result, asked) = performed(&order, track(None), |_| good(json!({}))).await;
    assert_eq!(result, Ok(Performed::Done));
    assert_eq!(asked[0].line(), format!("POST /fulfillment/202309/orders/{ID}/shipping_info/update"));
    assert_eq!(asked[0].json(), json!({"shipping_provider_id": "700", "tracking_number": "T9"}));
    let mut late = sent("T1");
    late["line_items"][0]["rts_time"] = json!(NOW - 80 * 3_600);
    let late = stored(&late, None, &[]);
    assert!(matches!(prepare(&late, &track(None)), Err(Refused::Unsupported { .. })));
    assert!(matches!(prepare(&open(), &track(None)), Err(Refused::Conflict { .. })), "not sent yet");
}

#[tokio::test]
async fn one_of_several_packages_gets_a_number_of_its_own() {
    let mut two = sent("T1");
    two["line_items"][1]["package_id"] = json!("602");
    two["line_items"][1]["tracking_number"] = json!("T2");
    let order = stored(&two, Some(&["USPS"]), &[]);
    let ambiguous = prepare(&order, &track(None));
    assert!(matches!(ambiguous, Err(Refused::Invalid { field: "shipment_id", .. })));
    let (result, asked) = performed(&order, track(Some("602")), |_| good(json!({}))).await;
    assert_eq!(result, Ok(Performed::Done));
    assert_eq!(asked[0].path, "/fulfillment/202309/packages/602/shipping_info/update");
    let request = track(Some("602"));
    let memo = prepare(&order, &request).expect("prepared");
    let action = action(&order, request, memo);
    two["line_items"][1]["tracking_number"] = json!("T9");
    assert_eq!(quiet().judge(&stored(&two, None, &[]), &action), Verdict::Done);
    let (late, _) = performed(&order, track(Some("602")), |_| bad(400, 21_011_050, "too late")).await;
    assert_eq!(late.expect_err("too late").kind, FailureKind::Unsupported);
}

#[tokio::test]
async fn an_order_is_cancelled_in_the_words_of_its_market() {
    let order = open();
    let can = able(&order).cancel;
    assert!(can.supported && can.note_limit.is_none());
    assert_eq!(can.reasons.len(), CancelReason::ALL.len());
    let (result, asked) = performed(&order, cancel(CancelReason::CustomerRequest), |_| {
        good(json!({"cancel_id": "4", "cancel_status": "CANCELLATION_REQUEST_SUCCESS"}))
    })
    .await;
    assert!(matches!(result, Ok(Performed::Submitted { .. })), "{result:?}");
    assert_eq!(asked[0].line(), "POST /return_refund/202309/cancellations");
    let expected =
        json!({"order_id": ID, "cancel_reason": "seller_cancel_paid_reason_buyer_requested_cancellation"});
    assert_eq!(asked[0].json(), expected);
}

#[tokio::test]
async fn an_order_on_its_way_cannot_be_cancelled() {
    for (status, region, possible) in [
        ("UNPAID", "GB", true),
        ("ON_HOLD", "GB", true),
        ("AWAITING_COLLECTION", "US", true),
        ("AWAITING_COLLECTION", "GB", false),
        ("PARTIALLY_SHIPPING", "US", false),
        ("IN_TRANSIT", "US", false),
        ("COMPLETED", "US", false),
        ("CANCELLED", "US", false),
    ] {
        let order =
            stored(&json!({"status": status, "recipient_address": {"region_code": region}}), None, &[]);
        assert_eq!(able(&order).cancel.supported, possible, "{status} {region}");
        assert_eq!(prepare(&order, &cancel(CancelReason::OutOfStock)).is_ok(), possible);
    }
}

fn wish() -> Value {
    json!({"cancel_id": "403", "order_id": ID, "cancel_type": "BUYER_CANCEL", "cancel_status": "CANCELLATION_REQUEST_PENDING"})
}

#[tokio::test]
async fn a_buyer_s_request_is_agreed_to_instead() {
    let order = stored(&json!({"is_buyer_request_cancel": true}), None, &[wish()]);
    assert!(able(&order).cancel.consequence.expect("said before").contains("buyer's request"));
    let (result, asked) = performed(&order, cancel(CancelReason::Other), |_| good(json!({}))).await;
    assert!(matches!(result, Ok(Performed::Submitted { .. })), "{result:?}");
    assert_eq!(asked[0].line(), "POST /return_refund/202309/cancellations/403/approve");
    assert_eq!(asked[0].param("idempotency_key"), uuid::Uuid::from_u128(7).to_string());
    assert_eq!(asked[0].body, "");
}

#[tokio::test]
async fn a_cancellation_that_is_under_way_already_counts() {
    for (status, taken) in [("CANCELLATION_REQUEST_SUCCESS", true), ("CANCELLATION_REQUEST_CANCEL", false)] {
        let (result, _) =
            performed(&open(), cancel(CancelReason::OutOfStock), move |asked| match asked.path.as_str() {
                "/return_refund/202309/cancellations" => bad(400, 25_001_011, "a request is pending"),
                path if path.contains("cancellations/search") => good(
                    json!({"cancellations": [{"cancel_id": "1", "order_id": ID, "cancel_status": status}]}),
                ),
                _ => good(json!({})),
            })
            .await;
        assert_eq!(result.is_ok(), taken, "{status} {result:?}");
    }
}

#[tokio::test]
async fn a_cancellation_is_followed_until_it_shows() {
    let complete = Shop::start(|asked| {
        let done =
            json!({"cancel_id": "1", "order_id": ID, "cancel_status": "CANCELLATION_REQUEST_COMPLETE"});
        if asked.path.contains("cancellations") {
            good(json!({"cancellations": [done]}))
        } else {
            good(json!({}))
        }
    })
    .await;
    let silent = Shop::start(|_| good(json!({}))).await;
    let tokens = tokens();
    let looked = |n: usize| Memo::from([("looked".to_owned(), n.to_string())]);
    let order = open();
    let after = async |shop: &Shop, order: &Order, n| {
        let action = action(order, cancel(CancelReason::Other), looked(n));
        shop.channel().follow(call(&tokens), order, &action).await.expect("an answer")
    };
    let cancelled = stored(&json!({"status": "CANCELLED"}), None, &[]);
    assert_eq!(after(&silent, &cancelled, 0).await, Performed::Done);
    let again = Performed::Submitted { memo: looked(1), look_after: Duration::from_secs(10) };
    assert_eq!(after(&silent, &order, 0).await, again);
    assert!(matches!(after(&silent, &order, 3).await, Performed::Unconfirmed { .. }));
    assert_eq!(after(&complete, &order, 3).await, Performed::Done);
}

#[tokio::test]
async fn a_right_that_is_missing_for_an_action_leaves_the_connection() {
    let (result, _) =
        performed(&open(), cancel(CancelReason::OutOfStock), |_| bad(403, 105_005, "no scope")).await;
    let failure = result.expect_err("refused");
    assert!(failure.kind == FailureKind::Permission && failure.local && failure.no_effect, "{failure}");
}
