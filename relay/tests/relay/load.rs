//! The relay at its permitted maximum load for whole epochs: from one address and
//! from many, into one bucket, into all and into the lobby. Batches, memory and
//! disk stay within bounds, and the cells of a small poster are published in the
//! next batch.
//!
//! `TESSERA_LOAD_EPOCHS` makes the floods longer than the default of 4 epochs;
//! `TESSERA_LOAD_FULL=1` adds the largest batches the defaults allow.

use std::{
    path::Path,
    process::Stdio,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use tempfile::TempDir;
use tessera::wire::{BucketId, CellSize, PostEntry, paths, post};
use tessera_relay::{
    cover::{CoverRule, prepare},
    random,
    store::{Closing, Kind, Post, QueueClass, SqliteStore, Store as _, queue::Capacity},
};

use crate::{
    bucket,
    client::Client,
    entries,
    flood::{Flood, cheap_entries},
    server::{Process, Server},
    sqlite::options,
    wait::wait_for,
};

pub(crate) const OCTETS: (&str, &str) = ("Content-Type", "application/octet-stream");
/// Batches of 1 MiB, the minimum, and limits per connection and address that do
/// not slow the floods.
const FLAGS: &str = "--max-batch 1MiB --trusted-proxy 127.0.0.1 \
    --cells-per-connection 10000000 --cells-per-peer 10000000";
const BATCH_BYTES: u64 = 1 << 20;
const BATCH_CELLS: usize = 511;
/// Maximum memory of the process; it needs about 40 MiB without load.
const MOST_MEMORY: u64 = 192 << 20;

fn epochs() -> usize {
    let asked = std::env::var("TESSERA_LOAD_EPOCHS");
    asked.map_or(4, |epochs| epochs.parse().unwrap())
}

/// Posts a few cells from a separate address and checks that they are accepted at
/// once, and are all in the batch of the epoch in which they were posted or in the
/// next one, by the relay's clock, however late it publishes.
fn assert_published_next(relay: Client, to: BucketId, cells: usize, port: usize) {
    let info = relay.info();
    let seconds = match to.is_lobby() {
        true => info.lobby.epoch_seconds.get(),
        false => info.epoch_seconds.get(),
    };
    let posted = entries(to, cells);
    let address = format!("203.0.113.9:{port}");
    let headers = [OCTETS, ("X-Forwarded-For", address.as_str())];
    let body = post::encode(&posted).unwrap();
    let before = relay.index(to).batches.last().map(|batch| batch.epoch);
    let answer = relay.request("POST", paths::CELLS, &headers, &body);
    assert_eq!(answer.status, 202, "{:?}", answer.problem());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let next = now.as_secs() / u64::from(seconds) + 1;
    let index = relay.index_when(to, |index| {
        index
            .batches
            .last()
            .is_some_and(|batch| batch.epoch >= next)
    });
    let batches = index.batches.iter();
    let found: usize = batches
        .filter(|listed| Some(listed.epoch) > before && listed.epoch <= next)
        .flat_map(|listed| relay.batch(to, listed).cells)
        .filter(|cell| {
            posted
                .iter()
                .any(|entry| entry.cell.as_bytes() == cell.as_slice())
        })
        .count();
    assert_eq!(found, cells, "not in the next two batches");
}

fn peak_memory(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.unwrap().trim().trim_end_matches(" kB");
    kib.parse::<u64>().unwrap() * 1024
}

fn disk_use(directory: &Path) -> u64 {
    let files = std::fs::read_dir(directory).unwrap();
    files
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum()
}

/// Checks that batches, memory and disk are within bounds.
fn within_bounds(process: &Process, directory: &Path, buckets: u32) {
    let mut published = 0;
    let mut largest = 0;
    for number in 0..buckets {
        for batch in process.client.index(bucket(number)).batches {
            let bytes = u64::from(batch.count) * 2048 + 192;
            published += bytes;
            largest = largest.max(bytes);
            assert!(bytes <= BATCH_BYTES, "{bytes}");
        }
    }
    let (memory, disk) = (peak_memory(process), disk_use(directory));
    println!("largest batch {largest}, memory {memory}, disk {disk}, published {published}");
    assert!(memory <= MOST_MEMORY, "{memory} bytes of memory");
    // Waiting cells, twice while they are resealed; digests and half-full pages; the log.
    let most = published * 5 / 4 + 8 * u64::from(buckets) * BATCH_BYTES + (96 << 20);
    assert!(disk <= most, "{disk} of {most}");
    // On a slow machine the close of this moment may be late.
    wait_for("not ready", || process.client.get("/readyz").status == 200);
}

/// After a flood the queue empties: a batch has only its cover.
fn drains(relay: Client, to: BucketId, cover: u32) {
    relay.index_when(to, |index| {
        index
            .batches
            .last()
            .is_some_and(|batch| batch.count == cover)
    });
}

#[test]
fn one_address_floods_one_bucket() {
    let directory = TempDir::new().unwrap();
    let process = Process::start(directory.path(), FLAGS, Stdio::null());
    let flood = Flood::start(process.client.0, vec![bucket(0)], 1, 64);
    // A single address may have one batch of cells waiting, in whole posts.
    let nearly_full = BATCH_CELLS as u32 - 64;
    process.client.index_when(bucket(0), |index| {
        index.batches.iter().any(|batch| batch.count >= nearly_full)
    });
    for round in 0..epochs() {
        assert_published_next(process.client, bucket(0), 64, round);
        assert_published_next(process.client, bucket(1), 1, round);
    }
    within_bounds(&process, directory.path(), 2);
    let (taken, refused) = flood.stop();
    println!("{taken} cells taken, {refused} posts refused");
    assert!(refused > 0, "the flood was no flood");
    drains(process.client, bucket(0), 3);
    assert_eq!(process.terminate(), Some(0));
}

#[test]
fn many_addresses_flood_every_bucket_and_the_lobby() {
    let directory = TempDir::new().unwrap();
    // Long enough for a busy machine to post four batches.
    let flags = format!("{FLAGS} --buckets 4 --epoch 3s");
    let process = Process::start(directory.path(), &flags, Stdio::null());
    let numbered = (0..4).map(bucket).collect::<Vec<_>>();
    let cells = Flood::start(process.client.0, numbered, 40, 32);
    let lobby = Flood::start(process.client.0, vec![BucketId::LOBBY], 40, 4);
    process.client.index_when(bucket(0), |index| {
        index
            .batches
            .iter()
            .any(|batch| batch.count as usize == BATCH_CELLS)
    });
    for round in 0..epochs() {
        // An even share of a batch is 511 / 41 = 12 cells.
        assert_published_next(process.client, bucket(round as u32 % 4), 8, round);
    }
    within_bounds(&process, directory.path(), 4);
    for flood in [cells, lobby] {
        let (taken, refused) = flood.stop();
        println!("{taken} cells taken, {refused} posts refused");
        assert!(refused > 0, "the flood was no flood");
    }
    for number in 0..4 {
        drains(process.client, bucket(number), 3);
    }
    assert_eq!(process.terminate(), Some(0));
}

/// An enrolment posts up to four cells per epoch of the lobby. They are published
/// in the next batch, as without load, although three addresses post 1.5 times as
/// many cells as the lobby publishes.
#[test]
fn an_enrolment_beside_a_flood_of_the_lobby_takes_no_longer_than_alone() {
    let directory = TempDir::new().unwrap();
    let process = Process::start(directory.path(), FLAGS, Stdio::null());
    for round in 0..2 {
        assert_published_next(process.client, BucketId::LOBBY, 4, round);
    }
    let flood = Flood::start(process.client.0, vec![BucketId::LOBBY], 3, 4);
    for round in 2..2 + epochs() {
        assert_published_next(process.client, BucketId::LOBBY, 4, round);
    }
    within_bounds(&process, directory.path(), 2);
    let (taken, refused) = flood.stop();
    println!("{taken} cells taken, {refused} posts refused");
    assert!(refused > 0, "the flood was no flood");
    // Waiting is bounded: at most half of 960 cells of each class, 16 in each epoch.
    process.client.get("/readyz");
    assert_eq!(process.terminate(), Some(0));
}

/// A bucket whose batch cannot be written: the others are published, its cells
/// wait, `readyz` reports it, and once it can be written nothing is lost.
#[test]
fn a_bucket_that_cannot_be_closed_does_not_block_others() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("relay.db");
    let on_file = |sql: &str| {
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute_batch(sql).unwrap();
    };
    Server::start(directory.path(), "").stop();
    on_file(
        "CREATE TRIGGER refuse BEFORE INSERT ON batch WHEN NEW.bucket = 1
         BEGIN SELECT raise(ABORT, 'refused'); END",
    );
    let server = Server::start(directory.path(), "");
    let held_before = server.client.index(bucket(1)).batches.len();
    let posted: Vec<[Vec<PostEntry>; 2]> = (0..3)
        .map(|_| {
            let posted = [entries(bucket(0), 5), entries(bucket(1), 5)];
            server.client.post(&posted.concat());
            let newest = server
                .client
                .index(bucket(0))
                .batches
                .last()
                .map(|b| b.epoch);
            server.client.index_when(bucket(0), |index| {
                index.batches.last().map(|batch| batch.epoch) > newest
            });
            posted
        })
        .collect();
    wait_for("the failure is not reported", || {
        server.client.get("/readyz").status == 503
    });
    assert_eq!(server.client.index(bucket(1)).batches.len(), held_before);
    server.stop();

    on_file("DROP TRIGGER refuse");
    let server = Server::start(directory.path(), "");
    server
        .client
        .index_when(bucket(1), |index| index.batches.len() > held_before);
    for number in 0..2 {
        let published = server.client.pull(bucket(number as u32));
        for entry in posted.iter().flat_map(|posted| &posted[number]) {
            assert_eq!(crate::client::occurrences(&published, &entry.cell), 1);
        }
    }
    wait_for("not ready", || server.client.get("/readyz").status == 200);
    server.stop();
}

