//! The merchant ships, corrects and cancels; answers get lost; nothing is done twice.

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
        let shown = market.client().until(&shop.path(&order), |order| idle(order)).await;
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
    let id = order["id"].as_str().expect("an id");
    let asked = market.client().post(&format!("/api/v1/orders/{id}/{action}"), body).await;
    assert_eq!(asked.status, 202, "{id}: {}", asked.text);
    let path = format!("/api/v1/actions/{}", asked.body["id"].as_str().expect("an id"));
    let ended = |action: &Value| ["done", "failed", "unknown"].iter().any(|state| action["state"] == *state);
    market.client().until(&path, ended).await
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
        market.agrees_on(shop).await;

        let shown = market.client().get(&shop.path(native(&order))).await.body;
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
