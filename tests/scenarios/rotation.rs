//! `kill -9` at every step of a token's renewal. A channel is lost only where the marketplace has
//! spent the old refresh token and its answer came to nobody; then the merchant is told what to do.

use std::time::Duration;

use fenicia::clock::Clock;
use fenicia::net::{Http, HttpOptions, Method, Request, Response};
use fenicia::sandbox::{Fault, Rule};
use serde_json::{Value, json};

use super::market::{Market, Plan, Shop};

/// Where the process is when it dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It has asked; the marketplace has not done anything yet.
    Asked,
    /// The marketplace has renewed; its answer is on the way.
    Renewed,
    /// The answer is here; whether it was written down is a matter of moments.
    Answered,
    /// The new token was used.
    Used,
}

fn rounds() -> u64 {
    std::env::var("FENICIA_ROTATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_during_a_renewal_loses_no_channel_or_says_so() {
    let mut market =
        Market::open(Plan { config: "[sync]\nrequest_timeout = \"60s\"\n", ..Plan::still() }).await;
    market.ready().await;
    market.agrees().await;
    market.kill();
    let (mut lost, mut in_the_gap) = (0, 0);
    for _ in 0..rounds() {
        for step in [Step::Asked, Step::Renewed, Step::Answered, Step::Used] {
            dies_at(&mut market, step).await;
            market.start();
            let started = now().to_string();
            for shop in &market.shops {
                let may_be_lost = shop.row.single_use && matches!(step, Step::Renewed | Step::Answered);
                let settled =
                    |channel: &Value| channel["status"] == "needs_reconnect" || is_well(channel, &started);
                let channel = market.client().until(&shop.channel_path(), settled).await;
                in_the_gap += usize::from(shop.row.single_use && step == Step::Renewed);
                if channel["status"] == "needs_reconnect" {
                    assert!(may_be_lost, "{} at {step:?}: {channel}", shop.id);
                    lost += 1;
                    is_told_and_consents(&market, shop).await;
                }
            }
            market.agrees().await;
            market.kill();
        }
    }
    assert!(lost >= in_the_gap, "{lost} of {in_the_gap} renewals whose answer was lost were noticed");
    eprintln!("{} kills, {lost} consents afterwards, {in_the_gap} of them for certain", 4 * rounds());
    market.start();
    market.close();
}

/// The daemon starts with tokens that have run out, and is killed at this step of their renewal.
async fn dies_at(market: &mut Market, step: Step) {
    let fault = match step {
        Step::Asked => Some(Fault::Hang),
        Step::Renewed => Some(Fault::TimeoutAfter),
        Step::Answered | Step::Used => None,
    };
    for shop in &market.shops {
        shop.stand().expire_access();
        if let Some(fault) = &fault {
            shop.kit().faults.add(Rule::once(shop.row.token, fault.clone()));
        }
    }
    let before: Vec<u64> = market.shops.iter().map(Shop::token_calls).collect();
    let started = now().to_string();
    market.start();
    let struck = |shop: &Shop, before: u64| match fault {
        Some(_) => shop.kit().faults.waiting().is_empty(),
        None => shop.token_calls() > before,
    };
    let patience = market.client().patience();
    while !market.shops.iter().zip(&before).all(|(shop, before)| struck(shop, *before)) {
        let idle = || market.shops.iter().zip(&before).filter(|(shop, before)| !struck(shop, **before));
        let names = || idle().map(|(shop, _)| shop.id.as_str()).collect::<Vec<_>>().join(", ");
        assert!(patience.is_left(), "{} does not renew its tokens at {step:?}", names());
        market.client().get("/healthz").await;
    }
    if step == Step::Used {
        for shop in &market.shops {
            market.client().until(&shop.channel_path(), |channel| is_well(channel, &started)).await;
        }
    }
    market.kill();
    market.shops.iter().for_each(Shop::mend);
}

/// Connected, and orders were read since then.
fn is_well(channel: &Value, since: &str) -> bool {
    channel["status"] == "connected" && channel["last_success_at"].as_str() > Some(since)
}

async fn is_told_and_consents(market: &Market, shop: &Shop) {
    let channel = market.channel(shop).await;
    let error = &channel["last_error"];
    assert_eq!(error["kind"], "permission", "{channel}");
    assert!(error["advice"].as_str().is_some_and(|advice| advice.contains("econnect")), "{channel}");
    let told = market.told(shop, "channel_down").await;
    assert!(told.iter().any(|own| own["closed_at"].is_null()), "{}: {told:#?}", shop.id);

    let begun = market.client().post(&format!("{}/connect", shop.channel_path()), &json!({})).await;
    let url = begun.body["url"].as_str().unwrap_or_else(|| panic!("{}: {}", shop.id, begun.text));
    let back = location(url).await;
    let path = back.split_once("/oauth/").expect("the callback").1;
    let callback = format!("{}/oauth/{path}", market.daemon().webhooks);
    let answer = browser().send(Request::new("test", Method::Get, callback), TIMEOUT, now()).await;
    assert_eq!(answer.expect("an answer").status, 200, "{}", shop.id);
    market.until_channel(shop, "connected").await;
}

const TIMEOUT: Duration = Duration::from_secs(30);

fn now() -> fenicia::model::Timestamp {
    Clock::system().now()
}

fn browser() -> Http {
    let options = HttpOptions {
        body_max_bytes: 1 << 20,
        connect_timeout: TIMEOUT,
        user_agent: "fenicia-tests".to_owned(),
    };
    Http::new(options).expect("a client")
}

/// What a browser gets there, before it follows anything.
pub async fn visit(url: &str) -> Response {
    let answer = browser().send(Request::new("test", Method::Get, url.to_owned()), TIMEOUT, now()).await;
    answer.expect("an answer")
}

/// Where the marketplace sends the browser of an owner who consents.
async fn location(url: &str) -> String {
    let answer = visit(url).await;
    answer.header("location").unwrap_or_else(|| panic!("{url}: {}", answer.status)).to_owned()
}
