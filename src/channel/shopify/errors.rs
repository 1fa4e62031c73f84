//! What Shopify's refusals mean, on each of the three levels where it refuses: HTTP, GraphQL and
//! the user errors of a mutation.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::model::{Failure, FailureKind, Timestamp};
use crate::net::Response;

/// The least that a limit makes us wait.
pub(super) const LEAST_WAIT: Duration = Duration::from_secs(1);
/// Longest piece of Shopify's own text in a message, in characters.
const QUOTE_MAX: usize = 300;

/// Shopify's own words, cut to a length that fits a message.
pub(super) fn quote(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(QUOTE_MAX).collect()
}

pub(super) fn request_id(response: &Response) -> Option<String> {
    response.header("x-request-id").map(|id| id.chars().take(64).collect())
}

/// `None` when the answer's status is a success.
pub(super) fn http(response: &Response, now: Timestamp) -> Option<Failure> {
    let status = response.status;
    let said = |text: &str| match body_text(&response.body) {
        Some(words) => format!("{text}: {words}"),
        None => format!("{text} (HTTP {status})"),
    };
    let failure = match status {
        200..=299 => return None,
        401 => Failure::permission(said("Shopify refuses the access token")).stale_token(),
        402 => Failure::permission(said("the shop is frozen until its bill is paid")),
        403 => Failure::permission(said("Shopify denies this app access")),
        423 => Failure::permission(said("Shopify has locked the shop")),
        404 => Failure::new(
            FailureKind::NotFound,
            format!(
                "Shopify has no such shop or API version (HTTP {status}): check shop and api_version in the config"
            ),
        ),
        429 => rate_limited(response, now),
        300..=399 => {
            Failure::unavailable(said("Shopify redirects the call elsewhere, which is not followed"))
        }
        408 | 430 | 500.. => Failure::unavailable(said("Shopify is having trouble")),
        _ => Failure::invalid(said("Shopify does not accept the request")),
    };
    Some(failure.http(status, request_id(response)))
}

pub(super) fn rate_limited(response: &Response, now: Timestamp) -> Failure {
    let least = now.plus(LEAST_WAIT);
    let resume_at = response.retry_after(now).map_or(least, |at| at.max(least));
    Failure::rate_limited("Shopify asks to wait before the next call", resume_at)
}

/// A refusal of the token endpoint: JSON, or an HTML page.
pub(super) fn token(response: &Response, now: Timestamp) -> Failure {
    let failure = match response.status {
        429 => rate_limited(response, now),
        400..=499 if !matches!(response.status, 408 | 430) => {
            Failure::permission(format!("Shopify gives no access token: {}", token_reason(&response.body)))
        }
        _ => Failure::unavailable("Shopify's token service gives no usable answer"),
    };
    failure.http(response.status, request_id(response))
}

fn token_reason(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let known = [
        (
            "app_not_installed",
            "the app is not installed in this shop. Install it, then reconnect the channel",
        ),
        (
            "shop_not_permitted",
            "the shop is not in the app's organisation. Use an app of the organisation that owns the shop",
        ),
        ("invalid_client", "client_id or client_secret is wrong. Copy both again from the Dev Dashboard"),
        ("invalid_grant", "the permission has ended. Reconnect the channel"),
    ];
    if let Some((_, reason)) = known.iter().find(|(word, _)| text.contains(word)) {
        return (*reason).to_owned();
    }
    let json: Value = serde_json::from_str(&text).unwrap_or_default();
    let word = |name: &str| json.get(name).and_then(Value::as_str).map(quote);
    word("error_description")
        .or_else(|| word("error"))
        .unwrap_or_else(|| "it says nothing that can be read".into())
}

/// The `errors` of a JSON body: a text, a list, or an object of lists. `None` for anything else,
/// such as an HTML page.
fn body_text(body: &[u8]) -> Option<String> {
    let json: Value = serde_json::from_slice(body).ok()?;
    let text = match json.get("errors").or_else(|| json.get("error"))? {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.first().and_then(|error| error.get("message")?.as_str())?.to_owned(),
        other => other.to_string(),
    };
    Some(quote(&text))
}

/// One entry of GraphQL's `errors`.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub kind: FailureKind,
    pub message: String,
    /// Fields and list positions from the root; empty when the whole call failed.
    pub path: Vec<String>,
    pub request_id: Option<String>,
}

#[derive(Deserialize)]
struct RawFault {
    #[serde(default)]
    message: String,
    path: Option<Vec<Value>>,
    extensions: Option<RawExtensions>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawExtensions {
    code: Option<String>,
    request_id: Option<String>,
}

/// Reads `errors`, whatever its shape.
pub(super) fn faults(errors: &Value) -> Vec<Fault> {
    match errors {
        Value::Null => Vec::new(),
        Value::Array(list) => list.iter().map(Fault::read).collect(),
        other => vec![Fault::read(other)],
    }
}

impl Fault {
    fn read(error: &Value) -> Self {
        let raw = serde_json::from_value::<RawFault>(error.clone()).unwrap_or_else(|_| RawFault {
            message: error.as_str().map_or_else(|| error.to_string(), str::to_owned),
            path: None,
            extensions: None,
        });
        let (code, request_id) = raw.extensions.map(|e| (e.code, e.request_id)).unwrap_or_default();
        let code = code.unwrap_or_default();
        let step = |step: &Value| step.as_str().map_or_else(|| step.to_string(), str::to_owned);
        Self {
            kind: kind(&code, &raw.message),
            message: quote(&raw.message),
            path: raw.path.iter().flatten().map(step).collect(),
            request_id,
        }
    }

