//! The connector against the strict marketplace of the sandbox: every order ends up as that
//! marketplace's own truth has it, and the protocol is kept.

use std::time::Duration;

use super::shop::call;
use crate::channel::tiktok_shop::KIND;
use crate::channel::{Channel, Env, Fetched, Inbound, ListRequest, Performed, Settings, Value};
use crate::clock::Clock;
use crate::kinds;
use crate::model::{
    Action, ActionId, ActionRequest, ActionState, CancelReason, ChannelId, ChannelOrderId, Memo, Order,
    OrderKey, Person, Secret, ShipLine, Tiding, Timestamp, Tokens, Trigger,
};
use crate::net::{Http, HttpOptions};
use crate::random::Random;
use crate::sandbox::{Deed, Kit, Running, Stand, Truth, Tuning, Wish, WishLine};
use crate::sync::{Merged, Merging, merge};

struct World {
    running: Running,
    channel: std::sync::Arc<dyn Channel>,
    tokens: Tokens,
}

/// The value of a key in the ready config file.
fn value(config: &str, key: &str) -> String {
    let line = config.lines().find_map(|line| line.strip_prefix(&format!("{key} = "))).expect("a key");
    line.trim_matches('"').to_owned()
}

async fn world() -> World {
    let tuning = Tuning { limits: 1_000.0, haste: 10.0, list_lag: Duration::ZERO, ..Tuning::default() };
    let kit = Kit::new(Clock::system(), Random::seeded(5), tuning);
    let running =
        Running::open(kinds::stand("tiktok_shop", kit).expect("a stand"), 0).await.expect("loopback");
    let config = running.config("tt");
    let text = |key: &str| (key.to_owned(), Value::Text(value(&config, key)));
    let secret = |key: &str| (key.to_owned(), Value::Secret(Secret::new(value(&config, key))));
    let settings = Settings {
        id: ChannelId::new("tt").expect("an id"),
        base_url: Some(running.base_url()),
        request_timeout: Duration::from_secs(10),
        values: [
            text("app_key"),
            secret("app_secret"),
            text("shop_id"),
            text("shop_cipher"),
            secret("refresh_token"),
        ]
        .into(),
    };
    let options = HttpOptions {
        body_max_bytes: 4 << 20,
        connect_timeout: Duration::from_secs(5),
        user_agent: "test".into(),
    };
    let env = Env {
        clock: Clock::system(),
        random: Random::seeded(1),
        http: Http::new(options).expect("a client"),
    };
    let channel = (KIND.build)(&settings, &env).unwrap_or_else(|faults| panic!("{faults:?}"));
    let tokens = channel.authorise(None).await.expect("tokens");
    World { running, channel, tokens }
}

impl World {
    fn stand(&self) -> &dyn Stand {
        self.running.stand().as_ref()
    }

    fn place(&self, wish: &Wish) -> String {
        self.stand().place(wish).expect("placed")
    }

    fn happen(&self, id: &str, deed: &Deed) {
        self.stand().happen(id, deed).expect("happened");
    }

    /// As the store would hold it after a fetch.
    async fn fetch(&self, id: &str) -> Order {
        let order = ChannelOrderId::new(id).expect("an id");
        let fetched = self.channel.fetch(call(&self.tokens), &[order]).await.expect("fetched");
        match fetched.into_iter().next() {
            Some(Fetched::Found(seen)) => stored(*seen, None),
            other => panic!("{other:?}"),
        }
    }

    /// Prepares, sends, and answers what came of it.
    async fn act(&self, id: &str, request: ActionRequest) -> Performed {
        let order = self.fetch(id).await;
        let memo = self.channel.prepare(&order, &request, Timestamp::EPOCH).expect("prepared");
        let action = action(&order, request, memo);
        self.channel.perform(call(&self.tokens), &order, &action).await.expect("performed")
    }

    fn assert_clean(&self) {
        let breaches = self.stand().kit().violations.all();
        assert!(breaches.is_empty(), "{breaches:?}");
    }
}

