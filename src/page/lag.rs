//! How long changes took from the marketplace to here, over the last day.
//!
//! Kept in memory and fed from the store's feed of changes, so it begins anew with each start.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::sleep;

use crate::model::Timestamp;
use crate::store::{Store, StoreError};
use crate::web::Api;

/// Half hours kept.
pub const SLOTS: usize = 48;
const SLOT_SECS: i64 = 1_800;
/// Samples of one half hour, enough for its median.
const SAMPLES: usize = 512;
/// Changes looked at at a time; more in a burst are left out, as samples do.
const LOOKED_AT: usize = 200;
const GATHER: Duration = Duration::from_secs(2);

pub struct Lag {
    since: Timestamp,
    slots: Mutex<VecDeque<(i64, Vec<u32>)>>,
}

/// One half hour: median and worst, in milliseconds. `None`: nothing is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    pub median: u32,
    pub worst: u32,
    pub samples: usize,
}

impl Lag {
    pub fn new(now: Timestamp) -> Self {
        Self { since: now, slots: Mutex::default() }
    }

    /// Begin of what is known.
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// Oldest first; the last one is under way.
    pub fn slots(&self, now: Timestamp) -> [Option<Slot>; SLOTS] {
        let newest = now.as_secs().div_euclid(SLOT_SECS);
        let mut told = [None; SLOTS];
        for (slot, samples) in self.slots.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let back = usize::try_from(newest - slot).unwrap_or(SLOTS);
            if back < SLOTS && !samples.is_empty() {
                let mut sorted = samples.clone();
                sorted.sort_unstable();
                let worst = sorted.last().copied().unwrap_or_default();
                let median = sorted[(sorted.len() - 1) / 2];
                told[SLOTS - 1 - back] = Some(Slot { median, worst, samples: sorted.len() });
            }
        }
        told
    }

    fn note(&self, at: Timestamp, lag: Duration) {
        let slot = at.as_secs().div_euclid(SLOT_SECS);
        let lag = u32::try_from(lag.as_millis()).unwrap_or(u32::MAX);
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.back().is_none_or(|(newest, _)| *newest < slot) {
            slots.push_back((slot, Vec::new()));
            while slots.len() > SLOTS {
                slots.pop_front();
            }
        }
        if let Some((_, samples)) = slots.iter_mut().rev().find(|(known, _)| *known == slot)
            && samples.len() < SAMPLES
        {
            samples.push(lag);
        }
    }

    /// Follows the feed of changes until the store is closed.
    pub async fn watch(&self, api: &Arc<Api>) {
        let mut newest = api.store.watch_changes();
        let mut seen = *newest.borrow_and_update();
        while newest.changed().await.is_ok() {
            sleep(GATHER).await;
            let last = *newest.borrow_and_update();
            let (after, since) = (seen, self.since);
            seen = last;
            // A read that fails costs samples only; the store's own troubles are told elsewhere.
            for (at, lag) in api.read(move |store| read(store, after, since)).await.unwrap_or_default() {
                self.note(at, lag);
            }
        }
        std::future::pending::<()>().await;
    }
}

/// What changed at its marketplace before we began is an import, not a lag.
fn read(store: &Store, after: u64, since: Timestamp) -> Result<Vec<(Timestamp, Duration)>, StoreError> {
    let mut lags = Vec::new();
    for change in store.changes(after, LOOKED_AT)?.items {
        let Some((order, _)) = store.order(&change.order_id)? else { continue };
        let changed_at = order.version.changed_at.filter(|at| *at >= since);
        lags.extend(changed_at.map(|at| (change.at, change.at.since(at))));
    }
    Ok(lags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_hours_are_told_apart_and_forgotten_after_a_day() {
        let lag = Lag::new(Timestamp::EPOCH);
        let at = |minutes: i64| Timestamp::from_secs(minutes * 60);
        for millis in [300, 100, 9_000] {
            lag.note(at(1), Duration::from_millis(millis));
        }
        lag.note(at(40), Duration::from_millis(50));
        let told = lag.slots(at(45));
        assert_eq!(told[SLOTS - 1], Some(Slot { median: 50, worst: 50, samples: 1 }));
        assert_eq!(told[SLOTS - 2], Some(Slot { median: 300, worst: 9_000, samples: 3 }));
        assert_eq!(told[SLOTS - 3], None);
        assert_eq!(lag.slots(at(48 * 30 + 40)).iter().flatten().count(), 0);
    }
}
