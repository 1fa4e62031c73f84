//! The state of one marketplace connection.

use serde::{Deserialize, Serialize};

use super::status::closed_words;
use super::{FailureKind, Secret, Timestamp};

closed_words!(
    ConnectionStatus {
        Connected = "connected",
        /// Calls fail for now; it cures itself.
        Degraded = "degraded",
        /// The marketplace refuses us: a person must act. Calls pause, webhooks are still taken.
        NeedsReconnect = "needs_reconnect",
        Disabled = "disabled",
    }
);

/// The stored state of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionState {
    pub kind: String,
    pub status: ConnectionStatus,
    pub status_since: Timestamp,
    pub last_success_at: Option<Timestamp>,
    pub last_error: Option<ChannelError>,
    pub last_webhook_at: Option<Timestamp>,
    /// Calls are held back until then, because the channel asked for it.
    pub parked_until: Option<Timestamp>,
    /// Failures in a row that concern the connection.
    #[serde(default)]
    pub failures: u32,
    /// Fingerprint of the credentials in the config when `needs_reconnect` was entered: other
    /// credentials deserve a fresh try.
    #[serde(default)]
    pub credentials: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelError {
    pub kind: FailureKind,
    pub message: String,
    pub at: Timestamp,
}

/// What the marketplace last said about our allowance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimit {
    pub remaining: Option<u64>,
    pub resets_at: Option<Timestamp>,
}

/// What lets us call a marketplace. Sealed on disk, written before it is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    pub access: Secret,
    pub expires_at: Option<Timestamp>,
    pub obtained_at: Timestamp,
    pub refresh: Option<Secret>,
    pub refresh_expires_at: Option<Timestamp>,
    /// Grows by one with each new pair.
    pub generation: u64,
    /// What the marketplace granted, in its own words.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// What belongs to this grant and is sent with calls, such as a shop's cipher.
    #[serde(default)]
    pub extra: std::collections::BTreeMap<String, String>,
}

/// Under which name the fingerprint is kept.
const CREDENTIALS: &str = "fenicia.credentials";

impl Tokens {
    /// Marks them with the fingerprint of the credentials that obtained them.
    #[must_use]
    pub fn marked(mut self, credentials: &str) -> Self {
        self.extra.insert(CREDENTIALS.to_owned(), credentials.to_owned());
        self
    }

    /// Whether these credentials obtained them: when the config holds others, stored tokens are of
    /// no use.
    pub fn are_of(&self, credentials: &str) -> bool {
        self.extra.get(CREDENTIALS).is_some_and(|own| own == credentials)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_know_the_credentials_that_obtained_them() {
        let tokens = Tokens {
            access: Secret::new("a"),
            expires_at: None,
            obtained_at: Timestamp::EPOCH,
            refresh: None,
            refresh_expires_at: None,
            generation: 1,
            scopes: Vec::new(),
            extra: std::collections::BTreeMap::new(),
        };
        assert!(!tokens.are_of("first"));
        let marked = tokens.marked("first");
        assert!(marked.are_of("first") && !marked.are_of("second"));
    }
}
