//! What was left of a channel's allowances when somebody last looked.

use super::rows::Rows as _;
use super::tables::Tab;
use super::{Store, StoreError, keys};
use crate::model::{ChannelId, Left};

impl Store {
    /// The last note about the bucket of this operation. Table `allowances`.
    pub fn allowance(&self, channel: &ChannelId, operation: &str) -> Result<Option<Left>, StoreError> {
        self.snapshot()?.record(Tab::Allowances, &key(channel, operation))
    }

    /// T allowance: before calls that leave less than the last note says. Killed after: the next
    /// start takes what was allowed for as spent. Table `allowances`.
    pub async fn note_allowance(
        &self,
        channel: &ChannelId,
        operation: &str,
        left: Left,
    ) -> Result<(), StoreError> {
        let key = key(channel, operation);
        self.write("note_allowance", move |tx| tx.put(Tab::Allowances, key, &left)).await
    }
}

fn key(channel: &ChannelId, operation: &str) -> Vec<u8> {
    keys::Key::of(channel).text(operation).done()
}
