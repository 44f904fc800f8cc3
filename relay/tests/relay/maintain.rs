//! Migration, verification and backup of a store.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use rusqlite::{Connection, params_from_iter, types::Value};
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

use crate::{bucket, server::Process};

const SIZE: u32 = 1024;
const HOUR: u64 = 3600;
const EVERYTHING: Window = Window {
    from: UnixTime(0),
    through: u64::MAX,
};

fn open(path: &Path) -> SqliteStore {
    let options = Options {
        cell_size: CellSize::try_from(SIZE).unwrap(),
        buckets: BucketCount::try_from(2).unwrap(),
        disk: None,
        capacity: Capacity::new(CellSize::try_from(SIZE).unwrap(), 32 << 20, 4, 60),
    };
    SqliteStore::open(path, &options).unwrap()
}

fn keys_of(store: &Path) -> PathBuf {
    PathBuf::from(format!("{}-keys", store.display()))
}

fn entries(bucket: BucketId, count: usize) -> Vec<PostEntry> {
    let size = CellSize::try_from(SIZE).unwrap();
    (0..count)
        .map(|_| PostEntry {
            bucket,
            cell: cover_cell(size, &mut random::system()),
        })
        .collect()
}

async fn close(store: &SqliteStore, buckets: &[BucketId], epoch: u64, hour: u64) {
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

fn in_order(path: &Path) -> Report {
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
    let later = last.closed_at.0 / HOUR + 7;
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

/// A store with every kind of content: segments, single batches, a half-deleted
/// batch, the lobby, waiting cells, deletes suspended because of the clock.
async fn full_store(path: &Path) {
    let store = open(path);
    let all = [bucket(0), bucket(1)];
    for part in entries(bucket(0), 300).chunks(60) {
        store.put(part.to_vec()).await.unwrap();
    }
    for (epoch, hour) in [(10, 1), (11, 9), (12, 11), (13, 13), (14, 20), (15, 21)] {
        store.put(entries(bucket(1), 1)).await.unwrap();
        close(&store, &all, epoch, hour).await;
    }
    for epoch in [20, 21] {
        close(&store, &[BucketId::LOBBY], epoch, 21).await;
    }
    store.put(entries(bucket(0), 2)).await.unwrap();
    store.hold(Kind::Lobby, true).await.unwrap();
    // Segment 0 of a bucket is dropped; the 301 digests of its batch take two steps.
    while store
        .contents(bucket(0), EVERYTHING)
        .await
        .unwrap()
        .segments
        .len()
        == 3
    {
        assert!(
            store
                .expire(Kind::Numbered, UnixTime(2 * HOUR))
                .await
                .unwrap()
        );
    }
    store.shutdown().await;
}

type Row = Vec<Value>;

fn rows(connection: &Connection, table: &str) -> (Vec<String>, Vec<Row>) {
    let mut select = connection
        .prepare(&format!("SELECT * FROM {table}"))
        .unwrap();
    let names: Vec<String> = select.column_names().map(str::to_owned).collect();
    let width = names.len();
    let rows = select
        .query_map([], |row| (0..width).map(|column| row.get(column)).collect())
        .unwrap()
        .collect::<rusqlite::Result<_>>()
        .unwrap();
    (names, rows)
}

/// Puts other rows into a table; `false` when the table refuses them.
fn replace(path: &Path, table: &str, rows: &[Row]) -> bool {
    let mut connection = Connection::open(path).unwrap();
    let transaction = connection.transaction().unwrap();
    transaction
        .execute(&format!("DELETE FROM {table}"), [])
        .unwrap();
    for row in rows {
        let places = vec!["?"; row.len()].join(", ");
        let insert = format!("INSERT INTO {table} VALUES ({places})");
        if transaction.execute(&insert, params_from_iter(row)).is_err() {
            return false;
        }
    }
    transaction.commit().unwrap();
    true
}

fn corrupt(value: &Value, way: usize) -> Option<Value> {
    match (value, way) {
        (Value::Integer(n), 0) => Some(Value::Integer(n + 1)),
        (Value::Integer(n), 1) => Some(Value::Integer(n - 1)),
        (Value::Blob(bytes), 0) if !bytes.is_empty() => {
            let mut bytes = bytes.clone();
            let at = bytes.len() * 7 / 11;
            bytes[at] ^= 16;
            Some(Value::Blob(bytes))
        }
        (Value::Blob(bytes), 1) => {
            Some(Value::Blob(bytes[..bytes.len().saturating_sub(1)].to_vec()))
        }
        (Value::Text(text), 0) => Some(Value::Text(format!("{text}x"))),
        _ => None,
    }
}

/// Returns `true` for values that nothing else in the store depends on: the last
/// expired epoch and segment, a row's own number, and whether deletes are suspended.
fn is_undetectable(table: &str, column: &str, row: &Row) -> bool {
    match table {
        "frame" => column == "id",
        "chain" => column == "expired_through" || column == "segment_expired",
        "batch" => column == "id",
        "setting" => matches!(&row[0], Value::Text(name) if name.starts_with("hold")),
        _ => false,
    }
}

#[tokio::test]
async fn each_single_corruption_is_found() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("relay.db");
    full_store(&path).await;
    let before = std::fs::read(&path).unwrap();
    let report = in_order(&path);
    assert_eq!((report.segments, report.pending), (5, 2));
    assert_eq!(
        std::fs::read(&path).unwrap(),
        before,
        "check changes nothing"
    );

    let copy = directory.path().join("copy.db");
    let (mut tried, mut deleted, mut missed) = (0, 0, Vec::new());
    for table in [
        "setting", "frame", "ratchet", "seen", "batch", "chain", "segment", "expiring",
    ] {
        let (names, rows) = rows(&Connection::open(&path).unwrap(), table);
        assert!(!rows.is_empty(), "{table}");
        // A sample of the digests is enough.
        for at in (0..rows.len()).step_by(1 + rows.len() / 25) {
            let mut changes: Vec<(String, Vec<Row>)> = Vec::new();
            for (column, name) in names.iter().enumerate() {
                for way in [0, 1] {
                    let Some(value) = corrupt(&rows[at][column], way) else {
                        continue;
                    };
                    if is_undetectable(table, name, &rows[at]) || value == rows[at][column] {
                        continue;
                    }
                    let mut rows = rows.clone();
                    rows[at][column] = value;
                    changes.push((format!("{table} row {at}: {name}, way {way}"), rows));
                }
            }
            // A missing waiting cell cannot be detected.
            if table != "frame" && !is_undetectable(table, "", &rows[at]) {
                let mut rows = rows.clone();
                rows.remove(at);
                changes.push((format!("{table} row {at}: gone"), rows));
                deleted += 1;
            }
            for (what, rows) in changes {
                std::fs::copy(&path, &copy).unwrap();
                std::fs::copy(keys_of(&path), keys_of(&copy)).unwrap();
                if !replace(&copy, table, &rows) {
                    continue;
                }
                tried += 1;
                let found = check(&copy).map(|report| report.findings);
                if found.is_ok_and(|found| found.is_empty()) {
                    missed.push(what);
                }
            }
        }
    }
    println!("{tried} corruptions, {deleted} of them rows that are gone");
    assert!(missed.is_empty(), "{missed:#?}");
    assert!(tried > 300 && deleted > 40, "{tried} {deleted}");
}

#[tokio::test]
async fn damage_below_the_tables_is_found() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("relay.db");
    full_store(&path).await;
    let (_, batches) = rows(&Connection::open(&path).unwrap(), "batch");
    let Value::Blob(bytes) = &batches[3][7] else {
        panic!()
    };
    let file = std::fs::read(&path).unwrap();
    let cell = &bytes[192..192 + 64];
    let at = file.windows(64).position(|window| window == cell).unwrap();
    let mut bad = file.clone();
    bad[at] ^= 1;
    std::fs::write(&path, bad).unwrap();
    let findings = check(&path).unwrap().findings;
    assert!(
        findings.iter().any(|f| f.to_string().contains("digest")),
        "{findings:?}"
    );

    std::fs::write(&path, &file[..file.len() / 2]).unwrap();
    let cut = check(&path).map(|report| report.findings.len());
    assert!(!matches!(cut, Ok(0)), "a file cut in half: {cut:?}");

    std::fs::write(&path, &file).unwrap();
    Connection::open(&path)
        .unwrap()
        .execute_batch("DROP INDEX batch_by_age")
        .unwrap();
    assert!(
        !check(&path).unwrap().findings.is_empty(),
        "an index is gone"
    );
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
