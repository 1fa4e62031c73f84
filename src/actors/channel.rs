//! Keeps one marketplace connection in step: reads its deliveries, claims what is due, polls.
//!
//! Owns: the children in flight. Truth lives in the store; a lost message costs latency, never an
//! order. Children do what needs the network. Dies: the channels' supervisor restarts it after a
//! back-off; its children die with it and their rows are claimed again.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent};

use super::Shared;
use super::action::ActionRun;
use super::bulk::{self, Bulk};
use super::connection::Connection;
use super::order::{self, OrderSync};
use super::poll::Poll;
use super::upkeep::{Duties, Upkeep};
use super::{errand, incidents};
use crate::model::{
    ActionId, ActionRequest, Anomaly, ChannelOrderId, Failure, FailureKind, Lane, Tiding, Timestamp,
};
use crate::store::{Claim, InboxItem, StoreError, SyncOutcome};
use crate::sync::{Retry, retry};
use crate::telemetry::metrics;

pub enum Message {
    /// Something may be due. At most one is queued at a time.
    Wake,
    /// From the scheduler: the poll is due.
    Poll,
    /// From a delivery or an operator: poll although it is not due.
    PollNow,
    /// From an operator or a consent: access is back. Everything is looked at afresh.
    Reconnected,
    /// From the poll child.
    PollEnded(Result<(), Failure>),
    /// From the scheduler, every minute.
    Upkeep,
    /// From the upkeep child: subscriptions were looked at, and stand, or not.
    SubscriptionsLooked(Result<(), Failure>),
    /// At shutdown: claim nothing more, answer when nothing is in flight.
    Drain(RpcReplyPort<()>),
}

pub struct Settings {
    pub shared: Arc<Shared>,
    pub connection: Arc<Connection>,
}

pub struct State {
    shared: Arc<Shared>,
    connection: Arc<Connection>,
    children: HashMap<ActorId, Child>,
    /// Failed polls in a row, for the ladder between scheduled ones.
    poll_failures: u32,
    duties: Duties,
    /// When the subscriptions are looked at next.
    subscriptions_at: Timestamp,
    reread_at: Option<Timestamp>,
    draining: bool,
    /// While draining: whom to tell when the last child has ended.
    drained: Option<RpcReplyPort<()>>,
}

enum Child {
    Order { claim: Claim, committed: Arc<AtomicBool>, begun: Timestamp },
    Action(ActionId),
    Poll,
    Bulk,
    Upkeep,
}

pub struct ChannelActor;

/// Actions that are looked through for those that a person waits for.
const OWED: usize = 1_000;
/// Deliveries that are read per turn. Applying them holds the writer for half a millisecond, which
/// is how long new deliveries wait longer for it.
const INBOX_TURN: usize = 16;
const SUBSCRIPTIONS_EVERY: Duration = Duration::from_hours(24);
const REREAD_EVERY: Duration = Duration::from_mins(10);
/// While a person must reconnect the channel, one poll an hour finds out whether somebody has.
const PROBE_EVERY: Duration = Duration::from_hours(1);

