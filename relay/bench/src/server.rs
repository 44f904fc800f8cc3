//! Child processes, each in its own directory, removed on drop.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::{Instant, sleep},
};

use crate::http;

/// A running server.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) directory: TempDir,
}

/// Flags that raise the limits for one loopback client, and make epochs long enough
/// not to disturb measurements.
const QUIET: &[&str] = &[
    // A message of the permitted size leaves within three days.
    "--epoch=6h",
    "--max-message-size=4KiB",
    "--lobby-epoch=1h",
    "--buckets=64",
    "--cells-per-connection=100000000",
    "--cells-per-peer=100000000",
    "--max-connections=20000",
];

impl Server {
    /// Starts a relay on an empty store; `flags` override [`QUIET`].
    pub(crate) async fn relay(binary: &Path, flags: &[&str]) -> Result<Self> {
        Self::relay_in(binary, temporary()?, flags).await
    }

    /// Starts a relay on the store in a directory.
    pub(crate) async fn relay_in(
        binary: &Path,
        directory: TempDir,
        flags: &[&str],
    ) -> Result<Self> {
        let address = free()?;
        let name = |flag: &str| flag.split('=').next().unwrap_or_default().to_owned();
        let is_new = |quiet: &&&str| flags.iter().all(|flag| name(flag) != name(quiet));
        let file = directory.path().join("relay.db");
        let storage = format!("--storage=sqlite://{}", file.display());
        let storage = Some(storage).filter(|own| is_new(&&own.as_str()));
        let mut command = Command::new(binary);
        command
            .args([
                "--log=error",
                "serve",
                &format!("--port={}", address.port()),
            ])
            .args(storage)
            .args(QUIET.iter().filter(is_new))
            .args(flags);
        let server = Self::spawn(command, address, directory)?;
        server.until_ready().await?;
        Ok(server)
    }

    /// NATS with streams on disk, which it syncs from time to time.
    pub(crate) async fn nats(binary: &Path) -> Result<Self> {
        let (address, directory) = (free()?, temporary()?);
        let settings = format!(
            "listen: \"{address}\"\njetstream {{ store_dir: \"{}\" }}\nmax_connections: 10000\n",
            directory.path().display()
        );
        let file = directory.path().join("nats.conf");
        fs::write(&file, settings)?;
        let mut command = Command::new(binary);
        command.arg("-c").arg(file);
        let server = Self::spawn(command, address, directory)?;
        server.until_connected().await?;
        Ok(server)
    }

    /// nginx with these bytes as a static file at `/batch`; `None` if not installed.
    pub(crate) async fn nginx(body: &[u8]) -> Result<Option<Self>> {
        if !Path::new("/usr/sbin/nginx").exists() {
            return Ok(None);
        }
        let (address, directory) = (free()?, temporary()?);
        let path = directory.path().display().to_string();
        fs::write(directory.path().join("batch"), body)?;
        let settings = format!(
            "daemon off; pid {path}/pid; error_log stderr error; worker_processes 2;\n\
             events {{ worker_connections 4096; }}\n\
             http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 10000000;\n\
             client_body_temp_path {path}/a; proxy_temp_path {path}/b; fastcgi_temp_path {path}/c;\n\
             uwsgi_temp_path {path}/d; scgi_temp_path {path}/e;\n\
             server {{ listen {address}; root {path}; }} }}\n"
        );
        let file = directory.path().join("nginx.conf");
        fs::write(&file, settings)?;
        // Its workers run as another user.
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
        let mut command = Command::new("/usr/sbin/nginx");
        command.arg("-c").arg(file);
        let server = Self::spawn(command, address, directory)?;
        server.until_connected().await?;
        Ok(Some(server))
    }

    pub(crate) fn spawn(
        mut command: Command,
        address: SocketAddr,
        directory: TempDir,
    ) -> Result<Self> {
        let log = fs::File::create(directory.path().join("log"))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{:?}", command.as_std().get_program()))?;
        Ok(Self {
            child,
            address,
            directory,
        })
    }

    /// Resident memory in bytes.
    pub(crate) fn memory(&self) -> Result<u64> {
        let id = self.child.id().context("it has ended")?;
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line
            .and_then(|line| line.split_whitespace().nth(1))
            .context("no VmRSS")?;
        Ok(kib.parse::<u64>()? * 1024)
    }

    /// The processor time that it has used.
    pub(crate) fn processor_time(&self) -> Result<Duration> {
        let id = self.child.id().context("it has ended")?;
        let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
        // The name, in parentheses, may have spaces.
        let (_, fields) = stat.rsplit_once(')').context("no fields")?;
        let ticks: u64 = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(str::parse::<u64>)
            .sum::<Result<_, _>>()?;
        // Linux counts hundredths of a second here on every machine.
        Ok(Duration::from_millis(ticks * 10))
    }

    /// Stops it with SIGTERM and returns its directory.
    pub(crate) async fn stop(mut self) -> Result<TempDir> {
        if let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok()) {
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(id), nix::sys::signal::SIGTERM)?;
        }
        let _ = self.child.wait().await?;
        Ok(self.directory)
    }

    async fn until_ready(&self) -> Result<()> {
        self.until_answering(self.address, "/readyz").await
    }

    /// Waits until this address answers with 200.
    pub(crate) async fn until_answering(&self, address: SocketAddr, path: &str) -> Result<()> {
        let asked = async || -> Result<bool> {
            let mut connection = http::Connection::open(address).await?;
            Ok(connection.drain(path).await?.0 == 200)
        };
        self.until(async || asked().await.unwrap_or(false)).await
    }

    async fn until_connected(&self) -> Result<()> {
        self.until(async || TcpStream::connect(self.address).await.is_ok())
            .await
    }

    async fn until(&self, ready: impl AsyncFn() -> bool) -> Result<()> {
        let start = Instant::now();
        while !ready().await {
            if start.elapsed() > Duration::from_secs(20) {
                let log = fs::read_to_string(self.directory.path().join("log"))?;
                bail!("not ready after 20 s: {log}");
            }
            sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }
}

pub(crate) fn free() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

pub(crate) fn temporary() -> Result<TempDir> {
    Ok(tempfile::Builder::new()
        .prefix("tessera-bench-")
        .tempdir()?)
}

/// Raises the limit on open files for this process and its children.
pub(crate) fn many_files() -> Result<()> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?)
}
