//! `cargo xtask demo`: relay and demo portal on this machine.

use std::process::{Command, ExitCode};
use std::thread;
use std::time::Duration;

use anyhow::Result;

use crate::browser::Browser;
use crate::process::{Group, interrupted};
use crate::relay::{self, Relay};
use crate::workspace::Workspace;
use crate::{build, npm};

/// The conversation takes a few epochs; the limit is for a browser that hangs.
const CHECK_LIMIT: Duration = Duration::from_secs(20 * 60);

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Port of portal and relay on 127.0.0.1; 0 takes any free port
    #[arg(long, default_value_t = 8100)]
    port: u16,
    /// Run the conversation in a headless browser and print it with timings; exit 0 if all of it worked
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let browser = options.check.then(Browser::find).transpose()?;
    relay::require_free(options.port)?; // before the build, which takes minutes the first time
    build::all(workspace)?;
    let mut relay = Relay::start(workspace, options.port)?;
    let code = match browser {
        Some(browser) => check(workspace, &relay, &browser)?,
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

fn check(workspace: &Workspace, relay: &Relay, browser: &Browser) -> Result<ExitCode> {
    npm::install(&workspace.path("tests/e2e"))?;
    let mut conversation = Command::new("node");
    conversation
        .arg(workspace.path("tests/e2e/conversation.mjs"))
        .arg(relay.url())
        .env("CHROMIUM", &browser.chromium);
    let end = Group::spawn(&mut conversation)?.wait(CHECK_LIMIT)?;
    if end.success() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("error: the conversation failed: {end}");
    Ok(ExitCode::FAILURE)
}
