//! `tessera-relay cluster`: a federation of relays on one machine, to try out what
//! happens when relays fail. Each relay is a process of its own, with its own store
//! and keys; one that dies is shown and not restarted.

mod control;
mod nodes;
mod table;

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use clap::{Args, Subcommand};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use self::{
    nodes::{Node, prepare},
    table::Seen,
};
use crate::{
    config::{ConfigError, Seconds, Topology},
    federation::EntryError,
    lock::lock,
};

/// How often the processes are looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How long relays have to finish.
const STOP: Duration = Duration::from_secs(20);
/// Offsets from `--port`.
const PEER_PORTS: u16 = 100;
const CONTROL_PORT: u16 = 50;
/// Maximum number of relays, so that the ports do not overlap.
const MOST_NODES: i64 = 32;

/// Flags of `cluster`.
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct ClusterArgs {
    /// Kill or start one relay of a running cluster.
    #[command(subcommand)]
    pub action: Option<Action>,

    /// Number of relays
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=MOST_NODES))]
    pub nodes: u16,

    /// Which members are asked for new batches
    #[arg(long, default_value = "mesh", value_name = "TOPOLOGY")]
    pub topology: Topology,

    /// Directory for the stores, keys and logs; reused if it exists
    #[arg(long, required = true, value_name = "DIR")]
    pub dir: Option<PathBuf>,

    /// First port: relays listen on this one and the following, for each other 100 higher, and the
    /// control page is 50 higher
    #[arg(long, default_value_t = 8100, value_name = "PORT")]
    pub port: u16,

    /// Number of relays that publish batches; the others pass posts on. All by default
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=MOST_NODES))]
    pub publishers: Option<u16>,

    /// Length of an epoch
    #[arg(long, default_value = "10s", value_name = "DURATION")]
    pub epoch: Seconds,

    /// Directory of a portal that every relay serves
    #[arg(long, value_name = "DIR")]
    pub portal: Option<PathBuf>,

    /// Further flags of `serve` for every relay, after `--`
    #[arg(last = true, value_name = "FLAGS")]
    pub serve: Vec<String>,
}

/// What to do with one relay.
#[derive(Subcommand, Clone, Debug)]
pub enum Action {
    /// Kill a relay with SIGKILL
    Kill(OneArgs),
    /// Start a relay that was killed
    Start(OneArgs),
}

/// One relay of a running cluster.
#[derive(Args, Clone, Debug)]
pub struct OneArgs {
    /// Number of the relay, from 0
    pub node: u16,
    /// Directory of the cluster
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
}

/// Why a cluster cannot run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// A file or a process.
    #[error("{what}: {error}")]
    Io {
        /// The file or program.
        what: String,
        /// Why.
        error: io::Error,
    },
    /// Flags that `serve` refuses.
    #[error("{0}")]
    Flags(String),
    /// Inconsistent settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A store or a certificate that cannot be opened or made.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// More publishers than relays.
    #[error("--publishers: at most as many as --nodes")]
    Publishers,
    /// The running cluster refused a command.
    #[error("{0}")]
    Refused(String),
}

fn io(what: impl std::fmt::Display) -> impl FnOnce(io::Error) -> ClusterError {
    move |error| ClusterError::Io {
        what: what.to_string(),
        error,
    }
}

/// The relays of a running cluster.
#[derive(Debug)]
pub(crate) struct Cluster {
    nodes: Vec<Node>,
    children: Mutex<Vec<Option<Child>>>,
    seen: watch::Sender<Seen>,
    cost: String,
}

impl ClusterArgs {
    /// Runs the command: a cluster until SIGINT or SIGTERM, or one action.
    ///
    /// # Errors
    ///
    /// One of [`ClusterError`].
    pub async fn run(self, stop: impl Future<Output = ()> + Send) -> Result<(), ClusterError> {
        match &self.action {
            Some(Action::Kill(one)) => command(&one.dir, one.node, "kill"),
            Some(Action::Start(one)) => command(&one.dir, one.node, "start"),
            None => self.serve(stop).await,
        }
    }

