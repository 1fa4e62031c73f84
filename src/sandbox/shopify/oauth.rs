//! The token endpoint: client credentials, 24 hours, no refresh token.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::kit::Kit;
use super::super::message::{Request, Response};
use crate::model::Timestamp;

/// A day less a second, as the real endpoint says.
const LIFETIME: Duration = Duration::from_secs(86_399);

/// The app's credentials and the tokens in use.
pub(super) struct Access {
    pub client_id: String,
    pub client_secret: String,
    pub installed: bool,
    tokens: HashMap<String, Timestamp>,
}

/// Most tokens that are remembered; a client that asks so often is at fault anyway.
const TOKENS_MAX: usize = 10_000;

impl Access {
    pub(super) fn new(client_id: &str, client_secret: &str) -> Self {
        Self {
            client_id: client_id.to_owned(),
            client_secret: client_secret.to_owned(),
            installed: true,
            tokens: HashMap::new(),
        }
    }

    pub(super) fn accepts(&self, token: &str, now: Timestamp) -> bool {
        self.installed && self.tokens.get(token).is_some_and(|until| now < *until)
    }

    pub(super) fn drop_tokens(&mut self) {
        self.tokens.clear();
    }

    /// Answers `POST /admin/oauth/access_token`.
    pub(super) fn token(&mut self, request: &Request, scopes: &[String], kit: &Kit) -> Response {
        if request.method != "POST" {
            kit.breach(request, "wrong_method", "the token endpoint takes POST");
            return Response::json(404, &json!({ "errors": "Not Found" }));
        }
        let Some(fields) = fields(request) else {
            kit.breach(request, "content_type", "a token request is a form or JSON");
            return refuse(400, "invalid_request", "The request is missing a required parameter");
        };
        let of = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
        if of("grant_type") != "client_credentials" {
            kit.breach(request, "grant_type", format!("grant_type is `{}`", of("grant_type")));
            return refuse(400, "unsupported_grant_type", "The authorization grant type is not supported");
        }
        if !self.installed {
            return Response::html(
                400,
                "<!DOCTYPE html><html><body>Oauth error app_not_installed: The application is not installed on this shop.</body></html>",
            );
        }
        if of("client_id") != self.client_id || of("client_secret") != self.client_secret {
            return refuse(401, "invalid_client", "Client authentication failed");
        }
        if self.tokens.len() >= TOKENS_MAX {
            self.tokens.clear();
        }
        let token = format!("shpat_{}", kit.random.token(24));
        self.tokens.insert(token.clone(), kit.now().plus(LIFETIME));
        let body = json!({
            "access_token": token, "scope": scopes.join(","), "expires_in": LIFETIME.as_secs(),
        });
        Response::json(200, &body)
    }
}

fn fields(request: &Request) -> Option<HashMap<String, String>> {
    match request.content_type().as_deref() {
        Some("application/x-www-form-urlencoded") => Some(request.form().into_iter().collect()),
        Some("application/json") => match request.json()? {
            Value::Object(fields) => Some(
                fields
                    .into_iter()
                    .filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())))
                    .collect(),
            ),
            _ => None,
        },
        _ => None,
    }
}

fn refuse(status: u16, error: &str, description: &str) -> Response {
    Response::json(status, &json!({ "error": error, "error_description": description }))
}
