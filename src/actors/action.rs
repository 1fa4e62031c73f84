//! Carries out one outbound action: looks, fixes the intent, sends once, looks again, settles.
//!
//! Started by its channel's actor for the head of an order's queue. Dies or is killed anywhere:
//! the row says how far it got. An intent without a result means that the effect is unknown, so the
//! order is read and judged before anything is sent again. Writes: `intend_action`,
//! `settle_action`.

use std::sync::Arc;
use std::time::Duration;

use super::Shared;
use super::batcher::Batcher;
use super::connection::{Connection, with_tokens};
use super::errand::Errand;
use super::session::internal;
use crate::channel::{Fetched, Performed, Refused, Verdict};
use crate::model::{
    Action, ActionRequest, ActionState, Failure, FailureKind, Lane, Memo, Order, Tiding, Timestamp,
};
use crate::net::Prepaid;
use crate::store::ActionResult;
use crate::sync::action::{AfterFailure, after_failure, next_look};
use crate::telemetry::metrics;

pub struct ActionRun {
    pub shared: Arc<Shared>,
    pub connection: Arc<Connection>,
    pub action: Action,
}

/// Memo key of an action whose effect the marketplace has confirmed.
const CONFIRMED: &str = "fenicia.confirmed";
/// Looks at an order for a confirmed effect before it is left to the order's own sync.
const MOST_LOOKS_AT_DONE: usize = 2;
/// How soon after a reconnection what is owed is done.
const OWED_AGAIN: Duration = Duration::from_secs(30);
/// Memo key: vain looks for the effect so far.
const LOOKS: &str = "fenicia.looks";

impl Errand for ActionRun {
    async fn run(&self) {
        let Self { shared, connection, action } = self;
        let result = match step(shared, connection, action).await {
            Ok(result) => result,
            Err(failure) => after(shared, action, failure),
        };
        settle(shared, connection, action.clone(), result).await;
    }
}

/// One step of the action's life. `Err` is a failed call.
async fn step(
    shared: &Shared,
    connection: &Arc<Connection>,
    action: &Action,
) -> Result<ActionResult, Failure> {
    let order = match look(shared, connection, action).await {
        Ok(order) => order,
        // What the marketplace confirmed needs no proof: the order is read when it can be.
        Err(_) if is_confirmed(action) => return Ok(ActionResult::Done { shown: false }),
        // Looking sends nothing, so whatever goes wrong here, nothing was done.
        Err(failure) => return Err(Failure { no_effect: true, ..failure }),
    };
    let verdict = connection.channel.judge(&order, action);
    match action.state {
        _ if is_confirmed(action) => Ok(shown(shared, action, verdict)),
        ActionState::Running if action.was_taken() => {
            let answer = with_tokens!(connection, Lane::Action, |call| connection
                .channel
                .follow(call, &order, action));
            Ok(answer.map_or_else(
                |failure| follow_again(shared, action, failure),
                |told| performed(shared, action, told),
            ))
        }
        // Somebody, perhaps an earlier try of ours, has brought it about.
        _ if verdict == Verdict::Done => Ok(ActionResult::Done { shown: true }),
        ActionState::Running if verdict != Verdict::Repeatable => Ok(unseen(shared, action)),
        _ => send(shared, connection, &order, action).await,
    }
}

/// Checks against the fresh order, fixes the intent, sends once.
async fn send(
    shared: &Shared,
    connection: &Arc<Connection>,
    order: &Order,
    action: &Action,
) -> Result<ActionResult, Failure> {
    let now = shared.clock.now();
    let repeats = action.state == ActionState::Running;
    let memo = match connection.channel.prepare(order, &action.request, now) {
        // An earlier call may have acted, and the repeat must be the same call.
        Ok(_) if repeats => without_looks(&action.memo),
        // Nothing was done yet: what counts is the order as it is now, not as it was when asked.
        Ok(memo) => memo,
        // It cannot be sent again, and what came of the earlier call is still not known.
        Err(_) if repeats => return Ok(unseen(shared, action)),
        Err(refused) => return Ok(ActionResult::Failed { failure: refusal(refused) }),
    };
    let not_sent = |e| Failure { no_effect: true, ..internal(&e) };
    // The wait comes before the intent: whoever is killed while waiting has certainly sent nothing.
    let _paid = prepay(connection, order, action).await?;
    let intended = shared.store.intend_action(action.id, memo, shared.clock.now()).await.map_err(not_sent)?;
    let answer =
        with_tokens!(connection, Lane::Action, |call| connection.channel.perform(call, order, &intended));
    match answer {
        Ok(told) => Ok(performed(shared, &intended, told)),
        Err(failure) if failure.kind == FailureKind::InvalidRequest && failure.local => {
            refused(shared, connection, &intended, failure).await
        }
        Err(failure) => Err(failure),
    }
}

