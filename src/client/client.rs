//! The state of one person's client, and what every call gives back.

use core::fmt;
use std::collections::HashMap;

use zeroize::Zeroizing;

use crate::{
    base::{SortedMap, SortedSet, UnixTime, sorted_by_key},
    enrolment::Name,
    envelope::OwnKeys,
    identity::Identity,
    vault::stored::{
        self, EmergencyRecord, LargeRecord, MessageRecord, OpenedRecord, QueuedRecord,
    },
};

use crate::client::{
    ClientError, ContactId, ContactView, EmergencyId, Event, InvitationId, MessageState,
    MessageView, Settings, body_keys,
    contacts::Contact,
    devices::Devices,
    flows::load,
    inbox::{self, Unfinished, Watch},
    invitations::OpenInvitation,
    journal::Journal,
    mailboxes::RelayState,
    outbox, view,
};

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
    pub(crate) identity: Identity,
    pub(crate) name: Name,
    pub(crate) created_at: UnixTime,
    pub(crate) device: u8,
    pub(crate) devices: Devices,
    pub(crate) own: OwnKeys,
    pub(crate) relay: RelayState,
    pub(crate) settings: Settings,
    pub(crate) contacts: SortedMap<ContactId, Contact>,
    pub(crate) invitations: SortedMap<InvitationId, OpenInvitation>,
    /// Finished cells by ordinal: first in, first out.
    pub(crate) outbox: SortedMap<u64, QueuedRecord>,
    /// Never used twice while this client lives, so that the answer to a
    /// post cannot mean another cell.
    pub(crate) next_ordinal: u64,
    /// Large messages of one's own that are not all sealed yet.
    pub(crate) large: SortedMap<outbox::Key, LargeRecord>,
    pub(crate) messages: SortedMap<(ContactId, u32), MessageRecord>,
    /// Digests of opened cells.
    pub(crate) opened: HashMap<[u8; 16], OpenedRecord>,
    /// Session ids accepted, with their sequence numbers.
    pub(crate) accepted: HashMap<(ContactId, Vec<u8>), u64>,
    /// Unfinished messages of a contact or of an invitation's rendezvous.
    pub(crate) unfinished: SortedMap<inbox::Key, Unfinished>,
    pub(crate) emergencies: SortedMap<EmergencyId, EmergencyRecord>,
    pub(crate) watch: Watch,
    pub(crate) journal: Journal,
    pub(crate) pending: Pending,
}

/// Changes and events gathered during one call.
#[derive(Default)]
pub(crate) struct Pending {
    pub(crate) contacts: SortedSet<ContactId>,
    pub(crate) invitations: SortedSet<InvitationId>,
    pub(crate) relay: bool,
    /// Records for the audit log.
    pub(crate) records: Vec<String>,
    /// The records of this device.
    pub(crate) own: bool,
    /// Unfinished messages that grew.
    pub(crate) grown: SortedSet<inbox::Key>,
    pub(crate) changes: SortedMap<String, Option<Zeroizing<Vec<u8>>>>,
    pub(crate) events: Vec<Event>,
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

    pub(crate) fn contact(&self, id: ContactId) -> Result<&Contact, ClientError> {
        self.contacts.get(&id).ok_or(ClientError::ContactUnknown)
    }

    /// The contact, marked for storing.
    pub(crate) fn contact_mut(&mut self, id: ContactId) -> Result<&mut Contact, ClientError> {
        let contact = self
            .contacts
            .get_mut(&id)
            .ok_or(ClientError::ContactUnknown)?;
        self.pending.contacts.insert(id);
        Ok(contact)
    }

    /// The invitation, marked for storing.
    pub(crate) fn invitation_mut(
        &mut self,
        id: InvitationId,
    ) -> Result<&mut OpenInvitation, ClientError> {
        let invitation = self
            .invitations
            .get_mut(&id)
            .ok_or(ClientError::InvitationUnknown)?;
        self.pending.invitations.insert(id);
        Ok(invitation)
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.pending.events.push(event);
    }

    pub(crate) fn tell_contact(&mut self, id: ContactId) {
        if let Some(contact) = self.contacts.get(&id) {
            let view = contact.view();
            self.tell(Event::Contact { contact: view });
        }
    }

    pub(crate) fn store_message(
        &mut self,
        contact: ContactId,
        ordinal: u32,
        record: MessageRecord,
    ) {
        let bytes = stored::encode(&record);
        self.pending
            .changes
            .insert(view::message_key(contact, ordinal), Some(bytes));
        self.messages.insert((contact, ordinal), record);
    }

    /// Gathers what a call changed.
    pub(crate) fn finish<T>(&mut self, value: T) -> Effects<T> {
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
