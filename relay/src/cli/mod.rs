//! The command line. Every flag can also be given by environment and in a
//! file: a flag wins over the environment, the environment over the file,
//! the file over the default.

mod file;

use std::{ffi::OsString, path::PathBuf};

use clap::{
    ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum,
};
use tracing::level_filters::LevelFilter;

pub use self::file::FileError;
use crate::{
    Config,
    maintain::{BackupArgs, CheckArgs},
    plan::PlanArgs,
};

/// A mailbox that knows nothing: takes fixed-size cells, keeps them in shared buckets, publishes
/// them in epochs as shuffled, signed batches, and can name no sender, recipient or pair.
///
/// Durations are a number and a unit: 15s, 30m, 24h, 60d; sizes likewise: 4096B, 256KiB, 20GiB.
#[derive(Debug, Parser)]
#[command(name = "tessera-relay", arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// What every command takes.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// One variant per command; what it does is in the module its arguments come from.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the relay until SIGTERM or SIGINT; then finish what was begun and exit with 0
    ///
    /// Prints one line with its URL once it listens; /readyz answers 200 from then on.
    Serve(Box<Config>),

    /// Say what a setting costs and gives before anyone deploys it: downloads, disk, delays, and
    /// what readers of batches may learn
    ///
    /// Prints a table of settings side by side, or JSON. Opens no store and listens nowhere.
    Plan(Box<PlanArgs>),
    /// Verify a store that no relay has open: chains, digests, signatures, counts, segments
    ///
    /// Changes nothing. Prints a line for each thing that does not fit, and exits with 1 if there
    /// is one.
    Check(CheckArgs),
    /// Copy what is published into a new file, while the relay runs
    ///
    /// A backup holds neither the signing key nor cells that wait: a relay started on it is a new
    /// origin, and says so.
    Backup(BackupArgs),
}

/// Flags of every command.
#[derive(Args, Clone, Debug)]
pub struct CommonArgs {
    /// TOML file with values for the flags of `serve`, by their long names: epoch = "30m". Flags
    /// and environment win over it; a key that is no flag is refused
    #[arg(long, global = true, env = "TESSERA_RELAY_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// What to log, to standard error: off, error, warn, info, debug or trace. No level logs an
    /// address, a bucket of a request, or a cell
    #[arg(
        long,
        global = true,
        env = "TESSERA_RELAY_LOG",
        default_value = "info",
        value_name = "LEVEL"
    )]
    pub log: LevelFilter,

    /// How log lines look: text for people, json for machines, one object per line
    #[arg(
        long,
        global = true,
        env = "TESSERA_RELAY_LOG_FORMAT",
        default_value = "text",
        value_name = "FORMAT"
    )]
    pub log_format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Why a command line is none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CliError {
    /// A flag, an environment variable or a value; or a request for help.
    #[error("{0}")]
    Arguments(#[from] clap::Error),
    /// The file.
    #[error("error: {0}")]
    File(#[from] FileError),
}

impl CliError {
    /// Says it where it belongs, and gives the exit code: 0 for help, else 2.
    #[must_use]
    pub fn report(&self) -> u8 {
        use std::io::Write as _;
        match self {
            Self::Arguments(error) => {
                let _ = error.print();
                u8::try_from(error.exit_code()).unwrap_or(2)
            }
            Self::File(_) => {
                let _ = writeln!(std::io::stderr(), "{self}");
                2
            }
        }
    }
}

impl Cli {
    /// Reads flags (the first word is the program's name), environment and
    /// file.
    ///
    /// # Errors
    ///
    /// One of [`CliError`].
    pub fn load(words: impl IntoIterator<Item = impl Into<OsString>>) -> Result<Self, CliError> {
        let command = Self::command();
        let mut words: Vec<OsString> = words.into_iter().map(Into::into).collect();
        if let Some((file, matches)) = named_file(&command, &words) {
            let more = file::words(&file, &command, &matches)?;
            words.extend(more.into_iter().map(OsString::from));
            // Flags and environment were taken before: what is wrong now is the file's.
            let matches = command
                .try_get_matches_from(words)
                .map_err(|error| FileError::value(&file, error))?;
            return Ok(Self::from_arg_matches(&matches)?);
        }
        let matches = command.try_get_matches_from(words)?;
        Ok(Self::from_arg_matches(&matches)?)
    }
}

/// The file, if the rest of the line is well-formed but for flags that the
/// file may still provide; and what the line says of the chosen command.
fn named_file(command: &clap::Command, words: &[OsString]) -> Option<(PathBuf, ArgMatches)> {
    let lenient = command
        .clone()
        .mut_subcommands(|command| command.mut_args(|arg| arg.required(false)));
    let mut matches = lenient.try_get_matches_from(words).ok()?;
    let (_, matches) = matches.remove_subcommand()?;
    let file = matches.get_one::<PathBuf>("config")?.clone();
    Some((file, matches))
}

#[cfg(test)]
mod tests;
