//! Access: a consent, and tokens that tell when they end.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde_json::json;

use super::super::kit::Kit;
use super::super::message::{Request, Response};
use super::{APP_KEY, APP_SECRET, bad, good};
use crate::model::Timestamp;

const LIFE: Duration = Duration::from_hours(168);
const REFRESH_LIFE: Duration = Duration::from_hours(8760);
const CODE_LIFE: Duration = Duration::from_mins(30);
/// The one that goes into the config file.
pub(super) const FIRST_REFRESH: &str = "ROW_sandbox-first-refresh-token";
/// Where the browser goes after the consent is fixed in the console, not in the request.
const CONSOLE_REDIRECT: &str = "http://127.0.0.1/oauth/callback";

pub(super) struct Access {
    refresh: String,
    /// Good as long as the newer one was not used: its answer may have been lost.
    previous: Option<String>,
    spent: HashMap<String, u32>,
    /// Access tokens with their ends.
    live: HashMap<String, Timestamp>,
    codes: HashMap<String, Timestamp>,
    used_codes: HashSet<String>,
    revoked: bool,
}

impl Access {
    pub(super) fn new() -> Self {
        Self {
            refresh: FIRST_REFRESH.to_owned(),
            previous: None,
            spent: HashMap::new(),
            live: HashMap::new(),
            codes: HashMap::new(),
            used_codes: HashSet::new(),
            revoked: false,
        }
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

    /// `GET /oauth/authorize`: the seller consents at once.
    pub(super) fn consent(&mut self, request: &Request, kit: &Kit) -> Response {
        if request.param("app_key") != Some(APP_KEY) {
            return Response::html(400, "<p>The app cannot be found.");
        }
        if request.param("redirect_uri").is_some() {
            kit.breach(request, "redirect_uri", "the address to come back to is fixed in the console");
        }
        let code = format!("ROW_{}", kit.random.token(18));
        self.codes.insert(code.clone(), kit.now().plus(CODE_LIFE));
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("app_key", APP_KEY)
            .append_pair("code", &code)
            .append_pair("state", request.param("state").unwrap_or_default())
            .finish();
        Response::empty(302).with_header("location", format!("{CONSOLE_REDIRECT}?{query}"))
    }

    /// `GET /api/v2/token/get`: a code works once.
    pub(super) fn get(&mut self, request: &Request, kit: &Kit) -> Response {
        if let Some(refusal) = refuse(request, kit, "authorized_code", "auth_code") {
            return refusal;
        }
        let code = request.param("auth_code").unwrap_or_default();
        let fresh = self.codes.remove(code).is_some_and(|end| end > kit.now());
        if !self.used_codes.insert(code.to_owned()) || !fresh {
            return bad(kit, 200, 36_004_004, "invalid auth code");
        }
        self.revoked = false;
        self.issue(kit)
    }

    /// `GET /api/v2/token/refresh`.
    pub(super) fn renew(&mut self, request: &Request, kit: &Kit) -> Response {
        if let Some(refusal) = refuse(request, kit, "refresh_token", "refresh_token") {
            return refusal;
        }
        let token = request.param("refresh_token").unwrap_or_default();
        let known = token == self.refresh || self.previous.as_deref() == Some(token);
        if self.revoked || !known {
            let times = self.spent.entry(token.to_owned()).or_default();
            *times += 1;
            if *times > 3 && !self.revoked {
                kit.breach(request, "spent_refresh_token", "the same dead refresh token again and again");
            }
            return bad(kit, 200, 36_004_001, "refresh token is invalid or expired");
        }
        self.issue(kit)
    }

    fn issue(&mut self, kit: &Kit) -> Response {
        let now = kit.now();
        let access = format!("ROW_{}", kit.random.token(48));
        let refresh = format!("ROW_{}", kit.random.token(30));
        self.live.retain(|_, end| *end > now);
        self.live.insert(access.clone(), now.plus(LIFE));
        self.previous = Some(std::mem::replace(&mut self.refresh, refresh.clone()));
        let data = json!({
            "access_token": access,
            "access_token_expire_in": now.plus(LIFE).as_secs(),
            "refresh_token": refresh,
            "refresh_token_expire_in": now.plus(REFRESH_LIFE).as_secs(),
            "open_id": "7010736057180325637",
            "seller_name": "Sandbox shop",
            "seller_base_region": "US",
            "user_type": 0,
            "granted_scopes": ["seller.authorization.info", "seller.order.info", "seller.fulfillment.basic",
                "seller.logistics", "seller.return_refund.basic"],
        });
        good(kit, &data)
    }
}

/// What is wrong with a token request whatever its token.
fn refuse(request: &Request, kit: &Kit, grant: &str, own: &str) -> Option<Response> {
    let known = ["app_key", "app_secret", "grant_type", own];
    if let Some((name, _)) = request.query.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        kit.breach(request, "unknown_parameter", format!("{name} is not taken here"));
    }
    if request.param("grant_type") != Some(grant) {
        kit.breach(request, "grant_type", format!("the word here is {grant}"));
        return Some(bad(kit, 200, 36_004_003, "invalid grant type"));
    }
    let ours = request.param("app_key") == Some(APP_KEY) && request.param("app_secret") == Some(APP_SECRET);
    (!ours).then(|| bad(kit, 200, 36_004_002, "app_key or app_secret is invalid"))
}
