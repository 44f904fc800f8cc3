//! Waiting cells on disk: sealed frames, in order of arrival.
//!
//! A frame is written once with its posts and deleted once at the end of the
//! epoch. Which of its cells still wait is known in memory, and after a restart
//! from the digests of published cells.

mod convert;
mod load;

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use tessera::wire::{BucketId, CellSize, PostEntry};

pub(super) use self::{
    convert::{first_keys, seal_rows},
    load::for_each_waiting,
};
use super::{
    OpenError,
    error::WriteError,
    schema::{integer, unsigned},
    with_suffix,
};
use crate::{
    files::PathError,
    random,
    store::{
        ByKind, Kind, StoreError,
        queue::{CellId, Queue, QueueClass, Ticket},
        ratchet::{
            KeyFile, StepKey,
            frame::{Frame, FrameEntry, FrameError, Sealer},
            warn_if_copies_stay,
        },
    },
};

/// Maximum number of cells of a frame: all are in memory to read one of them.
const FRAME_CELLS: usize = 256;
/// Bytes of cells that are resealed in one transaction.
const CARRY_BYTES: usize = 8 << 20;

/// The key file of a store.
pub(super) fn key_path(store: &Path) -> PathBuf {
    with_suffix(store, "-keys")
}

/// Seals, opens and carries over the frames of both kinds.
pub(super) struct Frames {
    keys: KeyFile,
    sealer: Sealer,
    cell_size: CellSize,
    steps: ByKind<Step>,
}

/// The current step of a kind's ratchet.
#[derive(Clone, Copy, Default)]
struct Step {
    number: u64,
    /// Whether its key has sealed anything.
    used: bool,
}

impl Frames {
    /// Opens the key file, generates missing keys where no frame needs them, and
    /// reads the waiting cells into the queue.
    pub(super) fn open(
        path: &Path,
        connection: &Connection,
        cell_size: CellSize,
        queue: &mut Queue,
    ) -> Result<Self, OpenError> {
        let sqlite = OpenError::sqlite(path);
        let mut keys = KeyFile::open(&key_path(path))?;
        warn_if_copies_stay(keys.path());
        let mut step = |kind| -> Result<Step, OpenError> {
            let number = current_step(connection, kind).map_err(sqlite)?;
            // Copies of an interrupted end of an epoch.
            delete_after(connection, kind, number).map_err(sqlite)?;
            let used = has_frames(connection, kind).map_err(sqlite)?;
            if keys.get(kind, number).is_none() {
                if used {
                    return Err(OpenError::KeyMissing(keys.path().to_owned()));
                }
                let put = keys.put(kind, number, StepKey::random());
                put.map_err(PathError::at(keys.path()))?;
            }
            let erased = keys.erase_all_but(kind, number);
            erased.map_err(PathError::at(keys.path()))?;
            Ok(Step { number, used })
        };
        let steps = ByKind {
            numbered: step(Kind::Numbered)?,
            lobby: step(Kind::Lobby)?,
        };
        for kind in Kind::ALL {
            let load = |bucket, ticket| queue.push(bucket, QueueClass::default(), ticket);
            for_each_waiting(connection, &keys, kind, cell_size, load).map_err(
                |error| match error {
                    WriteError::Sqlite(error) => sqlite(error),
                    WriteError::Store(_) => OpenError::KeyMissing(keys.path().to_owned()),
                },
            )?;
        }
        Ok(Self {
            keys,
            sealer: Sealer::new(),
            cell_size,
            steps,
        })
    }

    /// Creates the frames of a store that cannot be read and is not written.
    pub(super) fn unusable(path: &Path, cell_size: CellSize) -> Result<Self, OpenError> {
        Ok(Self {
            keys: KeyFile::open(&key_path(path))?,
            sealer: Sealer::new(),
            cell_size,
            steps: ByKind::default(),
        })
    }

