//! Outbound actions.

use super::*;

impl Bench {
    async fn with_order() -> Self {
        let bench = Self::configured().await;
        bench.poll(vec![tiding(seen("1", Source::Listing, bench.now, OrderStatus::Accepted))]).await;
        bench
    }

    async fn act(&self, request: ActionRequest) -> Result<ActionId, CommandError> {
        let command = Command::Act { order: order_key("tienda:1"), request, memo: Memo::new() };
        match self.store.command(command, by("ana"), self.now).await? {
            CommandAnswer::Action(id) => Ok(id),
            other => panic!("{other:?}"),
        }
    }

    fn due(&self) -> Vec<ActionId> {
        let due = self.store.due_actions(&tienda(), 10, &[], self.now).expect("due");
        due.into_iter().map(|action| action.id).collect()
    }

    async fn settle(&self, id: ActionId, result: ActionResult) -> Action {
        self.store.settle_action(id, result, self.now).await.expect("settled")
    }
}

fn ship(number: &str) -> ActionRequest {
    ActionRequest::Ship {
        carrier: "DHL".to_owned(),
        tracking_number: Some(number.to_owned()),
        tracking_url: None,
        items: vec![ShipLine { line_id: "1".to_owned(), quantity: 1 }],
    }
}

fn cancel() -> ActionRequest {
    ActionRequest::Cancel { reason: CancelReason::CustomerRequest, note: Some("Ana asked".to_owned()) }
}

#[tokio::test]
async fn actions_of_an_order_run_one_after_the_other() {
    let mut bench = Bench::with_order().await;
    let first = bench.act(ship("A1")).await.expect("queued");
    let second = bench.act(cancel()).await.expect("queued");
    assert_eq!(bench.due(), [first]);
    assert!(matches!(bench.act(ship("A1")).await, Err(CommandError::Conflict(_))));
    let early = bench.store.intend_action(second, Memo::new(), bench.now).await;
    assert!(matches!(early, Err(StoreError::NotFound("action"))));

    let running =
        bench.store.intend_action(first, Memo::from([("k".to_owned(), "v".to_owned())]), bench.now).await;
    let running = running.expect("begun");
    assert_eq!((running.state, running.attempts, running.sent_boot), (ActionState::Running, 1, Some(1)));
    let done = bench.settle(first, ActionResult::Done { shown: false }).await;
    assert_eq!(done.state, ActionState::Done);
    assert_eq!(bench.due(), [second]);
    let order = bench.order("tienda:1");
    assert_eq!(order.last_action.map(|last| last.id), Some(second));
    assert_eq!(order.sync.state, SyncState::Pending, "its effect did not show yet: it is fetched");
    bench.later(30);
    assert_eq!(bench.claim_one().await.lane, Lane::Action);
    assert_eq!(
        bench.kinds("tienda:1"),
        ["poll_seen", "created", "action_requested", "action_requested", "action_done"]
    );
    assert_eq!(bench.store.actions_of(&order_key("tienda:1")).expect("actions").len(), 2);
}

#[tokio::test]
async fn a_refused_action_is_told_and_can_be_tried_again() {
    let mut bench = Bench::with_order().await;
    let id = bench.act(ship("A1")).await.expect("queued");
    bench.store.intend_action(id, Memo::new(), bench.now).await.expect("begun");
    let at = bench.now.plus(Duration::from_secs(30));
    bench.settle(id, ActionResult::Later { failure: Failure::unavailable("HTTP 503"), at }).await;
    assert!(bench.due().is_empty());
    bench.later(30);
    assert_eq!(bench.due(), [id]);
    bench.store.intend_action(id, Memo::new(), bench.now).await.expect("begun");
    bench.settle(id, ActionResult::Failed { failure: Failure::invalid("unknown carrier") }).await;
    assert!(bench.due().is_empty());
    let failure = bench.store.failures(None, None, 10).expect("failures").items.pop().expect("parked");
    assert_eq!(
        (failure.what, failure.action_id, failure.next_attempt_at),
        (FailedWhat::Action, Some(id), None)
    );
    let told = bench.store.notifications(false, None, 10).expect("told").items;
    assert_eq!(told[0].kind, "action_failed");

    bench.store.command(Command::Retry(failure.id), by("ana"), bench.now).await.expect("again");
    assert_eq!(bench.due(), [id]);
    bench.store.intend_action(id, Memo::new(), bench.now).await.expect("begun");
    bench.settle(id, ActionResult::Done { shown: false }).await;
    assert!(bench.store.failures(None, None, 10).expect("failures").items.is_empty());
    assert_eq!(bench.store.action(id).expect("read").expect("kept").attempts, 3);
}

