//! The marketplaces' allowances are kept to the letter, and nobody fails because of them.

use std::time::Duration;

use fenicia::net::Method;
use fenicia::sandbox::Fault;
use serde_json::Value;

use super::market::{Market, Plan};
use super::rows::ROWS;

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_asks_to_wait_is_waited_for_exactly() {
    let rows = ROWS.iter().filter(|row| row.says_how_long).collect();
    let market = Market::open(Plan { rows, ..Plan::still() }).await;
    market.ready().await;
    for shop in &market.shops {
        let orders = shop.orders(3);
        for order in &orders {
            market.sync(shop, order).await;
        }
        market.idle(shop).await;
        let [first, others @ ..] = &orders[..] else { panic!("three orders") };
        for read in shop.row.read {
            shop.suffers_once(read, Fault::RateLimited { seconds: 3 });
        }
        market.sync(shop, first).await;
        shop.mend();
        let shown = market.client().get(&shop.path(first)).await.body;
        let error = &shown["sync"]["error"];
        assert_eq!(error["kind"], "rate_limited", "{}: {error}", shop.id);
        assert!(error["retry_at"].is_string(), "{}: {error}", shop.id);
        // Whoever asks meanwhile is not let through: a call before its time would be a breach.
        for order in others {
            market.sync(shop, order).await;
        }
        for order in &orders {
            market.client().until(&shop.path(order), |order| order["sync"]["state"] == "synced").await;
        }
        assert_eq!(market.failures(shop).await, Vec::<Value>::new(), "{}", shop.id);
        assert_eq!(market.channel(shop).await["status"], "connected", "{}", shop.id);
        assert!(market.told(shop, "channel_down").await.is_empty(), "{}", shop.id);
    }
    market.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flash_sale_keeps_to_the_real_allowances() {
    let market = Market::open(Plan { limits: 1.0, ..Plan::still() }).await;
    market.ready().await;
    for shop in &market.shops {
        let crowd = shop.row.crowd.min(60);
        shop.earlier_orders(crowd, Duration::from_mins(10));
        if shop.row.webhooks.is_some() {
            shop.ship(&shop.orders(crowd));
        }
        let path = format!("{}/sync", shop.channel_path());
        let started = market.client().call(Method::Post, &path, None).await;
        assert_eq!(started.status, 202, "{}: {}", shop.id, started.text);
    }
    market.agrees().await;
    market.close();
}
