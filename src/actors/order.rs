//! Syncs one order: reads it from its marketplace, commits the result, ends.
//!
//! Started by its channel's actor with a claimed job, which it owns. Dies without a result: the
//! channel's actor records that. Killed with the process: the next start finds the claim of an
//! earlier boot and sets it due again. Writes: `Store::finish_sync`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Shared;
use super::batcher::Batcher;
use super::connection::Connection;
use super::errand::Errand;
use crate::channel::{Fetched, Verdict};
use crate::model::{ActionId, Failure, Timestamp};
use crate::store::{Claim, StoreError, SyncOutcome};
use crate::sync::{Retry, retry};
use crate::telemetry::metrics;

pub struct OrderSync {
    pub shared: Arc<Shared>,
    pub connection: Arc<Connection>,
    pub claim: Claim,
    /// Set when the result is committed, for the channel's actor.
    pub committed: Arc<AtomicBool>,
}

impl Errand for OrderSync {
    async fn run(&self) {
        let Self { shared, connection, claim, committed } = self;
        let begun = shared.clock.now();
        let fetched = Batcher::fetch(connection, claim.order.order.clone(), claim.lane).await;
        let outcome = outcome(shared, claim, fetched);
        finish(shared, connection, claim, outcome, begun).await;
        committed.store(true, Ordering::Release);
    }
}

fn outcome(shared: &Shared, claim: &Claim, fetched: Result<Fetched, Failure>) -> SyncOutcome {
    let failure = match fetched {
        Ok(Fetched::Found(seen)) => return SyncOutcome::Found(seen),
        Ok(Fetched::Missing { reach, .. }) => return SyncOutcome::Missing { reach },
        Ok(Fetched::Failed { failure, .. }) | Err(failure) => failure,
    };
    failed(shared, claim, failure)
}

/// A failed attempt with its next one.
pub(super) fn failed(shared: &Shared, claim: &Claim, failure: Failure) -> SyncOutcome {
    let now = shared.clock.now();
    let retry_at = match retry(&failure, claim.attempt, now, |span| shared.random.jitter(span)) {
        Retry::At(at) => Some(at),
        Retry::Park => None,
    };
    SyncOutcome::Failed { failure, retry_at }
}

/// Commits an outcome and tells the metrics, the log and the connection's state about it.
pub(super) async fn finish(
    shared: &Shared,
    connection: &Connection,
    claim: &Claim,
    outcome: SyncOutcome,
    begun: Timestamp,
) {
    let now = shared.clock.now();
    let word = word(&outcome);
    let trigger = claim.lane.trigger().as_str();
    let channel = connection.id.as_str();
    metrics::order_syncs(channel, trigger, word).increment(1);
    metrics::order_sync(channel, trigger).record(now.since(begun).as_secs_f64());
    match &outcome {
        SyncOutcome::Failed { failure, .. } => {
            tracing::warn!(
                order = %claim.order, kind = %failure.kind, attempt = claim.attempt, trigger,
                status = failure.http_status, request_id = failure.request_id.as_deref(),
                "order sync failed: {}", failure.message
            );
            shared.note_failure(&connection.id, failure).await;
        }
        SyncOutcome::Found(_) | SyncOutcome::Missing { .. } => {
            shared.note_success(&connection.id, begun).await;
        }
    }
    match shared.store.finish_sync(connection.kind.name, claim.clone(), outcome, now).await {
        Ok(finished) => {
            shared.observe(&connection.id, finished.changed.as_slice(), &finished.anomalies).await;
            if let Some(action) = finished.in_doubt {
                resolve(shared, connection, claim, action).await;
            }
            if finished.again {
                connection.wake();
            }
        }
        Err(error) => {
            tracing::error!(order = %claim.order, %error, "the result of an order sync was not stored; the order is read again");
        }
    }
}

/// What was sent into the dark shows in the order now. An error here costs nothing: the action stays
/// in doubt until the next reading.
async fn resolve(shared: &Shared, connection: &Connection, claim: &Claim, action: ActionId) {
    let read = || Ok::<_, StoreError>((shared.store.order(&claim.order)?, shared.store.action(action)?));
    let Ok((Some((order, _)), Some(action))) = read() else { return };
    if connection.channel.judge(&order, &action) != Verdict::Done {
        return;
    }
    match shared.store.action_was_seen(action.id, shared.clock.now()).await {
        Ok(()) => connection.wake(),
        Err(error) => {
            tracing::warn!(action = %action.id, %error, "an action was seen done and stays in doubt");
        }
    }
}

const fn word(outcome: &SyncOutcome) -> &'static str {
    match outcome {
        SyncOutcome::Found(_) => "succeeded",
        SyncOutcome::Missing { .. } => "missing",
        SyncOutcome::Failed { failure, .. } => failure.kind.as_str(),
    }
}
