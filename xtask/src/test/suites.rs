//! The suites, and the order in which they keep two cores busy.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::suite::{Checked, Suite};
use super::{dependencies, supply};
use crate::browser;
use crate::workspace::Workspace;
use crate::{build, check, links, npm, size, tools, wasm};

/// Lanes that run in parallel. A phase starts when the previous one has ended.
pub(crate) struct Phase {
    pub(crate) lanes: Vec<Vec<Suite>>,
}

impl Phase {
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.lanes.iter().flatten().map(|suite| suite.name)
    }
}

/// First the builds. Then cargo in one lane, with lower priority. Beside it the suites that start relays
/// and browsers, in two lanes: they mostly wait for epochs, and leave the cores to cargo. So do the tests
/// of the relay, which come before what only compiles and takes all cores at the end.
pub(crate) fn all(workspace: &Workspace) -> Result<Vec<Phase>> {
    npm::require()?;
    wasm::require_target()?;
    let chromium = browser::find()?;
    Ok(vec![
        Phase {
            lanes: vec![
                vec![package(workspace), portal(workspace)],
                vec![format(workspace), tested(workspace)],
            ],
        },
        Phase {
            lanes: vec![
                vec![dependencies(workspace), rust(workspace), lints(workspace)],
                vec![
                    scripts(workspace),
                    size(workspace),
                    npm_package(workspace),
                    reference(workspace),
                    consumers(workspace, &chromium)?,
                    fhir(workspace)?,
                    supply(workspace),
                    documentation(workspace),
                ],
                vec![end_to_end(workspace, &chromium)?, privacy(workspace)],
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

/// What tests start, with assertions and checks of overflow.
fn tested(workspace: &Workspace) -> Suite {
    Suite::new("build-tested", 4)
        .blocks()
        .builds(xtask(workspace, &["build-part", "tested"]))
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
    let mut engine_and_relay = build::for_tests(workspace, "test");
    // Tests of the relay wait for epochs more than they compute.
    engine_and_relay.args(["--no-fail-fast", "--", "--show-output", "--test-threads=6"]);
    if let Some(folder) = memory() {
        engine_and_relay.env("TMPDIR", folder);
    }
    let tasks = ["test", "--locked", "--no-fail-fast", "--package=xtask"];
    let mut tasks = workspace.cargo(&tasks);
    tasks.arg("--profile=xtask");
    Suite::new("rust", 8)
        .attempts(background(xtask(workspace, &["build-part", "nats"])))
        .tests(background(engine_and_relay))
        .tests(background(tasks))
}

/// A file system in memory with room for the stores of all tests: their syncs are most of the time that
/// the tests take on a slow disk. What survives a power cut is tested on recorded writes, not on this disk.
fn memory() -> Option<&'static str> {
    const FOLDER: &str = "/dev/shm";
    const KIBIBYTES: u64 = 4 << 20;
    let mounts = fs::read_to_string("/proc/mounts").ok()?;
    let is_usable = |line: &str| {
        let fields: Vec<_> = line.split(' ').collect();
        // Tests of documentation are programs in this folder.
        matches!(fields[..], [_, FOLDER, "tmpfs", options, ..] if !options.contains("noexec"))
    };
    if !mounts.lines().any(is_usable) {
        return None;
    }
    let output = Command::new("df").args(["-Pk", FOLDER]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut fields = text.lines().nth(1)?.split_whitespace();
    (fields.nth(3)?.parse::<u64>().ok()? >= KIBIBYTES).then_some(FOLDER)
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
    command.env(
        "TESSERA_RELAY",
        build::tested_program(workspace, "tessera-relay"),
    );
    Suite::new("package", 4).needs_build().tests(command)
}

/// The reference of the package's types: every link in it leads somewhere.
fn reference(workspace: &Workspace) -> Suite {
    let command = npm::npm(&workspace.path("pkg"), &["run", "--silent", "reference"]);
    Suite::new("reference", 1)
        .needs_build()
        .passes(background(command))
}

/// The packed archive, installed as a customer would install it.
fn consumers(workspace: &Workspace, chromium: &Path) -> Result<Suite> {
    let folder = workspace.path("tests/consumers");
    let mut command = node_tests(&folder, "spec", 1)?;
    command.env("CHROMIUM", chromium).env(
        "TESSERA_RELAY",
        build::tested_program(workspace, "tessera-relay"),
    );
    let libraries = xtask(workspace, &["build-part", "consumers"]);
    // The SMART app files in the FHIR server of these tests.
    let server = xtask(workspace, &["build-part", "fhir"]);
    Ok(Suite::new("consumers", 2)
        .needs_build()
        .builds(libraries)
        .builds(server)
        .tests(command))
}

/// FHIR transactions, tested with validators and a server that share no code with the package.
fn fhir(workspace: &Workspace) -> Result<Suite> {
    let mut command = node_tests(&workspace.path("tests/fhir"), "spec", 1)?;
    command.env(
        "TESSERA_RELAY",
        build::tested_program(workspace, "tessera-relay"),
    );
    if let Some(helios) = tools::HELIOS.find(workspace) {
        command.env("HELIOS", helios);
    }
    let libraries = xtask(workspace, &["build-part", "fhir"]);
    let suite = Suite::new("fhir", 2).needs_build();
    Ok(suite.builds(libraries).tests(command))
}

/// Real browsers, a real relay.
fn end_to_end(workspace: &Workspace, chromium: &Path) -> Result<Suite> {
    let folder = workspace.path("tests/e2e");
    let mut command = node_tests(&folder, "spec", 2)?;
    command
        .env("CHROMIUM", chromium)
        .env(
            "TESSERA_RELAY",
            build::tested_program(workspace, "tessera-relay"),
        )
        .env(
            "TESSERA_ADVERSARY",
            build::tested_program(workspace, "examples/adversary"),
        );
    let libraries = xtask(workspace, &["build-part", "e2e"]);
    let vectors = xtask(workspace, &["build-part", "conformance"]);
    let suite = Suite::new("e2e", 8).needs_build();
    Ok(suite.builds(libraries).builds(vectors).tests(command))
}

/// Begins first: it waits for sixty epochs, and would be alone at the end.
const LONGEST: &str = "timing.test.mjs";

/// The files of a folder, `at_once` of them at a time: each starts a browser and a relay. Two, where
/// they wait for epochs most of the time: the machine has two cores.
pub(crate) fn node_tests(folder: &Path, reporter: &str, at_once: u8) -> Result<Command> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let name = entry?.file_name();
        if name.to_string_lossy().ends_with(".test.mjs") {
            files.push(name);
        }
    }
    files.sort_by_key(|name| (name != LONGEST, name.clone()));
    ensure!(!files.is_empty(), "no *.test.mjs in {}", folder.display());
    let mut command = Command::new("node");
    command
        .arg("--test")
        .arg(format!("--test-concurrency={at_once}"))
        .arg(format!("--test-reporter={reporter}"))
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
    nice.envs(
        command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    nice
}
