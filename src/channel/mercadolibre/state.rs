//! The two state tables: the first row that matches wins.

use rust_decimal::Decimal;

use crate::model::{Currency, Native, OrderStatus, PaymentStatus, ShipmentStatus};

/// The parcel of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parcel<'a> {
    /// There is none (yet, or ever).
    None,
    /// There is or may be one, but it could not be read.
    Unseen,
    Seen {
        mode: &'a str,
        status: &'a str,
        substatus: &'a str,
    },
}

/// What the order itself says.
#[derive(Clone, Copy, Debug)]
pub struct Sale<'a> {
    pub status: &'a str,
    pub tags: &'a [String],
    pub fulfilled: Option<bool>,
    pub has_cancel_detail: bool,
}

impl Sale<'_> {
    pub fn has_tag(&self, tag: &str) -> bool {
        self.tags.iter().any(|t| t == tag)
    }
}

const OPEN: [&str; 4] = ["confirmed", "payment_required", "payment_in_process", "partially_paid"];
const MONEY_IS_THERE: [&str; 2] = ["paid", "partially_refunded"];
/// A failed delivery has left the seller, too.
const GONE: [&str; 3] = ["shipped", "not_delivered", "stale_shipped"];
const WAITING: [&str; 12] = [
    "pending",
    "handling",
    "ready_to_ship",
    "stale_ready_to_ship",
    "to_be_agreed",
    "not_verified",
    "not_specified",
    "closed",
    "error",
    "active",
    "cancelled",
    "",
];
/// The marketplace tells the buyer "on its way" while the shipment is still ready to ship.
const HANDED_OVER: [&str; 4] = ["picked_up", "authorized_by_carrier", "in_hub", "dropped_off"];
const SENT_OUTSIDE: [&str; 3] = ["shipped_outside_me", "shipped_outside_me_trusted", "inferred_shipped"];

/// Whether nobody but the two ratings tells about the delivery.
fn is_told_by_ratings(parcel: Parcel<'_>) -> bool {
    matches!(parcel, Parcel::None | Parcel::Seen { mode: "custom" | "not_specified", .. })
}

pub fn order_status(sale: &Sale<'_>, parcel: Parcel<'_>) -> Native<OrderStatus> {
    use OrderStatus::{Accepted, Cancelled, Delivered, Pending, Shipped};
    let rated_delivered = sale.has_tag("delivered") || sale.fulfilled == Some(true);
    if matches!(sale.status, "cancelled" | "invalid" | "pending_cancel")
        || sale.has_tag("unfulfilled")
        || (sale.status == "confirmed" && (sale.has_cancel_detail || sale.fulfilled == Some(false)))
    {
        return Native::Known(Cancelled);
    }
    match parcel {
        Parcel::Unseen => return Native::Absent,
        Parcel::Seen { status: "delivered", .. } => return Native::Known(Delivered),
        _ if rated_delivered && is_told_by_ratings(parcel) => return Native::Known(Delivered),
        Parcel::Seen { status, substatus, .. } if left_the_seller(status, substatus) => {
            return Native::Known(Shipped);
        }
        Parcel::Seen { status, .. } if !WAITING.contains(&status) => {
            return Native::Unknown(format!("shipment {status}"));
        }
        Parcel::None | Parcel::Seen { .. } => {}
    }
    if MONEY_IS_THERE.contains(&sale.status) {
        Native::Known(Accepted)
    } else if OPEN.contains(&sale.status) {
        Native::Known(Pending)
    } else if sale.status.is_empty() {
        Native::Absent
    } else {
        Native::Unknown(sale.status.to_owned())
    }
}

/// Whether the parcel is on its way, arrived or failed to arrive.
pub fn left_the_seller(status: &str, substatus: &str) -> bool {
    GONE.contains(&status)
        || status == "delivered"
        || (status == "ready_to_ship" && HANDED_OVER.contains(&substatus))
        || (status == "cancelled" && SENT_OUTSIDE.contains(&substatus))
}

