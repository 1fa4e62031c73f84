//! What a merchant can do with an order here, and why not: pure decisions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Walmart;
use super::carriers::listed;
use super::facts::{Facts, Line};
use super::market::{Market, Node};
use super::setup::Acknowledge;
use crate::channel::{Refused, Verdict};
use crate::model::{
    Action, ActionRequest, CancelAbility, CancelReason, Capabilities, FulfilledBy, Memo, Order, ReasonChoice,
    ShipAbility, ShipLine, Shipment, Timestamp, TrackingAbility,
};

/// Keys of the memo.
pub(super) const CARRIER: &str = "carrier";
pub(super) const OTHER_CARRIER: &str = "other_carrier";
pub(super) const SHIPPED_AT: &str = "shipped_at";
pub(super) const METHOD: &str = "method";
/// The number that a correction replaces.
pub(super) const REPLACES: &str = "replaces";
/// Units per line that were under the number before, as JSON.
const BEFORE: &str = "units_before";
/// Units that were cancelled before.
const CANCELLED_BEFORE: &str = "cancelled_before";

/// How long after a line was marked as shipped its number may be replaced.
const CORRECTABLE: Duration = Duration::from_hours(4);
/// After a lost answer about a part of what is left, an order that was read this much later and
/// does not show the parcel proves that it was not taken.
const SETTLED: Duration = Duration::from_secs(90);
/// Taken when an order does not tell its own.
const USUAL_METHOD: &str = "Standard";
/// Mexico's word for a carrier that is not listed.
const MEXICO_OTHER: &str = "Other";

const BY_WALMART: &str = "Walmart packs and sends this order from its own warehouse (WFS), so nothing is to be done \
                          here. See it in Seller Central.";
const UNCLEAR: &str =
    "Walmart has not told the state of this order's lines. Press Sync, or look in Seller Central.";
const NOT_OURS_TO_ACKNOWLEDGE: &str = "The order is not acknowledged yet, and the config says that another tool does that \
                                       (acknowledge = \"never\"). Acknowledge it there or in Seller Central, then press \
                                       Sync.";
const NOTHING_LEFT: &str =
    "Every unit was sent or cancelled already. Correct a parcel's tracking, or look in Seller Central.";
const CANCELLED: &str = "The order is cancelled. See Seller Central for its history.";
const ALL_SENT: &str =
    "Every unit was sent already, and Walmart cancels no shipped unit. Refund it in Seller Central.";
const NO_PARCEL: &str =
    "Nothing was sent yet: mark the order as shipped with its tracking number. See it in Seller Central.";
const NO_NUMBER: &str =
    "The parcel has no tracking number that could be replaced. Correct it in Seller Central.";
const TOO_LATE: &str =
    "Walmart replaces a tracking number within 4 hours after shipping only. Ask its seller support for help.";

/// Why something is not possible, and whether the order's state or the channel forbids it.
enum Bar {
    Never(String),
    Now(String),
}

impl Bar {
    fn never(why: &str) -> Self {
        Self::Never(why.to_owned())
    }

    fn now(why: &str) -> Self {
        Self::Now(why.to_owned())
    }