/// Waits for the allowance of the action's call and keeps it.
async fn prepay<'a>(
    connection: &'a Connection,
    order: &Order,
    action: &Action,
) -> Result<Option<Prepaid<'a>>, Failure> {
    let Some(wire) = connection.channel.wire() else { return Ok(None) };
    let Some(operation) = connection.channel.sends(order, &action.request) else { return Ok(None) };
    let turn = wire.prepay(operation, 1.0, Lane::Action).await;
    turn.map(Some).map_err(|failure| Failure { no_effect: true, ..failure })
}

/// The channel refused the content. Often the order has moved on since it was read, which marketplaces
/// say in words of their own; the order itself says it better.
async fn refused(
    shared: &Shared,
    connection: &Arc<Connection>,
    action: &Action,
    failure: Failure,
) -> Result<ActionResult, Failure> {
    let Ok(order) = look(shared, connection, action).await else { return Err(failure) };
    if connection.channel.judge(&order, action) == Verdict::Done {
        return Ok(ActionResult::Done { shown: true });
    }
    match connection.channel.prepare(&order, &action.request, shared.clock.now()) {
        Err(Refused::Conflict { why } | Refused::Unsupported { why }) => {
            let message = format!("{} {why}", ended(&failure.message));
            Ok(ActionResult::Failed { failure: Failure { message, conflict: true, ..failure } })
        }
        Ok(_) | Err(Refused::Invalid { .. }) => Err(failure),
    }
}

fn ended(sentence: &str) -> String {
    let closed = sentence.ends_with(['.', '!', '?', '…']);
    if closed { sentence.to_owned() } else { format!("{sentence}.") }
}

fn without_looks(memo: &Memo) -> Memo {
    memo.iter().filter(|(key, _)| *key != LOOKS).map(|(key, text)| (key.clone(), text.clone())).collect()
}

fn is_confirmed(action: &Action) -> bool {
    action.state == ActionState::Running && action.memo.contains_key(CONFIRMED)
}

/// The order as the marketplace has it now, stored.
async fn look(shared: &Shared, connection: &Arc<Connection>, action: &Action) -> Result<Order, Failure> {
    let fetched = Batcher::fetch(connection, action.order.order.clone(), Lane::Action).await?;
    let seen = match fetched {
        Fetched::Found(seen) => seen,
        Fetched::Missing { .. } => {
            return Err(Failure::not_found("the order is not in the channel any more"));
        }
        Fetched::Failed { failure, .. } => return Err(failure),
    };
    let now = shared.clock.now();
    let absorbed = shared
        .store
        .absorb(&connection.id, connection.kind.name, Lane::Action, vec![Tiding::Seen(seen)], now)
        .await;
    let effects = absorbed.map_err(|e| internal(&e))?;
    shared.observe(&connection.id, &effects.changed, &effects.anomalies).await;
    let stored = shared.store.order(&action.order).map_err(|e| internal(&e))?;
    stored.map(|(order, _)| order).ok_or_else(|| Failure::not_found("the order is not stored here"))
}

fn performed(shared: &Shared, action: &Action, told: Performed) -> ActionResult {
    let now = shared.clock.now();
    match told {
        // On disk before anything else, then the order is read: what follows asks for what is left.
        Performed::Done => noted(action, [(CONFIRMED.to_owned(), now.to_string())].into(), now),
        Performed::Unconfirmed { why } => ActionResult::Unknown { failure: Failure::unavailable(why) },
        Performed::Submitted { mut memo, look_after } => {
            memo.insert(Action::TAKEN.to_owned(), now.to_string());
            noted(action, memo, now.plus(look_after))
        }
    }
}

/// Further notes beside those that are there.
fn noted(action: &Action, notes: Memo, look_at: Timestamp) -> ActionResult {
    let mut memo = without_looks(&action.memo);
    memo.extend(notes);
    ActionResult::Submitted { memo, look_at }
}

/// The marketplace confirmed it; the order may show it a moment later.
fn shown(shared: &Shared, action: &Action, verdict: Verdict) -> ActionResult {
    if matches!(verdict, Verdict::Done | Verdict::CannotTell) {
        return ActionResult::Done { shown: true };
    }
    let (memo, looks) = looked(action);
    match next_look(looks - 1, shared.clock.now()) {
        Some(look_at) if looks < MOST_LOOKS_AT_DONE => ActionResult::Submitted { memo, look_at },
        _ => ActionResult::Done { shown: false },
    }
}

