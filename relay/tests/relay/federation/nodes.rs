//! Several relays with one list of members.

use std::{
    collections::BTreeMap,
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use tempfile::TempDir;
use tessera::wire::{
    BATCH_HEADER_LEN, BatchHeader, Origin, paths,
    relay_api::{OriginsAnswer, Standing},
};

use crate::{client::Client, ports::free_port, server::Process, wait::wait_for};

/// The members, not all of which run.
pub(super) struct Nodes {
    directory: TempDir,
    pub(super) origins: Vec<Origin>,
    pub(super) ports: Vec<u16>,
    entries: Vec<String>,
    flags: String,
    running: Vec<Option<Process>>,
}

impl Nodes {
    /// Makes stores, certificates and the list of members; starts none.
    pub(super) fn new(count: usize, mirrors: &[usize], flags: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let ports: Vec<u16> = (0..count).map(|_| free_port()).collect();
        let make = |(number, port): (usize, &u16)| {
            let node = directory.path().join(format!("node-{number}"));
            fs::create_dir(&node).unwrap();
            entry(&node, number, *port, mirrors.contains(&number))
        };
        let entries: Vec<String> = thread::scope(|scope| {
            let made: Vec<_> = ports
                .iter()
                .enumerate()
                .map(|node| scope.spawn(move || make(node)))
                .collect();
            made.into_iter().map(|made| made.join().unwrap()).collect()
        });
        let origin_of = |entry: &String| {
            let mut lines = entry.lines();
            let origin = lines.find_map(|line| line.strip_prefix("origin = "));
            origin.unwrap().trim_matches('"').parse().unwrap()
        };
        let origins = entries.iter().map(origin_of).collect();
        let nodes = Self {
            directory,
            origins,
            ports,
            entries,
            flags: flags.to_owned(),
            running: (0..count).map(|_| None).collect(),
        };
        for number in 0..count {
            nodes.write_members(number, |_, port| port);
        }
        nodes
    }

    /// Writes the list of members of one node, with changed peer ports.
    pub(super) fn write_members(&self, number: usize, port_of: impl Fn(usize, u16) -> u16) {
        let changed = |(other, entry): (usize, &String)| {
            let port = self.ports[other];
            entry.replace(
                &format!("127.0.0.1:{port}"),
                &format!("127.0.0.1:{}", port_of(other, port)),
            )
        };
        let text: String = self.entries.iter().enumerate().map(changed).collect();
        fs::write(self.path(number).join("federation.toml"), text).unwrap();
    }

    pub(super) fn path(&self, number: usize) -> PathBuf {
        self.directory.path().join(format!("node-{number}"))
    }

    pub(super) fn start(&mut self, number: usize) {
        self.start_at(number, self.ports[number], &self.path(number));
    }

    /// Starts a node on another port and directory, such as a copy of another.
    pub(super) fn start_at(&mut self, number: usize, port: u16, directory: &Path) {
        let process = spawn(directory, port, &self.flags);
        self.running[number] = Some(process);
    }

    pub(super) fn start_all(&mut self) {
        let paths: Vec<PathBuf> = (0..self.origins.len()).map(|of| self.path(of)).collect();
        let (ports, flags) = (&self.ports, self.flags.as_str());
        let started = thread::scope(|scope| {
            let starts: Vec<_> = paths
                .iter()
                .zip(ports)
                .map(|(path, port)| scope.spawn(move || Some(spawn(path, *port, flags))))
                .collect();
            starts
                .into_iter()
                .map(|start| start.join().unwrap())
                .collect()
        });
        self.running = started;
    }

    pub(super) fn kill(&mut self, number: usize) {
        self.running[number].take().unwrap().kill();
    }

    /// Stops a node in order.
    pub(super) fn stop(&mut self, number: usize) {
        let code = self.running[number].take().unwrap().terminate();
        assert_eq!(code, Some(0));
    }

    pub(super) fn client(&self, number: usize) -> Client {
        self.running[number]
            .as_ref()
            .expect("a running node")
            .client
    }

    /// What a node says of an origin.
    pub(super) fn standing(&self, number: usize, of: usize) -> Standing {
        let all = origins(self.client(number)).origins;
        let origin = self.origins[of];
        all.into_iter().find(|s| s.origin == origin).unwrap()
    }

    /// The newest epoch of the numbered buckets that a node has of an origin.
    pub(super) fn epoch(&self, number: usize, of: usize) -> Option<u64> {
        let kinds = self.standing(number, of).kinds;
        kinds.numbered.map(|standing| standing.epoch)
    }

    /// Waits until each of these nodes has all that each of them published so far.
    pub(super) fn wait_until_in_step(&self, numbers: &[usize]) {
        let newest = |of| {
            let held = numbers.iter().map(|number| self.epoch(*number, of));
            held.max().flatten()
        };
        let target: Vec<Option<u64>> = (0..self.origins.len()).map(newest).collect();
        for number in numbers {
            for (of, epoch) in target.iter().enumerate() {
                wait_for("a node is not in step", || {
                    self.epoch(*number, of) >= *epoch
                });
            }
        }
    }

    /// The headers that a node has of an origin.
    pub(super) fn headers(&self, number: usize, of: usize) -> Vec<BatchHeader> {
        let of_kind = |kind| headers(self.client(number), &self.origins[of], kind);
        ["numbered", "lobby"].map(of_kind).concat()
    }
}

/// Runs the command that prints a node's entry, and makes what is missing.
fn entry(directory: &Path, number: usize, port: u16, mirror: bool) -> String {
    let path = |name: &str| directory.join(name).display().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tessera-relay"));
    command.arg("federation-entry").args([
        &format!("--name=node-{number}"),
        &format!("--peer=127.0.0.1:{port}"),
        "--url=http://127.0.0.1:1",
        "--new",
        "--buckets=2",
        "--cover=fixed",
        "--cover-cells=3",
        &format!("--storage=sqlite://{}", path("relay.db")),
        &format!("--peer-cert={}", path("peer.pem")),
        &format!("--peer-key={}", path("peer-key.pem")),
    ]);
    // Not used, but required beside certificate and key.
    command.args([
        &format!("--federation={}", path("federation.toml")),
        "--peer-listen=127.0.0.1:1",
    ]);
    if mirror {
        command.arg("--mirror");
    }
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout).unwrap() + "\n"
}

