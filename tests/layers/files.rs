//! Files stay small: a longer one says at its top why.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Lines from which on a file needs a reason.
const LONG: usize = 400;

/// What the first lines of a longer file say.
const REASON: &str = "Longer than other files:";

const FOLDERS: &[&str] = &[
    "examples", "fuzz", "pkg", "relay", "src", "tests", "www", "xtask",
];

/// Written by tools, or by others.
const SKIPPED: &[&str] = &[
    "node_modules",
    "target",
    "dist",
    "bindings",
    "data",
    "corpus",
    "artifacts",
];

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if path.is_dir() {
            if !SKIPPED.contains(&&*name) && !name.starts_with('.') {
                walk(&path, found);
            }
        } else if [".rs", ".ts", ".mjs", ".css"]
            .iter()
            .any(|end| name.ends_with(end))
        {
            found.push(path);
        }
    }
}

fn is_long_without_a_reason(text: &str) -> bool {
    text.lines().count() > LONG && !text.lines().take(10).any(|line| line.contains(REASON))
}

#[test]
fn a_long_file_says_why() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in FOLDERS {
        walk(&root.join(folder), &mut files);
    }
    assert!(files.len() > 800, "{} files", files.len());
    let long = files
        .into_iter()
        .filter(|path| is_long_without_a_reason(&fs::read_to_string(path).unwrap()));
    let long: Vec<_> = long.collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn a_long_file_without_a_reason_is_detected() {
    let lines = "x\n".repeat(LONG);
    assert!(!is_long_without_a_reason(&lines));
    assert!(is_long_without_a_reason(&format!("{lines}x")));
    assert!(!is_long_without_a_reason(&format!(
        "//! {REASON} a list.\n{lines}"
    )));
}
