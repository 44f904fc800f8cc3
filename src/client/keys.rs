//! The schema of the store: its keys and records.
//!
//! | key | record |
//! | --- | --- |
//! | `s/self` | identity, name, device index |
//! | `s/recovery` | this device, and the known other devices |
//! | `s/relay` | the relay's parameters, how far each mailbox was read |
//! | `s/shape` | a change of the relay's buckets or cell size |
//! | `s/slot` | the slot that was posted last |
//! | `s/light` | batches of which only the tags were read |
//! | `s/forks` | proofs that an origin signed two histories |
//! | `s/members` | other members of the relay's federation, and where posts go |
//! | `s/settings` | settings, if they were ever set |
//! | `s/filing` | since when messages are filed in the health record, if they are |
//! | `s/overdue` | since when keys are overdue for shredding, if they are |
//! | `s/audit` | the end of the audit log |
//! | `s/c/<contact>` | a contact |
//! | `s/k/<contact>` | how and when a contact was checked |
//! | `s/i/<invitation>` | an open invitation |
//! | `s/q/<ordinal>` | a sealed cell in the queue |
//! | `s/l/<contact>/<ordinal>` | a large message that is not sealed completely |
//! | `s/r/<contact>` | receipts that are owed |
//! | `s/o/<day>/<page>` | up to 128 opened cells of a day |
//! | `s/f/<owner>/<message>/<index>` | a fragment of an incomplete message |
//! | `s/e/<id>` | an emergency access |
//! | `m/<contact>/<page>` | up to 64 messages without their bodies |
//! | `b/<contact>/<ordinal>` | its body, if that is at most 256 KiB |
//! | `b/<contact>/<ordinal>/<piece>` | a piece of a longer body |
//! | `e/<contact>/<ordinal>` | the evidence of a message that arrived |
//! | `d/<contact>` | the text of a draft |
//! | `d/<contact>/files` | its files |
//! | `d/<contact>/session` | its session label |
//! | `a/<index>` | an entry of the audit log |
//!
//! Ids, digests and numbers are hexadecimal and of fixed length, so that keys
//! sort as numbers do. [`Client::load`](crate::client::Client::load) needs
//! everything below `s/` and `m/`; the rest is read when it is asked for.

use core::fmt;

use crate::{
    base::{Content, Day},
    client::id::{ContactId, EmergencyId, InvitationId, MessagePage, MessageRef, OpenedPage},
    wire::hex,
};

/// The key of one record of the store; see its `Display`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StoreKey {
    /// `s/self`
    Account,
    /// `s/recovery`
    Devices,
    /// `s/relay`
    Mailboxes,
    /// `s/shape`
    Shape,
    /// `s/slot`
    Slot,
    /// `s/light`
    Light,
    /// `s/forks`
    Forks,
    /// `s/members`
    Members,
    /// `s/settings`
    Settings,
    /// `s/filing`
    Filing,
    /// `s/overdue`
    Overdue,
    /// `s/audit`
    Journal,
    /// `s/c/…`
    Contact(ContactId),
    /// `s/k/…`
    Checked(ContactId),
    /// `s/i/…`
    Invitation(InvitationId),
    /// `s/q/…`
    Queued(u64),
    /// `s/l/…`
    Large(MessageRef),
    /// `s/r/…`
    Receipts(ContactId),
    /// `s/o/…`
    Opened(OpenedPage),
    /// `s/f/…`
    Fragment {
        /// The contact's or the invitation's id.
        owner: [u8; 8],
        /// The id that the fragments share.
        message: [u8; 16],
        /// Counts from 0.
        index: u32,
    },
    /// `s/e/…`
    Emergency(EmergencyId),
    /// `m/…`
    Messages(MessagePage),
    /// `b/<contact>/<ordinal>`
    Body(MessageRef),
    /// `b/<contact>/<ordinal>/<piece>`
    Piece(MessageRef, u32),
    /// `e/<contact>/<ordinal>`
    Evidence(MessageRef),
    /// `d/<contact>`
    Draft(ContactId),
    /// `d/<contact>/files`
    DraftFiles(ContactId),
    /// `d/<contact>/session`
    DraftSession(ContactId),
    /// `a/…`
    LogEntry(u64),
}