    fn why(self) -> String {
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

fn not_ours(order: &Order, facts: &Facts<'_>) -> Option<Bar> {
    let theirs = order.fulfilled_by == FulfilledBy::Channel || facts.node() == Some(Node::Walmart);
    if theirs {
        return Some(Bar::never(BY_WALMART));
    }
    facts.lines.is_empty().then(|| Bar::now(UNCLEAR))
}

fn is_cancelled(facts: &Facts<'_>) -> bool {
    facts.cancelled() > 0 && facts.lines.iter().all(|line| line.live() == 0 && line.shipped == 0)
}

/// "The customer asked to cancel lines 1, 4."
fn unwanted(lines: &[&str]) -> String {
    let noun = if lines.len() == 1 { "line" } else { "lines" };
    format!(
        "The customer asked to cancel {noun} {}. Cancel with the customer's request as the reason, or ship it anyway in \
         Seller Central.",
        lines.join(", ")
    )
}

fn ship_bar(order: &Order, facts: &Facts<'_>, acknowledge: Acknowledge) -> Option<Bar> {
    if let Some(bar) = not_ours(order, facts) {
        return Some(bar);
    }
    if !facts.is_live() {
        return Some(Bar::now(if is_cancelled(facts) { CANCELLED } else { NOTHING_LEFT }));
    }
    if acknowledge == Acknowledge::Never && facts.created() > 0 {
        return Some(Bar::now(NOT_OURS_TO_ACKNOWLEDGE));
    }
    let live: Vec<&Line> = facts.lines.iter().filter(|line| line.live() > 0).collect();
    let all_unwanted = live.iter().all(|line| line.unwanted);
    all_unwanted.then(|| Bar::Now(unwanted(&live.iter().map(|line| line.id.as_str()).collect::<Vec<_>>())))
}

fn cancel_bar(order: &Order, facts: &Facts<'_>) -> Option<Bar> {
    if let Some(bar) = not_ours(order, facts) {
        return Some(bar);
    }
    let why = if is_cancelled(facts) { CANCELLED } else { ALL_SENT };
    (!facts.is_live()).then(|| Bar::now(why))
}

/// Lines with units in the parcel with this number.
fn lines_of<'a>(facts: &'a Facts<'_>, tracking: &str) -> Vec<&'a Line> {
    facts.lines.iter().filter(|line| line.under(tracking) > 0).collect()
}

/// Until when a parcel's number may be replaced; `None`: Walmart did not say when it was shipped.
fn correctable_until(lines: &[&Line]) -> Option<Timestamp> {
    lines.iter().filter_map(|line| line.changed_at).min().map(|at| at.plus(CORRECTABLE))
}

fn parcel_bar(facts: &Facts<'_>, parcel: &Shipment, now: Timestamp) -> Option<Bar> {
    let Some(number) = parcel.tracking_number.as_deref() else { return Some(Bar::never(NO_NUMBER)) };
    let lines = lines_of(facts, number);
    if lines.is_empty() {
        return Some(Bar::now(NO_PARCEL));
    }
    let delivered = lines.iter().flat_map(|line| &line.parcels).any(|p| p.is(number) && p.delivered);
    let late = correctable_until(&lines).is_some_and(|until| now > until);
    (delivered || late).then(|| Bar::now(TOO_LATE))
}

fn tracking_ability(order: &Order, facts: &Facts<'_>, now: Timestamp) -> TrackingAbility {
    if let Some(bar) = not_ours(order, facts) {
        return TrackingAbility::no(bar.why());
    }
    let mut why = NO_PARCEL.to_owned();
    let mut open = Vec::new();
    for parcel in &order.shipments {
        match parcel_bar(facts, parcel, now) {
            Some(bar) => why = bar.why(),
            None => open.push(lines_of(facts, parcel.tracking_number.as_deref().unwrap_or_default())),
        }
    }
    if open.is_empty() {
        return TrackingAbility::no(why);
    }
    TrackingAbility::yes(open.iter().filter_map(|lines| correctable_until(lines)).max())
}

fn cancel_ability(market: Market, facts: &Facts<'_>) -> CancelAbility {
    let asked = facts.lines.iter().any(|line| line.unwanted && line.live() > 0);
    let choice = |reason: &CancelReason| ReasonChoice {
        reason: *reason,
        channel_word: market.cancel_word(*reason, asked).to_owned(),
    };
    let sent = facts.lines.iter().any(|line| line.shipped > 0);
    let which = if sent {
        "The units that were not sent yet are cancelled."
    } else {
        "The whole order is cancelled."
    };
    let stock = match market {
        Market::UnitedStates => {
            " With SELLER_CANCEL_OUT_OF_STOCK Walmart also sets the item out of stock. The customer's request counts only \
             where Walmart has it on the line."
        }
        Market::Canada | Market::Mexico | Market::Chile => "",
    };
    CancelAbility {
        supported: true,
        why: None,
        reasons: CancelReason::ALL.iter().map(choice).collect(),
        note_limit: None,
        consequence: Some(format!(
            "{which} It cannot be brought back and counts in your seller metrics.{stock}"
        )),
    }
}

/// A carrier as a shipment names it.
enum Carrier {
    Listed(&'static str),
    Free(String),
}

impl Carrier {
    fn named(market: Market, text: &str) -> Result<Self, Refused> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Refused::invalid(
                "carrier",
                "Walmart wants to know the carrier. Name it, such as FedEx.",
            ));
        }
        Ok(listed(market.carriers(), text).map_or_else(|| Self::Free(text.to_owned()), Self::Listed))
    }

    fn note(self, market: Market, memo: &mut Memo) {
        match (self, market) {
            (Self::Listed(name), _) => memo.insert(CARRIER.to_owned(), name.to_owned()),
            (Self::Free(_), Market::Mexico) => memo.insert(CARRIER.to_owned(), MEXICO_OTHER.to_owned()),
            (Self::Free(name), _) => memo.insert(OTHER_CARRIER.to_owned(), name),
        };
    }
}

