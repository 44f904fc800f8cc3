//! `cargo xtask sbom`: what the relay, the module and the npm package are made of, in CycloneDX, and
//! the licence notices of the relay's crates.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace::Workspace;
use crate::{notices, npm, process, tools, tree};

/// Writes `target/sbom`.
pub(crate) fn write(workspace: &Workspace) -> Result<()> {
    let program = tools::CARGO_CYCLONEDX
        .find(workspace)
        .with_context(|| tools::CARGO_CYCLONEDX.missing())?;
    let folder = workspace.target("sbom");
    fs::create_dir_all(&folder)?;

    let file = |name: &str| folder.join(name);
    rust(
        workspace,
        &program,
        "relay/Cargo.toml",
        &[],
        &file("tessera-relay.cdx.json"),
    )?;
    let wasm = ["--target", "wasm32-unknown-unknown"];
    rust(
        workspace,
        &program,
        "Cargo.toml",
        &wasm,
        &file("tessera.cdx.json"),
    )?;

    let package = workspace.path("pkg");
    npm::install(&package)?;
    let sbom = process::output(&mut npm::npm(
        &package,
        &["sbom", "--sbom-format=cyclonedx", "--omit=dev"],
    ))?;
    fs::write(file("tessera-portal.cdx.json"), sbom)?;

    let notices = notices::collect(workspace, tree::RELAY)?;
    fs::write(file("tessera-relay.notices.txt"), notices)?;
    println!("Wrote {}", folder.display());
    Ok(())
}

/// cargo-cyclonedx writes a file beside the manifest of every member of the workspace; of these the
/// one of `manifest` is kept, as `to`.
fn rust(
    workspace: &Workspace,
    program: &Path,
    manifest: &str,
    arguments: &[&str],
    to: &Path,
) -> Result<()> {
    const NAME: &str = "tessera-sbom";
    let manifest = workspace.path(manifest);
    let mut command = Command::new(program);
    command
        .args(["cyclonedx", "--format=json", "--spec-version=1.5"])
        .arg(format!("--override-filename={NAME}"))
        .arg("--manifest-path")
        .arg(&manifest)
        .args(arguments)
        .current_dir(workspace.path("."));
    process::run(&mut command)?;
    let written = |folder: &Path| folder.join(format!("{NAME}.json"));
    let own = written(manifest.parent().context("a manifest has a folder")?);
    fs::copy(&own, to).with_context(|| own.display().to_string())?;
    for member in [".", "relay", "relay/bench", "xtask"] {
        let extra = written(&workspace.path(member));
        if extra.exists() {
            fs::remove_file(extra)?;
        }
    }
    Ok(())
}
