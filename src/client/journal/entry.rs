//! What the audit log says, in the form it is written for ever. The names
//! are listed in `docs/protocol.md` §11; none is renamed or given another
//! meaning. A record names the contact, the session id and the digest of the
//! content; it never holds content, a name or a secret.

use crate::client::journal::json::Record;
use crate::client::{ContactId, Gap, InvitationId, view::message_id};
use crate::{
    base::{ErrorCode, Month, UnixTime},
    identity::Fingerprint,
};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Entry {
    /// The log begins.
    Began {
        /// Whose log it is.
        owner: Fingerprint,
        /// The live device index.
        device: u8,
    },
    /// An invitation was made.
    Invited {
        /// Its local id.
        invitation: InvitationId,
        /// Whether it goes through the lobby.
        quick: bool,
    },
    /// One's own invitation was withdrawn.
    Withdrawn {
        /// Its local id.
        invitation: InvitationId,
    },
    /// An invitation was accepted.
    Accepted {
        /// The contact it led to.
        contact: ContactId,
        /// It came from the inviter's own hand.
        in_person: bool,
    },
    /// Keys were agreed with a contact, not checked yet.
    Enrolled {
        /// The contact.
        contact: ContactId,
    },
    /// A contact was checked.
    Verified {
        /// The contact.
        contact: ContactId,
        /// By what.
        by: Check,
    },
    /// A contact became suspect.
    Suspect {
        /// The contact.
        contact: ContactId,
        /// Why.
        code: ErrorCode,
    },
    /// A contact was removed with everything kept of it.
    Removed {
        /// The contact.
        contact: ContactId,
    },
    /// Something happened to a message.
    Message {
        /// What.
        did: Did,
        /// With whom.
        contact: ContactId,
        /// Its ordinal, as in the id that a page knows it by.
        ordinal: u32,
        /// Its session id, 16 random bytes and a label.
        session: Vec<u8>,
        /// SHA-256 of the content, where it was at hand.
        digest: Option<[u8; 32]>,
    },
    /// Something was refused.
    Rejected {
        /// Why.
        code: ErrorCode,
        /// The contact, where one is concerned.
        contact: Option<ContactId>,
    },
    /// Something is missing, or has come after all.
    Gap(Gap),
    /// A new month's keys are in use.
    Rotated {
        /// The month.
        month: Month,
    },
    /// Keys of past months were wiped.
    Shredded {
        /// Months before this one cannot be opened any more.
        before: Month,
        /// Of how many contacts.
        contacts: u64,
    },
    /// The vault was locked.
    Locked {
        /// Nobody did anything for the set time.
        idle: bool,
    },
    /// The vault was unlocked.
    Unlocked {
        /// By what.
        by: Key,
    },
    /// The keys of the vault were changed: a passphrase, a passkey.
    Rekeyed,
    /// A backup was made.
    BackedUp,
    /// This device goes on from a backup.
    Restored,
    /// Emergency access began.
    BreakGlassStarted {
        /// What the person gave as the reason.
        reason: String,
        /// For how long.
        minutes: u32,
    },
    /// Emergency access ended.
    BreakGlassEnded,
    /// Emergency shares were made.
    SharesCreated {
        /// How many open it.
        threshold: u8,
        /// How many there are.
        shares: u8,
    },
    /// The log was exported.
    Exported {
        /// In which format.
        format: &'static str,
    },
    /// The log was signed as it stood.
    Checkpoint,
}

/// By what a contact was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// The people compared the six digits.
    Digits,
    /// The expected fingerprint: scanned, or vouched for by the host.
    Expected,
    /// The invitation came from the inviter's own hand.
    InPerson,
}

/// What happened to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Did {
    /// Proved, sealed and queued.
    Sent,
    /// The recipient says it arrived.
    Delivered,
    /// No word of it after the set time, or given up.
    Undelivered,
    /// Arrived, its proof holds, and it is shown.
    Received,
    /// Arrived and its proof holds; kept back until the contact is checked.
    Held,
    /// A held one is shown.
    Released,
    /// Withdrawn by its sender before all of it had left.
    Cancelled,
}

/// By what a vault was unlocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Its passphrase.
    Passphrase,
    /// A passkey.
    Passkey,
}

