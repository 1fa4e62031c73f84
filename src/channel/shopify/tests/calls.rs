//! Inward calls against a shop on loopback: tokens, lists, fetches, rights, subscriptions.

use std::time::Duration;

use serde_json::{Value, json};

use super::orders::{end, graph, with};
use super::shop::{Asked, Shop, Told, call, data, tokens, told};
use crate::channel::{Fetched, Headers, ListRequest, Tiding, Value as Setting};
use crate::model::{ChannelOrderId, FailureKind, Secret, Seen, Timestamp};

const ALL: &str = "read_orders,read_all_orders,read_merchant_managed_fulfillment_orders";

fn ids(numbers: std::ops::RangeInclusive<u64>) -> Vec<ChannelOrderId> {
    numbers.map(ChannelOrderId::from).collect()
}

fn order(id: &str) -> Value {
    with(graph(), json!({ "id": format!("gid://shopify/Order/{id}") }))
}

/// Answers every id but 5003, which it does not have.
fn nodes(asked: &Asked) -> Vec<Value> {
    let ids = asked.variables()["ids"].as_array().cloned().unwrap_or_default();
    let node = |id: &Value| match id.as_str().and_then(|id| id.rsplit('/').next()) {
        Some("5003") | None => Value::Null,
        Some(id) => order(id),
    };
    ids.iter().map(node).collect()
}

#[tokio::test]
async fn a_token_is_asked_for_with_the_client_s_credentials() {
    let shop = Shop::start(|_| {
        told(&json!({ "access_token": "shpat_1", "scope": "read_orders", "expires_in": 86399 }))
    })
    .await;
    let got = shop.channel().authorise(None).await.expect("tokens");
    assert_eq!((got.access, got.generation), (Secret::new("shpat_1"), 1));
    let asked = &shop.asked()[0];
    assert_eq!(asked.path, "/admin/oauth/access_token");
    assert_eq!(asked.body, "grant_type=client_credentials&client_id=id&client_secret=se%26cret");
}

#[tokio::test]
async fn a_refused_refresh_token_falls_back_on_the_credentials() {
    let shop = Shop::start(|asked| {
        if asked.body.contains("refresh_token") {
            Told { status: 400, headers: vec![], body: r#"{"error":"invalid_grant"}"#.into() }
        } else {
            told(&json!({ "access_token": "fresh", "scope": "", "expires_in": 10 }))
        }
    })
    .await;
    let mut held = tokens("");
    held.refresh = Some(Secret::new("spent"));
    let got = shop.channel().authorise(Some(&held)).await.expect("tokens");
    assert_eq!((got.access, got.generation, shop.asked().len()), (Secret::new("fresh"), 2, 2));
}

#[tokio::test]
async fn a_static_token_needs_no_call() {
    let shop = Shop::start(|_| data(Value::Null)).await;
    let channel = shop.channel_with(&[("access_token", Setting::Secret(Secret::new("shpat_s")))]);
    let got = channel.authorise(None).await.expect("tokens");
    assert_eq!((got.access, got.expires_at, shop.asked().len()), (Secret::new("shpat_s"), None, 0));
}

fn window() -> ListRequest<'static> {
    let from = Timestamp::parse("2026-11-20T00:00:00Z").expect("a time");
    ListRequest { stream: "orders", from, to: None, token: None, bulk: false }
}

#[tokio::test]
async fn changes_are_listed_as_hints() {
    let shop = Shop::start(|_| {
        let row = json!({ "id": "gid://shopify/Order/5001", "updatedAt": "2026-11-20T10:00:05Z" });
        data(json!({ "orders": { "nodes": [row], "pageInfo": { "hasNextPage": true, "endCursor": "abc" } } }))
    })
    .await;
    let tokens = tokens(ALL);
    let page = shop.channel().list(call(&tokens), window()).await.expect("a page");
    let changed_at = Timestamp::parse("2026-11-20T10:00:05Z");
    assert_eq!(page.tidings, [Tiding::Hint { order: 5001.into(), changed_at }]);
    assert_eq!(page.watermark, changed_at);
    let asked = &shop.asked()[0];
    assert_eq!(
        (asked.path.as_str(), asked.get("x-shopify-access-token")),
        ("/admin/api/2026-10/graphql.json", Some("shpat_test"))
    );
    assert_eq!(asked.variables(), json!({ "after": null, "query": "updated_at:>='2026-11-20T00:00:00Z'" }));
    let token = page.next.expect("a next page");
    let next = ListRequest { token: Some(&token), ..window() };
    shop.channel().list(call(&tokens), next).await.expect("a page");
    assert_eq!(shop.asked()[1].variables()["after"], "abc");
}

