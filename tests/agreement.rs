//! Every connector against its marketplace of the sandbox: what the connector makes of an order
//! must be what the marketplace knows to be true, however it came in, and without a single breach
//! of the marketplace's protocol.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fenicia::channel::{
    Call, Channel, Delivery, Env, Fetched, Headers, Inbound, ListRequest, Performed, Refusal, Tiding, Verdict,
};
use fenicia::clock::Clock;
use fenicia::config;
use fenicia::kinds::KINDS;
use fenicia::model::{
    Action, ActionId, ActionRequest, ActionState, Capabilities, ChannelId, ChannelOrderId, Failure, Lane,
    Observation, Order, OrderKey, Person, ShipAbility, ShipLine, Timestamp, Tokens, Trigger,
};
use fenicia::net::{Http, HttpOptions};
use fenicia::random::Random;
use fenicia::sandbox::{self, Deed, Fault, Kit, Rule, Running, Stand, Truth, Tuning, Wish, stir, visit};
use fenicia::sync::{Merged, Merging, merge};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A connector beside the stand that it calls.
struct Pair {
    running: Running,
    channel: Arc<dyn Channel>,
    id: ChannelId,
    tokens: Tokens,
    clock: Clock,
}

/// Orders as fenicia would store them.
type Stored = BTreeMap<ChannelOrderId, (Order, Person)>;

impl Pair {
    async fn open(kind: &str) -> Self {
        let clock = Clock::system();
        // No marketplace's own waits, and allowances that nothing here reaches.
        let tuning = Tuning { limits: 1e6, haste: 1e6, list_lag: Duration::ZERO, ..Tuning::default() };
        let kit = Kit::new(clock.clone(), Random::seeded(2_026), tuning);
        let stand = sandbox::open(kind, kit).expect("the sandbox plays it");
        let running = Running::open(stand, 0).await.expect("loopback");
        let id = ChannelId::new("shop").expect("well formed");
        let channel = connect(&running, &id, &clock);
        let tokens = channel.authorise(None).await.expect("the sandbox's own credentials");
        Self { running, channel, id, tokens, clock }
    }

    fn stand(&self) -> &dyn Stand {
        self.running.stand().as_ref()
    }

