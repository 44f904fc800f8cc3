//! `GET /v1/origins` and the federation in `GET /v1/info`.

use serde::{Deserialize, Serialize};

use crate::wire::{Origin, Sha256Hash};

/// `GET /v1/origins`: whose batches a relay has, and how far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginsAnswer {
    /// Hash of the parameters that all members of a federation share.
    pub parameters: Sha256Hash,
    /// Hash of the list of members; `null` outside a federation.
    pub members: Option<Sha256Hash>,
    /// The origins, ordered by key.
    pub origins: Vec<Standing>,
}

/// What a relay has of one origin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The origin.
    pub origin: Origin,
    /// The member's name; `null` for an origin that is no member.
    pub name: Option<String>,
    /// Its batches, by kind.
    pub kinds: Standings,
    /// SHA-256 of the proof, if the origin has signed two histories.
    pub fork: Option<Sha256Hash>,
}

/// The batches of one origin, by kind; `null` if there are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standings {
    /// Those of the numbered buckets.
    pub numbered: Option<KindStanding>,
    /// Those of the lobby.
    pub lobby: Option<KindStanding>,
}

/// The batches of one origin and kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindStanding {
    /// The oldest epoch kept.
    pub oldest: u64,
    /// The newest epoch.
    pub epoch: u64,
    /// When that was closed, Unix seconds.
    pub closed_at: u64,
    /// SHA-256 over the header hashes of that epoch, in the order of buckets.
    pub root: Sha256Hash,
}

/// What a relay has of the numbered buckets of one origin: the part of
/// `GET /v1/origins` that a client uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The origin.
    pub origin: Origin,
    /// The oldest epoch kept.
    pub oldest: u64,
    /// The newest epoch.
    pub epoch: u64,
}

/// One member of a federation, in `GET /v1/info`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberInfo {
    /// The key that signs its batches.
    pub origin: Origin,
    /// Its name, for people.
    pub name: String,
    /// Its URLs for clients.
    pub urls: Vec<String>,
    /// Whether it publishes batches of its own.
    pub publishes: bool,
}
