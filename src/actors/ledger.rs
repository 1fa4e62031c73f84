//! One channel's allowances, kept in the store.

use std::future::Future;
use std::pin::Pin;

use crate::model::{ChannelId, Left};
use crate::net::Ledger;
use crate::store::{Store, StoreError};

/// See the module doc.
pub(super) struct Kept {
    pub(super) channel: ChannelId,
    pub(super) store: Store,
}

impl Ledger for Kept {
    fn left(&self, operation: &str) -> Option<Left> {
        self.store.allowance(&self.channel, operation).unwrap_or_else(|error| {
            tracing::error!(channel = %self.channel, operation, %error, "what is left of the allowance is not known");
            None
        })
    }

    fn note<'a>(
        &'a self,
        operation: &'static str,
        left: Left,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            match self.store.note_allowance(&self.channel, operation, left).await {
                // The process ends: nothing more is sent that matters.
                Ok(()) | Err(StoreError::Closed) => {}
                Err(error) => {
                    tracing::error!(channel = %self.channel, operation, %error, "what is left of the allowance was not noted");
                }
            }
        })
    }
}
