//! The view of a replicated store: what was published according to the log, and
//! how far the log was read.
//!
//! A view has no signing key and no waiting cells. Its tables beyond those of a
//! store are created when it is opened.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use tessera::{
    base::UnixTime,
    wire::{BucketId, HeaderHash, Origin, OriginKey},
};

use super::{
    OpenError, Options, SqliteStore, close,
    error::WriteError,
    import,
    lock::lock,
    schema::{self, integer, unsigned},
    settings::{number, put_setting},
};
use crate::{
    epoch::Boundary,
    store::{ByKind, Kind, SignedBatch, StoreError},
};

/// `log_seen` is the index of the digests of published cells, by kind, with the
/// time of their batch and the sequence of its commit or import. A cell that was
/// published twice has two rows: a close counts those up to its marker's sequence. `log_position` is the next
/// close of each kind. `log_read` is the sequence from which the published stream
/// is read again after a restart.
pub(super) const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS log_seen (
        lobby INTEGER NOT NULL,
        digest BLOB NOT NULL,
        closed_at INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        PRIMARY KEY (lobby, digest, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS log_position (
        lobby INTEGER PRIMARY KEY,
        next INTEGER NOT NULL,
        step INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        closed_at INTEGER NOT NULL,
        marker INTEGER NOT NULL,
        commit_hash BLOB NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS log_read (
        id INTEGER PRIMARY KEY CHECK (id = 0),
        seq INTEGER NOT NULL
    ) STRICT;
";

/// Name of the setting with the level of the store.
pub(super) const LEVEL: &str = "log_level";
/// Name of the setting with the origin of a view.
pub(super) const VIEW: &str = "view";
/// The digest index is swept in this many parts.
const SWEEPS: u8 = 64;

/// How far the closes of a kind were applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// The index of the next close.
    pub(crate) next: u64,
    /// Its steps that were applied.
    pub(crate) step: u32,
    /// The last close, complete or not.
    pub(crate) last: Boundary,
    /// Sequence of the last marker.
    pub(crate) marker: u64,
    /// SHA-256 of the last commit.
    pub(crate) commit: [u8; 32],
}

impl Default for Position {
    /// Before the first close.
    fn default() -> Self {
        Self {
            next: 1,
            step: 0,
            last: Boundary::default(),
            marker: 0,
            commit: [0; 32],
        }
    }
}

/// One step of a close, to be applied in one transaction.
#[derive(Debug)]
pub(crate) struct Apply {
    pub(crate) kind: Kind,
    pub(crate) batches: Vec<SignedBatch>,
    pub(crate) position: Position,
    /// Sequence of the commit.
    pub(crate) seq: u64,
    /// From which sequence the published stream is read again.
    pub(crate) read_from: u64,
}

/// Batches of other origins, to be stored in one transaction.
#[derive(Debug)]
pub(crate) struct Imported {
    pub(crate) batches: Vec<SignedBatch>,
    /// Sequence of the import.
    pub(crate) seq: u64,
    /// From which sequence the published stream is read again.
    pub(crate) read_from: u64,
}

/// The state of a view when it is opened.
#[derive(Debug, Default)]
pub(crate) struct ViewState {
    pub(crate) positions: ByKind<Position>,
    pub(crate) read_from: u64,
    pub(crate) heads: HashMap<BucketId, (u64, HeaderHash)>,
    /// The level of the store, if a record of it was read.
    pub(crate) level: Option<u32>,
}

impl SqliteStore {
    /// Opens or creates the view of an origin.
    pub(crate) fn open_view(
        path: &Path,
        options: &Options,
        key: OriginKey,
    ) -> Result<(Self, ViewState), OpenError> {
        let sqlite = OpenError::sqlite(path);
        let lock = lock(path)?;
        let connection = schema::open_view(path, options, &key.origin())?;
        upgrade(&connection).map_err(sqlite)?;
        connection.execute_batch(TABLES).map_err(sqlite)?;
        let state = read_state(&connection, &key.origin()).map_err(sqlite)?;
        let store = Self::start(path, options, connection, key, lock)?;
        Ok((store, state))
    }

    /// Applies one step of a close.
    pub(crate) async fn apply(&self, apply: Apply) -> Result<(), StoreError> {
        self.ask(move |writer| writer.apply(&apply)).await
    }

    /// The batches that an import would store now; fails as that would.
    pub(crate) async fn check_import(
        &self,
        batches: Vec<SignedBatch>,
    ) -> Result<Vec<SignedBatch>, StoreError> {
        self.ask(move |writer| writer.write(|tx, parts| import::check(tx, batches, &parts.options)))
            .await
    }

    /// Stores batches of other origins; passes over those that do not follow.
    pub(crate) async fn apply_import(&self, imported: Imported) -> Result<(), StoreError> {
        self.ask(move |writer| writer.apply_import(&imported)).await
    }

    /// Which of these cells were published in a batch of this kind that closed at
    /// `from` or later, by a commit up to a sequence.
    pub(crate) async fn seen(
        &self,
        kind: Kind,
        digests: Vec<[u8; 32]>,
        from: UnixTime,
        through: u64,
    ) -> Result<HashSet<[u8; 32]>, StoreError> {
        self.read(move |connection| {
            let mut find = connection.prepare_cached(
                "SELECT 1 FROM log_seen WHERE lobby = ?1 AND digest = ?2 AND closed_at >= ?3
                 AND seq <= ?4",
            )?;
            let mut seen = HashSet::new();
            for digest in digests {
                let key = params![kind, digest, integer(from.0), integer(through)];
                if find.exists(key)? {
                    seen.insert(digest);
                }
            }
            Ok(seen)
        })
        .await
    }

    /// Keeps the level of the store.
    pub(crate) async fn set_level(&self, level: u32) -> Result<(), StoreError> {
        let level = level.to_be_bytes();
        self.ask(move |writer| writer.write(|tx, _| Ok(put_setting(tx, LEVEL, &level)?)))
            .await
    }

    /// Deletes a part of the digests of batches that closed before a time.
    pub(crate) async fn sweep(
        &self,
        kind: Kind,
        before: UnixTime,
        number: u64,
    ) -> Result<(), StoreError> {
        self.ask(move |writer| writer.write(|tx, _| sweep(tx, kind, before, number)))
            .await
    }
}

/// Writes a step of a close.
pub(super) fn apply(tx: &Transaction<'_>, apply: &Apply) -> Result<(), WriteError> {
    let position = &apply.position;
    for batch in &apply.batches {
        close::write(tx, batch)?;
        see(tx, batch, apply.seq)?;
    }
    tx.prepare_cached(
        "INSERT INTO log_position (lobby, next, step, epoch, closed_at, marker, commit_hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (lobby) DO UPDATE SET next = ?2, step = ?3, epoch = ?4, closed_at = ?5,
             marker = ?6, commit_hash = ?7",
    )?
    .execute(params![
        apply.kind,
        integer(position.next),
        position.step,
        integer(position.last.epoch),
        integer(position.last.at.0),
        integer(position.marker),
        position.commit
    ])?;
    read_from(tx, apply.read_from)
}

/// Writes an import. All processes count its cells as published, also those of a
/// batch that does not follow the chain in this view.
pub(super) fn apply_import(
    tx: &Transaction<'_>,
    imported: &Imported,
    options: &Options,
) -> Result<ByKind<usize>, WriteError> {
    let mut new = ByKind::<usize>::default();
    for batch in &imported.batches {
        match import::import(tx, std::slice::from_ref(batch), options) {
            Ok(stored) => {
                for kind in Kind::ALL {
                    new[kind] += stored[kind];
                }
            }
            Err(WriteError::Store(StoreError::Unlinked | StoreError::Misused)) => (),
            Err(error) => return Err(error),
        }
        see(tx, batch, imported.seq)?;
    }
    read_from(tx, imported.read_from)?;
    Ok(new)
}

/// Counts the cells of a batch as published by the message with this sequence.
fn see(tx: &Transaction<'_>, batch: &SignedBatch, seq: u64) -> Result<(), WriteError> {
    let mut digests = batch.digests();
    digests.sort_unstable();
    let mut insert = tx.prepare_cached(
        "INSERT OR IGNORE INTO log_seen (lobby, digest, closed_at, seq)
         VALUES (?1, ?2, ?3, ?4)",
    )?;
    let header = &batch.header;
    let closed_at = integer(header.closed_at.0);
    for digest in digests {
        let lobby = header.bucket.is_lobby();
        insert.execute(params![lobby, digest, closed_at, integer(seq)])?;
    }
    Ok(())
}

fn read_from(tx: &Transaction<'_>, seq: u64) -> Result<(), WriteError> {
    tx.prepare_cached(
        "INSERT INTO log_read (id, seq) VALUES (0, ?1) ON CONFLICT (id) DO UPDATE SET seq = ?1",
    )?
    .execute([integer(seq)])?;
    Ok(())
}

/// Deletes the old digests of one of [`SWEEPS`] parts of the index.
fn sweep(
    tx: &Transaction<'_>,
    kind: Kind,
    before: UnixTime,
    number: u64,
) -> Result<(), WriteError> {
    let part = u8::try_from(number % u64::from(SWEEPS)).unwrap_or(0);
    let width = u8::try_from(256 / u16::from(SWEEPS)).unwrap_or(1);
    let (first, last) = (part * width, part * width + (width - 1));
    tx.prepare_cached(
        "DELETE FROM log_seen WHERE lobby = ?1 AND digest >= ?2 AND digest <= ?3 AND closed_at < ?4",
    )?
    .execute(params![
        kind,
        [first],
        [[last].as_slice(), &[0xFF; 31]].concat(),
        integer(before.0)
    ])?;
    Ok(())
}

/// Brings the tables of an earlier version up to date: its index had one row for each
/// cell.
fn upgrade(connection: &Connection) -> rusqlite::Result<()> {
    let is_old = connection
        .query_row(
            "SELECT pk = 0 FROM pragma_table_info('log_seen') WHERE name = 'seq'",
            [],
            |row| row.get(0),
        )
        .optional()?;
    if is_old != Some(true) {
        return Ok(());
    }
    let upgraded = format!(
        "BEGIN; ALTER TABLE log_seen RENAME TO log_seen_of_one; {TABLES}
         INSERT INTO log_seen (lobby, digest, closed_at, seq)
             SELECT lobby, digest, closed_at, seq FROM log_seen_of_one;
         DROP TABLE log_seen_of_one; COMMIT"
    );
    connection.execute_batch(&upgraded)
}

fn read_state(connection: &Connection, own: &Origin) -> rusqlite::Result<ViewState> {
    let mut state = ViewState {
        level: number(connection, LEVEL)?,
        ..ViewState::default()
    };
    let mut positions = connection.prepare(
        "SELECT lobby, next, step, epoch, closed_at, marker, commit_hash FROM log_position",
    )?;
    let mut rows = positions.query([])?;
    while let Some(row) = rows.next()? {
        let kind = match row.get::<_, bool>(0)? {
            true => Kind::Lobby,
            false => Kind::Numbered,
        };
        let position = Position {
            next: unsigned(row.get(1)?),
            step: row.get(2)?,
            last: Boundary {
                epoch: unsigned(row.get(3)?),
                at: UnixTime(unsigned(row.get(4)?)),
            },
            marker: unsigned(row.get(5)?),
            commit: row.get(6)?,
        };
        state.positions[kind] = position;
    }
    let mut heads =
        connection.prepare("SELECT bucket, epoch, head FROM chain WHERE origin = ?1")?;
    let mut rows = heads.query([own.0])?;
    while let Some(row) = rows.next()? {
        if let Ok(bucket) = BucketId::try_from(row.get::<_, u32>(0)?) {
            let head = (unsigned(row.get(1)?), HeaderHash(row.get(2)?));
            state.heads.insert(bucket, head);
        }
    }
    let read = connection.query_row("SELECT seq FROM log_read", [], |row| row.get(0));
    state.read_from = read.optional()?.map_or(1, unsigned);
    Ok(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_of_an_earlier_version_gets_a_row_for_each_publication() {
        let connection = Connection::open_in_memory().unwrap();
        let earlier = TABLES.replace("(lobby, digest, seq)", "(lobby, digest)");
        assert_ne!(earlier, TABLES);
        connection.execute_batch(&earlier).unwrap();
        let insert = |seq: i64| {
            let values = params![[7_u8; 32], seq];
            connection.execute("INSERT INTO log_seen VALUES (0, ?1, 10, ?2)", values)
        };
        assert_eq!(insert(3), Ok(1));
        assert!(insert(4).is_err());
        upgrade(&connection).unwrap();
        assert_eq!(insert(4), Ok(1));
        upgrade(&connection).unwrap();
        let rows = "SELECT group_concat(seq) FROM (SELECT seq FROM log_seen ORDER BY seq)";
        let kept: String = connection.query_row(rows, [], |row| row.get(0)).unwrap();
        assert_eq!(kept, "3,4");
    }
}
