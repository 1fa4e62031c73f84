//! What a refusal of the Selling Partner API means.
//!
//! Two traps: an expired access token is a 403, not a 401, and a 429 does not say how long to wait.

use std::time::Duration;

use serde::Deserialize;

use super::api::Operation;
use crate::channel::word::Word;
use crate::model::{Failure, FailureKind, Timestamp};
use crate::net::Response;

/// The roles that the daemon needs, by Amazon's names.
pub(super) const ROLES: &str = "Inventory and Order Tracking, Direct-to-Consumer Shipping (Restricted), \
                                Tax Invoicing (Restricted), Finance and Accounting";

/// The first error of an answer, as far as it could be read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ApiError {
    pub code: String,
    pub message: String,
    pub details: String,
}

#[derive(Deserialize)]
struct ErrorList {
    errors: Vec<ErrorDocument>,
}

/// Any of these may be null.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorDocument {
    code: Word,
    message: Word,
    details: Word,
}

impl ApiError {
    /// Never fails: an error page of the edge is HTML and leaves everything empty.
    pub fn read(body: &[u8]) -> Self {
        let Ok(list) = serde_json::from_slice::<ErrorList>(body) else { return Self::default() };
        let Some(first) = list.errors.into_iter().next() else { return Self::default() };
        Self {
            code: first.code.to_string(),
            message: first.message.to_string(),
            details: first.details.to_string(),
        }
    }

    /// `Unauthorized: Access is denied. The access token has expired.`
    pub fn quoted(&self) -> String {
        let mut parts: Vec<&str> = Vec::new();
        for part in [&self.code, &self.message, &self.details] {
            let part = part.trim();
            if !part.is_empty() && !parts.contains(&part) {
                parts.push(part);
            }
        }
        parts.join(": ").chars().take(300).collect()
    }

    /// A word that the error tells in any of its parts.
    pub fn says(&self, word: &str) -> bool {
        [&self.code, &self.message, &self.details].into_iter().any(|part| part.contains(word))
    }

    /// The token was once good and has run out.
    fn is_expiry(&self) -> bool {
        self.details.to_ascii_lowercase().contains("expired")
            || self.message.to_ascii_lowercase().contains("expired")
    }
}

/// Turns an answer that is not a success into a failure. `wait` is how long a refused call waits.
pub(super) fn failure(operation: &Operation, response: &Response, now: Timestamp, wait: Duration) -> Failure {
    let error = ApiError::read(&response.body);
    let request_id = response.header("x-amzn-requestid").map(str::to_owned);
    let what = operation.what;
    let failure = match kind(response.status, &error.code) {
        FailureKind::RateLimited => Failure::rate_limited(
            format!("Amazon asks us to wait: the allowance to {what} is used up"),
            response.retry_after(now).unwrap_or_else(|| now.plus(wait)),
        ),
        FailureKind::Permission => {
            let failure = Failure::permission(format!("Amazon refused to {what}: {}", refusal(&error)));
            // A right of its own can be missing while the token is good.
            let right = operation.own_role && response.status == 403 && !error.is_expiry();
            if right { failure.local() } else { failure.stale_token() }
        }
        kind @ FailureKind::Unavailable => Failure::new(
            kind,
            format!("Amazon had trouble when asked to {what}: HTTP {} {}", response.status, error.quoted())
                .trim_end()
                .to_owned(),
        ),
        kind => {
            let mut failure = Failure::new(
                kind,
                format!("Amazon refused to {what}: HTTP {} {}", response.status, error.quoted())
                    .trim_end()
                    .to_owned(),
            );
            failure.local = operation.one_order;
            failure
        }
    };
    failure.http(response.status, request_id)
}

fn kind(status: u16, code: &str) -> FailureKind {
    match status {
        429 => FailureKind::RateLimited,
        // Amazon's word for a path or host that does not exist.
        403 if code == "MissingAuthenticationToken" => FailureKind::InvalidRequest,
        401 | 403 => FailureKind::Permission,
        404 => FailureKind::NotFound,
        400 | 402 | 405..=407 | 409..=428 | 430..=499 => FailureKind::InvalidRequest,
        _ => FailureKind::Unavailable,
    }
}

