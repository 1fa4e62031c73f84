//! Access: the seller's consent in the browser, and tokens that tell when they end.

use std::time::Duration;

use super::api::{Api, CIPHER, extra};
use super::document::TokenDoc;
use crate::channel::Consent;
use crate::model::{Failure, Lane, Secret, Timestamp, Tokens};

/// When the answer does not say.
const ACCESS_LIFE: Duration = Duration::from_hours(168);
/// Numbers below this are no moment since TikTok exists, so they must be a span.
const FIRST_MOMENT: i64 = 1_000_000_000;
/// The kind of user who has a shop.
const SELLER: &str = "0";
/// What the callback carries in place of a code when the seller said no.
const DENIED: &str = "null";

/// Renews with the held refresh token, else with the configured one. Once: the caller stores the
/// new pair before it is used.
pub async fn renew(api: &Api, configured: Option<&Secret>, held: Option<&Tokens>) -> Result<Tokens, Failure> {
    let spent = held.and_then(|tokens| tokens.refresh.as_ref()).or(configured);
    let Some(spent) = spent else {
        return Err(Failure::permission(format!(
            "There is no refresh token: the seller has not consented yet. Connect the channel: fenicia connect \
             {}",
            api.channel
        )));
    };
    let params = [("refresh_token", spent.expose()), ("grant_type", "refresh_token")];
    let (doc, begun_at) = api.token("/api/v2/token/refresh", &params).await?;
    let mut tokens = tokens(api, &doc, begun_at, Some(spent))?;
    if let Some(held) = held {
        tokens.generation = held.generation + 1;
        if tokens.scopes.is_empty() {
            tokens.scopes.clone_from(&held.scopes);
        }
        tokens.extra = held.extra.get(CIPHER).map(|cipher| extra(cipher)).unwrap_or_default();
    }
    Ok(tokens)
}

/// Turns the code of a consent into tokens, and finds the cipher of the configured shop.
pub async fn redeem(api: &Api, code: &str) -> Result<Tokens, Failure> {
    if code == DENIED {
        return Err(Failure::permission(format!(
            "The seller did not consent. Start again: fenicia connect {}",
            api.channel
        )));
    }
    // The word is spelled so.
    let params = [("auth_code", code), ("grant_type", "authorized_code")];
    let (doc, begun_at) = api.token("/api/v2/token/get", &params).await?;
    let mut tokens = tokens(api, &doc, begun_at, None)?;
    match api.shops(&tokens, Lane::Manual).await {
        Ok(answer) => tokens.extra = extra(&api.own_shop(answer.doc.shops.list())?.cipher),
        // The code works once, so the tokens are worth more than the cipher, which can be asked
        // for later.
        Err(failure) => {
            tracing::warn!(channel = api.channel, kind = %failure.kind, "the shop's cipher could not be asked for: {}", failure.message);
        }
    }
    Ok(tokens)
}

/// Where the seller's main account consents. The address to come back to is fixed in Partner
/// Center.
pub fn consent_address(api: &Api, consent: &Consent<'_>) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("app_key", &api.signer.app_key)
        .append_pair("state", consent.state)
        .finish();
    format!("{}/oauth/authorize?{query}", api.token_origin())
}

fn tokens(api: &Api, doc: &TokenDoc, begun_at: Timestamp, spent: Option<&Secret>) -> Result<Tokens, Failure> {
    if doc.access_token.is_empty() {
        return Err(Failure::unavailable("TikTok Shop's answer holds no token"));
    }
    if doc.user_type.filled().is_some_and(|kind| kind != SELLER) {
        return Err(Failure::permission(format!(
            "The consent was given by a creator, who has no shop. Consent with the seller's main account: \
             fenicia connect {}",
            api.channel
        )));
    }
    Ok(Tokens {
        access: Secret::new(&*doc.access_token),
        expires_at: moment(&doc.access_token_expire_in, begun_at).or(Some(begun_at.plus(ACCESS_LIFE))),
        obtained_at: begun_at,
        // An answer without a new one leaves the old one in force.
        refresh: doc.refresh_token.filled().map(Secret::new).or_else(|| spent.cloned()),
        refresh_expires_at: moment(&doc.refresh_token_expire_in, begun_at),
        generation: 1,
        scopes: doc.granted_scopes.list().to_vec(),
        extra: std::collections::BTreeMap::new(),
    })
}

/// The names say "in", the values are moments.
fn moment(secs: &str, begun_at: Timestamp) -> Option<Timestamp> {
    let secs = secs.parse::<i64>().ok().filter(|secs| *secs > 0)?;
    if secs < FIRST_MOMENT {
        return Some(begun_at.plus(Duration::from_secs(secs.unsigned_abs())));
    }
    Some(Timestamp::from_secs(secs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_token_is_a_moment() {
        let now = Timestamp::from_secs(1_660_000_000);
        assert_eq!(moment("1660556783", now), Some(Timestamp::from_secs(1_660_556_783)));
        assert_eq!(moment("604800", now), Some(now.plus(Duration::from_hours(168))));
        assert_eq!(moment("0", now), None);
        assert_eq!(moment("", now), None);
    }
}
