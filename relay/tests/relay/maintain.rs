//! Migration, verification and backup of a store.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use rusqlite::Connection;
use tempfile::TempDir;
use tessera::{
    base::UnixTime,
    wire::{BatchHeader, BucketCount, BucketId, Cell, CellSize, PostEntry, cover_cell},
};
use tessera_relay::{
    cover::{CoverRule, prepare},
    random,
    store::{
        Closing, Found, Kind, SqliteStore, Store as _, Window,
        queue::Capacity,
        sqlite::{OpenError, Options, Report, backup, check},
    },
};

use crate::{bucket, corruption::full_store, server::Process};

pub(crate) const SIZE: u32 = 1024;
pub(crate) const HOUR: u64 = 3600;
pub(crate) const EVERYTHING: Window = Window {
    from: UnixTime(0),
    through: u64::MAX,
};

pub(crate) fn open(path: &Path) -> SqliteStore {
    let options = Options {
        cell_size: CellSize::try_from(SIZE).unwrap(),
        buckets: BucketCount::try_from(2).unwrap(),
        disk: None,
        capacity: Capacity::new(CellSize::try_from(SIZE).unwrap(), 32 << 20, 4, 60),
    };
    SqliteStore::open(path, &options).unwrap()
}

pub(crate) fn keys_of(store: &Path) -> PathBuf {
    PathBuf::from(format!("{}-keys", store.display()))
}

pub(crate) fn entries(bucket: BucketId, count: usize) -> Vec<PostEntry> {
    let size = CellSize::try_from(SIZE).unwrap();
    (0..count)
        .map(|_| PostEntry {
            bucket,
            cell: cover_cell(size, &mut random::system()),
        })
        .collect()
}

pub(crate) async fn close(store: &SqliteStore, buckets: &[BucketId], epoch: u64, hour: u64) {
    let cell_size = CellSize::try_from(SIZE).unwrap();
    let closing = Closing {
        buckets: buckets.to_vec(),
        epoch,
        closed_at: UnixTime(hour * HOUR),
        cell_size,
        rule: CoverRule::Fixed(1),
        cover: prepare(buckets.len(), cell_size, &mut random::system()),
    };
    let kind = closing.kind();
    store.close(closing).await.unwrap();
    store.end_epoch(kind, u8::MAX).await.unwrap();
    store.seal(buckets).await.unwrap();
}

/// Every header of a bucket, including those in segments.
async fn chain(store: &SqliteStore, bucket: BucketId) -> Vec<BatchHeader> {
    let contents = store.contents(bucket, EVERYTHING).await.unwrap();
    let mut headers = contents.batches;
    for listed in contents.segments {
        let found = store.segment(bucket, listed.origin, listed.number).await;
        let Ok(Found::Held(segment)) = found else {
            panic!("{found:?}");
        };
        for epoch in segment.epochs {
            let Ok(Found::Held(bytes)) = store.batch(bucket, listed.origin, epoch).await else {
                panic!("no batch {epoch}");
            };
            headers.push(BatchHeader::decode(bytes.first_chunk().unwrap()).unwrap());
        }
    }
    headers.sort_by_key(|header| header.epoch);
    headers
}

pub(crate) fn in_order(path: &Path) -> Report {
    let report = check(path).unwrap();
    assert_eq!(report.findings, [], "{report}");
    report
}

fn old_file(directory: &TempDir) -> PathBuf {
    let path = directory.path().join("relay.db");
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/store-v1.db");
    std::fs::copy(old, &path).unwrap();
    path
}

/// The file was written by a relay with version 1 of the layout: twelve batches of
/// two buckets and the lobby, and four waiting cells.
#[tokio::test]
async fn a_file_of_version_1_is_migrated() {
    let directory = TempDir::new().unwrap();
    let path = old_file(&directory);
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(check(&path), Err(OpenError::Older(_))));
    let to = directory.path().join("backup.db");
    assert!(backup(&path, &to).is_err());
    assert!(!to.exists());
    assert_eq!(std::fs::read(&path).unwrap(), before, "left untouched");

    let store = open(&path);
    let last = store.last_close(Kind::Numbered).await.unwrap().unwrap();
    assert_eq!(last.epoch, 897_626_357);
    assert_eq!(chain(&store, bucket(0)).await.len(), 5);
    let cell = |fill: u8| Cell::parse(vec![fill; 1024], CellSize::try_from(SIZE).unwrap()).unwrap();
    // Cell 1 is published and cell 5 waits: neither is accepted twice.
    let known = [1, 5].map(|fill| PostEntry {
        bucket: bucket(0),
        cell: cell(fill),
    });
    store.put(known.to_vec()).await.unwrap();
    let all = [bucket(0), bucket(1)];
    let later = last.at.0 / HOUR + 7;
    close(&store, &all, last.epoch + 1, later).await;
    let mut published = Vec::new();
    for b in all {
        let headers = chain(&store, b).await;
        assert!(
            headers
                .windows(2)
                .all(|pair| pair[1].follows(&pair[0]).is_ok())
        );
        for header in headers {
            let found = store.batch(b, header.origin, header.epoch).await.unwrap();
            let Found::Held(bytes) = found else { panic!() };
            published.extend(bytes[192..].chunks(1024).map(<[u8]>::to_vec));
        }
    }
    for fill in [1, 2, 3, 5, 6] {
        let times = published.iter().filter(|c| **c == vec![fill; 1024]).count();
        assert_eq!(times, 1, "cell {fill}");
    }
    let segments = store
        .contents(bucket(0), EVERYTHING)
        .await
        .unwrap()
        .segments;
    assert_eq!(segments.len(), 1, "what was there becomes a segment");
    store.shutdown().await;
    drop(store);
    let report = in_order(&path);
    assert_eq!((report.batches, report.segments), (14, 2));
}

