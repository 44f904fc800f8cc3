//! MedCrypt v1 messages: notes sealed under a month's key and carried as text
//! by any messenger. Protocol §9.
//!
//! The format shows the patient id to the messaging provider, has no replay
//! protection, and its months all follow from one kept secret, so nothing is
//! ever truly shredded. It is here for interoperability with what is in use.

mod month;
mod wire;

use core::fmt;

pub use month::{MonthKey, PBKDF2_ITERATIONS, SALT_LEN, WINDOW_DAYS, month_salt, months_to_try};
pub use wire::Message;

use crate::base::ErrorCode;

/// Why a MedCrypt message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MedCryptError {
    /// An empty patient id was given for sealing.
    PatientId,
    /// Not a message of the format: brackets, fields, version, base64,
    /// lengths, or a patient id that is empty or not UTF-8.
    Malformed,
    /// The tag does not hold under this key, or the text within is not UTF-8.
    NotAuthentic,
}

impl MedCryptError {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::PatientId => ErrorCode::InvalidArgument,
            Self::Malformed => ErrorCode::Malformed,
            Self::NotAuthentic => ErrorCode::NotAuthentic,
        }
    }
}

impl fmt::Display for MedCryptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PatientId => "the patient id is empty",
            Self::Malformed => "not a MedCrypt v1 message",
            Self::NotAuthentic => "the message does not open with this key",
        })
    }
}

impl core::error::Error for MedCryptError {}