/// Carrier, number and address of a parcel, checked.
fn label(market: Market, carrier: &str, tracking: &str, url: Option<&str>) -> Result<Memo, Refused> {
    let carrier = Carrier::named(market, carrier)?;
    if tracking.trim().is_empty() {
        let why = "Walmart takes no shipment without a tracking number. Enter the one on the label.";
        return Err(Refused::invalid("tracking_number", why));
    }
    let url = url.map(str::trim).filter(|url| !url.is_empty());
    if url.is_some_and(|url| !url.starts_with("https://") && !url.starts_with("http://")) {
        return Err(Refused::invalid("tracking_url", "A tracking address begins with https://."));
    }
    if url.is_none() && matches!(carrier, Carrier::Free(_)) {
        let why = "Walmart does not list this carrier, so it wants the address of its tracking page as well. Enter it, or \
                   choose a listed carrier.";
        return Err(Refused::invalid("tracking_url", why));
    }
    let mut memo = Memo::new();
    carrier.note(market, &mut memo);
    Ok(memo)
}

fn check_units(facts: &Facts<'_>, items: &[ShipLine]) -> Result<(), Refused> {
    if items.is_empty() {
        return Err(Refused::invalid("items", "No unit was chosen. Choose at least one."));
    }
    let mut refused = Vec::new();
    for id in items.iter().map(|item| item.line_id.as_str()).collect::<BTreeSet<_>>() {
        let Some(line) = facts.line(id) else {
            return Err(Refused::invalid("items", format!("The order has no line {id}.")));
        };
        if items.iter().any(|item| item.line_id == id && item.quantity == 0) {
            return Err(Refused::invalid("items", format!("Line {id}: the quantity must be at least 1.")));
        }
        let wanted = wanted(items, id);
        if wanted > line.live() {
            let why = format!("Line {id}: {wanted} units were chosen, {} are left to be sent.", line.live());
            return Err(Refused::invalid("items", why));
        }
        if line.unwanted {
            refused.push(id);
        }
    }
    if refused.is_empty() { Ok(()) } else { Err(Refused::conflict(unwanted(&refused))) }
}

fn wanted(items: &[ShipLine], id: &str) -> u32 {
    let ours = items.iter().filter(|item| item.line_id == id);
    ours.fold(0, |sum, item| sum.saturating_add(item.quantity))
}

fn parcel<'a>(order: &'a Order, shipment_id: Option<&str>) -> Result<&'a Shipment, Refused> {
    match (shipment_id, order.shipments.as_slice()) {
        (_, []) => Err(Refused::conflict(NO_PARCEL)),
        (None, [only]) => Ok(only),
        (None, _) => Err(Refused::invalid("shipment_id", "The order has several parcels. Say which one.")),
        (Some(id), parcels) => parcels
            .iter()
            .find(|parcel| parcel.shipment_id == id)
            .ok_or_else(|| Refused::invalid("shipment_id", format!("The order has no parcel {id}."))),
    }
}

impl Walmart {
    pub(super) fn abilities(&self, order: &Order, now: Timestamp) -> Capabilities {
        let facts = Facts::read(&order.facts);
        let ship = match ship_bar(order, &facts, self.acknowledge) {
            Some(bar) => ShipAbility::no(bar.why()),
            None => ShipAbility {
                supported: true,
                why: None,
                partial: true,
                carriers: Some(self.market.carriers().iter().map(|name| (*name).to_owned()).collect()),
                carrier_other: true,
                tracking_required: true,
                tracking_url_for_other: true,
                ship_by: facts.ship_by(),
                consequence: Some(
                    "Walmart charges the customer and tells them. It cannot be undone; the tracking number can be \
                     replaced for 4 hours."
                        .to_owned(),
                ),
            },
        };
        let cancel = match cancel_bar(order, &facts) {
            Some(bar) => CancelAbility::no(bar.why()),
            None => cancel_ability(self.market, &facts),
        };
        Capabilities { ship, tracking: tracking_ability(order, &facts, now), cancel }
    }

