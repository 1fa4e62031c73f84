//! What every stand is given: time, chance, and the records that tests read.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::effects::Effects;
use super::faults::Faults;
use super::message::Request;
use super::violations::Violations;
use super::webhooks::Courier;
use crate::clock::Clock;
use crate::model::Timestamp;
use crate::random::Random;

/// How a sandbox departs from the real marketplace's pace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tuning {
    /// Multiplies the rate and the burst of every limit. 1 is the real thing.
    pub limits: f64,
    /// Divides every wait that the marketplace itself keeps: webhook retries, feeds, jobs.
    pub haste: f64,
    /// How far the list of orders trails behind the orders.
    pub list_lag: Duration,
    /// A full stand drops its oldest order instead of refusing the new one.
    pub drop_oldest: bool,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { limits: 1.0, haste: 1.0, list_lag: Duration::from_secs(2), drop_oldest: false }
    }
}

/// Cheap to clone; all clones share the records.
#[derive(Clone)]
pub struct Kit {
    pub clock: Clock,
    pub random: Random,
    pub tuning: Tuning,
    pub faults: Arc<Faults>,
    pub violations: Arc<Violations>,
    pub effects: Arc<Effects>,
    pub webhooks: Arc<Courier>,
}

impl Kit {
    pub fn new(clock: Clock, random: Random, tuning: Tuning) -> Self {
        let faults = Arc::new(Faults::default());
        let webhooks =
            Arc::new(Courier::new(clock.clone(), random.clone(), tuning.haste, Arc::clone(&faults)));
        Self { clock, random, tuning, faults, violations: Arc::default(), effects: Arc::default(), webhooks }
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Records a breach of the protocol by the client.
    pub fn breach(&self, request: &Request, rule: &str, detail: impl Into<String>) {
        self.violations.record(self.now(), request, rule, detail);
    }

    /// Records a change that the client made.
    pub fn effect(&self, operation: &str, order: Option<&str>, detail: Value) {
        self.effects.record(self.now(), operation, order, detail);
    }

    /// A wait of the marketplace's own, at this sandbox's pace.
    pub fn hastened(&self, span: Duration) -> Duration {
        span.div_f64(self.tuning.haste.max(0.001))
    }
}
