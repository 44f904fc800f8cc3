//! Relays to speak to: one inside the test, and one as a process of its own.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    thread::JoinHandle,
};

use clap::Parser;
use tessera_relay::{Config, server::RunError};
use tokio::sync::oneshot;

use crate::client::Client;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    config: Config,
}

/// The flags every test starts from; later ones win.
fn flags(directory: &Path, more: &str) -> Vec<String> {
    let storage = format!(
        "--storage=sqlite://{}",
        directory.join("relay.db").display()
    );
    let mut flags = vec!["serve".to_owned(), "--port=0".to_owned(), storage];
    for (flag, default) in [
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
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                tessera_relay::run(listener, config, async {
                    let _ = stopped.await;
                })
                .await
            })
        });
        Self {
            client: Client(address),
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Drains, as on SIGTERM, and expects no error.
    pub(crate) fn stop(mut self) {
        let _ = self.stop.take().unwrap().send(());
        self.thread.take().unwrap().join().unwrap().unwrap();
    }
}

/// The binary, as a process.
pub(crate) struct Process {
    pub(crate) client: Client,
    child: Child,
}

impl Process {
    pub(crate) fn start(directory: &Path, more: &str, log: Stdio) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tessera-relay"))
            .args(flags(directory, more))
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line
            .trim()
            .strip_prefix("tessera-relay listens on http://")
            .expect("the first line");
        let address: SocketAddr = address.parse().unwrap();
        Self {
            client: Client(address),
            child,
        }
    }

    pub(crate) fn id(&self) -> String {
        self.child.id().to_string()
    }

    /// SIGKILL: nothing is flushed, nobody is asked.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and the exit code.
    pub(crate) fn terminate(mut self) -> Option<i32> {
        assert!(
            Command::new("kill")
                .args(["-TERM", &self.id()])
                .status()
                .unwrap()
                .success()
        );
        self.child.wait().unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
