//! Tidies the store: prunes what has expired, erases personal data whose time is up.
//!
//! Works in bounded batches, resumable at any point. Dies: root restarts it at once. Writes:
//! `prune`, `erase_due`.

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::Shared;

pub enum Message {
    /// From itself.
    Tick,
}

pub struct Janitor;

const EVERY: Duration = Duration::from_mins(10);
/// Between two batches of the same round, so that other writers are not held up.
const BREATH: Duration = Duration::from_millis(200);

impl Actor for Janitor {
    type Msg = Message;
    type State = Arc<Shared>;
    type Arguments = Arc<Shared>;

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        shared: Arc<Shared>,
    ) -> Result<Arc<Shared>, ActorProcessingErr> {
        drop(myself.send_after(BREATH, || Message::Tick));
        Ok(shared)
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        shared: &mut Arc<Shared>,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Tick => {
                let wait = if tidy(shared).await { BREATH } else { EVERY };
                drop(myself.send_after(wait, || Message::Tick));
            }
        }
        Ok(())
    }
}

/// One batch of each kind. True when there is more to do.
async fn tidy(shared: &Shared) -> bool {
    let now = shared.clock.now();
    let more = shared.store.prune(now).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "expired records were not pruned; the next round does it");
        false
    });
    let erased = shared.store.erase_due(now).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "personal data whose time is up was not erased; the next round does it");
        0
    });
    if erased > 0 {
        tracing::info!(orders = erased, "personal data erased because its time was up");
    }
    more || erased > 0
}
