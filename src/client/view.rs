//! Events and views, in the shape in which JavaScript sees them.

use serde::Serialize;

use crate::{
    base::ErrorCode,
    client::id::{ContactId, InvitationId, MessageRef},
};

/// Something to show, once its changes are committed.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
#[non_exhaustive]
pub enum Event {
    /// A message arrived, or a held one was released.
    Message {
        /// The message.
        message: MessageView,
    },
    /// An outgoing message changed its state.
    State {
        /// The message.
        message: MessageView,
    },
    /// The filing of a message advanced or failed.
    Filing {
        /// The message.
        message: MessageView,
    },
    /// More of a message of several cells has arrived or left.
    Transfer {
        /// Its progress.
        transfer: TransferView,
    },
    /// Something was refused.
    Rejected(Rejected),
    /// Something is missing, or was missing and has arrived.
    Gap(Gap),
    /// The audit log was signed; keep the checkpoint elsewhere.
    Checkpoint {
        /// The checkpoint.
        checkpoint: CheckpointView,
    },
    /// Something is wrong with the relay or with a clock, or no longer is.
    Notice(RelayNotice),
    /// Two devices of the same person are in use.
    Device(DeviceNotice),
    /// Somebody opened a backup of this vault with emergency shares.
    BreakGlass(EmergencyView),
    /// A contact is new or changed.
    Contact {
        /// The contact.
        contact: ContactView,
    },
}

/// Something that was refused, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rejected {
    /// The code's text.
    pub code: &'static str,
    /// The contact that it concerns, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<ContactId>,
    /// How many times in the same download or call.
    pub count: u32,
}

impl Rejected {
    pub(crate) fn new(code: ErrorCode, contact_id: Option<ContactId>) -> Self {
        Self {
            code: code.as_str(),
            contact_id,
            count: 1,
        }
    }
}

/// Something that should be there and is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
#[non_exhaustive]
pub enum Gap {
    /// Batches of a mailbox: the chain breaks after `from` and continues at `to`.
    Batches {
        /// The last epoch read before the gap, if any.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<u64>,
        /// The first epoch after the gap.
        to: u64,
        /// Whether it is the lobby.
        lobby: bool,
        /// True once the missing batches have arrived.
        closed: bool,
    },
    /// Messages of a contact: sequence numbers `from` to `to`, both included.
    Sequence {
        /// The contact.
        contact_id: ContactId,
        /// First missing.
        from: u64,
        /// Last missing.
        to: u64,
        /// True once the missing message has arrived.
        closed: bool,
    },
    /// The mailbox continues under another origin key.
    Origin {
        /// The new key, lower-case hex.
        origin: String,
        /// Whether it is the lobby.
        lobby: bool,
    },
}

/// What was found in a batch.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Received {
    /// Messages that arrived, oldest first per sender.
    pub messages: Vec<MessageView>,
    /// Cells that were refused.
    pub rejected: Vec<Rejected>,
    /// What is missing.
    pub gaps: Vec<Gap>,
    /// Cells in the batch.
    pub cells: usize,
}

/// A contact as a page shows it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContactView {
    /// Local id, 16 hex digits.
    pub id: ContactId,
    /// The contact's own name for itself; empty until the offer has arrived.
    pub name: String,
    /// 32 bytes, once known.
    pub fingerprint: Option<serde_bytes::ByteBuf>,
    /// "pending", "active" or "suspect".
    pub state: &'static str,
    /// "digits", "expected" or null.
    pub verified: Option<&'static str>,
    /// The six digits, while they are to be compared.
    pub sas: Option<String>,
    /// Why it is suspect or stays pending: an error code.
    pub reason: Option<String>,
    /// The newest device that it has written from; 0 is its first.
    pub device: u8,
}

/// The progress of a message of several cells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TransferView {
    /// The message's id if it is outgoing; an id of the transfer if incoming.
    pub id: String,
    /// The contact.
    pub contact_id: ContactId,
    /// "in" or "out".
    pub direction: &'static str,
    /// Bytes that have arrived, or that the relay has.
    pub bytes: usize,
    /// Bytes in all; for an incoming message up to a cell too many.
    pub total_bytes: usize,
}

/// An invitation that was created here and waits for an answer.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InvitationView {
    /// Local id, 16 hex digits.
    pub id: InvitationId,
    /// "qr" or "link".
    pub kind: &'static str,
    /// `tessera:/…`
    pub uri: String,
    /// Unix seconds.
    pub expires_at: u64,
    /// Whether only one identity may answer.
    pub expects_identity: bool,
}

