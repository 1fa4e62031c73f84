//! What the lines cost, what was charged, and what went back.
//!
//! Every amount is of the whole line. Walmart sets the charges of a cancelled line to zero, and
//! charges the customer when a unit is marked as shipped.

use rust_decimal::{Decimal, RoundingStrategy};

use super::document::{ChargeDoc, LineDoc, MoneyDoc, OrderDoc};
use super::units::{Count, State, ordered, portions};
use crate::channel::said::Said;
use crate::model::{Amounts, Currency, PaymentStatus};

const CENT: Decimal = Decimal::from_parts(1, 0, 0, false, 2);

/// Sums of one line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    goods: Decimal,
    shipping: Decimal,
    tax: Decimal,
    /// Positive.
    discount: Decimal,
    /// Everything, discounts taken off.
    total: Decimal,
}

fn sums(line: &LineDoc) -> Sums {
    let mut sums = Sums::default();
    for charge in line.charges() {
        let amount = amount(&charge.charge_amount);
        let tax = tax(charge);
        let kind = charge.charge_type.as_deref().unwrap_or_default();
        if is_discount(charge) {
            sums.discount += amount.abs();
            sums.total -= amount.abs();
        } else {
            sums.total += amount;
            if kind.eq_ignore_ascii_case("PRODUCT") {
                sums.goods += amount;
            } else if kind.eq_ignore_ascii_case("SHIPPING") {
                sums.shipping += amount;
            }
        }
        sums.tax += tax;
        sums.total += tax;
    }
    sums
}

fn amount(money: &Said<MoneyDoc>) -> Decimal {
    money.as_ref().and_then(|money| money.amount.as_ref()).map_or(Decimal::ZERO, |amount| amount.0)
}

fn tax(charge: &ChargeDoc) -> Decimal {
    charge.tax.as_ref().map_or(Decimal::ZERO, |tax| amount(&tax.tax_amount))
}

/// Walmart does not say which sign a discount has, so it always counts as taken off.
fn is_discount(charge: &ChargeDoc) -> bool {
    let name = charge.charge_name.as_deref().unwrap_or_default();
    let kind = charge.charge_type.as_deref().unwrap_or_default();
    let named = name.to_ascii_lowercase().contains("discount")
        && !name.eq_ignore_ascii_case("ITEM_PRICE_AFTER_DISCOUNT");
    let flagged = charge.is_discount.as_ref().is_some_and(|flag| flag.0.eq_ignore_ascii_case("true"));
    kind.eq_ignore_ascii_case("DISCOUNT") || named || flagged
}

/// That of the first line that has one.
pub(super) fn currency(order: &OrderDoc) -> Option<Currency> {
    let first = |line: &LineDoc| {
        line.charges().first()?.charge_amount.as_ref()?.currency.as_deref()?.parse::<Currency>().ok()
    };
    order.lines().iter().find_map(first)
}

/// `None` inside when the answer holds no charge at all for an order that is not cancelled.
pub(super) fn amounts(order: &OrderDoc, own: Currency) -> Amounts {
    let lines = order.lines();
    let uncharged = lines.iter().all(|line| line.charges().is_empty() && !is_cancelled(line));
    if lines.is_empty() || uncharged {
        return Amounts::default();
    }
    let mut all = Sums::default();
    for line in lines.iter().map(sums) {
        all.goods += line.goods;
        all.shipping += line.shipping;
        all.tax += line.tax;
        all.discount += line.discount;
        all.total += line.total;
    }
    let shown = |amount| Some(own.round(amount));
    Amounts {
        total: shown(all.total),
        subtotal: shown(all.goods),
        shipping: shown(all.shipping),
        tax: shown(all.tax),
        discount: shown(all.discount),
        refunded: shown(lines.iter().map(refunded).sum()),
    }
}

