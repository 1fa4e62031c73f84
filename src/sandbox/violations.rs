//! Every breach of the marketplace's protocol by the client, so that a test can assert none.

use serde::Serialize;

use super::log::Log;
use super::message::Request;
use crate::model::Timestamp;

/// One breach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    pub at: Timestamp,
    /// Which rule, in snake case: `unknown_field`, `missing_header`, `over_rate_limit`…
    pub rule: String,
    /// The request's method and path.
    pub request: String,
    pub detail: String,
}

/// The breaches of one stand.
#[derive(Debug, Default)]
pub struct Violations(Log<Violation>);

impl Violations {
    pub fn record(&self, at: Timestamp, request: &Request, rule: &str, detail: impl Into<String>) {
        let detail = detail.into();
        self.0.push(Violation { at, rule: rule.to_owned(), request: request.line(), detail });
    }

    pub fn all(&self) -> Vec<Violation> {
        self.0.all()
    }

    pub fn total(&self) -> u64 {
        self.0.total()
    }

    pub fn clear(&self) {
        self.0.clear();
    }
}
