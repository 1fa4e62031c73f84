//! Ids and amounts as Shopify spells them, in GraphQL and in webhook bodies.

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::model::{ChannelOrderId, decimal};

/// The decimal number of a resource, from a JSON number, a text, or the tail of a global id
/// (`gid://shopify/Order/5123`). Numbers are beyond 2^53, so they stay text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id(String);

impl Id {
    /// `None` when the text does not end in a number other than 0.
    pub(super) fn read(text: &str) -> Option<Self> {
        let tail = text.trim().trim_matches('"').rsplit('/').next().unwrap_or("");
        let number = tail.split('?').next().unwrap_or("");
        let plain = (1..=20).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
        (plain && number.bytes().any(|b| b != b'0')).then(|| Self(number.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn order(&self) -> Option<ChannelOrderId> {
        ChannelOrderId::new(&self.0).ok()
    }
}

/// The global id that GraphQL takes.
pub(super) fn gid(kind: &str, number: &str) -> String {
    format!("gid://shopify/{kind}/{number}")
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        Self::read(raw.get()).ok_or_else(|| serde::de::Error::custom("not an id"))
    }
}

/// An amount, read from its own digits and never through a float. `None` for anything else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amount(pub Option<Decimal>);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        Ok(Self(decimal(raw.get())))
    }
}

/// Text with something in it.
pub(super) fn filled(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_keeps_every_digit_in_each_of_its_spellings() {
        for json in [
            "820982911946154508",
            "\"820982911946154508\"",
            "\"gid://shopify/Order/820982911946154508\"",
            r#""gid:\/\/shopify\/Order\/820982911946154508""#,
            "\"gid://shopify/Order/820982911946154508?namespace=x\"",
        ] {
            let id: Id = serde_json::from_str(json).expect(json);
            assert_eq!(id.as_str(), "820982911946154508", "{json}");
        }
        for json in ["null", "0", "\"\"", "-5", "1.5", "\"gid://shopify/Order/\"", "{}"] {
            assert!(serde_json::from_str::<Id>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn amounts_are_read_from_their_digits() {
        let read = |json: &str| serde_json::from_str::<Amount>(json).expect(json).0.map(|a| a.to_string());
        assert_eq!(read("\"199.65\"").as_deref(), Some("199.65"));
        assert_eq!(read("195.67").as_deref(), Some("195.67"));
        assert_eq!(read("\"20.0\"").as_deref(), Some("20.0"));
        assert_eq!(read("null"), None);
        assert_eq!(read("\"free\""), None);
    }
}