#[tokio::test]
async fn what_was_refused_is_over_once_it_is_done_corrected() {
    let bench = Bench::with_order().await;
    let refused = bench.act(ship("A")).await.expect("queued");
    bench.store.intend_action(refused, Memo::new(), bench.now).await.expect("begun");
    bench.settle(refused, ActionResult::Failed { failure: Failure::invalid("not a number") }).await;
    let other = bench.act(cancel()).await.expect("queued");
    bench.store.intend_action(other, Memo::new(), bench.now).await.expect("begun");
    bench.settle(other, ActionResult::Failed { failure: Failure::invalid("too late") }).await;

    let corrected = bench.act(ship("A1")).await.expect("queued");
    bench.store.intend_action(corrected, Memo::new(), bench.now).await.expect("begun");
    bench.settle(corrected, ActionResult::Done { shown: true }).await;
    let left = bench.store.failures(None, None, 10).expect("failures").items;
    assert_eq!(left.iter().map(|failure| failure.action_id).collect::<Vec<_>>(), [Some(other)]);
}

#[tokio::test]
async fn an_unknown_outcome_is_looked_at_before_anything_is_sent_again() {
    let bench = Bench::with_order().await;
    let id = bench.act(cancel()).await.expect("queued");
    bench.store.intend_action(id, Memo::new(), bench.now).await.expect("begun");
    bench.settle(id, ActionResult::Unknown { failure: Failure::timeout("no answer") }).await;
    let order = bench.order("tienda:1");
    assert_eq!(order.last_action.expect("shown").state, ActionState::Unknown);
    let failure = bench.store.failures(None, None, 10).expect("failures").items.pop().expect("parked");
    let later = bench.act(ship("A1")).await.expect("queued");
    let refused = bench.store.command(Command::Retry(failure.id.clone()), by("ana"), bench.now).await;
    assert!(matches!(refused, Err(CommandError::Conflict(_))), "one at a time");
    bench.settle(later, ActionResult::Done { shown: false }).await;
    bench.store.command(Command::Retry(failure.id), by("ana"), bench.now).await.expect("again");
    let due = bench.store.due_actions(&tienda(), 10, &[], bench.now).expect("due");
    assert_eq!((due[0].id, due[0].state), (id, ActionState::Running));
}

#[tokio::test]
async fn an_action_in_doubt_is_done_once_the_order_shows_it() {
    let mut bench = Bench::with_order().await;
    let id = bench.act(cancel()).await.expect("queued");
    bench.store.intend_action(id, Memo::new(), bench.now).await.expect("begun");
    let doubtful = |failure, look_at| ActionResult::Doubtful { failure, memo: Memo::new(), look_at };
    let in_an_hour = bench.now.plus(Duration::from_hours(1));
    bench.settle(id, doubtful(Failure::timeout("no answer"), in_an_hour)).await;
    bench.store.action_was_seen(id, bench.now).await.expect("seen");
    assert_eq!(bench.due(), [id], "looked at by its own run, which owns it");

    bench.settle(id, ActionResult::Unknown { failure: Failure::timeout("no answer") }).await;
    assert_eq!(bench.store.last_cured().expect("read"), None);
    let at = bench.later(60);
    bench.store.action_was_seen(id, at).await.expect("seen");
    let action = bench.store.action(id).expect("read").expect("kept");
    assert_eq!((action.state, action.error, action.attempts), (ActionState::Done, None, 1));
    assert!(bench.store.failures(None, None, 10).expect("failures").items.is_empty());
    assert_eq!(bench.store.last_cured().expect("read"), Some(at));
    assert_eq!(bench.kinds("tienda:1").last(), Some(&"action_done"));
    bench.store.action_was_seen(id, at).await.expect("nothing more");
}

#[tokio::test]
async fn an_action_needs_a_stored_order() {
    let bench = Bench::configured().await;
    assert!(matches!(bench.act(cancel()).await, Err(CommandError::NotFound("order"))));
}
