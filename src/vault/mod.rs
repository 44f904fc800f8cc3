//! State at rest: a header in the clear, and records each sealed alone under
//! a random vault key, so that committing one message costs the same however
//! many are stored.
//!
//! ```text
//! header   = CBOR [version, [wrap, …]]: the vault key, sealed for each way to open it
//! record   = AES-256-GCM(vault key, CBOR), random nonce, aad = the record's key
//! ```

pub mod bundle;
mod field;
mod header;
mod migrate;
mod record;
mod recovery_code;
pub mod stored;
mod wrap;

pub use header::{MAX_WRAPS, VaultHeader};
pub use migrate::{FirstHeader, OpenedVault, Plain, StoredHeader};
pub use record::VaultKey;
pub use recovery_code::RecoveryCode;
pub use wrap::{Kdf, MAX_CREDENTIAL_LEN, Opener, Passkey};

use core::fmt;

use crate::base::ErrorCode;

/// The version of stored state that this code writes. Those before it are
/// migrated when they are opened.
pub const VERSION: u32 = 2;

/// The store key of the header.
pub const HEADER_KEY: &str = "vault";

/// Why stored state was refused. It is never changed by a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VaultError {
    /// Neither passphrase, passkey nor recovery code given opens the vault key.
    WrongPassphrase,
    /// Written by a newer version.
    Version,
    /// A record is missing, altered or not of its form.
    Damaged,
    /// The vault can be opened in as many ways as there may be.
    TooManyWraps,
}

impl VaultError {
    /// The stable code.
    #[must_use]
    pub fn code(self) -> ErrorCode {
        match self {
            Self::WrongPassphrase => ErrorCode::WrongPassphrase,
            Self::Version => ErrorCode::VaultVersion,
            Self::Damaged => ErrorCode::VaultDamaged,
            Self::TooManyWraps => ErrorCode::InvalidArgument,
        }
    }
}

impl fmt::Display for VaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongPassphrase => "this does not open the vault",
            Self::Version => "the vault was written by a newer version",
            Self::Damaged => "a record of the vault is missing or damaged",
            Self::TooManyWraps => "the vault can be opened in as many ways as there may be",
        })
    }
}

impl core::error::Error for VaultError {}
