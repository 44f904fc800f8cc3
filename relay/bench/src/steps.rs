//! The measurements.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tempfile::TempDir;
use tessera::wire::{BucketId, BucketIndex, RelayInfo, paths};
use tokio::{task::JoinSet, time::sleep};

use crate::{
    Options,
    close::{Pair, Times},
    http,
    load::{self, Measured, Peer},
    nats,
    report::{Report, Row, Target},
    server::Server,
    shared, sqlite,
};

const BUCKETS: u32 = 64;

/// Posts of so many cells at the maximum rate to three peers in turn, several times.
pub(crate) struct Rounds(Vec<[Measured; 3]>);

impl Rounds {
    pub(crate) async fn measure(
        options: &Options,
        cells: usize,
        [first, second, third]: [&mut Vec<Peer>; 3],
    ) -> Result<Self> {
        let mut rounds = Vec::new();
        for _ in 0..options.rounds() {
            let time = options.time();
            rounds.push([
                load::closed(first, BUCKETS, cells, time).await?,
                load::closed(second, BUCKETS, cells, time).await?,
                load::closed(third, BUCKETS, cells, time).await?,
            ]);
        }
        Ok(Self(rounds))
    }

    /// The median of each peer.
    pub(crate) fn medians(&self) -> [Measured; 3] {
        std::array::from_fn(|peer| {
            let of = self.0.iter().filter_map(|round| round.get(peer).cloned());
            load::median(of.collect())
        })
    }

    /// How many times the rate of a peer the first one reaches, by the median.
    pub(crate) fn ratio(&self, peer: usize) -> f64 {
        let ratios = self.0.iter();
        median(ratios.filter_map(|all| Some(all.first()?.rate / all.get(peer)?.rate)))
    }
}

/// One cell per post, at the maximum rate and at half of it.
pub(crate) async fn posts(options: &Options, report: &mut Report) -> Result<()> {
    let relay = Server::relay(&options.relay, &[]).await?;
    let broker = match shared::binary() {
        Some(binary) => Some(Server::nats(&binary).await?),
        None => None,
    };
    if let Some(broker) = &broker {
        nats::Connection::open(broker.address, 0)
            .await?
            .make_stream(1)
            .await?;
    }
    let directory = TempDir::new()?;
    let bare = sqlite::start(&directory.path().join("bare.db"))?;
    for connections in [1, 64, options.size(512)] {
        println!("posts, {connections} connections");
        let mut ours = to_relay(&relay, connections).await?;
        let mut sqlites = vec![];
        let mut nats_peers = vec![];
        for number in 0..connections {
            sqlites.push(Peer::Sqlite(bare.clone()));
            if let Some(broker) = &broker {
                let connection = nats::Connection::open(broker.address, number).await?;
                nats_peers.push(Peer::Nats(connection));
            }
        }
        let peers = [&mut ours, &mut sqlites, &mut nats_peers];
        let rounds = Rounds::measure(options, 1, peers).await?;
        let [relays, sqlites, natss] = rounds.medians();
        report.add(
            Row::new(
                format!("durable posts per second, {connections} connections"),
                per_second(relays.rate),
            )
            .beside("bare SQLite", per_second(sqlites.rate))
            .at_least(rounds.ratio(1), Target::Of(0.5)),
        );
        report.add(
            Row::new("p50 / p99 / p99.9 of these, ms", relays.quantiles())
                .beside("bare SQLite", sqlites.quantiles()),
        );
        if broker.is_some() {
            report.add(
                Row::new(
                    format!("the same, {connections} connections"),
                    per_second(relays.rate),
                )
                .beside("NATS, not synced", per_second(natss.rate))
                .at_least(rounds.ratio(2), Target::None),
            );
            report.add(
                Row::new("p50 / p99 / p99.9 of these, ms", relays.quantiles())
                    .beside("NATS, not synced", natss.quantiles()),
            );
        }
        let half = load::open(&mut ours, BUCKETS, relays.rate / 2.0, options.time()).await?;
        report.add(Row::new(
            format!("p50 / p99 / p99.9 at half that rate, {connections} connections, ms"),
            half.quantiles(),
        ));
    }
    Ok(())
}

