//! A cell in the queue: its destination and its owner.

use crate::{
    base::Day,
    client::{ContactId, MessageRef, mailboxes::Destination},
    crypto::cbor::Deterministic as _,
    envelope::Control,
    identity::Fingerprint,
    vault::stored::{ControlRecord, QueuedRecord},
    wire::{Cell, CellSize},
};

/// The owner of a cell, for sealing it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CellPurpose {
    /// The rendezvous: its tags never grow old.
    Rendezvous,
    /// An announcement to this person's devices, replaced by the next one.
    Announcement,
    /// A message.
    Message(MessageRef),
    /// A control delivery: a confirm or receipts.
    Control(ContactId, ControlRecord),
}

impl CellPurpose {
    /// Whether both are cells of one message or of one control delivery.
    pub(crate) fn is_same_delivery(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Message(one), Self::Message(other)) => one == other,
            (Self::Control(contact, one), Self::Control(other_contact, other)) => {
                (contact, one.seq) == (other_contact, other.seq)
            }
            _ => false,
        }
    }
}

/// A sealed cell that waits for the relay.
#[derive(Clone, Debug)]
pub(crate) struct QueuedCell {
    /// The bytes that every attempt posts.
    pub(crate) cell: Vec<u8>,
    pub(crate) to: Destination,
    /// The day of its tag.
    pub(crate) day: Day,
    pub(crate) purpose: CellPurpose,
}

impl QueuedCell {
    /// The cell, if it is of this size.
    pub(crate) fn cell_of(&self, size: CellSize) -> Option<Cell> {
        Cell::parse(self.cell.clone(), size).ok()
    }

    pub(crate) fn contact(&self) -> Option<ContactId> {
        match &self.purpose {
            CellPurpose::Rendezvous | CellPurpose::Announcement => None,
            CellPurpose::Message(message) => Some(message.contact),
            CellPurpose::Control(contact, _) => Some(*contact),
        }
    }

    pub(crate) fn message(&self) -> Option<MessageRef> {
        match self.purpose {
            CellPurpose::Message(message) => Some(message),
            _ => None,
        }
    }

    pub(crate) fn is_control(&self) -> bool {
        matches!(self.purpose, CellPurpose::Control(..))
    }

    /// Whether it is a receipt of nothing, by which a restored device makes
    /// itself known.
    pub(crate) fn is_greeting(&self) -> bool {
        match &self.purpose {
            CellPurpose::Control(_, control) => control.payload == greeting(),
            _ => false,
        }
    }

    pub(crate) fn to_record(&self) -> QueuedRecord {
        QueuedRecord {
            cell: self.cell.clone(),
            to: match self.to {
                Destination::Lobby => None,
                Destination::Bucket(fingerprint) => Some(fingerprint.0),
            },
            day: self.day.0,
            contact: self.contact().map(|id| id.0),
            message: self.message().map(|message| message.ordinal),
            control: match &self.purpose {
                CellPurpose::Control(_, control) => Some(control.clone()),
                _ => None,
            },
        }
    }

    /// Reads a stored cell. One that belongs to no contact and goes to the
    /// bucket of `own` is an announcement.
    pub(crate) fn from_record(record: QueuedRecord, own: &Fingerprint) -> Self {
        let to = record.to.map_or(Destination::Lobby, |fingerprint| {
            Destination::Bucket(Fingerprint(fingerprint))
        });
        let purpose = match (
            record.contact.map(ContactId),
            record.message,
            record.control,
        ) {
            (Some(contact), Some(ordinal), _) => {
                CellPurpose::Message(MessageRef { contact, ordinal })
            }
            (Some(contact), None, Some(control)) => CellPurpose::Control(contact, control),
            _ if to == Destination::Bucket(*own) => CellPurpose::Announcement,
            _ => CellPurpose::Rendezvous,
        };
        Self {
            cell: record.cell,
            to,
            day: Day(record.day),
            purpose,
        }
    }
}

/// The payload of a receipt of nothing.
pub(crate) fn greeting() -> Vec<u8> {
    Control::Received(Vec::new()).encode()
}
