//! A relay on a shared store: three NATS servers that sync every write, beside bare
//! acknowledgements of the same servers and a relay on SQLite, in one run.

mod close;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;
use tokio::process::Command;

use crate::{
    Options,
    load::Peer,
    nats,
    report::{Report, Row, Target},
    server::{Server, free, temporary},
    steps::{Rounds, median, mib, per_second, publish_on, pull, to_relay},
};

/// No epoch of the numbered buckets ends while posts are measured.
const FLAGS: &[&str] = &["--epoch=6h", "--lobby-epoch=1h", "--max-message-size=4KiB"];

/// Three servers.
struct Servers {
    servers: Vec<Server>,
    monitors: Vec<SocketAddr>,
    /// Of the members.
    directory: TempDir,
}

/// nats-server 2.15.1 or newer, as the tests find it.
pub(crate) fn binary() -> Option<PathBuf> {
    let installed =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/python/nats/bin/nats-server");
    let named = std::env::var_os("NATS_SERVER").map(PathBuf::from);
    named
        .into_iter()
        .chain([installed])
        .find(|path| path.is_file())
}

impl Servers {
    async fn start(binary: &Path) -> Result<Self> {
        let mut ports = Vec::new();
        for _ in 0..3 {
            ports.push([free()?, free()?, free()?]);
        }
        let routes: Vec<_> = ports
            .iter()
            .map(|[_, route, _]| format!("\"nats://{route}\""))
            .collect();
        let mut servers = Vec::new();
        for (at, [client, route, monitor]) in ports.iter().enumerate() {
            let directory = temporary()?;
            let settings = format!(
                "server_name: n{at}\nlisten: \"{client}\"\nhttp: \"{monitor}\"\nmax_connections: 10000\n\
                 jetstream {{ store_dir: \"{}\", sync_interval: always, max_file_store: 20GB }}\n\
                 cluster {{ name: bench, listen: \"{route}\", routes: [{}], no_advertise: true }}\n",
                directory.path().display(),
                routes.join(", ")
            );
            let file = directory.path().join("nats.conf");
            fs::write(&file, settings)?;
            let mut command = Command::new(binary);
            command.arg("-c").arg(file);
            servers.push(Server::spawn(command, *client, directory)?);
        }
        let monitors: Vec<_> = ports.iter().map(|[_, _, monitor]| *monitor).collect();
        for (server, monitor) in servers.iter().zip(&monitors) {
            server.until_answering(*monitor, "/healthz").await?;
        }
        Ok(Self {
            servers,
            monitors,
            directory: temporary()?,
        })
    }

    /// The flags of a member.
    fn flags(&self, name: &str) -> Vec<String> {
        let clients: Vec<_> = self
            .servers
            .iter()
            .map(|server| server.address.to_string())
            .collect();
        let state = self.directory.path().join(name);
        let mut flags = vec![
            format!(
                "--storage=nats://{}/{}",
                clients.join(","),
                name.to_uppercase()
            ),
            format!("--state-dir={}", state.display()),
        ];
        flags.extend(
            self.monitors
                .iter()
                .map(|monitor| format!("--nats-monitor=http://{monitor}")),
        );
        flags
    }

    /// Creates a store and starts a relay on it.
    async fn relay(&self, options: &Options, name: &str, flags: &[&str]) -> Result<Server> {
        self.init(options, name, flags).await?;
        self.again(options, name, flags).await
    }

    /// Creates a store.
    async fn init(&self, options: &Options, name: &str, flags: &[&str]) -> Result<()> {
        let own = self.flags(name);
        let said = Command::new(&options.relay)
            .args(["store", "init"])
            .args(&own)
            .args(flags)
            .output()
            .await?;
        let error = String::from_utf8_lossy(&said.stderr);
        ensure!(said.status.success(), "store init: {error}");
        Ok(())
    }

    /// Starts a relay on a store that exists.
    async fn again(&self, options: &Options, name: &str, flags: &[&str]) -> Result<Server> {
        let own = self.flags(name);
        let own: Vec<&str> = own
            .iter()
            .map(String::as_str)
            .chain(flags.iter().copied())
            .collect();
        Server::relay(&options.relay, &own).await
    }
}

/// Posts, pulls, and the time to rebuild a view.
pub(crate) async fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let Some(binary) = binary() else {
        report.remark("no nats-server 2.15.1: the shared store was not measured");
        return Ok(());
    };
    let servers = Servers::start(&binary).await?;
    posts(options, &servers, report).await?;
    close::measure(options, &servers, report).await?;
    pulls(options, &servers, report).await?;
    rebuild(options, &servers, report).await
}

