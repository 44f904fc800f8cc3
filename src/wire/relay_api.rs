//! A relay's HTTP answers as JSON, and its paths. `docs/relay.md`.
//!
//! Fields of a newer relay are ignored; those known here must be of their
//! type and range.

mod read;

use core::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::{
    BatchDigest, BatchHeader, BucketCount, CellSize, CellsPerBucket, EpochSeconds,
    LobbyEpochSeconds, MaxMessageBytes, Origin, RetentionSeconds,
};
use crate::base::{ErrorCode, UnixTime};

/// The protocol version spoken here, as `protocol` in [`RelayInfo`].
pub const PROTOCOL: u32 = 1;

/// `GET /v1/info`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RelayInfo {
    /// Protocol version: [`PROTOCOL`].
    pub protocol: u32,
    /// The key this relay signs batches with.
    pub origin: Origin,
    /// Number of buckets.
    pub buckets: BucketCount,
    /// Bytes of a cell.
    pub cell_size: CellSize,
    /// Length of an epoch of the numbered buckets, in seconds.
    pub epoch_seconds: EpochSeconds,
    /// The lobby.
    pub lobby: LobbyInfo,
    /// How long a batch can be pulled, in seconds.
    pub retention_seconds: RetentionSeconds,
    /// What a client posts per epoch.
    pub slot: SlotInfo,
    /// Largest message the operator allows, in bytes.
    pub max_attachment_bytes: MaxMessageBytes,
    /// What the relay adds to each batch.
    pub cover: CoverInfo,
    /// The relay's clock, Unix seconds. A hint: no check may rest on it.
    pub time: u64,
}

/// `GET /v1/info` as a client reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InfoAnswer {
    /// The relay's parameters.
    pub settings: RelaySettings,
    /// The relay's clock. A hint: no check may rest on it.
    pub time: UnixTime,
}

/// What a client keeps of [`RelayInfo`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelaySettings {
    /// The key this relay signs batches with.
    pub origin: Origin,
    /// Number of buckets.
    pub buckets: BucketCount,
    /// Bytes of a cell.
    pub cell_size: CellSize,
    /// Length of an epoch of the numbered buckets, in seconds.
    pub epoch_seconds: EpochSeconds,
    /// Length of an epoch of the lobby, in seconds.
    pub lobby_epoch_seconds: LobbyEpochSeconds,
    /// How long a batch can be pulled, in seconds.
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

/// The lobby, where invitations are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LobbyInfo {
    /// Length of an epoch in seconds.
    pub epoch_seconds: LobbyEpochSeconds,
    /// Cells of every lobby batch.
    pub cells: NonZeroU32,
    /// How long a lobby batch can be pulled, in seconds.
    pub retention_seconds: RetentionSeconds,
}

/// The relay's own word about its cover. A client shows it; nothing rests on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoverInfo {
    /// `laplace`, `gaussian`, `constant` or `fixed`; more may come.
    pub mechanism: String,
    /// Cells of every batch for `constant`, cover cells for `fixed`.
    #[serde(default)]
    pub cells: Option<u32>,
    /// ε for `sensitivity` cells in each of `batches` batches, where the
    /// mechanism has one.
    #[serde(default)]
    pub epsilon: Option<f64>,
    /// δ for the same.
    #[serde(default)]
    pub delta: Option<f64>,
    /// Cells of one batch by which neighbouring inputs differ.
    #[serde(default)]
    pub sensitivity: Option<u32>,
    /// Batches in which they differ so.
    #[serde(default)]
    pub batches: Option<u32>,
    /// Mean number of cover cells per batch.
    #[serde(default)]
    pub mean: Option<f64>,
    /// What this cover does and does not give, in words.
    #[serde(default)]
    pub note: Option<String>,
}

/// `GET /v1/buckets/{b}/index`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketIndex {
    /// The oldest epoch still held, `null` before the first batch.
    pub oldest: Option<u64>,
    /// Batches that are in no segment, oldest first.
    pub batches: Vec<BatchRef>,
    /// Segments, oldest first; empty where a relay makes none.
    #[serde(default)]
    pub segments: Vec<SegmentRef>,
}

/// One batch of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchRef {
    /// Who signed it.
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
    /// Who signed its batches.
    pub origin: Origin,
    /// Its number: that of the grid cell, or more; grows along the chain.
    pub number: u64,
    /// Epoch of its first batch.
    pub first: u64,
    /// Epoch of its last batch.
    pub last: u64,
    /// Bytes of the whole segment.
    pub bytes: u64,
    /// SHA-256 of the whole segment.
    pub digest: BatchDigest,
}

/// An error answer: RFC 9457 problem document with a stable `code`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Short text of the kind of problem.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// Stable code, one of [`ErrorCode`]'s.
    pub code: String,
    /// What was wrong with this request; never repeats what it held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// With `RETENTION_PASSED`: the oldest epoch still held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<u64>,
}

/// The media type of [`Problem`].
pub const PROBLEM_TYPE: &str = "application/problem+json";

/// An answer that is not of its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RelayApiError {
    /// Not the JSON document it should be.
    #[error("not the JSON document it should be")]
    Json,
    /// A number outside its range; the field's name.
    #[error("the relay's {0} is outside its range")]
    Range(&'static str),
    /// A protocol version this client does not speak.
    #[error("another protocol version")]
    Protocol,
}

impl RelayApiError {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        ErrorCode::RelayProtocol
    }
}

/// Paths below a relay's URL.
pub mod paths {
    use crate::wire::{BucketId, Origin};

    /// `GET`: [`RelayInfo`](super::RelayInfo).
    pub const INFO: &str = "/v1/info";
    /// `POST`: cells.
    pub const CELLS: &str = "/v1/cells";

    /// `GET`: [`BucketIndex`](super::BucketIndex).
    #[must_use]
    pub fn index(bucket: BucketId) -> String {
        format!("/v1/buckets/{bucket}/index")
    }

    /// `GET`: the bytes of one batch.
    #[must_use]
    pub fn batch(bucket: BucketId, origin: &Origin, epoch: u64) -> String {
        format!("/v1/buckets/{bucket}/batches/{origin}/{epoch}")
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
