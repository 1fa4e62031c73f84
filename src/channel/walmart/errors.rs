//! What a refusal means.
//!
//! The order service, the gateway and the newer documentation wrap errors differently, and the
//! edge answers with HTML. Only the part of a code before the dot is stable.

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::api::{About, Operation};
use super::document::Many;
use crate::channel::said::Said;
use crate::model::{Failure, FailureKind, Timestamp};
use crate::net::Response;

/// How long a locked order is left alone.
const LOCKED: Duration = Duration::from_secs(20);

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorDoc {
    code: Said<String>,
    field: Said<String>,
    description: Said<String>,
    /// Newer documentation.
    message: Said<String>,
    category: Said<String>,
    causes: Many<Box<RawValue>>,
}

/// Every error of an answer, as far as they could be read.
#[derive(Default)]
pub(super) struct ApiErrors(Vec<ErrorDoc>);

#[derive(Default, Deserialize)]
#[serde(default)]
struct Outer {
    errors: Said<Wrapped>,
    error: Many<ErrorDoc>,
    /// Errors inside a list that was answered with 200.
    list: Said<Inner>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Inner {
    errors: Said<Wrapped>,
}

/// `{"error": […]}`, or the list itself.
struct Wrapped(Vec<ErrorDoc>);

impl<'de> Deserialize<'de> for Wrapped {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Wrapper {
            error: Option<Many<ErrorDoc>>,
        }
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        if let Ok(Wrapper { error: Some(Many(errors)) }) = serde_json::from_str(raw.get()) {
            return Ok(Self(errors));
        }
        let errors: Many<ErrorDoc> = serde_json::from_str(raw.get()).map_err(serde::de::Error::custom)?;
        Ok(Self(errors.0))
    }
}

impl ErrorDoc {
    /// The stable part of the code: `INVALID_REQUEST` of `INVALID_REQUEST.GMP_ORDER_API`.
    fn name(&self) -> &str {
        self.code.as_deref().unwrap_or_default().split('.').next().unwrap_or_default().trim()
    }

    fn text(&self) -> &str {
        self.description.as_deref().or(self.message.as_deref()).unwrap_or_default().trim()
    }

    /// What Walmart says during outages to any request: no cause, no word about what is wrong.
    fn is_empty_excuse(&self) -> bool {
        let text = self.text();
        self.name() == "INVALID_REQUEST"
            && self.causes.0.is_empty()
            && matches!(self.field.as_deref(), None | Some("" | "data"))
            && (text.is_empty() || text.eq_ignore_ascii_case("Invalid Request"))
    }
}

