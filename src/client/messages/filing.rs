//! Whether a message is in the health record, and in which of its states.

use crate::{
    base::{ErrorCode, UnixTime, words::worded},
    client::{ContactId, MessageRef, MessageState},
    vault::{VaultError, stored::FilingRecord},
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

worded! {
    /// How far the filing of a message has come.
    pub(crate) enum FilingState {
        Started = "filing",
        Filed = "filed",
        Failed = "failed",
        /// Filed in an earlier state of the message.
        Outdated = "filed",
    }
}

/// The filing of a message that the host has begun to file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filing {
    pub(crate) state: FilingState,
    /// Kept while a later state is filed.
    pub(crate) id: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) since: UnixTime,
}

impl Filing {
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
            since,
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

    pub(crate) fn to_record(&self) -> FilingRecord {
        FilingRecord {
            state: self.state as u8,
            id: self.id.clone(),
            version: self.version.clone(),
            code: self.code.clone(),
            since: self.since.0,
        }
    }

    pub(crate) fn from_record(record: FilingRecord) -> Result<Self, VaultError> {
        Ok(Self {
            state: FilingState::from_number(record.state).ok_or(VaultError::Damaged)?,
            id: record.id,
            version: record.version,
            code: record.code,
            since: UnixTime(record.since),
        })
    }
}
