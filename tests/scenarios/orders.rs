//! Whatever shoppers order and whatever happens to it, the merchant sees what is true.

use fenicia::sandbox::{Deed, Wish};

use super::market::{Market, Plan, Shop};

fn ship(units: Option<u32>) -> Deed {
    Deed::Ship { carrier: None, tracking: None, units }
}

fn refund(amount: Option<&str>) -> Deed {
    Deed::Refund { amount: amount.map(str::to_owned) }
}

/// Lives of orders, deed by deed. What cannot happen at a marketplace does not.
fn lives() -> Vec<(bool, Vec<Deed>)> {
    let note = Deed::Note { text: "Leave it with the neighbour.".to_owned() };
    vec![
        (false, vec![Deed::Pay, ship(None), Deed::Deliver]),
        (false, vec![Deed::Cancel]),
        (true, vec![Deed::ChangeAddress { line1: None }, note]),
        (true, vec![Deed::Tag { tag: "gift".to_owned() }]),
        (true, vec![Deed::Cancel]),
        (true, vec![Deed::RequestCancel]),
        (true, vec![refund(Some("1.00")), refund(None)]),
        (true, vec![ship(None), refund(Some("1.00")), refund(None)]),
        (true, vec![ship(Some(1)), ship(None), Deed::Deliver]),
        (true, vec![ship(None), Deed::Deliver, refund(None)]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sort_of_order_is_seen_through_its_whole_life() {
    let market = Market::open(Plan::default()).await;
    market.ready().await;
    let mut lives_of: Vec<(&Shop, String, Vec<Deed>)> = Vec::new();
    for shop in &market.shops {
        for flavour in shop.stand().flavours() {
            shop.place(&Wish { flavour: Some((*flavour).to_owned()), ..Wish::default() });
        }
        for (paid, mut deeds) in lives() {
            deeds.reverse();
            let wish = Wish { paid: Some(paid), ..Wish::default() };
            lives_of.push((shop, shop.place(&wish), deeds));
        }
    }
    market.agrees().await;
    while lives_of.iter().any(|(_, _, deeds)| !deeds.is_empty()) {
        for (shop, order, deeds) in &mut lives_of {
            if let Some(deed) = deeds.pop() {
                shop.happen(order, &deed);
            }
        }
        for shop in market.shops.iter().filter(|shop| shop.row.quiet) {
            for (_, order, _) in lives_of.iter().filter(|(of, _, _)| of.id == shop.id) {
                market.sync(shop, order).await;
            }
        }
        market.agrees().await;
    }
    market.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_was_deleted_is_missing_and_its_copy_stays() {
    let market = Market::open(Plan::default()).await;
    market.ready().await;
    for shop in &market.shops {
        let order = shop.orders(1).remove(0);
        let before = market.client().until(&shop.path(&order), |_| true).await;
        if !shop.happen(&order, &Deed::Delete { listed: false }) {
            continue;
        }
        market.sync(shop, &order).await;
        let missing =
            market.client().until(&shop.path(&order), |order| order["sync"]["state"] == "missing").await;
        assert_eq!(missing["sync"]["error"]["kind"], "not_found", "{}", shop.id);
        assert_eq!(missing["number"], before["number"], "{}", shop.id);
        let events = market.timeline(shop, &order).await;
        assert!(events.iter().any(|event| event["kind"] == "missing_at_source"), "{}: {events:#?}", shop.id);
    }
    market.close();
}
