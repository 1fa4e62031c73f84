//! A configured channel as the rest of the daemon sees it.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ractor::ActorRef;

use super::batcher::Batcher;
use super::channel::Message;
use super::session::Session;
use crate::channel::{Channel, Kind};
use crate::config::{ChannelConfig, Schedule};
use crate::model::{ChannelId, Timestamp};

/// Shared by the channel's actor, the listeners and the page. Replaced when the channel is
/// connected anew.
pub struct Connection {
    pub id: ChannelId,
    pub name: String,
    pub kind: &'static Kind,
    pub enabled: bool,
    /// The schedule as configured, for people.
    pub schedule: String,
    /// Where the marketplace should send webhooks; `None` without a public address or for a
    /// marketplace that sends none.
    pub webhook_url: Option<String>,
    pub channel: Arc<dyn Channel>,
    pub(super) config: ChannelConfig,
    pub(super) session: Session,
    pub(super) batcher: Batcher,
    pub(super) max_in_flight: usize,
    pub(super) live: Live,
}

/// What changes while the channel runs. Only hints and displays: the truth is in the store.
#[derive(Default)]
pub(super) struct Live {
    in_flight: AtomicUsize,
    /// Milliseconds; 0: not known yet.
    next_poll: AtomicI64,
    /// A wake-up is on its way, another one would add nothing.
    woken: AtomicBool,
    actor: Mutex<Option<ActorRef<Message>>>,
}

impl Connection {
    /// Order syncs and actions under way.
    pub fn in_flight(&self) -> usize {
        self.live.in_flight.load(Ordering::Relaxed)
    }

    pub fn next_poll_at(&self) -> Option<Timestamp> {
        let millis = self.live.next_poll.load(Ordering::Relaxed);
        (self.enabled && millis != 0).then(|| Timestamp::from_millis(millis))
    }

    /// Whether its scheduled checks have brought nothing for too long.
    pub fn is_late(&self, last_success: Timestamp, now: Timestamp) -> bool {
        let next = |at| self.schedule().next_after(at);
        self.enabled && crate::sync::late_from(last_success, next).is_some_and(|late| late <= now)
    }

    pub(super) fn schedule(&self) -> &Schedule {
        &self.config.poll
    }

    /// Queues at most one wake-up.
    pub(super) fn wake(&self) {
        if !self.live.woken.swap(true, Ordering::AcqRel) {
            self.tell(Message::Wake);
        }
    }

    /// The wake-up was received: the next one counts again.
    pub(super) fn wake_received(&self) {
        self.live.woken.store(false, Ordering::Release);
    }

    /// A lost message costs latency only: the sweep finds the row.
    pub(super) fn tell(&self, message: Message) {
        let actor = self.live.actor.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if actor.is_none_or(|actor| actor.cast(message).is_err()) {
            self.wake_received();
        }
    }

    pub(super) fn attach(&self, actor: Option<ActorRef<Message>>) {
        self.wake_received();
        *self.live.actor.lock().unwrap_or_else(PoisonError::into_inner) = actor;
    }

    pub(super) fn actor(&self) -> Option<ActorRef<Message>> {
        self.live.actor.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_in_flight(&self, count: usize) {
        self.live.in_flight.store(count, Ordering::Relaxed);
    }

    pub(super) fn set_next_poll(&self, at: Option<Timestamp>) {
        self.live.next_poll.store(at.map_or(0, Timestamp::as_millis), Ordering::Relaxed);
    }
}

/// Calls with the current tokens; when they are refused as stale, renews once and repeats once.
/// `$call` is bound to the `channel::Call` in the expression, which must be a channel call.
macro_rules! with_tokens {
    ($connection:expr, $lane:expr, |$call:ident| $answer:expr) => {{
        let connection: &$crate::actors::connection::Connection = $connection;
        match connection.session.current($lane).await {
            Err(failure) => Err(failure),
            Ok(tokens) => {
                let $call = $crate::channel::Call { tokens: &tokens, lane: $lane };
                match $answer.await {
                    Err(failure) if failure.stale_token => {
                        match connection.session.renew(tokens.generation, $lane).await {
                            Err(failure) => Err(failure),
                            Ok(tokens) => {
                                let $call = $crate::channel::Call { tokens: &tokens, lane: $lane };
                                $answer.await
                            }
                        }
                    }
                    answer => answer,
                }
            }
        }
    }};
}
pub(super) use with_tokens;
