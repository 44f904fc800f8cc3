//! A relay under posts, pulls, closes, deletes, backups, restarts and kills for a
//! given time. `cargo xtask soak --minutes 60`.

use std::{
    collections::HashMap,
    path::Path,
    process::Stdio,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tessera::wire::{BatchHeader, Cell, paths, post};
use tessera_relay::store::sqlite::{backup, check};

use crate::{
    bucket,
    client::{Client, Pulled},
    cover::Dice,
    entries,
    server::Process,
};

/// Set by `cargo xtask soak`.
const MINUTES: &str = "TESSERA_SOAK_MINUTES";

/// The digest of a pulled cell.
type Digest = [u8; 32];

/// A reader that pulls everything and remembers it across restarts.
#[derive(Default)]
struct Reader {
    last: Option<BatchHeader>,
    seen: HashMap<Digest, u32>,
    batches: u64,
    segments: u64,
}

impl Reader {
    fn pull(&mut self, client: Client) {
        let index = client.index(bucket(0));
        let cursor = self.last.as_ref().map(|header| header.epoch);
        let mut new: Vec<Pulled> = Vec::new();
        for listed in index.segments.iter().filter(|s| Some(s.last) > cursor) {
            new.extend(client.segment(bucket(0), listed));
            self.segments += 1;
        }
        for listed in index.batches.iter().filter(|b| Some(b.epoch) > cursor) {
            new.push(client.batch(bucket(0), listed));
        }
        new.retain(|pulled| Some(pulled.header.epoch) > cursor);
        new.sort_by_key(|pulled| pulled.header.epoch);
        for pulled in new {
            if let Some(last) = &self.last {
                pulled.header.follows(last).unwrap();
            }
            for cell in pulled.cells {
                let cell = Cell::parse(cell, pulled.header.cell_size).unwrap();
                *self.seen.entry(cell.sha256()).or_insert(0) += 1;
            }
            self.last = Some(pulled.header);
            self.batches += 1;
        }
    }
}

/// Posts new cells, and sometimes repeats them; returns the accepted ones.
fn post_until(client: Client, stop: &AtomicBool, seed: u64) -> Vec<Digest> {
    let headers = [("Content-Type", "application/octet-stream")];
    let (mut dice, mut taken) = (Dice(seed), Vec::new());
    while !stop.load(Ordering::Relaxed) {
        let posted = entries(bucket(dice.below(2) as u32), 1 + dice.below(8) as usize);
        let body = post::encode(&posted).unwrap();
        for _ in 0..=dice.below(5) / 4 {
            match client.try_request("POST", paths::CELLS, &headers, &body) {
                Some(answer) if answer.status == 202 => (),
                Some(answer) => {
                    assert!([429, 503].contains(&answer.status), "{}", answer.status);
                    std::thread::sleep(Duration::from_millis(200));
                    continue;
                }
                None => return taken,
            }
            if posted[0].bucket == bucket(0) {
                taken.extend(posted.iter().map(|entry| entry.cell.sha256()));
            }
        }
        std::thread::sleep(Duration::from_millis(dice.below(40)));
    }
    taken
}

fn one_life(
    directory: &Path,
    flags: &str,
    reader: &mut Reader,
    taken: &mut Vec<Digest>,
    dice: &mut Dice,
) {
    let process = Process::start(directory, flags, Stdio::null());
    let client = process.client;
    let stop = AtomicBool::new(false);
    let seconds = 4 + dice.below(12);
    let kill = dice.below(2) == 0;
    let seeds = [
        dice.below(u64::MAX),
        dice.below(u64::MAX),
        dice.below(u64::MAX),
    ];
    std::thread::scope(|scope| {
        let posting: Vec<_> = seeds
            .map(|seed| {
                scope.spawn({
                    let stop = &stop;
                    move || post_until(client, stop, seed)
                })
            })
            .into();
        let end = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < end {
            reader.pull(client);
            std::thread::sleep(Duration::from_millis(700));
        }
        if dice.below(3) == 0 {
            let to = directory.join("backup.db");
            let _ = std::fs::remove_file(&to);
            backup(&directory.join("relay.db"), &to).unwrap();
            assert_eq!(check(&to).unwrap().findings, [], "the backup");
        }
        if kill {
            process.signal("KILL");
        }
        stop.store(true, Ordering::Relaxed);
        for thread in posting {
            taken.extend(thread.join().unwrap());
        }
    });
    if kill {
        process.kill();
    } else {
        assert_eq!(process.terminate(), Some(0));
    }
    let report = check(&directory.join("relay.db")).unwrap();
    assert_eq!(report.findings, [], "after {seconds} s, killed: {kill}");
}

#[test]
#[ignore = "runs for a given time: cargo xtask soak"]
fn soak() {
    let minutes: f64 = std::env::var(MINUTES).map_or(1.0, |text| text.parse().unwrap());
    let time = Duration::from_secs_f64(minutes * 60.0 / 2.0);
    for (name, flags) in [
        // A day's retention: segments, full after 16 MiB.
        ("segments", "--cover-cells 700 --retention 1d"),
        // Everything is deleted half a minute after it was published.
        (
            "deletes",
            "--cover-cells 50 --retention 40s --lobby-retention 10s",
        ),
    ] {
        let directory = TempDir::new().unwrap();
        let (mut reader, mut taken, mut dice) = (Reader::default(), Vec::new(), Dice(1));
        let (start, mut lives) = (Instant::now(), 0);
        while start.elapsed() < time {
            one_life(directory.path(), flags, &mut reader, &mut taken, &mut dice);
            lives += 1;
        }
        let process = Process::start(directory.path(), flags, Stdio::null());
        let before = reader.last.as_ref().map_or(0, |header| header.epoch);
        while reader
            .last
            .as_ref()
            .is_none_or(|header| header.epoch < before + 2)
        {
            std::thread::sleep(Duration::from_millis(500));
            reader.pull(process.client);
        }
        // A reader that was offline all the time finds the same within retention.
        let mut away = Reader::default();
        away.pull(process.client);
        assert_eq!(process.terminate(), Some(0));
        taken.sort_unstable();
        taken.dedup();
        for digest in &taken {
            assert_eq!(reader.seen.get(digest), Some(&1), "{name}");
            let late = away.seen.get(digest);
            assert!(
                late == Some(&1) || name == "deletes" && late.is_none(),
                "{name}"
            );
        }
        let size = std::fs::metadata(directory.path().join("relay.db"))
            .unwrap()
            .len();
        println!(
            "{name}: {lives} lives, {} cells taken and seen once, {} batches, {} segments, file of {} MiB",
            taken.len(),
            reader.batches,
            away.segments,
            size >> 20
        );
        assert!(!taken.is_empty() && reader.batches > 2);
    }
}
