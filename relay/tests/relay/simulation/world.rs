//! The engine and the store without a server, with a settable clock and a reader
//! that remembers everything.
//!
//! Longer than other files: it is one state machine and its invariants.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tessera::{
    base::UnixTime,
    wire::{
        Batch, BatchHeader, BucketCount, BucketId, Cell, CellSize, PostEntry, SegmentRef,
        cover_cell,
    },
};
use tessera_relay::{
    cover::CoverRule,
    epoch::{Engine, Now, PublishedEpochs, Schedule, Settings},
    random,
    store::{
        Found, Kind, SqliteStore, Store, StoreError,
        queue::Capacity,
        sqlite::{Options, check},
    },
};

use super::{
    DAY,
    mortal::{Life, Mortal},
};
use crate::bucket;

/// Seconds of an epoch.
pub(super) const EPOCH: u64 = 3600;
const RETENTION: u64 = 2 * DAY;

fn options() -> Options {
    Options {
        cell_size: CellSize::try_from(1024).unwrap(),
        buckets: BucketCount::try_from(2).unwrap(),
        disk: None,
        // Small enough that some epochs leave cells behind.
        capacity: Capacity {
            batch_cells: 40,
            numbered_cells: 80,
            ..Capacity::new(CellSize::try_from(1024).unwrap(), 32 << 20, 4, 60)
        },
    }
}

fn keys_of(store: &std::path::Path) -> PathBuf {
    PathBuf::from(format!("{}-keys", store.display()))
}

/// What the reader knows about a batch that it has seen.
struct Known {
    header: BatchHeader,
    segment: Option<SegmentRef>,
    gone: bool,
}

