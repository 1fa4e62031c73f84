//! What the client changed at the marketplace, and what it called: the proof of "once".

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde::Serialize;
use serde_json::Value;

use super::log::{Log, locked};
use crate::model::Timestamp;

/// One change that a client's call made to the marketplace's world.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Effect {
    pub at: Timestamp,
    /// The operation that did it, as in the faults.
    pub operation: String,
    /// The marketplace's order id, where one is concerned.
    pub order: Option<String>,
    /// Its content: tracking numbers, reason, lines.
    pub detail: Value,
}

/// One call, answered or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallMade {
    pub at: Timestamp,
    pub operation: String,
    /// `None` when a fault kept the answer back.
    pub status: Option<u16>,
}

/// The effects and calls of one stand.
#[derive(Debug, Default)]
pub struct Effects {
    made: Log<Effect>,
    calls: Log<CallMade>,
    by_operation: Mutex<BTreeMap<String, u64>>,
}

impl Effects {
    pub fn record(&self, at: Timestamp, operation: &str, order: Option<&str>, detail: Value) {
        let order = order.map(str::to_owned);
        self.made.push(Effect { at, operation: operation.to_owned(), order, detail });
    }

    pub fn record_call(&self, at: Timestamp, operation: &str, status: Option<u16>) {
        *locked(&self.by_operation).entry(operation.to_owned()).or_default() += 1;
        self.calls.push(CallMade { at, operation: operation.to_owned(), status });
    }

    pub fn all(&self) -> Vec<Effect> {
        self.made.all()
    }

    pub fn of_order(&self, order: &str) -> Vec<Effect> {
        self.made.filtered(|effect| effect.order.as_deref() == Some(order))
    }

    pub fn calls(&self) -> Vec<CallMade> {
        self.calls.all()
    }

    /// How often each operation was called, faults included.
    pub fn call_counts(&self) -> BTreeMap<String, u64> {
        locked(&self.by_operation).clone()
    }

    pub fn calls_of(&self, operation: &str) -> u64 {
        locked(&self.by_operation).get(operation).copied().unwrap_or_default()
    }
}
