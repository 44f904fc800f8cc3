//! The sources of settings of the binary.

use std::{
    fs::Permissions,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::server::Process;

#[test]
fn flags_override_environment_overrides_file_overrides_defaults() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("relay.toml");
    let text =
        "retention = \"2h\"\nlobby-retention = \"3h\"\ncells-per-bucket = 7\nlog = \"error\"\n";
    std::fs::write(&file, text).unwrap();
    let flags = format!("--config {} --retention 4h", file.display());
    let environment = [
        ("TESSERA_RELAY_RETENTION", "5h"),
        ("TESSERA_RELAY_LOBBY_RETENTION", "6h"),
    ];
    let process = Process::start_with(directory.path(), &flags, &environment, Stdio::null());
    let info = process.client.info();
    assert_eq!(info.retention_seconds.get(), 4 * 3600, "the flag");
    assert_eq!(
        info.lobby.retention_seconds.get(),
        6 * 3600,
        "the environment"
    );
    assert_eq!(info.slot.per_bucket.get(), 7, "the file");
    assert_eq!(info.max_attachment_bytes.get(), 256 << 10, "the default");
    assert_eq!(process.terminate(), Some(0));
}

#[test]
fn invalid_settings_are_reported_at_start() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("relay.toml");
    std::fs::write(&file, "epcoh = \"30m\"").unwrap();
    for (flags, reason) in [
        (
            format!("--config {}", file.display()),
            "unknown key \"epcoh\"",
        ),
        ("--epoch 3".to_owned(), "--epoch"),
        (
            "--max-message-size 16MiB --epoch 30m".to_owned(),
            "after three days",
        ),
    ] {
        let error = Process::refused(directory.path(), &flags);
        assert!(error.contains(reason), "{flags}: {error}");
    }
}

#[test]
fn frame_ancestors_come_from_file_and_environment() {
    let directory = TempDir::new().unwrap();
    std::fs::write(directory.path().join("index.html"), "<p>page").unwrap();
    let file = directory.path().join("relay.toml");
    std::fs::write(
        &file,
        "frame-ancestor = [\"https://a.example\", \"https://b.example\"]",
    )
    .unwrap();
    let flags = format!(
        "--config {} --static-dir {}",
        file.display(),
        directory.path().display()
    );
    let variable = (
        "TESSERA_RELAY_FRAME_ANCESTOR",
        "https://c.example,https://d.example",
    );
    for (environment, expected) in [
        (&[][..], "'self' https://a.example https://b.example"),
        (
            &[variable][..],
            "'self' https://c.example https://d.example",
        ),
    ] {
        let process = Process::start_with(directory.path(), &flags, environment, Stdio::null());
        let answer = process.client.get("/");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.ends_with(&format!("frame-ancestors {expected}")),
            "{policy}"
        );
        assert_eq!(process.terminate(), Some(0));
    }
}

#[test]
fn help_and_version_are_not_errors() {
    for flags in [&["--help"][..], &["serve", "--help"], &["help", "serve"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_tessera-relay"))
            .args(flags)
            .output()
            .unwrap();
        assert!(output.status.success(), "{flags:?}");
        assert!(!output.stdout.is_empty());
    }
}

#[test]
fn a_hangup_without_reloadable_files_does_not_end_the_relay() {
    let directory = TempDir::new().unwrap();
    let process = Process::start(directory.path(), "", Stdio::null());
    process.signal("HUP");
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(process.client.get("/healthz").status, 200);
    assert_eq!(process.terminate(), Some(0));
}

#[test]
fn the_relay_warns_about_secrets_readable_by_all_users() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("token");
    std::fs::write(&file, "shared-by-a-deployment").unwrap();
    for (mode, is_warned) in [(0o644, true), (0o640, false), (0o600, false)] {
        std::fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        let log = directory.path().join("log");
        let flags = format!("--access-token-file {}", file.display());
        let to = Stdio::from(std::fs::File::create(&log).unwrap());
        let process = Process::start(directory.path(), &flags, to);
        assert_eq!(process.terminate(), Some(0));
        let log = std::fs::read_to_string(log).unwrap();
        assert_eq!(
            log.contains("this secret is readable"),
            is_warned,
            "{mode:o}: {log}"
        );
        assert!(!log.contains("shared-by"), "{log}");
    }
}
