//! Closes of a shared store, in this process, beside the SQLite store.

use std::{path::Path, time::Instant};

use anyhow::{Context as _, Result};
use clap::Parser;
use getrandom::SysRng;
use rand_core::{Rng as _, UnwrapErr};
use tempfile::TempDir;
use tessera::{
    base::UnixTime,
    wire::{BucketId, Cell, CellSize, PostEntry},
};
use tessera_relay::{
    Config,
    config::CoverArgs,
    cover::{self, CoverRule},
    random,
    server::{log_options, store_options},
    store::{
        Closing, Kind, SqliteStore, Store,
        log::{
            LogStore, StateDir,
            nats::{Nats, NatsOptions},
        },
    },
};

use super::Servers;
use crate::{
    Options,
    report::{Report, Row, Target},
    steps::median,
};

const ROUNDS: u64 = 5;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    config: Config,
}

/// What is closed, and within which time.
struct Case {
    what: String,
    buckets: u32,
    cells: usize,
    target: f64,
}

pub(super) async fn measure(
    options: &Options,
    servers: &Servers,
    report: &mut Report,
) -> Result<()> {
    let many = options.size(1000);
    for case in [
        Case {
            what: "close of 8 buckets with cover alone".to_owned(),
            buckets: 8,
            cells: 0,
            target: 0.15,
        },
        Case {
            what: format!("close of 16 buckets with {many} cells each"),
            buckets: 16,
            cells: many,
            target: 1.0,
        },
        Case {
            what: "close of the lobby".to_owned(),
            buckets: 0,
            cells: 8,
            target: 0.05,
        },
    ] {
        println!("{}, in a shared store", case.what);
        let name = format!("close{}", case.buckets);
        let flags = [
            &format!("--buckets={}", case.buckets.max(1)),
            "--epoch=6h",
            "--lobby-epoch=6h",
            "--lobby-retention=1d",
            "--max-message-size=4KiB",
            "--post-tick=0ms",
        ];
        servers.init(options, &name, &flags).await?;
        let directory = TempDir::new()?;
        let shared = open(servers, &name, &flags).await?;
        let alone = alone(directory.path(), case.buckets.max(1))?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for epoch in 1..=ROUNDS {
            ours.push(close(&shared, epoch, &case).await?);
            theirs.push(close(&alone, epoch, &case).await?);
        }
        shared.shutdown().await;
        alone.shutdown().await;
        let (ours, theirs) = (median(ours.into_iter()), median(theirs.into_iter()));
        report.add(
            Row::new(
                format!("{}, shared store", case.what),
                format!("{ours:.3} s"),
            )
            .beside("the SQLite store", format!("{theirs:.3} s"))
            .at_most(ours, Target::Absolute(case.target, "s")),
        );
    }
    Ok(())
}

async fn open(servers: &Servers, name: &str, flags: &[&str]) -> Result<LogStore<Nats>> {
    let own = servers.flags(name);
    let line = ["bench".to_owned()].into_iter().chain(own);
    let line = line.chain(flags.iter().map(|flag| (*flag).to_owned()));
    let config = Line::try_parse_from(line)?.config;
    let first = servers.servers.first().context("no server")?.address;
    let log = Nats::start(NatsOptions {
        servers: vec![first.to_string()],
        id: name.to_uppercase(),
        ca: None,
        nkey: None,
    })?;
    let directory = config.nats.state_dir.clone().context("no directory")?;
    let rule = config.cover.build()?.rule;
    let options = log_options(&config, &rule)?;
    let store = LogStore::open(log, StateDir::open(&directory)?, options)?;
    store.ready().await?;
    Ok(store)
}

fn alone(directory: &Path, buckets: u32) -> Result<SqliteStore> {
    let path = directory.join("relay.db");
    let storage = format!("--storage=sqlite://{}", path.display());
    let line = Line::try_parse_from(["bench", &storage, &format!("--buckets={buckets}")])?;
    Ok(SqliteStore::open(&path, &store_options(&line.config)?)?)
}

/// Posts the cells and closes; the seconds of the close.
async fn close(store: &impl Store, epoch: u64, case: &Case) -> Result<f64> {
    let (buckets, rule): (Vec<BucketId>, CoverRule) = match case.buckets {
        0 => (vec![BucketId::LOBBY], CoverRule::FillTo(16)),
        count => (
            (0..count)
                .map(BucketId::try_from)
                .collect::<Result<_, _>>()?,
            CoverArgs::default().build()?.rule,
        ),
    };
    for bucket in &buckets {
        let entries: Vec<PostEntry> = (0..case.cells)
            .map(|_| entry(*bucket))
            .collect::<Result<_>>()?;
        for post in entries.chunks(64) {
            store.put(post.to_vec()).await?;
        }
    }
    let count = match store.is_replicated() {
        true => 0,
        false => rule.most() * buckets.len(),
    };
    let closing = Closing {
        epoch,
        closed_at: UnixTime(epoch * 1800),
        cell_size: CellSize::DEFAULT,
        cover: cover::prepare(count, CellSize::DEFAULT, &mut random::system()),
        rule,
        buckets,
    };
    let kind = closing.kind();
    let start = Instant::now();
    store.close(closing).await?;
    store
        .end_epoch(kind, if kind == Kind::Lobby { 240 } else { u8::MAX })
        .await?;
    Ok(start.elapsed().as_secs_f64())
}

/// Random bytes: nothing on this path inspects a cell.
fn entry(bucket: BucketId) -> Result<PostEntry> {
    let mut bytes = vec![0; CellSize::DEFAULT.bytes()];
    UnwrapErr(SysRng).fill_bytes(&mut bytes);
    let cell = Cell::parse(bytes, CellSize::DEFAULT)?;
    Ok(PostEntry { bucket, cell })
}
