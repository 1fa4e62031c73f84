//! A key pair buys access tokens of fifteen minutes; there is no refresh token.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::api::{Api, TOKEN};
use super::errors::{self, ApiErrors};
use crate::channel::amount::Amount;
use crate::channel::said::Said;
use crate::model::{Failure, FailureKind, Lane, Secret, Timestamp, Tokens};
use crate::net::{Method, Response};

/// When the answer does not say.
const LIFE: Duration = Duration::from_mins(15);

/// The merchant's key pair.
pub(super) struct Credentials {
    pub client_id: String,
    pub client_secret: Secret,
}

#[derive(Deserialize)]
struct Grant {
    access_token: String,
    #[serde(default)]
    expires_in: Said<Amount>,
}

impl Credentials {
    /// Buys an access token. `generation` is that of the tokens held so far.
    pub async fn renew(&self, api: &Api, generation: u64) -> Result<Tokens, Failure> {
        let (request, correlation) = api.request(&TOKEN, Method::Post, "/v3/token");
        let request = request
            .header("authorization", self.basic())
            .body("application/x-www-form-urlencoded", b"grant_type=client_credentials".to_vec());
        let response = api.exchange(request, Lane::Action).await?;
        tokens(&response, &correlation, api.resume_at(&response), generation)
    }

    fn basic(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.client_id, self.client_secret.expose())))
    }
}

fn tokens(
    response: &Response,
    correlation: &str,
    resume_at: Timestamp,
    generation: u64,
) -> Result<Tokens, Failure> {
    if !response.is_success() {
        return Err(denied(response, resume_at).http(response.status, Some(correlation.to_owned())));
    }
    let grant = serde_json::from_slice::<Grant>(&response.body)
        .ok()
        .filter(|grant| !grant.access_token.trim().is_empty())
        .ok_or_else(|| {
            Failure::unavailable("Walmart's token call was answered without a token")
                .http(response.status, Some(correlation.to_owned()))
        })?;
    let said = grant.expires_in.as_ref().and_then(|secs| u64::try_from(secs.0.trunc()).ok());
    let life = said.filter(|secs| *secs > 0).map_or(LIFE, Duration::from_secs);
    Ok(Tokens {
        // From the beginning of the request: early by the time of the call, never late.
        expires_at: Some(response.begun_at.plus(life)),
        generation: generation + 1,
        ..Tokens::bare(Secret::new(grant.access_token.trim()), response.begun_at)
    })
}

/// In production a reset key was seen answered with 400 as well as 401.
fn denied(response: &Response, resume_at: Timestamp) -> Failure {
    let quoted = ApiErrors::read(&response.body).quoted();
    let said = format!("HTTP {} {quoted}", response.status);
    let said = said.trim_end();
    match response.status {
        400 | 401 | 403 => Failure::permission(format!(
            "Walmart gave no token ({said}): client_id or client_secret is wrong, of another environment, or was \
             reset by somebody with access to the seller account. Put the current pair into the config file and reload"
        )),
        429 => Failure::rate_limited("Walmart asks us to wait before it gives the next token", resume_at),
        408 => Failure::timeout(format!("Walmart's token call timed out ({said})")),
        status => {
            let kind = errors::kind_of_status(status);
            let kind = if kind == FailureKind::NotFound { FailureKind::InvalidRequest } else { kind };
            Failure::new(kind, format!("Walmart gave no token: {said}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Response {
        Response {
            status,
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
            begun_at: Timestamp::from_secs(1_000),
        }
    }

    fn failure(status: u16, body: &str) -> Failure {
        tokens(&answer(status, body), "c-1", Timestamp::from_secs(60), 0).expect_err("refused")
    }

    #[test]
    fn a_grant_becomes_tokens_of_the_next_generation() {
        let body = r#"{"access_token":"eyJ","token_type":"Bearer","expires_in":900}"#;
        let tokens = tokens(&answer(200, body), "c-1", Timestamp::EPOCH, 4).expect("tokens");
        assert_eq!(tokens.access.expose(), "eyJ");
        assert_eq!((tokens.generation, tokens.expires_at), (5, Some(Timestamp::from_secs(1_900))));
    }

    #[test]
    fn a_life_that_is_not_said_is_fifteen_minutes() {
        for body in [r#"{"access_token":"x"}"#, r#"{"access_token":"x","expires_in":"900"}"#] {
            let tokens = tokens(&answer(200, body), "c-1", Timestamp::EPOCH, 0).expect("tokens");
            assert_eq!(tokens.expires_at, Some(Timestamp::from_secs(1_900)), "{body}");
        }
    }

    #[test]
    fn every_row_of_the_token_error_table() {
        use FailureKind::{NetworkTimeout, Permission, RateLimited, Unavailable};
        for (status, kind) in [
            (400, Permission),
            (401, Permission),
            (403, Permission),
            (408, NetworkTimeout),
            (429, RateLimited),
            (500, Unavailable),
            (503, Unavailable),
            (520, Unavailable),
        ] {
            let failure = failure(status, "{}");
            assert_eq!(failure.kind, kind, "{status}");
            assert!(!failure.stale_token, "renewing again would not help");
            assert_eq!(failure.request_id.as_deref(), Some("c-1"));
        }
        assert_eq!(failure(200, "<html></html>").kind, Unavailable);
        assert_eq!(failure(200, r#"{"access_token":""}"#).kind, Unavailable);
    }

    #[test]
    fn the_pair_travels_as_basic_credentials() {
        let credentials = Credentials { client_id: "id".to_owned(), client_secret: Secret::new("s:1") };
        assert_eq!(credentials.basic(), "Basic aWQ6czox");
    }
}
