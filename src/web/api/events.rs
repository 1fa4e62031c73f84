//! Server-Sent Events for the page: ids and numbers, never content.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::HeaderValue;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{Answer, Call};
use crate::web::live::{News, frame, order_frame};
use crate::web::problem::{Code, Problem};
use crate::web::query::Query;
use crate::web::reply::{self, Body, Frames};
use crate::web::state::Api;

/// A stream that is silent for longer is broken.
const PING_EVERY: Duration = Duration::from_secs(15);
/// A reader that takes longer for one event is given up.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a browser waits before it connects again, in milliseconds.
const RETRY: &[u8] = b"retry: 3000\n";
/// Missed changes that are told one by one.
const REPLAY_MAX: usize = 1_000;

/// `GET /api/v1/events`. With `Last-Event-ID`, changes of orders since then come first.
pub fn stream(api: &Arc<Api>, call: &Call) -> Answer {
    Query::parse(&call.query, &[])?;
    let (seat, news) = api.live.listen().ok_or_else(|| {
        let detail = "Too many event streams are open. Close some, then try again.";
        Problem::new(Code::RateLimited, detail).retry_after(10)
    })?;
    let (frames, body) = Body::stream();
    let stream = Stream { api: api.clone(), caller: call.caller.id.clone(), frames, told: 0, _seat: seat };
    tokio::spawn(stream.run(news, call.last_event_id));
    let mut reply = reply::typed(StatusCode::OK, "text/event-stream", body);
    // Proxies must not gather what should arrive at once.
    reply.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(reply)
}

struct Stream {
    api: Arc<Api>,
    caller: String,
    frames: Frames,
    /// Newest change of an order that was told.
    told: u64,
    _seat: OwnedSemaphorePermit,
}

/// The reader is gone, or too slow.
struct Gone;

impl Stream {
    async fn run(mut self, mut news: Receiver<News>, last_event_id: Option<u64>) {
        // Ends with the reader, the key, or the daemon; all are said where they can be.
        let _ = self.tell(&mut news, last_event_id).await;
    }

    async fn tell(&mut self, news: &mut Receiver<News>, last_event_id: Option<u64>) -> Result<(), Gone> {
        self.greet(last_event_id).await?;
        let mut ping = interval(PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ping.reset();
        loop {
            tokio::select! {
                biased;
                () = self.api.ended() => return self.send(frame("bye", None, &json!({}))).await,
                _ = ping.tick() => self.send(frame("ping", None, &json!({ "at": self.api.now() }))).await?,
                next = news.recv() => match next {
                    Ok(News::Order { seq, .. }) if seq <= self.told => {}
                    Ok(News::Order { frame, .. } | News::Other(frame)) => self.send(frame).await?,
                    Ok(News::Revoked(caller)) if *caller == *self.caller => {
                        return self.send(frame("bye", None, &json!({}))).await;
                    }
                    Ok(News::Revoked(_)) => {}
                    Err(RecvError::Lagged(_)) => self.resync().await?,
                    Err(RecvError::Closed) => return Ok(()),
                },
                () = self.frames.closed() => return Err(Gone),
            }
        }
    }

    /// Hello, then what was missed since `last`.
    async fn greet(&mut self, last: Option<u64>) -> Result<(), Gone> {
        let newest = *self.api.store.watch_changes().borrow();
        let last = last.filter(|last| *last != newest);
        // With something to catch up on, a break before it was told must not count as told.
        let id = last.is_none().then_some(newest);
        let hello = json!({ "build": env!("CARGO_PKG_VERSION"), "seq": newest });
        self.send([Bytes::from_static(RETRY), frame("hello", id, &hello)].concat().into()).await?;
        let Some(last) = last else { return Ok(()) };
        let Some(frames) = self.missed(last, newest).await else { return self.resync().await };
        for frame in frames {
            self.send(frame).await?;
        }
        Ok(())
    }

    /// `None` when it is more than can be told one by one, or no longer known.
    async fn missed(&mut self, last: u64, newest: u64) -> Option<Vec<Bytes>> {
        let page = self.api.read(move |store| store.changes(last, REPLAY_MAX)).await.ok()?;
        let kept = last.saturating_add(1) >= page.oldest && last <= newest;
        if !kept || page.items.len() == REPLAY_MAX {
            return None;
        }
        self.told = page.items.last().map_or(0, |change| change.seq);
        Some(page.items.iter().map(|change| order_frame(&change.order_id, change.seq)).collect())
    }

    /// Something was missed: the page reads itself afresh.
    async fn resync(&self) -> Result<(), Gone> {
        let newest = *self.api.store.watch_changes().borrow();
        self.send(frame("resync", Some(newest), &json!({}))).await
    }

    async fn send(&self, frame: Bytes) -> Result<(), Gone> {
        match timeout(PATIENCE, self.frames.send(Ok(frame))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }
}
