//! A consistent copy of a running store, and putting it back.
//!
//! A backup is one file: every table but the sessions as of one moment, and the wrapped sealing keys. The master
//! key is never in it: keep the key file, or the key of the config, apart. A backup made before
//! somebody was erased still holds their data; delete it when that matters.

use std::fs;
use std::io;
use std::path::Path;

use redb::{Builder, Database, ReadOnlyDatabase, ReadableDatabase, TableError};

use super::crypt::{self, Keyring};
use super::rows::{GO_ON, Rows, STOP, Snapshot, Span};
use super::tables::{Definition, Tab};
use super::{BackupReport, OpenError, RestoreError, Store, StoreError, files, migrate, open};
use crate::model::Secret;
use crate::random::Random;

/// The table that only a backup has.
const KEYS: Definition = Definition::new("backup_keys");
const EPOCHS: &[u8] = b"epochs";

/// Rows written by one transaction of the copy.
const BATCH: usize = 20_000;
const CACHE: usize = 32 << 20;

/// Numbers of changes that a restored store leaves out, so that a reader of the feed who has seen
/// more than the backup knows never meets a number twice.
const LEAP: u64 = 1_000_000;

impl Store {
    /// A consistent copy of the running store, written next to `to` and renamed. Blocking.
    pub fn backup(&self, to: &Path) -> Result<BackupReport, StoreError> {
        let rows = self.snapshot()?;
        let new = files::beside(to, "new");
        let made = copy(&rows, &new).and_then(|orders| {
            files::rename(&new, to)?;
            Ok(BackupReport { orders, bytes: fs::metadata(to)?.len() })
        });
        made.map_err(|e| {
            drop(files::remove(&new));
            match e {
                redb::Error::Io(e) if e.kind() == io::ErrorKind::StorageFull => StoreError::DiskFull,
                e => StoreError::Corrupt(format!("the backup cannot be written: {e}")),
            }
        })
    }
}

/// Copies every table; answers how many orders there are.
fn copy(rows: &Snapshot, to: &Path) -> Result<u64, redb::Error> {
    files::remove(to)?;
    files::touch(to)?;
    let db = Builder::new().set_cache_size(CACHE).create(to)?;
    let tx = db.begin_write()?;
    tx.open_table(KEYS)?.insert(EPOCHS, rows.keyring().to_text().as_bytes())?;
    tx.commit()?;
    let mut orders = 0;
    // A session that is ended from now on must not come back with the backup.
    for tab in Tab::ALL.iter().filter(|tab| **tab != Tab::Sessions) {
        let copied = copy_table(rows, &db, *tab)?;
        if *tab == Tab::Orders {
            orders = copied;
        }
    }
    db.close()?;
    Ok(orders)
}

fn copy_table(rows: &Snapshot, db: &Database, tab: Tab) -> Result<u64, redb::Error> {
    let (mut copied, mut span) = (0, Span::all());
    loop {
        let tx = db.begin_write()?;
        let (mut count, mut last, mut fault) = (0, None, None);
        {
            let mut table = tx.open_table(tab.definition())?;
            let walked = rows.walk(tab, &span, &mut |key, value| {
                if let Err(e) = table.insert(key, value) {
                    fault = Some(e);
                    return STOP;
                }
                count += 1;
                if count < BATCH {
                    return GO_ON;
                }
                last = Some(key.to_vec());
                STOP
            });
            walked.map_err(|e| io::Error::other(e.to_string()))?;
        }
        if let Some(fault) = fault {
            return Err(fault.into());
        }
        tx.commit()?;
        copied += count as u64;
        match last {
            Some(last) => span = Span::all().after(last),
            None => return Ok(copied),
        }
    }
}

/// The wrapped keys in a backup; `None` in a store.
pub(super) fn keys_in(db: &impl ReadableDatabase) -> Result<Option<String>, redb::Error> {
    let tx = db.begin_read()?;
    let table = match tx.open_table(KEYS) {
        Ok(table) => table,
        Err(TableError::TableDoesNotExist(_)) => return Ok(None),
        Err(e) => return Err(e.into()),
    };
    let text = table.get(EPOCHS)?;
    Ok(text.map(|text| String::from_utf8_lossy(text.value()).into_owned()))
}

