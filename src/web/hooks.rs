//! The listener that faces the internet: deliveries come in, and nothing else.
//!
//! A delivery is authenticated over its raw bytes, written to disk, and only then answered. What
//! cannot be taken now is refused with 503, so that the marketplace sends it again.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use hyper::header::{HeaderValue, RETRY_AFTER};
use hyper::{HeaderMap, Method, StatusCode};
use metrics::{Counter, Histogram};
use percent_encoding::percent_decode_str;
use tokio::time::Instant;

use super::consent;
use super::listener::{Answers, Arrival, Upload, UploadError};
use super::peer;
use super::reply::{self, Reply};
use super::state::Api;
use crate::actors::Connection;
use crate::channel::{Headers, Inbound, Refusal};
use crate::model::{ChannelId, Delivery, Timestamp};
use crate::store::{Accepted, StoreError};
use crate::telemetry::metrics as instruments;

/// Label of deliveries for no configured channel. No channel id holds an underscore.
const NO_CHANNEL: &str = "_unknown";

/// Answers the webhook listener.
pub struct Hooks {
    api: Arc<Api>,
    tallies: RwLock<HashMap<ChannelId, Arc<Tally>>>,
    strangers: Tally,
    ack: Histogram,
}

impl Hooks {
    pub fn new(api: Arc<Api>) -> Self {
        Self {
            api,
            tallies: RwLock::default(),
            strangers: Tally::new(NO_CHANNEL),
            ack: instruments::webhook_ack(),
        }
    }
}

impl Answers for Hooks {
    async fn answer(self: Arc<Self>, arrival: Arrival) -> Reply {
        let method = arrival.head.method.clone();
        // The path is taken apart before the request moves on.
        let target = Target::of(arrival.head.uri.path());
        match (target, method) {
            (Some(Target::Webhook { channel, topic }), Method::POST) => {
                let topic = topic.map(Cow::into_owned);
                self.take(arrival, channel, topic).await
            }
            (Some(Target::Callback { channel }), Method::GET) => {
                let query = arrival.head.uri.query().unwrap_or_default();
                consent::callback(&self.api, &channel, query).await
            }
            (Some(Target::Health), Method::GET | Method::HEAD) => reply::bare(StatusCode::OK),
            _ => reply::bare(StatusCode::NOT_FOUND),
        }
    }
}

/// What the listener's paths mean.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target<'a> {
    Webhook { channel: ChannelId, topic: Option<Cow<'a, str>> },
    Callback { channel: ChannelId },
    Health,
}

impl<'a> Target<'a> {
    pub(super) fn of(path: &'a str) -> Option<Self> {
        if let Some(rest) = path.strip_prefix("/webhooks/") {
            let (channel, topic) =
                rest.split_once('/').map_or((rest, ""), |(channel, topic)| (channel, topic));
            if topic.contains('/') {
                return None;
            }
            let channel = ChannelId::new(channel).ok()?;
            let topic = percent_decode_str(topic).decode_utf8().ok()?;
            return Some(Self::Webhook { channel, topic: Some(topic).filter(|topic| !topic.is_empty()) });
        }
        if path == "/healthz" {
            return Some(Self::Health);
        }
        let channel = path.strip_prefix("/oauth/")?.strip_suffix("/callback")?;
        ChannelId::new(channel).ok().map(|channel| Self::Callback { channel })
    }
}

impl Hooks {
    async fn take(&self, arrival: Arrival, channel: ChannelId, topic: Option<String>) -> Reply {
        let begun = Instant::now();
        let connection = self.api.handle.channel(&channel).filter(|connection| takes_webhooks(connection));
        let Some(connection) = connection else {
            self.strangers.count(Outcome::NotTaken);
            return Outcome::NotTaken.reply();
        };
        let Arrival { head, peer, upload } = arrival;
        let accepted = self.accept(&head.headers, upload, &connection, topic.as_deref()).await;
        let outcome = accepted.unwrap_or_else(|refused| refused);
        let tally = self.tally(&connection.id);
        tally.count(outcome);
        if outcome == Outcome::Unauthenticated && tally.is_time_to_warn(self.api.now()) {
            let sender = peer::sender(peer, &head.headers, &self.api.options().webhooks.trusted_proxies);
            tracing::warn!(
                channel = %connection.id, %sender,
                "a delivery that this channel's marketplace did not send was turned away: the signature or the \
                 account is wrong"
            );
        }
        self.ack.record(begun.elapsed());
        outcome.reply()
    }

