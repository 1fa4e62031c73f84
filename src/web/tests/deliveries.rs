//! The webhook listener.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::bazaar::{SECRET, order};
use super::rig::{MAX_BODY, Rig};

const STAMP: &str = "2026-11-20T10:00:00Z";

#[tokio::test]
async fn a_delivery_becomes_an_order() {
    let rig = Rig::new().await;
    assert_eq!(rig.deliver("d1", &order("1", STAMP)).await, 200);
    let stored = rig.until("/api/v1/orders/tienda:1", |seen| seen.status == 200).await.json();
    assert_eq!(stored["number"], "#1");
    rig.stop().await;
}

#[tokio::test]
async fn a_repeated_delivery_counts_once() {
    let rig = Rig::new().await;
    rig.stored(&order("1", STAMP)).await;
    let before = rig.get("/api/v1/changes").send().await.with(200);
    assert_eq!(rig.deliver(&format!("d-1-{STAMP}"), &order("1", STAMP)).await, 200);
    rig.stored(&order("2", STAMP)).await;
    let after = rig.get("/api/v1/changes").send().await.with(200);
    let length = |page: &serde_json::Value| page["items"].as_array().map_or(0, Vec::len);
    assert_eq!(length(&after), length(&before) + 1, "only the second order is new: {after}");
    rig.stop().await;
}

#[tokio::test]
async fn what_is_refused_is_not_stored() {
    let rig = Rig::new().await;
    let body = order("1", STAMP).to_string();
    let (json, own) = (("content-type", "application/json"), ("x-secret", SECRET));
    let large = "x".repeat(MAX_BODY + 1);
    for (what, headers, body, status) in [
        ("wrong secret", [json, ("x-secret", "wrong"), ("x-delivery", "d")], &body, 401),
        ("no secret", [json, ("x-other", SECRET), ("x-delivery", "d")], &body, 401),
        ("no delivery id", [json, own, ("x-other", "d")], &body, 400),
        ("not JSON", [("content-type", "text/xml"), own, ("x-delivery", "d")], &body, 415),
        ("too large", [json, own, ("x-delivery", "d")], &large, 413),
    ] {
        let seen = rig.knock("POST", "/webhooks/tienda", &headers, body.clone()).await;
        assert_eq!((seen.status, seen.text.as_str()), (status, ""), "{what}");
    }
    let greeting = [json, own, ("x-delivery", "hello")];
    let seen = rig.knock("POST", "/webhooks/tienda/greetings", &greeting, body).await;
    assert_eq!(seen.status, 200, "authentic, but nothing to do with orders");
    let orders = rig.get("/api/v1/orders").send().await.with(200);
    assert_eq!(orders["items"], serde_json::json!([]));
    rig.stop().await;
}

/// A log that a test can read.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("the log").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whom the log names after a delivery without the secret that says it was forwarded for these.
async fn named_sender(proxies: &[&str], forwarded: Option<&str>) -> String {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _told = tracing::subscriber::set_default(subscriber);
    let rig = Rig::behind(proxies).await;
    let mut headers = vec![("content-type", "application/json"), ("x-delivery", "d")];
    headers.extend(forwarded.map(|hops| ("x-forwarded-for", hops)));
    assert_eq!(rig.knock("POST", "/webhooks/tienda", &headers, "{}").await.status, 401);
    rig.stop().await;
    let bytes = log.0.lock().expect("the log").clone();
    let text = String::from_utf8(bytes).expect("text");
    let line = text.lines().find(|line| line.contains("was turned away")).expect("it is told");
    let (_, rest) = line.split_once("sender=").expect("with its sender");
    rest.split_whitespace().next().expect("an address").to_owned()
}

