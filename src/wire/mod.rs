//! All that a relay may know: buckets, cells, batches and its HTTP answers.
//! Protocol §2, §6 and `docs/relay.md`.
//!
//! Nothing here can open a cell. Both ends use it: the relay to read posts
//! and to build batches, the client to write posts and to check batches.

pub mod batch;
pub mod bucket;
pub mod cell;
pub mod claims;
pub mod hex;
pub mod json;
pub mod post;
pub mod relay_api;
pub mod segment;

pub use batch::{
    BATCH_HEADER_LEN, Batch, BatchError, BatchHeader, BatchTags, CellsDigest, OriginKey, batch_tags,
};
pub use bucket::{BucketCount, BucketError, BucketId, compute_bucket};
pub use cell::{Cell, CellDigest, CellError, CellSize, cover_cell};
pub use claims::{
    CellsPerBucket, EpochSeconds, LobbyEpochSeconds, MaxMessageBytes, RetentionSeconds, RetryAfter,
};
pub use hex::{BatchDigest, HeaderHash, HexError, Origin};
pub use post::{MAX_ENTRIES, MAX_LOBBY_ENTRIES, PostEntry, PostError};
pub use relay_api::{
    BatchRef, BucketIndex, CoverInfo, InfoAnswer, LobbyInfo, PROTOCOL, Problem, RelayInfo,
    RelaySettings, SegmentRef, SlotInfo, paths,
};