pub(crate) fn member_flags(directory: &Path, port: u16) -> String {
    let path = |name: &str| directory.join(name).display().to_string();
    format!(
        "--federation {} --peer-listen 127.0.0.1:{port} --peer-cert {} --peer-key {} --peer-poll 1s",
        path("federation.toml"),
        path("peer.pem"),
        path("peer-key.pem")
    )
}

fn spawn(directory: &Path, port: u16, flags: &str) -> Process {
    let log = fs::File::options()
        .create(true)
        .append(true)
        .open(directory.join("log"))
        .unwrap();
    let flags = format!("{} {flags}", member_flags(directory, port));
    Process::start(directory, &flags, Stdio::from(log))
}

pub(super) fn origins(client: Client) -> OriginsAnswer {
    let answer = client.get(paths::ORIGINS);
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_slice(&answer.body).unwrap()
}

/// Epoch and root of every origin and kind that a node lists.
pub(crate) fn roots(client: Client) -> BTreeMap<(Origin, &'static str), (u64, String)> {
    let mut roots = BTreeMap::new();
    for standing in origins(client).origins {
        let kinds = [
            ("numbered", standing.kinds.numbered),
            ("lobby", standing.kinds.lobby),
        ];
        for (kind, state) in kinds {
            if let Some(state) = state {
                let root = (state.epoch, state.root.to_string());
                roots.insert((standing.origin, kind), root);
            }
        }
    }
    roots
}

/// The headers of a kind of buckets that a node has of an origin.
pub(crate) fn headers(client: Client, origin: &Origin, kind: &str) -> Vec<BatchHeader> {
    let answer = client.get(&paths::headers(origin, kind, None));
    assert_eq!(answer.status, 200);
    let (all, rest) = answer.body.as_chunks::<BATCH_HEADER_LEN>();
    assert!(rest.is_empty());
    let decoded = all.iter().map(|bytes| BatchHeader::decode(bytes).unwrap());
    decoded.collect()
}

/// A link that can be cut: passes connections on to a port while it is up.
pub(super) struct Link {
    pub(super) port: u16,
    is_up: Arc<AtomicBool>,
}

impl Link {
    pub(super) fn to(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let own = listener.local_addr().unwrap().port();
        let is_up = Arc::new(AtomicBool::new(true));
        let up = Arc::clone(&is_up);
        std::thread::spawn(move || {
            #[expect(clippy::disallowed_methods, reason = "a test's own link")]
            let incoming = listener.incoming();
            for stream in incoming.map_while(Result::ok) {
                let target = SocketAddr::from(([127, 0, 0, 1], port));
                if !up.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(other) = TcpStream::connect(target) else {
                    continue;
                };
                for (from, to) in [(&stream, &other), (&other, &stream)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let up = Arc::clone(&up);
                    std::thread::spawn(move || copy(from, to, &up));
                }
            }
        });
        Self { port: own, is_up }
    }

    pub(super) fn set(&self, is_up: bool) {
        self.is_up.store(is_up, Ordering::SeqCst);
    }
}

/// Copies until either side ends or the link is cut.
fn copy(mut from: TcpStream, mut to: TcpStream, is_up: &AtomicBool) {
    use std::io::{Read as _, Write as _};
    let _ = from.set_read_timeout(Some(Duration::from_millis(50)));
    let mut bytes = [0; 16 << 10];
    while is_up.load(Ordering::SeqCst) {
        match from.read(&mut bytes) {
            Ok(0) => break,
            Ok(read) if to.write_all(&bytes[..read]).is_err() => break,
            Err(error)
                if !matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ) =>
            {
                break;
            }
            _ => (),
        }
    }
    let _ = from.shutdown(std::net::Shutdown::Both);
    let _ = to.shutdown(std::net::Shutdown::Both);
}