/// Measures a close of eight buckets at the default size of 32 MiB, each filled by
/// two posters. Only with `TESSERA_LOAD_FULL`.
#[tokio::test(flavor = "multi_thread")]
async fn the_largest_batches_are_closed_in_bounded_time() {
    const BUCKETS: u32 = 8;
    if std::env::var_os("TESSERA_LOAD_FULL").is_none() {
        println!("SKIPPED: TESSERA_LOAD_FULL is not set");
        return;
    }
    let directory = TempDir::new().unwrap();
    let mut options = options(2048, BUCKETS);
    options.capacity = Capacity::new(CellSize::DEFAULT, 32 << 20, 4, 60);
    let store = SqliteStore::open(&directory.path().join("relay.db"), &options).unwrap();
    let (start, mut kept) = (Instant::now(), 0);
    for number in 0..BUCKETS {
        for class in 1..=2 {
            loop {
                let entries = cheap_entries(bucket(number), 64);
                let class = QueueClass(class);
                if store.put(Post { entries, class }).await.is_err() {
                    break;
                }
                kept += 64;
            }
        }
    }
    println!("{kept} cells kept in {:?}", start.elapsed());
    for epoch in 1..=2 {
        let rule = CoverRule::Fixed(109);
        let closing = Closing {
            buckets: (0..BUCKETS).map(bucket).collect(),
            epoch,
            closed_at: tessera::base::UnixTime(epoch * 1800),
            cell_size: CellSize::DEFAULT,
            cover: prepare(
                109 * BUCKETS as usize,
                CellSize::DEFAULT,
                &mut random::system(),
            ),
            rule,
        };
        let start = Instant::now();
        store.close(closing).await.unwrap();
        let closed = start.elapsed();
        store.end_epoch(Kind::Numbered, u8::MAX).await.unwrap();
        println!(
            "close {closed:?}, end of the epoch {:?}",
            start.elapsed() - closed
        );
    }
    let own = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = own.lines().find(|line| line.starts_with("VmHWM"));
    println!(
        "this process: {peak:?}, disk {}",
        disk_use(directory.path())
    );
    store.shutdown().await;
}
