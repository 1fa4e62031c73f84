//! `[store]`: where everything is kept.

use std::path::PathBuf;

use super::secret::{self, Demand};
use super::table::Table;
use crate::model::Secret;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// The data folder, absolute.
    pub path: PathBuf,
    /// The master key; `None`: a key file in the folder, mode 0600, made at need.
    pub encryption_key: Option<Secret>,
}

pub(super) fn read(root: &mut Table<'_>) -> Store {
    let mut table = root.table("store");
    let path = folder(&mut table);
    let encryption_key = secret::read(&mut table, "encryption_key", Demand::Now);
    table.finish();
    Store { path, encryption_key }
}

pub(super) fn folder(table: &mut Table<'_>) -> PathBuf {
    let Some((text, at)) = table.text("path") else { return default_path(table) };
    let path = table.reading.path(text);
    if path.exists() && !path.is_dir() {
        let what = format!("`store.path` is not a folder: {}", path.display());
        table.fault(&at, what, "name a folder; fenicia makes it when it is not there");
    }
    path
}

/// systemd's `StateDirectory=`, the first of several, else `data` beside the file.
fn default_path(table: &Table<'_>) -> PathBuf {
    let named = table.reading.variable("STATE_DIRECTORY").filter(|s| !s.is_empty());
    let first = named.as_deref().and_then(|folders| folders.split(':').next());
    table.reading.path(first.unwrap_or("data"))
}
