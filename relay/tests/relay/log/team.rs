//! Processes that share one log in memory, and a comparison of what they publish.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tempfile::TempDir;
use tessera::{
    base::UnixTime,
    wire::{Batch, BatchHeader, BucketId, CellSize},
};
use tessera_relay::{
    cover::CoverRule,
    store::{
        ByKind, Closing, Found, Kind, Store as _, StoreError, Window,
        log::{
            Broken, Fault, LEVEL, LogConfig, LogOpenError, LogOptions, LogStore, StateDir,
            initialize, raise,
        },
        queue::Capacity,
    },
};

use super::{
    memory::{MemoryLog, Servers, until},
    options,
};
use crate::{bucket, cover::Dice};

pub(crate) const RULE: CoverRule = CoverRule::Fixed(2);
const LOBBY: CoverRule = CoverRule::FillTo(16);
pub(crate) const BUCKETS: [u32; 2] = [0, 1];

/// Bucket, origin and epoch of a batch.
pub(crate) type Place = (u32, [u8; 32], u64);

pub(crate) struct Team {
    directory: TempDir,
    pub(crate) servers: Arc<Servers>,
    pub(crate) members: Vec<Member>,
    broken: Option<Broken>,
    /// Members of an earlier version.
    pub(crate) old: Vec<u32>,
    /// Crashes per thousand steps.
    pub(crate) crashes: Arc<AtomicU64>,
    dice: Arc<Mutex<Dice>>,
}

#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) store: LogStore<MemoryLog>,
    pub(crate) log: MemoryLog,
}

impl Team {
    /// A team whose first member may be broken.
    pub(crate) async fn new(seed: u64, count: u32, broken: Option<Broken>) -> Self {
        let team = Self::of_first_level(seed, count, broken, &[]).await;
        team.raise().await;
        for number in 0..team.members.len() {
            until("the level is read", async || {
                team.gauge(number, "log_level") == u64::from(LEVEL)
            })
            .await;
        }
        team
    }

    /// A team on a store of the first level, of which some members are of an earlier
    /// version, which knows only that.
    pub(crate) async fn of_first_level(
        seed: u64,
        count: u32,
        broken: Option<Broken>,
        old: &[u32],
    ) -> Self {
        let directory = TempDir::new().unwrap();
        let servers = Servers::new(seed);
        let mut team = Self {
            directory,
            servers,
            members: Vec::new(),
            broken,
            old: old.to_vec(),
            crashes: Arc::default(),
            dice: Arc::new(Mutex::new(Dice(seed ^ 0xC0FFEE))),
        };
        let first = StateDir::create(&team.path(0)).unwrap();
        for number in 1..count {
            let keys = [Kind::Numbered, Kind::Lobby].map(|kind| first.last_key(kind).unwrap());
            StateDir::admit(&team.path(number), first.seed(), keys).unwrap();
        }
        drop(first);
        let config = LogConfig::new(&team.options(0));
        initialize(&team.servers.connect(), &config).await.unwrap();
        for number in 0..count {
            let member = team.open(number).await;
            team.members.push(member);
        }
        team
    }

    /// Raises the level of the store.
    pub(crate) async fn raise(&self) {
        let first = StateDir::open(&self.path(0)).unwrap();
        raise(&self.servers.connect(), first.seed()).await.unwrap();
    }

    pub(crate) fn path(&self, number: u32) -> PathBuf {
        self.directory.path().join(number.to_string())
    }

    fn options(&self, number: u32) -> LogOptions {
        let size = CellSize::try_from(1024).unwrap();
        let mut options = options(1024, BUCKETS.len() as u32, RULE);
        // Small enough that cells are left behind and that a close has several steps.
        options.view.capacity = Capacity {
            batch_cells: 40,
            cells: ByKind::new(|_| 4000),
            ..Capacity::new(size, 32 << 20, 4, 60)
        };
        options.limits.step = 1;
        options.limits.post = Duration::from_secs(20);
        options.limits.close = Duration::from_secs(40);
        options.rank = number;
        let (crashes, dice) = (Arc::clone(&self.crashes), Arc::clone(&self.dice));
        options.fault = Fault {
            crash: Some(Arc::new(move |_| {
                dice.lock().unwrap().below(1000) < crashes.load(Ordering::Relaxed)
            })),
            broken: self.broken.filter(|_| number == 0),
            level: self.old.contains(&number).then_some(1),
        };
        options
    }

    pub(crate) async fn open(&self, number: u32) -> Member {
        self.try_open(number).await.unwrap()
    }

