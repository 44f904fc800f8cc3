//! Limits on clients, over real connections and raw bytes.

use std::{
    io::{Read as _, Write as _},
    net::Shutdown,
    time::Duration,
};

use tempfile::TempDir;
use tessera::wire::{BucketId, paths, post};

use crate::{
    bucket,
    client::parse,
    entries,
    server::Server,
    socket::Socket,
    wait::{PATIENCE, until, wait_for},
};

const OCTETS: (&str, &str) = ("Content-Type", "application/octet-stream");
/// An idle connection ends after 20 s: what ends sooner was ended for another reason.
const LESS_THAN_IDLE: Duration = Duration::from_secs(15);

/// Returns `true` if a read found nothing within its timeout.
fn is_silent(read: std::io::Result<usize>) -> bool {
    use std::io::ErrorKind;
    read.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

#[test]
fn the_lobby_takes_four_cells_per_post_connection_and_epoch() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), "--lobby-epoch 24h --lobby-retention 2d");
    let lobby = |count| post::encode(&entries(BucketId::LOBBY, count)).unwrap();
    let five = [lobby(4), lobby(1)].concat();
    let answer = server.client.post_body(&five);
    assert_eq!(
        (answer.status, answer.problem().code.as_str()),
        (400, "INVALID_ARGUMENT")
    );

    let mut socket = Socket::connect(server.client.0);
    let mut put = |body: &[u8]| {
        socket
            .request("POST", paths::CELLS, &[OCTETS], body)
            .unwrap()
    };
    assert_eq!(put(&lobby(3)).status, 202);
    let refused = put(&lobby(2));
    assert_eq!(
        (refused.status, refused.problem().code.as_str()),
        (429, "RELAY_BUSY")
    );
    let wait: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=86_401).contains(&wait), "{wait}");
    assert_eq!(put(&lobby(1)).status, 202);
    assert_eq!(put(&lobby(1)).status, 429);
    let numbered = post::encode(&entries(bucket(0), 4)).unwrap();
    assert_eq!(put(&numbered).status, 202);
    server.client.post(&entries(BucketId::LOBBY, 4));
    server.stop();
}

#[test]
fn cells_are_limited_per_connection_and_a_trusted_proxys_clients() {
    let directory = TempDir::new().unwrap();
    // Counters are discarded at the end of the epoch.
    let flags = "--cells-per-connection 64 --cells-per-peer 100 --trusted-proxy 127.0.0.1 \
        --epoch 1h --retention 1d --max-message-size 64KiB";
    let server = Server::start(directory.path(), flags);
    let body = post::encode(&entries(bucket(0), 64)).unwrap();
    let mut socket = Socket::connect(server.client.0);
    let mut put = |client: &str| {
        let headers = [OCTETS, ("X-Forwarded-For", client)];
        socket
            .request("POST", paths::CELLS, &headers, &body)
            .unwrap()
    };
    assert_eq!(put("198.51.100.1:5000").status, 202);
    let refused = put("6.6.6.6, 198.51.100.1:5000");
    assert_eq!(
        refused.status, 429,
        "claims of the client itself are ignored"
    );
    assert!(refused.header("retry-after").is_some());
    assert_eq!(put("198.51.100.1:5001").status, 429, "the peer's limit");
    assert_eq!(put("198.51.100.2:5000").status, 202);
    assert_eq!(put("2001:db8::1").status, 202);
    assert_eq!(put("2001:db8::2").status, 429, "the same /64");
    server.stop();
}

#[test]
fn surplus_connections_are_refused_until_others_end() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), "--max-connections 3");
    let mut held: Vec<_> = (0..3).map(|_| Socket::connect(server.client.0)).collect();
    for socket in &mut held {
        assert_eq!(
            socket.request("GET", "/healthz", &[], b"").unwrap().status,
            200
        );
    }
    let mut more = Socket::connect(server.client.0);
    let answer = more.answer().unwrap();
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (503, Some("5"))
    );
    assert!(more.ends_within(LESS_THAN_IDLE));
    held.pop();
    wait_for("a connection that ended still counts", || {
        let answer = Socket::connect(server.client.0).request("GET", "/healthz", &[], b"");
        answer.is_some_and(|answer| answer.status == 200)
    });
    drop(held);
    server.stop();
}

