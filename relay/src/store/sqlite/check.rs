//! Verification of a store without changing it: all redundant data must agree.

mod bucket;
mod file;

use std::{fmt, path::Path};

use rusqlite::{Connection, OpenFlags};
use tessera::wire::BucketId;

use super::{OpenError, lock::lock_existing, schema, with_suffix};

/// The contents of a store, and the findings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Batches.
    pub batches: u64,
    /// Cells in them.
    pub cells: u64,
    /// Segments.
    pub segments: u64,
    /// Waiting cells.
    pub pending: u64,
    /// Whether it is a backup, which has neither a key nor waiting cells.
    pub is_backup: bool,
    /// Inconsistencies; empty for a valid store.
    pub findings: Vec<Finding>,
}

/// One inconsistency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its location.
    pub place: Place,
    /// Its description.
    pub what: String,
}

/// A part of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The file as a whole.
    File,
    /// The settings.
    Settings,
    /// A bucket's chain.
    Chain(BucketId),
    /// A batch of a bucket, by its epoch.
    Batch(BucketId, u64),
    /// A segment of a bucket, by its number.
    Segment(BucketId, u64),
    /// The waiting cells.
    Pending,
    /// The index of digests.
    Digests,
    /// The batches being deleted.
    Deleting,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => f.write_str("file"),
            Self::Settings => f.write_str("settings"),
            Self::Chain(bucket) => write!(f, "bucket {bucket}, chain"),
            Self::Batch(bucket, epoch) => write!(f, "bucket {bucket}, batch of epoch {epoch}"),
            Self::Segment(bucket, number) => write!(f, "bucket {bucket}, segment {number}"),
            Self::Pending => f.write_str("waiting cells"),
            Self::Digests => f.write_str("digest index"),
            Self::Deleting => f.write_str("batches being deleted"),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

impl Report {
    fn find(&mut self, place: Place, what: impl Into<String>) {
        self.findings.push(Finding {
            place,
            what: what.into(),
        });
    }

    /// Adds a finding unless the condition holds.
    fn require(&mut self, holds: bool, place: Place, what: &'static str) {
        if !holds {
            self.find(place, what);
        }
    }
}

/// Reads all of a store that no relay has open, without changing it.
///
/// # Errors
///
/// [`OpenError`] if it cannot be read at all. Inconsistencies of what can be read
/// are in the report.
pub fn check(path: &Path) -> Result<Report, OpenError> {
    let sqlite = OpenError::sqlite(path);
    let _lock = lock_existing(path)?;
    let mut connection = open_read_only(path).map_err(sqlite)?;
    schema::require_current(&connection, path)?;
    // All queries see one snapshot.
    let snapshot = connection.transaction().map_err(sqlite)?;
    let mut report = Report::default();
    let readable = file::check(&snapshot, path, &mut report).and_then(|layout| {
        layout.map_or(Ok(()), |layout| {
            bucket::check(&snapshot, &layout, &mut report)
        })
    });
    if let Err(error) = readable {
        report.find(Place::File, format!("cannot be read to the end: {error}"));
    }
    Ok(report)
}

/// Without a write-ahead log there is nothing to recover, and no file must be
/// created beside the store's.
pub(super) fn open_read_only(path: &Path) -> rusqlite::Result<Connection> {
    let log = std::fs::metadata(with_suffix(path, "-wal")).map_or(0, |log| log.len());
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let text = path.to_str().filter(|text| !text.contains(['?', '#', '%']));
    match text {
        Some(text) if log == 0 => Connection::open_with_flags(
            format!("file:{text}?immutable=1"),
            flags | OpenFlags::SQLITE_OPEN_URI,
        ),
        _ => Connection::open_with_flags(path, flags),
    }
}
