//! What an attacker with the disk finds: no waiting cell in any file, and nothing
//! that distinguishes published real cells from cover, neither in the database nor
//! in its free pages or the write-ahead log, and no key of earlier frames.

use std::{
    collections::HashMap,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use tessera::{
    base::UnixTime,
    wire::{Batch, BucketId, CellSize, PostEntry},
};
use tessera_relay::{
    cover::{CoverRule, prepare},
    random,
    store::{Closing, Found, Kind, SqliteStore, Store as _},
};

use crate::{bucket, cover::Dice, entries, sqlite::File};

const COVER: u32 = 30;

/// Closes a bucket and ends the epoch; returns the cells of the batch.
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
    store.end_epoch(Kind::Numbered, u8::MAX).await.unwrap();
    let found = store
        .published()
        .unwrap()
        .batch(bucket, store.origin(), epoch)
        .await
        .unwrap();
    let Found::Held(bytes) = found else {
        panic!("no batch");
    };
    let batch = Batch::parse(&bytes).unwrap();
    batch.cells().map(<[u8]>::to_vec).collect()
}

pub(crate) type Piece = [u8; 8];

/// Pieces of a cell: a page boundary can split one of them, but not all.
pub(crate) fn pieces(cell: &[u8]) -> [Piece; 3] {
    [100, 1000, 1900].map(|at| *cell[at..].first_chunk().unwrap())
}

/// Counts the occurrences of each piece in all files below the directory.
pub(crate) fn count(directory: &Path, pieces: impl Iterator<Item = Piece>) -> HashMap<Piece, u32> {
    let mut counts: HashMap<Piece, u32> = pieces.map(|piece| (piece, 0)).collect();
    // Most windows begin with two bytes with which no piece begins.
    let mut begins = vec![false; 1 << 16];
    for piece in counts.keys() {
        begins[usize::from(u16::from_be_bytes([piece[0], piece[1]]))] = true;
    }
    let mut left = vec![directory.to_owned()];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(
                std::fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
            continue;
        }
        // A file that a server has removed meanwhile has no content.
        let bytes = std::fs::read(path).unwrap_or_default();
        for window in bytes.windows(8) {
            if begins[usize::from(u16::from_be_bytes([window[0], window[1]]))]
                && let Some(count) = counts.get_mut(window)
            {
                *count += 1;
            }
        }
    }
    counts
}

