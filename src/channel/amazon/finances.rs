//! Refunds, which the Orders API does not tell: read from the seller's ledger.
//!
//! Amounts of the ledger are JSON numbers seen from the seller's side, so a refund is negative, and
//! only some leaves of a refund are the customer's money: the rest are fees and taxes that Amazon
//! settles with the seller.

#![allow(clippy::struct_field_names, reason = "the fields bear Amazon's names")]

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::channel::said::Said;
use crate::model::{ChannelOrderId, Currency, PaymentStatus, decimal};

/// What the ledger says about one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refunds {
    /// Not asked, or the application may not ask.
    Unseen,
    /// Asked: none.
    None,
    /// Asked: given back to the customer so far; positive.
    Sum { amount: Decimal, currency: Option<Currency> },
    /// Asked: there are some, but how much cannot be told.
    Uncounted,
}

#[derive(Deserialize)]
pub(super) struct TransactionsAnswer {
    pub payload: TransactionsPage,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TransactionsPage {
    #[serde(default)]
    pub next_token: Said<String>,
    pub transactions: Option<Vec<Transaction>>,
}

/// Many members may be null. One that cannot be read leaves the rest of the ledger readable.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Transaction {
    pub related_identifiers: Said<Vec<RelatedIdentifier>>,
    pub transaction_type: Said<String>,
    pub transaction_id: Said<String>,
    pub transaction_status: Said<String>,
    pub posted_date: Said<String>,
    items: Said<Vec<TransactionItem>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RelatedIdentifier {
    related_identifier_name: Option<String>,
    related_identifier_value: Option<String>,
}

#[derive(Deserialize)]
struct TransactionItem {
    breakdowns: Option<Vec<Breakdown>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Breakdown {
    breakdown_type: Option<String>,
    breakdown_amount: Option<Amount>,
    breakdowns: Option<Vec<Breakdown>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Amount {
    currency_amount: Option<Box<RawValue>>,
    currency_code: Option<String>,
}

/// The customer's money in one refund, from the seller's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Share {
    amount: Decimal,
    currency: Option<Currency>,
}

impl TransactionsPage {
    pub fn next(&self) -> Option<&str> {
        self.next_token.as_deref().filter(|token| !token.is_empty())
    }
}

impl Transaction {
    pub fn is_refund(&self) -> bool {
        self.transaction_type.as_deref() == Some("Refund")
    }

    fn related(&self, name: &str) -> Option<&str> {
        let identifiers = self.related_identifiers.iter().flatten();
        identifiers
            .filter(|identifier| identifier.related_identifier_name.as_deref() == Some(name))
            .find_map(|identifier| identifier.related_identifier_value.as_deref())
    }

    pub fn order(&self) -> Option<ChannelOrderId> {
        self.related("ORDER_ID").filter(|id| is_order_id(id)).and_then(|id| ChannelOrderId::new(id).ok())
    }

    /// The same refund may be listed as deferred and again as released.
    pub fn refund_id(&self) -> Option<&str> {
        self.related("REFUND_ID").or(self.transaction_id.as_deref())
    }

