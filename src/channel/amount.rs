//! Money as a marketplace writes it in JSON: a number or a text.

use rust_decimal::Decimal;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::model::decimal;

/// An amount, read from its own digits and never through a float.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount(pub Decimal);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        decimal(raw.get()).map(Self).ok_or_else(|| D::Error::custom("not an amount"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_keep_every_digit() {
        for (json, digits) in
            [("14.290000000000001", "14.290000000000001"), ("\"12.5\"", "12.5"), ("0.0", "0.0")]
        {
            assert_eq!(serde_json::from_str::<Amount>(json).expect(json).0.to_string(), digits);
        }
        assert!(serde_json::from_str::<Amount>("\"free\"").is_err());
    }
}
