use std::time::Duration;

use serde_json::{Value, json};

use super::super::contract::{keys, sample};
use super::super::kit::Tuning;
use super::super::stand::WishLine;
use super::*;
use crate::clock::Clock;
use crate::random::Random;

fn stand() -> MercadoLibre {
    let clock = Clock::starting_at("2026-11-25T18:20:00Z".parse().expect("a time"));
    MercadoLibre::new(Kit::new(
        clock,
        Random::seeded(7),
        Tuning { list_lag: Duration::ZERO, ..Tuning::default() },
    ))
}

fn renew(stand: &MercadoLibre, refresh: &str) -> Response {
    stand.handle(&renewal(refresh))
}

fn renewal(refresh: &str) -> Request {
    let client_id = CLIENT_ID.to_string();
    Request::new("POST", "/oauth/token").with_form(&[
        ("grant_type", "refresh_token"),
        ("client_id", &client_id),
        ("client_secret", CLIENT_SECRET),
        ("refresh_token", refresh),
    ])
}

fn signed(stand: &MercadoLibre) -> String {
    renew(stand, &newest_refresh(stand)).value()["access_token"].as_str().expect("a token").to_owned()
}

fn newest_refresh(stand: &MercadoLibre) -> String {
    stand.state().access.newest_refresh().to_owned()
}

/// A client's call with everything that it should carry.
struct Client<'a> {
    stand: &'a MercadoLibre,
    token: String,
}

impl<'a> Client<'a> {
    fn new(stand: &'a MercadoLibre) -> Self {
        Self { stand, token: signed(stand) }
    }

    fn request(&self, method: &str, path: &str) -> Request {
        Request::new(method, path)
            .with_header("authorization", &format!("Bearer {}", self.token))
            .with_header("accept", "application/json")
            .with_header("x-format-new", "true")
    }

    fn get(&self, path: &str) -> Value {
        self.stand.handle(&self.request("GET", path)).value()
    }

    fn write(&self, method: &str, path: &str, body: &Value) -> Response {
        self.stand.handle(&self.request(method, path).with_json(body))
    }

    fn found(&self, query: &str) -> Vec<u64> {
        let page = self.get(&format!("/orders/search?seller={USER_ID}&{query}"));
        let results = page["results"].as_array().cloned().unwrap_or_default();
        results.iter().filter_map(|order| order["id"].as_u64()).collect()
    }
}

fn rules(stand: &MercadoLibre) -> Vec<String> {
    stand.kit.violations.all().into_iter().map(|violation| violation.rule).collect()
}

fn flavoured(word: &str) -> Wish {
    Wish { flavour: Some(word.to_owned()), ..Wish::default() }
}

fn placed(stand: &MercadoLibre, wish: &Wish) -> u64 {
    stand.place(wish).expect("placed").parse().expect("a number")
}

#[tokio::test(start_paused = true)]
async fn a_refresh_token_is_spent_by_its_use() {
    let stand = stand();
    let first = renew(&stand, FIRST_REFRESH).value();
    assert_eq!(first["expires_in"], 21_600);
    let again = renew(&stand, FIRST_REFRESH);
    assert_eq!((again.status, again.value()["error"].as_str()), (400, Some("invalid_grant")));
    assert_eq!(renew(&stand, first["refresh_token"].as_str().expect("a token")).status, 200);
    assert!(rules(&stand).is_empty(), "once more is what a careful client does");
    for _ in 0..3 {
        stand.handle(&Request { unheard: true, ..renewal(FIRST_REFRESH) });
    }
    renew(&stand, FIRST_REFRESH);
    assert!(rules(&stand).is_empty(), "who does not hear the answer asks again");
    renew(&stand, FIRST_REFRESH);
    assert_eq!(rules(&stand), ["spent_refresh_token"]);
}

#[tokio::test(start_paused = true)]
async fn a_consent_needs_the_verifier_of_its_challenge() {
    let stand = stand();
    let consent = |stand: &MercadoLibre| {
        let path = format!(
            "/authorization?response_type=code&client_id={CLIENT_ID}&redirect_uri=http://a.example/cb&state=s&\
             code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
        );
        let answer = stand.handle(&Request::new("GET", &path));
        let back = answer.header("location").expect("a redirect").to_owned();
        let query = back.split_once('?').expect("a query").1.to_owned();
        form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == "code")
            .expect("a code")
            .1
            .into_owned()
    };
    let redeem = |code: &str, verifier: &str| {
        let client_id = CLIENT_ID.to_string();
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", client_id.as_str()),
            ("client_secret", CLIENT_SECRET),
            ("code", code),
            ("redirect_uri", "http://a.example/cb"),
            ("code_verifier", verifier),
        ];
        stand.handle(&Request::new("POST", "/oauth/token").with_form(&fields)).status
    };
    stand.revoke_access();
    let code = consent(&stand);
    assert_eq!(redeem(&code, "another"), 400);
    let code = consent(&stand);
    assert_eq!(redeem(&code, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), 200);
    assert_eq!(redeem(&code, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), 400, "a code works once");
    assert_eq!(renew(&stand, &newest_refresh(&stand)).status, 200, "consenting again restores the access");
}