    fn call(&self) -> Call<'_> {
        Call { tokens: &self.tokens, lane: Lane::Manual }
    }

    /// True when the observation leaves a doubt that only a fetch ends.
    fn take(&self, stored: &mut Stored, seen: Observation) -> bool {
        let order = seen.order.clone();
        let key = OrderKey::new(self.id.clone(), order.clone());
        let how = Merging {
            key: &key,
            channel_kind: self.stand().kind(),
            trigger: Trigger::Poll,
            now: self.clock.now(),
        };
        let known = stored.get(&order).map(|(order, person)| (order, person));
        match merge(known, seen, how) {
            Merged::Applied(applied) => {
                stored.insert(order, (applied.order, applied.person));
                false
            }
            Merged::Doubtful => true,
            Merged::Stale | Merged::Unchanged { .. } => false,
        }
    }

    /// Takes one delivery in as the daemon does; answers what has to be fetched.
    async fn receive(&self, stored: &mut Stored, heard: &Heard) -> Vec<ChannelOrderId> {
        let now = self.clock.now();
        let admitted = self.channel.admit(&heard.inbound(now)).expect("authentic");
        let delivery = Delivery {
            delivery_id: admitted.delivery_id,
            topic: admitted.topic,
            notes: admitted.notes,
            body: heard.body.clone(),
            received_at: now,
        };
        let mut fetch = Vec::new();
        for tiding in self.channel.read(&delivery) {
            match tiding {
                Tiding::Seen(seen) => {
                    let order = seen.order.clone();
                    if self.take(stored, *seen) {
                        fetch.push(order);
                    }
                }
                Tiding::Hint { order, .. } => fetch.push(order),
                Tiding::Alias(alias) => {
                    fetch.extend(self.channel.resolve(self.call(), &alias).await.expect("an answer"));
                }
                _ => {}
            }
        }
        fetch
    }

    /// Every stream from a day ago, page by page; answers what has to be fetched.
    async fn list(&self, stored: &mut Stored) -> Vec<ChannelOrderId> {
        let from = self.clock.now().minus(Duration::from_secs(86_400));
        let mut hinted = Vec::new();
        for stream in self.channel.streams() {
            let mut token: Option<String> = None;
            loop {
                let request =
                    ListRequest { stream: stream.name, from, to: None, token: token.as_deref(), bulk: true };
                let page = self.channel.list(self.call(), request).await.expect("a page");
                for tiding in page.tidings {
                    match tiding {
                        Tiding::Seen(seen) => {
                            let (order, incomplete) = (seen.order.clone(), seen.incomplete);
                            if self.take(stored, *seen) || incomplete {
                                hinted.push(order);
                            }
                        }
                        Tiding::Hint { order, .. } => hinted.push(order),
                        Tiding::Alias(alias) => {
                            hinted
                                .extend(self.channel.resolve(self.call(), &alias).await.expect("an answer"));
                        }
                        _ => {}
                    }
                }
                token = page.next;
                if token.is_none() {
                    break;
                }
            }
        }
        hinted.sort();
        hinted.dedup();
        hinted
    }

    async fn fetch(&self, stored: &mut Stored, orders: &[ChannelOrderId]) {
        for batch in orders.chunks(self.channel.batch().max(1)) {
            for fetched in self.channel.fetch(self.call(), batch).await.expect("an answer") {
                match fetched {
                    Fetched::Found(seen) => assert!(!self.take(stored, *seen), "a fetch leaves no doubt"),
                    Fetched::Missing { order, .. } => panic!("{order} is missing"),
                    Fetched::Failed { order, failure } => panic!("{order}: {failure:?}"),
                }
            }
        }
    }

    /// What differs between what is stored and what is true.
    fn differences(&self, stored: &Stored) -> Vec<String> {
        let mut found = Vec::new();
        for truth in self.stand().truths(None, 10_000) {
            let id = ChannelOrderId::new(&truth.order_id).expect("an id");
            match stored.get(&id) {
                None => found.push(format!("{id} was never seen")),
                Some((order, _)) => found.extend(compare(order, &truth)),
            }
        }
        found.truncate(10);
        found
    }

    fn breaches(&self) -> Vec<String> {
        let violations = self.stand().kit().violations.all();
        let mut breaches: Vec<String> = violations
            .into_iter()
            .map(|own| format!("{} at {}: {}", own.rule, own.request, own.detail))
            .collect();
        breaches.sort();
        breaches.dedup();
        breaches
    }
}

/// A webhook as it came in.
struct Heard {
    topic: Option<String>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Heard {
    fn inbound(&self, received_at: Timestamp) -> Inbound<'_> {
        Inbound { topic: self.topic.as_deref(), headers: self, body: &self.body, received_at }
    }
}

impl Headers for Heard {
    fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// A listener that takes every webhook; answers its address.
async fn listen() -> (String, Arc<Mutex<Vec<Heard>>>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = format!("http://{}/webhooks/shop", socket.local_addr().expect("an address"));
    let heard: Arc<Mutex<Vec<Heard>>> = Arc::default();
    let kept = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((stream, _)) = socket.accept().await {
            let kept = Arc::clone(&kept);
            let service = service_fn(move |request| take_webhook(request, Arc::clone(&kept)));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (address, heard)
}

async fn take_webhook(
    request: hyper::Request<Incoming>,
    kept: Arc<Mutex<Vec<Heard>>>,
) -> Result<hyper::Response<Empty<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let text = |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let heard = Heard {
        topic: parts.uri.path().strip_prefix("/webhooks/shop/").map(str::to_owned),
        headers: parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: body.collect().await.expect("a body").to_bytes().to_vec(),
    };
    kept.lock().expect("not poisoned").push(heard);
    Ok(hyper::Response::new(Empty::new()))
}

fn connect(running: &Running, id: &ChannelId, clock: &Clock) -> Arc<dyn Channel> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.toml");
    std::fs::write(&path, running.config(id.as_str())).expect("the config can be written");
    let http = Http::new(HttpOptions {
        body_max_bytes: 32 << 20,
        connect_timeout: Duration::from_secs(5),
        user_agent: "fenicia/agreement".to_owned(),
    });
    let env = Env { clock: clock.clone(), random: Random::seeded(1), http: http.expect("a client") };
    let connections = config::load_connected(&path, KINDS, &env).map(|(_, connections)| connections);
    let connections = connections.unwrap_or_else(|faults| panic!("the sandbox's config is faulty: {faults}"));
    connections.get(id).cloned().expect("the channel")
}

