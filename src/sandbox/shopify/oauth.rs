//! Where tokens come from: the client's credentials (24 hours, no refresh token), or a consent in the
//! browser (an hour, with a refresh token that rotates).

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::kit::Kit;
use super::super::message::{Request, Response};
use super::SHOP;
use crate::model::Timestamp;

/// A day less a second, as the real endpoint says.
const LIFETIME: Duration = Duration::from_secs(86_399);
/// Of a token that a consent gave.
const CONSENTED: Duration = Duration::from_hours(1);
const REFRESH_LIFETIME: Duration = Duration::from_hours(90 * 24);

/// The app's credentials and the tokens in use.
pub(super) struct Access {
    pub client_id: String,
    pub client_secret: String,
    pub installed: bool,
    tokens: HashMap<String, Timestamp>,
    /// Codes of consents that wait to be redeemed.
    codes: Vec<String>,
    /// The newest refresh token, and the one before it: that one stays good until its successor is used.
    refresh: Option<String>,
    previous: Option<String>,
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
            codes: Vec::new(),
            refresh: None,
            previous: None,
        }
    }

    /// The app was taken out of the shop.
    pub(super) fn uninstall(&mut self) {
        self.installed = false;
        self.drop_tokens();
        (self.refresh, self.previous) = (None, None);
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
        let known = of("client_id") == self.client_id && of("client_secret") == self.client_secret;
        match of("grant_type") {
            "" if fields.contains_key("code") && known => {
                if of("expiring") != "1" {
                    kit.breach(request, "expiring", "tokens that never end are not given any more");
                }
                match self.codes.iter().position(|code| code == of("code")) {
                    Some(at) => {
                        self.codes.remove(at);
                        self.installed = true;
                        self.pair(scopes, kit)
                    }
                    None => {
                        refuse(400, "invalid_request", "The authorization code was not found or was used")
                    }
                }
            }
            "client_credentials" if !self.installed => Response::html(
                400,
                "<!DOCTYPE html><html><body>Oauth error app_not_installed: The application is not installed on this shop.</body></html>",
            ),
            "client_credentials" if known => {
                let token = self.issue(LIFETIME, kit);
                let body = json!({
                    "access_token": token, "scope": scopes.join(","), "expires_in": LIFETIME.as_secs(),
                });
                Response::json(200, &body)
            }
            "refresh_token" if known => {
                let sent = Some(of("refresh_token").to_owned());
                if self.installed && (sent == self.refresh || sent == self.previous) {
                    self.refresh = sent;
                    self.pair(scopes, kit)
                } else {
                    refuse(400, "invalid_grant", "The refresh token is invalid or was used")
                }
            }
            "" | "client_credentials" | "refresh_token" => {
                refuse(401, "invalid_client", "Client authentication failed")
            }
            other => {
                kit.breach(request, "grant_type", format!("grant_type is `{other}`"));
                refuse(400, "unsupported_grant_type", "The authorization grant type is not supported")
            }
        }
    }

    /// `GET /admin/oauth/authorize`: the merchant consents at once.
    pub(super) fn consent(&mut self, request: &Request, kit: &Kit) -> Response {
        let param = |name| request.param(name).unwrap_or_default();
        let redirect = param("redirect_uri").to_owned();
        if param("client_id") != self.client_id || !redirect.starts_with("http") {
            return Response::html(
                400,
                "<p>Oauth error invalid_request: The redirect_uri is not whitelisted",
            );
        }
        if param("scope").is_empty() || param("state").is_empty() {
            kit.breach(request, "consent", "a consent names its scopes and carries a state");
        }
        let code = kit.random.token(16);
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("code", &code)
            .append_pair("shop", SHOP)
            .append_pair("state", param("state"))
            .append_pair("timestamp", &kit.now().as_secs().to_string())
            .finish();
        self.codes.push(code);
        Response::empty(302).with_header("location", format!("{redirect}?{query}"))
    }

    fn issue(&mut self, life: Duration, kit: &Kit) -> String {
        if self.tokens.len() >= TOKENS_MAX {
            self.tokens.clear();
        }
        let token = format!("shpat_{}", kit.random.token(24));
        self.tokens.insert(token.clone(), kit.now().plus(life));
        token
    }

    /// The one used just now stays good until the new one is used.
    fn pair(&mut self, scopes: &[String], kit: &Kit) -> Response {
        let refresh = format!("shprt_{}", kit.random.token(24));
        self.previous = self.refresh.replace(refresh.clone());
        let body = json!({
            "access_token": self.issue(CONSENTED, kit), "scope": scopes.join(","),
            "expires_in": CONSENTED.as_secs(), "refresh_token": refresh,
            "refresh_token_expires_in": REFRESH_LIFETIME.as_secs(),
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
