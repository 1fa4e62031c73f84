//! Outbound actions: each a durable row, run one after the other per order.

use std::time::Duration;

use super::failures::{self, Subject};
use super::jobs::{self, Want};
use super::orders::Draft;
use super::rows::{GO_ON, Rows, STOP, Span};
use super::tables::Tab;
use super::txn::Txn;
use super::{ActionResult, Incident, Store, StoreError, incidents, keys};
use crate::model::{
    Action, ActionId, ActionRequest, ActionState, ChannelId, Event, EventKind, Failure, Lane, LastAction,
    Memo, OrderKey, Timestamp, Trigger,
};

impl Store {
    /// Table `actions`.
    pub fn action(&self, id: ActionId) -> Result<Option<Action>, StoreError> {
        load(&self.snapshot()?, id)
    }

    /// All actions of an order, oldest first. Tables `order_actions`, `actions`.
    pub fn actions_of(&self, order: &OrderKey) -> Result<Vec<Action>, StoreError> {
        of_order(&self.snapshot()?, order)
    }

    /// Heads of their order's queue that are due, none of `in_flight`. No write.
    pub fn due_actions(
        &self,
        channel: &ChannelId,
        limit: usize,
        in_flight: &[ActionId],
        now: Timestamp,
    ) -> Result<Vec<Action>, StoreError> {
        let rows = self.snapshot()?;
        let mut found: Vec<Action> = Vec::new();
        if limit == 0 {
            return Ok(found);
        }
        let own = keys::Key::of(channel);
        let span = Span::prefix(own.clone().done()).before(own.time(now).tail(&[u8::MAX]).done());
        rows.walk(Tab::ActionDue, &span, &mut |key, _| {
            let Some((_, id)) = cut_due(key).filter(|(_, id)| !in_flight.contains(id)) else { return GO_ON };
            if let Some(action) = load(&rows, id)?
                && head(&rows, &action.order)? == Some(id)
            {
                found.push(action);
            }
            if found.len() < limit { GO_ON } else { STOP }
        })?;
        Ok(found)
    }

    /// T seen: a reading of the order shows the effect of an action in doubt. What was given up as
    /// unknown is done; what is still looked for is looked at now, by its own run. Tables `actions`,
    /// `action_due`, `order_actions`, `failures`, those of orders.
    pub async fn action_was_seen(&self, id: ActionId, now: Timestamp) -> Result<(), StoreError> {
        self.write("action_was_seen", move |tx| {
            let Some(action) = load(tx, id)? else { return Ok(()) };
            match action.state {
                ActionState::Unknown => done(tx, &mut Action { updated_at: now, ..action }, now),
                ActionState::Running if action.is_in_doubt() => save(tx, &action, Some(now)),
                _ => Ok(()),
            }
        })
        .await
    }

    /// T intent: state running, attempt counted, boot noted, memo fixed. Before the call. Killed
    /// after: the action is found running with an older boot and looked at before anything is
    /// sent. `NotFound` when it has ended or is not its order's next.
    pub async fn intend_action(
        &self,
        id: ActionId,
        memo: Memo,
        now: Timestamp,
    ) -> Result<Action, StoreError> {
        self.write("intend_action", move |tx| {
            let before = open(tx, id)?;
            if head(tx, &before.order)? != Some(id) {
                return Err(StoreError::NotFound("action"));
            }
            let action = Action {
                state: ActionState::Running,
                attempts: before.attempts + 1,
                sent_boot: Some(tx.boot()),
                memo,
                updated_at: now,
                ..before
            };
            let due = due_of(tx, &action)?.unwrap_or(now);
            save(tx, &action, Some(due))?;
            show(tx, &action, None)?;
            Ok(action)
        })
        .await
    }

    /// T result. Tables `actions`, `action_due`, `order_actions`, of the order, `failures`,
    /// `jobs`. `NotFound` when it has ended.
    pub async fn settle_action(
        &self,
        id: ActionId,
        result: ActionResult,
        now: Timestamp,
    ) -> Result<Action, StoreError> {
        self.write("settle_action", move |tx| settle(tx, id, result, now)).await
    }
}

