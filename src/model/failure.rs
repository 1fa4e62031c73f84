//! Why a marketplace call gave no usable answer. The kind decides what happens next.

use std::fmt;

use super::Timestamp;
use super::order::SyncError;
use super::status::closed_words;

closed_words!(
    /// The seven causes a merchant can be told about.
    FailureKind {
        /// No answer within the limit, or the connection broke. The effect of a write is unknown.
        NetworkTimeout = "network_timeout",
        /// The channel asks us to wait.
        RateLimited = "rate_limited",
        /// Token expired for good, revoked, or a right is missing: a person must reconnect.
        Permission = "permission",
        /// Gone at the source.
        NotFound = "not_found",
        /// The marketplace answers 5xx or nonsense.
        Unavailable = "unavailable",
        /// The channel refuses the content.
        InvalidRequest = "invalid_request",
        /// The channel has no such operation.
        Unsupported = "unsupported",
    }
);

impl FailureKind {
    /// Instead of the advice of `InvalidRequest`: the content is fine, its time has passed.
    pub(super) const CONFLICT_ADVICE: &'static str = "The order is not as it was when this was asked. Look at the order as it is now; ask again if it is still needed.";

    /// What the merchant should do.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::NetworkTimeout => {
                "Connection unstable. Retry after a few minutes; fenicia also retries by itself."
            }
            Self::RateLimited => {
                "Too many requests to the channel. Wait for the limit to reset; fenicia goes on by itself then."
            }
            Self::Permission => "The token expired or a permission is missing. Reconnect the channel.",
            Self::NotFound => {
                "The order was deleted in the source channel. Look in the marketplace; the copy here stays."
            }
            Self::Unavailable => "The marketplace is having trouble. Wait; fenicia retries by itself.",
            Self::InvalidRequest => "The channel refuses the content. Correct it and send it again.",
            Self::Unsupported => "The channel cannot do this from here. Do it in the marketplace.",
        }
    }

    /// Whether the same call can succeed later without a person.
    pub const fn is_temporary(self) -> bool {
        matches!(self, Self::NetworkTimeout | Self::RateLimited | Self::Unavailable)
    }

    /// Whether the channel understood who asks, and says no to what is asked.
    pub const fn is_refusal(self) -> bool {
        matches!(self, Self::NotFound | Self::InvalidRequest | Self::Unsupported)
    }
}

/// A failed call. The message is for a person: no token, no personal data, at most 300 characters
/// of the channel's own text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub kind: FailureKind,
    pub message: String,
    /// When the channel allows the next call; set for `RateLimited`.
    pub resume_at: Option<Timestamp>,
    /// HTTP status, where there was an answer.
    pub http_status: Option<u16>,
    /// The marketplace's id of the request, which its support asks for.
    pub request_id: Option<String>,
    /// The refusal may be cured by a fresh access token.
    pub stale_token: bool,
    /// The refresh token that was sent is void for good: only other ones are worth sending.
    pub dead_grant: bool,
    /// Concerns one order or one optional call only; the connection itself is fine.
    pub local: bool,
    /// For a write: the marketplace certainly did not act (refused before or instead of acting).
    pub no_effect: bool,
    /// For a write: the order is not as it was when the write was asked for.
    pub conflict: bool,
}

impl Failure {
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        let message: String = message.into();
        let mut short: String = message.chars().take(400).collect();
        if short.len() < message.len() {
            short.push('…');
        }
        Self {
            kind,
            message: short,
            resume_at: None,
            http_status: None,
            request_id: None,
            stale_token: false,
            dead_grant: false,
            local: false,
            no_effect: !matches!(kind, FailureKind::NetworkTimeout | FailureKind::Unavailable),
            conflict: false,
        }
    }

    pub fn timeout(message: impl Into<String>) -> Self {
        Self::new(FailureKind::NetworkTimeout, message)
    }

    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Unavailable, message)
    }

    pub fn permission(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Permission, message)
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self { local: true, ..Self::new(FailureKind::NotFound, message) }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self { local: true, ..Self::new(FailureKind::InvalidRequest, message) }
    }

    /// The order has moved on, or somebody else is changing it.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self { conflict: true, ..Self::invalid(message) }
    }

    pub fn unsupported(message: impl Into<String>) -> Self {
        Self { local: true, ..Self::new(FailureKind::Unsupported, message) }
    }

    pub fn rate_limited(message: impl Into<String>, resume_at: Timestamp) -> Self {
        Self { resume_at: Some(resume_at), ..Self::new(FailureKind::RateLimited, message) }
    }

    #[must_use]
    pub fn stale_token(mut self) -> Self {
        self.stale_token = true;
        self
    }

    #[must_use]
    pub fn dead_grant(mut self) -> Self {
        self.dead_grant = true;
        self
    }

    #[must_use]
    pub fn local(mut self) -> Self {
        self.local = true;
        self
    }

    #[must_use]
    pub fn http(mut self, status: u16, request_id: Option<String>) -> Self {
        self.http_status = Some(status);
        self.conflict |= status == 409 && self.kind == FailureKind::InvalidRequest;
        self.request_id = request_id;
        self
    }

    /// What the merchant should do.
    pub fn advice(&self) -> &'static str {
        self.to_error(None).advice()
    }

    /// The stored and shown form; `retry_at` is when fenicia itself tries again.
    pub fn to_error(&self, retry_at: Option<Timestamp>) -> SyncError {
        let mut message = self.message.clone();
        if let Some(id) = &self.request_id {
            message = format!("{message} (request id {id})");
        }
        SyncError { kind: self.kind, message, retry_at, conflict: self.conflict }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

impl std::error::Error for Failure {}
