//! `cargo xtask bench`: builds, then measures in a browser.

use std::ffi::OsString;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::Result;

use crate::browser::Browser;
use crate::build;
use crate::process::Group;
use crate::workspace::Workspace;

const LIMIT: Duration = Duration::from_secs(60 * 60);

pub(crate) fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<ExitCode> {
    let browser = Browser::find()?;
    build::package(workspace)?;
    build::bench(workspace)?;
    let mut bench = Command::new("node");
    bench
        .arg(workspace.path("tests/bench/run.mjs"))
        .args(arguments)
        .current_dir(workspace.path("."))
        .env("CHROMIUM", &browser.chromium)
        .env("TESSERA_BENCH_MODULE", build::bench_module(workspace));
    let end = Group::spawn(&mut bench)?.wait(LIMIT)?;
    if end.success() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("error: the benchmark failed: {end}");
    Ok(ExitCode::FAILURE)
}
