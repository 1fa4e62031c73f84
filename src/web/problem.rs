//! Errors as callers see them: RFC 9457 problems with stable codes.
//!
//! The detail is for a person and says what happened, why, and what to do now. It never holds a
//! secret, personal data or an internal error's text.

use hyper::StatusCode;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde::Serialize;

use super::reply::{self, Reply};
use crate::channel::Refused;
use crate::model::SyncId;
use crate::store::{CommandError, StoreError};

/// What went wrong, as a program tells it. Never renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    InvalidRequest,
    Unauthenticated,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    Conflict,
    Unsupported,
    Gone,
    TooLarge,
    UnsupportedMediaType,
    UnknownHost,
    IdempotencyKeyReused,
    RateLimited,
    Timeout,
    Unavailable,
    Internal,
}

impl Code {
    pub const ALL: [Self; 16] = [
        Self::InvalidRequest,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::Unsupported,
        Self::Gone,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::UnknownHost,
        Self::IdempotencyKeyReused,
        Self::RateLimited,
        Self::Timeout,
        Self::Unavailable,
        Self::Internal,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Conflict => "conflict",
            Self::Unsupported => "unsupported",
            Self::Gone => "gone",
            Self::TooLarge => "too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::UnknownHost => "unknown_host",
            Self::IdempotencyKeyReused => "idempotency_key_reused",
            Self::RateLimited => "rate_limited",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// The status that goes with it, but for a refused body, which is a 422 `invalid_request`.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict | Self::Unsupported => StatusCode::CONFLICT,
            Self::Gone => StatusCode::GONE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::UnknownHost => StatusCode::MISDIRECTED_REQUEST,
            Self::IdempotencyKeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub const fn title(self) -> &'static str {
        match self {
            Self::InvalidRequest => "The request cannot be read",
            Self::Unauthenticated => "No valid API key",
            Self::Forbidden => "The role is too low",
            Self::NotFound => "Not here",
            Self::MethodNotAllowed => "Not with this method",
            Self::Conflict => "The state does not allow it",
            Self::Unsupported => "The channel cannot do this",
            Self::Gone => "No longer kept",
            Self::TooLarge => "Too large",
            Self::UnsupportedMediaType => "Not JSON",
            Self::UnknownHost => "Unknown host name",
            Self::IdempotencyKeyReused => "Idempotency key used twice",
            Self::RateLimited => "Too many at once",
            Self::Timeout => "The request took too long",
            Self::Unavailable => "Not now",
            Self::Internal => "Something broke in fenicia",
        }
    }
}

/// An error on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub status: StatusCode,
    pub code: Code,
    pub detail: String,
    /// The parameter, header or body field to correct.
    pub field: Option<String>,
    /// The sync that is in the way.
    pub sync_id: Option<SyncId>,
    /// Seconds after which it may go better.
    pub retry_after: Option<u32>,
    /// For 405: the methods that work here.
    pub allow: Option<String>,
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: Code,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sync_id: Option<SyncId>,
}

