//! Power loss: the writes and syncs of a relay are recorded, and replayed up to a
//! point, with unsynced writes dropped, torn or applied in part. `kill -9` cannot
//! test this: the operating system still completes the process's writes.
//!
//! Needs `strace` and permission to use it; otherwise the tests report that they
//! are skipped.

use std::{
    collections::BTreeMap,
    fs::File,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use rusqlite::Connection;
use tempfile::TempDir;
use tessera::{
    base::UnixTime,
    wire::{Cell, CellSize, paths, post},
};
use tessera_relay::{
    cover::CoverRule,
    store::{Closing, SqliteStore, Store as _, sqlite::check},
};

use crate::{bucket, cover::Dice, entries, server::Process, sqlite, wait::until};

fn can_trace() -> bool {
    let traced = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "true"])
        .stderr(Stdio::null())
        .status();
    let can = traced.is_ok_and(|status| status.success());
    if !can {
        println!("SKIPPED: strace is not there or not permitted");
    }
    can
}

/// One event that matters to the relay's disk or clients.
#[derive(Clone, Debug)]
enum Did {
    Write(Name, u64, Vec<u8>),
    Truncate(Name, u64),
    Sync(Name),
    Answered202,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    Database,
    Log,
    Keys,
}

impl Name {
    fn of(path: &str) -> Option<Self> {
        match path.rsplit('/').next()? {
            "relay.db" => Some(Self::Database),
            "relay.db-wal" => Some(Self::Log),
            "relay.db-keys" => Some(Self::Keys),
            _ => None,
        }
    }

    fn path(self, directory: &Path) -> std::path::PathBuf {
        directory.join(match self {
            Self::Database => "relay.db",
            Self::Log => "relay.db-wal",
            Self::Keys => "relay.db-keys",
        })
    }
}

/// Parses the output of `strace -f -y -xx`. A call that was interrupted by another
/// thread's has two lines; it counts at the second.
fn read_trace(text: &str) -> Vec<Did> {
    let mut begun = BTreeMap::new();
    let mut done = Vec::new();
    for line in text.lines() {
        let Some((thread, call)) = line.split_once(' ') else {
            continue;
        };
        let call = call.trim_start();
        if let Some(head) = call.strip_suffix(" <unfinished ...>") {
            begun.insert(thread, head.to_owned());
            continue;
        }
        let whole = match call.strip_prefix("<... ") {
            Some(rest) => {
                let (_, tail) = rest.split_once(" resumed>").unwrap();
                format!("{}{tail}", begun.remove(thread).unwrap())
            }
            None => call.to_owned(),
        };
        done.extend(read_call(&whole));
    }
    done
}

fn read_call(call: &str) -> Option<Did> {
    let (name, rest) = call.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    let arguments = arguments.trim_end().strip_suffix(')')?;
    if result.starts_with('-') {
        return None;
    }
    let path = || {
        let (_, rest) = arguments.split_once('<')?;
        Name::of(&String::from_utf8(unescape(rest.split_once('>')?.0)).ok()?)
    };
    let data = || Some(unescape(arguments.split_once('"')?.1.rsplit_once('"')?.0));
    let last = || arguments.rsplit_once(", ")?.1.parse::<u64>().ok();
    match name {
        "pwrite64" => {
            let (path, data) = (path()?, data()?);
            assert_eq!(data.len().to_string(), result, "strace cut a write short");
            Some(Did::Write(path, last()?, data))
        }
        "ftruncate" => Some(Did::Truncate(path()?, last()?)),
        "fsync" | "fdatasync" => Some(Did::Sync(path()?)),
        "sendto" | "write" | "writev" => data()?
            .starts_with(b"HTTP/1.1 202")
            .then_some(Did::Answered202),
        _ => None,
    }
}

fn unescape(text: &str) -> Vec<u8> {
    text.split("\\x")
        .skip(1)
        .map(|digits| u8::from_str_radix(&digits[..2], 16).unwrap())
        .collect()
}

/// A disk: its synced content, and the writes since the last sync.
#[derive(Clone, Debug, Default)]
struct Disk {
    synced: BTreeMap<Name, Vec<u8>>,
    unsynced: Vec<Did>,
}

