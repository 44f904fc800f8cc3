//! The engine of one person's client. Sans-I/O: it takes time, randomness
//! and the relay's answers, and gives requests, changes to store and events.
//!
//! ```text
//! send:  rotate → schedule → delivery with proof → fragments → seal → outbox → one commit → post
//! pull:  rotate → request → cells → opened → authentic → fresh → one commit → show
//! ```
//! Every call that changes state returns [`Effects`]. The caller commits
//! `changes` as one transaction, and only then posts a cell or shows an
//! event: a crash at any point loses nothing and repeats no counter.

mod announce;
mod channel_state;
mod contact;
mod cursors;
mod device;
mod draft;
mod emergency;
mod enrol;
mod entry;
mod event;
mod filename;
mod id;
mod incoming;
mod invitation;
mod journal;
mod large;
mod load;
mod outbox;
mod pull;
mod relay_state;
mod rendezvous;
mod restore;
mod rotate;
mod scan;
mod send;
mod sequence;
mod settings;
mod unfinished;
mod watch;

pub use contact::{ContactState, Verified};
pub use device::{DeviceNotice, DeviceView};
pub use emergency::{EmergencyId, EmergencyView, MAX_EMERGENCY_MINUTES};
pub use entry::{Check, Did, Entry, Key};
pub use event::{
    ContactView, Event, Gap, InvitationView, MessageState, MessageView, Received, Rejected,
    TransferView, body_key, body_keys, message_id, parse_message_id, piece_key,
};
pub use id::{ContactId, InvitationId};
pub use journal::{CheckpointView, log_key};
pub use large::{Pieces, Wanted};
pub use outbox::{MAX_POST, Post};
pub use relay_state::{Mailbox, Planned};
pub use send::Outgoing;
pub use settings::Settings;

use core::fmt;
use std::collections::HashMap;

use zeroize::Zeroizing;

use crate::{
    base::{ErrorCode, SortedMap, SortedSet, UnixTime, sorted_by_key},
    enrolment::{EnrolmentError, Name},
    envelope::{EnvelopeError, OwnKeys},
    identity::Identity,
    vault::{
        VaultError,
        stored::{self, EmergencyRecord, LargeRecord, MessageRecord, OpenedRecord, QueuedRecord},
    },
};

use contact::Contact;
use device::Devices;
use invitation::OpenInvitation;
use journal::Journal;
use relay_state::RelayState;
use unfinished::Unfinished;
use watch::Watch;

/// One change to the store: a key and its new plaintext, or its removal.
pub type Change = (String, Option<Zeroizing<Vec<u8>>>);

/// What a call changed, what it says, and what it gives.
#[derive(Debug)]
#[must_use = "changes must be committed before anything is posted or shown"]
pub struct Effects<T = ()> {
    /// To commit as one transaction.
    pub changes: Vec<Change>,
    /// To show once committed.
    pub events: Vec<Event>,
    /// The call's result.
    pub value: T,
}

impl<T> Effects<T> {
    /// The same effects with another value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Effects<U> {
        Effects {
            changes: self.changes,
            events: self.events,
            value: f(self.value),
        }
    }
}

/// The state of one person's client, in memory.
pub struct Client {
    identity: Identity,
    name: Name,
    created_at: UnixTime,
    device: u8,
    devices: Devices,
    own: OwnKeys,
    relay: RelayState,
    settings: Settings,
    contacts: SortedMap<ContactId, Contact>,
    invitations: SortedMap<InvitationId, OpenInvitation>,
    /// Finished cells by ordinal: first in, first out.
    outbox: SortedMap<u64, QueuedRecord>,
    /// Never used twice while this client lives, so that the answer to a
    /// post cannot mean another cell.
    next_ordinal: u64,
    /// Large messages of one's own that are not all sealed yet.
    large: SortedMap<large::Key, LargeRecord>,
    messages: SortedMap<(ContactId, u32), MessageRecord>,
    /// Digests of opened cells.
    opened: HashMap<[u8; 16], OpenedRecord>,
    /// Session ids accepted, with their sequence numbers.
    accepted: HashMap<(ContactId, Vec<u8>), u64>,
    /// Unfinished messages of a contact or of an invitation's rendezvous.
    unfinished: SortedMap<unfinished::Key, Unfinished>,
    emergencies: SortedMap<EmergencyId, EmergencyRecord>,
    watch: Watch,
    journal: Journal,
    pending: Pending,
}