impl Actor for ChannelActor {
    type Msg = Message;
    type State = State;
    type Arguments = Settings;

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        settings: Settings,
    ) -> Result<State, ActorProcessingErr> {
        let Settings { shared, connection } = settings;
        // Subscriptions and tokens are looked at at once, not at the next round.
        myself.cast(Message::Upkeep)?;
        connection.attach(Some(myself));
        connection.set_in_flight(0);
        connection.set_next_poll(Some(shared.clock.now()));
        connection.wake();
        Ok(State {
            shared,
            connection,
            children: HashMap::new(),
            poll_failures: 0,
            duties: Duties::default(),
            subscriptions_at: Timestamp::EPOCH,
            reread_at: None,
            draining: false,
            drained: None,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let done = match message {
            Message::Wake => wake(&myself, state).await,
            Message::Poll | Message::PollNow => start_poll(&myself, state).await,
            Message::Reconnected => reconnected(&myself, state).await,
            Message::PollEnded(result) => poll_ended(state, result).await,
            Message::Upkeep => upkeep(&myself, state).await,
            Message::SubscriptionsLooked(result) => subscriptions_looked(state, result).await,
            Message::Drain(reply) => {
                state.draining = true;
                state.drained = Some(reply);
                tell_drained(state);
                Ok(())
            }
        };
        if let Err(error) = done {
            tracing::error!(channel = %state.connection.id, %error, "the channel could not use the store; the sweep tries again");
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _myself: ActorRef<Message>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(child, _, _) => ended(state, &child, None).await,
            SupervisionEvent::ActorFailed(child, error) => {
                ended(state, &child, Some(error.to_string())).await;
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        Ok(())
    }
}

// ---- what is due -------------------------------------------------------------------------

async fn wake(myself: &ActorRef<Message>, state: &mut State) -> Result<(), StoreError> {
    state.connection.wake_received();
    intake(myself, state).await?;
    if state.draining {
        return Ok(());
    }
    claim_orders(myself, state).await?;
    claim_actions(myself, state).await?;
    resume_bulk(myself, state).await?;
    wake_when_due(myself, state)
}

/// Reads pending deliveries and applies them in one transaction.
async fn intake(myself: &ActorRef<Message>, state: &mut State) -> Result<(), StoreError> {
    let State { shared, connection, .. } = &state;
    let now = shared.clock.now();
    let items = shared.store.inbox(&connection.id, INBOX_TURN, now)?;
    if items.is_empty() {
        return Ok(());
    }
    let full = items.len() == INBOX_TURN;
    let read = items
        .into_iter()
        .map(|item| {
            let tidings = read(connection, &item);
            (item, tidings)
        })
        .collect();
    let effects = shared.store.apply_deliveries(&connection.id, connection.kind.name, read, now).await?;
    shared.observe(&connection.id, &effects.changed, &effects.anomalies).await;
    if effects.poll_now {
        drop(myself.cast(Message::PollNow));
    }
    state.duties.subscriptions |= effects.check_subscriptions;
    state.duties.unresolved.extend(effects.unresolved);
    if state.duties.subscriptions || !state.duties.unresolved.is_empty() {
        start_upkeep(myself, state).await;
    }
    if full {
        state.connection.wake();
    }
    Ok(())
}

/// A delivery that its connector cannot even look at must not stop the others.
fn read(connection: &Connection, item: &InboxItem) -> Vec<Tiding> {
    if let Some(alias) = &item.alias {
        return vec![Tiding::Alias(alias.clone())];
    }
    let tidings = catch_unwind(AssertUnwindSafe(|| connection.channel.read(&item.delivery)));
    tidings.unwrap_or_else(|_| {
        let anomaly = Anomaly {
            code: "unreadable_delivery".to_owned(),
            summary: "A delivery of the channel could not be read. The channel is polled instead.".to_owned(),
        };
        vec![Tiding::PollNow, Tiding::Anomaly { order: None, anomaly }]
    })
}

async fn claim_orders(myself: &ActorRef<Message>, state: &mut State) -> Result<(), StoreError> {
    let in_flight: Vec<ChannelOrderId> = state
        .children
        .values()
        .filter_map(|child| match child {
            Child::Order { claim, .. } => Some(claim.order.order.clone()),
            _ => None,
        })
        .collect();
    let free = state.connection.max_in_flight.saturating_sub(in_flight.len());
    if free == 0 {
        return Ok(());
    }
    let State { shared, connection, .. } = &state;
    // While a person must reconnect the channel, only what a person asks for is worth a call.
    let least_urgent = if shared.is_cut_off(&connection.id) { Lane::Manual } else { Lane::Bulk };
    let now = shared.clock.now();
    let claims = shared.store.claim_due(&connection.id, free, in_flight, least_urgent, now).await?;
    for claim in claims {
        let committed = Arc::new(AtomicBool::new(false));
        let errand = OrderSync {
            shared: Arc::clone(&state.shared),
            connection: Arc::clone(&state.connection),
            claim: claim.clone(),
            committed: Arc::clone(&committed),
        };
        let spawned = errand::send(errand, myself.get_cell()).await;
        adopt(state, spawned, Child::Order { claim, committed, begun: now });
    }
    Ok(())
}

async fn claim_actions(myself: &ActorRef<Message>, state: &mut State) -> Result<(), StoreError> {
    let in_flight: Vec<ActionId> = state
        .children
        .values()
        .filter_map(|child| match child {
            Child::Action(id) => Some(*id),
            _ => None,
        })
        .collect();
    let free = state.connection.max_in_flight.saturating_sub(in_flight.len());
    let now = state.shared.clock.now();
    let cut_off = state.shared.is_cut_off(&state.connection.id);
    let most = if cut_off { free.max(OWED) } else { free };
    let mut due = state.shared.store.due_actions(&state.connection.id, most, &in_flight, now)?;
    // What the daemon owes by itself waits until a person has reconnected the channel.
    due.retain(|action| !(cut_off && action.request == ActionRequest::Acknowledge));
    for action in due.into_iter().take(free) {
        let id = action.id;
        let errand = ActionRun {
            shared: Arc::clone(&state.shared),
            connection: Arc::clone(&state.connection),
            action,
        };
        let spawned = errand::send(errand, myself.get_cell()).await;
        adopt(state, spawned, Child::Action(id));
    }
    Ok(())
}

async fn resume_bulk(myself: &ActorRef<Message>, state: &mut State) -> Result<(), StoreError> {
    let Some(sync) = state.shared.store.listing_bulk(&state.connection.id)? else { return Ok(()) };
    if state.children.values().any(|child| matches!(child, Child::Bulk)) {
        return Ok(());
    }
    let settings =
        bulk::Settings { shared: Arc::clone(&state.shared), connection: Arc::clone(&state.connection), sync };
    let spawned = Actor::spawn_linked(None, Bulk, settings, myself.get_cell()).await;
    adopt(state, spawned.map(|(child, _)| child.get_cell()), Child::Bulk);
    Ok(())
}

/// The sweep comes every few seconds anyway; what is due sooner gets a timer.
fn wake_when_due(myself: &ActorRef<Message>, state: &State) -> Result<(), StoreError> {
    let now = state.shared.clock.now();
    if let Some(due) = state.shared.store.next_due(&state.connection.id)? {
        let wait = due.since(now);
        if !wait.is_zero() && wait < super::SWEEP_EVERY {
            let connection = Arc::clone(&state.connection);
            drop(myself.send_after(wait, move || {
                connection.wake_received();
                Message::Wake
            }));
        }
    }
    Ok(())
}

// ---- polls and upkeep --------------------------------------------------------------------

async fn start_poll(myself: &ActorRef<Message>, state: &mut State) -> Result<(), StoreError> {
    let polling = state.children.values().any(|child| matches!(child, Child::Poll));
    if polling || state.draining {
        return Ok(());
    }
    state.connection.set_next_poll(scheduled(state));
    let errand = Poll {
        shared: Arc::clone(&state.shared),
        connection: Arc::clone(&state.connection),
        parent: myself.clone(),
    };
    let spawned = errand::send(errand, myself.get_cell()).await;
    adopt(state, spawned, Child::Poll);
    Ok(())
}

/// The next time that the schedule names, a little later by chance so that a host with many
/// channels does not call all at once.
fn scheduled(state: &State) -> Option<Timestamp> {
    let now = state.shared.clock.now();
    let next = state.connection.schedule().next_after(now)?;
    let gap = next.since(now);
    let most = (gap / 20).min(Duration::from_secs(10));
    let jitter = state.shared.random.below(u64::try_from(most.as_millis()).unwrap_or(0));
    Some(next.plus(Duration::from_millis(jitter)))
}

async fn poll_ended(state: &mut State, result: Result<(), Failure>) -> Result<(), StoreError> {
    let State { shared, connection, .. } = &state;
    let outcome = result.as_ref().map_or_else(|failure| failure.kind.as_str(), |()| "succeeded");
    metrics::polls(connection.id.as_str(), outcome).increment(1);
    let Err(failure) = result else {
        state.poll_failures = 0;
        return Ok(());
    };
    tracing::warn!(channel = %connection.id, kind = %failure.kind, status = failure.http_status,
        request_id = failure.request_id.as_deref(), "poll failed: {}", failure.message);
    shared.note_poll_failure(&connection.id, &failure).await;
    let now = shared.clock.now();
    state.poll_failures += 1;
    let planned = scheduled(state);
    let next = if failure.kind == FailureKind::Permission {
        Some(now.plus(PROBE_EVERY))
    } else {
        let shared = &state.shared;
        match retry(&failure, state.poll_failures, now, |span| shared.random.jitter(span)) {
            Retry::At(at) if failure.kind == FailureKind::RateLimited => Some(at),
            Retry::At(at) => Some(planned.map_or(at, |planned| planned.min(at))),
            Retry::Park => planned,
        }
    };
    state.connection.set_next_poll(next);
    Ok(())
}

/// Who withdrew our access may have dropped our subscriptions with it.
async fn reconnected(myself: &ActorRef<Message>, state: &mut State) -> Result<(), StoreError> {
    state.subscriptions_at = Timestamp::EPOCH;
    upkeep(myself, state).await?;
    start_poll(myself, state).await
}

async fn upkeep(myself: &ActorRef<Message>, state: &mut State) -> Result<(), StoreError> {
    if state.draining || state.shared.is_cut_off(&state.connection.id) {
        return Ok(());
    }
    let now = state.shared.clock.now();
    // A clock that was set back must not hold it up.
    let next = state.subscriptions_at;
    state.duties.subscriptions |= next <= now || next.since(now) > SUBSCRIPTIONS_EVERY;
    if state.reread_at.is_none_or(|at| now.since(at) >= REREAD_EVERY) {
        state.duties.reread = true;
        state.reread_at = Some(now);
    }
    start_upkeep(myself, state).await;
    Ok(())
}

/// Without its subscriptions a channel is only polled: the merchant is told why.
async fn subscriptions_looked(state: &mut State, result: Result<(), Failure>) -> Result<(), StoreError> {
    let now = state.shared.clock.now();
    let channel = &state.connection.id;
    let key = format!("subscriptions:{channel}");
    let Err(failure) = result else {
        state.subscriptions_at = now.plus(SUBSCRIPTIONS_EVERY);
        return state.shared.store.close_incident(key, now).await.map(drop);
    };
    // Passing trouble is over soon; what a person must mend takes longer.
    state.subscriptions_at = if failure.kind.is_temporary() { now } else { now.plus(PROBE_EVERY) };
    tracing::warn!(channel = %channel, kind = %failure.kind, "webhook subscriptions could not be checked: {}", failure.message);
    state.shared.note_failure(channel, &failure).await;
    if !failure.kind.is_refusal() {
        return Ok(());
    }
    state.shared.store.open_incident(incidents::webhooks_off(key, channel, &failure), now).await.map(drop)
}

async fn start_upkeep(myself: &ActorRef<Message>, state: &mut State) {
    if state.children.values().any(|child| matches!(child, Child::Upkeep)) {
        return;
    }
    let errand = Upkeep {
        shared: Arc::clone(&state.shared),
        connection: Arc::clone(&state.connection),
        parent: myself.clone(),
        duties: std::mem::take(&mut state.duties),
    };
    let spawned = errand::send(errand, myself.get_cell()).await;
    adopt(state, spawned, Child::Upkeep);
}

// ---- children ----------------------------------------------------------------------------

fn adopt(state: &mut State, spawned: Result<ActorCell, ractor::SpawnErr>, child: Child) {
    match spawned {
        Ok(cell) => {
            state.children.insert(cell.get_id(), child);
        }
        Err(error) => {
            tracing::error!(channel = %state.connection.id, %error, "a child did not start; the sweep tries again");
        }
    }
    count_in_flight(state);
}

async fn ended(state: &mut State, cell: &ActorCell, error: Option<String>) {
    let Some(child) = state.children.remove(&cell.get_id()) else { return };
    count_in_flight(state);
    let name = match &child {
        Child::Order { .. } => "order",
        Child::Action(_) => "action",
        Child::Poll => "poll",
        Child::Bulk => "bulk",
        Child::Upkeep => "upkeep",
    };
    if let Some(error) = &error {
        metrics::actor_restarts(name).increment(1);
        tracing::error!(channel = %state.connection.id, actor = name, error, "an actor failed");
    }
    match child {
        Child::Order { claim, committed, begun } => {
            if !committed.load(Ordering::Acquire) {
                let failure = Failure {
                    local: true,
                    ..Failure::unavailable(
                        "fenicia itself failed while it synced this order. It tries again; if that goes on, report the log.",
                    )
                };
                let outcome = order::failed(&state.shared, &claim, failure);
                if let SyncOutcome::Failed { .. } = &outcome {
                    order::finish(&state.shared, &state.connection, &claim, outcome, begun).await;
                }
            }
            state.connection.wake();
        }
        Child::Poll if error.is_some() => {
            let failure = Failure {
                local: true,
                ..Failure::unavailable("fenicia itself failed while it polled the channel")
            };
            if let Err(error) = poll_ended(state, Err(failure)).await {
                tracing::error!(channel = %state.connection.id, %error, "a failed poll was not noted");
            }
        }
        // Its next step, or the order's next action, may be due at once.
        Child::Action(_) => state.connection.wake(),
        Child::Poll | Child::Bulk | Child::Upkeep => {}
    }
    tell_drained(state);
}

fn count_in_flight(state: &State) {
    let working = |child: &&Child| matches!(child, Child::Order { .. } | Child::Action(_));
    state.connection.set_in_flight(state.children.values().filter(working).count());
}

/// Polls and bulk syncs are not waited for: they resume from their rows.
fn tell_drained(state: &mut State) {
    let busy = state.children.values().any(|child| matches!(child, Child::Order { .. } | Child::Action(_)));
    if !busy && let Some(reply) = state.drained.take() {
        drop(reply.send(()));
    }
}
