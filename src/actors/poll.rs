//! Polls one channel once: walks through the window of each of its streams, page by page.
//!
//! Started by its channel's actor, at most one per channel. The watermark moves in the same
//! transaction that knows all pages stored, so that dying anywhere only repeats work: the next
//! poll resumes the open window. Writes: `open_window`, `store_page`, `close_window`.

use std::sync::Arc;

use ractor::ActorRef;

use super::Shared;
use super::channel;
use super::connection::{Connection, with_tokens};
use super::errand::Errand;
use super::session::internal;
use crate::channel::{ListRequest, Page, Stream};
use crate::model::{Failure, Lane};
use crate::store::{PageIn, PollState, Window};
use crate::sync::window;

pub struct Poll {
    pub shared: Arc<Shared>,
    pub connection: Arc<Connection>,
    pub parent: ActorRef<channel::Message>,
}

impl Errand for Poll {
    async fn run(&self) {
        let result = run(&self.shared, &self.connection).await;
        // Without a parent nobody schedules the next poll, and nobody needs to.
        drop(self.parent.cast(channel::Message::PollEnded(result)));
    }
}

async fn run(shared: &Shared, connection: &Connection) -> Result<(), Failure> {
    let begun = shared.clock.now();
    let streams = connection.channel.streams();
    for (index, stream) in streams.iter().enumerate() {
        match walk(shared, connection, stream).await {
            // The end of the only list is the end of the poll.
            Ok(()) if index == 0 && streams.len() > 1 => shared.note_list(&connection.id, begun).await,
            Ok(()) => {}
            Err(failure) if stream.optional && !failure.kind.is_temporary() => {
                tracing::warn!(channel = %connection.id, stream = stream.name, kind = %failure.kind,
                    "an optional list is refused, orders still flow: {}", failure.message);
            }
            Err(failure) => return Err(failure),
        }
    }
    shared.note_poll(&connection.id, begun).await;
    Ok(())
}

async fn walk(shared: &Shared, connection: &Connection, stream: &Stream) -> Result<(), Failure> {
    loop {
        let now = shared.clock.now();
        let state = shared.store.poll(&connection.id, stream.name).map_err(|e| internal(&e))?;
        let rested = state.last_ok.is_none_or(|at| now.since(at) >= stream.every);
        if state.window.is_none() && !rested {
            return Ok(());
        }
        let window = begin(shared, connection, stream, state).await?;
        let cut = window.to.is_some();
        match pages(shared, connection, stream, &window, window.token.clone()).await {
            // The token of a page lives for a while only, and an outage may have outlived it.
            Err(failure) if window.token.is_some() && failure.kind.is_refusal() => {
                tracing::warn!(channel = %connection.id, stream = stream.name,
                    "the next page is refused, its window begins anew: {}", failure.message);
                pages(shared, connection, stream, &window, None).await?;
            }
            walked => walked?,
        }
        shared
            .store
            .close_window(&connection.id, stream.name, shared.clock.now())
            .await
            .map_err(|e| internal(&e))?;
        if !cut {
            return Ok(());
        }
    }
}

/// The open window, from where it can be resumed, or a new one.
async fn begin(
    shared: &Shared,
    connection: &Connection,
    stream: &Stream,
    state: PollState,
) -> Result<Window, Failure> {
    let now = shared.clock.now();
    let boot = shared.store.boot();
    let window = if let Some(mut open) = state.window {
        if open.boot != boot {
            open.boot = boot;
            if !stream.durable_token {
                open.token = None;
            }
        }
        open
    } else {
        let first = stream.first.unwrap_or_else(|| shared.settings().initial_import);
        let shape = window::Shape { overlap: stream.overlap, first, longest: stream.longest };
        let span = window::next(state.watermark, shape, now);
        Window { from: span.from, to: span.to, token: None, proposed: None, boot }
    };
    shared
        .store
        .open_window(&connection.id, stream.name, window.clone(), now)
        .await
        .map_err(|e| internal(&e))?;
    Ok(window)
}

async fn pages(
    shared: &Shared,
    connection: &Connection,
    stream: &Stream,
    window: &Window,
    mut token: Option<String>,
) -> Result<(), Failure> {
    loop {
        let request = ListRequest {
            stream: stream.name,
            from: window.from,
            to: window.to,
            token: token.as_deref(),
            bulk: false,
        };
        let page: Page = with_tokens!(connection, Lane::Poll, |call| connection.channel.list(call, request))?;
        if page.next.is_some() && page.next == token {
            return Err(Failure::unavailable("the channel answered the same page again and again"));
        }
        token.clone_from(&page.next);
        let page =
            PageIn { tidings: page.tidings, next: page.next, watermark: page.watermark, total: page.total };
        let now = shared.clock.now();
        let stored =
            shared.store.store_page(&connection.id, connection.kind.name, stream.name, page, now).await;
        let effects = stored.map_err(|e| internal(&e))?;
        shared.observe(&connection.id, &effects.changed, &effects.anomalies).await;
        if effects.queued > 0 {
            connection.wake();
        }
        if token.is_none() {
            return Ok(());
        }
    }
}
