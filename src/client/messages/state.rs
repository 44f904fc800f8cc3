//! The order of a message's states, and what follows from them.

use crate::{
    client::{MessageRef, StoreKey, transaction::Transaction},
    envelope::ContentType,
    vault::stored::{FilingState, MessageRecord, MessageState},
};

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

impl MessageRecord {
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
        let [whole] = self.attachments.as_slice() else {
            return false;
        };
        // In a message, something always stands before an attachment.
        let known = [ContentType::PLAIN_TEXT, ContentType::MESSAGE];
        whole.offset == 0 && whole.filename.is_none() && known.contains(&self.content_type.as_str())
    }
}