pub(super) fn load(rows: &impl Rows, id: ActionId) -> Result<Option<Action>, StoreError> {
    rows.sealed(Tab::Actions, &keys::action(id))
}

/// The action, unless it has ended.
fn open(rows: &impl Rows, id: ActionId) -> Result<Action, StoreError> {
    let action = load(rows, id)?.filter(|action| !is_final(action.state));
    action.ok_or(StoreError::NotFound("action"))
}

/// A call was begun, and what came of it is not known or not known yet.
pub(super) const fn may_have_acted(state: ActionState) -> bool {
    matches!(state, ActionState::Running | ActionState::Unknown)
}

pub(super) const fn is_final(state: ActionState) -> bool {
    matches!(state, ActionState::Done | ActionState::Failed | ActionState::Unknown)
}

fn cut_due(key: &[u8]) -> Option<(Timestamp, ActionId)> {
    let mut cut = keys::Cut(key);
    cut.channel()?;
    Some((cut.time()?, ActionId(cut.uuid()?)))
}

/// When the next action becomes due after `now`.
pub(super) fn next_due(
    rows: &impl Rows,
    channel: &ChannelId,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let own = keys::Key::of(channel);
    let later = own.clone().time(now).tail(&[u8::MAX]).done();
    let first = rows.first(Tab::ActionDue, &Span::prefix(own.done()).starting(later))?;
    Ok(first.and_then(|(key, _)| cut_due(&key)).map(|(due, _)| due))
}

fn id_at_end(key: &[u8]) -> Option<ActionId> {
    let (_, id) = key.split_last_chunk::<16>()?;
    Some(ActionId(uuid::Uuid::from_bytes(*id)))
}

pub(super) fn of_order(rows: &impl Rows, order: &OrderKey) -> Result<Vec<Action>, StoreError> {
    let mut found = Vec::new();
    for (key, _) in rows.rows(Tab::OrderActions, &Span::prefix(keys::order(order)), usize::MAX)? {
        if let Some(id) = id_at_end(&key) {
            found.extend(load(rows, id)?);
        }
    }
    Ok(found)
}

/// The oldest action of the order that has not ended: the only one that may run.
pub(super) fn head(rows: &impl Rows, order: &OrderKey) -> Result<Option<ActionId>, StoreError> {
    let mut first = None;
    rows.walk(Tab::OrderActions, &Span::prefix(keys::order(order)), &mut |key, due| {
        if due.is_empty() {
            return GO_ON;
        }
        first = id_at_end(key);
        STOP
    })?;
    Ok(first)
}

fn due_of(rows: &impl Rows, action: &Action) -> Result<Option<Timestamp>, StoreError> {
    let row = keys::order_action(&action.order, action.id);
    let due = rows.get(Tab::OrderActions, &row)?;
    Ok(due.and_then(|due| keys::Cut(&due).time()))
}

/// Writes an action and its place in the queues; `due` is `None` for an ended one.
fn save(tx: &mut Txn<'_>, action: &Action, due: Option<Timestamp>) -> Result<(), StoreError> {
    let channel = &action.order.channel;
    let before = due_of(tx, action)?;
    if before != due
        && let Some(before) = before
    {
        tx.remove(Tab::ActionDue, &keys::action_due(channel, before, action.id))?;
    }
    if before != due
        && let Some(due) = due
    {
        tx.put_bytes(Tab::ActionDue, keys::action_due(channel, due, action.id), &[])?;
    }
    let shown = due.map_or_else(Vec::new, |due| keys::Key::new().time(due).done());
    tx.put_bytes(Tab::OrderActions, keys::order_action(&action.order, action.id), &shown)?;
    tx.put_sealed(Tab::Actions, keys::action(action.id), action)
}

