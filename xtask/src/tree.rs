//! The crates that are linked into a build, read from `cargo tree`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};

use crate::process;
use crate::workspace::Workspace;

/// The relay's binary.
pub(crate) const RELAY: &[&str] = &["--package=tessera-relay"];

/// The WebAssembly module of the npm package.
pub(crate) const MODULE: &[&str] = &["--package=tessera", "--target=wasm32-unknown-unknown"];

/// Names, each with its versions.
pub(crate) type Tree = BTreeMap<String, BTreeSet<String>>;

/// The crates whose code is linked into `build`; macros run at build time and are not.
pub(crate) fn linked(workspace: &Workspace, build: &[&str]) -> Result<Tree> {
    let mut command = workspace.cargo(&[
        "tree",
        "--locked",
        "--edges=normal,no-proc-macro",
        "--prefix=none",
        "--format={p}",
    ]);
    let output = process::output(command.args(build))?;
    let tree = parse(&String::from_utf8_lossy(&output));
    ensure!(
        tree.contains_key("sha2"),
        "cargo tree {} does not list sha2, so its output was not understood",
        build.join(" ")
    );
    Ok(tree)
}

/// Reads lines like `sha2 v0.11.0`, some of which end with a path or `(*)`.
pub(crate) fn parse(output: &str) -> Tree {
    let mut tree = Tree::new();
    for line in output.lines() {
        let mut words = line.split_whitespace();
        if let (Some(name), Some(version)) = (words.next(), words.next()) {
            tree.entry(name.to_owned())
                .or_default()
                .insert(version.trim_start_matches('v').to_owned());
        }
    }
    tree
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_line_is_one_version() {
        let tree =
            parse("a v0.1.0 (/src/relay)\nsha2 v0.11.0\nsha2 v0.11.0 (*)\nb v1.0.0\nb v2.0.0\n");
        let versions = |name: &str| tree.get(name).map_or(0, BTreeSet::len);
        assert_eq!((versions("a"), versions("sha2"), versions("b")), (1, 1, 2));
    }
}
