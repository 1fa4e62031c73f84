//! Decides who is told of what, and when: takes up new notifications, and sends a courier to every
//! target for which something is due.
//!
//! Owns: how each target fared lately, and the couriers under way. Truth is the rows of `untold` and
//! `telling_due`. Dies: root restarts it at once; its couriers die with it, and what they had not
//! written down is told again under the same id. Writes: `address`, `forget_other_targets`, the
//! incidents of a backlog, of late polls and of a full disk. A message that does not arrive is logged and shown, never told.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};

use super::Shared;
use super::connection::Connection;
use super::courier::Courier;
use super::{errand, incidents};
use crate::config::Notify;
use crate::model::{ChannelId, ConnectionStatus, Timestamp};
use crate::store::{Incident, Notification, Phase, StoreError};
use crate::sync::{Backlog, BacklogNews, Pace, polls_are_late, rest};

pub enum Message {
    /// From itself.
    Tick,
    /// From a courier: whether everything that it carried arrived.
    Returned { target: String, arrived: bool },
}

pub struct State {
    shared: Arc<Shared>,
    couriers: HashMap<ActorId, String>,
    fared: BTreeMap<String, Fared>,
    backlogs: HashMap<ChannelId, Backlog>,
    /// By an incident's key: whether it was opened or closed last. What stood there before this start is unknown.
    told: HashMap<String, bool>,
    begun_at: Timestamp,
    looked_at: Timestamp,
}

/// How a target fared lately.
#[derive(Default)]
struct Fared {
    /// In a row.
    failures: u32,
    rests_until: Timestamp,
    pace: Pace,
}

pub struct Notifier;

const EVERY: Duration = Duration::from_secs(1);
/// Between two looks at what waits, and at what is left of targets that are gone.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// New notifications taken up by one tick.
const TAKEN_UP: usize = 200;
/// Messages that one courier carries to a program, one after the other.
const CARRIED: usize = 20;
/// Notifications that one message to people tells of.
const GATHERED: usize = 200;
/// So many are worth a message each.
const FEW: usize = 3;
/// What is older was missed long ago, for instance by a store that was restored.
const STALE: Duration = Duration::from_hours(24);