/// Shows the action at its order, with a line in the timeline.
fn show(tx: &mut Txn<'_>, action: &Action, event: Option<Event>) -> Result<(), StoreError> {
    let Some(mut draft) = Draft::open(tx, &action.order)? else { return Ok(()) };
    let newest = draft.order.last_action.as_ref().is_none_or(|last| last.id <= action.id);
    if newest {
        let kind = action.request.kind().to_owned();
        draft.order.last_action = Some(LastAction { id: action.id, kind, state: action.state });
    }
    draft.tell_all(event);
    draft.save(tx).map(drop)
}

/// T request: a new action at the end of its order's queue. The order is stored.
pub(super) fn request(
    tx: &mut Txn<'_>,
    order: &OrderKey,
    request: ActionRequest,
    memo: Memo,
    by: &str,
    now: Timestamp,
) -> Result<ActionId, StoreError> {
    let action = Action {
        id: ActionId(tx.uuid(now)),
        order: order.clone(),
        request,
        state: ActionState::Queued,
        attempts: 0,
        failed_tries: 0,
        by: Some(by.to_owned()),
        requested_at: now,
        updated_at: now,
        sent_boot: None,
        memo,
        error: None,
    };
    save(tx, &action, Some(now))?;
    let told = event(&action, EventKind::ActionRequested, now, format!("{} requested", verb(&action)));
    show(tx, &action, Some(told))?;
    Ok(action.id)
}

fn verb(action: &Action) -> &'static str {
    match action.request {
        ActionRequest::Ship { .. } => "Shipment",
        ActionRequest::Tracking { .. } => "New tracking number",
        ActionRequest::Cancel { .. } => "Cancellation",
        ActionRequest::Acknowledge => "Acknowledgement",
    }
}

fn event(action: &Action, kind: EventKind, now: Timestamp, summary: String) -> Event {
    Event::new(now, kind, Some(Trigger::Action), summary)
        .by(action.by.clone())
        .attempt(action.attempts.max(1))
}

fn settle(
    tx: &mut Txn<'_>,
    id: ActionId,
    result: ActionResult,
    now: Timestamp,
) -> Result<Action, StoreError> {
    let mut action = Action { updated_at: now, ..open(tx, id)? };
    let subject = Subject::Action(id, action.order.clone());
    match result {
        ActionResult::Done { shown } => {
            done(tx, &mut action, now)?;
            if !shown {
                verify(tx, &action, now.plus(SHOWN_LATER))?;
            }
        }
        ActionResult::Submitted { memo, look_at } => {
            action.memo = memo;
            action.failed_tries = 0;
            action.error = None;
            save(tx, &action, Some(look_at))?;
        }
        ActionResult::Later { failure, at } => {
            let error = failure.to_error(Some(at));
            action.state = ActionState::Queued;
            action.sent_boot = None;
            action.failed_tries += 1;
            let first = action.error.as_ref().is_none_or(|known| known.kind != error.kind);
            action.error = Some(error.clone());
            save(tx, &action, Some(at))?;
            let told = format!("{} had no effect yet: tried again at {at}", verb(&action));
            let told = event(&action, EventKind::ActionFailed, now, told).error(error.clone());
            show(tx, &action, first.then_some(told))?;
            failures::put(tx, &subject, error, action.attempts, now)?;
        }
        ActionResult::Doubtful { failure, memo, look_at } => {
            action.memo = memo;
            action.failed_tries += 1;
            action.error = Some(failure.to_error(Some(look_at)));
            save(tx, &action, Some(look_at))?;
            show(tx, &action, None)?;
        }
        ActionResult::Failed { failure } => {
            give_up(tx, &mut action, ActionState::Failed, &failure, now)?;
        }
        ActionResult::Unknown { failure } => {
            give_up(tx, &mut action, ActionState::Unknown, &failure, now)?;
        }
    }
    Ok(action)
}

fn done(tx: &mut Txn<'_>, action: &mut Action, now: Timestamp) -> Result<(), StoreError> {
    action.state = ActionState::Done;
    action.error = None;
    save(tx, action, None)?;
    let told = format!("{}: the channel confirmed it", verb(action));
    show(tx, action, Some(event(action, EventKind::ActionDone, now, told)))?;
    failures::cure(tx, &Subject::Action(action.id, action.order.clone()), now)?;
    incidents::close(tx, &incident_key(action.id), now)?;
    supersede(tx, action, now)
}

