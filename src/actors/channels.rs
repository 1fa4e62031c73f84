//! Supervises the channels' actors: each dies and comes back alone.
//!
//! Owns: which channel runs in which actor, and its back-off. Dies: root restarts it, and it starts
//! every configured channel again. Never stops because a channel did.

use std::collections::HashMap;
use std::sync::Arc;

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent};

use super::Shared;
use super::channel::{self, ChannelActor};
use super::connection::Connection;
use super::restart::Backoff;
use crate::model::ChannelId;
use crate::telemetry::metrics;

pub enum Message {
    /// From root: the set of connections changed; start what is new, stop what is gone or was
    /// replaced.
    Align(RpcReplyPort<()>),
    /// From itself, after a back-off.
    Restart(ChannelId),
}

pub struct State {
    shared: Arc<Shared>,
    running: HashMap<ActorId, Running>,
    backoff: HashMap<ChannelId, Backoff>,
}

struct Running {
    connection: Arc<Connection>,
    actor: ActorRef<channel::Message>,
}

pub struct Channels;

impl Actor for Channels {
    type Msg = Message;
    type State = State;
    type Arguments = Arc<Shared>;

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        shared: Arc<Shared>,
    ) -> Result<State, ActorProcessingErr> {
        for connection in shared.connections() {
            myself.cast(Message::Restart(connection.id.clone()))?;
        }
        Ok(State { shared, running: HashMap::new(), backoff: HashMap::new() })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Align(reply) => {
                align(&myself, state).await;
                drop(reply.send(()));
            }
            Message::Restart(id) => start(&myself, state, &id).await,
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Message>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(child, _, _) | SupervisionEvent::ActorFailed(child, _) => {
                died(&myself, state, child.get_id());
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        Ok(())
    }
}

async fn align(myself: &ActorRef<Message>, state: &mut State) {
    let wanted = state.shared.connections();
    let stale = state
        .running
        .iter()
        .filter(|(_, running)| !wanted.iter().any(|w| Arc::ptr_eq(w, &running.connection)));
    let stale: Vec<ActorId> = stale.map(|(id, _)| *id).collect();
    for id in stale {
        if let Some(running) = state.running.remove(&id) {
            running.connection.attach(None);
            // Its children are cancelled in the middle; their rows are claimed again.
            running.actor.kill();
        }
    }
    for connection in wanted {
        start(myself, state, &connection.id).await;
    }
}

async fn start(myself: &ActorRef<Message>, state: &mut State, id: &ChannelId) {
    let Some(connection) = state.shared.connection(id).filter(|c| c.enabled) else { return };
    if state.running.values().any(|running| Arc::ptr_eq(&running.connection, &connection)) {
        return;
    }
    let settings =
        channel::Settings { shared: Arc::clone(&state.shared), connection: Arc::clone(&connection) };
    match Actor::spawn_linked(None, ChannelActor, settings, myself.get_cell()).await {
        Ok((actor, _)) => {
            state.backoff.entry(id.clone()).or_default().started(state.shared.clock.now());
            state.running.insert(actor.get_id(), Running { connection, actor });
        }
        Err(error) => {
            tracing::error!(channel = %id, %error, "the channel's actor did not start");
            restart_later(myself, state, id);
        }
    }
}

fn died(myself: &ActorRef<Message>, state: &mut State, actor: ActorId) {
    let Some(running) = state.running.remove(&actor) else { return };
    running.connection.attach(None);
    running.connection.set_in_flight(0);
    metrics::actor_restarts("channel").increment(1);
    tracing::error!(channel = %running.connection.id, "the channel's actor died; it is started again");
    restart_later(myself, state, &running.connection.id);
}

fn restart_later(myself: &ActorRef<Message>, state: &mut State, id: &ChannelId) {
    let wait = state.backoff.entry(id.clone()).or_default().died(state.shared.clock.now());
    let id = id.clone();
    drop(myself.send_after(state.shared.random.jitter(wait), move || Message::Restart(id)));
}
