//! What a merchant can do with an order here, and why not: pure decisions.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use super::Amazon;
use super::carriers::{CARRIERS, Carrier, same};
use super::facts::Facts;
use crate::channel::{Refused, Verdict};
use crate::model::{
    Action, ActionRequest, CancelAbility, CancelReason, Capabilities, FulfilledBy, Memo, Order, OrderStatus,
    ReasonChoice, ShipAbility, ShipLine, Shipment, Timestamp, TrackingAbility,
};

/// Keys of the memo.
pub(super) const PACKAGE: &str = "package";
pub(super) const CARRIER_CODE: &str = "carrier_code";
pub(super) const CARRIER_NAME: &str = "carrier_name";
pub(super) const SHIP_DATE: &str = "ship_date";
pub(super) const CANCEL_WORD: &str = "cancel_reason";
/// Set once Amazon took the cancellation.
pub(super) const FEED: &str = "feed";

const BY_AMAZON: &str = "Amazon packs and sends this order from its own warehouse, so nothing is to be done here. \
                         Changes are made in Seller Central.";
const SHIP_PLUS: &str = "Amazon confirms orders of its Ship+ programme by itself when the label is scanned. \
                         Buy and see labels in Seller Central.";
const UNPAID: &str = "Amazon has not authorised the payment yet. Wait until the order is accepted, or look at it in \
                      Seller Central.";
const CANCELLED: &str = "The order is cancelled. See Seller Central for its history.";
const ALL_SENT: &str = "Every unit was sent already. Correct a parcel's tracking, or look in Seller Central.";
const PARTLY_SENT: &str =
    "Amazon cancels whole orders only, and a part of this one was sent. Refund it in Seller Central.";
const UNCLEAR: &str = "Amazon has not told the state of this order. Press Sync, or look in Seller Central.";
const NO_PARCEL: &str = "No parcel was confirmed from here. Parcels made in Seller Central or with Amazon's labels are \
                         corrected there.";
const NO_ACKNOWLEDGE: &str =
    "Amazon accepts orders by itself; there is nothing to acknowledge here or in Seller Central.";

/// Why something is not possible, and whether the order's state or the channel forbids it.
enum Bar {
    Never(&'static str),
    Now(&'static str),
}

impl Bar {
    fn why(&self) -> &'static str {
        match self {
            Self::Never(why) | Self::Now(why) => why,
        }
    }

    fn refused(self) -> Refused {
        match self {
            Self::Never(why) => Refused::unsupported(why),
            Self::Now(why) => Refused::conflict(why),
        }
    }
}

/// What forbids confirming shipments, before the state of the units is looked at.
fn not_ours(order: &Order) -> Option<Bar> {
    if order.fulfilled_by == FulfilledBy::Channel {
        return Some(Bar::Never(BY_AMAZON));
    }
    Facts(order).is_in("FBM_SHIP_PLUS").then_some(Bar::Never(SHIP_PLUS))
}

fn ship_bar(order: &Order) -> Option<Bar> {
    if let Some(bar) = not_ours(order) {
        return Some(bar);
    }
    match Facts(order).status() {
        "UNSHIPPED" | "PARTIALLY_SHIPPED" => None,
        "PENDING" | "PENDING_AVAILABILITY" => Some(Bar::Now(UNPAID)),
        "CANCELLED" | "UNFULFILLABLE" => Some(Bar::Now(CANCELLED)),
        "SHIPPED" => Some(Bar::Now(ALL_SENT)),
        _ => Some(Bar::Now(UNCLEAR)),
    }
}

fn tracking_bar(order: &Order) -> Option<Bar> {
    if let Some(bar) = not_ours(order) {
        return Some(bar);
    }
    if order.status == OrderStatus::Cancelled {
        return Some(Bar::Now(CANCELLED));
    }
    let ours = order.shipments.iter().any(|parcel| number(&parcel.shipment_id).is_some());
    (!ours).then_some(Bar::Never(NO_PARCEL))
}

fn cancel_bar(order: &Order) -> Option<Bar> {
    if order.fulfilled_by == FulfilledBy::Channel {
        return Some(Bar::Never(BY_AMAZON));
    }
    let sent = order.items.iter().any(|item| item.quantity_shipped.unwrap_or(0) > 0);
    match Facts(order).status() {
        "UNSHIPPED" if sent => Some(Bar::Never(PARTLY_SENT)),
        "UNSHIPPED" => None,
        "PARTIALLY_SHIPPED" | "SHIPPED" => Some(Bar::Never(PARTLY_SENT)),
        "PENDING" | "PENDING_AVAILABILITY" => Some(Bar::Now(UNPAID)),
        "CANCELLED" | "UNFULFILLABLE" => Some(Bar::Now(CANCELLED)),
        _ => Some(Bar::Now(UNCLEAR)),
    }
}

/// Amazon's word for a reason. A buyer's own wish outweighs ours: it does not count against the
/// seller.
fn reason_word(reason: CancelReason, buyer_asked: bool) -> &'static str {
    match reason {
        _ if buyer_asked => "BuyerCanceled",
        CancelReason::CustomerRequest => "BuyerCanceled",
        CancelReason::OutOfStock => "NoInventory",
        CancelReason::PricingError => "PricingError",
        CancelReason::Undeliverable => "ShippingAddressUndeliverable",
        CancelReason::Other => "GeneralAdjustment",
    }
}

