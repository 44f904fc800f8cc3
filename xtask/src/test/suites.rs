//! The suites, and the order in which they keep two cores busy.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::suite::{Checked, Suite};
use super::{dependencies, supply};
use crate::browser::Browser;
use crate::workspace::Workspace;
use crate::{build, check, links, npm, size, wasm};

/// Lanes that run in parallel. A phase starts when the previous one has ended.
pub(crate) struct Phase {
    pub(crate) lanes: [Vec<Suite>; 2],
}

impl Phase {
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.lanes.iter().flatten().map(|suite| suite.name)
    }
}

/// First the builds. Then cargo in one lane, with lower priority, and in the other the suites that
/// mostly wait for epochs.
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
                    documentation(workspace),
                    rust(workspace),
                    browser_tests(workspace),
                    privacy(workspace),
                ],
                vec![
                    scripts(workspace),
                    size(workspace),
                    npm_package(workspace),
                    consumers(workspace, &browser)?,
                    fhir(workspace)?,
                    end_to_end(workspace, &browser)?,
                    supply(workspace),
                ],
            ],
        },
    ])
}

/// This program as a child process, so that its output goes to the suite's log.
fn xtask(workspace: &Workspace, arguments: &[&str]) -> Command {
    let program = std::env::current_exe().unwrap_or_else(|_| "xtask".into());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(workspace.path("."));
    command
}

/// The simulation of what the relay's operator learns, compared with the committed figures.
fn privacy(workspace: &Workspace) -> Suite {
    let arguments = ["bench", "privacy", "--quick", "--check", "--jobs=1"];
    Suite::new("privacy", 5).passes(background(xtask(workspace, &arguments)))
}

fn package(workspace: &Workspace) -> Suite {
    Suite::new("build-package", 4)
        .blocks()
        .builds(xtask(workspace, &["build-part", "package"]))
}

fn portal(workspace: &Workspace) -> Suite {
    Suite::new("build-portal", 1)
        .blocks()
        .needs_build()
        .builds(xtask(workspace, &["build-part", "portal"]))
}

/// The relay, and what else the end-to-end tests start.
fn relay(workspace: &Workspace) -> Suite {
    Suite::new("build-relay", 4)
        .blocks()
        .builds(xtask(workspace, &["build-part", "relay"]))
        .builds(xtask(workspace, &["build-part", "e2e"]))
}

fn format(workspace: &Workspace) -> Suite {
    passes(Suite::new("format", 1), check::formatting(workspace))
}

fn dependencies(workspace: &Workspace) -> Suite {
    let (relay, all) = (workspace.clone(), workspace.clone());
    Suite::new("dependencies", 1)
        .check(move || dependencies::relay_cannot_open(&relay))
        .check(move || dependencies::one_version_each(&all))
}

/// Licences, advisories, banned crates and sources of crates; vulnerabilities of npm packages.
fn supply(workspace: &Workspace) -> Suite {
    let install = xtask(workspace, &["tools", "cargo-deny"]);
    let mut suite = Suite::new("supply", 3).attempts(background(install));
    for kind in ["licenses", "bans", "sources", "advisories"] {
        let workspace = workspace.clone();
        suite = suite.check(move || supply::deny(&workspace, kind));
    }
    for folder in ["pkg", "www"] {
        let workspace = workspace.clone();
        suite = suite.check(move || supply::npm_audit(&workspace, folder));
    }
    suite
}

fn lints(workspace: &Workspace) -> Suite {
    passes(Suite::new("clippy", 4), check::lints(workspace))
}

fn scripts(workspace: &Workspace) -> Suite {
    let linter = xtask(workspace, &["build-part", "lint"]);
    passes(
        Suite::new("biome", 1).builds(linter),
        check::scripts(workspace),
    )
}

fn passes(suite: Suite, checks: Vec<check::Check>) -> Suite {
    checks.into_iter().fold(suite, |suite, check| {
        suite.passes(background(check.command))
    })
}

