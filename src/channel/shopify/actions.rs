//! What can be done with an order, what an action will send, and whether it has taken effect.
//! Pure: the calls are in `perform`.

use std::time::Duration;

use super::carriers;
use super::facts::{self, FulfilmentOrder, Obstacle};
use super::map::fulfilment_of;
use super::plan::{self, Shortage};
use super::scalar::filled;
use crate::channel::{Memo, Refused, Verdict};
use crate::model::{
    Action, ActionRequest, ActionState, CancelAbility, CancelReason, Capabilities, Item, Order, OrderStatus,
    PaymentStatus, ReasonChoice, ShipAbility, ShipLine, Shipment, TrackingAbility,
};

/// Shopify's limit for a note to its staff, in characters.
const NOTE_MAX: usize = 255;

/// How long a call whose answer was lost may still be under way. An order that was read later and
/// does not show its effect proves that it was not taken.
const SETTLED: Duration = Duration::from_secs(90);

/// Memo: the carrier in Shopify's spelling.
pub(super) const CARRIER: &str = "carrier";
/// Memo: units of each wanted line that were under the same tracking number (without one: shipped
/// at all) when the action was asked for, as `line:units …`.
const BEFORE: &str = "before";
/// Memo: the parcel whose number is replaced.
pub(super) const PARCEL: &str = "parcel";
/// Memo: why, in Shopify's word.
pub(super) const REASON: &str = "reason";
/// Memo: whether the units go back into stock.
pub(super) const RESTOCK: &str = "restock";

pub(super) fn capabilities(order: &Order) -> Capabilities {
    Capabilities {
        ship: ship_ability(order),
        tracking: tracking_ability(order),
        cancel: cancel_ability(order),
    }
}

fn ship_ability(order: &Order) -> ShipAbility {
    if order.status == OrderStatus::Cancelled {
        return ShipAbility::no(
            "The order is cancelled. Make a new one in Shopify if it is to be sent after all.",
        );
    }
    if order.items.iter().all(|item| left(item) == 0) {
        return ShipAbility::no(
            "Every unit is shipped already. Change the tracking of its shipment instead.",
        );
    }
    let work = waiting(order);
    if let Some(obstacle) = work.as_deref().and_then(obstacle_to_all) {
        return ShipAbility::no(format!("In Shopify, {}", obstacle.why()));
    }
    ShipAbility {
        supported: true,
        why: None,
        partial: true,
        carriers: Some(carriers::known()),
        carrier_other: true,
        tracking_required: false,
        tracking_url_for_other: false,
        ship_by: None,
        consequence: Some(ship_consequence(work.as_deref())),
    }
}

/// Why none of it can be shipped; `None` when some can.
fn obstacle_to_all(work: &[FulfilmentOrder]) -> Option<Obstacle> {
    let open = work.iter().any(|part| part.obstacle().is_none());
    if open { None } else { work.iter().filter_map(FulfilmentOrder::obstacle).min() }
}

/// The work that is known to wait. A webhook may have brought units that no fetch has seen yet:
/// with units left and no work known, nothing is known.
fn waiting(order: &Order) -> Option<Vec<FulfilmentOrder>> {
    facts::read(&order.facts).filter(|work| !work.is_empty())
}

fn ship_consequence(work: Option<&[FulfilmentOrder]>) -> String {
    let mut places: Vec<&str> = work
        .into_iter()
        .flatten()
        .filter(|part| part.obstacle().is_none())
        .map(FulfilmentOrder::place)
        .collect();
    places.sort_unstable();
    places.dedup();
    let mut text = "Shopify sends the customer no message.".to_owned();
    if places.len() > 1 {
        text.push_str(" What lies at several locations becomes one shipment for each of them.");
    }
    text
}

fn tracking_ability(order: &Order) -> TrackingAbility {
    if order.shipments.is_empty() {
        TrackingAbility::no("There is no shipment yet: mark the order as shipped, with its tracking number.")
    } else {
        TrackingAbility::yes(None)
    }
}

