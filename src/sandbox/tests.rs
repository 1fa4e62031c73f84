//! Stands over real sockets: control routes, faults, webhooks, shoppers.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;
use crate::clock::Clock;
use crate::kinds::{self, KINDS};
use crate::random::Random;

async fn open(kind: &str) -> Running {
    let tuning = Tuning { haste: 10_000.0, list_lag: Duration::ZERO, ..Tuning::default() };
    let kit = Kit::new(Clock::system(), Random::seeded(3), tuning);
    Running::open(kinds::stand(kind, kit).expect("a known kind"), 0).await.expect("loopback")
}

/// Status and body, or the error of a broken connection.
async fn call(running: &Running, method: &str, path: &str, body: Value) -> Result<(u16, Vec<u8>), String> {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
    let request = hyper::Request::builder()
        .method(method)
        .uri(format!("{}{path}", running.base_url()))
        .header("content-type", "application/json")
        .body(Full::new(body))
        .expect("a request");
    let response = client.request(request).await.map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.map_err(|error| error.to_string())?;
    Ok((status, body.to_bytes().to_vec()))
}

async fn control(running: &Running, method: &str, path: &str, body: Value) -> (u16, Value) {
    let (status, body) = call(running, method, path, body).await.expect("control routes answer");
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

#[tokio::test]
async fn a_test_can_drive_every_stand_over_http() {
    for kind in KINDS {
        let running = open(kind.name).await;
        let (status, placed) =
            control(&running, "POST", "/_sandbox/orders", json!({ "count": 3, "paid": true })).await;
        assert_eq!(status, 201, "{}: {placed}", kind.name);
        let id = placed["ids"][1].as_str().expect("an id").to_owned();
        let ship = json!({ "deed": "ship", "carrier": null, "tracking": null, "units": null });
        let target = format!("/_sandbox/orders/{id}/deeds");
        let (status, answer) = control(&running, "POST", &target, ship).await;
        assert!(status == 204 || status == 409, "{}: {answer}", kind.name);
        let (_, listed) = control(&running, "GET", "/_sandbox/orders", Value::Null).await;
        assert_eq!(listed["orders"].as_array().map(Vec::len), Some(3), "{}", kind.name);
        let (_, shown) = control(&running, "GET", &format!("/_sandbox/orders/{id}"), Value::Null).await;
        assert_eq!(shown["truth"]["order_id"], json!(id), "{}", kind.name);
        let (_, overview) = control(&running, "GET", "/_sandbox", Value::Null).await;
        assert_eq!((&overview["orders"], &overview["violations"]), (&json!(3), &json!(0)), "{}", kind.name);
        let (status, _) = control(&running, "GET", "/_sandbox/nothing", Value::Null).await;
        assert_eq!(status, 404);
        assert!(running.config("shop").starts_with("[channels.shop]\nkind = "), "{}", kind.name);
        running.stop().await;
    }
}

#[tokio::test]
async fn faults_strike_on_the_wire() {
    let running = open("shopify").await;
    let path = "/admin/oauth/access_token";
    let form = json!({ "grant_type": "client_credentials", "client_id": "sandbox-client-id", "client_secret": "sandbox-client-secret" });
    for (fault, status) in [
        (json!({ "fault": "status", "status": 503 }), Some(503)),
        (json!({ "fault": "reset_before" }), None),
        (json!({ "fault": "reset_after" }), None),
        (json!({ "fault": "cut_answer" }), None),
        (json!({ "fault": "html_after" }), Some(200)),
        (json!({ "fault": "truncated" }), Some(200)),
        (json!({ "fault": "rate_limited", "seconds": 7 }), Some(429)),
        (json!({ "fault": "delay", "ms": 1 }), Some(200)),
    ] {
        let (set, answer) = control(&running, "POST", "/_sandbox/faults", fault.clone()).await;
        assert_eq!(set, 200, "{answer}");
        let answer = call(&running, "POST", path, form.clone()).await;
        assert_eq!(answer.as_ref().ok().map(|(status, _)| *status), status, "{fault}: {answer:?}");
        if fault["fault"] == "truncated" {
            let (_, body) = answer.expect("an answer");
            assert!(serde_json::from_slice::<Value>(&body).is_err(), "the JSON is cut");
        }
    }
    assert!(running.stand().kit().faults.waiting().is_empty());
    assert_eq!(running.stand().kit().effects.calls_of("token"), 8);
}

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<(String, String)>>>);

