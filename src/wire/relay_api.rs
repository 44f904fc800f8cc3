//! JSON responses and paths of a relay's HTTP interface. `docs/relay.md`.
//!
//! Unknown fields are ignored; known fields must have the right type and range.

mod origins;
mod read;

use core::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::{
    BatchDigest, BatchHeader, BucketCount, CellSize, CellsPerBucket, EpochSeconds,
    LobbyEpochSeconds, MaxMessageBytes, Origin, RetentionSeconds,
};
use crate::base::{UnixTime, error::coded};

pub use origins::{
    Held, KindStanding, MemberAnswer, MemberInfo, OriginsAnswer, Standing, Standings, is_member_url,
};

/// The supported protocol version: `protocol` in [`RelayInfo`].
pub const PROTOCOL: u32 = 1;

/// `GET /v1/info`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RelayInfo {
    /// Protocol version: [`PROTOCOL`].
    pub protocol: u32,
    /// The public key with which this relay signs batches.
    pub origin: Origin,
    /// Number of buckets.
    pub buckets: BucketCount,
    /// Length of a cell in bytes.
    pub cell_size: CellSize,
    /// Length of an epoch of the numbered buckets, in seconds.
    pub epoch_seconds: EpochSeconds,
    /// Parameters of the lobby.
    pub lobby: LobbyInfo,
    /// How long the relay keeps a batch, in seconds.
    pub retention_seconds: RetentionSeconds,
    /// What a client posts per epoch.
    pub slot: SlotInfo,
    /// Largest message the operator allows, in bytes.
    pub max_attachment_bytes: MaxMessageBytes,
    /// The cover that the relay adds to each batch.
    pub cover: CoverInfo,
    /// The members of the relay's federation, whose batches it has; empty outside one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub federation: Vec<MemberInfo>,
    /// The relay's clock, Unix seconds. A hint: no check may depend on it.
    pub time: u64,
}

/// The part of `GET /v1/info` that a client uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InfoAnswer {
    /// The relay's parameters.
    pub settings: RelaySettings,
    /// How long the relay keeps a batch of the lobby, in seconds.
    pub lobby_retention_seconds: RetentionSeconds,
    /// The members of its federation, whose batches it has.
    pub members: Vec<MemberAnswer>,
    /// The relay's clock. A hint: no check may depend on it.
    pub time: UnixTime,
}

/// What a client keeps of [`RelayInfo`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelaySettings {
    /// The public key with which this relay signs batches.
    pub origin: Origin,
    /// Number of buckets.
    pub buckets: BucketCount,
    /// Length of a cell in bytes.
    pub cell_size: CellSize,
    /// Length of an epoch of the numbered buckets, in seconds.
    pub epoch_seconds: EpochSeconds,
    /// Length of an epoch of the lobby, in seconds.
    pub lobby_epoch_seconds: LobbyEpochSeconds,
    /// How long the relay keeps a batch, in seconds.
    pub retention_seconds: RetentionSeconds,
    /// Entries of a slot for each numbered bucket.
    pub per_bucket: CellsPerBucket,
    /// Largest message the operator allows, in bytes.
    pub max_attachment_bytes: MaxMessageBytes,
}

/// What a client posts per epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotInfo {
    /// Entries for each numbered bucket.
    pub per_bucket: CellsPerBucket,
}

/// Parameters of the lobby, the bucket for enrolment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LobbyInfo {
    /// Length of an epoch in seconds.
    pub epoch_seconds: LobbyEpochSeconds,
    /// Number of cells of every lobby batch.
    pub cells: NonZeroU32,
    /// How long the relay keeps a lobby batch, in seconds.
    pub retention_seconds: RetentionSeconds,
}

/// The relay's claim about its cover. A client shows it; nothing depends on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoverInfo {
    /// `laplace`, `gaussian`, `constant` or `fixed`; others may be added.
    pub mechanism: String,
    /// Cells of every batch for `constant`, cover cells for `fixed`.
    pub cells: Option<u32>,
    /// ε for `sensitivity` cells in each of `batches` batches, if the mechanism
    /// has one.
    pub epsilon: Option<f64>,
    /// δ for the same.
    pub delta: Option<f64>,
    /// Cells of one batch by which neighbouring inputs differ.
    pub sensitivity: Option<u32>,
    /// Number of batches in which they differ.
    pub batches: Option<u32>,
    /// Mean number of cover cells per batch.
    pub mean: Option<f64>,
    /// What this cover does and does not protect, as text.
    pub note: Option<String>,
}