/// Changes and events gathered during one call.
#[derive(Default)]
struct Pending {
    contacts: SortedSet<ContactId>,
    invitations: SortedSet<InvitationId>,
    relay: bool,
    /// Records for the audit log.
    records: Vec<String>,
    /// The records of this device.
    own: bool,
    /// Unfinished messages that grew.
    grown: SortedSet<unfinished::Key>,
    changes: SortedMap<String, Option<Zeroizing<Vec<u8>>>>,
    events: Vec<Event>,
}

impl Client {
    /// One's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// One's public identity.
    #[must_use]
    pub fn public(&self) -> &crate::identity::PublicIdentity {
        self.identity.public()
    }

    /// All contacts, oldest first.
    #[must_use]
    pub fn contacts(&self) -> Vec<ContactView> {
        sorted_by_key(self.contacts.values(), |contact| {
            (contact.created_at, contact.id)
        })
        .map(Contact::view)
        .collect()
    }

    /// Up to `limit` messages with a contact before the message `before`
    /// (or the newest), oldest first.
    ///
    /// # Errors
    ///
    /// `ContactUnknown`.
    pub fn messages(
        &self,
        contact: ContactId,
        before: Option<u32>,
        limit: usize,
    ) -> Result<Vec<MessageView>, ClientError> {
        self.contact(contact)?;
        let end = before.unwrap_or(u32::MAX);
        let mut views: Vec<_> = self
            .messages
            .range((contact, 0)..(contact, end))
            .rev()
            .take(limit)
            .map(|((contact, ordinal), record)| MessageView::new(*contact, *ordinal, record))
            .collect();
        views.reverse();
        Ok(views)
    }

    /// Where the body of a message is stored, in pieces; refuses one that is
    /// held or unknown.
    ///
    /// # Errors
    ///
    /// `MessageUnknown`, `ContactPending`.
    pub fn readable(&self, contact: ContactId, ordinal: u32) -> Result<Vec<String>, ClientError> {
        match self.messages.get(&(contact, ordinal)) {
            None => Err(ClientError::MessageUnknown),
            Some(record) if record.state == MessageState::Held as u8 => {
                Err(ClientError::ContactPending)
            }
            Some(record) => Ok(body_keys(contact, ordinal, record.size as usize)),
        }
    }

    fn contact(&self, id: ContactId) -> Result<&Contact, ClientError> {
        self.contacts.get(&id).ok_or(ClientError::ContactUnknown)
    }

    /// The contact, marked for storing.
    fn contact_mut(&mut self, id: ContactId) -> Result<&mut Contact, ClientError> {
        let contact = self
            .contacts
            .get_mut(&id)
            .ok_or(ClientError::ContactUnknown)?;
        self.pending.contacts.insert(id);
        Ok(contact)
    }

    /// The invitation, marked for storing.
    fn invitation_mut(&mut self, id: InvitationId) -> Result<&mut OpenInvitation, ClientError> {
        let invitation = self
            .invitations
            .get_mut(&id)
            .ok_or(ClientError::InvitationUnknown)?;
        self.pending.invitations.insert(id);
        Ok(invitation)
    }

    fn tell(&mut self, event: Event) {
        self.pending.events.push(event);
    }

    fn tell_contact(&mut self, id: ContactId) {
        if let Some(contact) = self.contacts.get(&id) {
            let view = contact.view();
            self.tell(Event::Contact { contact: view });
        }
    }

    fn store_message(&mut self, contact: ContactId, ordinal: u32, record: MessageRecord) {
        let bytes = stored::encode(&record);
        self.pending
            .changes
            .insert(event::message_key(contact, ordinal), Some(bytes));
        self.messages.insert((contact, ordinal), record);
    }

