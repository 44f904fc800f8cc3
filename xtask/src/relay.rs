//! A real relay on embedded SQLite in a temporary directory, with epochs short enough to watch.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::build;
use crate::process::{Group, interrupted};
use crate::workspace::Workspace;

const START_LIMIT: Duration = Duration::from_secs(120);
pub(crate) const EPOCH: &str = "3s";
/// Further settings of a demo. Nine cells of cover on average: one left running for a day stays below 3 GB.
pub(crate) const SETTINGS: [&str; 10] = [
    "--buckets",
    "4",
    "--cover-traffic-epsilon",
    "1",
    "--cover-traffic-delta",
    "1e-4",
    "--retention",
    "1d",
    "--lobby-retention",
    "1h",
];

/// A running relay; dropping it stops the relay and removes its directory.
#[derive(Debug)]
pub(crate) struct Relay {
    group: Group,
    port: u16,
    directory: TempDir,
}

impl Relay {
    /// Starts the built relay with the built portal, and waits until it is ready.
    pub(crate) fn start(workspace: &Workspace, port: u16) -> Result<Self> {
        let port = free_port(port)?;
        let directory = tempfile::Builder::new().prefix("tessera-demo-").tempdir()?;
        let log = File::create(directory.path().join("relay.log"))?;
        let database = directory.path().join("relay.db");
        let mut command = Command::new(build::relay_binary(workspace));
        command
            .args(["serve", "--port", &port.to_string()])
            .args(["--storage", &format!("sqlite://{}", database.display())])
            .args(["--epoch", EPOCH, "--lobby-epoch", EPOCH])
            .args(SETTINGS)
            .arg("--static-dir")
            .arg(workspace.path("www/dist"))
            .stdout(log.try_clone()?)
            .stderr(log);
        let mut relay = Self {
            group: Group::spawn(&mut command)?,
            port,
            directory,
        };
        relay.wait_until_ready()?;
        Ok(relay)
    }

    /// The address of the portal and of the relay's interface.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// An error if the relay has exited.
    pub(crate) fn still_runs(&mut self) -> Result<()> {
        match self.group.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("the relay exited ({status}):\n{}", self.log()),
        }
    }

    /// Stops the relay, which must drain and exit without an error.
    pub(crate) fn stop(mut self) -> Result<()> {
        let status = self.group.stop()?;
        if !status.success() {
            bail!("the relay did not exit cleanly ({status}):\n{}", self.log());
        }
        Ok(())
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let start = Instant::now();
        loop {
            self.still_runs()?;
            if is_ready(self.port) {
                return Ok(());
            }
            if interrupted() {
                bail!("interrupted");
            }
            if start.elapsed() > START_LIMIT {
                bail!(
                    "the relay is not ready after {} s:\n{}",
                    START_LIMIT.as_secs(),
                    self.log()
                );
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("relay.log")).unwrap_or_default()
    }
}

/// Fails if a process listens on `port`.
pub(crate) fn require_free(port: u16) -> Result<()> {
    free_port(port).map(|_free| ())
}

/// The port itself if it is free; any free port for 0.
fn free_port(port: u16) -> Result<u16> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(listener) => Ok(listener.local_addr()?.port()),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            bail!(
                "port {port} is in use: stop the process that listens there, or choose another with --port"
            )
        }
        Err(error) => Err(error).with_context(|| format!("port {port}")),
    }
}

/// Whether `GET /readyz` answers 200.
fn is_ready(port: u16) -> bool {
    let ask = || -> std::io::Result<String> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream
            .write_all(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(4096).read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_named() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("address").port();
        let error = free_port(port).expect_err("in use").to_string();
        assert!(
            error.starts_with(&format!("port {port} is in use")),
            "{error}"
        );
        drop(listener);
        assert_eq!(free_port(port).expect("free again"), port);
    }

    #[test]
    fn ready_means_200() {
        for (answer, ready) in [
            ("HTTP/1.1 200 OK\r\n\r\n", true),
            ("HTTP/1.1 503 x\r\n\r\n", false),
        ] {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
            let port = listener.local_addr().expect("address").port();
            let server = thread::spawn(move || {
                let (mut stream, _) = listener.accept().expect("accept");
                let mut request = [0; 512];
                let _length = stream.read(&mut request).expect("request");
                stream.write_all(answer.as_bytes()).expect("answer");
            });
            assert_eq!(is_ready(port), ready);
            server.join().expect("server");
            assert!(!is_ready(port), "the server has ended");
        }
    }
}
