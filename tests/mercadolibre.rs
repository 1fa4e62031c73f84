//! The Mercado Libre connector against the Mercado Libre sandbox, over real sockets.
#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::time::Duration;

use fenicia::channel::mercadolibre::KIND;
use fenicia::channel::{
    Call, Channel, Consent, Env, Fetched, Given, ListRequest, Performed, Settings, Shape, Value, Verdict,
};
use fenicia::clock::Clock;
use fenicia::kinds;
use fenicia::model::{
    Action, ActionId, ActionRequest, ActionState, CancelReason, ChannelId, ChannelOrderId, FailureKind, Lane,
    Order, OrderKey, Person, Secret, ShipLine, Tiding, Timestamp, Tokens, Trigger,
};
use fenicia::net::{Http, HttpOptions};
use fenicia::random::Random;
use fenicia::sandbox::{self, Deed, Fault, Kit, Rule, Running, Stand, Tuning, Wish};
use fenicia::sync::{Merged, Merging, merge};

struct Bench {
    running: Running,
    channel: Arc<dyn Channel>,
    tokens: Tokens,
}

impl Bench {
    async fn open() -> Self {
        Self::tuned(Tuning { list_lag: Duration::ZERO, ..Tuning::default() }).await
    }

    async fn tuned(tuning: Tuning) -> Self {
        let kit = Kit::new(Clock::system(), Random::seeded(11), tuning);
        let stand = kinds::stand("mercadolibre", kit).expect("the sandbox plays it");
        let running = Running::open(stand, 0).await.expect("a port");
        let channel = connect(&running);
        let tokens = channel.authorise(None).await.expect("tokens");
        Self { running, channel, tokens }
    }

    fn stand(&self) -> &dyn Stand {
        self.running.stand().as_ref()
    }

    fn call(&self) -> Call<'_> {
        Call { tokens: &self.tokens, lane: Lane::Manual }
    }

    fn place(&self, flavour: &str) -> String {
        let wish = Wish { flavour: Some(flavour.to_owned()), ..Wish::default() };
        self.stand().place(&wish).expect("placed")
    }

    fn happen(&self, id: &str, deed: &Deed) {
        self.stand().happen(id, deed).expect("it happens");
    }

    async fn seen(&self, id: &str) -> (Order, Person) {
        let order = ChannelOrderId::new(id).expect("an id");
        let fetched = self.channel.fetch(self.call(), std::slice::from_ref(&order)).await.expect("an answer");
        let [Fetched::Found(seen)] = &fetched[..] else { panic!("{fetched:?}") };
        let key = OrderKey::new(ChannelId::new("ml").expect("an id"), order);
        let how = Merging { key: &key, channel_kind: KIND.name, trigger: Trigger::Poll, now: seen.read_at };
        match merge(None, seen.as_ref().clone(), how) {
            Merged::Applied(applied) => (applied.order, applied.person),
            other => panic!("{other:?}"),
        }
    }

    /// Whether an order read by the connector is what the sandbox says is true.
    async fn agrees(&self, id: &str) -> Order {
        let (order, _) = self.seen(id).await;
        let truth = self.stand().truth(id).expect("a truth");
        assert_eq!(order.status.as_str(), truth.status, "{id}");
        assert_eq!(order.payment_status.as_str(), truth.payment_status, "{id}");
        assert_eq!(order.number, truth.number);
        assert_eq!(order.amounts.total.map(|total| total.to_string()), truth.total);
        assert_eq!(order.currency.map(|currency| currency.to_string()), truth.currency);
        assert_eq!(order.items.iter().map(|item| item.quantity).sum::<u32>(), truth.units);
        let numbers: Vec<_> = order.shipments.iter().filter_map(|own| own.tracking_number.clone()).collect();
        assert_eq!(numbers, truth.tracking_numbers);
        order
    }

    /// Walks one stream to its end; the orders it names, and where the watermark may go.
    async fn walk(&self, stream: &'static str, from: Timestamp) -> (Vec<Tiding>, Option<Timestamp>) {
        let (mut tidings, mut watermark, mut token) = (Vec::new(), None, None::<String>);
        for _ in 0..100 {
            let request = ListRequest { stream, from, to: None, token: token.as_deref(), bulk: false };
            let page = self.channel.list(self.call(), request).await.expect("a page");
            tidings.extend(page.tidings);
            watermark = watermark.max(page.watermark);
            token = page.next;
            if token.is_none() {
                return (tidings, watermark);
            }
        }
        panic!("the walk has no end");
    }

    /// What the actors do with an action, without the store.
    async fn act(&self, id: &str, request: ActionRequest) -> Result<Performed, FailureKind> {
        let (order, _) = self.seen(id).await;
        let memo = self.channel.prepare(&order, &request, Clock::system().now()).expect("possible");
        let action = action(&order, request, memo);
        assert_ne!(self.channel.judge(&order, &action), Verdict::Done);
        self.channel.perform(self.call(), &order, &action).await.map_err(|failure| failure.kind)
    }

    fn no_breach(&self) {
        assert_eq!(self.stand().kit().violations.all(), []);
    }
}