/// A client's webhook listener that answers `statuses` in turn, then 200.
async fn listener(statuses: Vec<u16>) -> (String, Heard) {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = format!("http://{}", socket.local_addr().expect("an address"));
    let heard = Heard::default();
    let ours = heard.clone();
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = socket.accept().await else { return };
            let (heard, statuses) = (heard.clone(), statuses.clone());
            let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
                let (heard, statuses) = (heard.clone(), statuses.clone());
                async move {
                    let of = |name: &str| {
                        let value = request.headers().get(name).and_then(|value| value.to_str().ok());
                        value.unwrap_or_default().to_owned()
                    };
                    let entry = (of("x-shopify-topic"), of("x-shopify-webhook-id"));
                    let mut heard = heard.0.lock().expect("not poisoned");
                    heard.push(entry);
                    let status = statuses.get(heard.len() - 1).copied().unwrap_or(200);
                    let answer = hyper::Response::builder().status(status).body(Full::new(Bytes::new()));
                    Ok::<_, Infallible>(answer.expect("a response"))
                }
            });
            let serving =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(serving);
        }
    });
    (address, ours)
}

fn subscribe(running: &Running) {
    let query = json!({
        "query": "mutation { webhookSubscriptionCreate(topic: ORDERS_CREATE, webhookSubscription: { uri: \"https://orders.example.com/hooks/shop\" }) { userErrors { message } } }"
    });
    let token = json!({ "grant_type": "client_credentials", "client_id": "sandbox-client-id", "client_secret": "sandbox-client-secret" });
    let stand = running.stand();
    let token = stand.handle(&Request::new("POST", "/admin/oauth/access_token").with_json(&token)).value();
    let request = Request::new("POST", "/admin/api/2026-10/graphql.json")
        .with_header("x-shopify-access-token", token["access_token"].as_str().expect("a token"))
        .with_header("user-agent", "test")
        .with_json(&query);
    assert_eq!(stand.handle(&request).value()["data"]["webhookSubscriptionCreate"]["userErrors"], json!([]));
}

#[tokio::test]
async fn webhooks_are_retried_under_the_same_id_until_they_are_taken() {
    let running = open("shopify").await;
    subscribe(&running);
    let (address, heard) = listener(vec![500, 302]).await;
    let stand = running.stand();
    stand.kit().webhooks.set_target(Some(address));
    stand.place(&Wish { paid: Some(false), ..Wish::default() }).expect("room");
    stand.kit().webhooks.settled().await;
    let heard = heard.0.lock().expect("not poisoned").clone();
    assert_eq!(heard.len(), 3);
    assert!(heard.iter().all(|entry| *entry == heard[0]), "{heard:?}");
    let records = stand.kit().webhooks.records();
    assert_eq!((records[0].state, records[0].tries.len()), (DeliveryState::Delivered, 3));
}

#[tokio::test]
async fn a_subscription_ends_when_nobody_answers() {
    let running = open("shopify").await;
    subscribe(&running);
    let (address, _) = listener(vec![500; 9]).await;
    let stand = running.stand();
    stand.kit().webhooks.set_target(Some(address));
    let place = || stand.place(&Wish { paid: Some(false), ..Wish::default() }).expect("room");
    place();
    stand.kit().webhooks.settled().await;
    let records = stand.kit().webhooks.records();
    assert_eq!((records[0].state, records[0].tries.len()), (DeliveryState::Abandoned, 9));
    place();
    assert_eq!(stand.kit().webhooks.records().len(), 1, "nobody is subscribed any more");
}

#[tokio::test]
async fn webhooks_can_be_lost_doubled_and_forged() {
    let running = open("shopify").await;
    subscribe(&running);
    let (address, heard) = listener(Vec::new()).await;
    let stand = running.stand();
    stand.kit().webhooks.set_target(Some(address));
    for fault in [Fault::Lost, Fault::Doubled, Fault::Forged] {
        stand.kit().faults.add(Rule::once("orders/create", fault));
        stand.place(&Wish { paid: Some(false), ..Wish::default() }).expect("room");
        stand.kit().webhooks.settled().await;
    }
    assert_eq!(heard.0.lock().expect("not poisoned").len(), 4);
    let records = stand.kit().webhooks.records();
    let shown: Vec<_> =
        records.iter().map(|record| (record.state, record.tries.len(), record.forged)).collect();
    assert_eq!(
        shown,
        [
            (DeliveryState::Lost, 0, false),
            (DeliveryState::Delivered, 2, false),
            (DeliveryState::Delivered, 1, false),
            (DeliveryState::Delivered, 1, true),
        ]
    );
}

#[test]
fn shoppers_keep_every_stand_busy() {
    let random = Random::seeded(11);
    for kind in KINDS {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let stand = kinds::stand(kind.name, Kit::new(Clock::system(), random.clone(), Tuning::default()))
                .expect("a stand");
            for _ in 0..300 {
                visit(stand.as_ref(), &random).expect("room");
                stir(stand.as_ref(), &random);
            }
            let truths = stand.truths(None, 1_000);
            let is = |status: &str| truths.iter().any(|truth| truth.status == status);
            // Where a seller has to accept, nobody but the client does.
            assert!(is("pending") || is("accepted"), "{}: no order is new", kind.name);
            for status in ["shipped", "delivered", "cancelled"] {
                assert!(is(status), "{}: no order is {status}", kind.name);
            }
            // A shopper's cart can be several orders.
            assert!(stand.orders() >= 300);
        });
    }
}
