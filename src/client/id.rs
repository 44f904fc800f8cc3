//! Local ids, which are never sent.

use core::fmt;

use rand_core::CryptoRng;
use serde::{Serialize, Serializer};

use crate::{base::Day, envelope::DEVICE_ID_LEN, vault::stored::MESSAGES_PER_PAGE, wire::hex};

/// `Debug` and JSON as `Display`.
macro_rules! displayed {
    ($name:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}

macro_rules! local_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 8]);

        impl $name {
            pub(crate) fn random(rng: &mut impl CryptoRng) -> Self {
                let mut id = [0; 8];
                rng.fill_bytes(&mut id);
                Self(id)
            }

            /// Reads 16 hex digits.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                hex::decode(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(&self.0))
            }
        }

        displayed! { $name }
    };
}

local_id! {
    /// A contact: 8 random bytes.
    ContactId
}

local_id! {
    /// An invitation, made here or accepted here: 8 random bytes.
    InvitationId
}

/// An emergency access: 16 random bytes, the same on all devices.
pub type EmergencyId = [u8; DEVICE_ID_LEN];

/// A message: the contact, and the message's ordinal in the conversation in this
/// store. Its text form is `<contact>-<ordinal>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageRef {
    /// The contact.
    pub contact: ContactId,
    /// Counts from 0 for each contact.
    pub ordinal: u32,
}

impl MessageRef {
    /// Reads `<contact>-<ordinal>`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (contact, ordinal) = text.split_once('-')?;
        Some(Self {
            contact: ContactId::parse(contact)?,
            ordinal: u32::from_be_bytes(hex::decode(ordinal)?),
        })
    }

    /// The record that holds it.
    #[must_use]
    pub fn page(self) -> MessagePage {
        MessagePage {
            contact: self.contact,
            page: self.ordinal / MESSAGES_PER_PAGE,
        }
    }

    /// The first and last message that a contact can have.
    pub(crate) fn all(contact: ContactId) -> core::ops::RangeInclusive<Self> {
        let at = |ordinal| Self { contact, ordinal };
        at(0)..=at(u32::MAX)
    }
}

/// The record of messages of one contact with consecutive ordinals. One record
/// for each message would make opening a large vault slow: reading and opening
/// a record costs more than its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MessagePage {
    /// The contact.
    pub contact: ContactId,
    /// Counts from 0 for each contact.
    pub page: u32,
}

impl MessagePage {
    /// The first and last message that it can hold.
    pub(crate) fn range(self) -> core::ops::RangeInclusive<MessageRef> {
        let first = self.page.saturating_mul(MESSAGES_PER_PAGE);
        let at = |ordinal| MessageRef {
            contact: self.contact,
            ordinal,
        };
        at(first)..=at(first.saturating_add(MESSAGES_PER_PAGE - 1))
    }
}

/// The record of opened cells of one day, for the reason of [`MessagePage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpenedPage {
    /// The day of their tags.
    pub day: Day,
    /// Counts from 0 for each day.
    pub page: u32,
}

impl fmt::Display for MessageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:08x}", self.contact, self.ordinal)
    }
}

displayed! { MessageRef }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_texts_are_not_message_ids() {
        for text in [
            "",
            "-",
            "0011223344556677",
            "0011223344556677-",
            "0011223344556677-0000001",
            "001122334455667-00000001",
            "0011223344556677-00000001-",
            "0011223344556677-0000000g",
        ] {
            assert_eq!(MessageRef::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_message_id_reads_back() {
        let message = MessageRef {
            contact: ContactId([7; 8]),
            ordinal: 258,
        };
        assert_eq!(message.to_string(), "0707070707070707-00000102");
        assert_eq!(MessageRef::parse(&message.to_string()), Some(message));
    }
}
