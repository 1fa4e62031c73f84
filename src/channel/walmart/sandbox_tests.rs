//! The connector against the sandbox, over real sockets: what one says, the other understands.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Walmart;
use super::setup::tests::{connect, text};
use crate::channel::{Call, Channel, Fetched, ListRequest, Tiding, Value, Verdict};
use crate::clock::Clock;
use crate::model::{
    Action, ActionId, ActionRequest, ActionState, CancelReason, ChannelId, ChannelOrderId, FailureKind, Lane,
    Memo, Native, Observation, Order, OrderKey, Secret, ShipLine, Timestamp, Tokens, Trigger,
};
use crate::random::Random;
use crate::sandbox::walmart::{Options, Walmart as Account};
use crate::sandbox::{Deed, Fault, Kit, Rule, Running, Stand, Truth, Tuning, Wish, stir, visit};
use crate::sync::{Merged, Merging, merge};

struct Pair {
    here: Walmart,
    there: Running,
    tokens: Tokens,
}

impl Pair {
    async fn meet(options: Options) -> Self {
        let clock = Clock::system();
        let kit = Kit::new(
            clock.clone(),
            Random::seeded(3),
            Tuning { list_lag: Duration::ZERO, ..Tuning::default() },
        );
        let there = Running::open(std::sync::Arc::new(Account::new(kit, options)), 0).await.expect("a port");
        let values = [
            ("client_id", text("sandbox-client-id")),
            ("client_secret", Value::Secret(Secret::new("sandbox-client-secret"))),
        ];
        let here = connect(&values, Some(there.base_url()), clock).unwrap_or_else(|keys| panic!("{keys:?}"));
        let tokens = here.authorise(None).await.expect("a token");
        Self { here, there, tokens }
    }

    fn stand(&self) -> &dyn Stand {
        self.there.stand().as_ref()
    }

    fn call(&self) -> Call<'_> {
        Call { tokens: &self.tokens, lane: Lane::Manual }
    }

    /// Every order of a whole walk, by id, and where the watermark may move to.
    async fn walk(
        &self,
        stream: &'static str,
        bulk: bool,
    ) -> (BTreeMap<String, Observation>, Option<Timestamp>) {
        let from = self.stand().kit().now().minus(Duration::from_secs(30 * 86_400));
        let (mut seen, mut token, mut watermark) = (BTreeMap::new(), None, None);
        for _ in 0..100 {
            let request = ListRequest { stream, from, to: None, token: token.as_deref(), bulk };
            let page = self.here.list(self.call(), request).await.expect("a page");
            for tiding in page.tidings {
                let Tiding::Seen(order) = tiding else { panic!("{tiding:?}") };
                seen.insert(order.order.to_string(), *order);
            }
            watermark = watermark.max(page.watermark);
            token = page.next;
            if token.is_none() {
                return (seen, watermark);
            }
        }
        panic!("the walk does not end")
    }

    async fn fetch(&self, id: &str) -> Order {
        let ids = [ChannelOrderId::new(id).expect("id")];
        let fetched = self.here.fetch(self.call(), &ids).await.expect("an answer").remove(0);
        let Fetched::Found(seen) = fetched else { panic!("{fetched:?}") };
        let key = OrderKey::new(ChannelId::new("w").expect("id"), ids[0].clone());
        let how = Merging { key: &key, channel_kind: "walmart", trigger: Trigger::Manual, now: seen.read_at };
        let Merged::Applied(applied) = merge(None, *seen, how) else { panic!("a new order") };
        applied.order
    }

    /// Prepares and performs as the daemon does.
    async fn act(&self, id: &str, request: ActionRequest) -> Result<(), FailureKind> {
        let order = self.fetch(id).await;
        let memo = self.here.prepare(&order, &request, self.stand().kit().now()).expect("prepared");
        let action = action(&order, request, memo);
        let performed = self.here.perform(self.call(), &order, &action).await;
        performed.map(|_| ()).map_err(|failure| failure.kind)
    }

    fn violations(&self) -> Vec<String> {
        self.stand().kit().violations.all().into_iter().map(|v| format!("{}: {}", v.rule, v.detail)).collect()
    }

    fn truth(&self, id: &str) -> Truth {
        self.stand().truth(id).expect("an order")
    }
}

