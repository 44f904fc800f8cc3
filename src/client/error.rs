//! Errors of calls on [`Client`](crate::client::Client).

use crate::{
    base::{error::coded, text::TextError},
    enrolment::EnrolmentError,
    envelope::{EnvelopeError, message::MessageError},
    vault::VaultError,
};

coded! {
    /// Why a call is refused. Nothing has changed, neither in memory nor in the store.
    pub enum ClientError {
        /// An invitation or a handshake was refused.
        #[error("{0}")]
        Enrolment(#[from] EnrolmentError) -> code,
        /// A delivery was refused.
        #[error("{0}")]
        Envelope(#[from] EnvelopeError) -> code,
        /// Stored state was refused.
        #[error("{0}")]
        Vault(#[from] VaultError) -> code,
        /// An argument is out of range; names it.
        #[error("invalid argument: {0}")]
        InvalidArgument(&'static str) => InvalidArgument,
        /// An argument that the rule for names and labels refuses; names it.
        #[error("{0} cannot be used: {1}")]
        Text(&'static str, TextError) => InvalidArgument,
        /// Text and files that cannot be sent as one message.
        #[error("{0}")]
        Message(MessageError) => InvalidArgument,
        /// No contact has this id.
        #[error("no such contact")]
        ContactUnknown => ContactUnknown,
        /// The contact is not verified yet.
        #[error("the contact is not verified yet")]
        ContactPending => ContactPending,
        /// The contact is suspect.
        #[error("the contact is suspect; enrol again in person")]
        ContactSuspect => ContactSuspect,
        /// The six digits are not known yet.
        #[error("the six digits are not known yet")]
        SasNotReady => SasNotReady,
        /// No open invitation has this id.
        #[error("no open invitation has this id")]
        InvitationUnknown => InvitationUnknown,
        /// The invitation names another relay.
        #[error("the invitation names another relay")]
        RelayMismatch => RelayMismatch,
        /// The relay's parameters are not known yet.
        #[error("the relay has not been reached yet")]
        RelayUnknown => RelayUnreachable,
        /// The relay's response violates the protocol.
        #[error("the relay's response does not follow the protocol")]
        RelayProtocol => RelayProtocol,
        /// The signature, digest, bucket or size of a batch is invalid.
        #[error("a batch has an invalid signature or digest")]
        BatchInvalid => BatchInvalid,
        /// The clock is behind the oldest month whose keys are kept.
        #[error("the clock is behind; correct it before sending")]
        ClockBehind => ClockBehind,
        /// No evidence was taken of that message.
        #[error(
            "there is no evidence: the message was written here, or arrived before evidence was stored"
        )]
        NoEvidence => EvidenceMissing,
        /// The health record does not have this many messages that it is to have.
        #[error("{0} messages are not in the health record yet")]
        Unfiled(usize) => MessageUnfiled,
        /// No message has this id.
        #[error("no such message")]
        MessageUnknown => MessageUnknown,
        /// A newer device replaced this one.
        #[error("a newer device replaced this one")]
        DeviceSuperseded => DeviceSuperseded,
        /// A restored device has not read its own mailbox yet.
        #[error("the mailbox has not been read since the restore")]
        Unsettled => RelayUnreachable,
        /// The message was already sent, or was not sent from here.
        #[error("the message was already sent, or was not sent from here")]
        MessageSent => MessageSent,
        /// A defect in this crate.
        #[error("a defect in Tessera; please report it")]
        Internal => Internal,
    }
}
