//! The portal's files.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::server::Server;

#[test]
fn files_have_their_type_and_a_strict_policy() {
    let directory = TempDir::new().unwrap();
    let portal = directory.path().join("portal");
    std::fs::create_dir_all(portal.join("assets")).unwrap();
    std::fs::write(portal.join("index.html"), "<p>page").unwrap();
    std::fs::write(portal.join("assets/core-1a2b.wasm"), b"\0asm").unwrap();
    std::fs::write(portal.join("assets/main-3c4d.js"), "1").unwrap();
    std::fs::write(directory.path().join("secret.txt"), "no").unwrap();
    let server = Server::start(
        directory.path(),
        &format!("--static-dir {}", portal.display()),
    );
    let client = server.client;

    for (path, media_type, cache) in [
        ("/", "text/html", "no-cache"),
        ("/index.html", "text/html", "no-cache"),
        ("/enrol", "text/html", "no-cache"),
        (
            "/assets/core-1a2b.wasm",
            "application/wasm",
            "public, max-age=31536000, immutable",
        ),
        (
            "/assets/main-3c4d.js",
            "text/javascript",
            "public, max-age=31536000, immutable",
        ),
    ] {
        let answer = client.get(path);
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some(media_type)),
            "{path}"
        );
        assert_eq!(answer.header("cache-control"), Some(cache), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.contains("default-src 'self'") && policy.contains("'wasm-unsafe-eval'"),
            "{policy}"
        );
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    for path in [
        "/missing.js",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/v1/unknown",
    ] {
        let answer = client.get(path);
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.problem().code, "NOT_FOUND");
    }
    assert_eq!(client.request("POST", "/", &[], b"x").problem().status, 405);
    assert_eq!(client.get("/v1/info").status, 200);
    server.stop();
}

/// Sources of `frame-ancestors` in the policy of the page at `path`.
fn ancestors(server: &Server, path: &str) -> Vec<String> {
    let answer = server.client.get(path);
    let policy = answer.header("content-security-policy").unwrap();
    let mut sources = policy
        .split(';')
        .filter_map(|directive| directive.trim().strip_prefix("frame-ancestors "));
    let found = sources.next().unwrap().split(' ').map(str::to_owned);
    assert_eq!(sources.next(), None, "{policy}");
    found.collect()
}

#[test]
fn only_named_web_origins_may_frame_the_portal() {
    let directory = TempDir::new().unwrap();
    let portal = directory.path().join("portal");
    std::fs::create_dir(&portal).unwrap();
    std::fs::write(portal.join("index.html"), "<p>page").unwrap();
    let portal = format!("--static-dir {}", portal.display());
    let named =
        "--frame-ancestor https://ehr.example --frame-ancestor http://localhost:8080".to_owned();
    for (flags, expected) in [
        (String::new(), &["'self'"][..]),
        (
            named,
            &["'self'", "https://ehr.example", "http://localhost:8080"],
        ),
    ] {
        let server = Server::start(directory.path(), &format!("{portal} {flags}"));
        for path in ["/", "/index.html", "/enrol", "/missing.js"] {
            assert_eq!(ancestors(&server, path), expected, "{path}");
        }
        server.stop();
    }
}

/// A portal of three files, one of them with compressed ones beside it.
fn portal_with_compressed(directory: &TempDir) -> PathBuf {
    let portal = directory.path().join("portal");
    std::fs::create_dir_all(portal.join("assets")).unwrap();
    for (name, content) in [
        ("index.html", "<p>page"),
        ("index.html.br", "an older page"),
        ("assets/main-3c4d.js", "0123456789"),
        ("assets/main-3c4d.js.br", "brotli"),
        ("assets/main-3c4d.js.gz", "gzip"),
        ("assets/only-5e6f.js", "plain"),
    ] {
        std::fs::write(portal.join(name), content).unwrap();
    }
    portal
}

/// A relay that serves it, with its directory and that of the portal.
fn with_compressed() -> (TempDir, PathBuf, Server) {
    let directory = TempDir::new().unwrap();
    let portal = portal_with_compressed(&directory);
    let flags = format!("--static-dir {}", portal.display());
    let server = Server::start(directory.path(), &flags);
    (directory, portal, server)
}

