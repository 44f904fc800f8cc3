//! Closes epochs of a relay that is not running, as if it had run until now:
//! for benchmarks of what a reader finds who was away for weeks.
//!
//! ```sh
//! history RELAY.DB BUCKETS EPOCHS EPOCH_SECONDS [LEAVE]
//! ```
//! Epochs that end before the last `LEAVE` ones, 0 by default, with the default
//! cover. What waits is published in the first of them.

use std::{env, path::PathBuf};

use anyhow::{Context as _, Result};
use tessera::{
    base::UnixTime,
    wire::{BucketCount, BucketId, CellSize},
};
use tessera_relay::{
    config::CoverArgs,
    cover,
    epoch::unix_time,
    random,
    store::{Closing, Kind, SqliteStore, Store as _, queue::Capacity, sqlite::Options},
};

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = env::args().skip(1);
    let path = PathBuf::from(args.next().context("no store")?);
    let mut number =
        |what: &'static str| -> Result<u64> { args.next().context(what)?.parse().context(what) };
    let (buckets, epochs) = (number("no buckets")?, number("no number of epochs")?);
    let seconds = number("no length of an epoch")?;
    let leave = number("leave").unwrap_or(0);
    let buckets = BucketCount::try_from(u32::try_from(buckets)?)?;
    let options = Options {
        cell_size: CellSize::DEFAULT,
        buckets,
        disk: None,
        capacity: Capacity::new(CellSize::DEFAULT, 32 << 20, 4, 60),
    };
    let store = SqliteStore::open(&path, &options)?;
    let rule = CoverArgs::default().build()?.rule;
    let numbered: Vec<BucketId> = buckets.numbered().collect();
    let last = unix_time().0 / seconds - leave;
    for epoch in last + 1 - epochs..=last {
        let most = rule.most() * numbered.len();
        let closing = Closing {
            buckets: numbered.clone(),
            epoch,
            closed_at: UnixTime(epoch * seconds),
            cell_size: CellSize::DEFAULT,
            rule: rule.clone(),
            cover: cover::prepare(most, CellSize::DEFAULT, &mut random::system()),
        };
        store.close(closing).await?;
        store.end_epoch(Kind::Numbered, u8::MAX).await?;
    }
    store.shutdown().await;
    Ok(())
}
