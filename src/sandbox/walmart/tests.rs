//! The stand against the contract's traps, without a socket.

use std::time::Duration;

use super::super::contract::{keys, sample};
use super::super::kit::Tuning;
use super::super::stand::WishLine;
use super::*;
use crate::clock::Clock;
use crate::random::Random;

const DAY: Duration = Duration::from_secs(86_400);

fn account_with(options: Options) -> Walmart {
    let clock = Clock::starting_at("2026-11-25T18:00:00Z".parse().expect("a time"));
    let kit = Kit::new(clock, Random::seeded(7), Tuning { list_lag: Duration::ZERO, ..Tuning::default() });
    Walmart::new(kit, options)
}

fn account() -> Walmart {
    account_with(Options::default())
}

fn call(stand: &Walmart, method: &str, path: &str) -> Request {
    Request::new(method, path)
        .with_header("WM_SVC.NAME", "Walmart Marketplace")
        .with_header("WM_QOS.CORRELATION_ID", &stand.kit.random.uuid_v4().to_string())
        .with_header("accept", "application/json")
}

fn token(stand: &Walmart) -> String {
    let request = call(stand, "POST", "/v3/token")
        .with_header("authorization", "Basic c2FuZGJveC1jbGllbnQtaWQ6c2FuZGJveC1jbGllbnQtc2VjcmV0")
        .with_form(&[("grant_type", "client_credentials")]);
    let answer = stand.handle(&request);
    assert_eq!(answer.status, 200, "{}", answer.value());
    answer.value()["access_token"].as_str().expect("a token").to_owned()
}

fn get(stand: &Walmart, path: &str) -> Response {
    stand.handle(&call(stand, "GET", path).with_header("WM_SEC.ACCESS_TOKEN", &token(stand)))
}

fn post(stand: &Walmart, path: &str, body: Option<&Value>) -> Response {
    let request = call(stand, "POST", path).with_header("WM_SEC.ACCESS_TOKEN", &token(stand));
    stand.handle(&body.map_or_else(|| request.clone(), |body| request.clone().with_json(body)))
}

fn rules(stand: &Walmart) -> Vec<String> {
    stand.kit.violations.all().into_iter().map(|violation| violation.rule).collect()
}

fn mugs(quantity: u32) -> Wish {
    let line = WishLine {
        sku: "MUG".to_owned(),
        title: None,
        variant: None,
        quantity,
        unit_price: "10.00".to_owned(),
    };
    Wish { lines: vec![line], shipping: Some("0".to_owned()), ..Wish::default() }
}

fn placed(stand: &Walmart, wish: &Wish) -> (String, String) {
    let id = stand.place(wish).expect("room");
    let number = stand.state().orders.get(&id).expect("placed").lines[0].number.clone();
    (id, number)
}

fn shipment(line: &str, units: u32, number: &str) -> Value {
    json!({"orderShipment": {"orderLines": {"orderLine": [{
        "lineNumber": line, "intentToCancelOverride": false, "sellerOrderId": "7",
        "orderLineStatuses": {"orderLineStatus": [{
            "status": "Shipped", "statusQuantity": {"unitOfMeasurement": "EACH", "amount": units.to_string()},
            "trackingInfo": {
                "shipDateTime": 1_795_629_600_000_i64, "carrierName": {"carrier": "UPS"}, "methodCode": "Standard",
                "trackingNumber": number,
            },
        }]},
    }]}}})
}

