//! Access tokens and web origins.

use std::{path::Path, time::Duration};

use tempfile::TempDir;
use tessera::wire::{paths, post};

use crate::{
    bucket, entries,
    server::{Process, Server},
    socket::{Frame, Socket, UPGRADE},
    wait::wait_for,
};

const TOKEN: &str = "shared-by-a-deployment";
const BEFORE: &str = "the-one-before-that-one";
const PORTAL: &str = "https://portal.example";

fn start(directory: &Path) -> Server {
    let file = directory.join("token");
    std::fs::write(&file, format!("{TOKEN}\n{BEFORE}\n")).unwrap();
    let flags = format!(
        "--access-token-file {} --allow-origin {PORTAL}",
        file.display()
    );
    Server::start(directory, &flags)
}

#[test]
fn requests_without_the_token_are_refused() {
    let directory = TempDir::new().unwrap();
    let server = start(directory.path());
    let client = server.client;
    let cells = post::encode(&entries(bucket(0), 1)).unwrap();
    for header in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong-wrong-wrong-wrong",
        "Bearer shared-by-a-deploymen",
        "Bearer shared-by-a-deployment2",
        "Basic shared-by-a-deployment",
        "shared-by-a-deployment",
    ] {
        let headers = [
            ("Authorization", header),
            ("Content-Type", "application/octet-stream"),
        ];
        for (method, path) in [
            ("GET", "/v1/info"),
            ("HEAD", "/v1/info"),
            ("POST", paths::CELLS),
            ("GET", "/v1/buckets/0/index"),
            ("GET", "/v1/nowhere"),
            ("DELETE", "/v1/info"),
        ] {
            let body: &[u8] = if method == "POST" { &cells } else { b"" };
            let answer = client.request(method, path, &headers, body);
            assert_eq!(answer.status, 401, "{header} {method} {path}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            if method != "HEAD" {
                assert_eq!(answer.problem().code, "UNAUTHORIZED");
            }
        }
    }
    assert_eq!(
        client
            .get("/v1/info?access_token=shared-by-a-deployment")
            .status,
        401
    );
    assert_eq!(client.get("/healthz").status, 200);
    assert_eq!(client.get("/readyz").status, 200);
    server.stop();
}

#[test]
fn both_tokens_are_accepted_and_responses_are_private() {
    let directory = TempDir::new().unwrap();
    let server = start(directory.path());
    let client = server.client;
    let cells = post::encode(&entries(bucket(0), 1)).unwrap();
    for token in [TOKEN, BEFORE] {
        let value = format!("bearer {token}");
        let headers = [
            ("Authorization", value.as_str()),
            ("Content-Type", "application/octet-stream"),
            ("Origin", PORTAL),
        ];
        let posted = client.request("POST", paths::CELLS, &headers, &cells);
        assert_eq!(posted.status, 202);
        let index = client.request("GET", "/v1/buckets/0/index", &headers, b"");
        let cache = index.header("cache-control").unwrap();
        assert!(cache.starts_with("private, max-age="), "{cache}");
        assert_eq!(index.header("vary"), Some("Origin"));
        assert_eq!(index.header("access-control-allow-origin"), Some(PORTAL));
    }
    server.stop();
}

#[test]
fn only_allowed_web_origins_may_use_the_relay() {
    let directory = TempDir::new().unwrap();
    let server = start(directory.path());
    let upgrade = |origin| {
        let headers: Vec<_> = UPGRADE.into_iter().chain([("Origin", origin)]).collect();
        let mut socket = Socket::connect(server.client.0);
        let answer = socket.request("GET", "/v1/ws", &headers, b"");
        answer.unwrap().status
    };
    for (origin, allowed) in [
        (PORTAL, Some(PORTAL)),
        ("https://portal.example.evil", None),
        ("https://other.example", None),
        ("null", None),
    ] {
        // A preflight carries no token.
        let preflight = [
            ("Origin", origin),
            ("Access-Control-Request-Headers", "authorization"),
        ];
        let answer = server
            .client
            .request("OPTIONS", "/v1/info", &preflight, b"");
        assert_eq!(answer.status, 204);
        assert_eq!(
            answer.header("access-control-allow-origin"),
            allowed,
            "{origin}"
        );
        assert_eq!(answer.header("vary"), Some("Origin"));
        let headers = answer.header("access-control-allow-headers").unwrap();
        assert!(headers.contains("authorization"));
        let expected = if allowed.is_some() { 101 } else { 401 };
        assert_eq!(upgrade(origin), expected, "{origin}");
    }
    // The relay's own portal: browsers name it all the same.
    assert_eq!(upgrade("http://relay"), 101);
    assert_eq!(upgrade("http://relay.evil"), 401);
    server.stop();
}

