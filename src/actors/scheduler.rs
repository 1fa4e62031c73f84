//! Drives what time brings: polls, sweeps, upkeep, gauges.
//!
//! Holds nothing that matters: poll places are rows, due times are derived from the schedules, and
//! every channel is polled at once after a start. Dies: root restarts it at once.

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};

use super::Shared;
use super::channel;
use crate::model::Timestamp;

pub enum Message {
    /// From itself.
    Tick,
    /// From the watchdog.
    Ping(RpcReplyPort<()>),
}

pub struct State {
    shared: Arc<Shared>,
    swept_at: Timestamp,
    upkept_at: Option<Timestamp>,
}

pub struct Scheduler;

const TICK_EVERY: Duration = Duration::from_millis(250);
const UPKEEP_EVERY: Duration = Duration::from_mins(1);

impl Actor for Scheduler {
    type Msg = Message;
    type State = State;
    type Arguments = Arc<Shared>;

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        shared: Arc<Shared>,
    ) -> Result<State, ActorProcessingErr> {
        myself.cast(Message::Tick)?;
        Ok(State { shared, swept_at: Timestamp::EPOCH, upkept_at: None })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Tick => {
                tick(state);
                drop(myself.send_after(TICK_EVERY, || Message::Tick));
            }
            Message::Ping(reply) => drop(reply.send(())),
        }
        Ok(())
    }
}

fn tick(state: &mut State) {
    let now = state.shared.clock.now();
    // A clock that was set back must not hold the sweep up.
    let sweep = now < state.swept_at || now.since(state.swept_at) >= super::SWEEP_EVERY;
    let upkeep = state.upkept_at.is_none_or(|at| now < at || now.since(at) >= UPKEEP_EVERY);
    for connection in state.shared.connections().iter().filter(|c| c.enabled) {
        if connection.next_poll_at().is_some_and(|at| at <= now) {
            connection.tell(channel::Message::Poll);
        }
        if upkeep {
            connection.tell(channel::Message::Upkeep);
        }
        if sweep {
            connection.wake();
        }
    }
    if sweep {
        state.swept_at = now;
        state.shared.gauge(now);
    }
    if upkeep {
        state.upkept_at = Some(now);
    }
}
