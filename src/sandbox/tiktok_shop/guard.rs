//! Who gets in: the signature, its time, the token, the shop, and the pace.

use std::time::Duration;

use ring::hmac;

use super::super::kit::Kit;
use super::super::message::{Request, Response};
use super::{APP_KEY, APP_SECRET, Blocked, CIPHER, State, bad};

/// How far behind and ahead of ours a call's time may be, in seconds.
const BEHIND: i64 = 300;
const AHEAD: i64 = 30;
/// Calls that were on their way when a refusal was sent are no defiance.
const GRACE: Duration = Duration::from_secs(1);
/// Parameters of every call.
const COMMON: [&str; 4] = ["app_key", "timestamp", "sign", "shop_cipher"];

/// What a route takes in its query beside the common parameters.
pub(super) struct Door {
    pub params: &'static [&'static str],
    /// All but the list of shops.
    pub shop: bool,
}

/// `Some`: the call does not get in.
pub(super) fn refuse(state: &mut State, request: &Request, door: &Door, kit: &Kit) -> Option<Response> {
    identity(request, kit)
        .or_else(|| pace(state, request, kit))
        .or_else(|| token(state, request, kit))
        .or_else(|| shop(request, door, kit))
        .or_else(|| parameters(request, door, kit))
}

fn wrong(request: &Request, kit: &Kit, rule: &str, message: &str) -> Response {
    kit.breach(request, rule, message);
    bad(kit, 400, 36_009_004, message)
}

fn identity(request: &Request, kit: &Kit) -> Option<Response> {
    if request.content_type().as_deref() != Some("application/json") {
        kit.breach(request, "content_type", "every call says that it is JSON");
    }
    if request.param("app_key") != Some(APP_KEY) {
        return Some(bad(kit, 400, 36_009_004, "Invalid app_key"));
    }
    let Some(sent) = request.param("timestamp").and_then(|text| text.parse::<i64>().ok()) else {
        return Some(wrong(request, kit, "timestamp", "Invalid timestamp: it is missing or no number"));
    };
    let now = kit.now().as_secs();
    if sent < now - BEHIND || sent > now + AHEAD {
        return Some(wrong(
            request,
            kit,
            "timestamp",
            "Invalid timestamp: it is outside of the accepted window",
        ));
    }
    let Some(given) = request.param("sign") else {
        return Some(wrong(request, kit, "signature", "Missing signature: parameter sign"));
    };
    if given != sign(request) {
        kit.breach(request, "signature", "the signature does not fit what was sent");
        return Some(bad(kit, 401, 106_001, "sign is invalid"));
    }
    None
}

/// Over the secret, the path, the sorted parameters, the raw body, and the secret again.
pub(super) fn sign(request: &Request) -> String {
    let mut params: Vec<(&str, &str)> = request
        .query
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(|(name, _)| !matches!(*name, "sign" | "access_token"))
        .collect();
    params.sort_unstable();
    let mut text = format!("{APP_SECRET}{}", request.path).into_bytes();
    for (name, value) in params {
        text.extend_from_slice(name.as_bytes());
        text.extend_from_slice(value.as_bytes());
    }
    text.extend_from_slice(&request.body);
    text.extend_from_slice(APP_SECRET.as_bytes());
    digest(&text)
}

/// What proves a notification.
pub(super) fn prove(body: &[u8]) -> String {
    digest(&[APP_KEY.as_bytes(), body].concat())
}

fn digest(text: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, APP_SECRET.as_bytes());
    let mac = hmac::sign(&key, text);
    mac.as_ref().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn pace(state: &mut State, request: &Request, kit: &Kit) -> Option<Response> {
    let now = kit.now();
    if let Some(blocked) = state.blocked {
        if now < blocked.until {
            if now.since(blocked.since) > GRACE {
                kit.breach(request, "ignored_retry_after", "a call before the wait was over");
            }
            let left = blocked.until.since(now).as_secs() + 1;
            return Some(limited(kit).with_header("retry-after", left.to_string()));
        }
        state.blocked = None;
    }
    if state.bucket.take(1.0, now) {
        return None;
    }
    state.blocked = Some(Blocked { since: now, until: now.plus(Duration::from_secs(1)) });
    // The page about limits does not always promise the header.
    let told = kit.random.below(2) == 0;
    Some(if told { limited(kit).with_header("retry-after", "1") } else { limited(kit) })
}

fn limited(kit: &Kit) -> Response {
    bad(kit, 429, 36_009_002, "Too many requests")
}

fn token(state: &mut State, request: &Request, kit: &Kit) -> Option<Response> {
    let Some(token) = request.header("x-tts-access-token") else {
        return Some(wrong(
            request,
            kit,
            "missing_token",
            "Invalid access token: header x-tts-access-token is missing",
        ));
    };
    if state.access.knows(token, kit.now()) {
        return None;
    }
    // Seen with either status.
    state.refused_tokens += 1;
    let status = if state.refused_tokens.is_multiple_of(2) { 200 } else { 401 };
    Some(bad(kit, status, 105_002, "Expired credentials"))
}

fn shop(request: &Request, door: &Door, kit: &Kit) -> Option<Response> {
    match (request.param("shop_cipher"), door.shop) {
        (None, false) => None,
        (Some(_), false) => {
            Some(wrong(request, kit, "unexpected_cipher", "unexpected identifier: shop_cipher"))
        }
        (Some(cipher), true) if cipher == CIPHER => None,
        (Some(_), true) => Some(bad(kit, 400, 36_009_004, "Invalid shop_cipher")),
        (None, true) => {
            kit.breach(request, "missing_cipher", "a call about the shop names it");
            Some(bad(kit, 400, 106_013, "shop_cipher is required"))
        }
    }
}

fn parameters(request: &Request, door: &Door, kit: &Kit) -> Option<Response> {
    let known = |name: &str| COMMON.contains(&name) || door.params.contains(&name);
    let odd = request.query.iter().find(|(name, _)| !known(name))?;
    let message = format!("Invalid parameter: {} is not taken in the query", odd.0);
    Some(wrong(request, kit, "unknown_parameter", &message))
}
