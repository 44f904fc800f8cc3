//! Bytes that a reader downloads and uploads, whole and light, at a relay's
//! defaults; and what the sums cost a relay. `cargo xtask bench light` prints
//! them. Lengths of bodies alone: no HTTP headers, which are some hundred
//! bytes for each request.

#![allow(clippy::print_stdout, reason = "figures for a document")]

use std::time::Instant;

use tessera::{
    client::Ask,
    wire::{CellSize, Origin, Select, SelectWindow, Selection},
};

use crate::stage::*;

/// The cells of a bucket and epoch at the defaults: 7 750 a day.
const CELLS: usize = 161;
/// Messages that are found after each absence.
const FOUND: usize = 3;

/// Bytes of the own bucket, without the lobby and slots.
#[derive(Debug, Default)]
struct Bytes {
    index: usize,
    origins: usize,
    /// Tags, or whole batches.
    cells: usize,
    sums: usize,
    bitmaps: usize,
    /// Until the first message was there.
    first: usize,
}

impl Bytes {
    fn all(&self) -> usize {
        self.index + self.origins + self.cells + self.sums + self.bitmaps
    }

    fn row(&self, what: &str) {
        println!(
            "{what:<34} {:>11} bytes: index {}, origins {}, tags or batches {}, sums {}, bitmaps {}; {} until the first message",
            self.all(),
            self.index,
            self.origins,
            self.cells,
            self.sums,
            self.bitmaps,
            self.first
        );
    }
}

/// A bucket that has been published for so many days.
fn published(days: u64) -> Stage {
    let mut stage = Stage::new();
    stage.relay.segments = true;
    stage.relay.cover = CELLS;
    stage.relay.expires = true;
    let bucket = stage.own_bucket();
    let mailboxes: Vec<_> = stage.relay.mailboxes();
    let own: Vec<_> = mailboxes
        .into_iter()
        .filter(|b| b.get() == bucket)
        .collect();
    for epoch in 0..days * 48 {
        if epoch + FOUND as u64 >= days * 48 {
            stage.write(&["stop warfarin"]);
        }
        stage.relay.epoch += 1;
        stage.relay.close_mailboxes(&own);
        stage.now = clock_at(stage.relay.now());
    }
    stage
}

/// What a person downloads who opens the portal for so long.
fn opened(stage: &mut Stage, light: bool, seconds: u64) -> Bytes {
    stage.b.queries = light.then_some(QUERIES);
    stage.clear_logs();
    stage.open();
    let mut first = 0;
    let mut so_far = 0;
    let before = stage.texts().len();
    for _ in 0..seconds {
        stage.run(1);
        if first == 0 {
            so_far = bytes(stage).all();
        }
        if first == 0 && stage.texts().len() > before {
            first = so_far;
        }
    }
    Bytes {
        first,
        ..bytes(stage)
    }
}

fn bytes(stage: &Stage) -> Bytes {
    let own = format!("/buckets/{}/", stage.own_bucket());
    let mut bytes = Bytes::default();
    for log in &stage.seen {
        for seen in &log.requests {
            let path = &seen.path;
            if path.ends_with("/origins") {
                bytes.origins += seen.answer;
            } else if path.contains(&own) && path.ends_with("/index") {
                bytes.index += seen.answer;
            } else if path.ends_with("/select") {
                bytes.sums += seen.answer;
            } else if path.contains(&own) {
                bytes.cells += seen.answer;
            }
        }
        bytes.bitmaps += log
            .bitmaps
            .iter()
            .map(|bitmaps| bitmaps.len() + 53)
            .sum::<usize>();
    }
    bytes
}

#[test]
fn light_reading_costs_a_fraction_of_whole_reading() {
    let goals = [
        // Opened once a day, for two minutes.
        ("a day, opened once", 1, 120, 700_000, 20),
        ("14 days away, open for 2 minutes", 14, 120, 3_200_000, 60),
        ("open for 8 hours", 1, 8 * 3_600, 2_700_000, 6),
    ];
    for (what, days, seconds, most, times) in goals {
        let stage = published(days);
        let at = stage.now;
        let closes = |stage: &mut Stage| {
            stage.now = at;
        };
        let mut light = stage;
        let (relay, b) = (light.relay.clone(), light.b.reopened());
        let light_bytes = opened(&mut light, true, seconds);
        assert_eq!(light.texts().len(), FOUND, "{what}");
        assert_eq!(light.whole_reads(), 0);
        let mut whole = light;
        (whole.relay, whole.b) = (relay, b);
        closes(&mut whole);
        let whole_bytes = opened(&mut whole, false, seconds);
        assert_eq!(whole.texts().len(), FOUND, "{what}");
        light_bytes.row(&format!("{what}, light"));
        whole_bytes.row(&format!("{what}, whole"));
        assert!(light_bytes.all() <= most, "{what}: {light_bytes:?}");
        assert!(light_bytes.all() * times <= whole_bytes.all(), "{what}");
    }
}

/// The time of one core for the sums of a window of a day, for 8 bitmaps: how
/// long is told and not judged.
#[test]
fn sums_of_a_day_for_ten_thousand_readers() {
    let mut stage = published(1);
    stage.b.queries = Some(QUERIES);
    stage.open();
    let mut requests = Vec::new();
    stage.run_with(1, &mut |ask| {
        if let Ask::Select { path, relay, .. } = ask {
            requests.push((path.clone(), relay.clone()));
        }
        None
    });
    let (_, body) = &requests[0];
    let select = Select::decode(body, CellSize::DEFAULT).unwrap();
    let SelectWindow {
        origin,
        first,
        last,
        count,
    } = *select.window();
    assert_eq!(origin, Origin(stage.relay.key.origin().0));
    let bucket = stage.own_bucket();
    let batches: Vec<&Vec<u8>> = stage
        .relay
        .batches(bucket)
        .filter(|(header, _)| (first..=last).contains(&header.epoch))
        .map(|(_, bytes)| bytes)
        .collect();
    let began = Instant::now();
    const TIMES: u32 = 20;
    for _ in 0..TIMES {
        let mut selection = Selection::new(&select, CellSize::DEFAULT);
        for batch in &batches {
            assert!(selection.add(&select, batch).unwrap());
        }
        assert_eq!(selection.finish(&select).unwrap().len(), 8 * 2_032);
    }
    let one = began.elapsed() / TIMES;
    println!(
        "sums of {count} cells for 8 bitmaps: {one:?}; 10 000 readers who open once a day: {:?} of one core",
        one * 4 * 10_000
    );
}
