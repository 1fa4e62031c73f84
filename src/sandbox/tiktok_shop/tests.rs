use std::time::Duration;

use serde_json::{Value, json};

use super::super::contract::{keys, sample};
use super::super::kit::Tuning;
use super::super::stand::WishLine;
use super::*;
use crate::clock::Clock;
use crate::random::Random;

fn stand() -> TikTokShop {
    let clock = Clock::starting_at("2026-11-25T18:20:00Z".parse().expect("a time"));
    let tuning = Tuning { list_lag: Duration::ZERO, limits: 1_000.0, ..Tuning::default() };
    TikTokShop::new(Kit::new(clock, Random::seeded(7), tuning))
}

fn token_request(verb: &str, grant: &str, name: &str, value: &str) -> Request {
    Request::new(
        "GET",
        &format!(
            "/api/v2/token/{verb}?app_key={APP_KEY}&app_secret={APP_SECRET}&grant_type={grant}&{name}={value}"
        ),
    )
}

fn renew(stand: &TikTokShop, refresh: &str) -> Value {
    stand.handle(&token_request("refresh", "refresh_token", "refresh_token", refresh)).value()
}

/// A client's calls with everything that they should carry.
struct Client<'a> {
    stand: &'a TikTokShop,
    token: String,
}

impl<'a> Client<'a> {
    fn new(stand: &'a TikTokShop) -> Self {
        let token = renew(stand, FIRST_REFRESH)["data"]["access_token"].as_str().expect("a token").to_owned();
        Self { stand, token }
    }

    fn unsigned(&self, method: &str, path: &str, params: &[(&str, &str)], body: &str) -> Request {
        let now = self.stand.kit.now().as_secs().to_string();
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("app_key", APP_KEY)
            .append_pair("timestamp", &now)
            .extend_pairs(params)
            .finish();
        let mut request = Request::new(method, &format!("{path}?{query}"))
            .with_header("x-tts-access-token", &self.token)
            .with_header("content-type", "application/json");
        request.body = body.as_bytes().to_vec();
        request
    }

    fn request(&self, method: &str, path: &str, params: &[(&str, &str)], body: &str) -> Request {
        let params = [params, &[("shop_cipher", CIPHER)]].concat();
        signed(self.unsigned(method, path, &params, body))
    }

    fn call(&self, method: &str, path: &str, params: &[(&str, &str)], body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.stand.handle(&self.request(method, path, params, &body)).value()
    }

    fn order(&self, id: &str) -> Value {
        self.call("GET", "/order/202507/orders", &[("ids", id)], &Value::Null)["data"]["orders"][0].clone()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.call("POST", path, &[], body)
    }
}

fn signed(mut request: Request) -> Request {
    let sign = guard::sign(&request);
    request.query.push(("sign".to_owned(), sign));
    request
}

fn rules(stand: &TikTokShop) -> Vec<String> {
    stand.kit.violations.all().into_iter().map(|violation| violation.rule).collect()
}

fn flavoured(word: &str) -> Wish {
    Wish { flavour: Some(word.to_owned()), ..Wish::default() }
}