/// Why a call was forbidden, with what mends it where the answer tells.
fn refusal(error: &ApiError) -> String {
    let quoted = error.quoted();
    let details = error.details.to_ascii_lowercase();
    if error.is_expiry() {
        return format!("the access token ran out ({quoted})");
    }
    if details.contains("revoked") || details.contains("malformed") || details.contains("missing") {
        return format!("the access token is not accepted ({quoted})");
    }
    format!(
        "a role is missing, the seller revoked the authorisation, or the account is of another region \
         ({quoted}). Roles needed: {ROLES}. A new role counts only after the application was authorised again"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::amazon::api::{GET_ORDER, LIST_TRANSACTIONS, SEARCH_ORDERS};

    fn answer(status: u16, body: &str) -> Response {
        Response {
            status,
            headers: vec![("x-amzn-requestid".to_owned(), "req-7".to_owned())],
            body: body.as_bytes().to_vec(),
            begun_at: Timestamp::EPOCH,
        }
    }

    fn failed(status: u16, body: &str) -> Failure {
        failure(&GET_ORDER, &answer(status, body), Timestamp::EPOCH, Duration::from_secs(179))
    }

    fn body(code: &str, details: &str) -> String {
        format!(r#"{{"errors":[{{"code":"{code}","message":"m","details":"{details}"}}]}}"#)
    }

    #[test]
    fn every_row_of_the_error_table() {
        use FailureKind::{InvalidRequest, NotFound, Permission, RateLimited, Unavailable};
        let rows = [
            (400, body("InvalidInput", "Invalid Input"), InvalidRequest, false),
            (400, r#"{"errors":[{"code":400,"message":null}]}"#.to_owned(), InvalidRequest, false),
            (
                403,
                r#"{"errors":[{"code":"MissingAuthenticationToken","details":{"x":1}}]}"#.to_owned(),
                InvalidRequest,
                false,
            ),
            (401, body("Unauthorized", ""), Permission, true),
            (403, body("Unauthorized", "The access token you provided has expired."), Permission, true),
            (
                403,
                body("Unauthorized", "The access token is revoked, malformed or invalid."),
                Permission,
                true,
            ),
            (403, body("AccessDenied", ""), Permission, true),
            (403, body("MissingAuthenticationToken", ""), InvalidRequest, false),
            (404, body("NotFound", ""), NotFound, false),
            (413, String::new(), InvalidRequest, false),
            (415, body("UnsupportedMediaType", ""), InvalidRequest, false),
            (429, body("QuotaExceeded", ""), RateLimited, false),
            (500, body("InternalFailure", ""), Unavailable, false),
            (502, "<html>bad gateway</html>".to_owned(), Unavailable, false),
            (503, body("ServiceUnavailable", ""), Unavailable, false),
            (504, String::new(), Unavailable, false),
            (302, String::new(), Unavailable, false),
        ];
        for (status, body, kind, stale) in rows {
            let failure = failed(status, &body);
            assert_eq!((failure.kind, failure.stale_token), (kind, stale), "{status} {body}");
            assert_eq!(failure.request_id.as_deref(), Some("req-7"));
            assert_eq!(failure.http_status, Some(status));
        }
    }

    #[test]
    fn a_used_up_allowance_waits_for_one_refill() {
        let failure = failed(429, &body("QuotaExceeded", ""));
        assert_eq!(failure.resume_at, Some(Timestamp::from_secs(179)));
    }

    #[test]
    fn a_refused_list_concerns_the_channel_and_a_refused_order_only_itself() {
        let response = answer(400, &body("InvalidInput", "Invalid Input"));
        let list = failure(&SEARCH_ORDERS, &response, Timestamp::EPOCH, Duration::ZERO);
        let one = failure(&GET_ORDER, &response, Timestamp::EPOCH, Duration::ZERO);
        assert_eq!((list.local, one.local), (false, true));
        assert!(one.message.contains("InvalidInput: m: Invalid Input"), "{}", one.message);
    }

    #[test]
    fn the_ledger_s_missing_role_concerns_the_ledger_only() {
        let refused = |status, details| {
            let response = answer(status, &body("Unauthorized", details));
            let failure = failure(&LIST_TRANSACTIONS, &response, Timestamp::EPOCH, Duration::ZERO);
            (failure.local, failure.stale_token)
        };
        assert_eq!(refused(403, ""), (true, false));
        assert_eq!(refused(403, "The access token you provided has expired."), (false, true));
        assert_eq!(refused(401, ""), (false, true));
    }

    #[test]
    fn a_missing_role_is_named() {
        let failure = failed(403, &body("Unauthorized", ""));
        assert!(failure.message.contains("Direct-to-Consumer Shipping"), "{}", failure.message);
    }
}