fn stored(seen: crate::model::Observation, known: Option<(&Order, &Person)>) -> Order {
    let key = OrderKey::new(ChannelId::new("tt").expect("id"), seen.order.clone());
    let how =
        Merging { key: &key, channel_kind: "tiktok_shop", trigger: Trigger::Poll, now: Timestamp::EPOCH };
    match merge(known, seen, how) {
        Merged::Applied(applied) => applied.order,
        other => panic!("{other:?}"),
    }
}

fn action(order: &Order, request: ActionRequest, memo: Memo) -> Action {
    Action {
        id: ActionId(uuid::Uuid::from_u128(9)),
        order: order.key.clone(),
        request,
        state: ActionState::Running,
        attempts: 1,
        failed_tries: 0,
        by: None,
        requested_at: Timestamp::EPOCH,
        updated_at: Timestamp::EPOCH,
        sent_boot: None,
        memo,
        error: None,
    }
}

fn assert_true(order: &Order, truth: &Truth) {
    let units: u32 = order.items.iter().map(|item| item.quantity).sum();
    let numbers: Vec<_> = order.shipments.iter().filter_map(|own| own.tracking_number.clone()).collect();
    assert_eq!(order.number, truth.number);
    assert_eq!(
        (order.status.as_str(), order.payment_status.as_str()),
        (truth.status, truth.payment_status),
        "{truth:?}"
    );
    assert_eq!(order.currency.map(|c| c.to_string()), truth.currency);
    assert_eq!(order.amounts.total.map(|t| t.to_string()), truth.total, "{truth:?}");
    assert_eq!(
        (order.items.len(), units, numbers),
        (truth.items, truth.units, truth.tracking_numbers.clone()),
        "{truth:?}"
    );
    assert_eq!(order.placed_at.as_secs(), truth.placed_at.as_secs());
}

fn two_lines() -> Wish {
    let line = |sku: &str, quantity| WishLine {
        sku: sku.to_owned(),
        title: None,
        variant: Some("Blue".to_owned()),
        quantity,
        unit_price: "19.90".to_owned(),
    };
    Wish { lines: vec![line("A", 2), line("B", 1)], shipping: Some("4.5".to_owned()), ..Wish::default() }
}

const SHIP: Deed = Deed::Ship { carrier: None, tracking: None, units: None };

#[tokio::test]
async fn every_sort_of_order_is_read_as_it_is() {
    let world = world().await;
    let mut ids = Vec::new();
    for flavour in world.stand().flavours() {
        for deeds in [
            &[][..],
            &[SHIP],
            &[SHIP, Deed::Deliver],
            &[Deed::Cancel],
            &[SHIP, Deed::Refund { amount: None }],
        ] {
            let id = world.place(&Wish { flavour: Some((*flavour).to_owned()), ..two_lines() });
            // What cannot happen to this sort does not.
            for deed in deeds {
                drop(world.stand().happen(&id, deed));
            }
            ids.push(id);
        }
    }
    let part = Deed::Ship { carrier: None, tracking: None, units: Some(1) };
    let back = Deed::Refund { amount: Some("1.05".to_owned()) };
    for deeds in [
        vec![part.clone()],
        vec![SHIP, back.clone()],
        vec![SHIP, Deed::Deliver, back],
        vec![Deed::RequestCancel],
    ] {
        let id = world.place(&two_lines());
        for deed in &deeds {
            world.happen(&id, deed);
        }
        ids.push(id);
    }
    ids.push(world.place(&Wish { paid: Some(false), ..two_lines() }));
    let orders: Vec<_> = ids.iter().map(|id| ChannelOrderId::new(id).expect("an id")).collect();
    for batch in orders.chunks(world.channel.batch()) {
        let fetched = world.channel.fetch(call(&world.tokens), batch).await.expect("fetched");
        for one in fetched {
            let Fetched::Found(seen) = one else { panic!("{one:?}") };
            let truth = world.stand().truth(seen.order.as_str()).expect("an order");
            assert_true(&stored(*seen, None), &truth);
        }
    }
    world.assert_clean();
    world.running.stop().await;
}

