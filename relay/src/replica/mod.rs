//! Administration of a store that several relays share: a log on NATS servers,
//! which every relay reads and from which each computes the same batches.
//!
//! | module | contents |
//! | --- | --- |
//! | [`streams`] | the four streams of a service, their exact configuration |
//! | [`servers`] | what the servers say about themselves: version, durability |
//! | [`checks`] | what must hold before a relay starts on the store |
//! | [`init`] | the command `store`: creates a store, raises its level |
//! | [`member`] | how the keys reach a new member |
//! | [`commands`] | the command `member` |
//!
//! Every refusal has a stable code, listed in `docs/cluster.md`.

pub mod checks;
pub mod commands;
pub mod init;
pub mod member;
pub mod servers;
pub mod streams;

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{
    config::{ConfigError, Monitor},
    files::PathError,
    store::{
        StoreError,
        log::{LogOpenError, StateDir, StateDirError, nats::NatsError},
        ratchet::KeyFileError,
        sqlite::OpenError,
    },
};

/// Why a shared store cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplicaError {
    /// Inconsistent flags.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Fewer than a majority of the monitoring interfaces answer.
    #[error("{answering} of {asked} monitoring interfaces answer; {silent} does not: {reason}")]
    ServersUnreachable {
        /// Number of interfaces that answered.
        answering: usize,
        /// Number of interfaces asked.
        asked: usize,
        /// One that did not.
        silent: Monitor,
        /// Why.
        reason: String,
    },
    /// An answer of a monitoring interface is not that of a NATS server.
    #[error("{0}: not the monitoring interface of a NATS server")]
    ServerForeign(Monitor),
    /// A server is too old.
    #[error("server {name} has version {version}; {needed} or newer is needed")]
    ServerOld {
        /// Its name.
        name: String,
        /// Its version.
        version: String,
        /// The oldest permitted version.
        needed: &'static str,
    },
    /// A server may lose what it acknowledged.
    #[error("server {name}: {reason}")]
    ServerUnsafe {
        /// Its name.
        name: String,
        /// What to change.
        reason: &'static str,
    },
    /// A server holds a replica, and no `--nats-monitor` is its.
    #[error(
        "server {0} holds a replica of the log, but no --nats-monitor is its monitoring interface"
    )]
    ServerUnmonitored(String),
    /// No answer to a request about a stream.
    #[error("no answer from the NATS servers about {stream}: {reason}")]
    LogUnreachable {
        /// The stream.
        stream: String,
        /// Why.
        reason: String,
    },
    /// The user of this relay lacks a permission.
    #[error("the NATS user of this relay may not use {0}")]
    NotPermitted(String),
    /// The servers refuse a request.
    #[error("the NATS servers refuse {stream}: {reason}")]
    LogRefused {
        /// The stream.
        stream: String,
        /// The servers' words and error number.
        reason: String,
    },
    /// The store does not exist.
    #[error("no stream {0}: `tessera-relay store init` creates the store")]
    StoreMissing(String),
    /// The store exists already.
    #[error(
        "the stream {0} exists already: a store is created once; further members join with `member new`"
    )]
    StoreExists(String),
    /// A stream is configured in another way.
    #[error("stream {stream}: {field} is {found}, and must be {wanted}")]
    StreamDiffers {
        /// The stream.
        stream: String,
        /// The field of its configuration.
        field: &'static str,
        /// Its value.
        found: String,
        /// The value it must have.
        wanted: String,
    },
    /// The member's signing key is not that of the store.
    #[error("the keys in --state-dir are of another store: origin {held}, this one is {stored}")]
    OriginDiffers {
        /// The store's origin.
        stored: String,
        /// The origin of the key.
        held: String,
    },
    /// The directory has no keys.
    #[error(
        "{0}: no keys of a member: `store init` makes the first member, `member join` each further one"
    )]
    StateMissing(PathBuf),
    /// The directory has keys already.
    #[error("{0}: has the keys of a member already")]
    StateExists(PathBuf),
    /// The keys in the directory cannot be used.
    #[error(transparent)]
    State(#[from] StateDirError),
    /// The key of the NATS user cannot be used.
    #[error("{0}: not the seed of a user's nkey (SU…)")]
    NkeyInvalid(PathBuf),
    /// The client cannot be created.
    #[error(transparent)]
    Nats(#[from] NatsError),
    /// The store cannot be opened.
    #[error(transparent)]
    Open(#[from] LogOpenError),
    /// A file cannot be read or written.
    #[error(transparent)]
    Io(#[from] PathError),
    /// The store that is to be moved cannot be used.
    #[error("--from: {0}")]
    MoveUnusable(OpenError),
    /// The store that is to be moved cannot be read.
    #[error("--from: {0}")]
    MoveUnread(StoreError),
    /// Cells wait in the store that is to be moved.
    #[error(
        "--from: {0}: cells wait for the end of their epoch: start its relay once more, without \
         clients, and stop it after the next epoch"
    )]
    CellsWaiting(PathBuf),
    /// A store was moved in part.
    #[error(
        "the store was moved in part ({error}): delete the streams TSR_{id}_N, TSR_{id}_L, \
         TSR_{id}_R and TSR_{id}_P, and repeat"
    )]
    MoveIncomplete {
        /// The name of the service.
        id: String,
        /// Why.
        error: StoreError,
    },
    /// The text is not a key of `member new`.
    #[error("not a key that `member new` printed")]
    MemberKeyInvalid,
    /// The text does not open: damaged, or for another member, or used already.
    #[error(
        "the admission does not open here: damaged, sealed for another `member new`, or used already"
    )]
    AdmissionInvalid,
}

