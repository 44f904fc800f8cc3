//! The state that the writer's transactions share.

use std::collections::HashSet;

use rusqlite::Transaction;
use tessera::wire::{BucketId, OriginKey};

use super::{Options, close::Close, error::WriteError, frames::Frames};
use crate::store::{
    ByKind, Closing, Kind, Post, StoreError,
    queue::{Additions, Queue, QueueClass, Ticket, cell_id},
};

/// The state that transactions share.
pub(super) struct Parts {
    pub(super) key: OriginKey,
    pub(super) options: Options,
    pub(super) frames: Frames,
    pub(super) queue: Queue,
}

/// The result of storing posts.
pub(super) struct Kept {
    /// The result of each post.
    pub(super) results: Vec<Result<(), StoreError>>,
    /// The locations of the new cells.
    pub(super) tickets: Vec<(BucketId, QueueClass, Ticket)>,
}

impl Parts {
    /// Stores the cells of the posts that fit. They wait once this is committed.
    pub(super) fn keep(
        &mut self,
        tx: &Transaction<'_>,
        posts: &[Post],
    ) -> Result<Kept, WriteError> {
        let mut published = tx.prepare_cached("SELECT 1 FROM seen WHERE digest = ?1")?;
        let (mut taken, mut additions) = (HashSet::new(), Additions::default());
        let mut cells = ByKind::<Vec<_>>::default();
        let mut results = Vec::with_capacity(posts.len());
        for post in posts {
            let (mut own, mut new) = (HashSet::new(), Vec::new());
            for entry in &post.entries {
                let digest = entry.cell.sha256();
                let id = cell_id(&digest);
                let known = self.queue.holds(&id) || taken.contains(&id) || !own.insert(id);
                if !known && !published.exists([&digest])? {
                    new.push((entry, post.class, id));
                }
            }
            let buckets = new.iter().map(|(entry, ..)| entry.bucket);
            let admitted = self.queue.admit(post.class, buckets, &mut additions);
            results.push(admitted.map_err(StoreError::QueueFull));
            if admitted.is_ok() {
                taken.extend(new.iter().map(|(.., id)| *id));
                for cell in new {
                    cells[Kind::of(cell.0.bucket)].push(cell);
                }
            }
        }
        let mut tickets = self.frames.put(tx, Kind::Numbered, &cells.numbered)?;
        tickets.extend(self.frames.put(tx, Kind::Lobby, &cells.lobby)?);
        Ok(Kept { results, tickets })
    }

    pub(super) fn close<'a>(&'a mut self, closing: &'a Closing) -> Close<'a> {
        Close {
            closing,
            batch_cells: self.options.capacity.batch_cells,
            key: &self.key,
            frames: &self.frames,
            queue: &mut self.queue,
        }
    }
}
