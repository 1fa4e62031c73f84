//! Answers on their way out: whole ones, and streams that are made while they are sent.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Bytes, Frame, SizeHint};
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};
use serde::Serialize;
use tokio::sync::mpsc;

use super::line::Served;
use super::problem::Problem;

pub type Reply = Response<Body>;

/// What is sent after the headers.
pub struct Body {
    content: Content,
    /// Keeps the connection out of the waiting line until the body is sent or dropped.
    _served: Option<Served>,
}

enum Content {
    Whole(Option<Bytes>),
    Stream(mpsc::Receiver<io::Result<Bytes>>),
    /// A stream whose length is known beforehand, so that a torn one is noticed.
    Sized {
        frames: mpsc::Receiver<io::Result<Bytes>>,
        left: u64,
    },
}

/// How many frames a stream may be ahead of its reader.
const FRAMES_AHEAD: usize = 4;

/// The producing side of a stream. Sending fails when the reader is gone; an error sent instead of
/// a frame tears the connection, so that a cut answer cannot be taken for a whole one.
pub type Frames = mpsc::Sender<io::Result<Bytes>>;

impl Body {
    pub const fn empty() -> Self {
        Self { content: Content::Whole(None), _served: None }
    }

    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        Self { content: Content::Whole(Some(bytes.into())), _served: None }
    }

    pub fn stream() -> (Frames, Self) {
        let (frames, reader) = mpsc::channel(FRAMES_AHEAD);
        (frames, Self { content: Content::Stream(reader), _served: None })
    }

    pub fn stream_of(length: u64) -> (Frames, Self) {
        let (sender, frames) = mpsc::channel(FRAMES_AHEAD);
        (sender, Self { content: Content::Sized { frames, left: length }, _served: None })
    }

    /// The connection counts as busy for as long as this body lives.
    #[must_use]
    pub(super) fn while_served(self, served: Served) -> Self {
        Self { _served: Some(served), ..self }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut self.get_mut().content {
            Content::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Content::Stream(frames) => frames.poll_recv(cx).map(|frame| frame.map(|f| f.map(Frame::data))),
            Content::Sized { frames, left } => frames.poll_recv(cx).map(|frame| {
                frame.map(|f| {
                    f.map(|bytes| {
                        *left = left.saturating_sub(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
                        Frame::data(bytes)
                    })
                })
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.content, Content::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Content::Stream(_) => SizeHint::default(),
            Content::Sized { left, .. } => SizeHint::with_exact(*left),
        }
    }
}

/// What every answer of the admin listener carries: it is nobody else's to keep, frame or guess at.
const GUARDS: [(HeaderName, HeaderValue); 4] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
];

/// An answer of this type with the guarding headers.
pub fn typed(status: StatusCode, content_type: &'static str, body: Body) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    for (name, value) in GUARDS {
        headers.insert(name, value);
    }
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    reply
}

pub fn json(status: StatusCode, value: &impl Serialize) -> Reply {
    match serde_json::to_vec(value) {
        Ok(bytes) => typed(status, "application/json", Body::whole(bytes)),
        Err(error) => {
            tracing::error!(%error, "an answer cannot be written as JSON");
            Problem::internal().into_reply()
        }
    }
}

pub fn ok(value: &impl Serialize) -> Reply {
    json(StatusCode::OK, value)
}

pub fn accepted(value: &impl Serialize) -> Reply {
    json(StatusCode::ACCEPTED, value)
}

/// Done, and nothing to tell.
pub fn no_content() -> Reply {
    let mut reply = typed(StatusCode::NO_CONTENT, "application/json", Body::empty());
    reply.headers_mut().remove(CONTENT_TYPE);
    reply
}

/// A status without a body, for the marketplaces' side.
pub fn bare(status: StatusCode) -> Reply {
    let mut reply = Response::new(Body::empty());
    *reply.status_mut() = status;
    reply
}
