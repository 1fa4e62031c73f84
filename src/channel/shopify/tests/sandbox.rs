//! The connector against the sandbox, which was written from the contract without it.

use std::sync::Arc;

use super::shop::{Shop, call, channel_at, data};
use crate::channel::{
    Channel, Delivery, Fetched, Inbound, ListRequest, Performed, Tiding, Value as Setting, Verdict,
};
use crate::clock::Clock;
use crate::kinds;
use crate::model::{
    Action, ActionId, ActionRequest, ActionState, CancelReason, ChannelOrderId, Native, Observation, Order,
    Secret, ShipLine, Timestamp, Tokens,
};
use crate::random::Random;
use crate::sandbox::{Deed, Fault, Kit, Rule, Running, Truth, Tuning, Wish, WishLine};

const ADDRESS: &str = "https://orders.example.com/webhooks/tienda";

struct World {
    running: Running,
    channel: Arc<dyn Channel>,
    tokens: Tokens,
}

impl World {
    async fn open() -> Self {
        let tuning = Tuning { list_lag: std::time::Duration::ZERO, ..Tuning::default() };
        let kit = Kit::new(Clock::system(), Random::seeded(7), tuning);
        let running =
            Running::open(kinds::stand("shopify", kit).expect("it is played"), 0).await.expect("a port");
        let config: toml::Table = running.config("tienda").parse().expect("a config");
        let table = config["channels"]["tienda"].clone();
        let text = |key: &str| table[key].as_str().expect("a text").to_owned();
        let values = [
            ("client_id", Setting::Text(text("client_id"))),
            ("client_secret", Setting::Secret(Secret::new(text("client_secret")))),
        ];
        let channel = channel_at(&running.base_url(), &text("shop"), &values);
        let tokens = channel.authorise(None).await.expect("tokens");
        Self { running, channel, tokens }
    }

    fn place(&self, flavour: Option<&str>, quantities: &[u32]) -> String {
        let line = |(n, quantity): (usize, &u32)| WishLine {
            sku: format!("SKU-{n}"),
            title: None,
            variant: None,
            quantity: *quantity,
            unit_price: "10".to_owned(),
        };
        let lines = quantities.iter().enumerate().map(line).collect();
        let wish = Wish { lines, flavour: flavour.map(str::to_owned), ..Wish::default() };
        self.running.stand().place(&wish).unwrap_or_else(|refused| panic!("{flavour:?}: {refused}"))
    }

    fn happen(&self, order: &str, deed: &Deed) {
        self.running.stand().happen(order, deed).unwrap_or_else(|refused| panic!("{deed:?}: {refused}"));
    }

    async fn read(&self, order: &str) -> Observation {
        let ids = [ChannelOrderId::new(order).expect("an id")];
        match self.channel.fetch(call(&self.tokens), &ids).await.expect("an answer").pop() {
            Some(Fetched::Found(seen)) => *seen,
            other => panic!("{order}: {other:?}"),
        }
    }

    async fn stored(&self, order: &str) -> Order {
        super::orders::stored_from(self.read(order).await).0
    }

    fn action(&self, order: &Order, request: ActionRequest) -> Action {
        Action {
            id: ActionId(uuid::Uuid::nil()),
            order: order.key.clone(),
            memo: self.channel.prepare(order, &request, Timestamp::EPOCH).expect("possible"),
            request,
            state: ActionState::Running,
            attempts: 1,
            failed_tries: 0,
            by: None,
            requested_at: Timestamp::EPOCH,
            updated_at: Timestamp::EPOCH,
            sent_boot: None,
            error: None,
        }
    }

    fn truth(&self, order: &str) -> Truth {
        self.running.stand().truth(order).expect("it was placed")
    }

    async fn end(self) {
        let breaches = self.running.stand().kit().violations.all();
        assert!(breaches.is_empty(), "{breaches:?}");
        self.running.stop().await;
    }
}

/// An observation in the words of a truth.
fn told(seen: &Observation) -> Truth {
    let word = |status: &Native<_>| {
        if let Native::Known(status) = status { crate::model::OrderStatus::as_str(*status) } else { "?" }
    };
    let paid = |status: &Native<_>| {
        if let Native::Known(status) = status { crate::model::PaymentStatus::as_str(*status) } else { "?" }
    };
    let shipments = seen.shipments.as_deref().unwrap_or_default();
    let items = seen.items.as_deref().unwrap_or_default();
    Truth {
        order_id: seen.order.to_string(),
        number: seen.number.clone().unwrap_or_default(),
        status: word(&seen.status),
        payment_status: paid(&seen.payment_status),
        currency: seen.currency.map(|currency| currency.to_string()),
        total: seen.amounts.total.map(|total| total.to_string()),
        items: items.len(),
        units: items.iter().map(|item| item.quantity).sum(),
        shipments: shipments.len(),
        tracking_numbers: shipments.iter().filter_map(|parcel| parcel.tracking_number.clone()).collect(),
        placed_at: seen.placed_at.unwrap_or_default(),
        changed_at: seen.changed_at.unwrap_or_default(),
    }
}

