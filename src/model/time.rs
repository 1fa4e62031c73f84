//! One instant type for everything that is stored or shown: UTC, milliseconds.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Milliseconds since 1970-01-01T00:00:00Z. Shown and stored as RFC 3339 with `Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const EPOCH: Self = Self(0);
    /// Later than anything a marketplace can send: 9999-12-30.
    pub const MAX: Self = Self(253_402_128_000_000);

    /// Out-of-range input is clamped to the years 0000..=9999, so that every value can be printed.
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(-62_135_596_800_000, Self::MAX.0))
    }

    pub fn from_secs(secs: i64) -> Self {
        Self::from_millis(secs.saturating_mul(1_000))
    }

    pub const fn as_millis(self) -> i64 {
        self.0
    }

    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Reads RFC 3339 and the variants that marketplaces send: any offset, with or without a
    /// fraction, offset written `-0400`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(at) = text.parse::<jiff::Timestamp>() {
            return Some(Self::from_millis(at.as_millisecond()));
        }
        let at = jiff::fmt::strtime::parse("%Y-%m-%dT%H:%M:%S%.f%z", text).ok()?.to_timestamp().ok()?;
        Some(Self::from_millis(at.as_millisecond()))
    }

    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self::from_millis(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Time from `earlier` to `self`, zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The civil view, for schedules and for formats that a marketplace asks for.
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    pub fn from_jiff(at: jiff::Timestamp) -> Self {
        Self::from_millis(at.as_millisecond())
    }

    /// RFC 3339 without a fraction, as Shopify, Walmart and others want it in queries.
    pub fn to_rfc3339_secs(self) -> String {
        Self::from_secs(self.as_secs()).to_string()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_jiff().fmt(f)
    }
}

/// The text is not a date and time with a zone.
#[derive(Debug, thiserror::Error)]
#[error("not a date and time with a zone, such as 2026-11-25T18:00:00Z")]
pub struct BadTimestamp;

impl FromStr for Timestamp {
    type Err = BadTimestamp;

    fn from_str(text: &str) -> Result<Self, BadTimestamp> {
        Self::parse(text).ok_or(BadTimestamp)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_spelling_that_marketplaces_send() {
        for text in [
            "2024-11-01T13:34:59Z",
            "2024-11-01T13:34:59.000Z",
            "2024-11-01T09:34:59.000-04:00",
            "2024-11-01T09:34:59-0400",
            "2024-11-01T09:34:59.000-0400",
        ] {
            assert_eq!(
                Timestamp::parse(text).map(|t| t.to_string()).as_deref(),
                Some("2024-11-01T13:34:59Z"),
                "{text}"
            );
        }
        assert_eq!(Timestamp::parse("yesterday"), None);
    }

    #[test]
    fn shows_milliseconds_only_when_there_are_some() {
        assert_eq!(Timestamp::from_millis(1_500).to_string(), "1970-01-01T00:00:01.5Z");
        assert_eq!(Timestamp::from_millis(1_500).to_rfc3339_secs(), "1970-01-01T00:00:01Z");
    }
}
