//! What a store has of the batches of each relay, for every backend.

use sha2::{Digest as _, Sha256};
use tessera::{
    base::UnixTime,
    wire::{BatchHeader, BucketId, HeaderHash, Origin},
};

/// What a store has of the chains of one origin, of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OriginState {
    /// The origin.
    pub origin: Origin,
    /// Its oldest epoch here.
    pub oldest: u64,
    /// Its newest epoch here.
    pub epoch: u64,
    /// When that was closed.
    pub closed_at: UnixTime,
    /// The [`root`] of that epoch.
    pub root: [u8; 32],
}

/// The last batch of one chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The bucket.
    pub bucket: BucketId,
    /// Its epoch.
    pub epoch: u64,
    /// The hash of its header, `prev` of the next.
    pub hash: HeaderHash,
}

/// SHA-256 over the hashes of one epoch's headers, in the order of their buckets.
#[must_use]
pub fn root<'h>(headers: impl IntoIterator<Item = &'h BatchHeader>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for header in headers {
        hash.update(header.hash().0);
    }
    hash.finalize().into()
}