impl ReplicaError {
    /// The code and the text.
    #[must_use]
    pub fn report(&self) -> String {
        format!("{}: {self}", self.code())
    }

    /// The stable code, listed in `docs/cluster.md`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Config(_) => "SETTINGS_INVALID",
            Self::ServersUnreachable { .. } => "SERVERS_UNREACHABLE",
            Self::ServerForeign(_) => "SERVER_FOREIGN",
            Self::ServerOld { .. } => "SERVER_OLD",
            Self::ServerUnsafe { .. } => "SERVER_UNSAFE",
            Self::ServerUnmonitored(_) => "SERVER_UNMONITORED",
            Self::LogUnreachable { .. } | Self::Open(LogOpenError::Log(_)) => "LOG_UNREACHABLE",
            Self::NotPermitted(_) => "NOT_PERMITTED",
            Self::LogRefused { .. } => "LOG_REFUSED",
            Self::StoreMissing(_) | Self::Open(LogOpenError::NotInitialized) => "STORE_MISSING",
            Self::StoreExists(_) => "STORE_EXISTS",
            Self::StreamDiffers { .. } => "STREAM_DIFFERS",
            Self::Open(LogOpenError::Config(_)) => "SETTINGS_DIFFER",
            Self::OriginDiffers { .. } => "ORIGIN_DIFFERS",
            Self::StateMissing(_) => "STATE_MISSING",
            Self::StateExists(_) => "STATE_EXISTS",
            Self::State(error) | Self::Open(LogOpenError::State(error)) => state_code(error),
            Self::Io { .. } => "STATE_UNAVAILABLE",
            Self::Open(LogOpenError::Newer) => "LOG_NEWER",
            Self::Open(_) => "VIEW_UNUSABLE",
            Self::NkeyInvalid(_) => "NKEY_INVALID",
            Self::Nats(_) => "SETTINGS_INVALID",
            Self::MoveUnusable(_) | Self::MoveUnread(_) => "MOVE_UNUSABLE",
            Self::CellsWaiting(_) => "CELLS_WAITING",
            Self::MoveIncomplete { .. } => "MOVE_INCOMPLETE",
            Self::MemberKeyInvalid => "MEMBER_KEY_INVALID",
            Self::AdmissionInvalid => "ADMISSION_INVALID",
        }
    }
}

const fn state_code(error: &StateDirError) -> &'static str {
    match error {
        StateDirError::Seed(_) | StateDirError::Keys(KeyFileError::Foreign(_)) => "STATE_DAMAGED",
        _ => "STATE_UNAVAILABLE",
    }
}

/// Opens the keys of a member.
///
/// # Errors
///
/// [`ReplicaError::StateMissing`], [`ReplicaError::State`].
pub fn open_state(path: &Path) -> Result<StateDir, ReplicaError> {
    match StateDir::open(path) {
        Err(StateDirError::Io(failed)) if failed.error.kind() == io::ErrorKind::NotFound => {
            Err(ReplicaError::StateMissing(path.to_owned()))
        }
        opened => Ok(opened?),
    }
}