/// Without a token everyone may read, but a page of another site must not post
/// from its visitors' network.
#[test]
fn without_a_token_only_allowed_web_origins_may_post() {
    const OTHER: &str = "https://other.example";
    let cells = || post::encode(&entries(bucket(0), 1)).unwrap();
    for (flags, allowed) in [
        ("", [None, None]),
        (
            "--allow-origin https://portal.example",
            [Some(PORTAL), None],
        ),
        ("--allow-origin *", [Some(PORTAL), Some(OTHER)]),
    ] {
        let directory = TempDir::new().unwrap();
        let server = Server::start(directory.path(), flags);
        let client = server.client;
        let request = |method, path, origin, body: &[u8]| {
            let headers = [
                ("Origin", origin),
                ("Content-Type", "application/octet-stream"),
            ];
            let mut socket = Socket::connect(client.0);
            let answer = socket.request(method, path, &headers, body).unwrap();
            let allowed = answer.header("access-control-allow-origin");
            (answer.status, allowed.map(str::to_owned))
        };
        for (origin, allowed) in [PORTAL, OTHER].into_iter().zip(allowed) {
            let allowed = allowed.map(str::to_owned);
            let status = if allowed.is_some() { 202 } else { 401 };
            let posted = request("POST", paths::CELLS, origin, &cells());
            assert_eq!(posted, (status, allowed.clone()), "{flags} {origin}");
            let preflight = request("OPTIONS", paths::CELLS, origin, b"");
            assert_eq!(preflight, (204, allowed.clone()), "{flags} {origin}");
            let read = request("GET", "/v1/info", origin, b"");
            assert_eq!(read, (200, Some("*".to_owned())), "{flags} {origin}");
            let headers: Vec<_> = UPGRADE.into_iter().chain([("Origin", origin)]).collect();
            let stream = Socket::connect(client.0).request("GET", "/v1/ws", &headers, b"");
            let status = if allowed.is_some() { 101 } else { 401 };
            assert_eq!(stream.unwrap().status, status, "{flags} {origin}");
        }
        // The relay's own portal, and what is no browser.
        let own = request("POST", paths::CELLS, "http://relay", &cells());
        assert_eq!(own.0, 202);
        client.post(&entries(bucket(0), 1));
        server.stop();
    }
}

#[test]
fn a_stream_of_notices_requires_the_token_in_its_first_message() {
    let directory = TempDir::new().unwrap();
    let server = start(directory.path());
    for message in [
        "{\"bucket\":0}".to_owned(),
        "{\"bucket\":0,\"token\":\"\"}".to_owned(),
        "{\"bucket\":0,\"token\":\"wrong-wrong-wrong-wrong\"}".to_owned(),
        // No oracle for buckets either.
        "{\"bucket\":7}".to_owned(),
    ] {
        let mut socket = Socket::subscribe(server.client.0, &message);
        assert_eq!(
            socket.frame(),
            Frame::Close(4401, "UNAUTHORIZED".to_owned()),
            "{message}"
        );
    }
    let mut socket = Socket::subscribe(
        server.client.0,
        &format!("{{\"bucket\":0,\"token\":\"{BEFORE}\"}}"),
    );
    assert!(socket.notice().get("digest").is_some());
    server.stop();
}

#[test]
fn tokens_are_rotated_without_a_restart() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("token");
    std::fs::write(&file, BEFORE).unwrap();
    let flags = format!("--access-token-file {} --lobby-epoch 1h", file.display());
    let process = Process::start(directory.path(), &flags, std::process::Stdio::null());
    let client = process.client;
    let status = |token: &str| {
        let value = format!("Bearer {token}");
        client
            .request("GET", "/v1/info", &[("Authorization", &value)], b"")
            .status
    };
    let subscribe = |token: &str| {
        Socket::subscribe(client.0, &format!("{{\"bucket\":0,\"token\":\"{token}\"}}"))
    };
    assert_eq!((status(BEFORE), status(TOKEN)), (200, 401));
    let mut old = subscribe(BEFORE);
    old.notice();

    // An invalid file changes nothing.
    std::fs::write(&file, "short").unwrap();
    process.signal("HUP");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!((status(BEFORE), status(TOKEN)), (200, 401));

    std::fs::write(&file, format!("{TOKEN}\n{BEFORE}")).unwrap();
    process.signal("HUP");
    wait_for("the new token", || status(TOKEN) == 200);
    assert_eq!(status(BEFORE), 200);
    old.notice();
    let mut new = subscribe(TOKEN);
    new.notice();

    std::fs::write(&file, TOKEN).unwrap();
    process.signal("HUP");
    wait_for("the end of the old token", || status(BEFORE) == 401);
    assert_eq!(status(TOKEN), 200);
    let end = std::iter::repeat_with(|| old.frame()).find(|frame| !matches!(frame, Frame::Text(_)));
    assert_eq!(end, Some(Frame::Close(1001, String::new())));
    new.notice();
    new.notice();
    assert_eq!(process.terminate(), Some(0));
}

#[test]
fn an_invalid_token_file_is_refused_at_start() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("token");
    for content in ["", "short", "# remark"] {
        std::fs::write(&file, content).unwrap();
        let flags = format!("--access-token-file {}", file.display());
        let error = Process::refused(directory.path(), &flags);
        assert!(error.contains("token"), "{error}");
        assert!(!error.contains("short"), "{error}");
    }
    let error = Process::refused(directory.path(), "--access-token-file /nonexistent/token");
    assert!(error.contains("/nonexistent/token"), "{error}");
}