fn compare(order: &Order, truth: &Truth) -> Vec<String> {
    let units: u32 = order.items.iter().map(|item| item.quantity).sum();
    let mut tracking: Vec<String> =
        order.shipments.iter().filter_map(|own| own.tracking_number.clone()).collect();
    let mut true_tracking = truth.tracking_numbers.clone();
    tracking.sort();
    true_tracking.sort();
    let own = [
        ("number", order.number.clone()),
        ("status", order.status.to_string()),
        ("payment_status", order.payment_status.to_string()),
        ("currency", format!("{:?}", order.currency.map(|currency| currency.to_string()))),
        ("total", format!("{:?}", order.amounts.total.map(|total| total.to_string()))),
        ("items", order.items.len().to_string()),
        ("units", units.to_string()),
        ("shipments", order.shipments.len().to_string()),
        ("tracking", format!("{tracking:?}")),
        ("placed_at", order.placed_at.as_secs().to_string()),
    ];
    let wanted = [
        truth.number.clone(),
        truth.status.to_owned(),
        truth.payment_status.to_owned(),
        format!("{:?}", truth.currency),
        format!("{:?}", truth.total),
        truth.items.to_string(),
        truth.units.to_string(),
        truth.shipments.to_string(),
        format!("{true_tracking:?}"),
        truth.placed_at.as_secs().to_string(),
    ];
    let pairs = own.into_iter().zip(wanted).filter(|((_, own), wanted)| own != wanted);
    pairs
        .map(|((field, own), wanted)| format!("{}: {field} is {own}, not {wanted}", truth.order_id))
        .collect()
}

/// Marketplaces that both sides know.
fn kinds() -> Vec<&'static str> {
    let known = |name: &str| KINDS.iter().any(|kind| kind.name == name);
    sandbox::KINDS.iter().map(|kind| kind.name).filter(|name| known(name)).collect()
}

/// Does the same with every kind at once: the connectors keep to the real allowances.
async fn each<F: Future<Output = ()> + Send + 'static>(work: impl Fn(&'static str) -> F) {
    let mut under_way: JoinSet<()> = kinds().into_iter().map(work).collect();
    while let Some(ended) = under_way.join_next().await {
        if let Err(panicked) = ended {
            std::panic::resume_unwind(panicked.into_panic());
        }
    }
}

/// Orders of every sort in every state.
fn fill(stand: &dyn Stand) {
    let random = Random::seeded(5);
    for flavour in stand.flavours() {
        let wish = Wish { flavour: Some((*flavour).to_owned()), ..Wish::default() };
        stand.place(&wish).unwrap_or_else(|refused| panic!("{flavour}: {refused}"));
    }
    for _ in 0..12 {
        visit(stand, &random);
        stir(stand, &random);
        stir(stand, &random);
    }
}

#[tokio::test]
async fn fetching_an_order_finds_what_is_true() {
    each(|kind| async move {
        let pair = Pair::open(kind).await;
        fill(pair.stand());
        let truths = pair.stand().truths(None, 10_000);
        let ids: Vec<ChannelOrderId> =
            truths.iter().map(|truth| ChannelOrderId::new(&truth.order_id).expect("an id")).collect();
        let mut stored = Stored::new();
        pair.fetch(&mut stored, &ids).await;
        assert_eq!(pair.differences(&stored), Vec::<String>::new(), "{kind}");
        assert_eq!(pair.breaches(), Vec::<String>::new(), "{kind}");
    })
    .await;
}

