//! NATS servers as processes: on 127.0.0.1, in a directory of their own, with every
//! write synced, stopped with the test.
//!
//! The binary is `NATS_SERVER`, what `cargo xtask build-part nats` installs, or
//! `nats-server` on the search path.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use super::{
    namespaces::{Machine, command},
    network::Link,
    volumes::Volume,
};
use crate::{ports::free_address, wait::wait_for};

/// Finds the binary, or prints why the test is skipped.
pub(crate) fn binary() -> Option<PathBuf> {
    let installed =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/python/nats/bin/nats-server");
    let named = std::env::var_os("NATS_SERVER").map(PathBuf::from);
    let candidates = named.into_iter().chain([installed, "nats-server".into()]);
    let found = candidates.into_iter().find(|path| {
        let version = Command::new(path).arg("--version").output();
        version.is_ok_and(|output| output.stdout.starts_with(b"nats-server: v2."))
    });
    if found.is_none() {
        println!("skipped: no nats-server; `cargo xtask build-part nats` installs it");
    }
    found
}

/// How a server is configured.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) count: usize,
    /// The server's `sync_interval`.
    pub(crate) sync: &'static str,
    /// Maximum size of its store.
    pub(crate) max_store: &'static str,
    /// More lines of its configuration.
    pub(crate) more: String,
    /// Each store on a file system of its own, for power cuts.
    pub(crate) on_volumes: bool,
    /// Machines of their own; on the loopback without.
    pub(crate) machines: Vec<Machine>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            count: 3,
            sync: "always",
            max_store: "2GB",
            more: String::new(),
            on_volumes: false,
            machines: Vec::new(),
        }
    }
}

/// A cluster of servers.
pub(crate) struct Servers {
    pub(crate) servers: Vec<Server>,
    /// Of each server, those to the others.
    links: Vec<Vec<(usize, Link)>>,
    /// Removed last.
    pub(crate) directory: TempDir,
}

/// One server.
pub(crate) struct Server {
    binary: PathBuf,
    /// The network namespace that it runs in, if not that of the test.
    namespace: Option<String>,
    name: String,
    pub(crate) client: SocketAddr,
    pub(crate) monitor: SocketAddr,
    file: PathBuf,
    log: PathBuf,
    pub(crate) store: PathBuf,
    child: Option<Child>,
    /// Unmounted after the process has ended.
    pub(crate) volume: Option<Volume>,
}

impl Servers {
    /// One server, for tests of a relay that needs no others.
    pub(crate) fn one() -> Option<Self> {
        Self::start(&Options {
            count: 1,
            ..Options::default()
        })
    }

    /// Starts servers and waits until they are healthy; `None` without the binary.
    pub(crate) fn start(options: &Options) -> Option<Self> {
        let directory = tempfile::Builder::new()
            .prefix("tessera-nats-")
            .tempdir()
            .unwrap();
        let binary = binary()?;
        let ports: Vec<[SocketAddr; 3]> = (0..options.count)
            .map(|at| match options.machines.get(at) {
                Some(machine) => [4222, 6222, 8222].map(|port| (machine.address, port).into()),
                None => [free_address(), free_address(), free_address()],
            })
            .collect();
        // The machines have a network, which partitions them; on the loopback, links do.
        let has_links = options.machines.is_empty();
        let links: Vec<Vec<(usize, Link)>> = (0..if has_links { options.count } else { 0 })
            .map(|from| {
                let others = ports.iter().enumerate().filter(|(to, _)| *to != from);
                others
                    .map(|(to, [_, route, _])| (to, Link::to(*route)))
                    .collect()
            })
            .collect();
        let servers = ports.iter().enumerate().map(|(at, [client, route, monitor])| {
            let name = format!("n{}", at + 1);
            let store = directory.path().join(&name);
            let others: Vec<SocketAddr> = match has_links {
                true => links[at].iter().map(|(_, link)| link.address).collect(),
                false => ports.iter().map(|[_, route, _]| *route).collect(),
            };
            let others = others.iter().map(|other| format!("\"nats://{other}\""));
            let routes: Vec<String> = others.collect();
            // Others must not learn an address that leads past the links.
            let advertised = if has_links { "advertise: \"127.0.0.1:1\", " } else { "" };
            let cluster = if options.count > 1 {
                format!(
                    "cluster {{ name: test, listen: \"{route}\", {advertised}\
                     routes: [{}], no_advertise: true }}\n",
                    routes.join(", ")
                )
            } else {
                String::new()
            };
            let settings = format!(
                "server_name: {name}\nlisten: \"{client}\"\nhttp: \"{monitor}\"\n\
                 jetstream {{ store_dir: \"{}\", sync_interval: {}, max_file_store: {}, max_memory_store: 64MB }}\n\
                 {cluster}{}\n",
                store.display(), options.sync, options.max_store, options.more
            );
            let file = directory.path().join(format!("{name}.conf"));
            std::fs::write(&file, settings).unwrap();
            Server {
                binary: binary.clone(),
                namespace: options.machines.get(at).map(|of| of.namespace.clone()),
                log: directory.path().join(format!("{name}.log")),
                client: *client,
                monitor: *monitor,
                name,
                file,
                child: None,
                volume: options.on_volumes.then(|| Volume::make(&store)),
                store,
            }
        });
        let mut cluster = Self {
            servers: servers.collect(),
            links,
            directory,
        };
        for server in &mut cluster.servers {
            server.start();
        }
        cluster.until_healthy();
        Some(cluster)
    }

