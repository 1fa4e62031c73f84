//! Calls over loopback: signatures, pages, batches, refusals, access.

use serde_json::{Value, json};

use super::shop::{APP_KEY, Asked, CIPHER, NOW, SECRET, SHOP_ID, Shop, Told, bad, call, good, tokens};
use crate::channel::{Channel, Consent, Fetched, Given, ListRequest, Page};
use crate::model::{
    ChannelOrderId, Failure, FailureKind, Native, Observation, OrderStatus, PaymentStatus, Secret, Tiding,
    Timestamp,
};

fn id(text: &str) -> ChannelOrderId {
    ChannelOrderId::new(text).expect("an id")
}

fn order(id: &str, status: &str) -> Value {
    json!({
        "id": id, "status": status, "create_time": 100, "update_time": 200, "paid_time": 101,
        "fulfillment_type": "FULFILLMENT_BY_SELLER", "shipping_type": "SELLER", "delivery_option_id": "9",
        "payment": {"currency": "USD", "total_amount": "21.3"},
        "recipient_address": {"name": "Ada", "region_code": "US"},
        "line_items": [{"id": "1", "sku_id": "2", "sale_price": "21.3"}],
    })
}

const DETAIL: &str = "/order/202507/orders";
const CANCELLATIONS: &str = "/return_refund/202309/cancellations/search";
const RETURNS: &str = "/return_refund/202309/returns/search";

/// A shop with these orders and nothing after the sale.
fn plain(asked: &Asked, orders: &[Value]) -> Told {
    match asked.path.as_str() {
        DETAIL => {
            let ids: Vec<&str> = asked.param("ids").split(',').collect();
            let named = |order: &&Value| ids.contains(&order["id"].as_str().unwrap_or_default());
            good(json!({ "orders": orders.iter().filter(named).collect::<Vec<_>>() }))
        }
        CANCELLATIONS => good(json!({ "cancellations": [], "total_count": 0 })),
        RETURNS => good(json!({ "return_orders": null })),
        path if path.ends_with("/shipping_providers") => {
            good(json!({ "shipping_providers": [{"id": "77", "name": "USPS"}] }))
        }
        _ => bad(404, 36_009_009, "no such path"),
    }
}

fn seen(fetched: &Fetched) -> &Observation {
    match fetched {
        Fetched::Found(seen) => seen,
        other => panic!("{other:?}"),
    }
}

fn window(stream: &'static str, token: Option<&'static str>) -> ListRequest<'static> {
    ListRequest { stream, from: Timestamp::from_secs(500), to: None, token, bulk: false }
}

