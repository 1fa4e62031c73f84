//! A consistent copy of a running store, and putting it back.

use std::path::Path;

use super::{BackupReport, Store, StoreError};

impl Store {
    /// A consistent copy of the running store, written next to `to` and renamed. Blocking.
    pub fn backup(&self, to: &Path) -> Result<BackupReport, StoreError> {
        let _ = to;
        Err(StoreError::NotFound("backup yet"))
    }
}
