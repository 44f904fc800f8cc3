//! The end of an epoch in the store, compared with writing the same bytes by plain
//! SQLite.

use std::{path::Path, time::Duration, time::Instant};

use anyhow::Result;
use getrandom::SysRng;
use rand_core::{Rng as _, UnwrapErr};
use rusqlite::params;
use tessera::{
    base::UnixTime,
    wire::{BucketCount, BucketId, Cell, CellSize, PostEntry},
};
use tessera_relay::{
    config::CoverArgs,
    cover::{self, CoverRule},
    random,
    store::{Closing, Kind, SqliteStore, Store as _, queue::Capacity, sqlite::Options},
};

use crate::sqlite;

/// Buckets of one transaction, as in the relay.
const STEP: usize = 16;

/// A store, and a plain SQLite database for comparison.
pub(crate) struct Pair {
    store: SqliteStore,
    bare: rusqlite::Connection,
    buckets: Vec<BucketId>,
    rule: CoverRule,
    epoch: u64,
}

/// The durations of one close.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    /// The store's.
    pub(crate) ours: Duration,
    /// Generating the cover, which the relay does while an epoch runs.
    pub(crate) cover: Duration,
    /// Plain SQLite's, for the same bytes.
    pub(crate) bare: Duration,
    /// Bytes of the batches.
    pub(crate) bytes: usize,
}

impl Pair {
    pub(crate) fn new(directory: &Path, bare: &Path) -> Result<Self> {
        let count = BucketCount::try_from(64)?;
        let options = Options {
            cell_size: CellSize::DEFAULT,
            buckets: count,
            disk: None,
            capacity: Capacity::new(CellSize::DEFAULT, 32 << 20, 4, 60),
        };
        Ok(Self {
            store: SqliteStore::open(&directory.join("relay.db"), &options)?,
            bare: sqlite::open(&bare.join("bare.db"))?,
            buckets: count.numbered().collect(),
            rule: CoverArgs::default().build()?.rule,
            epoch: 0,
        })
    }

    /// Posts cells to every bucket and closes the epoch.
    pub(crate) async fn close(&mut self, cells: usize) -> Result<Times> {
        for bucket in &self.buckets {
            let entries: Vec<PostEntry> =
                (0..cells).map(|_| entry(*bucket)).collect::<Result<_>>()?;
            for post in entries.chunks(64) {
                self.store.put(post.to_vec()).await?;
            }
        }
        self.epoch += 1;
        let from = Instant::now();
        let count = self.rule.most() * self.buckets.len();
        let mut pool = cover::prepare(count, CellSize::DEFAULT, &mut random::system());
        let (preparing, start) = (from.elapsed(), Instant::now());
        for buckets in self.buckets.chunks(STEP) {
            let left = pool.len() - self.rule.most() * buckets.len();
            let closing = Closing {
                buckets: buckets.to_vec(),
                epoch: self.epoch,
                closed_at: UnixTime(self.epoch * 1800),
                cell_size: CellSize::DEFAULT,
                rule: self.rule.clone(),
                cover: pool.split_off(left),
            };
            self.store.close(closing).await?;
        }
        self.store.end_epoch(Kind::Numbered, u8::MAX).await?;
        let ours = start.elapsed();
        let size = 192 + (cells + self.rule.most() / 2) * CellSize::DEFAULT.bytes();
        Ok(Times {
            ours,
            cover: preparing,
            bare: self.write(size)?,
            bytes: size * self.buckets.len(),
        })
    }

    fn write(&mut self, size: usize) -> Result<Duration> {
        let mut bytes = vec![0; size];
        UnwrapErr(SysRng).fill_bytes(&mut bytes);
        let start = Instant::now();
        for buckets in self.buckets.chunks(STEP) {
            let transaction = self.bare.transaction()?;
            for bucket in buckets {
                transaction
                    .prepare_cached("INSERT INTO batch (bucket, bytes) VALUES (?1, ?2)")?
                    .execute(params![bucket.get(), bytes])?;
            }
            transaction.commit()?;
        }
        Ok(start.elapsed())
    }

    pub(crate) async fn end(self) {
        self.store.shutdown().await;
    }
}

/// Random bytes: nothing on this path inspects a cell.
fn entry(bucket: BucketId) -> Result<PostEntry> {
    let mut bytes = vec![0; CellSize::DEFAULT.bytes()];
    UnwrapErr(SysRng).fill_bytes(&mut bytes);
    let cell = Cell::parse(bytes, CellSize::DEFAULT)?;
    Ok(PostEntry { bucket, cell })
}
