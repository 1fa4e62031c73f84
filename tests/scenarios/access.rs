//! Tokens run out, access is withdrawn, and a person gives it back.

use fenicia::net::Method;
use fenicia::sandbox::{Deed, DeliveryState};
use serde_json::{Value, json};

use super::market::{Market, Plan};
use super::{privacy, rotation};

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ran_out_is_renewed_once_and_silently() {
    let market = Market::open(Plan::default()).await;
    market.ready().await;
    for shop in &market.shops {
        let orders = shop.orders(5);
        market.agrees_on(shop).await;
        let before = shop.token_calls();
        shop.stand().expire_access();
        shop.ship(&orders);
        for order in &orders {
            market.sync(shop, order).await;
        }
        market.agrees_on(shop).await;
        assert_eq!(shop.token_calls() - before, 1, "{}: renewals", shop.id);
        assert_eq!(market.channel(shop).await["status"], "connected", "{}", shop.id);
        assert_eq!(market.failures(shop).await, Vec::<Value>::new(), "{}", shop.id);
        assert!(market.told(shop, "channel_down").await.is_empty(), "{}", shop.id);
        for order in &orders {
            let events = market.timeline(shop, order).await;
            assert!(events.iter().all(|event| event["kind"] != "sync_failed"), "{}: {events:#?}", shop.id);
        }
    }
    market.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_access_is_told_once_and_work_goes_on_when_it_is_back() {
    let market = Market::open(Plan::default()).await;
    market.ready().await;
    for shop in &market.shops {
        let orders = shop.orders(8);
        market.agrees_on(shop).await;
        let before = shop.token_calls();
        shop.stand().revoke_access();
        let lost = shop.orders(4);
        shop.ship(&orders);
        let asked = orders.iter().map(|order| market.sync(shop, order));
        futures(asked).await;

        let channel = market.until_channel(shop, "needs_reconnect").await;
        assert_eq!(channel["last_error"]["kind"], "permission", "{channel}");
        let error = market.client().get(&shop.path(&orders[0])).await.body["sync"]["error"].clone();
        assert_eq!(error["kind"], "permission", "{}: {error}", shop.id);
        assert!(error["advice"].as_str().is_some_and(|advice| advice.contains("Reconnect")), "{error}");
        let told = market.told(shop, "channel_down").await;
        assert_eq!(told.len(), 1, "{}: {told:#?}", shop.id);
        assert!(told[0]["closed_at"].is_null(), "{told:#?}");
        // One by the refused call, at most one by each thing that a person asked for meanwhile.
        let renewals = shop.token_calls() - before;
        assert!(renewals <= 1 + orders.len() as u64, "{}: {renewals} renewals", shop.id);
        paused(&market, shop).await;

        if shop.row.webhooks.is_some() {
            let order = shop.orders(1).remove(0);
            shop.happen(&order, &Deed::Note { text: "Please ring twice.".to_owned() });
            shop.kit().webhooks.settled().await;
            let last = shop.kit().webhooks.records().pop().expect("it was told");
            assert_eq!(last.state, DeliveryState::Delivered, "{}: webhooks are still taken", shop.id);
        }

        shop.stand().restore_access();
        let tested = market.client().call(Method::Post, &format!("{}/test", shop.channel_path()), None).await;
        assert_eq!(tested.body["ok"], true, "{}: {}", shop.id, tested.text);
        market.until_channel(shop, "connected").await;
        market.client().until(&shop.path(&lost[0]), |_| true).await;
        market.agrees_on(shop).await;
        let told = market.told(shop, "channel_down").await;
        assert!(told.iter().all(|own| own["closed_at"].is_string()), "{}: {told:#?}", shop.id);
        assert_eq!(market.told(shop, "channel_recovered").await.len(), 1, "{}", shop.id);
        let clean = |failures: &Value| failures["items"] == Value::Array(Vec::new());
        market.client().until(&format!("/api/v1/failures?channel={}", shop.id), clean).await;
    }
    market.close();
}

/// Two more polls would have been due: the marketplace is left alone.
async fn paused(market: &Market, shop: &super::market::Shop) {
    let before = shop.calls();
    for _ in 0..3 {
        market.client().news().await;
    }
    assert_eq!(shop.calls(), before, "{}: it is called although a person must reconnect it", shop.id);
}

async fn futures(all: impl Iterator<Item = impl Future<Output = ()>>) {
    for one in all {
        one.await;
    }
}

/// The command line against this market's daemon: its exit code, what it printed, what it said.
fn fenicia(market: &Market, words: &[&str]) -> (Option<i32>, String, String) {
    let done = std::process::Command::new(env!("CARGO_BIN_EXE_fenicia"))
        .args(words)
        .arg("--config")
        .arg(market.folder.config())
        .env("FENICIA_URL", privacy::address(&market.folder))
        .output()
        .expect("the binary starts");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (done.status.code(), text(done.stdout), text(done.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_is_asked_for_refused_and_pasted_or_the_keys_are_named_that_take_its_place() {
    let market = Market::open(Plan::still()).await;
    market.ready().await;
    for shop in &market.shops {
        let (code, out, err) = fenicia(&market, &["connect", &shop.id, "--no-wait"]);
        if !shop.row.consents {
            assert_eq!((code, out.as_str()), (Some(1), ""), "{}: {err}", shop.id);
            for word in ["config.toml", "client_secret", &format!("[channels.{}]", shop.id)] {
                assert!(err.contains(word), "{}: {word} is not in {err}", shop.id);
            }
            continue;
        }
        assert_eq!(code, Some(0), "{}: {err}", shop.id);
        let begun = out.trim();
        assert!(begun.contains("state="), "{}: {begun}", shop.id);
        let back = format!("https://orders.example.com/oauth/{}/callback", shop.id);

        // Somebody else's answer, at the callback and pasted.
        let callback =
            format!("{}/oauth/{}/callback?code=c&state=another", market.daemon().webhooks, shop.id);
        assert_eq!(rotation::visit(&callback).await.status, 400, "{}", shop.id);
        let paste = |address: &str| fenicia(&market, &["connect", &shop.id, "--answer", address]);
        let (code, _, err) = paste(&format!("{back}?code=c&state=another"));
        assert!(code == Some(1) && err.contains("start it again"), "{}: {err}", shop.id);
        let (code, _, err) = paste(&back);
        assert!(code == Some(1) && err.contains("Copy the whole address"), "{}: {err}", shop.id);

        // The address at which the browser ends, pasted.
        let visited = rotation::visit(begun).await;
        let ended = visited.header("location").unwrap_or_else(|| panic!("{begun}: {}", visited.status));
        let (code, _, err) = paste(ended);
        assert_eq!(code, Some(0), "{}: {err}", shop.id);
        let (code, _, err) = paste(ended);
        assert!(code == Some(1) && err.contains("under way"), "{}: {err}", shop.id);
        market.until_channel(shop, "connected").await;
        for _ in 0..2 {
            let tested = market.client().post(&format!("{}/test", shop.channel_path()), &json!({})).await;
            assert_eq!(
                (tested.status, &tested.body["ok"]),
                (200, &json!(true)),
                "{}: {}",
                shop.id,
                tested.text
            );
            // What the consent gave is renewed as well.
            shop.stand().expire_access();
        }
    }
}
