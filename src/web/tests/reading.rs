//! Lists, orders, timelines, exports.

use serde_json::{Value, json};

use super::bazaar::order;
use super::rig::Rig;

fn ids(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().expect("items");
    items.iter().map(|item| item["id"].as_str().expect("an id")).collect()
}

/// Three orders, the third one the newest.
async fn three(rig: &Rig) {
    for (id, placed, status) in [
        ("1", "2026-11-20T10:00:00Z", "accepted"),
        ("2", "2026-11-21T10:00:00Z", "pending"),
        ("3", "2026-11-22T10:00:00Z", "accepted"),
    ] {
        let mut order = order(id, placed);
        order["placed_at"] = placed.into();
        order["status"] = status.into();
        rig.stored(&order).await;
    }
}

#[tokio::test]
async fn an_order_has_every_field_and_invents_none() {
    let rig = Rig::new().await;
    rig.stored(&order("1", "2026-11-20T10:00:00Z")).await;
    let mut seen = rig.get("/api/v1/orders/tienda%3A1").send().await.with(200);
    for volatile in ["synced_at", "capabilities"] {
        seen[volatile] = Value::Null;
    }
    seen["sync"]["last_success_at"] = Value::Null;
    assert_eq!(
        seen,
        json!({
            "id": "tienda:1", "channel": "tienda", "channel_kind": "bazaar", "channel_order_id": "1",
            "number": "#1", "status": "accepted", "payment_status": "paid",
            "channel_status": { "state": "accepted" },
            "currency": "EUR", "total": "19.90", "subtotal": null, "shipping": null, "tax": null,
            "discount": null, "refunded": null,
            "placed_at": "2026-11-20T10:00:00Z", "updated_at": "2026-11-20T10:00:00Z", "synced_at": null,
            "customer": { "name": "Ana Ruiz", "email": "ana@example.com", "phone": null },
            "shipping_address": null,
            "items": [{
                "line_id": "1", "sku": "TEA-1", "title": "Tea", "variant": null, "quantity": 2,
                "unit_price": "19.90", "quantity_shipped": 0, "quantity_cancelled": 0,
                "quantity_refunded": null,
            }],
            "shipments": [], "notes": [], "tags": [], "fulfilled_by": "seller", "capabilities": null,
            "last_action": null,
            "sync": { "state": "synced", "last_success_at": null, "error": null },
        })
    );
    rig.stop().await;
}

#[tokio::test]
async fn lists_are_narrowed_and_turned() {
    let rig = Rig::new().await;
    three(&rig).await;
    for (query, wanted) in [
        ("", vec!["tienda:3", "tienda:2", "tienda:1"]),
        ("?status=pending", vec!["tienda:2"]),
        ("?status=pending,accepted&limit=200", vec!["tienda:3", "tienda:2", "tienda:1"]),
        ("?status=shipped", vec![]),
        ("?payment_status=paid&channel=tienda", vec!["tienda:3", "tienda:2", "tienda:1"]),
        ("?channel=souk", vec![]),
        ("?q=%232", vec!["tienda:2"]),
        ("?placed_after=2026-11-21T00:00:00Z", vec!["tienda:3", "tienda:2"]),
        ("?placed_before=2026-11-21", vec!["tienda:1"]),
    ] {
        let page = rig.get(format!("/api/v1/orders{query}")).send().await.with(200);
        assert_eq!(ids(&page), wanted, "{query}");
    }
    let first = rig.get("/api/v1/orders?limit=2").send().await.with(200);
    assert_eq!(ids(&first), ["tienda:3", "tienda:2"]);
    let cursor = first["next_cursor"].as_str().expect("more");
    let second = rig.get(format!("/api/v1/orders?limit=2&cursor={cursor}")).send().await.with(200);
    assert_eq!((ids(&second), &second["next_cursor"]), (vec!["tienda:1"], &Value::Null));
    rig.stop().await;
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let rig = Rig::new().await;
    for (path, field) in [
        ("/api/v1/orders?stauts=pending", "stauts"),
        ("/api/v1/orders?status=lost", "status"),
        ("/api/v1/orders?limit=0", "limit"),
        ("/api/v1/orders?limit=201", "limit"),
        ("/api/v1/orders?placed_after=yesterday", "placed_after"),
        ("/api/v1/orders?channel=No%20One", "channel"),
        ("/api/v1/orders?cursor=nonsense", "cursor"),
        ("/api/v1/orders/export?columns=id,nothing", "columns"),
        ("/api/v1/orders/export?format=xlsx", "format"),
        ("/api/v1/changes?after=-1", "after"),
        ("/api/v1/changes?wait=an%20hour", "wait"),
        ("/api/v1/notifications?unread=perhaps", "unread"),
    ] {
        let problem = rig.get(path).send().await.problem(400);
        assert_eq!(problem, ("invalid_request".to_owned(), Some(field.to_owned())), "{path}");
    }
    rig.stop().await;
}

