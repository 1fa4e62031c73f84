//! A field of a marketplace's document that may be missing, null, or of another shape than
//! documented. What cannot be read counts as not said: one odd field must not hide an order.

use std::ops::Deref;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A field that was said, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said<T>(pub Option<T>);

impl<T> Default for Said<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Deref for Said<T> {
    type Target = Option<T>;
    fn deref(&self) -> &Option<T> {
        &self.0
    }
}

impl Said<String> {
    /// Empty when not said.
    pub fn word(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }
}

impl<T> Said<Vec<T>> {
    /// Empty when not said.
    pub fn list(&self) -> &[T] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Said<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Option::<Box<RawValue>>::deserialize(deserializer)?;
        Ok(Self(raw.and_then(|raw| serde_json::from_str(raw.get()).ok())))
    }
}

/// A span in seconds, as a number or as a text of one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seconds(pub Option<Duration>);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Option::<Box<RawValue>>::deserialize(deserializer)?;
        let seconds = raw.and_then(|raw| raw.get().trim().trim_matches('"').trim().parse::<f64>().ok());
        Ok(Self(seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())))
    }
}

/// A list, or an object in its place. Elements that are null, `{}` or unreadable are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Many<T>(pub Vec<T>);

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Some(raw) = Option::<Box<RawValue>>::deserialize(deserializer)? else {
            return Ok(Self::default());
        };
        let elements: Vec<Box<RawValue>> = match serde_json::from_str(raw.get()) {
            Ok(elements) => elements,
            Err(_) => vec![raw],
        };
        let filled = elements.iter().map(|element| element.get()).filter(|text| !is_nothing(text));
        Ok(Self(filled.filter_map(|text| serde_json::from_str(text).ok()).collect()))
    }
}

/// Null, or an object that holds nothing.
pub fn is_nothing(json: &str) -> bool {
    let inside = json.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    json.trim() == "null" || inside.is_some_and(|inside| inside.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_read_from_a_number_or_its_text() {
        let read = |json: &str| serde_json::from_str::<Seconds>(json).expect(json).0;
        for json in ["3600", "3600.0", "\"3600\"", "\" 3600 \""] {
            assert_eq!(read(json), Some(Duration::from_hours(1)), "{json}");
        }
        for json in ["null", "-1", "\"soon\"", "{}", "1e300", "true"] {
            assert_eq!(read(json), None, "{json}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_said() {
        let said = |json: &str| serde_json::from_str::<Said<String>>(json).expect(json).0;
        assert_eq!(said("\"paid\"").as_deref(), Some("paid"));
        for json in ["null", "7", "{}", "[\"paid\"]"] {
            assert_eq!(said(json), None, "{json}");
        }
    }
}
