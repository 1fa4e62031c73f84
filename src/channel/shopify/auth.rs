//! What lets us call: a static token, a token of the client's credentials for a day, or the pair
//! that a merchant's consent gave.

use std::time::Duration;

use serde::Deserialize;

use super::api::Api;
use super::config::{Account, Credentials};
use super::errors;
use crate::channel::Consent;
use crate::channel::said::{Said, Seconds};
use crate::model::{Failure, FailureKind, Secret, Timestamp, Tokens};
use crate::net::Response;

/// What fenicia asks for in a consent. Writing includes reading. Seeing orders older than 60 days
/// takes `read_all_orders`, which Shopify grants on request only.
const SCOPES: &str = "write_orders,read_customers,read_fulfillments,read_locations,\
                      write_merchant_managed_fulfillment_orders";

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    scope: Said<String>,
    #[serde(default)]
    expires_in: Seconds,
    refresh_token: Option<String>,
    #[serde(default)]
    refresh_token_expires_in: Seconds,
}

/// Obtains or renews tokens. A refused refresh token falls back on the client's credentials.
pub(super) async fn authorise(
    api: &Api,
    account: &Account,
    held: Option<&Tokens>,
) -> Result<Tokens, Failure> {
    let generation = held.map_or(1, |tokens| tokens.generation + 1);
    let (id, secret) = match &account.credentials {
        Credentials::Static(token) => return Ok(fixed(token, api.now(), generation)),
        Credentials::Client { id, secret } => (id.as_str(), secret.expose()),
    };
    if let Some(refresh) = held.and_then(|tokens| tokens.refresh.as_ref()) {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", id),
            ("client_secret", secret),
            ("refresh_token", refresh.expose()),
        ];
        match request(api, &form, generation).await {
            Err(failure) if failure.kind == FailureKind::Permission => {}
            settled => return settled,
        }
    }
    let form = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
    request(api, &form, generation).await
}

/// Where the merchant consents; `None` with a static token, which needs no consent.
pub(super) fn consent(account: &Account, consent: &Consent<'_>) -> Option<String> {
    let Credentials::Client { id, .. } = &account.credentials else { return None };
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", id)
        .append_pair("scope", SCOPES)
        .append_pair("redirect_uri", consent.redirect)
        .append_pair("state", consent.state)
        .finish();
    Some(format!("{}/admin/oauth/authorize?{query}", account.origin))
}

pub(super) async fn redeem(api: &Api, account: &Account, code: &str) -> Result<Tokens, Failure> {
    let Credentials::Client { id, secret } = &account.credentials else {
        return Err(Failure::unsupported(
            "this channel has an access_token in the config and needs no consent",
        ));
    };
    let form =
        [("client_id", id.as_str()), ("client_secret", secret.expose()), ("code", code), ("expiring", "1")];
    request(api, &form, 1).await
}

async fn request(api: &Api, form: &[(&str, &str)], generation: u64) -> Result<Tokens, Failure> {
    let response = api.token(form).await?;
    read(&response, api.now(), generation)
}

fn read(response: &Response, now: Timestamp, generation: u64) -> Result<Tokens, Failure> {
    let granted = response
        .is_success()
        .then(|| serde_json::from_slice::<Granted>(&response.body).ok())
        .flatten()
        .filter(|granted| !granted.access_token.is_empty())
        .ok_or_else(|| errors::token(response, now))?;
    let after = |life: Duration| response.begun_at.plus(life);
    Ok(Tokens {
        access: Secret::new(granted.access_token),
        expires_at: granted.expires_in.0.map(after),
        obtained_at: response.begun_at,
        refresh: granted.refresh_token.map(Secret::new),
        refresh_expires_at: granted.refresh_token_expires_in.0.map(after),
        generation,
        scopes: split(granted.scope.word()),
        extra: std::collections::BTreeMap::new(),
    })
}

fn fixed(token: &Secret, now: Timestamp, generation: u64) -> Tokens {
    Tokens { generation, ..Tokens::bare(token.clone(), now) }
}

fn split(scopes: &str) -> Vec<String> {
    scopes.split([',', ' ']).filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
}

/// Whether a right is granted; a right to write includes the one to read. `None` when the grant
/// is not known.
pub(super) fn allows(scopes: &[String], right: &str) -> Option<bool> {
    if scopes.is_empty() {
        return None;
    }
    let writing = right.strip_prefix("read_").map(|what| format!("write_{what}"));
    Some(scopes.iter().any(|scope| scope == right || Some(scope) == writing.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::EPOCH;

    fn answer(status: u16, body: &str) -> Response {
        Response { status, headers: Vec::new(), body: body.as_bytes().to_vec(), begun_at: AT }
    }

    #[test]
    fn a_grant_of_the_client_s_credentials_lasts_a_day_and_has_no_refresh_token() {
        let body =
            r#"{"access_token":"shpat_a","scope":"read_orders,write_fulfillments","expires_in":86399}"#;
        let tokens = read(&answer(200, body), AT, 4).expect("tokens");
        assert_eq!(tokens.expires_at, Some(Timestamp::from_secs(86_399)));
        assert_eq!((tokens.refresh.is_none(), tokens.generation), (true, 4));
        assert_eq!(allows(&tokens.scopes, "read_fulfillments"), Some(true));
        assert_eq!(allows(&tokens.scopes, "read_all_orders"), Some(false));
        assert_eq!(allows(&[], "read_all_orders"), None);
    }

    #[test]
    fn a_consent_gives_a_pair_that_rotates() {
        let body = r#"{"access_token":"a","scope":"read_orders","expires_in":3600,
            "refresh_token":"r","refresh_token_expires_in":7776000,"unheard_of":1}"#;
        let tokens = read(&answer(200, body), AT, 1).expect("tokens");
        assert_eq!(tokens.refresh, Some(Secret::new("r")));
        assert_eq!(tokens.refresh_expires_at, Some(Timestamp::from_secs(7_776_000)));
    }

    #[test]
    fn a_grant_that_says_little_or_says_it_otherwise_is_one_nevertheless() {
        let tokens = read(&answer(200, r#"{"access_token":"a","scope":null}"#), AT, 1).expect("tokens");
        assert_eq!((tokens.expires_at, tokens.scopes.len()), (None, 0));
        let tokens =
            read(&answer(200, r#"{"access_token":"a","expires_in":"3600.0"}"#), AT, 1).expect("tokens");
        assert_eq!(tokens.expires_at, Some(Timestamp::from_secs(3_600)));
    }

    #[test]
    fn an_answer_without_a_token_is_no_grant() {
        for (status, body, kind) in [
            (200, "{}", FailureKind::Unavailable),
            (200, r#"{"access_token":""}"#, FailureKind::Unavailable),
            (400, r#"{"error":"invalid_client"}"#, FailureKind::Permission),
            (502, "<html>", FailureKind::Unavailable),
        ] {
            assert_eq!(read(&answer(status, body), AT, 1).expect_err(body).kind, kind, "{status} {body}");
        }
    }
}
