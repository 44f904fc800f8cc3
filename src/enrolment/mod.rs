//! How two people meet: invitation, offer, response, confirm, and the check
//! of who it is. Protocol §7.
//!
//! ```text
//! inviter:  Offer::create → Invitation → open_response → Enrolled → confirm
//! acceptor: Invitation::parse → respond → Enrolled → check_commitment
//! both:     sas_digits, compared by the people
//! ```

mod handshake;
mod invitation;
mod name;
mod offer;
mod rendezvous;
mod sas;

pub use handshake::{Enrolled, Response, open_response, respond};
pub use invitation::{Invitation, Kind, SCHEME};
pub use name::Name;
pub use offer::{Offer, OfferSecrets};
pub use rendezvous::{InvitationSecret, Rendezvous};
pub use sas::{SasKey, SasNonce, commitment, sas_digits};

use core::fmt;

use crate::base::{ErrorCode, UnixTime, time::DAY_SECONDS, time::HOUR_SECONDS};

/// Longest life of a quick invitation: 24 h.
pub const QUICK_MAX_SECONDS: u64 = DAY_SECONDS;
/// Life of a quick invitation unless said otherwise: 15 min.
pub const QUICK_DEFAULT_SECONDS: u64 = HOUR_SECONDS / 4;
/// Life of an ordinary invitation unless said otherwise: 7 days.
pub const ORDINARY_DEFAULT_SECONDS: u64 = 7 * DAY_SECONDS;

/// The first month an acceptor names: that of a day ago, so that a clock a
/// little ahead does not name a month the inviter has not reached.
#[must_use]
pub fn first_month(now: UnixTime) -> crate::base::Month {
    now.minus(DAY_SECONDS).month()
}

/// Why an enrolment was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnrolmentError {
    /// Not an invitation of this protocol, or an altered one.
    InvitationMalformed,
    /// The invitation's time is over.
    InvitationExpired,
    /// The offer or response is not authentic or not well-formed.
    NotAuthentic,
    /// One's own identity answered.
    OwnIdentity,
    /// The inviter's nonce does not open its commitment.
    CommitmentMismatch,
}

impl EnrolmentError {
    /// The stable code.
    #[must_use]
    pub fn code(self) -> ErrorCode {
        match self {
            Self::InvitationMalformed => ErrorCode::InvitationMalformed,
            Self::InvitationExpired => ErrorCode::InvitationExpired,
            Self::NotAuthentic => ErrorCode::NotAuthentic,
            Self::OwnIdentity => ErrorCode::InvitationOwn,
            Self::CommitmentMismatch => ErrorCode::CommitmentMismatch,
        }
    }
}

impl fmt::Display for EnrolmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvitationMalformed => "not an invitation, or an altered one",
            Self::InvitationExpired => "the invitation has expired",
            Self::NotAuthentic => "not authentic",
            Self::OwnIdentity => "one cannot enrol with oneself",
            Self::CommitmentMismatch => "the nonce does not open the commitment",
        })
    }
}

impl core::error::Error for EnrolmentError {}
