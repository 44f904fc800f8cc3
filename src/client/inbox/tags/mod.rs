//! The index from tags to contacts and open invitations. Protocol §5.

use crate::{
    base::{
        Day, SortedMap, UnixTime,
        parameters::{LISTENING_DAYS, LISTENING_DAYS_AHEAD},
    },
    channel::{Direction, Tag, TagKey, TagSlot},
    client::{
        ContactId, InvitationId,
        contacts::{Contact, Contacts, GenerationId},
        invitations::{Invitations, OpenInvitation},
    },
    enrolment::Rendezvous,
    envelope::{OwnKeys, TagIndex, Window},
};

/// The owner of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TagOwner {
    /// One generation of a channel.
    Channel(Peer, GenerationId),
    /// The rendezvous of an open invitation.
    Rendezvous(InvitationId, Direction),
}

/// The other end of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Contact(ContactId),
    /// This person's own devices.
    Own,
}

impl TagOwner {
    fn is_of(self, contact: ContactId) -> bool {
        matches!(self, Self::Channel(Peer::Contact(id), _) if id == contact)
    }
}

/// The tags that the batches of one day are searched for.
///
/// The index is updated, not rebuilt: nothing that a peer sends may cost as much as
/// all contacts together.
#[derive(Debug, Default)]
pub(crate) struct Tags {
    /// Of contacts and own devices. One map for each day: as the days of the
    /// batches advance, only the next day is derived.
    days: SortedMap<Day, TagIndex<TagOwner>>,
    /// Of open invitations, which belong to no day.
    invitations: TagIndex<TagOwner>,
    /// When the batches that the index is ready for were closed.
    closed_at: Option<UnixTime>,
    /// Tags watched in addition since they were last taken.
    new: Vec<Tag>,
    /// Tags derived since the start.
    derived: u64,
}

/// The sources of tags.
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
    /// Derives all tags again at the next batch. Only an action of the device's
    /// owner may cause this: it is too expensive for anything that arrives.
    pub(crate) fn reset(&mut self) {
        *self = Self {
            derived: self.derived,
            ..Self::default()
        };
    }

    pub(crate) fn find(&self, tag: &[u8; 16]) -> Option<(TagOwner, TagSlot)> {
        let mut maps = self.days.values().chain([&self.invitations]);
        maps.find_map(|map| map.find(tag))
    }

    /// Tags watched.
    pub(crate) fn len(&self) -> usize {
        let days: usize = self.days.values().map(TagIndex::len).sum();
        days + self.invitations.len()
    }

    /// Tags derived since the start.
    pub(crate) fn derived(&self) -> u64 {
        self.derived
    }

    /// Prepares the index for a batch with this closing time.
    pub(crate) fn prepare(&mut self, closed_at: UnixTime, sources: &TagSources<'_>) {
        let today = closed_at.day();
        if self.closed_at.map(UnixTime::day) == Some(today) {
            return;
        }
        let days =
            today.0.saturating_sub(LISTENING_DAYS)..=today.0.saturating_add(LISTENING_DAYS_AHEAD);
        self.days.retain(|day, _| days.contains(&day.0));
        let is_first = self.closed_at.replace(closed_at).is_none();
        for day in days.map(Day) {
            if !self.days.contains_key(&day) {
                let own = TagOwner::Channel(Peer::Own, 0);
                self.watch(own, sources.own.tag_key(), day, 0, 0..OwnKeys::TAGS);
                for contact in sources.contacts.iter() {
                    self.watch_day(contact, day, 0, (closed_at, sources.grace));
                }
            }
        }
        if is_first && !sources.superseded {
            for (id, open) in sources.invitations.iter() {
                self.watch_invitation(id, open);
            }
        }
        self.new = Vec::new(); // A batch is searched for all of these from its beginning.
    }

    /// Tags added since the last call. A batch being read is searched again for
    /// these only.
    pub(crate) fn take_new(&mut self) -> Vec<Tag> {
        core::mem::take(&mut self.new)
    }

    /// Watches the tags of a contact that has a channel from now on.
    pub(crate) fn watch_contact(&mut self, contact: &Contact, grace: u64) {
        self.watch_devices(contact, 0, grace);
    }

    /// A contact's deliveries come from a new device from now on: watches its
    /// tags, and the first ones of the device after it, on every day.
    pub(crate) fn watch_devices(&mut self, contact: &Contact, from: u8, grace: u64) {
        let Some(closed_at) = self.closed_at else {
            return; // The index is built at the first batch.
        };
        let days: Vec<Day> = self.days.keys().copied().collect();
        for day in days {
            self.watch_day(contact, day, from, (closed_at, grace));
        }
    }

    /// Watches the tags of one day of a contact's devices, from this device on.
    fn watch_day(
        &mut self,
        contact: &Contact,
        day: Day,
        from: u8,
        (closed_at, grace): (UnixTime, u64),
    ) {
        let Some(channel) = &contact.channel else {
            return;
        };
        for generation in channel.generations() {
            let keys = channel.receiving_keys(generation, day, closed_at, grace);
            let Some(keys) = keys else { continue };
            let owner = TagOwner::Channel(Peer::Contact(contact.id), generation);
            let ranges = channel.window(generation, day);
            for (device, range) in ranges.ranges().filter(|(device, _)| *device >= from) {
                self.watch(owner, &keys.tag_key, day, device, range);
            }
        }
    }

    /// Watches the tags of an open invitation.
    pub(crate) fn watch_invitation(&mut self, id: InvitationId, open: &OpenInvitation) {
        if self.closed_at.is_none() {
            return; // The index is built at the first batch.
        }
        for direction in open.watched() {
            let key = open.rendezvous.tag_key(*direction);
            let window = 0..open.window(*direction);
            self.extend_rendezvous((id, *direction), &key, window);
        }
    }

    /// Stops watching for a contact that was removed.
    pub(crate) fn forget_contact(&mut self, contact: ContactId) {
        for index in self.days.values_mut() {
            index.forget(|owner| owner.is_of(contact));
        }
    }

    /// Stops watching for a removed invitation.
    pub(crate) fn forget_invitation(&mut self, invitation: InvitationId) {
        self.invitations
            .forget(|owner| matches!(owner, TagOwner::Rendezvous(id, _) if id == invitation));
    }

    /// Stops watching for all invitations, which another device does from now on.
    pub(crate) fn forget_invitations(&mut self) {
        self.invitations = TagIndex::default();
    }

    /// A channel's window of one day grew: watches the tags that are new.
    pub(crate) fn extend(
        &mut self,
        owner: TagOwner,
        key: &TagKey,
        day: Day,
        (before, after): (&Window, &Window),
    ) {
        for (device, range) in after.ranges() {
            let known = before.ranges().find(|(known, _)| *known == device);
            let from = known.map_or(0, |(_, range)| range.end);
            self.watch(owner, key, day, device, from..range.end);
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
        self.watch(owner, key, Rendezvous::DAY, 0, new);
    }

    fn watch(
        &mut self,
        owner: TagOwner,
        key: &TagKey,
        day: Day,
        device: u8,
        counters: core::ops::Range<u32>,
    ) {
        let index = match owner {
            TagOwner::Rendezvous(..) => &mut self.invitations,
            _ => self.days.get_or_insert(day, TagIndex::default()),
        };
        let watched = index.watch_range(owner, key, day, device, counters);
        self.derived += watched.len() as u64;
        self.new.extend(watched);
    }
}

#[cfg(test)]
mod tests;
