//! The limit on disk use.
//!
//! Cover is written in every epoch, even if nobody posts, and is kept for the
//! retention. The space that a full retention of cover still needs is reserved,
//! and a post that would use of it is refused, so that the relay can continue to
//! publish within the limit.

use std::path::PathBuf;

use rusqlite::Connection;
use tessera::wire::{BATCH_HEADER_LEN, CellSize};

use crate::store::{ByKind, Kind};

/// Bytes reserved for the write-ahead log.
pub(super) const LOG: u64 = 64 << 20;
/// Overhead of a published cell in bytes: its digest in the index.
const DIGEST: u64 = 64;
/// Overhead of a waiting cell in bytes: its share of padding and half-full pages.
const WAITING: u64 = 512;
const PAGE: u64 = 16_384;

/// The limit, and the reserves within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskLimit {
    /// Maximum total size of the files in bytes.
    pub most: u64,
    /// Reserves for cover.
    pub reserves: ByKind<Reserve>,
}

/// The space of the cover of a full retention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserve {
    /// Number of batches kept at a time.
    pub batches: u64,
    /// Length of a batch without real cells, in bytes.
    pub bytes: u64,
}

impl Reserve {
    /// The reserve for `batches` batches of `cells` cover cells.
    #[must_use]
    pub fn new(batches: u64, cells: u64, size: CellSize) -> Self {
        let cells = cells.saturating_mul(u64::from(size.get()) + DIGEST);
        Self {
            batches,
            bytes: cells.saturating_add(2 * BATCH_HEADER_LEN as u64 + PAGE / 2),
        }
    }

    fn beyond(&self, held: u64) -> u64 {
        self.batches.saturating_sub(held).saturating_mul(self.bytes)
    }
}

impl DiskLimit {
    /// The minimum limit in bytes, with which only cover fits.
    #[must_use]
    pub fn least(&self) -> u64 {
        self.reserved(&ByKind::default()).saturating_add(LOG)
    }

    /// Bytes that the cover of a full retention needs beyond that of these batches.
    fn reserved(&self, held: &ByKind<u64>) -> u64 {
        let of = Kind::ALL.map(|kind| self.reserves[kind].beyond(held[kind]));
        of.into_iter().fold(0, u64::saturating_add)
    }
}

/// Disk space of a post of `cells` cells, in bytes.
pub(super) fn cost(cells: usize, size: CellSize) -> u64 {
    (cells as u64).saturating_mul(u64::from(size.get()) + WAITING)
}

/// Compares the limit with the current use.
pub(super) struct Disk {
    limit: Option<DiskLimit>,
    log: PathBuf,
    /// Number of batches.
    held: ByKind<u64>,
}

impl Disk {
    pub(super) fn new(
        limit: Option<DiskLimit>,
        log: PathBuf,
        connection: &Connection,
    ) -> rusqlite::Result<Self> {
        let held = |lobby: bool| -> rusqlite::Result<u64> {
            connection.query_row(
                "SELECT count(*) FROM batch WHERE lobby = ?1",
                [lobby],
                |row| row.get::<_, u32>(0).map(u64::from),
            )
        };
        let held = ByKind {
            numbered: held(false)?,
            lobby: held(true)?,
        };
        Ok(Self { limit, log, held })
    }

    /// Adds new batches.
    pub(super) fn closed(&mut self, kind: Kind, batches: usize) {
        self.held[kind] += batches as u64;
    }

    /// Removes deleted batches.
    pub(super) fn expired(&mut self, kind: Kind, batches: u64) {
        self.held[kind] = self.held[kind].saturating_sub(batches);
    }

    /// Returns `true` if `bytes` more fit.
    pub(super) fn has_room(&self, connection: &Connection, bytes: u64) -> rusqlite::Result<bool> {
        let Some(limit) = &self.limit else {
            return Ok(true);
        };
        let pages = |name: &str| -> rusqlite::Result<u64> {
            connection.pragma_query_value(None, name, |row| row.get::<_, u32>(0).map(u64::from))
        };
        let used = pages("page_count")?.saturating_sub(pages("freelist_count")?) * PAGE;
        let needed = [self.log_len().max(LOG), limit.reserved(&self.held), bytes]
            .into_iter()
            .fold(used, u64::saturating_add);
        Ok(needed <= limit.most)
    }

    /// Length of the write-ahead log in bytes.
    pub(super) fn log_len(&self) -> u64 {
        std::fs::metadata(&self.log).map_or(0, |log| log.len())
    }
}