#[tokio::test]
async fn a_filter_that_is_not_understood_is_a_failure() {
    let shop = Shop::start(|_| {
        told(&json!({ "data": { "orders": { "nodes": [], "pageInfo": end() } },
            "extensions": { "search": [{ "path": ["orders"], "query": "x", "warnings": [{ "field": "updated", "code": "invalid_field" }] }] } }))
    })
    .await;
    let failure = shop.channel().list(call(&tokens(ALL)), window()).await.expect_err("an alarm");
    assert_eq!((failure.kind, failure.local), (FailureKind::InvalidRequest, false));
}

#[tokio::test]
async fn a_cursor_that_has_gone_bad_begins_the_window_anew() {
    let shop = Shop::start(|asked| {
        if asked.variables()["after"].is_null() {
            data(json!({ "orders": { "nodes": [], "pageInfo": end() } }))
        } else {
            told(&json!({ "errors": [{ "message": "Malformed cursor", "extensions": { "code": "BAD_REQUEST" } }] }))
        }
    })
    .await;
    let request = ListRequest { token: Some("1|1763596800000|bad"), ..window() };
    assert!(shop.channel().list(call(&tokens(ALL)), request).await.is_ok());
    assert_eq!(shop.asked().len(), 2);
}

#[tokio::test]
async fn orders_are_fetched_in_batches_and_missing_ones_are_named() {
    let shop = Shop::start(|asked| data(json!({ "nodes": nodes(asked) }))).await;
    let mut orders = ids(5001..=5012);
    orders.push(ChannelOrderId::new("draft-7").expect("an id"));
    let fetched = shop.channel().fetch(call(&tokens(ALL)), &orders).await.expect("orders");
    assert_eq!((fetched.len(), shop.asked().len()), (13, 2));
    let missing: Vec<_> = fetched
        .iter()
        .filter_map(|f| {
            if let Fetched::Missing { order, reach } = f { Some((order.as_str(), *reach)) } else { None }
        })
        .collect();
    assert_eq!(missing, [("draft-7", None), ("5003", None)]);
}

#[tokio::test]
async fn without_the_right_to_all_orders_old_ones_are_out_of_sight() {
    let shop = Shop::start(|_| data(json!({ "nodes": [null] }))).await;
    for scopes in ["read_orders", ""] {
        let fetched = shop.channel().fetch(call(&tokens(scopes)), &ids(1..=1)).await.expect("an answer");
        let days = Duration::from_secs(60 * 86_400);
        assert!(
            matches!(&fetched[..], [Fetched::Missing { reach: Some(reach), .. }] if *reach == days),
            "{scopes}"
        );
    }
}

fn denied(path: &Value) -> Value {
    json!({ "message": "Access denied for customer field. Required access: `read_customers`.", "path": path,
        "extensions": { "code": "ACCESS_DENIED" } })
}

#[tokio::test]
async fn denied_fields_are_withheld_and_the_order_is_kept() {
    let shop = Shop::start(|_| {
        let bare = with(order("5001"), json!({ "customer": null, "email": null, "shippingAddress": null, "billingAddress": null, "phone": null }));
        let errors: Vec<_> = ["customer", "email", "phone", "shippingAddress", "billingAddress"].iter().map(|field| denied(&json!(["nodes", 0, field]))).collect();
        told(&json!({ "data": { "nodes": [bare, order("5002")] }, "errors": errors }))
    })
    .await;
    let fetched = shop.channel().fetch(call(&tokens(ALL)), &ids(5001..=5002)).await.expect("orders");
    let [Fetched::Found(first), Fetched::Found(second)] = &fetched[..] else { panic!("{fetched:?}") };
    assert_eq!(
        (&first.customer.email, &first.customer.name, &first.shipping_address),
        (&Seen::Absent, &Seen::Absent, &Seen::Absent)
    );
    assert_eq!(first.anomalies[0].code, "withheld:personal_data");
    assert_eq!(second.customer.email, Seen::Value("eva@example.com".into()));
}