async fn posts(options: &Options, servers: &Servers, report: &mut Report) -> Result<()> {
    let first = servers.servers.first().context("no server")?.address;
    nats::Connection::open(first, 0)
        .await?
        .make_stream(3)
        .await?;
    let flags = [&["--buckets=64", "--post-tick=0ms"], FLAGS].concat();
    let many = options.size(512);
    // A log keeps at most 512 MiB of posts that no epoch has published: each row has
    // stores of its own, and is short enough for them.
    let mut options = options.clone();
    options.seconds = options.seconds.min(2);
    let options = &options;
    for (connections, cells) in [(1, 1), (16, 1), (many, 1), (16, 16), (16, 64)] {
        println!("posts of {cells} cells to a shared store, {connections} connections");
        let name = format!("posts{connections}of{cells}");
        let shared = servers.relay(options, &name, &flags).await?;
        let file = Server::relay(&options.relay, &[]).await?;
        let (mut ours, mut sqlite) = (
            to_relay(&shared, connections).await?,
            to_relay(&file, connections).await?,
        );
        let mut bare = Vec::new();
        for number in 0..connections {
            bare.push(Peer::Nats(nats::Connection::open(first, number).await?));
        }
        let peers = [&mut ours, &mut bare, &mut sqlite];
        let rounds = Rounds::measure(options, cells, peers).await?;
        let [own, acks, alone] = rounds.medians();
        for (peer, of, name, target) in [
            (1, acks, "JetStream acks, R3, synced", Target::Of(0.5)),
            (2, alone, "a relay on SQLite", Target::None),
        ] {
            report.add(
                Row::new(
                    format!(
                        "cells per second to a shared store, tick 0 ms, {connections} connections, \
                         posts of {cells}"
                    ),
                    per_second(own.rate * cells as f64),
                )
                .beside(name, per_second(of.rate * cells as f64))
                .at_least(rounds.ratio(peer), target),
            );
            report.add(
                Row::new("p50 / p99 / p99.9 of these, ms", own.quantiles())
                    .beside(name, of.quantiles()),
            );
        }
    }
    Ok(())
}

async fn pulls(options: &Options, servers: &Servers, report: &mut Report) -> Result<()> {
    println!("pulls from a shared store");
    let flags = [
        "--buckets=1",
        "--epoch=2s",
        "--lobby-epoch=1h",
        "--max-message-size=4KiB",
    ];
    let shared = servers.relay(options, "pulls", &flags).await?;
    let file = Server::relay(&options.relay, &flags).await?;
    let (ours, theirs) = (publish_on(&shared).await?, publish_on(&file).await?);
    let mut rounds = Vec::new();
    for _ in 0..options.rounds() {
        let rate = pull(&shared, &ours, options.time()).await?;
        rounds.push((rate, pull(&file, &theirs, options.time()).await?));
    }
    report.add(
        Row::new(
            "pulls of a batch from a shared store, 64 connections",
            mib(median(rounds.iter().map(|round| round.0))),
        )
        .beside(
            "a relay on SQLite",
            mib(median(rounds.iter().map(|round| round.1))),
        )
        .at_least(
            median(rounds.iter().map(|(ours, theirs)| ours / theirs)),
            Target::Of(0.9),
        ),
    );
    Ok(())
}

/// A member whose view is lost.
async fn rebuild(options: &Options, servers: &Servers, report: &mut Report) -> Result<()> {
    println!("rebuild of a view");
    let cells = format!("--cover-cells={}", options.size(4000));
    let flags = [
        "--buckets=8",
        "--epoch=2s",
        "--lobby-epoch=1h",
        "--max-message-size=4KiB",
        "--cover=fixed",
        &cells,
    ];
    let relay = servers.relay(options, "rebuild", &flags).await?;
    let view = servers.directory.path().join("rebuild/view.db");
    let (wanted, start) = (options.size(256 << 20) as u64, Instant::now());
    while fs::metadata(&view)?.len() < wanted {
        ensure!(
            start.elapsed() < Duration::from_secs(180),
            "the view does not grow"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    relay.stop().await?;
    let size = fs::metadata(&view)?.len();
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(view.with_extension(format!("db{suffix}")));
    }
    let from = Instant::now();
    let relay = servers.again(options, "rebuild", &flags).await?;
    while fs::metadata(&view)?.len() < size {
        ensure!(
            from.elapsed() < Duration::from_secs(180),
            "the view is not rebuilt"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let rate = size as f64 / from.elapsed().as_secs_f64() / 1e6;
    relay.stop().await?;
    report.add(
        Row::new(
            format!("rebuild of a lost view of {} MiB", size >> 20),
            format!("{rate:.0} MB/s"),
        )
        .at_least(rate, Target::Absolute(100.0, "MB/s")),
    );
    Ok(())
}
