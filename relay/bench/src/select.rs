//! Selects: what the sums over a day's cells cost a relay's processor.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use getrandom::SysRng;
use rand_core::{Rng as _, UnwrapErr};
use tempfile::TempDir;
use tessera::{
    base::UnixTime,
    wire::{BucketCount, BucketId, BucketIndex, CellSize, SelectWindow, paths},
};
use tessera_relay::{
    cover::{self, CoverRule},
    epoch::wall_clock,
    random,
    store::{Closing, Kind, SqliteStore, Store as _, queue::Capacity, sqlite::Options as Opening},
};

use crate::{
    Options, http,
    report::{Report, Row, Target},
    server::Server,
};

const EPOCH: u64 = 1800;
/// The epochs of a day.
const EPOCHS: u64 = 48;
/// The cells of a batch at the defaults, with posts: as in `tests/light/figures.rs`.
const CELLS: u32 = 161;
/// Bitmaps of a reader's request.
const QUERIES: usize = 8;
/// With this time per request, 10 000 readers who look four times a day cost two minutes.
const TARGET: f64 = 3.0;

pub(crate) async fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let directory = TempDir::new()?;
    publish(directory.path()).await?;
    let relay =
        Server::relay_in(&options.relay, directory, &["--buckets=1", "--epoch=30m"]).await?;
    let mut connection = http::Connection::open(relay.address).await?;
    let bucket = BucketId::try_from(0)?;
    let index = connection.get(&paths::index(bucket)).await?;
    let index: BucketIndex = serde_json::from_slice(&index)?;
    let path = paths::select(bucket);
    let window = day(&index)?;
    for queries in [QUERIES, 2] {
        println!("selects of {queries} bitmaps over {} cells", window.count);
        let body = window.encode(queries, &bitmaps(queries, window.count), CellSize::DEFAULT)?;
        let count = options.size(400);
        select(&mut connection, &path, &body).await?;
        let before = relay.processor_time()?;
        for _ in 0..count {
            select(&mut connection, &path, &body).await?;
        }
        let used = relay.processor_time()?.saturating_sub(before);
        let each = milliseconds(used) / count as f64;
        let row = Row::new(
            format!(
                "processor time of a select of {queries} bitmaps over a day's {} cells",
                window.count
            ),
            format!("{each:.2} ms"),
        );
        report.add(match queries {
            QUERIES => row.at_most(each, Target::Absolute(TARGET, "ms")),
            _ => row,
        });
    }
    Ok(())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

async fn select(connection: &mut http::Connection, path: &str, body: &[u8]) -> Result<()> {
    let (status, _) = connection.post(path, body).await?;
    ensure!(status == 200, "a select was answered {status}");
    Ok(())
}

/// The window of all that is listed.
fn day(index: &BucketIndex) -> Result<SelectWindow> {
    let segments = index.segments.iter();
    let in_segments = segments.map(|of| (of.origin, of.first, of.last, of.cells));
    let batches = index.batches.iter();
    let alone = batches.map(|of| (of.origin, of.epoch, of.epoch, u64::from(of.count)));
    let all: Vec<_> = in_segments.chain(alone).collect();
    let (origin, first, _, _) = *all.first().context("nothing is listed")?;
    Ok(SelectWindow {
        origin,
        first,
        last: all.iter().map(|of| of.2).max().unwrap_or(first),
        count: u32::try_from(all.iter().map(|of| of.3).sum::<u64>())?,
    })
}

/// Random bits, as a reader draws them.
fn bitmaps(queries: usize, count: u32) -> Vec<u8> {
    let len = (count as usize).div_ceil(8);
    let mut bitmaps = vec![0; queries * len];
    UnwrapErr(SysRng).fill_bytes(&mut bitmaps);
    if !count.is_multiple_of(8) {
        for bitmap in bitmaps.chunks_mut(len) {
            if let Some(last) = bitmap.last_mut() {
                *last &= !(u8::MAX << (count % 8));
            }
        }
    }
    bitmaps
}

/// A store with one bucket and the batches of a day that ends now.
async fn publish(directory: &Path) -> Result<()> {
    let options = Opening {
        cell_size: CellSize::DEFAULT,
        buckets: BucketCount::try_from(1)?,
        disk: None,
        capacity: Capacity::new(CellSize::DEFAULT, 32 << 20, 4, 60),
    };
    let store = SqliteStore::open(&directory.join("relay.db"), &options)?;
    let rule = CoverRule::Fixed(CELLS);
    let now = wall_clock().as_secs() / EPOCH;
    for epoch in now - EPOCHS + 1..=now {
        let closing = Closing {
            buckets: vec![BucketId::try_from(0)?],
            epoch,
            closed_at: UnixTime(epoch * EPOCH),
            cell_size: CellSize::DEFAULT,
            cover: cover::prepare(rule.most(), CellSize::DEFAULT, &mut random::system()),
            rule: rule.clone(),
        };
        store.close(closing).await?;
        store.end_epoch(Kind::Numbered, u8::MAX).await?;
    }
    store.shutdown().await;
    Ok(())
}
