//! What whoever takes the disk finds: after a close no file may hold a real
//! cell, or its digest, more often than cover. Not the database, not its free
//! pages, not the write-ahead log.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use tessera::{
    base::UnixTime,
    wire::{Batch, BucketId, Cell, CellSize},
};
use tessera_relay::{
    cover::{CoverRule, prepare},
    random,
    store::{Closing, Found, Kind, SqliteStore, Store as _},
};

use crate::{bucket, cover::Dice, entries, sqlite::File};

const COVER: u32 = 30;

/// Closes a bucket; the cells of the batch.
async fn close(store: &SqliteStore, bucket: BucketId, epoch: u64) -> Vec<Vec<u8>> {
    let closing = Closing {
        buckets: vec![bucket],
        epoch,
        closed_at: UnixTime(epoch),
        cell_size: CellSize::DEFAULT,
        rule: CoverRule::Fixed(COVER),
        cover: prepare(COVER as usize, CellSize::DEFAULT, &mut random::system()),
    };
    store.close(closing).await.unwrap();
    let found = store.batch(bucket, store.origin(), epoch).await.unwrap();
    let Found::Held(bytes) = found else {
        panic!("no batch");
    };
    let batch = Batch::parse(&bytes).unwrap();
    batch.cells().map(<[u8]>::to_vec).collect()
}

async fn log_is_empty(path: &Path) {
    let log = path.with_extension("db-wal");
    let start = Instant::now();
    while std::fs::metadata(&log).map_or(0, |log| log.len()) > 0 {
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "the log is not cleared"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

type Piece = [u8; 8];

/// Pieces of a cell: a page may have cut one of them, not all.
fn pieces(cell: &[u8]) -> [Piece; 3] {
    [100, 1000, 1900].map(|at| *cell[at..].first_chunk().unwrap())
}

fn digest(cell: &[u8]) -> Piece {
    let cell = Cell::parse(cell.to_vec(), CellSize::DEFAULT).unwrap();
    *cell.sha256().first_chunk().unwrap()
}

/// How often each of these lies in any file of the directory.
fn count(directory: &Path, pieces: impl Iterator<Item = Piece>) -> HashMap<Piece, u32> {
    let mut counts: HashMap<Piece, u32> = pieces.map(|piece| (piece, 0)).collect();
    for entry in std::fs::read_dir(directory).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for window in bytes.windows(8) {
            if let Some(count) = counts.get_mut(window) {
                *count += 1;
            }
        }
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn cover_and_real_lie_equally_often_in_all_files() {
    let file = File::new();
    let mut store = file.try_open(2048, 2).unwrap();
    let mut dice = Dice(3);
    let (mut published, mut first) = (Vec::<Vec<u8>>::new(), 0);
    for epoch in 1..=8 {
        // Cells of both buckets arrive in any order and in posts of any size;
        // only one bucket is closed, so that those of the other reach the database.
        for _ in 0..6 {
            for b in [bucket(0), bucket(1)] {
                store
                    .put(entries(b, 1 + dice.below(7) as usize))
                    .await
                    .unwrap();
            }
        }
        if epoch == 5 {
            store.shutdown().await;
            drop(store);
            store = file.try_open(2048, 2).unwrap();
        }
        let of = bucket(epoch as u32 % 2);
        published.extend(close(&store, of, epoch).await);
        log_is_empty(&file.path()).await;
        if epoch == 1 {
            first = published.len();
        }
        if epoch == 7 {
            while store.expire(Kind::Numbered, UnixTime(2)).await.unwrap() {}
            // What is deleted is gone from every file, with the next close or end.
            let gone: Vec<_> = published.drain(..first).collect();
            store.shutdown().await;
            drop(store);
            let counts = count(
                file.directory.path(),
                gone.iter().flat_map(|cell| pieces(cell)),
            );
            assert!(counts.values().all(|count| *count == 0));
            store = file.try_open(2048, 2).unwrap();
        }
        let sought = published
            .iter()
            .flat_map(|cell| pieces(cell).into_iter().chain([digest(cell)]));
        let counts = count(file.directory.path(), sought);
        for cell in &published {
            let found = pieces(cell).map(|piece| counts[&piece]);
            assert_eq!(found.into_iter().max(), Some(1), "epoch {epoch}: {found:?}");
            assert_eq!(counts[&digest(cell)], 1, "epoch {epoch}: the digest");
        }
    }
}

/// Readers that never pause, and posts that never stop, do not keep the log
/// from being cleared.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_log_is_cleared_under_constant_reads_and_posts() {
    let file = File::new();
    let store = file.try_open(2048, 2).unwrap();
    close(&store, bucket(1), 1).await;
    let done = std::sync::Arc::new(AtomicBool::new(false));
    let mut tasks = Vec::new();
    for task in 0..4 {
        let (store, done) = (store.clone(), done.clone());
        tasks.push(tokio::spawn(async move {
            let mut turns = 0_u32;
            while !done.load(Ordering::Relaxed) {
                if task == 0 {
                    store.put(entries(bucket(1), 1)).await.unwrap();
                } else {
                    let found = store.batch(bucket(1), store.origin(), 1).await;
                    assert!(matches!(found, Ok(Found::Held(_))));
                }
                turns += 1;
            }
            turns
        }));
    }
    let log = file.path().with_extension("db-wal");
    for epoch in 2..=5 {
        store.put(entries(bucket(0), 20)).await.unwrap();
        let published = close(&store, bucket(0), epoch).await;
        let start = Instant::now();
        loop {
            let sought: HashSet<Piece> = published.iter().flat_map(|cell| pieces(cell)).collect();
            let left = std::fs::read(&log)
                .unwrap_or_default()
                .windows(8)
                .any(|window| sought.contains(window));
            if !left {
                break;
            }
            assert!(start.elapsed() < Duration::from_secs(10), "epoch {epoch}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    done.store(true, Ordering::Relaxed);
    for task in tasks {
        assert!(task.await.unwrap() > 10, "nobody was kept waiting");
    }
    store.shutdown().await;
}

/// Another process that reads for long holds the log, but neither posts nor
/// closes; the log is cleared as soon as it ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_reader_delays_only_the_clearing() {
    let file = File::new();
    let store = file.try_open(2048, 2).unwrap();
    close(&store, bucket(0), 1).await;
    log_is_empty(&file.path()).await;
    store.put(entries(bucket(0), 3)).await.unwrap();
    let mut reader = rusqlite::Connection::open(file.path()).unwrap();
    let reading = reader.transaction().unwrap();
    let _: u32 = reading
        .query_row("SELECT count(*) FROM pending", [], |row| row.get(0))
        .unwrap();
    for epoch in 2..=6 {
        close(&store, bucket(0), epoch).await;
        let start = Instant::now();
        for _ in 0..20 {
            store.put(entries(bucket(0), 1)).await.unwrap();
        }
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "{:?}",
            start.elapsed()
        );
    }
    let log = file.path().with_extension("db-wal");
    assert!(std::fs::metadata(&log).unwrap().len() > 0);
    drop(reading);
    log_is_empty(&file.path()).await;
    store.shutdown().await;
}
