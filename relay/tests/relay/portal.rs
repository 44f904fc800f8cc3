//! The portal's files.

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