#[tokio::test]
async fn the_summary_counts_what_is_not_there_as_zero() {
    let rig = Rig::new().await;
    three(&rig).await;
    let summary = rig.get("/api/v1/orders/summary").send().await.with(200);
    assert_eq!(summary["total"], 3);
    assert_eq!(
        summary["status"],
        json!({ "pending": 1, "accepted": 2, "shipped": 0, "delivered": 0, "cancelled": 0 })
    );
    assert_eq!(summary["channel"], json!({ "tienda": 3, "souk": 0, "closed": 0 }));
    rig.stop().await;
}

#[tokio::test]
async fn a_timeline_is_told_backwards_in_pages() {
    let rig = Rig::new().await;
    rig.stored(&order("1", "2026-11-20T10:00:00Z")).await;
    let mut later = order("1", "2026-11-20T11:00:00Z");
    later["status"] = "shipped".into();
    rig.bazaar.put(&later);
    rig.deliver("later", &later).await;
    rig.until("/api/v1/orders/tienda:1", |seen| seen.json()["status"] == "shipped").await;
    let mut events = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/v1/orders/tienda:1/timeline?limit=2&cursor={cursor}");
        let page = rig.get(path).send().await.with(200);
        events.extend(page["items"].as_array().expect("items").clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    let numbers: Vec<_> = events.iter().map(|event| event["seq"].as_u64().expect("a number")).collect();
    let wanted: Vec<_> = (0..numbers.len() as u64).rev().collect();
    assert_eq!(numbers, wanted, "newest first, without a gap");
    assert!(events.iter().any(|event| event["kind"] == "status_changed"), "{events:?}");
    assert!(!json!(events).to_string().contains("Ana"), "no personal data");
    rig.stop().await;
}

#[tokio::test]
async fn exports_are_whole_and_safe() {
    let rig = Rig::new().await;
    three(&rig).await;
    let mut hostile = order("4", "2026-11-19T10:00:00Z");
    hostile["placed_at"] = "2026-11-19T10:00:00Z".into();
    hostile["name"] = "=HYPERLINK(\"http://evil.example\")".into();
    rig.stored(&hostile).await;
    let csv = rig
        .get("/api/v1/orders/export?format=csv&columns=id,total,customer_name&status=accepted")
        .send()
        .await;
    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8; header=present");
    assert_eq!(
        csv.text,
        "id,total,customer_name\n\
         tienda:3,19.90,Ana Ruiz\n\
         tienda:1,19.90,Ana Ruiz\n\
         tienda:4,19.90,\"'=HYPERLINK(\"\"http://evil.example\"\")\"\n"
    );
    let plain = rig.get("/api/v1/orders/export").send().await;
    assert!(!plain.text.contains("Ana"), "personal columns come only when asked for");
    let lines = rig.get("/api/v1/orders/export?format=jsonl&columns=id,customer&q=%231").send().await;
    let line: Value = serde_json::from_str(lines.text.trim()).expect("one line");
    assert_eq!(line["id"], "tienda:1");
    assert_eq!(line["customer"]["name"], "Ana Ruiz");
    assert_eq!(line.as_object().map(serde_json::Map::len), Some(2));
    let whole = rig.get("/api/v1/orders/export?format=jsonl").send().await;
    assert_eq!(whole.text.lines().count(), 4);
    rig.stop().await;
}

#[tokio::test]
async fn an_export_of_several_pages_has_no_gap() {
    let rig = Rig::new().await;
    let mut deliveries = tokio::task::JoinSet::new();
    let rig = std::sync::Arc::new(rig);
    for id in 0..450 {
        let rig = rig.clone();
        deliveries.spawn(async move {
            let order = order(&id.to_string(), "2026-11-20T10:00:00Z");
            rig.bazaar.put(&order);
            assert_eq!(rig.deliver(&format!("d{id}"), &order).await, 200);
        });
    }
    while let Some(done) = deliveries.join_next().await {
        done.expect("delivered");
    }
    rig.until("/api/v1/orders/summary", |seen| seen.json()["total"] == 450).await;
    let csv = rig.get("/api/v1/orders/export?columns=id").send().await.text;
    let mut rows: Vec<_> = csv.lines().skip(1).collect();
    rows.sort_unstable();
    rows.dedup();
    assert_eq!(rows.len(), 450);
}

#[tokio::test]
async fn connections_are_shown_with_what_they_can_do() {
    let rig = Rig::new().await;
    rig.stored(&order("1", "2026-11-20T10:00:00Z")).await;
    let channels = rig.get("/api/v1/channels").send().await.with(200);
    assert_eq!(ids(&channels), ["closed", "souk", "tienda"]);
    assert_eq!(channels["items"][0]["status"], "disabled");
    let tienda = rig.get("/api/v1/channels/tienda").send().await.with(200);
    assert_eq!(tienda["name"], "Tienda");
    assert_eq!(tienda["method"], "webhooks+polling");
    assert_eq!(tienda["orders"]["total"], 1);
    assert_eq!(tienda["capabilities"]["ship"]["supported"], true);
    assert!(tienda["last_webhook_at"].is_string(), "{tienda}");
    let tested = rig.post("/api/v1/channels/tienda/test").send().await.with(200);
    assert_eq!(tested["ok"], true);
    let closed = rig.post("/api/v1/channels/closed/test").send().await;
    assert_eq!(closed.problem(409).0, "conflict");
    rig.stop().await;
}
