//! Reads of single orders that come at about the same time become one call, where the marketplace
//! can read several at once. No actor: whoever asks first asks for all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::connection::{Connection, with_tokens};
use crate::channel::Fetched;
use crate::model::{ChannelOrderId, Failure, Lane};

type Waiters = HashMap<ChannelOrderId, oneshot::Sender<Result<Fetched, Failure>>>;

/// Who waits for the next call of a lane.
#[derive(Default)]
pub(super) struct Batcher {
    waiting: Mutex<HashMap<Lane, Waiters>>,
}

impl Batcher {
    /// Reads one order, alone or together with others of its lane.
    pub(super) async fn fetch(
        connection: &Arc<Connection>,
        order: ChannelOrderId,
        lane: Lane,
    ) -> Result<Fetched, Failure> {
        let most = connection.channel.batch();
        if most <= 1 || lane == Lane::Manual {
            return alone(connection, order, lane).await;
        }
        let (tell, told) = oneshot::channel();
        let first = connection.batcher.enrol(lane, order.clone(), tell);
        if first {
            let lead = Lead { batcher: &connection.batcher, lane };
            // Those who were claimed together have asked by the time this task runs again.
            tokio::task::yield_now().await;
            call(connection, lead.take(), most, lane).await;
        }
        told.await
            .unwrap_or_else(|_| Err(Failure::unavailable("the read was interrupted by a stop or a restart")))
    }

    /// True for the first one, who must make the call.
    fn enrol(
        &self,
        lane: Lane,
        order: ChannelOrderId,
        tell: oneshot::Sender<Result<Fetched, Failure>>,
    ) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = waiting.entry(lane).or_default();
        let first = lane.is_empty();
        lane.insert(order, tell);
        first
    }

    fn take(&self, lane: Lane) -> Waiters {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&lane).unwrap_or_default()
    }
}

/// The duty to make the call. Who is killed before doing so sends those who wait home, else the
/// next one would find them waiting and wait too.
struct Lead<'a> {
    batcher: &'a Batcher,
    lane: Lane,
}

impl Lead<'_> {
    fn take(self) -> Waiters {
        let waiters = self.batcher.take(self.lane);
        // Done: those who enrol from now on have a lead of their own.
        std::mem::forget(self);
        waiters
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        drop(self.batcher.take(self.lane));
    }
}

async fn alone(connection: &Connection, order: ChannelOrderId, lane: Lane) -> Result<Fetched, Failure> {
    let orders = [order];
    let mut fetched = with_tokens!(connection, lane, |call| connection.channel.fetch(call, &orders))?;
    let [order] = orders;
    Ok(fetched.pop().unwrap_or_else(|| unanswered(order)))
}

async fn call(connection: &Connection, mut waiters: Waiters, most: usize, lane: Lane) {
    let all: Vec<ChannelOrderId> = waiters.keys().cloned().collect();
    for orders in all.chunks(most) {
        match with_tokens!(connection, lane, |call| connection.channel.fetch(call, orders)) {
            Ok(fetched) => {
                for one in fetched {
                    let order = match &one {
                        Fetched::Found(seen) => seen.order.clone(),
                        Fetched::Missing { order, .. } | Fetched::Failed { order, .. } => order.clone(),
                    };
                    tell(&mut waiters, &order, Ok(one));
                }
                for order in orders {
                    tell(&mut waiters, order, Ok(unanswered(order.clone())));
                }
            }
            Err(failure) => {
                for order in orders {
                    tell(&mut waiters, order, Err(failure.clone()));
                }
            }
        }
    }
}

fn tell(waiters: &mut Waiters, order: &ChannelOrderId, answer: Result<Fetched, Failure>) {
    if let Some(waiter) = waiters.remove(order) {
        // A waiter that is gone was killed; its row is claimed again.
        drop(waiter.send(answer));
    }
}

fn unanswered(order: ChannelOrderId) -> Fetched {
    Fetched::Failed {
        order,
        failure: Failure::unavailable("the answer did not mention the order that was asked for"),
    }
}
