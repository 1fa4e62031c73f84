//! Renewing the sealing keys: a new epoch, the rows that live on sealed under it, the old keys
//! dropped. Killed anywhere, it goes on with the next upkeep: until then both keys are there.

use std::time::Duration;

use super::crypt::Keyring;
use super::rows::{GO_ON, Rows, STOP, Span};
use super::tables::Tab;
use super::txn::Txn;
use super::{Store, StoreError};
use crate::model::Timestamp;

/// Row of `meta`: somebody was erased since the keys were renewed.
pub(super) const WANTED: &[u8] = b"renew_keys";
/// What was erased because its time was up can be read from freed pages, with the key, at most so
/// much longer.
pub const KEYS_LIVE: Duration = Duration::from_hours(24 * 7);
/// Rows sealed anew by one transaction, and rows looked at for them.
const BATCH: usize = 1_000;
const LOOKED_AT: usize = 10_000;

/// Where the walk through the sealed tables goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Place {
    tab: usize,
    after: Option<Vec<u8>>,
}

/// Renews the keys if `must`, else when it is their time or a renewal was left unfinished. Answers
/// whether it did.
pub(super) async fn renew(store: &Store, must: bool, now: Timestamp) -> Result<bool, StoreError> {
    let keyring = store.shared.keyring();
    let wanted =
        must || now.since(keyring.opened_at()) >= KEYS_LIVE || store.snapshot()?.has(Tab::Meta, WANTED)?;
    let target = if wanted {
        store.write("open_epoch", move |tx| open_epoch(tx, now)).await?
    } else if let Some(current) = keyring.current().filter(|_| keyring.has_old()) {
        current
    } else {
        return Ok(false);
    };
    let mut place = Place::default();
    while place.tab < Tab::SEALED.len() {
        place = store.write("reseal", move |tx| reseal(tx, place)).await?;
    }
    // A transaction of its own: everything above is on disk, and nothing is sealed under an older
    // epoch any more, so its key is not needed even after a crash.
    store.write("drop_epochs", move |tx| exchange(tx, |keyring| Ok(keyring.without_before(target)))).await?;
    Ok(true)
}

fn open_epoch(tx: &mut Txn<'_>, now: Timestamp) -> Result<u32, StoreError> {
    let random = tx.random().clone();
    exchange(tx, |keyring| {
        keyring.with_new_epoch(&random, now).map_err(|_| StoreError::Corrupt("no new sealing key".to_owned()))
    })?;
    tx.remove(Tab::Meta, WANTED)?;
    tx.keyring().current().ok_or(StoreError::Closed)
}

/// The file first, then in use: what is sealed under a key is never older than the key's file.
fn exchange(
    tx: &mut Txn<'_>,
    change: impl FnOnce(&Keyring) -> Result<Keyring, StoreError>,
) -> Result<(), StoreError> {
    let keyring = change(tx.keyring())?;
    keyring.save(&tx.shared.dir).map_err(|e| {
        tracing::error!("the file of sealing keys cannot be written: {e}");
        StoreError::DiskFull
    })?;
    tx.shared.set_keyring(keyring);
    tx.reload_keyring();
    Ok(())
}

fn reseal(tx: &mut Txn<'_>, place: Place) -> Result<Place, StoreError> {
    let Some(tab) = Tab::SEALED.get(place.tab).copied() else { return Ok(place) };
    let mut span = Span::all();
    if let Some(after) = place.after {
        span = span.after(after);
    }
    let (mut old, mut looked, mut last) = (Vec::new(), 0, None);
    tx.walk(tab, &span, &mut |key, sealed| {
        looked += 1;
        if tx.keyring().is_old(sealed) {
            old.push((key.to_vec(), sealed.to_vec()));
        }
        if old.len() < BATCH && looked < LOOKED_AT {
            return GO_ON;
        }
        last = Some(key.to_vec());
        STOP
    })?;
    for (key, sealed) in old {
        match tx.keyring().open(tab, &key, &sealed) {
            Ok(plain) => {
                let sealed = tx.keyring().seal(tab, &key, &plain, tx.random())?;
                tx.put_bytes(tab, key, &sealed)?;
            }
            Err(e) => tracing::error!("a sealed record cannot be read: {e}"),
        }
    }
    Ok(match last {
        Some(key) => Place { tab: place.tab, after: Some(key) },
        None => Place { tab: place.tab + 1, after: None },
    })
}