impl StoreKey {
    /// Reads a key; `None` for one that is in no row of the table.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        let message = |contact: &str, ordinal: &str| {
            Some(MessageRef {
                contact: ContactId::parse(contact)?,
                ordinal: number(ordinal)?,
            })
        };
        Some(match *parts.as_slice() {
            ["s", "self"] => Self::Account,
            ["s", "recovery"] => Self::Devices,
            ["s", "relay"] => Self::Mailboxes,
            ["s", "shape"] => Self::Shape,
            ["s", "slot"] => Self::Slot,
            ["s", "light"] => Self::Light,
            ["s", "forks"] => Self::Forks,
            ["s", "members"] => Self::Members,
            ["s", "settings"] => Self::Settings,
            ["s", "filing"] => Self::Filing,
            ["s", "overdue"] => Self::Overdue,
            ["s", "audit"] => Self::Journal,
            ["s", "c", id] => Self::Contact(ContactId::parse(id)?),
            ["s", "k", id] => Self::Checked(ContactId::parse(id)?),
            ["s", "i", id] => Self::Invitation(InvitationId::parse(id)?),
            ["s", "q", ordinal] => Self::Queued(u64::from_be_bytes(hex::decode(ordinal)?)),
            ["s", "l", contact, ordinal] => Self::Large(message(contact, ordinal)?),
            ["s", "r", id] => Self::Receipts(ContactId::parse(id)?),
            ["s", "o", day, page] => Self::Opened(OpenedPage {
                day: Day(number(day)?),
                page: number(page)?,
            }),
            ["s", "f", owner, message, index] => Self::Fragment {
                owner: hex::decode(owner)?,
                message: hex::decode(message)?,
                index: number(index)?,
            },
            ["s", "e", id] => Self::Emergency(hex::decode(id)?),
            ["m", contact, page] => Self::Messages(MessagePage {
                contact: ContactId::parse(contact)?,
                page: number(page)?,
            }),
            ["b", contact, ordinal] => Self::Body(message(contact, ordinal)?),
            ["b", contact, ordinal, piece] => {
                Self::Piece(message(contact, ordinal)?, number(piece)?)
            }
            ["e", contact, ordinal] => Self::Evidence(message(contact, ordinal)?),
            ["d", id] => Self::Draft(ContactId::parse(id)?),
            ["d", id, "files"] => Self::DraftFiles(ContactId::parse(id)?),
            ["d", id, "session"] => Self::DraftSession(ContactId::parse(id)?),
            ["a", index] => Self::LogEntry(u64::from_be_bytes(hex::decode(index)?)),
            _ => return None,
        })
    }

    /// Where the body of a message of `len` bytes lies: one key for each of
    /// its pieces, and one for an empty body.
    #[must_use]
    pub fn body(message: MessageRef, len: usize) -> Vec<Self> {
        match Content::piece_count(len) {
            0 | 1 => vec![Self::Body(message)],
            count => (0..count)
                .filter_map(|piece| u32::try_from(piece).ok())
                .map(|piece| Self::Piece(message, piece))
                .collect(),
        }
    }
}

fn number(text: &str) -> Option<u32> {
    hex::decode(text).map(u32::from_be_bytes)
}

