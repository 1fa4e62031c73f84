//! The process dies right before and right after each kind of commit, at the first one and at a later
//! one: the next start needs no repair, and in the end everything is as the marketplaces have it.
//!
//! The points are read from the store's source, so a new operation without a story that reaches it
//! fails here. `FENICIA_POINTS` sets how many points are tried (all with `CI`).

use std::collections::BTreeSet;
use std::path::Path;

use fenicia::net::Method;
use fenicia::sandbox::{Deed, DeliveryState, Wish};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::market::{Market, Plan};
use super::rows::ROWS;
use super::support::Client;

/// Operations that no story within seconds reaches, and what else proves them.
const ELSEWHERE: [(&str, &str); 22] = [
    ("address", "the tests of notifications"),
    ("settle_tellings", "the tests of notifications"),
    ("forget_other_targets", "the tests of notifications"),
    ("fill", "only tests and benches fill a store"),
    ("tell", "only tests and benches fill a store"),
    ("begin_session", "the tests of sessions"),
    ("note_session", "the tests of sessions"),
    ("end_session", "the tests of sessions"),
    ("ping", "writes nothing"),
    ("action_was_seen", "the story of an outcome that nobody knows"),
    ("resolve_delivery", "the story of packs and of names that nobody knows"),
    ("raise", "raised by hand over a shop that rests"),
    ("recover_claims", "writes only after a kill with work in flight"),
    ("spread_due", "after an outage"),
    ("open_epoch", "once a week"),
    ("reseal", "once a week"),
    ("drop_epochs", "once a week"),
    ("erase_due", "after the retention"),
    ("erase", "the stories of privacy"),
    ("erase_pending", "the stories of privacy"),
    ("open_incident", "the stories of outages"),
    ("close_incident", "the stories of outages"),
];

const AT_A_TIME: usize = 6;
/// Looks that something gets to happen in, about a second apart.
const PATIENCE: usize = 20;

/// What the store commits, by name, as its source says.
fn operations() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let files = std::fs::read_dir(folder).expect("the store's source");
    let sources = files.map(|file| file.expect("a file").path()).filter(|path| path.is_file());
    let mut names = BTreeSet::new();
    for source in sources {
        let text = std::fs::read_to_string(source).expect("source");
        for after in text.split("write(").skip(1) {
            let name = after.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next());
            names.extend(name.map(str::to_owned));
        }
    }
    assert!(names.len() > 20, "the operations are not found any more: {names:?}");
    names
}

#[test]
fn every_operation_is_reached_or_proved_elsewhere() {
    let known = operations();
    for (name, why) in ELSEWHERE {
        assert!(known.contains(name), "{name} ({why}) is no operation any more");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_at_any_commit_loses_nothing_and_does_nothing_twice() {
    let elsewhere: BTreeSet<&str> = ELSEWHERE.iter().map(|(name, _)| *name).collect();
    let points: Vec<String> = operations()
        .iter()
        .filter(|name| !elsewhere.contains(name.as_str()))
        .flat_map(|name| ["before", "after"].map(|when| format!("{when}:{name}")))
        .collect();
    let all = if std::env::var_os("CI").is_some() { points.len() } else { 8 };
    let most = std::env::var("FENICIA_POINTS").ok().and_then(|text| text.parse().ok()).unwrap_or(all);
    let step = points.len().div_ceil(most.max(1));
    // Neighbours are alike: a few are picked from everywhere.
    let mut left = points.into_iter().step_by(step);
    let mut days = JoinSet::new();
    let mut missed = Vec::new();
    loop {
        // Mostly they wait for polls, so some run at a time.
        while days.len() < AT_A_TIME
            && let Some(point) = left.next()
        {
            days.spawn(async move {
                let reached = dies_at(&format!("{point}:1")).await;
                dies_at(&format!("{point}:4")).await;
                (!reached).then_some(point)
            });
        }
        let Some(done) = days.join_next().await else { break };
        missed.extend(done.expect("the day holds"));
    }
    assert_eq!(missed, Vec::<String>::new(), "no story reaches these");
}

/// Plays the day with this point, starts again, and compares. False when the point was not reached.
async fn dies_at(point: &str) -> bool {
    let kinds = ["shopify", "amazon", "tiktok_shop"];
    let rows = ROWS.iter().filter(|row| kinds.contains(&row.kind)).collect();
    let mut market = Market::closed(Plan { rows, ..Plan::default() }).await;
    for shop in &market.shops {
        shop.orders(2);
    }
    let died = !market.try_start(&[("FENICIA_FAILPOINT", point)]) || a_day(&mut market).await.is_none();
    let died = died || market.has_died();
    if died {
        market.bury();
        market.start();
    }
    market.agrees().await;
    for shop in &market.shops {
        for truth in shop.stand().truths(None, usize::MAX) {
            let parcels = truth.tracking_numbers.iter().filter(|number| number.starts_with("POINT")).count();
            assert!(parcels <= 1, "{point}: {}: {} was shipped twice", shop.id, truth.order_id);
        }
    }
    market.close();
    died
}

/// Orders come and change, people act; `None` as soon as the daemon does not answer any more.
async fn a_day(market: &mut Market) -> Option<()> {
    for at in 0..market.shops.len() {
        let (shop, client) = (&market.shops[at], market.client().clone());
        shop.ship(&shop.orders(1));
        let order = shop.place(&Wish { paid: Some(true), ..Wish::default() });
        let path = shop.path(&order);
        let ask = async |path: String, body| client.try_call(Method::Post, &path, body).await;
        ask(format!("{path}/sync"), None).await?;
        until(&client, &path, |order| order["id"].is_string()).await?;
        let parcel = json!({ "carrier": "UPS", "tracking_number": format!("POINT{at}") });
        let asked = ask(format!("{path}/ship"), Some(&parcel)).await?;
        let action = asked.body["id"].as_str().unwrap_or_default().to_owned();
        ask(format!("{}/sync", shop.channel_path()), None).await?;
        let path = format!("/api/v1/actions/{action}");
        until(&client, &path, |action| action["state"] != "queued" && action["state"] != "running").await?;
        // Webhooks come once their subscriptions stand; each further note may be the first to come.
        if shop.row.webhooks.is_some() {
            for round in 0..PATIENCE {
                let records = shop.kit().webhooks.records();
                if records.iter().any(|own| own.state == DeliveryState::Delivered) {
                    break;
                }
                shop.happen(&order, &Deed::Note { text: format!("Ring {round} times") });
                client.try_news().await?;
            }
        }
        until(&client, &shop.channel_path(), |own| own["backlog"] == 0 && own["in_flight"] == 0).await?;
    }
    Some(())
}

/// Waits for it, but not for ever: what it leads to is compared in the end.
async fn until(client: &Client, path: &str, wanted: impl Fn(&Value) -> bool) -> Option<()> {
    for _ in 0..PATIENCE {
        if wanted(&client.try_call(Method::Get, path, None).await?.body) {
            break;
        }
        client.try_news().await?;
    }
    Some(())
}
