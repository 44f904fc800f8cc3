//! Relays under test: in a thread of the test, or as a process.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    thread::JoinHandle,
};

use clap::Parser;
use tessera_relay::{Config, Relay, server::RunError};
use tokio::sync::oneshot;

use crate::client::Client;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    config: Config,
}

/// The base flags of every test; later ones override them.
pub(crate) fn flags(directory: &Path, more: &str) -> Vec<String> {
    let storage = format!("sqlite://{}", directory.join("relay.db").display());
    let mut flags = vec!["serve".to_owned(), "--port=0".to_owned()];
    for (flag, default) in [
        ("--storage", storage.as_str()),
        ("--epoch", "1s"),
        ("--lobby-epoch", "1s"),
        ("--cover", "fixed"),
        ("--cover-cells", "3"),
        ("--buckets", "2"),
    ] {
        if !more.contains(&format!("{flag} ")) {
            flags.push(format!("{flag}={default}"));
        }
    }
    flags.extend(more.split_whitespace().map(str::to_owned));
    flags
}

/// A relay in a thread of this test.
pub(crate) struct Server {
    pub(crate) client: Client,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), RunError>>>,
}

impl Server {
    pub(crate) fn start(directory: &Path, more: &str) -> Self {
        let config = Line::try_parse_from(flags(directory, more))
            .unwrap_or_else(|error| panic!("{error}"))
            .config;
        let relay = Relay::open(config).unwrap_or_else(|error| panic!("{error}"));
        let url = relay.url().unwrap();
        let (_, address) = url.split_once("://").unwrap();
        let address = address.parse().unwrap();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(relay.serve(async {
                let _ = stopped.await;
            }))
        });
        Self {
            client: Client(address),
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Drains as on SIGTERM, and expects no error.
    pub(crate) fn stop(mut self) {
        let _ = self.stop.take().unwrap().send(());
        self.thread.take().unwrap().join().unwrap().unwrap();
    }
}

/// The binary, as a process.
pub(crate) struct Process {
    pub(crate) client: Client,
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Process {
    pub(crate) fn start(directory: &Path, more: &str, log: Stdio) -> Self {
        Self::start_with(directory, more, &[], log)
    }

    pub(crate) fn start_with(
        directory: &Path,
        more: &str,
        environment: &[(&str, &str)],
        log: Stdio,
    ) -> Self {
        let mut relay = Command::new(env!("CARGO_BIN_EXE_tessera-relay"));
        relay.envs(environment.iter().copied());
        Self::spawn(relay, directory, more, log)
    }

    /// Starts the binary under another command that executes or traces it.
    pub(crate) fn start_under(wrapper: &[&str], directory: &Path, more: &str, log: Stdio) -> Self {
        let mut command = Command::new(wrapper[0]);
        command
            .args(&wrapper[1..])
            .arg(env!("CARGO_BIN_EXE_tessera-relay"));
        Self::spawn(command, directory, more, log)
    }

    fn spawn(mut command: Command, directory: &Path, more: &str, log: Stdio) -> Self {
        let mut child = command
            .args(flags(directory, more))
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        lines.read_line(&mut line).unwrap();
        let address = line
            .trim()
            .strip_prefix("tessera-relay listening on http")
            .and_then(|url| url.trim_start_matches('s').strip_prefix("://"))
            .expect("the first line");
        let address: SocketAddr = address.parse().unwrap();
        Self {
            client: Client(address),
            child,
            lines,
        }
    }

    /// A client of the admin interface, whose address is in the second line.
    pub(crate) fn admin(&mut self) -> Client {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        let address = line
            .trim()
            .strip_prefix("admin interface listening on http://");
        Client(address.expect("the second line").parse().unwrap())
    }

    /// The error output of a relay that does not start.
    pub(crate) fn refused(directory: &Path, more: &str) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_tessera-relay"))
            .args(flags(directory, more))
            .output()
            .unwrap();
        assert!(!output.status.success(), "{more}");
        assert!(output.stdout.is_empty(), "{more}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// The error output of a relay that starts and then ends by itself.
    pub(crate) fn ends(directory: &Path, more: &str) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_tessera-relay"))
            .args(flags(directory, more))
            .output()
            .unwrap();
        assert!(!output.status.success(), "{more}");
        String::from_utf8(output.stderr).unwrap()
    }

    pub(crate) fn id(&self) -> String {
        self.child.id().to_string()
    }

    /// Kills the process with SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn signal(&self, name: &str) {
        let kill = Command::new("kill")
            .args([&format!("-{name}"), &self.id()])
            .status();
        assert!(kill.unwrap().success());
    }

    /// Waits until it exits; returns the exit code.
    pub(crate) fn wait(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Sends SIGTERM; returns the exit code.
    pub(crate) fn terminate(mut self) -> Option<i32> {
        self.signal("TERM");
        self.child.wait().unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