fn action(order: &Order, request: ActionRequest, memo: Memo) -> Action {
    let now = order.version.read_at;
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
        sent_boot: Some(1),
        memo,
        error: None,
    }
}

fn agrees(seen: &Observation, truth: &Truth) {
    let id = &truth.order_id;
    let Native::Known(status) = &seen.status else { panic!("{id}: {:?}", seen.status) };
    let Native::Known(payment) = &seen.payment_status else { panic!("{id}: {:?}", seen.payment_status) };
    assert_eq!((status.as_str(), payment.as_str()), (truth.status, truth.payment_status), "{id}");
    assert_eq!(seen.number.as_deref(), Some(truth.number.as_str()));
    assert_eq!(seen.amounts.total.map(|total| total.to_string()), truth.total, "{id}");
    assert_eq!(seen.placed_at, Some(truth.placed_at), "{id}");
    let items = seen.items.as_deref().unwrap_or_default();
    assert_eq!(items.len(), truth.items, "{id}");
    assert_eq!(items.iter().map(|item| item.quantity).sum::<u32>(), truth.units, "{id}");
    let numbers: std::collections::BTreeSet<String> =
        seen.shipments.iter().flatten().filter_map(|parcel| parcel.tracking_number.clone()).collect();
    assert_eq!(numbers.into_iter().collect::<Vec<_>>(), truth.tracking_numbers, "{id}");
}

fn flavour(name: &str) -> Wish {
    Wish { flavour: Some(name.to_owned()), ..Wish::default() }
}

fn everything_left(order: &Order) -> Vec<ShipLine> {
    let left = |item: &crate::model::Item| {
        item.quantity - item.quantity_shipped.unwrap_or(0) - item.quantity_cancelled.unwrap_or(0)
    };
    order.items.iter().map(|item| ShipLine { line_id: item.line_id.clone(), quantity: left(item) }).collect()
}

fn ship(items: Vec<ShipLine>, number: &str) -> ActionRequest {
    ActionRequest::Ship {
        carrier: "fedex".to_owned(),
        tracking_number: Some(number.to_owned()),
        tracking_url: None,
        items,
    }
}

