//! The replicated backend over a log in memory: the contract, and what one
//! process alone must do.

mod adopt;
mod faults;
mod imports;
mod memory;
mod simulation;
mod team;
mod versions;

use std::{path::PathBuf, sync::Arc, time::Duration};

use tempfile::TempDir;
use tessera_relay::{
    cover::CoverRule,
    store::{
        ByKind,
        log::{Fault, Limits, LogConfig, LogOptions, LogStore, StateDir, initialize, raise},
    },
};

use self::memory::{MemoryLog, Servers};
use crate::{contract, cover};

/// The parameters of a process; `capacity` as in the tests of SQLite.
pub(crate) fn options(cell_size: u32, buckets: u32, rule: CoverRule) -> LogOptions {
    LogOptions {
        view: crate::sqlite::options(cell_size, buckets),
        epochs: ByKind::new(|_| 10),
        retentions: ByKind::new(|_| 1000),
        rules: ByKind {
            numbered: rule,
            lobby: CoverRule::FillTo(16),
        },
        rank: 0,
        post_tick: Duration::ZERO,
        limits: Limits {
            // A machine may be busy.
            post: Duration::from_secs(60),
            close: Duration::from_secs(120),
            marker_turn: Duration::from_millis(20),
            commit_turn: Duration::from_millis(30),
            poll: Duration::from_millis(10),
            ..Limits::default()
        },
        fault: Fault::default(),
    }
}

/// A deployment of one process.
struct Alone {
    directory: TempDir,
    servers: Arc<Servers>,
}

impl Alone {
    fn new() -> Self {
        Self {
            directory: TempDir::new().unwrap(),
            servers: Servers::new(1),
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("state")
    }
}

impl contract::Open<LogStore<MemoryLog>> for Alone {
    fn open(&self) -> LogStore<MemoryLog> {
        let options = options(2048, 2, CoverRule::Fixed(4));
        let opened = async {
            let log = self.servers.connect();
            let directory = match self.path().exists() {
                true => StateDir::open(&self.path()),
                false => {
                    let config = LogConfig::new(&options);
                    initialize(&log, &config).await.unwrap();
                    let created = StateDir::create(&self.path()).unwrap();
                    raise(&log, created.seed()).await.unwrap();
                    Ok(created)
                }
            };
            let store = LogStore::open(log, directory.unwrap(), options).unwrap();
            store.ready().await.unwrap();
            store
        };
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(opened))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn passes_the_contract() {
    contract::all(Alone::new).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cover_follows_its_rules_over_many_epochs() {
    cover::all(Alone::new).await;
}
