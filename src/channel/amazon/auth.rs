//! Login with Amazon: a refresh token that does not change buys access tokens of one hour.

use std::time::Duration;

use serde::Deserialize;

use super::api::user_agent;
use crate::clock::Clock;
use crate::model::{Failure, FailureKind, Lane, Secret, Timestamp, Tokens};
use crate::net::{Method, Request, Response, Wire};

/// Without a `Retry-After`, when the token endpoint asks us to wait.
const PAUSE: Duration = Duration::from_mins(1);

/// What the merchant's own application is known by.
pub(super) struct Credentials {
    /// Of the token endpoint, without a trailing slash.
    pub origin: String,
    pub client_id: String,
    pub client_secret: Secret,
    pub refresh_token: Secret,
}

#[derive(Deserialize)]
struct Grant {
    access_token: String,
    expires_in: Option<u64>,
}

/// The token endpoint has its own shape of errors.
#[derive(Default, Deserialize)]
struct Denial {
    error: Option<String>,
    error_description: Option<String>,
    request_id: Option<String>,
}

impl Credentials {
    /// Buys an access token. `generation` is that of the tokens held so far.
    pub async fn renew(&self, wire: &Wire, clock: &Clock, generation: u64) -> Result<Tokens, Failure> {
        let request = Request::new("token", Method::Post, format!("{}/auth/o2/token", self.origin))
            .header("user-agent", user_agent())
            .header("accept", "application/json")
            .body("application/x-www-form-urlencoded", self.form().into_bytes());
        let response = wire.call(request, Lane::Action).await?;
        tokens(&response, clock.now(), generation)
    }

    fn form(&self) -> String {
        form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "refresh_token")
            .append_pair("refresh_token", self.refresh_token.expose())
            .append_pair("client_id", &self.client_id)
            .append_pair("client_secret", self.client_secret.expose())
            .finish()
    }
}

fn tokens(response: &Response, now: Timestamp, generation: u64) -> Result<Tokens, Failure> {
    if !response.is_success() {
        return Err(denied(response, now));
    }
    let grant = serde_json::from_slice::<Grant>(&response.body)
        .ok()
        .filter(|grant| !grant.access_token.is_empty())
        .ok_or_else(|| Failure::unavailable("Login with Amazon gave an answer without a token"))?;
    let life = Duration::from_secs(grant.expires_in.unwrap_or(3_600));
    Ok(Tokens {
        access: Secret::new(grant.access_token),
        // From the beginning of the request: early by the time of the call, never late.
        expires_at: Some(response.begun_at.plus(life)),
        obtained_at: response.begun_at,
        // The one of the config file stays good.
        refresh: None,
        refresh_expires_at: None,
        generation: generation + 1,
        scopes: Vec::new(),
        extra: std::collections::BTreeMap::new(),
    })
}

fn denied(response: &Response, now: Timestamp) -> Failure {
    let denial: Denial = serde_json::from_slice(&response.body).unwrap_or_default();
    let code = denial.error.unwrap_or_default();
    let why = match code.as_str() {
        "invalid_client" => {
            "client_id or client_secret is wrong, or the secret is past its rotation deadline (180 days). \
             Put the current ones into the config file and reload"
        }
        "invalid_grant" => {
            "refresh_token is wrong, revoked, or of another application or region. Authorise the application \
             again in Seller Central, put the new refresh token into the config file and reload"
        }
        "unauthorized_client" | "invalid_scope" | "access_denied" => {
            "the application is not allowed to act for this seller. Authorise it again in Seller Central"
        }
        _ => "",
    };
    let said = denial.error_description.unwrap_or_default();
    let parts: Vec<&str> =
        [why, code.as_str(), said.as_str()].into_iter().filter(|p| !p.is_empty()).collect();
    let text = format!("Login with Amazon gave no token: HTTP {} {}", response.status, parts.join(": "));
    let failure = match kind(response.status, &code) {
        FailureKind::RateLimited => {
            Failure::rate_limited(text, response.retry_after(now).unwrap_or_else(|| now.plus(PAUSE)))
        }
        kind => Failure::new(kind, text),
    };
    let request_id = denial.request_id.or_else(|| response.header("x-amzn-requestid").map(str::to_owned));
    failure.http(response.status, request_id)
}

fn kind(status: u16, code: &str) -> FailureKind {
    match (status, code) {
        (429, _) => FailureKind::RateLimited,
        (500.., _) | (_, "server_error" | "temporarily_unavailable") => FailureKind::Unavailable,
        (
            _,
            "invalid_grant" | "invalid_client" | "unauthorized_client" | "invalid_scope" | "access_denied",
        )
        | (401 | 403, _) => FailureKind::Permission,
        (400..=499, _) => FailureKind::InvalidRequest,
        _ => FailureKind::Unavailable,
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

    #[test]
    fn a_grant_becomes_tokens_of_the_next_generation() {
        let body =
            r#"{"access_token":"Atza|x","refresh_token":"Atzr|y","token_type":"bearer","expires_in":3600}"#;
        let tokens = tokens(&answer(200, body), Timestamp::EPOCH, 4).expect("tokens");
        assert_eq!(tokens.access.expose(), "Atza|x");
        assert_eq!((tokens.generation, tokens.expires_at), (5, Some(Timestamp::from_secs(4_600))));
    }

    #[test]
    fn every_row_of_the_token_error_table() {
        use FailureKind::{InvalidRequest, Permission, RateLimited, Unavailable};
        let rows = [
            (400, "invalid_grant", Permission),
            (401, "invalid_client", Permission),
            (400, "unauthorized_client", Permission),
            (400, "invalid_scope", Permission),
            (400, "access_denied", Permission),
            (400, "unsupported_grant_type", InvalidRequest),
            (400, "invalid_request", InvalidRequest),
            (500, "server_error", Unavailable),
            (503, "temporarily_unavailable", Unavailable),
            (429, "", RateLimited),
        ];
        for (status, code, expected) in rows {
            let body = format!(r#"{{"error":"{code}","error_description":"d","request_id":"r-1"}}"#);
            let failure = tokens(&answer(status, &body), Timestamp::EPOCH, 0).expect_err("refused");
            assert_eq!(failure.kind, expected, "{status} {code}");
            assert_eq!(failure.request_id.as_deref(), Some("r-1"));
            assert!(!failure.stale_token, "renewing again would not help");
        }
    }

    #[test]
    fn an_html_page_is_an_outage() {
        let failure = tokens(&answer(200, "<html></html>"), Timestamp::EPOCH, 0).expect_err("no token");
        assert_eq!(failure.kind, FailureKind::Unavailable);
    }

    #[test]
    fn the_form_is_encoded() {
        let credentials = Credentials {
            origin: String::new(),
            client_id: "amzn1.application-oa2-client.a".to_owned(),
            client_secret: Secret::new("s&s"),
            refresh_token: Secret::new("Atzr|a+b"),
        };
        assert_eq!(
            credentials.form(),
            "grant_type=refresh_token&refresh_token=Atzr%7Ca%2Bb&client_id=amzn1.application-oa2-client.a\
             &client_secret=s%26s"
        );
    }
}
