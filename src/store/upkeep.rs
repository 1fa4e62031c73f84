//! What the janitor has the store do, and what the metrics ask for.

use std::os::unix::fs::MetadataExt as _;
use std::sync::PoisonError;

use super::rows::{GO_ON, Rows, STOP, Span};
use super::tables::Tab;
use super::{Sizes, Store, StoreError, api_keys, changes, commands, disk, files, incidents, renewal, syncs};
use crate::model::Timestamp;

/// Rows of one kind removed by one pruning.
const BATCH: usize = 500;
/// Delivery ids looked at by one pruning.
const LOOKED_AT: usize = 5_000;

impl Store {
    /// T prune: a bounded batch of expired delivery ids, idempotency keys, ended syncs, old
    /// changes and closed notifications. Also writes down when API keys were used and renews the
    /// sealing keys when it is their time. Answers whether more is left.
    pub async fn prune(&self, now: Timestamp) -> Result<bool, StoreError> {
        renewal::renew(self, false, now).await?;
        let (expired, ids_left) = self.expired_delivery_ids(now)?;
        let used = std::mem::take(&mut *self.shared.last_used.lock().unwrap_or_else(PoisonError::into_inner));
        let used: Vec<_> = used.into_iter().collect();
        let full = self.write("prune", move |tx| {
            api_keys::note_uses(tx, &used)?;
            for key in &expired {
                // Looked at in a snapshot: it may have been accepted anew since.
                let still = tx.number(Tab::DeliveryIds, key)?.is_some_and(|ms| is_past(ms, now));
                if still {
                    tx.remove(Tab::DeliveryIds, key)?;
                }
            }
            let removed = [
                commands::prune(tx, BATCH, now)?,
                syncs::prune(tx, BATCH, now)?,
                changes::prune(tx, BATCH, now)?,
                incidents::prune(tx, BATCH, now)?,
            ];
            Ok::<_, StoreError>(removed.contains(&BATCH))
        });
        Ok(full.await? || ids_left)
    }

    /// The next expired delivery ids, and whether the walk through all of them is not at its end.
    fn expired_delivery_ids(&self, now: Timestamp) -> Result<(Vec<Vec<u8>>, bool), StoreError> {
        let mut from = self.shared.prune_from.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = self.snapshot()?;
        let (mut expired, mut looked, mut last) = (Vec::new(), 0, Vec::new());
        rows.walk(Tab::DeliveryIds, &Span::all().after(from.clone()), &mut |key, value| {
            looked += 1;
            let expiry = super::rows::to_number(Tab::DeliveryIds, key, value)?;
            if is_past(expiry, now) {
                expired.push(key.to_vec());
            }
            if looked < LOOKED_AT && expired.len() < BATCH {
                return GO_ON;
            }
            last = key.to_vec();
            STOP
        })?;
        let left = !last.is_empty();
        *from = last;
        Ok((expired, left))
    }

    /// Sizes for the metrics.
    pub fn sizes(&self) -> Result<Sizes, StoreError> {
        let path = self.shared.dir.join(files::DATABASE);
        let file = std::fs::metadata(path).ok();
        Ok(Sizes {
            file_bytes: file.as_ref().map_or(0, std::fs::Metadata::len),
            stored_bytes: file.as_ref().map_or(0, |file| file.blocks() * 512),
            free_bytes: disk::free_bytes(&self.shared.dir),
        })
    }
}

fn is_past(ms: u64, now: Timestamp) -> bool {
    Timestamp::from_millis(ms.cast_signed()) <= now
}
