//! Deliveries at the door and after it.

use base64::Engine as _;
use ring::hmac;
use serde_json::{Value, json};

use super::orders::{READ_AT, body, with};
use crate::channel::shopify::samples;
use crate::channel::shopify::webhook::Gate;
use crate::channel::{Admitted, Delivery, Headers, Inbound, Refusal, Tiding};
use crate::model::{ChannelOrderId, Secret};

const SHOP: &str = "tienda.myshopify.com";
const SECRET: &str = "fenicia-test-secret";

struct Given(Vec<(String, String)>);

impl Headers for Given {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

fn sign(secret: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    base64::engine::general_purpose::STANDARD.encode(hmac::sign(&key, body))
}

fn gate() -> Gate {
    Gate::new(SHOP, &[Secret::new(SECRET), Secret::new("old")])
}

/// A good delivery with some of its headers changed; an empty value removes one.
fn admit(body: &[u8], path: Option<&str>, changes: &[(&str, &str)]) -> Result<Admitted, Refusal> {
    let mut headers = vec![
        ("x-shopify-hmac-sha256".to_owned(), sign(SECRET, body)),
        ("x-shopify-shop-domain".to_owned(), SHOP.to_owned()),
        ("x-shopify-topic".to_owned(), "orders/updated".to_owned()),
        ("x-shopify-webhook-id".to_owned(), "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043".to_owned()),
        ("content-type".to_owned(), "application/json".to_owned()),
    ];
    for (name, value) in changes {
        headers.retain(|(header, _)| header != name);
        if !value.is_empty() {
            headers.push(((*name).to_owned(), (*value).to_owned()));
        }
    }
    gate().admit(&Inbound { topic: path, headers: &Given(headers), body, received_at: READ_AT })
}

#[test]
fn the_published_vectors_verify() {
    let vectors = [
        (
            SECRET,
            r##"{"id":820982911946154508,"name":"#1001","note":"Café ☕"}"##,
            "eLWokUOMvBKC7ANq/diS6psxiNo/SDsJdnOikoaqyF8=",
        ),
        ("test_secret_key", r#"{"foo": "bar"}"#, "B23tXN681gZ0qIWNRrgtzBE9XSDo5yaUu6wfmhu3a7g="),
    ];
    for (secret, body, signature) in vectors {
        let gate = Gate::new(SHOP, &[Secret::new("another"), Secret::new(secret)]);
        let headers = Given(vec![
            ("x-shopify-hmac-sha256".into(), signature.into()),
            ("x-shopify-shop-domain".into(), SHOP.to_uppercase()),
            ("x-shopify-topic".into(), "orders/create".into()),
        ]);
        let request = Inbound { topic: None, headers: &headers, body: body.as_bytes(), received_at: READ_AT };
        assert!(gate.admit(&request).is_ok(), "{body}");
        let other = Inbound { body: b"{}", ..request };
        assert_eq!(gate.admit(&other), Err(Refusal::Unauthenticated));
    }
}

#[test]
fn what_is_not_signed_for_this_shop_is_turned_away() {
    let body = b"{}";
    let refused = |changes: &[(&str, &str)]| admit(body, None, changes).expect_err("refused");
    assert_eq!(refused(&[("x-shopify-hmac-sha256", "")]), Refusal::Unauthenticated);
    assert_eq!(refused(&[("x-shopify-hmac-sha256", "not base64!")]), Refusal::Unauthenticated);
    assert_eq!(refused(&[("x-shopify-hmac-sha256", &sign("foreign", body))]), Refusal::Unauthenticated);
    let hex = "78b5a891438cbc1282ec036afdd892ea9b3188da3f483b097673a29286aac85f";
    assert_eq!(refused(&[("x-shopify-hmac-sha256", hex)]), Refusal::Unauthenticated);
    assert_eq!(refused(&[("x-shopify-shop-domain", "")]), Refusal::Unauthenticated);
    assert_eq!(refused(&[("x-shopify-shop-domain", "other.myshopify.com")]), Refusal::Unauthenticated);
    assert_eq!(refused(&[("x-shopify-topic", "")]), Refusal::Malformed);
    assert_eq!(refused(&[("content-type", "text/plain")]), Refusal::ContentType);
    assert!(
        admit(body, None, &[("x-shopify-hmac-sha256", &sign("old", body))]).is_ok(),
        "a rotated secret still counts"
    );
    let closed = Gate::new(SHOP, &[]);
    let request = Inbound { topic: None, headers: &Given(vec![]), body, received_at: READ_AT };
    assert_eq!(closed.admit(&request), Err(Refusal::NotTaken));
}

#[test]
fn a_topic_in_the_path_must_be_the_one_in_the_header() {
    for path in ["orders-updated", "orders_updated", "ORDERS_UPDATED", "orders/updated"] {
        assert!(admit(b"{}", Some(path), &[]).is_ok(), "{path}");
    }
    assert_eq!(admit(b"{}", Some("orders-create"), &[]), Err(Refusal::Malformed));
}

#[test]
fn a_delivery_is_known_by_its_id_or_else_by_its_content() {
    let id = |changes: &[(&str, &str)]| admit(b"{}", None, changes).expect("admitted").delivery_id;
    assert_eq!(id(&[]), "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043");
    let without = id(&[("x-shopify-webhook-id", "")]);
    assert!(without.starts_with("sha256:") && without.len() <= 128);
    assert_eq!(without, id(&[("x-shopify-webhook-id", "")]));
    assert_ne!(without, id(&[("x-shopify-webhook-id", ""), ("x-shopify-topic", "orders/paid")]));
    let long = "x".repeat(500);
    assert!(id(&[("x-shopify-webhook-id", &long)]).len() <= 128);
}

#[test]
fn topics_that_do_not_concern_orders_are_taken_and_forgotten() {
    for topic in ["products/update", "bulk_operations/finish", "customers/update", "shop/update"] {
        assert!(admit(b"{}", None, &[("x-shopify-topic", topic)]).expect("admitted").ignore, "{topic}");
    }
    for topic in ["orders/create", "refunds/create", "app/uninstalled", "customers/redact"] {
        assert!(!admit(b"{}", None, &[("x-shopify-topic", topic)]).expect("admitted").ignore, "{topic}");
    }
}

fn read(topic: &str, body: &str) -> Vec<Tiding> {
    gate().read(&Delivery {
        delivery_id: "d".into(),
        topic: topic.into(),
        notes: Vec::new(),
        body: body.as_bytes().to_vec(),
        received_at: READ_AT,
    })
}

fn hint(id: u64) -> Tiding {
    Tiding::Hint { order: id.into(), changed_at: None }
}

fn codes(tidings: &[Tiding]) -> Vec<&str> {
    let mut codes = Vec::new();
    for tiding in tidings {
        if let Tiding::Anomaly { anomaly, .. } = tiding {
            codes.push(anomaly.code.as_str());
        }
    }
    codes
}

#[test]
fn a_whole_order_is_an_observation_of_its_change_time() {
    for topic in ["create", "updated", "cancelled", "paid", "fulfilled", "partially_fulfilled"] {
        let tidings = read(&format!("orders/{topic}"), &body().to_string());
        let [Tiding::Seen(seen)] = tidings.as_slice() else { panic!("{topic}: {tidings:?}") };
        assert_eq!(seen.changed_at.map(|at| at.to_string()).as_deref(), Some("2026-11-20T10:00:05Z"));
        assert_eq!(seen.read_at, READ_AT);
    }
}

#[test]
fn every_other_topic_points_at_its_order() {
    let table = [
        ("orders/edited", json!({ "order_edit": { "id": 7, "order_id": 5001 } })),
        ("orders/delete", json!({ "id": 5001 })),
        ("fulfillments/create", json!({ "id": 81, "order_id": 5001 })),
        ("fulfillments/update", json!({ "id": 81, "order_id": 5001 })),
        ("fulfillment_events/create", json!({ "id": 1, "fulfillment_id": 81, "order_id": 5001 })),
        ("refunds/create", json!({ "id": 91, "order_id": 5001 })),
        ("order_transactions/create", json!({ "id": 3, "order_id": 5001 })),
        ("returns/approve", json!({ "id": 4, "order": { "id": 5001 } })),
    ];
    for (topic, body) in table {
        assert_eq!(read(topic, &body.to_string()), [hint(5001)], "{topic}");
    }
}

#[test]
fn the_recorded_bodies_point_at_their_order() {
    let (Some(sent), Some(refund)) =
        (samples::json("rest_fulfillment_2026-07.json"), samples::json("rest_refund_2026-07.json"))
    else {
        return;
    };
    assert_eq!(read("fulfillments/update", &sent["fulfillments"][0].to_string()), [hint(450_789_469)]);
    assert_eq!(read("refunds/create", &refund["refunds"][0].to_string()), [hint(450_789_469)]);
}

#[test]
fn what_cannot_be_read_is_fetched_or_polled_and_told() {
    let whole = body().to_string();
    let tidings = read("orders/updated", &whole[..whole.len() / 2]);
    assert_eq!((&tidings[0], codes(&tidings)), (&Tiding::PollNow, vec!["unreadable_webhook:orders/updated"]));
    let odd = with(body(), json!({ "line_items": "none" }));
    let tidings = read("orders/updated", &odd.to_string());
    assert_eq!((&tidings[0], codes(&tidings)), (&hint(5001), vec!["unreadable_webhook:orders/updated"]));
    let undated = with(body(), json!({ "updated_at": null }));
    assert_eq!(read("orders/updated", &undated.to_string())[0], hint(5001));
    let broken = r#"{"id":81,"admin_graphql_api_id":"gid:\/\/shopify\/Order\/5001","note":"#;
    assert_eq!(read("orders/updated", broken)[0], hint(5001));
    assert_eq!(read("refunds/create", r#"{"id":91,"order_id": 5001,"x"#)[0], hint(5001));
    assert_eq!(
        read("refunds/create", r#"{"id":91,"order_id": 50"#)[0],
        Tiding::PollNow,
        "the number may be cut off"
    );
    assert_eq!(read("refunds/create", "{}")[0], Tiding::PollNow);
}

#[test]
fn the_order_id_of_the_header_is_used_where_the_body_is_broken() {
    let admitted = admit(b"{", None, &[("x-shopify-order-id", "5001")]).expect("admitted");
    let delivery = Delivery {
        delivery_id: admitted.delivery_id,
        topic: admitted.topic,
        notes: admitted.notes,
        body: b"{".to_vec(),
        received_at: READ_AT,
    };
    assert_eq!(gate().read(&delivery)[0], hint(5001));
}

#[test]
fn the_app_s_own_news_concern_the_connection() {
    let tidings = read("app/uninstalled", "{}");
    assert!(matches!(&tidings[..], [Tiding::Access { ends_at: Some(READ_AT), .. }]), "{tidings:?}");
    assert_eq!(read("app/scopes_update", "{}"), [Tiding::CheckSubscriptions]);
}

fn privacy(shop: &str) -> Value {
    json!({ "shop_id": 1, "shop_domain": shop, "customer": { "id": 9, "email": "eva@example.com", "phone": null },
        "orders_requested": [5001, 5002], "orders_to_redact": [5001], "data_request": { "id": 77 } })
}

#[test]
fn privacy_requests_name_orders_and_person() {
    let body = privacy(SHOP).to_string();
    let order = |id: u64| ChannelOrderId::from(id);
    let email = Some("eva@example.com".to_owned());
    assert_eq!(
        read("customers/data_request", &body),
        [Tiding::DataRequest {
            orders: vec![order(5001), order(5002)],
            email: email.clone(),
            reference: "77".into()
        }]
    );
    assert_eq!(read("customers/redact", &body), [Tiding::Erase { orders: vec![order(5001)], email }]);
    assert_eq!(
        read("shop/redact", &json!({ "shop_id": 1, "shop_domain": SHOP }).to_string()),
        [Tiding::EraseAll]
    );
}

#[test]
fn a_privacy_request_for_another_shop_erases_nothing() {
    for topic in ["customers/redact", "shop/redact", "customers/data_request"] {
        let tidings = read(topic, &privacy("other.myshopify.com").to_string());
        assert_eq!(codes(&tidings), ["foreign_privacy_request"], "{topic}");
        assert_eq!(codes(&read(topic, "{")), ["unreadable_privacy_request"], "{topic}");
    }
}
