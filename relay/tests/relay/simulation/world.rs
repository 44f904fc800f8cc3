//! The engine and the store without a server: posts, epochs, crashes and restarts.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tempfile::TempDir;
use tessera::wire::{BucketCount, CellSize, PostEntry, cover_cell};
use tessera_relay::{
    cover::CoverRule,
    epoch::{Engine, PublishedEpochs, Schedule, Settings},
    random,
    store::{
        ByKind, Kind, SqliteStore, Store, StoreError,
        queue::Capacity,
        sqlite::{Options, check},
    },
};

use super::{
    DAY,
    clock::Clock,
    mortal::{Life, Mortal},
    reader::Reader,
};
use crate::bucket;

/// Seconds of an epoch.
pub(super) const EPOCH: u64 = 3600;
pub(super) const RETENTION: u64 = 2 * DAY;

pub(super) fn options() -> Options {
    Options {
        cell_size: CellSize::try_from(1024).unwrap(),
        buckets: BucketCount::try_from(2).unwrap(),
        disk: None,
        // Small enough that some epochs leave cells behind.
        capacity: Capacity {
            batch_cells: 40,
            cells: ByKind {
                numbered: 80,
                lobby: 960,
            },
            ..Capacity::new(CellSize::try_from(1024).unwrap(), 32 << 20, 4, 60)
        },
    }
}

fn keys_of(store: &std::path::Path) -> PathBuf {
    PathBuf::from(format!("{}-keys", store.display()))
}

pub(super) struct World {
    directory: TempDir,
    lives: u32,
    store: Mortal<SqliteStore>,
    engine: Option<Engine<Mortal<SqliteStore>>>,
    published: PublishedEpochs,
    clock: Clock,
    pub(super) reader: Reader,
    /// Posted entries in order, for posting them again.
    recent: Vec<PostEntry>,
    deaths: u32,
}

