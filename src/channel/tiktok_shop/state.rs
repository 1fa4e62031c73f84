//! The two states of an order, from TikTok Shop's words. Tables of the channel's contract.

use super::document::OrderDoc;
use super::money::Refund;
use crate::model::{Native, OrderStatus, PaymentStatus};

/// First match wins.
pub fn status(order: &OrderDoc, refund: Refund) -> Native<OrderStatus> {
    let known = match &*order.status {
        "" => return Native::Absent,
        "CANCELLED" | "CANCEL" => OrderStatus::Cancelled,
        "COMPLETED" if order.delivery_time.0.is_none() => match refund {
            // Nothing says that it was delivered.
            Refund::Everything => OrderStatus::Shipped,
            Refund::Unseen => return Native::Absent,
            Refund::Nothing | Refund::Part => OrderStatus::Delivered,
        },
        "DELIVERED" | "COMPLETED" => OrderStatus::Delivered,
        // Awaiting collection: the seller has declared the parcel.
        "IN_TRANSIT" | "AWAITING_COLLECTION" => OrderStatus::Shipped,
        "PARTIALLY_SHIPPING" | "AWAITING_SHIPMENT" => OrderStatus::Accepted,
        // On hold is paid, yet the buyer may cancel freely and shipping is refused.
        "ON_HOLD" | "UNPAID" => OrderStatus::Pending,
        word => return Native::Unknown(word.to_owned()),
    };
    Native::Known(known)
}

/// A cancelled order that was paid stays paid until its refund is complete.
pub fn payment_status(order: &OrderDoc, refund: Refund) -> PaymentStatus {
    let collected = *order.is_cod == Some(true) && matches!(&*order.status, "DELIVERED" | "COMPLETED");
    if order.paid_time.0.is_none() && !collected {
        return PaymentStatus::Pending;
    }
    match refund {
        Refund::Everything => PaymentStatus::Refunded,
        Refund::Part => PaymentStatus::PartiallyRefunded,
        Refund::Nothing | Refund::Unseen => PaymentStatus::Paid,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn order(value: &Value) -> OrderDoc {
        serde_json::from_str(&value.to_string()).expect("an order")
    }

    #[test]
    fn every_row_of_the_status_table() {
        use OrderStatus as S;
        use Refund as R;
        #[rustfmt::skip]
        let table = [
            (json!({"status": "CANCELLED"}), R::Nothing, Native::Known(S::Cancelled)),
            (json!({"status": "CANCEL"}), R::Unseen, Native::Known(S::Cancelled)),
            (json!({"status": "COMPLETED"}), R::Everything, Native::Known(S::Shipped)),
            (json!({"status": "COMPLETED", "delivery_time": 0}), R::Everything, Native::Known(S::Shipped)),
            (json!({"status": "COMPLETED", "delivery_time": 5}), R::Everything, Native::Known(S::Delivered)),
            (json!({"status": "COMPLETED"}), R::Part, Native::Known(S::Delivered)),
            (json!({"status": "COMPLETED"}), R::Unseen, Native::Absent),
            (json!({"status": "COMPLETED", "delivery_time": 5}), R::Unseen, Native::Known(S::Delivered)),
            (json!({"status": "DELIVERED"}), R::Unseen, Native::Known(S::Delivered)),
            (json!({"status": "IN_TRANSIT"}), R::Nothing, Native::Known(S::Shipped)),
            (json!({"status": "AWAITING_COLLECTION"}), R::Nothing, Native::Known(S::Shipped)),
            (json!({"status": "PARTIALLY_SHIPPING"}), R::Nothing, Native::Known(S::Accepted)),
            (json!({"status": "AWAITING_SHIPMENT"}), R::Nothing, Native::Known(S::Accepted)),
            (json!({"status": "AWAITING_SHIPMENT", "is_buyer_request_cancel": true}), R::Nothing, Native::Known(S::Accepted)),
            (json!({"status": "ON_HOLD"}), R::Nothing, Native::Known(S::Pending)),
            (json!({"status": "UNPAID"}), R::Nothing, Native::Known(S::Pending)),
            (json!({"status": "TO_BE_INVENTED"}), R::Nothing, Native::Unknown("TO_BE_INVENTED".to_owned())),
            (json!({}), R::Nothing, Native::Absent),
        ];
        for (doc, refund, expected) in table {
            assert_eq!(status(&order(&doc), refund), expected, "{doc} {refund:?}");
        }
    }

    #[test]
    fn every_row_of_the_payment_table() {
        use PaymentStatus as P;
        use Refund as R;
        #[rustfmt::skip]
        let table = [
            (json!({"status": "UNPAID"}), R::Nothing, P::Pending),
            (json!({"status": "UNPAID", "paid_time": 0}), R::Nothing, P::Pending),
            (json!({"status": "IN_TRANSIT", "is_cod": true}), R::Nothing, P::Pending),
            (json!({"status": "DELIVERED", "is_cod": true}), R::Nothing, P::Paid),
            (json!({"status": "COMPLETED", "is_cod": true}), R::Part, P::PartiallyRefunded),
            (json!({"status": "DELIVERED"}), R::Nothing, P::Pending),
            (json!({"status": "ON_HOLD", "paid_time": 5}), R::Nothing, P::Paid),
            (json!({"status": "CANCELLED", "paid_time": 5}), R::Nothing, P::Paid),
            (json!({"status": "CANCELLED", "paid_time": 5}), R::Everything, P::Refunded),
            (json!({"status": "COMPLETED", "paid_time": 5}), R::Part, P::PartiallyRefunded),
            (json!({"status": "COMPLETED", "paid_time": 5}), R::Unseen, P::Paid),
        ];
        for (doc, refund, expected) in table {
            assert_eq!(payment_status(&order(&doc), refund), expected, "{doc} {refund:?}");
        }
    }
}