#[tokio::test]
async fn listing_finds_every_order_and_what_is_true() {
    each(|kind| async move {
        let pair = Pair::open(kind).await;
        fill(pair.stand());
        let mut stored = Stored::new();
        let hinted = pair.list(&mut stored).await;
        pair.fetch(&mut stored, &hinted).await;
        assert_eq!(pair.differences(&stored), Vec::<String>::new(), "{kind}");
        assert_eq!(pair.breaches(), Vec::<String>::new(), "{kind}");
    })
    .await;
}

#[tokio::test]
async fn a_listing_after_changes_ends_in_what_is_true() {
    each(|kind| async move {
        let pair = Pair::open(kind).await;
        fill(pair.stand());
        let mut stored = Stored::new();
        let hinted = pair.list(&mut stored).await;
        pair.fetch(&mut stored, &hinted).await;
        let random = Random::seeded(6);
        for _ in 0..20 {
            stir(pair.stand(), &random);
        }
        let hinted = pair.list(&mut stored).await;
        pair.fetch(&mut stored, &hinted).await;
        // What the marketplace announces nowhere is found by reading again.
        if let Some(again) = pair.channel.reread() {
            let due = stored.iter().filter(|(_, (order, _))| again.statuses.contains(&order.status));
            let due: Vec<ChannelOrderId> = due.map(|(id, _)| id.clone()).collect();
            pair.fetch(&mut stored, &due).await;
        }
        assert_eq!(pair.differences(&stored), Vec::<String>::new(), "{kind}");
        assert_eq!(pair.breaches(), Vec::<String>::new(), "{kind}");
    })
    .await;
}

#[tokio::test]
async fn a_probe_finds_the_sandbox_in_order() {
    each(|kind| async move {
        let pair = Pair::open(kind).await;
        let findings = pair.channel.probe(pair.call()).await.expect("an answer");
        let bad: Vec<_> = findings.iter().filter(|finding| !finding.ok).collect();
        assert!(bad.is_empty(), "{kind}: {bad:?}");
        assert_eq!(pair.breaches(), Vec::<String>::new(), "{kind}");
    })
    .await;
}

