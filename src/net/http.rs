//! The shared client: connections, TLS, time-outs, caps.

use crate::model::Timestamp;

/// Settings of the client, the same for every connection.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Largest answer that is read.
    pub body_max_bytes: usize,
    pub connect_timeout: std::time::Duration,
    pub user_agent: String,
}

/// The client could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error("no trusted root certificates on this machine: install the ca-certificates package")]
    NoRoots,
}

/// A cheap handle on the shared client.
#[derive(Clone)]
pub struct Http {}

impl Http {
    pub fn new(_options: HttpOptions) -> Result<Self, HttpError> {
        Ok(Self {})
    }
}

pub(super) fn parse_http_date(_text: &str) -> Option<Timestamp> {
    None
}

pub(super) fn parse_retry_after(_text: &str, _now: Timestamp) -> Option<Timestamp> {
    None
}