pub(super) struct World {
    directory: TempDir,
    lives: u32,
    store: Mortal<SqliteStore>,
    engine: Option<Engine<Mortal<SqliteStore>>>,
    published: PublishedEpochs,
    start: Instant,
    ran: u64,
    wall: u64,
    /// When the clock last jumped ahead by more than a day, in monotonic time.
    jumped: Option<u64>,
    /// Acknowledged cells, and the number of batches in which they were seen.
    acknowledged: BTreeMap<Vec<u8>, usize>,
    /// Posted entries in order, for posting them again.
    recent: Vec<PostEntry>,
    /// Cells of posts interrupted by a crash: published at most once.
    unsure: BTreeMap<Vec<u8>, usize>,
    known: BTreeMap<(u32, u64), Known>,
    /// By digest of a cell: the bucket and epoch of its publication.
    places: BTreeMap<[u8; 32], (u32, u64)>,
    segments: BTreeSet<(u32, u64)>,
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
            start: Instant::now(),
            ran: 0,
            wall: 20_000 * DAY,
            jumped: None,
            acknowledged: BTreeMap::new(),
            recent: Vec::new(),
            unsure: BTreeMap::new(),
            known: BTreeMap::new(),
            places: BTreeMap::new(),
            segments: BTreeSet::new(),
            deaths: 0,
        };
        world.resume().await;
        world
    }

    fn now(&self) -> Now {
        Now {
            wall: Duration::from_secs(self.wall),
            running: self.start + Duration::from_secs(self.ran),
        }
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
            self.now(),
        )
        .await;
        self.engine = engine.ok();
        self.observe().await;
        self.bury().await;
    }

    /// Lets time pass and then ends the epoch.
    pub(super) async fn run(&mut self, seconds: u64) {
        self.wall += seconds;
        self.ran += seconds;
        if self.epoch_ends().await.is_err() {
            self.bury().await;
            // The next process closes what this one did not.
            self.wall += EPOCH;
            self.ran += EPOCH;
            if self.epoch_ends().await.is_err() {
                self.bury().await;
            }
        }
    }

    async fn epoch_ends(&mut self) -> Result<(), StoreError> {
        let now = self.now();
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
        self.wall = self.wall.checked_add_signed(seconds).unwrap();
        if seconds > DAY as i64 {
            self.jumped = Some(self.ran);
        }
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
        match self.store.put(entries.clone()).await {
            Ok(()) => {
                for entry in &entries {
                    self.acknowledged.insert(entry.cell.as_bytes().to_vec(), 0);
                }
                self.recent.extend(entries);
            }
            Err(_) => {
                for entry in &entries {
                    self.unsure.insert(entry.cell.as_bytes().to_vec(), 0);
                }
                self.bury().await;
            }
        }
    }

    /// Reposts cells that wait or whose batch is kept.
    pub(super) async fn post_again(&mut self, count: u64) {
        let held = |entry: &&PostEntry| {
            let cell = entry.cell.as_bytes();
            self.acknowledged[cell] == 0 || self.where_is(cell).is_some_and(|known| !known.gone)
        };
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

    fn where_is(&self, cell: &[u8]) -> Option<&Known> {
        let digest = Cell::parse(cell.to_vec(), options().cell_size).unwrap();
        self.places
            .get(&digest.sha256())
            .and_then(|place| self.known.get(place))
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

    /// Checks that what a reader sees is consistent with what it saw before.
    async fn observe(&mut self) {
        let Some(published) = self.published.get(Kind::Numbered) else {
            return;
        };
        for b in [bucket(0), bucket(1)] {
            let Ok(contents) = self.store.contents(b, published.into()).await else {
                return;
            };
            let mut visible = BTreeMap::new();
            for listed in &contents.segments {
                self.segments.insert((b.get(), listed.number));
                let Ok(found) = self.store.segment(b, listed.origin, listed.number).await else {
                    return;
                };
                let Found::Held(segment) = found else {
                    panic!("{listed:?} is listed");
                };
                let mut bytes = Vec::new();
                for epoch in &segment.epochs {
                    let Ok(Found::Held(batch)) = self.store.batch(b, listed.origin, *epoch).await
                    else {
                        return;
                    };
                    bytes.extend(batch);
                }
                for batch in listed.split(b, &bytes).unwrap() {
                    let batch = Batch::parse(batch).unwrap();
                    let twice = visible.insert(batch.header().epoch, Some(*listed));
                    assert_eq!(twice, None, "a batch is listed twice");
                    self.read(&batch, Some(*listed));
                }
            }
            for header in &contents.batches {
                let Ok(Found::Held(bytes)) = self.store.batch(b, header.origin, header.epoch).await
                else {
                    return;
                };
                let twice = visible.insert(header.epoch, None);
                assert_eq!(twice, None, "a batch is listed twice");
                self.read(&Batch::parse(&bytes).unwrap(), None);
            }
            self.miss(b, &visible);
        }
    }

    /// Counts a new batch; checks that a known batch has not changed.
    fn read(&mut self, batch: &Batch<'_>, segment: Option<SegmentRef>) {
        let header = batch.header();
        let place = (header.bucket.get(), header.epoch);
        if let Some(known) = self.known.get_mut(&place) {
            assert_eq!(known.header, *header);
            assert!(
                known.segment.is_none() || known.segment == segment,
                "a segment changed"
            );
            known.segment = segment;
            known.gone = false;
            return;
        }
        let before = self
            .known
            .range((place.0, 0)..place)
            .next_back()
            .map(|(_, known)| known.header.clone());
        match before {
            Some(before) => header.follows(&before).unwrap(),
            None => assert_eq!(header.prev, BatchHeader::NO_PREV),
        }
        assert!(batch.cells().len() >= 2, "cover");
        for cell in batch.cells() {
            for counts in [&mut self.acknowledged, &mut self.unsure] {
                if let Some(count) = counts.get_mut(cell) {
                    *count += 1;
                    assert_eq!(*count, 1, "published twice");
                }
            }
            let cell = Cell::parse(cell.to_vec(), options().cell_size).unwrap();
            self.places.insert(cell.sha256(), place);
        }
        self.known.insert(
            place,
            Known {
                header: header.clone(),
                segment,
                gone: false,
            },
        );
    }

    /// Checks that batches that are no longer visible are past retention by a trusted
    /// clock.
    fn miss(&mut self, b: BucketId, visible: &BTreeMap<u64, Option<SegmentRef>>) {
        let (wall, ran, jumped) = (self.wall, self.ran, self.jumped);
        let last_of: BTreeMap<u64, UnixTime> = self
            .known
            .iter()
            .filter(|((of, _), _)| *of == b.get())
            .map(|((_, epoch), known)| (*epoch, known.header.closed_at))
            .collect();
        let missing = self
            .known
            .iter_mut()
            .filter(|((of, epoch), _)| *of == b.get() && !visible.contains_key(epoch));
        for ((_, epoch), known) in missing {
            if known.gone {
                continue;
            }
            known.gone = true;
            let last = known.segment.map_or(*epoch, |segment| segment.last);
            let closed_at = last_of[&last].0;
            assert!(
                closed_at + RETENTION < wall,
                "epoch {epoch} closed at {closed_at} is gone at {wall}"
            );
            assert!(
                jumped.is_none_or(|jumped| ran >= jumped + DAY),
                "epoch {epoch} was deleted by a clock that is not believed"
            );
        }
    }

    /// After two epochs without posts, checks that nothing waits and nothing was lost.
    pub(super) async fn finish(&mut self) {
        for _ in 0..3 {
            self.run(EPOCH).await;
        }
        let lost = self.acknowledged.values().filter(|count| **count != 1);
        assert_eq!(lost.count(), 0, "of {}", self.acknowledged.len());
        self.engine = None;
        self.store.shutdown().await;
        assert_eq!(check(&self.path()).unwrap().findings, []);
    }

    pub(super) fn cells(&self) -> usize {
        self.acknowledged.len()
    }

    pub(super) fn batches(&self) -> usize {
        self.known.len()
    }

    pub(super) fn segments(&self) -> usize {
        self.segments.len()
    }

    pub(super) fn deleted(&self) -> usize {
        self.known.values().filter(|known| known.gone).count()
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