    /// `None` when no leaf of the transaction is the customer's money.
    fn share(&self) -> Option<Share> {
        let mut share: Option<Share> = None;
        for item in self.items.iter().flatten() {
            for breakdown in item.breakdowns.iter().flatten() {
                breakdown.add_to(&mut share);
            }
        }
        share
    }
}

impl Breakdown {
    fn add_to(&self, share: &mut Option<Share>) {
        let children = self.breakdowns.as_deref().unwrap_or_default();
        for child in children {
            child.add_to(share);
        }
        let kind = self.breakdown_type.as_deref().unwrap_or_default();
        if !children.is_empty() || !is_customer_money(kind) {
            return;
        }
        let Some(amount) = &self.breakdown_amount else { return };
        let Some(value) = amount.currency_amount.as_ref().and_then(|raw| decimal(raw.get())) else { return };
        let currency = amount.currency_code.as_ref().and_then(|code| code.parse().ok());
        let sum = share.get_or_insert(Share { amount: Decimal::ZERO, currency });
        sum.amount += value;
        sum.currency = sum.currency.or(currency);
    }
}

fn is_customer_money(leaf: &str) -> bool {
    const PREFIXES: [&str; 5] = ["OurPrice", "Shipping", "Giftwrap", "Goodwill", "RestockingDeduction"];
    !matches!(leaf, "ShippingChargeback" | "GiftwrapChargeback")
        && PREFIXES.iter().any(|prefix| leaf.starts_with(prefix))
}

/// Adds up the refunds of one order. Each refund counts once, however often it is listed.
pub(super) fn refunds(order: &ChannelOrderId, transactions: &[Transaction]) -> Refunds {
    let mut unnamed = 0_u32;
    let mut shares: BTreeMap<String, Option<Share>> = BTreeMap::new();
    for refund in transactions.iter().filter(|t| t.is_refund() && t.order().as_ref() == Some(order)) {
        let id = refund.refund_id().map_or_else(
            || {
                unnamed += 1;
                format!("unnamed {unnamed}")
            },
            str::to_owned,
        );
        let known = shares.entry(id).or_default();
        *known = known.or_else(|| refund.share());
    }
    if shares.is_empty() {
        return Refunds::None;
    }
    let counted: Vec<Share> = shares.into_values().flatten().collect();
    let amount = -counted.iter().map(|share| share.amount).sum::<Decimal>();
    if amount <= Decimal::ZERO {
        return Refunds::Uncounted;
    }
    Refunds::Sum { amount, currency: counted.iter().find_map(|share| share.currency) }
}

impl Refunds {
    /// The payment state that refunds lead to; `None` when there are none, or none are known.
    pub fn state(&self, total: Option<(Decimal, Currency)>) -> Option<PaymentStatus> {
        // Amazon rounds each leaf by itself.
        let cent = Decimal::new(1, 2);
        match self {
            Self::Unseen | Self::None => None,
            Self::Uncounted => Some(PaymentStatus::PartiallyRefunded),
            Self::Sum { amount, currency } => Some(match total {
                Some((total, own)) if currency.is_none_or(|c| c == own) && *amount >= total - cent => {
                    PaymentStatus::Refunded
                }
                _ => PaymentStatus::PartiallyRefunded,
            }),
        }
    }

    /// The sum in the order's currency, where it is known.
    pub fn amount(&self, own: Option<Currency>) -> Option<Decimal> {
        match self {
            Self::Unseen | Self::Uncounted => None,
            Self::None => own.map(|currency| currency.round(Decimal::ZERO)),
            Self::Sum { amount, currency } => {
                let shown = own.or(*currency)?;
                currency.is_none_or(|c| c == shown).then(|| shown.round(*amount))
            }
        }
    }
}

/// Amazon's order numbers have the form 3-7-7.
pub(super) fn is_order_id(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [3, 7, 7] && parts.iter().all(|part| part.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: &str = "701-0000001-0000001";

    fn page(text: &str) -> Vec<Transaction> {
        let answer: TransactionsAnswer = serde_json::from_str(text).expect("transactions");
        answer.payload.transactions.unwrap_or_default()
    }

    fn order() -> ChannelOrderId {
        ChannelOrderId::new(ORDER).expect("id")
    }

    fn refund(id: &str, status: &str, leaves: &[(&str, &str)]) -> String {
        let leaves: Vec<String> = leaves
            .iter()
            .map(|(kind, amount)| {
                format!(
                    r#"{{"breakdownType":"{kind}","breakdownAmount":{{"currencyAmount":{amount},"currencyCode":"MXN"}},"breakdowns":null}}"#
                )
            })
            .collect();
        format!(
            r#"{{"transactionType":"Refund","transactionStatus":"{status}","totalAmount":null,
                "relatedIdentifiers":[{{"relatedIdentifierName":"ORDER_ID","relatedIdentifierValue":"{ORDER}"}},
                    {{"relatedIdentifierName":"REFUND_ID","relatedIdentifierValue":"{id}"}}],
                "items":[{{"breakdowns":[{{"breakdownType":"ProductCharges","breakdownAmount":{{"currencyAmount":-1,"currencyCode":"MXN"}},
                    "breakdowns":[{}]}}]}}]}}"#,
            leaves.join(",")
        )
    }