    async fn serve(self, stop: impl Future<Output = ()> + Send) -> Result<(), ClusterError> {
        let dir = self.dir.clone().unwrap_or_default();
        let (nodes, cost) = prepare(&self, &dir).await?;
        let cluster = Arc::new(Cluster {
            children: Mutex::new(nodes.iter().map(|_| None).collect()),
            seen: watch::Sender::new(Seen::default()),
            nodes,
            cost,
        });
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port + CONTROL_PORT));
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(io(address))?;
        let file = dir.join("control");
        std::fs::write(&file, address.to_string()).map_err(io(file.display()))?;
        for number in 0..cluster.nodes.len() {
            cluster.start(number)?;
        }
        print(&format!(
            "control page: http://{address}/\n{}\n",
            cluster.cost
        ));
        let mut tasks = JoinSet::new();
        tasks.spawn(control::serve(listener, Arc::clone(&cluster)));
        tasks.spawn(Arc::clone(&cluster).look());
        tokio::select! {
            () = stop => (),
            _ = tasks.join_next() => (),
        }
        let _ = std::fs::remove_file(&file);
        tasks.shutdown().await;
        cluster.stop().await;
        Ok(())
    }
}

impl Cluster {
    /// Starts a relay, unless it runs.
    pub(crate) fn start(&self, number: usize) -> Result<(), ClusterError> {
        let mut children = lock(&self.children);
        let (Some(node), Some(place)) = (self.nodes.get(number), children.get_mut(number)) else {
            return Err(ClusterError::Refused("no such relay".to_owned()));
        };
        if is_running(place) {
            return Err(ClusterError::Refused("it runs already".to_owned()));
        }
        let program = std::env::current_exe().map_err(io("tessera-relay"))?;
        let path = node.directory.join("log");
        let log = File::options().create(true).append(true).open(&path);
        let log = log.map_err(io(path.display()))?;
        let child = Command::new(program)
            .args(node.flags.iter().skip(1))
            // The relay stops when this process ends, however that happens.
            .stdin(Stdio::piped())
            .stdout(log.try_clone().map_err(io(path.display()))?)
            .stderr(log)
            .spawn()
            .map_err(io("tessera-relay"))?;
        *place = Some(child);
        Ok(())
    }

    /// Kills a relay with SIGKILL.
    pub(crate) fn kill(&self, number: usize) -> Result<(), ClusterError> {
        let mut children = lock(&self.children);
        let child = children.get_mut(number).and_then(Option::as_mut);
        let child = child.ok_or_else(|| ClusterError::Refused("no such relay".to_owned()))?;
        child.kill().map_err(io("kill"))?;
        child.wait().map(drop).map_err(io("wait"))
    }

    /// Whether each relay's process runs.
    pub(crate) fn running(&self) -> Vec<bool> {
        lock(&self.children).iter_mut().map(is_running).collect()
    }

    /// Watches the relays, and prints a table when something has changed.
    async fn look(self: Arc<Self>) {
        let mut printed = String::new();
        loop {
            let states = table::look(&self.nodes, &self.running()).await;
            let seen = Seen::new(&self.nodes, states);
            let table = seen.to_string();
            self.seen.send_replace(seen);
            if table != printed {
                print(&table);
                printed = table;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn stop(&self) {
        for child in lock(&self.children).iter_mut().flatten() {
            // Relays shut down in order when their input ends.
            drop(child.stdin.take());
        }
        let patience = tokio::time::Instant::now() + STOP;
        while self.running().contains(&true) {
            if tokio::time::Instant::now() > patience {
                for child in lock(&self.children).iter_mut().flatten() {
                    let _ = child.kill();
                    let _ = child.wait();
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn is_running(child: &mut Option<Child>) -> bool {
    child
        .as_mut()
        .is_some_and(|child| matches!(child.try_wait(), Ok(None)))
}

fn print(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Sends a command to a running cluster.
fn command(dir: &Path, node: u16, action: &str) -> Result<(), ClusterError> {
    let file = dir.join("control");
    let address = std::fs::read_to_string(&file).map_err(io(file.display()))?;
    let mut stream = TcpStream::connect(address.trim()).map_err(io(&address))?;
    let header = control::HEADER;
    let request = format!(
        "POST /nodes/{node}/{action} HTTP/1.1\r\nHost: {address}\r\n{header}: 1\r\n\
         Connection: close\r\nContent-Length: 0\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).map_err(io(&address))?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(io(&address))?;
    let status = answer.split(' ').nth(1);
    match status {
        Some("204") => Ok(()),
        _ => {
            let reason = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
            Err(ClusterError::Refused(reason.trim().to_owned()))
        }
    }
}
