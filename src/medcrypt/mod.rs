//! MedCrypt v1 messages: notes sealed under a monthly key, as text for any
//! messenger. Protocol §9.
//!
//! The format reveals the patient id to the messaging provider, has no replay
//! protection, and derives all months from one stored secret, so keys are never
//! shredded. It is supported for interoperability with deployed systems.

mod month;
mod wire;

pub use month::{MonthKey, PBKDF2_ITERATIONS, SALT_LEN, month_salt};
pub use wire::Message;

use crate::base::error::coded;

coded! {
    /// Why a MedCrypt message is refused.
    pub enum MedCryptError {
        /// An empty patient id was given for sealing.
        #[error("the patient id is empty")]
        PatientId => InvalidArgument,
        /// Malformed: brackets, fields, version, base64, lengths, or a patient id that
        /// is empty or not UTF-8.
        #[error("not a MedCrypt v1 message")]
        Malformed => Malformed,
        /// The tag is invalid under this key, or the plaintext is not UTF-8.
        #[error("the message does not open with this key")]
        NotAuthentic => NotAuthentic,
    }
}
