//! Members of a shared store: their keys by the commands of the binary, their relays
//! as processes that a test may kill, stop and start again.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use super::{namespaces::command, servers::Servers};
use crate::{client::Client, server::flags};

/// The flags of every relay of these tests: short epochs, and no limit that one
/// address reaches.
pub(crate) const FLAGS: &str = "--epoch 2s --lobby-epoch 1s --cover fixed --cover-cells 3 --buckets 2 \
     --cells-per-connection 1000000 --cells-per-peer 1000000";

/// The binary that is tested.
const BINARY: &str = env!("CARGO_BIN_EXE_tessera-relay");

/// Runs a command of the binary.
pub(crate) fn run(words: &[&str], input: &str) -> Output {
    run_with(Path::new(BINARY), words, input)
}

fn run_with(binary: &Path, words: &[&str], input: &str) -> Output {
    let mut child = Command::new(binary)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its flags does not read.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// The output of a command that succeeds.
pub(crate) fn said(words: &[&str], input: &str) -> String {
    let output = run(words, input);
    let errors = String::from_utf8_lossy(&output.stderr);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{words:?}: {errors}{said}");
    said
}

/// The error of a command that is refused.
pub(crate) fn refused(words: &[&str], input: &str) -> String {
    let output = run(words, input);
    assert!(!output.status.success(), "{words:?}");
    assert!(output.stdout.is_empty(), "{words:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// Creates a store with its first member, with the settings of these flags.
pub(crate) fn init(servers: &Servers, state: &Path, flags: &str) -> String {
    init_with(Path::new(BINARY), servers, state, flags)
}

/// The same by the binary of another version.
pub(crate) fn init_with(binary: &Path, servers: &Servers, state: &Path, flags: &str) -> String {
    let replicas = servers.servers.len().to_string();
    let line = format!("{} {flags}", servers.flags(state));
    let mut words = vec!["store", "init", "--replicas", &replicas];
    words.extend(line.split_whitespace());
    // Servers that have just started are healthy before each knows all others.
    for _ in 0..60 {
        let output = run_with(binary, &words, "");
        if output.status.success() {
            return String::from_utf8(output.stdout).unwrap();
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        let is_early = ["LOG_REFUSED", "LOG_UNREACHABLE"];
        assert!(
            is_early.iter().any(|code| errors.contains(code)),
            "{errors}"
        );
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
    panic!("the servers did not take a store");
}

/// Adds a member that an existing one admits.
pub(crate) fn join(servers: &Servers, from: &Path, to: &Path) {
    let storage = servers.storage();
    let state = |path: &Path| path.display().to_string();
    let of = |path| {
        [
            "--storage".to_owned(),
            storage.clone(),
            "--state-dir".to_owned(),
            state(path),
        ]
    };
    let words = |first: &[&str], path| -> Vec<String> {
        let first = first.iter().map(|word| (*word).to_owned());
        first.chain(of(path)).collect()
    };
    let ask = |first: &[&str], path, input: &str| {
        let words = words(first, path);
        said(&words.iter().map(String::as_str).collect::<Vec<_>>(), input)
    };
    let key = ask(&["member", "new"], to, "");
    let admission = ask(&["member", "admit", key.trim()], from, "");
    ask(&["member", "join"], to, &admission);
}

/// A relay that is started again whenever it ends, while it is wanted.
pub(crate) struct Member {
    pub(crate) state: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) binary: Mutex<PathBuf>,
    /// The network namespace that it runs in, if not that of the test.
    pub(crate) namespace: Option<String>,
    flags: Vec<String>,
    environment: Vec<(String, String)>,
    child: Mutex<Option<u32>>,
    client: Mutex<Option<Client>>,
    pub(crate) is_wanted: AtomicBool,
    pub(crate) starts: AtomicU32,
}

impl Member {
    pub(crate) fn new(servers: &Servers, name: &str, rank: usize, more: &str) -> Self {
        let state = servers.directory.path().join(name);
        let flags = flags(
            &state,
            &format!("{} --rank {rank} {more}", servers.flags(&state)),
        );
        Self {
            log: servers.directory.path().join(format!("{name}.log")),
            state,
            binary: Mutex::new(BINARY.into()),
            namespace: None,
            flags,
            environment: Vec::new(),
            child: Mutex::new(None),
            client: Mutex::new(None),
            is_wanted: AtomicBool::new(true),
            starts: AtomicU32::new(0),
        }
    }

    /// A member that reaches the only server at another address.
    pub(crate) fn through(
        servers: &Servers,
        name: &str,
        rank: usize,
        more: &str,
        address: std::net::SocketAddr,
    ) -> Self {
        let mut member = Self::new(servers, name, rank, more);
        let direct = servers.servers[0].client.to_string();
        for flag in &mut member.flags {
            if flag.starts_with("nats://") {
                *flag = flag.replace(&direct, &address.to_string());
            }
        }
        member
    }

    /// Sets its clock ahead or back by so many milliseconds, if libfaketime is
    /// installed.
    pub(crate) fn skew(&mut self, millis: i64) -> bool {
        const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
        if !Path::new(LIBRARY).exists() {
            println!("clocks are not skewed: no libfaketime");
            return false;
        }
        let offset = format!("{:+.3}s", millis as f64 / 1000.0);
        for (name, value) in [
            ("LD_PRELOAD", LIBRARY),
            ("FAKETIME", &offset),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ] {
            self.environment.push((name.to_owned(), value.to_owned()));
        }
        true
    }

    /// The address at which it listens, while it runs.
    pub(crate) fn client(&self) -> Option<Client> {
        *self.client.lock().unwrap()
    }

    /// Sends a signal to the process, if there is one.
    pub(crate) fn signal(&self, name: &str) {
        // The lock is held, so that the process is not waited for meanwhile.
        if let Some(id) = *self.child.lock().unwrap() {
            let kill = Command::new("kill")
                .args([&format!("-{name}"), &id.to_string()])
                .status();
            assert!(kill.unwrap().success());
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.child.lock().unwrap().is_some()
    }

    /// Keeps it running until `stop`.
    pub(crate) fn keep(&self, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            if self.is_wanted.load(Ordering::Relaxed) {
                self.live(stop);
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn live(&self, stop: &AtomicBool) {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .unwrap();
        let binary = self.binary.lock().unwrap().clone();
        let mut child = command(self.namespace.as_deref(), binary)
            .args(&self.flags)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        *self.child.lock().unwrap() = Some(child.id());
        self.starts.fetch_add(1, Ordering::Relaxed);
        let mut line = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let _ = lines.read_line(&mut line);
        if let Some(address) = line
            .trim()
            .strip_prefix("tessera-relay listening on http://")
        {
            *self.client.lock().unwrap() = Some(Client(address.parse().unwrap()));
        }
        loop {
            let mut id = self.child.lock().unwrap();
            if child.try_wait().unwrap().is_some() {
                *id = None;
                break;
            }
            drop(id);
            if stop.load(Ordering::Relaxed) {
                self.end(&mut child);
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        *self.client.lock().unwrap() = None;
    }

    /// Ends it as a service manager would.
    fn end(&self, child: &mut Child) {
        self.signal("CONT");
        self.signal("TERM");
        let mut id = self.child.lock().unwrap();
        child.wait().unwrap();
        *id = None;
    }
}
