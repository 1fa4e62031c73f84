//! Opening: the lock, the keys, the format, and what the writer keeps in memory.

use std::sync::Arc;

use redb::{Builder, Database, DatabaseError, ReadableDatabase as _, StorageBackend, StorageError};

use super::rows::{GO_ON, Rows, Snapshot, Span};
use super::shared::Shared;
use super::tables::Tab;
use super::txn::{Memory, Txn};
use super::writer::{Engine, Writer};
use super::{Fatal, OpenError, Options, Store, StoreError, crypt, disk, files, keys, migrate};

const BOOT: &[u8] = b"boot";
/// Numbers of changes begin after this one: set by a restore, so that no number is used twice.
pub(super) const CHANGES_FLOOR: &[u8] = b"changes_floor";

/// Opens the file in the folder, with a writer thread.
pub(super) fn file(options: &Options, fatal: Fatal) -> Result<Store, OpenError> {
    let folder = |source| OpenError::Folder { dir: options.dir.display().to_string(), source };
    files::make_folder(&options.dir).map_err(folder)?;
    let free_bytes = disk::free_bytes(&options.dir);
    if free_bytes < disk::LEAST_TO_OPEN {
        return Err(OpenError::DiskFull { free_bytes });
    }
    let path = options.dir.join(files::DATABASE);
    if files::beside(&path, "new").exists() {
        return Err(damaged(options, "a restore into this folder was interrupted, run it again"));
    }
    files::touch(&path).map_err(folder)?;
    let db = engine(options).create(&path).map_err(|e| refused(&options.dir, e))?;
    finish(options, db, Some(fatal))
}

/// Opens a store on any storage. Each operation is committed by its caller, without a thread, so
/// that it can run under virtual time; a failed store answers `Closed`.
pub(super) fn inline(options: &Options, storage: impl StorageBackend) -> Result<Store, OpenError> {
    files::make_folder(&options.dir)
        .map_err(|source| OpenError::Folder { dir: options.dir.display().to_string(), source })?;
    let db = engine(options).create_with_backend(storage).map_err(|e| refused(&options.dir, e))?;
    finish(options, db, None)
}

fn engine(options: &Options) -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(options.cache_bytes);
    builder.set_repair_callback(|session| {
        tracing::warn!(progress = session.progress(), "the store was not closed cleanly: checking it");
    });
    builder
}

/// `fatal` is called when the store fails; without it there is no writer thread either.
fn finish(options: &Options, db: Database, fatal: Option<Fatal>) -> Result<Store, OpenError> {
    let fault = |e: &dyn std::fmt::Display| damaged(options, &e.to_string());
    let found = migrate::found(&db).map_err(|e| fault(&e))?;
    if let Some(found) = found.filter(|found| !migrate::is_known(*found)) {
        let dir = options.dir.display().to_string();
        return Err(OpenError::Newer { dir, found, known: migrate::SCHEMA });
    }
    let keyring = crypt::unlock(
        &options.dir,
        options.key.as_ref(),
        found.is_none(),
        &options.random,
        options.clock.now(),
    )?;
    prepare(&db).map_err(|e| fault(&e))?;
    let rows = Snapshot::of(&db, Arc::new(keyring.clone())).map_err(|e| fault(&e))?;
    let boot = rows.number(Tab::Meta, BOOT).map_err(|e| fault(&e))?.unwrap_or(0) + 1;
    let mut memory = recount(&rows).map_err(|e| fault(&e))?;
    drop(rows);
    let db = Arc::new(db);
    let threaded = fatal.is_some();
    let fatal = fatal.unwrap_or_else(|| Arc::new(|_| {}));
    let shared = Arc::new(Shared::new(options.clone(), fatal, boot, db.clone(), keyring, &memory));
    begin(&db, &mut memory, &shared).map_err(|e| damaged(options, &e))?;
    let engine = Engine::new(db, memory, shared.clone());
    let writer = if threaded {
        let dir = options.dir.display().to_string();
        Writer::start(engine).map_err(|source| OpenError::Folder { dir, source })?
    } else {
        Writer::Inline(Box::new(std::sync::Mutex::new(engine)))
    };
    Ok(Store { shared, writer: Arc::new(writer) })
}

/// Makes the tables that are not there yet, so that a snapshot finds all of them.
fn prepare(db: &Database) -> Result<(), redb::Error> {
    let known: std::collections::HashSet<String> = {
        use redb::TableHandle as _;
        db.begin_read()?.list_tables()?.map(|table| table.name().to_owned()).collect()
    };
    if Tab::ALL.iter().all(|tab| known.contains(tab.name())) {
        return Ok(());
    }
    let mut tx = db.begin_write()?;
    tx.set_quick_repair(true);
    for tab in Tab::ALL {
        tx.open_table(tab.definition())?;
    }
    tx.commit()?;
    Ok(())
}

/// Migrates and counts the boot.
fn begin(db: &Database, memory: &mut Memory, shared: &Shared) -> Result<(), String> {
    let mut tx = db.begin_write().map_err(|e| e.to_string())?;
    tx.set_quick_repair(true);
    {
        let mut txn = Txn::new(&tx, memory, shared);
        migrate::migrate(&mut txn).map_err(|e| e.to_string())?;
        txn.put_number(Tab::Meta, BOOT.to_vec(), shared.boot).map_err(|e| e.to_string())?;
        txn.settle();
    }
    tx.commit().map_err(|e| e.to_string())
}

/// What the writer keeps in memory, from the tables.
pub(super) fn recount(rows: &impl Rows) -> Result<Memory, StoreError> {
    let mut memory = Memory::default();
    for tab in [Tab::Inbox, Tab::Waiting] {
        rows.walk(tab, &Span::all(), &mut |key, _| {
            if let Some(channel) = keys::Cut(key).channel() {
                *memory.backlog.entry(channel).or_default() += 1;
            }
            GO_ON
        })?;
    }
    let newest = rows.first(Tab::Changes, &Span::all().backwards())?;
    let newest = newest.and_then(|(key, _)| keys::Cut(&key).u64()).unwrap_or(0);
    memory.changes = newest.max(rows.number(Tab::Meta, CHANGES_FLOOR)?.unwrap_or(0));
    Ok(memory)
}

fn damaged(options: &Options, what: &str) -> OpenError {
    OpenError::Damaged { dir: options.dir.display().to_string(), what: what.to_owned() }
}

pub(super) fn refused(dir: &std::path::Path, error: DatabaseError) -> OpenError {
    let dir = dir.display().to_string();
    match error {
        DatabaseError::DatabaseAlreadyOpen => OpenError::InUse { dir },
        DatabaseError::Storage(StorageError::Io(source))
            if source.kind() != std::io::ErrorKind::InvalidData =>
        {
            OpenError::Folder { dir, source }
        }
        other => OpenError::Damaged { dir, what: other.to_string() },
    }
}
