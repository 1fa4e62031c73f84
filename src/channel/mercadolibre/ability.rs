//! What can be done with an order: decided by the logistic mode of its shipment, not by the channel.

use super::map::fact;
use super::state::left_the_seller;
use crate::model::{
    CancelAbility, CancelReason, Capabilities, Order, OrderStatus, ReasonChoice, ShipAbility, Timestamp,
    TrackingAbility,
};

/// Longest message beside a cancellation, in characters.
pub const NOTE_MAX_CHARS: u32 = 159;

/// Who moves the state of a shipment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The seller, through notifications of an integrated carrier.
    Me1,
    /// The seller, by writing to the shipment.
    Custom,
    /// Somebody else; in words why and what to do instead.
    NotOurs(&'static str),
}

/// What was kept beside an order for this.
#[derive(Clone, Copy)]
pub struct Facts<'a>(pub &'a Order);

impl<'a> Facts<'a> {
    fn text(self, name: &str) -> &'a str {
        self.0.facts.get(name).map_or("", String::as_str)
    }

    pub fn shipment(self) -> Option<u64> {
        self.text(fact::SHIPMENT).parse().ok()
    }

    pub fn receiver(self) -> Option<u64> {
        self.text(fact::RECEIVER).parse().ok()
    }

    pub fn mode(self) -> Mode {
        match (self.text(fact::MODE), self.text(fact::TYPE)) {
            ("me1", _) => Mode::Me1,
            ("custom", _) => Mode::Custom,
            ("me2", "fulfillment") => Mode::NotOurs(
                "Mercado Libre's warehouse sends this order (Full) and reports it by itself. Nothing is to be \
                 done; look in Mercado Libre.",
            ),
            ("me2", "self_service" | "turbo") => Mode::NotOurs(
                "This order is delivered with Flex: the driver's app reports it. Print the label in Mercado \
                 Libre and scan the parcel with the app.",
            ),
            ("me2", _) => Mode::NotOurs(
                "This order goes with Mercado Envíos: the carrier's scan of the label reports it. Print the \
                 label in Mercado Libre and hand the parcel over.",
            ),
            _ if !self.0.facts.contains_key(fact::MODE) => Mode::NotOurs(
                "Mercado Libre has not shown the shipment of this order yet. Sync it, then try again.",
            ),
            _ => Mode::NotOurs(
                "The delivery was agreed with the buyer: there is no shipment to report. Rate the sale in \
                 Mercado Libre once the buyer has the goods.",
            ),
        }
    }

    fn in_cart(self) -> Option<&'a str> {
        Some(self.text(fact::PACK)).filter(|pack| !pack.is_empty())
    }

    fn has_left(self) -> bool {
        left_the_seller(self.text(fact::SHIPMENT_STATUS), self.text(fact::SHIPMENT_SUBSTATUS))
    }
}

