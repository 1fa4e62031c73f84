//! Tokens: sealed, and on disk before anybody uses them.

use super::rows::Rows;
use super::tables::Tab;
use super::{Store, StoreError, connections, keys};
use crate::model::{ChannelId, Tokens};

impl Store {
    /// The newest tokens of a channel. Table `tokens`.
    pub fn tokens(&self, channel: &ChannelId) -> Result<Option<Tokens>, StoreError> {
        self.snapshot()?.sealed(Tab::Tokens, &keys::Key::of(channel).done())
    }

    /// T tokens: the new pair is on disk when this returns; only then may it be used. The
    /// generation is set by the store: one more than the stored pair's. Tables `tokens`,
    /// `connections`, `notifications`.
    pub async fn put_tokens(&self, channel: &ChannelId, tokens: Tokens) -> Result<Tokens, StoreError> {
        let now = self.shared.clock.now();
        let (channel, row) = (channel.clone(), keys::Key::of(channel).done());
        self.write("put_tokens", move |tx| {
            let held: Option<Tokens> = tx.sealed(Tab::Tokens, &row)?;
            let generation = held.map_or(0, |held| held.generation) + 1;
            let tokens = Tokens { generation, ..tokens };
            tx.put_sealed(Tab::Tokens, row, &tokens)?;
            connections::revive_grant(tx, &channel, now)?;
            Ok(tokens)
        })
        .await
    }
}
