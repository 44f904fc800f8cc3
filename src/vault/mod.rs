//! State at rest: a plaintext header, and records that are sealed individually
//! under a random vault key, so that the cost of a commit does not depend on the
//! number of stored messages.
//!
//! ```text
//! header   = CBOR [version, [slot, …]]: the vault key, sealed for each unlock method
//! record   = AES-256-GCM(vault key, CBOR), random nonce, aad = the record's key
//! manifest = a record that authenticates the set of all others
//! ```

pub mod bundle;
mod field;
mod header;
mod key_slot;
mod manifest;
mod migrate;
mod record;
mod recovery_code;
pub mod stored;

pub use header::{MAX_KEY_SLOTS, VaultHeader};
pub use key_slot::{Kdf, MAX_CREDENTIAL_LEN, Opener, Passkey, UnlockMethod};
pub use manifest::{MANIFEST_KEY, Manifest, SealedChange};
pub use migrate::{FirstHeader, LoadedRecords, Plain, StoredHeader, UnlockedVault, load};
pub use record::VaultKey;
pub use recovery_code::RecoveryCode;

use crate::base::error::coded;

/// The version of stored state that this code writes. Older versions are migrated
/// when they are opened.
pub const VERSION: u32 = 3;

/// The store key of the header.
pub const HEADER_KEY: &str = "vault";

coded! {
    /// Why stored state is refused. A refusal never changes it.
    pub enum VaultError {
        /// The given passphrase, passkey or recovery code does not open the vault key.
        #[error("this does not open the vault")]
        WrongPassphrase => WrongPassphrase,
        /// Written by a newer version.
        #[error("the vault was written by a newer version")]
        Version => VaultVersion,
        /// A record is missing, altered or malformed.
        #[error("a record of the vault is missing or damaged")]
        Damaged => VaultDamaged,
        /// The header already has the maximum number of slots.
        #[error("the vault already has the maximum number of unlock methods")]
        TooManySlots => InvalidArgument,
    }
}
