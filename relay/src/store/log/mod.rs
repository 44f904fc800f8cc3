//! The replicated backend: several relay processes that publish the same batches.
//!
//! An ordered, replicated [`Log`] (JetStream) is the only shared state. All
//! processes read it and compute the same batches from it. Each one keeps a
//! SQLite file as its view, from which it reads; a lost view is rebuilt from the
//! log. `docs/cluster.md` describes the messages and the rules.
//!
//! | stream | content |
//! | --- | --- |
//! | [`Stream::Numbered`], [`Stream::Lobby`] | sealed frames of waiting cells, and the markers that end an epoch |
//! | [`Stream::Published`] | the configuration, parts of batches, commits, imported batches, the level |
//! | [`Stream::Ratchet`] | the random input of each ratchet step, for processes that were away |
//!
//! The rule for a post: it is acknowledged once the process has *read* its frame
//! in the log, between the markers of the frame's index. An acknowledgement of the
//! log is not enough: the marker may precede the frame.

mod adopt;
mod author;
mod close;
mod commit;
mod compute;
mod config;
mod follow;
mod hex;
mod import;
mod level;
mod marker;
pub mod nats;
mod options;
mod post;
mod state;
mod state_dir;
mod store;

use std::{
    future::Future,
    time::{Duration, Instant},
};

use tokio::time::sleep;

pub use self::{
    adopt::{adopt, first_steps},
    config::{ConfigMismatch, LogConfig},
    level::{LEVEL, raise},
    options::{Broken, Fault, Limits, LogOptions},
    state_dir::{StateDir, StateDirError},
    store::{LogOpenError, LogStore, initialize},
};
use super::{Kind, StoreError};

/// One of the four streams of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stream {
    /// Waiting cells of the numbered buckets.
    Numbered,
    /// Waiting cells of the lobby.
    Lobby,
    /// What was published.
    Published,
    /// Inputs of the ratchet.
    Ratchet,
}

impl Stream {
    /// All streams.
    pub const ALL: [Self; 4] = [Self::Numbered, Self::Lobby, Self::Published, Self::Ratchet];

    /// The stream of the waiting cells of a kind.
    #[must_use]
    pub const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Numbered => Self::Numbered,
            Kind::Lobby => Self::Lobby,
        }
    }

    /// The kind whose waiting cells it has, if any.
    const fn kind(self) -> Option<Kind> {
        match self {
            Self::Numbered => Some(Kind::Numbered),
            Self::Lobby => Some(Kind::Lobby),
            Self::Published | Self::Ratchet => None,
        }
    }

    /// Its letter in names and subjects.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Numbered => 'n',
            Self::Lobby => 'l',
            Self::Published => 'p',
            Self::Ratchet => 'r',
        }
    }
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Item {
    /// A sealed frame of waiting cells.
    Frame,
    /// The end of an epoch.
    Marker,
    /// A part of a batch.
    Part,
    /// A commit of a close.
    Commit,
    /// A part of a batch of another origin.
    ImportPart,
    /// Batches of another origin.
    Import,
    /// The configuration of the deployment.
    Config,
    /// A record that raises the level of the store.
    Level,
    /// The random input of a ratchet step.
    RatchetInput,
    /// What only a newer version knows.
    Unknown,
}

impl Item {
    const ALL: [Self; 9] = [
        Self::Frame,
        Self::Marker,
        Self::Part,
        Self::Commit,
        Self::ImportPart,
        Self::Import,
        Self::Config,
        Self::Level,
        Self::RatchetInput,
    ];

    const fn letter(self) -> char {
        match self {
            Self::Frame => 'f',
            Self::Marker => 'm',
            Self::Part => 'd',
            Self::Commit => 'c',
            Self::ImportPart => 'e',
            Self::Import => 'x',
            Self::Config => 'o',
            Self::Level => 'v',
            Self::RatchetInput => 'r',
            Self::Unknown => '?',
        }
    }

    const fn stream(self, kind: Kind) -> Stream {
        match self {
            Self::Frame | Self::Marker => Stream::of(kind),
            Self::Part
            | Self::Commit
            | Self::ImportPart
            | Self::Import
            | Self::Config
            | Self::Level
            | Self::Unknown => Stream::Published,
            Self::RatchetInput => Stream::Ratchet,
        }
    }
}

/// What a message is about; each has its own subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// The kind of buckets.
    pub kind: Kind,
    /// What it is.
    pub item: Item,
}

impl Subject {
    /// The subject of an item about a kind of buckets.
    #[must_use]
    pub const fn new(kind: Kind, item: Item) -> Self {
        Self { kind, item }
    }

    /// The stream that stores it.
    #[must_use]
    pub const fn stream(self) -> Stream {
        self.item.stream(self.kind)
    }