    fn read(transactions: &[String]) -> Refunds {
        let text = format!(r#"{{"payload":{{"transactions":[{}]}}}}"#, transactions.join(","));
        refunds(&order(), &page(&text))
    }

    fn sum(amount: &str) -> Refunds {
        Refunds::Sum { amount: decimal(amount).expect("number"), currency: "MXN".parse().ok() }
    }

    #[test]
    fn only_the_customer_s_money_counts() {
        let leaves = [
            ("OurPricePrincipal", "-100.10"),
            ("OurPriceTax", "-16"),
            ("OurPriceDiscount", "10"),
            ("ShippingPrincipal", "-20"),
            ("ShippingChargeback", "20"),
            ("GiftwrapPrincipal", "-5"),
            ("GiftwrapChargeback", "5"),
            ("GoodwillPrincipal", "-1"),
            ("RestockingDeductionPrincipal", "2"),
            ("Commission", "15"),
            ("RefundCommission", "-3"),
            ("MarketplaceFacilitatorTax-Principal", "16"),
        ];
        assert_eq!(read(&[refund("r1", "RELEASED", &leaves)]), sum("130.10"));
    }

    #[test]
    fn a_refund_counts_once_however_often_it_is_listed() {
        let leaves = [("OurPricePrincipal", "-1e2")];
        let twice = [refund("r1", "DEFERRED", &leaves), refund("r1", "DEFERRED_RELEASED", &leaves)];
        assert_eq!(read(&twice), sum("100"));
        let two = [refund("r1", "RELEASED", &leaves), refund("r2", "RELEASED", &leaves)];
        assert_eq!(read(&two), sum("200"));
    }

    #[test]
    fn a_refund_without_leaves_of_the_customer_is_uncounted() {
        assert_eq!(read(&[refund("r1", "RELEASED", &[("Commission", "-3")])]), Refunds::Uncounted);
        let second =
            [refund("r1", "DEFERRED", &[]), refund("r1", "RELEASED", &[("OurPricePrincipal", "-7")])];
        assert_eq!(read(&second), sum("7"), "the listing that can be counted wins");
    }

    #[test]
    fn other_orders_and_other_transactions_do_not_count() {
        let other = ChannelOrderId::new("701-0000001-0000002").expect("id");
        let text = format!(r#"{{"payload":{{"transactions":[{}]}}}}"#, refund("r", "RELEASED", &[]));
        assert_eq!(refunds(&other, &page(&text)), Refunds::None);
        let shipment = text.replace("\"Refund\"", "\"Shipment\"");
        assert_eq!(refunds(&order(), &page(&shipment)), Refunds::None);
    }

    #[test]
    fn full_means_the_total_but_for_a_cent() {
        let mxn: Currency = "MXN".parse().expect("currency");
        let total = decimal("100").map(|amount| (amount, mxn));
        assert_eq!(sum("99.99").state(total), Some(PaymentStatus::Refunded));
        assert_eq!(sum("99.98").state(total), Some(PaymentStatus::PartiallyRefunded));
        assert_eq!(sum("1").state(None), Some(PaymentStatus::PartiallyRefunded));
        assert_eq!(Refunds::Uncounted.state(total), Some(PaymentStatus::PartiallyRefunded));
        let gratis = Some((Decimal::ZERO, mxn));
        assert_eq!(Refunds::None.state(gratis), None, "a free replacement is not refunded");
        assert_eq!(Refunds::None.amount(Some(mxn)).map(|a| a.to_string()).as_deref(), Some("0.00"));
        assert_eq!(Refunds::Unseen.amount(Some(mxn)), None);
    }

    #[test]
    fn order_numbers_have_the_form_3_7_7() {
        assert!(is_order_id(ORDER));
        for text in
            ["8129762527551", "70-0000001-0000001", "701-0000001-000000A", "S01-0000001-0000001", "a--"]
        {
            assert!(!is_order_id(text), "{text}");
        }
    }
}
