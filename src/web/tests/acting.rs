//! Outbound actions.

use serde_json::{Value, json};

use super::bazaar::order;
use super::rig::Rig;

const STAMP: &str = "2026-11-20T10:00:00Z";

fn dhl() -> Value {
    json!({ "carrier": "DHL", "tracking_number": "JD01" })
}

#[tokio::test]
async fn shipping_everything_takes_effect() {
    let rig = Rig::new().await;
    rig.stored(&order("1", STAMP)).await;
    let seen = rig.post("/api/v1/orders/tienda:1/ship").key(&rig.operator).json(&dhl()).send().await;
    let action = seen.with(202);
    assert_eq!((&action["kind"], &action["order_id"]), (&json!("ship"), &json!("tienda:1")));
    let path = format!("/api/v1/actions/{}", action["id"].as_str().expect("an id"));
    rig.until(&path, |seen| seen.json()["state"] == "done").await;
    let shipped = rig.until("/api/v1/orders/tienda:1", |seen| seen.json()["status"] == "shipped").await;
    assert_eq!(shipped.json()["shipments"][0]["tracking_number"], "JD01");
    assert_eq!(shipped.json()["last_action"]["state"], "done");
    let timeline = rig.get("/api/v1/orders/tienda:1/timeline?limit=200").send().await.with(200);
    let requested = timeline["items"].as_array().expect("items").iter();
    let mut requested = requested.filter(|event| event["kind"] == "action_requested");
    assert_eq!(requested.next().map(|event| &event["by"]), Some(&json!("operator")));
    rig.stop().await;
}

#[tokio::test]
async fn a_repeat_with_the_same_key_acts_once() {
    let rig = Rig::new().await;
    rig.stored(&order("1", STAMP)).await;
    let ship = || rig.post("/api/v1/orders/tienda:1/ship").header("idempotency-key", "k1");
    let first = ship().json(&dhl()).send().await.with(202);
    let path = format!("/api/v1/actions/{}", first["id"].as_str().expect("an id"));
    rig.until(&path, |seen| seen.json()["state"] == "done").await;
    rig.until("/api/v1/orders/tienda:1", |seen| seen.json()["status"] == "shipped").await;
    // The order has moved on: a fresh request would be refused, the repeat is answered.
    let again = ship().json(&dhl()).send().await.with(202);
    assert_eq!(again, first);
    let other = ship().json(&json!({ "carrier": "DHL", "tracking_number": "JD02" })).send().await;
    assert_eq!(other.problem(422).0, "idempotency_key_reused");
    let fresh = rig.post("/api/v1/orders/tienda:1/ship").json(&dhl()).send().await;
    assert_eq!(fresh.problem(409).0, "unsupported", "{}", fresh.text);
    // Another caller's key of the same name is another key.
    let stranger = ship().key(&rig.operator).json(&dhl()).send().await;
    assert_eq!(stranger.status, 409);
    rig.stop().await;
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_before_it_is_queued() {
    let rig = Rig::new().await;
    rig.stored(&order("1", STAMP)).await;
    let cases = [
        ("cancel", json!({ "reason": "out_of_stock" }), 409, "unsupported", None),
        ("cancel", json!({ "reason": "bored" }), 422, "invalid_request", Some("reason")),
        ("ship", json!({ "carrier": "Pigeon" }), 422, "invalid_request", Some("carrier")),
        ("ship", json!({}), 422, "invalid_request", Some("carrier")),
        (
            "ship",
            json!({ "carrier": "DHL", "items": [{ "line_id": "1", "quantity": 3 }] }),
            422,
            "invalid_request",
            Some("items[0].quantity"),
        ),
        (
            "ship",
            json!({ "carrier": "DHL", "items": [{ "line_id": "9", "quantity": 1 }] }),
            422,
            "invalid_request",
            Some("items[0].line_id"),
        ),
        ("tracking", json!({ "carrier": "DHL" }), 422, "invalid_request", Some("tracking_number")),
        ("tracking", dhl(), 409, "unsupported", None),
    ];
    for (verb, body, status, code, field) in cases {
        let seen = rig.post(format!("/api/v1/orders/tienda:1/{verb}")).json(&body).send().await;
        let problem = seen.problem(status);
        assert_eq!((problem.0.as_str(), problem.1.as_deref()), (code, field), "{verb} {body}");
    }
    let unknown = rig.post("/api/v1/orders/tienda:2/ship").json(&dhl()).send().await;
    assert_eq!(unknown.problem(404).0, "not_found");
    let seen = rig.get("/api/v1/orders/tienda:1").send().await.with(200);
    assert_eq!(seen["last_action"], Value::Null);
    rig.stop().await;
}
