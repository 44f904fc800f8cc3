//! Why pulling failed.

use super::PeerError;
use crate::store::StoreError;

/// Why pulling from a member, or from one of its origins, failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PullError {
    /// The request failed.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// The member has another cell size, number of buckets or epoch length.
    #[error("has other parameters: buckets, cell size or epochs")]
    Parameters,
    /// A response that does not follow the protocol.
    #[error("its response does not follow the protocol")]
    Protocol,
    /// A header or batch with an invalid signature or digest.
    #[error("a batch is invalid")]
    Invalid,
    /// A batch that was closed in the future.
    #[error("a batch was closed in the future: a clock is wrong")]
    Future,
    /// A batch that does not follow those that are stored.
    #[error("a batch does not follow the stored ones")]
    Unlinked,
    /// Two histories of an origin.
    #[error("an origin shows two histories")]
    Fork,
    /// A member has later batches of this relay's own origin than this relay.
    #[error(
        "a member has later batches of this relay than its own store, which must be an old copy: \
         to continue, restore a backup, so that the relay is a new origin"
    )]
    RolledBack,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
