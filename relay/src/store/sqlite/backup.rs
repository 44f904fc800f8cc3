//! Backup of the published part of a store, while the relay runs.
//!
//! A backup contains neither the signing key nor waiting cells: a relay that
//! starts from it is another origin, and the backup reveals nothing beyond what
//! readers can download. Both are never copied, rather than deleted from a copy.

use std::{fs::File, path::Path};

use rusqlite::{Connection, OpenFlags, TransactionBehavior, params_from_iter, types::Value};
use sha2::{Digest as _, Sha256};
use tessera::wire::Batch;

use super::{
    OpenError, check::open_read_only, lock::lock_existing, schema, settings, view::VIEW,
    with_suffix,
};
use crate::files::{PathError, create_private};

/// Why a backup failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The store cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The file cannot be created.
    #[error(transparent)]
    Make(#[from] PathError),
    /// Reading or writing failed; the incomplete file was removed.
    #[error("copying failed: {0}")]
    Copy(#[from] rusqlite::Error),
}

/// The result of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Number of batches.
    pub batches: u64,
    /// Length of the file in bytes.
    pub bytes: u64,
}

/// Copies a snapshot of the published part of a store into a new file. The relay
/// may run; its write-ahead log is not truncated meanwhile.
///
/// # Errors
///
/// One of [`BackupError`]. An existing file is never overwritten.
pub fn backup(from: &Path, to: &Path) -> Result<Saved, BackupError> {
    let (open, make) = (OpenError::sqlite(from), PathError::at(to));
    let lock = lock_existing(from);
    let source = match &lock {
        Err(OpenError::InUse(_)) => Connection::open_with_flags(
            from,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        ),
        _ => open_read_only(from),
    }
    .map_err(open)?;
    schema::require_current(&source, from)?;
    create_private(to).map_err(make)?;
    let saved = fill(&source, to);
    if saved.is_err() {
        for suffix in ["", "-journal"] {
            let _ = std::fs::remove_file(with_suffix(to, suffix));
        }
    }
    let batches = saved?;
    let file = File::open(to).map_err(make)?;
    file.sync_all().map_err(make)?;
    Ok(Saved {
        batches,
        bytes: file.metadata().map_err(make)?.len(),
    })
}

/// The tables that are copied row by row. `frame` is not copied, and of `setting`
/// only the names below.
const TABLES: [(&str, &str); 6] = [
    (
        "batch",
        "id, bucket, lobby, origin, epoch, closed_at, header, bytes",
    ),
    ("seen", "digest, more"),
    (
        "segment",
        "bucket, lobby, origin, number, first, last, closed_at, bytes, digest",
    ),
    ("expiring", "batch, forgotten"),
    (
        "chain",
        "bucket, origin, lobby, epoch, closed_at, head, expired_through, segment, segment_expired",
    ),
    ("fork", "origin, proof"),
];

fn fill(source: &Connection, to: &Path) -> rusqlite::Result<u64> {
    let mut target = Connection::open(to)?;
    target.pragma_update(None, "page_size", 16_384)?;
    schema::create_tables(&mut target)?;
    let target_transaction = target.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let moment = source.unchecked_transaction()?;
    for name in [settings::CELL_SIZE, settings::BUCKETS] {
        let sql = "SELECT value FROM setting WHERE name = ?1";
        let value: Vec<u8> = moment.query_row(sql, [name], |row| row.get(0))?;
        settings::put_setting(&target_transaction, name, &value)?;
    }
    settings::put_setting(&target_transaction, settings::BACKUP, &[])?;
    let mut batches = 0;
    for (table, columns) in TABLES {
        let rows = copy(&moment, &target_transaction, table, columns)?;
        if table == "batch" {
            batches = rows;
        }
    }
    remember_own(&moment, &target_transaction)?;
    target_transaction.commit()?;
    target.close().map_err(|(_, error)| error)?;
    Ok(batches)
}

/// Adds the digests of a view's own batches, which has them in an index of its own.
fn remember_own(source: &Connection, target: &Connection) -> rusqlite::Result<()> {
    let Some(own) = settings::setting::<Vec<u8>>(source, VIEW)? else {
        return Ok(());
    };
    let mut select = source.prepare(
        "SELECT bytes, coalesce(forgotten, 0) FROM batch LEFT JOIN expiring ON batch = id
         WHERE origin = ?1",
    )?;
    let mut insert = target.prepare(
        "INSERT INTO seen (digest) VALUES (?1) ON CONFLICT DO UPDATE SET more = more + 1",
    )?;
    let mut rows = select.query([own])?;
    while let Some(row) = rows.next()? {
        let forgotten = usize::try_from(row.get::<_, i64>(1)?).unwrap_or(0);
        // A damaged batch is found by `check`.
        if let Ok(batch) = Batch::parse(row.get_ref(0)?.as_blob()?) {
            for cell in batch.cells().skip(forgotten) {
                insert.execute([<[u8; 32]>::from(Sha256::digest(cell))])?;
            }
        }
    }
    Ok(())
}

fn copy(
    source: &Connection,
    target: &Connection,
    table: &'static str,
    columns: &'static str,
) -> rusqlite::Result<u64> {
    let width = columns.split(',').count();
    let places = vec!["?"; width].join(", ");
    let mut select = source.prepare(&format!("SELECT {columns} FROM {table}"))?;
    let mut insert = target.prepare(&format!(
        "INSERT INTO {table} ({columns}) VALUES ({places})"
    ))?;
    let (mut rows, mut copied) = (select.query([])?, 0);
    while let Some(row) = rows.next()? {
        let values = (0..width)
            .map(|column| row.get::<_, Value>(column))
            .collect::<rusqlite::Result<Vec<_>>>()?;
        insert.execute(params_from_iter(values))?;
        copied += 1;
    }
    Ok(copied)
}