/// The same rate of posts to a relay that does nothing else, and to one that
/// closes epochs and deletes batches all the time.
pub(crate) async fn posts_while_busy(options: &Options, report: &mut Report) -> Result<()> {
    const RATE: f64 = 500.0;
    println!("posts while epochs close and batches are deleted");
    let quiet = Server::relay(&options.relay, &[]).await?;
    let flags = ["--epoch=2s", "--retention=4s", "--buckets=8"];
    let busy = Server::relay(&options.relay, &flags).await?;
    let (mut one, mut other) = (to_relay(&quiet, 64).await?, to_relay(&busy, 64).await?);
    // Wait until there are batches to delete.
    load::open(&mut other, 8, RATE, Duration::from_secs(8)).await?;
    let mut rounds = Vec::new();
    for _ in 0..options.rounds() {
        let time = options.time() * 3;
        let calm = load::open(&mut one, 8, RATE, time).await?;
        rounds.push((calm, load::open(&mut other, 8, RATE, time).await?));
    }
    let ratio = median(
        rounds
            .iter()
            .map(|(calm, busy)| busy.quantile(0.99) / calm.quantile(0.99)),
    );
    let calm = load::median(rounds.iter().map(|(calm, _)| calm.clone()).collect());
    let stressed = load::median(rounds.into_iter().map(|(_, busy)| busy).collect());
    report.add(
        Row::new(
            "p50 / p99 / p99.9 during closes and deletes, 500 posts per second, ms",
            stressed.quantiles(),
        )
        .beside("the same without", calm.quantiles())
        .at_most(ratio, Target::Of(3.0)),
    );
    Ok(())
}

/// Repeated pulls of one batch.
pub(crate) async fn pulls(options: &Options, report: &mut Report) -> Result<()> {
    println!("pulls");
    let (path, directory) = publish_one(options).await?;
    let relay = Server::relay_in(&options.relay, directory, &["--buckets=1"]).await?;
    let body = http::Connection::open(relay.address)
        .await?
        .get(&path)
        .await?;
    let Some(nginx) = Server::nginx(&body).await? else {
        report.remark("nginx is not installed: pulls were not measured");
        return Ok(());
    };
    let mut rounds = Vec::new();
    for _ in 0..options.rounds() {
        let ours = pull(&relay, &path, options.time()).await?;
        rounds.push((ours, pull(&nginx, "/batch", options.time()).await?));
    }
    let ratio = median(rounds.iter().map(|(ours, theirs)| ours / theirs));
    let ours = median(rounds.iter().map(|round| round.0));
    let theirs = median(rounds.iter().map(|round| round.1));
    report.add(
        Row::new(
            format!(
                "pulls of a batch of {} KiB, 64 connections",
                body.len() >> 10
            ),
            mib(ours),
        )
        .beside("nginx, static file", mib(theirs))
        .at_least(ratio, Target::Of(0.7)),
    );
    report.add(
        Row::new("the same, client on the same cores", mib(ours))
            .beside("a link of 10 Gb/s", mib(LINK))
            .at_least(ours / LINK, Target::None),
    );
    Ok(())
}

/// Bytes per second of 10 Gb/s.
const LINK: f64 = 10e9 / 8.0;

/// A batch of about 160 cells, and the store it is in.
async fn publish_one(options: &Options) -> Result<(String, TempDir)> {
    let relay = Server::relay(&options.relay, &["--buckets=1", "--epoch=2s"]).await?;
    let path = publish_on(&relay).await?;
    Ok((path, relay.stop().await?))
}

/// The path of a batch of about 160 cells of the only bucket.
pub(crate) async fn publish_on(relay: &Server) -> Result<String> {
    let mut peers = to_relay(relay, 1).await?;
    let bucket = BucketId::try_from(0)?;
    let mut connection = http::Connection::open(relay.address).await?;
    let info: RelayInfo = serde_json::from_slice(&connection.get(paths::INFO).await?)?;
    loop {
        load::open(&mut peers, 1, 26.0, Duration::from_secs(2)).await?;
        let index: BucketIndex =
            serde_json::from_slice(&connection.get(&paths::index(bucket)).await?)?;
        let found = index
            .batches
            .iter()
            .find(|batch| (140..200).contains(&batch.count));
        if let Some(batch) = found {
            return Ok(paths::batch(bucket, &info.origin, batch.epoch));
        }
    }
}

/// Bytes per second over 64 connections.
pub(crate) async fn pull(server: &Server, path: &str, time: Duration) -> Result<f64> {
    let mut tasks = JoinSet::new();
    for _ in 0..64 {
        let (address, path) = (server.address, path.to_owned());
        tasks.spawn(async move {
            let mut connection = http::Connection::open(address).await?;
            let (start, mut bytes) = (Instant::now(), 0);
            while start.elapsed() < time {
                let (status, length) = connection.drain(&path).await?;
                anyhow::ensure!(status == 200, "a pull was answered {status}");
                bytes += length;
            }
            Ok(bytes as f64 / start.elapsed().as_secs_f64())
        });
    }
    let mut rate = 0.0;
    while let Some(ended) = tasks.join_next().await {
        rate += ended??;
    }
    Ok(rate)
}