fn three() -> Wish {
    let line = |sku: &str, quantity| WishLine {
        sku: sku.to_owned(),
        title: None,
        variant: None,
        quantity,
        unit_price: "7.10".to_owned(),
    };
    Wish { lines: vec![line("A", 2), line("B", 1)], ..Wish::default() }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_leaves_the_old_refresh_token_good() {
    let stand = stand();
    let first = renew(&stand, FIRST_REFRESH)["data"].clone();
    assert_eq!(first["access_token_expire_in"], stand.kit.now().as_secs() + 604_800, "a moment, not a span");
    let again = renew(&stand, FIRST_REFRESH)["data"].clone();
    assert_eq!(renew(&stand, again["refresh_token"].as_str().expect("a token"))["code"], 0);
    for dead in [FIRST_REFRESH, first["refresh_token"].as_str().expect("a token")] {
        assert_eq!(renew(&stand, dead)["code"], 36_004_001);
    }
    stand.revoke_access();
    assert_eq!(renew(&stand, FIRST_REFRESH)["code"], 36_004_001);
    assert!(rules(&stand).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_consent_s_code_works_once_and_for_half_an_hour() {
    let stand = stand();
    stand.revoke_access();
    let code = || {
        let back = stand.handle(&Request::new("GET", &format!("/oauth/authorize?app_key={APP_KEY}&state=s")));
        let back = back.header("location").expect("a redirect").to_owned();
        let query = back.split_once('?').expect("a query").1.to_owned();
        let found = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "code");
        found.expect("a code").1.into_owned()
    };
    let redeem = |code: &str| {
        stand.handle(&token_request("get", "authorized_code", "auth_code", code)).value()["code"].clone()
    };
    let good = code();
    assert_eq!((redeem(&good), redeem(&good)), (json!(0), json!(36_004_004)));
    let late = code();
    tokio::time::advance(Duration::from_secs(1_801)).await;
    assert_eq!(redeem(&late), 36_004_004);
}

#[tokio::test(start_paused = true)]
async fn nobody_gets_in_without_a_fitting_signature_and_clock() {
    let stand = stand();
    let client = Client::new(&stand);
    let path = "/event/202309/webhooks";
    let code = |request: &Request| stand.handle(request).value()["code"].clone();
    let good = client.request("GET", path, &[], "");
    assert_eq!(code(&good), 0);
    let mut forged = client.request("GET", path, &[], "");
    forged.body = b"{}".to_vec();
    assert_eq!(code(&forged), 106_001);
    let when = |skew: i64| {
        let mut request = client.unsigned("GET", path, &[("shop_cipher", CIPHER)], "");
        request.query[1].1 = (stand.kit.now().as_secs() + skew).to_string();
        code(&signed(request))
    };
    assert_eq!([when(-299), when(29)], [json!(0), json!(0)]);
    assert_eq!([when(-301), when(31)], [json!(36_009_004), json!(36_009_004)]);
    let bare = signed(client.unsigned("GET", path, &[], ""));
    assert_eq!(code(&bare), 106_013);
    let shops = client.request("GET", "/authorization/202309/shops", &[], "");
    assert_eq!(code(&shops), 36_009_004, "this call takes no shop");
    assert_eq!(rules(&stand), ["signature", "timestamp", "timestamp", "missing_cipher", "unexpected_cipher"]);
    stand.expire_access();
    assert_eq!(code(&good), 105_002);
}

#[tokio::test(start_paused = true)]
async fn too_many_calls_are_refused_and_defiance_is_noted() {
    let kit = Kit::new(
        Clock::starting_at(Timestamp::from_secs(1_764_000_000)),
        Random::seeded(1),
        Tuning::default(),
    );
    let stand = TikTokShop::new(kit);
    let client = Client::new(&stand);
    let call = || client.call("GET", "/event/202309/webhooks", &[], &Value::Null)["code"].clone();
    let refused = (0..12).filter(|_| call() == 36_009_002).count();
    assert_eq!(refused, 2);
    assert!(rules(&stand).is_empty());
    let request = Request::new("GET", "/");
    assert_eq!(stand.throttled(30, &request).header("retry-after"), Some("30"));
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(call(), 36_009_002);
    assert_eq!(rules(&stand), ["ignored_retry_after"]);
}

#[tokio::test(start_paused = true)]
async fn a_list_has_pages_an_empty_one_among_them_and_one_filter() {
    let stand = stand();
    let client = Client::new(&stand);
    let placed: Vec<String> = (0..5).map(|_| stand.place(&Wish::default()).expect("placed")).collect();
    let path = "/order/202309/orders/search";
    let sorted = [("page_size", "2"), ("sort_field", "update_time"), ("sort_order", "ASC")];
    let body = json!({"update_time_ge": 1});
    let (mut found, mut sizes, mut token) = (Vec::new(), Vec::new(), String::new());
    loop {
        let mut params = sorted.to_vec();
        if !token.is_empty() {
            params.push(("page_token", &token));
        }
        let page = client.call("POST", path, &params, &body)["data"].clone();
        let orders = page["orders"].as_array().cloned().unwrap_or_default();
        sizes.push(orders.len());
        found.extend(orders.iter().filter_map(|order| Some(order["id"].as_str()?.to_owned())));
        token = page["next_page_token"].as_str().unwrap_or_default().to_owned();
        if token.is_empty() {
            break;
        }
    }
    assert_eq!((found, sizes), (placed, vec![2, 0, 2, 1]));
    let first = client.call("POST", path, &sorted, &body)["data"]["next_page_token"].clone();
    let token = first.as_str().expect("a token");
    let params = [&sorted[..], &[("page_token", token)]].concat();
    assert_eq!(client.call("POST", path, &params, &json!({"update_time_ge": 2}))["code"], 36_009_004);
    assert_eq!(client.call("POST", path, &[("update_time_ge", "1")], &json!({}))["code"], 36_009_004);
    assert_eq!(client.call("POST", path, &[("page_size", "101")], &json!({}))["code"], 36_009_004);
    assert_eq!(rules(&stand), ["changed_filter", "unknown_parameter", "page_size"]);
}

#[tokio::test(start_paused = true)]
async fn what_the_interface_shows_looks_like_the_recorded_answers() {
    let stand = stand();
    let client = Client::new(&stand);
    let id = stand.place(&three()).expect("placed");
    stand.happen(&id, &Deed::RequestCancel).expect("asked");
    let shown = client.order(&id);
    assert_eq!(shown["line_items"].as_array().map(Vec::len), Some(3), "unit by unit");
    assert_eq!(shown["payment"]["total_amount"], "21.3");
    let Some(recorded) = sample("tiktok_shop/samples/order_detail_response.json") else { return };
    let recorded = &recorded["data"]["orders"][0];
    let all_known = |shown: &Value, recorded: &Value| {
        keys(shown).into_iter().filter(|key| !keys(recorded).contains(key)).collect::<Vec<_>>()
    };
    assert_eq!(all_known(&shown, recorded), Vec::<String>::new());
    assert_eq!(all_known(&shown["line_items"][0], &recorded["line_items"][0]), Vec::<String>::new());
    assert_eq!(all_known(&shown["recipient_address"], &recorded["recipient_address"]), Vec::<String>::new());
    let body = json!({"order_ids": [id]});
    let wish =
        client.post("/return_refund/202309/cancellations/search", &body)["data"]["cancellations"][0].clone();
    let recorded = sample("tiktok_shop/samples/cancellations_search_response.json").expect("a sample");
    assert_eq!(all_known(&wish, &recorded["data"]["cancellations"][0]), Vec::<String>::new());
    assert_eq!(
        (&wish["cancel_type"], &wish["cancel_status"]),
        (&json!("BUYER_CANCEL"), &json!(world::PENDING))
    );
}

#[tokio::test(start_paused = true)]
async fn a_buyer_is_hidden_by_state_and_sender() {
    let stand = stand();
    let client = Client::new(&stand);
    let hidden = |id: &str| {
        client.order(id)["recipient_address"]["name"].as_str().is_some_and(|name| name.contains('*'))
    };
    let id = stand.place(&Wish { paid: Some(false), ..Wish::default() }).expect("placed");
    assert!(hidden(&id));
    stand.happen(&id, &Deed::Pay).expect("paid");
    assert!(!hidden(&id));
    stand.happen(&id, &Deed::Cancel).expect("cancelled");
    assert!(hidden(&id));
    assert!(hidden(&stand.place(&flavoured("by_tiktok")).expect("placed")));
    let abroad = stand.place(&Wish { paid: Some(false), ..flavoured("gb") }).expect("placed");
    assert!(!hidden(&abroad));
    assert_eq!(client.order(&abroad)["recipient_address"]["district_info"], json!([]));
    let held = stand.place(&flavoured("on_hold")).expect("placed");
    assert_eq!(client.order(&held)["status"], "ON_HOLD");
    tokio::time::advance(Duration::from_secs(3_601)).await;
    assert_eq!(client.order(&held)["status"], "AWAITING_SHIPMENT");
}

#[tokio::test(start_paused = true)]
async fn units_leave_in_parcels_of_their_own() {
    let stand = stand();
    let client = Client::new(&stand);
    let id = stand.place(&three()).expect("placed");
    let units: Vec<Value> = client.order(&id)["line_items"]
        .as_array()
        .expect("units")
        .iter()
        .map(|unit| unit["id"].clone())
        .collect();
    let path = format!("/fulfillment/202309/orders/{id}/packages");
    let body = |units: &[Value], carrier: &str| json!({"order_line_item_ids": units, "shipping_provider_id": carrier, "tracking_number": "T1"});
    assert_eq!(client.post(&path, &body(&units[..2], "1"))["code"], 36_009_004);
    assert_eq!(client.post(&path, &body(&units[..2], "7117858858072016686"))["code"], 0);
    assert_eq!(client.post(&path, &body(&units[..2], "7117858858072016686"))["code"], 21_008_026);
    let truth = stand.truth(&id).expect("an order");
    assert_eq!((truth.status, truth.shipments), ("accepted", 1));
    assert_eq!(client.order(&id)["status"], "PARTIALLY_SHIPPING");
    assert_eq!(client.post(&path, &body(&units[2..], "7117858858072016686"))["code"], 0);
    assert_eq!(stand.truth(&id).expect("an order").status, "shipped");
    assert_eq!(client.order(&id)["status"], "AWAITING_COLLECTION");
    tokio::time::advance(Duration::from_secs(301)).await;
    assert_eq!(client.order(&id)["status"], "IN_TRANSIT");
    stand.happen(&id, &Deed::Deliver).expect("delivered");
    assert_eq!(stand.truth(&id).expect("an order").status, "delivered");
    assert_eq!((rules(&stand), stand.kit.effects.all().len()), (vec!["carrier".to_owned()], 2));
}

#[tokio::test(start_paused = true)]
async fn what_must_not_be_shipped_is_not() {
    let stand = stand();
    let client = Client::new(&stand);
    let ship = |id: &str| {
        let unit = client.order(id)["line_items"][0]["id"].clone();
        let body = json!({"order_line_item_ids": [unit], "shipping_provider_id": "7117858858072016686", "tracking_number": "T1"});
        client.post(&format!("/fulfillment/202309/orders/{id}/packages"), &body)["code"].clone()
    };
    let wanting = stand.place(&Wish::default()).expect("placed");
    stand.happen(&wanting, &Deed::RequestCancel).expect("asked");
    let table = [
        (stand.place(&flavoured("by_tiktok")).expect("placed"), 21_008_025),
        (stand.place(&flavoured("tiktok_shipping")).expect("placed"), 36_009_004),
        (stand.place(&flavoured("on_hold")).expect("placed"), 21_011_044),
        (wanting, 21_011_041),
        (stand.place(&Wish { paid: Some(false), ..Wish::default() }).expect("placed"), 21_008_013),
    ];
    for (id, code) in table {
        assert_eq!(ship(&id), code);
    }
    assert!(rules(&stand).is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_order_is_cancelled_for_a_reason_of_its_market() {
    let stand = stand();
    let client = Client::new(&stand);
    let path = "/return_refund/202309/cancellations";
    let id = stand.place(&flavoured("gb")).expect("placed");
    let body = |reason: &str| json!({"order_id": id, "cancel_reason": reason});
    assert_eq!(client.post(path, &body("seller_cancel_reason_out_of_stock"))["code"], 25_001_021);
    assert_eq!(
        client.post(path, &body("seller_cancel_reason_out_of_stock_uk"))["data"]["cancel_status"],
        world::AGREED
    );
    assert_eq!(client.post(path, &body("seller_cancel_reason_out_of_stock_uk"))["code"], 25_001_051);
    let truth = stand.truth(&id).expect("an order");
    assert_eq!((truth.status, truth.payment_status), ("cancelled", "paid"));
    tokio::time::advance(Duration::from_secs(31)).await;
    assert_eq!(stand.truth(&id).expect("an order").payment_status, "refunded");
    assert_eq!(rules(&stand), ["cancel_reason"]);
}

#[tokio::test(start_paused = true)]
async fn a_buyer_s_request_is_answered_once_or_by_time() {
    let stand = stand();
    let client = Client::new(&stand);
    let ask = || {
        let id = stand.place(&Wish::default()).expect("placed");
        stand.happen(&id, &Deed::RequestCancel).expect("asked");
        let body = json!({"order_ids": [id]});
        let found = client.post("/return_refund/202309/cancellations/search", &body);
        let request = found["data"]["cancellations"][0]["cancel_id"].as_str().expect("an id").to_owned();
        (id, request)
    };
    let (id, request) = ask();
    let own = json!({"order_id": id, "cancel_reason": "seller_cancel_reason_out_of_stock"});
    assert_eq!(client.post("/return_refund/202309/cancellations", &own)["code"], 25_001_011);
    let path = format!("/return_refund/202309/cancellations/{request}/approve");
    for _ in 0..2 {
        assert_eq!(client.call("POST", &path, &[("idempotency_key", "k")], &Value::Null)["code"], 0);
    }
    assert_eq!(stand.truth(&id).expect("an order").status, "cancelled");
    assert_eq!(stand.kit.effects.of_order(&id).len(), 1);
    let (refused, request) = ask();
    let path = format!("/return_refund/202309/cancellations/{request}/reject");
    let body = json!({"reject_reason": "r"});
    assert_eq!(client.call("POST", &path, &[("idempotency_key", "k")], &body)["code"], 0);
    assert_eq!(stand.truth(&refused).expect("an order").status, "accepted");
    let (silent, _) = ask();
    tokio::time::advance(Duration::from_secs(48 * 3_600 + 1)).await;
    assert_eq!(stand.truth(&silent).expect("an order").status, "cancelled");
}

#[tokio::test(start_paused = true)]
async fn a_refund_does_not_move_the_order_unless_it_ends_it() {
    let stand = stand();
    let client = Client::new(&stand);
    let id = stand.place(&three()).expect("placed");
    let back = |amount: &str| Deed::Refund { amount: Some(amount.to_owned()) };
    assert!(stand.happen(&id, &back("1")).is_err(), "not before it has left");
    stand.happen(&id, &Deed::Ship { carrier: None, tracking: None, units: None }).expect("shipped");
    let stamp = client.order(&id)["update_time"].clone();
    tokio::time::advance(Duration::from_secs(100)).await;
    stand.happen(&id, &back("1.30")).expect("refunded");
    assert_eq!(client.order(&id)["update_time"], stamp);
    assert_eq!(stand.truth(&id).expect("an order").payment_status, "partially_refunded");
    stand.happen(&id, &Deed::Refund { amount: None }).expect("refunded");
    let truth = stand.truth(&id).expect("an order");
    assert_eq!((truth.status, truth.payment_status), ("shipped", "refunded"));
    assert_eq!(client.order(&id)["status"], "COMPLETED");
}

#[tokio::test(start_paused = true)]
async fn unknown_ids_spoil_the_call_or_are_left_out() {
    let stand = stand();
    let client = Client::new(&stand);
    let id = stand.place(&Wish::default()).expect("placed");
    let ask = |ids: &str| client.call("GET", "/order/202309/orders", &[("ids", ids)], &Value::Null);
    assert_eq!(ask(&format!("{id},1"))["data"]["orders"].as_array().map(Vec::len), Some(1));
    assert_eq!(ask(&format!("{id},2"))["code"], 21_008_111);
    assert!(rules(&stand).is_empty());
}
