//! Contacts: their identities, states and channels.

mod channel;
mod checks;
mod contact;
mod counters;
mod sequence;

pub(crate) use channel::{Channel, GenerationId};
pub(crate) use checks::Checks;
pub(crate) use contact::{Awaiting, Contact};
pub use contact::{ContactState, Verified};
pub(crate) use counters::Counters;
pub(crate) use sequence::Sequence;

use crate::{
    base::{Month, SortedMap, UnixTime, sorted_by_key},
    client::{
        ClientError, ContactId, StoreKey,
        transaction::Transaction,
        view::{ContactView, Event},
    },
    identity::Fingerprint,
};

/// All contacts by id.
#[derive(Default)]
pub(crate) struct Contacts(SortedMap<ContactId, Contact>);

impl Contacts {
    pub(crate) fn get(&self, id: ContactId) -> Option<&Contact> {
        self.0.get(&id)
    }

    pub(crate) fn find(&self, id: ContactId) -> Result<&Contact, ClientError> {
        self.0.get(&id).ok_or(ClientError::ContactUnknown)
    }

    /// The contact, to be changed and stored.
    pub(crate) fn update(&mut self, id: ContactId, tx: &mut Transaction) -> Option<&mut Contact> {
        let contact = self.0.get_mut(&id)?;
        tx.touch(StoreKey::Contact(id));
        Some(contact)
    }

    /// The contact's channel, to be changed and stored.
    pub(crate) fn update_channel(
        &mut self,
        id: ContactId,
        tx: &mut Transaction,
    ) -> Option<&mut Channel> {
        let channel = self.0.get_mut(&id)?.channel.as_mut()?;
        tx.touch(StoreKey::Contact(id));
        Some(channel)
    }

    pub(crate) fn insert(&mut self, contact: Contact, tx: &mut Transaction) {
        tx.touch(StoreKey::Contact(contact.id));
        self.0.insert(contact.id, contact);
    }

    pub(crate) fn restore(&mut self, contact: Contact) {
        self.0.insert(contact.id, contact);
    }

    pub(crate) fn remove(&mut self, id: ContactId, tx: &mut Transaction) {
        self.0.remove(&id);
        tx.touch(StoreKey::Contact(id));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Contact> {
        self.0.values()
    }

    /// All channels, to be changed; the caller touches the contacts that it
    /// changes.
    pub(crate) fn channels_mut(&mut self) -> impl Iterator<Item = (ContactId, &mut Channel)> {
        let contacts = self.0.values_mut();
        contacts.filter_map(|contact| Some((contact.id, contact.channel.as_mut()?)))
    }

    /// Wipes the keys of months whose grace is over at `horizon`: the oldest
    /// month left, and of how many contacts; `None` if nothing was wiped.
    pub(crate) fn shred(
        &mut self,
        horizon: UnixTime,
        grace: u64,
        tx: &mut Transaction,
    ) -> Option<(Month, u64)> {
        let (mut before, mut contacts) = (None, 0);
        for contact in self.0.values_mut() {
            if let Some(channel) = &mut contact.channel
                && channel.shred(horizon, grace)
            {
                contacts += 1;
                before = before.max(channel.month());
                tx.touch(StoreKey::Contact(contact.id));
            }
        }
        before.map(|before| (before, contacts))
    }

    /// Returns `true` if keys of a month are kept whose grace period is over at the
    /// horizon.
    pub(crate) fn has_expired(&self, horizon: UnixTime, grace: u64) -> bool {
        let mut channels = self.0.values().filter_map(|c| c.channel.as_ref());
        channels.any(|channel| channel.has_expired(horizon, grace))
    }

    /// Sequence numbers found missing since the last call. None of a contact
    /// whose confirm has not arrived: that is its number 0, it comes through
    /// the lobby, and what its sender wrote next may be read before it.
    pub(crate) fn newly_missing(&mut self) -> Vec<(ContactId, core::ops::Range<u64>)> {
        let confirmed = self.0.values_mut().filter(|c| c.awaiting.is_none());
        let channels = confirmed.filter_map(|c| Some((c.id, c.channel.as_mut()?)));
        channels
            .flat_map(|(id, channel)| channel.newly_missing().into_iter().map(move |m| (id, m)))
            .collect()
    }

    pub(crate) fn fingerprint(&self, id: ContactId) -> Option<Fingerprint> {
        Some(self.0.get(&id)?.peer?.fingerprint())
    }

    /// Whether the sending keys of that time's month are held for all.
    pub(crate) fn send_at(&self, time: UnixTime) -> bool {
        let mut channels = self.0.values().filter_map(|c| c.channel.as_ref());
        channels.all(|channel| channel.sends_at(time))
    }

    /// Oldest first.
    pub(crate) fn views(&self) -> Vec<ContactView> {
        sorted_by_key(self.0.values(), |contact| (contact.created_at, contact.id))
            .map(Contact::view)
            .collect()
    }

    pub(crate) fn emit(&self, id: ContactId, tx: &mut Transaction) {
        if let Some(contact) = self.0.get(&id) {
            let contact = contact.view();
            tx.emit(Event::Contact { contact });
        }
    }
}

#[cfg(test)]
mod tests;
