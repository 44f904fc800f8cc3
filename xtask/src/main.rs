//! The project's task runner: `cargo xtask build | demo | check | test | bench | consumers | reproduce | soak | sbom | tools`.
//!
//! It needs cargo, Node.js with npm, and Chromium.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks to its terminal"
)]

mod bench;
mod browser;
mod build;
mod check;
mod consumers;
mod demo;
mod links;
mod notices;
mod npm;
mod process;
mod python;
mod relay;
mod reproduce;
mod sbom;
mod size;
mod soak;
mod split;
mod test;
mod tools;
mod tree;
mod wasm;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "Builds, runs and tests Tessera",
    version
)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the npm package (pkg/), the relay (target/release/tessera-relay) and the portal (www/dist)
    Build,
    /// Start a relay with short epochs and the demo portal; Ctrl-C stops it and removes its data
    Demo(demo::Options),
    /// Run formatters, linters and compilers, without the tests: about a minute when little has changed
    Check,
    /// Run all tests, or only the named suites
    Test(test::Options),
    /// Measure the package beside other libraries in a browser; arguments go to tests/bench/run.mjs.
    /// `bench relay` measures the relay under load, `bench privacy` simulates what its operator learns
    Bench {
        /// Arguments of the benchmark
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Pack the package, and build and run it with every bundler, framework and runtime of tests/consumers/all
    Consumers {
        /// Only those whose title matches this regular expression
        #[arg(long)]
        only: Option<String>,
    },
    /// Build the WebAssembly modules of the last commit twice, in different folders, and compare them
    Reproduce,
    /// Run a relay under posts, pulls, restarts and kills for a given time
    Soak(soak::Options),
    /// Write bills of materials of everything that ships into target/sbom
    Sbom,
    /// Install the tools that a few tasks need into target/tools: cargo-deny, cargo-cyclonedx
    Tools {
        /// Only these
        names: Vec<String>,
    },
    /// Build one part
    BuildPart { part: build::Part },
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<ExitCode> {
    process::catch_interrupts()?;
    let workspace = Workspace::locate()?;
    match task {
        Task::Build => build::all(&workspace).map(|()| ExitCode::SUCCESS),
        Task::Demo(options) => demo::run(&workspace, &options),
        Task::Check => check::run(&workspace),
        Task::Test(options) => test::run(&workspace, &options),
        Task::Bench { arguments } => bench::run(&workspace, &arguments),
        Task::Consumers { only } => consumers::run(&workspace, only.as_deref()),
        Task::Sbom => sbom::write(&workspace).map(|()| ExitCode::SUCCESS),
        Task::Reproduce => reproduce::run(&workspace),
        Task::Soak(options) => soak::run(&workspace, &options),
        Task::Tools { names } => tools::install(&workspace, &names).map(|()| ExitCode::SUCCESS),
        Task::BuildPart { part } => build::part(&workspace, part).map(|()| ExitCode::SUCCESS),
    }
}
