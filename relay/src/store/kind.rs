//! The two kinds of buckets, and values that each of them has.

use std::ops::{Index, IndexMut};

use tessera::wire::{BucketCount, BucketId};

/// The two kinds of buckets, each with its own epochs and retention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The numbered buckets.
    Numbered,
    /// The lobby.
    Lobby,
}

impl Kind {
    /// Both kinds.
    pub const ALL: [Self; 2] = [Self::Numbered, Self::Lobby];

    /// The kind of a bucket.
    #[must_use]
    pub const fn of(bucket: BucketId) -> Self {
        if bucket.is_lobby() {
            Self::Lobby
        } else {
            Self::Numbered
        }
    }

    /// Its buckets, if there are so many numbered buckets.
    #[must_use]
    pub fn buckets(self, count: BucketCount) -> Vec<BucketId> {
        match self {
            Self::Numbered => count.numbered().collect(),
            Self::Lobby => vec![BucketId::LOBBY],
        }
    }

    /// Its name in URLs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Numbered => "numbered",
            Self::Lobby => "lobby",
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A value for each kind of buckets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByKind<T> {
    /// That of the numbered buckets.
    pub numbered: T,
    /// That of the lobby.
    pub lobby: T,
}

impl<T> ByKind<T> {
    /// Makes the value of each kind.
    pub fn new(mut make: impl FnMut(Kind) -> T) -> Self {
        Self {
            numbered: make(Kind::Numbered),
            lobby: make(Kind::Lobby),
        }
    }
}

impl<T> Index<Kind> for ByKind<T> {
    type Output = T;

    fn index(&self, kind: Kind) -> &T {
        match kind {
            Kind::Numbered => &self.numbered,
            Kind::Lobby => &self.lobby,
        }
    }
}

impl<T> IndexMut<Kind> for ByKind<T> {
    fn index_mut(&mut self, kind: Kind) -> &mut T {
        match kind {
            Kind::Numbered => &mut self.numbered,
            Kind::Lobby => &mut self.lobby,
        }
    }
}
