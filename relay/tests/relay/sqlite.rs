//! The SQLite backend: the contract, and its files.

use std::path::PathBuf;

use tempfile::TempDir;
use tessera::wire::{BucketCount, CellSize};
use tessera_relay::store::{
    ByKind, SqliteStore, Store as _,
    queue::Capacity,
    sqlite::{OpenError, Options},
};

use crate::{bucket, contract, cover, entries};

pub(crate) struct File {
    pub(crate) directory: TempDir,
}

impl File {
    pub(crate) fn new() -> Self {
        Self {
            directory: TempDir::new().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("relay.db")
    }

    pub(crate) fn try_open(&self, cell_size: u32, buckets: u32) -> Result<SqliteStore, OpenError> {
        SqliteStore::open(&self.path(), &options(cell_size, buckets))
    }
}

pub(crate) fn options(cell_size: u32, buckets: u32) -> Options {
    Options {
        cell_size: CellSize::try_from(cell_size).unwrap(),
        buckets: BucketCount::try_from(buckets).unwrap(),
        disk: None,
        capacity: Capacity {
            batch_cells: 2000,
            cells: ByKind {
                numbered: 8000,
                lobby: 960,
            },
            ..Capacity::new(CellSize::DEFAULT, 32 << 20, 4, 60)
        },
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
async fn cover_follows_its_rules_over_many_epochs() {
    cover::all(File::new).await;
}

#[tokio::test]
async fn a_store_with_other_parameters_is_refused() {
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
async fn files_are_readable_by_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let file = File::new();
    let store = file.try_open(2048, 2).unwrap();
    store.put(entries(bucket(0), 1)).await.unwrap();
    for name in ["relay.db", "relay.db-wal", "relay.db-keys"] {
        let mode = std::fs::metadata(file.directory.path().join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{name}: {mode:o}");
    }
    store.shutdown().await;
}

#[test]
fn a_database_of_another_program_is_refused() {
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
