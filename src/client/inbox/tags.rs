//! Which tags lead to whom: an index for all contacts and open invitations.

use crate::client::{Client, ContactId, InvitationId};
use crate::{
    base::{
        Day, SortedMap, UnixTime,
        parameters::{LISTENING_DAYS, LISTENING_DAYS_AHEAD},
    },
    channel::{Direction, TagSlot},
    enrolment::Rendezvous,
    envelope::{OwnKeys, TagIndex, Window},
};

/// What a tag leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watched {
    Contact(ContactId),
    Rendezvous(InvitationId, Direction),
    /// A cell to oneself.
    Own,
}

/// The tags of the days that batches of one day are searched for.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Of contacts, and of cells to oneself. A map for each day: as the days
    /// of the batches go on, only the next one is derived.
    days: SortedMap<Day, TagIndex<Watched>>,
    /// Of open invitations, which belong to no day.
    invitations: TagIndex<Watched>,
    /// The day of the batches.
    day: Option<Day>,
}

impl Watch {
    /// Contacts or invitations changed: make it anew at the next batch.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn find(&self, tag: &[u8; 16]) -> Option<(Watched, TagSlot)> {
        let mut maps = self.days.values().chain([&self.invitations]);
        maps.find_map(|map| map.find(tag))
    }
}

impl Client {
    /// Makes the index ready for a batch closed at this time.
    pub(crate) fn watch_for(&mut self, closed_at: UnixTime) {
        let today = closed_at.day();
        if self.watch.day == Some(today) {
            return;
        }
        let mut watch = core::mem::take(&mut self.watch);
        let days =
            today.0.saturating_sub(LISTENING_DAYS)..=today.0.saturating_add(LISTENING_DAYS_AHEAD);
        watch.days.retain(|day, _| days.contains(&day.0));
        for day in days.map(Day) {
            if !watch.days.contains_key(&day) {
                watch.days.insert(day, self.tags_of(day, closed_at));
            }
        }
        if watch.day.is_none() {
            watch.invitations = self.tags_of_invitations();
        }
        watch.day = Some(today);
        self.watch = watch;
    }

    fn tags_of(&self, day: Day, closed_at: UnixTime) -> TagIndex<Watched> {
        let mut index = TagIndex::new();
        for contact in self.contacts.values() {
            let Some(channel) = &contact.channel else {
                continue;
            };
            if let Some(keys) = channel.receiving_keys(day, closed_at, self.settings.grace()) {
                let watched = Watched::Contact(contact.id);
                index.watch(watched, &keys.tag_key, day, &channel.window(day));
            }
        }
        let key = self.own.tag_key();
        index.watch_range(Watched::Own, key, day, 0, 0..OwnKeys::TAGS);
        index
    }

    fn tags_of_invitations(&self) -> TagIndex<Watched> {
        let mut index = TagIndex::new();
        // Whoever took this device's place answers for it.
        let answers = !self.superseded();
        for (id, open) in self.invitations.iter().filter(|_| answers) {
            for direction in open.watched() {
                let key = open.rendezvous.tag_key(*direction);
                let watched = Watched::Rendezvous(*id, *direction);
                index.watch_range(
                    watched,
                    &key,
                    Rendezvous::DAY,
                    0,
                    0..open.window(*direction),
                );
            }
        }
        index
    }

    /// A contact's window of one day grew: watches what is new.
    pub(crate) fn watch_more(
        &mut self,
        id: ContactId,
        day: Day,
        closed_at: UnixTime,
        before: &Window,
    ) {
        let Some(channel) = self.contacts.get(&id).and_then(|c| c.channel.as_ref()) else {
            return;
        };
        let Some(keys) = channel.receiving_keys(day, closed_at, self.settings.grace()) else {
            return;
        };
        for (device, range) in channel.window(day).ranges() {
            let known = before
                .ranges()
                .find(|(d, _)| *d == device)
                .map_or(0, |(_, r)| r.end);
            let watched = Watched::Contact(id);
            self.watch
                .days
                .get_or_insert(day, TagIndex::new())
                .watch_range(watched, &keys.tag_key, day, device, known..range.end);
        }
    }
}
