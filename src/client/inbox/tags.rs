//! Which tags lead to whom: an index for all contacts and open invitations.
//! Protocol §5.

use crate::{
    base::{
        Day, SortedMap, UnixTime,
        parameters::{LISTENING_DAYS, LISTENING_DAYS_AHEAD},
    },
    channel::{Direction, TagKey, TagSlot},
    client::{ContactId, InvitationId, contacts::Contacts, invitations::Invitations},
    enrolment::Rendezvous,
    envelope::{OwnKeys, TagIndex, Window},
};

/// Whose tag it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TagOwner {
    /// A contact's channel.
    Contact(ContactId),
    /// The rendezvous of an open invitation.
    Rendezvous(InvitationId, Direction),
    /// The channel between this person's own devices.
    OwnDevices,
}

/// The tags that the batches of one day are searched for.
#[derive(Debug, Default)]
pub(crate) struct Tags {
    /// Of contacts and own devices. One map for each day: as the days of the
    /// batches advance, only the next day is derived.
    days: SortedMap<Day, TagIndex<TagOwner>>,
    /// Of open invitations, which belong to no day.
    invitations: TagIndex<TagOwner>,
    /// The day of the batches.
    day: Option<Day>,
}

/// What tags are derived from.
pub(crate) struct TagSources<'a> {
    pub(crate) contacts: &'a Contacts,
    pub(crate) invitations: &'a Invitations,
    pub(crate) own: &'a OwnKeys,
    /// Seconds for which the keys of a past month are used.
    pub(crate) grace: u64,
    /// A superseded device leaves invitations to the device that replaced it.
    pub(crate) superseded: bool,
}

impl Tags {
    /// Contacts or invitations changed: derives all tags again at the next
    /// batch.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn find(&self, tag: &[u8; 16]) -> Option<(TagOwner, TagSlot)> {
        let mut maps = self.days.values().chain([&self.invitations]);
        maps.find_map(|map| map.find(tag))
    }

    /// Makes the index ready for a batch that was closed at this time.
    pub(crate) fn prepare(&mut self, closed_at: UnixTime, sources: &TagSources<'_>) {
        let today = closed_at.day();
        if self.day == Some(today) {
            return;
        }
        let days =
            today.0.saturating_sub(LISTENING_DAYS)..=today.0.saturating_add(LISTENING_DAYS_AHEAD);
        self.days.retain(|day, _| days.contains(&day.0));
        for day in days.map(Day) {
            if !self.days.contains_key(&day) {
                self.days.insert(day, sources.of_day(day, closed_at));
            }
        }
        if self.day.is_none() {
            self.invitations = sources.of_invitations();
        }
        self.day = Some(today);
    }

    /// A contact's window of one day grew: watches the tags that are new.
    pub(crate) fn extend(
        &mut self,
        owner: TagOwner,
        key: &TagKey,
        day: Day,
        (before, after): (&Window, &Window),
    ) {
        let index = self.days.get_or_insert(day, TagIndex::new());
        for (device, range) in after.ranges() {
            let known = before.ranges().find(|(known, _)| *known == device);
            let from = known.map_or(0, |(_, range)| range.end);
            index.watch_range(owner, key, day, device, from..range.end);
        }
    }

    /// An invitation's window grew.
    pub(crate) fn extend_rendezvous(
        &mut self,
        (id, direction): (InvitationId, Direction),
        key: &TagKey,
        new: core::ops::Range<u32>,
    ) {
        let owner = TagOwner::Rendezvous(id, direction);
        self.invitations
            .watch_range(owner, key, Rendezvous::DAY, 0, new);
    }
}

impl TagSources<'_> {
    fn of_day(&self, day: Day, closed_at: UnixTime) -> TagIndex<TagOwner> {
        let mut index = TagIndex::new();
        for contact in self.contacts.iter() {
            let Some(channel) = &contact.channel else {
                continue;
            };
            if let Some(keys) = channel.receiving_keys(day, closed_at, self.grace) {
                let owner = TagOwner::Contact(contact.id);
                index.watch(owner, &keys.tag_key, day, &channel.window(day));
            }
        }
        let key = self.own.tag_key();
        index.watch_range(TagOwner::OwnDevices, key, day, 0, 0..OwnKeys::TAGS);
        index
    }

    fn of_invitations(&self) -> TagIndex<TagOwner> {
        let mut index = TagIndex::new();
        for (id, open) in self.invitations.iter().filter(|_| !self.superseded) {
            for direction in open.watched() {
                let key = open.rendezvous.tag_key(*direction);
                let owner = TagOwner::Rendezvous(id, *direction);
                index.watch_range(owner, &key, Rendezvous::DAY, 0, 0..open.window(*direction));
            }
        }
        index
    }
}