    /// Cuts a server off from the others, but not from clients; or heals that.
    pub(crate) fn cut_off(&self, server: usize, is_cut: bool) {
        for (from, links) in self.links.iter().enumerate() {
            for (to, link) in links {
                if from == server || *to == server {
                    link.cut(is_cut);
                }
            }
        }
    }

    /// Waits until every server says that it is healthy.
    pub(crate) fn until_healthy(&self) {
        for server in &self.servers {
            let log = server.log.display();
            let what = format!("{} is not healthy, see {log}", server.name);
            wait_for(&what, || server.is_healthy(self.servers.len()));
        }
    }

    /// The URL of the store of the service `T`.
    pub(crate) fn storage(&self) -> String {
        let servers = self.servers.iter();
        let clients: Vec<_> = servers.map(|server| server.client.to_string()).collect();
        format!("nats://{}/T", clients.join(","))
    }

    /// The flags of a relay on these servers, for the service `T`.
    pub(crate) fn flags(&self, state: &Path) -> String {
        let monitors: Vec<_> = self
            .servers
            .iter()
            .map(|server| format!("--nats-monitor http://{}", server.monitor))
            .collect();
        format!(
            "--storage {} --state-dir {} {}",
            self.storage(),
            state.display(),
            monitors.join(" ")
        )
    }
}

impl Server {
    pub(crate) fn start(&mut self) {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .unwrap();
        let child = command(self.namespace.as_deref(), &self.binary)
            .arg("-c")
            .arg(&self.file)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    pub(crate) fn signal(&self, name: &str) {
        if let Some(child) = &self.child {
            let kill = Command::new("kill")
                .args([&format!("-{name}"), &child.id().to_string()])
                .status();
            assert!(kill.unwrap().success());
        }
    }

    /// Kills it with SIGKILL, also while it is stopped.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Whether it answers and sees `count` servers, with one that leads.
    fn is_healthy(&self, count: usize) -> bool {
        let parse = |answer: String| {
            let (_, body) = answer.split_once("\r\n\r\n")?;
            serde_json::from_str::<serde_json::Value>(body).ok()
        };
        let ask = |path| self.ask(path).and_then(parse).unwrap_or_default();
        let cluster = &ask("/jsz")["meta_cluster"];
        ask("/healthz")["status"] == "ok"
            && (count == 1 || cluster["cluster_size"] == count && cluster["leader"].is_string())
    }

    /// An answer of its monitoring interface.
    pub(crate) fn ask(&self, path: &str) -> Option<String> {
        let patience = Some(Duration::from_secs(5));
        let mut stream = TcpStream::connect_timeout(&self.monitor, Duration::from_secs(5)).ok()?;
        stream.set_read_timeout(patience).ok()?;
        let request = format!("GET {path} HTTP/1.0\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.starts_with("HTTP/1.0 200").then_some(answer)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
