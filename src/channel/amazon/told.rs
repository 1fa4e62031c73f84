//! What this process already knows of refunds, so that overlapping windows cost no calls. A restart
//! forgets it, which costs calls and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use super::finances::Transaction;
use crate::model::{ChannelOrderId, Timestamp};

/// Refunds that are remembered as told; beyond that they are told again.
const TOLD_MAX: usize = 50_000;
/// Orders whose ledger is remembered as read.
const READ_MAX: usize = 50_000;

/// Which refunds of the overlap were already handed on, so that three days of refunds do not cause
/// fetches with each poll.
///
/// What a sweep finds counts as told only when a later sweep begins further on: its window was then
/// closed, with every hint on disk. A restart forgets, and tells once more.
#[derive(Default)]
pub(super) struct Told {
    from: Option<Timestamp>,
    /// Of the sweep under way.
    open: BTreeMap<String, Timestamp>,
    closed: BTreeMap<String, Timestamp>,
}

impl Told {
    pub fn begin(&mut self, from: Timestamp) {
        let open = std::mem::take(&mut self.open);
        if self.from.is_some_and(|last| from > last) {
            self.closed.extend(open);
        }
        self.closed.retain(|_, posted| *posted >= from);
        self.from = Some(from);
    }

    /// The orders of refunds that were not told yet.
    pub fn news(&mut self, transactions: &[Transaction]) -> BTreeSet<ChannelOrderId> {
        let mut orders = BTreeSet::new();
        for refund in transactions.iter().filter(|transaction| transaction.is_refund()) {
            let Some(order) = refund.order() else { continue };
            // One without an id cannot be told from the next one, so it is told each time.
            if let Some(id) = refund.refund_id() {
                let key =
                    format!("{order} {id} {}", refund.transaction_status.as_deref().unwrap_or_default());
                if self.closed.contains_key(&key) {
                    continue;
                }
                if self.open.len() < TOLD_MAX {
                    let posted = refund.posted_date.as_deref().and_then(Timestamp::parse);
                    self.open.insert(key, posted.or(self.from).unwrap_or_default());
                }
            }
            orders.insert(order);
        }
        orders
    }
}

/// Orders whose ledger was read, with the change stamp they had: listed again unchanged, they need
/// no fetch, and a later refund comes with the sweep.
#[derive(Default)]
pub(super) struct LedgerRead(Mutex<BTreeMap<ChannelOrderId, Option<Timestamp>>>);

impl LedgerRead {
    pub fn note(&self, order: ChannelOrderId, changed_at: Option<Timestamp>) {
        let mut read = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if read.len() >= READ_MAX {
            read.clear();
        }
        read.insert(order, changed_at);
    }

    pub fn holds(&self, order: &ChannelOrderId, changed_at: Option<Timestamp>) -> bool {
        let read = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        changed_at.is_some() && read.get(order).is_some_and(|known| *known >= changed_at)
    }
}
