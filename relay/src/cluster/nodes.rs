//! The files of the relays: stores, certificates, and the list of members.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use tessera::wire::{BATCH_HEADER_LEN, Origin};

use super::{ClusterArgs, ClusterError, PEER_PORTS, io};
use crate::{
    Config,
    cli::{Cli, Command},
    config::{ConfigError, Topology},
    cover::LOBBY_CELLS,
    federation::{Member, make_certificate, origin, pin},
};

/// One relay.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) origin: Origin,
    pub(crate) address: SocketAddr,
    pub(crate) publishes: bool,
    pub(super) directory: PathBuf,
    pub(super) flags: Vec<String>,
}

/// Makes what is missing, and writes the list of members. Also returns the cost of
/// this many publishers, as a line.
pub(super) async fn prepare(
    args: &ClusterArgs,
    dir: &Path,
) -> Result<(Vec<Node>, String), ClusterError> {
    let publishers = args.publishers.unwrap_or(args.nodes);
    if publishers > args.nodes {
        return Err(ClusterError::Publishers);
    }
    fs::create_dir_all(dir).map_err(io(dir.display()))?;
    let dir = fs::canonicalize(dir).map_err(io(dir.display()))?;
    let (mut nodes, mut members, mut cost) = (Vec::new(), String::new(), String::new());
    for number in 0..args.nodes {
        let directory = dir.join(format!("node-{number}"));
        fs::create_dir_all(&directory).map_err(io(directory.display()))?;
        let (certificate, key) = (directory.join("peer.pem"), directory.join("peer-key.pem"));
        let name = format!("node-{number}");
        make_certificate(&certificate, &key, &name)?;
        let flags = flags(args, &dir, number);
        let config = config(&flags)?;
        let origin = origin(&config).await?;
        let publishes = number < publishers;
        let port = args.port + number;
        let member = Member {
            name,
            origin,
            pins: vec![pin(&certificate, &key)?],
            peer: format!("127.0.0.1:{}", port + PEER_PORTS),
            urls: vec![format!("http://127.0.0.1:{port}")],
            publishes,
            lobby: publishes,
        };
        members += &member.entry();
        nodes.push(Node {
            origin,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            publishes,
            directory,
            flags,
        });
        cost = cost_line(&config, args, publishers)?;
    }
    let file = dir.join("federation.toml");
    fs::write(&file, members).map_err(io(file.display()))?;
    Ok((nodes, cost))
}

fn flags(args: &ClusterArgs, dir: &Path, number: u16) -> Vec<String> {
    let directory = dir.join(format!("node-{number}"));
    let path = |name: &str| directory.join(name).display().to_string();
    let port = args.port + number;
    let topology = match args.topology {
        Topology::Mesh => "mesh",
        Topology::Ring => "ring",
    };
    let epoch = args.epoch.get();
    let mut flags = vec![
        "tessera-relay".to_owned(),
        "serve".to_owned(),
        "--until-stdin-ends".to_owned(),
        format!("--port={port}"),
        format!("--storage=sqlite://{}", path("relay.db")),
        format!("--epoch={epoch}s"),
        format!("--lobby-epoch={}s", epoch.min(5)),
        format!("--federation={}", dir.join("federation.toml").display()),
        format!("--peer-listen=127.0.0.1:{}", port + PEER_PORTS),
        format!("--peer-cert={}", path("peer.pem")),
        format!("--peer-key={}", path("peer-key.pem")),
        format!("--topology={topology}"),
        "--peer-poll=1s".to_owned(),
    ];
    // A page of one relay may post to the others.
    for other in 0..args.nodes {
        let port = args.port + other;
        flags.push(format!("--allow-origin=http://127.0.0.1:{port}"));
        flags.push(format!("--allow-origin=http://localhost:{port}"));
    }
    if let Some(portal) = &args.portal {
        flags.push(format!("--static-dir={}", portal.display()));
    }
    flags.extend(args.serve.iter().cloned());
    flags
}

/// The settings that `serve` would have with these flags.
fn config(flags: &[String]) -> Result<Config, ClusterError> {
    let cli = Cli::load(flags).map_err(|error| ClusterError::Flags(error.to_string()))?;
    match cli.command {
        Command::Serve(config) => Ok(*config),
        _ => Err(ClusterError::Flags("not flags of serve".to_owned())),
    }
}

/// What several publishers cost: each adds cover of its own to every batch.
fn cost_line(config: &Config, args: &ClusterArgs, publishers: u16) -> Result<String, ClusterError> {
    let cover = config
        .cover
        .build()
        .map_err(ConfigError::from)?
        .rule
        .usual();
    let bytes = |cells: u32, epoch: u32| {
        let batch = f64::from(cells) * f64::from(config.cell_size.get())
            + f64::from(u32::try_from(BATCH_HEADER_LEN).unwrap_or(0));
        f64::from(publishers) * batch * 86_400.0 / f64::from(epoch) / 1e6
    };
    let copies = match args.topology {
        Topology::Mesh => args.nodes - 1,
        Topology::Ring => 2.min(args.nodes - 1),
    };
    Ok(format!(
        "cost: {publishers} publishers x {cover} cells of cover = {:.1} MB per bucket and day for \
         each reader, {:.1} MB for the lobby; each batch leaves its relay {copies} times",
        bytes(cover, config.epoch.get()),
        bytes(LOBBY_CELLS, config.lobby_epoch.get())
    ))
}
