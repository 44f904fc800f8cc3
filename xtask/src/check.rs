//! `cargo xtask check`: what the compilers, linters and formatters say, without running a test.

use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::Result;

use crate::process::{self, Group};
use crate::workspace::Workspace;
use crate::{build, links, npm, wasm};

/// A command that must succeed, and what to do if it does not.
pub(crate) struct Check {
    pub(crate) name: &'static str,
    pub(crate) command: Command,
    fix: &'static str,
}

pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode> {
    npm::require()?;
    wasm::require_target()?;
    npm::install(&workspace.path("pkg"))?;
    npm::install(&workspace.path("www"))?;
    if !build::package_is_built(workspace) {
        println!(
            "Building the npm package once: its TypeScript compiles against the wasm bindings"
        );
        build::package(workspace)?;
    }
    let start = Instant::now();
    let checks = formatting(workspace)
        .into_iter()
        .chain(scripts(workspace))
        .chain(types(workspace))
        .chain(lints(workspace));
    let mut failed = Vec::new();
    if let Err(error) = links::check(workspace) {
        failed.push(format!("links: {error:#}"));
    }
    for check in checks {
        let Check {
            name,
            mut command,
            fix,
        } = check;
        println!("{name}: {}", process::describe(&command));
        let end = Group::spawn(&mut command)?.wait(process::LIMIT)?;
        if process::interrupted() {
            return Ok(ExitCode::FAILURE);
        }
        if !end.success() {
            failed.push(format!("{name} failed ({end}). {fix}"));
        }
    }
    println!("\nin {} s", start.elapsed().as_secs());
    for failure in &failed {
        println!("{failure}");
    }
    Ok(if failed.is_empty() {
        println!("All checks passed");
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// rustfmt, in the workspace and in `fuzz/`.
pub(crate) fn formatting(workspace: &Workspace) -> Vec<Check> {
    let check = |name, arguments: &[&str], fix| {
        let mut command = workspace.cargo(&["fmt", "--check"]);
        command.args(arguments).args(["--", "--files-with-diff"]);
        Check { name, command, fix }
    };
    vec![
        check("rustfmt", &["--all"], "Run: cargo fmt --all"),
        check(
            "rustfmt, fuzz",
            &["--manifest-path=fuzz/Cargo.toml"],
            "Run: cargo fmt --manifest-path fuzz/Cargo.toml",
        ),
    ]
}

/// Biome, the linter and formatter of TypeScript, JavaScript and CSS. It needs `npm ci` in `pkg/`.
pub(crate) fn scripts(workspace: &Workspace) -> Vec<Check> {
    let biome = workspace.path("pkg/node_modules/.bin/biome");
    let mut command = Command::new(biome);
    command
        .args([
            "check",
            "--error-on-warnings",
            "--colors=off",
            "--max-diagnostics=50",
            ".",
        ])
        .current_dir(workspace.path("."));
    vec![Check {
        name: "biome",
        command,
        fix: "Run: pkg/node_modules/.bin/biome check --write .   (what it cannot fix by itself is listed above)",
    }]
}

/// The TypeScript compiler. It needs the built package.
pub(crate) fn types(workspace: &Workspace) -> Vec<Check> {
    let tsc = |name, folder: &str, arguments: &[&str]| {
        let folder = workspace.path(folder);
        let mut command = Command::new(folder.join("node_modules/.bin/tsc"));
        command.args(arguments).current_dir(folder);
        Check {
            name,
            command,
            fix: "If Rust code changed, the bindings are out of date. Run: cargo xtask build-part package",
        }
    };
    vec![
        tsc("tsc, pkg", "pkg", &["-p", "tsconfig.json"]), // emits, so that www compiles against it
        tsc("tsc, www", "www", &["--noEmit"]),
    ]
}

/// Clippy for the workspace, for the wasm modules together, alone and with the benchmark's bindings, for the
/// relay with the features that it asks for itself, and for the fuzz targets, which are a workspace of their own.
pub(crate) fn lints(workspace: &Workspace) -> Vec<Check> {
    const FIX: &str = "Fix the warnings above; cargo clippy --fix helps with some";
    let clippy = |name, arguments: &[&str]| {
        let mut command = workspace.cargo(&["clippy", "--locked", "--quiet"]);
        command.args(arguments).args(["--", "--deny=warnings"]);
        Check {
            name,
            command,
            fix: FIX,
        }
    };
    let wasm = [
        "--package=tessera",
        "--target=wasm32-unknown-unknown",
        "--lib",
    ];
    let alone = |feature| [&wasm[..], &["--no-default-features", feature]].concat();
    vec![
        clippy("clippy", &["--workspace", "--all-targets"]),
        clippy(
            "clippy, wasm",
            &[&wasm[..], &["--example=conformance"]].concat(),
        ),
        clippy("clippy, wasm portal", &alone("--features=portal")),
        clippy("clippy, wasm sdk", &alone("--features=sdk")),
        clippy(
            "clippy, wasm bench",
            &[&wasm[..], &["--features=bench"]].concat(),
        ),
        // The workspace unifies features, which would hide that the relay needs another one.
        clippy("clippy, relay alone", &["--package=tessera-relay"]),
        clippy(
            "clippy, fuzz",
            // In the same folder and with the same profile, so that dependencies are checked once.
            &[
                "--config=profile.dev.opt-level=1",
                "--config=profile.dev.lto='off'",
                "--manifest-path=fuzz/Cargo.toml",
                "--target-dir=target",
                "--all-targets",
            ],
        ),
    ]
}
