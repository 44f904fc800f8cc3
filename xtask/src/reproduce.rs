//! `cargo xtask reproduce`: whether the WebAssembly modules of the last commit come out the same, byte for byte,
//! wherever they are built.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process;
use crate::workspace::Workspace;

/// Of different lengths, so that a path in a module would also move what follows it.
const FOLDERS: [&str; 2] = ["one", "another/folder-of-another-length"];

/// Builds the modules in two clones, from scratch and without a compiler cache, and compares their hashes.
pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode> {
    let place = tempfile::tempdir().context("temporary directory")?;
    let mut found = Vec::new();
    for folder in FOLDERS {
        let clone = place.path().join(folder);
        clone_into(workspace, &clone)?;
        let hashes = build_in(&clone)?;
        println!("{}: {hashes}", clone.display());
        found.push(hashes);
    }
    if found.windows(2).all(|pair| pair.first() == pair.last()) {
        println!("The modules are the same.");
        return Ok(ExitCode::SUCCESS);
    }
    println!("The modules differ.");
    Ok(ExitCode::FAILURE)
}

fn clone_into(workspace: &Workspace, folder: &Path) -> Result<()> {
    process::run(
        Command::new("git")
            .args(["clone", "--quiet", "--shared", "--no-tags"])
            .arg(workspace.root())
            .arg(folder),
    )
}

/// The hashes of the modules that are built in this checkout.
fn build_in(folder: &Path) -> Result<Value> {
    let program: PathBuf = std::env::current_exe().context("this program")?;
    process::run(
        Command::new(program)
            .args(["build-part", "modules"])
            .current_dir(folder)
            .env("CARGO_MANIFEST_DIR", folder.join("xtask"))
            .env("CARGO_TARGET_DIR", folder.join("target"))
            // A cache would give the second build the objects of the first.
            .env("RUSTC_WRAPPER", "")
            .env("CARGO_BUILD_RUSTC_WRAPPER", ""),
    )?;
    let integrity = fs::read(folder.join("pkg/dist/integrity.json")).context("integrity.json")?;
    serde_json::from_slice(&integrity).context("integrity.json")
}
