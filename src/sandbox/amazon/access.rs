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

/// Of the application, where a consent is asked for.
pub(super) const APPLICATION_ID: &str = "amzn1.sp.solution.sandbox";

/// The seller's authorisation and the tokens in use.
pub(super) struct Access {
    /// Refresh tokens that are good.
    grants: Vec<String>,
    /// Codes of consents that wait to be redeemed, with the address that each was sent to.
    codes: HashMap<String, String>,
    tokens: HashMap<String, Timestamp>,
}

impl Access {
    pub(super) fn new() -> Self {
        let grants = vec![REFRESH_TOKEN.to_owned()];
        Self { grants, codes: HashMap::new(), tokens: HashMap::new() }
    }

    pub(super) fn revoke(&mut self) {
        self.grants.clear();
        self.tokens.clear();
    }

    pub(super) fn restore(&mut self) {
        self.grants.push(REFRESH_TOKEN.to_owned());
    }

    pub(super) fn expire(&mut self, now: Timestamp) {
        self.tokens.values_mut().for_each(|until| *until = now);
    }

    /// Answers `POST /auth/o2/token`. A refresh token stays the same.
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
            "refresh_token" if self.grants.iter().any(|grant| grant == of("refresh_token")) => {
                self.grant(of("refresh_token"), kit)
            }
            "refresh_token" => oauth_error(
                400,
                "invalid_grant",
                "The request has an invalid grant parameter : refresh_token",
            ),
            "authorization_code" => match self.codes.remove(of("code")) {
                Some(redirect) if redirect == of("redirect_uri") => {
                    let refresh = format!("Atzr|{}", kit.random.token(30));
                    self.grants.push(refresh.clone());
                    self.grant(&refresh, kit)
                }
                _ => oauth_error(400, "invalid_grant", "The request has an invalid grant parameter : code"),
            },
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

    /// `GET /apps/authorize/consent` in Seller Central: the seller consents at once.
    pub(super) fn consent(&mut self, request: &Request, kit: &Kit) -> Response {
        let param = |name| request.param(name).unwrap_or_default();
        let redirect = param("redirect_uri").to_owned();
        let known = param("application_id") == APPLICATION_ID && redirect.starts_with("http");
        if !known || param("version") != "beta" {
            return Response::html(400, "<p>MD1000: the application cannot be authorised.");
        }
        let code = kit.random.token(16);
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("state", param("state"))
            .append_pair("selling_partner_id", super::SELLER_ID)
            .append_pair("spapi_oauth_code", &code)
            .finish();
        let back = format!("{redirect}?{query}");
        self.codes.insert(code, redirect);
        Response::empty(302).with_header("location", back)
    }

    fn grant(&mut self, refresh: &str, kit: &Kit) -> Response {
        let body = json!({
            "access_token": self.issue(kit), "refresh_token": refresh, "token_type": "bearer",
            "expires_in": LIFETIME.as_secs(),
        });
        Response::json(200, &body)
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