    /// The subject of the deployment `id`: `tsr.ID.n.f`, `tsr.ID.p.l.c`, `tsr.ID.r.n`.
    #[must_use]
    pub fn name(self, id: &str) -> String {
        let (stream, item) = (self.stream(), self.item.letter());
        let kind = Stream::of(self.kind).letter();
        match stream {
            Stream::Numbered | Stream::Lobby => format!("tsr.{id}.{kind}.{item}"),
            Stream::Published => format!("tsr.{id}.p.{kind}.{item}"),
            Stream::Ratchet => format!("tsr.{id}.r.{kind}"),
        }
    }

    /// Parses the subject of a message of the deployment.
    #[must_use]
    pub fn parse(id: &str, name: &str) -> Option<Self> {
        let all = Item::ALL
            .into_iter()
            .flat_map(|item| Kind::ALL.map(|kind| Self::new(kind, item)));
        let known = all.into_iter().find(|subject| subject.name(id) == name);
        let is_own = || {
            name.strip_prefix("tsr.")?
                .strip_prefix(id)?
                .strip_prefix('.')
        };
        known.or_else(|| is_own().map(|_| Self::new(Kind::Numbered, Item::Unknown)))
    }
}

/// A message of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its position in the stream.
    pub seq: u64,
    /// What it is about.
    pub subject: Subject,
    /// When the log accepted it, in seconds since 1970.
    pub at: u64,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// The size of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamInfo {
    /// Sequence of its first message; one more than `last` if it is empty.
    pub first: u64,
    /// Sequence of its last message.
    pub last: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Its limit in bytes.
    pub max_bytes: u64,
}

/// Why an operation of the log failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// No answer, or no quorum: the message may be in the log or not.
    #[error("the log does not answer")]
    Unavailable,
    /// The stream or a server's disk is full.
    #[error("the log is full")]
    Full,
    /// The log refused the request: a stream is missing, or a permission.
    #[error("the log refused the request")]
    Refused,
}

impl From<LogError> for StoreError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Full => Self::Full,
            LogError::Unavailable | LogError::Refused => Self::Unavailable,
        }
    }
}

/// How long an operation without an answer is repeated.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(250);

/// Repeats an operation for a minute while the log does not answer.
///
/// # Errors
///
/// The last error of the operation.
pub async fn patiently<T>(
    mut operation: impl AsyncFnMut() -> Result<T, LogError>,
) -> Result<T, LogError> {
    let start = Instant::now();
    loop {
        match operation().await {
            Err(LogError::Unavailable) if start.elapsed() < PATIENCE => sleep(PAUSE).await,
            done => return done,
        }
    }
}

/// An ordered, replicated log of messages. Every message that was acknowledged is
/// read by all in the same order; one that was not acknowledged may be.
pub trait Log: Send + Sync + 'static {
    /// Appends a message; durable on a quorum when it returns its sequence.
    fn publish(
        &self,
        subject: Subject,
        bytes: Vec<u8>,
    ) -> impl Future<Output = Result<u64, LogError>> + Send;

    /// Reads messages from a sequence on, in order. Any replica may answer, also
    /// one that is behind. A gap between sequences means that messages are missing.
    fn read(
        &self,
        stream: Stream,
        from: u64,
    ) -> impl Future<Output = Result<Vec<Message>, LogError>> + Send;

    /// Deletes all messages before a sequence.
    fn purge(
        &self,
        stream: Stream,
        before: u64,
    ) -> impl Future<Output = Result<(), LogError>> + Send;

    /// The size of a stream.
    fn info(&self, stream: Stream) -> impl Future<Output = Result<StreamInfo, LogError>> + Send;

    /// Wakes the readers of other processes; may be lost.
    fn kick(&self) -> impl Future<Output = ()> + Send;

    /// Completes when another process has called [`kick`](Self::kick).
    fn kicked(&self) -> impl Future<Output = ()> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_distinct_and_parse_again() {
        let mut names = std::collections::BTreeSet::new();
        for kind in Kind::ALL {
            for item in Item::ALL {
                let subject = Subject::new(kind, item);
                let name = subject.name("X");
                assert_eq!(Subject::parse("X", &name), Some(subject), "{name}");
                assert_eq!(Subject::parse("Y", &name), None);
                assert!(names.insert(name));
            }
        }
        assert_eq!(
            Subject::new(Kind::Lobby, Item::Marker).name("7"),
            "tsr.7.l.m"
        );
        assert_eq!(
            Subject::new(Kind::Lobby, Item::Commit).name("7"),
            "tsr.7.p.l.c"
        );
        for name in ["tsr.7.l", "tsr.7.p.n.z", "tsr.7.x.n", "tsr.7.n.ff"] {
            let item = Subject::parse("7", name).map(|subject| subject.item);
            assert_eq!(item, Some(Item::Unknown), "{name}");
        }
        for name in ["tsr.77.n.f", "tsr.7", "x.7.n.f", ""] {
            assert_eq!(Subject::parse("7", name), None, "{name}");
        }
    }
}
