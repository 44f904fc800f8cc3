//! Load on a real relay over real HTTP, from a separate process.
//!
//! Measured in the same run for comparison: SQLite with the relay's tables and one commit
//! for all posts that wait (what a relay without HTTP could do at best), a
//! broker from the distribution, and nginx with the same bodies as files.
//! `cargo xtask bench relay` builds and runs it; it stops by itself.
//!
//! | part | what it is |
//! | --- | --- |
//! | [`load`] | closed and open loops, and what they measured |
//! | [`http`], [`nats`], [`sqlite`] | one connection to each of what is measured |
//! | [`server`] | child processes: the relay, the broker, nginx |
//! | [`shared`] | a relay on a store that several relays share |
//! | [`select`] | the sums for light readers |
//! | [`close`] | the end of an epoch, in the store itself |
//! | [`report`] | the table, with targets |

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool"
)]

mod close;
mod http;
mod load;
mod nats;
mod report;
mod select;
mod server;
mod shared;
mod sqlite;
mod steps;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};

/// Measures a relay. Takes about two minutes.
#[derive(Clone, Debug, Parser)]
struct Options {
    /// The relay's binary
    #[arg(long)]
    relay: PathBuf,

    /// Length of one measurement in seconds; each is made three times
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,

    /// Write the table into this file, between its marks
    #[arg(long)]
    document: Option<PathBuf>,

    /// Measure only this; may be given several times
    #[arg(long)]
    only: Vec<Step>,

    /// A third of the time and an eighth of the sizes: says whether it works, not how fast
    #[arg(long)]
    quick: bool,
}

/// The individual measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Step {
    /// Posts at the maximum rate and at half of it
    Posts,
    /// Posts while epochs close and batches are deleted
    Busy,
    /// Pulls of one batch
    Pulls,
    /// Sums over a day's cells
    Selects,
    /// Closes of an epoch, and a start on the resulting store
    Closes,
    /// Memory of idle subscribers
    Subscribers,
    /// A store that several relays share
    Shared,
}

impl Options {
    fn wants(&self, step: Step) -> bool {
        self.only.is_empty() || self.only.contains(&step)
    }

    fn time(&self) -> Duration {
        Duration::from_secs(if self.quick { 1 } else { self.seconds })
    }

    fn rounds(&self) -> usize {
        if self.quick { 1 } else { 3 }
    }

    /// So many, or fewer when it should be quick.
    fn size(&self, full: usize) -> usize {
        if self.quick { full / 8 } else { full }
    }
}

/// Nothing here takes longer unless something hangs.
const LIMIT: Duration = Duration::from_secs(20 * 60);

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    match tokio::time::timeout(LIMIT, run(&options)).await {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
        Err(_) => {
            eprintln!("error: not done after {} min", LIMIT.as_secs() / 60);
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<()> {
    ensure!(
        options.relay.is_file(),
        "no relay at {}",
        options.relay.display()
    );
    server::many_files()?;
    let mut report = report::Report::new();
    if options.wants(Step::Posts) {
        steps::posts(options, &mut report).await?;
    }
    if options.wants(Step::Busy) {
        steps::posts_while_busy(options, &mut report).await?;
    }
    if options.wants(Step::Pulls) {
        steps::pulls(options, &mut report).await?;
    }
    if options.wants(Step::Selects) {
        select::measure(options, &mut report).await?;
    }
    if options.wants(Step::Closes) {
        steps::closes_and_start(options, &mut report).await?;
    }
    if options.wants(Step::Subscribers) {
        steps::subscribers(options, &mut report).await?;
    }
    if options.wants(Step::Shared) {
        shared::measure(options, &mut report).await?;
    }
    let text = report.render();
    println!("\n{text}");
    if let Some(document) = &options.document {
        report::write(document, &text)?;
    }
    Ok(())
}
