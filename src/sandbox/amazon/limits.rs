//! One token bucket per operation.

use std::collections::HashMap;
use std::time::Duration;

use super::super::bucket::Bucket;
use super::super::kit::Kit;
use super::super::message::{Request, Response};
use super::errors;

/// Calls per second and burst, as published.
const LIMITS: [(&str, f64, f64); 9] = [
    ("searchOrders", 0.0056, 20.0),
    ("getOrder", 0.5, 30.0),
    ("confirmShipment", 2.0, 10.0),
    ("createFeedDocument", 0.5, 15.0),
    ("createFeed", 0.0083, 15.0),
    ("getFeed", 2.0, 15.0),
    ("getFeedDocument", 0.0222, 10.0),
    ("getFeeds", 0.0222, 10.0),
    ("listTransactions", 0.5, 10.0),
];
const PARTICIPATIONS: (f64, f64) = (0.016, 15.0);

#[derive(Default)]
pub(super) struct Limits(HashMap<String, Bucket>);

impl Limits {
    /// Takes one call of this operation, or refuses it.
    pub(super) fn take(&mut self, operation: &str, request: &Request, kit: &Kit) -> Result<(), Response> {
        if self.bucket(operation, kit).take(1.0, kit.now()) {
            return Ok(());
        }
        kit.breach(request, "over_rate_limit", format!("no call of {operation} is left"));
        Err(errors::quota())
    }

    /// No call is left for the span.
    pub(super) fn drain(&mut self, operation: &str, seconds: u64, kit: &Kit) {
        self.bucket(operation, kit).drain(kit.now(), Duration::from_secs(seconds));
    }

    /// The published rate, as answers carry it.
    pub(super) fn rate(&mut self, operation: &str, kit: &Kit) -> String {
        format!("{}", self.bucket(operation, kit).rate())
    }

    fn bucket(&mut self, operation: &str, kit: &Kit) -> &mut Bucket {
        let (rate, burst) = LIMITS
            .iter()
            .find(|(name, _, _)| *name == operation)
            .map_or(PARTICIPATIONS, |(_, rate, burst)| (*rate, *burst));
        let factor = kit.tuning.limits;
        self.0
            .entry(operation.to_owned())
            .or_insert_with(|| Bucket::new(rate * factor, (burst * factor).max(1.0), kit.now()))
    }
}