#[tokio::test]
async fn a_walk_through_the_lists_finds_everything_and_keeps_the_rules() {
    let world = world().await;
    let since = Timestamp::from_secs(Clock::system().now().as_secs() - 60);
    let ids: Vec<String> = (0..230).map(|_| world.place(&two_lines())).collect();
    world.happen(&ids[0], &SHIP);
    world.happen(&ids[0], &Deed::Refund { amount: Some("1".to_owned()) });
    world.happen(&ids[1], &Deed::RequestCancel);
    let walk = async |stream: &'static str| {
        let (mut tidings, mut token) = (Vec::new(), None::<String>);
        loop {
            let request = ListRequest { stream, from: since, to: None, token: token.as_deref(), bulk: false };
            let page = world.channel.list(call(&world.tokens), request).await.expect("a page");
            tidings.extend(page.tidings);
            token = page.next;
            if token.is_none() {
                return tidings;
            }
        }
    };
    let seen: std::collections::BTreeSet<String> = walk("orders")
        .await
        .into_iter()
        .map(|tiding| match tiding {
            Tiding::Seen(seen) => seen.order.to_string(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(seen, ids.iter().cloned().collect());
    let hint = |id: &str| Tiding::Hint { order: ChannelOrderId::new(id).expect("an id"), changed_at: None };
    assert_eq!(walk("returns").await, [hint(&ids[0])]);
    assert_eq!(walk("cancellations").await, [hint(&ids[1])]);
    world.assert_clean();
    world.running.stop().await;
}

fn ship(items: &[(&str, u32)], number: &str) -> ActionRequest {
    ActionRequest::Ship {
        carrier: "usps".to_owned(),
        tracking_number: Some(number.to_owned()),
        tracking_url: None,
        items: items.iter().map(|(line, n)| ShipLine { line_id: (*line).to_owned(), quantity: *n }).collect(),
    }
}

#[tokio::test]
async fn an_order_is_shipped_in_parts_and_its_number_replaced() {
    let world = world().await;
    let id = world.place(&two_lines());
    let order = world.fetch(&id).await;
    let lines: Vec<&str> = order.items.iter().map(|item| item.line_id.as_str()).collect();
    let can = world.channel.capabilities(&order, Timestamp::EPOCH).ship;
    assert!(can.partial && can.carriers.is_some_and(|names| names.contains(&"USPS".to_owned())));
    assert_eq!(world.act(&id, ship(&[(lines[0], 1)], "T1")).await, Performed::Done);
    let part = world.fetch(&id).await;
    assert_true(&part, &world.stand().truth(&id).expect("an order"));
    assert_eq!(part.items.iter().map(|item| item.line_id.as_str()).collect::<Vec<_>>(), lines, "names stay");
    assert_eq!(world.act(&id, ship(&[(lines[0], 1), (lines[1], 1)], "T2")).await, Performed::Done);
    let whole = world.fetch(&id).await;
    assert_eq!(whole.status.as_str(), "shipped");
    let first =
        whole.shipments.iter().find(|own| own.tracking_number.as_deref() == Some("T1")).expect("a parcel");
    let track = ActionRequest::Tracking {
        carrier: "UPS".to_owned(),
        tracking_number: "T9".to_owned(),
        tracking_url: None,
        shipment_id: Some(first.shipment_id.clone()),
    };
    assert_eq!(world.act(&id, track).await, Performed::Done);
    let truth = world.stand().truth(&id).expect("an order");
    assert_eq!(truth.tracking_numbers, ["T9", "T2"]);
    assert_true(&world.fetch(&id).await, &truth);
    world.assert_clean();
    world.running.stop().await;
}

#[tokio::test]
async fn a_package_of_another_market_goes_as_a_whole() {
    let world = world().await;
    let id = world.place(&Wish { flavour: Some("mx".to_owned()), ..two_lines() });
    let order = world.fetch(&id).await;
    let all: Vec<(&str, u32)> =
        order.items.iter().map(|item| (item.line_id.as_str(), item.quantity)).collect();
    let request = match ship(&all, "T1") {
        ActionRequest::Ship { tracking_number, tracking_url, items, .. } => {
            ActionRequest::Ship { carrier: "Estafeta".to_owned(), tracking_number, tracking_url, items }
        }
        other => other,
    };
    assert_eq!(world.act(&id, request).await, Performed::Done);
    assert_true(&world.fetch(&id).await, &world.stand().truth(&id).expect("an order"));
    world.assert_clean();
    world.running.stop().await;
}

#[tokio::test]
async fn orders_are_cancelled_and_buyers_agreed_with() {
    let world = world().await;
    let cancel = || ActionRequest::Cancel { reason: CancelReason::OutOfStock, note: None };
    for flavour in ["on_hold", "gb", "mx", "cod", "tiktok_shipping"] {
        let id = world.place(&Wish { flavour: Some(flavour.to_owned()), ..two_lines() });
        assert!(matches!(world.act(&id, cancel()).await, Performed::Submitted { .. }), "{flavour}");
        assert_eq!(world.stand().truth(&id).expect("an order").status, "cancelled", "{flavour}");
    }
    let unpaid = world.place(&Wish { paid: Some(false), ..two_lines() });
    world.act(&unpaid, cancel()).await;
    let wanting = world.place(&two_lines());
    world.happen(&wanting, &Deed::RequestCancel);
    world.act(&wanting, cancel()).await;
    for id in [unpaid, wanting] {
        let truth = world.stand().truth(&id).expect("an order");
        assert_eq!(truth.status, "cancelled");
        assert_true(&world.fetch(&id).await, &truth);
        assert_eq!(world.stand().kit().effects.of_order(&id).len(), 1);
    }
    world.assert_clean();
    world.running.stop().await;
}

#[tokio::test]
async fn its_notifications_are_taken_and_forgeries_refused() {
    use crate::channel::{Headers, Refusal};
    struct Sent(Vec<(String, String)>);
    impl Headers for Sent {
        fn get(&self, name: &str) -> Option<&str> {
            self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
        }
    }
    let world = world().await;
    let (tell, mut told) = tokio::sync::mpsc::channel(16);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}/webhooks/tt", listener.local_addr().expect("an address"));
    tokio::spawn(super::shop::receive(listener, tell));
    let subscribed = world.channel.subscribe(call(&world.tokens), &address).await.expect("subscribed");
    assert_eq!(subscribed.created.len(), 7);
    assert_eq!(
        world.channel.subscribe(call(&world.tokens), &address).await.expect("looked").present.len(),
        7
    );
    let faults = &world.stand().kit().faults;
    faults.add(crate::sandbox::Rule::once("ORDER_STATUS_CHANGE", crate::sandbox::Fault::Forged));
    let id = world.place(&two_lines());
    let mut outcomes = Vec::new();
    for _ in 0..2 {
        let (path, headers, body) = told.recv().await.expect("a delivery");
        let topic = path.rsplit('/').next().map(str::to_owned);
        let headers = Sent(headers);
        let request = Inbound {
            topic: topic.as_deref(),
            headers: &headers,
            body: &body,
            received_at: Timestamp::EPOCH,
        };
        outcomes.push(world.channel.admit(&request).map(|admitted| (admitted.topic, admitted.ignore)));
    }
    outcomes.sort_by_key(Result::is_err);
    assert_eq!(outcomes[0], Ok(("ORDER_STATUS_CHANGE".to_owned(), false)), "{id}");
    assert_eq!(outcomes[1], Err(Refusal::Unauthenticated));
    world.assert_clean();
    world.running.stop().await;
}
