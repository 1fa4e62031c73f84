//! Words and ids of a marketplace's documents: texts, or numbers where the marketplace is careless.

use std::ops::Deref;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A word or an id, trimmed; empty when not said.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Word(String);

impl Deref for Word {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl Word {
    pub fn filled(&self) -> Option<&str> {
        Some(self.0.as_str()).filter(|word| !word.is_empty())
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Option::<Box<RawValue>>::deserialize(deserializer)?;
        let text = raw.map(|raw| raw.get().trim().to_owned()).unwrap_or_default();
        let word = match text.as_bytes().first() {
            Some(b'"') => serde_json::from_str::<String>(&text).unwrap_or_default().trim().to_owned(),
            // A bare number keeps its digits: it may be larger than a float can hold.
            Some(b'0'..=b'9' | b'-') => text,
            _ => String::new(),
        };
        Ok(Self(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_every_digit_and_lose_the_space_around_them() {
        let read = |json: &str| serde_json::from_str::<Word>(json).expect(json).to_string();
        assert_eq!(read(r#""1153132168123859123\n""#), "1153132168123859123");
        assert_eq!(read("576461413038785752"), "576461413038785752");
        assert_eq!(read(r#"" ""#), "");
        for nothing in ["null", "{}", "[1]", "true"] {
            assert_eq!(read(nothing), "", "{nothing}");
        }
    }
}