#[tokio::test]
async fn a_backup_contains_no_key_and_no_waiting_cells() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("relay.db");
    full_store(&path).await;
    let store = open(&path);
    let (old, waiting) = (store.origin(), entries(bucket(0), 3));
    store.put(waiting.clone()).await.unwrap();
    let seed: Vec<u8> = Connection::open(&path)
        .unwrap()
        .query_row(
            "SELECT value FROM setting WHERE name = 'origin_seed'",
            [],
            |row| row.get(0),
        )
        .unwrap();

    // The relay has it open.
    let to = directory.path().join("backup.db");
    let saved = backup(&path, &to).unwrap();
    let again = backup(&path, &to);
    assert!(again.is_err(), "an existing file is left alone");
    let bytes = std::fs::read(&to).unwrap();
    assert_eq!(saved.bytes, bytes.len() as u64);
    for secret in waiting
        .iter()
        .map(|e| e.cell.as_bytes())
        .chain([seed.as_slice()])
    {
        let piece = &secret[..32];
        assert!(!bytes.windows(32).any(|window| window == piece));
    }
    let report = in_order(&to);
    assert!(report.is_backup && report.pending == 0);
    assert_eq!(report.batches, saved.batches);
    store.shutdown().await;
    drop(store);

    // A relay on it is another origin: the old chains end, new ones start, epochs continue.
    let restored = open(&to);
    assert_ne!(restored.origin(), old);
    let held = chain(&restored, bucket(1)).await;
    assert!(held.iter().all(|header| header.origin == old));
    let epoch = held.last().unwrap().epoch;
    let all = [bucket(0), bucket(1)];
    let known = Cell::parse(
        {
            let found = restored.batch(bucket(1), old, epoch).await.unwrap();
            let Found::Held(bytes) = found else { panic!() };
            bytes[192..192 + 1024].to_vec()
        },
        CellSize::try_from(SIZE).unwrap(),
    )
    .unwrap();
    let known = vec![PostEntry {
        bucket: bucket(1),
        cell: known,
    }];
    restored.put(known).await.unwrap();
    close(&restored, &all, epoch + 1, 22).await;
    close(&restored, &all, epoch + 2, 31).await;
    close(&restored, &all, epoch + 3, 40).await;
    let headers = chain(&restored, bucket(1)).await;
    let new: Vec<_> = headers.iter().filter(|h| h.origin != old).collect();
    assert_eq!(new.len(), 3);
    assert_eq!(
        (new[0].prev, new[0].count),
        (BatchHeader::NO_PREV, 1),
        "known cells stay known"
    );
    assert!(new[1].follows(new[0]).is_ok() && new[2].follows(new[1]).is_ok());
    let origin = restored.origin();
    restored.shutdown().await;
    drop(restored);
    let report = in_order(&to);
    assert!(!report.is_backup);
    let reopened = open(&to);
    assert_eq!(reopened.origin(), origin, "and stays the one it became");
    reopened.shutdown().await;
}

#[test]
fn a_store_without_a_key_is_not_a_backup() {
    let directory = TempDir::new().unwrap();
    let path = old_file(&directory);
    Connection::open(&path)
        .unwrap()
        .execute("DELETE FROM setting WHERE name = 'origin_seed'", [])
        .unwrap();
    let options = Options {
        cell_size: CellSize::try_from(SIZE).unwrap(),
        buckets: BucketCount::try_from(2).unwrap(),
        disk: None,
        capacity: Capacity::new(CellSize::try_from(SIZE).unwrap(), 32 << 20, 4, 60),
    };
    let refused = SqliteStore::open(&path, &options);
    assert!(matches!(refused, Err(OpenError::Damaged(_))), "{refused:?}");
}

#[test]
fn the_commands_report_their_findings() {
    let directory = TempDir::new().unwrap();
    let url = |name: &str| format!("sqlite://{}", directory.path().join(name).display());
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_tessera-relay"))
            .args(arguments)
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    let process = Process::start(directory.path(), "", std::process::Stdio::null());
    process.client.post(&crate::entries(bucket(0), 5));
    process
        .client
        .index_when(bucket(0), |index| index.batches.len() >= 2);
    let (code, text) = run(&["check", "--storage", &url("relay.db")]);
    assert_eq!(code, Some(1));
    assert!(text.contains("in use by another relay"), "{text}");
    let to = directory.path().join("backup.db").display().to_string();
    let (code, text) = run(&["backup", "--storage", &url("relay.db"), "--to", &to]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("is a new origin"), "{text}");
    assert_eq!(process.terminate(), Some(0));
    for name in ["relay.db", "backup.db"] {
        let (code, text) = run(&["check", "--storage", &url(name)]);
        assert_eq!(code, Some(0), "{text}");
        assert!(text.ends_with("in order\n"), "{text}");
    }
    Connection::open(directory.path().join("relay.db"))
        .unwrap()
        .execute("DELETE FROM batch WHERE id = 1", [])
        .unwrap();
    let (code, text) = run(&["check", "--storage", &url("relay.db")]);
    assert_eq!(code, Some(1));
    assert!(
        text.contains("digest index: the number of digests differs"),
        "{text}"
    );
    let (code, text) = run(&["check", "--storage", &url("nowhere.db")]);
    assert_eq!(code, Some(1), "{text}");
    assert!(!directory.path().join("nowhere.db").exists());
}
