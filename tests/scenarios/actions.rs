//! The merchant ships, corrects and cancels; answers get lost; nothing is done twice.

use fenicia::net::Method;
use fenicia::sandbox::{Fault, Rule, Wish};
use serde_json::{Value, json};

use super::market::{Market, Plan, Shop};

const PATIENT: &str = "[sync]\nrequest_timeout = \"3s\"\n";

/// An order of the first sort that the channel says it can `action`.
async fn workable(market: &Market, shop: &Shop, action: &str) -> Option<Value> {
    let flavours = shop.stand().flavours().iter().map(|flavour| Some((*flavour).to_owned()));
    for flavour in std::iter::once(None).chain(flavours) {
        let wish = Wish { flavour, paid: Some(true), ..Wish::default() };
        let Ok(order) = shop.stand().place(&wish) else { continue };
        if shop.stand().truth(&order).is_none() {
            continue;
        }
        // Whatever the daemon owes the marketplace for a new order is done first.
        market.agrees_on(shop).await;
        let shown = market.client().until(&shop.path(&order), idle).await;
        if shown["capabilities"][action]["supported"] == true {
            return Some(shown);
        }
    }
    None
}

fn idle(order: &Value) -> bool {
    !["queued", "running"].iter().any(|state| order["last_action"]["state"] == *state)
}

fn shipping(order: &Value, number: &str) -> Value {
    let carrier = order["capabilities"]["ship"]["carriers"][0].as_str().unwrap_or("UPS");
    json!({ "carrier": carrier, "tracking_number": number, "tracking_url": format!("https://track.example.com/{number}") })
}

/// Asks for an action and answers how it ended.
async fn act(market: &Market, order: &Value, action: &str, body: &Value) -> Value {
    let path = ask(market, order, action, body).await;
    market.client().until(&path, has_ended).await
}

/// Asks for an action and answers where it can be watched.
async fn ask(market: &Market, order: &Value, action: &str, body: &Value) -> String {
    let id = order["id"].as_str().expect("an id");
    let asked = market.client().post(&format!("/api/v1/orders/{id}/{action}"), body).await;
    assert_eq!(asked.status, 202, "{id}: {}", asked.text);
    format!("/api/v1/actions/{}", asked.body["id"].as_str().expect("an id"))
}

fn has_ended(action: &Value) -> bool {
    ["done", "failed", "unknown"].iter().any(|state| action["state"] == *state)
}