/// A failed question how it is getting on harms nothing; a refusal is the outcome.
fn follow_again(shared: &Shared, action: &Action, failure: Failure) -> ActionResult {
    if !failure.kind.is_temporary() {
        return ActionResult::Failed { failure };
    }
    let harmless = Failure { no_effect: true, ..failure };
    let tries = action.failed_tries + 1;
    match after_failure(&harmless, tries, shared.clock.now(), |span| shared.random.jitter(span)) {
        AfterFailure::SendAgain(look_at) | AfterFailure::LookFirst(look_at) => {
            ActionResult::Doubtful { failure: harmless, memo: action.memo.clone(), look_at }
        }
        AfterFailure::GiveUp => ActionResult::Unknown { failure: harmless },
    }
}

fn unseen(shared: &Shared, action: &Action) -> ActionResult {
    let failure = Failure::timeout(
        "The answer of the channel was lost, and the order does not show the change. Whether it was done is not to be \
         learnt from here: look in the marketplace, then sync the order.",
    );
    let (memo, looks) = looked(action);
    match next_look(looks, shared.clock.now()) {
        Some(look_at) => ActionResult::Doubtful { failure, memo, look_at },
        None => ActionResult::Unknown { failure },
    }
}

/// The memo with one more vain look, and how many those are.
fn looked(action: &Action) -> (Memo, usize) {
    let looks = action.memo.get(LOOKS).and_then(|n| n.parse().ok()).unwrap_or(0_usize) + 1;
    let mut memo = action.memo.clone();
    memo.insert(LOOKS.to_owned(), looks.to_string());
    (memo, looks)
}

fn after(shared: &Shared, action: &Action, failure: Failure) -> ActionResult {
    let now = shared.clock.now();
    // What the intent of this attempt fixed is in the store; a vain look counts anew after a send.
    let memo = stored_memo(shared, action);
    match after_failure(&failure, action.failed_tries + 1, now, |span| shared.random.jitter(span)) {
        // A look that failed after an earlier send leaves the outcome as unknown as it was.
        AfterFailure::SendAgain(at) if action.state == ActionState::Running => {
            ActionResult::Doubtful { failure, memo, look_at: at }
        }
        AfterFailure::GiveUp if action.state == ActionState::Running => ActionResult::Unknown { failure },
        AfterFailure::SendAgain(at) => ActionResult::Later { failure, at },
        AfterFailure::LookFirst(look_at) => ActionResult::Doubtful { failure, memo, look_at },
        // Nobody waits for what the daemon owes by itself: it is done once access is back.
        AfterFailure::GiveUp
            if failure.kind == FailureKind::Permission
                && !failure.local
                && action.request == ActionRequest::Acknowledge =>
        {
            ActionResult::Later { failure, at: now.plus(OWED_AGAIN) }
        }
        AfterFailure::GiveUp => ActionResult::Failed { failure },
    }
}

/// The memo as it was last fixed: a send that failed fixed it after this run began.
fn stored_memo(shared: &Shared, action: &Action) -> Memo {
    shared.store.action(action.id).ok().flatten().map_or_else(|| action.memo.clone(), |stored| stored.memo)
}

fn refusal(refused: Refused) -> Failure {
    match refused {
        Refused::Unsupported { why } => Failure::unsupported(why),
        Refused::Invalid { why, .. } => Failure::invalid(why),
        Refused::Conflict { why } => Failure::conflict(why),
    }
}

async fn settle(shared: &Shared, connection: &Connection, action: Action, result: ActionResult) {
    let outcome = match &result {
        ActionResult::Done { .. } => "done",
        ActionResult::Submitted { .. } => "submitted",
        ActionResult::Later { .. } => "later",
        ActionResult::Doubtful { .. } => "doubtful",
        ActionResult::Failed { .. } => "failed",
        ActionResult::Unknown { .. } => "unknown",
    };
    metrics::actions(connection.id.as_str(), action.request.kind(), outcome).increment(1);
    tracing::info!(order = %action.order, action = %action.id, kind = action.request.kind(), outcome, "action step");
    if let ActionResult::Later { failure, .. }
    | ActionResult::Doubtful { failure, .. }
    | ActionResult::Failed { failure } = &result
    {
        shared.note_failure(&connection.id, failure).await;
    }
    let now = shared.clock.now();
    if let Err(error) = shared.store.settle_action(action.id, result, now).await {
        tracing::error!(action = %action.id, %error, "the result of an action was not stored; the order is judged again");
        return;
    }
    connection.wake();
}
