//! The store of one relay, moved into a log.

use tempfile::TempDir;
use tessera::{
    base::UnixTime,
    wire::{BatchHeader, BucketId, CellSize, PostEntry},
};
use tessera_relay::{
    cover::{CoverRule, prepare},
    random,
    store::{
        Closing, Found, Kind, SqliteStore, Store, StoreError,
        log::{LogConfig, LogStore, StateDir, adopt, first_steps},
        sqlite::{History, OpenError, check},
    },
};

use super::{
    memory::{MemoryLog, Servers},
    options,
};
use crate::{bucket, contract::EVERYTHING, entries, sqlite};

const RULE: CoverRule = CoverRule::Fixed(4);
const LOBBY: CoverRule = CoverRule::FillTo(16);

async fn close(store: &impl Store, buckets: &[BucketId], epoch: u64) {
    let rule = if buckets[0].is_lobby() { LOBBY } else { RULE };
    let cover = rule.most() * buckets.len();
    let closing = Closing {
        buckets: buckets.to_vec(),
        epoch,
        closed_at: UnixTime(epoch * 10),
        cell_size: CellSize::DEFAULT,
        rule,
        cover: prepare(cover, CellSize::DEFAULT, &mut random::system()),
    };
    let kind = closing.kind();
    store.close(closing).await.unwrap();
    store.end_epoch(kind, u8::MAX).await.unwrap();
}

/// Every batch of the three buckets, whole.
async fn batches(store: &impl Store) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for of in [bucket(0), bucket(1), BucketId::LOBBY] {
        for header in store
            .published()
            .unwrap()
            .contents(of, EVERYTHING)
            .await
            .unwrap()
            .batches
        {
            let found = store
                .published()
                .unwrap()
                .batch(of, header.origin, header.epoch)
                .await;
            let Ok(Found::Held(bytes)) = found else {
                panic!("{found:?}");
            };
            all.push(bytes);
        }
    }
    all
}

struct Old {
    file: sqlite::File,
    posted: Vec<PostEntry>,
}

impl Old {
    /// A store with four closes, of which one closed a bucket only, and one of the lobby.
    async fn make() -> (Self, SqliteStore) {
        let file = sqlite::File::new();
        let store = file.try_open(2048, 2).unwrap();
        let mut posted = Vec::new();
        for epoch in 1..=3 {
            let some = [entries(bucket(0), 2), entries(bucket(1), 1)].concat();
            store.put(some.clone()).await.unwrap();
            posted.extend(some);
            close(&store, &[bucket(0), bucket(1)], epoch).await;
        }
        close(&store, &[bucket(1)], 4).await;
        close(&store, &[BucketId::LOBBY], 7).await;
        (Self { file, posted }, store)
    }

    fn history(&self) -> Result<History, OpenError> {
        let two = tessera::wire::BucketCount::try_from(2).unwrap();
        History::open(&self.file.path(), CellSize::DEFAULT, two)
    }
}

async fn open(servers: &std::sync::Arc<Servers>, state: StateDir) -> LogStore<MemoryLog> {
    let store = LogStore::open(servers.connect(), state, options(2048, 2, RULE)).unwrap();
    store.ready().await.unwrap();
    store
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_store_goes_on_in_every_process() {
    let (old, store) = Old::make().await;
    let (origin, published) = (store.origin(), batches(&store).await);
    assert!(matches!(old.history(), Err(OpenError::InUse(_))));
    store.shutdown().await;
    drop(store);

    let (servers, directory) = (Servers::new(1), TempDir::new().unwrap());
    let [first, second] = ["first", "second"].map(|name| directory.path().join(name));
    let state = {
        let history = old.history().unwrap();
        assert_eq!(history.has_waiting(), Ok(false));
        let steps = first_steps(&history).unwrap();
        assert_eq!(steps, [5, 2]);
        let state = StateDir::continuing(&first, history.seed(), steps).unwrap();
        let config = LogConfig::new(&options(2048, 2, RULE));
        adopt(&servers.connect(), &config, &history).await.unwrap();
        history.retire().unwrap();
        state
    };
    // No relay starts on the old file by mistake.
    let path = old.file.path();
    assert!(!path.exists() && path.with_extension("db.moved").exists());
    let keys = [Kind::Numbered, Kind::Lobby].map(|kind| state.last_key(kind).unwrap());
    StateDir::admit(&second, state.seed(), keys).unwrap();

    let one = open(&servers, state).await;
    assert_eq!(one.origin(), origin);
    assert_eq!(batches(&one).await, published);
    let last = one.last_close(Kind::Numbered).await.unwrap().unwrap();
    assert_eq!(last.epoch, 4);
    // Its chains go on, and its cells count as published.
    let new = entries(bucket(0), 1);
    let both = [new.clone(), old.posted.clone()].concat();
    one.put(both).await.unwrap();
    close(&one, &[bucket(0), bucket(1)], 5).await;
    close(&one, &[BucketId::LOBBY], 8).await;
    for of in [bucket(0), bucket(1), BucketId::LOBBY] {
        let headers: Vec<BatchHeader> = one
            .published()
            .unwrap()
            .contents(of, EVERYTHING)
            .await
            .unwrap()
            .batches;
        assert!(
            headers
                .windows(2)
                .all(|two| two[1].follows(&two[0]).is_ok())
        );
    }
    let found = one.published().unwrap().batch(bucket(0), origin, 5).await;
    let Ok(Found::Held(bytes)) = found else {
        panic!("{found:?}");
    };
    assert_eq!(bytes.len(), 192 + (4 + 1) * 2048, "cover and one new cell");
    // A process that joins later reads all of it.
    let two = open(&servers, StateDir::open(&second).unwrap()).await;
    assert_eq!(batches(&two).await, batches(&one).await);
    two.put(entries(bucket(1), 1)).await.unwrap();
    for fault in ["log_gap", "ratchet_lag", "close_differs"] {
        assert!(two.gauges().contains(&(fault, 0)), "{fault}");
    }
    for (store, state) in [(one, first), (two, second)] {
        store.shutdown().await;
        drop(store);
        assert_eq!(check(&state.join("view.db")).unwrap().findings, []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_with_waiting_cells_or_of_other_parameters_is_not_moved() {
    let (old, store) = Old::make().await;
    store.put(entries(bucket(0), 1)).await.unwrap();
    store.shutdown().await;
    drop(store);
    let history = old.history().unwrap();
    assert_eq!(history.has_waiting(), Ok(true));
    drop(history);
    let four = tessera::wire::BucketCount::try_from(4).unwrap();
    let other = History::open(&old.file.path(), CellSize::DEFAULT, four);
    assert!(matches!(other, Err(OpenError::Other { .. })), "{other:?}");
    let nowhere = old.file.directory.path().join("nowhere.db");
    let missing = History::open(&nowhere, CellSize::DEFAULT, four);
    assert!(matches!(missing, Err(OpenError::Directory { .. })));
    assert!(!nowhere.with_extension("db.lock").exists());
}

/// A log that already has something is not written over.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_moved_into_an_empty_log_only() {
    let (old, store) = Old::make().await;
    store.shutdown().await;
    drop(store);
    let (servers, history) = (Servers::new(1), old.history().unwrap());
    let config = LogConfig::new(&options(2048, 2, RULE));
    let log = servers.connect();
    adopt(&log, &config, &history).await.unwrap();
    let before = servers.messages(tessera_relay::store::log::Stream::Published);
    let again = adopt(&log, &config, &history).await;
    assert_eq!(again, Err(StoreError::Unavailable));
    let after = servers.messages(tessera_relay::store::log::Stream::Published);
    assert_eq!(before, after);
}
