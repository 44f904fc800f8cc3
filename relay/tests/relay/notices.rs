//! `GET /v1/ws`, over real connections.

use std::time::{Duration, Instant};

use tempfile::TempDir;
use tessera::wire::{BatchRef, BucketId};

use crate::{
    bucket,
    server::{Process, Server},
    socket::{Frame, Socket, UPGRADE},
    wait::wait_for,
};

#[test]
fn invalid_handshakes_are_refused() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), "");
    for (name, value) in [
        ("Connection", "keep-alive"),
        ("Upgrade", "h2c"),
        ("Sec-WebSocket-Version", "8"),
        ("Sec-WebSocket-Key", "c2hvcnQ="),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZSE="),
        ("Sec-WebSocket-Key", "not base64 at all 123456"),
    ] {
        let headers = UPGRADE.map(|(n, v)| if n == name { (n, value) } else { (n, v) });
        let answer = server.client.request("GET", "/v1/ws", &headers, b"");
        assert_eq!(answer.status, 426, "{name}: {value}");
        assert_eq!(answer.header("upgrade"), Some("websocket"));
        assert_eq!(answer.problem().code, "RELAY_REFUSED");
    }
    assert_eq!(server.client.get("/v1/ws").status, 426);
    for (method, status) in [("HEAD", 426), ("POST", 405)] {
        let answer = server.client.request(method, "/v1/ws", &UPGRADE, b"");
        assert_eq!(answer.status, status, "{method}");
    }
    server.stop();
}

#[test]
fn invalid_subscriptions_end_the_stream() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(
        directory.path(),
        "--epoch 1h --retention 1d --lobby-epoch 1h --max-message-size 64KiB",
    );
    let relay = server.client.0;
    for (text, code, reason) in [
        ("", 4400, "MALFORMED"),
        ("3", 4400, "MALFORMED"),
        ("{}", 4400, "MALFORMED"),
        ("{\"bucket\":\"0\"}", 4400, "MALFORMED"),
        ("{\"bucket\":-1}", 4400, "MALFORMED"),
        ("{\"bucket\":0,\"bucket\":1}", 4400, "MALFORMED"),
        ("{\"bucket\":0,\"token\":7}", 4400, "MALFORMED"),
        ("{\"bucket\":0} x", 4400, "MALFORMED"),
        ("{\"bucket\":2}", 4400, "INVALID_ARGUMENT"),
        ("{\"bucket\":4294967295}", 4400, "INVALID_ARGUMENT"),
        ("{\"bucket\":65536}", 4400, "INVALID_ARGUMENT"),
    ] {
        let mut socket = Socket::subscribe(relay, text);
        assert_eq!(
            socket.frame(),
            Frame::Close(code, reason.to_owned()),
            "{text}"
        );
    }
    let mut binary = Socket::upgrade(relay);
    binary.send_frame(0x82, b"{\"bucket\":0}");
    assert_eq!(binary.frame(), Frame::Close(4400, "MALFORMED".to_owned()));
    let mut long = Socket::subscribe(
        relay,
        &format!("{{\"bucket\":0,\"x\":\"{}\"}}", "y".repeat(2000)),
    );
    assert!(matches!(long.frame(), Frame::Close(1009, _) | Frame::End));
    let mut broken = Socket::upgrade(relay);
    broken.send_frame(0xff, b"");
    assert!(matches!(broken.frame(), Frame::Close(1002, _) | Frame::End));
    let mut second = Socket::subscribe(relay, "{\"bucket\":0}");
    second.send_text("{\"bucket\":1}");
    assert_eq!(second.frame(), Frame::Close(4400, "MALFORMED".to_owned()));
    server.stop();
}

#[test]
fn a_late_subscription_ends_the_stream_with_a_code() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), "");
    let start = Instant::now();
    let mut silent = Socket::upgrade(server.client.0);
    assert_eq!(silent.frame(), Frame::Close(4408, "RELAY_BUSY".to_owned()));
    assert!(start.elapsed() >= Duration::from_secs(9));
    server.stop();
}

#[test]
fn notices_match_the_index() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), "");
    let client = server.client;
    client.index_when(bucket(1), |index| !index.batches.is_empty());
    client.index_when(BucketId::LOBBY, |index| !index.batches.is_empty());
    let mut socket = Socket::subscribe(client.0, r#"{"bucket":1,"later":[{"x":null}]}"#);
    let mut seen = Vec::new();
    while seen.len() < 6 {
        let mut notice = socket.notice();
        let name = notice.as_object_mut().unwrap().remove("bucket").unwrap();
        let name = match name.as_u64() {
            Some(number) => bucket(u32::try_from(number).unwrap()),
            None => name.as_str().unwrap().parse().unwrap(),
        };
        let batch: BatchRef = serde_json::from_value(notice).unwrap();
        assert!(
            client.index(name).batches.contains(&batch),
            "listed already"
        );
        client.batch(name, &batch);
        seen.push((name, batch.epoch));
    }
    for name in [bucket(1), BucketId::LOBBY] {
        let epochs: Vec<_> = seen
            .iter()
            .filter(|(b, _)| *b == name)
            .map(|(_, e)| *e)
            .collect();
        assert!(epochs.len() >= 2, "{seen:?}");
        assert!(epochs.windows(2).all(|pair| pair[0] < pair[1]), "{seen:?}");
    }
    assert!(seen.iter().all(|(name, _)| *name != bucket(0)));
    server.stop();
}

#[test]
fn streams_end_with_the_relay() {
    let directory = TempDir::new().unwrap();
    let log = directory.path().join("log");
    let process = Process::start(
        directory.path(),
        "--epoch 1h --retention 1d --lobby-epoch 1h --max-message-size 64KiB",
        std::fs::File::create(&log).unwrap().into(),
    );
    let mut subscribed = Socket::subscribe(process.client.0, "{\"bucket\":0}");
    let mut silent = Socket::upgrade(process.client.0);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(process.terminate(), Some(0));
    for socket in [&mut subscribed, &mut silent] {
        assert_eq!(socket.frame(), Frame::Close(1001, String::new()));
    }
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(!log.contains("did not finish in time"), "{log}");
}

#[test]
fn surplus_subscribers_are_refused_until_others_leave() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), "--max-subscribers 2");
    let first = Socket::upgrade(server.client.0);
    let _second = Socket::upgrade(server.client.0);
    let answer = server.client.request("GET", "/v1/ws", &UPGRADE, b"");
    assert_eq!(
        (answer.status, answer.problem().code.as_str()),
        (503, "RELAY_BUSY")
    );
    assert!(answer.header("retry-after").is_some());
    drop(first);
    wait_for("a subscriber that left still counts", || {
        let answer = Socket::connect(server.client.0).request("GET", "/v1/ws", &UPGRADE, b"");
        answer.unwrap().status == 101
    });
    server.stop();
}

#[test]
fn a_client_that_floods_control_frames_is_dropped() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(
        directory.path(),
        "--epoch 1h --retention 1d --lobby-epoch 1h --max-message-size 64KiB",
    );
    let mut socket = Socket::subscribe(server.client.0, "{\"bucket\":0}");
    // Pings, each of which would queue a pong.
    for _ in 0..100 {
        socket.send_frame(0x89, b"");
    }
    // Otherwise it would end after the second ping, which comes in a minute.
    assert!(socket.ends_within(Duration::from_secs(40)));
    server.stop();
}
