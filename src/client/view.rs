//! What the engine tells, in the shape JavaScript sees it.

use serde::Serialize;

use crate::client::{ContactId, DeviceNotice, EmergencyView, InvitationId};
use crate::{
    base::{Content, ErrorCode},
    envelope::DeliveryId,
    vault::stored::MessageRecord,
    wire::hex,
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
    /// A message of several cells came or went a little further.
    Transfer {
        /// How far it is.
        transfer: TransferView,
    },
    /// Something was refused.
    Rejected(Rejected),
    /// Something is missing, or was missing and has come.
    Gap(Gap),
    /// The audit log was signed as it stands; to be kept elsewhere.
    Checkpoint {
        /// The checkpoint.
        checkpoint: crate::client::CheckpointView,
    },
    /// Two devices of one person are in use.
    Device(DeviceNotice),
    /// Somebody opened a backup of this vault with emergency shares.
    BreakGlass(EmergencyView),
    /// A contact is new or changed.
    Contact {
        /// The contact.
        contact: ContactView,
    },
}

/// A refusal: why, and under whose tag it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rejected {
    /// The code's text.
    pub code: &'static str,
    /// The contact, where one is concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<ContactId>,
}

impl Rejected {
    pub(crate) fn new(code: ErrorCode, contact_id: Option<ContactId>) -> Self {
        Self {
            code: code.as_str(),
            contact_id,
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
    /// Batches of a mailbox: the chain breaks after `from` and goes on at `to`.
    Batches {
        /// Last epoch taken, if any.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<u64>,
        /// Epoch after the gap.
        to: u64,
        /// Whether it is the lobby.
        lobby: bool,
        /// True when what was missing has come after all.
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
        /// True when what was missing has arrived after all.
        closed: bool,
    },
    /// The mailbox goes on under another relay key.
    Origin {
        /// The new key, lower-case hex.
        origin: String,
        /// Whether it is the lobby.
        lobby: bool,
    },
}

/// What a batch led to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Received {
    /// Messages that arrived, oldest first per sender.
    pub messages: Vec<MessageView>,
    /// Cells that were refused.
    pub rejected: Vec<Rejected>,
    /// What is missing.
    pub gaps: Vec<Gap>,
    /// Cells looked at.
    pub cells: usize,
}

/// A contact as a page shows it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContactView {
    /// Local id, 16 hex digits.
    pub id: ContactId,
    /// What it calls itself; empty until the offer arrived.
    pub name: String,
    /// 32 bytes, once known.
    pub fingerprint: Option<serde_bytes::ByteBuf>,
    /// "pending", "active" or "suspect".
    pub state: &'static str,
    /// "digits", "expected" or null.
    pub verified: Option<&'static str>,
    /// The six digits, while they are to be compared.
    pub sas: Option<String>,
    /// Why it is suspect or will stay pending: a code's text.
    pub reason: Option<String>,
}

/// A message of several cells on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TransferView {
    /// The message's id if it goes out; one of its own if it comes in.
    pub id: String,
    /// The contact.
    pub contact_id: ContactId,
    /// "in" or "out".
    pub direction: &'static str,
    /// Bytes that arrived, or that the relay has.
    pub bytes: usize,
    /// Bytes in all; up to a cell too many for one that comes in.
    pub total_bytes: usize,
}

impl TransferView {
    pub(crate) fn outgoing(
        contact_id: ContactId,
        ordinal: u32,
        bytes: usize,
        total_bytes: usize,
    ) -> Self {
        Self {
            id: message_id(contact_id, ordinal),
            contact_id,
            direction: "out",
            bytes,
            total_bytes,
        }
    }

    pub(crate) fn incoming(
        contact_id: ContactId,
        id: &[u8; 16],
        bytes: usize,
        total_bytes: usize,
    ) -> Self {
        Self {
            id: hex::encode(id),
            contact_id,
            direction: "in",
            bytes,
            total_bytes,
        }
    }
}

/// An invitation just made.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InvitationView {
    /// Local id, 16 hex digits.
    pub id: InvitationId,
    /// `tessera:/…`
    pub uri: String,
    /// Unix seconds.
    pub expires_at: u64,
}

