//! The SQLite backend: the contract, and what lies in its files.

use std::{collections::HashMap, path::PathBuf, time::Duration};

use tempfile::TempDir;
use tessera::{
    base::UnixTime,
    wire::{Batch, BucketCount, CellSize},
};
use tessera_relay::{
    cover::{CoverRule, prepare},
    random,
    store::{
        Closing, Found, SqliteStore, Store as _,
        sqlite::{OpenError, Options},
    },
};

use crate::{bucket, contract, cover, entries};

struct File {
    directory: TempDir,
}

impl File {
    fn new() -> Self {
        Self {
            directory: TempDir::new().unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("relay.db")
    }

    fn try_open(&self, cell_size: u32, buckets: u32) -> Result<SqliteStore, OpenError> {
        SqliteStore::open(&self.path(), &options(cell_size, buckets))
    }
}

fn options(cell_size: u32, buckets: u32) -> Options {
    Options {
        cell_size: CellSize::try_from(cell_size).unwrap(),
        buckets: BucketCount::try_from(buckets).unwrap(),
        disk: None,
    }
}

impl contract::Open<SqliteStore> for File {
    fn open(&self) -> SqliteStore {
        self.try_open(2048, 2).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn passes_the_contract() {
    contract::all(File::new).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cover_keeps_its_promises_over_many_epochs() {
    cover::all(File::new).await;
}

#[tokio::test]
async fn a_store_that_does_not_fit_is_refused() {
    let file = File::new();
    let store = file.try_open(2048, 2).unwrap();
    assert!(matches!(file.try_open(2048, 2), Err(OpenError::InUse(_))));
    store.shutdown().await;
    drop(store);
    assert!(matches!(
        file.try_open(1024, 2),
        Err(OpenError::Other {
            stored: 2048,
            asked: 1024,
            ..
        })
    ));
    assert!(matches!(
        file.try_open(2048, 4),
        Err(OpenError::Other {
            stored: 2,
            asked: 4,
            ..
        })
    ));

    let connection = rusqlite::Connection::open(file.path()).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let before = std::fs::read(file.path()).unwrap();
    assert!(matches!(file.try_open(2048, 2), Err(OpenError::Newer(_))));
    assert_eq!(
        std::fs::read(file.path()).unwrap(),
        before,
        "left untouched"
    );
}

#[tokio::test]
async fn nobody_else_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let file = File::new();
    let store = file.try_open(2048, 2).unwrap();
    store.put(entries(bucket(0), 1)).await.unwrap();
    for name in ["relay.db", "relay.db-wal"] {
        let mode = std::fs::metadata(file.directory.path().join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{name}: {mode:o}");
    }
    store.shutdown().await;
}

#[test]
fn what_is_no_store_is_refused() {
    let file = File::new();
    std::fs::write(file.path(), [7; 40_000]).unwrap();
    assert!(matches!(
        file.try_open(2048, 2),
        Err(OpenError::Sqlite { .. })
    ));
    assert_eq!(
        std::fs::read(file.path()).unwrap(),
        [7; 40_000],
        "left untouched"
    );

    std::fs::remove_file(file.path()).unwrap();
    let connection = rusqlite::Connection::open(file.path()).unwrap();
    connection.execute_batch("CREATE TABLE other (x)").unwrap();
    drop(connection);
    assert!(matches!(file.try_open(2048, 2), Err(OpenError::Foreign(_))));

    let nowhere = SqliteStore::open("/nonexistent/relay.db".as_ref(), &options(2048, 2));
    assert!(matches!(nowhere, Err(OpenError::Directory { .. })));
}

/// After a close, whoever takes the disk must not find real cells more often
/// than cover: not in the database, not in the write-ahead log.
#[tokio::test(flavor = "multi_thread")]
async fn cover_and_real_lie_equally_often_in_all_files() {
    let file = File::new();
    let store = file.try_open(2048, 2).unwrap();
    for epoch in 1..=3 {
        for _ in 0..4 {
            store.put(entries(bucket(0), 10)).await.unwrap();
        }
        let cover = prepare(40, CellSize::DEFAULT, &mut random::system());
        let closing = Closing {
            buckets: vec![bucket(0)],
            epoch,
            closed_at: UnixTime(epoch),
            cell_size: CellSize::DEFAULT,
            rule: CoverRule::Fixed(40),
            cover,
        };
        store.close(closing).await.unwrap();
        let Found::Held(bytes) = store.batch(bucket(0), store.origin(), epoch).await.unwrap()
        else {
            panic!("no batch");
        };
        let log = file.path().with_extension("db-wal");
        for _ in 0..100 {
            if std::fs::metadata(&log).map_or(0, |m| m.len()) == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let files: Vec<u8> = std::fs::read_dir(file.directory.path())
            .unwrap()
            .flat_map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
            .collect();
        let batch = Batch::parse(&bytes).unwrap();
        assert_eq!(batch.cells().len(), 80);
        // Pieces of each: a page may have cut one of them, not all.
        let pieces =
            |cell: &[u8]| [100, 1000, 1900].map(|at| *cell[at..].first_chunk::<8>().unwrap());
        let mut counts: HashMap<[u8; 8], u32> = batch
            .cells()
            .flat_map(pieces)
            .map(|piece| (piece, 0))
            .collect();
        for window in files.windows(8) {
            if let Some(count) = window
                .first_chunk()
                .and_then(|window| counts.get_mut(window))
            {
                *count += 1;
            }
        }
        for cell in batch.cells() {
            let found = pieces(cell).map(|piece| counts[&piece]);
            assert_eq!(found.into_iter().max(), Some(1), "epoch {epoch}: {found:?}");
        }
    }
}
