//! The command `member`.

use std::{io::Read as _, path::PathBuf};

use clap::{Args, Subcommand};

use super::{ReplicaError, member};
use crate::config::Storage;

/// Commands about the members of a store that several relays share.
#[derive(Debug, Subcommand)]
pub enum MemberCommand {
    /// Print a one-time key for a new member
    New(MemberArgs),
    /// Print the keys of the store, sealed for the key of a new member
    ///
    /// Runs beside the relay of a member. Compare the key with what the new member printed, over a
    /// channel that nobody else can write to: its holder gets the signing key.
    Admit {
        /// What `member new` printed
        key: String,

        /// The member
        #[command(flatten)]
        member: MemberArgs,
    },
    /// Store the keys that `member admit` printed, from standard input, and erase the one-time key
    Join(MemberArgs),
}

/// Flags that name a member.
#[derive(Args, Clone, Debug)]
pub struct MemberArgs {
    /// The store, as for `serve`
    #[arg(long, value_name = "URL")]
    pub storage: Storage,

    /// Directory of this member
    #[arg(long, value_name = "DIR")]
    pub state_dir: PathBuf,
}

impl MemberCommand {
    /// Runs the command; returns what it prints.
    ///
    /// # Errors
    ///
    /// One of [`ReplicaError`].
    pub fn run(self) -> Result<String, ReplicaError> {
        match self {
            Self::New(args) => args.service().and_then(|_| member::new(&args.state_dir)),
            Self::Admit { key, member } => {
                member::admit(&member.state_dir, member.service()?, &key)
            }
            Self::Join(args) => {
                let mut admission = String::new();
                let mut input = std::io::stdin().take(ADMISSION_LEN);
                input
                    .read_to_string(&mut admission)
                    .map_err(|_| ReplicaError::AdmissionInvalid)?;
                member::join(&args.state_dir, args.service()?, &admission)?;
                Ok("joined. Start the relay now: it follows the log by itself for 24 h".to_owned())
            }
        }
    }
}

/// Maximum length of an admission.
const ADMISSION_LEN: u64 = 4096;

impl MemberArgs {
    fn service(&self) -> Result<&str, ReplicaError> {
        Ok(&self.storage.log("state-dir")?.id)
    }
}
