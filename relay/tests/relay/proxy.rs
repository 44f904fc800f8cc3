//! A real nginx with the shipped configuration, between clients and the relay.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};

use tempfile::TempDir;
use tessera::wire::{BatchRef, paths, post};

use crate::{
    bucket, client::Client, entries, ports::free_port, server::Server, socket::Socket,
    wait::wait_for,
};

/// nginx, if it is installed.
fn nginx() -> Option<PathBuf> {
    let found = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"]
        .into_iter()
        .map(PathBuf::from)
        .find(|path| path.is_file());
    if found.is_none() {
        println!("SKIPPED: nginx is not installed, so its shipped configuration is not tested");
    }
    found
}

struct Proxy {
    client: Client,
    child: Child,
}

impl Proxy {
    /// The shipped configuration, with other ports and paths, and without TLS.
    fn start(nginx: &Path, directory: &Path, relay: SocketAddr) -> Self {
        let port = free_port();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/nginx.conf");
        let shipped = std::fs::read_to_string(shipped).unwrap();
        let mut site = String::new();
        for line in shipped
            .lines()
            .filter(|line| !line.trim_start().starts_with("ssl_"))
        {
            site += line;
            site += "\n";
        }
        for (of, by) in [
            ("listen 443 ssl http2;", format!("listen 127.0.0.1:{port};")),
            ("    listen [::]:443 ssl http2;\n", String::new()),
            (
                "/var/cache/nginx/tessera",
                directory.join("cache").display().to_string(),
            ),
            ("server 127.0.0.1:8100;", format!("server {relay};")),
        ] {
            assert!(site.contains(of), "{of}");
            site = site.replace(of, &by);
        }
        std::fs::write(directory.join("site.conf"), site).unwrap();
        let at = directory.display();
        let user = if is_root() { "user root;" } else { "" };
        let main = format!(
            "daemon off; master_process on; worker_processes 1; pid {at}/pid; {user}\n\
             error_log {at}/startup.log crit;\n\
             events {{ worker_connections 256; }}\n\
             http {{ access_log {at}/access.log;\n\
             client_body_temp_path {at}/body; proxy_temp_path {at}/proxied; fastcgi_temp_path {at}/f;\n\
             uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;\n\
             include {at}/site.conf; }}\n"
        );
        std::fs::write(directory.join("main.conf"), main).unwrap();
        let child = Command::new(nginx)
            .args([
                "-p",
                &at.to_string(),
                "-e",
                &format!("{at}/startup.log"),
                "-c",
                &format!("{at}/main.conf"),
            ])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let client = Client(SocketAddr::from(([127, 0, 0, 1], port)));
        let mut proxy = Self { client, child };
        wait_for("nginx does not start", || {
            if let Some(status) = proxy.child.try_wait().unwrap() {
                let mut said = String::new();
                let _ = proxy.child.stderr.take().unwrap().read_to_string(&mut said);
                panic!("{status}: {said}");
            }
            TcpStream::connect(client.0).is_ok()
        });
        proxy
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The master stops its workers on SIGTERM, not when it is killed.
        let _ = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        let _ = self.child.wait();
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n"
}

/// A proxy that counts requests to the relay.
#[derive(Clone)]
struct Counter {
    address: SocketAddr,
    seen: Arc<Mutex<String>>,
}

impl Counter {
    fn before(relay: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let counter = Self {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
        };
        let seen = Arc::clone(&counter.seen);
        std::thread::spawn(move || {
            #[expect(clippy::disallowed_methods, reason = "a test's own server")]
            for stream in listener.incoming().flatten() {
                let Ok(relay) = TcpStream::connect(relay) else {
                    continue;
                };
                let (mut from, mut to) = (stream.try_clone().unwrap(), relay.try_clone().unwrap());
                let seen = Arc::clone(&seen);
                std::thread::spawn(move || {
                    let mut bytes = [0; 65_536];
                    while let Ok(len @ 1..) = from.read(&mut bytes) {
                        seen.lock()
                            .unwrap()
                            .push_str(&String::from_utf8_lossy(&bytes[..len]));
                        if to.write_all(&bytes[..len]).is_err() {
                            break;
                        }
                    }
                    let _ = to.shutdown(std::net::Shutdown::Write);
                });
                let (mut from, mut to) = (relay, stream);
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(std::net::Shutdown::Both);
                });
            }
        });
        counter
    }

    fn requests(&self, path: &str) -> usize {
        let line = format!("GET {path} HTTP/1.1");
        self.seen.lock().unwrap().matches(&line).count()
    }
}

