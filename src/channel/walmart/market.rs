//! The four countries, and what differs between them.

use super::carriers::{MEXICO, UNITED_STATES};
use crate::model::{CancelReason, Currency};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Market {
    UnitedStates,
    Canada,
    Mexico,
    Chile,
}

pub(super) const MARKETS: &[&str] = &["us", "mx", "ca", "cl"];

impl Market {
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "us" => Self::UnitedStates,
            "mx" => Self::Mexico,
            "ca" => Self::Canada,
            "cl" => Self::Chile,
            _ => return None,
        })
    }

    pub const fn code(self) -> &'static str {
        match self {
            Self::UnitedStates => "us",
            Self::Canada => "ca",
            Self::Mexico => "mx",
            Self::Chile => "cl",
        }
    }

    /// Everywhere but in the US the calls are those of the Global APIs.
    pub const fn is_global(self) -> bool {
        !matches!(self, Self::UnitedStates)
    }

    /// That of an order whose charges name none.
    pub fn currency(self) -> Option<Currency> {
        let code = match self {
            Self::UnitedStates => "USD",
            Self::Canada => "CAD",
            Self::Mexico => "MXN",
            Self::Chile => "CLP",
        };
        code.parse().ok()
    }

    pub const fn carriers(self) -> &'static [&'static str] {
        match self {
            Self::Mexico => MEXICO,
            Self::UnitedStates | Self::Canada | Self::Chile => UNITED_STATES,
        }
    }

    /// Walmart's word for a reason. In the US the customer's own wish counts only where it is on
    /// the line; without one, and for any other reason, "out of stock" is the least wrong.
    pub const fn cancel_word(self, reason: CancelReason, customer_asked: bool) -> &'static str {
        use CancelReason::{CustomerRequest, Other, OutOfStock, PricingError, Undeliverable};
        match (self, reason) {
            (Self::UnitedStates, CustomerRequest) if customer_asked => "CUSTOMER_REQUESTED_SELLER_TO_CANCEL",
            (Self::UnitedStates, PricingError) => "SELLER_CANCEL_PRICING_ERROR",
            (Self::UnitedStates, Undeliverable) => "SELLER_CANCEL_ADDRESS_NOT_SERVICEABLE",
            (Self::UnitedStates, CustomerRequest | OutOfStock | Other) => "SELLER_CANCEL_OUT_OF_STOCK",
            (Self::Canada, CustomerRequest) => "CUSTOMER_REQUESTED_SELLER_TO_CANCEL",
            (Self::Canada, _) => "CANCEL_BY_SELLER",
            (Self::Chile, PricingError) => "ERROR_DE_PRECIO",
            (Self::Chile, OutOfStock) => "AGOTADO",
            (Self::Chile, _) => "RECHAZAR",
            (Self::Mexico, PricingError) => "MIRAKL_REFUND_45",
            (Self::Mexico, OutOfStock) => "MIRAKL_REFUND_15",
            (Self::Mexico, _) => "SELLER_REJECTION",
        }
    }
}

/// Who packs: one list of orders for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Node {
    #[serde(rename = "SellerFulfilled")]
    Seller,
    /// Walmart's own warehouses: read-only here.
    #[serde(rename = "WFSFulfilled")]
    Walmart,
    #[serde(rename = "3PLFulfilled")]
    ThirdParty,
}

impl Node {
    pub const ALL: [Self; 3] = [Self::Seller, Self::Walmart, Self::ThirdParty];

    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|node| node.word().eq_ignore_ascii_case(word.trim()))
    }

    /// Walmart's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Seller => "SellerFulfilled",
            Self::Walmart => "WFSFulfilled",
            Self::ThirdParty => "3PLFulfilled",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use CancelReason::{CustomerRequest, Other, OutOfStock, PricingError, Undeliverable};

    #[test]
    fn every_market_has_its_words_for_cancelling() {
        for (market, reason, asked, word) in [
            ("us", CustomerRequest, true, "CUSTOMER_REQUESTED_SELLER_TO_CANCEL"),
            ("us", CustomerRequest, false, "SELLER_CANCEL_OUT_OF_STOCK"),
            ("us", OutOfStock, true, "SELLER_CANCEL_OUT_OF_STOCK"),
            ("us", PricingError, false, "SELLER_CANCEL_PRICING_ERROR"),
            ("us", Undeliverable, false, "SELLER_CANCEL_ADDRESS_NOT_SERVICEABLE"),
            ("us", Other, false, "SELLER_CANCEL_OUT_OF_STOCK"),
            ("ca", CustomerRequest, false, "CUSTOMER_REQUESTED_SELLER_TO_CANCEL"),
            ("ca", OutOfStock, false, "CANCEL_BY_SELLER"),
            ("cl", PricingError, false, "ERROR_DE_PRECIO"),
            ("cl", OutOfStock, false, "AGOTADO"),
            ("cl", Other, false, "RECHAZAR"),
            ("mx", PricingError, false, "MIRAKL_REFUND_45"),
            ("mx", OutOfStock, false, "MIRAKL_REFUND_15"),
            ("mx", CustomerRequest, false, "SELLER_REJECTION"),
        ] {
            let market = Market::named(market).expect("market");
            assert_eq!(market.cancel_word(reason, asked), word, "{} {reason}", market.code());
        }
    }

    #[test]
    fn every_listed_market_is_known() {
        for code in MARKETS {
            let market = Market::named(code).expect("market");
            assert_eq!(market.code(), *code);
            assert!(market.currency().is_some());
        }
    }
}
