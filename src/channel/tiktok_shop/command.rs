//! An action, checked against the order, and whether the order shows its effect. Pure.

use std::collections::BTreeMap;

use super::ability::{Route, cancel_bar, parcel_bar, route, ship_bar, tracking_bar};
use super::facts::{Facts, Provider, Unit, UnitState, key};
use crate::channel::{Memo, Refused, Verdict};
use crate::model::{Action, ActionRequest, Order, OrderStatus, ShipLine, Shipment, Timestamp};

/// Memo: the units to declare, so that a repeat declares the same ones.
pub const UNITS: &str = "units";
/// Memo: the carrier, once its id is known.
pub const PROVIDER: &str = "provider_id";
/// Memo: the parcel whose number is replaced.
pub const PACKAGE: &str = "package_id";

const TRACKING_MAX_CHARS: usize = 100;
/// Most carriers that a refusal names.
const NAMES_MAX: usize = 40;

/// See `Channel::prepare`.
pub fn prepare(order: &Order, request: &ActionRequest, now: Timestamp) -> Result<Memo, Refused> {
    match request {
        ActionRequest::Ship { carrier, tracking_number, items, .. } => {
            ship(order, carrier, tracking_number.as_deref().unwrap_or_default(), items)
        }
        ActionRequest::Tracking { carrier, tracking_number, shipment_id, .. } => {
            tracking(order, carrier, tracking_number, shipment_id.as_deref(), now)
        }
        ActionRequest::Cancel { .. } => {
            cancel_bar(order).map_or_else(|| Ok(Memo::new()), |bar| Err(bar.refused()))
        }
        ActionRequest::Acknowledge => Err(Refused::unsupported(
            "TikTok Shop needs no acknowledgement; there is nothing to do here or in Seller Center.",
        )),
    }
}

fn ship(order: &Order, carrier: &str, number: &str, items: &[ShipLine]) -> Result<Memo, Refused> {
    if let Some(bar) = ship_bar(order) {
        return Err(bar.refused());
    }
    number_is_sound(number)?;
    let mut memo = provider(order, carrier)?;
    let chosen = choose(order, items)?;
    if route(Facts::of(order)) == Route::Packages {
        whole_packages(order, &chosen)?;
    }
    memo.insert(UNITS.to_owned(), chosen.join(","));
    Ok(memo)
}

fn tracking(
    order: &Order,
    carrier: &str,
    number: &str,
    shipment_id: Option<&str>,
    now: Timestamp,
) -> Result<Memo, Refused> {
    if let Some(bar) = tracking_bar(order, now) {
        return Err(bar.refused());
    }
    number_is_sound(number)?;
    let parcel = match (shipment_id, order.shipments.as_slice()) {
        (Some(id), parcels) => parcels.iter().find(|parcel| parcel.shipment_id == id).ok_or_else(|| {
            Refused::invalid("shipment_id", format!("The order has no parcel {id}. Choose one of its own."))
        })?,
        (None, [only]) => only,
        (None, _) => {
            return Err(Refused::invalid("shipment_id", "The order has several parcels. Say which one."));
        }
    };
    if let Some(bar) = parcel_bar(order, parcel, now) {
        return Err(bar.refused());
    }
    let mut memo = provider(order, carrier)?;
    memo.insert(PACKAGE.to_owned(), parcel.shipment_id.clone());
    Ok(memo)
}

/// The carrier's id, where the carriers of this order are known already.
fn provider(order: &Order, carrier: &str) -> Result<Memo, Refused> {
    if carrier.trim().is_empty() {
        let why = "TikTok Shop wants to know the carrier. Choose one of the order's list.";
        return Err(Refused::invalid("carrier", why));
    }
    let known = Facts::of(order).providers().unwrap_or_default();
    if known.is_empty() {
        return Ok(Memo::new());
    }
    let found =
        find(&known, carrier).ok_or_else(|| Refused::invalid("carrier", unlisted(&known, carrier)))?;
    Ok(Memo::from([(PROVIDER.to_owned(), found.id.clone())]))
}

/// By name, without regard to case and to what is not a letter or digit.
pub fn find<'a>(providers: &'a [Provider], carrier: &str) -> Option<&'a Provider> {
    let exact = providers.iter().find(|own| own.name.trim().eq_ignore_ascii_case(carrier.trim()));
    exact.or_else(|| {
        providers.iter().find(|own| !bare(carrier).is_empty() && bare(&own.name) == bare(carrier))
    })
}

