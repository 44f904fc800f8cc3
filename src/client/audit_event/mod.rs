//! The events of the audit log and their JSON. `docs/protocol.md` §11 lists the
//! names, which are never renamed or given another meaning. A record has the
//! contact, the session id and the digest of the content; it never has content, a
//! name or a secret.

mod json;

use crate::{
    base::{ErrorCode, Month, UnixTime, words::worded},
    client::{
        id::{ContactId, InvitationId, MessageRef},
        view::{DeviceNotice, Gap},
    },
    envelope::CheckedBy,
    identity::Fingerprint,
};

use json::Record;

/// An event of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuditEvent {
    /// The log begins.
    Began {
        /// The owner of the log.
        owner: Fingerprint,
        /// The index of this device.
        device: u8,
    },
    /// An invitation was made.
    Invited {
        /// Its local id.
        invitation: InvitationId,
        /// Whether it goes through the lobby.
        is_qr: bool,
    },
    /// An invitation was withdrawn by the person who made it.
    Withdrawn {
        /// Its local id.
        invitation: InvitationId,
    },
    /// An invitation was accepted.
    Accepted {
        /// The contact it led to.
        contact: ContactId,
        /// Whether it was handed over in person.
        in_person: bool,
    },
    /// Keys were agreed with a contact that is not verified yet.
    Enrolled {
        /// The contact.
        contact: ContactId,
    },
    /// A contact was verified.
    Verified {
        /// The contact.
        contact: ContactId,
        /// How.
        by: CheckedBy,
    },
    /// A contact became suspect.
    Suspect {
        /// The contact.
        contact: ContactId,
        /// Why.
        code: ErrorCode,
    },
    /// A contact was removed with everything stored about it.
    Removed {
        /// The contact.
        contact: ContactId,
    },
    /// Something happened to a message.
    Message {
        /// What happened.
        event: MessageEvent,
        /// The message.
        message: MessageRef,
        /// Its session id: 16 random bytes and a label.
        session: Vec<u8>,
        /// SHA-256 of the content, where that was at hand.
        digest: Option<[u8; 32]>,
    },
    /// A message was filed in the health record, or could not be filed.
    Filing {
        /// The message.
        message: MessageRef,
        /// Its session id.
        session: Vec<u8>,
        /// Why it could not be filed.
        code: Option<ErrorCode>,
    },
    /// Something was refused.
    Rejected {
        /// Why.
        code: ErrorCode,
        /// The contact that it concerns, if any.
        contact: Option<ContactId>,
        /// How many times in the same download or call.
        count: u32,
    },
    /// Something is missing, or has arrived late.
    Gap(Gap),
    /// Two devices of a person are in use.
    Device(DeviceNotice),
    /// A new month's keys are in use.
    Rotated {
        /// The month.
        month: Month,
    },
    /// Keys of past months were wiped.
    Shredded {
        /// Nothing of the months before this one can be opened any more.
        before: Month,
        /// The number of contacts whose keys were wiped.
        contacts: u64,
    },
    /// The vault was locked.
    Locked {
        /// Whether it was locked because nobody used it.
        idle: bool,
    },
    /// Tries to unlock the vault failed since it was last unlocked.
    UnlockFailed {
        /// How many.
        count: u32,
    },
    /// The vault was unlocked.
    Unlocked {
        /// How.
        by: UnlockedBy,
    },
    /// A passphrase, passkey or recovery code of the vault was changed.
    Rekeyed,
    /// A backup was made.
    BackedUp,
    /// This device continues from a backup.
    Restored,
    /// Emergency access began.
    BreakGlassStarted {
        /// The reason that was given.
        reason: String,
        /// How long it was opened for.
        minutes: u32,
    },
    /// Emergency access ended.
    BreakGlassEnded,
    /// Emergency shares were created.
    SharesCreated {
        /// How many shares open a backup.
        threshold: u8,
        /// How many shares there are.
        shares: u8,
    },
    /// The log was exported.
    Exported {
        /// The format.
        format: &'static str,
        /// Messages that the health record does not have, if they are filed.
        unfiled: Option<u64>,
    },
    /// The log was signed.
    Checkpoint,
}