    pub(super) fn prepared(
        &self,
        order: &Order,
        request: &ActionRequest,
        now: Timestamp,
    ) -> Result<Memo, Refused> {
        let facts = Facts::read(&order.facts);
        match request {
            ActionRequest::Ship { carrier, tracking_number, tracking_url, items } => {
                if let Some(bar) = ship_bar(order, &facts, self.acknowledge) {
                    return Err(bar.refused());
                }
                let number = tracking_number.as_deref().unwrap_or_default();
                let mut memo = label(self.market, carrier, number, tracking_url.as_deref())?;
                check_units(&facts, items)?;
                memo.extend(ship_notes(&facts, number, items, order.placed_at.max(now)));
                Ok(memo)
            }
            ActionRequest::Tracking { carrier, tracking_number, tracking_url, shipment_id } => {
                if let Some(bar) = not_ours(order, &facts) {
                    return Err(bar.refused());
                }
                let mut memo = label(self.market, carrier, tracking_number, tracking_url.as_deref())?;
                let parcel = parcel(order, shipment_id.as_deref())?;
                if let Some(bar) = parcel_bar(&facts, parcel, now) {
                    return Err(bar.refused());
                }
                memo.insert(METHOD.to_owned(), facts.method().unwrap_or(USUAL_METHOD).to_owned());
                memo.insert(SHIPPED_AT.to_owned(), parcel.shipped_at.unwrap_or(now).to_string());
                memo.insert(REPLACES.to_owned(), parcel.tracking_number.clone().unwrap_or_default());
                Ok(memo)
            }
            ActionRequest::Cancel { .. } => match cancel_bar(order, &facts) {
                Some(bar) => Err(bar.refused()),
                None => Ok(Memo::from([(CANCELLED_BEFORE.to_owned(), facts.cancelled().to_string())])),
            },
            ActionRequest::Acknowledge => match not_ours(order, &facts) {
                Some(bar) => Err(bar.refused()),
                None => Ok(Memo::new()),
            },
        }
    }
}

/// What a repeat must repeat, and what tells our parcel from an earlier one with its number.
fn ship_notes(facts: &Facts<'_>, number: &str, items: &[ShipLine], at: Timestamp) -> Memo {
    let under = |item: &ShipLine| facts.line(&item.line_id).map_or(0, |line| line.under(number));
    let before: BTreeMap<&str, u32> = items.iter().map(|item| (item.line_id.as_str(), under(item))).collect();
    let mut memo = Memo::from([
        (METHOD.to_owned(), facts.method().unwrap_or(USUAL_METHOD).to_owned()),
        (SHIPPED_AT.to_owned(), at.to_string()),
    ]);
    memo.extend(serde_json::to_string(&before).ok().map(|text| (BEFORE.to_owned(), text)));
    memo
}

/// Whether the order shows the effect of the action.
pub(super) fn shows(facts: &Facts<'_>, action: &Action) -> bool {
    match &action.request {
        ActionRequest::Ship { tracking_number, items, .. } => {
            let number = tracking_number.as_deref().unwrap_or_default();
            let before: BTreeMap<String, u32> =
                action.memo.get(BEFORE).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
            !items.is_empty()
                && items.iter().all(|item| {
                    let earlier = before.get(&item.line_id).copied().unwrap_or(0);
                    let expected = earlier.saturating_add(wanted(items, &item.line_id));
                    facts.line(&item.line_id).is_some_and(|line| line.under(number) >= expected)
                })
        }
        ActionRequest::Tracking { tracking_number, .. } => {
            let replaced = action.memo.get(REPLACES).map(String::as_str).unwrap_or_default();
            let carriers: Vec<&str> = [CARRIER, OTHER_CARRIER]
                .iter()
                .filter_map(|key| action.memo.get(*key))
                .map(String::as_str)
                .collect();
            let same_number = replaced.trim().eq_ignore_ascii_case(tracking_number.trim());
            let parcels = || facts.lines.iter().flat_map(|line| &line.parcels);
            let there = parcels().any(|parcel| {
                parcel.is(tracking_number)
                    && parcel
                        .carrier
                        .as_deref()
                        .is_some_and(|own| carriers.iter().any(|c| own.eq_ignore_ascii_case(c)))
            });
            there && (same_number || !parcels().any(|parcel| parcel.is(replaced)))
        }
        ActionRequest::Cancel { .. } => {
            let before = action.memo.get(CANCELLED_BEFORE).and_then(|n| n.parse().ok()).unwrap_or(0);
            !facts.lines.is_empty() && !facts.is_live() && facts.cancelled() > before
        }
        ActionRequest::Acknowledge => !facts.lines.is_empty() && facts.created() == 0,
    }
}

/// A repeat of anything but a part of what is left is refused by Walmart when the first one was
/// taken, so it cannot act twice.
pub(super) fn judge(order: &Order, action: &Action) -> Verdict {
    let facts = Facts::read(&order.facts);
    if shows(&facts, action) {
        return Verdict::Done;
    }
    if let ActionRequest::Ship { items, .. } = &action.request {
        let leaves_some = |item: &ShipLine| {
            facts.line(&item.line_id).is_some_and(|line| line.live() > wanted(items, &item.line_id))
        };
        let settled = order.version.read_at.since(action.updated_at) >= SETTLED;
        if items.iter().any(leaves_some) && !settled {
            return Verdict::NotSeen;
        }
    }
    Verdict::Repeatable
}

#[cfg(test)]
pub(super) mod tests;
