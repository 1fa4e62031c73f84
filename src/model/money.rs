//! Money: exact decimals beside a currency that knows its number of decimals.

use std::fmt;
use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

/// An ISO 4217 code, three capital letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// The text is not a currency code.
#[derive(Debug, thiserror::Error)]
#[error("a currency is three letters, such as USD")]
pub struct BadCurrency;

/// Currencies without minor units, by ISO 4217.
const NO_DECIMALS: [&str; 16] = [
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF",
    "XPF",
];
const THREE_DECIMALS: [&str; 7] = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];
/// Two by ISO, but quoted and paid without decimals, and sent so by marketplaces.
const NO_DECIMALS_IN_TRADE: [&str; 1] = ["IDR"];

impl Currency {
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    pub fn decimals(self) -> u32 {
        let code = self.as_str();
        if NO_DECIMALS.contains(&code) || NO_DECIMALS_IN_TRADE.contains(&code) {
            0
        } else if THREE_DECIMALS.contains(&code) {
            3
        } else {
            2
        }
    }

    /// The amount with exactly this currency's number of decimals, rounded half to even.
    pub fn round(self, amount: Decimal) -> Decimal {
        let mut amount =
            amount.round_dp_with_strategy(self.decimals(), RoundingStrategy::MidpointNearestEven);
        amount.rescale(self.decimals());
        amount
    }
}

/// Reads a decimal from the text that a marketplace sent, string or JSON number alike, exponents
/// included. `None` when it is not a number.
pub fn decimal(text: &str) -> Option<Decimal> {
    let text = text.trim().trim_matches('"');
    Decimal::from_str(text).or_else(|_| Decimal::from_scientific(text)).ok()
}

impl FromStr for Currency {
    type Err = BadCurrency;
    fn from_str(text: &str) -> Result<Self, BadCurrency> {
        let bytes: [u8; 3] =
            text.trim().to_ascii_uppercase().as_bytes().try_into().map_err(|_| BadCurrency)?;
        if bytes.iter().all(u8::is_ascii_uppercase) { Ok(Self(bytes)) } else { Err(BadCurrency) }
    }
}

impl TryFrom<String> for Currency {
    type Error = BadCurrency;
    fn try_from(text: String) -> Result<Self, BadCurrency> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(currency: &str, amount: &str) -> String {
        let currency: Currency = currency.parse().expect("currency");
        currency.round(decimal(amount).expect("number")).to_string()
    }

    #[test]
    fn amounts_carry_their_currency_s_decimals() {
        assert_eq!(shown("USD", "20.0"), "20.00");
        assert_eq!(shown("MXN", "14.290000000000001"), "14.29");
        assert_eq!(shown("JPY", "19940"), "19940");
        assert_eq!(shown("KWD", "1.5"), "1.500");
        assert_eq!(shown("CLP", "4990.0"), "4990");
        assert_eq!(shown("USD", "1e2"), "100.00");
    }

    #[test]
    fn what_is_not_a_number_is_none() {
        assert_eq!(decimal("twelve"), None);
        assert_eq!(decimal(""), None);
    }
}
