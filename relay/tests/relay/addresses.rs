//! No log line, file or metric contains a client's address.

use std::{
    fs::File,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
};

use tempfile::TempDir;
use tessera::wire::post;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpSocket,
};

use crate::{bucket, entries, server::Process, wait::until};

const SOURCE: &str = "127.0.0.77";
const MARKER: &str = "203.0.113.99";

#[tokio::test]
async fn logs_files_and_metrics_contain_no_address() {
    for (format, flags) in [
        ("text", ""),
        // Believed, and used for limits: this relay works with the marker.
        ("json", "--trusted-proxy 127.0.0.77 --cells-per-peer 64"),
    ] {
        let directory = TempDir::new().unwrap();
        let log = directory.path().join("log");
        let mut process = Process::start(
            directory.path(),
            &format!("--log trace --log-format {format} --admin 127.0.0.1:0 {flags}"),
            Stdio::from(File::create(&log).unwrap()),
        );
        let admin = process.admin();
        let good = post::encode(&entries(bucket(0), 2)).unwrap();
        let many = post::encode(&entries(bucket(0), 64)).unwrap();
        for (method, path, body) in [
            ("POST", "/v1/cells", good.as_slice()),
            ("POST", "/v1/cells", &many),
            ("POST", "/v1/cells", b"bad"),
            ("GET", "/v1/info", b""),
            ("GET", "/v1/buckets/0/index", b""),
            ("GET", "/v1/ws", b""),
            ("GET", "/v1/nowhere", b""),
            ("BAD\x01", "/", b""),
        ] {
            let answer = from_source(process.client.0, &request(method, path, body)).await;
            assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
            assert!(
                !answer.contains(MARKER) && !answer.contains(SOURCE),
                "{answer}"
            );
        }
        process
            .client
            .index_when(bucket(0), |index| index.batches.iter().any(|b| b.count > 3));
        // Made after a publication.
        let metrics = until("no metrics", || {
            Some(admin.get("/metrics").body).filter(|metrics| !metrics.is_empty())
        });
        assert_eq!(process.terminate(), Some(0));
        std::fs::write(directory.path().join("metrics"), metrics).unwrap();
        assert!(!std::fs::read(&log).unwrap().is_empty(), "it did log");
        search(directory.path());
    }
}

fn request(method: &str, path: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: relay\r\nConnection: close\r\nX-Forwarded-For: {MARKER}\r\n\
         Forwarded: for={MARKER}\r\nX-Real-IP: {MARKER}\r\nContent-Type: application/octet-stream\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn search(directory: &Path) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let mut needles = vec![SOURCE.as_bytes(), MARKER.as_bytes()];
        // Cells are random bytes, which contain any four bytes by chance.
        if path.ends_with("log") || path.ends_with("metrics") {
            needles.extend([&[127, 0, 0, 77][..], &[203, 0, 113, 99]]);
        }
        for needle in needles {
            let found = bytes.windows(needle.len()).any(|w| w == needle);
            assert!(!found, "{}", path.display());
        }
    }
}

async fn from_source(relay: SocketAddr, request: &[u8]) -> String {
    let socket = TcpSocket::new_v4().unwrap();
    socket
        .bind(SocketAddr::new(SOURCE.parse().unwrap(), 0))
        .unwrap();
    let mut stream = socket.connect(relay).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// What clippy cannot check: names of headers that contain addresses.
#[test]
fn only_the_limiter_reads_client_addresses() {
    fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 30);
    let mut seen = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap().to_lowercase();
        for name in [
            "\"x-forwarded",
            "\"forwarded\"",
            "\"x-real-ip",
            "peer_addr",
            "connectinfo",
        ] {
            if text.contains(name) {
                assert!(
                    file.starts_with(root.join("limits")),
                    "{}: {name}",
                    file.display()
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 0, "the limiter reads one of them");
}