fn connect(running: &Running) -> Arc<dyn Channel> {
    let config: toml::Table = running.config("ml").parse().expect("a table");
    let table = &config["channels"]["ml"];
    let values = KIND.keys.iter().filter_map(|key| {
        let text = table.get(key.name)?.as_str()?.to_owned();
        let secret = key.shape == Shape::Secret;
        let value = if secret { Value::Secret(Secret::new(text)) } else { Value::Text(text) };
        Some((key.name.to_owned(), value))
    });
    let settings = Settings {
        id: ChannelId::new("ml").expect("an id"),
        base_url: Some(running.base_url()),
        request_timeout: Duration::from_secs(2),
        values: values.collect(),
    };
    let options = HttpOptions {
        body_max_bytes: 16 * 1024 * 1024,
        connect_timeout: Duration::from_secs(2),
        user_agent: "fenicia-test".to_owned(),
    };
    let env = Env {
        clock: Clock::system(),
        random: Random::seeded(3),
        http: Http::new(options).expect("a client"),
    };
    (KIND.build)(&settings, &env).expect("a connection")
}

fn action(order: &Order, request: ActionRequest, memo: fenicia::model::Memo) -> Action {
    let now = Clock::system().now();
    Action {
        id: ActionId(uuid::Uuid::nil()),
        order: order.key.clone(),
        request,
        state: ActionState::Running,
        attempts: 1,
        failed_tries: 0,
        by: None,
        requested_at: now,
        updated_at: now,
        sent_boot: None,
        memo,
        error: None,
    }
}

fn ship(order: &Order) -> ActionRequest {
    let whole =
        |item: &fenicia::model::Item| ShipLine { line_id: item.line_id.clone(), quantity: item.quantity };
    ActionRequest::Ship {
        carrier: "Estafeta".to_owned(),
        tracking_number: Some("OP123".to_owned()),
        tracking_url: None,
        items: order.items.iter().map(whole).collect(),
    }
}

fn give_up() -> ActionRequest {
    ActionRequest::Cancel { reason: CancelReason::OutOfStock, note: None }
}

fn hour_ago() -> Timestamp {
    Clock::system().now().minus(Duration::from_secs(3_600))
}

fn named(tidings: &[Tiding]) -> Vec<String> {
    let mut ids: Vec<_> = tidings
        .iter()
        .map(|tiding| match tiding {
            Tiding::Hint { order, .. } => order.to_string(),
            other => format!("{other:?}"),
        })
        .collect();
    ids.sort();
    ids.dedup();
    ids
}

#[tokio::test]
async fn what_happens_to_a_sale_is_read_as_it_is() {
    let bench = Bench::open().await;
    let paid = Wish { paid: Some(false), ..Wish::default() };
    let id = bench.stand().place(&paid).expect("placed");
    let (_, person) = bench.seen(&id).await;
    assert_eq!(person.shipping_address, None, "hidden before the payment");
    bench.agrees(&id).await;
    bench.happen(&id, &Deed::Pay);
    bench.happen(&id, &Deed::Note { text: "gift".to_owned() });
    let (_, person) = bench.seen(&id).await;
    assert!(person.shipping_address.is_some() && person.customer.name.is_some());
    assert_eq!(person.notes, ["gift"]);
    bench.happen(&id, &Deed::Ship { carrier: None, tracking: None, units: None });
    bench.agrees(&id).await;
    bench.happen(&id, &Deed::Deliver);
    bench.agrees(&id).await;
    bench.happen(&id, &Deed::Refund { amount: None });
    bench.agrees(&id).await;
    bench.no_breach();
}

#[tokio::test]
async fn every_way_to_end_a_sale_is_understood() {
    let bench = Bench::open().await;
    for flavour in ["me1", "to_balance", "rejected_first", "custom_field", "full"] {
        let id = bench.place(flavour);
        bench.agrees(&id).await;
        bench.happen(&id, &Deed::Cancel);
        bench.agrees(&id).await;
    }
    let partly = bench.place("agreed");
    bench.happen(&partly, &Deed::Refund { amount: Some("0.50".to_owned()) });
    bench.agrees(&partly).await;
    bench.no_breach();
}