    /// The delivery is on disk, or was before, when this answers [`Outcome::Accepted`] or
    /// [`Outcome::Duplicate`].
    async fn accept(
        &self,
        headers: &HeaderMap,
        upload: Upload,
        connection: &Connection,
        topic: Option<&str>,
    ) -> Result<Outcome, Outcome> {
        let received_at = self.api.now();
        let body = upload.read(self.api.options().webhooks.max_body).await?;
        let headers = &HeaderView(headers);
        let admitted = connection.channel.admit(&Inbound { topic, headers, body: &body, received_at })?;
        if admitted.ignore {
            return Ok(Outcome::Ignored);
        }
        let delivery = Delivery {
            delivery_id: admitted.delivery_id,
            topic: admitted.topic,
            notes: admitted.notes,
            body: body.into(),
            received_at,
        };
        match self.api.store.accept_delivery(&connection.id, delivery).await? {
            Accepted::New => {
                self.api.handle.nudge(&connection.id);
                Ok(Outcome::Accepted)
            }
            Accepted::Duplicate => Ok(Outcome::Duplicate),
        }
    }

    /// The channel's counters: looked up once, because that allocates.
    fn tally(&self, channel: &ChannelId) -> Arc<Tally> {
        let known = self.tallies.read().unwrap_or_else(PoisonError::into_inner).get(channel).cloned();
        known.unwrap_or_else(|| {
            let mut tallies = self.tallies.write().unwrap_or_else(PoisonError::into_inner);
            let fresh = || Arc::new(Tally::new(channel.as_str()));
            tallies.entry(channel.clone()).or_insert_with(fresh).clone()
        })
    }
}

fn takes_webhooks(connection: &Connection) -> bool {
    connection.enabled && connection.kind.method.takes_webhooks()
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Accepted,
    Duplicate,
    Ignored,
    Unauthenticated,
    Malformed,
    ContentType,
    TooLarge,
    TimedOut,
    Broken,
    NotTaken,
    Busy,
    DiskFull,
    Closing,
    Failed,
}

impl Outcome {
    const ALL: [Self; 14] = [
        Self::Accepted,
        Self::Duplicate,
        Self::Ignored,
        Self::Unauthenticated,
        Self::Malformed,
        Self::ContentType,
        Self::TooLarge,
        Self::TimedOut,
        Self::Broken,
        Self::NotTaken,
        Self::Busy,
        Self::DiskFull,
        Self::Closing,
        Self::Failed,
    ];

    /// The metric's word.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Ignored => "ignored",
            Self::Unauthenticated => "unauthenticated",
            Self::Malformed => "malformed",
            Self::ContentType => "content_type",
            Self::TooLarge => "too_large",
            Self::TimedOut => "timed_out",
            Self::Broken => "broken_off",
            Self::NotTaken => "not_taken",
            Self::Busy => "busy",
            Self::DiskFull => "disk_full",
            Self::Closing => "closing",
            Self::Failed => "failed",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::Accepted | Self::Duplicate | Self::Ignored => StatusCode::OK,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Malformed | Self::Broken => StatusCode::BAD_REQUEST,
            Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TimedOut => StatusCode::REQUEST_TIMEOUT,
            Self::NotTaken => StatusCode::NOT_FOUND,
            Self::Busy | Self::DiskFull | Self::Closing | Self::Failed => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Seconds until a repetition may be taken.
    const fn retry_after(self) -> Option<HeaderValue> {
        match self {
            Self::Busy | Self::Closing => Some(HeaderValue::from_static("10")),
            Self::DiskFull | Self::Failed => Some(HeaderValue::from_static("60")),
            _ => None,
        }
    }

