//! `cargo xtask demo`: relay and demo portal on this machine; with `--cluster`, five relays.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail, ensure};

use crate::browser;
use crate::process::{Group, interrupted};
use crate::relay::{self, Relay};
use crate::workspace::Workspace;
use crate::{build, npm};

/// The conversation takes a few epochs; the limit is for a browser that hangs.
const CHECK_LIMIT: Duration = Duration::from_secs(20 * 60);

const NODES: u16 = 5;
/// What `tessera-relay cluster` adds to its first port.
const CONTROL: u16 = 50;
const PEERS: u16 = 100;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Port of portal and relay on 127.0.0.1; 0 takes any free port
    #[arg(long, default_value_t = 8100)]
    port: u16,
    /// Run the conversation in a headless browser and print it with timings; exit 0 if all of it worked.
    /// With --cluster, relays are killed and started meanwhile
    #[arg(long)]
    check: bool,
    /// Five relays that exchange their batches, each with the portal, and a page that kills and starts them:
    /// on five ports from --port on, and on those 50 and 100 higher
    #[arg(long)]
    cluster: bool,
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let chromium = options.check.then(browser::find).transpose()?;
    if options.cluster {
        return cluster(workspace, options.port, chromium.as_deref());
    }
    relay::require_free(options.port)?; // before the build, which takes minutes the first time
    build::all(workspace)?;
    let mut relay = Relay::start(workspace, options.port)?;
    let code = match chromium {
        Some(chromium) => check(workspace, "conversation.mjs", &relay.url(), &chromium)?,
        None => serve(&mut relay)?,
    };
    relay.stop()?;
    Ok(code)
}

fn serve(relay: &mut Relay) -> Result<ExitCode> {
    println!(
        "\nThe demo portal is at {}\nEpochs of 3 s; Ctrl-C stops it and removes its data.",
        relay.url()
    );
    while !interrupted() {
        relay.still_runs()?;
        thread::sleep(Duration::from_millis(100));
    }
    println!();
    Ok(ExitCode::SUCCESS)
}

/// Relays as `tessera-relay cluster` runs them, until Ctrl-C; or until the check has ended.
fn cluster(workspace: &Workspace, port: u16, chromium: Option<&Path>) -> Result<ExitCode> {
    let ports = cluster_ports(port)?;
    for port in ports {
        relay::require_free(port)?;
    }
    build::all(workspace)?;
    let directory = tempfile::Builder::new().prefix("tessera-demo-").tempdir()?;
    let mut command = Command::new(build::relay_binary(workspace));
    command
        .args([
            "cluster",
            "--nodes",
            &NODES.to_string(),
            "--publishers",
            "2",
        ])
        .args(["--port", &port.to_string(), "--epoch", relay::EPOCH])
        .arg("--dir")
        .arg(directory.path())
        .arg("--portal")
        .arg(workspace.path("www/dist"))
        .arg("--")
        .args(relay::SETTINGS);
    println!(
        "\nThe portal is at http://127.0.0.1:{port}/ and at the next {} ports. At http://127.0.0.1:{}/ relays are \
         killed and started.\nCtrl-C stops them and removes their data.\n",
        NODES - 1,
        port + CONTROL
    );
    let mut relays = Group::spawn(&mut command)?;
    let code = match chromium {
        Some(chromium) => check(workspace, "cluster.mjs", &port.to_string(), chromium)?,
        None => {
            while !interrupted() {
                if let Some(status) = relays.try_wait()? {
                    bail!("the relays have stopped ({status})");
                }
                thread::sleep(Duration::from_millis(100));
            }
            println!();
            ExitCode::SUCCESS
        }
    };
    let status = relays.stop()?;
    ensure!(
        status.success(),
        "the relays did not stop cleanly ({status})"
    );
    Ok(code)
}

/// The ports of the relays, of the control page, and those for each other.
fn cluster_ports(first: u16) -> Result<Vec<u16>> {
    let last = first.checked_add(PEERS + NODES - 1);
    ensure!(
        first > 0 && last.is_some(),
        "--port: from 1 to {}, with --cluster",
        u16::MAX - PEERS - NODES + 1
    );
    let relays = first..first + NODES;
    let peers = relays.clone().map(|port| port + PEERS);
    Ok(relays
        .clone()
        .chain([first + CONTROL])
        .chain(peers)
        .collect())
}

/// Runs a script of the end-to-end tests on what was started.
fn check(workspace: &Workspace, script: &str, argument: &str, chromium: &Path) -> Result<ExitCode> {
    npm::install(&workspace.path("tests/e2e"))?;
    let mut conversation = Command::new("node");
    conversation
        .arg(workspace.path("tests/e2e").join(script))
        .arg(argument)
        .env("CHROMIUM", chromium);
    let end = Group::spawn(&mut conversation)?.wait(CHECK_LIMIT)?;
    if end.success() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("error: the conversation failed: {end}");
    Ok(ExitCode::FAILURE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ports_of_a_cluster_are_in_range() {
        let ports = cluster_ports(8100).expect("in range");
        assert_eq!(ports.len(), 11);
        assert!(
            [8100, 8104, 8150, 8200, 8204]
                .iter()
                .all(|port| ports.contains(port))
        );
        assert!(cluster_ports(u16::MAX - 104).is_ok());
        for first in [0, u16::MAX - 103, u16::MAX] {
            assert!(cluster_ports(first).is_err(), "{first}");
        }
    }
}
