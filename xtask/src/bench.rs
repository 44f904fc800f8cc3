//! `cargo xtask bench` measures the package in a browser, `cargo xtask bench relay` the relay,
//! `cargo xtask bench cells` what a hostile cell costs its reader, `cargo xtask bench light` what light
//! reading downloads, `cargo xtask bench away` how long a phone waits after two weeks, and `cargo xtask bench privacy` what the relay's operator learns from a simulated
//! hospital.

use std::ffi::OsString;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::Result;

use crate::browser;
use crate::build;
use crate::npm;
use crate::process::Group;
use crate::python;
use crate::workspace::Workspace;

const LIMIT: Duration = Duration::from_secs(60 * 60);

pub(crate) fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<ExitCode> {
    match arguments.split_first() {
        Some((first, rest)) if first == "relay" => relay(workspace, rest),
        Some((first, rest)) if first == "privacy" => privacy(workspace, rest),
        Some((first, [])) if first == "cells" => {
            figures(workspace, "client", "a_hostile_cell_is_decrypted_once")
        }
        Some((first, [])) if first == "light" => figures(workspace, "light", "figures"),
        Some((first, rest)) if first == "away" => away(workspace, rest),
        _ => package(workspace, arguments),
    }
}

/// Puts load on the relay with `relay/bench`; the table goes into `docs/benchmarks.md`.
fn relay(workspace: &Workspace, arguments: &[OsString]) -> Result<ExitCode> {
    build::relay(workspace)?;
    build::relay_bench(workspace)?;
    let mut bench = Command::new(build::relay_bench_binary(workspace));
    bench.arg("--relay").arg(build::relay_binary(workspace));
    if std::env::var_os("NATS_SERVER").is_none() {
        match build::nats(workspace) {
            Ok(binary) => drop(bench.env("NATS_SERVER", binary)),
            Err(error) => eprintln!("without NATS: {error:#}"),
        }
    }
    if !arguments.iter().any(|argument| argument == "--quick") {
        let document = workspace.path("docs/benchmarks.md");
        bench.arg("--document").arg(document);
    }
    finish(bench.args(arguments))
}

/// The simulation behind `docs/privacy.md`; it needs no build.
fn privacy(workspace: &Workspace, arguments: &[OsString]) -> Result<ExitCode> {
    let folder = workspace.path("tests/bench/privacy");
    let mut bench = python::command(workspace, &folder.join("requirements.txt"))?;
    finish(bench.arg(folder.join("run.py")).args(arguments))
}

/// Prints the figures that tests of the engine measure.
fn figures(workspace: &Workspace, suite: &str, tests: &str) -> Result<ExitCode> {
    let mut test = Command::new("cargo");
    test.args([
        "test",
        "--release",
        "--quiet",
        "--package",
        "tessera",
        "--test",
        suite,
    ])
    .args(["--", tests, "--nocapture"])
    .current_dir(workspace.path("."));
    finish(&mut test)
}

fn package(workspace: &Workspace, arguments: &[OsString]) -> Result<ExitCode> {
    let chromium = browser::find()?;
    build::package(workspace)?;
    build::bench(workspace)?;
    build::relay(workspace)?;
    let mut bench = Command::new("node");
    bench
        .arg(workspace.path("tests/bench/run.mjs"))
        .args(arguments)
        .current_dir(workspace.path("."))
        .env("CHROMIUM", &chromium)
        .env("TESSERA_BENCH_MODULE", build::bench_module(workspace))
        .env("TESSERA_RELAY", build::relay_binary(workspace));
    finish(&mut bench)
}

/// A phone after two weeks away; the table goes into `docs/benchmarks.md` with `--write`.
fn away(workspace: &Workspace, arguments: &[OsString]) -> Result<ExitCode> {
    let chromium = browser::find()?;
    build::package(workspace)?;
    build::relay(workspace)?;
    build::history(workspace)?;
    npm::install(&workspace.path("tests/e2e"))?;
    let mut bench = Command::new("node");
    bench
        .arg(workspace.path("tests/bench/away.mjs"))
        .args(arguments)
        .current_dir(workspace.path("."))
        .env("CHROMIUM", &chromium)
        .env("TESSERA_RELAY", build::relay_binary(workspace))
        .env("TESSERA_HISTORY", build::history_binary(workspace));
    finish(&mut bench)
}

fn finish(bench: &mut Command) -> Result<ExitCode> {
    let end = Group::spawn(bench)?.wait(LIMIT)?;
    if end.success() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("error: the benchmark failed: {end}");
    Ok(ExitCode::FAILURE)
}