pub fn shipment_status(status: &str, substatus: &str) -> Option<ShipmentStatus> {
    match status {
        "delivered" => Some(ShipmentStatus::Delivered),
        "not_delivered" => Some(ShipmentStatus::Failed),
        _ if left_the_seller(status, substatus) => Some(ShipmentStatus::Shipped),
        "pending" | "handling" | "ready_to_ship" | "stale_ready_to_ship" => Some(ShipmentStatus::Pending),
        _ => None,
    }
}

/// One attempt to pay.
#[derive(Clone, Debug, Default)]
pub struct Payment<'a> {
    pub status: &'a str,
    pub amount: Decimal,
    pub refunded: Decimal,
    pub tags: &'a [String],
}

/// Where the money is, and how much went back, in the order's currency.
#[derive(Clone, Debug, PartialEq)]
pub struct Money {
    pub status: Native<PaymentStatus>,
    pub refunded: Decimal,
}

const COUNTED: [&str; 4] = ["approved", "in_mediation", "refunded", "charged_back"];
const NOT_COUNTED: [&str; 6] = ["pending", "in_process", "rejected", "cancelled", "authorized", ""];

pub fn money(
    sale: &Sale<'_>,
    payments: &[Payment<'_>],
    total: Option<Decimal>,
    currency: Option<Currency>,
) -> Money {
    let round = |amount: Decimal| currency.map_or(amount, |currency| currency.round(amount));
    let counted = || payments.iter().filter(|payment| COUNTED.contains(&payment.status));
    let paid = round(counted().map(|payment| payment.amount).sum());
    let refunded = round(counted().map(Payment::given_back).sum());
    let to_balance = sale.has_tag("unfulfilled")
        && payments.iter().any(|payment| payment.tags.iter().any(|tag| tag == "refund_account_money"));

    let status = if counted().next().is_none() {
        PaymentStatus::Pending
    } else if to_balance || (paid > Decimal::ZERO && refunded >= paid) {
        PaymentStatus::Refunded
    } else if refunded > Decimal::ZERO || sale.status == "partially_refunded" {
        PaymentStatus::PartiallyRefunded
    } else if total.is_none_or(|total| paid >= round(total)) {
        PaymentStatus::Paid
    } else {
        PaymentStatus::Pending
    };
    let unknown = payments.iter().map(|payment| payment.status).find(|status| !is_known(status));
    Money {
        status: match unknown {
            Some(word) if status == PaymentStatus::Pending => Native::Unknown(format!("payment {word}")),
            _ => Native::Known(status),
        },
        refunded: if to_balance { refunded.max(paid) } else { refunded },
    }
}

fn is_known(payment_status: &str) -> bool {
    COUNTED.contains(&payment_status) || NOT_COUNTED.contains(&payment_status)
}

impl Payment<'_> {
    fn given_back(&self) -> Decimal {
        if matches!(self.status, "refunded" | "charged_back") { self.amount } else { self.refunded }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sale<'a>(status: &'a str, tags: &'a [String]) -> Sale<'a> {
        Sale { status, tags, fulfilled: None, has_cancel_detail: false }
    }

    fn tags(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    fn parcel<'a>(mode: &'a str, status: &'a str, substatus: &'a str) -> Parcel<'a> {
        Parcel::Seen { mode, status, substatus }
    }

    #[test]
    fn the_status_table_row_by_row() {
        use OrderStatus::{Accepted, Cancelled, Delivered, Pending, Shipped};
        let delivered = parcel("me2", "delivered", "");
        let ready = parcel("me2", "ready_to_ship", "printed");
        #[rustfmt::skip]
        let table: &[(&str, &[&str], Parcel<'_>, OrderStatus)] = &[
            // 1
            ("cancelled", &[], delivered, Cancelled),
            ("invalid", &[], Parcel::None, Cancelled),
            ("pending_cancel", &[], Parcel::Unseen, Cancelled),
            // 2
            ("paid", &["unfulfilled"], delivered, Cancelled),
            // 4
            ("paid", &["not_delivered"], delivered, Delivered),
            // 5
            ("paid", &["delivered"], Parcel::None, Delivered),
            ("paid", &["delivered"], parcel("custom", "shipped", ""), Delivered),
            ("paid", &["delivered"], parcel("not_specified", "pending", ""), Delivered),
            ("paid", &["delivered"], parcel("me2", "shipped", ""), Shipped),
            ("paid", &["delivered"], parcel("me1", "pending", ""), Accepted),
            // 6
            ("paid", &[], parcel("me2", "shipped", "out_for_delivery"), Shipped),
            ("paid", &[], parcel("me2", "not_delivered", "returning_to_sender"), Shipped),
            ("paid", &[], parcel("me2", "stale_shipped", ""), Shipped),
            // 7
            ("paid", &[], parcel("me2", "ready_to_ship", "picked_up"), Shipped),
            ("paid", &[], parcel("me2", "ready_to_ship", "authorized_by_carrier"), Shipped),
            ("paid", &[], parcel("me2", "ready_to_ship", "in_hub"), Shipped),
            ("paid", &[], parcel("me2", "ready_to_ship", "dropped_off"), Shipped),
            // 8
            ("paid", &[], parcel("me2", "cancelled", "shipped_outside_me"), Shipped),
            ("paid", &[], parcel("me2", "cancelled", "shipped_outside_me_trusted"), Shipped),
            ("paid", &[], parcel("me2", "cancelled", "inferred_shipped"), Shipped),
            // 9
            ("paid", &[], ready, Accepted),
            ("partially_refunded", &[], Parcel::None, Accepted),
            ("paid", &[], parcel("me2", "cancelled", "closed_by_user"), Accepted),
            ("paid", &[], parcel("me2", "pending", "buffered"), Accepted),
            // 10
            ("confirmed", &[], Parcel::None, Pending),
            ("payment_required", &["not_paid"], ready, Pending),
            ("payment_in_process", &[], ready, Pending),
            ("partially_paid", &[], ready, Pending),
        ];
        for (status, words, parcel, expected) in table {
            let tags = tags(words);
            assert_eq!(
                order_status(&sale(status, &tags), *parcel),
                Native::Known(*expected),
                "{status} {words:?} {parcel:?}"
            );
        }
    }

    #[test]
    fn a_confirmed_order_that_the_seller_gave_up_is_cancelled() {
        let rated = Sale { fulfilled: Some(false), ..sale("confirmed", &[]) };
        let detailed = Sale { has_cancel_detail: true, ..sale("confirmed", &[]) };
        for sale in [rated, detailed] {
            assert_eq!(order_status(&sale, Parcel::None), Native::Known(OrderStatus::Cancelled));
        }
        let delivered = Sale { fulfilled: Some(true), ..sale("paid", &[]) };
        assert_eq!(order_status(&delivered, Parcel::None), Native::Known(OrderStatus::Delivered));
    }

    #[test]
    fn what_is_unknown_or_unseen_moves_nothing() {
        assert_eq!(order_status(&sale("paid", &[]), Parcel::Unseen), Native::Absent);
        assert_eq!(order_status(&sale("on_fire", &[]), Parcel::None), Native::Unknown("on_fire".into()));
        let lost = parcel("me2", "beamed", "");
        assert_eq!(order_status(&sale("paid", &[]), lost), Native::Unknown("shipment beamed".into()));
        assert_eq!(order_status(&sale("cancelled", &[]), lost), Native::Known(OrderStatus::Cancelled));
    }

    fn paid_in(
        status: &str,
        payments: &[(&str, &str, &str)],
        words: &[&str],
        total: &str,
    ) -> (Native<PaymentStatus>, String) {
        let amount = |text: &str| text.parse().expect("amount");
        let refund_tags = tags(&["refund_account_money"]);
        let payments: Vec<_> = payments
            .iter()
            .map(|(status, paid, refunded)| Payment {
                status,
                amount: amount(paid),
                refunded: amount(refunded),
                tags: if words.contains(&"unfulfilled") { &refund_tags } else { &[] },
            })
            .collect();
        let tags = tags(words);
        let currency = "MXN".parse().ok();
        let money = money(&sale(status, &tags), &payments, Some(amount(total)), currency);
        (money.status, money.refunded.to_string())
    }

    /// Order status, payments (status, paid, given back), tags, total; payment status, refunded.
    type PaymentRow = (
        &'static str,
        &'static [(&'static str, &'static str, &'static str)],
        &'static [&'static str],
        &'static str,
        PaymentStatus,
        &'static str,
    );

    #[test]
    fn the_payment_table_row_by_row() {
        use PaymentStatus::{Paid, PartiallyRefunded, Pending, Refunded};
        #[rustfmt::skip]
        let table: &[PaymentRow] = &[
            // 1
            ("confirmed", &[], &[], "100", Pending, "0.00"),
            ("payment_in_process", &[("in_process", "100", "0"), ("rejected", "100", "0")], &[], "100", Pending, "0.00"),
            ("cancelled", &[("cancelled", "100", "0"), ("pending", "100", "0")], &[], "100", Pending, "0.00"),
            // 2
            ("paid", &[("approved", "100", "0")], &["unfulfilled"], "100", Refunded, "100.00"),
            // 3
            ("cancelled", &[("refunded", "100", "100")], &[], "100", Refunded, "100.00"),
            ("paid", &[("charged_back", "100", "0")], &[], "100", Refunded, "100.00"),
            ("paid", &[("approved", "100", "60"), ("refunded", "20", "0")], &[], "120", PartiallyRefunded, "80.00"),
            ("paid", &[("approved", "100", "100.0000001")], &[], "100", Refunded, "100.00"),
            // 4
            ("paid", &[("approved", "100", "30.5")], &[], "100", PartiallyRefunded, "30.50"),
            ("partially_refunded", &[("approved", "100", "0")], &[], "100", PartiallyRefunded, "0.00"),
            // 5
            ("paid", &[("rejected", "100", "0"), ("approved", "100", "0")], &[], "100", Paid, "0.00"),
            ("paid", &[("in_mediation", "14.29", "0")], &[], "14.290000000000001", Paid, "0.00"),
            // 6
            ("partially_paid", &[("approved", "40", "0")], &[], "100", Pending, "0.00"),
        ];
        for (status, payments, words, total, expected, refunded) in table {
            assert_eq!(
                paid_in(status, payments, words, total),
                (Native::Known(*expected), (*refunded).to_owned()),
                "{status} {payments:?} {words:?}"
            );
        }
        let unknown = paid_in("paid", &[("teleported", "100", "0")], &[], "100").0;
        assert_eq!(unknown, Native::Unknown("payment teleported".into()));
        let beside = paid_in("paid", &[("teleported", "100", "0"), ("approved", "100", "0")], &[], "100").0;
        assert_eq!(beside, Native::Known(Paid));
    }

    #[test]
    fn a_parcel_is_where_its_shipment_says() {
        assert_eq!(shipment_status("handling", ""), Some(ShipmentStatus::Pending));
        assert_eq!(shipment_status("ready_to_ship", "in_hub"), Some(ShipmentStatus::Shipped));
        assert_eq!(shipment_status("shipped", ""), Some(ShipmentStatus::Shipped));
        assert_eq!(shipment_status("delivered", ""), Some(ShipmentStatus::Delivered));
        assert_eq!(shipment_status("not_delivered", "stolen"), Some(ShipmentStatus::Failed));
        assert_eq!(shipment_status("cancelled", "closed_by_user"), None);
    }
}
