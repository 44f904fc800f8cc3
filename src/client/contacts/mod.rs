//! Contacts: their identities, states and channels.

mod channel;
mod checks;
mod contact;
mod counters;
mod sequence;
mod shredding;

pub(crate) use channel::{Channel, GenerationId};
pub(crate) use contact::{Awaiting, Contact};
pub use contact::{ContactState, Verified};
pub(crate) use counters::{Counters, UsedCounters};
pub(crate) use sequence::Sequence;

use checks::Checks;
use shredding::Shredding;

use crate::{
    base::{Day, Month, SortedMap, UnixTime, sorted_by_key},
    client::{
        ClientError, ContactId, StoreKey,
        transaction::Transaction,
        view::{ContactView, Event},
    },
    envelope::CheckedBy,
    identity::Fingerprint,
};

/// All contacts by id.
#[derive(Default)]
pub(crate) struct Contacts {
    all: SortedMap<ContactId, Contact>,
    /// How and when each was verified.
    pub(crate) checks: Checks,
    /// Since when keys of a past month should be gone.
    pub(crate) shredding: Shredding,
}

impl Contacts {
    pub(crate) fn get(&self, id: ContactId) -> Option<&Contact> {
        self.all.get(&id)
    }

    pub(crate) fn find(&self, id: ContactId) -> Result<&Contact, ClientError> {
        self.all.get(&id).ok_or(ClientError::ContactUnknown)
    }

    /// The contact, to be changed and stored.
    pub(crate) fn update(&mut self, id: ContactId, tx: &mut Transaction) -> Option<&mut Contact> {
        let contact = self.all.get_mut(&id)?;
        tx.touch(StoreKey::Contact(id));
        Some(contact)
    }

    /// The contact's channel, to be changed and stored.
    pub(crate) fn update_channel(
        &mut self,
        id: ContactId,
        tx: &mut Transaction,
    ) -> Option<&mut Channel> {
        let channel = self.all.get_mut(&id)?.channel.as_mut()?;
        tx.touch(StoreKey::Contact(id));
        Some(channel)
    }

    pub(crate) fn insert(&mut self, contact: Contact, tx: &mut Transaction) {
        tx.touch(StoreKey::Contact(contact.id));
        self.all.insert(contact.id, contact);
    }

    pub(crate) fn restore(&mut self, contact: Contact) {
        self.all.insert(contact.id, contact);
    }

    pub(crate) fn remove(&mut self, id: ContactId, tx: &mut Transaction) {
        self.all.remove(&id);
        self.checks.remove(id, tx);
        tx.touch(StoreKey::Contact(id));
    }

    /// Marks a contact as verified, and keeps how and when.
    pub(crate) fn activate(&mut self, id: ContactId, by: CheckedBy, tx: &mut Transaction) {
        if let Some(contact) = self.update(id, tx) {
            contact.activate(by);
            self.checks.note(id, by, tx);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Contact> {
        self.all.values()
    }

    /// Takes over the counters that sealed deliveries have used.
    pub(crate) fn use_counters(&mut self, used: UsedCounters, tx: &mut Transaction) {
        if let Some(channel) = self.update_channel(used.contact, tx) {
            channel.set_counters(used.counters);
        }
    }

    /// Restarts the counters of every contact, for a new device.
    pub(crate) fn reset_counters(&mut self, tx: &mut Transaction) {
        self.update_channels(tx, |channel| {
            channel.set_counters(Counters::default());
            true
        });
    }

    /// Deletes the windows of earlier days.
    pub(crate) fn forget_before(&mut self, day: Day, tx: &mut Transaction) {
        self.update_channels(tx, |channel| channel.forget_before(day));
    }

    /// Stores the contacts whose channel this changes.
    fn update_channels(
        &mut self,
        tx: &mut Transaction,
        mut changes: impl FnMut(&mut Channel) -> bool,
    ) {
        for contact in self.all.values_mut() {
            if contact.channel.as_mut().is_some_and(&mut changes) {
                tx.touch(StoreKey::Contact(contact.id));
            }
        }
    }

    /// Wipes the keys of months whose grace is over at `horizon`. Returns the
    /// oldest month left and the number of contacts; `None` if nothing was wiped.
    pub(crate) fn shred(
        &mut self,
        horizon: UnixTime,
        grace: u64,
        tx: &mut Transaction,
    ) -> Option<(Month, u64)> {
        let (mut before, mut contacts) = (None, 0);
        self.update_channels(tx, |channel| {
            let shredded = channel.shred(horizon, grace);
            if shredded {
                contacts += 1;
                before = before.max(channel.month());
            }
            shredded
        });
        before.map(|before| (before, contacts))
    }

    /// Does the same as [`Self::shred`] if a relay has delayed it for too long: see
    /// [`Shredding`].
    pub(crate) fn shred_overdue(
        &mut self,
        horizon: UnixTime,
        grace: u64,
        tx: &mut Transaction,
    ) -> Option<(Month, u64)> {
        let overdue = self.has_expired(horizon, grace);
        match self.shredding.is_certain(overdue, tx) {
            true => self.shred(horizon, grace, tx),
            false => None,
        }
    }

    /// Returns `true` if keys of a month are kept whose grace period is over at the
    /// horizon.
    fn has_expired(&self, horizon: UnixTime, grace: u64) -> bool {
        let mut channels = self.all.values().filter_map(|c| c.channel.as_ref());
        channels.any(|channel| channel.has_expired(horizon, grace))
    }

    /// Sequence numbers found missing since the last call. Contacts whose confirm
    /// has not arrived are left out: it has number 0 and comes through the lobby,
    /// so later deliveries may be read before it.
    pub(crate) fn newly_missing(&mut self) -> Vec<(ContactId, core::ops::Range<u64>)> {
        let confirmed = self.all.values_mut().filter(|c| c.awaiting.is_none());
        let channels = confirmed.filter_map(|c| Some((c.id, c.channel.as_mut()?)));
        channels
            .flat_map(|(id, channel)| channel.newly_missing().into_iter().map(move |m| (id, m)))
            .collect()
    }

    pub(crate) fn fingerprint(&self, id: ContactId) -> Option<Fingerprint> {
        Some(self.all.get(&id)?.peer?.fingerprint())
    }

    /// Whether the sending keys of that time's month are held for all.
    pub(crate) fn send_at(&self, time: UnixTime) -> bool {
        let mut channels = self.all.values().filter_map(|c| c.channel.as_ref());
        channels.all(|channel| channel.sends_at(time))
    }

    /// Oldest first.
    pub(crate) fn views(&self) -> Vec<ContactView> {
        sorted_by_key(self.all.values(), |contact| {
            (contact.created_at, contact.id)
        })
        .map(Contact::view)
        .collect()
    }

    pub(crate) fn emit(&self, id: ContactId, tx: &mut Transaction) {
        if let Some(contact) = self.all.get(&id) {
            let contact = contact.view();
            tx.emit(Event::Contact { contact });
        }
    }
}

#[cfg(test)]
mod tests;