/// Times are told to the second.
fn to_the_second(mut truth: Truth) -> Truth {
    truth.placed_at = Timestamp::from_secs(truth.placed_at.as_secs());
    truth.changed_at = Timestamp::from_secs(truth.changed_at.as_secs());
    truth
}

const FLAVOURS: &[Option<&str>] = &[
    None,
    Some("two_locations"),
    Some("third_party"),
    Some("on_hold"),
    Some("scheduled"),
    Some("pickup"),
    Some("digital"),
    Some("authorized"),
    Some("no_transaction"),
    Some("yen"),
    Some("test"),
    Some("many_lines"),
    Some("no_customer"),
];

fn story() -> Vec<(&'static str, Vec<Deed>)> {
    let ship =
        |units: Option<u32>| Deed::Ship { carrier: Some("UPS".into()), tracking: Some("1Z".into()), units };
    vec![
        ("sent in part", vec![ship(Some(1))]),
        ("sent", vec![ship(None)]),
        ("delivered", vec![ship(None), Deed::Deliver]),
        ("cancelled", vec![Deed::Cancel]),
        ("paid back in part", vec![Deed::Refund { amount: Some("5.00".into()) }]),
        ("paid back", vec![Deed::Refund { amount: None }]),
        ("sent and paid back", vec![ship(None), Deed::Refund { amount: None }]),
        (
            "moved, noted, tagged",
            vec![
                Deed::ChangeAddress { line1: Some("Elsewhere 1".into()) },
                Deed::Note { text: "careful".into() },
                Deed::Tag { tag: "vip".into() },
            ],
        ),
    ]
}

#[tokio::test]
async fn every_sort_of_order_reads_as_it_is() {
    let world = World::open().await;
    for flavour in FLAVOURS {
        let order = world.place(*flavour, if *flavour == Some("many_lines") { &[] } else { &[2, 1] });
        let seen = world.read(&order).await;
        assert_eq!(told(&seen), to_the_second(world.truth(&order)), "{flavour:?}");
        assert!(!seen.incomplete && seen.facts.contains_key("fulfilment_orders"));
    }
    for (name, deeds) in story() {
        let order = world.place(None, &[2, 1]);
        for deed in &deeds {
            world.happen(&order, deed);
        }
        assert_eq!(told(&world.read(&order).await), to_the_second(world.truth(&order)), "{name}");
    }
    world.end().await;
}

#[tokio::test]
async fn the_list_finds_every_order_and_a_deleted_one_is_missing() {
    let world = World::open().await;
    let placed: Vec<String> = (0..5).map(|_| world.place(None, &[1])).collect();
    let from = Clock::system().now().minus(std::time::Duration::from_secs(3_600));
    let request = ListRequest { stream: "orders", from, to: None, token: None, bulk: false };
    let page = world.channel.list(call(&world.tokens), request).await.expect("a page");
    let found: Vec<String> = page
        .tidings
        .iter()
        .filter_map(
            |tiding| {
                if let Tiding::Hint { order, .. } = tiding { Some(order.to_string()) } else { None }
            },
        )
        .collect();
    assert!(placed.iter().all(|order| found.contains(order)), "{found:?}");
    world.happen(&placed[0], &Deed::Cancel);
    world.happen(&placed[0], &Deed::Delete { listed: false });
    let gone = [ChannelOrderId::new(&placed[0]).expect("an id")];
    let fetched = world.channel.fetch(call(&world.tokens), &gone).await.expect("an answer");
    assert!(matches!(&fetched[..], [Fetched::Missing { reach: None, .. }]), "{fetched:?}");
    world.end().await;
}

#[tokio::test]
async fn every_webhook_is_taken_and_says_what_a_fetch_says() {
    let world = World::open().await;
    let listener = Shop::start(|_| data(serde_json::Value::Null)).await;
    let courier = &world.running.stand().kit().webhooks;
    courier.set_target(Some(format!("{}/webhooks/tienda", listener.url)));
    world.channel.subscribe(call(&world.tokens), ADDRESS).await.expect("subscriptions");
    // A carrier's news of a delivery comes as a hint, without the order.
    let stories = story().into_iter().filter(|(name, _)| *name != "delivered");
    for (_, deeds) in stories {
        let order = world.place(None, &[2, 1]);
        for deed in &deeds {
            world.happen(&order, deed);
        }
    }
    let order = world.place(None, &[1]);
    for topic in ["customers/data_request", "customers/redact", "app/uninstalled"] {
        world.running.stand().notice(topic, Some(&order)).expect("it is sent");
    }
    courier.settled().await;
    let mut agree = std::collections::BTreeMap::new();
    for asked in listener.asked() {
        let inbound = Inbound {
            topic: None,
            headers: &asked,
            body: asked.body.as_bytes(),
            received_at: Timestamp::EPOCH,
        };
        let admitted =
            world.channel.admit(&inbound).unwrap_or_else(|refusal| panic!("{refusal:?}: {}", asked.body));
        assert!(!admitted.ignore, "{}", admitted.topic);
        let delivery = Delivery {
            delivery_id: admitted.delivery_id,
            topic: admitted.topic,
            notes: admitted.notes,
            body: asked.body.clone().into_bytes(),
            received_at: Timestamp::EPOCH,
        };
        for tiding in world.channel.read(&delivery) {
            assert!(
                !matches!(tiding, Tiding::Anomaly { .. } | Tiding::PollNow),
                "{}: {tiding:?}",
                delivery.topic
            );
            let Tiding::Seen(seen) = tiding else { continue };
            let mut fetch = world.read(seen.order.as_str()).await;
            fetch.facts.clear();
            let fetch = Observation { source: seen.source, read_at: seen.read_at, ..fetch };
            // Only the last deliveries of an order show its final state.
            *agree.entry(seen.order.clone()).or_insert(false) |= *seen == fetch;
        }
    }
    assert_eq!(agree.len(), story().len());
    assert!(agree.values().all(|agree| *agree), "{agree:?}");
    world.end().await;
}

