//! A marketplace's failure as it is shown: with advice.

use serde::Serialize;

use crate::model::{ChannelError, FailureKind, SyncError, Timestamp};

#[derive(Serialize)]
pub struct ErrorJson<'a> {
    kind: FailureKind,
    message: &'a str,
    advice: &'static str,
    retry_at: Option<Timestamp>,
}

impl<'a> From<&'a SyncError> for ErrorJson<'a> {
    fn from(error: &'a SyncError) -> Self {
        Self { kind: error.kind, message: &error.message, advice: error.advice(), retry_at: error.retry_at }
    }
}

/// A connection's last failure.
#[derive(Serialize)]
pub struct ChannelErrorJson<'a> {
    kind: FailureKind,
    message: &'a str,
    advice: &'static str,
    at: Timestamp,
}

impl<'a> From<&'a ChannelError> for ChannelErrorJson<'a> {
    fn from(error: &'a ChannelError) -> Self {
        Self { kind: error.kind, message: &error.message, advice: error.kind.advice(), at: error.at }
    }
}