/// A message as a page shows it, without its body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageView {
    /// `<contact>-<ordinal>`.
    pub id: MessageRef,
    /// The contact.
    pub contact_id: ContactId,
    /// "in" or "out".
    pub direction: &'static str,
    /// The attachments, in order.
    pub attachments: Vec<AttachmentView>,
    /// Offset and length of the typed text in the body; null if there is none.
    pub text_at: Option<(u32, u32)>,
    /// "malformed" for a payload that is not of the form that its content type
    /// names. Its only attachment is the payload as it came.
    pub problem: Option<&'static str>,
    /// Bytes of the body, which holds the text and the attachments.
    pub size: u32,
    /// Unix seconds.
    pub sent_at: u64,
    /// Unix seconds; null for an outgoing message.
    pub received_at: Option<u64>,
    /// The label, "visit-7421"; null if none.
    pub session: Option<String>,
    /// One of the words of [`MessageState`](crate::client::MessageState).
    pub state: &'static str,
    /// By when it has left in slots, Unix seconds; of a queued message, once
    /// that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaves_by: Option<u64>,
    /// Whether it was marked as read; true for an outgoing message.
    pub read: bool,
    /// Whether the health record has it.
    pub filing: FilingView,
    /// The typed text, where the body is at hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// The filing of a message as a page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FilingView {
    /// "unfiled", "filing", "filed" or "failed".
    pub state: &'static str,
    /// The id that the record assigned, once it has the message.
    pub id: Option<String>,
    /// The version that the record assigned.
    pub version: Option<String>,
    /// Why it failed: an error code.
    pub code: Option<String>,
    /// Since when this is so, Unix seconds; null while unfiled.
    pub since: Option<u64>,
    /// Whether the record has an earlier state of the message.
    pub outdated: bool,
}

/// An attachment as a page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentView {
    /// The content type that its sender claims.
    pub content_type: String,
    /// Its name as it may be shown; null if it has none.
    pub filename: Option<String>,
    /// Where it begins in the body.
    pub offset: u32,
    /// Its bytes.
    pub size: u32,
}

/// A problem of the relay or a clock, shown to the person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RelayNotice {
    /// `STALLED`, `CLOCK_SKEW`, `RELAY_TIME`, `RELAY_CHANGED`, `MIRROR_UNREACHABLE` or
    /// `EQUIVOCATION`.
    pub code: &'static str,
    /// "own" or "lobby", where it concerns one of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mailbox: Option<&'static str>,
    /// How far the relay's clock is ahead of the local one, for `CLOCK_SKEW`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<i64>,
    /// Two headers that one origin signed and that contradict each other, 768 hex
    /// digits, for `EQUIVOCATION`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
    /// True once it is over.
    pub cleared: bool,
}

/// An event about devices that is shown to the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
#[non_exhaustive]
pub enum DeviceNotice {
    /// A newer device replaced this one, which sends nothing more.
    Superseded {
        /// `DEVICE_SUPERSEDED`, as calls return it from now on.
        code: &'static str,
        /// The newer device's index.
        device: u8,
    },
    /// A device that this one replaced is still open somewhere.
    Former {
        /// Its index.
        device: u8,
    },
    /// A contact sent from an older device after a newer one was in use.
    Contact {
        /// The contact.
        contact_id: ContactId,
    },
}

/// Which device this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceView {
    /// 0 for the device on which the vault was created.
    pub index: u8,
    /// Whether it came from a backup.
    pub restored: bool,
    /// Whether it can send: a restored device only once its mailbox was read.
    pub ready: bool,
    /// The newer device that replaced it.
    pub superseded_by: Option<u8>,
}

/// An emergency access as a page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EmergencyView {
    /// 32 hex digits.
    pub id: String,
    /// Unix seconds, by the clock of the device that opened the backup.
    pub began_at: u64,
    /// How long it was opened for.
    pub minutes: u32,
    /// The reason that was given; empty if only the end is known.
    pub reason: String,
    /// Unix seconds; null until the end is known.
    pub ended_at: Option<u64>,
}

/// A checkpoint as a page passes it on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckpointView {
    /// The last entry it covers.
    pub index: u64,
    /// Unix seconds.
    pub time: u64,
    /// The lines of an export without entries, to be kept elsewhere.
    pub text: String,
}
