//! Reads of single orders that come at about the same time become one call, where the marketplace
//! can read several at once. No actor: whoever asks first asks for all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

use super::connection::{Connection, with_tokens};
use crate::channel::Fetched;
use crate::model::{ChannelOrderId, Failure, Lane};

type Waiters = HashMap<ChannelOrderId, oneshot::Sender<Result<Fetched, Failure>>>;

/// Calls of one lane that are under way at a time. Whoever comes meanwhile goes together in the
/// next: where calls are scarce, a flood of single orders becomes full calls.
const CALLS: usize = 2;

/// Who waits for the next call of a lane.
pub(super) struct Batcher {
    waiting: Mutex<HashMap<Lane, Waiters>>,
    turns: [Semaphore; Lane::ALL.len()],
}

impl Default for Batcher {
    fn default() -> Self {
        Self { waiting: Mutex::default(), turns: std::array::from_fn(|_| Semaphore::new(CALLS)) }
    }
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
            let (waiters, turn) = connection.batcher.lead(lane).await;
            call(connection, waiters, most, lane).await;
            drop(turn);
        }
        told.await
            .unwrap_or_else(|_| Err(Failure::unavailable("the read was interrupted by a stop or a restart")))
    }

    /// Waits for the turn of this lane's next call, and takes all who wait for it then.
    async fn lead(&self, lane: Lane) -> (Waiters, Option<SemaphorePermit<'_>>) {
        let lead = Lead { batcher: self, lane };
        // Those who were claimed together have asked by the time this task runs again.
        tokio::task::yield_now().await;
        // Nobody closes it.
        let turn = self.turns[lane as usize].acquire().await.ok();
        (lead.take(), turn)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_comes_while_calls_are_under_way_goes_together_in_the_next() {
        let batcher = Arc::new(Batcher::default());
        let enrol =
            |order: u64| batcher.enrol(Lane::Webhook, ChannelOrderId::from(order), oneshot::channel().0);
        assert!(enrol(1));
        let (one, first) = batcher.lead(Lane::Webhook).await;
        assert!(enrol(2));
        let (two, second) = batcher.lead(Lane::Webhook).await;
        assert_eq!((one.len(), two.len()), (1, 1));
        assert!(enrol(3));
        let third = tokio::spawn({
            let batcher = Arc::clone(&batcher);
            async move { batcher.lead(Lane::Webhook).await.0.len() }
        });
        tokio::task::yield_now().await;
        assert!(!enrol(4) && !enrol(5), "they join the one who waits");
        drop(first);
        assert_eq!(third.await.expect("no panic"), 3);
        drop(second);
    }

    #[tokio::test]
    async fn who_is_killed_while_waiting_for_a_turn_sends_the_others_home() {
        let batcher = Arc::new(Batcher::default());
        let _one = batcher.lead(Lane::Poll).await;
        let _two = batcher.lead(Lane::Poll).await;
        let (tell, told) = oneshot::channel();
        assert!(batcher.enrol(Lane::Poll, ChannelOrderId::from(1), tell));
        let waiting = tokio::spawn({
            let batcher = Arc::clone(&batcher);
            async move { batcher.lead(Lane::Poll).await.0.len() }
        });
        tokio::task::yield_now().await;
        waiting.abort();
        assert!(told.await.is_err());
        assert!(batcher.enrol(Lane::Poll, ChannelOrderId::from(2), oneshot::channel().0), "a new lead");
    }
}
