//! Carries what is due to one target, message by message, and notes down what became of each.
//!
//! Started by the notifier, at most one per target. Dies: what was not noted down is due again and
//! sent under the same id. Writes: `settle_tellings`.

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::Shared;
use super::notifier;
use crate::config::Notify;
use crate::notify::{self, Undelivered};
use crate::store::{Notification, Phase, Spoken, Told};
use crate::sync::again;
use crate::telemetry::metrics;

pub enum Message {
    /// From itself, once.
    Go,
}

pub struct Settings {
    pub shared: Arc<Shared>,
    pub target: String,
    pub notify: Notify,
    /// Each becomes one message.
    pub letters: Vec<Vec<(Notification, Phase)>>,
    pub parent: ActorRef<notifier::Message>,
}

pub struct Courier;

impl Actor for Courier {
    type Msg = Message;
    type State = Settings;
    type Arguments = Settings;

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        settings: Settings,
    ) -> Result<Settings, ActorProcessingErr> {
        myself.cast(Message::Go)?;
        Ok(settings)
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut Settings,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Go => {
                let arrived = carry(state).await;
                let target = state.target.clone();
                drop(state.parent.cast(notifier::Message::Returned { target, arrived }));
            }
        }
        myself.stop(None);
        Ok(())
    }
}

/// Ends at the first message that does not arrive: the next one would not, either.
async fn carry(state: &Settings) -> bool {
    let page = state.shared.page();
    for letter in &state.letters {
        let Some(message) = notify::Message::about_many(letter, page.as_deref()) else { continue };
        if state.shared.is_stopping() {
            return true;
        }
        let noted = state.shared.sending.read().await;
        let sent = state.shared.post.send(&state.notify.target, &message).await;
        let arrived = sent.is_ok();
        let told = outcome(state, letter, sent);
        let spoken = letter.iter().map(spoken).collect();
        let now = state.shared.clock.now();
        if let Err(error) = state.shared.store.settle_tellings(&state.target, spoken, told, now).await {
            tracing::error!(target = state.target, %error, "what became of a message was not stored");
            return false;
        }
        drop(noted);
        if !arrived {
            return false;
        }
    }
    true
}

fn spoken((told, phase): &(Notification, Phase)) -> Spoken {
    Spoken { id: told.id.clone(), phase: *phase, over: told.closed_at.is_some() }
}

fn outcome(state: &Settings, letter: &[(Notification, Phase)], sent: Result<(), Undelivered>) -> Told {
    let Settings { shared, target, .. } = state;
    let target = target.as_str();
    let count = letter.len();
    let failure = match sent {
        Ok(()) => {
            metrics::notifications(target, "delivered").increment(1);
            tracing::info!(target, count, "told");
            return Told::Delivered;
        }
        Err(failure) => failure,
    };
    let error = failure.why;
    let failed = letter.iter().map(|(told, phase)| attempts(told, target, *phase) + 1).max().unwrap_or(1);
    let jitter = |span| shared.random.jitter(span);
    let next = again(failed, shared.clock.now(), failure.not_before, jitter).filter(|_| !failure.for_good);
    if let Some(at) = next {
        metrics::notifications(target, "failed").increment(1);
        tracing::warn!(target, count, error, again = %at, "a notification did not arrive");
        return Told::Again { error, at };
    }
    metrics::notifications(target, "given_up").increment(1);
    tracing::error!(
        target,
        count,
        error,
        "a notification did not arrive and is given up; it stays on the page"
    );
    Told::GivenUp { error }
}

fn attempts(told: &Notification, target: &str, phase: Phase) -> u32 {
    let of = told.tellings.iter().find(|known| known.target == target && known.phase == phase);
    of.map_or(0, |telling| telling.attempts)
}
