//! The admin interface and the log.

use std::process::Stdio;

use tempfile::TempDir;

use crate::{bucket, entries, server::Process, wait::until};

fn metric(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().parse().unwrap())
}

#[test]
fn metrics_are_a_snapshot_of_what_was_published() {
    let directory = TempDir::new().unwrap();
    let flags = "--admin 127.0.0.1:0 --epoch 2s";
    let mut process = Process::start(directory.path(), flags, Stdio::null());
    let admin = process.admin();
    for path in ["/healthz", "/readyz"] {
        assert_eq!(admin.get(path).status, 200);
    }
    assert_eq!(
        process.client.get("/metrics").status,
        404,
        "on the operator's port only"
    );
    assert_eq!(admin.get("/v1/info").status, 404);

    let shown = || {
        let answer = admin.get("/metrics");
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.header("content-type"),
            Some("text/plain; version=0.0.4; charset=utf-8")
        );
        String::from_utf8(answer.body).unwrap()
    };
    // The sum of all batches and of their cells, without the cover of three.
    let published = |text: &str| {
        let of = |what| {
            let name = format!("tessera_relay_published_{what}_total{{kind=\"numbered\"}}");
            metric(text, &name)
        };
        let (batches, cells) = (of("batches")?, of("cells")?);
        Some((batches, cells - batches * 3.0))
    };
    let until_posted = |posted: f64| {
        until("what was posted is not counted", || {
            let text = shown();
            published(&text)
                .is_some_and(|(batches, cells)| batches >= 2.0 && cells >= posted)
                .then_some(text)
        })
    };
    until_posted(0.0);
    // Posts change nothing before the next publication.
    let posted = entries(bucket(0), 60);
    for cell in &posted {
        process.client.post(std::slice::from_ref(cell));
    }
    for _ in 0..60 {
        process.client.post(&posted[..1]);
    }
    let text = until_posted(60.0);
    assert_eq!(published(&text).unwrap().1, 60.0);
    let median = metric(&text, "tessera_relay_post_seconds{quantile=\"0.5\"}");
    if let Some(median) = median {
        assert!(median > 0.0 && median < 60.0, "{text}");
    }
    assert_eq!(metric(&text, "tessera_relay_writable"), Some(1.0));
    for count in [
        "120",
        "requests",
        "connections",
        "_count",
        "_sum",
        "_bucket",
    ] {
        let named = |line: &&str| line.starts_with("tessera") && line.contains(count);
        let stands = text
            .lines()
            .filter(|line| !line.contains("published"))
            .find(named);
        assert_eq!(stands, None, "{text}");
    }
    assert_eq!(process.terminate(), Some(0));
}

#[test]
fn the_json_format_logs_one_object_per_line() {
    let directory = TempDir::new().unwrap();
    let log = directory.path().join("log");
    let file = Stdio::from(std::fs::File::create(&log).unwrap());
    let process = Process::start(directory.path(), "--log-format json", file);
    assert_eq!(process.terminate(), Some(0));
    let text = std::fs::read_to_string(log).unwrap();
    assert!(!text.is_empty());
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(
            line.get("level").is_some() && line.get("timestamp").is_some(),
            "{line}"
        );
    }
}

#[test]
fn an_admin_port_in_use_is_refused() {
    let directory = TempDir::new().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = Process::refused(directory.path(), &format!("--admin {address}"));
    assert!(error.contains("in use"), "{error}");
}
