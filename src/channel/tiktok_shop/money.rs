//! What went back to the buyers, and who asks to cancel: from the cancellations and the returns.
//! The order itself does not tell.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::document::{AfterSaleDoc, AfterSaleLineDoc, NextActionDoc};
use crate::model::Timestamp;

/// States in which the money is on its way back.
const REFUNDED: [&str; 3] =
    [COMPLETE, "RETURN_OR_REFUND_REQUEST_COMPLETE", "REPLACEMENT_REQUEST_REFUND_SUCCESS"];
const PENDING: &str = "CANCELLATION_REQUEST_PENDING";
/// Agreed to; the refund follows.
const AGREED: &str = "CANCELLATION_REQUEST_SUCCESS";
const COMPLETE: &str = "CANCELLATION_REQUEST_COMPLETE";
/// A buyer's wish to cancel, by its newer and its older name.
const BY_BUYER: [&str; 2] = ["BUYER_CANCEL", "REQUEST_CANCEL_REFUND"];
const ANSWER: &str = "SELLER_RESPOND_CANCEL";

/// What became of one order after its sale.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AfterSales {
    pub refunded: Decimal,
    /// Ids of the units whose money went back.
    pub units: BTreeSet<String>,
    /// The buyer's wish to cancel that the seller has not answered.
    pub wish: Option<CancelWish>,
    /// A cancellation is agreed to or complete, of the order or of units of it.
    pub cancelling: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelWish {
    pub cancel_id: String,
    /// Unanswered by then, it is granted.
    pub deadline: Option<Timestamp>,
}

/// The after-sales of several orders.
#[derive(Debug, Default)]
pub struct Ledger {
    orders: BTreeMap<String, AfterSales>,
    /// A page may hold again what moved while it was turned.
    seen: BTreeSet<String>,
}

impl Ledger {
    /// Takes in a cancellation or a return.
    pub fn enter(&mut self, doc: &AfterSaleDoc) {
        let id = doc.cancel_id.filled().or_else(|| doc.return_id.filled()).unwrap_or_default();
        let kind = if doc.cancel_id.is_empty() { "return" } else { "cancel" };
        if !id.is_empty() && !self.seen.insert(format!("{kind}:{id}")) {
            return;
        }
        let order = self.orders.entry(doc.order_id.to_string()).or_default();
        let status = doc.cancel_status.filled().or_else(|| doc.return_status.filled()).unwrap_or_default();
        if REFUNDED.contains(&status) {
            let total = doc.refund_amount.as_ref().and_then(|refund| *refund.refund_total);
            order.refunded += total.map_or(Decimal::ZERO, |amount| amount.0);
            let lines = doc.cancel_line_items.list().iter().chain(doc.return_line_items.list());
            order.units.extend(lines.map(unit));
        }
        order.cancelling |= status == AGREED || status == COMPLETE;
        if status == PENDING && BY_BUYER.contains(&&*doc.cancel_type) {
            let deadline = deadline(doc.seller_next_action_response.list());
            order.wish = Some(CancelWish { cancel_id: doc.cancel_id.to_string(), deadline });
        }
    }

    /// Of an order without any: nothing happened.
    pub fn of(&self, order: &str) -> AfterSales {
        self.orders.get(order).cloned().unwrap_or_default()
    }
}

fn unit(line: &AfterSaleLineDoc) -> String {
    line.order_line_item_id.to_string()
}

fn deadline(actions: &[NextActionDoc]) -> Option<Timestamp> {
    let own = actions.iter().find(|action| &*action.action == ANSWER);
    own.or(actions.first()).and_then(|action| action.deadline.0)
}

/// How much of an order's total went back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refund {
    /// Not asked for, or not for us to see.
    Unseen,
    Nothing,
    Part,
    Everything,
}

