//! Rules on the dependency tree, checked on the output of `cargo tree`.

use anyhow::{Result, ensure};

use super::suite::Checked;
use crate::tree::{self, Tree};
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
    let tree = tree::linked(workspace, tree::RELAY)?;
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
    for build in [tree::MODULE, &["--package=tessera"], tree::RELAY] {
        let tree = tree::linked(workspace, build)?;
        let doubled = doubled(&tree);
        ensure!(
            doubled.is_empty(),
            "more than one version of {} in {}",
            doubled.join(", "),
            build.join(" ")
        );
    }
    Ok(Checked::Passed(String::new()))
}

fn doubled(tree: &Tree) -> Vec<&str> {
    CRYPTOGRAPHY
        .iter()
        .copied()
        .filter(|name| tree.get(*name).is_some_and(|versions| versions.len() > 1))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_version_is_found() {
        let doubled_in = |output: &str| doubled(&tree::parse(output)).join(" ");
        let one = "sha2 v0.11.0\nserde v1.0.0\nserde v2.0.0\n";
        assert_eq!(doubled_in(one), "", "serde is not cryptography");
        assert_eq!(doubled_in(&format!("{one}sha2 v0.10.9\n")), "sha2");
    }
}
