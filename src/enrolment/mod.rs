//! Enrolment of two people: invitation, offer, response, confirm, and the
//! verification of the peer. Protocol §7.
//!
//! ```text
//! offerer:   Offer::create → open_response → Enrolled → confirm
//! responder: respond → Enrolled → commitment opened by the confirm
//! both:      sas_digits, compared by the people
//! ```
//! The inviter offers in a QR invitation, the acceptor in a link invitation.

mod handshake;
mod invitation;
mod name;
mod offer;
mod rendezvous;
mod sas;

pub use handshake::{Enrolled, Response, open_response, respond};
pub use invitation::{Binding, Invitation, Kind, SCHEME};
pub use name::Name;
pub use offer::{Offer, OfferSecrets};
pub use rendezvous::{InvitationSecret, Rendezvous};
pub use sas::{SasKey, SasNonce, commitment, sas_digits};

use crate::base::{UnixTime, error::coded, time::DAY_SECONDS, time::HOUR_SECONDS};

/// Maximum lifetime of a QR invitation: 24 h.
pub const QR_MAX_SECONDS: u64 = DAY_SECONDS;
/// Default lifetime of a QR invitation: 15 min.
pub const QR_DEFAULT_SECONDS: u64 = HOUR_SECONDS / 4;
/// Default lifetime of a link invitation: 7 days.
pub const LINK_DEFAULT_SECONDS: u64 = 7 * DAY_SECONDS;

/// The first month that a responder states: the month of one day ago, so that one
/// whose clock is slightly ahead does not state a month that the offerer has not
/// reached.
#[must_use]
pub fn first_month(now: UnixTime) -> crate::base::Month {
    now.minus(DAY_SECONDS).month()
}

coded! {
    /// Why an enrolment is refused.
    pub enum EnrolmentError {
        /// An altered invitation, or one of another protocol.
        #[error("the invitation was altered in transit: ask for a new one")]
        InvitationMalformed => InvitationMalformed,
        /// A truncated invitation.
        #[error("the invitation is incomplete: copy all of it, up to its end")]
        InvitationIncomplete => InvitationIncomplete,
        /// A text without an invitation.
        #[error("there is no invitation in this text: copy the whole link")]
        InvitationMissing => InvitationMalformed,
        /// A link of an earlier version, with the inviter's offer in it.
        #[error("the invitation was made by an earlier version: ask for a new one")]
        InvitationOutdated => InvitationMalformed,
        /// The invitation has expired.
        #[error("the invitation has expired")]
        InvitationExpired => InvitationExpired,
        /// The offer or response is not authentic or not well-formed.
        #[error("not authentic")]
        NotAuthentic => NotAuthentic,
        /// The peer's identity is the same as the own one.
        #[error("this invitation is your own")]
        OwnIdentity => InvitationOwn,
    }
}
