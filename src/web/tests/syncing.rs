//! Syncs and what failed.

use std::sync::{Arc, PoisonError};

use serde_json::json;
use tokio::sync::Notify;

use super::bazaar::order;
use super::rig::Rig;
use crate::model::Failure;

const STAMP: &str = "2026-11-20T10:00:00Z";

fn id(answer: &serde_json::Value) -> String {
    answer["sync_id"].as_str().expect("a sync").to_owned()
}

#[tokio::test]
async fn a_pressed_sync_reads_the_order_afresh() {
    let rig = Rig::new().await;
    rig.stored(&order("1", STAMP)).await;
    let mut later = order("1", "2026-11-20T12:00:00Z");
    later["status"] = "delivered".into();
    rig.bazaar.put(&later);
    let begun = rig.post("/api/v1/orders/tienda:1/sync").send().await.with(202);
    let path = format!("/api/v1/syncs/{}", id(&begun));
    let ended = rig.until(&path, |seen| seen.json()["state"] != "running").await.json();
    assert_eq!((&ended["state"], &ended["order_id"]), (&json!("done"), &json!("tienda:1")));
    assert_eq!(rig.get("/api/v1/orders/tienda:1").send().await.json()["status"], "delivered");
    rig.stop().await;
}

#[tokio::test]
async fn an_unknown_order_is_fetched_by_its_id() {
    let rig = Rig::new().await;
    rig.bazaar.put(&order("77", STAMP));
    rig.post("/api/v1/orders/tienda:77/sync").send().await.with(202);
    rig.until("/api/v1/orders/tienda:77", |seen| seen.status == 200).await;
    assert_eq!(rig.post("/api/v1/orders/nobody:1/sync").send().await.problem(404).0, "not_found");
    assert_eq!(rig.post("/api/v1/orders/closed:1/sync").send().await.problem(409).0, "conflict");
    rig.stop().await;
}

#[tokio::test]
async fn a_bulk_sync_runs_once_and_can_be_stopped() {
    let rig = Rig::new().await;
    let gate = Arc::new(Notify::new());
    *rig.bazaar.slow.lock().unwrap_or_else(PoisonError::into_inner) = Some(gate.clone());
    rig.bazaar.put(&order("1", STAMP));
    let begun = rig.post("/api/v1/channels/tienda/sync").json(&json!({ "since": STAMP })).send().await;
    let running = id(&begun.with(202));
    let second = rig.post("/api/v1/channels/tienda/sync").send().await;
    assert_eq!(second.problem(409).0, "conflict");
    assert_eq!(second.json()["sync_id"], running.as_str());
    let all = rig.post("/api/v1/sync").send().await.with(202);
    let tienda = all["syncs"].as_array().expect("syncs").iter().find(|sync| sync["channel"] == "tienda");
    assert_eq!(tienda.map(|sync| &sync["started"]), Some(&json!(false)), "{all}");
    let path = format!("/api/v1/syncs/{running}");
    let seen = rig.get(&path).send().await.with(200);
    assert_eq!((&seen["state"], &seen["since"]), (&json!("running"), &json!(STAMP)));
    let stopped = rig.delete(&path).send().await.with(200);
    assert_eq!(stopped["state"], "cancelled");
    assert_eq!(rig.delete(&path).send().await.problem(409).0, "conflict");
    gate.notify_one();
    rig.stop().await;
}

#[tokio::test]
async fn a_bulk_sync_finds_what_no_webhook_told() {
    let rig = Rig::new().await;
    for id in ["1", "2", "3"] {
        rig.bazaar.put(&order(id, STAMP));
    }
    let begun = rig.post("/api/v1/channels/tienda/sync").json(&json!({ "since": STAMP })).send().await;
    let path = format!("/api/v1/syncs/{}", id(&begun.with(202)));
    let ended = rig.until(&path, |seen| seen.json()["state"] != "running").await.json();
    assert_eq!((&ended["state"], &ended["done"]), (&json!("done"), &json!(3)), "{ended}");
    rig.stop().await;
}

#[tokio::test]
async fn parked_work_is_put_back_by_hand() {
    let rig = Rig::new().await;
    rig.stored(&order("1", STAMP)).await;
    rig.bazaar.fail_with(Some(Failure::invalid("Bazaar does not like this order")));
    rig.post("/api/v1/orders/tienda:1/sync").send().await.with(202);
    let page = rig.until("/api/v1/failures", |seen| seen.json()["items"] != json!([])).await.json();
    let failure = &page["items"][0];
    assert_eq!((&failure["what"], &failure["order_id"]), (&json!("sync"), &json!("tienda:1")));
    assert_eq!(failure["error"]["kind"], "invalid_request");
    assert_eq!(rig.get("/api/v1/failures?channel=souk").send().await.with(200)["items"], json!([]));
    let told = rig.until("/api/v1/notifications", |seen| seen.json()["items"] != json!([])).await.json();
    let note = told["items"][0]["id"].as_str().expect("an id");
    rig.post(format!("/api/v1/notifications/{note}/read")).send().await.with(204);
    let unread = rig.get("/api/v1/notifications?unread=true").send().await.with(200);
    assert!(!unread.to_string().contains(note), "{unread}");
    rig.bazaar.fail_with(None);
    let failure = failure["id"].as_str().expect("an id");
    let retried = rig.post(format!("/api/v1/failures/{failure}/retry")).send().await.with(202);
    assert_eq!(retried["retried"], 1);
    rig.until("/api/v1/failures", |seen| seen.json()["items"] == json!([])).await;
    let nothing = rig.post("/api/v1/failures/retry").json(&json!({ "channel": "tienda" })).send().await;
    assert_eq!(nothing.with(202)["retried"], 0);
    let missing = rig.post("/api/v1/failures/nothing/dismiss").send().await;
    assert_eq!(missing.problem(404).0, "not_found");
    rig.stop().await;
}
