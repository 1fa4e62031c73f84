//! The recorded answers of the real Shopify that tests read; they are not part of the sources.

use std::path::PathBuf;

/// A file of the contract's folder. `None`, with a message, when the folder is not there; fails
/// instead where `CI` is set.
pub(super) fn text(name: &str) -> Option<String> {
    let base = std::env::var_os("FENICIA_CONTRACTS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/contracts"), PathBuf::from);
    let path = base.join("shopify").join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "{}: {error}", path.display());
            eprintln!("skipped: {} is not there", path.display());
            None
        }
    }
}

pub(super) fn json(name: &str) -> Option<serde_json::Value> {
    let text = text(&format!("samples/{name}"))?;
    Some(serde_json::from_str(&text).expect("a sample is JSON"))
}
