//! `cargo xtask soak`: a relay under posts, pulls, restarts and kills for a given time.

use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::Result;

use crate::process::Group;
use crate::workspace::Workspace;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Duration in minutes
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let limit = Duration::from_secs_f64(options.minutes.max(0.0) * 60.0 + 3600.0);
    let mut soak = Command::new(env!("CARGO"));
    soak.args(["test", "--package", "tessera-relay", "--test", "relay"])
        .args(["soak::soak", "--", "--exact", "--ignored", "--nocapture"])
        .current_dir(workspace.path("."))
        .env("TESSERA_SOAK_MINUTES", options.minutes.to_string());
    let end = Group::spawn(&mut soak)?.wait(limit)?;
    if end.success() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("error: {end}");
    Ok(ExitCode::FAILURE)
}