#[test]
fn slow_heads_and_idle_connections_end() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), "");
    let mut silent = Socket::connect(server.client.0);
    let mut idle = Socket::connect(server.client.0);
    assert_eq!(
        idle.request("GET", "/healthz", &[], b"").unwrap().status,
        200
    );
    let mut slow = Socket::connect(server.client.0);
    slow.0
        .write_all(b"GET /v1/info HTTP/1.1\r\nHost: a\r\n")
        .unwrap();
    // A byte from time to time does not help.
    slow.0
        .set_read_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    wait_for("a slow head is read for ever", || {
        slow.0.write_all(b"X").is_err() || !is_silent(slow.0.read(&mut [0; 1024]))
    });
    for socket in [&mut silent, &mut idle] {
        assert!(socket.ends_within(PATIENCE));
    }
    server.client.post(&entries(bucket(0), 1));
    server.stop();
}

#[test]
fn a_slow_body_is_refused() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), "");
    let mut slow = Socket::connect(server.client.0);
    slow.0
        .write_all(b"POST /v1/cells HTTP/1.1\r\nHost: a\r\nContent-Type: application/octet-stream\r\nContent-Length: 2052\r\n\r\n")
        .unwrap();
    slow.0
        .set_read_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    let answer = until("a slow body is read for ever", || {
        let _ = slow.0.write_all(b"x");
        let mut bytes = [0; 1024];
        let len = slow.0.read(&mut bytes).ok()?;
        Some(bytes[..len].to_vec())
    });
    let answer = parse(&answer).unwrap();
    assert_eq!(answer.status, 408, "{answer:?}");
    server.stop();
}

#[test]
fn heads_that_are_too_large_are_refused() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), "");
    let many: String = (0..100).map(|i| format!("X-{i}: y\r\n")).collect();
    let long = format!("X: {}\r\n", "y".repeat(20_000));
    for headers in [many, long] {
        let request = format!("GET /v1/info HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
        let answer = server.client.raw(request.as_bytes(), PATIENCE).unwrap();
        assert_eq!(parse(&answer).unwrap().status, 431);
    }
    server.stop();
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), "");
    let body = post::encode(&entries(bucket(0), 2)).unwrap();
    let mut bytes = Vec::new();
    for round in 0..20 {
        bytes.extend_from_slice(
            format!("GET /v1/nowhere{round} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes(),
        );
        bytes.extend_from_slice(
            format!("POST /v1/cells HTTP/1.1\r\nHost: a\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n", body.len())
                .as_bytes(),
        );
        bytes.extend_from_slice(&body);
        bytes.extend_from_slice(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    let mut socket = Socket::connect(server.client.0);
    let mut writer = socket.0.try_clone().unwrap();
    let writing = std::thread::spawn(move || writer.write_all(&bytes).unwrap());
    for _ in 0..20 {
        for status in [404, 202, 200] {
            assert_eq!(socket.answer().unwrap().status, status);
        }
    }
    writing.join().unwrap();
    server.stop();
}

#[test]
fn a_half_closed_connection_still_gets_its_response() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), "");
    let body = post::encode(&entries(bucket(0), 1)).unwrap();
    let mut socket = Socket::connect(server.client.0);
    let head = format!(
        "POST /v1/cells HTTP/1.1\r\nHost: a\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    socket
        .0
        .write_all(&[head.as_bytes(), &body].concat())
        .unwrap();
    socket.0.shutdown(Shutdown::Write).unwrap();
    assert_eq!(socket.answer().unwrap().status, 202);
    assert!(socket.ends_within(LESS_THAN_IDLE));

    // Half of a body, and then nothing more.
    let mut socket = Socket::connect(server.client.0);
    socket
        .0
        .write_all(&[head.as_bytes(), &body[..100]].concat())
        .unwrap();
    socket.0.shutdown(Shutdown::Write).unwrap();
    let answer = socket.answer();
    assert!(answer.is_none_or(|answer| answer.status == 400));
    server.stop();
}
