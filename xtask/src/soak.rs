//! `cargo xtask soak`: a relay under posts, pulls, restarts and kills for a given time.

use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::Result;

use crate::build;
use crate::process::Group;
use crate::workspace::Workspace;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Duration in minutes
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,

    /// The store: a file, or a log on three NATS servers with three relays
    #[arg(long, default_value = "sqlite")]
    store: Kind,

    /// Partitions of machines in network namespaces instead; with --store nats, as root
    #[arg(long, requires = "store", conflicts_with = "power_cuts")]
    partitions: bool,

    /// Cut the power of everything now and then, on loop devices; with --store nats, as root
    #[arg(long, requires = "store")]
    power_cuts: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Kind {
    Sqlite,
    Nats,
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let limit = Duration::from_secs_f64(options.minutes.max(0.0) * 60.0 + 3600.0);
    let test = match options.store {
        Kind::Sqlite => "soak::soak",
        Kind::Nats if options.partitions => "nats::nemesis::partitions::soak",
        Kind::Nats => "nats::nemesis::soak",
    };
    let mut soak = Command::new(env!("CARGO"));
    soak.args(["test", "--package", "tessera-relay", "--test", "relay"])
        .args([test, "--", "--exact", "--ignored", "--nocapture"])
        .current_dir(workspace.path("."))
        .env("TESSERA_SOAK_MINUTES", options.minutes.to_string());
    if matches!(options.store, Kind::Nats) {
        soak.env("NATS_SERVER", build::nats(workspace)?);
    }
    if options.power_cuts {
        soak.env("TESSERA_SOAK_POWER_CUTS", "1");
    }
    let end = Group::spawn(&mut soak)?.wait(limit)?;
    if end.success() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("error: {end}");
    Ok(ExitCode::FAILURE)
}
