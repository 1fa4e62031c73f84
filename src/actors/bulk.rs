//! Syncs all orders of a channel since some time, on an operator's wish.
//!
//! Started by its channel's actor when the store has a running bulk sync, at most one per channel.
//! Lists page by page through its own mailbox, so that a stop gets in between. Dies: it is started
//! again and resumes from its row, from the last page where the marketplace allows that, else from
//! the beginning, which is harmless. Writes: `store_bulk_page`, `end_bulk_listing`.

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use serde::{Deserialize, Serialize};

use super::Shared;
use super::connection::{Connection, with_tokens};
use super::session::internal;
use crate::channel::{ListRequest, Stream};
use crate::model::{Failure, Lane, SyncId, Timestamp};
use crate::store::{PageIn, SyncPhase, SyncRunState};
use crate::sync::{Retry, retry, window};

pub enum Message {
    /// From itself: read one page.
    Next,
}

pub struct Settings {
    pub shared: Arc<Shared>,
    pub connection: Arc<Connection>,
    pub sync: SyncId,
}

pub struct State {
    settings: Settings,
    place: Place,
    attempt: u32,
    /// The start of the window that was begun anew, which is done once for each.
    anew: Option<Timestamp>,
}

/// Where the listing stands; its JSON is the resume point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    from: Timestamp,
    /// Where the window that is being listed ends and the next begins; `None`: it reaches up to now.
    /// The same for all of its pages: a marketplace may refuse a token with another window.
    to: Option<Timestamp>,
    token: Option<String>,
}

pub struct Bulk;

impl Actor for Bulk {
    type Msg = Message;
    type State = State;
    type Arguments = Settings;

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        settings: Settings,
    ) -> Result<State, ActorProcessingErr> {
        let status = settings.shared.store.sync_status(settings.sync)?.ok_or("the bulk sync is gone")?;
        let durable = settings.connection.channel.streams().first().is_some_and(|s| s.durable_token);
        let beginning = Place { from: status.since.unwrap_or(Timestamp::EPOCH), to: None, token: None };
        let mut place = status.token.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(beginning);
        if !durable && status.boot != settings.shared.store.boot() {
            place.token = None;
        }
        myself.cast(Message::Next)?;
        Ok(State { settings, place, attempt: 0, anew: None })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Next => next(&myself, state).await,
        }
        Ok(())
    }
}

async fn next(myself: &ActorRef<Message>, state: &mut State) {
    let Settings { shared, connection, sync } = &state.settings;
    let listing = matches!(
        shared.store.sync_status(*sync),
        Ok(Some(status)) if status.state == SyncRunState::Running && status.phase == SyncPhase::Listing
    );
    let Some(stream) = connection.channel.streams().first().filter(|_| listing).copied() else {
        myself.stop(None);
        return;
    };
    match page(state, &stream).await {
        Ok(Progress::More) => {
            state.attempt = 0;
            again(myself);
        }
        Ok(Progress::Listed) => {
            end(&state.settings, None).await;
            myself.stop(None);
        }
        // The token of a page lives for a while only, and an outage may have outlived it.
        Err(failure) if failure.kind.is_refusal() && may_begin_anew(&state.place, state.anew) => {
            tracing::warn!(channel = %state.settings.connection.id,
                "the next page of a bulk sync is refused, its window begins anew: {}", failure.message);
            state.place.token = None;
            state.anew = Some(state.place.from);
            again(myself);
        }
        Err(failure) => postpone(myself, state, failure).await,
    }
}

fn may_begin_anew(place: &Place, last: Option<Timestamp>) -> bool {
    place.token.is_some() && last != Some(place.from)
}

enum Progress {
    More,
    Listed,
}

async fn page(state: &mut State, stream: &Stream) -> Result<Progress, Failure> {
    let Settings { shared, connection, sync } = &state.settings;
    let now = shared.clock.now();
    let mut place = state.place.clone();
    if place.token.is_none() {
        place.to = cut(place.from, stream, now);
    }
    let (from, to, token) = (place.from, place.to, place.token.as_deref());
    let request = ListRequest { stream: stream.name, from, to, token, bulk: true };
    let page = with_tokens!(connection, Lane::Bulk, |call| connection.channel.list(call, request))?;
    if page.next.is_some() && page.next == place.token {
        return Err(Failure::unavailable("the channel answered the same page again and again"));
    }
    place.token = page.next;
    let more = place.token.is_some() || to.is_some();
    if let (None, Some(to)) = (&place.token, to) {
        place.from = to;
    }
    let next = serde_json::to_string(&place).ok();
    let page = PageIn { tidings: page.tidings, next, watermark: None, total: page.total };
    let stored = shared.store.store_bulk_page(&connection.id, connection.kind.name, *sync, page, now).await;
    let effects = stored.map_err(|e| internal(&e))?;
    shared.observe(&connection.id, &effects.changed, &effects.anomalies).await;
    shared.note_success(&connection.id, now).await;
    connection.wake();
    state.place = place;
    Ok(if more { Progress::More } else { Progress::Listed })
}

/// A bulk sync has no overlap: its start was chosen by a person.
fn cut(from: Timestamp, stream: &Stream, now: Timestamp) -> Option<Timestamp> {
    let shape =
        window::Shape { overlap: std::time::Duration::ZERO, first: stream.longest, longest: stream.longest };
    window::next(Some(from), shape, now).to
}

async fn postpone(myself: &ActorRef<Message>, state: &mut State, failure: Failure) {
    state.attempt += 1;
    let Settings { shared, connection, .. } = &state.settings;
    shared.note_failure(&connection.id, &failure).await;
    let now = shared.clock.now();
    let retry = retry(&failure, state.attempt, now, |span| shared.random.jitter(span));
    match retry {
        Retry::At(at) if failure.kind.is_temporary() => {
            tracing::warn!(channel = %connection.id, kind = %failure.kind, "bulk sync waits: {}", failure.message);
            drop(myself.send_after(at.since(now), || Message::Next));
        }
        Retry::At(_) | Retry::Park => {
            end(&state.settings, Some(failure)).await;
            myself.stop(None);
        }
    }
}

async fn end(settings: &Settings, failure: Option<Failure>) {
    let Settings { shared, connection, sync } = settings;
    if let Err(error) = shared.store.end_bulk_listing(*sync, failure, shared.clock.now()).await {
        tracing::error!(channel = %connection.id, %error, "the end of a bulk sync's listing was not stored; it is listed again");
    }
    connection.wake();
}

fn again(myself: &ActorRef<Message>) {
    // The actor itself is running, so its mailbox is open.
    drop(myself.cast(Message::Next));
}
