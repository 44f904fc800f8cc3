//! Cells that must be sealed again before they leave, because their recipients
//! would not find them or the relay takes another cell size. Protocol §6.

use crate::{
    base::{
        Day, SortedMap, SortedSet, UnixTime,
        parameters::{LISTENING_DAYS, LISTENING_DAYS_AHEAD, WINDOW},
    },
    client::{
        ContactId, StoreKey, mailboxes::Destination, messages::Messages, transaction::Transaction,
    },
    envelope::chunk_len,
    identity::Fingerprint,
    vault::stored::LargeRecord,
};

use super::{CellPurpose, Outbox, QueuedCell, SendPolicy, large};

/// The day of a cell that has to be sealed again before it may leave.
pub(super) const SEAL_AGAIN: Day = Day(0);

/// Whether recipients do not look for the tags of a day.
fn is_unheard(day: Day, today: Day) -> bool {
    day.0 + LISTENING_DAYS <= today.0 || day.0 > today.0 + LISTENING_DAYS_AHEAD
}

impl Outbox {
    /// Cells of the rendezvous or of announcements that may not leave as they are:
    /// the relay takes another size, or they were in an abandoned slot.
    pub(crate) fn misfits(&self) -> impl Iterator<Item = (u64, &QueuedCell)> {
        self.iter().filter(|(_, queued)| {
            queued.contact().is_none() && (queued.day == SEAL_AGAIN || !self.fits(queued))
        })
    }

    /// Marks these cells to be sealed again before they leave. Returns those that
    /// cannot be: the backup's device sealed them.
    pub(crate) fn seal_again(
        &mut self,
        policy: SendPolicy,
        ordinals: &[u64],
        tx: &mut Transaction,
    ) -> Vec<u64> {
        let mut kept = Vec::new();
        for ordinal in ordinals {
            let Some(queued) = self.queue.get_mut(ordinal) else {
                continue;
            };
            if *ordinal < policy.former_below {
                kept.push(*ordinal);
            } else {
                queued.day = SEAL_AGAIN;
                tx.put(StoreKey::Queued(*ordinal), &queued.to_record());
            }
        }
        kept
    }

    /// Contacts with waiting cells that their client would not find: the cells
    /// waited too long, their day lies ahead because a clock was wrong, or the
    /// relay takes another cell size. Nothing is posted to these contacts until
    /// everything that waits is sealed again, so that messages keep their order.
    /// Protocol §6.
    pub(crate) fn held_back(&self, today: Day) -> SortedSet<ContactId> {
        let queued = self.queue.values();
        let queued = queued.filter(|queued| is_unheard(queued.day, today) || !self.fits(queued));
        let large = self.large.iter();
        let large = large.filter(|(_, record)| self.is_large_unheard(record, today));
        queued
            .filter_map(QueuedCell::contact)
            .chain(large.map(|(message, _)| message.contact))
            .collect()
    }

    fn is_large_unheard(&self, record: &LargeRecord, today: Day) -> bool {
        let chunk = self.size.map(chunk_len);
        let misfit = chunk.is_some_and(|chunk| chunk != record.chunk_len as usize);
        misfit || is_unheard(large::day(record), today)
    }

    /// The ordinal from which cells for a contact are sealed again: all of them, or
    /// those after a withdrawn large message.
    fn sealed_again_from(&self, contact: ContactId, today: Day) -> u64 {
        let mut large = self.large.of(contact);
        if large.any(|record| self.is_large_unheard(record, today)) {
            return 0;
        }
        let queued = self.queue.iter();
        let mut queued = queued.filter(|(_, queued)| queued.contact() == Some(contact));
        let first = queued.find(|(_, queued)| is_unheard(queued.day, today) || !self.fits(queued));
        match first {
            Some((ordinal, queued)) if queued.day == SEAL_AGAIN && self.fits(queued) => *ordinal,
            _ => 0,
        }
    }

    /// What to seal again, in the order in which it was first sealed: each
    /// message and control delivery once.
    ///
    /// Nothing, if that would discard a whole window of today's cells: their
    /// counters are used, and the recipient would find nothing after such a hole.
    /// Those messages wait for tomorrow's counters. Protocol §5.
    pub(crate) fn overdue(
        &self,
        policy: SendPolicy,
        now: UnixTime,
        messages: &Messages,
        peer: impl Fn(ContactId) -> Option<Fingerprint>,
    ) -> Vec<(CellPurpose, Destination)> {
        let today = now.day();
        let held_back = self.held_back(today).into_iter();
        let held_back: SortedMap<ContactId, u64> = held_back
            .map(|contact| (contact, self.sealed_again_from(contact, today)))
            .filter(|(contact, from)| !self.leaves_hole(*contact, today, *from))
            .collect();
        // The number of a cancelled message is used by a control delivery.
        let mut found = SortedMap::new();
        for (ordinal, queued) in self.queue.iter() {
            let is_held_back =
                |id: &ContactId| held_back.get(id).is_some_and(|from| ordinal >= from);
            let Some(contact) = queued.contact().filter(is_held_back) else {
                continue;
            };
            let place = match &queued.purpose {
                CellPurpose::Control(_, control) if policy.settled => {
                    Some((contact, false, control.seq, true))
                }
                CellPurpose::Message(message) => {
                    let former = self.is_former(policy, *message);
                    // Remaining cells of a withdrawn and deleted message have no
                    // number.
                    let seq = messages.get(*message).map_or(0, |held| held.seq);
                    Some((contact, former, seq, false))
                }
                _ => None,
            };
            if let Some(place) = place {
                found.insert(place, (queued.purpose.clone(), queued.to));
            }
        }
        let large = self.large.iter().filter(|(message, record)| {
            let from = held_back.get(&message.contact);
            from.is_some_and(|from| record.ordinal >= *from)
        });
        let large = large.map(|(message, _)| message);
        for message in large.chain(messages.sent_in_the_future(now)) {
            if let (Some(peer), Some(held)) = (peer(message.contact), messages.get(message)) {
                let place = (message.contact, false, held.seq, false);
                let to = Destination::Bucket(peer);
                found.insert(place, (CellPurpose::Message(message), to));
            }
        }
        found.into_values().collect()
    }

    /// The days whose counters are used by what waits for a contact.
    pub(crate) fn days_waiting(&self, contact: ContactId) -> Vec<Day> {
        let queued = self.queue.values();
        let queued = queued.filter(|queued| queued.contact() == Some(contact));
        queued
            .map(|queued| queued.day)
            .chain(self.large.of(contact).map(large::day))
            .collect()
    }

    /// Whether discarding what waits for a contact from an ordinal on would
    /// leave a hole in the day's counters that no window spans.
    pub(crate) fn leaves_hole(&self, contact: ContactId, day: Day, from: u64) -> bool {
        let queued = self.queue.iter().filter(|(ordinal, _)| **ordinal >= from);
        let queued = queued.filter(|(_, q)| q.contact() == Some(contact) && q.day == day);
        let large = self.large.of(contact);
        let large = large.filter(|record| large::day(record) == day && record.ordinal >= from);
        let unsealed = large.map(|record| (record.count - record.next) as usize);
        queued.count() + unsealed.sum::<usize>() >= WINDOW as usize
    }
}