pub(super) fn capabilities(order: &Order) -> Capabilities {
    let facts = Facts(order);
    let ship = match ship_bar(order) {
        Some(bar) => ShipAbility::no(bar.why()),
        None => ShipAbility {
            supported: true,
            why: None,
            partial: true,
            carriers: Some(CARRIERS.iter().map(|carrier| (*carrier).to_owned()).collect()),
            carrier_other: true,
            tracking_required: true,
            tracking_url_for_other: false,
            ship_by: facts.ship_by(),
            consequence: Some("Amazon tells the customer that the parcel is on its way.".to_owned()),
        },
    };
    let tracking = match tracking_bar(order) {
        Some(bar) => TrackingAbility::no(bar.why()),
        None => TrackingAbility::yes(None),
    };
    let cancel = match cancel_bar(order) {
        Some(bar) => CancelAbility::no(bar.why()),
        None => cancel_ability(facts.cancel_wish()),
    };
    Capabilities { ship, tracking, cancel }
}

fn cancel_ability(buyer_asked: bool) -> CancelAbility {
    let choice = |reason: &CancelReason| ReasonChoice {
        reason: *reason,
        channel_word: reason_word(*reason, buyer_asked).to_owned(),
    };
    let rate = if buyer_asked {
        "The customer asked for it, so it is sent as the customer's wish."
    } else {
        "It may count in your cancellation rate."
    };
    CancelAbility {
        supported: true,
        why: None,
        reasons: CancelReason::ALL.iter().map(choice).collect(),
        note_limit: None,
        consequence: Some(format!(
            "The whole order is cancelled. Amazon takes some minutes; until it confirms, the order stays as it is. {rate}"
        )),
    }
}

/// A parcel's reference as a positive integer, which is the only kind that can be edited.
fn number(reference: &str) -> Option<u64> {
    let plain = reference.bytes().all(|b| b.is_ascii_digit()) && !reference.starts_with('0');
    reference.parse().ok().filter(|n| plain && *n > 0)
}

impl Amazon {
    pub(super) fn prepared(
        &self,
        order: &Order,
        request: &ActionRequest,
        now: Timestamp,
    ) -> Result<Memo, Refused> {
        match request {
            ActionRequest::Ship { carrier, tracking_number, items, .. } => {
                let tracking = tracking_number.as_deref().unwrap_or_default();
                self.prepare_ship(order, carrier, tracking, items, now)
            }
            ActionRequest::Tracking { carrier, tracking_number, shipment_id, .. } => {
                prepare_tracking(order, carrier, tracking_number, shipment_id.as_deref(), now)
            }
            ActionRequest::Cancel { reason, .. } => match cancel_bar(order) {
                Some(bar) => Err(bar.refused()),
                // The order may show a parcel a little later than Amazon confirmed it.
                None if !self.confirmed_parcels(order).is_empty() => Err(Bar::Never(PARTLY_SENT).refused()),
                None => {
                    let word = reason_word(*reason, Facts(order).cancel_wish());
                    Ok(Memo::from([(CANCEL_WORD.to_owned(), word.to_owned())]))
                }
            },
            ActionRequest::Acknowledge => Err(Refused::unsupported(NO_ACKNOWLEDGE)),
        }
    }

