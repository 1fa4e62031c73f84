//! For fuzzing: what a stranger can send, taken apart without a daemon behind it.

use hyper::Method;

use super::fields::Fields;
use super::hooks::Target;
use super::query::Query;
use super::route::Routes;
use crate::model::{CancelReason, OrderKey, OrderStatus};

const PARAMETERS: [&str; 5] = ["status", "placed_after", "limit", "wait", "q"];
const FIELDS: [&str; 5] = ["since", "items", "orders", "reason", "tracking_url"];

/// Reads or refuses a request of either listener: its path, its query and its body.
pub fn take_apart(method: &str, target: &str, body: &[u8]) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let _ = Target::of(path);
    if let Ok(method) = Method::from_bytes(method.as_bytes()) {
        let _ = Routes::new().find(&method, path);
    }
    if let Ok(query) = Query::parse(query, &PARAMETERS) {
        let _ = query.words("status", OrderStatus::ALL, OrderStatus::parse);
        let _ = query.time("placed_after");
        let _ = (query.limit(), query.wait("wait", std::time::Duration::from_mins(1)), query.text("q"));
    }
    if let Ok(mut fields) = Fields::parse(body, &FIELDS) {
        let _ = (fields.time("since"), fields.link("tracking_url"));
        let _ = fields.word("reason", CancelReason::ALL, CancelReason::parse);
        let _ = fields.objects("items", 500, &["line_id", "quantity"]).map(|lines| {
            lines.map(|lines| lines.iter().map(|line| line.count("quantity")).collect::<Vec<_>>())
        });
        let key = |text: &str| text.parse::<OrderKey>().map_err(|error| error.to_string());
        let _ = fields.texts("orders", 1_000, key);
    }
}
