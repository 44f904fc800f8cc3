//! Errors of calls on [`Client`](crate::client::Client).

use thiserror::Error;

use crate::{
    base::{ErrorCode, text::TextError},
    enrolment::EnrolmentError,
    envelope::{EnvelopeError, message::MessageError},
    vault::VaultError,
};

/// Why a call is refused. Nothing has changed, neither in memory nor in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// An invitation or a handshake was refused.
    #[error(transparent)]
    Enrolment(#[from] EnrolmentError),
    /// A delivery was refused.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// Stored state was refused.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// An argument is out of range; names it.
    #[error("invalid argument: {0}")]
    InvalidArgument(&'static str),
    /// An argument that the rule for names and labels refuses; names it.
    #[error("{0} cannot be used: {1}")]
    Text(&'static str, TextError),
    /// Text and files that cannot be sent as one message.
    #[error(transparent)]
    Message(MessageError),
    /// No contact has this id.
    #[error("no such contact")]
    ContactUnknown,
    /// The contact is not verified yet.
    #[error("the contact is not verified yet")]
    ContactPending,
    /// The contact is suspect.
    #[error("the contact is suspect; enrol again in person")]
    ContactSuspect,
    /// The six digits are not known yet.
    #[error("the six digits are not known yet")]
    SasNotReady,
    /// No open invitation has this id.
    #[error("no open invitation has this id")]
    InvitationUnknown,
    /// The invitation names another relay.
    #[error("the invitation names another relay")]
    RelayMismatch,
    /// The relay's parameters are not known yet.
    #[error("the relay has not been reached yet")]
    RelayUnknown,
    /// The relay's response violates the protocol.
    #[error("the relay's response does not follow the protocol")]
    RelayProtocol,
    /// The signature, digest, bucket or size of a batch is invalid.
    #[error("a batch has an invalid signature or digest")]
    BatchInvalid,
    /// The clock is behind the oldest month whose keys are kept.
    #[error("the clock is behind; correct it before sending")]
    ClockBehind,
    /// No evidence was taken of that message.
    #[error(
        "there is no evidence: the message was written here, or arrived before evidence was stored"
    )]
    NoEvidence,
    /// The health record does not have this many messages that it is to have.
    #[error("{0} messages are not in the health record yet")]
    Unfiled(usize),
    /// No message has this id.
    #[error("no such message")]
    MessageUnknown,
    /// A newer device replaced this one.
    #[error("a newer device replaced this one")]
    DeviceSuperseded,
    /// A restored device has not read its own mailbox yet.
    #[error("the mailbox has not been read since the restore")]
    Unsettled,
    /// The message was already sent, or was not sent from here.
    #[error("the message was already sent, or was not sent from here")]
    MessageSent,
    /// A defect in this crate.
    #[error("a defect in Tessera; please report it")]
    Internal,
}

impl ClientError {
    /// The stable code.
    #[must_use]
    pub fn code(self) -> ErrorCode {
        match self {
            Self::Enrolment(error) => error.code(),
            Self::Envelope(error) => error.code(),
            Self::Vault(error) => error.code(),
            Self::InvalidArgument(_) | Self::Text(..) | Self::Message(_) => {
                ErrorCode::InvalidArgument
            }
            Self::ContactUnknown => ErrorCode::ContactUnknown,
            Self::ContactPending => ErrorCode::ContactPending,
            Self::ContactSuspect => ErrorCode::ContactSuspect,
            Self::SasNotReady => ErrorCode::SasNotReady,
            Self::InvitationUnknown => ErrorCode::InvitationUnknown,
            Self::RelayMismatch => ErrorCode::RelayMismatch,
            Self::RelayUnknown | Self::Unsettled => ErrorCode::RelayUnreachable,
            Self::RelayProtocol => ErrorCode::RelayProtocol,
            Self::BatchInvalid => ErrorCode::BatchInvalid,
            Self::ClockBehind => ErrorCode::ClockBehind,
            Self::NoEvidence => ErrorCode::EvidenceMissing,
            Self::Unfiled(_) => ErrorCode::MessageUnfiled,
            Self::MessageUnknown => ErrorCode::MessageUnknown,
            Self::DeviceSuperseded => ErrorCode::DeviceSuperseded,
            Self::MessageSent => ErrorCode::MessageSent,
            Self::Internal => ErrorCode::Internal,
        }
    }
}
