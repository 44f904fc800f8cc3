//! Every corruption of a store is found by `check`.

use std::path::Path;

use rusqlite::{Connection, params_from_iter, types::Value};
use tempfile::TempDir;
use tessera::{base::UnixTime, wire::BucketId};
use tessera_relay::store::{Kind, Store as _, sqlite::check};

use crate::{bucket, maintain::*};

/// A store with every kind of content: segments, single batches, a half-deleted
/// batch, the lobby, waiting cells, deletes suspended because of the clock.
pub(crate) async fn full_store(path: &Path) {
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
