//! `cargo xtask consumers`: the packed package with every bundler, framework and runtime that customers use. It
//! installs hundreds of npm packages, so only the folder `tests/consumers` itself is part of `cargo xtask test`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;

use crate::browser;
use crate::process::Group;
use crate::test::node_tests;
use crate::workspace::Workspace;
use crate::{build, npm};

const LIMIT: Duration = Duration::from_secs(3 * 60 * 60);

/// Prints a line for each consumer, with its time. `only` is a regular expression for those of `tests/consumers/all`.
pub(crate) fn run(workspace: &Workspace, only: Option<&str>) -> Result<ExitCode> {
    let chromium = browser::find()?;
    build::package(workspace)?;
    build::relay(workspace)?;
    npm::install(&workspace.path("tests/consumers"))?;
    let folders: &[&str] = match only {
        None => &["tests/consumers", "tests/consumers/all"],
        Some(_) => &["tests/consumers/all"],
    };
    let reporter = workspace.path("tests/consumers/lib/table.mjs");
    let mut code = ExitCode::SUCCESS;
    for folder in folders {
        let mut tests = node_tests(&workspace.path(folder), &reporter.to_string_lossy(), 1)?;
        tests
            .env("TESSERA_CONSUMER", only.unwrap_or_default())
            .env("CHROMIUM", &chromium)
            .env("TESSERA_RELAY", build::relay_binary(workspace));
        if !Group::spawn(&mut tests)?.wait(LIMIT)?.success() {
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}
