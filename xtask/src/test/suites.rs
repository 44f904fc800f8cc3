//! The suites there are, and in which order they keep two cores busy.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::dependencies;
use super::suite::Suite;
use crate::browser::Browser;
use crate::workspace::Workspace;
use crate::{build, npm, size, wasm};

/// Lanes that run side by side. A phase begins when the one before has ended.
pub(crate) struct Phase {
    pub(crate) lanes: [Vec<Suite>; 2],
}

impl Phase {
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.lanes.iter().flatten().map(|suite| suite.name)
    }
}

/// First what the rest needs; then cargo in one lane, with lower priority, and in the other the
/// suites that mostly wait for epochs.
pub(crate) fn all(workspace: &Workspace) -> Result<Vec<Phase>> {
    npm::require()?;
    wasm::require_target()?;
    let browser = Browser::find()?;
    Ok(vec![
        Phase {
            lanes: [
                vec![package(workspace), portal(workspace)],
                vec![format(workspace), relay(workspace)],
            ],
        },
        Phase {
            lanes: [
                vec![
                    dependencies(workspace),
                    lints(workspace),
                    rust(workspace),
                    relay_alone(workspace),
                    browser_tests(workspace),
                    privacy(),
                ],
                vec![
                    size(workspace),
                    npm_package(workspace),
                    consumers(workspace)?,
                    fhir(workspace)?,
                    end_to_end(workspace, &browser)?,
                ],
            ],
        },
    ])
}

/// This program in another process, so that its output goes to the suite's log.
fn xtask(workspace: &Workspace, part: &str) -> Command {
    let mut command = this_program();
    command
        .args(["build-part", part])
        .current_dir(workspace.path("."));
    command
}

/// What the relay's operator learns, against the committed figures.
fn privacy() -> Suite {
    let mut command = this_program();
    command.args(["bench", "privacy", "--quick", "--check", "--jobs=1"]);
    Suite::new("privacy", 20).passes(command)
}

fn this_program() -> Command {
    Command::new(std::env::current_exe().unwrap_or_else(|_| "xtask".into()))
}

fn package(workspace: &Workspace) -> Suite {
    Suite::new("build-package", 15)
        .blocks()
        .builds(xtask(workspace, "package"))
}

fn portal(workspace: &Workspace) -> Suite {
    Suite::new("build-portal", 5)
        .blocks()
        .needs_build()
        .builds(xtask(workspace, "portal"))
}

/// The relay, and what the end-to-end tests use beside it.
fn relay(workspace: &Workspace) -> Suite {
    Suite::new("build-relay", 15)
        .blocks()
        .builds(xtask(workspace, "relay"))
        .builds(xtask(workspace, "e2e"))
}

fn format(workspace: &Workspace) -> Suite {
    Suite::new("format", 1).passes(workspace.cargo(&["fmt", "--all", "--check", "--", "-l"]))
}

fn dependencies(workspace: &Workspace) -> Suite {
    let (one, two) = (workspace.clone(), workspace.clone());
    Suite::new("dependencies", 2)
        .check(move || dependencies::relay_cannot_open(&one))
        .check(move || dependencies::one_version_each(&two))
}

fn lints(workspace: &Workspace) -> Suite {
    let clippy = |arguments: &[&str]| {
        let mut command = background(workspace, &["clippy", "--locked"]);
        command.args(arguments).args(["--", "--deny=warnings"]);
        command
    };
    Suite::new("clippy", 12)
        .passes(clippy(&["--workspace", "--all-targets"]))
        .passes(clippy(&[
            "--package=tessera",
            "--target=wasm32-unknown-unknown",
            "--lib",
            "--tests",
        ]))
}

fn rust(workspace: &Workspace) -> Suite {
    let test = |arguments: &[&str]| {
        let mut command = background(workspace, &["test", "--locked", "--no-fail-fast"]);
        command.args(arguments);
        command
    };
    Suite::new("rust", 20)
        .tests(test(&[
            "--workspace",
            "--exclude=xtask",
            "--",
            "--show-output",
        ]))
        .tests(test(&["--package=xtask", "--profile=xtask"]))
}

/// A build of the whole workspace unifies features and would hide that the relay needs one.
fn relay_alone(workspace: &Workspace) -> Suite {
    Suite::new("relay-alone", 8).passes(background(
        workspace,
        &["check", "--locked", "--package=tessera-relay"],
    ))
}

/// `tests/web.rs`, in headless Chromium.
fn browser_tests(workspace: &Workspace) -> Suite {
    let arguments = [
        "test",
        "--locked",
        "--package=tessera",
        "--target=wasm32-unknown-unknown",
        "--test=web",
        "--",
        "--nocapture",
    ];
    Suite::new("browser", 15).tests(workspace.cargo(&arguments))
}

fn size(workspace: &Workspace) -> Suite {
    let workspace = workspace.clone();
    Suite::new("size", 1)
        .needs_build()
        .check(move || Ok(size::core_download(&workspace)?.within_limit()?.to_string()))
}

/// Types and Node tests of the package.
fn npm_package(workspace: &Workspace) -> Suite {
    let mut command = npm::npm(&workspace.path("pkg"), &["test", "--silent"]);
    command.env("TESSERA_RELAY", build::relay_binary(workspace));
    Suite::new("package", 5).needs_build().tests(command)
}

/// The packed archive, installed as a customer would.
fn consumers(workspace: &Workspace) -> Result<Suite> {
    let command = node_tests(&workspace.path("tests/consumers"))?;
    Ok(Suite::new("consumers", 5).needs_build().tests(command))
}

/// What is filed in a record, before validators and a server that share no code with the package.
fn fhir(workspace: &Workspace) -> Result<Suite> {
    let command = node_tests(&workspace.path("tests/fhir"))?;
    let suite = Suite::new("fhir", 5).needs_build();
    Ok(suite.builds(xtask(workspace, "fhir")).tests(command))
}

/// Real browsers, a real relay.
fn end_to_end(workspace: &Workspace, browser: &Browser) -> Result<Suite> {
    let folder = workspace.path("tests/e2e");
    let mut command = node_tests(&folder)?;
    command
        .env("CHROMIUM", &browser.chromium)
        .env("TESSERA_RELAY", build::relay_binary(workspace))
        .env("TESSERA_ADVERSARY", build::adversary_binary(workspace));
    let suite = Suite::new("e2e", 15).needs_build();
    Ok(suite.tests(command))
}

/// One file at a time: each has a browser and a relay of its own, and two cores to run them on.
fn node_tests(folder: &Path) -> Result<Command> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let name = entry?.file_name();
        if name.to_string_lossy().ends_with(".test.mjs") {
            files.push(name);
        }
    }
    files.sort();
    ensure!(!files.is_empty(), "no *.test.mjs in {}", folder.display());
    let mut command = Command::new("node");
    command
        .args(["--test", "--test-concurrency=1", "--test-reporter=spec"])
        .args(files)
        .current_dir(folder);
    Ok(command)
}

/// Cargo with lower priority than the browsers beside it, whose tests wait for real time to pass.
fn background(workspace: &Workspace, arguments: &[&str]) -> Command {
    let cargo = workspace.cargo(arguments);
    if !cfg!(unix) {
        return cargo;
    }
    let mut nice = Command::new("nice");
    nice.args(["-n", "10"])
        .arg(cargo.get_program())
        .args(cargo.get_args())
        .current_dir(workspace.path("."));
    nice
}
