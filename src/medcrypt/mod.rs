//! MedCrypt v1 messages: notes sealed under a monthly key, as text for any
//! messenger. Protocol §9.
//!
//! The format reveals the patient id to the messaging provider, has no replay
//! protection, and derives all months from one stored secret, so keys are never
//! shredded. It is supported for interoperability with deployed systems.

mod month;
mod wire;

pub use month::{MonthKey, PBKDF2_ITERATIONS, SALT_LEN, WINDOW_DAYS, month_salt, months_to_try};
pub use wire::Message;

use crate::base::ErrorCode;

/// Why a MedCrypt message is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MedCryptError {
    /// An empty patient id was given for sealing.
    #[error("the patient id is empty")]
    PatientId,
    /// Malformed: brackets, fields, version, base64, lengths, or a patient id that
    /// is empty or not UTF-8.
    #[error("not a MedCrypt v1 message")]
    Malformed,
    /// The tag is invalid under this key, or the plaintext is not UTF-8.
    #[error("the message does not open with this key")]
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
