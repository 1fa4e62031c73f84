//! Where each polled list stands. The watermark moves only when every page of a window is stored.

use super::absorb::{Absorbed, How, absorb};
use super::rows::Rows;
use super::tables::Tab;
use super::txn::Txn;
use super::{Effects, PageIn, PollState, Store, StoreError, Window, deliveries, keys};
use crate::model::{ChannelId, Lane, Timestamp, Trigger};

impl Store {
    /// The place of a stream; the default when it was never polled. Table `polls`.
    pub fn poll(&self, channel: &ChannelId, stream: &str) -> Result<PollState, StoreError> {
        load(&self.snapshot()?, channel, stream)
    }

    /// T open window. Killed after: the window is walked through from its start or, where tokens
    /// are durable, from its page.
    pub async fn open_window(
        &self,
        channel: &ChannelId,
        stream: &'static str,
        window: Window,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let channel = channel.clone();
        self.write("open_window", move |tx| {
            let place = load(tx, &channel, stream)?;
            let place = PollState { window: Some(window), last_begun: Some(now), ..place };
            save(tx, &channel, stream, &place)
        })
        .await
    }

    /// T page: tidings merged or queued (lane poll), the next page token and the largest watermark
    /// so far noted. Tables of orders, `jobs`, `due`, `polls`.
    pub async fn store_page(
        &self,
        channel: &ChannelId,
        kind: &'static str,
        stream: &'static str,
        page: PageIn,
        now: Timestamp,
    ) -> Result<Effects, StoreError> {
        let channel = channel.clone();
        self.write("store_page", move |tx| {
            let mut effects = Effects::default();
            let how = How::listing(&channel, kind, Trigger::Poll, Lane::Poll, now);
            for tiding in page.tidings {
                if let Absorbed::Unknown(alias) = absorb(tx, &how, tiding, &mut effects)? {
                    deliveries::keep_alias(tx, &channel, alias, &mut effects, now)?;
                }
            }
            let mut place = load(tx, &channel, stream)?;
            if let Some(window) = &mut place.window {
                window.token = page.next;
                window.proposed = window.proposed.max(page.watermark);
                window.boot = tx.boot();
            }
            save(tx, &channel, stream, &place)?;
            Ok(effects)
        })
        .await
    }

    /// T close window: the watermark moves, never backwards; the window is gone. A cut window
    /// moves it to its end and no further, whatever its pages proposed: nothing beyond was listed.
    pub async fn close_window(
        &self,
        channel: &ChannelId,
        stream: &'static str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let channel = channel.clone();
        self.write("close_window", move |tx| {
            let mut place = load(tx, &channel, stream)?;
            let Some(window) = place.window.take() else { return Ok(()) };
            place.watermark = place.watermark.max(window.to.or(window.proposed));
            place.last_ok = Some(now);
            save(tx, &channel, stream, &place)
        })
        .await
    }
}

fn row(channel: &ChannelId, stream: &str) -> Vec<u8> {
    keys::Key::of(channel).text(stream).done()
}

fn load(rows: &impl Rows, channel: &ChannelId, stream: &str) -> Result<PollState, StoreError> {
    Ok(rows.record(Tab::Polls, &row(channel, stream))?.unwrap_or_default())
}

fn save(tx: &mut Txn<'_>, channel: &ChannelId, stream: &str, place: &PollState) -> Result<(), StoreError> {
    tx.put(Tab::Polls, row(channel, stream), place)
}