impl Refund {
    pub fn of(after_sales: Option<&AfterSales>, total: Option<Decimal>) -> Self {
        let Some(after) = after_sales else { return Self::Unseen };
        match total {
            Some(total) if total > Decimal::ZERO && after.refunded >= total => Self::Everything,
            _ if after.refunded > Decimal::ZERO => Self::Part,
            _ => Self::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn doc(value: &serde_json::Value) -> AfterSaleDoc {
        serde_json::from_str(&value.to_string()).expect("an after-sale")
    }

    #[test]
    fn only_what_is_complete_counts_and_each_thing_once() {
        let mut ledger = Ledger::default();
        let refund = json!({"refund_total": "1.50"});
        #[rustfmt::skip]
        let entries = [
            json!({"cancel_id": 1, "order_id": "5", "cancel_status": "CANCELLATION_REQUEST_COMPLETE", "refund_amount": refund, "cancel_line_items": [{"order_line_item_id": "77"}]}),
            json!({"cancel_id": 1, "order_id": "5", "cancel_status": "CANCELLATION_REQUEST_COMPLETE", "refund_amount": refund}),
            json!({"cancel_id": 2, "order_id": "5", "cancel_status": "CANCELLATION_REQUEST_SUCCESS", "refund_amount": refund}),
            json!({"return_id": 1, "order_id": "5", "return_status": "RETURN_OR_REFUND_REQUEST_COMPLETE", "refund_amount": refund}),
            json!({"return_id": 2, "order_id": "5", "return_status": "REPLACEMENT_REQUEST_REFUND_SUCCESS", "refund_amount": refund}),
            json!({"return_id": 3, "order_id": "5", "return_status": "RETURN_OR_REFUND_REQUEST_PENDING", "refund_amount": refund}),
            json!({"return_id": 4, "order_id": "6", "return_status": "REPLACEMENT_REQUEST_COMPLETE", "refund_amount": refund}),
        ];
        for entry in &entries {
            ledger.enter(&doc(entry));
        }
        assert_eq!(ledger.of("5").refunded.to_string(), "4.50");
        assert_eq!(ledger.of("5").units.into_iter().collect::<Vec<_>>(), ["77"]);
        assert_eq!(ledger.of("6").refunded, Decimal::ZERO);
        assert_eq!(ledger.of("7"), AfterSales::default());
    }

    #[test]
    fn a_buyer_s_open_wish_is_kept_with_its_deadline() {
        let mut ledger = Ledger::default();
        let wish = |kind: &str, status: &str, id: u32| {
            doc(&json!({
                "cancel_id": id, "order_id": "5", "cancel_type": kind, "cancel_status": status,
                "seller_next_action_response": [{"action": "SELLER_RESPOND_CANCEL", "deadline": 90}],
            }))
        };
        ledger.enter(&wish("BUYER_CANCEL", "CANCELLATION_REQUEST_CANCEL", 1));
        ledger.enter(&wish("CANCEL", "CANCELLATION_REQUEST_PENDING", 2));
        assert_eq!(ledger.of("5").wish, None);
        ledger.enter(&wish("BUYER_CANCEL", "CANCELLATION_REQUEST_PENDING", 3));
        let expected = CancelWish { cancel_id: "3".to_owned(), deadline: Some(Timestamp::from_secs(90)) };
        assert_eq!(ledger.of("5").wish, Some(expected));
    }

    #[test]
    fn a_total_of_zero_is_never_refunded() {
        let after = |cents: i64| AfterSales { refunded: Decimal::new(cents, 2), ..AfterSales::default() };
        let total = Some(Decimal::new(1_000, 2));
        assert_eq!(Refund::of(None, total), Refund::Unseen);
        assert_eq!(Refund::of(Some(&after(0)), total), Refund::Nothing);
        assert_eq!(Refund::of(Some(&after(999)), total), Refund::Part);
        assert_eq!(Refund::of(Some(&after(1_000)), total), Refund::Everything);
        assert_eq!(Refund::of(Some(&after(0)), Some(Decimal::ZERO)), Refund::Nothing);
    }
}
