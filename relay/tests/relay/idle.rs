//! The cost of ten thousand idle subscribers.

use std::{process::Stdio, time::Duration};

use tempfile::TempDir;

use crate::{bucket, client::Client, entries, server::Process, socket::Socket, wait::PATIENCE};

const SUBSCRIBERS: u64 = 10_000;
const MOST_EACH: u64 = 20 << 10;

/// The limit on open files of this process, less what the test itself needs.
fn allowed() -> u64 {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap();
    let soft = line.split_whitespace().nth(3).unwrap();
    soft.parse::<u64>().unwrap_or(u64::MAX).saturating_sub(500)
}

/// Resident memory of a process in bytes.
fn resident(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[test]
fn a_subscriber_costs_at_most_twenty_kibibytes() {
    let count = SUBSCRIBERS.min(allowed());
    if count < SUBSCRIBERS {
        println!("only {count} subscribers: fewer open files are allowed");
    }
    let directory = TempDir::new().unwrap();
    let flags = "--epoch 1h --lobby-epoch 24h --retention 2d --lobby-retention 2d \
        --max-message-size 64KiB";
    let process = Process::start(directory.path(), flags, Stdio::null());
    let relay = process.client.0;
    // Memory that every relay needs once is allocated before.
    process.client.post(&entries(bucket(0), 64));
    drop(Socket::subscribe(relay, "{\"bucket\":0}"));

    let before = resident(&process);
    let mut sockets: Vec<_> = (0..count)
        .map(|number| Socket::subscribe(relay, &format!("{{\"bucket\":{}}}", number % 2)))
        .collect();
    std::thread::sleep(Duration::from_secs(2));
    let each = resident(&process).saturating_sub(before) / count;
    println!("{count} idle subscribers, {each} bytes each");
    assert!(each <= MOST_EACH, "{each} bytes each");
    assert!(each > 100, "nothing was measured");
    process.client.post(&entries(bucket(0), 1));

    // All of them get a close frame, and the relay exits.
    assert_eq!(process.terminate(), Some(0));
    for socket in &mut sockets {
        assert!(socket.ends_within(PATIENCE));
    }
}

#[test]
fn one_publication_reaches_all_subscribers() {
    let count = 2_000.min(allowed());
    let directory = TempDir::new().unwrap();
    let process = Process::start(directory.path(), "--epoch 10s", Stdio::null());
    let client: Client = process.client;
    let mut sockets: Vec<_> = (0..count)
        .map(|_| Socket::subscribe(client.0, "{\"bucket\":0}"))
        .collect();
    let is_numbered = |notice: &serde_json::Value| notice["bucket"] == 0;
    let first = loop {
        let notice = sockets[0].notice();
        if is_numbered(&notice) {
            break notice;
        }
    };
    for socket in &mut sockets[1..] {
        let notice = std::iter::repeat_with(|| socket.notice()).find(is_numbered);
        assert!(notice.unwrap()["epoch"].as_u64() >= first["epoch"].as_u64());
    }
    assert_eq!(process.terminate(), Some(0));
}
