//! Carries what is due to one target, message by message, and notes down what became of each.
//!
//! Started by the notifier, at most one per target. Dies: what was not noted down is due again and
//! sent under the same id. Writes: `settle_tellings`.

use std::sync::Arc;

use ractor::ActorRef;

use super::Shared;
use super::errand::Errand;
use super::notifier;
use crate::config::Notify;
use crate::notify::{self, Undelivered};
use crate::store::{Notification, Phase, Spoken, Told};
use crate::sync::again;
use crate::telemetry::metrics;

pub struct Courier {
    pub shared: Arc<Shared>,
    pub target: String,
    pub notify: Notify,
    /// Each becomes one message.
    pub letters: Vec<Vec<(Notification, Phase)>>,
    pub parent: ActorRef<notifier::Message>,
}

impl Errand for Courier {
    async fn run(&self) {
        let arrived = carry(self).await;
        let target = self.target.clone();
        drop(self.parent.cast(notifier::Message::Returned { target, arrived }));
    }
}

/// Ends at the first message that does not arrive: the next one would not, either.
async fn carry(state: &Courier) -> bool {
    let page = state.shared.page();
    for letter in &state.letters {
        let Some(message) = notify::Message::about_many(letter, page.as_deref()) else { continue };
        if state.shared.is_stopping() {
            return true;
        }
        let noted = state.shared.sending.read().await;
        let sent = state.shared.post.send(&state.notify.target, &message).await;
        let told = outcome(state, letter, sent);
        let spoken = letter.iter().map(spoken).collect();
        let now = state.shared.clock.now();
        if let Err(error) = state.shared.store.settle_tellings(&state.target, spoken, told.clone(), now).await
        {
            tracing::error!(target = state.target, %error, "what became of a message was not stored");
            return false;
        }
        drop(noted);
        report(&state.target, letter.len(), &told);
        if told != Told::Delivered {
            return false;
        }
    }
    true
}

fn spoken((told, phase): &(Notification, Phase)) -> Spoken {
    Spoken { id: told.id.clone(), phase: *phase, over: told.closed_at.is_some() }
}

fn outcome(state: &Courier, letter: &[(Notification, Phase)], sent: Result<(), Undelivered>) -> Told {
    let Err(failure) = sent else { return Told::Delivered };
    let Courier { shared, target, .. } = state;
    let failed = letter.iter().map(|(told, phase)| attempts(told, target, *phase) + 1).max().unwrap_or(1);
    let jitter = |span| shared.random.jitter(span);
    let next = again(failed, shared.clock.now(), failure.not_before, jitter).filter(|_| !failure.for_good);
    let error = failure.why;
    match next {
        Some(at) => Told::Again { error, at },
        None => Told::GivenUp { error },
    }
}

/// Once it is on disk.
fn report(target: &str, count: usize, told: &Told) {
    match told {
        Told::Delivered => {
            metrics::notifications(target, "delivered").increment(1);
            tracing::info!(target, count, "told");
        }
        Told::Again { error, at } => {
            metrics::notifications(target, "failed").increment(1);
            tracing::warn!(target, count, error, again = %at, "a notification did not arrive");
        }
        Told::GivenUp { error } => {
            metrics::notifications(target, "given_up").increment(1);
            tracing::error!(
                target,
                count,
                error,
                "a notification did not arrive and is given up; it stays on the page"
            );
        }
    }
}

fn attempts(told: &Notification, target: &str, phase: Phase) -> u32 {
    let of = told.tellings.iter().find(|known| known.target == target && known.phase == phase);
    of.map_or(0, |telling| telling.attempts)
}
