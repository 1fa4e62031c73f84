//! What the proof must know about a marketplace beside what its stand says. Adding one is one row.

use serde_json::Value;

pub struct Row {
    pub kind: &'static str,
    /// Orders that are acted on at the same time: with more, its allowance would only make calls wait.
    pub at_once: usize,
    /// The sorts of orders that can be acted on, beside the ordinary one.
    pub flavours: &'static [&'static str],
    /// The stand's words for the calls that ship, correct a number, cancel, and read an order.
    pub ships: &'static [&'static str],
    pub tracks: &'static [&'static str],
    pub cancels: &'static [&'static str],
    pub reads: &'static [&'static str],
    /// The effects that are a cancellation.
    pub cancelled: &'static [&'static str],
    /// How much an effect put into parcels: units where the stand tells them, else 1 for a parcel.
    pub weight: fn(&Value) -> u64,
    /// Weight of one shipment of these units, at most.
    pub most: fn(units: u64) -> u64,
}

impl Row {
    /// The call that cancels, without those that look.
    pub fn writes_cancel(&self) -> &'static [&'static str] {
        &self.cancels[..1]
    }
}

pub const ROWS: &[Row] = &[
    Row {
        kind: "shopify",
        at_once: 20,
        flavours: &["two_locations", "many_lines", "no_customer", "authorized"],
        ships: &["fulfillmentCreate"],
        tracks: &["fulfillmentTrackingInfoUpdate"],
        cancels: &["orderCancel", "order"],
        reads: &["order", "nodes"],
        cancelled: &["orderCancel"],
        weight: |detail| quantities(&detail["input"]),
        most: |units| units,
    },
    Row {
        kind: "amazon",
        at_once: 20,
        flavours: &["gift", "canada", "brazil", "business"],
        ships: &["confirmShipment"],
        tracks: &["confirmShipment"],
        cancels: &[
            "createFeedDocument",
            "uploadFeed",
            "createFeed",
            "getFeed",
            "getFeedDocument",
            "downloadReport",
        ],
        reads: &["getOrder"],
        cancelled: &["cancel"],
        // The same parcel again is no second one.
        weight: |detail| u64::from(detail["edit"] == false),
        most: |_| 1,
    },
    Row {
        kind: "mercadolibre",
        at_once: 6,
        flavours: &["custom", "cart", "slow"],
        ships: &["seller_notifications", "update_shipment"],
        tracks: &["seller_notifications", "update_shipment"],
        cancels: &["give_feedback", "feedback"],
        reads: &["order", "shipment"],
        cancelled: &["feedback"],
        // A custom shipment is written as it shall be: the same again changes nothing.
        weight: |detail| u64::from(detail.get("shipment").is_some()),
        most: |_| 1,
    },
    Row {
        kind: "walmart",
        at_once: 20,
        flavours: &["acknowledged", "subscription", "many_lines"],
        ships: &["acknowledge", "ship"],
        tracks: &["ship"],
        cancels: &["cancel"],
        reads: &["get_order"],
        cancelled: &["cancel"],
        weight: |detail| {
            let lines = detail["lines"].as_array().map(Vec::as_slice).unwrap_or_default();
            lines
                .iter()
                .filter(|line| line["replaces"].is_null())
                .filter_map(|line| line["units"].as_u64())
                .sum()
        },
        most: |units| units,
    },
    Row {
        kind: "tiktok_shop",
        at_once: 20,
        flavours: &["gb", "mx", "id", "cod"],
        ships: &["ship_units", "ship_package"],
        tracks: &["update_order_shipping", "update_package_shipping"],
        cancels: &["cancel", "approve"],
        reads: &["orders"],
        cancelled: &["cancel", "approve"],
        weight: |detail| detail["units"].as_array().map_or(1, |units| units.len() as u64),
        most: |units| units,
    },
];

/// All quantities in a document.
fn quantities(value: &Value) -> u64 {
    match value {
        Value::Object(fields) => {
            let own = fields.get("quantity").and_then(Value::as_u64).unwrap_or(0);
            own + fields.values().map(quantities).sum::<u64>()
        }
        Value::Array(elements) => elements.iter().map(quantities).sum(),
        _ => 0,
    }
}
