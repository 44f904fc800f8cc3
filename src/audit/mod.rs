//! The audit log: sealed, hash-chained entries that can be disclosed one by one.
//! Protocol §11.
//!
//! ```text
//! plain   = salt(16) || record
//! blob    = nonce(12) || AES-256-GCM(key, aad = u64(i) || head[i−1], plain)
//! head[i] = SHA-256(parts("tessera/v1/audit", head[i−1], SHA-256(plain), blob))
//! ```
//!
//! The hash of the plaintext prevents an owner from disclosing another record
//! for the same entry. The salt prevents guessing of undisclosed records. A
//! change of entry `i` is only detected by comparison with a [`Checkpoint`] of
//! entry `i` or later that was kept elsewhere.

mod chain;
mod checkpoint;
mod export;

pub use chain::{AuditKey, Entry, HEAD_LEN, Head, LogKeys, SALT_LEN};
pub use checkpoint::Checkpoint;
pub use export::{
    Attested, Export, Replayed, checkpoint_line, entry_line, kept_checkpoints, owner_line, verify,
};

use crate::base::error::coded;

coded! {
    /// Why an audit log is refused.
    pub enum AuditError {
        /// Not a well-formed export or entry.
        #[error("not a well-formed audit log")]
        Malformed => Malformed,
        /// The export that was kept elsewhere is not well-formed.
        #[error("the checkpoint kept elsewhere is malformed")]
        KeptMalformed => Malformed,
        /// An entry does not follow the previous one: it was changed, dropped,
        /// inserted or swapped, or its blob does not open.
        #[error("entry {index} does not follow the previous entry")]
        Broken {
            /// The index of the first such entry.
            index: u64,
        } => AuditInvalid,
        /// A checkpoint of a missing entry: the log was truncated.
        #[error("the log was truncated before a checkpoint")]
        Truncated => AuditInvalid,
        /// A checkpoint of another owner or another head.
        #[error("a checkpoint is of another owner or another log")]
        Checkpoint => AuditInvalid,
    }
}
