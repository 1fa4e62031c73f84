//! Consents under way: an operator was sent to a marketplace, and its answer comes back by browser.
//!
//! What is pending lives in memory only: after a restart the operator presses Connect again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::StatusCode;
use tokio::time::Instant;

use super::problem::{Code, Problem};
use super::reply::{self, Body, Reply};
use super::state::Api;
use crate::actors::Connection;
use crate::channel::Consent;
use crate::model::{ChannelId, Failure};
use crate::store::ConnectionChange;

/// How long a person may take at the marketplace.
pub const LIFETIME: Duration = Duration::from_secs(15 * 60);
/// Consents that may be under way at the same time.
const PENDING_MAX: usize = 32;

/// Consents under way, by their unguessable state.
#[derive(Default)]
pub struct Consents(Mutex<HashMap<String, Pending>>);

struct Pending {
    state: String,
    channel: ChannelId,
    redirect: String,
    verifier: String,
    until: Instant,
}

impl Consents {
    fn pending(&self) -> MutexGuard<'_, HashMap<String, Pending>> {
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        pending.retain(|_, consent| consent.until > now);
        pending
    }

    fn begin(&self, consent: Pending) -> Result<(), Problem> {
        let mut pending = self.pending();
        if pending.len() >= PENDING_MAX {
            let detail = "Too many consents are under way. Finish one, or wait a quarter of an hour.";
            return Err(Problem::new(Code::RateLimited, detail).retry_after(60));
        }
        pending.insert(consent.state.clone(), consent);
        Ok(())
    }

    /// Each state is good once, and for its own channel.
    fn take(&self, state: &str, channel: &ChannelId) -> Option<Pending> {
        let mut pending = self.pending();
        if pending.get(state)?.channel != *channel {
            return None;
        }
        pending.remove(state)
    }
}

/// The address to open at the marketplace.
pub fn begin(api: &Api, connection: &Connection) -> Result<String, Problem> {
    let (state, verifier) = (api.random.token(24), api.random.token(48));
    let redirect = api.callback(&connection.id);
    let consent = Consent { redirect: &redirect, state: &state, verifier: &verifier };
    let address = connection.channel.consent(&consent).ok_or_else(|| {
        let detail = format!(
            "{} has no consent that can be given in a browser. Put new credentials into config.toml and reload.",
            connection.kind.title
        );
        Problem::new(Code::Unsupported, detail)
    })?;
    let until = Instant::now() + LIFETIME;
    api.consents.begin(Pending { state, channel: connection.id.clone(), redirect, verifier, until })?;
    Ok(address)
}

/// `GET /oauth/{channel}/callback`: the browser comes back. Answers a person, in plain text.
pub async fn callback(api: &Arc<Api>, channel: &ChannelId, query: &str) -> Reply {
    let (state, code) = answer(query);
    let Some(pending) = state.and_then(|state| api.consents.take(&state, channel)) else {
        return reply::bare(StatusCode::NOT_FOUND);
    };
    let Some(code) = code else {
        return say(
            StatusCode::BAD_REQUEST,
            "The marketplace gave no consent, so nothing was changed. Start again from fenicia.",
        );
    };
    // Runs on when the browser goes away: the code is good once.
    let redeeming = tokio::spawn(redeem(api.clone(), channel.clone(), pending, code));
    match redeeming.await {
        Ok(Ok(name)) => say(
            StatusCode::OK,
            &format!("{name} is connected. Orders are being fetched. You can close this window."),
        ),
        Ok(Err(failure)) => say(
            StatusCode::BAD_GATEWAY,
            &format!("The consent could not be redeemed: {}. Start again from fenicia.", failure.message),
        ),
        Err(_) => {
            say(StatusCode::INTERNAL_SERVER_ERROR, "Something broke in fenicia. Start again from there.")
        }
    }
}

/// The tokens are on disk when this answers the channel's name.
async fn redeem(
    api: Arc<Api>,
    channel: ChannelId,
    pending: Pending,
    code: String,
) -> Result<String, Failure> {
    let gone = || Failure::not_found("the channel is no longer configured");
    let connection = api.handle.channel(&channel).ok_or_else(gone)?;
    let consent = Consent { redirect: &pending.redirect, state: &pending.state, verifier: &pending.verifier };
    let tokens = connection.channel.redeem(&consent, &code).await?;
    let unstored = |error| {
        tracing::error!(%error, %channel, "new tokens cannot be stored");
        Failure::unavailable("fenicia could not store the new tokens")
    };
    api.store.put_tokens(&channel, tokens).await.map_err(unstored)?;
    let reconnected = ConnectionChange::Reconnected;
    api.store.update_connection(&channel, reconnected, api.now()).await.map_err(unstored)?;
    api.handle.nudge(&channel);
    Ok(connection.name.clone())
}

/// State and code of the query. Marketplaces call the code `code`, with or without a prefix.
fn answer(query: &str) -> (Option<String>, Option<String>) {
    let (mut state, mut code) = (None, None);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name == "state" {
            state.get_or_insert_with(|| value.into_owned());
        } else if name == "code" || name.ends_with("_code") {
            code.get_or_insert_with(|| value.into_owned());
        }
    }
    (state, code.filter(|code| !code.is_empty()))
}

fn say(status: StatusCode, text: &str) -> Reply {
    reply::typed(status, "text/plain; charset=utf-8", Body::whole(format!("{text}\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(state: &str, channel: &str) -> Pending {
        Pending {
            state: state.to_owned(),
            channel: ChannelId::new(channel).expect("an id"),
            redirect: String::new(),
            verifier: String::new(),
            until: Instant::now() + LIFETIME,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_state_is_good_once_for_its_channel_and_a_while() {
        let consents = Consents::default();
        let (ml, other) = (ChannelId::new("ml").expect("id"), ChannelId::new("other").expect("id"));
        consents.begin(pending("s1", "ml")).expect("room");
        assert!(consents.take("s1", &other).is_none());
        assert!(consents.take("s2", &ml).is_none());
        assert!(consents.take("s1", &ml).is_some());
        assert!(consents.take("s1", &ml).is_none());
        consents.begin(pending("s3", "ml")).expect("room");
        tokio::time::advance(LIFETIME).await;
        assert!(consents.take("s3", &ml).is_none());
    }

    #[tokio::test]
    async fn consents_are_bounded() {
        let consents = Consents::default();
        for at in 0..PENDING_MAX {
            consents.begin(pending(&at.to_string(), "ml")).expect("room");
        }
        assert!(consents.begin(pending("more", "ml")).is_err());
    }

    #[test]
    fn the_code_is_found_under_any_of_its_names() {
        let both = |query| answer(query);
        assert_eq!(both("state=s&code=c"), (Some("s".to_owned()), Some("c".to_owned())));
        assert_eq!(both("oauth_code=c&state=s"), (Some("s".to_owned()), Some("c".to_owned())));
        assert_eq!(both("state=s&error=access_denied"), (Some("s".to_owned()), None));
        assert_eq!(both("state=s&code="), (Some("s".to_owned()), None));
        assert_eq!(both(""), (None, None));
    }
}
