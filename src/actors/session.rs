//! The tokens of one connection: obtained once for all who wait, on disk before they are used.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::channel::Channel;
use crate::clock::Clock;
use crate::model::{ChannelId, Failure, FailureKind, Lane, Timestamp, Tokens};
use crate::store::Store;

pub struct Session {
    id: ChannelId,
    channel: Arc<dyn Channel>,
    credentials: String,
    store: Store,
    clock: Clock,
    held: tokio::sync::Mutex<Held>,
    /// Vain attempts so far: who waited behind one does not need another.
    vain: AtomicU64,
}

#[derive(Default)]
struct Held {
    loaded: bool,
    tokens: Option<Arc<Tokens>>,
    /// An early renewal failed; the old tokens still hold. Not tried again before.
    renew_not_before: Option<Timestamp>,
    /// The newest attempt was in vain, then.
    failed: Option<(Timestamp, Failure)>,
}

/// How long a refusal is believed before the marketplace is asked again by itself.
const BELIEVED: Duration = Duration::from_mins(1);

impl Session {
    pub fn new(
        id: ChannelId,
        channel: Arc<dyn Channel>,
        credentials: String,
        store: Store,
        clock: Clock,
    ) -> Self {
        Self {
            id,
            channel,
            credentials,
            store,
            clock,
            held: tokio::sync::Mutex::default(),
            vain: AtomicU64::new(0),
        }
    }

    /// Tokens to call with. Obtains them at the first need, renews them when four fifths of their
    /// life are over; while the old ones still hold, a failing renewal hurts nobody.
    pub async fn current(&self, lane: Lane) -> Result<Arc<Tokens>, Failure> {
        let vain = self.vain.load(Ordering::Acquire);
        let mut held = self.held.lock().await;
        self.load(&mut held)?;
        let now = self.clock.now();
        match &held.tokens {
            Some(tokens) if is_fresh(tokens, now) => Ok(Arc::clone(tokens)),
            Some(tokens) if is_alive(tokens, now) => {
                let tokens = Arc::clone(tokens);
                if held.renew_not_before.is_some_and(|at| now < at) {
                    return Ok(tokens);
                }
                Ok(match self.authorise(&mut held, lane, vain).await {
                    Ok(renewed) => renewed,
                    Err(failure) => {
                        tracing::warn!(channel = %self.id, kind = %failure.kind, "early token renewal failed, the old token still holds");
                        held.renew_not_before = Some(now.plus(Duration::from_mins(1)));
                        tokens
                    }
                })
            }
            _ => self.authorise(&mut held, lane, vain).await,
        }
    }

    /// New tokens because those of `stale` were refused. Of all who wait, one asks the marketplace,
    /// and its answer is everybody's.
    pub async fn renew(&self, stale: u64, lane: Lane) -> Result<Arc<Tokens>, Failure> {
        let vain = self.vain.load(Ordering::Acquire);
        let mut held = self.held.lock().await;
        self.load(&mut held)?;
        match &held.tokens {
            Some(tokens) if tokens.generation != stale => Ok(Arc::clone(tokens)),
            _ => self.authorise(&mut held, lane, vain).await,
        }
    }

    /// Takes over tokens that a consent gave.
    pub async fn adopt(&self, tokens: Tokens) -> Result<Arc<Tokens>, Failure> {
        let mut held = self.held.lock().await;
        held.loaded = true;
        self.commit(&mut held, tokens).await
    }

    fn load(&self, held: &mut Held) -> Result<(), Failure> {
        if !held.loaded {
            let tokens = self.store.tokens(&self.id).map_err(|error| internal(&error))?;
            held.tokens = tokens.filter(|t| t.are_of(&self.credentials)).map(Arc::new);
            held.loaded = true;
        }
        Ok(())
    }

    /// `vain` was counted before the caller began to wait.
    async fn authorise(&self, held: &mut Held, lane: Lane, vain: u64) -> Result<Arc<Tokens>, Failure> {
        if let Some((at, failure)) = &held.failed {
            let now = self.clock.now();
            let refused = failure.kind == FailureKind::Permission && now >= *at && now.since(*at) < BELIEVED;
            // A person may have mended it just now, and asks in order to find out.
            if self.vain.load(Ordering::Acquire) != vain || (refused && lane != Lane::Manual) {
                return Err(failure.clone());
            }
        }
        match self.channel.authorise(held.tokens.as_deref()).await {
            Ok(tokens) => self.commit(held, tokens).await,
            Err(failure) => {
                held.failed = Some((self.clock.now(), failure.clone()));
                self.vain.fetch_add(1, Ordering::AcqRel);
                Err(failure)
            }
        }
    }

    /// Between the marketplace's answer and this commit lies the one gap in which a single-use
    /// refresh token can be lost; nothing else happens in it.
    async fn commit(&self, held: &mut Held, tokens: Tokens) -> Result<Arc<Tokens>, Failure> {
        let tokens = tokens.marked(&self.credentials);
        let tokens = self.store.put_tokens(&self.id, tokens).await.map_err(|error| internal(&error))?;
        let tokens = Arc::new(tokens);
        held.tokens = Some(Arc::clone(&tokens));
        held.renew_not_before = None;
        held.failed = None;
        Ok(tokens)
    }
}

/// A failure of our own, as a temporary one: nothing is wrong with the order or the channel.
pub(super) fn internal(error: &dyn std::fmt::Display) -> Failure {
    Failure::unavailable(format!("fenicia could not use its own store ({error})"))
}

fn is_alive(tokens: &Tokens, now: Timestamp) -> bool {
    tokens.expires_at.is_none_or(|at| now.plus(Duration::from_secs(10)) < at)
}

fn is_fresh(tokens: &Tokens, now: Timestamp) -> bool {
    tokens.expires_at.is_none_or(|expires_at| {
        let life = expires_at.since(tokens.obtained_at);
        now < tokens.obtained_at.plus(life.mul_f64(0.8)) && is_alive(tokens, now)
    })
}