    pub(crate) async fn try_open(&self, number: u32) -> Result<Member, LogOpenError> {
        let log = self.servers.connect();
        // A process that has just stopped may still hold the lock.
        for _ in 0..1000 {
            let directory = StateDir::open(&self.path(number)).unwrap();
            match LogStore::open(log.clone(), directory, self.options(number)) {
                Ok(store) => {
                    let ready = store.ready().await;
                    if ready.is_err() {
                        store.kill().await;
                    }
                    return ready.map(|()| Member { store, log });
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        panic!("the view of member {number} was not released");
    }

    /// Kills a member and starts it again.
    pub(crate) async fn restart(&mut self, number: usize) {
        self.members[number].store.kill().await;
        let member = self.open(number as u32).await;
        self.members[number] = member;
    }

    /// Ends an epoch of both kinds in these members at the same time, as their
    /// clocks do. Returns the members that failed.
    pub(crate) async fn close(&self, epoch: u64, members: &[usize]) -> Vec<(usize, StoreError)> {
        let mut closes = tokio::task::JoinSet::new();
        for number in members {
            for kind in [Kind::Numbered, Kind::Lobby] {
                let (store, number) = (self.members[*number].store.clone(), *number);
                closes.spawn(async move {
                    let closed = close_within(&store, kind, epoch).await;
                    closed.err().map(|error| (number, error))
                });
            }
        }
        closes.join_all().await.into_iter().flatten().collect()
    }

    /// All batches of a member, of all origins.
    pub(crate) async fn batches(&self, number: usize) -> BTreeMap<Place, Vec<u8>> {
        let store = &self.members[number].store;
        let window = Window {
            from: UnixTime(0),
            through: u64::MAX,
        };
        let mut all = BTreeMap::new();
        for bucket in BUCKETS.into_iter().map(bucket).chain([BucketId::LOBBY]) {
            let contents = store
                .published()
                .unwrap()
                .contents(bucket, window)
                .await
                .unwrap();
            for header in contents.batches {
                let found = store
                    .published()
                    .unwrap()
                    .batch(bucket, header.origin, header.epoch)
                    .await;
                let Ok(Found::Held(bytes)) = found else {
                    panic!("{found:?}");
                };
                all.insert((bucket.get(), header.origin.0, header.epoch), bytes);
            }
        }
        all
    }

    /// A figure of the metrics.
    pub(crate) fn gauge(&self, number: usize, name: &str) -> u64 {
        let gauges = self.members[number].store.gauges();
        gauges.iter().find(|(of, _)| *of == name).unwrap().1
    }
}

/// Closes as an engine does: again after an error of the log.
async fn close_within(
    store: &LogStore<MemoryLog>,
    kind: Kind,
    epoch: u64,
) -> Result<(), StoreError> {
    for _ in 0..200 {
        let (buckets, rule) = match kind {
            Kind::Numbered => (BUCKETS.map(bucket).to_vec(), RULE),
            Kind::Lobby => (vec![BucketId::LOBBY], LOBBY),
        };
        let closing = Closing {
            buckets,
            epoch,
            closed_at: UnixTime(epoch * 10),
            cell_size: CellSize::try_from(1024).unwrap(),
            rule,
            cover: Vec::new(),
        };
        match store.close(closing).await {
            Err(StoreError::Unavailable) => tokio::time::sleep(Duration::from_millis(5)).await,
            // Others have closed this epoch and the next one.
            Err(StoreError::Misused) => return Ok(()),
            closed => return closed,
        }
    }
    Err(StoreError::Unavailable)
}

/// Checks that every chain is whole, and counts the copies of each cell.
pub(crate) fn copies(batches: &BTreeMap<Place, Vec<u8>>) -> Result<BTreeMap<Vec<u8>, u32>, String> {
    let mut copies = BTreeMap::new();
    let mut before: Option<BatchHeader> = None;
    for (place, bytes) in batches {
        let batch = Batch::parse(bytes).map_err(|error| format!("{place:?}: {error}"))?;
        let header = batch.header().clone();
        let is_same =
            |before: &BatchHeader| (before.bucket, before.origin) == (header.bucket, header.origin);
        let follows = match before.filter(is_same) {
            Some(before) => header.follows(&before).is_ok(),
            None => header.prev == BatchHeader::NO_PREV,
        };
        if !follows {
            return Err(format!("{place:?} does not follow the batch before it"));
        }
        for cell in batch.cells() {
            *copies.entry(cell.to_vec()).or_default() += 1;
        }
        before = Some(header);
    }
    Ok(copies)
}