impl World {
    pub(super) async fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let first = directory.path().join("0");
        std::fs::create_dir(&first).unwrap();
        let mut world = Self {
            store: open(first.join("relay.db")),
            directory,
            lives: 0,
            engine: None,
            published: PublishedEpochs::new(),
            clock: Clock::new(),
            reader: Reader::default(),
            recent: Vec::new(),
            deaths: 0,
        };
        world.resume().await;
        world
    }

    fn path(&self) -> PathBuf {
        self.directory
            .path()
            .join(self.lives.to_string())
            .join("relay.db")
    }

    async fn resume(&mut self) {
        let settings = Settings {
            kind: Kind::Numbered,
            buckets: vec![bucket(0), bucket(1)],
            cell_size: options().cell_size,
            schedule: Schedule::new(EPOCH as u32),
            rule: CoverRule::Fixed(2),
            retention: Duration::from_secs(RETENTION),
            publishes: true,
            most_waited: u8::MAX,
        };
        self.published = PublishedEpochs::new();
        let engine = Engine::resume(
            self.store.clone(),
            settings,
            self.published.clone(),
            self.clock.now(),
        )
        .await;
        self.engine = engine.ok();
        self.observe().await;
        self.bury().await;
    }

    /// Lets time pass and then ends the epoch.
    pub(super) async fn run(&mut self, seconds: u64) {
        self.clock.pass(seconds);
        if self.epoch_ends().await.is_err() {
            self.bury().await;
            // The next process closes what this one did not.
            self.clock.pass(EPOCH);
            if self.epoch_ends().await.is_err() {
                self.bury().await;
            }
        }
    }

    async fn epoch_ends(&mut self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let engine = self.engine.as_mut().ok_or(StoreError::Failed)?;
        engine.close(now).await?;
        engine.publish(now);
        self.observe().await;
        let engine = self.engine.as_mut().ok_or(StoreError::Failed)?;
        while engine.expire().await? {}
        self.observe().await;
        Ok(())
    }

    /// Sets the clock.
    pub(super) fn jump(&mut self, seconds: i64) {
        self.clock.jump(seconds);
    }

    /// Posts `count` new cells.
    pub(super) async fn post(&mut self, count: u64) {
        let size = options().cell_size;
        let entries: Vec<_> = (0..count)
            .map(|at| PostEntry {
                bucket: bucket(at as u32 % 2),
                cell: cover_cell(size, &mut random::system()),
            })
            .collect();
        let is_acknowledged = self.store.put(entries.clone()).await.is_ok();
        self.reader.expect(&entries, is_acknowledged);
        match is_acknowledged {
            true => self.recent.extend(entries),
            false => self.bury().await,
        }
    }

    /// Reposts cells that wait or whose batch is kept.
    pub(super) async fn post_again(&mut self, count: u64) {
        let held = |entry: &&PostEntry| self.reader.may_repeat(entry.cell.as_bytes());
        let again: Vec<_> = self
            .recent
            .iter()
            .rev()
            .take(30)
            .filter(held)
            .take(count as usize)
            .map(|entry| PostEntry {
                // The same cell in another bucket is still a repetition.
                bucket: bucket(1 - entry.bucket.get()),
                cell: entry.cell.clone(),
            })
            .collect();
        if self.store.put(again).await.is_err() {
            self.bury().await;
        }
    }

    /// Schedules a crash of the process in `steps` steps.
    pub(super) fn dies_in(&mut self, steps: u64, after: bool) {
        self.store.life.ends_in(steps, after);
    }

    /// After a crash, opens the current state of the disk in a new process.
    async fn bury(&mut self) {
        if !self.store.life.is_over() {
            return;
        }
        self.deaths += 1;
        let old = self.path();
        self.lives += 1;
        let new = self.path();
        std::fs::create_dir(new.parent().unwrap()).unwrap();
        // A step of the crashed process may still be running here, which a real crash would have
        // stopped. Both files are of the same moment if the log is unchanged: a checkpoint in
        // between only copies its content. A key is created before, and erased after, the
        // corresponding entries of the log.
        let log = |path: &PathBuf| PathBuf::from(format!("{}-wal", path.display()));
        loop {
            let before = std::fs::read(log(&old)).ok();
            let file = std::fs::read(&old).unwrap();
            let keys = std::fs::read(keys_of(&old)).unwrap();
            if before == std::fs::read(log(&old)).ok() {
                std::fs::write(&new, file).unwrap();
                std::fs::write(keys_of(&new), keys).unwrap();
                if let Some(before) = before {
                    std::fs::write(log(&new), before).unwrap();
                }
                break;
            }
        }
        let report = check(&new).unwrap();
        assert_eq!(report.findings, [], "after a death");
        self.engine = None;
        self.store = open(new);
        Box::pin(self.resume()).await;
    }

    /// Shuts down cleanly and restarts.
    pub(super) async fn restart(&mut self) {
        self.engine = None;
        self.store.shutdown().await;
        let report = check(&self.path()).unwrap();
        assert_eq!(report.findings, [], "after a restart");
        self.store = open(self.path());
        self.resume().await;
    }

    /// Lets the reader look.
    async fn observe(&mut self) {
        if let Some(published) = self.published.get(Kind::Numbered) {
            let (store, clock) = (&self.store, &self.clock);
            self.reader.observe(store, published, clock).await;
        }
    }

    /// After two epochs without posts, checks that nothing waits and nothing was lost.
    pub(super) async fn finish(&mut self) {
        for _ in 0..3 {
            self.run(EPOCH).await;
        }
        self.reader.expect_all();
        self.engine = None;
        self.store.shutdown().await;
        assert_eq!(check(&self.path()).unwrap().findings, []);
    }

    pub(super) fn deaths(&self) -> u32 {
        self.deaths
    }
}

fn open(path: PathBuf) -> Mortal<SqliteStore> {
    Mortal {
        store: SqliteStore::open(&path, &options()).unwrap(),
        life: Arc::new(Life::default()),
    }
}