    fn reply(self) -> Reply {
        let mut reply = reply::bare(self.status());
        if let Some(seconds) = self.retry_after() {
            reply.headers_mut().insert(RETRY_AFTER, seconds);
        }
        reply
    }
}

impl From<UploadError> for Outcome {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::TooLarge => Self::TooLarge,
            UploadError::TimedOut => Self::TimedOut,
            UploadError::Broken => Self::Broken,
        }
    }
}

impl From<Refusal> for Outcome {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unauthenticated => Self::Unauthenticated,
            Refusal::Malformed => Self::Malformed,
            Refusal::ContentType => Self::ContentType,
            Refusal::NotTaken => Self::NotTaken,
        }
    }
}

impl From<StoreError> for Outcome {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self::Busy,
            StoreError::DiskFull => Self::DiskFull,
            StoreError::Closed => Self::Closing,
            StoreError::Corrupt(_) | StoreError::NotFound(_) => {
                tracing::error!(%error, "a delivery cannot be stored");
                Self::Failed
            }
        }
    }
}

/// Senders that are turned away are logged at most this often per channel: whoever likes can knock.
const WARN_EVERY: Duration = Duration::from_mins(1);

/// A channel's counters, one per outcome.
struct Tally {
    counters: [Counter; Outcome::ALL.len()],
    warned: Mutex<Option<Timestamp>>,
}

impl Tally {
    fn new(channel: &str) -> Self {
        let counters = Outcome::ALL.map(|outcome| instruments::webhooks(channel, outcome.as_str()));
        Self { counters, warned: Mutex::default() }
    }

    fn is_time_to_warn(&self, now: Timestamp) -> bool {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        let due = warned.is_none_or(|at| now.since(at) >= WARN_EVERY);
        if due {
            *warned = Some(now);
        }
        due
    }

    fn count(&self, outcome: Outcome) {
        self.counters[outcome as usize].increment(1);
    }
}

/// The headers as connectors see them.
struct HeaderView<'a>(&'a HeaderMap);

impl Headers for HeaderView<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(channel: &str, topic: Option<&'static str>) -> Target<'static> {
        let channel = ChannelId::new(channel).expect("an id");
        Target::Webhook { channel, topic: topic.map(Cow::Borrowed) }
    }

    #[test]
    fn paths_name_a_channel_and_perhaps_a_topic() {
        let channel = ChannelId::new("ml").expect("an id");
        for (path, wanted) in [
            ("/webhooks/tienda", webhook("tienda", None)),
            ("/webhooks/tienda/", webhook("tienda", None)),
            ("/webhooks/tienda/orders%2Fupdated", webhook("tienda", Some("orders/updated"))),
            ("/webhooks/tienda/orders_v2", webhook("tienda", Some("orders_v2"))),
            ("/healthz", Target::Health),
            ("/oauth/ml/callback", Target::Callback { channel }),
        ] {
            assert_eq!(Target::of(path), Some(wanted), "{path}");
        }
    }

    #[test]
    fn weird_paths_are_nowhere() {
        for path in [
            "",
            "*",
            "/",
            "/webhooks",
            "/webhooks/",
            "/webhooks//",
            "/webhooks/Tienda",
            "/webhooks/../etc/passwd",
            "/webhooks/tienda/a/b",
            "/webhooks/%74ienda",
            "/webhooks/tienda/%ff%fe",
            "//webhooks/tienda",
            "/webhooks/tienda%00",
            "/oauth//callback",
            "/oauth/a/b/callback",
            "/oauth/callback",
            "/healthz/",
            "/metrics",
        ] {
            assert_eq!(Target::of(path), None, "{path}");
        }
    }

    #[test]
    fn what_may_go_better_later_says_when() {
        for outcome in Outcome::ALL {
            let is_503 = outcome.status() == StatusCode::SERVICE_UNAVAILABLE;
            assert_eq!(is_503, outcome.reply().headers().contains_key(RETRY_AFTER), "{outcome:?}");
        }
    }

    #[test]
    fn every_outcome_has_its_own_counter() {
        for (at, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, at);
        }
    }
}
