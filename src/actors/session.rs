//! The tokens of one connection: obtained once for all who wait, on disk before they are used.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::channel::Channel;
use crate::clock::Clock;
use crate::model::{ChannelId, Credentials, Failure, FailureKind, Lane, Timestamp, Tokens};
use crate::store::{ConnectionChange, Store, StoreError};

pub struct Session {
    id: ChannelId,
    channel: Arc<dyn Channel>,
    credentials: Credentials,
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
        credentials: Credentials,
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
                // Nobody waits for this one, so even a person's call does not send a void grant again.
                let tried = self.vain.load(Ordering::Acquire);
                Ok(match self.authorise(&mut held, Lane::Poll, vain).await {
                    Ok(renewed) => renewed,
                    Err(failure) => {
                        if self.vain.load(Ordering::Acquire) != tried {
                            self.warn_early(&failure, tokens.expires_at).await;
                        }
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
            held.tokens = tokens.and_then(|tokens| tokens.usable_by(&self.credentials)).map(Arc::new);
            held.loaded = true;
        }
        Ok(())
    }

    /// `vain` was counted before the caller began to wait. A person may have mended it just now, and
    /// asks in order to find out: then no earlier refusal counts.
    async fn authorise(&self, held: &mut Held, lane: Lane, vain: u64) -> Result<Arc<Tokens>, Failure> {
        if let Some((at, failure)) = &held.failed {
            let now = self.clock.now();
            let refused = failure.kind == FailureKind::Permission && now >= *at && now.since(*at) < BELIEVED;
            if self.vain.load(Ordering::Acquire) != vain || (refused && lane != Lane::Manual) {
                return Err(failure.clone());
            }
        }
        if lane != Lane::Manual
            && let Some(told) = self.dead_grant().map_err(|error| internal(&error))?
        {
            return Err(Failure::permission(told));
        }
        match self.channel.authorise(held.tokens.as_deref()).await {
            Ok(tokens) => self.commit(held, tokens).await,
            Err(failure) => {
                if failure.dead_grant {
                    self.bury(&failure.message).await;
                }
                held.failed = Some((self.clock.now(), failure.clone()));
                self.vain.fetch_add(1, Ordering::AcqRel);
                Err(failure)
            }
        }
    }

    /// In which words the marketplace has refused the newest refresh token for good.
    fn dead_grant(&self) -> Result<Option<String>, StoreError> {
        Ok(self.store.connection(&self.id)?.and_then(|state| state.dead_grant))
    }

    /// Some marketplaces take a refresh token that comes again and again for a stolen one, so no start
    /// and no hourly probe sends it once more.
    async fn bury(&self, message: &str) {
        let change = ConnectionChange::GrantDied { message: message.to_owned() };
        if let Err(error) = self.store.update_connection(&self.id, change, self.clock.now()).await {
            tracing::error!(channel = %self.id, %error, "it was not stored that the refresh token is void; the next refusal tells again");
        }
    }

    /// Calls still succeed, so the connection is not down; but a person who hears of it now can mend
    /// it before it is.
    async fn warn_early(&self, failure: &Failure, until: Option<Timestamp>) {
        if failure.kind != FailureKind::Permission {
            return;
        }
        let change = ConnectionChange::RenewalRefused { failure: failure.clone(), until };
        if let Err(error) = self.store.update_connection(&self.id, change, self.clock.now()).await {
            tracing::error!(channel = %self.id, %error, "it was not stored that access ends soon");
        }
    }

    /// Between the marketplace's answer and this commit lies the one gap in which a single-use
    /// refresh token can be lost; nothing else happens in it.
    async fn commit(&self, held: &mut Held, tokens: Tokens) -> Result<Arc<Tokens>, Failure> {
        let tokens = tokens.marked(&self.credentials, held.tokens.as_deref());
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::channel::{Answer, Call, Fetched, Finding, ListRequest, Page, Stream};
    use crate::model::{ChannelOrderId, Delivery, Secret, Tiding};
    use crate::random::Random;
    use crate::store::testing;

    /// A marketplace whose refresh tokens are spent by their use; keeps which ones it was sent.
    #[derive(Default)]
    struct Rotating {
        configured: &'static str,
        spent: Mutex<Vec<String>>,
        /// It refuses: for good, or for now.
        refuses: Mutex<Option<Failure>>,
        obtained_at: Timestamp,
        expires_at: Option<Timestamp>,
    }

    impl Channel for Rotating {
        fn read(&self, _: &Delivery) -> Vec<Tiding> {
            Vec::new()
        }

        fn streams(&self) -> &[Stream] {
            &[]
        }

        fn list<'a>(&'a self, _: Call<'a>, _: ListRequest<'a>) -> Answer<'a, Page> {
            Box::pin(async { Ok(Page::default()) })
        }

        fn fetch<'a>(&'a self, _: Call<'a>, _: &'a [ChannelOrderId]) -> Answer<'a, Vec<Fetched>> {
            Box::pin(async { Ok(Vec::new()) })
        }

        fn authorise<'a>(&'a self, held: Option<&'a Tokens>) -> Answer<'a, Tokens> {
            Box::pin(async move {
                let refresh = held.and_then(|held| held.refresh.as_ref()).map(|r| r.expose().to_owned());
                let refresh = refresh.unwrap_or_else(|| self.configured.to_owned());
                self.spent.lock().expect("not poisoned").push(refresh.clone());
                if let Some(failure) = self.refuses.lock().expect("not poisoned").clone() {
                    return Err(failure);
                }
                Ok(Tokens {
                    expires_at: self.expires_at,
                    refresh: Some(Secret::new(format!("{refresh}+"))),
                    ..Tokens::bare(Secret::new("access"), self.obtained_at)
                })
            })
        }

        fn probe<'a>(&'a self, _: Call<'a>) -> Answer<'a, Vec<Finding>> {
            Box::pin(async { Ok(Vec::new()) })
        }
    }

    /// What a start, or a reload, with this config spends when it calls.
    async fn spends(store: &Store, clock: &Clock, whole: &str, refresh: &'static str) -> Vec<String> {
        let id = ChannelId::new("meli").expect("an id");
        let channel = Arc::new(Rotating { configured: refresh, ..Rotating::default() });
        let grant = Some(refresh).filter(|r| !r.is_empty()).map(|refresh| format!("hash of {refresh}"));
        let credentials = Credentials { whole: format!("{whole} {refresh}"), grant };
        let session = Session::new(id, channel.clone(), credentials, store.clone(), clock.clone());
        session.current(Lane::Poll).await.expect("tokens");
        channel.spent.lock().expect("not poisoned").clone()
    }

    #[tokio::test]
    async fn rotated_tokens_are_replaced_only_by_another_refresh_token_of_the_config() {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Clock::starting_at(Timestamp::from_secs(1_800_000_000));
        let store = testing::memory(folder.path(), clock.clone(), Random::seeded(1)).expect("a store");
        let spends = async |whole, refresh| spends(&store, &clock, whole, refresh).await;
        assert_eq!(spends("app", "first").await, ["first"], "the first one");
        assert!(spends("app", "first").await.is_empty(), "a restart uses what is stored");
        assert_eq!(spends("app with another secret", "first").await, ["first+"], "the rotated one is kept");
        assert!(spends("app with another secret", "first").await.is_empty());
        assert_eq!(spends("app with another secret", "").await, ["first++"], "taking it out says nothing");
        assert_eq!(
            spends("app with another secret", "first").await,
            ["first+++"],
            "nor does putting it back"
        );
        assert_eq!(spends("app with another secret", "second").await, ["second"], "another one is adopted");
        assert!(spends("app with another secret", "second").await.is_empty(), "also after a restart");
        assert_eq!(spends("app", "second").await, ["second+"]);
    }

    /// A connection as a start with this config makes it.
    async fn connected(
        store: &Store,
        clock: &Clock,
        config: &str,
        refuses: Failure,
    ) -> (Session, Arc<Rotating>) {
        let id = ChannelId::new("meli").expect("an id");
        let configured =
            ConnectionChange::Configured { kind: "x", enabled: true, credentials: config.to_owned() };
        store.update_connection(&id, configured, clock.now()).await.expect("configured");
        let refuses = Mutex::new(Some(refuses));
        let (obtained_at, expires_at) = (clock.now(), Some(clock.now().plus(Duration::from_hours(1_000))));
        let channel = Arc::new(Rotating {
            configured: "first",
            refuses,
            obtained_at,
            expires_at,
            ..Rotating::default()
        });
        let credentials = Credentials { whole: config.to_owned(), grant: Some("hash of first".to_owned()) };
        (Session::new(id, channel.clone(), credentials, store.clone(), clock.clone()), channel)
    }

    #[tokio::test(start_paused = true)]
    async fn a_void_refresh_token_is_sent_again_only_by_a_person_or_another_config() {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Clock::starting_at(Timestamp::from_secs(1_800_000_000));
        let store = testing::memory(folder.path(), clock.clone(), Random::seeded(1)).expect("a store");
        let void = || Failure::permission("used before").dead_grant();
        let sent = |channel: &Rotating| channel.spent.lock().expect("not poisoned").len();
        let hour = Duration::from_hours(1);

        let (session, channel) = connected(&store, &clock, "app", void()).await;
        for _ in 0..3 {
            let told = session.current(Lane::Poll).await.expect_err("refused");
            assert_eq!((told.kind, told.message.as_str()), (FailureKind::Permission, "used before"));
            tokio::time::sleep(hour).await;
        }
        assert_eq!(sent(&channel), 1, "the hourly probe does not send it");
        session.current(Lane::Manual).await.expect_err("refused");
        assert_eq!(sent(&channel), 2, "a person asks in order to find out");
        let (session, channel) = connected(&store, &clock, "app", void()).await;
        session.current(Lane::Poll).await.expect_err("refused");
        assert_eq!(sent(&channel), 0, "nor does a start");

        let (session, channel) =
            connected(&store, &clock, "corrected app", Failure::permission("blocked")).await;
        for _ in 0..3 {
            session.current(Lane::Poll).await.expect_err("refused");
            tokio::time::sleep(hour).await;
        }
        assert_eq!(sent(&channel), 3, "another refusal may end by itself");
        *channel.refuses.lock().expect("not poisoned") = Some(void());
        session.current(Lane::Poll).await.expect_err("refused");
        *channel.refuses.lock().expect("not poisoned") = None;
        session.current(Lane::Manual).await.expect("access is back");
        session.renew(1, Lane::Poll).await.expect("and stays");
        assert_eq!(sent(&channel), 6);
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_that_is_refused_early_is_told_while_the_channel_still_works() {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Clock::starting_at(Timestamp::from_secs(1_800_000_000));
        let store = testing::memory(folder.path(), clock.clone(), Random::seeded(1)).expect("a store");
        let (session, channel) = connected(&store, &clock, "app", Failure::permission("not yet")).await;
        *channel.refuses.lock().expect("not poisoned") = None;
        session.current(Lane::Poll).await.expect("tokens");
        *channel.refuses.lock().expect("not poisoned") =
            Some(Failure::permission("used before").dead_grant());

        tokio::time::sleep(Duration::from_hours(801)).await;
        for _ in 0..3 {
            session.current(Lane::Poll).await.expect("the old tokens still hold");
            tokio::time::sleep(Duration::from_mins(2)).await;
        }
        let state = store.connection(&session.id).expect("read").expect("configured");
        let error = state.last_error.expect("told");
        assert_eq!(state.status, crate::model::ConnectionStatus::Connected, "calls succeed");
        assert_eq!((error.kind, error.message.as_str()), (FailureKind::Permission, "used before"));
        let told = store.notifications(false, None, 10).expect("read").items;
        assert_eq!((told.len(), told[0].count, told[0].closed_at), (1, 1, None), "once");
        assert!(told[0].message.contains("ends at 2027-"), "{}", told[0].message);
        assert!(told[0].advice.contains("Reconnect"), "{}", told[0].advice);

        *channel.refuses.lock().expect("not poisoned") = None;
        session.renew(1, Lane::Manual).await.expect("access is back");
        let told = store.notifications(false, None, 10).expect("read").items;
        assert!(told[0].closed_at.is_some(), "it is over");
    }
}