#[tokio::test]
async fn an_app_that_may_not_see_fulfilment_orders_still_reads_orders() {
    let shop = Shop::start(|asked| {
        if asked.query().contains("fulfillmentOrders") {
            told(&json!({ "data": { "nodes": [null] }, "errors": [denied(&json!(["nodes", 0, "fulfillmentOrders"]))] }))
        } else {
            let mut order = order("5001");
            order.as_object_mut().expect("an object").remove("fulfillmentOrders");
            data(json!({ "nodes": [order] }))
        }
    })
    .await;
    let channel = shop.channel();
    for calls in [2, 3] {
        let fetched = channel.fetch(call(&tokens("")), &ids(5001..=5001)).await.expect("an order");
        let [Fetched::Found(seen)] = &fetched[..] else { panic!("{fetched:?}") };
        assert!(seen.facts.is_empty());
        assert_eq!(shop.asked().len(), calls, "it is asked for in vain once only");
    }
    let poor = tokens("read_orders,read_customers");
    shop.channel().fetch(call(&poor), &ids(5001..=5001)).await.expect("an order");
    assert_eq!(shop.asked().len(), 4, "known scopes spare the vain call");
}

#[tokio::test]
async fn a_version_that_lacks_a_field_is_asked_for_the_essential_ones() {
    let shop = Shop::start(|asked| {
        if asked.query().contains("currentTotalTaxSet") {
            return told(&json!({ "errors": [{ "message": "Field 'currentTotalTaxSet' doesn't exist on type 'Order'",
                "path": ["query", "nodes", "... on Order", "currentTotalTaxSet"], "extensions": { "code": "undefinedField" } }] }));
        }
        data(json!({ "nodes": nodes(asked) }))
    })
    .await;
    let channel = shop.channel();
    for calls in [2, 3] {
        let fetched = channel.fetch(call(&tokens(ALL)), &ids(5001..=5001)).await.expect("an order");
        assert!(matches!(&fetched[..], [Fetched::Found(_)]));
        assert_eq!(shop.asked().len(), calls);
    }
}

#[tokio::test]
async fn a_fault_of_one_order_fails_that_order_only() {
    let shop = Shop::start(|_| {
        let error = json!({ "message": "Internal error", "path": ["nodes", 1, "refunds"], "extensions": { "code": "INTERNAL_SERVER_ERROR" } });
        told(&json!({ "data": { "nodes": [order("5001"), null] }, "errors": [error] }))
    })
    .await;
    let fetched = shop.channel().fetch(call(&tokens(ALL)), &ids(5001..=5002)).await.expect("an answer");
    let [Fetched::Found(_), Fetched::Failed { order, failure }] = &fetched[..] else { panic!("{fetched:?}") };
    assert_eq!((order.as_str(), failure.kind), ("5002", FailureKind::Unavailable));
}

#[tokio::test]
async fn every_page_of_the_lines_is_read() {
    let shop = Shop::start(|asked| {
        let mut order = order("5001");
        let more = json!({ "hasNextPage": true, "endCursor": "p2" });
        if asked.variables()["after"] == "p2" {
            let mut lines = order["lineItems"].clone();
            lines["nodes"][0]["id"] = json!("gid://shopify/LineItem/13");
            return data(json!({ "node": { "lineItems": lines } }));
        }
        order["lineItems"]["pageInfo"] = more;
        data(json!({ "nodes": [order] }))
    })
    .await;
    let fetched = shop.channel().fetch(call(&tokens(ALL)), &ids(5001..=5001)).await.expect("an order");
    let [Fetched::Found(seen)] = &fetched[..] else { panic!("{fetched:?}") };
    let lines: Vec<_> = seen.items.iter().flatten().map(|item| item.line_id.as_str()).collect();
    assert_eq!(lines, ["11", "12", "13", "12"]);
}

async fn failure_of(answer: impl Fn(&Asked) -> Told + Send + Sync + 'static) -> crate::model::Failure {
    let shop = Shop::start(answer).await;
    shop.channel().fetch(call(&tokens(ALL)), &ids(1..=1)).await.expect_err("a failure")
}