impl Actor for Notifier {
    type Msg = Message;
    type State = State;
    type Arguments = Arc<Shared>;

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        shared: Arc<Shared>,
    ) -> Result<State, ActorProcessingErr> {
        myself.cast(Message::Tick)?;
        let begun_at = shared.clock.now();
        Ok(State {
            shared,
            couriers: HashMap::new(),
            fared: BTreeMap::new(),
            backlogs: HashMap::new(),
            told: HashMap::new(),
            begun_at,
            looked_at: Timestamp::EPOCH,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Tick => {
                if let Err(error) = tick(&myself, state).await {
                    tracing::error!(%error, "notifications were not sent; the next round does it");
                }
                drop(myself.send_after(EVERY, || Message::Tick));
            }
            Message::Returned { target, arrived } => returned(state, target, arrived),
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
            SupervisionEvent::ActorTerminated(courier, _, _) => {
                state.couriers.remove(&courier.get_id());
            }
            SupervisionEvent::ActorFailed(courier, error) => {
                if let Some(target) = state.couriers.remove(&courier.get_id()) {
                    tracing::error!(target, %error, "a notification's courier died; it is sent again");
                    returned(state, target, false);
                }
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        Ok(())
    }
}

fn returned(state: &mut State, target: String, arrived: bool) {
    let now = state.shared.clock.now();
    let fared = state.fared.entry(target).or_default();
    fared.failures = if arrived { 0 } else { fared.failures.saturating_add(1) };
    fared.rests_until = now.plus(rest(fared.failures));
}

async fn tick(myself: &ActorRef<Message>, state: &mut State) -> Result<(), StoreError> {
    let now = state.shared.clock.now();
    if now < state.looked_at || now.since(state.looked_at) >= LOOK_EVERY {
        state.looked_at = now;
        look(state, now).await?;
    }
    take_up(&state.shared, now).await?;
    if state.shared.is_stopping() {
        return Ok(());
    }
    let targets = state.shared.targets();
    for (name, notify) in targets.iter() {
        send_courier(myself, state, name, notify, now).await?;
    }
    Ok(())
}

/// Decides for each new notification who is told of it, and says it in the log.
async fn take_up(shared: &Shared, now: Timestamp) -> Result<(), StoreError> {
    let fresh = shared.store.untold(TAKEN_UP)?;
    if fresh.is_empty() {
        return Ok(());
    }
    let targets = shared.targets();
    let letters = fresh.into_iter().map(|told| {
        log(&told);
        let wanting = targets.iter().filter(|(_, notify)| notify.wants(&told.kind));
        let late = now.since(told.opened_at) >= STALE;
        let names = wanting.filter(|_| !late).map(|(name, _)| name.clone()).collect();
        (told.id, names)
    });
    shared.store.address(letters.collect(), now).await
}

fn log(told: &Notification) {
    let kind = told.kind.as_str();
    let channel = told.channel.as_ref().map(ToString::to_string);
    let order = told.order_id.as_ref().map(ToString::to_string);
    let (id, message, advice) = (&told.id, &told.message, &told.advice);
    if kind == "channel_recovered" {
        tracing::info!(kind, channel, order, id, advice, "notification: {message}");
    } else {
        tracing::error!(kind, channel, order, id, advice, "notification: {message}");
    }
}

async fn send_courier(
    myself: &ActorRef<Message>,
    state: &mut State,
    name: &str,
    notify: &Notify,
    now: Timestamp,
) -> Result<(), StoreError> {
    let fared = state.fared.entry(name.to_owned()).or_default();
    // A clock that was set back must not silence anybody.
    let rests = now < fared.rests_until && fared.rests_until.since(now) <= rest(fared.failures);
    if rests || state.couriers.values().any(|target| target == name) {
        return Ok(());
    }
    let for_people = notify.target.is_for_people();
    if for_people && !fared.pace.allows(now) {
        return Ok(());
    }
    let limit = if for_people { GATHERED } else { CARRIED };
    let due = state.shared.store.due_tellings(name, now, limit)?;
    if due.is_empty() {
        return Ok(());
    }
    let letters = into_letters(due, for_people);
    if for_people {
        fared.pace.sent(now);
    }
    let courier = Courier {
        shared: Arc::clone(&state.shared),
        target: name.to_owned(),
        notify: notify.clone(),
        letters,
        parent: myself.clone(),
    };
    match errand::send(courier, myself.get_cell()).await {
        Ok(courier) => drop(state.couriers.insert(courier.get_id(), name.to_owned())),
        Err(error) => tracing::error!(target = name, %error, "no courier started; the next round sends one"),
    }
    Ok(())
}

/// A program gets a message for each; people get one message for a few, the next a moment later, and
/// many at once in a single message.
fn into_letters(mut due: Vec<(Notification, Phase)>, for_people: bool) -> Vec<Vec<(Notification, Phase)>> {
    if !for_people {
        return due.into_iter().map(|telling| vec![telling]).collect();
    }
    if due.len() <= FEW {
        due.truncate(1);
    }
    vec![due]
}

/// What time brings: a backlog that lasts, a disk that fills up, polls that never end, targets that are gone.
async fn look(state: &mut State, now: Timestamp) -> Result<(), StoreError> {
    let known = state.shared.targets().keys().cloned().collect();
    state.shared.store.forget_other_targets(known, now).await?;
    let full = !state.shared.store.has_room();
    tell_while(state, "disk".to_owned(), full.then(|| incidents::disk_full("disk".to_owned()))).await?;
    for connection in state.shared.connections() {
        let key = format!("polls:{}", connection.id);
        let silent = silent_since(state, &connection, now)?;
        let incident = silent.map(|since| incidents::polls_late(key.clone(), &connection.id, since));
        tell_while(state, key, incident).await?;
        let waiting = state.shared.store.channel_counts(&connection.id, now)?.backlog;
        let backlog = state.backlogs.entry(connection.id.clone()).or_default();
        let key = format!("backlog:{}", connection.id);
        match backlog.look(waiting, now) {
            Some(BacklogNews::Tell) => {
                let incident = incidents::backlog(key, &connection.id, waiting);
                state.shared.store.open_incident(incident, now).await?;
            }
            Some(BacklogNews::Over) => drop(state.shared.store.close_incident(key, now).await?),
            None => {}
        }
    }
    Ok(())
}

/// Opens the incident once and closes it once, whatever stood there before this start.
async fn tell_while(state: &mut State, key: String, incident: Option<Incident>) -> Result<(), StoreError> {
    let (store, now) = (&state.shared.store, state.shared.clock.now());
    let told = incident.is_some();
    if state.told.get(&key) == Some(&told) {
        return Ok(());
    }
    match incident {
        Some(incident) => drop(store.open_incident(incident, now).await?),
        None => drop(store.close_incident(key.clone(), now).await?),
    }
    state.told.insert(key, told);
    Ok(())
}

/// When the polls of a channel last came to their end, if that is too long ago. Who is shown as ill
/// is told for that already.
fn silent_since(
    state: &State,
    connection: &Connection,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let store = &state.shared.store;
    let well = store.connection(&connection.id)?.is_some_and(|own| own.status == ConnectionStatus::Connected);
    let Some(stream) = connection.channel.streams().first().filter(|_| well) else { return Ok(None) };
    let ended = store.poll(&connection.id, stream.name)?.last_ok;
    let since = ended.unwrap_or(state.begun_at).max(state.begun_at);
    let late = polls_are_late(since, now, |at| connection.schedule().next_after(at));
    Ok(late.then_some(since))
}