/// How much later an order is read that did not show a confirmed effect at once.
const SHOWN_LATER: Duration = Duration::from_secs(30);

/// What was refused is over once the same was asked for again, corrected, and done.
fn supersede(tx: &mut Txn<'_>, done: &Action, now: Timestamp) -> Result<(), StoreError> {
    for older in of_order(tx, &done.order)? {
        if older.state == ActionState::Failed && older.request.aims_as(&done.request) {
            failures::cure(tx, &Subject::Action(older.id, older.order.clone()), now)?;
            incidents::close(tx, &incident_key(older.id), now)?;
        }
    }
    Ok(())
}

fn incident_key(id: ActionId) -> String {
    format!("action:{id}")
}

/// Refused, or never to be known: a person must look.
fn give_up(
    tx: &mut Txn<'_>,
    action: &mut Action,
    state: ActionState,
    failure: &Failure,
    now: Timestamp,
) -> Result<(), StoreError> {
    let error = failure.to_error(None);
    action.state = state;
    action.error = Some(error.clone());
    save(tx, action, None)?;
    let (kind, told, advice) = if state == ActionState::Unknown {
        (
            EventKind::ActionUnknown,
            format!("{}: sent, but whether the channel acted cannot be learnt", verb(action)),
            "Look at the order in the marketplace. If it did not act, ask for it again.",
        )
    } else {
        (EventKind::ActionFailed, format!("{} failed", verb(action)), failure.advice())
    };
    show(tx, action, Some(event(action, kind, now, told.clone()).error(error.clone())))?;
    let subject = Subject::Action(action.id, action.order.clone());
    failures::put(tx, &subject, error.clone(), action.attempts, now)?;
    let incident = Incident {
        key: incident_key(action.id),
        kind: "action_failed",
        channel: Some(action.order.channel.clone()),
        order: Some(action.order.clone()),
        message: format!("Order {}: {told}: {}", action.order, error.message),
        advice: advice.to_owned(),
        error: Some(error),
    };
    incidents::open(tx, incident, now)?;
    verify(tx, action, now)
}

/// What the action did, or why it could not, shows in the order.
fn verify(tx: &mut Txn<'_>, action: &Action, now: Timestamp) -> Result<(), StoreError> {
    jobs::want_order(tx, &action.order, Want::at(Lane::Action, now)).map(drop)
}

/// A person asks for another try. `Err` with the reason when that is not safe now.
pub(super) fn retry(
    tx: &mut Txn<'_>,
    id: ActionId,
    now: Timestamp,
) -> Result<Result<(), String>, StoreError> {
    let Some(action) = load(tx, id)? else { return Ok(Err("the action is gone".to_owned())) };
    let state = match action.state {
        ActionState::Queued | ActionState::Failed => ActionState::Queued,
        // It may have acted: it is looked at before anything is sent.
        ActionState::Unknown | ActionState::Running => ActionState::Running,
        ActionState::Done => return Ok(Err("the action is done".to_owned())),
    };
    if is_final(action.state) && head(tx, &action.order)?.is_some() {
        return Ok(Err("another action of this order is under way: wait for it".to_owned()));
    }
    let again = Action { state, updated_at: now, failed_tries: 0, ..action };
    save(tx, &again, Some(now))?;
    show(tx, &again, None)?;
    Ok(Ok(()))
}

/// Takes the notes out of the actions of an erased order.
pub(super) fn scrub(tx: &mut Txn<'_>, order: &OrderKey) -> Result<(), StoreError> {
    for mut action in of_order(tx, order)? {
        if let ActionRequest::Cancel { note: note @ Some(_), .. } = &mut action.request {
            *note = None;
            tx.put_sealed(Tab::Actions, keys::action(action.id), &action)?;
        }
    }
    Ok(())
}
