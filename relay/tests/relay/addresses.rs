//! No log line and no file holds where a request came from.

use std::{fs::File, net::SocketAddr, process::Stdio};

use tempfile::TempDir;
use tessera::wire::post;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpSocket,
};

use crate::{bucket, entries, server::Process};

const SOURCE: &str = "127.0.0.77";
const MARKER: &str = "203.0.113.99";

#[tokio::test]
async fn logs_and_files_hold_no_address() {
    let directory = TempDir::new().unwrap();
    let log = directory.path().join("log");
    let process = Process::start(
        directory.path(),
        "--log trace",
        Stdio::from(File::create(&log).unwrap()),
    );
    let good = post::encode(&entries(bucket(0), 2)).unwrap();
    for (method, path, body) in [
        ("POST", "/v1/cells", good.as_slice()),
        ("POST", "/v1/cells", b"bad"),
        ("GET", "/v1/info", b""),
        ("GET", "/v1/nowhere", b""),
    ] {
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: relay\r\nConnection: close\r\nX-Forwarded-For: {MARKER}\r\n\
             Forwarded: for={MARKER}\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        let answer = from_source(process.client.0, &request).await;
        assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
        assert!(
            !answer.contains(MARKER) && !answer.contains(SOURCE),
            "{answer}"
        );
    }
    process
        .client
        .index_when(bucket(0), |index| index.batches.iter().any(|b| b.count > 3));
    assert_eq!(process.terminate(), Some(0));

    assert!(!std::fs::read(&log).unwrap().is_empty(), "it did log");
    let source_bytes = [127, 0, 0, 77];
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        for needle in [SOURCE.as_bytes(), MARKER.as_bytes()] {
            assert!(
                !bytes.windows(needle.len()).any(|w| w == needle),
                "{}",
                path.display()
            );
        }
        if path == log {
            assert!(!bytes.windows(4).any(|w| w == source_bytes));
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
