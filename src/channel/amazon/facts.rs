//! What later calls need to know about an order, kept with it.

use std::collections::BTreeMap;

use super::document::OrderDocument;
use super::map::cancel_wish;
use crate::model::{Order, Timestamp};

/// Which marketplace of the region sold it.
const MARKETPLACE: &str = "marketplace_id";
/// Amazon's own status word.
const STATUS: &str = "fulfillment_status";
/// Programmes of the order, separated by commas.
const PROGRAMS: &str = "programs";
/// References of every parcel there ever was, as a JSON array.
const PACKAGES: &str = "packages";
/// The seller's deadline.
const SHIP_BY: &str = "ship_by";
/// `yes` while the buyer's wish to cancel is open.
const CANCEL_WISH: &str = "cancel_wish";
/// Before a line id: units that are still to be sent.
const UNFULFILLED: &str = "unfulfilled:";

/// The facts of a document. Keys that it does not speak of are left out and so stay as they were.
pub(super) fn of(order: &OrderDocument) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let mut note = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            facts.insert(key.to_owned(), value);
        }
    };
    note(MARKETPLACE, order.sales_channel.as_ref().and_then(|sold| sold.marketplace_id.clone()));
    note(STATUS, order.status().map(str::to_owned));
    note(PROGRAMS, Some(order.programs.list().join(",")));
    note(CANCEL_WISH, Some(if cancel_wish(order).is_some() { "yes" } else { "no" }.to_owned()));
    let window = order.fulfillment.as_ref().and_then(|f| f.ship_by_window.as_ref());
    note(SHIP_BY, window.and_then(|window| window.latest_date_time.clone()));
    let references = order
        .packages
        .as_ref()
        .map(|packages| packages.iter().map(|package| &*package.package_reference_id).collect::<Vec<_>>());
    note(PACKAGES, references.and_then(|references| serde_json::to_string(&references).ok()));
    for item in order.lines() {
        let left = item.fulfillment.as_ref().and_then(|f| f.quantity_unfulfilled);
        note(&format!("{UNFULFILLED}{}", &*item.order_item_id), left.map(|left| left.to_string()));
    }
    facts
}

/// See `Channel::dress`.
pub(super) fn dress(order: &mut Order) {
    let status = if order.shipments.is_empty() { "UNSHIPPED" } else { "SHIPPED" };
    order.facts.insert(STATUS.to_owned(), status.to_owned());
}

/// The facts of a stored order.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a>(pub &'a Order);

impl<'a> Facts<'a> {
    fn text(self, key: &str) -> Option<&'a str> {
        self.0.facts.get(key).map(String::as_str)
    }

    pub fn marketplace(self) -> Option<&'a str> {
        self.text(MARKETPLACE)
    }

    pub fn status(self) -> &'a str {
        self.text(STATUS).unwrap_or_default()
    }

    pub fn is_in(self, program: &str) -> bool {
        self.text(PROGRAMS).is_some_and(|programs| programs.split(',').any(|p| p == program))
    }

    pub fn packages(self) -> Vec<String> {
        self.text(PACKAGES).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    pub fn ship_by(self) -> Option<Timestamp> {
        self.text(SHIP_BY).and_then(Timestamp::parse)
    }

    pub fn cancel_wish(self) -> bool {
        self.text(CANCEL_WISH) == Some("yes")
    }

    /// Units of a line that are still to be sent; `None` when Amazon did not say.
    pub fn unfulfilled(self, line_id: &str) -> Option<u32> {
        self.0.facts.get(&format!("{UNFULFILLED}{line_id}"))?.parse().ok()
    }
}
