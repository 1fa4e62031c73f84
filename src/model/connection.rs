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
    /// The channel says no to the last poll. Only a poll shows that this is over: single orders may
    /// well be read meanwhile.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub poll_refused: bool,
    /// Fingerprint of the credentials in the config when `needs_reconnect` was entered: other
    /// credentials deserve a fresh try.
    #[serde(default)]
    pub credentials: String,
    /// The marketplace has refused the newest refresh token for good, in these words. It is not sent
    /// again by itself: other tokens or other credentials take the mark away, or a person's retry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_grant: Option<String>,
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

/// At least so much of an allowance was left at that moment, in calls or the marketplace's points.
/// Negative: more was spent than there was.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Left {
    pub tokens: f64,
    pub at: Timestamp,
    /// How it grew then; answers may have told another rate than the documentation.
    pub per_second: f64,
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

/// What the config proves itself with, as fingerprints. They hold no secret, and the ones of tokens
/// are sealed with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub whole: String,
    /// Of the refresh token alone; `None` when the config has none.
    pub grant: Option<String>,
}

/// Under which names the fingerprints are kept.
const CREDENTIALS: &str = "fenicia.credentials";
const GRANT: &str = "fenicia.grant";

impl Tokens {
    /// An access token alone, which is not known to end.
    pub fn bare(access: Secret, obtained_at: Timestamp) -> Self {
        Self {
            access,
            expires_at: None,
            obtained_at,
            refresh: None,
            refresh_expires_at: None,
            generation: 0,
            scopes: Vec::new(),
            extra: std::collections::BTreeMap::new(),
        }
    }

    /// Marks them with the credentials that obtained them. A config without a refresh token does
    /// not say that the one adopted before, which `held` remembers, is another.
    #[must_use]
    pub fn marked(mut self, by: &Credentials, held: Option<&Self>) -> Self {
        let adopted = || held.and_then(|held| held.extra.get(GRANT).cloned());
        if let Some(grant) = by.grant.clone().or_else(adopted) {
            self.extra.insert(GRANT.to_owned(), grant);
        }
        self.extra.insert(CREDENTIALS.to_owned(), by.whole.clone());
        self
    }

    /// What of them is of use to a config with these credentials. All, when they are the ones that
    /// obtained them. The refresh token, which may have been rotated many times since, as long as
    /// the config's own is the one that was adopted: the access token is then asked for anew, which
    /// proves the other credentials. Nothing, when the config names another refresh token.
    pub fn usable_by(self, credentials: &Credentials) -> Option<Self> {
        if self.extra.get(CREDENTIALS) == Some(&credentials.whole) {
            return Some(self);
        }
        let same_grant = credentials.grant.is_none() || self.extra.get(GRANT) == credentials.grant.as_ref();
        (same_grant && self.refresh.is_some()).then_some(Self { expires_at: Some(Timestamp::EPOCH), ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(whole: &str, grant: Option<&str>) -> Credentials {
        Credentials { whole: whole.to_owned(), grant: grant.map(ToOwned::to_owned) }
    }

    fn tokens(refresh: Option<&str>) -> Tokens {
        Tokens {
            refresh: refresh.map(Secret::new),
            generation: 1,
            ..Tokens::bare(Secret::new("a"), Timestamp::EPOCH)
        }
    }

    #[test]
    fn tokens_are_of_use_to_the_credentials_that_obtained_them() {
        let first = credentials("first", None);
        assert_eq!(tokens(None).usable_by(&first), None);
        let marked = tokens(None).marked(&first, None);
        assert_eq!(marked.clone().usable_by(&first), Some(marked.clone()));
        assert_eq!(marked.usable_by(&credentials("second", None)), None, "there is nothing to renew with");
    }

    #[test]
    fn a_rotated_refresh_token_goes_only_when_the_config_names_another_one() {
        let first = credentials("first", Some("x"));
        let rotated = tokens(Some("rotated")).marked(&first, None);
        let refresh = |of: Option<Tokens>| of.and_then(|t| t.refresh).map(|r| r.expose().to_owned());
        let kept = rotated.clone().usable_by(&credentials("other secret", Some("x")));
        assert_eq!(kept.as_ref().and_then(|kept| kept.expires_at), Some(Timestamp::EPOCH));
        assert_eq!(refresh(kept).as_deref(), Some("rotated"));
        assert_eq!(rotated.clone().usable_by(&credentials("other grant", Some("y"))), None);

        let taken_out = credentials("without", None);
        let kept = rotated.clone().usable_by(&taken_out);
        assert_eq!(refresh(kept.clone()).as_deref(), Some("rotated"));
        let renewed = tokens(Some("next")).marked(&taken_out, kept.as_ref());
        assert!(renewed.clone().usable_by(&credentials("put back", Some("x"))).is_some());
        assert_eq!(renewed.usable_by(&credentials("another", Some("y"))), None);
    }
}