impl Entry {
    /// The contact it speaks of.
    pub(crate) fn contact(&self) -> Option<ContactId> {
        match self {
            Self::Accepted { contact, .. }
            | Self::Enrolled { contact }
            | Self::Verified { contact, .. }
            | Self::Suspect { contact, .. }
            | Self::Removed { contact }
            | Self::Message { contact, .. }
            | Self::Rejected {
                contact: Some(contact),
                ..
            }
            | Self::Gap(Gap::Sequence {
                contact_id: contact,
                ..
            }) => Some(*contact),
            _ => None,
        }
    }

    /// The record: one flat JSON object, `event` and `time` first.
    /// `peer` is the fingerprint of the contact, once known.
    pub(crate) fn record(&self, now: UnixTime, peer: Option<Fingerprint>) -> String {
        let mut record = Record::new(self.event());
        record.number("time", now.0);
        if let Some(contact) = self.contact() {
            record.text("contact", &contact.to_string());
        }
        if let Some(peer) = peer {
            record.bytes("fingerprint", &peer.0);
        }
        self.fields(&mut record);
        record.finish()
    }

    fn event(&self) -> &'static str {
        match self {
            Self::Began { .. } => "began",
            Self::Invited { .. } => "invited",
            Self::Withdrawn { .. } => "withdrawn",
            Self::Accepted { .. } => "accepted",
            Self::Enrolled { .. } => "enrolled",
            Self::Verified { .. } => "verified",
            Self::Suspect { .. } => "suspect",
            Self::Removed { .. } => "removed",
            Self::Message { did, .. } => match did {
                Did::Sent => "sent",
                Did::Delivered => "delivered",
                Did::Undelivered => "undelivered",
                Did::Received => "received",
                Did::Held => "held",
                Did::Released => "released",
                Did::Cancelled => "cancelled",
            },
            Self::Rejected { .. } => "rejected",
            Self::Gap(_) => "gap",
            Self::Rotated { .. } => "rotated",
            Self::Shredded { .. } => "shredded",
            Self::Locked { .. } => "locked",
            Self::Unlocked { .. } => "unlocked",
            Self::Rekeyed => "rekeyed",
            Self::BackedUp => "backedUp",
            Self::Restored => "restored",
            Self::BreakGlassStarted { .. } => "breakGlassStarted",
            Self::BreakGlassEnded => "breakGlassEnded",
            Self::SharesCreated { .. } => "sharesCreated",
            Self::Exported { .. } => "exported",
            Self::Checkpoint => "checkpoint",
        }
    }

    fn fields(&self, record: &mut Record) {
        match self {
            Self::Began { owner, device } => {
                record.bytes("owner", &owner.0);
                record.number("device", (*device).into());
            }
            Self::Invited { invitation, quick } => {
                record.text("invitation", &invitation.to_string());
                record.text("kind", if *quick { "qr" } else { "link" });
            }
            Self::Withdrawn { invitation } => record.text("invitation", &invitation.to_string()),
            Self::Accepted { in_person, .. } => record.flag("inPerson", *in_person),
            Self::Verified { by, .. } => record.text(
                "by",
                match by {
                    Check::Digits => "digits",
                    Check::Expected => "expected",
                    Check::InPerson => "inPerson",
                },
            ),
            Self::Suspect { code, .. } | Self::Rejected { code, .. } => {
                record.text("code", code.as_str());
            }
            Self::Message {
                contact,
                ordinal,
                session,
                digest,
                ..
            } => {
                record.text("message", &message_id(*contact, *ordinal));
                record.session(session);
                if let Some(digest) = digest {
                    record.bytes("digest", digest);
                }
            }
            Self::Gap(gap) => record.gap(gap),
            Self::Rotated { month } => record.month("month", *month),
            Self::Shredded { before, contacts } => {
                record.month("before", *before);
                record.number("contacts", *contacts);
            }
            Self::Locked { idle } => record.flag("idle", *idle),
            Self::Unlocked { by } => record.text(
                "by",
                match by {
                    Key::Passphrase => "passphrase",
                    Key::Passkey => "passkey",
                },
            ),
            Self::BreakGlassStarted { reason, minutes } => {
                record.text("reason", reason);
                record.number("minutes", (*minutes).into());
            }
            Self::SharesCreated { threshold, shares } => {
                record.number("threshold", (*threshold).into());
                record.number("shares", (*shares).into());
            }
            Self::Exported { format } => record.text("format", format),
            Self::Enrolled { .. }
            | Self::Removed { .. }
            | Self::Rekeyed
            | Self::BackedUp
            | Self::Restored
            | Self::BreakGlassEnded
            | Self::Checkpoint => {}
        }
    }
}
