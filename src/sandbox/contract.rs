//! The marketplaces' contracts, for tests: a stand's answers must look like the recorded ones.

use std::path::PathBuf;

use serde_json::Value;

/// A sample, such as `shopify/samples/rest_order_2026-07.json`. `None`, with a message, where the
/// contracts are not at hand; never on a build server.
pub(crate) fn sample(path: &str) -> Option<Value> {
    let folder = std::env::var_os("FENICIA_CONTRACTS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/contracts"), PathBuf::from);
    if !folder.is_dir() {
        assert!(std::env::var_os("CI").is_none(), "the contracts are missing: set FENICIA_CONTRACTS");
        println!("skipped: no contracts in {}", folder.display());
        return None;
    }
    let text = std::fs::read_to_string(folder.join(path)).expect("the sample can be read");
    Some(serde_json::from_str(&text).expect("the sample is JSON"))
}

/// The keys of an object, sorted.
pub(crate) fn keys(value: &Value) -> Vec<String> {
    let mut keys: Vec<String> =
        value.as_object().map(|object| object.keys().cloned().collect()).unwrap_or_default();
    keys.sort();
    keys
}