fn bare(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

pub fn unlisted(providers: &[Provider], carrier: &str) -> String {
    let names: Vec<&str> = providers.iter().take(NAMES_MAX).map(|own| own.name.as_str()).collect();
    let more = if providers.len() > NAMES_MAX { ", …" } else { "" };
    format!(
        "TikTok Shop takes no carrier {carrier:?} for this order. Choose one of: {}{more}.",
        names.join(", ")
    )
}

fn number_is_sound(number: &str) -> Result<(), Refused> {
    let number = number.trim();
    let sound = !number.is_empty()
        && number.chars().count() <= TRACKING_MAX_CHARS
        && !number.chars().any(char::is_control);
    let why = "TikTok Shop takes no parcel without a tracking number of 1 to 100 visible characters. Enter the one \
               on the label.";
    if sound { Ok(()) } else { Err(Refused::invalid("tracking_number", why)) }
}

/// Open units of the chosen lines: as many as wanted, the first ones of each line.
fn choose(order: &Order, items: &[ShipLine]) -> Result<Vec<String>, Refused> {
    let mut wanted: BTreeMap<&str, u32> = BTreeMap::new();
    for item in items {
        let sum = wanted.entry(&item.line_id).or_default();
        *sum = sum.saturating_add(item.quantity);
    }
    let units = Facts::of(order).units();
    let mut chosen = Vec::new();
    for (line, quantity) in wanted {
        let invalid = |why: String| Refused::invalid("items", why);
        if !order.items.iter().any(|item| item.line_id == line) {
            return Err(invalid(format!("The order has no line {line}. Choose lines of this order.")));
        }
        let open: Vec<&Unit> =
            units.iter().filter(|unit| unit.line == line && unit.state == UnitState::Open).collect();
        let wanted = usize::try_from(quantity).unwrap_or(usize::MAX);
        if wanted == 0 || wanted > open.len() {
            let why =
                format!("Line {line}: {quantity} units were chosen, {} are left to be sent.", open.len());
            return Err(invalid(why));
        }
        chosen.extend(open.iter().take(wanted).map(|unit| unit.id.clone()));
    }
    if chosen.is_empty() {
        return Err(Refused::invalid("items", "No unit was chosen. Choose at least one."));
    }
    Ok(chosen)
}

/// In most markets a package goes as it is.
fn whole_packages(order: &Order, chosen: &[String]) -> Result<(), Refused> {
    let units = Facts::of(order).units();
    let is_chosen = |unit: &Unit| chosen.contains(&unit.id);
    let packages: Vec<&str> =
        units.iter().filter(|unit| is_chosen(unit)).map(|unit| unit.package.as_str()).collect();
    let left_behind = |unit: &&Unit| {
        unit.state == UnitState::Open && packages.contains(&unit.package.as_str()) && !is_chosen(unit)
    };
    if units.iter().any(|unit| left_behind(&unit)) {
        let why = "In this market TikTok Shop ships a package as a whole. Choose every unit of it, or split the \
                   package in Seller Center first.";
        return Err(Refused::invalid("items", why));
    }
    Ok(())
}

/// The units that an action declares.
pub fn chosen(action: &Action) -> Vec<&str> {
    let units = action.memo.get(UNITS).map_or("", String::as_str);
    units.split(',').filter(|id| !id.is_empty()).collect()
}

/// See `Channel::judge`.
pub fn judge(order: &Order, action: &Action) -> Verdict {
    let done = match &action.request {
        ActionRequest::Ship { tracking_number, .. } => is_declared(
            &Facts::of(order).units(),
            &chosen(action),
            tracking_number.as_deref().unwrap_or_default(),
        ),
        ActionRequest::Tracking { carrier, tracking_number, .. } => {
            let package = action.memo.get(PACKAGE).map_or("", String::as_str);
            let parcel = order.shipments.iter().find(|parcel| parcel.shipment_id == package);
            parcel.is_some_and(|parcel| has_number(parcel, tracking_number) && has_carrier(parcel, carrier))
        }
        ActionRequest::Cancel { .. } => order.status == OrderStatus::Cancelled,
        ActionRequest::Acknowledge => return Verdict::CannotTell,
    };
    // A unit can be declared once and an order be cancelled once; a number is only replaced by
    // itself. TikTok Shop refuses the second time, and the order is looked at then.
    if done { Verdict::Done } else { Verdict::Repeatable }
}

/// Whether all these units are in a parcel of this number.
pub fn is_declared(units: &[Unit], chosen: &[&str], number: &str) -> bool {
    let carries = |id: &&str| units.iter().any(|unit| unit.id == **id && is_under(unit, number));
    !chosen.is_empty() && chosen.iter().all(carries)
}

pub fn is_under(unit: &Unit, number: &str) -> bool {
    unit.state == UnitState::Shipped
        && !unit.number.is_empty()
        && unit.number.eq_ignore_ascii_case(number.trim())
}

fn has_number(parcel: &Shipment, number: &str) -> bool {
    parcel.tracking_number.as_deref().is_some_and(|own| own.trim().eq_ignore_ascii_case(number.trim()))
}

fn has_carrier(parcel: &Shipment, carrier: &str) -> bool {
    parcel.carrier.as_deref().is_none_or(|own| bare(own) == bare(carrier))
}

/// Whether the order's number is that of its one parcel, or has to be replaced package by package.
pub fn has_one_parcel(order: &Order) -> bool {
    let units = Facts::of(order).units();
    let mut packages: Vec<&str> = units
        .iter()
        .filter(|unit| unit.state != UnitState::Cancelled)
        .map(|unit| unit.package.as_str())
        .collect();
    packages.sort_unstable();
    packages.dedup();
    packages.len() <= 1 && !Facts::of(order).is(key::COMBINED)
}