#[tokio::test]
async fn a_revoked_access_is_a_permission_failure_and_an_expired_one_is_renewed() {
    each(|kind| async move {
        let mut pair = Pair::open(kind).await;
        let order = pair.stand().place(&Wish::default()).expect("room");
        let order = [ChannelOrderId::new(&order).expect("an id")];
        pair.stand().expire_access();
        let failure = pair.channel.fetch(pair.call(), &order).await.expect_err("the token ran out");
        assert!(failure.stale_token, "{kind}: {failure:?}");
        pair.tokens = pair.channel.authorise(Some(&pair.tokens)).await.expect("renewing works");
        let mut stored = Stored::new();
        pair.fetch(&mut stored, &order).await;
        pair.stand().revoke_access();
        let failure = pair.channel.authorise(Some(&pair.tokens)).await.expect_err("nothing helps");
        assert_eq!(failure.kind, fenicia::model::FailureKind::Permission, "{kind}: {failure:?}");
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_order_and_its_refund_are_seen() {
    each(|kind| async move {
        let pair = Pair::open(kind).await;
        let id = pair.stand().place(&Wish::default()).expect("room");
        if pair.stand().happen(&id, &Deed::Cancel).is_err() {
            return;
        }
        let mut stored = Stored::new();
        let order = ChannelOrderId::new(&id).expect("an id");
        pair.fetch(&mut stored, std::slice::from_ref(&order)).await;
        assert_eq!(stored[&order].0.status.to_string(), "cancelled", "{kind}");
    })
    .await;
}

#[tokio::test]
async fn webhooks_in_any_order_end_in_what_is_true() {
    each(|kind| async move {
        let pair = Pair::open(kind).await;
        let (address, heard) = listen().await;
        let courier = &pair.stand().kit().webhooks;
        courier.set_target(Some(address));
        let public = "https://orders.example.com/webhooks/shop";
        pair.channel.subscribe(pair.call(), public).await.expect("subscriptions");
        fill(pair.stand());
        courier.settled().await;
        let mut heard = std::mem::take(&mut *heard.lock().expect("not poisoned"));
        if heard.is_empty() {
            return;
        }
        heard.reverse();
        let mut stored = Stored::new();
        let mut fetch = Vec::new();
        for delivery in &heard {
            fetch.extend(pair.receive(&mut stored, delivery).await);
        }
        fetch.sort();
        fetch.dedup();
        pair.fetch(&mut stored, &fetch).await;
        assert_eq!(pair.differences(&stored), Vec::<String>::new(), "{kind}");
        assert_eq!(pair.breaches(), Vec::<String>::new(), "{kind}");
    })
    .await;
}

#[tokio::test]
async fn a_forged_webhook_is_refused_and_the_true_one_beside_it_is_not() {
    each(|kind| async move {
        let pair = Pair::open(kind).await;
        let (address, heard) = listen().await;
        let courier = &pair.stand().kit().webhooks;
        courier.set_target(Some(address));
        let public = "https://orders.example.com/webhooks/shop";
        pair.channel.subscribe(pair.call(), public).await.expect("subscriptions");
        pair.stand().kit().faults.add(Rule::always("*", Fault::Forged));
        pair.stand().place(&Wish::default()).expect("room");
        courier.settled().await;
        let heard = std::mem::take(&mut *heard.lock().expect("not poisoned"));
        let now = pair.clock.now();
        let judged: Vec<bool> = heard
            .iter()
            .map(|own| match pair.channel.admit(&own.inbound(now)) {
                Ok(_) => true,
                Err(refusal) => {
                    assert_eq!(refusal, Refusal::Unauthenticated, "{kind}");
                    false
                }
            })
            .collect();
        let admitted = judged.iter().filter(|admitted| **admitted).count();
        assert_eq!(admitted * 2, judged.len(), "{kind}");
    })
    .await;
}

impl Pair {
    async fn read(&self, id: &str) -> Order {
        let order = ChannelOrderId::new(id).expect("an id");
        let mut stored = Stored::new();
        self.fetch(&mut stored, std::slice::from_ref(&order)).await;
        stored.remove(&order).expect("found").0
    }

    /// Prepares and sends as the daemon does.
    async fn send(&self, order: &Order, request: ActionRequest) -> (Action, Result<Performed, Failure>) {
        let now = self.clock.now();
        let memo = self.channel.prepare(order, &request, now);
        let memo = memo.unwrap_or_else(|refused| panic!("{}: {refused:?}", order.key));
        let action = Action {
            id: ActionId(Random::seeded(9).uuid_v7(now)),
            order: order.key.clone(),
            request,
            state: ActionState::Running,
            attempts: 1,
            by: None,
            requested_at: now,
            updated_at: now,
            sent_boot: Some(1),
            memo,
            error: None,
        };
        let answer = self.channel.perform(self.call(), order, &action).await;
        (action, answer)
    }

    /// Sends, follows up to the end, and reads the order again.
    async fn act(&self, order: &Order, request: ActionRequest) -> Order {
        let (mut action, mut answer) = self.send(order, request).await;
        for _ in 0..100 {
            match answer.unwrap_or_else(|failure| panic!("{}: {failure:?}", order.key)) {
                Performed::Done => break,
                Performed::Unconfirmed { why } => panic!("{}: {why}", order.key),
                Performed::Submitted { memo, .. } => action.memo.extend(memo),
            }
            answer = self.channel.follow(self.call(), order, &action).await;
        }
        let read = self.read(order.key.order.as_str()).await;
        assert_eq!(self.channel.judge(&read, &action), Verdict::Done, "{}", order.key);
        read
    }
}

fn shipping(order: &Order, ability: &ShipAbility, number: &str) -> ActionRequest {
    let carriers = ability.carriers.as_ref();
    ActionRequest::Ship {
        carrier: carriers.and_then(|all| all.first()).map_or("UPS", String::as_str).to_owned(),
        tracking_number: Some(number.to_owned()),
        tracking_url: Some(format!("https://tracking.example.com/{number}")),
        items: order
            .items
            .iter()
            .map(|item| ShipLine { line_id: item.line_id.clone(), quantity: item.quantity })
            .collect(),
    }
}

/// The first of every sort of order that the connector offers to act on.
async fn workable(pair: &Pair, wanted: impl Fn(&Capabilities) -> bool) -> Option<(Order, Capabilities)> {
    let flavours = pair.stand().flavours().iter().map(|flavour| Some((*flavour).to_owned()));
    for flavour in std::iter::once(None).chain(flavours) {
        let wish = Wish { flavour, paid: Some(true), ..Wish::default() };
        let Ok(id) = pair.stand().place(&wish) else { continue };
        if pair.stand().truth(&id).is_none() {
            continue;
        }
        let order = pair.read(&id).await;
        let abilities = pair.channel.capabilities(&order, pair.clock.now());
        if wanted(&abilities) {
            return Some((order, abilities));
        }
    }
    None
}

#[tokio::test]
async fn a_shipment_arrives_and_its_tracking_can_be_corrected() {
    each(|kind| async move {
        let pair = Pair::open(kind).await;
        let found = workable(&pair, |abilities| abilities.ship.supported).await;
        let (order, abilities) = found.unwrap_or_else(|| panic!("{kind}: nothing can be shipped"));
        let id = order.key.order.as_str().to_owned();
        let shipped = pair.act(&order, shipping(&order, &abilities.ship, "AGREE0000001")).await;
        let truth = pair.stand().truth(&id).expect("there");
        assert_eq!(
            (truth.status, truth.tracking_numbers),
            ("shipped", vec!["AGREE0000001".to_owned()]),
            "{kind}"
        );
        let abilities = pair.channel.capabilities(&shipped, pair.clock.now());
        if abilities.tracking.supported {
            let carrier = shipped.shipments[0].carrier.clone().unwrap_or_else(|| "UPS".to_owned());
            let request = ActionRequest::Tracking {
                carrier,
                tracking_number: "AGREE0000002".to_owned(),
                tracking_url: Some("https://tracking.example.com/AGREE0000002".to_owned()),
                shipment_id: None,
            };
            pair.act(&shipped, request).await;
            let truth = pair.stand().truth(&id).expect("there");
            assert_eq!(truth.tracking_numbers, ["AGREE0000002"], "{kind}");
        }
        assert_eq!(pair.breaches(), Vec::<String>::new(), "{kind}");
    })
    .await;
}

#[tokio::test]
async fn a_cancellation_arrives() {
    each(|kind| async move {
        let pair = Pair::open(kind).await;
        let Some((order, abilities)) = workable(&pair, |abilities| abilities.cancel.supported).await else {
            return;
        };
        let reason = abilities.cancel.reasons[0].reason;
        let cancelled = pair.act(&order, ActionRequest::Cancel { reason, note: None }).await;
        assert_eq!(cancelled.status.to_string(), "cancelled", "{kind}");
        let truth = pair.stand().truth(order.key.order.as_str()).expect("there");
        assert_eq!(truth.status, "cancelled", "{kind}");
        assert_eq!(pair.breaches(), Vec::<String>::new(), "{kind}");
    })
    .await;
}

#[tokio::test]
async fn a_shipment_whose_answer_is_lost_is_recognised_and_was_made_once() {
    for (kind, operation) in [("shopify", "fulfillmentCreate"), ("amazon", "confirmShipment")] {
        for fault in [Fault::ResetAfter, Fault::CutAnswer, Fault::HtmlAfter] {
            let pair = Pair::open(kind).await;
            let found = workable(&pair, |abilities| abilities.ship.supported).await;
            let (order, abilities) = found.expect("something can be shipped");
            let empty = kind == "amazon" && fault == Fault::CutAnswer;
            pair.stand().kit().faults.add(Rule::once(operation, fault));
            let (action, answer) = pair.send(&order, shipping(&order, &abilities.ship, "AGREE0000003")).await;
            // An empty answer cannot break off half-way.
            if !empty {
                let failure = answer.expect_err(kind);
                assert!(!failure.no_effect, "{kind}: {failure:?}");
            }
            let read = pair.read(order.key.order.as_str()).await;
            assert_eq!(pair.channel.judge(&read, &action), Verdict::Done, "{kind}");
            assert_eq!(pair.stand().kit().effects.of_order(order.key.order.as_str()).len(), 1, "{kind}");
        }
    }
}
