//! What a round asks of its caller, and what the caller answers.

use serde::Serialize;

use super::{Progress, Task};
use crate::{
    base::UnixTime,
    client::{
        MessageView, StoreKey,
        view::{Gap, Rejected},
    },
    wire::Hashes,
};

/// One reading of both clocks, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Unix time. A person may set it.
    pub wall: u64,
    /// A clock that only goes forward, from any beginning.
    pub ticks: u64,
}

impl Clock {
    /// The time in seconds.
    #[must_use]
    pub fn now(self) -> UnixTime {
        UnixTime(self.wall / 1000)
    }
}

/// What the caller is to do, once the changes beside it are committed.
#[derive(Clone, Debug)]
pub enum Ask {
    /// Nothing: call [`Round::next`](super::Round::next) again.
    Continue,
    /// Read these records, and answer with [`Answer::Loaded`].
    Load(Vec<StoreKey>),
    /// `GET` this path below the relay's URL, and answer with [`Answer::Got`].
    Get(String),
    /// `GET` this path and keep the body; answer with [`Answer::Kept`].
    Keep {
        /// The path.
        path: String,
        /// Paths that are asked for next if nothing fails: the caller may
        /// request them ahead.
        ahead: Vec<String>,
    },
    /// Hand over the body that was kept, and answer with [`Answer::HandedOver`],
    /// or with [`Answer::Got`].
    HandOver(String),
    /// Ask whether so much may be downloaded, and answer with
    /// [`Answer::Confirmed`].
    Confirm {
        /// Bytes in all.
        bytes: u64,
        /// Whether the download tells the relay that the bucket has something
        /// for this person.
        tells: bool,
    },
    /// `GET` this path below the mirror's URL, and answer with [`Answer::Got`].
    Mirror(String),
    /// `POST` a body of the same length to this path of the relay and of the
    /// mirror, both at once, and answer with [`Answer::Selected`].
    Select {
        /// The path.
        path: String,
        /// The body for the relay.
        relay: Vec<u8>,
        /// The body for the mirror.
        mirror: Vec<u8>,
    },
    /// Show how far a pull is, and call [`Round::next`](super::Round::next) again.
    Progress(Progress),
    /// `POST` this body to this path, and answer with [`Answer::Posted`].
    Post {
        /// The path.
        path: &'static str,
        /// The body.
        body: Vec<u8>,
    },
    /// Do this at another member of the relay's federation, by its URL; answered
    /// as the ask itself. Of [`Ask::Select`] the relay's part.
    At(String, Box<Ask>),
    /// A sync that was requested has ended: call [`Round::next`](super::Round::next) again.
    Synced(Synced),
    /// Call [`Round::next`](super::Round::next) again at this time by [`Clock::ticks`], or
    /// earlier; `None` for not before something is requested.
    Wait(Option<u64>),
}

impl Ask {
    pub(super) fn is_request(&self) -> bool {
        matches!(
            self,
            Self::Get(_)
                | Self::Keep { .. }
                | Self::Post { .. }
                | Self::Mirror(_)
                | Self::Select { .. }
                | Self::At(..)
        )
    }

    /// The same at a member; `None` for the own relay.
    pub(super) fn at(self, member: Option<String>) -> Self {
        match member {
            Some(member) => Self::At(member, Box::new(self)),
            None => self,
        }
    }
}

/// What came of an [`Ask`].
#[derive(Clone, Debug)]
pub enum Answer {
    /// The opened records in the order of their keys; `None` for one that is
    /// missing or does not open.
    Loaded(Vec<Option<Vec<u8>>>),
    /// A body, or why there is none.
    Got(Result<Vec<u8>, Failure>),
    /// A body that was kept, with its hashes, computed by the caller.
    HandedOver {
        /// The body.
        body: Vec<u8>,
        /// Its hashes.
        hashes: Hashes,
    },
    /// The length of a body that is kept, or why there is none.
    Kept(Result<u64, Failure>),
    /// Whether it may be downloaded.
    Confirmed(bool),
    /// The relay answered 202, or why it did not.
    Posted(Result<(), Failure>),
    /// The answers of the relay and of the mirror, or why there is none.
    Selected(Result<[Vec<u8>; 2], Failure>),
    /// The store had no room for the last changes: the client is again as the
    /// store has it, and nothing was asked for.
    NotStored,
}

/// Why the relay did not answer a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// An answer that asks to wait for so many milliseconds; with 0, no answer.
    Unavailable(u64),
    /// An answer that says that this client is not served: without access, or
    /// the relay is full. To wait for so many milliseconds, or 0.
    Denied(u64),
    /// The relay does not have it (any more).
    Missing,
    /// The relay refused the request: the same request would fail again.
    Refused,
}

impl Failure {
    /// How long the relay asks to wait, in milliseconds.
    pub(super) fn retry_after(self) -> u64 {
        match self {
            Self::Unavailable(wait) | Self::Denied(wait) => wait,
            Self::Missing | Self::Refused => 0,
        }
    }
}

/// What a requested sync led to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Synced {
    /// Messages that arrived.
    pub messages: Vec<MessageView>,
    /// Cells and batches that were refused.
    pub rejected: Vec<Rejected>,
    /// What is missing.
    pub gaps: Vec<Gap>,
    /// Cells that were read.
    pub cells: usize,
    /// Bytes that were downloaded.
    pub bytes: u64,
    /// Whether something that the index lists was not read.
    pub incomplete: bool,
    /// The first task that failed.
    pub failed: Option<Failed>,
}

/// A task that failed during a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// The task.
    pub task: Task,
    /// Why the client refused what the relay answered; `None` where the relay
    /// did not answer, or the store had no room.
    pub code: Option<&'static str>,
}