#[tokio::test]
async fn a_batch_is_three_calls_and_the_carriers_once_a_day() {
    let orders = [order("11", "AWAITING_SHIPMENT"), order("12", "UNPAID")];
    let shop = Shop::start(move |asked| plain(asked, &orders)).await;
    let (channel, tokens) = (shop.channel(), tokens());
    let wanted = [id("11"), id("12"), id("13"), id("not-a-number")];
    let fetched = channel.fetch(call(&tokens), &wanted).await.expect("fetched");
    assert_eq!(seen(&fetched[0]).status, Native::Known(OrderStatus::Accepted));
    assert_eq!(seen(&fetched[0]).facts["providers"], r#"[{"id":"77","name":"USPS"}]"#);
    assert_eq!(seen(&fetched[1]).status, Native::Known(OrderStatus::Pending));
    assert!(matches!(&fetched[2], Fetched::Missing { order, .. } if *order == id("13")));
    assert!(matches!(&fetched[3], Fetched::Missing { .. }));
    let asked = shop.asked();
    assert_eq!(asked.len(), 4);
    assert_eq!(asked[0].param("ids"), "11,12,13");
    assert_eq!((asked[0].param("shop_cipher"), asked[0].token.as_deref()), (CIPHER, Some("ROW_access")));
    assert_eq!(asked[0].param("timestamp"), NOW.to_string());
    let search = asked.iter().find(|asked| asked.path == RETURNS).expect("returns");
    assert_eq!(search.json(), json!({ "order_ids": ["11", "12"] }));
    channel.fetch(call(&tokens), &[id("11")]).await.expect("fetched");
    assert_eq!(shop.asked().len(), 7, "the carriers are known");
}

#[tokio::test]
async fn one_foreign_order_does_not_hide_the_others() {
    let shop = Shop::start(|asked| match asked.param("ids") {
        ids if ids.contains("66") => bad(400, 21_008_111, "order not found"),
        _ => plain(asked, &[order("11", "ON_HOLD"), order("12", "ON_HOLD")]),
    })
    .await;
    let (channel, tokens) = (shop.channel(), tokens());
    let fetched = channel.fetch(call(&tokens), &[id("11"), id("66"), id("12")]).await.expect("fetched");
    assert!(matches!(fetched[0], Fetched::Found(_)) && matches!(fetched[2], Fetched::Found(_)));
    assert!(matches!(&fetched[1], Fetched::Missing { order, .. } if *order == id("66")));
    let alone = channel.fetch(call(&tokens), &[id("66")]).await.expect("fetched");
    assert!(matches!(alone[0], Fetched::Missing { .. }));
}

#[tokio::test]
async fn refunds_come_from_every_page_of_both_lists() {
    let refund = |id: u32, total: &str| json!({"return_id": id, "order_id": "11", "return_status": "RETURN_OR_REFUND_REQUEST_COMPLETE", "refund_amount": {"refund_total": total}, "return_line_items": [{"order_line_item_id": "1"}]});
    let shop = Shop::start(move |asked| match (asked.path.as_str(), asked.param("page_token")) {
        (RETURNS, "") => good(json!({ "return_orders": [refund(1, "1.30")], "next_page_token": "a+/=" })),
        (RETURNS, "a+/=") => good(json!({ "return_orders": [], "next_page_token": "b" })),
        (RETURNS, "b") => good(json!({ "return_orders": [refund(2, "20")], "next_page_token": "" })),
        _ => plain(asked, &[order("11", "COMPLETED")]),
    })
    .await;
    let (channel, tokens) = (shop.channel(), tokens());
    let fetched = channel.fetch(call(&tokens), &[id("11")]).await.expect("fetched");
    let seen = seen(&fetched[0]);
    assert_eq!(seen.payment_status, Native::Known(PaymentStatus::Refunded));
    assert_eq!(seen.status, Native::Known(OrderStatus::Shipped), "nothing says that it arrived");
    assert_eq!(seen.amounts.refunded.map(|a| a.to_string()).as_deref(), Some("21.30"));
    assert_eq!(seen.items.as_ref().expect("items")[0].quantity_refunded, Some(1));
}

#[tokio::test]
async fn an_older_detail_call_serves_where_the_newer_is_not_known() {
    let shop = Shop::start(|asked| match asked.path.as_str() {
        DETAIL => bad(404, 36_009_009, "no schema found"),
        "/order/202309/orders" => good(json!({ "orders": [order("11", "ON_HOLD")] })),
        _ => plain(asked, &[]),
    })
    .await;
    let (channel, tokens) = (shop.channel(), tokens());
    for _ in 0..2 {
        let fetched = channel.fetch(call(&tokens), &[id("11")]).await.expect("fetched");
        assert!(matches!(fetched[0], Fetched::Found(_)));
    }
    let newer = shop.lines().iter().filter(|line| line.ends_with(DETAIL)).count();
    assert_eq!(newer, 1, "it is not tried again and again");
}

#[tokio::test]
async fn a_right_that_is_missing_for_refunds_hides_no_order() {
    let shop = Shop::start(|asked| match asked.path.as_str() {
        RETURNS => bad(403, 105_005, "scope"),
        _ => plain(asked, &[order("11", "COMPLETED")]),
    })
    .await;
    let (channel, tokens) = (shop.channel(), tokens());
    let fetched = channel.fetch(call(&tokens), &[id("11")]).await.expect("fetched");
    assert!(seen(&fetched[0]).refunds_unseen);
    assert_eq!(seen(&fetched[0]).anomalies[0].code, "refunds_withheld");
    let down = Shop::start(|asked| match asked.path.as_str() {
        RETURNS => bad(500, 36_009_003, "try again"),
        _ => plain(asked, &[order("11", "COMPLETED")]),
    })
    .await;
    let failure = down.channel().fetch(call(&tokens), &[id("11")]).await.expect_err("not the whole truth");
    assert_eq!(failure.kind, FailureKind::Unavailable);
}

#[tokio::test]
async fn a_walk_through_the_orders_keeps_its_filter_and_its_beginning() {
    let shop = Shop::start(|asked| {
        let mut thin = order("12", "ON_HOLD");
        thin["line_items"] = Value::Null;
        match asked.param("page_token") {
            "" => good(json!({ "orders": [order("11", "AWAITING_SHIPMENT"), thin], "next_page_token": "x+/=", "total_count": 3 })),
            "x+/=" => good(json!({ "orders": [], "next_page_token": "y" })),
            _ => good(json!({ "orders": [order("13", "IN_TRANSIT")], "next_page_token": "" })),
        }
    })
    .await;
    let (channel, tokens) = (shop.channel(), tokens());
    let list = async |token| channel.list(call(&tokens), window("orders", token)).await.expect("a page");
    let first: Page = list(None).await;
    assert_eq!((first.next.as_deref(), first.total), (Some("x+/="), Some(3)));
    let started = first.watermark.expect("a watermark");
    assert!((Timestamp::from_secs(NOW)..Timestamp::from_secs(NOW + 5)).contains(&started), "{started}");
    assert!(matches!(&first.tidings[0], Tiding::Seen(seen) if seen.refunds_unseen && !seen.incomplete));
    let thin = Tiding::Hint { order: id("12"), changed_at: Some(Timestamp::from_secs(200)) };
    assert_eq!(first.tidings[1], thin);
    let second = list(Some("x+/=")).await;
    assert_eq!((second.next.as_deref(), second.watermark, second.tidings.len()), (Some("y"), None, 0));
    let last = list(Some("y")).await;
    assert_eq!(last.next, None);
    assert!(matches!(&last.tidings[0], Tiding::Seen(seen) if seen.incomplete), "it may have been refunded");
    for asked in shop.asked() {
        assert_eq!(asked.line(), "POST /order/202309/orders/search");
        assert_eq!(asked.json(), json!({ "update_time_ge": 500 }));
        let query = ["page_size", "sort_field", "sort_order"].map(|name| asked.param(name));
        assert_eq!(query, ["100", "update_time", "ASC"]);
    }
    let weekly = channel.list(call(&tokens), window("orders_of_the_week", None)).await.expect("a page");
    // A known change time says nothing about a note, so the content is looked at.
    assert!(matches!(&weekly.tidings[0], Tiding::Seen(_)));
}

#[tokio::test]
async fn a_list_that_cannot_be_read_is_no_empty_list() {
    let shop = Shop::start(|asked| match asked.path.as_str() {
        CANCELLATIONS => good(json!({ "cancellations": "?", "total_count": 1 })),
        _ => good(json!({ "orders": [7], "total_count": 1 })),
    })
    .await;
    let (channel, tokens) = (shop.channel(), tokens());
    for stream in ["orders", "cancellations"] {
        let told = channel.list(call(&tokens), window(stream, None)).await.expect_err("the walk stops here");
        assert_eq!(told.kind, FailureKind::Unavailable, "{stream}");
    }
}

#[tokio::test]
async fn after_sales_are_hints_for_their_orders() {
    let shop = Shop::start(|asked| match asked.path.as_str() {
        CANCELLATIONS => good(json!({ "cancellations": [{"cancel_id": "1", "order_id": "11"}, {"cancel_id": "2", "order_id": "11"}] })),
        _ => good(json!({ "return_orders": [{"return_id": "1", "order_id": "12"}] })),
    })
    .await;
    let (channel, tokens) = (shop.channel(), tokens());
    let hint = |order| Tiding::Hint { order: id(order), changed_at: None };
    let cut = ListRequest { to: Some(Timestamp::from_secs(900)), ..window("cancellations", None) };
    assert_eq!(channel.list(call(&tokens), cut).await.expect("a page").tidings, [hint("11")]);
    let page = channel.list(call(&tokens), window("returns", None)).await.expect("a page");
    assert_eq!(page.tidings, [hint("12")]);
    assert_eq!(shop.asked()[0].json(), json!({ "update_time_ge": 500, "update_time_lt": 900 }));
    assert_eq!(shop.asked()[1].param("page_size"), "50");
}

// ---- access ----------------------------------------------------------------------------------

fn token_answer() -> Told {
    good(json!({
        "access_token": "ROW_new", "access_token_expire_in": NOW + 604_800, "refresh_token": "next-refresh",
        "refresh_token_expire_in": NOW + 9_000_000, "user_type": 0, "granted_scopes": ["seller.order.info"],
    }))
}

#[tokio::test]
async fn a_renewal_spends_the_newest_refresh_token_and_keeps_the_cipher() {
    let shop = Shop::start(|_| token_answer()).await;
    let channel = shop.channel();
    let first = channel.authorise(None).await.expect("tokens");
    assert_eq!(first.expires_at, Some(Timestamp::from_secs(NOW + 604_800)));
    assert_eq!(first.refresh.as_ref().map(Secret::expose), Some("next-refresh"));
    let mut held = tokens();
    held.extra.insert("shop_cipher".to_owned(), "C2".to_owned());
    let second = channel.authorise(Some(&held)).await.expect("tokens");
    assert_eq!((second.generation, second.extra["shop_cipher"].as_str()), (5, "C2"));
    let asked = shop.asked();
    let sent: Vec<&str> = asked.iter().map(|asked| asked.param("refresh_token")).collect();
    assert_eq!(sent, ["first-refresh", "held-refresh"]);
    assert_eq!(asked[0].line(), "GET /api/v2/token/refresh");
    assert_eq!((asked[0].param("grant_type"), asked[0].param("app_key")), ("refresh_token", APP_KEY));
}

fn given(code: &str) -> Given {
    Given::read(&format!("state=st&code={code}")).expect("a consent")
}

#[tokio::test]
async fn a_consent_brings_tokens_and_the_shop_s_cipher() {
    let shops =
        json!({ "shops": [{"id": "1", "cipher": "C1"}, {"id": SHOP_ID, "cipher": "C2", "region": "US"}] });
    let shop = Shop::start(move |asked| match asked.path.as_str() {
        "/api/v2/token/get" => token_answer(),
        _ => good(shops.clone()),
    })
    .await;
    let channel = shop.channel();
    let consent = Consent { redirect: "https://a.example/cb", state: "st", verifier: "v" };
    let address = channel.consent(&consent).expect("an address");
    assert!(address.ends_with(&format!("/oauth/authorize?app_key={APP_KEY}&state=st")), "{address}");
    let tokens = channel.redeem(&consent, &given("c0de")).await.expect("tokens");
    assert_eq!(tokens.extra["shop_cipher"], "C2");
    let asked = shop.asked();
    assert_eq!((asked[0].param("auth_code"), asked[0].param("grant_type")), ("c0de", "authorized_code"));
    assert_eq!(asked[1].query.get("shop_cipher"), None, "this call takes no shop");
    let denied = channel.redeem(&consent, &given("null")).await.expect_err("denied");
    assert_eq!(denied.kind, FailureKind::Permission);
    assert_eq!(shop.asked().len(), 2);
}

#[tokio::test]
async fn a_creator_and_a_foreign_account_are_refused() {
    let creator = Shop::start(|_| good(json!({ "access_token": "a", "user_type": 1 }))).await;
    let failure = creator.channel().authorise(None).await.expect_err("a creator");
    assert!(failure.kind == FailureKind::Permission && failure.message.contains("creator"), "{failure}");
    let foreign = Shop::start(|asked| match asked.path.as_str() {
        "/api/v2/token/get" => token_answer(),
        _ => good(json!({ "shops": [{"id": "1", "cipher": "C1"}] })),
    })
    .await;
    let consent = Consent { redirect: "", state: "", verifier: "" };
    let failure = foreign.channel().redeem(&consent, &given("c")).await.expect_err("another's shop");
    assert!(failure.message.contains(SHOP_ID), "{failure}");
}

#[tokio::test]
async fn the_cipher_is_asked_for_once_where_nobody_names_it() {
    let shop = Shop::start(|asked| match asked.path.as_str() {
        "/authorization/202309/shops" => good(json!({ "shops": [{"id": SHOP_ID, "cipher": "C9"}] })),
        _ => good(json!({ "orders": [] })),
    })
    .await;
    let (channel, tokens) = (shop.channel_without_cipher(), tokens());
    for _ in 0..2 {
        channel.list(call(&tokens), window("orders", None)).await.expect("a page");
    }
    let asked = shop.asked();
    assert_eq!(asked.len(), 3);
    assert!(asked[1..].iter().all(|asked| asked.param("shop_cipher") == "C9"));
}

#[tokio::test]
async fn no_secret_reaches_a_failure() {
    let dead = super::shop::channel("http://127.0.0.1:1", true);
    let failure = dead.authorise(None).await.expect_err("nobody listens");
    assert_eq!(failure.kind, FailureKind::NetworkTimeout);
    let refused =
        Shop::start(|asked| bad(200, 36_004_001, &format!("bad {}", asked.param("app_secret")))).await;
    let told = refused.channel().authorise(None).await.expect_err("refused");
    assert_eq!(told.kind, FailureKind::Permission);
    for text in [failure.to_string(), told.to_string()] {
        assert!(!text.contains("first-refresh") && !text.contains(SECRET) && !text.contains('?'), "{text}");
    }
}

// ---- limits and notifications ----------------------------------------------------------------

#[tokio::test]
async fn too_many_calls_slow_the_channel_down_for_as_long_as_told() {
    let shop = Shop::start(|_| Told {
        headers: vec![("retry-after", "40".to_owned())],
        ..bad(429, 36_009_002, "too many requests")
    })
    .await;
    let (channel, tokens) = (shop.channel(), tokens());
    let list = async || -> Failure {
        channel.list(call(&tokens), window("orders", None)).await.expect_err("refused")
    };
    let failure = list().await;
    assert_eq!(failure.kind, FailureKind::RateLimited);
    let until = failure.resume_at.expect("a time");
    assert!(until >= Timestamp::from_secs(NOW + 40), "{until}");
    assert_eq!(list().await.kind, FailureKind::RateLimited);
    assert_eq!(shop.asked().len(), 1, "nothing is sent before");
    assert_eq!(channel.rate_limit().remaining, Some(0));
}

#[tokio::test]
async fn a_limit_is_understood_without_its_status() {
    let shop = Shop::start(|_| bad(200, 36_009_002, "too many requests")).await;
    let (channel, tokens) = (shop.channel(), tokens());
    let failure = channel.list(call(&tokens), window("orders", None)).await.expect_err("refused");
    assert_eq!(failure.kind, FailureKind::RateLimited);
    assert!(failure.resume_at.is_some_and(|at| at >= Timestamp::from_secs(NOW + 1)));
    assert!(channel.rate_limit().resets_at.is_some());
}

#[tokio::test]
async fn notifications_are_mended_topic_by_topic() {
    let shop = Shop::start(|asked| match asked.method.as_str() {
        "GET" => good(json!({ "webhooks": [
            {"event_type": "ORDER_STATUS_CHANGE", "address": "https://a.example/webhooks/tt/order_status_change"},
            {"event_type": "PACKAGE_UPDATE", "address": "https://old.example/x"},
        ] })),
        _ if asked.body.contains("UPCOMING") => bad(400, 36_009_004, "event not available"),
        _ => good(json!({})),
    })
    .await;
    let (channel, tokens) = (shop.channel(), tokens());
    let found = channel.subscribe(call(&tokens), "https://a.example/webhooks/tt").await.expect("looked");
    assert_eq!(found.present, ["ORDER_STATUS_CHANGE"]);
    assert_eq!(found.created.len(), 5);
    let put = shop.asked().into_iter().find(|asked| asked.body.contains("PACKAGE_UPDATE")).expect("mended");
    let wanted =
        json!({"event_type": "PACKAGE_UPDATE", "address": "https://a.example/webhooks/tt/package_update"});
    assert_eq!((put.method.as_str(), put.json()), ("PUT", wanted));
}

#[tokio::test]
async fn the_connection_is_proved_by_one_call() {
    let shop = Shop::start(|_| Told {
        headers: vec![("date", "Mon, 24 Nov 2025 16:00:00 GMT".to_owned())],
        ..good(json!({ "shops": [{"id": SHOP_ID, "name": "Hats", "region": "US", "cipher": CIPHER}] }))
    })
    .await;
    let (channel, tokens) = (shop.channel(), tokens());
    let findings = channel.probe(call(&tokens)).await.expect("answered");
    assert!(findings.iter().all(|finding| finding.ok), "{findings:?}");
    assert_eq!((findings.len(), shop.asked().len()), (5, 1));
}

#[tokio::test]
async fn an_order_that_cannot_be_read_fails_alone() {
    let shop = Shop::start(|asked| match asked.path.as_str() {
        DETAIL => good(json!({ "orders": [null, order("11", "ON_HOLD")] })),
        "/order/202309/orders/search" => good(json!({ "orders": [7, {"id": {}}, order("11", "ON_HOLD")] })),
        _ => plain(asked, &[]),
    })
    .await;
    let (channel, tokens) = (shop.channel(), tokens());
    let fetched = channel.fetch(call(&tokens), &[id("11"), id("12")]).await.expect("fetched");
    assert!(matches!(fetched[0], Fetched::Found(_)));
    let Fetched::Failed { failure, .. } = &fetched[1] else { panic!("{fetched:?}") };
    assert_eq!((failure.kind, failure.local), (FailureKind::Unavailable, true), "not missing");
    let page = channel.list(call(&tokens), window("orders", None)).await.expect("a page");
    let seen: Vec<bool> = page.tidings.iter().map(|tiding| matches!(tiding, Tiding::Seen(_))).collect();
    assert_eq!(seen, [false, true, false]);
    assert!(page.watermark.is_some());
}

#[tokio::test]
async fn a_batch_that_cannot_be_read_is_not_missing() {
    let shop = Shop::start(|asked| match asked.path.as_str() {
        DETAIL => good(json!({ "orders": "?" })),
        _ => plain(asked, &[]),
    })
    .await;
    let failure = shop.channel().fetch(call(&tokens()), &[id("11")]).await.expect_err("nonsense");
    assert_eq!(failure.kind, FailureKind::Unavailable);
}

#[tokio::test]
async fn lines_that_cannot_be_read_are_told_and_read_again() {
    let shop = Shop::start(|asked| {
        let mut odd = order("11", "AWAITING_SHIPMENT");
        odd["line_items"] = json!("?");
        plain(asked, &[odd])
    })
    .await;
    let fetched = shop.channel().fetch(call(&tokens()), &[id("11")]).await.expect("fetched");
    let seen = seen(&fetched[0]);
    assert!(seen.items.is_none() && seen.incomplete);
    assert!(seen.anomalies.iter().any(|anomaly| anomaly.code == "unreadable_lines"));
}