    /// Gathers what a call changed.
    fn finish<T>(&mut self, value: T) -> Effects<T> {
        self.seal_records();
        let mut pending = core::mem::take(&mut self.pending);
        for id in pending.contacts {
            let bytes = self
                .contacts
                .get(&id)
                .map(|contact| stored::encode(&contact.to_record()));
            pending.changes.insert(load::contact_key(id), bytes);
        }
        for id in pending.invitations {
            let bytes = self
                .invitations
                .get(&id)
                .map(|open| stored::encode(&open.to_record()));
            pending.changes.insert(load::invitation_key(id), bytes);
        }
        if pending.relay {
            let bytes = stored::encode(&self.relay.to_record());
            pending.changes.insert(load::RELAY_KEY.into(), Some(bytes));
        }
        if pending.own {
            for (key, bytes) in self.own_changes() {
                pending.changes.insert(key, bytes);
            }
        }
        Effects {
            changes: pending.changes.into_iter().collect(),
            events: pending.events,
            value,
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client(…)")
    }
}

/// Why a call was refused. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientError {
    /// Of an invitation or handshake.
    Enrolment(EnrolmentError),
    /// Of a delivery.
    Envelope(EnvelopeError),
    /// Of stored state.
    Vault(VaultError),
    /// An argument out of range; says which.
    InvalidArgument(&'static str),
    /// No contact of that id.
    ContactUnknown,
    /// The contact is not checked yet.
    ContactPending,
    /// The contact is suspect.
    ContactSuspect,
    /// The digits are not there yet.
    SasNotReady,
    /// No open invitation of that id.
    InvitationUnknown,
    /// The invitation names another relay.
    RelayMismatch,
    /// The relay never described itself yet.
    RelayUnknown,
    /// The relay's answer is not of the protocol's form.
    RelayProtocol,
    /// A batch whose signature, digest, bucket or size does not hold.
    BatchInvalid,
    /// The clock is behind the oldest month held.
    ClockBehind,
    /// No message of that id.
    MessageUnknown,
    /// A newer device took this one's place.
    DeviceSuperseded,
    /// A restored device has not read its own mailbox yet.
    Unsettled,
    /// The message has left already.
    MessageSent,
    /// A defect in this crate.
    Internal,
}

impl ClientError {
    /// The stable code.
    #[must_use]
    pub fn code(self) -> ErrorCode {
        match self {
            Self::Enrolment(error) => error.code(),
            Self::Envelope(error) => error.code(),
            Self::Vault(error) => error.code(),
            Self::InvalidArgument(_) => ErrorCode::InvalidArgument,
            Self::ContactUnknown => ErrorCode::ContactUnknown,
            Self::ContactPending => ErrorCode::ContactPending,
            Self::ContactSuspect => ErrorCode::ContactSuspect,
            Self::SasNotReady => ErrorCode::SasNotReady,
            Self::InvitationUnknown => ErrorCode::InvitationUnknown,
            Self::RelayMismatch => ErrorCode::RelayMismatch,
            Self::RelayUnknown | Self::Unsettled => ErrorCode::RelayUnreachable,
            Self::RelayProtocol => ErrorCode::RelayProtocol,
            Self::BatchInvalid => ErrorCode::BatchInvalid,
            Self::ClockBehind => ErrorCode::ClockBehind,
            Self::MessageUnknown => ErrorCode::MessageUnknown,
            Self::DeviceSuperseded => ErrorCode::DeviceSuperseded,
            Self::MessageSent => ErrorCode::MessageSent,
            Self::Internal => ErrorCode::Internal,
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enrolment(error) => error.fmt(f),
            Self::Envelope(error) => error.fmt(f),
            Self::Vault(error) => error.fmt(f),
            Self::InvalidArgument(what) => write!(f, "invalid argument: {what}"),
            Self::ContactUnknown => f.write_str("no such contact"),
            Self::ContactPending => f.write_str("the contact is not checked yet"),
            Self::ContactSuspect => f.write_str("the contact is suspect; enrol again in person"),
            Self::SasNotReady => f.write_str("the six digits are not there yet"),
            Self::InvitationUnknown => f.write_str("no open invitation of that id"),
            Self::RelayMismatch => f.write_str("the invitation names another relay"),
            Self::RelayUnknown => f.write_str("the relay has not been reached yet"),
            Self::RelayProtocol => f.write_str("the relay's answer is not of the protocol's form"),
            Self::BatchInvalid => f.write_str("a batch whose signature or digest does not hold"),
            Self::ClockBehind => f.write_str("the clock is behind; set it right before sending"),
            Self::MessageUnknown => f.write_str("no such message"),
            Self::DeviceSuperseded => f.write_str("a newer device took this one's place"),
            Self::Unsettled => f.write_str("the mailbox has not been read since the restore"),
            Self::MessageSent => f.write_str("the message has left already, or is not one's own"),
            Self::Internal => f.write_str("a defect in Tessera; please report it"),
        }
    }
}

impl core::error::Error for ClientError {}

impl From<EnrolmentError> for ClientError {
    fn from(error: EnrolmentError) -> Self {
        Self::Enrolment(error)
    }
}

impl From<EnvelopeError> for ClientError {
    fn from(error: EnvelopeError) -> Self {
        Self::Envelope(error)
    }
}

impl From<VaultError> for ClientError {
    fn from(error: VaultError) -> Self {
        Self::Vault(error)
    }
}