#[tokio::test(start_paused = true)]
async fn the_search_has_the_real_one_s_traps() {
    let stand = stand();
    let client = Client::new(&stand);
    let live = placed(&stand, &Wish::default());
    let gone = placed(&stand, &Wish::default());
    stand.happen(&gone.to_string(), &Deed::Cancel).expect("cancelled");

    let from = "order.date_last_updated.from=2026-11-25T18:59:00.000-00:00";
    assert_eq!(client.found(from), [live], "minutes are dropped, and cancelled sales left out");
    assert_eq!(client.found(&format!("{from}&order.status=paid,cancelled")), [live, gone]);
    let to = "order.date_last_updated.to=2026-11-25T18:59:00.000-00:00";
    assert_eq!(client.found(&format!("{from}&{to}")), Vec::<u64>::new(), "the current hour is lost");
    assert_eq!(
        client.found("order.last_updated.from=2026-11-25T19:00:00.000-00:00&order.status=paid"),
        [live]
    );
    assert_eq!(client.found(""), Vec::<u64>::new(), "without a filter nothing is found");
    let deep = client.get(&format!("/orders/search?seller={USER_ID}&order.status=paid&offset=9990"));
    assert_eq!(deep["status"], 400);
    assert_eq!(rules(&stand), ["minutes_in_to", "unknown_filter", "offset_too_deep"]);
}

#[tokio::test(start_paused = true)]
async fn an_order_looks_like_the_recorded_one() {
    let stand = stand();
    let client = Client::new(&stand);
    let id = placed(&stand, &flavoured("cart"));
    let shown = client.get(&format!("/orders/{id}"));
    let parcel = shown["shipping"]["id"].as_u64().expect("a shipment");
    let Some(recorded) = sample("mercadolibre/samples/order_in_pack_paid_MLB.json") else { return };
    let own = keys(&shown);
    assert_eq!(
        keys(&recorded).into_iter().filter(|key| !own.contains(key)).collect::<Vec<_>>(),
        Vec::<String>::new()
    );
    let recorded = sample("mercadolibre/samples/shipment_x_format_new_shape.json").expect("a sample");
    let shipment = client.get(&format!("/shipments/{parcel}"));
    assert_eq!(
        keys(&shipment["destination"]["shipping_address"])
            .into_iter()
            .filter(|key| !keys(&recorded["destination"]["shipping_address"]).contains(key))
            .count(),
        0
    );
    let items = client.get(&format!("/shipments/{parcel}/items"));
    assert_eq!(items.as_array().map(Vec::len), Some(2), "a cart shares its parcel");
}

#[tokio::test(start_paused = true)]
async fn the_destination_is_hidden_until_the_payment() {
    let stand = stand();
    let client = Client::new(&stand);
    let id = placed(&stand, &Wish { paid: Some(false), ..Wish::default() });
    let parcel = client.get(&format!("/orders/{id}"))["shipping"]["id"].as_u64().expect("a shipment");
    let path = format!("/shipments/{parcel}");
    assert_eq!(client.get(&path)["destination"]["receiver_name"], "XXXXXXX");
    stand.happen(&id.to_string(), &Deed::Pay).expect("paid");
    assert_ne!(client.get(&path)["destination"]["receiver_name"], "XXXXXXX");
    let bare = Request::new("GET", &path)
        .with_header("authorization", &format!("Bearer {}", client.token))
        .with_header("accept", "application/json");
    assert!(stand.handle(&bare).value().get("logistic").is_none(), "the older form");
    assert_eq!(rules(&stand), ["missing_x_format_new"]);
}

