//! The contracts' recorded answers, for tests; they are not part of the sources.

use std::path::PathBuf;

/// A file, such as `walmart/samples/orders-list.json`. `None`, with a message, where the contracts
/// are not at hand; never on a build server.
pub(crate) fn sample(path: &str) -> Option<String> {
    let folder = std::env::var_os("FENICIA_CONTRACTS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/contracts"), PathBuf::from);
    if !folder.is_dir() {
        assert!(std::env::var_os("CI").is_none(), "the contracts are missing: set FENICIA_CONTRACTS");
        eprintln!("skipped: no contracts in {}", folder.display());
        return None;
    }
    Some(std::fs::read_to_string(folder.join(path)).expect("the sample can be read"))
}
