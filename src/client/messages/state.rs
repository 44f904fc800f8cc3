//! A message in memory, and its state.

use crate::{
    base::words::worded,
    client::{
        MessageRef, StoreKey,
        messages::{Filing, FilingState, Parts},
        transaction::Transaction,
    },
    envelope::ContentType,
    vault::{VaultError, stored::MessageRecord},
};

worded! {
    /// The state of a message.
    pub enum MessageState {
        /// Waits for the relay.
        Queued = "queued",
        /// The relay has answered 202 for all its cells.
        Sent = "sent",
        /// The recipient reports that it arrived.
        Delivered = "delivered",
        /// No receipt arrived in time, or the message was abandoned.
        Undelivered = "undelivered",
        /// Arrived, and its proof holds.
        Verified = "verified",
        /// Arrived; shown once the contact is verified.
        Held = "held",
        /// Withdrawn by its sender before all of it was sent.
        Cancelled = "cancelled",
        /// Its contact became suspect before all of it was sent: the rest is not sent.
        Stopped = "stopped",
    }
}

impl MessageState {
    /// A message only advances to a state of a higher rank.
    pub(crate) fn rank(self) -> u8 {
        match self {
            Self::Queued | Self::Held => 0,
            Self::Sent | Self::Verified => 1,
            Self::Stopped => 2,
            Self::Cancelled => 3,
            Self::Undelivered => 4,
            Self::Delivered => 5,
        }
    }

    /// How the health record describes a message in this state: states with the
    /// same outcome are filed alike.
    pub(crate) fn outcome(self) -> Outcome {
        match self {
            Self::Queued | Self::Sent => Outcome::InProgress,
            Self::Delivered | Self::Verified | Self::Held => Outcome::Completed,
            Self::Undelivered | Self::Stopped => Outcome::Stopped,
            Self::Cancelled => Outcome::NotDone,
        }
    }

    /// Whether a receipt may still come for an outgoing message.
    pub(crate) fn is_under_way(self) -> bool {
        matches!(self, Self::Queued | Self::Sent)
    }
}

/// The status of a Communication in FHIR R4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    InProgress,
    Completed,
    Stopped,
    NotDone,
}

/// A message without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) outgoing: bool,
    /// The encoded session id.
    pub(crate) session: Vec<u8>,
    /// Unix seconds.
    pub(crate) sent_at: u64,
    /// Unix seconds; none for an outgoing message.
    pub(crate) received_at: Option<u64>,
    /// The sender's sequence number.
    pub(crate) seq: u64,
    pub(crate) content_type: String,
    /// Bytes of the body.
    pub(crate) size: u32,
    pub(crate) state: MessageState,
    pub(crate) parts: Parts,
    /// Cells of an outgoing message that the relay does not have yet.
    pub(crate) cells_left: u32,
    pub(crate) read: bool,
    /// None until the host begins to file it in the health record.
    pub(crate) filing: Option<Filing>,
}

impl Message {
    /// Deletes its record, its body and its evidence.
    pub(crate) fn delete(&self, message: MessageRef, tx: &mut Transaction) {
        tx.touch(StoreKey::Messages(message.page()));
        for key in StoreKey::body(message, self.size as usize) {
            tx.delete(key);
        }
        if !self.outgoing {
            tx.delete(StoreKey::Evidence(message));
        }
    }

    /// Changes its state. What the health record has may be outdated by it.
    pub(crate) fn enter(&mut self, state: MessageState) {
        if let Some(filing) = &mut self.filing
            && filing.state == FilingState::Filed
            && self.state.outcome() != state.outcome()
        {
            filing.state = FilingState::Outdated;
        }
        self.state = state;
    }

    /// Whether the health record does not have it, or has an earlier state of
    /// it. A held message was shown to nobody; a cancelled message that was
    /// never filed left nothing to record.
    pub(crate) fn is_unfiled(&self) -> bool {
        match &self.filing {
            _ if self.state == MessageState::Held => false,
            None => self.state != MessageState::Cancelled,
            Some(filing) => filing.state != FilingState::Filed,
        }
    }

    pub(crate) fn is_queued(&self) -> bool {
        self.outgoing && self.state == MessageState::Queued
    }

    /// Whether the payload is not of the form that its content type names. It
    /// is kept as one attachment, to be saved as it came.
    pub(crate) fn is_malformed(&self) -> bool {
        let [whole] = self.parts.attachments.as_slice() else {
            return false;
        };
        // In a message, something always stands before an attachment.
        let known = [ContentType::PLAIN_TEXT, ContentType::MESSAGE];
        whole.offset == 0 && whole.filename.is_none() && known.contains(&self.content_type.as_str())
    }

    pub(crate) fn to_record(&self) -> MessageRecord {
        MessageRecord {
            outgoing: self.outgoing,
            session: self.session.clone(),
            sent_at: self.sent_at,
            received_at: self.received_at,
            seq: self.seq,
            content_type: self.content_type.clone(),
            size: self.size,
            text: self.parts.text,
            attachments: self.parts.attachments.clone(),
            state: self.state as u8,
            cells_left: self.cells_left,
            read: self.read,
            filing: self.filing.as_ref().map(Filing::to_record),
        }
    }

    pub(crate) fn from_record(record: MessageRecord) -> Result<Self, VaultError> {
        Ok(Self {
            outgoing: record.outgoing,
            session: record.session,
            sent_at: record.sent_at,
            received_at: record.received_at,
            seq: record.seq,
            content_type: record.content_type,
            size: record.size,
            state: MessageState::from_number(record.state).ok_or(VaultError::Damaged)?,
            parts: Parts {
                text: record.text,
                attachments: record.attachments,
            },
            cells_left: record.cells_left,
            read: record.read,
            filing: record.filing.map(Filing::from_record).transpose()?,
        })
    }
}