#[tokio::test(start_paused = true)]
async fn a_report_ships_every_sale_of_the_cart() {
    let stand = stand();
    let client = Client::new(&stand);
    let id = placed(&stand, &flavoured("cart"));
    let parcel = client.get(&format!("/orders/{id}"))["shipping"]["id"].as_u64().expect("a shipment");
    let path = format!("/shipments/{parcel}/seller_notifications");
    let report = |service_id: u64, substatus: Value| {
        let payload =
            json!({"service_id": service_id, "comment": "c", "date": "2026-11-25T10:00:00.000-06:00"});
        json!({"payload": payload, "tracking_number": "T1", "status": "shipped", "substatus": substatus})
    };
    assert_eq!(client.write("POST", &path, &report(154, json!("null"))).status, 400);
    assert_eq!(client.write("POST", &path, &report(231_876, Value::Null)).status, 400);
    assert_eq!(rules(&stand), ["service_id", "report_pair"]);
    assert_eq!(client.write("POST", &path, &report(231_876, json!("null"))).value(), json!({"status": "OK"}));
    for truth in stand.truths(None, 10) {
        assert_eq!((truth.status, truth.tracking_numbers.as_slice()), ("shipped", &["T1".to_owned()][..]));
    }
    assert_eq!(stand.kit.effects.all().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_slow_report_shows_later() {
    let stand = stand();
    let client = Client::new(&stand);
    let id = placed(&stand, &flavoured("slow")).to_string();
    let parcel = client.get(&format!("/orders/{id}"))["shipping"]["id"].as_u64().expect("a shipment");
    let body = json!({"payload": {"comment": "c", "date": "2026-11-25T10:00:00.000-06:00"}, "status": "shipped", "substatus": "null"});
    client.write("POST", &format!("/shipments/{parcel}/seller_notifications"), &body);
    assert_eq!(stand.truth(&id).expect("a sale").status, "accepted");
    tokio::time::advance(Duration::from_secs(21)).await;
    assert_eq!(stand.truth(&id).expect("a sale").status, "shipped");
}

#[tokio::test(start_paused = true)]
async fn a_custom_shipment_wants_its_receiver() {
    let stand = stand();
    let client = Client::new(&stand);
    let id = placed(&stand, &flavoured("custom")).to_string();
    let parcel = client.get(&format!("/orders/{id}"))["shipping"]["id"].as_u64().expect("a shipment");
    let path = format!("/shipments/{parcel}");
    let receiver = client.get(&path)["destination"]["receiver_id"].as_u64();
    let wrong =
        client.write("PUT", &path, &json!({"status": "shipped", "tracking_number": "T1", "receiver_id": 1}));
    assert_eq!((wrong.status, wrong.value()["error"].as_str()), (401, Some("invalid_user_id_for_order")));
    let good = json!({"status": "shipped", "tracking_number": "T1", "receiver_id": receiver});
    assert_eq!(client.write("PUT", &path, &good).status, 200);
    assert_eq!(stand.truth(&id).expect("a sale").status, "shipped");
}

#[tokio::test(start_paused = true)]
async fn a_sale_is_given_up_once() {
    let stand = stand();
    let client = Client::new(&stand);
    let id = placed(&stand, &flavoured("cart")).to_string();
    let path = format!("/orders/{id}/feedback");
    let body = json!({"fulfilled": false, "rating": "neutral", "message": "m", "reason": "OUT_OF_STOCK", "restock_item": false});
    assert_eq!(client.get(&path)["sale"], Value::Null);
    assert_eq!(client.write("POST", &path, &body).status, 201);
    assert_eq!(client.write("POST", &path, &body).status, 400);
    let shown = client.get(&format!("/orders/{id}"));
    assert_eq!((shown["status"].as_str(), shown["fulfilled"].as_bool()), (Some("confirmed"), Some(false)));
    let truths = stand.truths(None, 10);
    assert_eq!(truths.iter().map(|truth| truth.status).collect::<Vec<_>>(), ["cancelled", "accepted"]);
    assert_eq!(truths[0].payment_status, "refunded");
    assert_eq!(rules(&stand), ["second_feedback"]);
}

#[tokio::test(start_paused = true)]
async fn the_world_s_events_show_in_the_marketplace_s_words() {
    let stand = stand();
    let client = Client::new(&stand);
    let shown = |id: &str| client.get(&format!("/orders/{id}"));
    let partly = placed(&stand, &Wish::default()).to_string();
    stand.happen(&partly, &Deed::Refund { amount: Some("1".to_owned()) }).expect("refunded");
    assert_eq!(shown(&partly)["status"], "partially_refunded");
    assert_eq!(stand.truth(&partly).expect("a sale").payment_status, "partially_refunded");
    let balance = placed(&stand, &flavoured("to_balance")).to_string();
    stand.happen(&balance, &Deed::Cancel).expect("cancelled");
    assert_eq!(shown(&balance)["status"], "paid", "for ever");
    assert!(shown(&balance)["tags"].as_array().expect("tags").contains(&json!("unfulfilled")));
    let agreed = placed(&stand, &flavoured("agreed")).to_string();
    assert_eq!(shown(&agreed)["shipping"]["id"], Value::Null);
    stand.happen(&agreed, &Deed::Deliver).expect("delivered");
    assert_eq!(stand.truth(&agreed).expect("a sale").status, "delivered");
    assert!(stand.happen(&agreed, &Deed::Ship { carrier: None, tracking: None, units: None }).is_err());
    assert!(rules(&stand).is_empty());
}

#[tokio::test(start_paused = true)]
async fn several_lines_make_a_cart() {
    let stand = stand();
    let line = |sku: &str| WishLine {
        sku: sku.to_owned(),
        title: None,
        variant: None,
        quantity: 2,
        unit_price: "7.10".to_owned(),
    };
    stand.place(&Wish { lines: vec![line("A"), line("B")], ..Wish::default() }).expect("placed");
    let truths = stand.truths(None, 10);
    assert_eq!(truths.len(), 2);
    assert_eq!(truths[0].number, truths[1].number);
    assert_eq!(truths[0].total.as_deref(), Some("14.20"));
}
