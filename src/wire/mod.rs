//! Everything that a relay may see: buckets, cells, batches and HTTP responses.
//! Protocol §2, §6 and `docs/relay.md`.
//!
//! Nothing here can open a cell. The relay uses this module to decode posts and
//! build batches, the client to encode posts and verify batches.

pub mod batch;
pub mod bucket;
pub mod cell;
pub mod claims;
pub mod fork;
pub mod hex;
pub mod json;
pub mod post;
pub mod relay_api;
pub mod segment;
pub mod select;

pub use batch::{
    BATCH_HEADER_LEN, Batch, BatchError, BatchHeader, BatchTags, CellsDigest, Hashes, OriginKey,
    batch_tags,
};
pub use bucket::{BucketCount, BucketError, BucketId, compute_bucket};
pub use cell::{Cell, CellDigest, CellError, CellSize, cover_cell};
pub use claims::{
    CellsPerBucket, EpochSeconds, LobbyEpochSeconds, MaxMessageBytes, RetentionSeconds, RetryAfter,
};
pub use fork::{FORK_LEN, Fork};
pub use hex::{BatchDigest, HeaderHash, HexError, Origin, Sha256Hash};
pub use post::{MAX_ENTRIES, MAX_LOBBY_ENTRIES, PostEntry, PostError};
pub use relay_api::{
    BatchRef, BucketIndex, CoverInfo, Held, InfoAnswer, LobbyInfo, PROTOCOL, Problem, RelayInfo,
    RelaySettings, SegmentRef, SlotInfo, paths,
};
pub use select::{MAX_WINDOW_LEN, Select, SelectError, SelectWindow, Selection};
