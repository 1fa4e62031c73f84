//! A whole channel is synced on a person's wish: with progress, once at a time, beside everything
//! else, and through a crash.

use std::time::Duration;

use fenicia::net::Method;
use serde_json::Value;

use super::market::{Market, Plan, Shop};

/// A daemon that does not import what lies back by itself.
const FORGETFUL: &str = "[sync]\ninitial_import = \"1h\"\n";

/// Orders of the day before yesterday, as many as the marketplace can bear.
fn fill(shop: &Shop) -> u64 {
    shop.earlier_orders(shop.row.crowd, Duration::from_hours(48)).len() as u64
}

async fn begin(market: &Market, shop: &Shop) -> String {
    let path = format!("{}/sync", shop.channel_path());
    let started = market.client().call(Method::Post, &path, None).await;
    assert_eq!(started.status, 202, "{}: {}", shop.id, started.text);
    let id = started.body["sync_id"].as_str().expect("an id").to_owned();
    let again = market.client().call(Method::Post, &path, None).await;
    assert_eq!((again.status, again.body["sync_id"].as_str()), (409, Some(id.as_str())), "{}", shop.id);
    id
}

/// Numbers never go back.
struct Progress([u64; 3]);

impl Progress {
    fn see(&mut self, sync: &Value) {
        let now = ["found", "done", "failed"].map(|field| sync[field].as_u64().expect("a number"));
        for (before, now) in self.0.iter().zip(now) {
            assert!(now >= *before, "{sync} after {:?}", self.0);
        }
        assert!(now[1] + now[2] <= now[0], "{sync}");
        self.0 = now;
    }
}

async fn through(market: &Market, sync: &str) -> Value {
    let progress = std::cell::RefCell::new(Progress([0; 3]));
    let path = format!("/api/v1/syncs/{sync}");
    let ended = |sync: &Value| {
        progress.borrow_mut().see(sync);
        sync["state"] != "running"
    };
    market.client().until(&path, ended).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_orders_are_synced_while_webhooks_stay_instant() {
    let market = Market::closed(Plan { limits: 20.0, config: FORGETFUL, ..Plan::still() }).await;
    let counts: Vec<u64> = market.shops.iter().map(fill).collect();
    let market = started(market).await;
    let mut syncs = Vec::new();
    for shop in &market.shops {
        syncs.push(begin(&market, shop).await);
    }
    let mut overtaken = 0;
    for (shop, sync) in market.shops.iter().zip(&syncs).filter(|(shop, _)| shop.row.webhooks.is_some()) {
        let order = shop.orders(1).remove(0);
        market.client().until(&shop.path(&order), |_| true).await;
        let running = market.client().get(&format!("/api/v1/syncs/{sync}")).await.body;
        overtaken += usize::from(running["state"] == "running");
    }
    assert!(overtaken > 0, "every bulk sync was over before the webhook of a new order was read");
    for ((shop, sync), count) in market.shops.iter().zip(&syncs).zip(counts) {
        let ended = through(&market, sync).await;
        assert_eq!((&ended["state"], &ended["failed"]), (&"done".into(), &0.into()), "{}: {ended}", shop.id);
        assert!(ended["done"].as_u64().is_some_and(|done| done >= count), "{}: {ended}", shop.id);
        assert_eq!(ended["found"], ended["done"], "{}", shop.id);
    }
    market.agrees().await;
    market.close();
}

async fn started(mut market: Market) -> Market {
    market.start();
    market.ready().await;
    market
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_sync_goes_on_after_a_crash_and_ends_when_told() {
    let market = Market::closed(Plan { config: FORGETFUL, ..Plan::still() }).await;
    for shop in &market.shops {
        fill(shop);
    }
    let mut market = started(market).await;
    let mut syncs = Vec::new();
    for shop in &market.shops {
        syncs.push(begin(&market, shop).await);
    }
    for sync in &syncs {
        let path = format!("/api/v1/syncs/{sync}");
        market.client().until(&path, |sync| sync["found"].as_u64() > Some(0)).await;
    }
    market.kill();
    market.start();
    for (shop, sync) in market.shops.iter().zip(&syncs) {
        let ended = through(&market, sync).await;
        assert_eq!(ended["state"], "done", "{}: {ended}", shop.id);
    }
    market.agrees().await;

    for shop in &market.shops {
        let sync = begin(&market, shop).await;
        let path = format!("/api/v1/syncs/{sync}");
        let stopped = market.client().call(Method::Delete, &path, None).await;
        assert_eq!(stopped.status, 200, "{}: {}", shop.id, stopped.text);
        assert_ne!(stopped.body["state"], "running", "{}", shop.id);
        // Nothing is in the way of the next one.
        let next = begin(&market, shop).await;
        assert_eq!(through(&market, &next).await["state"], "done", "{}", shop.id);
    }
    market.agrees().await;
    market.close();
}