fn ship(order: &Order, number: &str) -> ActionRequest {
    let items =
        order.items.iter().map(|item| ShipLine { line_id: item.line_id.clone(), quantity: item.quantity });
    ActionRequest::Ship {
        carrier: "ups".into(),
        tracking_number: Some(number.into()),
        tracking_url: None,
        items: items.collect(),
    }
}

#[tokio::test]
async fn an_order_is_shipped_from_each_of_its_locations_and_its_number_replaced() {
    let world = World::open().await;
    let id = world.place(Some("two_locations"), &[2, 1]);
    let order = world.stored(&id).await;
    let action = world.action(&order, ship(&order, "1Z-A"));
    assert_eq!(world.channel.perform(call(&world.tokens), &order, &action).await, Ok(Performed::Done));
    let shipped = world.stored(&id).await;
    assert_eq!(world.channel.judge(&shipped, &action), Verdict::Done);
    assert_eq!((world.truth(&id).status, world.truth(&id).shipments), ("shipped", 2));
    let replace = ActionRequest::Tracking {
        carrier: "Estafeta".into(),
        tracking_number: "NEW-1".into(),
        tracking_url: Some("https://tracking.example.com/NEW-1".into()),
        shipment_id: Some(shipped.shipments[0].shipment_id.clone()),
    };
    let replace = world.action(&shipped, replace);
    assert_eq!(world.channel.perform(call(&world.tokens), &shipped, &replace).await, Ok(Performed::Done));
    let replaced = world.stored(&id).await;
    assert_eq!(world.channel.judge(&replaced, &replace), Verdict::Done);
    world.end().await;
}

#[tokio::test]
async fn a_shipment_whose_answer_is_lost_is_found_and_not_made_twice() {
    let world = World::open().await;
    let id = world.place(None, &[1]);
    let order = world.stored(&id).await;
    let action = world.action(&order, ship(&order, "1Z-B"));
    world.running.stand().kit().faults.add(Rule::once("fulfillmentCreate", Fault::ResetAfter));
    let failure =
        world.channel.perform(call(&world.tokens), &order, &action).await.expect_err("the answer is lost");
    assert!(!failure.no_effect, "{failure}");
    assert_eq!(world.channel.judge(&world.stored(&id).await, &action), Verdict::Done);
    assert_eq!(world.truth(&id).shipments, 1);
    world.end().await;
}

#[tokio::test]
async fn a_cancellation_is_followed_to_its_end() {
    let world = World::open().await;
    let id = world.place(None, &[1]);
    let order = world.stored(&id).await;
    let request =
        ActionRequest::Cancel { reason: CancelReason::CustomerRequest, note: Some("asked by phone".into()) };
    let mut action = world.action(&order, request);
    let mut outcome = world.channel.perform(call(&world.tokens), &order, &action).await.expect("taken");
    for _ in 0..20 {
        let Performed::Submitted { memo, look_after } = outcome else { break };
        action.memo.extend(memo);
        tokio::time::sleep(look_after).await;
        outcome = world.channel.follow(call(&world.tokens), &order, &action).await.expect("an answer");
    }
    assert_eq!(outcome, Performed::Done);
    assert_eq!(
        (world.truth(&id).status, world.truth(&id).payment_status),
        ("cancelled", "paid"),
        "nothing is refunded"
    );
    world.end().await;
}

#[tokio::test]
async fn rights_are_in_order_and_subscriptions_are_made_once() {
    let world = World::open().await;
    let findings = world.channel.probe(call(&world.tokens)).await.expect("findings");
    assert!(findings.iter().all(|finding| finding.ok), "{findings:?}");
    let first = world.channel.subscribe(call(&world.tokens), ADDRESS).await.expect("subscriptions");
    assert_eq!((first.present.len(), first.created.len()), (0, 14));
    let second = world.channel.subscribe(call(&world.tokens), ADDRESS).await.expect("subscriptions");
    assert_eq!((second.present.len(), second.created.len()), (14, 0));
    world.end().await;
}
