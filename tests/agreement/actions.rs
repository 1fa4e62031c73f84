//! Shipments, tracking and cancellations: they arrive, once.

use fenicia::channel::{Performed, Verdict};
use fenicia::model::{
    Action, ActionId, ActionRequest, ActionState, Capabilities, ChannelOrderId, Failure, Order, ShipAbility,
    ShipLine,
};
use fenicia::random::Random;
use fenicia::sandbox::{Fault, Rule, Wish};

use crate::each;
use crate::pair::{Pair, Stored};

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
            failed_tries: 0,
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
