//! Webhooks get lost, come twice, late, in disorder, and forged beside the true ones.

use fenicia::random::Random;
use fenicia::sandbox::{Deed, DeliveryRecord, DeliveryState, Fault, stir, visit};

use super::market::{Market, Plan};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lost_webhook_told_is_found_by_the_poll() {
    let market = Market::open(Plan::default().with_webhooks()).await;
    market.ready().await;
    for shop in &market.shops {
        shop.suffers(Fault::Lost);
        let orders = shop.orders(4);
        shop.ship(&orders[..2]);
        shop.happen(&orders[3], &Deed::Cancel);
        shop.kit().webhooks.settled().await;
        assert!(
            shop.kit().webhooks.records().iter().any(|own| own.state == DeliveryState::Lost),
            "{}",
            shop.id
        );
        for order in &orders {
            market.client().until(&shop.path(order), |_| true).await;
            let events = market.timeline(shop, order).await;
            assert!(events.iter().all(|event| event["kind"] != "webhook_received"), "{}", shop.id);
        }
    }
    market.agrees().await;
    market.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn doubled_late_disordered_and_forged_webhooks_end_in_the_truth() {
    let market = Market::open(Plan::still().with_webhooks()).await;
    market.ready().await;
    let random = Random::seeded(7);
    for fault in [Fault::Doubled, Fault::Late { ms: 200 }, Fault::Shuffled { ms: 400 }, Fault::Forged] {
        for shop in &market.shops {
            shop.suffers(fault.clone());
            for _ in 0..4 {
                visit(shop.stand(), &random);
                stir(shop.stand(), &random);
                stir(shop.stand(), &random);
            }
        }
        for shop in &market.shops {
            shop.kit().webhooks.settled().await;
            shop.mend();
        }
    }
    for shop in &market.shops {
        let records = shop.kit().webhooks.records();
        let (forged, true_ones): (Vec<_>, Vec<_>) = records.iter().partition(|own| own.forged);
        assert!(!forged.is_empty(), "{}", shop.id);
        for record in &forged {
            let statuses: Vec<_> = record.tries.iter().map(|own| own.status).collect();
            assert_eq!(statuses, [Some(401)], "{}", shop.id);
        }
        for record in &true_ones {
            assert_eq!(record.state, DeliveryState::Delivered, "{}: {record:?}", shop.id);
        }
        let refused = [("channel", shop.id.as_str()), ("outcome", "unauthenticated")];
        assert_eq!(
            market.metric("fenicia_webhooks_total", &refused).await,
            f64::from(u32::try_from(forged.len()).expect("few"))
        );
        // A marketplace may also repeat itself unasked.
        let taken = |own: &&DeliveryRecord| own.tries.iter().filter(|own| own.status == Some(200)).count();
        let twice = true_ones.iter().map(|own| taken(own).saturating_sub(1)).sum::<usize>();
        let doubled = [("channel", shop.id.as_str()), ("outcome", "duplicate")];
        assert!(market.metric("fenicia_webhooks_total", &doubled).await >= twice as f64, "{}", shop.id);
        if shop.row.quiet {
            for truth in shop.stand().truths(None, usize::MAX) {
                market.sync(shop, &truth.order_id).await;
            }
        }
        market.agrees_on(shop).await;
    }
    market.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_shows_an_order_at_once_and_says_so() {
    let market = Market::open(Plan::still().with_webhooks()).await;
    market.ready().await;
    for shop in &market.shops {
        let order = shop.orders(1).remove(0);
        shop.kit().webhooks.settled().await;
        market.client().until(&shop.path(&order), |_| true).await;
        shop.ship(std::slice::from_ref(&order));
        market.client().until(&shop.path(&order), |order| order["status"] == "shipped").await;
        let events = market.timeline(shop, &order).await;
        assert!(events.iter().any(|event| event["kind"] == "webhook_received"), "{}: {events:#?}", shop.id);
        assert!(events.iter().any(|event| event["kind"] == "status_changed"), "{}: {events:#?}", shop.id);
        let channel = market.channel(shop).await;
        assert!(channel["last_webhook_at"].is_string(), "{channel}");
    }
    market.agrees().await;
    market.close();
}
