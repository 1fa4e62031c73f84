//! Whether a store is sound: for the command line, the crash suite and the tests.

mod invariants;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use redb::{Builder, Database};
use serde::Serialize;

use super::crypt::Keyring;
use super::orders::Draft;
use super::rows::{GO_ON, Rows, STOP, Snapshot, Span};
use super::tables::Tab;
use super::views::{self, Facet};
use super::{
    OpenError, PollState, RestoreError, Store, StoreError, backup, codec, crypt, files, migrate, open,
};
use crate::model::{Order, Secret, Timestamp};
use crate::random::Random;

/// Orders whose views are rebuilt by one transaction.
const BATCH: usize = 2_000;

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    pub orders: u64,
    pub events: u64,
    /// The derived tables were made anew.
    pub repaired: bool,
    /// Empty when everything is in order.
    pub faults: Vec<Fault>,
}

/// One broken invariant at one place. Names rows, never their content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The invariant, such as `v3_timelines_have_no_gaps`.
    pub invariant: &'static str,
    pub what: String,
}

/// Checks a stopped store; `repair_views` first makes its derived tables anew.
pub fn verify(dir: &Path, key: Option<&Secret>, repair_views: bool) -> Result<VerifyReport, OpenError> {
    let damaged = |what: &dyn std::fmt::Display| OpenError::Damaged {
        dir: dir.display().to_string(),
        what: what.to_string(),
    };
    let path = dir.join(files::DATABASE);
    if !path.exists() {
        return Err(damaged(&"there is no store"));
    }
    let mut db = Builder::new().set_cache_size(64 << 20).open(path).map_err(|e| open::refused(dir, e))?;
    let found = migrate::found(&db).map_err(|e| damaged(&e))?.unwrap_or(migrate::SCHEMA);
    if !migrate::is_known(found) {
        return Err(OpenError::Newer { dir: dir.display().to_string(), found, known: migrate::SCHEMA });
    }
    let sound = db.check_integrity().map_err(|e| damaged(&e))?;
    let keyring = crypt::unlock(dir, key, false, &Random::system(), Timestamp::EPOCH)?;
    if repair_views {
        rebuild_views(&db, &keyring).map_err(|e| damaged(&e))?;
    }
    let rows = Snapshot::of(&db, Arc::new(keyring)).map_err(|e| damaged(&e))?;
    let mut report = check(&rows);
    if !sound {
        let what = "the engine's own checksums were wrong and it mended the file".to_owned();
        report.faults.insert(0, Fault { invariant: "v0_the_file_is_sound", what });
    }
    report.repaired = repair_views;
    Ok(report)
}

/// Checks a backup with the master key of the store in `dir`.
pub fn verify_backup(file: &Path, dir: &Path, key: Option<&Secret>) -> Result<VerifyReport, RestoreError> {
    let (db, keyring) = backup::open_backup(file, dir, key)?;
    let rows = Snapshot::of(&db, Arc::new(keyring))
        .map_err(|e| RestoreError::NotABackup { file: file.display().to_string(), what: e.to_string() })?;
    Ok(check(&rows))
}

/// Checks a running store.
pub fn verify_running(store: &Store) -> Result<VerifyReport, StoreError> {
    Ok(check(&store.snapshot()?))
}

fn check(rows: &Snapshot) -> VerifyReport {
    let count = |tab| rows.count(tab, &Span::all()).unwrap_or(0);
    VerifyReport {
        orders: count(Tab::Orders),
        events: count(Tab::Timeline),
        faults: invariants::faults(rows),
        ..VerifyReport::default()
    }
}

/// Every stream's watermark, for a suite that compares two moments: none may go back.
pub fn watermarks(store: &Store) -> Result<BTreeMap<Vec<u8>, Option<Timestamp>>, StoreError> {
    let rows = store.snapshot()?;
    let mut found = BTreeMap::new();
    invariants::records::<PollState>(&rows, Tab::Polls, &mut |key, place| {
        found.insert(key.to_vec(), place.watermark);
        Ok(())
    })?;
    Ok(found)
}

/// Makes the derived tables anew. Interrupted, it can be run again.
fn rebuild_views(db: &Database, keyring: &Keyring) -> Result<(), redb::Error> {
    let tx = db.begin_write()?;
    for tab in Tab::VIEWS {
        tx.delete_table(tab.definition())?;
        tx.open_table(tab.definition())?;
    }
    tx.commit()?;
    let fault = |e: StoreError| redb::Error::Corrupted(e.to_string());
    let mut counts: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    let mut span = Span::all();
    loop {
        let rows = Snapshot::of(db, Arc::new(keyring.clone())).map_err(fault)?;
        let (mut batch, mut last) = (Vec::new(), None);
        rows.walk(Tab::Orders, &span, &mut |key, bytes| {
            let order: Order = codec::decode(Tab::Orders, key, bytes)?;
            let person = rows.sealed(Tab::Persons, key)?.unwrap_or_default();
            batch.push(Draft::create(order, person, Vec::new()));
            if batch.len() < BATCH {
                return GO_ON;
            }
            last = Some(key.to_vec());
            STOP
        })
        .map_err(fault)?;
        let tx = db.begin_write()?;
        for Draft { order, person, .. } in &batch {
            for (tab, row, value) in views::rows_of(keyring, order, person) {
                tx.open_table(tab.definition())?.insert(row.as_slice(), value.as_slice())?;
            }
            *counts.entry(Facet::of(order).key(&order.key.channel).done()).or_default() += 1;
        }
        tx.commit()?;
        match last {
            Some(last) => span = Span::all().after(last),
            None => break,
        }
    }
    let mut tx = db.begin_write()?;
    tx.set_quick_repair(true);
    for (key, count) in &counts {
        tx.open_table(Tab::Counts.definition())?.insert(key.as_slice(), count.to_be_bytes().as_slice())?;
    }
    tx.commit()?;
    Ok(())
}