#[tokio::test]
async fn refusals_of_a_whole_call_have_their_kind() {
    let throttled = json!({ "errors": [{ "message": "Throttled", "extensions": { "code": "THROTTLED" } }],
        "extensions": { "cost": { "requestedQueryCost": 910, "actualQueryCost": null,
            "throttleStatus": { "maximumAvailable": 2000.0, "currentlyAvailable": 10, "restoreRate": 100.0 } } } });
    let before = crate::clock::Clock::system().now();
    let failure = failure_of(move |_| told(&throttled)).await;
    let wait = failure.resume_at.expect("an end").since(before);
    assert_eq!(failure.kind, FailureKind::RateLimited);
    assert!(wait >= Duration::from_secs(9) && wait < Duration::from_secs(12), "{wait:?}");

    let failure = failure_of(|_| Told {
        status: 429,
        headers: vec![("retry-after", "4.0".into())],
        body: String::new(),
    })
    .await;
    assert_eq!(failure.kind, FailureKind::RateLimited);
    let failure = failure_of(|_| Told {
        status: 401,
        headers: vec![("x-request-id", "r-1".into())],
        body: r#"{"errors":"[API] Invalid API key"}"#.into(),
    })
    .await;
    assert_eq!(
        (failure.kind, failure.stale_token, failure.request_id.as_deref()),
        (FailureKind::Permission, true, Some("r-1"))
    );
    let failure =
        failure_of(|_| Told { status: 200, headers: vec![], body: "<html>maintenance</html>".into() }).await;
    assert_eq!(failure.kind, FailureKind::Unavailable);
    let failure =
        failure_of(|_| Told { status: 200, headers: vec![], body: r#"{"data":{"nodes":[{"id""#.into() })
            .await;
    assert_eq!(failure.kind, FailureKind::Unavailable);
    let inactive =
        json!({ "errors": [{ "message": "Shop is inactive", "extensions": { "code": "SHOP_INACTIVE" } }] });
    assert_eq!(failure_of(move |_| told(&inactive)).await.kind, FailureKind::Permission);
    assert_eq!(failure_of(|_| data(json!({ "nodes": [] }))).await.kind, FailureKind::Unavailable);
}

#[tokio::test]
async fn a_probe_tells_rights_version_and_clock() {
    let shop = Shop::start(|_| Told {
        headers: vec![
            ("x-shopify-api-version", "2026-01".into()),
            ("date", "Mon, 23 Nov 2020 10:00:00 GMT".into()),
        ],
        ..data(json!({ "shop": { "myshopifyDomain": "other.myshopify.com" },
            "currentAppInstallation": { "accessScopes": [{ "handle": "read_orders" }] } }))
    })
    .await;
    let findings = shop.channel().probe(call(&tokens(""))).await.expect("findings");
    let bad: Vec<_> = findings.iter().filter(|f| !f.ok).map(|f| f.what.as_str()).collect();
    for word in ["other.myshopify.com", "write_orders", "read_customers", "2026-01", "clock"] {
        assert!(bad.iter().any(|what| what.contains(word)), "{word}: {bad:?}");
    }
    assert!(findings.iter().filter(|f| !f.ok).all(|f| f.cure.is_some()));
}

const ADDRESS: &str = "https://orders.example.com/webhooks/tienda";

#[tokio::test]
async fn only_missing_subscriptions_are_made() {
    let shop = Shop::start(|asked| {
        if asked.query().contains("mutation") {
            return data(json!({ "webhookSubscriptionCreate": { "webhookSubscription": { "id": "gid://shopify/WebhookSubscription/1" }, "userErrors": [] } }));
        }
        let row = |topic: &str, uri: &str| json!({ "topic": topic, "uri": uri });
        data(json!({ "webhookSubscriptions": { "pageInfo": end(), "nodes": [
            row("ORDERS_CREATE", ADDRESS), row("ORDERS_UPDATED", &format!("{ADDRESS}/orders-updated")),
            row("ORDERS_PAID", "https://elsewhere.example.com/") ] } }))
    })
    .await;
    let done = shop.channel().subscribe(call(&tokens(ALL)), ADDRESS).await.expect("subscriptions");
    assert_eq!(done.present, ["ORDERS_CREATE", "ORDERS_UPDATED"]);
    assert_eq!(done.created.len(), 12);
    assert!(done.created.iter().any(|topic| topic == "ORDERS_PAID"));
    assert_eq!(shop.asked()[1].variables()["uri"], ADDRESS);
}

#[tokio::test]
async fn a_refused_subscription_is_told_after_the_others_are_made() {
    let shop = Shop::start(|asked| {
        if !asked.query().contains("mutation") {
            return data(json!({ "webhookSubscriptions": { "nodes": [], "pageInfo": end() } }));
        }
        let errors = if asked.variables()["topic"] == "ORDERS_EDITED" {
            json!([{ "field": ["webhookSubscription", "callbackUrl"], "message": "Address protocol http:// is not supported" }])
        } else {
            json!([])
        };
        data(json!({ "webhookSubscriptionCreate": { "webhookSubscription": null, "userErrors": errors } }))
    })
    .await;
    let failure = shop.channel().subscribe(call(&tokens(ALL)), ADDRESS).await.expect_err("a refusal");
    assert!(failure.local && failure.message.contains("ORDERS_EDITED"), "{failure}");
    assert_eq!(shop.asked().len(), 15);
}

#[tokio::test]
async fn an_order_that_cannot_be_read_fails_alone() {
    let shop = Shop::start(|asked| {
        let mut nodes = nodes(asked);
        nodes[1]["lineItems"]["nodes"] = json!("nothing of the kind");
        data(json!({ "nodes": nodes }))
    })
    .await;
    let fetched = shop.channel().fetch(call(&tokens(ALL)), &ids(5010..=5012)).await.expect("orders");
    assert!(matches!(fetched[0], Fetched::Found(_)) && matches!(fetched[2], Fetched::Found(_)));
    let Fetched::Failed { order, failure } = &fetched[1] else { panic!("{fetched:?}") };
    assert_eq!((order.as_str(), failure.kind, failure.local), ("5011", FailureKind::Unavailable, true));
}

#[tokio::test]
async fn a_question_that_is_refused_is_asked_again_by_halves() {
    let shop = Shop::start(|asked| {
        if nodes(asked).len() > 3 {
            return told(&json!({ "errors": [{ "message": "Query cost is 1210, which exceeds the single query max cost limit 1000",
                "extensions": { "code": "MAX_COST_EXCEEDED", "cost": 1210 } }] }));
        }
        if asked.body.contains("/5012") {
            return told(&json!({ "errors": [{ "message": "invalid id", "extensions": { "code": "RESOURCE_NOT_FOUND" } }] }));
        }
        data(json!({ "nodes": nodes(asked) }))
    })
    .await;
    let channel = shop.channel();
    let fetched = channel.fetch(call(&tokens(ALL)), &ids(5010..=5017)).await.expect("orders");
    let failed: Vec<_> = fetched
        .iter()
        .filter(|one| !matches!(one, Fetched::Found(_)))
        .map(|one| format!("{one:?}"))
        .collect();
    assert_eq!((fetched.len(), failed.len()), (8, 1), "{failed:?}");
    assert!(failed[0].contains("5012"), "{failed:?}");
    let before = shop.asked().len();
    channel.fetch(call(&tokens(ALL)), &ids(5020..=5023)).await.expect("orders");
    assert_eq!(shop.asked().len() - before, 2, "the smaller batch is remembered");
}

#[tokio::test]
async fn a_denial_that_does_not_say_where_withholds_personal_data_only() {
    let shop = Shop::start(|asked| {
        let mut nodes = nodes(asked);
        nodes[0]["customer"] = Value::Null;
        nodes[0]["shippingAddress"] = Value::Null;
        told(&json!({ "data": { "nodes": nodes },
            "errors": [{ "message": "Access denied for customer field.", "extensions": { "code": "ACCESS_DENIED" } }] }))
    })
    .await;
    let fetched = shop.channel().fetch(call(&tokens(ALL)), &ids(5010..=5010)).await.expect("orders");
    let Fetched::Found(seen) = &fetched[0] else { panic!("{fetched:?}") };
    assert_eq!(seen.shipping_address, Seen::Absent, "a known address stays");
    assert!(seen.anomalies.iter().any(|anomaly| anomaly.code == "withheld:personal_data"));
}

#[tokio::test]
async fn a_row_that_cannot_be_read_does_not_hide_the_others() {
    let shop = Shop::start(|_| {
        let good = json!({ "id": "gid://shopify/Order/5001", "updatedAt": "2026-11-20T10:00:05Z" });
        let undated = json!({ "id": "gid://shopify/Order/5002", "updatedAt": 7 });
        let nameless = json!({ "id": {}, "updatedAt": "2026-11-20T10:00:09Z" });
        data(json!({ "orders": { "nodes": [Value::Null, nameless, undated, good], "pageInfo": end() } }))
    })
    .await;
    let page = shop.channel().list(call(&tokens(ALL)), window()).await.expect("a page");
    let hints: Vec<_> = page
        .tidings
        .iter()
        .filter_map(
            |tiding| if let Tiding::Hint { order, .. } = tiding { Some(order.as_str()) } else { None },
        )
        .collect();
    assert_eq!((hints, page.tidings.len()), (vec!["5002", "5001"], 4));
    assert_eq!(page.watermark, Timestamp::parse("2026-11-20T10:00:09Z"));
}

#[tokio::test]
async fn an_error_is_told_though_the_data_beside_it_has_another_shape() {
    let shop = Shop::start(|_| {
        told(&json!({ "data": { "nodes": null }, "extensions": null,
            "errors": [{ "message": "Throttled", "path": ["nodes"], "extensions": { "code": "THROTTLED" } }] }))
    })
    .await;
    let failure = shop.channel().fetch(call(&tokens(ALL)), &ids(5010..=5010)).await.expect_err("throttled");
    assert_eq!(failure.kind, FailureKind::RateLimited);
}