#[tokio::test]
async fn a_poll_finds_everything_once() {
    let bench = Bench::open().await;
    let mut placed: Vec<_> = (0..120).map(|_| bench.place("drop_off")).collect();
    bench.happen(&placed[7], &Deed::Cancel);
    placed.sort();
    let (tidings, watermark) = bench.walk("orders", hour_ago()).await;
    assert_eq!(named(&tidings), placed);

    let from = watermark.expect("a watermark").minus(Duration::from_secs(3_600));
    bench.happen(&placed[50], &Deed::Ship { carrier: None, tracking: None, units: None });
    let (tidings, watermark) = bench.walk("orders", from).await;
    assert_eq!(named(&tidings), [placed[50].clone()], "the others were told already");
    let again = watermark.expect("a watermark").minus(Duration::from_secs(3_600));
    assert_eq!(bench.walk("orders", again).await.0, []);
    bench.no_breach();
}

#[tokio::test]
async fn what_nobody_answered_is_found_among_the_missed() {
    let tuning = Tuning { list_lag: Duration::ZERO, haste: 1_000_000.0, ..Tuning::default() };
    let bench = Bench::tuned(tuning).await;
    // Nobody listens on the discard port.
    bench.stand().kit().webhooks.set_target(Some("http://127.0.0.1:9/webhooks/ml".to_owned()));
    let id = bench.place("me1");
    bench.stand().kit().webhooks.settled().await;
    let (tidings, watermark) = bench.walk("missed_feeds:orders_v2", hour_ago()).await;
    assert_eq!(named(&tidings), std::slice::from_ref(&id));
    let (again, _) = bench.walk("missed_feeds:orders_v2", watermark.expect("a watermark")).await;
    assert_eq!(again, []);
    for stream in ["missed_feeds:shipments", "missed_feeds:payments"] {
        let (tidings, _) = bench.walk(stream, hour_ago()).await;
        assert!(!tidings.is_empty(), "{stream}");
        for tiding in tidings {
            let Tiding::Alias(alias) = tiding else { panic!("{stream}: {tiding:?}") };
            let orders = bench.channel.resolve(bench.call(), &alias).await.expect("orders");
            let orders: Vec<_> = orders.iter().map(ToString::to_string).collect();
            assert_eq!(orders, std::slice::from_ref(&id), "{alias}");
        }
    }
    bench.no_breach();
}

#[tokio::test]
async fn holes_in_an_answer_wipe_nothing() {
    let bench = Bench::open().await;
    let id = bench.place("me1");
    bench.stand().kit().faults.add(Rule::times("order", 2, Fault::Status { status: 206 }));
    let order = bench.agrees(&id).await;
    assert!(order.facts.contains_key("shipment_id"), "found by another way");
    let (_, person) = bench.seen(&id).await;
    assert!(person.customer.name.is_some());
    bench.no_breach();
}

#[tokio::test]
async fn a_cart_is_shipped_as_one() {
    let bench = Bench::open().await;
    let id = bench.place("cart");
    let order = bench.agrees(&id).await;
    let can = bench.channel.capabilities(&order, Clock::system().now());
    assert!(can.ship.consequence.expect("said before").contains(&order.number));
    assert_eq!(bench.act(&id, ship(&order)).await, Ok(Performed::Done));
    let shared = format!("shipment:{}", order.facts["shipment_id"]);
    let orders = bench.channel.resolve(bench.call(), &shared).await.expect("orders");
    assert_eq!(orders.len(), 2, "news of the parcel concern both");
    for truth in bench.stand().truths(None, 10) {
        assert_eq!(bench.agrees(&truth.order_id).await.status.as_str(), "shipped");
    }
    bench.no_breach();
}

#[tokio::test]
async fn a_custom_shipment_is_shipped_and_renumbered() {
    let bench = Bench::open().await;
    let id = bench.place("custom");
    let order = bench.agrees(&id).await;
    assert_eq!(bench.act(&id, ship(&order)).await, Ok(Performed::Done));
    let renumber = ActionRequest::Tracking {
        carrier: "Estafeta".to_owned(),
        tracking_number: "OP999".to_owned(),
        tracking_url: None,
        shipment_id: None,
    };
    assert_eq!(bench.act(&id, renumber).await, Ok(Performed::Done));
    assert_eq!(bench.agrees(&id).await.shipments[0].tracking_number.as_deref(), Some("OP999"));
    bench.no_breach();
}

