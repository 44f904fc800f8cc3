//! `cargo xtask consumers`: the packed package with every bundler, framework and runtime that customers use. It
//! installs hundreds of npm packages, so it is not part of `cargo xtask test`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;

use crate::browser::Browser;
use crate::process::Group;
use crate::test::node_tests;
use crate::workspace::Workspace;
use crate::{build, npm};

const LIMIT: Duration = Duration::from_secs(3 * 60 * 60);

pub(crate) fn run(workspace: &Workspace, only: Option<&str>) -> Result<ExitCode> {
    let browser = Browser::find()?;
    build::package(workspace)?;
    build::relay(workspace)?;
    npm::install(&workspace.path("tests/consumers"))?;
    let mut tests = node_tests(&workspace.path("tests/consumers/all"))?;
    if let Some(only) = only {
        tests.env("TESSERA_CONSUMER", only);
    }
    tests
        .env("CHROMIUM", &browser.chromium)
        .env("TESSERA_RELAY", build::relay_binary(workspace));
    let end = Group::spawn(&mut tests)?.wait(LIMIT)?;
    Ok(if end.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