    /// Not about one field beside which the rest stands. What is denied without saying where is
    /// taken for personal data, as long as there is any data.
    pub(super) fn concerns_all(&self) -> bool {
        self.path.is_empty() && self.kind != FailureKind::Permission
    }

    /// A limit's end is not known here: the caller sets it.
    pub(super) fn failure(&self) -> Failure {
        let text = match self.kind {
            FailureKind::Permission => "Shopify denies access",
            FailureKind::Unavailable => "Shopify is having trouble",
            FailureKind::NotFound => "Shopify does not find it",
            FailureKind::RateLimited => "Shopify asks to wait",
            _ => "Shopify does not accept the request",
        };
        let failure = Failure::new(self.kind, format!("{text}: {}", self.message));
        let failure = if matches!(self.kind, FailureKind::NotFound | FailureKind::InvalidRequest) {
            failure.local()
        } else {
            failure
        };
        match &self.request_id {
            Some(id) => failure.http(200, Some(id.clone())),
            None => failure,
        }
    }
}

fn kind(code: &str, message: &str) -> FailureKind {
    match code {
        "THROTTLED" => FailureKind::RateLimited,
        "ACCESS_DENIED" | "SHOP_INACTIVE" => FailureKind::Permission,
        "INTERNAL_SERVER_ERROR" | "TIMEOUT" => FailureKind::Unavailable,
        "RESOURCE_NOT_FOUND" | "NOT_FOUND" => FailureKind::NotFound,
        "" if message == "Throttled" => FailureKind::RateLimited,
        "" if message.starts_with("Access denied") || message.starts_with("This app is not approved") => {
            FailureKind::Permission
        }
        "" if message.starts_with("[API] Invalid API key") => FailureKind::Permission,
        "" if message.starts_with("Internal error") => FailureKind::Unavailable,
        _ => FailureKind::InvalidRequest,
    }
}

/// One entry of a mutation's user errors.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct UserError {
    pub message: String,
    pub code: Option<String>,
}