#[tokio::test]
async fn an_accepted_report_that_does_not_show_is_followed() {
    let bench = Bench::open().await;
    let id = bench.place("never_shows");
    let (order, _) = bench.seen(&id).await;
    let request = ship(&order);
    let mut memo = bench.channel.prepare(&order, &request, Clock::system().now()).expect("possible");
    let mut answer = bench.act(&id, request.clone()).await.expect("accepted");
    let mut waits = Vec::new();
    while let Performed::Submitted { memo: more, look_after } = answer {
        waits.push(look_after.as_secs());
        memo.extend(more);
        let action = action(&order, request.clone(), memo.clone());
        answer = bench.channel.follow(bench.call(), &order, &action).await.expect("an answer");
    }
    assert_eq!(waits, [5, 30, 120]);
    assert!(matches!(answer, Performed::Unconfirmed { .. }));
    assert_eq!(bench.stand().kit().effects.all().len(), 1);
    bench.no_breach();
}

#[tokio::test]
async fn a_sale_is_given_up_once_whatever_becomes_of_the_answer() {
    let bench = Bench::open().await;
    let faults = [None, Some(Fault::ResetAfter), Some(Fault::CutAnswer), Some(Fault::Status { status: 503 })];
    for fault in faults {
        let id = bench.place("drop_off");
        let refused = matches!(fault, Some(Fault::Status { .. }));
        if let Some(fault) = fault.clone() {
            bench.stand().kit().faults.add(Rule::once("give_feedback", fault));
        }
        let outcome = bench.act(&id, give_up()).await;
        assert_eq!(outcome.is_ok(), !refused, "{fault:?}: {outcome:?}");
        assert_eq!(bench.stand().kit().effects.of_order(&id).len(), usize::from(!refused), "{fault:?}");
        bench.agrees(&id).await;
    }
    bench.no_breach();
}

#[tokio::test]
async fn a_refresh_token_is_spent_and_the_next_one_held() {
    let bench = Bench::open().await;
    let next = bench.channel.authorise(Some(&bench.tokens)).await.expect("tokens");
    assert_eq!(next.generation, bench.tokens.generation + 1);
    let spent = bench.channel.authorise(Some(&bench.tokens)).await.expect_err("spent");
    assert_eq!(spent.kind, FailureKind::Permission);
    assert!(spent.message.contains("fenicia connect ml"), "{}", spent.message);
    bench.stand().expire_access();
    let order = [ChannelOrderId::from(1)];
    let failure = bench.channel.fetch(bench.call(), &order).await.expect_err("expired");
    assert!(failure.stale_token);
    bench.no_breach();
}

#[tokio::test]
async fn a_consent_brings_tokens() {
    let bench = Bench::open().await;
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let consent = Consent { redirect: "http://127.0.0.1:9/oauth/ml/callback", state: "st", verifier };
    let address = bench.channel.consent(&consent).expect("a consent flow");
    let path = address.strip_prefix(&bench.running.base_url()).expect("the configured origin");
    let answer = bench.stand().handle(&sandbox::Request::new("GET", path));
    let back = answer.header("location").expect("a redirect").to_owned();
    let query = back.strip_prefix("http://127.0.0.1:9/oauth/ml/callback?").expect("our callback");
    let given = Given::read(query).expect("a consent");
    assert_eq!(given.state, "st");
    let tokens = bench.channel.redeem(&consent, &given).await.expect("tokens");
    let call = Call { tokens: &tokens, lane: Lane::Manual };
    let findings = bench.channel.probe(call).await.expect("findings");
    assert!(findings.iter().all(|finding| finding.ok), "{findings:?}");
    bench.no_breach();
}

#[tokio::test]
async fn a_stranger_s_order_is_no_reason_to_reconnect() {
    let bench = Bench::open().await;
    let id = bench.place("me1");
    bench.stand().kit().faults.add(Rule::once("order", Fault::Status { status: 403 }));
    let order = ChannelOrderId::new(&id).expect("an id");
    let fetched = bench.channel.fetch(bench.call(), std::slice::from_ref(&order)).await.expect("an answer");
    assert!(matches!(&fetched[..], [Fetched::Failed { failure, .. }] if failure.local));
    let missing = bench.channel.fetch(bench.call(), &[ChannelOrderId::from(5)]).await.expect("an answer");
    assert!(matches!(&missing[..], [Fetched::Missing { reach: Some(_), .. }]));
}

#[tokio::test]
async fn too_many_requests_are_waited_for() {
    let bench = Bench::open().await;
    let id = bench.place("me1");
    bench.stand().kit().faults.add(Rule::once("order", Fault::RateLimited { seconds: 7 }));
    let order = ChannelOrderId::new(&id).expect("an id");
    let failure = bench.channel.fetch(bench.call(), std::slice::from_ref(&order)).await.expect_err("limited");
    assert_eq!(failure.kind, FailureKind::RateLimited);
    let wait = failure.resume_at.expect("a time").since(Clock::system().now());
    assert!((Duration::from_secs(5)..=Duration::from_secs(8)).contains(&wait), "{wait:?}");
    bench.no_breach();
}