fn cancel_ability(order: &Order) -> CancelAbility {
    if order.status == OrderStatus::Cancelled {
        return CancelAbility::no("The order is cancelled already.");
    }
    let sent =
        matches!(order.status, OrderStatus::Shipped | OrderStatus::Delivered) || !order.shipments.is_empty();
    if sent {
        return CancelAbility::no(
            "Part of the order is shipped, and Shopify cancels whole orders only. Cancel the shipment or refund the rest in Shopify.",
        );
    }
    let choice =
        |reason: &CancelReason| ReasonChoice { reason: *reason, channel_word: reason_word(*reason).into() };
    let money = match order.payment_status {
        PaymentStatus::Pending => {
            "A payment that is only authorised is released; nothing is refunded by this."
        }
        _ => "What was paid is not refunded by this: refund it in Shopify.",
    };
    CancelAbility {
        supported: true,
        why: None,
        reasons: CancelReason::ALL.iter().map(choice).collect(),
        note_limit: u32::try_from(NOTE_MAX).ok(),
        consequence: Some(format!(
            "Cancels the whole order; it cannot be brought back. {money} The units go back into stock, unless the \
             reason is that there are none. Shopify sends the customer no message; the note is for your staff."
        )),
    }
}

fn reason_word(reason: CancelReason) -> &'static str {
    match reason {
        CancelReason::CustomerRequest => "CUSTOMER",
        CancelReason::OutOfStock => "INVENTORY",
        CancelReason::PricingError => "STAFF",
        CancelReason::Undeliverable | CancelReason::Other => "OTHER",
    }
}

fn left(item: &Item) -> u32 {
    item.quantity
        .saturating_sub(item.quantity_shipped.unwrap_or(0))
        .saturating_sub(item.quantity_cancelled.unwrap_or(0))
}

pub(super) fn prepare(order: &Order, request: &ActionRequest) -> Result<Memo, Refused> {
    match request {
        ActionRequest::Ship { carrier, tracking_number, tracking_url, items } => {
            let number = filled(tracking_number.as_deref());
            check_url(tracking_url.as_deref(), number)?;
            prepare_ship(order, carrier, number, items)
        }
        ActionRequest::Tracking { carrier, tracking_number, tracking_url, shipment_id } => {
            let number = filled(Some(tracking_number)).ok_or_else(|| {
                Refused::invalid(
                    "tracking_number",
                    "A tracking number is needed. Write the one on the label.",
                )
            })?;
            check_url(tracking_url.as_deref(), Some(number))?;
            prepare_tracking(order, carrier, shipment_id.as_deref())
        }
        ActionRequest::Cancel { reason, note } => prepare_cancel(order, *reason, note.as_deref()),
        ActionRequest::Acknowledge => Err(Refused::unsupported(
            "Shopify has no step of accepting an order: work on it can begin at once.",
        )),
    }
}

fn check_url(url: Option<&str>, number: Option<&str>) -> Result<(), Refused> {
    let Some(url) = filled(url) else { return Ok(()) };
    if number.is_none() {
        return Err(Refused::invalid(
            "tracking_url",
            "Shopify takes a link only beside a tracking number. Add the number, or leave the link out.",
        ));
    }
    if url.starts_with("https://") || url.starts_with("http://") {
        Ok(())
    } else {
        Err(Refused::invalid("tracking_url", "This is no web address. Write one that begins with https://."))
    }
}

