//! Whether a message is in the health record, and in which of its states.

use crate::{
    base::{ErrorCode, UnixTime},
    client::{ContactId, MessageRef, MessageState},
    vault::stored::{FilingRecord, FilingState},
};

/// Which messages a question about filing concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilingScope {
    /// All messages.
    All,
    /// Those with a contact.
    Contact(ContactId),
    /// One of them.
    Message(MessageRef),
}

impl FilingScope {
    /// The first and the last of them.
    pub(crate) fn range(self) -> core::ops::RangeInclusive<MessageRef> {
        let [first, last] = [0, 0xff].map(|byte| MessageRef::all(ContactId([byte; 8])));
        match self {
            Self::All => *first.start()..=*last.end(),
            Self::Contact(contact) => MessageRef::all(contact),
            Self::Message(message) => message..=message,
        }
    }
}

/// What the host reports about filing a message in the health record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilingUpdate {
    /// The host sends the message to the record now.
    Started,
    /// The record has the message.
    Filed {
        /// The id that the record assigned.
        id: String,
        /// The version that the record assigned, if it has versions.
        version: Option<String>,
        /// The state of the message that was filed: it may have changed since.
        filed_as: MessageState,
    },
    /// The record does not have it, or not in its last state.
    Failed(ErrorCode),
}

impl FilingRecord {
    /// The filing after an update, of a message in this state.
    pub(crate) fn after(
        before: Option<&Self>,
        update: &FilingUpdate,
        current: MessageState,
        since: UnixTime,
    ) -> Self {
        let mut after = Self {
            state: FilingState::Started,
            id: before.and_then(|before| before.id.clone()),
            version: before.and_then(|before| before.version.clone()),
            code: None,
            since: since.0,
        };
        match update {
            FilingUpdate::Started => {}
            FilingUpdate::Failed(code) => {
                after.state = FilingState::Failed;
                after.code = Some(code.as_str().to_owned());
            }
            FilingUpdate::Filed {
                id,
                version,
                filed_as,
            } => {
                after.state = match filed_as.outcome() == current.outcome() {
                    true => FilingState::Filed,
                    false => FilingState::Outdated,
                };
                after.id = Some(id.clone());
                after.version.clone_from(version);
            }
        }
        after
    }
}
