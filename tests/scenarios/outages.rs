//! Marketplaces are slow, hang, break down, and come back.

use fenicia::net::Method;
use fenicia::sandbox::Fault;
use serde_json::Value;

use super::market::{Market, Plan, Shop};

const SHORT: &str = "[sync]\nrequest_timeout = \"2s\"\n";

/// What may be wrong with a marketplace, and what the merchant is told.
fn troubles() -> Vec<(Fault, &'static str)> {
    vec![
        (Fault::Status { status: 503 }, "unavailable"),
        (Fault::Hang, "network_timeout"),
        (Fault::ResetBefore, "network_timeout"),
        (Fault::HtmlAfter, "unavailable"),
        (Fault::Truncated, "unavailable"),
        (Fault::GarbageAfter, "unavailable"),
        (Fault::CutAnswer, "network_timeout"),
    ]
}

/// Every shop in one of the troubles, another one per turn.
async fn break_down(market: &Market, turn: usize) -> Vec<(&Shop, String, &'static str)> {
    let troubles = troubles();
    let mut broken = Vec::new();
    for (at, shop) in market.shops.iter().enumerate() {
        let order = shop.orders(1).remove(0);
        market.client().until(&shop.path(&order), |_| true).await;
        let (fault, kind) = troubles[(at + turn) % troubles.len()].clone();
        shop.suffers(fault);
        broken.push((shop, order, kind));
    }
    broken
}

/// The failure of an order is told alike in the order, its timeline and the list of failures, once.
async fn is_told_once(market: &Market, shop: &Shop, order: &str, kind: &str) {
    market.sync(shop, order).await;
    market.sync(shop, order).await;
    let path = shop.path(order);
    let shown = market.client().until(&path, |order| order["sync"]["state"] == "failed").await;
    let error = &shown["sync"]["error"];
    assert_eq!(error["kind"], kind, "{}: {error}", shop.id);
    for field in ["message", "advice", "retry_at"] {
        assert!(error[field].as_str().is_some_and(|text| !text.is_empty()), "{}: {error}", shop.id);
    }
    let failures = market.failures(shop).await;
    // What the daemon owes the marketplace for a new order may have failed beside it.
    let its = |own: &&Value| own["order_id"] == shown["id"] && own["what"] == "sync";
    let its: Vec<&Value> = failures.iter().filter(its).collect();
    assert_eq!(its.len(), 1, "{}: {failures:#?}", shop.id);
    assert_eq!(its[0]["error"]["kind"], kind, "{}", shop.id);
    let events = market.timeline(shop, order).await;
    let failed = events.iter().find(|event| event["kind"] == "sync_failed").expect("it is in the timeline");
    assert_eq!(failed["error"]["kind"], kind, "{}: {failed}", shop.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_marketplace_that_breaks_down_is_told_of_and_comes_back_by_itself() {
    let market = Market::open(Plan { config: SHORT, ..Plan::default() }).await;
    market.ready().await;
    let broken = break_down(&market, 0).await;
    let before: Vec<u64> = market.shops.iter().map(Shop::calls).collect();
    for (shop, order, kind) in &broken {
        is_told_once(&market, shop, order, kind).await;
        let channel = market.until_channel(shop, "degraded").await;
        assert!(channel["last_error"]["advice"].is_string(), "{channel}");
        market.until_metric("fenicia_channel_up", &[("channel", &shop.id)], |up| up < 0.5).await;
    }
    for (shop, before) in market.shops.iter().zip(before) {
        let calls = shop.calls() - before;
        assert!(calls <= 200, "{}: {calls} calls at a marketplace that is down", shop.id);
        shop.ship(&shop.orders(2));
        shop.mend();
    }
    for (shop, order, _) in &broken {
        market.until_channel(shop, "connected").await;
        let path = shop.path(order);
        market.client().until(&path, |order| order["sync"]["state"] == "synced").await;
        // What the daemon owes by itself, an acknowledgement, comes a step of the ladder later.
        let failures = format!("/api/v1/failures?channel={}", shop.id);
        market.client().until(&failures, |own| own["items"].as_array().is_some_and(Vec::is_empty)).await;
    }
    market.agrees().await;
    market.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_may_end_the_wait_after_an_outage() {
    let market = Market::open(Plan { config: SHORT, ..Plan::default() }).await;
    market.ready().await;
    for turn in 1..4 {
        let broken = break_down(&market, turn).await;
        for (shop, order, kind) in &broken {
            is_told_once(&market, shop, order, kind).await;
            shop.mend();
        }
        for (shop, order, _) in &broken {
            let tested =
                market.client().call(Method::Post, &format!("{}/test", shop.channel_path()), None).await;
            assert_eq!(tested.body["ok"], true, "{}: {}", shop.id, tested.text);
            market.sync(shop, order).await;
            market.client().until(&shop.path(order), |order| order["sync"]["state"] == "synced").await;
            market.until_channel(shop, "connected").await;
        }
        let retried = market.client().call(Method::Post, "/api/v1/failures/retry", None).await;
        assert_eq!(retried.status, 202, "{}", retried.text);
    }
    market.agrees().await;
    market.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_marketplace_is_waited_for() {
    let market =
        Market::open(Plan { config: "[sync]\nrequest_timeout = \"20s\"\n", ..Plan::default() }).await;
    market.ready().await;
    for shop in &market.shops {
        shop.suffers(Fault::Delay { ms: 300 });
        shop.ship(&shop.orders(3));
    }
    market.agrees().await;
    for shop in &market.shops {
        assert_eq!(market.channel(shop).await["status"], "connected", "{}", shop.id);
        assert_eq!(market.failures(shop).await, Vec::<Value>::new(), "{}", shop.id);
    }
    market.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trouble_of_some_channels_is_nobody_else_s() {
    let market = Market::open(Plan { config: SHORT, ..Plan::default() }).await;
    market.ready().await;
    let (sick, well) = market.shops.split_at(market.shops.len() / 2);
    for shop in sick {
        shop.suffers(Fault::Hang);
        shop.ship(&shop.orders(2));
    }
    for shop in well {
        shop.ship(&shop.orders(2));
    }
    for shop in well {
        market.agrees_on(shop).await;
        assert_eq!(market.channel(shop).await["status"], "connected", "{}", shop.id);
    }
    for shop in sick {
        shop.mend();
    }
    market.agrees().await;
    market.close();
}
