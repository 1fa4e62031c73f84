//! Looks after one connection: renews tokens early, keeps the webhook subscriptions alive, wants
//! quiet orders read again, finds out which orders a delivery with an unknown name is about.
//!
//! Started by its channel's actor every minute or so, at most one per channel. Dies: the next one
//! does what was left. Writes: tokens, jobs.

use std::collections::BTreeSet;
use std::sync::Arc;

use ractor::ActorRef;

use super::Shared;
use super::channel;
use super::connection::{Connection, with_tokens};
use super::errand::Errand;
use crate::model::{Lane, Timestamp};

pub struct Upkeep {
    pub shared: Arc<Shared>,
    pub connection: Arc<Connection>,
    pub parent: ActorRef<channel::Message>,
    pub duties: Duties,
}

/// What is due.
#[derive(Clone, Debug, Default)]
pub struct Duties {
    pub subscriptions: bool,
    pub reread: bool,
    /// Deliveries whose alias the store does not know.
    pub unresolved: BTreeSet<(u64, String)>,
}

/// Orders that are wanted again per round.
const REREAD_MAX: usize = 500;

impl Errand for Upkeep {
    async fn run(&self) {
        let Self { shared, connection, parent, duties } = self;
        // What is left undone is due again by its row, or when somebody has reconnected the channel.
        if shared.is_cut_off(&connection.id) {
            return;
        }
        for (seq, alias) in &duties.unresolved {
            self.resolve(*seq, alias).await;
        }
        if let Err(failure) = connection.session.current(Lane::Poll).await {
            shared.note_failure(&connection.id, &failure).await;
            return;
        }
        if duties.subscriptions {
            subscriptions(connection, parent).await;
        }
        if duties.reread {
            reread(shared, connection).await;
        }
    }
}

impl Upkeep {
    async fn resolve(&self, seq: u64, alias: &str) {
        let Self { shared, connection, parent, .. } = self;
        // It comes due again while it waits for its turn here; one that is gone was resolved meanwhile.
        if shared.store.has_delivery(&connection.id, seq).is_ok_and(|waits| !waits) {
            return;
        }
        let orders = with_tokens!(connection, Lane::Webhook, |call| connection.channel.resolve(call, alias));
        if let Err(failure) = &orders {
            tracing::warn!(channel = %connection.id, kind = %failure.kind, "a delivery's order could not be found out: {}", failure.message);
            shared.note_failure(&connection.id, failure).await;
        }
        match shared.store.resolve_delivery(&connection.id, seq, orders, shared.clock.now()).await {
            Ok(effects) => {
                shared.observe(&connection.id, &effects.changed, &effects.anomalies).await;
                if effects.poll_now {
                    drop(parent.cast(channel::Message::PollNow));
                }
                connection.wake();
            }
            Err(error) => {
                tracing::error!(channel = %connection.id, %error, "a resolved delivery was not stored; it is resolved again");
            }
        }
    }
}

async fn subscriptions(connection: &Connection, parent: &ActorRef<channel::Message>) {
    let Some(address) = connection.webhook_url.as_deref() else { return };
    match with_tokens!(connection, Lane::Poll, |call| connection.channel.subscribe(call, address)) {
        Ok(found) => {
            if !found.created.is_empty() {
                // Whatever the marketplace did not send while they were gone is polled for now.
                tracing::info!(channel = %connection.id, topics = found.created.join(" "), "webhook subscriptions created");
                drop(parent.cast(channel::Message::PollNow));
            }
            drop(parent.cast(channel::Message::SubscriptionsLooked(Ok(()))));
        }
        Err(failure) => drop(parent.cast(channel::Message::SubscriptionsLooked(Err(failure)))),
    }
}

async fn reread(shared: &Shared, connection: &Connection) {
    let Some(rule) = connection.channel.reread() else { return };
    let now: Timestamp = shared.clock.now();
    let orders = shared.store.orders_to_reread(
        &connection.id,
        rule.statuses,
        now.minus(rule.max_age),
        now.minus(rule.every),
        REREAD_MAX,
    );
    let raised = match orders {
        Ok(orders) if orders.is_empty() => return,
        Ok(orders) => shared.store.raise(orders, Lane::Poll, now, now).await,
        Err(error) => Err(error),
    };
    match raised {
        Ok(()) => connection.wake(),
        Err(error) => {
            tracing::error!(channel = %connection.id, %error, "orders that change quietly were not queued; the next round does it");
        }
    }
}