#[tokio::test]
async fn only_a_trusted_proxy_says_who_sent_what_was_turned_away() {
    let proxies = ["127.0.0.1/32", "10.0.0.0/8"];
    for (proxies, forwarded, sender) in [
        (&[][..], None, "127.0.0.1"),
        // Anybody can write this header.
        (&[][..], Some("203.0.113.9"), "127.0.0.1"),
        (&["10.0.0.0/8"], Some("203.0.113.9"), "127.0.0.1"),
        (&proxies, None, "127.0.0.1"),
        (&proxies, Some("203.0.113.9"), "203.0.113.9"),
        // What the sender wrote stands to the left of what our proxies added.
        (&proxies, Some("198.51.100.1, 203.0.113.9, 10.1.1.1"), "203.0.113.9"),
        (&proxies, Some("nonsense"), "127.0.0.1"),
    ] {
        assert_eq!(named_sender(proxies, forwarded).await, sender, "{proxies:?} {forwarded:?}");
    }
}

#[tokio::test]
async fn the_listener_has_no_other_doors() {
    let rig = Rig::new().await;
    let headers = [("x-secret", SECRET), ("x-delivery", "d"), ("content-type", "application/json")];
    for (method, path) in [
        ("POST", "/webhooks/nobody"),
        ("POST", "/webhooks/closed"),
        ("POST", "/webhooks/souk"),
        ("GET", "/webhooks/tienda"),
        ("PUT", "/webhooks/tienda"),
        ("GET", "/"),
        ("GET", "/metrics"),
        ("GET", "/api/v1/orders"),
        ("POST", "/healthz"),
        ("GET", "/oauth/tienda/callback?state=x&code=y"),
    ] {
        let seen = rig.knock(method, path, &headers, "{}").await;
        assert_eq!((seen.status, seen.text.as_str()), (404, ""), "{method} {path}");
    }
    assert_eq!(rig.knock("GET", "/healthz", &[], "").await.status, 200);
    rig.stop().await;
}

#[tokio::test]
async fn a_consent_ends_at_the_callback() {
    let rig = Rig::new().await;
    let begun = rig.post("/api/v1/channels/tienda/connect").send().await.with(200);
    let url = begun["url"].as_str().expect("an address");
    let query = url.split_once('?').expect("a query").1;
    let find = |name: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).expect("a part")
    };
    assert_eq!(find("back"), format!("http://{}/oauth/tienda/callback", rig.addresses.webhooks));
    let state = find("state");
    let denied = rig.knock("GET", &format!("/oauth/tienda/callback?state={state}&error=no"), &[], "").await;
    assert_eq!(denied.status, 400, "{denied:?}");
    let done = rig.knock("GET", &format!("/oauth/tienda/callback?state={state}&code=good"), &[], "").await;
    assert_eq!(done.status, 200, "{done:?}");
    assert!(done.text.contains("Tienda is connected"), "{}", done.text);
    let again = rig.knock("GET", &format!("/oauth/tienda/callback?state={state}&code=good"), &[], "").await;
    assert_eq!(again.status, 404, "a consent is good once");
    rig.stop().await;
}

#[tokio::test]
async fn a_consent_ends_as_well_with_the_address_at_which_the_browser_ended() {
    let rig = Rig::new().await;
    let path = "/api/v1/channels/tienda/connect";
    let begun = rig.post(path).send().await.with(200);
    let url = begun["url"].as_str().expect("an address");
    let state = url.split_once("state=").expect("a state").1.split('&').next().expect("a state").to_owned();
    let pasted = |state: &str| json!({ "answer": format!("https://orders.example.com/oauth/tienda/callback?code=good&state={state}") });
    let odd = rig.post(path).json(&json!({ "answer": "https://orders.example.com/" })).send().await.with(422);
    assert_eq!(odd["field"], "answer", "{odd}");
    let foreign = rig.post(path).json(&pasted("another")).send().await.with(409);
    assert!(foreign["detail"].as_str().is_some_and(|detail| detail.contains("start it again")), "{foreign}");
    let done = rig.post(path).json(&pasted(&state)).send().await.with(200);
    assert_eq!(done, json!({ "connected": true }));
    rig.post(path).json(&pasted(&state)).send().await.with(409);
    rig.stop().await;
}