    /// Stores new cells, one frame per kind and 256 cells. Returns their locations.
    pub(super) fn put(
        &mut self,
        tx: &Transaction<'_>,
        kind: Kind,
        cells: &[(&PostEntry, QueueClass, CellId)],
    ) -> Result<Vec<(BucketId, QueueClass, Ticket)>, WriteError> {
        let mut kept = Vec::with_capacity(cells.len());
        for cells in cells.chunks(FRAME_CELLS) {
            let entries: Vec<_> = cells
                .iter()
                .map(|(entry, ..)| FrameEntry {
                    bucket: entry.bucket.get(),
                    waited: 0,
                    cell: entry.cell.as_bytes(),
                })
                .collect();
            let frame = self.insert(tx, kind, self.steps[kind].number, &entries)?;
            for (place, (entry, class, cell)) in (0..).zip(cells) {
                let ticket = Ticket {
                    frame,
                    place,
                    waited: 0,
                    cell: *cell,
                };
                kept.push((entry.bucket, *class, ticket));
            }
        }
        self.steps[kind].used = true;
        Ok(kept)
    }

    /// Reads the bytes of cells, opening each frame once. Each cell comes with its
    /// index in `tickets`.
    pub(super) fn read(
        &self,
        tx: &Connection,
        kind: Kind,
        tickets: &[Ticket],
        mut each: impl FnMut(usize, &[u8]),
    ) -> Result<(), WriteError> {
        let mut order: Vec<usize> = (0..tickets.len()).collect();
        order.sort_unstable_by_key(|at| tickets.get(*at).map(|ticket| ticket.frame));
        let mut open: Option<(i64, Frame)> = None;
        for at in order {
            let ticket = tickets.get(at).ok_or(StoreError::Misused)?;
            let frame = match open.take() {
                Some((row, frame)) if row == ticket.frame => frame,
                _ => self.frame(tx, kind, ticket.frame)?,
            };
            let entry = frame.entry(ticket.place).ok_or(StoreError::Damaged)?;
            each(at, entry.cell);
            open = Some((ticket.frame, frame));
        }
        Ok(())
    }

    /// Makes the next step's key durable. The step of a kind changes only
    /// with [`finish`](Self::finish).
    pub(super) fn prepare(&mut self, kind: Kind) -> Result<(), StoreError> {
        let number = self.steps[kind].number;
        if self.keys.get(kind, number + 1).is_some() {
            return Ok(());
        }
        let key = self.keys.get(kind, number).ok_or(StoreError::Damaged)?;
        let next = key
            .next(kind, &random::bytes())
            .map_err(|_| StoreError::Misused)?;
        self.keys
            .put(kind, number + 1, next)
            .map_err(|error| key_error(&error))
    }

    /// Returns `true` if the kind's key has sealed anything.
    pub(super) fn is_used(&self, kind: Kind) -> bool {
        self.steps[kind].used
    }

    /// Seals some left-behind cells under the next step's key and returns their new
    /// locations. Their old frames remain until [`finish`](Self::finish).
    pub(super) fn carry(
        &mut self,
        tx: &Transaction<'_>,
        kind: Kind,
        left: &[(BucketId, Ticket)],
    ) -> Result<HashMap<CellId, Ticket>, WriteError> {
        let next = self.steps[kind].number + 1;
        let mut moved = HashMap::with_capacity(left.len());
        for left in left.chunks(FRAME_CELLS) {
            let tickets: Vec<Ticket> = left.iter().map(|(_, ticket)| *ticket).collect();
            let mut cells = vec![Vec::new(); left.len()];
            self.read(tx, kind, &tickets, |at, cell| {
                if let Some(place) = cells.get_mut(at) {
                    *place = cell.to_vec();
                }
            })?;
            let entries: Vec<_> = left
                .iter()
                .zip(&cells)
                .map(|((bucket, ticket), cell)| FrameEntry {
                    bucket: bucket.get(),
                    waited: ticket.waited,
                    cell,
                })
                .collect();
            let frame = self.insert(tx, kind, next, &entries)?;
            for (place, (_, ticket)) in (0..).zip(left) {
                let ticket = Ticket {
                    frame,
                    place,
                    ..*ticket
                };
                moved.insert(ticket.cell, ticket);
            }
        }
        Ok(moved)
    }