/// The first user error as a failure; `None` when there is none, so that the mutation took effect.
pub(super) fn refused(errors: &[UserError]) -> Option<Failure> {
    let error = errors.first()?;
    let words = format!("Shopify refuses: {}", quote(&error.message));
    let text = error.message.to_ascii_lowercase();
    Some(match error.code.as_deref() {
        Some("NOT_FOUND") => Failure::not_found(words),
        Some("INTERNAL_ERROR") => Failure::unavailable(words).local(),
        Some("NO_REFUND_PERMISSION" | "NO_REFUND_TO_STORE_CREDIT_PERMISSION") => {
            Failure::permission(words).local()
        }
        _ if text.contains("does not exist") => Failure::not_found(words),
        _ if text.contains("status= on_hold") || text.contains("status= scheduled") => {
            Failure::unsupported(words)
        }
        _ => Failure::invalid(words),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::channel::shopify::samples;

    const NOW: Timestamp = Timestamp::EPOCH;

    fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
        Response {
            status,
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: body.as_bytes().to_vec(),
            begun_at: NOW,
        }
    }

    #[test]
    fn each_status_has_its_kind() {
        use FailureKind::{InvalidRequest, NotFound, Permission, RateLimited, Unavailable};
        let table = [
            (400, InvalidRequest),
            (401, Permission),
            (402, Permission),
            (403, Permission),
            (404, NotFound),
            (406, InvalidRequest),
            (415, InvalidRequest),
            (422, InvalidRequest),
            (423, Permission),
            (429, RateLimited),
            (430, Unavailable),
            (500, Unavailable),
            (502, Unavailable),
            (503, Unavailable),
            (504, Unavailable),
            (301, Unavailable),
        ];
        for (status, kind) in table {
            let failure = http(&response(status, &[], "<html>"), NOW).expect("a failure");
            assert_eq!((failure.kind, failure.stale_token), (kind, status == 401), "{status}");
            assert!(!(failure.local && kind == NotFound), "a wrong shop must not look like a deleted order");
        }
        assert_eq!(http(&response(200, &[], ""), NOW), None);
    }

    #[test]
    fn the_text_and_the_request_id_are_kept() {
        let body =
            r#"{"errors":"[API] Invalid API key or access token (unrecognized login or wrong password)"}"#;
        let failure = http(&response(401, &[("x-request-id", "abc-1")], body), NOW).expect("a failure");
        assert!(failure.message.contains("Invalid API key"), "{}", failure.message);
        assert_eq!(failure.request_id.as_deref(), Some("abc-1"));
        let failure = http(&response(503, &[], "<html>secret</html>"), NOW).expect("a failure");
        assert!(!failure.message.contains("secret"));
    }

    #[test]
    fn the_token_service_speaks_json_or_html() {
        let table = [
            (
                400,
                r#"{"error":"invalid_client","error_description":"x"}"#,
                FailureKind::Permission,
                "client_secret",
            ),
            (401, r#"{"error":"invalid_grant"}"#, FailureKind::Permission, "Reconnect"),
            (400, "<html>Oauth error app_not_installed: …</html>", FailureKind::Permission, "Install"),
            (400, r#"{"error":"shop_not_permitted"}"#, FailureKind::Permission, "organisation"),
            (
                400,
                r#"{"error":"invalid_request","error_description":"Missing shop"}"#,
                FailureKind::Permission,
                "Missing shop",
            ),
            (400, "<html>no</html>", FailureKind::Permission, "nothing"),
            (503, "<html>", FailureKind::Unavailable, "token"),
            (200, "<html>", FailureKind::Unavailable, "token"),
            (429, "", FailureKind::RateLimited, "wait"),
        ];
        for (status, body, kind, word) in table {
            let failure = token(&response(status, &[], body), NOW);
            assert_eq!(failure.kind, kind, "{status} {body}");
            assert!(failure.message.contains(word), "{}", failure.message);
        }
    }

    #[test]
    fn each_code_of_graphql_has_its_kind() {
        use FailureKind::{InvalidRequest, NotFound, Permission, RateLimited, Unavailable};
        let table = [
            ("THROTTLED", RateLimited),
            ("ACCESS_DENIED", Permission),
            ("SHOP_INACTIVE", Permission),
            ("INTERNAL_SERVER_ERROR", Unavailable),
            ("TIMEOUT", Unavailable),
            ("RESOURCE_NOT_FOUND", NotFound),
            ("PARSE_ERROR", InvalidRequest),
            ("undefinedField", InvalidRequest),
            ("argumentNotAccepted", InvalidRequest),
            ("missingRequiredArguments", InvalidRequest),
            ("INVALID_VARIABLE", InvalidRequest),
            ("argumentLiteralsIncompatible", InvalidRequest),
            ("BAD_REQUEST", InvalidRequest),
            ("MAX_COST_EXCEEDED", InvalidRequest),
            ("MAX_INPUT_SIZE_EXCEEDED", InvalidRequest),
            ("", InvalidRequest),
        ];
        for (code, kind) in table {
            let errors = json!([{"message": "m", "extensions": {"code": code, "requestId": "r"}, "path": ["nodes", 3, "email"]}]);
            let fault = &faults(&errors)[0];
            assert_eq!((fault.kind, fault.failure().kind), (kind, kind), "{code}");
            assert_eq!(fault.path, ["nodes", "3", "email"]);
        }
        assert_eq!(faults(&json!("Not Found"))[0].message, "Not Found");
        assert_eq!(faults(&json!([{"message": "Throttled"}]))[0].kind, RateLimited);
        assert_eq!(faults(&json!({"message": "Access denied for customer field."}))[0].kind, Permission);
    }

    #[test]
    fn every_recorded_validation_error_is_an_invalid_request() {
        let Some(sample) = samples::json("graphql_validation_errors.json") else { return };
        let cases = sample["cases"].as_object().expect("cases");
        assert!(cases.len() > 5);
        for (name, case) in cases {
            let faults = faults(&case["response"]["payload"]["errors"]);
            assert!(!faults.is_empty(), "{name}");
            assert!(faults.iter().all(|fault| fault.kind == FailureKind::InvalidRequest), "{name}");
        }
    }

    #[test]
    fn recorded_user_errors_have_their_kind() {
        let Some(sample) = samples::json("graphql_fulfillment_create_refusals.json") else { return };
        let kind = |case: &str| {
            let payload = &sample["cases"][case]["response"]["data"]["fulfillmentCreate"]["userErrors"];
            let errors: Vec<UserError> = serde_json::from_value(payload.clone()).expect("user errors");
            refused(&errors).map(|failure| failure.kind)
        };
        assert_eq!(kind("closed"), Some(FailureKind::InvalidRequest));
        assert_eq!(kind("overFulfill"), Some(FailureKind::InvalidRequest));
        assert_eq!(kind("nonPositiveQuantity"), Some(FailureKind::InvalidRequest));
        assert_eq!(kind("missingFulfillmentOrder"), Some(FailureKind::NotFound));
        assert_eq!(kind("happyPath"), None);
    }

    #[test]
    fn a_limit_ends_when_shopify_says_and_not_before_a_second() {
        let wait = |headers: &[(&str, &str)]| {
            rate_limited(&response(429, headers, ""), NOW).resume_at.map(|at| at.since(NOW))
        };
        assert_eq!(wait(&[]), Some(Duration::from_secs(1)));
        assert_eq!(wait(&[("retry-after", "0")]), Some(Duration::from_secs(1)));
    }
}
