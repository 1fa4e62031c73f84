//! Keys, erasure, backups.

use serde_json::{Value, json};

use super::bazaar::order;
use super::rig::Rig;

const STAMP: &str = "2026-11-20T10:00:00Z";

#[tokio::test]
async fn a_key_lives_until_it_is_revoked() {
    let rig = Rig::new().await;
    let body = json!({ "name": "erp", "role": "viewer" });
    let make = || rig.post("/api/v1/keys").header("idempotency-key", "k").json(&body);
    let made = make().send().await.with(201);
    let secret = made["key"].as_str().expect("shown once").to_owned();
    let again = make().send().await.with(201);
    assert_eq!((&again["id"], again.get("key")), (&made["id"], None), "one key, shown once");
    rig.get("/api/v1/orders").key(&secret).send().await.with(200);
    let listed = rig.get("/api/v1/keys").send().await.with(200);
    let listed = listed["items"].as_array().expect("keys");
    assert!(listed.iter().any(|key| key["id"] == made["id"] && key.get("key").is_none()), "{listed:?}");
    let path = format!("/api/v1/keys/{}", made["id"].as_str().expect("an id"));
    rig.delete(&path).send().await.with(204);
    rig.get("/api/v1/orders").key(&secret).send().await.problem(401);
    assert_eq!(rig.delete(&path).send().await.problem(404).0, "not_found");
    let admin = listed.iter().find(|key| key["role"] == "admin").expect("an admin");
    let path = format!("/api/v1/keys/{}", admin["id"].as_str().expect("an id"));
    assert_eq!(rig.delete(&path).send().await.problem(409).0, "conflict", "the last admin key stays");
    rig.stop().await;
}

#[tokio::test]
async fn an_erased_customer_is_gone_and_the_order_stays() {
    let rig = Rig::new().await;
    rig.stored(&order("1", STAMP)).await;
    rig.stored(&order("2", STAMP)).await;
    let erased = rig.post("/api/v1/erase").json(&json!({ "orders": ["tienda:1"] })).send().await.with(200);
    assert_eq!(erased["orders"], json!(["tienda:1"]));
    let seen = rig.get("/api/v1/orders/tienda:1").send().await.with(200);
    assert_eq!(seen["customer"], json!({ "name": null, "email": null, "phone": null }));
    assert_eq!(seen["number"], "#1");
    let erased =
        rig.post("/api/v1/erase").json(&json!({ "email": "ana@example.com" })).send().await.with(200);
    assert_eq!(erased["orders"], json!(["tienda:2"]));
    let nobody = rig.post("/api/v1/erase").json(&json!({})).send().await;
    assert_eq!(nobody.problem(422).1.as_deref(), Some("orders"));
    rig.stop().await;
}

#[tokio::test]
async fn a_backup_is_sent_whole_and_leaves_nothing_behind() {
    let rig = Rig::new().await;
    rig.stored(&order("1", STAMP)).await;
    let seen = rig.post("/api/v1/backup").send().await;
    assert_eq!(
        (seen.status, &seen.headers["content-type"]),
        (200, &"application/octet-stream".parse().expect("a value"))
    );
    let length: u64 = seen.headers["content-length"].to_str().expect("text").parse().expect("a number");
    assert!(length > 1_000, "{length}");
    let left: Vec<_> = std::fs::read_dir(rig.folder.path().join("data"))
        .expect("the folder")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("backup"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
    rig.stop().await;
}

#[tokio::test]
async fn the_api_describes_itself() {
    let rig = Rig::new().await;
    let document = rig.get("/api/v1/openapi.json").key(&rig.viewer).send().await.with(200);
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/api/v1/orders"]["get"]["responses"]["200"] != Value::Null);
    rig.stop().await;
}