impl Disk {
    fn take(&mut self, did: &Did) {
        match did {
            Did::Write(..) | Did::Truncate(..) => self.unsynced.push(did.clone()),
            Did::Sync(name) => {
                let (synced, rest) = self.unsynced.drain(..).partition(|did| match did {
                    Did::Write(of, ..) | Did::Truncate(of, _) => of == name,
                    _ => false,
                });
                self.unsynced = rest;
                let synced: Vec<Did> = synced;
                for did in &synced {
                    self.apply(did);
                }
            }
            Did::Answered202 => (),
        }
    }

    fn apply(&mut self, did: &Did) {
        match did {
            Did::Write(name, at, data) => {
                let file = self.synced.entry(*name).or_default();
                let (at, end) = (*at as usize, *at as usize + data.len());
                file.resize(file.len().max(end), 0);
                file[at..end].copy_from_slice(data);
            }
            Did::Truncate(name, len) => {
                let file = self.synced.entry(*name).or_default();
                file.resize(*len as usize, 0);
            }
            Did::Sync(_) | Did::Answered202 => (),
        }
    }

    /// Simulates power loss: some of the unsynced writes are applied, in any order,
    /// perhaps half of one.
    fn lose_power(mut self, dice: &mut Dice) -> BTreeMap<Name, Vec<u8>> {
        let mut pending = std::mem::take(&mut self.unsynced);
        let share = dice.below(4);
        if dice.below(2) == 0 {
            for last in (1..pending.len()).rev() {
                pending.swap(last, dice.below(last as u64 + 1) as usize);
            }
        }
        for did in pending {
            if dice.below(3) >= share {
                continue;
            }
            match did {
                Did::Write(name, at, data) if data.len() > 512 && dice.below(4) == 0 => {
                    let sectors = (data.len() / 512) as u64;
                    let cut = 512 * dice.below(sectors) as usize;
                    self.apply(&Did::Write(name, at, data[..cut].to_vec()));
                }
                did => self.apply(&did),
            }
        }
        self.synced
    }
}

/// Posts sequentially until three epochs have ended; returns the cells of each post,
/// in order.
fn post_some(process: &Process) -> Vec<Vec<Cell>> {
    let mut posts = Vec::new();
    while posts.len() < 30 || process.client.index(bucket(0)).batches.len() < 3 {
        let posted = entries(bucket(posts.len() as u32 % 2), 1 + posts.len() % 3);
        process.client.post(&posted);
        posts.push(posted.into_iter().map(|entry| entry.cell).collect());
        // Each post adds about a hundred kilobytes of trace.
        std::thread::sleep(Duration::from_millis(20));
    }
    posts
}

#[test]
fn acknowledged_cells_survive_power_loss_at_any_point() {
    if !can_trace() {
        return;
    }
    let directory = TempDir::new().unwrap();
    let trace = directory.path().join("trace");
    let calls = "trace=pwrite64,fsync,fdatasync,ftruncate,sendto,write,writev";
    let strace = [
        "strace", "-D", "-f", "-y", "-xx", "-s", "70000", "-e", calls, "-o",
    ];
    let strace = [&strace[..], &[trace.to_str().unwrap()]].concat();
    let process = Process::start_under(&strace, directory.path(), "", Stdio::null());
    let posts = post_some(&process);
    assert_eq!(process.terminate(), Some(0));
    let text = until("strace does not end", || {
        let text = std::fs::read_to_string(&trace).unwrap();
        let has_ended = |line: &str| line.contains("+++ exited with 0");
        text.lines().last().is_some_and(has_ended).then_some(text)
    });
    let done = read_trace(&text);
    let answers = done
        .iter()
        .filter(|did| matches!(did, Did::Answered202))
        .count();
    assert_eq!(answers, posts.len());

    let mut dice = Dice(7);
    let (mut disk, mut answered, mut losses) = (Disk::default(), 0, 0);
    for (at, did) in done.iter().enumerate() {
        // Around every response, at syncs, and at random.
        let is_telling = matches!(did, Did::Answered202 | Did::Sync(_)) && dice.below(3) == 0;
        if answered > 0 && (is_telling || dice.below(40) == 0) {
            for _ in 0..2 {
                let files = disk.clone().lose_power(&mut dice);
                let acknowledged = posts[..answered].iter().flatten();
                after_power_loss(
                    &files,
                    acknowledged,
                    &format!("step {at} of {}", done.len()),
                );
                losses += 1;
            }
        }
        disk.take(did);
        answered += usize::from(matches!(did, Did::Answered202));
    }
    println!(
        "{answers} posts, {} steps, {losses} power losses",
        done.len()
    );
    assert!(losses > 50, "{losses}");
}