fn prepare_ship(
    order: &Order,
    carrier: &str,
    number: Option<&str>,
    items: &[ShipLine],
) -> Result<Memo, Refused> {
    let ability = ship_ability(order);
    let before = units_of_each(order, number, items);
    for wish in items {
        let item = order.items.iter().find(|item| item.line_id == wish.line_id).ok_or_else(|| {
            Refused::invalid(
                "items",
                format!("The order has no line {}. Choose among its lines.", wish.line_id),
            )
        })?;
        if wish.quantity == 0 {
            return Err(Refused::invalid(
                "items",
                "A line is to be shipped with 0 units. Choose at least 1.",
            ));
        }
        // What an earlier try of this action shipped already is not asked for again.
        let sent = if number.is_some() { units_under(order, number, &wish.line_id) } else { 0 };
        if ability.supported && wish.quantity > left(item) + sent {
            let why =
                format!("Only {} of {} units are left of line {}.", left(item), item.quantity, wish.line_id);
            return Err(Refused::invalid("items", why));
        }
    }
    if let Some(why) = ability.why {
        return Err(Refused::Unsupported { why });
    }
    if let Some(work) = waiting(order) {
        let wanted: Vec<ShipLine> = items.iter().map(|wish| still(order, number, wish)).collect();
        plan::plan(&work, &wanted).map_err(|shortage| Refused::unsupported(shortage.why()))?;
    }
    let memo = [(CARRIER, carriers::spelled(carrier)), (BEFORE, before)];
    Ok(memo.map(|(key, text)| (key.to_owned(), text)).into())
}

fn still(order: &Order, number: Option<&str>, wish: &ShipLine) -> ShipLine {
    let sent = if number.is_some() { units_under(order, number, &wish.line_id) } else { 0 };
    ShipLine { line_id: wish.line_id.clone(), quantity: wish.quantity.saturating_sub(sent) }
}

impl Shortage {
    pub(super) fn why(&self) -> String {
        match self.obstacle {
            Some(obstacle) => format!(
                "{} units of line {} cannot be shipped from here. In Shopify, {}",
                self.missing,
                self.line,
                obstacle.why()
            ),
            None => format!(
                "Shopify has {} units of line {} fewer to fulfil than asked for. Sync the order and look again.",
                self.missing, self.line
            ),
        }
    }
}

fn prepare_tracking(order: &Order, carrier: &str, parcel: Option<&str>) -> Result<Memo, Refused> {
    if let Some(why) = tracking_ability(order).why {
        return Err(Refused::Unsupported { why });
    }
    let parcel = match (parcel, order.shipments.as_slice()) {
        (Some(id), all) => all.iter().find(|parcel| parcel.shipment_id == id).ok_or_else(|| {
            Refused::invalid("shipment_id", "The order has no such shipment. Choose among its shipments.")
        })?,
        (None, [only]) => only,
        (None, _) => {
            return Err(Refused::invalid(
                "shipment_id",
                "The order has several shipments. Say which one is meant.",
            ));
        }
    };
    let memo = [(CARRIER, carriers::spelled(carrier)), (PARCEL, parcel.shipment_id.clone())];
    Ok(memo.map(|(key, text)| (key.to_owned(), text)).into())
}

fn prepare_cancel(order: &Order, reason: CancelReason, note: Option<&str>) -> Result<Memo, Refused> {
    if let Some(why) = cancel_ability(order).why {
        return Err(Refused::Conflict { why });
    }
    if note.is_some_and(|note| note.chars().count() > NOTE_MAX) {
        return Err(Refused::invalid(
            "note",
            format!("Shopify takes a note of at most {NOTE_MAX} characters. Shorten it."),
        ));
    }
    // Units that turned out not to be there must not be offered again.
    let restock = reason != CancelReason::OutOfStock;
    let memo = [(REASON, reason_word(reason).to_owned()), (RESTOCK, restock.to_string())];
    Ok(memo.map(|(key, text)| (key.to_owned(), text)).into())
}

/// What an action still has to ship, line by line; empty when all of it is.
pub(super) fn to_ship(
    order: &Order,
    action: &Action,
    number: Option<&str>,
    items: &[ShipLine],
) -> Vec<ShipLine> {
    let before = action.memo.get(BEFORE).map_or("", String::as_str);
    let rest = |wish: &ShipLine| {
        let sent = units_under(order, number, &wish.line_id).saturating_sub(units_in(before, &wish.line_id));
        ShipLine { line_id: wish.line_id.clone(), quantity: wish.quantity.saturating_sub(sent) }
    };
    items.iter().map(rest).filter(|line| line.quantity > 0).collect()
}