/// `GET /v1/buckets/{b}/index`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketIndex {
    /// The oldest epoch kept, `null` before the first batch.
    pub oldest: Option<u64>,
    /// Batches outside segments, oldest first.
    pub batches: Vec<BatchRef>,
    /// Segments, oldest first; empty if the relay makes none.
    #[serde(default)]
    pub segments: Vec<SegmentRef>,
}

/// One batch of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchRef {
    /// The public key of its signer.
    pub origin: Origin,
    /// Its epoch.
    pub epoch: u64,
    /// Its number of cells.
    pub count: u32,
    /// The digest of its header.
    pub digest: BatchDigest,
}

impl From<&BatchHeader> for BatchRef {
    fn from(header: &BatchHeader) -> Self {
        Self {
            origin: header.origin,
            epoch: header.epoch,
            count: header.count,
            digest: header.digest,
        }
    }
}

/// One segment of an index: batches of a 6-hour grid cell, concatenated. See
/// [`segment`](super::segment).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentRef {
    /// The public key of the signer of its batches.
    pub origin: Origin,
    /// Its number: that of the grid cell or higher; increases along the chain.
    pub number: u64,
    /// Epoch of its first batch.
    pub first: u64,
    /// Epoch of its last batch.
    pub last: u64,
    /// Cells of all its batches.
    pub cells: u64,
    /// Bytes of the whole segment.
    pub bytes: u64,
    /// SHA-256 of the whole segment.
    pub digest: BatchDigest,
}

/// An error response: RFC 9457 problem document with a stable `code`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Short description of the kind of problem.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// Stable code, one of [`ErrorCode`](crate::base::ErrorCode)'s.
    pub code: String,
    /// What was wrong with this request; never repeats its content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// With `RETENTION_PASSED`: the oldest epoch kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<u64>,
}

/// The media type of [`Problem`].
pub const PROBLEM_TYPE: &str = "application/problem+json";

coded! {
    /// A response that does not follow the protocol.
    pub enum RelayApiError {
        /// Not the expected JSON document.
        #[error("not the expected JSON document")]
        Json => RelayProtocol,
        /// A number outside its range; holds the field's name.
        #[error("the relay's {0} is outside its range")]
        Range(&'static str) => RelayProtocol,
        /// An unsupported protocol version.
        #[error("unsupported protocol version")]
        Protocol => RelayProtocol,
    }
}

/// Paths below a relay's URL.
pub mod paths {
    use crate::wire::{BucketId, Origin};

    /// `GET`: [`RelayInfo`](super::RelayInfo).
    pub const INFO: &str = "/v1/info";
    /// `POST`: cells.
    pub const CELLS: &str = "/v1/cells";
    /// `GET`: [`OriginsAnswer`](super::OriginsAnswer).
    pub const ORIGINS: &str = "/v1/origins";

    /// `GET`: [`BucketIndex`](super::BucketIndex).
    #[must_use]
    pub fn index(bucket: BucketId) -> String {
        format!("/v1/buckets/{bucket}/index")
    }

    /// `GET`: the headers of one origin's batches after an epoch, 192 bytes each.
    /// `kind` is `numbered` or `lobby`.
    #[must_use]
    pub fn headers(origin: &Origin, kind: &str, after: Option<u64>) -> String {
        let after = after.map_or_else(String::new, |after| format!("?after={after}"));
        format!("/v1/origins/{origin}/{kind}/headers{after}")
    }

    /// `GET`: the proof that an origin signed two histories.
    #[must_use]
    pub fn fork(origin: &Origin) -> String {
        format!("/v1/origins/{origin}/fork")
    }

    /// `GET`: the bytes of one batch.
    #[must_use]
    pub fn batch(bucket: BucketId, origin: &Origin, epoch: u64) -> String {
        format!("/v1/buckets/{bucket}/batches/{origin}/{epoch}")
    }

    /// `POST`: sums of cells, see [`select`](crate::wire::select).
    #[must_use]
    pub fn select(bucket: BucketId) -> String {
        format!("/v1/buckets/{bucket}/select")
    }

    /// `GET`: the tags of one batch.
    #[must_use]
    pub fn batch_tags(bucket: BucketId, origin: &Origin, epoch: u64) -> String {
        format!("{}/tags", batch(bucket, origin, epoch))
    }

    /// `GET`: the tags of one segment's batches.
    #[must_use]
    pub fn segment_tags(bucket: BucketId, origin: &Origin, number: u64) -> String {
        format!("{}/tags", segment(bucket, origin, number))
    }

    /// `GET`: the bytes of one segment.
    #[must_use]
    pub fn segment(bucket: BucketId, origin: &Origin, number: u64) -> String {
        format!("/v1/buckets/{bucket}/segments/{origin}/{number}")
    }
}

#[cfg(test)]
mod tests;