    fn prepare_ship(
        &self,
        order: &Order,
        carrier: &str,
        tracking: &str,
        items: &[ShipLine],
        now: Timestamp,
    ) -> Result<Memo, Refused> {
        if let Some(bar) = ship_bar(order) {
            return Err(bar.refused());
        }
        check_label(carrier, tracking)?;
        check_units(order, items)?;
        Ok(label(&self.free_reference(order).to_string(), carrier, now))
    }

    /// The smallest positive integer that names no parcel of this order, called-back ones included.
    /// Parcels that Amazon confirmed but does not list yet count as well.
    fn free_reference(&self, order: &Order) -> u64 {
        let listed = Facts(order).packages().into_iter();
        let shown = order.shipments.iter().map(|parcel| parcel.shipment_id.clone());
        let mut taken: BTreeSet<u64> =
            listed.chain(shown).filter_map(|reference| number(&reference)).collect();
        taken.extend(self.confirmed_parcels(order));
        (1..=u64::MAX).find(|free| !taken.contains(free)).unwrap_or(u64::MAX)
    }

    /// References that Amazon confirmed to this process.
    pub(super) fn confirmed_parcels(&self, order: &Order) -> BTreeSet<u64> {
        let confirmed = self.confirmed.lock().unwrap_or_else(PoisonError::into_inner);
        confirmed.get(&order.key.order).cloned().unwrap_or_default()
    }
}

fn prepare_tracking(
    order: &Order,
    carrier: &str,
    tracking: &str,
    shipment_id: Option<&str>,
    now: Timestamp,
) -> Result<Memo, Refused> {
    if let Some(bar) = tracking_bar(order) {
        return Err(bar.refused());
    }
    check_label(carrier, tracking)?;
    let parcel = match (shipment_id, order.shipments.as_slice()) {
        (None, [only]) => only,
        (None, _) => {
            return Err(Refused::invalid("shipment_id", "The order has several parcels. Say which one."));
        }
        (Some(id), parcels) => parcels
            .iter()
            .find(|parcel| parcel.shipment_id == id)
            .ok_or_else(|| Refused::invalid("shipment_id", format!("The order has no parcel {id}.")))?,
    };
    if number(&parcel.shipment_id).is_none() {
        return Err(Refused::unsupported(NO_PARCEL));
    }
    Ok(label(&parcel.shipment_id, carrier, parcel.shipped_at.unwrap_or(now)))
}

fn check_label(carrier: &str, tracking: &str) -> Result<(), Refused> {
    if carrier.trim().is_empty() {
        return Err(Refused::invalid("carrier", "Amazon wants to know the carrier. Name it, such as FedEx."));
    }
    if tracking.trim().is_empty() {
        let why = "Amazon takes no shipment without a tracking number. Enter the one on the label.";
        return Err(Refused::invalid("tracking_number", why));
    }
    Ok(())
}

fn check_units(order: &Order, items: &[ShipLine]) -> Result<(), Refused> {
    if items.is_empty() {
        return Err(Refused::invalid("items", "No unit was chosen. Choose at least one."));
    }
    let lines: BTreeSet<&str> = items.iter().map(|item| item.line_id.as_str()).collect();
    for line in lines {
        let Some(left) = left(order, line) else {
            return Err(Refused::invalid("items", format!("The order has no line {line}.")));
        };
        let chosen: Vec<u32> = items.iter().filter(|i| i.line_id == line).map(|i| i.quantity).collect();
        if chosen.contains(&0) {
            return Err(Refused::invalid("items", format!("Line {line}: the quantity must be at least 1.")));
        }
        let wanted = chosen.into_iter().fold(0_u32, u32::saturating_add);
        if wanted > left {
            let why = format!("Line {line}: {wanted} units were chosen, {left} are left to be sent.");
            return Err(Refused::invalid("items", why));
        }
    }
    Ok(())
}