#[tokio::test]
async fn a_busy_month_is_seen_as_it_is() {
    let pair = Pair::meet(Options { page_max: 7, ..Options::default() }).await;
    let random = Random::seeded(11);
    for name in
        ["replacement", "masked", "no_mail", "unwanted", "subscription", "many_lines", "bare", "acknowledged"]
    {
        for _ in 0..3 {
            pair.stand().place(&flavour(name)).expect("room");
        }
    }
    for _ in 0..120 {
        visit(pair.stand(), &random);
        stir(pair.stand(), &random);
    }
    let (mut seen, watermark) = pair.walk("orders", false).await;
    for stream in ["wfs", "3pl"] {
        seen.extend(pair.walk(stream, false).await.0);
    }
    let truths = pair.stand().truths(None, 1_000);
    assert_eq!(seen.len(), truths.len());
    for truth in &truths {
        agrees(&seen[&truth.order_id], truth);
    }
    assert!(watermark.is_some());
    assert_eq!(pair.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_bulk_sync_finds_every_node_and_halves_what_is_too_big() {
    let pair = Pair::meet(Options { page_max: 3, most_found: 8 }).await;
    let now = pair.stand().kit().now();
    for n in 0..20_u32 {
        let placed_at = Some(now.minus(Duration::from_secs(u64::from(n) * 86_000)));
        pair.stand().place(&Wish { placed_at, ..Wish::default() }).expect("room");
    }
    let wfs = pair.stand().place(&flavour("wfs")).expect("room");
    pair.stand().place(&flavour("3pl")).expect("room");
    let old = Wish { placed_at: Some(now.minus(Duration::from_secs(90 * 86_400))), ..Wish::default() };
    let old = pair.stand().place(&old).expect("room");
    pair.stand().happen(&old, &Deed::Cancel).expect("open");
    let (seen, _) = pair.walk("orders", true).await;
    assert_eq!(seen.len(), 23);
    assert_eq!(seen[&wfs].fulfilled_by, Some(crate::model::FulfilledBy::Channel));
    assert!(seen.contains_key(&old), "changed in the span, though placed before");
    assert_eq!(pair.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn nothing_new_is_an_empty_page_with_a_watermark() {
    let pair = Pair::meet(Options::default()).await;
    let before = pair.stand().kit().now();
    for stream in ["orders", "wfs", "3pl", "relist"] {
        let (seen, watermark) = pair.walk(stream, false).await;
        assert!(seen.is_empty());
        assert!(watermark.is_some_and(|at| at >= before), "{stream}");
    }
}

#[tokio::test]
async fn an_order_goes_its_whole_way() {
    let pair = Pair::meet(Options::default()).await;
    let id = pair.stand().place(&flavour("many_lines")).expect("room");
    let order = pair.fetch(&id).await;
    assert_eq!(pair.here.wants(&order), Some(ActionRequest::Acknowledge));
    pair.act(&id, ActionRequest::Acknowledge).await.expect("acknowledged");
    assert_eq!(pair.truth(&id).status, "accepted");

    let one = vec![ShipLine { line_id: order.items[0].line_id.clone(), quantity: 1 }];
    pair.act(&id, ship(one, "FX1")).await.expect("shipped");
    let order = pair.fetch(&id).await;
    let correction = ActionRequest::Tracking {
        carrier: "Bicycle Bob".to_owned(),
        tracking_number: "BOB-1".to_owned(),
        tracking_url: Some("https://bob.example/1".to_owned()),
        shipment_id: Some(order.shipments[0].shipment_id.clone()),
    };
    pair.act(&id, correction).await.expect("corrected");
    assert_eq!(pair.truth(&id).tracking_numbers, ["BOB-1"]);

    pair.act(&id, ActionRequest::Cancel { reason: CancelReason::CustomerRequest, note: None })
        .await
        .expect("cancelled");
    assert_eq!(pair.truth(&id).status, "shipped", "the rest is cancelled");
    let operations: Vec<String> =
        pair.stand().kit().effects.of_order(&id).into_iter().map(|effect| effect.operation).collect();
    assert_eq!(operations, ["acknowledge", "ship", "correct", "cancel"]);
    assert_eq!(pair.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn shipping_acknowledges_first() {
    let pair = Pair::meet(Options::default()).await;
    let id = pair.stand().place(&Wish::default()).expect("room");
    let order = pair.fetch(&id).await;
    pair.act(&id, ship(everything_left(&order), "FX1")).await.expect("shipped");
    assert_eq!(pair.truth(&id).status, "shipped");
    assert_eq!(pair.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_lost_answer_is_looked_at_before_anything_is_sent_again() {
    let pair = Pair::meet(Options::default()).await;
    let id = pair.stand().place(&flavour("acknowledged")).expect("room");
    let order = pair.fetch(&id).await;
    let request = ship(everything_left(&order), "FX1");
    for fault in [Fault::ResetAfter, Fault::HtmlAfter] {
        pair.stand().kit().faults.add(Rule::once("ship", fault));
        let memo = pair.here.prepare(&order, &request, pair.stand().kit().now()).expect("prepared");
        let action = action(&order, request.clone(), memo);
        let failure = pair.here.perform(pair.call(), &order, &action).await.err();
        if let Some(failure) = failure {
            assert!(!failure.no_effect, "{failure}");
            assert_eq!(pair.here.judge(&pair.fetch(&id).await, &action), Verdict::Done);
        }
    }
    let shipped = pair.stand().kit().effects.of_order(&id);
    assert_eq!(shipped.len(), 1, "{shipped:?}");
}

#[tokio::test]
async fn a_call_that_certainly_did_nothing_may_be_repeated() {
    let pair = Pair::meet(Options::default()).await;
    let id = pair.stand().place(&flavour("acknowledged")).expect("room");
    let order = pair.fetch(&id).await;
    let request = ship(everything_left(&order), "FX1");
    pair.stand().kit().faults.add(Rule::once("ship", Fault::ResetBefore));
    let memo = pair.here.prepare(&order, &request, pair.stand().kit().now()).expect("prepared");
    let action = action(&order, request, memo);
    assert!(pair.here.perform(pair.call(), &order, &action).await.is_err());
    let fresh = pair.fetch(&id).await;
    assert_eq!(pair.here.judge(&fresh, &action), Verdict::Repeatable);
    assert!(pair.here.perform(pair.call(), &fresh, &action).await.is_ok());
    assert_eq!(pair.truth(&id).status, "shipped");
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let pair = Pair::meet(Options::default()).await;
    let id = pair.stand().place(&Wish::default()).expect("room");
    let ids = [ChannelOrderId::new(&id).expect("id")];
    for (fault, kind, stale) in [
        (Fault::Status { status: 400 }, FailureKind::Unavailable, false),
        (Fault::Status { status: 403 }, FailureKind::Permission, false),
        (Fault::Status { status: 520 }, FailureKind::Unavailable, false),
        (Fault::Status { status: 423 }, FailureKind::Unavailable, false),
        (Fault::HtmlAfter, FailureKind::Unavailable, false),
        (Fault::Truncated, FailureKind::Unavailable, false),
        (Fault::TokenExpired, FailureKind::Permission, true),
        (Fault::RateLimited { seconds: 40 }, FailureKind::RateLimited, false),
    ] {
        let fresh = pair.here.authorise(None).await.expect("a token");
        let call = Call { tokens: &fresh, lane: Lane::Manual };
        pair.stand().kit().faults.add(Rule::once("get_order", fault.clone()));
        let failure = pair.here.fetch(call, &ids).await.expect_err("refused");
        assert_eq!((failure.kind, failure.stale_token), (kind, stale), "{fault:?}");
        let waits = failure.resume_at.map(|at| at.since(pair.stand().kit().now()).as_secs());
        let expected = match fault {
            Fault::RateLimited { .. } => 38..=41,
            Fault::Status { status: 423 } => 18..=20,
            _ => continue,
        };
        assert!(waits.is_some_and(|secs| expected.contains(&secs)), "{fault:?} {waits:?}");
    }
}

#[tokio::test]
async fn a_reset_key_is_a_matter_for_a_person() {
    let pair = Pair::meet(Options::default()).await;
    pair.stand().revoke_access();
    let failure = pair.here.authorise(Some(&pair.tokens)).await.expect_err("refused");
    assert_eq!((failure.kind, failure.stale_token), (FailureKind::Permission, false));
    pair.stand().restore_access();
    let findings = {
        let fresh = pair.here.authorise(Some(&pair.tokens)).await.expect("a token");
        pair.here.probe(Call { tokens: &fresh, lane: Lane::Manual }).await.expect("findings")
    };
    assert!(findings.iter().all(|finding| finding.ok), "{findings:?}");
    assert_eq!(findings.len(), 3);
    assert_eq!(pair.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn an_order_that_is_not_there_is_missing() {
    let pair = Pair::meet(Options::default()).await;
    let ids = [ChannelOrderId::new("1234567890123").expect("id")];
    let fetched = pair.here.fetch(pair.call(), &ids).await.expect("an answer");
    assert!(matches!(fetched[0], Fetched::Missing { reach: Some(_), .. }), "{fetched:?}");
}
