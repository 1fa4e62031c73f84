//! An order as the API shows it, beside what is true of it.

use fenicia::sandbox::Truth;
use serde_json::Value;

/// What both sides can say about an order, by field.
type Picture = [(&'static str, String); 10];

/// What differs; empty when the order is as it must be.
pub fn differences(order: &Value, truth: &Truth) -> Vec<String> {
    let pairs = shown(order).into_iter().zip(due(truth)).filter(|((_, own), (_, true_one))| own != true_one);
    pairs
        .map(|((field, own), (_, true_one))| format!("{}: {field} is {own}, not {true_one}", truth.order_id))
        .collect()
}

fn shown(order: &Value) -> Picture {
    let text = |field: &str| order[field].as_str().unwrap_or("null").to_owned();
    let list = |field: &str| order[field].as_array().cloned().unwrap_or_default();
    let units: u64 = list("items").iter().filter_map(|item| item["quantity"].as_u64()).sum();
    let mut tracking: Vec<String> = list("shipments")
        .iter()
        .filter_map(|parcel| parcel["tracking_number"].as_str().map(str::to_owned))
        .collect();
    tracking.sort();
    [
        ("number", text("number")),
        ("status", text("status")),
        ("payment_status", text("payment_status")),
        ("currency", text("currency")),
        ("total", text("total")),
        ("items", list("items").len().to_string()),
        ("units", units.to_string()),
        ("shipments", list("shipments").len().to_string()),
        ("tracking numbers", tracking.join(" ")),
        ("placed_at", to_the_second(&text("placed_at"))),
    ]
}

fn due(truth: &Truth) -> Picture {
    let or_null = |text: &Option<String>| text.clone().unwrap_or_else(|| "null".to_owned());
    let mut tracking = truth.tracking_numbers.clone();
    tracking.sort();
    [
        ("number", truth.number.clone()),
        ("status", truth.status.to_owned()),
        ("payment_status", truth.payment_status.to_owned()),
        ("currency", or_null(&truth.currency)),
        ("total", or_null(&truth.total)),
        ("items", truth.items.to_string()),
        ("units", truth.units.to_string()),
        ("shipments", truth.shipments.to_string()),
        ("tracking numbers", tracking.join(" ")),
        ("placed_at", to_the_second(&truth.placed_at.to_string())),
    ]
}

/// `2026-11-25T20:01:24`, without the zone, which is UTC on both sides.
fn to_the_second(time: &str) -> String {
    time.chars().take(19).collect()
}