/// The price of one unit before tax and discounts, rounded half up.
pub(super) fn unit_price(line: &LineDoc, own: Currency) -> Option<Decimal> {
    let goods = |charge: &&ChargeDoc| {
        charge.charge_type.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("PRODUCT"))
            && !is_discount(charge)
    };
    let item_price = |charge: &&ChargeDoc| {
        charge.charge_name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case("ItemPrice"))
    };
    let charges = line.charges();
    let found = charges.iter().find(item_price).or_else(|| charges.iter().find(goods));
    let Some(charge) = found else {
        return is_cancelled(line).then(|| own.round(Decimal::ZERO));
    };
    let each = amount(&charge.charge_amount).checked_div(Decimal::from(ordered(line)))?;
    let rounded = each.round_dp_with_strategy(own.decimals(), RoundingStrategy::MidpointAwayFromZero);
    Some(own.round(rounded))
}

fn is_cancelled(line: &LineDoc) -> bool {
    Count::of(&portions(line)).is_all(State::Cancelled)
}

/// What went back for a line. A refunded unit without a refund counts with the whole line.
fn refunded(line: &LineDoc) -> Decimal {
    let mut refunds = line.refunds().peekable();
    if refunds.peek().is_none() {
        let state = Count::of(&portions(line)).get(State::Refunded);
        return if state > 0 { sums(line).total } else { Decimal::ZERO };
    }
    let of_charge = |charge: &ChargeDoc| amount(&charge.charge_amount).abs() + tax(charge).abs();
    refunds.flat_map(|refund| refund.charges().map(of_charge)).sum()
}

