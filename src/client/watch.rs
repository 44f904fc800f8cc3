//! Which tags lead to whom: one index for all contacts and open invitations.

use super::{Client, ContactId, InvitationId};
use crate::{
    base::{Day, UnixTime},
    channel::{Direction, TagSlot},
    enrolment::Rendezvous,
    envelope::{OwnKeys, TagIndex, Window},
};

/// A batch closed on day d holds tags of days d − 3 … d + 1. Protocol §5.
const DAYS_BACK: u32 = 3;
const DAYS_AHEAD: u32 = 1;

/// What a tag leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watched {
    Contact(ContactId),
    Rendezvous(InvitationId, Direction),
    /// A cell to oneself.
    Own,
}

/// The index, with the day of the batches it was made for.
#[derive(Debug, Default)]
pub(super) struct Watch {
    index: TagIndex<Watched>,
    day: Option<Day>,
}

impl Watch {
    /// Contacts or invitations changed: make it anew at the next batch.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    pub(super) fn find(&self, tag: &[u8; 16]) -> Option<(Watched, TagSlot)> {
        self.index.find(tag)
    }
}

impl Client {
    /// Makes the index ready for a batch closed at this time.
    pub(super) fn watch_for(&mut self, closed_at: UnixTime) {
        let day = closed_at.day();
        if self.watch.day == Some(day) {
            return;
        }
        let mut index = TagIndex::new();
        for contact in self.contacts.values() {
            let Some(channel) = &contact.channel else {
                continue;
            };
            for day in day.0.saturating_sub(DAYS_BACK)..=day.0.saturating_add(DAYS_AHEAD) {
                if let Some(keys) = channel.receiving_keys(Day(day), closed_at) {
                    let window = channel.window(Day(day));
                    index.watch(
                        Watched::Contact(contact.id),
                        &keys.tag_key,
                        Day(day),
                        &window,
                    );
                }
            }
        }
        let (key, own) = (self.own.tag_key(), 0..OwnKeys::TAGS);
        for day in day.0.saturating_sub(DAYS_BACK)..=day.0.saturating_add(DAYS_AHEAD) {
            index.watch_range(Watched::Own, key, Day(day), 0, own.clone());
        }
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
        self.watch = Watch {
            index,
            day: Some(day),
        };
    }

    /// A contact's window of one day grew: watches what is new.
    pub(super) fn watch_more(
        &mut self,
        id: ContactId,
        day: Day,
        closed_at: UnixTime,
        before: &Window,
    ) {
        let Some(channel) = self.contacts.get(&id).and_then(|c| c.channel.as_ref()) else {
            return;
        };
        let Some(keys) = channel.receiving_keys(day, closed_at) else {
            return;
        };
        for (device, range) in channel.window(day).ranges() {
            let known = before
                .ranges()
                .find(|(d, _)| *d == device)
                .map_or(0, |(_, r)| r.end);
            let watched = Watched::Contact(id);
            self.watch
                .index
                .watch_range(watched, &keys.tag_key, day, device, known..range.end);
        }
    }
}
