//! TikTok Shop's words for why a seller cancels. They depend on the market and on whether the order
//! is paid; a word of another market is refused.

use crate::model::CancelReason;

/// Whether the buyer has paid already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Unpaid,
    Paid,
}

/// The word for a reason. Where a market has none for it, the usual one stands in, and the
/// merchant sees which.
pub fn word(region: &str, stage: Stage, reason: CancelReason) -> &'static str {
    match region.to_ascii_uppercase().as_str() {
        "US" => us(stage, reason),
        "GB" | "UK" => uk(stage, reason),
        _ => elsewhere(stage, reason),
    }
}

const fn us(stage: Stage, reason: CancelReason) -> &'static str {
    match (stage, reason) {
        (Stage::Unpaid, CancelReason::CustomerRequest) => {
            "seller_cancel_unpaid_reason_buyer_requested_cancellation"
        }
        (Stage::Paid, CancelReason::CustomerRequest) => {
            "seller_cancel_paid_reason_buyer_requested_cancellation"
        }
        _ => elsewhere(stage, reason),
    }
}

const fn uk(stage: Stage, reason: CancelReason) -> &'static str {
    match (stage, reason) {
        (Stage::Unpaid, CancelReason::PricingError) => "seller_cancel_unpaid_reason_wrong_price_uk",
        (Stage::Unpaid, _) => "seller_cancel_unpaid_reason_out_of_stock_uk",
        (Stage::Paid, CancelReason::PricingError) => "seller_cancel_reason_wrong_price_uk",
        (Stage::Paid, CancelReason::Undeliverable) => "seller_cancel_paid_reason_address_not_deliver_uk",
        (Stage::Paid, _) => "seller_cancel_reason_out_of_stock_uk",
    }
}

/// Indonesia's, and the family that other markets share.
const fn elsewhere(stage: Stage, reason: CancelReason) -> &'static str {
    match (stage, reason) {
        (Stage::Unpaid, CancelReason::PricingError) => "seller_cancel_unpaid_reason_wrong_price",
        (Stage::Unpaid, _) => "seller_cancel_unpaid_reason_out_of_stock",
        (Stage::Paid, CancelReason::PricingError) => "seller_cancel_reason_wrong_price",
        (Stage::Paid, CancelReason::Undeliverable) => "seller_cancel_paid_reason_address_not_deliver",
        (Stage::Paid, _) => "seller_cancel_reason_out_of_stock",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_market_and_stage_has_words_of_its_own() {
        use CancelReason as R;
        use Stage::{Paid, Unpaid};
        #[rustfmt::skip]
        let table = [
            ("US", Paid, R::CustomerRequest, "seller_cancel_paid_reason_buyer_requested_cancellation"),
            ("US", Unpaid, R::CustomerRequest, "seller_cancel_unpaid_reason_buyer_requested_cancellation"),
            ("US", Paid, R::OutOfStock, "seller_cancel_reason_out_of_stock"),
            ("US", Paid, R::Undeliverable, "seller_cancel_paid_reason_address_not_deliver"),
            ("US", Unpaid, R::PricingError, "seller_cancel_unpaid_reason_wrong_price"),
            ("US", Paid, R::Other, "seller_cancel_reason_out_of_stock"),
            ("GB", Paid, R::OutOfStock, "seller_cancel_reason_out_of_stock_uk"),
            ("GB", Paid, R::CustomerRequest, "seller_cancel_reason_out_of_stock_uk"),
            ("GB", Paid, R::Undeliverable, "seller_cancel_paid_reason_address_not_deliver_uk"),
            ("UK", Unpaid, R::PricingError, "seller_cancel_unpaid_reason_wrong_price_uk"),
            ("ID", Paid, R::PricingError, "seller_cancel_reason_wrong_price"),
            ("ID", Unpaid, R::Other, "seller_cancel_unpaid_reason_out_of_stock"),
            ("MX", Paid, R::CustomerRequest, "seller_cancel_reason_out_of_stock"),
        ];
        for (region, stage, reason, expected) in table {
            assert_eq!(word(region, stage, reason), expected, "{region} {stage:?} {reason}");
        }
    }
}
