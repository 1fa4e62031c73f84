//! What can be done with an order, and in words why something cannot. Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use super::facts::{Facts, UnitState, key};
use super::reason::{Stage, word};
use crate::channel::Refused;
use crate::model::{
    CancelAbility, CancelReason, Capabilities, Order, ReasonChoice, ShipAbility, Shipment, Timestamp,
    TrackingAbility,
};

/// How long after shipping a number may be replaced.
const CHANGES: Duration = Duration::from_hours(72);
/// Markets in which the seller declares units, and TikTok Shop makes the package.
const BY_UNITS: [&str; 9] = ["US", "GB", "UK", "ES", "IE", "IT", "DE", "FR", "JP"];

const BY_TIKTOK: &str =
    "TikTok's own warehouse sends this order, so nothing is to be done here. Look in TikTok Shop.";
const TIKTOK_LABEL: &str = "This order goes with TikTok's own shipping: label and carrier are TikTok's. Print the label in \
                            Seller Center and hand the parcel over there.";
const UNKNOWN: &str = "TikTok Shop has not told how this order is sent. Sync it, or look in Seller Center.";
const UNPAID: &str = "The order is not paid yet. Wait for the payment, which TikTok Shop reports.";
const ON_HOLD: &str = "The order is on hold: the buyer may still cancel freely, and shipping is refused. Wait until it is released.";
const WISH: &str = "The buyer asks to cancel, and TikTok Shop forbids to ship meanwhile. Cancel here to agree, or refuse in \
                    Seller Center first.";
const CANCELLED: &str = "The order is cancelled. Nothing is to be done; its history is in TikTok Shop.";
const ALL_SENT: &str = "Every unit was sent already. Correct a parcel's number, or look in TikTok Shop.";
const NOT_SENT: &str = "The order is not shipped yet, and a number cannot be stored before. Mark it as shipped, with the \
                        number, here or in Seller Center.";
const CLOSED: &str = "The order has arrived. Its number can be seen, but not changed, in TikTok Shop.";
const TOO_LATE: &str = "The parcel was shipped more than 72 hours ago, and TikTok Shop takes no other number since. Correct it in \
                        Seller Center.";
const ON_ITS_WAY: &str = "The order is on its way, so it cannot be cancelled any more. Settle a return or a refund with the buyer \
                          in TikTok Shop.";

/// Why something is not possible, and whether the channel or the order's state forbids it.
#[derive(Debug, PartialEq, Eq)]
pub enum Bar {
    Never(&'static str),
    Now(&'static str),
}

impl Bar {
    pub const fn why(&self) -> &'static str {
        match self {
            Self::Never(why) | Self::Now(why) => why,
        }
    }

    pub fn refused(&self) -> Refused {
        match self {
            Self::Never(why) => Refused::unsupported(*why),
            Self::Now(why) => Refused::conflict(*why),
        }
    }
}

/// How a parcel is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Units of the order; their package is made by it.
    Units,
    /// A package that is there already.
    Packages,
}

pub fn route(facts: Facts<'_>) -> Route {
    let region = facts.text(key::REGION);
    let by_units = BY_UNITS.iter().any(|own| own.eq_ignore_ascii_case(region));
    let open_in_package = || {
        let units = facts.units();
        let mut open = units.iter().filter(|unit| unit.state == UnitState::Open).peekable();
        open.peek().is_some() && open.all(|unit| !unit.package.is_empty())
    };
    if !by_units && open_in_package() { Route::Packages } else { Route::Units }
}

/// Who sends the order, if not the seller.
fn not_ours(facts: Facts<'_>) -> Option<Bar> {
    match (facts.text(key::FULFILLED_BY), facts.text(key::SHIPPED_WITH)) {
        ("FULFILLMENT_BY_SELLER" | "", "SELLER") => None,
        ("FULFILLMENT_BY_SELLER" | "", "") => Some(Bar::Never(UNKNOWN)),
        ("FULFILLMENT_BY_SELLER" | "", _) => Some(Bar::Never(TIKTOK_LABEL)),
        _ => Some(Bar::Never(BY_TIKTOK)),
    }
}

pub fn ship_bar(order: &Order) -> Option<Bar> {
    let facts = Facts::of(order);
    if let Some(bar) = not_ours(facts) {
        return Some(bar);
    }
    let why = match facts.text(key::STATUS) {
        "CANCELLED" | "CANCEL" => CANCELLED,
        "UNPAID" => UNPAID,
        _ if facts.is(key::ON_HOLD) => ON_HOLD,
        "AWAITING_SHIPMENT" | "PARTIALLY_SHIPPING" if facts.is(key::BUYER_WANTS_OUT) => WISH,
        "AWAITING_SHIPMENT" | "PARTIALLY_SHIPPING" => {
            let open = facts.units().iter().any(|unit| unit.state == UnitState::Open);
            return (!open).then_some(Bar::Now(ALL_SENT));
        }
        "AWAITING_COLLECTION" | "IN_TRANSIT" | "DELIVERED" | "COMPLETED" => ALL_SENT,
        _ => UNKNOWN,
    };
    Some(Bar::Now(why))
}

