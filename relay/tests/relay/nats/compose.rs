//! `deploy/cluster/compose.yaml` and the file of its servers.

use std::{path::Path, process::Command};

use super::servers::binary;

fn deploy(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../deploy/cluster")
        .join(name)
}

#[test]
fn nats_accepts_the_file_of_its_servers() {
    let Some(binary) = binary() else {
        return;
    };
    let output = Command::new(binary)
        .args(["-t", "-c"])
        .arg(deploy("compose-nats.conf"))
        .env("NATS_NAME", "n1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

/// The settings are valid: the relay only lacks keys.
#[test]
fn a_relay_accepts_the_settings_of_the_file() {
    let text = std::fs::read_to_string(deploy("compose.yaml")).unwrap();
    let settings: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| line.strip_prefix("  TESSERA_RELAY_"))
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name, value.trim_matches('"')))
        .filter(|(name, _)| *name != "STATE_DIR")
        .collect();
    assert!(settings.len() >= 6, "{settings:?}");
    let directory = tempfile::tempdir().unwrap();
    let mut relay = Command::new(env!("CARGO_BIN_EXE_tessera-relay"));
    relay
        .arg("serve")
        .env("TESSERA_RELAY_STATE_DIR", directory.path());
    for (name, value) in settings {
        relay.env(format!("TESSERA_RELAY_{name}"), value);
    }
    let output = relay.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("STATE_MISSING: "), "{said}");
}