fn native(order: &Value) -> &str {
    order["channel_order_id"].as_str().expect("an id")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_merchant_does_arrives_once_and_is_shown() {
    let market = Market::open(Plan::default()).await;
    market.ready().await;
    for shop in &market.shops {
        let order =
            workable(&market, shop, "ship").await.unwrap_or_else(|| panic!("{}: nothing ships", shop.id));
        let done = act(&market, &order, "ship", &shipping(&order, "STORY0000001")).await;
        assert_eq!(done["state"], "done", "{}: {done}", shop.id);
        let truth = shop.stand().truth(native(&order)).expect("there");
        assert_eq!(
            (truth.status, truth.tracking_numbers),
            ("shipped", vec!["STORY0000001".to_owned()]),
            "{}",
            shop.id
        );
        // The order was read before the action was done.
        let shown = market.client().get(&shop.path(native(&order))).await.body;
        assert_eq!(shown["shipments"][0]["tracking_number"], "STORY0000001", "{}", shop.id);
        told_once(&market, shop, native(&order)).await;
        if shown["capabilities"]["tracking"]["supported"] == true {
            let carrier = shown["shipments"][0]["carrier"].as_str().unwrap_or("UPS").to_owned();
            let number = "STORY0000002";
            let wanted = json!({ "carrier": carrier, "tracking_number": number, "tracking_url": format!("https://track.example.com/{number}") });
            let done = act(&market, &shown, "tracking", &wanted).await;
            assert_eq!(done["state"], "done", "{}: {done}", shop.id);
            let truth = shop.stand().truth(native(&order)).expect("there");
            assert_eq!(truth.tracking_numbers, [number], "{}", shop.id);
        }
        if let Some(order) = workable(&market, shop, "cancel").await {
            let reason = &order["capabilities"]["cancel"]["reasons"][0];
            let reason = reason.as_str().or(reason["reason"].as_str()).expect("a reason");
            let done = act(&market, &order, "cancel", &json!({ "reason": reason })).await;
            assert_eq!(done["state"], "done", "{}: {done}", shop.id);
            assert_eq!(shop.stand().truth(native(&order)).expect("there").status, "cancelled", "{}", shop.id);
        }
    }
    market.agrees().await;
    market.close();
}

/// Our own change comes back by webhook and poll, and makes no second event.
async fn told_once(market: &Market, shop: &Shop, order: &str) {
    if shop.row.webhooks.is_some() {
        shop.kit().webhooks.settled().await;
    }
    market.idle(shop).await;
    market.agrees_on(shop).await;
    let events = market.timeline(shop, order).await;
    let parcels = events.iter().filter(|event| event["kind"] == "shipment_added").count();
    let is_shipped = |event: &&Value| {
        event["kind"] == "status_changed"
            && event["summary"].as_str().is_some_and(|own| own.contains("→ shipped"))
    };
    let shipped = events.iter().filter(is_shipped).count();
    assert_eq!((parcels, shipped), (1, 1), "{}: {events:#?}", shop.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_wish_is_said_and_nothing_is_queued() {
    let market = Market::open(Plan::default()).await;
    market.ready().await;
    for shop in &market.shops {
        let order =
            workable(&market, shop, "ship").await.unwrap_or_else(|| panic!("{}: nothing ships", shop.id));
        let good = shipping(&order, "WRONG0000001");
        let line = order["items"][0]["line_id"].clone();
        let with = |field: &str, value: Value| {
            let mut body = good.clone();
            body[field] = value;
            body
        };
        let mut cases = vec![
            (
                "ship",
                with("items", json!([{ "line_id": "no-such", "quantity": 1 }])),
                422,
                Some("items[0].line_id"),
            ),
            (
                "ship",
                with("items", json!([{ "line_id": line, "quantity": 9_999 }])),
                422,
                Some("items[0].quantity"),
            ),
            (
                "ship",
                with("items", json!([{ "line_id": line, "quantity": 0 }])),
                422,
                Some("items[0].quantity"),
            ),
            ("ship", with("carrier", json!("")), 422, Some("carrier")),
            ("ship", with("tracking_url", json!("not an address")), 422, Some("tracking_url")),
            ("cancel", json!({ "reason": "bored" }), 422, Some("reason")),
            ("tracking", good.clone(), 409, None),
        ];
        let ability = &order["capabilities"]["ship"];
        if ability["tracking_required"] == true {
            cases.push(("ship", with("tracking_number", json!("")), 422, Some("tracking_number")));
        }
        if ability["carriers"].is_array() && ability["carrier_other"] == false {
            cases.push(("ship", with("carrier", json!("Pigeon Post")), 422, Some("carrier")));
        }
        let path = |verb: &str| format!("{}/{verb}", shop.path(native(&order)));
        for (verb, body, status, field) in cases {
            let answer = market.client().post(&path(verb), &body).await;
            assert_eq!(
                (answer.status, answer.body["field"].as_str()),
                (status, field),
                "{}: {body}: {}",
                shop.id,
                answer.text
            );
            assert!(answer.body["detail"].as_str().is_some_and(|own| own.len() > 20), "{}", answer.text);
        }
        let shown = market.client().get(&shop.path(native(&order))).await.body;
        let queued = &shown["last_action"];
        // What the daemon owes the marketplace by itself goes on.
        let asked = *queued != order["last_action"] && queued["kind"] != "acknowledge";
        assert!(!asked, "{}: {queued} was queued", shop.id);

        // The same key is the same request; another request under it is refused.
        let key = [("idempotency-key", shop.id.as_str())];
        let client = market.client();
        let first = client.call_as(Method::Post, &path("ship"), Some(&good), &key).await;
        let again = client.call_as(Method::Post, &path("ship"), Some(&good), &key).await;
        assert_eq!(
            (first.status, &first.body["id"]),
            (202, &again.body["id"]),
            "{}: {}",
            shop.id,
            again.text
        );
        let other = client
            .call_as(Method::Post, &path("ship"), Some(&with("carrier", json!("UPS Ground"))), &key)
            .await;
        assert_eq!(
            (other.status, other.body["code"].as_str()),
            (422, Some("idempotency_key_reused")),
            "{}",
            other.text
        );
        let action = format!("/api/v1/actions/{}", first.body["id"].as_str().expect("an id"));
        assert_eq!(client.until(&action, has_ended).await["state"], "done", "{}", shop.id);
        let late = client.post(&path("ship"), &with("tracking_number", json!("WRONG0000002"))).await;
        assert_eq!(late.status, 409, "{}: {}", shop.id, late.text);
        let shown = client.get(&shop.path(native(&order))).await.body;
        if shown["capabilities"]["cancel"]["supported"] == false {
            let late = client.post(&path("cancel"), &json!({ "reason": "other" })).await;
            assert_eq!(late.status, 409, "{}: {}", shop.id, late.text);
            assert_eq!(late.body["detail"], shown["capabilities"]["cancel"]["why"], "{}", shop.id);
        }
    }
    market.close();
}

/// Killed at once, while the first one runs, and after it is done.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_for_survives_kill_9_and_is_done_once() {
    let mut market = Market::open(Plan { config: PATIENT, ..Plan::default() }).await;
    market.ready().await;
    let mut counts = std::collections::BTreeMap::<String, u32>::new();
    for round in 0..6 {
        let mut orders = Vec::new();
        for shop in &market.shops {
            let order = workable(&market, shop, "ship").await;
            orders.push(order.unwrap_or_else(|| panic!("{}: nothing ships", shop.id)));
        }
        let mut asked = Vec::new();
        for (shop, order) in market.shops.iter().zip(orders) {
            for operation in shop.row.ships.iter().filter(|_| round % 2 == 0) {
                shop.kit().faults.add(Rule::once(operation, Fault::ResetAfter));
            }
            let number = format!("KILLED{:07}", round * 10 + asked.len());
            let path = ask(&market, &order, "ship", &shipping(&order, &number)).await;
            asked.push((order, number, path));
        }
        let first = asked[0].2.clone();
        match round % 3 {
            0 => {}
            1 => drop(market.client().until(&first, |action| action["state"] != "queued").await),
            _ => drop(market.client().until(&first, has_ended).await),
        }
        market.kill();
        market.start();
        for (shop, (order, number, path)) in market.shops.iter().zip(asked) {
            let ended = market.client().until(&path, has_ended).await;
            shop.mend();
            let effects = shop.kit().effects.of_order(native(&order));
            let times = effects.iter().filter(|own| own.detail.to_string().contains(&number)).count();
            assert!(times <= 1, "{}: {effects:#?}", shop.id);
            assert_ne!(ended["state"], "failed", "{}: {ended}", shop.id);
            if ended["state"] == "done" {
                let truth = shop.stand().truth(native(&order)).expect("there");
                assert_eq!((truth.tracking_numbers, times), (vec![number], 1), "{}", shop.id);
            }
            *counts.entry(format!("{} {}", shop.id, ended["state"])).or_default() += 1;
        }
    }
    eprintln!("{counts:?}");
    market.agrees().await;
    market.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shipment_whose_answer_is_lost_is_made_once() {
    let market = Market::open(Plan { config: PATIENT, ..Plan::default() }).await;
    market.ready().await;
    for shop in &market.shops {
        let faults = [Fault::ResetAfter, Fault::TimeoutAfter, Fault::HtmlAfter, Fault::GarbageAfter];
        for (at, fault) in faults.into_iter().enumerate() {
            let order =
                workable(&market, shop, "ship").await.unwrap_or_else(|| panic!("{}: nothing ships", shop.id));
            for operation in shop.row.ships {
                shop.kit().faults.add(Rule::once(operation, fault.clone()));
            }
            let number = format!("STORY100000{at}");
            let ended = act(&market, &order, "ship", &shipping(&order, &number)).await;
            shop.mend();
            let effects = shop.kit().effects.of_order(native(&order));
            for operation in shop.row.ships {
                let times = effects.iter().filter(|own| own.operation == *operation).count();
                assert!(times <= 1, "{}: {fault:?}: {effects:#?}", shop.id);
            }
            assert_ne!(ended["state"], "failed", "{}: {fault:?}: {ended}", shop.id);
            if ended["state"] == "done" {
                let truth = shop.stand().truth(native(&order)).expect("there");
                assert_eq!(truth.tracking_numbers, [number], "{}: {fault:?}", shop.id);
            }
        }
    }
    market.agrees().await;
    market.close();
}