/// Closes with many cells in every bucket, and a start on the resulting store.
pub(crate) async fn closes_and_start(options: &Options, report: &mut Report) -> Result<()> {
    let (directory, beside) = (TempDir::new()?, TempDir::new()?);
    let mut pair = Pair::new(directory.path(), beside.path())?;
    let cells = options.size(1000);
    let mut all: Vec<Times> = Vec::new();
    // Seven closes write a gibibyte.
    for _ in 0..7 {
        println!("close of 64 buckets with {cells} cells each");
        all.push(pair.close(cells).await?);
    }
    pair.end().await;
    let seconds =
        |of: fn(&Times) -> Duration| median(all.iter().map(|times| of(times).as_secs_f64()));
    let ratio = median(
        all.iter()
            .map(|t| t.ours.as_secs_f64() / t.bare.as_secs_f64()),
    );
    let bytes = all.first().map_or(0, |times| times.bytes);
    report.add(
        Row::new(
            format!(
                "close of 64 buckets with {cells} cells each, {} MiB",
                bytes >> 20
            ),
            format!("{:.2} s", seconds(|times| times.ours)),
        )
        .beside(
            "bare SQLite, same bytes",
            format!("{:.2} s", seconds(|times| times.bare)),
        )
        .at_most(ratio, Target::Of(2.5)),
    );
    report.add(Row::new(
        "making cover for it, while the epoch runs",
        format!("{:.2} s", seconds(|times| times.cover)),
    ));
    start(options, directory, report).await
}

async fn start(options: &Options, mut directory: TempDir, report: &mut Report) -> Result<()> {
    let size = std::fs::metadata(directory.path().join("relay.db"))?.len();
    let mut times = Vec::new();
    for _ in 0..5 {
        let from = Instant::now();
        let relay = Server::relay_in(&options.relay, directory, &["--retention=366d"]).await?;
        times.push(from.elapsed().as_secs_f64());
        directory = relay.stop().await?;
    }
    report.add(
        Row::new(
            format!("from start to ready, {:.2} GB stored", size as f64 / 1e9),
            format!("{:.3} s", median(times.iter().copied())),
        )
        .at_most(median(times.into_iter()), Target::Absolute(0.3, "s")),
    );
    Ok(())
}

/// Memory of subscribers that wait for notices.
pub(crate) async fn subscribers(options: &Options, report: &mut Report) -> Result<()> {
    let count = options.size(10_000);
    println!("{count} idle subscribers");
    let relay = Server::relay(&options.relay, &["--max-subscribers=20000"]).await?;
    let mut connections = Vec::new();
    let mut first = http::Connection::open(relay.address).await?;
    if !first.subscribe(0).await? {
        report.remark("this relay has no WebSocket: subscribers were not measured");
        return Ok(());
    }
    connections.push(first);
    sleep(Duration::from_millis(500)).await;
    let before = relay.memory()?;
    for number in 0..count {
        let mut connection = http::Connection::open(relay.address).await?;
        let bucket = u32::try_from(number)? % BUCKETS;
        anyhow::ensure!(
            connection.subscribe(bucket).await?,
            "refused subscriber {number}"
        );
        connections.push(connection);
    }
    sleep(Duration::from_secs(2)).await;
    let each = relay.memory()?.saturating_sub(before) as f64 / count as f64 / 1024.0;
    report.add(
        Row::new(
            format!("memory of each of {count} idle subscribers"),
            format!("{each:.1} KiB"),
        )
        .at_most(each, Target::Absolute(20.0, "KiB")),
    );
    Ok(())
}

pub(crate) async fn to_relay(relay: &Server, connections: usize) -> Result<Vec<Peer>> {
    let mut peers = Vec::new();
    for _ in 0..connections {
        let connection = http::Connection::open(relay.address).await;
        peers.push(Peer::Relay(connection.context("connecting to the relay")?));
    }
    Ok(peers)
}

pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

pub(crate) fn per_second(rate: f64) -> String {
    format!("{rate:.0} /s")
}

pub(crate) fn mib(rate: f64) -> String {
    format!("{:.0} MiB/s", rate / f64::from(1 << 20))
}