worded! {
    /// The events of a message.
    pub enum MessageEvent {
        /// Proved, sealed and queued.
        Sent = "sent",
        /// The recipient reports that it arrived.
        Delivered = "delivered",
        /// No receipt arrived in time, or the message was abandoned.
        Undelivered = "undelivered",
        /// Arrived, its proof holds, and it is shown.
        Received = "received",
        /// Arrived and its proof holds; shown once the contact is verified.
        Held = "held",
        /// Was held and is shown now.
        Released = "released",
        /// Withdrawn by its sender before all of it was sent.
        Cancelled = "cancelled",
        /// Deleted here; its contact keeps it.
        Deleted = "deleted",
    }
}

worded! {
    /// How a vault was unlocked.
    pub enum UnlockedBy {
        /// With its passphrase.
        Passphrase = "passphrase",
        /// With a passkey.
        Passkey = "passkey",
        /// With a key that the host keeps.
        HostKey = "key",
    }
}

impl AuditEvent {
    /// Something was refused once.
    pub(crate) fn rejected(code: ErrorCode, contact: Option<ContactId>) -> Self {
        Self::Rejected {
            code,
            contact,
            count: 1,
        }
    }

    /// The contact that it concerns.
    pub(crate) fn contact(&self) -> Option<ContactId> {
        match self {
            Self::Accepted { contact, .. }
            | Self::Enrolled { contact }
            | Self::Verified { contact, .. }
            | Self::Suspect { contact, .. }
            | Self::Removed { contact }
            | Self::Rejected {
                contact: Some(contact),
                ..
            }
            | Self::Gap(Gap::Sequence {
                contact_id: contact,
                ..
            })
            | Self::Device(DeviceNotice::Contact {
                contact_id: contact,
            }) => Some(*contact),
            Self::Message { message, .. } | Self::Filing { message, .. } => Some(message.contact),
            _ => None,
        }
    }

    /// The record: one flat JSON object, `event` and `time` first. `peer` is
    /// the fingerprint of the contact that it concerns, once known.
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
            Self::Message { event, .. } => event.word(),
            Self::Filing { code: None, .. } => "filed",
            Self::Filing { code: Some(_), .. } => "filingFailed",
            Self::Rejected { .. } => "rejected",
            Self::Gap(_) => "gap",
            Self::Device(_) => "device",
            Self::Rotated { .. } => "rotated",
            Self::Shredded { .. } => "shredded",
            Self::Locked { .. } => "locked",
            Self::UnlockFailed { .. } => "unlockFailed",
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
            Self::Invited { invitation, is_qr } => {
                record.text("invitation", &invitation.to_string());
                record.text("kind", if *is_qr { "qr" } else { "link" });
            }
            Self::Withdrawn { invitation } => record.text("invitation", &invitation.to_string()),
            Self::Accepted { in_person, .. } => record.flag("inPerson", *in_person),
            Self::Verified { by, .. } => record.text("by", by.word()),
            Self::Suspect { code, .. } => record.text("code", code.as_str()),
            Self::Rejected { code, count, .. } => {
                record.text("code", code.as_str());
                if *count > 1 {
                    record.number("count", u64::from(*count));
                }
            }
            Self::Message {
                message,
                session,
                digest,
                ..
            } => {
                record.text("message", &message.to_string());
                record.session(session);
                if let Some(digest) = digest {
                    record.bytes("digest", digest);
                }
            }
            Self::Filing {
                message,
                session,
                code,
            } => {
                record.text("message", &message.to_string());
                record.session(session);
                if let Some(code) = code {
                    record.text("code", code.as_str());
                }
            }
            Self::Gap(gap) => record.gap(gap),
            Self::Device(notice) => record.device(notice),
            Self::Rotated { month } => record.month("month", *month),
            Self::Shredded { before, contacts } => {
                record.month("before", *before);
                record.number("contacts", *contacts);
            }
            Self::Locked { idle } => record.flag("idle", *idle),
            Self::UnlockFailed { count } => record.number("count", (*count).into()),
            Self::Unlocked { by } => record.text("by", by.word()),
            Self::BreakGlassStarted { reason, minutes } => {
                record.text("reason", reason);
                record.number("minutes", (*minutes).into());
            }
            Self::SharesCreated { threshold, shares } => {
                record.number("threshold", (*threshold).into());
                record.number("shares", (*shares).into());
            }
            Self::Exported { format, unfiled } => {
                record.text("format", format);
                if let Some(unfiled) = unfiled {
                    record.number("unfiled", *unfiled);
                }
            }
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
