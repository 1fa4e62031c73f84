//! Tokens of fifteen minutes, for a key pair. Several are good side by side.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::super::kit::Kit;
use super::super::message::{Request, Response};
use super::replies;
use crate::model::Timestamp;

pub(super) const CLIENT_ID: &str = "sandbox-client-id";
pub(super) const CLIENT_SECRET: &str = "sandbox-client-secret";
const LIFE: Duration = Duration::from_mins(15);
/// Most tokens and correlation ids that are remembered.
const KEPT: usize = 50_000;

/// The key pair, its tokens, and the ids of the calls made with them.
pub(super) struct Access {
    /// The pair was not reset.
    pub intact: bool,
    tokens: BTreeMap<String, Timestamp>,
    correlations: HashSet<String>,
}

impl Access {
    pub(super) fn new() -> Self {
        Self { intact: true, tokens: BTreeMap::new(), correlations: HashSet::new() }
    }

    pub(super) fn drop_tokens(&mut self) {
        self.tokens.clear();
    }

    /// `POST /v3/token`
    pub(super) fn token(&mut self, request: &Request, kit: &Kit) -> Response {
        if let Some(refusal) = self.common(request, kit) {
            return refusal;
        }
        if request.content_type().as_deref() != Some("application/x-www-form-urlencoded") {
            kit.breach(request, "content_type", "a token request is a form");
            return replies::gateway(415, "UNSUPPORTED_MEDIA_TYPE", "Unsupported media type");
        }
        if request.form() != [("grant_type".to_owned(), "client_credentials".to_owned())] {
            kit.breach(
                request,
                "grant_type",
                "the form holds grant_type=client_credentials and nothing else",
            );
            return replies::gateway(400, "INVALID_REQUEST_PARAM", "grant_type is not supported");
        }
        let pair = STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}"));
        if !self.intact || request.header("authorization") != Some(&format!("Basic {pair}")) {
            return replies::unauthorised();
        }
        if self.tokens.len() >= KEPT {
            self.tokens.clear();
        }
        let token = format!("eyJ{}", kit.random.token(48));
        self.tokens.insert(token.clone(), kit.now().plus(LIFE));
        Response::json(
            200,
            &json!({"access_token": token, "token_type": "Bearer", "expires_in": LIFE.as_secs()}),
        )
    }

    /// `GET /v3/token/detail`
    pub(super) fn detail(&mut self, request: &Request, kit: &Kit) -> Response {
        if let Some(refusal) = self.business(request, kit) {
            return refusal;
        }
        let until =
            request.header(TOKEN).and_then(|token| self.tokens.get(token)).copied().unwrap_or_default();
        Response::json(
            200,
            &json!({
                "expire_at": until.as_millis().to_string(), "issued_at": until.minus(LIFE).as_millis().to_string(),
                "is_valid": true, "is_channel_match": true,
                "scopes": {"orders": "full_access", "item": "view_only", "price": "no_access"},
            }),
        )
    }

    /// What must stand before every business call. `Some`: it is refused.
    pub(super) fn business(&mut self, request: &Request, kit: &Kit) -> Option<Response> {
        if let Some(refusal) = self.common(request, kit) {
            return Some(refusal);
        }
        let Some(token) = request.header(TOKEN) else {
            kit.breach(request, "missing_header", "WM_SEC.ACCESS_TOKEN");
            return Some(replies::unauthorised());
        };
        let good = self.intact && self.tokens.get(token).is_some_and(|until| kit.now() < *until);
        (!good).then(replies::unauthorised)
    }

    fn common(&mut self, request: &Request, kit: &Kit) -> Option<Response> {
        let missing = |name: &str| {
            kit.breach(request, "missing_header", name);
            replies::gateway(400, "MISSING_REQUEST_HEADER", &format!("{name} is missing or wrong"))
        };
        if request.header("wm_svc.name") != Some("Walmart Marketplace") {
            return Some(missing("WM_SVC.NAME"));
        }
        let correlation = request.header("wm_qos.correlation_id").unwrap_or_default();
        if uuid::Uuid::parse_str(correlation).is_err() {
            return Some(missing("WM_QOS.CORRELATION_ID"));
        }
        if self.correlations.len() >= KEPT {
            self.correlations.clear();
        }
        if !self.correlations.insert(correlation.to_owned()) {
            kit.breach(request, "repeated_correlation_id", "each call has an id of its own");
        }
        if request.header("wm_market").is_some_and(|market| market != "us") {
            kit.breach(request, "market", "this is a seller account of the United States");
            return Some(replies::gateway(400, "INVALID_REQUEST_HEADER", "WM_MARKET"));
        }
        if !request.header("accept").unwrap_or_default().contains("application/json") {
            kit.breach(request, "no_json", "without Accept: application/json the answer is XML");
            return Some(replies::xml(200));
        }
        None
    }
}

const TOKEN: &str = "wm_sec.access_token";