/// Opens a backup for reading, with the master key of the store in `dir`.
pub(super) fn open_backup(
    file: &Path,
    dir: &Path,
    key: Option<&Secret>,
) -> Result<(ReadOnlyDatabase, Keyring), RestoreError> {
    let not_one = |what: &dyn std::fmt::Display| RestoreError::NotABackup {
        file: file.display().to_string(),
        what: what.to_string(),
    };
    let db = ReadOnlyDatabase::open(file).map_err(|e| not_one(&e))?;
    let keys = keys_in(&db).map_err(|e| not_one(&e))?.ok_or_else(|| not_one(&"it holds no keys"))?;
    let found = migrate::found(&db).map_err(|e| not_one(&e))?.ok_or_else(|| not_one(&"it is empty"))?;
    let shown = dir.display().to_string();
    if !migrate::is_known(found) {
        return Err(OpenError::Newer { dir: shown, found, known: migrate::SCHEMA }.into());
    }
    let master = crypt::master_key(dir, key, false, &Random::system())?;
    let keyring = Keyring::read(&master, &keys).map_err(|_| OpenError::WrongKey { dir: shown })?;
    Ok((db, keyring))
}

/// Puts a backup back into the folder of a stopped daemon. `replace`: also over a store that is
/// there, which is kept beside as `store.redb.replaced`. Interrupted, the folder refuses to open
/// until this is run again.
pub fn restore(
    file: &Path,
    dir: &Path,
    key: Option<&Secret>,
    replace: bool,
) -> Result<BackupReport, RestoreError> {
    let folder = |source| OpenError::Folder { dir: dir.display().to_string(), source };
    files::make_folder(dir).map_err(folder)?;
    let (backup, keyring) = open_backup(file, dir, key)?;
    let rows = Snapshot::of(&backup, std::sync::Arc::new(keyring.clone())).map_err(|e| damaged(dir, &e))?;
    let orders = rows.count(Tab::Orders, &Span::all()).map_err(|e| damaged(dir, &e))?;
    let newest = open::recount(&rows).map_err(|e| damaged(dir, &e))?.changes;
    drop(rows);
    drop(backup);

    let place = dir.join(files::DATABASE);
    let there = holds_a_store(&place, dir)?;
    if there && !replace {
        return Err(RestoreError::NotEmpty { dir: dir.display().to_string() });
    }
    let new = files::beside(&place, "new");
    files::remove(&new).map_err(folder)?;
    files::touch(&new).map_err(folder)?;
    fs::copy(file, &new).map_err(folder)?;
    adapt(&new, newest + LEAP).map_err(|e| damaged(dir, &e))?;
    let bytes = fs::metadata(&new).map_err(folder)?.len();
    if there {
        let epochs = dir.join(files::EPOCHS);
        files::rename(&epochs, &files::beside(&epochs, "replaced")).map_err(folder)?;
        files::rename(&place, &files::beside(&place, "replaced")).map_err(folder)?;
    }
    keyring.save(dir).map_err(folder)?;
    files::rename(&new, &place).map_err(folder)?;
    Ok(BackupReport { orders, bytes })
}

fn damaged(dir: &Path, what: &dyn std::fmt::Display) -> OpenError {
    OpenError::Damaged { dir: dir.display().to_string(), what: what.to_string() }
}

/// Whether the folder holds a store with something in it. `InUse` when a daemon runs on it.
fn holds_a_store(place: &Path, dir: &Path) -> Result<bool, OpenError> {
    if fs::metadata(place).map_or(0, |file| file.len()) == 0 {
        return Ok(false);
    }
    let db = Builder::new().set_cache_size(CACHE).open(place).map_err(|e| open::refused(dir, e))?;
    Ok(migrate::found(&db).map_err(|e| damaged(dir, &e))?.is_some())
}

/// Makes a store of a backup.
fn adapt(file: &Path, changes_floor: u64) -> Result<(), redb::Error> {
    let db = Builder::new().set_cache_size(CACHE).open(file)?;
    let mut tx = db.begin_write()?;
    tx.set_quick_repair(true);
    tx.delete_table(KEYS)?;
    tx.open_table(Tab::Meta.definition())?
        .insert(open::CHANGES_FLOOR, changes_floor.to_be_bytes().as_slice())?;
    tx.commit()?;
    db.close()?;
    Ok(())
}
