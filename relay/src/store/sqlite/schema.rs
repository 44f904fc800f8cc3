//! The tables of the file, its migrations, and how it is opened.

use std::{fs::File, os::unix::fs::OpenOptionsExt as _, path::Path, time::Duration};

use rusqlite::{Connection, ToSql, Transaction, TransactionBehavior, types::ToSqlOutput};
use tessera::wire::{BucketCount, CellSize, Origin, OriginKey};

use super::{
    OpenError, Options, chains, frames,
    resign::resign,
    settings::{
        BACKUP, BUCKETS, CELL_SIZE, ORIGIN, ORIGIN_SEED, number, origin_key, put_setting, setting,
    },
    view::VIEW,
};
use crate::{files::PathError, random, store::Kind};

pub(super) const VERSION: u32 = 4;

/// `pending` held waiting cells until version 3. `seen` is the index of the digests
/// of all published cells, including cover. `chain` outlives its batches.
const FIRST: &str = "
    CREATE TABLE setting (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE pending (
        bucket INTEGER NOT NULL,
        digest BLOB NOT NULL UNIQUE,
        waited INTEGER NOT NULL DEFAULT 0,
        cell BLOB NOT NULL,
        PRIMARY KEY (bucket, digest)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE seen (digest BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
    CREATE TABLE batch (
        id INTEGER PRIMARY KEY,
        bucket INTEGER NOT NULL,
        lobby INTEGER NOT NULL,
        origin BLOB NOT NULL,
        epoch INTEGER NOT NULL,
        closed_at INTEGER NOT NULL,
        header BLOB NOT NULL,
        bytes BLOB NOT NULL,
        UNIQUE (bucket, origin, epoch)
    ) STRICT;
    CREATE INDEX batch_by_age ON batch (lobby, closed_at);
    CREATE TABLE chain (
        bucket INTEGER PRIMARY KEY,
        lobby INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        closed_at INTEGER NOT NULL,
        head BLOB NOT NULL,
        expired_through INTEGER
    ) STRICT;
";

/// `segment` refers to batches of `batch`; `closed_at` is that of the last.
/// `chain.segment` is the last number assigned, `segment_expired` the last one
/// deleted. `expiring` lists batches that are being deleted, and how many of their
/// cells have been removed from `seen`.
const SEGMENTS: &str = "
    CREATE TABLE segment (
        bucket INTEGER NOT NULL,
        lobby INTEGER NOT NULL,
        origin BLOB NOT NULL,
        number INTEGER NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        closed_at INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        digest BLOB NOT NULL,
        PRIMARY KEY (bucket, origin, first),
        UNIQUE (bucket, origin, number)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX segment_by_age ON segment (lobby, closed_at);
    CREATE TABLE expiring (
        batch INTEGER PRIMARY KEY,
        forgotten INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    ALTER TABLE chain ADD COLUMN segment INTEGER;
    ALTER TABLE chain ADD COLUMN segment_expired INTEGER;
";

/// `frame` holds waiting cells, sealed under the key of a step; row ids increase in
/// order of arrival. `ratchet` has the current step.
const FRAMES: &str = "
    CREATE TABLE frame (
        id INTEGER PRIMARY KEY,
        lobby INTEGER NOT NULL,
        step INTEGER NOT NULL,
        bytes BLOB NOT NULL
    ) STRICT;
    CREATE TABLE ratchet (lobby INTEGER PRIMARY KEY, step INTEGER NOT NULL) STRICT;
    INSERT INTO ratchet (lobby, step) VALUES (0, 1), (1, 1);
";
/// The version that introduced frames.
const FRAMES_SINCE: u32 = 3;

/// A chain for each origin of a bucket; [`super::chains`] fills it from the former
/// table. `seen.more` counts the batches beyond the first that have this cell.
/// `fork` keeps one proof for each origin that forked.
const ORIGINS: &str = "
    ALTER TABLE chain RENAME TO former_chain;
    CREATE TABLE chain (
        bucket INTEGER NOT NULL,
        origin BLOB NOT NULL,
        lobby INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        closed_at INTEGER NOT NULL,
        head BLOB NOT NULL,
        expired_through INTEGER,
        segment INTEGER,
        segment_expired INTEGER,
        PRIMARY KEY (bucket, origin)
    ) STRICT, WITHOUT ROWID;
    ALTER TABLE seen ADD COLUMN more INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE fork (origin BLOB PRIMARY KEY, proof BLOB NOT NULL) STRICT, WITHOUT ROWID;
";

/// The migration to each version from the previous one. A file of an older version
/// is migrated in one transaction when it is opened.
const STEPS: [&str; VERSION as usize] = [FIRST, SEGMENTS, FRAMES, ORIGINS];

/// Opens or creates the file, checks its parameters, and reads the origin's key.
pub(super) fn open(
    path: &Path,
    cell_size: CellSize,
    buckets: BucketCount,
) -> Result<(Connection, OriginKey), OpenError> {
    let sqlite = OpenError::sqlite(path);
    let (mut connection, version) = connect(path)?;
    // Before anything is written: a file of a newer version must not change.
    if version > VERSION {
        return Err(OpenError::Newer(path.to_owned()));
    }
    configure(&connection).map_err(sqlite)?;
    match version {
        0 => create(&mut connection, cell_size, buckets, |transaction| {
            new_key(transaction).map(drop)
        })
        .map_err(sqlite)?,
        _ => check_settings(&connection, path, cell_size, buckets)?,
    }
    if (1..FRAMES_SINCE).contains(&version) {
        // Overwrite plaintext copies of cells, in the file and in its log.
        let keys = frames::first_keys(path)?;
        secure_delete(&connection, true)
            .and_then(|()| {
                migrate(&mut connection, version, |tx| {
                    frames::seal_rows(tx, &keys, cell_size)?;
                    let key = origin_key(tx)?;
                    resign(tx, key.as_ref())?;
                    chains::convert(tx, key.map(|key| key.origin()))
                })
            })
            .and_then(|()| secure_delete(&connection, false))
            .and_then(|()| truncate_log(&connection))
            .map_err(sqlite)?;
    } else if version > 0 && version < VERSION {
        migrate(&mut connection, version, |tx| {
            chains::convert(tx, origin_key(tx)?.map(|key| key.origin()))
        })
        .map_err(sqlite)?;
    }
    let key = match origin_key(&connection).map_err(sqlite)? {
        Some(key) if setting(&connection, ORIGIN).map_err(sqlite)? == Some(key.origin().0) => key,
        Some(_) => return Err(OpenError::Damaged(path.to_owned())),
        None => {
            let is_backup = setting::<[u8; 0]>(&connection, BACKUP)
                .map_err(sqlite)?
                .is_some();
            if !is_backup {
                return Err(OpenError::Damaged(path.to_owned()));
            }
            restore(&mut connection).map_err(sqlite)?
        }
    };
    Ok((connection, key))
}

/// Opens or creates the file of a view, without the origin's key.
pub(super) fn open_view(
    path: &Path,
    options: &Options,
    origin: &Origin,
) -> Result<Connection, OpenError> {
    let (cell_size, buckets) = (options.cell_size, options.buckets);
    let sqlite = OpenError::sqlite(path);
    let (mut connection, version) = connect(path)?;
    configure(&connection).map_err(sqlite)?;
    if version == 0 {
        create(&mut connection, cell_size, buckets, |transaction| {
            put_setting(transaction, VIEW, &origin.0)
        })
        .map_err(sqlite)?;
    } else if version != VERSION
        || setting::<[u8; 32]>(&connection, VIEW).map_err(sqlite)? != Some(origin.0)
    {
        return Err(OpenError::OtherView(path.to_owned()));
    }
    check_settings(&connection, path, cell_size, buckets)?;
    Ok(connection)
}

pub(super) fn check_settings(
    connection: &Connection,
    path: &Path,
    cell_size: CellSize,
    buckets: BucketCount,
) -> Result<(), OpenError> {
    for (what, name, asked) in [
        ("cell size", CELL_SIZE, cell_size.get()),
        ("bucket count", BUCKETS, buckets.get()),
    ] {
        let stored = number(connection, name)
            .map_err(OpenError::sqlite(path))?
            .ok_or_else(|| OpenError::Damaged(path.to_owned()))?;
        if stored != asked {
            return Err(OpenError::Other {
                path: path.to_owned(),
                what,
                stored,
                asked,
            });
        }
    }
    Ok(())
}

/// The version of the file's layout; 0 for an empty one.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Refuses a file of another program or version.
pub(super) fn require_current(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    match version(connection).map_err(OpenError::sqlite(path))? {
        VERSION => Ok(()),
        0 => Err(OpenError::Foreign(path.to_owned())),
        newer if newer > VERSION => Err(OpenError::Newer(path.to_owned())),
        _ => Err(OpenError::Older(path.to_owned())),
    }
}

/// Opens or creates the file, readable for its owner only, because it contains the
/// signing key: SQLite gives its log the permissions of the file. Also returns its version.
fn connect(path: &Path) -> Result<(Connection, u32), OpenError> {
    let sqlite = OpenError::sqlite(path);
    let mut options = File::options();
    options.create(true).truncate(false).write(true).mode(0o600);
    options.open(path).map_err(PathError::at(path))?;
    let connection = Connection::open(path).map_err(sqlite)?;
    let version = version(&connection).map_err(sqlite)?;
    if version == 0 && !is_empty(&connection).map_err(sqlite)? {
        return Err(OpenError::Foreign(path.to_owned()));
    }
    Ok((connection, version))
}

/// Sets the pragmas. The order matters: the page size only takes effect before the
/// first table.
fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "page_size", 16_384)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    secure_delete(connection, false)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(())
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| {
        row.get(0)
    })
}

/// Sets whether deleted content is overwritten with zeros. Frames do not need it:
/// their keys are erased.
pub(super) fn secure_delete(connection: &Connection, on: bool) -> rusqlite::Result<()> {
    connection.pragma_update(None, "secure_delete", on)
}

fn truncate_log(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

/// Creates the tables of a new file, without settings.
pub(super) fn create_tables(connection: &mut Connection) -> rusqlite::Result<()> {
    migrate(connection, 0, |_| Ok(()))
}

/// Creates the tables and settings of a new file, and what else `more` writes.
fn create(
    connection: &mut Connection,
    cell_size: CellSize,
    buckets: BucketCount,
    more: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    migrate(connection, 0, |transaction| {
        put_setting(transaction, CELL_SIZE, &cell_size.get().to_be_bytes())?;
        put_setting(transaction, BUCKETS, &buckets.get().to_be_bytes())?;
        more(transaction)
    })
}

/// Runs the missing migrations and drops the tables that only old versions have.
fn migrate(
    connection: &mut Connection,
    version: u32,
    convert: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in STEPS.iter().skip(version as usize) {
        transaction.execute_batch(step)?;
    }
    convert(&transaction)?;
    transaction.execute_batch("DROP TABLE IF EXISTS pending; DROP TABLE former_chain")?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

/// Turns a backup into a store. A backup has no key, so the relay becomes a new
/// origin, which has no chains yet; otherwise two stores could continue one chain.
fn restore(connection: &mut Connection) -> rusqlite::Result<OriginKey> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let key = new_key(&transaction)?;
    transaction.execute("DELETE FROM setting WHERE name = ?1", [BACKUP])?;
    transaction.commit()?;
    tracing::warn!(origin = %key.origin(), "restored from a backup: this relay is a new origin");
    Ok(key)
}

fn new_key(transaction: &Transaction<'_>) -> rusqlite::Result<OriginKey> {
    let key = OriginKey::generate(&mut random::system());
    put_setting(transaction, ORIGIN_SEED, key.seed().expose())?;
    put_setting(transaction, ORIGIN, &key.origin().0)?;
    Ok(key)
}

/// The value of the columns `lobby`.
impl ToSql for Kind {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok((*self == Self::Lobby).into())
    }
}

/// Converts to SQLite's signed integers, into which epochs and times fit.
pub(super) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