fn batch_path(batch: &BatchRef) -> String {
    paths::batch(bucket(0), &batch.origin, batch.epoch)
}

#[test]
fn batches_come_from_the_cache_and_errors_do_not() {
    let Some(nginx) = nginx() else { return };
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), "--retention 8s --trusted-proxy 127.0.0.1");
    let counter = Counter::before(server.client.0);
    let proxy = Proxy::start(&nginx, directory.path(), counter.address);
    let through = proxy.client;

    let index = through.index_when(bucket(0), |index| index.batches.len() >= 2);
    // The newest is kept long enough for eight readers on a slow machine.
    let [.., missed, cached] = index.batches[..] else {
        panic!()
    };
    let bytes = server.client.get(&batch_path(&cached)).body;
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let answer = through.get(&batch_path(&cached));
                assert_eq!((answer.status, &answer.body), (200, &bytes));
                assert_eq!(
                    answer.header("etag"),
                    Some(format!("\"{}\"", cached.digest).as_str())
                );
                assert_eq!(
                    answer.header("cache-control"),
                    Some("public, max-age=31536000, immutable")
                );
            });
        }
    });
    assert_eq!(
        counter.requests(&batch_path(&cached)),
        1,
        "the relay was asked once"
    );

    let ahead = BatchRef {
        epoch: cached.epoch + 1_000,
        ..cached
    };
    for asked in 1..=3 {
        assert_eq!(through.get(&batch_path(&ahead)).status, 404);
        assert_eq!(counter.requests(&batch_path(&ahead)), asked);
    }
    wait_for("a batch is not deleted after its retention", || {
        server.client.get(&batch_path(&missed)).status == 410
    });
    for asked in 1..=3 {
        assert_eq!(through.get(&batch_path(&missed)).status, 410);
        assert_eq!(counter.requests(&batch_path(&missed)), asked);
    }

    // Posts and notices are forwarded, and clients are distinguished by address and port.
    through.post(&entries(bucket(0), 64));
    let mut socket = Socket::subscribe(through.0, "{\"bucket\":0}");
    assert!(socket.notice().get("digest").is_some());
    let seen = counter.seen.lock().unwrap().clone();
    let client = seen.split("X-Forwarded-For: ").nth(1).unwrap();
    let client = client.split("\r\n").next().unwrap();
    assert!(client.parse::<SocketAddr>().is_ok(), "{client}");

    drop(socket);
    server.stop();
    let answer = through.get(&batch_path(&cached));
    assert_eq!(
        (answer.status, &answer.body),
        (200, &bytes),
        "without the relay"
    );
    assert_eq!(through.get(&batch_path(&ahead)).status, 502);
    assert_eq!(answer.header("server"), Some("nginx"), "no version");
    drop(proxy);
    assert_no_logs(directory.path());
}

#[test]
fn with_an_access_token_nothing_is_cached() {
    let Some(nginx) = nginx() else { return };
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("token");
    std::fs::write(&file, "shared-by-a-deployment").unwrap();
    let flags = format!(
        "--access-token-file {} --trusted-proxy 127.0.0.1",
        file.display()
    );
    let server = Server::start(directory.path(), &flags);
    let counter = Counter::before(server.client.0);
    let proxy = Proxy::start(&nginx, directory.path(), counter.address);
    let token = [("Authorization", "Bearer shared-by-a-deployment")];
    let index = paths::index(bucket(0));
    for asked in 1..=3 {
        assert_eq!(proxy.client.request("GET", &index, &token, b"").status, 200);
        assert_eq!(counter.requests(&index), asked);
    }
    assert_eq!(proxy.client.get(&index).status, 401);
    let cells = post::encode(&entries(bucket(0), 1)).unwrap();
    assert_eq!(proxy.client.post_body(&cells).status, 401);
    drop(proxy);
    server.stop();
    assert_no_logs(directory.path());
}

/// Checks that nginx wrote no logs.
fn assert_no_logs(directory: &Path) {
    for name in ["access.log", "startup.log"] {
        let log = std::fs::read(directory.join(name)).unwrap_or_default();
        assert_eq!(String::from_utf8_lossy(&log), "", "{name}");
    }
}