/// A message as a page shows it, without its body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageView {
    /// `<contact>-<ordinal>`.
    pub id: String,
    /// The contact.
    pub contact_id: ContactId,
    /// "in" or "out".
    pub direction: &'static str,
    /// Without the file name.
    pub content_type: String,
    /// The file name, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// Bytes of the body.
    pub size: u32,
    /// Unix seconds.
    pub sent_at: u64,
    /// Unix seconds; null for one's own.
    pub received_at: Option<u64>,
    /// The label, "visit-7421"; null if none.
    pub session: Option<String>,
    /// One of [`MessageState`]'s words.
    pub state: &'static str,
    /// The text of a text message, where the body was at hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum MessageState {
    /// Waits for the relay.
    Queued = 0,
    /// All its cells were answered with 202.
    Stored = 1,
    /// The recipient says it arrived.
    Delivered = 2,
    /// No word of it after the set time.
    Undelivered = 3,
    /// Arrived, and its proof holds.
    Verified = 4,
    /// Arrived; shown once the contact is checked.
    Held = 5,
    /// Taken back before all of it had left.
    Cancelled = 6,
}

impl MessageState {
    fn word(stored: u8) -> &'static str {
        match stored {
            0 => "queued",
            1 => "sent",
            2 => "delivered",
            3 => "undelivered",
            4 => "verified",
            5 => "held",
            _ => "cancelled",
        }
    }
}

impl MessageView {
    pub(crate) fn new(contact_id: ContactId, ordinal: u32, record: &MessageRecord) -> Self {
        let (content_type, filename) =
            crate::client::messages::split_filename(&record.content_type);
        let label = DeliveryId::decode(&record.session).map(|id| id.label().to_owned());
        Self {
            id: message_id(contact_id, ordinal),
            contact_id,
            direction: if record.outgoing { "out" } else { "in" },
            content_type,
            filename,
            size: record.size,
            sent_at: record.sent_at,
            received_at: record.received_at,
            session: label.filter(|label| !label.is_empty()),
            state: MessageState::word(record.state),
            text: None,
        }
    }

    /// The same with its text, if it is one and not a large one.
    pub(crate) fn with_body(mut self, body: &Content) -> Self {
        if let (true, &[text]) = (
            self.content_type.starts_with("text/"),
            body.pieces().as_slice(),
        ) {
            self.text = core::str::from_utf8(text).ok().map(str::to_owned);
        }
        self
    }
}

/// `<contact>-<ordinal>`, the id a page knows a message by.
#[must_use]
pub fn message_id(contact: ContactId, ordinal: u32) -> String {
    format!("{contact}-{}", hex::encode(&ordinal.to_be_bytes()))
}

/// Reads `<contact>-<ordinal>`.
#[must_use]
pub fn parse_message_id(id: &str) -> Option<(ContactId, u32)> {
    let (contact, ordinal) = id.split_once('-')?;
    Some((
        ContactId::parse(contact)?,
        u32::from_be_bytes(hex::decode(ordinal)?),
    ))
}

pub(crate) fn message_key(contact: ContactId, ordinal: u32) -> String {
    format!("m/{contact}/{}", hex::encode(&ordinal.to_be_bytes()))
}

pub(crate) fn large_key(contact: ContactId, ordinal: u32) -> String {
    format!("s/l/{contact}/{}", hex::encode(&ordinal.to_be_bytes()))
}

/// Where the pieces of a message's body are stored: one of up to 256 KiB
/// under the body's key, more under that key and their number.
#[must_use]
pub fn body_keys(contact: ContactId, ordinal: u32, len: usize) -> Vec<String> {
    match Content::piece_count(len) {
        0 | 1 => vec![body_key(contact, ordinal)],
        count => (0..count)
            .filter_map(|piece| u32::try_from(piece).ok())
            .map(|piece| piece_key(contact, ordinal, piece))
            .collect(),
    }
}

/// Where one of several pieces of a body is stored.
#[must_use]
pub fn piece_key(contact: ContactId, ordinal: u32, piece: u32) -> String {
    let body = body_key(contact, ordinal);
    format!("{body}/{}", hex::encode(&piece.to_be_bytes()))
}

/// Where the body of a message is stored, if it is one piece.
#[must_use]
pub fn body_key(contact: ContactId, ordinal: u32) -> String {
    format!("b/{contact}/{}", hex::encode(&ordinal.to_be_bytes()))
}
