//! Who may call, by which name, with what role.

use serde_json::json;

use super::rig::Rig;
use crate::store::testing;
use crate::web::route::{Need, TABLE};

#[tokio::test]
async fn every_route_asks_for_a_key_and_a_role() {
    let rig = Rig::new().await;
    for entry in TABLE {
        let Need::Role(need) = entry.need else { continue };
        let path = entry.path.replace("{id}", "x");
        let method = if entry.method == "GET" {
            "GET"
        } else if entry.method == "POST" {
            "POST"
        } else {
            "DELETE"
        };
        let nobody = rig.with_method(method, &path).no_key().send().await;
        assert_eq!(nobody.problem(401).0, "unauthenticated", "{method} {path}");
        assert_eq!(nobody.headers["www-authenticate"], "Bearer realm=\"fenicia\"");
        let stranger = rig.with_method(method, &path).key("fen_wrong").send().await;
        assert_eq!(stranger.problem(401).0, "unauthenticated", "{method} {path}");
        for (role, key) in [("viewer", &rig.viewer), ("operator", &rig.operator)] {
            let too_low = crate::model::Role::parse(role).is_some_and(|role| role < need);
            if too_low {
                let seen = rig.with_method(method, &path).key(key).send().await;
                assert_eq!(seen.problem(403).0, "forbidden", "{role} {method} {path}");
            }
        }
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_viewer_reads() {
    let rig = Rig::new().await;
    let open = ["/api/v1/orders", "/api/v1/channels", "/api/v1/failures", "/api/v1/notifications"];
    for path in open {
        rig.get(path).key(&rig.viewer).send().await.with(200);
    }
    rig.stop().await;
}

#[tokio::test]
async fn health_and_metrics_need_no_key_on_this_machine_only() {
    let rig = Rig::new().await;
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(rig.get(path).no_key().send().await.status, 200, "{path}");
        let forwarded = rig.get(path).no_key().header("x-forwarded-for", "127.0.0.1").send().await;
        assert_eq!(forwarded.problem(401).0, "unauthenticated", "{path}: a proxy stands between us");
        let keyed = rig.get(path).key(&rig.viewer).header("x-forwarded-for", "203.0.113.9").send().await;
        assert_eq!(keyed.status, 200, "{path}");
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_daemon_that_must_refuse_deliveries_is_not_ready() {
    let rig = Rig::new().await;
    testing::pretend_free(&rig.store, 1 << 20);
    let seen = rig.get("/readyz").no_key().send().await;
    assert_eq!((seen.status, seen.json()["status"].as_str()), (503, Some("the disk is nearly full")));
    assert_eq!(rig.get("/healthz").no_key().send().await.status, 200, "restarting it would not help");
    testing::pretend_free(&rig.store, 1 << 40);
    assert_eq!(rig.get("/readyz").no_key().send().await.status, 200);
    rig.stop().await;
}

#[tokio::test]
async fn a_rebound_name_is_turned_away() {
    let rig = Rig::new().await;
    let seen = rig.get("/api/v1/orders").header("host", "evil.example").send().await;
    assert_eq!(seen.problem(421).0, "unknown_host");
    rig.get("/api/v1/orders").header("host", "localhost:1").send().await.with(200);
    rig.stop().await;
}

#[tokio::test]
async fn what_is_not_there_says_so() {
    let rig = Rig::new().await;
    assert_eq!(rig.get("/api/v1/nothing").send().await.problem(404).0, "not_found");
    let seen = rig.with_method("PUT", "/api/v1/keys").send().await;
    assert_eq!(seen.status, 405);
    assert_eq!(seen.headers["allow"], "GET, POST");
    for path in [
        "/api/v1/orders/tienda:404",
        "/api/v1/orders/nonsense",
        "/api/v1/orders/tienda:404/timeline",
        "/api/v1/actions/x",
        "/api/v1/syncs/x",
        "/api/v1/channels/nobody",
    ] {
        assert_eq!(rig.get(path).send().await.problem(404).0, "not_found", "{path}");
    }
    rig.stop().await;
}

#[tokio::test]
async fn answers_are_nobody_else_s_to_keep_or_frame() {
    let rig = Rig::new().await;
    let seen = rig.get("/api/v1/orders").send().await;
    assert_eq!(seen.headers["cache-control"], "no-store");
    assert_eq!(seen.headers["x-content-type-options"], "nosniff");
    assert!(seen.headers["content-security-policy"].to_str().is_ok_and(|csp| csp.contains("'none'")));
    rig.stop().await;
}

#[tokio::test]
async fn bodies_are_json_and_known() {
    let rig = Rig::new().await;
    let path = "/api/v1/keys";
    let form = rig.post(path).header("content-type", "text/plain").raw("{}").send().await;
    assert_eq!(form.problem(415).0, "unsupported_media_type");
    let broken = rig.post(path).header("content-type", "application/json").raw("{").send().await;
    assert_eq!(broken.problem(400).0, "invalid_request");
    let misspelt = rig.post(path).json(&json!({ "nmae": "x", "role": "viewer" })).send().await;
    assert_eq!(misspelt.problem(422), ("invalid_request".to_owned(), Some("nmae".to_owned())));
    let huge = "x".repeat((1 << 20) + 1);
    let large = rig.post(path).header("content-type", "application/json").raw(huge).send().await;
    assert_eq!(large.problem(413).0, "too_large");
    rig.stop().await;
}