/// Links in doc comments and between the documents.
fn documentation(workspace: &Workspace) -> Suite {
    let mut command = background(workspace.cargo(&["doc", "--locked", "--no-deps", "--workspace"]));
    command.env("RUSTDOCFLAGS", "--deny=warnings");
    let workspace = workspace.clone();
    Suite::new("docs", 2).passes(command).check(move || {
        links::check(&workspace)?;
        Ok(Checked::Passed(String::new()))
    })
}

fn rust(workspace: &Workspace) -> Suite {
    let test = |arguments: &[&str]| {
        let mut command = workspace.cargo(&["test", "--locked", "--no-fail-fast"]);
        command.args(arguments);
        background(command)
    };
    Suite::new("rust", 8)
        .tests(test(&[
            "--workspace",
            "--exclude=xtask",
            "--",
            "--show-output",
        ]))
        .tests(test(&["--package=xtask", "--profile=xtask"]))
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
    Suite::new("browser", 3).tests(workspace.cargo(&arguments))
}

/// The built modules and scripts: their size, and that no path of this machine is in them.
fn size(workspace: &Workspace) -> Suite {
    let (module, sizes) = (workspace.clone(), workspace.clone());
    Suite::new("size", 1)
        .needs_build()
        .check(move || {
            let downloads = size::downloads(&sizes)?.into_iter();
            let within: Vec<_> = downloads
                .map(|download| Ok(download.within_limit()?.to_string()))
                .collect::<Result<_>>()?;
            Ok(Checked::Passed(within.join("; ")))
        })
        .check(move || {
            wasm::no_local_paths(&module)?;
            Ok(Checked::Passed(String::new()))
        })
}

/// The package's tests, in Node.
fn npm_package(workspace: &Workspace) -> Suite {
    let mut command = npm::npm(&workspace.path("pkg"), &["test", "--silent"]);
    command.env("TESSERA_RELAY", build::relay_binary(workspace));
    Suite::new("package", 4).needs_build().tests(command)
}

/// The packed archive, installed as a customer would install it.
fn consumers(workspace: &Workspace, browser: &Browser) -> Result<Suite> {
    let folder = workspace.path("tests/consumers");
    let mut command = node_tests(&folder)?;
    command
        .env("CHROMIUM", &browser.chromium)
        .env("TESSERA_RELAY", build::relay_binary(workspace));
    let libraries = xtask(workspace, &["build-part", "consumers"]);
    Ok(Suite::new("consumers", 2)
        .needs_build()
        .builds(libraries)
        .tests(command))
}

/// FHIR transactions, tested with validators and a server that share no code with the package.
fn fhir(workspace: &Workspace) -> Result<Suite> {
    let command = node_tests(&workspace.path("tests/fhir"))?;
    let libraries = xtask(workspace, &["build-part", "fhir"]);
    Ok(Suite::new("fhir", 2)
        .needs_build()
        .builds(libraries)
        .tests(command))
}

/// Real browsers, a real relay.
fn end_to_end(workspace: &Workspace, browser: &Browser) -> Result<Suite> {
    let folder = workspace.path("tests/e2e");
    let mut command = node_tests(&folder)?;
    command
        .env("CHROMIUM", &browser.chromium)
        .env("TESSERA_RELAY", build::relay_binary(workspace))
        .env("TESSERA_ADVERSARY", build::adversary_binary(workspace));
    let suite = Suite::new("e2e", 8).needs_build();
    Ok(suite.tests(command))
}

/// One file at a time: each starts a browser and a relay, and the machine has two cores.
pub(crate) fn node_tests(folder: &Path) -> Result<Command> {
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

/// A command with lower priority than the browsers beside it, whose epochs are real time.
fn background(command: Command) -> Command {
    if !cfg!(unix) {
        return command;
    }
    let mut nice = Command::new("nice");
    nice.args(["-n", "10"])
        .arg(command.get_program())
        .args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        nice.current_dir(folder);
    }
    nice
}