fn description(answer: &Response) -> String {
    answer.value()["errors"]["error"][0]["description"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_token_lives_for_fifteen_minutes() {
    let stand = account();
    stand.place(&mugs(1)).expect("room");
    let token = token(&stand);
    let list = || {
        let request = call(&stand, "GET", "/v3/orders?limit=200").with_header("WM_SEC.ACCESS_TOKEN", &token);
        stand.handle(&request).status
    };
    assert_eq!(list(), 200);
    tokio::time::advance(Duration::from_secs(899)).await;
    assert_eq!(list(), 200);
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(list(), 401);
    stand.revoke_access();
    let again = call(&stand, "POST", "/v3/token").with_form(&[("grant_type", "client_credentials")]);
    assert_eq!(stand.handle(&again).status, 401);
    assert_eq!(rules(&stand), Vec::<String>::new());
}

#[tokio::test]
async fn missing_headers_are_breaches() {
    let stand = account();
    let token = token(&stand);
    for (left_out, status, rule) in [
        ("wm_sec.access_token", 401, "missing_header"),
        ("wm_qos.correlation_id", 400, "missing_header"),
        ("wm_svc.name", 400, "missing_header"),
        ("accept", 200, "no_json"),
    ] {
        let mut request = call(&stand, "GET", "/v3/orders").with_header("WM_SEC.ACCESS_TOKEN", &token);
        request.headers.retain(|(name, _)| name != left_out);
        let answer = stand.handle(&request);
        assert_eq!(answer.status, status, "{left_out}");
        assert_eq!(rules(&stand), [rule], "{left_out}");
        stand.kit.violations.clear();
    }
    let twice = call(&stand, "GET", "/v3/orders").with_header("WM_SEC.ACCESS_TOKEN", &token);
    stand.handle(&twice);
    stand.handle(&twice);
    assert_eq!(rules(&stand), ["repeated_correlation_id"]);
}

#[tokio::test]
async fn what_is_placed_long_ago_needs_a_created_start_date() {
    let stand = account();
    let now = stand.kit.now();
    let old = Wish { placed_at: Some(now.minus(DAY * 30)), ..mugs(1) };
    let id = stand.place(&old).expect("room");
    stand.happen(&id, &Deed::RequestCancel).expect("open");
    let since = now.minus(Duration::from_secs(60)).to_rfc3339_secs();
    assert_eq!(get(&stand, &format!("/v3/orders?lastModifiedStartDate={since}")).status, 404);
    assert_eq!(rules(&stand), ["no_created_start_date"]);
    let created = now.minus(DAY * 179).to_rfc3339_secs();
    let answer = get(&stand, &format!("/v3/orders?lastModifiedStartDate={since}&createdStartDate={created}"));
    assert_eq!(answer.value()["list"]["elements"]["order"][0]["purchaseOrderId"], json!(id));
}

#[tokio::test]
async fn dates_with_milliseconds_are_refused() {
    let stand = account();
    for date in ["2026-11-20T00:00:00.000Z", "2026-11-20T00:00:00+00:00", "20.11.2026", "2026-11-20T00:00:00"]
    {
        let answer = get(&stand, &format!("/v3/orders?createdStartDate={}", date.replace('+', "%2B")));
        assert_eq!(
            (answer.status, description(&answer).as_str()),
            (400, "Invalid Date format value"),
            "{date}"
        );
    }
    assert_eq!(get(&stand, "/v3/orders?createdStartDate=2026-11-20").status, 404);
    assert_eq!(rules(&stand), ["date_format"; 4]);
}

#[tokio::test]
async fn the_cursor_is_a_query_that_comes_back_as_it_is() {
    let stand = account_with(Options { page_max: 2, ..Options::default() });
    for _ in 0..5 {
        stand.place(&mugs(1)).expect("room");
    }
    let first = get(&stand, "/v3/orders?limit=200").value();
    assert_eq!(first["list"]["meta"]["totalCount"], 5);
    let cursor = first["list"]["meta"]["nextCursor"].as_str().expect("more").to_owned();
    assert!(cursor.starts_with("?limit=2&hasMoreElements=true&soIndex=5&poIndex=2"), "{cursor}");
    let second = get(&stand, &format!("/v3/orders{cursor}")).value();
    let cursor = second["list"]["meta"]["nextCursor"].as_str().expect("more").to_owned();
    let last = get(&stand, &format!("/v3/orders{cursor}")).value();
    assert_eq!(last["list"]["meta"]["nextCursor"], Value::Null);
    assert_eq!(rules(&stand), Vec::<String>::new());
    let altered = get(&stand, &format!("/v3/orders{}", cursor.replace("limit=2", "limit=3")));
    assert_eq!((altered.status, rules(&stand)), (400, vec!["altered_cursor".to_owned()]));
}

#[tokio::test]
async fn each_node_has_its_own_list() {
    let stand = account();
    let wfs = stand.place(&Wish { flavour: Some("wfs".to_owned()), ..mugs(1) }).expect("room");
    assert_eq!(get(&stand, "/v3/orders").status, 404);
    let list = get(&stand, "/v3/orders?shipNodeType=WFSFulfilled").value();
    let order = &list["list"]["elements"]["order"][0];
    assert_eq!(
        (order["purchaseOrderId"].as_str(), order["shipNode"]["type"].as_str()),
        (Some(wfs.as_str()), Some("WFSFulfilled"))
    );
    assert_eq!(post(&stand, &format!("/v3/orders/{wfs}/acknowledge"), None).status, 400);
}

#[tokio::test]
async fn too_many_orders_for_one_search_are_an_error() {
    let stand = account_with(Options { most_found: 3, ..Options::default() });
    for _ in 0..4 {
        stand.place(&mugs(1)).expect("room");
    }
    assert_eq!(get(&stand, "/v3/orders").status, 400);
}

#[tokio::test]
async fn an_order_is_acknowledged_before_it_is_shipped() {
    let stand = account();
    let (id, line) = placed(&stand, &mugs(3));
    let ship = |units, number: &str| {
        post(&stand, &format!("/v3/orders/{id}/shipping"), Some(&shipment(&line, units, number)))
    };
    assert!(description(&ship(1, "A")).contains("Qty OverShipped"));
    for _ in 0..2 {
        assert_eq!(post(&stand, &format!("/v3/orders/{id}/acknowledge"), None).status, 200);
    }
    assert_eq!(stand.truth(&id).expect("order").status, "accepted");
    assert_eq!(ship(1, "A").status, 200);
    assert_eq!(stand.truth(&id).expect("order").status, "accepted", "two are left");
    assert!(description(&ship(3, "B")).contains("Qty OverShipped"));
    let again = post(&stand, &format!("/v3/orders/{id}/acknowledge"), None);
    assert!(description(&again).contains("higher status"));
    assert_eq!(ship(2, "B").status, 200);
    let truth = stand.truth(&id).expect("order");
    assert_eq!((truth.status, truth.payment_status, truth.shipments), ("shipped", "paid", 2));
    assert!(description(&ship(1, "C")).contains("SHIPPED status"));
    assert_eq!(rules(&stand), Vec::<String>::new());
    let done: Vec<String> = stand.kit.effects.all().into_iter().map(|effect| effect.operation).collect();
    assert_eq!(done, ["acknowledge", "ship", "ship"]);
}

#[tokio::test]
async fn a_label_is_checked_field_by_field() {
    let stand = account();
    let (id, line) = placed(&stand, &Wish { flavour: Some("acknowledged".to_owned()), ..mugs(1) });
    let entry = "/orderShipment/orderLines/orderLine/0/orderLineStatuses/orderLineStatus/0";
    for (field, value) in [
        ("trackingInfo/carrierName", json!({"carrier": "ups"})),
        ("trackingInfo/carrierName", json!({"otherCarrier": "Bob"})),
        ("trackingInfo/carrierName", json!({"carrier": "UPS", "otherCarrier": "Bob"})),
        ("trackingInfo/methodCode", json!("standard")),
        ("trackingInfo/trackingNumber", json!("")),
        ("trackingInfo/shipDateTime", json!("2026-11-25")),
        ("trackingInfo/shipDateTime", json!(1_000)),
        ("trackingInfo/shipDateTime", json!(1_895_629_600_000_i64)),
        ("statusQuantity/amount", json!(1)),
        ("status", json!("shipped")),
    ] {
        let mut body = shipment(&line, 1, "A");
        *body.pointer_mut(&format!("{entry}/{field}")).expect(field) = value.clone();
        let answer = post(&stand, &format!("/v3/orders/{id}/shipping"), Some(&body));
        assert_eq!(answer.status, 400, "{field} {value}");
        assert_eq!(rules(&stand).len(), 1, "{field} {value}");
        stand.kit.violations.clear();
    }
    assert!(stand.kit.effects.all().is_empty(), "nothing was done");
    let mut body = shipment(&line, 1, "A");
    body["orderShipment"]["note"] = json!("x");
    assert_eq!(post(&stand, &format!("/v3/orders/{id}/shipping"), Some(&body)).status, 200);
    assert_eq!(rules(&stand), ["unknown_field"]);
}

#[tokio::test(start_paused = true)]
async fn a_number_is_replaced_within_four_hours() {
    let stand = account();
    let (id, line) = placed(&stand, &Wish { flavour: Some("acknowledged".to_owned()), ..mugs(1) });
    let path = format!("/v3/orders/{id}/shipping");
    assert_eq!(post(&stand, &path, Some(&shipment(&line, 1, "A"))).status, 200);
    let correct = |from: &str, to: &str| {
        let mut body = shipment(&line, 1, to);
        body["orderShipment"]["processMode"] = json!("PARTIAL_UPDATE");
        let status = &mut body["orderShipment"]["orderLines"]["orderLine"][0]["orderLineStatuses"]["orderLineStatus"]
            [0];
        status["currentTrackingInfo"] = json!({"trackingNumber": from});
        post(&stand, &path, Some(&body)).status
    };
    assert_eq!(correct("A", "B"), 200);
    assert_eq!(stand.truth(&id).expect("order").tracking_numbers, ["B"]);
    assert_eq!(correct("A", "C"), 400, "no such number any more");
    tokio::time::advance(Duration::from_secs(4 * 3_600 + 1)).await;
    assert_eq!(correct("B", "C"), 400);
}

#[tokio::test]
async fn only_what_is_open_is_cancelled_and_costs_nothing_then() {
    let stand = account();
    let (id, line) = placed(&stand, &Wish { flavour: Some("acknowledged".to_owned()), ..mugs(2) });
    let path = format!("/v3/orders/{id}/cancel");
    let body = |units: u32, reason: &str| {
        json!({"orderCancellation": {"orderLines": {"orderLine": [{"lineNumber": line, "orderLineStatuses":
            {"orderLineStatus": [{"status": "Cancelled", "cancellationReason": reason,
                "statusQuantity": {"unitOfMeasurement": "EACH", "amount": units.to_string()}}]}}]}}})
    };
    assert_eq!(post(&stand, &path, Some(&body(1, "CUSTOMER_CHANGED_MIND"))).status, 400);
    assert_eq!(post(&stand, &path, Some(&body(3, "SELLER_CANCEL_OUT_OF_STOCK"))).status, 400);
    assert_eq!(post(&stand, &path, Some(&body(1, "SELLER_CANCEL_OUT_OF_STOCK"))).status, 200);
    assert_eq!(stand.truth(&id).expect("order").status, "accepted");
    let answer = post(&stand, &path, Some(&body(1, "SELLER_CANCEL_OUT_OF_STOCK"))).value();
    let charge = &answer["order"]["orderLines"]["orderLine"][0]["charges"]["charge"][0];
    assert_eq!(charge["chargeAmount"]["amount"], 0);
    let truth = stand.truth(&id).expect("order");
    assert_eq!((truth.status, truth.total.as_deref()), ("cancelled", Some("0.00")));
}

#[tokio::test]
async fn a_customer_s_wish_stops_a_shipment_and_allows_its_reason() {
    let stand = account();
    let (id, line) = placed(&stand, &Wish { flavour: Some("acknowledged".to_owned()), ..mugs(1) });
    let body = json!({"orderCancellation": {"orderLines": {"orderLine": [{"lineNumber": line, "orderLineStatuses":
        {"orderLineStatus": [{"status": "Cancelled", "cancellationReason": "CUSTOMER_REQUESTED_SELLER_TO_CANCEL",
            "statusQuantity": {"unitOfMeasurement": "EACH", "amount": "1"}}]}}]}}});
    stand.happen(&id, &Deed::RequestCancel).expect("open");
    let refused = post(&stand, &format!("/v3/orders/{id}/shipping"), Some(&shipment(&line, 1, "A")));
    assert!(description(&refused).contains("intent to cancel"));
    assert_eq!(post(&stand, &format!("/v3/orders/{id}/cancel"), Some(&body)).status, 200);
    assert_eq!(rules(&stand), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn the_allowance_is_told_and_kept() {
    let stand = account();
    let (id, _) = placed(&stand, &mugs(1));
    let path = format!("/v3/orders/{id}/acknowledge");
    let first = post(&stand, &path, None);
    assert_eq!(first.header("x-current-token-count"), Some("59"));
    for _ in 0..59 {
        assert_eq!(post(&stand, &path, None).status, 200);
    }
    let refused = post(&stand, &path, None);
    assert_eq!(refused.status, 429);
    let until: i64 =
        refused.header("x-next-replenishment-time").and_then(|text| text.parse().ok()).expect("millis");
    assert!(until > stand.kit.now().as_millis());
    assert_eq!(rules(&stand), Vec::<String>::new());
    assert_eq!(post(&stand, &path, None).status, 429);
    assert_eq!(rules(&stand), ["before_replenishment"]);
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(post(&stand, &path, None).status, 200);
}

#[tokio::test(start_paused = true)]
async fn what_is_overdue_is_cancelled_by_walmart() {
    let stand = account();
    let (id, _) = placed(&stand, &mugs(1));
    tokio::time::advance(DAY * 6).await;
    stand.tick();
    assert_eq!(stand.truth(&id).expect("order").status, "pending");
    tokio::time::advance(Duration::from_secs(1)).await;
    stand.tick();
    assert_eq!(stand.truth(&id).expect("order").status, "cancelled");
}

#[tokio::test]
async fn money_goes_back_for_what_was_charged() {
    let stand = account();
    let (id, _) = placed(&stand, &mugs(2));
    let refund =
        |amount: Option<&str>| stand.happen(&id, &Deed::Refund { amount: amount.map(str::to_owned) });
    assert!(refund(None).is_err(), "nothing was charged");
    stand.happen(&id, &Deed::Ship { carrier: None, tracking: None, units: None }).expect("open");
    refund(Some("5.00")).expect("charged");
    assert_eq!(stand.truth(&id).expect("order").payment_status, "partially_refunded");
    refund(None).expect("charged");
    assert_eq!(stand.truth(&id).expect("order").payment_status, "refunded");
}

#[tokio::test]
async fn answers_hold_no_field_that_the_recorded_ones_lack() {
    let Some(recorded) = sample("walmart/samples/orders-list-production-nulls.json") else { return };
    let recorded = &recorded["list"]["elements"]["order"][0];
    let stand = account();
    let (id, _) = placed(&stand, &mugs(1));
    stand.happen(&id, &Deed::Ship { carrier: None, tracking: None, units: None }).expect("open");
    let shown = get(&stand, &format!("/v3/orders/{id}")).value();
    let pairs = [
        ("/shippingInfo", "/order/shippingInfo"),
        ("/shippingInfo/postalAddress", "/order/shippingInfo/postalAddress"),
        (
            "/orderLines/orderLine/0/orderLineStatuses/orderLineStatus/0/trackingInfo",
            "/order/orderLines/orderLine/0/orderLineStatuses/orderLineStatus/0/trackingInfo",
        ),
        ("/orderLines/orderLine/0/charges/charge/0", "/order/orderLines/orderLine/0/charges/charge/0"),
    ];
    for (theirs, ours) in pairs {
        let theirs = keys(recorded.pointer(theirs).expect(theirs));
        let ours = keys(shown.pointer(ours).expect(ours));
        for key in &ours {
            assert!(theirs.contains(key), "{key} of {ours:?} is not in {theirs:?}");
        }
    }
}