/// Until when this parcel's number may be replaced; `None` when nothing says.
fn changeable_until(facts: Facts<'_>, parcel: &Shipment) -> Option<Timestamp> {
    parcel.shipped_at.or_else(|| facts.time(key::SHIPPED_AT)).map(|at| at.plus(CHANGES))
}

/// Whether the number of this parcel can be replaced.
pub fn parcel_bar(order: &Order, parcel: &Shipment, now: Timestamp) -> Option<Bar> {
    changeable_until(Facts::of(order), parcel)
        .is_some_and(|until| until <= now)
        .then_some(Bar::Never(TOO_LATE))
}

pub fn tracking_bar(order: &Order, now: Timestamp) -> Option<Bar> {
    let facts = Facts::of(order);
    if let Some(bar) = not_ours(facts) {
        return Some(bar);
    }
    let sent = facts.units().iter().any(|unit| unit.state == UnitState::Shipped);
    match facts.text(key::STATUS) {
        "CANCELLED" | "CANCEL" => Some(Bar::Now(CANCELLED)),
        "DELIVERED" | "COMPLETED" => Some(Bar::Never(CLOSED)),
        _ if !sent || order.shipments.is_empty() => Some(Bar::Now(NOT_SENT)),
        _ if order.shipments.iter().all(|parcel| parcel_bar(order, parcel, now).is_some()) => {
            Some(Bar::Never(TOO_LATE))
        }
        _ => None,
    }
}

pub fn cancel_bar(order: &Order) -> Option<Bar> {
    let facts = Facts::of(order);
    let is_us = facts.text(key::REGION).eq_ignore_ascii_case("US");
    match facts.text(key::STATUS) {
        "UNPAID" | "ON_HOLD" | "AWAITING_SHIPMENT" => None,
        "AWAITING_COLLECTION" if is_us => None,
        "CANCELLED" | "CANCEL" => Some(Bar::Now(CANCELLED)),
        "" => Some(Bar::Now(UNKNOWN)),
        _ => Some(Bar::Never(ON_ITS_WAY)),
    }
}

/// The word that goes with a cancellation of this order.
pub fn cancel_word(order: &Order, reason: CancelReason) -> &'static str {
    let facts = Facts::of(order);
    let stage = if facts.text(key::STATUS) == "UNPAID" { Stage::Unpaid } else { Stage::Paid };
    word(facts.text(key::REGION), stage, reason)
}

pub fn capabilities(order: &Order, now: Timestamp) -> Capabilities {
    let ship = ship_bar(order).map_or_else(|| ship_ability(order), |bar| ShipAbility::no(bar.why()));
    let tracking = if let Some(bar) = tracking_bar(order, now) {
        TrackingAbility::no(bar.why())
    } else {
        let facts = Facts::of(order);
        TrackingAbility::yes(order.shipments.iter().filter_map(|own| changeable_until(facts, own)).max())
    };
    let cancel = cancel_bar(order).map_or_else(|| cancel_ability(order), |bar| CancelAbility::no(bar.why()));
    Capabilities { ship, tracking, cancel }
}

fn ship_ability(order: &Order) -> ShipAbility {
    let facts = Facts::of(order);
    let units = facts.units();
    let open = units.iter().filter(|unit| unit.state == UnitState::Open);
    let packages: BTreeSet<&str> = open.clone().map(|unit| unit.package.as_str()).collect();
    let partial = match route(facts) {
        Route::Units => open.count() > 1,
        Route::Packages => packages.len() > 1,
    };
    let names = |all: Vec<super::facts::Provider>| all.into_iter().map(|provider| provider.name).collect();
    ShipAbility {
        supported: true,
        why: None,
        partial,
        carriers: facts.providers().map(names),
        carrier_other: false,
        tracking_required: true,
        tracking_url_for_other: false,
        ship_by: facts.time(key::SHIP_BY),
        consequence: facts.is(key::COMBINED).then(|| {
            "The parcel holds other orders of this buyer too: TikTok Shop marks them as shipped as well."
                .to_owned()
        }),
    }
}

fn cancel_ability(order: &Order) -> CancelAbility {
    let wish = Facts::of(order).is(key::BUYER_WANTS_OUT);
    let choice = |&reason: &CancelReason| ReasonChoice {
        reason,
        channel_word: if wish { "the buyer's own request" } else { cancel_word(order, reason) }.to_owned(),
    };
    let consequence = if wish {
        "Agrees to the buyer's request: the order is cancelled and TikTok Shop refunds the buyer."
    } else {
        "The whole order is cancelled and TikTok Shop refunds the buyer. It counts against the shop's score when \
         the fault is the seller's."
    };
    CancelAbility {
        supported: true,
        why: None,
        reasons: CancelReason::ALL.iter().map(choice).collect(),
        note_limit: None,
        consequence: Some(consequence.to_owned()),
    }
}