    /// The number of cells to pass to [`carry`](Self::carry) at a time.
    pub(super) fn carried_at_once(&self) -> usize {
        (CARRY_BYTES / self.cell_size.bytes()).max(1)
    }

    /// Deletes copies of a failed end of an epoch.
    pub(super) fn forget_copies(&self, tx: &Transaction<'_>, kind: Kind) -> Result<(), WriteError> {
        Ok(delete_after(tx, kind, self.steps[kind].number)?)
    }

    /// Ends a step: deletes its frames and makes the next step current.
    pub(super) fn finish(&self, tx: &Transaction<'_>, kind: Kind) -> Result<(), WriteError> {
        let number = self.steps[kind].number;
        tx.prepare_cached("DELETE FROM frame WHERE lobby = ?1 AND step <= ?2")?
            .execute(params![kind, integer(number)])?;
        tx.prepare_cached("UPDATE ratchet SET step = ?2 WHERE lobby = ?1")?
            .execute(params![kind, integer(number + 1)])?;
        Ok(())
    }

    /// Overwrites the old key, after [`finish`](Self::finish) was committed.
    pub(super) fn erase(&mut self, kind: Kind, carried: bool) -> Result<(), StoreError> {
        let step = &mut self.steps[kind];
        *step = Step {
            number: step.number + 1,
            used: carried,
        };
        let number = step.number;
        self.keys
            .erase_all_but(kind, number)
            .map_err(|error| key_error(&error))
    }

    fn insert(
        &mut self,
        tx: &Transaction<'_>,
        kind: Kind,
        step: u64,
        entries: &[FrameEntry<'_>],
    ) -> Result<i64, WriteError> {
        let key = self.keys.get(kind, step).ok_or(StoreError::Damaged)?;
        let frame = self
            .sealer
            .seal(key, kind, step, entries, self.cell_size.bytes())
            .map_err(|FrameError| StoreError::Misused)?;
        tx.prepare_cached("INSERT INTO frame (lobby, step, bytes) VALUES (?1, ?2, ?3)")?
            .execute(params![kind, integer(step), frame])?;
        Ok(tx.last_insert_rowid())
    }

    fn frame(&self, tx: &Connection, kind: Kind, id: i64) -> Result<Frame, WriteError> {
        let row: Option<(i64, Vec<u8>)> = tx
            .prepare_cached("SELECT step, bytes FROM frame WHERE id = ?1")?
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (step, bytes) = row.ok_or(StoreError::Damaged)?;
        let step = unsigned(step);
        let key = self.keys.get(kind, step).ok_or(StoreError::Damaged)?;
        let frame = Frame::open(key, kind, step, bytes, self.cell_size.bytes());
        Ok(frame.map_err(|FrameError| StoreError::Damaged)?)
    }
}

/// The current step according to the store.
pub(super) fn current_step(connection: &Connection, kind: Kind) -> rusqlite::Result<u64> {
    connection
        .query_row("SELECT step FROM ratchet WHERE lobby = ?1", [kind], |row| {
            row.get(0)
        })
        .map(unsigned)
}

pub(super) fn has_frames(connection: &Connection, kind: Kind) -> rusqlite::Result<bool> {
    connection
        .prepare("SELECT 1 FROM frame WHERE lobby = ?1")?
        .exists([kind])
}

/// Deletes frames of steps after the current one.
fn delete_after(connection: &Connection, kind: Kind, step: u64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM frame WHERE lobby = ?1 AND step > ?2")?
        .execute(params![kind, integer(step)])
        .map(drop)
}

/// Maps an error of the key file. After a failed sync the state of the disk is
/// unknown, as for the store.
fn key_error(error: &io::Error) -> StoreError {
    tracing::error!(%error, "writing the key file failed");
    match error.kind() {
        io::ErrorKind::StorageFull => StoreError::Full,
        _ => StoreError::Failed,
    }
}
