//! The top of the tree: starts the permanent actors and starts them again when they die.
//!
//! Owns: nothing but its children. More than five deaths in a minute mean that restarting does not
//! help: the daemon drains and exits with 70, and systemd starts it afresh.

use std::sync::Arc;
use std::time::Duration;

use ractor::{
    Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, RpcReplyPort, SpawnErr, SupervisionEvent,
};

use super::Shared;
use super::channels::{self, Channels};
use super::janitor::Janitor;
use super::notifier::Notifier;
use super::restart::Intensity;
use super::scheduler::{self, Scheduler};
use crate::telemetry::metrics;

pub enum Message {
    /// The set of connections changed.
    Align(RpcReplyPort<()>),
    /// From the watchdog: answered when the scheduler has answered.
    Ping(RpcReplyPort<()>),
}

pub struct State {
    shared: Arc<Shared>,
    intensity: Intensity,
    scheduler: ActorRef<scheduler::Message>,
    channels: ActorRef<channels::Message>,
    janitor: ActorCell,
    notifier: ActorCell,
}

pub struct Root;

const DEATHS_MOST: usize = 5;
const DEATHS_WITHIN: Duration = Duration::from_mins(1);
const PING_TIMEOUT: Duration = Duration::from_secs(5);

impl Actor for Root {
    type Msg = Message;
    type State = State;
    type Arguments = Arc<Shared>;

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        shared: Arc<Shared>,
    ) -> Result<State, ActorProcessingErr> {
        Ok(State {
            intensity: Intensity::new(DEATHS_MOST, DEATHS_WITHIN),
            scheduler: spawn_scheduler(&myself, &shared).await?,
            channels: spawn_channels(&myself, &shared).await?,
            janitor: spawn_janitor(&myself, &shared).await?,
            notifier: spawn_notifier(&myself, &shared).await?,
            shared,
        })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Align(reply) => drop(state.channels.cast(channels::Message::Align(reply))),
            Message::Ping(reply) => {
                if let Ok(answer) = state.scheduler.call(scheduler::Message::Ping, Some(PING_TIMEOUT)).await
                    && answer.is_success()
                {
                    drop(reply.send(()));
                }
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Message>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let (child, why) = match event {
            SupervisionEvent::ActorTerminated(child, _, why) => {
                (child, why.unwrap_or_else(|| "stopped".to_owned()))
            }
            SupervisionEvent::ActorFailed(child, error) => (child, error.to_string()),
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => return Ok(()),
        };
        if !state.shared.is_stopping() {
            revive(&myself, state, child.get_id(), &why).await;
        }
        Ok(())
    }
}

async fn revive(myself: &ActorRef<Message>, state: &mut State, dead: ActorId, why: &str) {
    let name = if dead == state.scheduler.get_id() {
        "scheduler"
    } else if dead == state.channels.get_id() {
        "channels"
    } else if dead == state.janitor.get_id() {
        "janitor"
    } else if dead == state.notifier.get_id() {
        "notifier"
    } else {
        return;
    };
    metrics::actor_restarts(name).increment(1);
    tracing::error!(actor = name, why, "an actor died; it is started again");
    let shared = Arc::clone(&state.shared);
    let revived = match name {
        "scheduler" => spawn_scheduler(myself, &shared).await.map(|actor| state.scheduler = actor),
        "channels" => spawn_channels(myself, &shared).await.map(|actor| state.channels = actor),
        "janitor" => spawn_janitor(myself, &shared).await.map(|actor| state.janitor = actor),
        _ => spawn_notifier(myself, &shared).await.map(|actor| state.notifier = actor),
    };
    let too_much = state.intensity.exceeded_by_death(shared.clock.now());
    if too_much || revived.is_err() {
        tracing::error!(actor = name, "restarting does not help: the daemon stops and is started afresh");
        shared.escalate();
    }
}

async fn spawn_scheduler(
    myself: &ActorRef<Message>,
    shared: &Arc<Shared>,
) -> Result<ActorRef<scheduler::Message>, SpawnErr> {
    Ok(Actor::spawn_linked(None, Scheduler, Arc::clone(shared), myself.get_cell()).await?.0)
}

async fn spawn_channels(
    myself: &ActorRef<Message>,
    shared: &Arc<Shared>,
) -> Result<ActorRef<channels::Message>, SpawnErr> {
    Ok(Actor::spawn_linked(None, Channels, Arc::clone(shared), myself.get_cell()).await?.0)
}

async fn spawn_janitor(myself: &ActorRef<Message>, shared: &Arc<Shared>) -> Result<ActorCell, SpawnErr> {
    Ok(Actor::spawn_linked(None, Janitor, Arc::clone(shared), myself.get_cell()).await?.0.get_cell())
}

async fn spawn_notifier(myself: &ActorRef<Message>, shared: &Arc<Shared>) -> Result<ActorCell, SpawnErr> {
    Ok(Actor::spawn_linked(None, Notifier, Arc::clone(shared), myself.get_cell()).await?.0.get_cell())
}