impl ApiErrors {
    /// Never fails: what is not JSON holds no errors.
    pub fn read(body: &[u8]) -> Self {
        let Ok(outer) = serde_json::from_slice::<Outer>(body) else { return Self::default() };
        let mut errors = outer.errors.0.map(|wrapped| wrapped.0).unwrap_or_default();
        errors.extend(outer.error.0);
        errors
            .extend(outer.list.0.and_then(|list| list.errors.0).map(|wrapped| wrapped.0).unwrap_or_default());
        Self(errors)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn names(&self, name: &str) -> bool {
        self.0.iter().any(|error| error.name() == name)
    }

    /// Whether an error speaks of this, whatever the case of letters.
    pub fn says(&self, words: &str) -> bool {
        self.0.iter().any(|error| error.text().to_ascii_lowercase().contains(words))
    }

    fn name(&self) -> &str {
        self.0.first().map(ErrorDoc::name).unwrap_or_default()
    }

    fn is_of_the_system(&self) -> bool {
        self.0
            .iter()
            .any(|error| error.category.as_deref() == Some("SYSTEM") || error.name() == "SYSTEM_ERROR")
    }

    fn is_empty_excuse(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(ErrorDoc::is_empty_excuse)
    }

    /// `INVALID_REQUEST_CONTENT: methodCode: Method code is not supported in line number 1`
    pub fn quoted(&self) -> String {
        let Some(first) = self.0.first() else { return String::new() };
        let field = first.field.as_deref().filter(|field| *field != "data").unwrap_or_default();
        let mut parts: Vec<&str> = Vec::new();
        for part in [first.name(), field, first.text()] {
            let part = part.trim();
            if !part.is_empty() && !parts.contains(&part) {
                parts.push(part);
            }
        }
        parts.join(": ").chars().take(300).collect()
    }
}

/// "No orders", as Walmart says it.
pub(super) fn is_empty_list(response: &Response) -> bool {
    response.status == 404 && ApiErrors::read(&response.body).names("CONTENT_NOT_FOUND")
}

/// More orders match than one search may find. No code is documented for it.
pub(super) fn is_too_many(response: &Response) -> bool {
    let errors = ApiErrors::read(&response.body);
    response.status == 400
        && [
            "10000",
            "10,000",
            "10 000",
            "20000",
            "20,000",
            "too many",
            "too large",
            "exceed",
            "maximum number",
        ]
        .iter()
        .any(|words| errors.says(words))
}

/// Turns an answer that is not a success into a failure. `resume_at` is when a 429 lets us go on.
pub(super) fn failure(
    operation: &Operation,
    response: &Response,
    correlation: String,
    resume_at: Timestamp,
    now: Timestamp,
) -> Failure {
    let errors = ApiErrors::read(&response.body);
    let what = operation.what;
    let said = format!("HTTP {} {}", response.status, errors.quoted());
    let said = said.trim_end();
    let kind = kind(operation.about, response, &errors);
    let failure = match kind {
        FailureKind::RateLimited => Failure::rate_limited(
            format!("Walmart asks us to wait: the allowance to {what} is used up"),
            resume_at,
        ),
        FailureKind::Permission => forbidden(operation, response.status, said),
        FailureKind::Unavailable => {
            let failure = Failure::unavailable(format!("Walmart had trouble when asked to {what}: {said}"));
            let locked = (response.status == 423).then(|| now.plus(LOCKED));
            Failure { resume_at: locked, ..failure }
        }
        FailureKind::NetworkTimeout => {
            Failure::timeout(format!("Walmart gave up waiting when asked to {what}: {said}"))
        }
        kind => {
            let failure = Failure::new(kind, format!("Walmart refused to {what}: {said}"));
            Failure { local: matches!(operation.about, About::Order | About::Change), ..failure }
        }
    };
    failure.http(response.status, Some(correlation))
}

fn forbidden(operation: &Operation, status: u16, said: &str) -> Failure {
    let what = operation.what;
    if status != 403 {
        return Failure::permission(format!(
            "Walmart does not accept the access token when asked to {what} ({said}). If it goes on, the key was reset: \
             put the current client_id and client_secret into the config file and reload"
        ))
        .stale_token();
    }
    let failure = Failure::permission(format!(
        "Walmart forbids to {what} ({said}): the key has no full access to Orders, or the account is suspended. Give \
         the key full access in the developer portal"
    ));
    // Reading may well go on with a key that may only look.
    Failure { local: operation.about == About::Change, ..failure }
}

fn kind(about: About, response: &Response, errors: &ApiErrors) -> FailureKind {
    let reads = about != About::Change;
    match response.status {
        400 if errors.name().starts_with("INVALID_TOKEN") => FailureKind::Permission,
        // Common during outages; a real fault says what is wrong.
        400 if reads && (errors.is_empty_excuse() || errors.is_empty()) => FailureKind::Unavailable,
        404 if errors.names("URI_NOT_FOUND") => FailureKind::InvalidRequest,
        404 if is_html(response) => FailureKind::Unavailable,
        404 if about == About::Order || about == About::Change => FailureKind::NotFound,
        404 if about == About::List && errors.is_empty() => FailureKind::Unavailable,
        // A business refusal has been seen under a 500.
        500..=599 if !reads && errors.names("INVALID_REQUEST_CONTENT") && !errors.is_of_the_system() => {
            FailureKind::InvalidRequest
        }
        status => kind_of_status(status),
    }
}

pub(super) fn kind_of_status(status: u16) -> FailureKind {
    match status {
        408 => FailureKind::NetworkTimeout,
        429 => FailureKind::RateLimited,
        401 | 403 => FailureKind::Permission,
        404 => FailureKind::NotFound,
        423 => FailureKind::Unavailable,
        400..=499 => FailureKind::InvalidRequest,
        _ => FailureKind::Unavailable,
    }
}

fn is_html(response: &Response) -> bool {
    response.body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::contract::sample;
    use crate::channel::walmart::api::{ACKNOWLEDGE, GET_ORDER, LIST_ORDERS, SHIP};

    fn answer(status: u16, body: &str) -> Response {
        Response { status, headers: Vec::new(), body: body.as_bytes().to_vec(), begun_at: Timestamp::EPOCH }
    }

    fn refused(operation: &Operation, status: u16, body: &str) -> Failure {
        let resume_at = Timestamp::from_secs(60);
        failure(operation, &answer(status, body), "c-7".to_owned(), resume_at, Timestamp::EPOCH)
    }

    fn body(name: &str, field: &str, description: &str) -> String {
        format!(
            r#"{{"errors":{{"error":[{{"code":"{name}.GMP_ORDER_API","field":"{field}","description":"{description}"}}]}}}}"#
        )
    }

    #[test]
    fn every_row_of_the_error_table() {
        use FailureKind::{InvalidRequest, NetworkTimeout, NotFound, Permission, RateLimited, Unavailable};
        let gateway = r#"{"error":[{"code":"REQUEST_THRESHOLD_VIOLATED.GMP_GATEWAY_API"}]}"#;
        let html = "<html><body>Reference #18</body></html>";
        for (operation, status, body, kind) in [
            (&LIST_ORDERS, 408, String::new(), NetworkTimeout),
            (&LIST_ORDERS, 429, gateway.to_owned(), RateLimited),
            (&LIST_ORDERS, 401, body("UNAUTHORIZED", "", ""), Permission),
            (&LIST_ORDERS, 400, body("INVALID_TOKEN", "", ""), Permission),
            (&LIST_ORDERS, 403, body("FORBIDDEN", "", ""), Permission),
            (&GET_ORDER, 404, body("CONTENT_NOT_FOUND", "", ""), NotFound),
            (&SHIP, 404, body("CONTENT_NOT_FOUND", "", ""), NotFound),
            (&GET_ORDER, 404, body("URI_NOT_FOUND", "", ""), InvalidRequest),
            (&GET_ORDER, 404, html.to_owned(), Unavailable),
            (&LIST_ORDERS, 404, html.to_owned(), Unavailable),
            (&LIST_ORDERS, 404, String::new(), Unavailable),
            (&LIST_ORDERS, 400, body("INVALID_REQUEST", "data", "Invalid Date format value"), InvalidRequest),
            (&LIST_ORDERS, 400, body("INVALID_REQUEST_PARAM", "limit", "Invalid Request"), InvalidRequest),
            (&LIST_ORDERS, 400, body("INVALID_REQUEST", "data", "Invalid Request"), Unavailable),
            (&GET_ORDER, 400, html.to_owned(), Unavailable),
            (&SHIP, 400, body("INVALID_REQUEST", "data", "Invalid Request"), InvalidRequest),
            (&SHIP, 400, body("INVALID_REQUEST_CONTENT", "methodCode", "no"), InvalidRequest),
            (&SHIP, 405, String::new(), InvalidRequest),
            (&SHIP, 406, String::new(), InvalidRequest),
            (&SHIP, 413, String::new(), InvalidRequest),
            (&SHIP, 415, String::new(), InvalidRequest),
            (&SHIP, 423, String::new(), Unavailable),
            (&SHIP, 500, body("SYSTEM_ERROR", "", ""), Unavailable),
            (&SHIP, 500, body("INVALID_REQUEST_CONTENT", "data", "is in SHIPPED status"), InvalidRequest),
            (&GET_ORDER, 500, body("INVALID_REQUEST_CONTENT", "data", "x"), Unavailable),
            (&LIST_ORDERS, 502, html.to_owned(), Unavailable),
            (&LIST_ORDERS, 503, String::new(), Unavailable),
            (&LIST_ORDERS, 504, body("DOWNSTREAM_SYSTEM_TIME_OUT", "", ""), Unavailable),
            (&LIST_ORDERS, 520, html.to_owned(), Unavailable),
            (&LIST_ORDERS, 302, String::new(), Unavailable),
        ] {
            let failure = refused(operation, status, &body);
            assert_eq!(failure.kind, kind, "{} {status} {body}", operation.name);
            assert_eq!((failure.http_status, failure.request_id.as_deref()), (Some(status), Some("c-7")));
        }
    }

    #[test]
    fn an_expired_token_is_worth_one_renewal_and_a_forbidden_call_is_not() {
        assert!(refused(&LIST_ORDERS, 401, "").stale_token);
        assert!(refused(&SHIP, 400, &body("INVALID_TOKEN", "", "")).stale_token);
        let forbidden = refused(&SHIP, 403, "");
        assert!(!forbidden.stale_token && forbidden.local, "reading goes on");
        assert!(!refused(&LIST_ORDERS, 403, "").local);
    }

    #[test]
    fn a_refusal_of_one_order_says_nothing_about_the_connection() {
        assert!(refused(&GET_ORDER, 404, &body("CONTENT_NOT_FOUND", "", "")).local);
        assert!(!refused(&LIST_ORDERS, 400, &body("INVALID_REQUEST_PARAM", "limit", "x")).local);
    }

    #[test]
    fn a_locked_order_is_left_alone_for_a_moment() {
        let failure = refused(&SHIP, 423, "");
        assert_eq!(failure.resume_at, Some(Timestamp::EPOCH.plus(LOCKED)));
        assert!(!failure.no_effect, "the order is looked at before anything is sent again");
    }

    #[test]
    fn every_wrapping_of_errors_is_understood() {
        for body in [
            r#"{"errors":{"error":[{"code":"FORBIDDEN.X","description":"no"}]}}"#,
            r#"{"errors":{"error":{"code":"FORBIDDEN.X","description":"no"}}}"#,
            r#"{"error":[{"code":"FORBIDDEN.X","message":"no"}]}"#,
            r#"{"errors":[{"code":"FORBIDDEN.X","message":"no"}]}"#,
            r#"{"list":{"errors":[{"code":"FORBIDDEN.X","description":"no"}]}}"#,
            r#"{"list":{"errors":{"error":[{"code":"FORBIDDEN.X","description":"no"}]}}}"#,
        ] {
            assert_eq!(ApiErrors::read(body.as_bytes()).quoted(), "FORBIDDEN: no", "{body}");
        }
        for body in [
            "",
            "<html>",
            "null",
            "[]",
            r#"{"errors":null}"#,
            r#"{"errors":{"error":[]}}"#,
            r#"{"error":"invalid"}"#,
        ] {
            assert!(ApiErrors::read(body.as_bytes()).is_empty(), "{body}");
        }
    }

    #[test]
    fn the_recorded_errors() {
        let Some(text) = sample("walmart/samples/errors.json") else { return };
        let recorded: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let take = |name: &str| {
            let status = recorded[name]["status"].as_u64().and_then(|n| u16::try_from(n).ok()).expect(name);
            answer(status, &recorded[name]["body"].to_string())
        };
        let kind = |operation: &Operation, name: &str| {
            failure(operation, &take(name), String::new(), Timestamp::EPOCH, Timestamp::EPOCH).kind
        };
        assert_eq!(kind(&LIST_ORDERS, "401_gateway"), FailureKind::Permission);
        assert!(is_empty_list(&take("404_no_orders_for_search")));
        assert_eq!(kind(&SHIP, "400_bad_method_code"), FailureKind::InvalidRequest);
        assert_eq!(kind(&ACKNOWLEDGE, "400_acknowledge_higher_status"), FailureKind::InvalidRequest);
        assert!(ApiErrors::read(&take("400_acknowledge_higher_status").body).says("higher status"));
        assert_eq!(kind(&SHIP, "400_qty_overshipped"), FailureKind::InvalidRequest);
        let quoted = ApiErrors::read(&take("400_bad_method_code").body).quoted();
        assert_eq!(
            quoted,
            "INVALID_REQUEST_CONTENT: methodCode: Method code is not supported in line number 1"
        );
    }
}
