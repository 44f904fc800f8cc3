//! Rules on the dependency tree, checked on the output of `cargo tree`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};

use super::suite::Checked;
use crate::workspace::Workspace;

/// Crates that could open a cell. The relay must not depend on them.
const OPENERS: &[&str] = &["aes", "aes-gcm", "hpke", "ml-kem", "x-wing", "x25519-dalek"];

/// One version of each: two would double the code to trust, and their types would not match.
const CRYPTOGRAPHY: &[&str] = &[
    "aes",
    "aes-gcm",
    "cipher",
    "ctr",
    "curve25519-dalek",
    "digest",
    "ed25519-dalek",
    "getrandom",
    "ghash",
    "hkdf",
    "hmac",
    "hpke",
    "minicbor",
    "ml-kem",
    "pbkdf2",
    "polyval",
    "rand_core",
    "sha2",
    "sha3",
    "subtle",
    "x-wing",
    "x25519-dalek",
    "zeroize",
];

/// The relay, compiled alone, contains no code that could open a cell.
pub(super) fn relay_cannot_open(workspace: &Workspace) -> Result<Checked> {
    let tree = tree(workspace, &["--package=tessera-relay"])?;
    let openers: Vec<_> = OPENERS
        .iter()
        .filter(|name| tree.contains_key(**name))
        .copied()
        .collect();
    ensure!(
        openers.is_empty(),
        "the relay depends on {}",
        openers.join(", ")
    );
    Ok(Checked::Passed(String::new()))
}

/// What ships has one version of each cryptographic crate.
pub(super) fn one_version_each(workspace: &Workspace) -> Result<Checked> {
    let targets: [&[&str]; 3] = [
        &["--package=tessera", "--target=wasm32-unknown-unknown"],
        &["--package=tessera"],
        &["--package=tessera-relay"],
    ];
    for target in targets {
        let tree = tree(workspace, target)?;
        let doubled = doubled(&tree);
        ensure!(
            doubled.is_empty(),
            "more than one version of {} in {}",
            doubled.join(", "),
            target.join(" ")
        );
    }
    Ok(Checked::Passed(String::new()))
}

type Tree = BTreeMap<String, BTreeSet<String>>;

fn doubled(tree: &Tree) -> Vec<&str> {
    CRYPTOGRAPHY
        .iter()
        .copied()
        .filter(|name| tree.get(*name).is_some_and(|versions| versions.len() > 1))
        .collect()
}

/// Names and versions of all crates that are linked.
fn tree(workspace: &Workspace, arguments: &[&str]) -> Result<Tree> {
    let mut command = workspace.cargo(&[
        "tree",
        "--locked",
        "--edges=normal",
        "--prefix=none",
        "--format={p}",
    ]);
    let output = command.args(arguments).output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "cargo tree {}: {}",
        arguments.join(" "),
        error.trim()
    );
    let tree = parse(&String::from_utf8_lossy(&output.stdout));
    ensure!(
        tree.contains_key("sha2"),
        "cargo tree {} does not list sha2, so its output was not understood",
        arguments.join(" ")
    );
    Ok(tree)
}

/// Reads lines like `sha2 v0.11.0`, some of which end with a path or `(*)`.
fn parse(output: &str) -> Tree {
    let mut tree = Tree::new();
    for line in output.lines() {
        let mut words = line.split_whitespace();
        if let (Some(name), Some(version)) = (words.next(), words.next()) {
            tree.entry(name.to_owned())
                .or_default()
                .insert(version.to_owned());
        }
    }
    tree
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "tessera-relay v0.1.0 (/src/relay)\nsha2 v0.11.0\nsha2 v0.11.0 (*)\nserde v1.0.0 (proc-macro)\n\
                        serde v2.0.0\n";

    #[test]
    fn a_repeated_line_is_one_version() {
        let tree = parse(TREE);
        assert_eq!(tree.len(), 3);
        assert!(doubled(&tree).is_empty(), "serde is not cryptography");
    }

    #[test]
    fn a_second_version_is_found() {
        assert_eq!(doubled(&parse(&format!("{TREE}sha2 v0.10.9\n"))), ["sha2"]);
    }
}