impl fmt::Display for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |message: &MessageRef| format!("{}/{:08x}", message.contact, message.ordinal);
        match self {
            Self::Account => f.write_str("s/self"),
            Self::Devices => f.write_str("s/recovery"),
            Self::Mailboxes => f.write_str("s/relay"),
            Self::Shape => f.write_str("s/shape"),
            Self::Slot => f.write_str("s/slot"),
            Self::Light => f.write_str("s/light"),
            Self::Forks => f.write_str("s/forks"),
            Self::Members => f.write_str("s/members"),
            Self::Settings => f.write_str("s/settings"),
            Self::Filing => f.write_str("s/filing"),
            Self::Overdue => f.write_str("s/overdue"),
            Self::Journal => f.write_str("s/audit"),
            Self::Contact(id) => write!(f, "s/c/{id}"),
            Self::Checked(id) => write!(f, "s/k/{id}"),
            Self::Invitation(id) => write!(f, "s/i/{id}"),
            Self::Queued(ordinal) => write!(f, "s/q/{}", hex::encode(&ordinal.to_be_bytes())),
            Self::Large(message) => write!(f, "s/l/{}", place(message)),
            Self::Receipts(id) => write!(f, "s/r/{id}"),
            Self::Opened(OpenedPage { day, page }) => {
                write!(f, "s/o/{:08x}/{page:08x}", day.0)
            }
            Self::Fragment {
                owner,
                message,
                index,
            } => {
                let (owner, message) = (hex::encode(owner), hex::encode(message));
                write!(f, "s/f/{owner}/{message}/{index:08x}")
            }
            Self::Emergency(id) => write!(f, "s/e/{}", hex::encode(id)),
            Self::Messages(MessagePage { contact, page }) => {
                write!(f, "m/{contact}/{page:08x}")
            }
            Self::Body(message) => write!(f, "b/{}", place(message)),
            Self::Piece(message, piece) => {
                write!(f, "b/{}/{piece:08x}", place(message))
            }
            Self::Evidence(message) => write!(f, "e/{}", place(message)),
            Self::Draft(id) => write!(f, "d/{id}"),
            Self::DraftFiles(id) => write!(f, "d/{id}/files"),
            Self::DraftSession(id) => write!(f, "d/{id}/session"),
            Self::LogEntry(index) => write!(f, "a/{}", hex::encode(&index.to_be_bytes())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: MessageRef = MessageRef {
        contact: ContactId([0xc1; 8]),
        ordinal: 258,
    };

    #[test]
    fn keys_outside_the_table_are_refused() {
        for text in [
            "",
            "s",
            "s/",
            "s/other",
            "s/self/",
            "s/c/c1c1c1c1c1c1c1",
            "s/q/0000000000000001/",
            "m/c1c1c1c1c1c1c1c1/102",
            "b/c1c1c1c1c1c1c1c1",
            "x/c1c1c1c1c1c1c1c1",
        ] {
            assert_eq!(StoreKey::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn every_key_is_as_stored_vaults_have_it_and_reads_back() {
        let m = "c1c1c1c1c1c1c1c1/00000102";
        let digest = "d1".repeat(16);
        for (key, text) in [
            (StoreKey::Account, "s/self".to_owned()),
            (StoreKey::Devices, "s/recovery".to_owned()),
            (StoreKey::Mailboxes, "s/relay".to_owned()),
            (StoreKey::Slot, "s/slot".to_owned()),
            (StoreKey::Light, "s/light".to_owned()),
            (StoreKey::Forks, "s/forks".to_owned()),
            (StoreKey::Members, "s/members".to_owned()),
            (StoreKey::Settings, "s/settings".to_owned()),
            (StoreKey::Filing, "s/filing".to_owned()),
            (StoreKey::Overdue, "s/overdue".to_owned()),
            (StoreKey::Shape, "s/shape".to_owned()),
            (StoreKey::Journal, "s/audit".to_owned()),
            (
                StoreKey::Contact(MESSAGE.contact),
                "s/c/c1c1c1c1c1c1c1c1".to_owned(),
            ),
            (
                StoreKey::Invitation(InvitationId([1; 8])),
                "s/i/0101010101010101".to_owned(),
            ),
            (StoreKey::Queued(513), "s/q/0000000000000201".to_owned()),
            (StoreKey::Large(MESSAGE), format!("s/l/{m}")),
            (
                StoreKey::Receipts(MESSAGE.contact),
                "s/r/c1c1c1c1c1c1c1c1".to_owned(),
            ),
            (
                StoreKey::Opened(OpenedPage {
                    day: Day(20_778),
                    page: 2,
                }),
                "s/o/0000512a/00000002".to_owned(),
            ),
            (
                StoreKey::Fragment {
                    owner: [0xc1; 8],
                    message: [0xd1; 16],
                    index: 3,
                },
                format!("s/f/c1c1c1c1c1c1c1c1/{digest}/00000003"),
            ),
            (StoreKey::Emergency([0xd1; 16]), format!("s/e/{digest}")),
            (
                StoreKey::Messages(MESSAGE.page()),
                "m/c1c1c1c1c1c1c1c1/00000004".to_owned(),
            ),
            (StoreKey::Body(MESSAGE), format!("b/{m}")),
            (StoreKey::Evidence(MESSAGE), format!("e/{m}")),
            (StoreKey::Piece(MESSAGE, 2), format!("b/{m}/00000002")),
            (
                StoreKey::Draft(MESSAGE.contact),
                "d/c1c1c1c1c1c1c1c1".to_owned(),
            ),
            (
                StoreKey::DraftFiles(MESSAGE.contact),
                "d/c1c1c1c1c1c1c1c1/files".to_owned(),
            ),
            (
                StoreKey::DraftSession(MESSAGE.contact),
                "d/c1c1c1c1c1c1c1c1/session".to_owned(),
            ),
            (StoreKey::LogEntry(7), "a/0000000000000007".to_owned()),
        ] {
            assert_eq!(key.to_string(), text);
            assert_eq!(StoreKey::parse(&text), Some(key));
        }
    }
}
