//! Runs every vector file of the folder in `TESSERA_VECTORS`, by default
//! `tests/vectors`, and prints one line per file.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod conformance;

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write as _},
    path::PathBuf,
};

fn committed() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

fn files(folder: &PathBuf) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Prints without capture by the test runner; the task runner shows these lines.
fn report(line: &str) {
    writeln!(io::stdout().lock(), "{line}").unwrap();
}

#[test]
fn every_vector_passes() {
    let folder = std::env::var_os("TESSERA_VECTORS").map_or_else(committed, PathBuf::from);
    let paths = files(&folder);
    assert!(!paths.is_empty(), "{}: no vectors", folder.display());
    let mut failures = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy();
        let text = fs::read_to_string(&path).unwrap_or_default();
        match conformance::run_file(&name, &text) {
            Ok(conformance::Count { valid, invalid, .. }) => {
                report(&format!(
                    "{name}: {} cases ({valid} valid, {invalid} invalid)",
                    valid + invalid
                ));
            }
            Err(lines) => {
                report(&format!("{name}: FAILED, {} cases", lines.len()));
                failures.extend(lines);
            }
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

/// An invalid case that fails for another reason proves nothing, so
/// `tests/data/refusals.txt` has the step at which each kind must fail.
#[test]
fn invalid_cases_fail_at_the_expected_step() {
    let expected =
        fs::read_to_string(committed().with_file_name("data").join("refusals.txt")).unwrap();
    let expected: BTreeSet<&str> = expected
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    let mut found = BTreeSet::new();
    for path in files(&committed()) {
        let name = path.file_name().unwrap().to_string_lossy();
        let count = conformance::run_file(&name, &fs::read_to_string(&path).unwrap()).unwrap();
        found.extend(
            count
                .refused
                .into_iter()
                .map(|(why, step)| format!("{name} | {step} | {why}")),
        );
    }
    let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
    let new: Vec<_> = found.difference(&expected).collect();
    let gone: Vec<_> = expected.difference(&found).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "refused elsewhere: {new:#?}\nthan expected: {gone:#?}"
    );
}

#[test]
fn a_file_without_vectors_fails() {
    let case = |fields: &str| format!(r#"{{"about": "", "section": 2, "cases": [{fields}]}}"#);
    for (what, name, text) in [
        ("unknown file", "unknown.json", case("{}")),
        ("no cases", "identity.json", case("")),
        ("not JSON", "identity.json", String::new()),
        ("nothing stated", "identity.json", case("{}")),
        (
            "an unknown field",
            "shares.json",
            case(r#"{"texts": [], "valid": false, "colour": "red"}"#),
        ),
        ("an invalid case that is accepted", "channel.json", {
            let text = fs::read_to_string(committed().join("channel.json")).unwrap();
            text.replacen("\"direction\"", "\"valid\": false, \"direction\"", 1)
        }),
        ("another value", "identity.json", {
            let text = fs::read_to_string(committed().join("identity.json")).unwrap();
            text.replacen("\"16\": ", "\"16\": 1", 1)
        }),
    ] {
        assert!(conformance::run_file(name, &text).is_err(), "{what}");
    }
}