pub(super) fn payment(order: &OrderDoc) -> PaymentStatus {
    let is_charged = |line: &&LineDoc| portions(line).iter().any(|portion| portion.state.was_charged());
    let charged_lines: Vec<&LineDoc> = order.lines().iter().filter(is_charged).collect();
    if charged_lines.is_empty() {
        return PaymentStatus::Pending;
    }
    let charged: Decimal = charged_lines.iter().map(|line| sums(line).total).sum();
    let refunded: Decimal = order.lines().iter().map(refunded).sum();
    if refunded.is_zero() {
        PaymentStatus::Paid
    } else if refunded >= charged - CENT {
        PaymentStatus::Refunded
    } else {
        PaymentStatus::PartiallyRefunded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(lines: &str) -> OrderDoc {
        serde_json::from_str(&format!(r#"{{"orderLines":{{"orderLine":[{lines}]}}}}"#)).expect("order")
    }

    fn charge(kind: &str, name: &str, amount: &str, tax: &str) -> String {
        format!(
            r#"{{"chargeType":"{kind}","chargeName":"{name}","chargeAmount":{{"currency":"USD","amount":{amount}}},
                "tax":{{"taxName":"Tax1","taxAmount":{{"currency":"USD","amount":{tax}}}}}}}"#
        )
    }

    fn line(quantity: u32, state: &str, charges: &[String], more: &str) -> String {
        format!(
            r#"{{"lineNumber":"1","orderLineQuantity":{{"amount":"{quantity}"}},
                "orderLineStatuses":{{"orderLineStatus":[{{"status":"{state}","statusQuantity":{{"amount":"{quantity}"}}}}]}},
                "charges":{{"charge":[{}]}}{more}}}"#,
            charges.join(",")
        )
    }

    fn usd() -> Currency {
        "USD".parse().expect("currency")
    }

    fn text(amount: Option<Decimal>) -> String {
        amount.map_or_else(|| "-".to_owned(), |amount| amount.to_string())
    }

    #[test]
    fn the_charges_are_of_the_whole_line() {
        let goods = charge("PRODUCT", "ItemPrice", "10", "0.8");
        let shipping = charge("SHIPPING", "Shipping", "4.99", "0.1");
        let order = order(&line(3, "Acknowledged", &[goods, shipping], ""));
        let amounts = amounts(&order, usd());
        assert_eq!(text(amounts.total), "15.89");
        assert_eq!(text(amounts.subtotal), "10.00");
        assert_eq!((text(amounts.shipping), text(amounts.tax)), ("4.99".to_owned(), "0.90".to_owned()));
        assert_eq!(text(unit_price(&order.lines()[0], usd())), "3.33");
    }

    #[test]
    fn a_unit_price_is_rounded_half_up() {
        let order = order(&line(2, "Created", &[charge("PRODUCT", "ItemPrice", "0.05", "0")], ""));
        assert_eq!(text(unit_price(&order.lines()[0], usd())), "0.03");
    }

    #[test]
    fn discounts_are_taken_off_whatever_their_sign() {
        for discount in [
            charge("DISCOUNT", "Promo", "3", "0"),
            charge("PRODUCT", "SubscriptionDiscount", "-3", "0"),
            charge("PRODUCT", "SubscriptionDiscount", "3", "0"),
            r#"{"chargeType":"PRODUCT","chargeName":"x","isDiscount":true,"chargeAmount":{"amount":3}}"#
                .to_owned(),
        ] {
            let order = order(&line(
                1,
                "Created",
                &[charge("PRODUCT", "ItemPrice", "10.00", "0"), discount.clone()],
                "",
            ));
            let amounts = amounts(&order, usd());
            assert_eq!(
                (text(amounts.total).as_str(), text(amounts.discount).as_str()),
                ("7.00", "3.00"),
                "{discount}"
            );
            assert_eq!(text(unit_price(&order.lines()[0], usd())), "10.00");
        }
        let after =
            order(&line(1, "Created", &[charge("PRODUCT", "ITEM_PRICE_AFTER_DISCOUNT", "8", "0")], ""));
        assert_eq!(text(amounts(&after, usd()).total), "8.00");
    }

    #[test]
    fn money_never_goes_through_a_float() {
        let charges = [charge("PRODUCT", "ItemPrice", "0.1", "0"), charge("PRODUCT", "Fee", "0.2", "1e-2")];
        assert_eq!(text(amounts(&order(&line(1, "Created", &charges, "")), usd()).total), "0.31");
    }

    #[test]
    fn what_is_not_charged_is_not_invented() {
        let order = order(r#"{"lineNumber":"1","orderLineQuantity":{"amount":"1"},"charges":{}}"#);
        assert_eq!(amounts(&order, usd()), Amounts::default());
        assert_eq!(unit_price(&order.lines()[0], usd()), None);
    }

    #[test]
    fn a_cancelled_line_costs_nothing() {
        let order = order(&line(1, "Cancelled", &[], ""));
        assert_eq!(text(amounts(&order, usd()).total), "0.00");
        assert_eq!(text(unit_price(&order.lines()[0], usd())), "0.00");
    }

    fn refund(amount: &str) -> String {
        format!(
            r#"{{"refundCharges":{{"refundCharge":[{{"charge":{{"chargeType":"PRODUCT","chargeAmount":{{"amount":{amount}}}}}}}]}}}}"#
        )
    }

    fn refunded_line(amount: &str) -> String {
        format!(r#","refund":{}"#, refund(amount))
    }

    #[test]
    fn every_row_of_the_payment_table() {
        use PaymentStatus::{Paid, PartiallyRefunded, Pending, Refunded};
        let goods = || vec![charge("PRODUCT", "ItemPrice", "20", "1.50")];
        let wrapped = format!(r#","refund":{{}},"refunds":{{"refund":[{}]}}"#, refund("-5"));
        for (state, more, expected) in [
            ("Created", String::new(), Pending),
            ("Acknowledged", String::new(), Pending),
            ("Cancelled", String::new(), Pending),
            ("Shipped", String::new(), Paid),
            ("Delivered", String::new(), Paid),
            ("Shipped", refunded_line("-5"), PartiallyRefunded),
            ("Shipped", refunded_line("-21.49"), Refunded),
            ("Delivered", refunded_line("21.50"), Refunded),
            ("Shipped", wrapped, PartiallyRefunded),
            ("Refund", String::new(), Refunded),
            ("Created", refunded_line("798"), Pending),
        ] {
            assert_eq!(payment(&order(&line(1, state, &goods(), &more))), expected, "{state} {more}");
        }
        assert_eq!(payment(&order("")), Pending);
    }
}
