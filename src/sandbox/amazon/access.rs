//! Login with Amazon, and the headers of every call.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::kit::Kit;
use super::super::message::{Request, Response};
use super::errors::{self, TOKEN_EXPIRED, TOKEN_MISSING, TOKEN_VOID};
use crate::model::Timestamp;

pub(super) const CLIENT_ID: &str = "amzn1.application-oa2-client.sandbox";
pub(super) const CLIENT_SECRET: &str = "amzn1.oa2-cs.v1.sandbox";
pub(super) const REFRESH_TOKEN: &str = "Atzr|sandbox-refresh-token";
const LIFETIME: Duration = Duration::from_hours(1);
/// Most tokens that are remembered.
const TOKENS_MAX: usize = 10_000;

/// The seller's authorisation and the tokens in use.
pub(super) struct Access {
    authorised: bool,
    tokens: HashMap<String, Timestamp>,
}

impl Access {
    pub(super) fn new() -> Self {
        Self { authorised: true, tokens: HashMap::new() }
    }

    pub(super) fn revoke(&mut self) {
        self.authorised = false;
        self.tokens.clear();
    }

    pub(super) fn restore(&mut self) {
        self.authorised = true;
    }

    pub(super) fn expire(&mut self, now: Timestamp) {
        self.tokens.values_mut().for_each(|until| *until = now);
    }

    /// Answers `POST /auth/o2/token`. The refresh token stays the same.
    pub(super) fn token(&mut self, request: &Request, kit: &Kit) -> Response {
        if request.method != "POST" {
            kit.breach(request, "wrong_method", "the token endpoint takes POST");
            return oauth_error(400, "invalid_request", "The request is missing a required parameter");
        }
        let Some(fields) = fields(request) else {
            kit.breach(request, "content_type", "a token request is a form or JSON");
            return oauth_error(400, "invalid_request", "The request is malformed");
        };
        let of = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
        if of("client_id") != CLIENT_ID || of("client_secret") != CLIENT_SECRET {
            return oauth_error(401, "invalid_client", "Client authentication failed");
        }
        match of("grant_type") {
            "refresh_token" if of("refresh_token") != REFRESH_TOKEN || !self.authorised => oauth_error(
                400,
                "invalid_grant",
                "The request has an invalid grant parameter : refresh_token",
            ),
            "refresh_token" => {
                let token = self.issue(kit);
                let body = json!({
                    "access_token": token, "refresh_token": REFRESH_TOKEN, "token_type": "bearer",
                    "expires_in": LIFETIME.as_secs(),
                });
                Response::json(200, &body)
            }
            "client_credentials" => {
                kit.breach(request, "grantless_token", "no operation of an order client needs one");
                oauth_error(400, "invalid_scope", "The requested scope is invalid")
            }
            other => {
                kit.breach(request, "grant_type", format!("grant_type is `{other}`"));
                oauth_error(400, "unsupported_grant_type", "The authorization grant type is not supported")
            }
        }
    }

    fn issue(&mut self, kit: &Kit) -> String {
        if self.tokens.len() >= TOKENS_MAX {
            self.tokens.clear();
        }
        let token = format!("Atza|{}", kit.random.token(30));
        self.tokens.insert(token.clone(), kit.now().plus(LIFETIME));
        token
    }

    /// Checks what every call carries.
    pub(super) fn admit(&self, request: &Request, kit: &Kit) -> Result<(), Response> {
        note_headers(request, kit);
        if request.method == "GET" && (!request.body.is_empty() || request.header("content-length").is_some())
        {
            kit.breach(request, "get_with_body", "a GET carries no body and no Content-Length");
            return Err(errors::invalid("The request has a body, which GET does not take."));
        }
        if !request.body.is_empty() && request.content_type().as_deref() != Some("application/json") {
            kit.breach(request, "content_type", "the API takes application/json");
            return Err(errors::of_status(415));
        }
        let Some(token) = request.header("x-amz-access-token") else {
            kit.breach(request, "missing_header", "no x-amz-access-token");
            return Err(errors::unauthorised(TOKEN_MISSING));
        };
        match self.tokens.get(token) {
            Some(until) if kit.now() < *until => Ok(()),
            Some(_) => Err(errors::unauthorised(TOKEN_EXPIRED)),
            None => Err(errors::unauthorised(TOKEN_VOID)),
        }
    }
}

fn note_headers(request: &Request, kit: &Kit) {
    let date = request.header("x-amz-date");
    if !date.is_some_and(is_compact_date) {
        kit.breach(request, "missing_header", "x-amz-date is no YYYYMMDDThhmmssZ");
    }
    let agent = request.header("user-agent").unwrap_or_default();
    if !(agent.contains('/') && agent.contains("(Language=") && agent.ends_with(')')) {
        kit.breach(request, "user_agent", "the form is App/Version (Language=X; …)");
    }
    if request.header("authorization").is_some() {
        kit.breach(request, "wrong_header", "the token goes into x-amz-access-token, and nothing is signed");
    }
}

fn is_compact_date(text: &str) -> bool {
    jiff::fmt::strtime::parse("%Y%m%dT%H%M%SZ", text).is_ok()
}

fn fields(request: &Request) -> Option<HashMap<String, String>> {
    match request.content_type().as_deref() {
        Some("application/x-www-form-urlencoded") => Some(request.form().into_iter().collect()),
        Some("application/json") => match request.json()? {
            Value::Object(fields) => {
                let texts =
                    fields.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())));
                Some(texts.collect())
            }
            _ => None,
        },
        _ => None,
    }
}

fn oauth_error(status: u16, error: &str, description: &str) -> Response {
    Response::json(status, &json!({ "error": error, "error_description": description }))
}
