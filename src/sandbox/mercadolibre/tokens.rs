//! Access: one application, one seller, refresh tokens that are spent by their use.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde_json::json;

use super::super::kit::Kit;
use super::super::message::{Request, Response};
use super::{CLIENT_ID, CLIENT_SECRET, USER_ID};
use crate::model::Timestamp;
use crate::random::Random;

const LIFE: Duration = Duration::from_hours(6);
/// The one that goes into the config file.
pub(super) const FIRST_REFRESH: &str = "TG-sandbox-first-refresh-token-468424240";

pub(super) struct Access {
    refresh: String,
    /// How often each spent refresh token came back.
    spent: HashMap<String, u32>,
    /// Access tokens with their ends.
    live: HashMap<String, Timestamp>,
    codes: HashMap<String, Pending>,
    revoked: bool,
}

/// A consent that waits for its code to be redeemed.
struct Pending {
    redirect: String,
    challenge: Option<String>,
}

impl Access {
    pub(super) fn new() -> Self {
        Self {
            refresh: FIRST_REFRESH.to_owned(),
            spent: HashMap::new(),
            live: HashMap::new(),
            codes: HashMap::new(),
            revoked: false,
        }
    }

    #[cfg(test)]
    pub(super) fn newest_refresh(&self) -> &str {
        &self.refresh
    }

    pub(super) fn revoke(&mut self) {
        self.live.clear();
        self.revoked = true;
    }

    pub(super) fn expire(&mut self, now: Timestamp) {
        for end in self.live.values_mut() {
            *end = now;
        }
    }

    pub(super) fn restore(&mut self) {
        self.revoked = false;
    }

    pub(super) fn knows(&self, token: &str, now: Timestamp) -> bool {
        !self.revoked && self.live.get(token).is_some_and(|end| *end > now)
    }

    /// `GET /authorization`: the seller consents at once.
    pub(super) fn consent(&mut self, request: &Request, random: &Random) -> Response {
        let param = |name| request.param(name).unwrap_or_default();
        let known = param("response_type") == "code" && param("client_id") == CLIENT_ID.to_string();
        let redirect = param("redirect_uri").to_owned();
        if !known || !redirect.starts_with("http") {
            return Response::html(400, "<p>The application cannot be found.");
        }
        let challenge =
            (param("code_challenge_method") == "S256").then(|| param("code_challenge").to_owned());
        let code = format!("TG-{}-{USER_ID}", random.token(12));
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("code", &code)
            .append_pair("state", param("state"))
            .finish();
        let back = format!("{redirect}{}{query}", if redirect.contains('?') { '&' } else { '?' });
        self.codes.insert(code, Pending { redirect, challenge });
        Response::empty(302).with_header("location", back)
    }

    /// `POST /oauth/token`.
    pub(super) fn token(&mut self, request: &Request, kit: &Kit) -> Response {
        if request.raw_query.is_some() {
            kit.breach(request, "secret_in_query", "the token endpoint takes its fields in the body only");
            return refused("invalid_request", "the parameters must be sent in the body");
        }
        if request.content_type().as_deref() != Some("application/x-www-form-urlencoded") {
            kit.breach(request, "content_type", "the token endpoint takes a form");
        }
        let sent = request.form();
        let fields: BTreeMap<&str, &str> =
            sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let field = |name: &str| fields.get(name).copied().unwrap_or_default();
        let own: &[&str] = match field("grant_type") {
            "refresh_token" => &["grant_type", "client_id", "client_secret", "refresh_token"],
            "authorization_code" => {
                &["grant_type", "client_id", "client_secret", "code", "redirect_uri", "code_verifier"]
            }
            _ => {
                kit.breach(request, "grant_type", "only authorization_code and refresh_token exist");
                return refused("unsupported_grant_type", "the grant type is not supported");
            }
        };
        if fields.len() != sent.len() || fields.keys().any(|name| !own.contains(name)) {
            kit.breach(request, "token_fields", "an unknown or repeated field");
            return refused("invalid_request", "a parameter is unknown or repeated");
        }
        if field("client_id") != CLIENT_ID.to_string() || field("client_secret") != CLIENT_SECRET {
            return refused("invalid_client", "invalid client id or client secret");
        }
        let granted = match field("grant_type") {
            "refresh_token" => self.spend(field("refresh_token"), request, kit),
            _ => self.redeem(field("code"), field("redirect_uri"), field("code_verifier")),
        };
        if granted { self.issue(kit) } else { refused("invalid_grant", INVALID_GRANT) }
    }

    /// Who does not hear the refusal may ask again; who has heard it knows.
    fn spend(&mut self, token: &str, request: &Request, kit: &Kit) -> bool {
        if !self.revoked && token == self.refresh {
            return true;
        }
        if let Some(times) = self.spent.get_mut(token).filter(|_| !request.unheard) {
            *times += 1;
            if *times > 2 {
                kit.breach(request, "spent_refresh_token", "the same spent refresh token for the third time");
            }
        }
        false
    }

    fn redeem(&mut self, code: &str, redirect: &str, verifier: &str) -> bool {
        let Some(pending) = self.codes.remove(code) else { return false };
        let proved = pending.challenge.is_none_or(|challenge| {
            challenge == URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
        });
        let granted = proved && pending.redirect == redirect;
        self.revoked = self.revoked && !granted;
        granted
    }

    fn issue(&mut self, kit: &Kit) -> Response {
        let now = kit.now();
        let access = format!("APP_USR-{CLIENT_ID}-{}-{USER_ID}", kit.random.token(12));
        let refresh = format!("TG-{}-{USER_ID}", kit.random.token(12));
        self.live.retain(|_, end| *end > now);
        self.live.insert(access.clone(), now.plus(LIFE));
        self.spent.insert(std::mem::replace(&mut self.refresh, refresh.clone()), 0);
        let body = json!({
            "access_token": access, "token_type": "bearer", "expires_in": LIFE.as_secs(),
            "scope": "offline_access read write", "user_id": USER_ID, "refresh_token": refresh,
        });
        Response::json(200, &body)
    }
}

const INVALID_GRANT: &str =
    "Error validating grant. Your authorization code or refresh token may be expired or it was already used";

fn refused(error: &str, description: &str) -> Response {
    let body = json!({"error_description": description, "error": error, "status": 400, "cause": []});
    Response::json(400, &body)
}