fn copies(directory: &Path, cells: &[&[u8]]) -> Vec<u32> {
    let counts = count(directory, cells.iter().flat_map(|cell| pieces(cell)));
    let most = |cell: &&[u8]| pieces(cell).map(|piece| counts[&piece]).into_iter().max();
    cells.iter().filter_map(most).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_file_contains_waiting_cells_or_distinguishes_cover() {
    let file = File::new();
    let directory = file.directory.path();
    let mut store = file.try_open(2048, 2).unwrap();
    let mut dice = Dice(3);
    let mut waiting: [Vec<PostEntry>; 2] = Default::default();
    // (copies, cells) of real cells and of cover.
    let (mut real, mut cover) = ((0, 0), (0, 0));
    for epoch in 1..=8 {
        // Cells of both buckets arrive in any order and in posts of any size; only one bucket is
        // closed, so that those of the other are resealed.
        for _ in 0..6 {
            for (number, waiting) in (0..).zip(&mut waiting) {
                let posted = entries(bucket(number), 1 + dice.below(7) as usize);
                store.put(posted.clone()).await.unwrap();
                waiting.extend(posted);
            }
        }
        if epoch == 5 {
            store.shutdown().await;
            drop(store);
            store = file.try_open(2048, 2).unwrap();
        }
        let sought = waiting.iter().flatten().flat_map(|entry| {
            let digest = *entry.cell.sha256().first_chunk().unwrap();
            pieces(entry.cell.as_bytes()).into_iter().chain([digest])
        });
        let found = count(directory, sought);
        assert!(found.values().all(|copies| *copies == 0), "epoch {epoch}");
        let closed = epoch as usize % 2;
        let batch = close(&store, bucket(closed as u32), epoch).await;
        let posted = std::mem::take(&mut waiting[closed]);
        let (of_real, of_cover): (Vec<&[u8]>, Vec<&[u8]>) = batch
            .iter()
            .map(Vec::as_slice)
            .partition(|cell| posted.iter().any(|entry| entry.cell.as_bytes() == *cell));
        assert_eq!(
            (of_real.len(), of_cover.len()),
            (posted.len(), COVER as usize)
        );
        for (cells, sum) in [(of_real, &mut real), (of_cover, &mut cover)] {
            let copies = copies(directory, &cells);
            assert!(copies.iter().all(|copies| *copies > 0));
            sum.0 += copies.iter().sum::<u32>();
            sum.1 += copies.len() as u32;
        }
    }
    // A page of a batch may be in the log and in the file, with all cells on it, so the means of
    // about 240 cells each differ by chance by about 5 %. If waiting cells had their own rows,
    // real cells would have one copy more.
    let mean = |(copies, cells): (u32, u32)| f64::from(copies) / f64::from(cells);
    let (real, cover) = (mean(real), mean(cover));
    assert!((real - cover).abs() < 0.3, "{real} {cover}");
    store.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_cells_are_in_no_file() {
    let file = File::new();
    let store = file.try_open(2048, 2).unwrap();
    store.put(entries(bucket(0), 40)).await.unwrap();
    let gone = close(&store, bucket(0), 1).await;
    close(&store, bucket(0), 2).await;
    while store.expire(Kind::Numbered, UnixTime(2)).await.unwrap() {}
    store.shutdown().await;
    drop(store);
    let gone: Vec<&[u8]> = gone.iter().map(Vec::as_slice).collect();
    let copies = copies(file.directory.path(), &gone);
    assert!(copies.iter().all(|copies| *copies == 0), "{copies:?}");
}

/// After its epoch has ended, no ratchet key is in any file.
#[tokio::test(flavor = "multi_thread")]
async fn old_keys_are_in_no_file() {
    let file = File::new();
    let store = file.try_open(2048, 2).unwrap();
    let keys_of = file.path().with_extension("db-keys");
    let held = || -> Vec<Vec<u8>> {
        let bytes = std::fs::read(&keys_of).unwrap();
        let slots = bytes.chunks(512).skip(1).take(4);
        let keys = slots.map(|slot| slot[8..40].to_vec());
        keys.filter(|key| key.iter().any(|byte| *byte != 0))
            .collect()
    };
    let mut old: Vec<Vec<u8>> = Vec::new();
    for epoch in 1..=20 {
        let [numbered, lobby] = held().try_into().unwrap();
        store.put(entries(bucket(0), 3)).await.unwrap();
        close(&store, bucket(0), epoch).await;
        let [next, same] = held().try_into().unwrap();
        assert_ne!(numbered, next);
        assert_eq!(lobby, same, "nothing was sealed under it");
        old.push(numbered);
        for entry in std::fs::read_dir(file.directory.path()).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            for key in &old {
                assert!(!bytes.windows(8).any(|window| window == &key[..8]));
            }
        }
    }
    store.shutdown().await;
}

/// Continuous reads and posts do not let the log grow beyond its reserve plus one
/// close.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_log_stays_small_under_constant_reads_and_posts() {
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
                    let _ = store.put(entries(bucket(1), 64)).await;
                } else {
                    let found = store
                        .published()
                        .unwrap()
                        .batch(bucket(1), store.origin(), 1)
                        .await;
                    assert!(matches!(found, Ok(Found::Held(_))));
                }
                turns += 1;
            }
            turns
        }));
    }
    let log = file.path().with_extension("db-wal");
    for epoch in 2..=20 {
        store.put(entries(bucket(0), 1500)).await.unwrap();
        close(&store, bucket(0), epoch).await;
        close(&store, bucket(1), epoch).await;
        let len = std::fs::metadata(&log).unwrap().len();
        assert!(len < 96 << 20, "epoch {epoch}: {len} bytes");
    }
    done.store(true, Ordering::Relaxed);
    for task in tasks {
        assert!(task.await.unwrap() > 10, "nobody was kept waiting");
    }
    store.shutdown().await;
}

/// Another process with a long read delays neither posts nor closes.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_reader_delays_neither_posts_nor_closes() {
    let file = File::new();
    let store = file.try_open(2048, 2).unwrap();
    close(&store, bucket(0), 1).await;
    let mut reader = rusqlite::Connection::open(file.path()).unwrap();
    let reading = reader.transaction().unwrap();
    let seen = || -> u32 {
        reading
            .query_row("SELECT count(*) FROM batch", [], |row| row.get(0))
            .unwrap()
    };
    assert_eq!(seen(), 1);
    for epoch in 2..=6 {
        for _ in 0..20 {
            store.put(entries(bucket(0), 1)).await.unwrap();
        }
        assert_eq!(close(&store, bucket(0), epoch).await.len(), 50);
    }
    assert_eq!(seen(), 1, "the reader's moment");
    drop(reading);
    store.shutdown().await;
}