/// See `Channel::dress`: an order whose shipment is the seller's own affair.
pub fn dress(order: &mut Order) {
    let shipment_status = if order.shipments.is_empty() { "pending" } else { "shipped" };
    let facts = [
        (fact::MODE, "custom"),
        (fact::SHIPMENT, "1"),
        (fact::RECEIVER, "1"),
        (fact::ORDER_STATUS, "paid"),
        (fact::SHIPMENT_STATUS, shipment_status),
    ];
    order.facts.extend(facts.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

pub fn capabilities(order: &Order, now: Timestamp) -> Capabilities {
    Capabilities { ship: ship(order), tracking: tracking(order), cancel: cancel(order, now) }
}

fn ship(order: &Order) -> ShipAbility {
    let facts = Facts(order);
    if let Some(why) = ship_obstacle(order) {
        return ShipAbility::no(why);
    }
    ShipAbility {
        supported: true,
        why: None,
        partial: false,
        carriers: None,
        carrier_other: true,
        tracking_required: facts.mode() == Mode::Custom,
        tracking_url_for_other: false,
        ship_by: None,
        consequence: facts
            .in_cart()
            .map(|pack| format!("Marks every order of cart {pack} as shipped: they share one parcel.")),
    }
}

fn ship_obstacle(order: &Order) -> Option<&'static str> {
    let facts = Facts(order);
    if let Mode::NotOurs(why) = facts.mode() {
        return Some(why);
    }
    if order.status == OrderStatus::Cancelled {
        return Some("The order is cancelled. Nothing is to be sent.");
    }
    if order.tags.iter().any(|tag| tag == "fraud_risk_detected") {
        return Some(
            "Mercado Libre sees a risk of fraud: the parcel must not be sent. Cancel the sale, here or in \
             Mercado Libre.",
        );
    }
    if facts.has_left() || matches!(order.status, OrderStatus::Shipped | OrderStatus::Delivered) {
        return Some("The parcel is on its way already. Follow it in Mercado Libre.");
    }
    if facts.text(fact::SHIPMENT_STATUS) == "cancelled" {
        return Some("The shipment of this order is cancelled. See in Mercado Libre what takes its place.");
    }
    let paid = matches!(facts.text(fact::ORDER_STATUS), "paid" | "partially_refunded");
    if order.status != OrderStatus::Accepted || !paid {
        return Some("The order is not paid yet. Wait for the payment, which Mercado Libre reports.");
    }
    addressee_obstacle(facts)
}

/// The interface wants the receiver's number with everything it is told about a custom shipment.
fn addressee_obstacle(facts: Facts<'_>) -> Option<&'static str> {
    let unknown = facts.shipment().is_none() || (facts.mode() == Mode::Custom && facts.receiver().is_none());
    unknown.then_some("Mercado Libre has not shown who receives this order yet. Sync it, then try again.")
}

fn tracking(order: &Order) -> TrackingAbility {
    let facts = Facts(order);
    let obstacle = match facts.mode() {
        Mode::NotOurs(why) => Some(why),
        _ if order.status == OrderStatus::Cancelled => {
            Some("The order is cancelled. Nothing is to be tracked.")
        }
        _ if matches!(facts.text(fact::SHIPMENT_STATUS), "delivered" | "not_delivered" | "cancelled") => {
            Some("The shipment is closed. Its number can be seen, but not changed, in Mercado Libre.")
        }
        _ if order.status == OrderStatus::Delivered => {
            Some("The order is delivered. Its number can be seen, but not changed, in Mercado Libre.")
        }
        // A number alone would report it as shipped.
        Mode::Me1 if !facts.has_left() => Some(
            "The order is not shipped yet. Mark it as shipped, with the number, here or in Mercado Libre.",
        ),
        Mode::Custom if order.status == OrderStatus::Pending => {
            Some("The order is not paid yet. Wait for the payment, which Mercado Libre reports.")
        }
        Mode::Me1 | Mode::Custom => addressee_obstacle(facts),
    };
    obstacle.map_or_else(|| TrackingAbility::yes(None), TrackingAbility::no)
}

fn cancel(order: &Order, now: Timestamp) -> CancelAbility {
    let facts = Facts(order);
    if let Some(why) = cancel_obstacle(order, now) {
        return CancelAbility::no(why);
    }
    let others =
        facts.in_cart().map_or_else(String::new, |pack| format!(" The other orders of cart {pack} stay."));
    CancelAbility {
        supported: true,
        why: None,
        reasons: CancelReason::ALL
            .iter()
            .map(|&reason| ReasonChoice { reason, channel_word: channel_reason(reason).to_owned() })
            .collect(),
        note_limit: Some(NOTE_MAX_CHARS),
        consequence: Some(format!(
            "Gives the sale up and refunds the buyer. Mercado Libre takes this once only, it cannot be undone, and \
             it may hurt the seller's reputation. The buyer may see the note.{others}"
        )),
    }
}

fn cancel_obstacle(order: &Order, now: Timestamp) -> Option<&'static str> {
    let facts = Facts(order);
    if order.status == OrderStatus::Cancelled {
        return Some("The order is cancelled already.");
    }
    if facts.has_left() || matches!(order.status, OrderStatus::Shipped | OrderStatus::Delivered) {
        return Some(
            "The parcel is on its way already: the sale cannot be given up any more. Settle it with the buyer in \
             Mercado Libre.",
        );
    }
    if !facts.text(fact::RATED).is_empty() {
        return Some(
            "This sale was rated already, and Mercado Libre takes one rating only. Settle it with the buyer in \
             Mercado Libre.",
        );
    }
    if Timestamp::parse(facts.text(fact::EXPIRES)).is_some_and(|at| at <= now) {
        return Some(
            "Mercado Libre's time for giving this sale up has run out. Settle it with the buyer in Mercado Libre.",
        );
    }
    None
}

/// The marketplace's word for a reason.
pub const fn channel_reason(reason: CancelReason) -> &'static str {
    match reason {
        CancelReason::CustomerRequest => "BUYER_REGRETS",
        CancelReason::OutOfStock => "OUT_OF_STOCK",
        CancelReason::Undeliverable => "WRONG_RECEIVER_ADDRESS",
        CancelReason::PricingError | CancelReason::Other => "OTHER_MY_RESPONSIBILITY",
    }
}
