//! The command line. Every flag can also be set in the environment and in a file.
//! Flags override the environment, the environment overrides the file, and the file
//! overrides defaults.

mod file;
mod run;

use std::{collections::BTreeSet, ffi::OsString, path::PathBuf};

use clap::{
    ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum,
};
use tracing::level_filters::LevelFilter;

pub use self::run::run;
use crate::{
    Config,
    cluster::ClusterArgs,
    federation::EntryArgs,
    files::FileError,
    maintain::{BackupArgs, CheckArgs},
    plan::PlanArgs,
    replica::{commands::MemberCommand, init::StoreCommand},
};

/// A relay for private messages: accepts fixed-size cells, stores them in shared buckets, and
/// publishes them in epochs as shuffled, signed batches. It knows no sender, recipient or pair.
///
/// Durations are a number and a unit: 15s, 30m, 24h, 60d; sizes likewise: 4096B, 256KiB, 20GiB.
#[derive(Debug, Parser)]
#[command(name = "tessera-relay", arg_required_else_help = true)]
pub struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Command,

    /// Flags of every command.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// The commands; the module of each one's arguments implements it.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the relay until SIGTERM or SIGINT, then finish open requests and exit with 0
    ///
    /// Prints one line with its URL once it listens; /readyz answers 200 from then on.
    Serve(Box<Config>),

    /// Compute the cost and privacy of settings before deployment: downloads, disk, delays, and
    /// what readers of batches may learn
    ///
    /// Prints a table that compares settings, or JSON. Opens no store and no port.
    Plan(Box<PlanArgs>),
    /// Verify a store that no relay has open: chains, digests, signatures, counts, segments
    ///
    /// Changes nothing. Prints a line for each inconsistency, and exits with 1 if there is one.
    Check(CheckArgs),
    /// Copy the published batches into a new file, while the relay runs
    ///
    /// A backup contains neither the signing key nor waiting cells: a relay started on it is a new
    /// origin, and logs that.
    Backup(BackupArgs),
    /// Create a store that several relays share
    #[command(subcommand)]
    Store(StoreCommand),
    /// Add members to a store that several relays share
    #[command(subcommand)]
    Member(MemberCommand),
    /// Print this relay's entry for the file of a federation's members
    ///
    /// Creates the store, and with --new the certificate and key, if they do not exist.
    FederationEntry(Box<EntryArgs>),
    /// Run several relays on this machine that exchange their batches, to try out failures
    ///
    /// Prints a table whenever something has changed, and the address of a page that kills and
    /// starts relays; `cluster kill 2 --dir DIR` and `cluster start 2 --dir DIR` do the same.
    Cluster(Box<ClusterArgs>),
}

/// Flags of every command.
#[derive(Args, Clone, Debug)]
pub struct CommonArgs {
    /// TOML file with values for the flags of `serve`, by their long names: epoch = "30m". Flags
    /// and environment override it; a key that is not a flag is refused
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// What to log, to standard error: off, error, warn, info, debug or trace. No level logs an
    /// address, a bucket of a request, or a cell
    #[arg(long, global = true, default_value = "info", value_name = "LEVEL")]
    pub log: LevelFilter,

    /// Format of log lines: text, or json with one object per line
    #[arg(long, global = true, default_value = "text", value_name = "FORMAT")]
    pub log_format: LogFormat,
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Readable text.
    Text,
    /// One JSON object per line.
    Json,
}

/// Why a command line is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CliError {
    /// An invalid flag, environment variable or value; or a request for help.
    #[error("{0}")]
    Arguments(#[from] clap::Error),
    /// An invalid file.
    #[error("error: {0}")]
    File(#[from] FileError),
}

impl CliError {
    /// Prints the error or the help, and returns the exit code: 0 for help, else 2.
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
        let command = command_line();
        let mut words: Vec<OsString> = words.into_iter().map(Into::into).collect();
        if let Some((path, matches)) = named_file(&command, &words) {
            let more = file::words(&path, &command, &matches)?;
            words.extend(more.into_iter().map(OsString::from));
            // Flags and environment were parsed before, so the error is in the file.
            let matches = command
                .try_get_matches_from(words)
                .map_err(|error| file::refused(&path, &error))?;
            return Ok(Self::from_arg_matches(&matches)?);
        }
        let matches = command.try_get_matches_from(words)?;
        Ok(Self::from_arg_matches(&matches)?)
    }
}

/// The commands and their flags. Each flag of `serve` and of every command has a variable in
/// the environment, also where another command takes it: that of `--max-disk` is
/// `TESSERA_RELAY_MAX_DISK`.
fn command_line() -> clap::Command {
    let command = Cli::command();
    let serve = command.find_subcommand("serve");
    let flags = serve.into_iter().chain([&command]);
    let flags = flags.flat_map(clap::Command::get_arguments);
    let names = flags.filter_map(|flag| flag.get_long().map(str::to_owned));
    let names = names.collect();
    with_variables(command, &names)
}

/// Adds the variables of flags with these names.
fn with_variables(command: clap::Command, names: &BTreeSet<String>) -> clap::Command {
    command
        .mut_args(|flag| match flag.get_long() {
            Some(name) if names.contains(name) => {
                let variable = name.to_uppercase().replace('-', "_");
                flag.env(format!("TESSERA_RELAY_{variable}"))
            }
            _ => flag,
        })
        .mut_subcommands(|command| match command.get_name() {
            // Their flags are not the settings of a relay that runs.
            "plan" | "cluster" => command,
            _ => with_variables(command, names),
        })
}

/// Returns the file and the matches of the chosen command, if the line is well-formed
/// except for flags that the file may still provide.
fn named_file(command: &clap::Command, words: &[OsString]) -> Option<(PathBuf, ArgMatches)> {
    let mut matches = lenient(command.clone()).try_get_matches_from(words).ok()?;
    while let Some((_, chosen)) = matches.remove_subcommand() {
        matches = chosen;
    }
    let file = matches.get_one::<PathBuf>("config")?.clone();
    Some((file, matches))
}

/// Requires nothing of a command and those below it.
fn lenient(command: clap::Command) -> clap::Command {
    command.mut_subcommands(|command| lenient(command.mut_args(|arg| arg.required(false))))
}

#[cfg(test)]
mod tests;
