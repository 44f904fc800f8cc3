//! The file's layout, and how it is opened.

use std::{fs::File, os::unix::fs::OpenOptionsExt as _, path::Path, time::Duration};

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use tessera::{
    base::Secret,
    wire::{BucketCount, CellSize, OriginKey},
};

use super::OpenError;
use crate::random;

const VERSION: u32 = 1;

/// `pending` holds no time and no order of arrival: rows lie by bucket and
/// digest. `waited` counts closes that left a cell behind (lobby and constant cover).
/// `seen` is the digest index over all published cells, cover included.
/// `chain` outlives the batches it describes.
const TABLES: &str = "
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

/// Opens or makes the file, checks that it fits, and reads the origin's key.
pub(super) fn open(
    path: &Path,
    cell_size: CellSize,
    buckets: BucketCount,
) -> Result<(Connection, OriginKey), OpenError> {
    let sqlite = |error| OpenError::Sqlite {
        path: path.to_owned(),
        error,
    };
    private(path)?;
    let mut connection = Connection::open(path).map_err(sqlite)?;
    configure(&connection).map_err(sqlite)?;
    let version: u32 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(sqlite)?;
    match version {
        0 => create(&mut connection, cell_size, buckets).map_err(sqlite)?,
        VERSION => (),
        _ => return Err(OpenError::Newer(path.to_owned())),
    }
    for (what, name, asked) in [
        ("cell size", "cell_size", cell_size.get()),
        ("bucket count", "buckets", buckets.get()),
    ] {
        let stored: [u8; 4] = setting(&connection, name, path)?;
        let stored = u32::from_be_bytes(stored);
        if stored != asked {
            return Err(OpenError::Other {
                path: path.to_owned(),
                what,
                stored,
                asked,
            });
        }
    }
    let mut seed = setting(&connection, "origin_seed", path)?;
    Ok((connection, OriginKey::from_seed(&Secret::take(&mut seed))))
}

/// The file holds the signing key: nobody else on the machine may read it.
/// SQLite gives its log the permissions of the file it finds.
fn private(path: &Path) -> Result<(), OpenError> {
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
        .map(drop)
        .map_err(|error| OpenError::Directory {
            path: path.to_owned(),
            error,
        })
}

/// Durability and what is left behind. The order matters: the page size only
/// counts before the first table.
fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "page_size", 16_384)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    // Deleted rows are overwritten with zeros: nothing of a pending cell stays.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(())
}

fn create(
    connection: &mut Connection,
    cell_size: CellSize,
    buckets: BucketCount,
) -> rusqlite::Result<()> {
    let seed = OriginKey::generate(&mut random::system()).seed();
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(TABLES)?;
    let settings: [(&str, &[u8]); 3] = [
        ("cell_size", &cell_size.get().to_be_bytes()),
        ("buckets", &buckets.get().to_be_bytes()),
        ("origin_seed", seed.expose()),
    ];
    for (name, value) in settings {
        transaction.execute(
            "INSERT INTO setting (name, value) VALUES (?1, ?2)",
            params![name, value],
        )?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

fn setting<const N: usize>(
    connection: &Connection,
    name: &str,
    path: &Path,
) -> Result<[u8; N], OpenError> {
    connection
        .query_row("SELECT value FROM setting WHERE name = ?1", [name], |row| {
            row.get(0)
        })
        .optional()
        .map_err(|error| OpenError::Sqlite {
            path: path.to_owned(),
            error,
        })?
        .ok_or_else(|| OpenError::Damaged(path.to_owned()))
}

/// SQLite's integers are signed; epochs and times fit by far.
pub(super) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
