//! Programs and people use the API: who may do what, once and no more, without a gap.

use fenicia::net::Method;
use fenicia::sandbox::{Wish, WishLine};
use serde_json::{Value, json};

use super::market::{Market, Plan};
use super::support::Client;

async fn key(market: &Market, role: &str) -> Client {
    let made =
        market.client().post("/api/v1/keys", &json!({ "name": format!("the {role}"), "role": role })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    market.client().with_key(made.body["key"].as_str().expect("shown once"))
}

fn method(word: &str) -> Method {
    match word {
        "get" => Method::Get,
        "post" => Method::Post,
        "delete" => Method::Delete,
        other => panic!("a route with {other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_asks_who_is_there() {
    let market = Market::open(Plan::still()).await;
    let document = market.client().get("/api/v1/openapi.json").await.body;
    let (viewer, operator) = (key(&market, "viewer").await, key(&market, "operator").await);
    let (nobody, stranger) = (market.client().with_key(""), market.client().with_key("fen_not-a-key"));
    let mut walked = 0;
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (word, operation) in methods.as_object().expect("methods") {
            let (path, method) = (path.replace("{id}", "x"), method(word));
            let body = (method == Method::Post).then(|| json!({}));
            let ask = async |client: &Client| client.call(method, &path, body.as_ref()).await.status;
            let needs = operation["description"].as_str().expect("a description");
            if needs.contains("no key from this machine") {
                assert!([200, 503].contains(&ask(&nobody).await), "{path}");
                continue;
            }
            walked += 1;
            assert_eq!(ask(&nobody).await, 401, "{word} {path}");
            assert_eq!(ask(&stranger).await, 401, "{word} {path}");
            if needs.contains("role viewer") {
                // A stream of events has no end.
                let endless = path.ends_with("/events");
                assert!(endless || ![401, 403].contains(&ask(&viewer).await), "{word} {path}");
                continue;
            }
            assert_eq!(ask(&viewer).await, 403, "{word} {path}");
            if needs.contains("role admin") {
                assert_eq!(ask(&operator).await, 403, "{word} {path}");
            } else if path.contains("/x") {
                assert!(![401, 403].contains(&ask(&operator).await), "{word} {path}");
            }
        }
    }
    assert!(walked > 25, "only {walked} routes were found");
    market.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_repeated_acts_once() {
    let market = Market::open(Plan::still()).await;
    market.ready().await;
    for shop in &market.shops {
        let order = shop.orders(1).remove(0);
        let path = format!("{}/sync", shop.path(&order));
        let once = format!("once-and-no-more-{}", shop.id);
        let ask = async |path: &str, body: Value| {
            let headers = [("idempotency-key", once.as_str())];
            market.client().call_as(Method::Post, path, Some(&body), &headers).await
        };
        let first = ask(&path, json!({})).await;
        assert_eq!(first.status, 202, "{}: {}", shop.id, first.text);
        market.client().until(&shop.path(&order), |order| order["sync"]["state"] == "synced").await;
        market.idle(shop).await;
        let reads = shop.calls();
        let again = ask(&path, json!({})).await;
        assert_eq!((again.status, &again.body), (202, &first.body), "{}", shop.id);
        let other = ask(&format!("{}/sync", shop.channel_path()), json!({})).await;
        assert_eq!(
            (other.status, &other.body["code"]),
            (422, &json!("idempotency_key_reused")),
            "{}",
            shop.id
        );
        assert_eq!(shop.calls(), reads, "{}: nothing is asked of the marketplace twice", shop.id);
    }
    market.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_of_changes_has_no_gap_and_wakes_who_waits() {
    let market = Market::open(Plan::default()).await;
    market.ready().await;
    for shop in &market.shops {
        shop.ship(&shop.orders(5));
    }
    market.agrees().await;
    let mut seqs: Vec<u64> = Vec::new();
    let mut orders = std::collections::BTreeSet::new();
    loop {
        let after = seqs.last().copied().unwrap_or(0);
        let page = market.client().get(&format!("/api/v1/changes?after={after}&limit=7")).await.body;
        let items = page["items"].as_array().expect("items").clone();
        for item in &items {
            seqs.push(item["seq"].as_u64().expect("a number"));
            let order = item["order_id"].as_str().expect("an order").to_owned();
            let new = orders.insert(order);
            assert_eq!(item["change"], if new { "created" } else { "updated" }, "{item}");
            assert!(!item["fields"].as_array().expect("fields").is_empty() || new, "{item}");
        }
        if items.len() < 7 {
            break;
        }
    }
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    let known = market.client().all("/api/v1/orders").await;
    assert_eq!(orders.len(), known.len(), "every order is told of");

    let last = seqs.len();
    let path = format!("/api/v1/changes?after={last}&wait=60s");
    let waiting = market.client().get(&path);
    let placing = async { market.shops[0].place(&Wish::default()) };
    let (news, order) = tokio::join!(waiting, placing);
    let woken = news.body["items"].as_array().expect("items").clone();
    assert_eq!(woken[0]["seq"], last as u64 + 1, "{woken:?}");
    assert_eq!(woken[0]["order_id"], format!("{}:{order}", market.shops[0].id));
    market.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_found_and_exported() {
    let market = Market::open(Plan::default()).await;
    market.ready().await;
    for (at, shop) in market.shops.iter().enumerate() {
        let wish = Wish {
            paid: Some(true),
            name: Some("Remedios Buscada".to_owned()),
            email: Some(format!("remedios{at}@example.com")),
            phone: Some(format!("+52 55 7000 000{at}")),
            lines: vec![WishLine {
                sku: format!("FIND-ME-{at}"),
                title: Some("A lamp".to_owned()),
                variant: None,
                quantity: 2,
                unit_price: "10.00".to_owned(),
            }],
            ..Wish::default()
        };
        let order = shop.place(&wish);
        shop.orders(2);
        shop.ship(std::slice::from_ref(&order));
        market.agrees_on(shop).await;
        let shown = market.client().get(&shop.path(&order)).await.body;
        let mut words = vec![
            shown["number"].clone(),
            shown["items"][0]["sku"].clone(),
            shown["shipments"][0]["tracking_number"].clone(),
        ];
        if shop.row.people {
            words.push(shown["customer"]["name"].clone());
            words.extend([shown["customer"]["email"].clone(), shown["customer"]["phone"].clone()]);
        }
        for word in words.iter().filter_map(Value::as_str) {
            let word: String = form_urlencoded::byte_serialize(word.as_bytes()).collect();
            let path = format!("/api/v1/orders?channel={}&q={word}", shop.id);
            let found = market.client().all(&path).await;
            assert!(
                found.iter().any(|own| own["id"] == shown["id"]),
                "{}: {word} finds {}",
                shop.id,
                found.len()
            );
        }
        let nothing =
            market.client().all(&format!("/api/v1/orders?channel={}&q=nobody-at-all", shop.id)).await;
        assert!(nothing.is_empty(), "{nothing:?}");
    }
    exports(&market).await;
    market.close();
}

async fn exports(market: &Market) {
    let known = market.client().all("/api/v1/orders").await;
    let lines = market.client().get("/api/v1/orders/export?format=jsonl").await.text;
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), known.len());
    let table =
        market.client().get("/api/v1/orders/export?format=csv&columns=id,status,total,customer_email").await;
    let mut table = csv::Reader::from_reader(&table.bytes[..]);
    assert_eq!(table.headers().expect("a header"), vec!["id", "status", "total", "customer_email"]);
    let rows: Vec<csv::StringRecord> = table.records().map(|row| row.expect("a row")).collect();
    assert_eq!(rows.len(), known.len());
    for order in &known {
        let row = rows.iter().find(|row| Some(&row[0]) == order["id"].as_str()).expect("in the table");
        assert_eq!(&row[1], order["status"].as_str().expect("a status"));
        assert_eq!(&row[2], order["total"].as_str().unwrap_or_default());
        assert!(lines.iter().any(|line| line["id"] == order["id"] && line["total"] == order["total"]));
    }
    let plain = market.client().get("/api/v1/orders/export?format=csv").await.text;
    assert!(!plain.contains("Remedios") && !plain.contains("@example.com"), "personal data unasked for");
}

/// The names that dashboards rely on.
const METRICS: [&str; 19] = [
    "fenicia_build_info",
    "fenicia_webhooks_total",
    "fenicia_webhook_ack_seconds",
    "fenicia_polls_total",
    "fenicia_order_syncs_total",
    "fenicia_order_sync_seconds",
    "fenicia_sync_lag_seconds",
    "fenicia_backlog",
    "fenicia_in_flight",
    "fenicia_channel_requests_total",
    "fenicia_channel_request_seconds",
    "fenicia_rate_limit_wait_seconds_total",
    "fenicia_actions_total",
    "fenicia_channel_up",
    "fenicia_channel_last_success_timestamp_seconds",
    "fenicia_store_commit_seconds",
    "fenicia_store_commit_records",
    "fenicia_store_bytes",
    "fenicia_actor_restarts_total",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_bear_the_promised_names_and_nobody_s_data() {
    let market = Market::open(Plan::default()).await;
    market.ready().await;
    for shop in &market.shops {
        let wish = Wish { name: Some("Remedios Buscada".to_owned()), ..Wish::default() };
        let order = shop.place(&wish);
        market.agrees_on(shop).await;
        market.until_metric("fenicia_channel_up", &[("channel", &shop.id)], |up| up > 0.5).await;
        let text = market.client().get("/metrics").await.text;
        for secret in ["Remedios", order.as_str(), "sandbox-client-secret"] {
            assert!(!text.contains(secret), "{}: {secret} is in the metrics", shop.id);
        }
    }
    let text = market.client().get("/metrics").await.text;
    for name in METRICS {
        assert!(text.contains(&format!("# TYPE {name} ")), "{name} is missing");
    }
    market.close();
}
