//! A token bucket per operation, and the headers that tell about it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::bucket::Bucket;
use super::super::kit::Kit;
use super::super::message::{Request, Response};
use super::replies;
use crate::model::Timestamp;

/// Calls per minute.
const LIMITS: [(&str, f64); 7] = [
    ("list_orders", 5_000.0),
    ("get_order", 5_000.0),
    ("released", 60.0),
    ("acknowledge", 60.0),
    ("ship", 60.0),
    ("cancel", 60.0),
    ("refund", 60.0),
];

pub(super) struct Limits {
    buckets: BTreeMap<&'static str, Bucket>,
    /// No call may come before, after a 429.
    closed_until: BTreeMap<String, Timestamp>,
}

impl Limits {
    pub(super) fn new(kit: &Kit) -> Self {
        let now = kit.now();
        let bucket = |(name, minute): (&'static str, f64)| {
            let minute = minute * kit.tuning.limits;
            (name, Bucket::new(minute / 60.0, minute.max(1.0), now))
        };
        Self { buckets: LIMITS.into_iter().map(bucket).collect(), closed_until: BTreeMap::new() }
    }

    /// Takes one call from its bucket. `Some`: it is refused.
    pub(super) fn take(&mut self, operation: &str, request: &Request, kit: &Kit) -> Option<Response> {
        let now = kit.now();
        if let Some(until) = self.closed_until.get(operation).copied() {
            if now < until {
                kit.breach(request, "before_replenishment", format!("told to wait until {until}"));
                return Some(refused(until));
            }
            self.closed_until.remove(operation);
        }
        let bucket = self.buckets.get_mut(operation)?;
        if bucket.take(1.0, now) {
            return None;
        }
        let until = now.plus(Duration::from_secs_f64(1.0 / bucket.rate()).max(Duration::from_secs(1)));
        self.closed_until.insert(operation.to_owned(), until);
        Some(refused(until))
    }

    /// Refuses the operation for a while, for a fault.
    pub(super) fn close(&mut self, operation: &str, seconds: u64, now: Timestamp) -> Response {
        let until = now.plus(Duration::from_secs(seconds.max(1)));
        self.closed_until.insert(operation.to_owned(), until);
        refused(until)
    }

    /// Every answer tells what is left.
    pub(super) fn tell(&mut self, operation: &str, response: Response, now: Timestamp) -> Response {
        let Some(bucket) = self.buckets.get_mut(operation).filter(|_| response.status != 429) else {
            return response;
        };
        let left = bucket.level(now).floor();
        let full = now.plus(Duration::from_secs_f64((bucket.burst() - left).max(0.0) / bucket.rate()));
        response
            .with_header("x-current-token-count", format!("{left:.0}"))
            .with_header("x-next-replenishment-time", full.as_millis().to_string())
    }
}

fn refused(until: Timestamp) -> Response {
    replies::for_fault(429)
        .with_header("x-current-token-count", "0")
        .with_header("x-next-replenishment-time", until.as_millis().to_string())
}