#[test]
fn files_whose_name_is_a_hash_are_sent_compressed_to_those_who_take_it() {
    let (_directory, _, server) = with_compressed();
    let client = server.client;
    let script = "/assets/main-3c4d.js";
    for (accepted, encoding, body) in [
        (None, None, "0123456789"),
        (Some("gzip, deflate, br, zstd"), Some("br"), "brotli"),
        (Some("gzip"), Some("gzip"), "gzip"),
        (Some("br;q=0, gzip;q=0.5"), Some("gzip"), "gzip"),
        (Some("br;q=0, gzip;q=0"), None, "0123456789"),
        (Some("zstd, identity"), None, "0123456789"),
    ] {
        let headers: Vec<_> = accepted
            .map(|value| ("Accept-Encoding", value))
            .into_iter()
            .collect();
        for method in ["GET", "HEAD"] {
            let answer = client.request(method, script, &headers, b"");
            let body = body.as_bytes();
            assert_eq!(answer.status, 200, "{method} {accepted:?}");
            assert_eq!(answer.header("content-encoding"), encoding, "{accepted:?}");
            assert_eq!(answer.header("content-type"), Some("text/javascript"));
            assert_eq!(answer.header("vary"), Some("accept-encoding"));
            let length = body.len().to_string();
            assert_eq!(answer.header("content-length"), Some(length.as_str()));
            let expected = if method == "GET" { body } else { b"" };
            assert_eq!(answer.body, expected, "{method} {accepted:?}");
        }
    }
    let every = [("Accept-Encoding", "br, gzip")];
    // What may change is sent as it is: a compressed file beside it may be of an older one.
    for (path, body) in [("/", "<p>page"), ("/assets/only-5e6f.js", "plain")] {
        let answer = client.request("GET", path, &every, b"");
        assert_eq!(answer.header("content-encoding"), None, "{path}");
        assert_eq!(answer.body, body.as_bytes(), "{path}");
    }
    server.stop();
}

#[test]
fn a_page_is_sent_once_for_each_of_its_contents_whatever_its_time() {
    let (_directory, portal, server) = with_compressed();
    let client = server.client;
    let page = client.get("/");
    assert_eq!(page.header("last-modified"), None);
    let tag = page.header("etag").unwrap().to_owned();
    let weak = format!("\"other\", W/{tag}");
    for method in ["GET", "HEAD"] {
        assert_eq!(
            client.request(method, "/", &[], b"").header("etag"),
            Some(tag.as_str())
        );
        for known in [tag.as_str(), weak.as_str(), "*"] {
            let answer = client.request(method, "/enrol", &[("If-None-Match", known)], b"");
            assert_eq!(answer.status, 304, "{method} {known}");
            assert_eq!(answer.header("etag"), Some(tag.as_str()));
            assert_eq!(answer.header("cache-control"), Some("no-cache"));
            assert!(answer.header("content-security-policy").is_some());
            assert!(answer.body.is_empty());
        }
    }
    // Of the same length and time, as files of a reproducible image are.
    let path = portal.join("index.html");
    let time = std::fs::metadata(&path).unwrap().modified().unwrap();
    std::fs::write(&path, "<p>next").unwrap();
    std::fs::File::open(&path)
        .unwrap()
        .set_modified(time)
        .unwrap();
    let conditions = [
        ("If-None-Match", tag.as_str()),
        ("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"),
    ];
    let answer = client.request("GET", "/", &conditions, b"");
    assert_eq!((answer.status, &answer.body[..]), (200, &b"<p>next"[..]));

    let script = "/assets/main-3c4d.js";
    let mut tags = Vec::new();
    for accepted in ["identity", "gzip", "br"] {
        let accept = ("Accept-Encoding", accepted);
        let answer = client.request("GET", script, &[accept], b"");
        let tag = answer.header("etag").unwrap().to_owned();
        let known = ("If-None-Match", tag.as_str());
        let answer = client.request("GET", script, &[accept, known], b"");
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{accepted}");
        assert_eq!(answer.header("vary"), Some("accept-encoding"));
        assert_eq!(answer.header("content-encoding"), None);
        assert!(!tags.contains(&tag), "{tag}");
        tags.push(tag);
    }
    server.stop();
}

#[test]
fn a_part_is_one_of_the_file_itself() {
    let (_directory, _, server) = with_compressed();
    let client = server.client;
    let script = "/assets/main-3c4d.js";
    let part = [("Accept-Encoding", "br, gzip"), ("Range", "bytes=2-4")];
    let answer = client.request("GET", script, &part, b"");
    assert_eq!((answer.status, &answer.body[..]), (206, &b"234"[..]));
    assert_eq!(answer.header("content-range"), Some("bytes 2-4/10"));
    assert_eq!(answer.header("content-encoding"), None);
    let tag = answer.header("etag").unwrap().to_owned();
    for (tag, status, body) in [
        (tag.as_str(), 206, &b"234"[..]),
        ("\"main-3c4d.js.br\"", 200, b"0123456789"),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 200, b"0123456789"),
    ] {
        let again = [("Range", "bytes=2-4"), ("If-Range", tag)];
        let answer = client.request("GET", script, &again, b"");
        assert_eq!((answer.status, &answer.body[..]), (status, body), "{tag}");
    }
    let beyond = client.request("GET", script, &[("Range", "bytes=10-")], b"");
    assert_eq!(beyond.status, 416);
    assert_eq!(beyond.header("content-range"), Some("bytes */10"));
    server.stop();
}
