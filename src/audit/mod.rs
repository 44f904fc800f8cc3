//! The audit log: sealed, hash-chained entries that can be shown one by one.
//! Protocol §11.
//!
//! ```text
//! plain   = salt(16) || record
//! blob    = nonce(12) || AES-256-GCM(key, aad = u64(i) || head[i−1], plain)
//! head[i] = SHA-256(parts("tessera/v1/audit", head[i−1], SHA-256(plain), blob))
//! ```
//!
//! The hash of the plaintext keeps an owner from disclosing another record
//! for the same entry; the salt keeps records that were not disclosed from
//! being guessed. The log shows a change up to entry `i` only against a
//! [`Checkpoint`] of entry `i` or later that is kept elsewhere.

mod chain;
mod checkpoint;
mod export;

pub use chain::{AuditKey, Entry, HEAD_LEN, Head, LogKeys, SALT_LEN};
pub use checkpoint::Checkpoint;
pub use export::{
    Attested, Export, Replayed, checkpoint_line, entry_line, kept_checkpoints, owner_line, verify,
};

use crate::base::ErrorCode;

/// Why an audit log was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// Not of the form of an export, or of an entry.
    #[error("not an audit log of the expected form")]
    Malformed,
    /// What was kept elsewhere is not of the form of an export.
    #[error("the checkpoint kept elsewhere is not of the expected form")]
    KeptMalformed,
    /// An entry that does not follow from the one before: changed, dropped,
    /// inserted or swapped. Also a blob that does not open.
    #[error("entry {index} does not follow from the one before")]
    Broken {
        /// The first entry that does not fit.
        index: u64,
    },
    /// A checkpoint of an entry that is not there: the log was cut.
    #[error("the log ends before a checkpoint of it")]
    Truncated,
    /// A checkpoint that is not the owner's, or speaks of another head.
    #[error("a checkpoint is not the owner's or not of this log")]
    Checkpoint,
}

impl AuditError {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::Malformed | Self::KeptMalformed => ErrorCode::Malformed,
            _ => ErrorCode::AuditInvalid,
        }
    }
}