impl Problem {
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            status: code.status(),
            code,
            detail: detail.into(),
            field: None,
            sync_id: None,
            retry_after: None,
            allow: None,
        }
    }

    /// 400: a parameter or header.
    pub fn parameter(name: &str, detail: impl Into<String>) -> Self {
        Self { field: Some(name.to_owned()), ..Self::new(Code::InvalidRequest, detail) }
    }

    /// 422: well-formed JSON with a wrong field.
    pub fn field(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            field: Some(name.into()),
            ..Self::new(Code::InvalidRequest, detail)
        }
    }

    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(Code::NotFound, detail)
    }

    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(Code::Conflict, detail)
    }

    pub fn internal() -> Self {
        Self::new(
            Code::Internal,
            "Something broke in fenicia, not in the marketplace. Look into its log, then try again.",
        )
    }

    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    pub fn into_reply(self) -> Reply {
        let document = Document {
            kind: format!("urn:fenicia:problem:{}", self.code.as_str()),
            title: self.code.title(),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            field: self.field.as_deref(),
            sync_id: self.sync_id,
        };
        let mut reply = reply::json(self.status, &document);
        let headers = reply.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.code == Code::Unauthenticated {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"fenicia\""));
        }
        let mut insert = |name: HeaderName, value: Option<String>| {
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
                headers.insert(name, value);
            }
        };
        insert(RETRY_AFTER, self.retry_after.map(|seconds| seconds.to_string()));
        insert(ALLOW, self.allow);
        reply
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self::new(
                Code::Unavailable,
                "More waits to be written than the disk keeps up with. Try again in a few seconds.",
            )
            .retry_after(5),
            StoreError::DiskFull => Self::new(
                Code::Unavailable,
                "The disk is nearly full, so nothing new is taken. Free some space, then try again.",
            )
            .retry_after(60),
            StoreError::Closed => {
                Self::new(Code::Unavailable, "fenicia is shutting down. Try again when it is back.")
                    .retry_after(10)
            }
            StoreError::Corrupt(what) => {
                tracing::error!(%what, "a stored record cannot be read");
                Self::internal()
            }
            StoreError::NotFound("cursor") => {
                Self::parameter("cursor", "This cursor is not one of ours, or too old. Begin without one.")
            }
            StoreError::NotFound(what) => Self::not_found(format!("There is no such {what} here.")),
        }
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Store(error) => error.into(),
            CommandError::KeyReused => Self {
                field: Some("Idempotency-Key".to_owned()),
                ..Self::new(
                    Code::IdempotencyKeyReused,
                    "This key was sent before with another request. Use a new key for a new request.",
                )
            },
            CommandError::NotFound(what) => Self::not_found(format!("There is no such {what} here.")),
            CommandError::Running(id) => Self {
                sync_id: Some(id),
                ..Self::conflict("A sync of this channel is running. Follow that one, or stop it first.")
            },
            CommandError::Conflict(why) => Self::conflict(why),
        }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Unsupported { why } => Self::new(Code::Unsupported, why),
            Refused::Invalid { field, why } => Self::field(field, why),
            Refused::Conflict { why } => Self::conflict(why),
        }
    }
}

/// The text of a reply that was built in memory, for tests.
#[cfg(test)]
pub(super) async fn text(reply: Reply) -> String {
    use http_body_util::BodyExt as _;
    let bytes = reply.into_body().collect().await.expect("a body in memory").to_bytes();
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_problem_has_the_members_of_the_rfc_and_a_code() {
        let problem = Problem::field("items[0].quantity", "At most 2 units are left.");
        let reply = problem.into_reply();
        assert_eq!(reply.status(), 422);
        assert_eq!(reply.headers()["content-type"], "application/problem+json");
        let document: serde_json::Value = serde_json::from_str(&text(reply).await).expect("JSON");
        assert_eq!(
            document,
            serde_json::json!({
                "type": "urn:fenicia:problem:invalid_request",
                "title": "The request cannot be read",
                "status": 422,
                "detail": "At most 2 units are left.",
                "code": "invalid_request",
                "field": "items[0].quantity",
            })
        );
    }

    #[test]
    fn a_running_sync_is_named() {
        let id = SyncId(uuid::Uuid::nil());
        let problem = Problem::from(CommandError::Running(id));
        assert_eq!((problem.status.as_u16(), problem.sync_id), (409, Some(id)));
    }

    #[test]
    fn what_passes_says_when_to_come_back() {
        for error in [StoreError::Busy, StoreError::DiskFull, StoreError::Closed] {
            let problem = Problem::from(error);
            assert_eq!(problem.status, 503);
            assert!(problem.retry_after.is_some());
        }
    }

    #[test]
    fn words_of_codes_are_those_of_their_serialised_form() {
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).expect("JSON"), code.as_str());
        }
    }
}
