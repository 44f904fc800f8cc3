//! The project's task runner: `cargo xtask build | demo | test | bench | soak`.
//!
//! It needs cargo, Node 20 with npm, and a Chromium; what it may install itself it installs.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks to its terminal"
)]

mod bench;
mod browser;
mod build;
mod demo;
mod npm;
mod process;
mod python;
mod relay;
mod size;
mod soak;
mod test;
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
    /// Start a relay with short epochs and the demo portal; Ctrl-C ends it and leaves nothing behind
    Demo(demo::Options),
    /// Run every test there is, or only the suites named
    Test(test::Options),
    /// Measure against other libraries in one page run; arguments go to tests/bench/run.mjs.
    /// `bench relay` puts load on the relay instead, `bench privacy` simulates what its operator learns
    Bench {
        /// Passed on as they are
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Run a relay under posts, pulls, restarts and kills for as long as one likes
    Soak(soak::Options),
    /// Builds one part; the tests call this, so that each part has a log of its own
    #[command(hide = true)]
    BuildPart { part: build::Part },
    /// Runs one wasm test binary in headless Chromium; cargo calls this, see .cargo/config.toml
    #[command(hide = true)]
    WasmTestRunner {
        /// The binary and the flags of `cargo test`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
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
        Task::Test(options) => test::run(&workspace, &options),
        Task::Bench { arguments } => bench::run(&workspace, &arguments),
        Task::Soak(options) => soak::run(&workspace, &options),
        Task::BuildPart { part } => build::part(&workspace, part).map(|()| ExitCode::SUCCESS),
        Task::WasmTestRunner { arguments } => wasm::run_tests(&workspace, arguments),
    }
}
