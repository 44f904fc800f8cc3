//! `tessera-relay check` and `tessera-relay backup`: maintenance of a store.

use std::path::PathBuf;

use clap::Args;

use crate::{
    config::Storage,
    store::sqlite::{self, BackupError, OpenError, Report, Saved},
};

/// Maximum number of findings printed.
const LINES: usize = 50;

/// Flags of `check`.
#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    /// The store, as for `serve`; or a backup
    #[arg(long, value_name = "URL")]
    pub storage: Storage,
}

/// Flags of `backup`.
#[derive(Args, Clone, Debug)]
pub struct BackupArgs {
    /// The store, as for `serve`
    #[arg(long, value_name = "URL")]
    pub storage: Storage,

    /// The file to create; it must not exist
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
}

impl CheckArgs {
    /// Verifies the store.
    ///
    /// # Errors
    ///
    /// If it cannot be read at all.
    pub fn run(&self) -> Result<Report, OpenError> {
        sqlite::check(self.storage.file()?)
    }
}

impl BackupArgs {
    /// Copies the store.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or the file cannot be created.
    pub fn run(&self) -> Result<Saved, BackupError> {
        sqlite::backup(self.storage.file()?, &self.to)
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = if self.is_backup { "backup" } else { "store" };
        writeln!(
            f,
            "{kind} with {} batches, {} cells, {} segments, {} waiting cells",
            self.batches, self.cells, self.segments, self.pending
        )?;
        for finding in self.findings.iter().take(LINES) {
            writeln!(f, "{finding}")?;
        }
        match self.findings.len() {
            0 => writeln!(f, "in order"),
            found @ ..=LINES => writeln!(f, "{found} found"),
            found => writeln!(f, "{found} found, the first {LINES} shown"),
        }
    }
}