fn units_of_each(order: &Order, number: Option<&str>, items: &[ShipLine]) -> String {
    let each = |wish: &ShipLine| format!("{}:{}", wish.line_id, units_under(order, number, &wish.line_id));
    items.iter().map(each).collect::<Vec<_>>().join(" ")
}

fn units_in(memo: &str, line: &str) -> u32 {
    let pairs = memo.split(' ').filter_map(|pair| pair.split_once(':'));
    pairs.filter(|(id, _)| *id == line).find_map(|(_, units)| units.parse().ok()).unwrap_or(0)
}

/// Units of a line in fulfilments with this number, or in all of them.
fn units_under(order: &Order, number: Option<&str>, line: &str) -> u32 {
    let counts = |parcel: &&Shipment| match number {
        None => true,
        Some(number) => parcels_of(order, fulfilment_of(&parcel.shipment_id)).any(|p| has_number(p, number)),
    };
    let items = order.shipments.iter().filter(counts).flat_map(|parcel| &parcel.items);
    items.filter(|item| item.line_id == line).map(|item| item.quantity).sum()
}

pub(super) fn parcels_of<'a>(order: &'a Order, fulfilment: &'a str) -> impl Iterator<Item = &'a Shipment> {
    order.shipments.iter().filter(move |parcel| fulfilment_of(&parcel.shipment_id) == fulfilment)
}

pub(super) fn has_number(parcel: &Shipment, number: &str) -> bool {
    parcel.tracking_number.as_deref().is_some_and(|known| known.trim().eq_ignore_ascii_case(number))
}

pub(super) fn judge(order: &Order, action: &Action) -> Verdict {
    let settled = order.version.read_at.since(action.updated_at) >= SETTLED;
    match &action.request {
        ActionRequest::Ship { tracking_number, items, .. } => {
            let number = filled(tracking_number.as_deref());
            // Without a number, what left before anything was sent is somebody else's parcel.
            if number.is_none() && action.state == ActionState::Queued {
                return Verdict::NotSeen;
            }
            match judge_ship(order, &to_ship(order, action, number, items)) {
                // Without a number, another tool's parcel may have been taken for a part of ours.
                Verdict::NotSeen if settled && number.is_some() => Verdict::Repeatable,
                verdict => verdict,
            }
        }
        ActionRequest::Tracking { tracking_number, .. } => {
            judge_tracking(order, action, tracking_number.trim())
        }
        ActionRequest::Cancel { .. } if order.status == OrderStatus::Cancelled => Verdict::Done,
        // Cancelling what is cancelled is refused, so a repeat does no harm; but Shopify works on it
        // for a while, and takes a second one meanwhile.
        ActionRequest::Cancel { .. } if !settled => Verdict::NotSeen,
        ActionRequest::Cancel { .. } => Verdict::Repeatable,
        ActionRequest::Acknowledge => Verdict::CannotTell,
    }
}

/// A repeat that takes all that waits of its lines cannot ship twice: Shopify refuses the second.
fn judge_ship(order: &Order, rest: &[ShipLine]) -> Verdict {
    if rest.is_empty() {
        return Verdict::Done;
    }
    let Some(work) = facts::read(&order.facts) else { return Verdict::NotSeen };
    let takes_all = rest.iter().all(|line| line.quantity >= plan::offered(&work, &line.line_id));
    if takes_all { Verdict::Repeatable } else { Verdict::NotSeen }
}

fn judge_tracking(order: &Order, action: &Action, number: &str) -> Verdict {
    let note = |key: &str| action.memo.get(key).map_or("", String::as_str);
    let parcel = order.shipments.iter().find(|parcel| parcel.shipment_id == note(PARCEL));
    let same_carrier = |parcel: &Shipment| {
        note(CARRIER).is_empty() || parcel.carrier.as_deref().is_some_and(|carrier| carrier == note(CARRIER))
    };
    match parcel {
        Some(parcel) if has_number(parcel, number) && same_carrier(parcel) => Verdict::Done,
        // Replacing a number by the same number changes nothing.
        _ => Verdict::Repeatable,
    }
}