/// Units of a line that are still to be sent; `None` when the order has no such line.
fn left(order: &Order, line: &str) -> Option<u32> {
    let item = order.items.iter().find(|item| item.line_id == line)?;
    let done = item.quantity_shipped.unwrap_or(0).saturating_add(item.quantity_cancelled.unwrap_or(0));
    Some(Facts(order).unfulfilled(line).unwrap_or_else(|| item.quantity.saturating_sub(done)))
}

/// What a repeat must repeat.
fn label(reference: &str, carrier: &str, shipped_at: Timestamp) -> Memo {
    let carrier = Carrier::named(carrier);
    let mut memo = Memo::from([
        (PACKAGE.to_owned(), reference.to_owned()),
        (CARRIER_CODE.to_owned(), carrier.code),
        (SHIP_DATE.to_owned(), shipped_at.to_rfc3339_secs()),
    ]);
    memo.extend(carrier.name.map(|name| (CARRIER_NAME.to_owned(), name)));
    memo
}

/// Whether a fresh reading shows the effect.
pub(super) fn judge(order: &Order, action: &Action) -> Verdict {
    let reference = action.memo.get(PACKAGE).map(String::as_str).unwrap_or_default();
    match &action.request {
        ActionRequest::Ship { tracking_number, items, .. } => {
            judge_ship(order, reference, tracking_number.as_deref().unwrap_or_default(), items)
        }
        ActionRequest::Tracking { carrier, tracking_number, .. } => {
            let parcel = order.shipments.iter().find(|parcel| parcel.shipment_id == reference);
            let shown = Carrier::named(carrier);
            let matches = |parcel: &Shipment| {
                let carriers = [carrier.trim(), shown.shown()];
                has_number(parcel, tracking_number)
                    && parcel.carrier.as_deref().is_some_and(|own| carriers.iter().any(|c| same(own, c)))
            };
            // The same call edits the same parcel again.
            if parcel.is_some_and(matches) { Verdict::Done } else { Verdict::Repeatable }
        }
        ActionRequest::Cancel { .. } if order.status == OrderStatus::Cancelled => Verdict::Done,
        // A feed that is still processed would be joined by a second one.
        ActionRequest::Cancel { .. } if action.memo.contains_key(FEED) => Verdict::NotSeen,
        // An order can be cancelled once only, so asking twice is asking once.
        ActionRequest::Cancel { .. } => Verdict::Repeatable,
        ActionRequest::Acknowledge => Verdict::CannotTell,
    }
}

fn judge_ship(order: &Order, reference: &str, tracking: &str, items: &[ShipLine]) -> Verdict {
    let ours = |parcel: &Shipment| parcel.shipment_id == reference && has_number(parcel, tracking);
    // Under another reference it is the effect only when the units cannot be sent any more: a
    // further part of the order may go into the same parcel.
    let gone = || items.iter().any(|item| left(order, &item.line_id).is_none_or(|left| left < item.quantity));
    if order.shipments.iter().any(ours) || (carries(&order.shipments, tracking, items) && gone()) {
        return Verdict::Done;
    }
    let taken = order.shipments.iter().any(|parcel| parcel.shipment_id == reference);
    // Another parcel bears the reference: the same call would overwrite it.
    if taken { Verdict::NotSeen } else { Verdict::Repeatable }
}

/// Whether the wanted units are in parcels of this number, by this action or by another tool of
/// the merchant that was first. A parcel that does not list its units is taken at its number.
pub(super) fn carries(parcels: &[Shipment], tracking: &str, wanted: &[ShipLine]) -> bool {
    let numbered: Vec<&Shipment> = parcels.iter().filter(|parcel| has_number(parcel, tracking)).collect();
    if numbered.iter().any(|parcel| parcel.items.is_empty()) {
        return true;
    }
    let units = |line: &str| -> u32 {
        let items = numbered.iter().flat_map(|parcel| &parcel.items);
        items.filter(|item| item.line_id == line).map(|item| item.quantity).sum()
    };
    !numbered.is_empty() && wanted.iter().all(|line| units(&line.line_id) >= line.quantity)
}

fn has_number(parcel: &Shipment, tracking: &str) -> bool {
    parcel.tracking_number.as_deref().is_some_and(|own| same(own.trim(), tracking.trim()))
}

#[cfg(test)]
mod tests;
