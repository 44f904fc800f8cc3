//! Crashes of the relay: acknowledged cells are published exactly once.

use std::{
    collections::HashMap,
    process::Stdio,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use tempfile::TempDir;
use tessera::wire::{Cell, paths, post};
use tessera_relay::store::sqlite::check;

use crate::{bucket, entries, server::Process, wait::wait_for};

/// Posts until the relay has stopped; returns the acknowledged cells, and counts posts.
fn post_until(process: &Process, stop: &AtomicBool, posts: &AtomicUsize) -> Vec<Cell> {
    let client = process.client;
    let mut acknowledged = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let batch = entries(bucket(0), 3);
        let body = post::encode(&batch).unwrap();
        let headers = [("Content-Type", "application/octet-stream")];
        match client.try_request("POST", paths::CELLS, &headers, &body) {
            Some(answer) if answer.status == 202 => {
                acknowledged.extend(batch.into_iter().map(|entry| entry.cell));
                posts.fetch_add(1, Ordering::Relaxed);
            }
            _ => break,
        }
    }
    acknowledged
}

#[test]
fn kills_under_load_lose_no_acknowledged_cell() {
    let directory = TempDir::new().unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..4_u64 {
        let process = Process::start(directory.path(), "", Stdio::null());
        let (stop, posts) = (AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            let posting: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| post_until(&process, &stop, &posts)))
                .collect();
            // Varying times, so that some kills hit a close.
            std::thread::sleep(Duration::from_millis(700 + 173 * round));
            wait_for("posts are not answered", || {
                posts.load(Ordering::Relaxed) > 10
            });
            let killed = std::process::Command::new("kill")
                .args(["-KILL", &process.id()])
                .status();
            assert!(killed.unwrap().success());
            stop.store(true, Ordering::Relaxed);
            for thread in posting {
                acknowledged.extend(thread.join().unwrap());
            }
        });
        process.kill();
        let report = check(&directory.path().join("relay.db")).unwrap();
        assert_eq!(report.findings, [], "round {round}");
    }
    assert!(acknowledged.len() > 100, "{}", acknowledged.len());

    let process = Process::start(directory.path(), "", Stdio::null());
    // A batch has room for 16 383 of them: more wait for later epochs.
    let mut published = HashMap::new();
    wait_for("an acknowledged cell is not published", || {
        published.clear();
        for batch in process.client.pull(bucket(0)) {
            for cell in batch.cells {
                *published.entry(cell).or_insert(0) += 1;
            }
        }
        let mut cells = acknowledged.iter();
        cells.all(|cell| published.contains_key(cell.as_bytes()))
    });
    let twice = |cell: &&Cell| published.get(cell.as_bytes()) != Some(&1);
    assert_eq!(acknowledged.iter().filter(twice).count(), 0);
    assert_eq!(process.terminate(), Some(0));
}

#[test]
fn sigterm_exits_with_zero_and_truncates_the_log() {
    let directory = TempDir::new().unwrap();
    let process = Process::start(
        directory.path(),
        "--epoch 1h --retention 1d --max-message-size 64KiB",
        Stdio::null(),
    );
    process.client.post(&entries(bucket(0), 64));
    assert_eq!(process.terminate(), Some(0));
    let log = std::fs::metadata(directory.path().join("relay.db-wal")).map_or(0, |m| m.len());
    assert_eq!(log, 0);
}

#[test]
fn a_second_relay_on_the_same_store_is_refused() {
    let directory = TempDir::new().unwrap();
    let first = Process::start(directory.path(), "", Stdio::null());
    let storage = format!("sqlite://{}", directory.path().join("relay.db").display());
    let second = std::process::Command::new(env!("CARGO_BIN_EXE_tessera-relay"))
        .args([
            "serve",
            "--port",
            "0",
            "--buckets",
            "2",
            "--storage",
            &storage,
        ])
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("in use by another relay"));
    assert_eq!(first.terminate(), Some(0));
}