/// Checks that the store opens, is consistent, and has each acknowledged cell once.
fn after_power_loss<'c>(
    files: &BTreeMap<Name, Vec<u8>>,
    acknowledged: impl Iterator<Item = &'c Cell>,
    when: &str,
) {
    let directory = TempDir::new().unwrap();
    for (name, bytes) in files {
        std::fs::write(name.path(directory.path()), bytes).unwrap();
    }
    let path = Name::Database.path(directory.path());
    let report = check(&path).unwrap();
    assert_eq!(report.findings, [], "{when}");
    let held = held_cells(&path);
    for cell in acknowledged {
        assert_eq!(held.get(cell.as_bytes()), Some(&1), "{when}");
    }
}

/// Counts every waiting or published cell, after publishing the waiting ones.
pub(crate) fn held_cells(path: &Path) -> BTreeMap<Vec<u8>, u32> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(path, &sqlite::options(2048, 2)).unwrap();
        for epoch in [u64::MAX >> 2, (u64::MAX >> 2) + 1] {
            store.close(closing(epoch)).await.unwrap();
        }
        store.shutdown().await;
    });
    let connection = Connection::open(path).unwrap();
    let blobs = |sql| -> Vec<Vec<u8>> {
        connection
            .prepare(sql)
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<rusqlite::Result<_>>()
            .unwrap()
    };
    let mut held = BTreeMap::new();
    for batch in blobs("SELECT bytes FROM batch") {
        for cell in batch[192..].chunks(2048) {
            *held.entry(cell.to_vec()).or_insert(0) += 1;
        }
    }
    held
}

fn closing(epoch: u64) -> Closing {
    Closing {
        buckets: vec![bucket(0), bucket(1)],
        epoch,
        closed_at: UnixTime(epoch),
        cell_size: CellSize::DEFAULT,
        rule: CoverRule::Fixed(0),
        cover: Vec::new(),
    }
}

#[test]
fn a_failed_sync_ends_the_process() {
    if !can_trace() {
        return;
    }
    let directory = TempDir::new().unwrap();
    let log = directory.path().join("log");
    let strace = [
        "strace",
        "-D",
        "-f",
        "-qq",
        "-e",
        "trace=fsync,fdatasync",
        "-e",
        "inject=fsync,fdatasync:error=EIO:when=40+",
        "-o",
        "/dev/null",
    ];
    let process = Process::start_under(
        &strace,
        directory.path(),
        "--epoch 1h --lobby-epoch 1h --retention 1d --max-message-size 64KiB",
        Stdio::from(File::create(&log).unwrap()),
    );
    let headers = [("Content-Type", "application/octet-stream")];
    let mut acknowledged = Vec::new();
    loop {
        let posted = entries(bucket(0), 1);
        let body = post::encode(&posted).unwrap();
        match process
            .client
            .try_request("POST", paths::CELLS, &headers, &body)
        {
            Some(answer) if answer.status == 202 => acknowledged.extend(posted),
            answer => {
                let status = answer.map(|answer| answer.status);
                assert!(matches!(status, None | Some(503)), "{status:?}");
                break;
            }
        }
        assert!(acknowledged.len() < 100, "no sync failed");
    }
    assert_eq!(process.wait(), Some(1));
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(log.contains("a sync of the store failed"), "{log}");
    let path = directory.path().join("relay.db");
    assert_eq!(check(&path).unwrap().findings, []);
    let held = held_cells(&path);
    for entry in &acknowledged {
        assert_eq!(held.get(entry.cell.as_bytes()), Some(&1));
    }
}
