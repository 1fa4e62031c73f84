//! The config changes under a running daemon.

use serde_json::Value;

use super::market::{Market, Plan, Polls, Shop};

fn all(shops: &[Shop], polls: Polls) -> String {
    shops.iter().map(|shop| shop.config(polls)).collect()
}

async fn reload(market: &Market, channels: &str, outcome: &str) {
    let labels = [("outcome", outcome)];
    let before = market.metric("fenicia_config_reloads_total", &labels).await;
    market.folder.write(channels);
    market.daemon().signal("-HUP");
    market.until_metric("fenicia_config_reloads_total", &labels, |count| count > before).await;
}

fn ids(channels: &[Value]) -> Vec<&str> {
    channels.iter().filter_map(|channel| channel["id"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_are_added_changed_and_removed_while_the_others_run_on() {
    let market = Market::open(Plan::default()).await;
    market.ready().await;
    market.agrees().await;
    let (first, rest) = market.shops.split_first().expect("shops");
    let known = market.client().all(&format!("/api/v1/orders?channel={}", first.id)).await;
    let id = market.daemon().id();

    reload(&market, &all(rest, Polls::Quick), "applied").await;
    let channels = market.client().all("/api/v1/channels").await;
    assert_eq!(channels.len(), rest.len(), "{:?}", ids(&channels));
    assert_eq!(market.client().get(&first.channel_path()).await.status, 404);
    let kept = market.client().all(&format!("/api/v1/orders?channel={}", first.id)).await;
    assert_eq!(kept.len(), known.len(), "the orders of a removed channel stay");
    let orders = first.orders(2);
    for shop in rest {
        shop.ship(&shop.orders(1));
        market.agrees_on(shop).await;
    }
    assert_eq!(market.client().get(&first.path(&orders[0])).await.status, 404);

    reload(&market, &all(&market.shops, Polls::Quick), "applied").await;
    market.agrees().await;

    let renamed = all(&market.shops, Polls::Far);
    reload(&market, &renamed, "applied").await;
    for shop in &market.shops {
        let channel = market.channel(shop).await;
        assert_eq!(channel["schedule"], "0 0 1 1 *", "{}", shop.id);
        assert_eq!(channel["status"], "connected", "{}", shop.id);
    }

    let off = renamed.replacen("poll = ", "enabled = false\npoll = ", 1);
    reload(&market, &off, "applied").await;
    assert_eq!(market.channel(first).await["status"], "disabled");
    reload(&market, &renamed, "applied").await;
    market.client().until(&first.channel_path(), |channel| channel["status"] == "connected").await;

    assert_eq!(market.daemon().id(), id);
    market.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_config_changes_nothing_and_says_why() {
    let market = Market::open(Plan::default()).await;
    market.ready().await;
    let before = ids(&market.client().all("/api/v1/channels").await).join(" ");
    let good = all(&market.shops, Polls::Quick);
    let (first, second) = (&market.shops[0], &market.shops[1]);
    let swapped =
        good.replace(&format!("kind = \"{}\"", first.row.kind), &format!("kind = \"{}\"", second.row.kind));
    for (bad, why) in [
        (good.replacen("poll =", "pol =", 1), "poll"),
        (good.replacen("poll = \"", "poll = \"nonsense ", 1), "poll"),
        (format!("{good}[channels.UPPER]\nkind = \"x\"\n"), "UPPER"),
        (format!("{good}]["), "config.toml"),
        (swapped, second.row.kind),
    ] {
        reload(&market, &bad, "refused").await;
        assert!(market.folder.log().contains(why), "{why} is not in the log:\n{}", market.folder.log());
        assert_eq!(ids(&market.client().all("/api/v1/channels").await).join(" "), before);
    }
    market.folder.write(&good);
    for shop in &market.shops {
        shop.ship(&shop.orders(1));
    }
    market.agrees().await;
    market.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_found_out_and_right_ones_heal() {
    let market = Market::open(Plan::default()).await;
    market.ready().await;
    let good = all(&market.shops, Polls::Quick);
    // Every marketplace has one of these; none of them is believed any more.
    let wrong = good
        .replace("client_secret = \"", "client_secret = \"wrong-")
        .replace("app_secret = \"", "app_secret = \"wrong-");
    reload(&market, &wrong, "applied").await;
    for shop in &market.shops {
        market.until_channel(shop, "needs_reconnect").await;
    }
    reload(&market, &good, "applied").await;
    for shop in &market.shops {
        market.until_channel(shop, "connected").await;
        shop.ship(&shop.orders(1));
    }
    market.agrees().await;
    market.close();
}
