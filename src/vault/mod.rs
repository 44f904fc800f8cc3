//! State at rest: a header in the clear, and records each sealed alone under
//! a random vault key, so that committing one message costs the same however
//! many are stored.
//!
//! ```text
//! header   = CBOR [version, salt(16), iterations, AES-256-GCM(kek, vault key)]
//! kek      = PBKDF2-HMAC-SHA256(passphrase, salt, iterations), made by the caller
//! record   = AES-256-GCM(vault key, CBOR), random nonce, aad = the record's key
//! ```

mod field;
mod header;
mod record;
pub mod stored;

pub use header::{Kdf, VaultHeader};
pub use record::VaultKey;

use core::fmt;

use crate::base::ErrorCode;

/// The one version of stored state this code writes and reads.
pub const VERSION: u32 = 1;

/// The store key of the header.
pub const HEADER_KEY: &str = "vault";

/// Why stored state was refused. It is never changed by a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VaultError {
    /// The passphrase does not open the vault key.
    WrongPassphrase,
    /// Written by a newer version.
    Version,
    /// A record is missing, altered or not of its form.
    Damaged,
}

impl VaultError {
    /// The stable code.
    #[must_use]
    pub fn code(self) -> ErrorCode {
        match self {
            Self::WrongPassphrase => ErrorCode::WrongPassphrase,
            Self::Version => ErrorCode::VaultVersion,
            Self::Damaged => ErrorCode::VaultDamaged,
        }
    }
}

impl fmt::Display for VaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongPassphrase => "the passphrase does not open the vault",
            Self::Version => "the vault was written by a newer version",
            Self::Damaged => "a record of the vault is missing or damaged",
        })
    }
}

impl core::error::Error for VaultError {}
