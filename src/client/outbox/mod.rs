//! Sealed cells on their way out: committed before they are posted, and
//! posted, the identical bytes, until the relay answers 202.

mod large;
mod queued;
mod slot;

pub use large::{Pieces, PiecesNeeded};
pub(crate) use large::{burst, pieces_of_burst, seal_fragment};
pub(crate) use queued::{CellPurpose, Destination, QueuedCell, greeting};
pub(crate) use slot::Slot;
pub use slot::{MAX_POST, Post};

use large::LargeMessages;

use crate::{
    base::{
        Day, SortedMap, SortedSet, UnixTime,
        parameters::{LISTENING_DAYS, LISTENING_DAYS_AHEAD, WINDOW},
        sorted_by_key,
    },
    client::{
        ClientError, ContactId, MessageRef, StoreKey, mailboxes::Mailboxes, messages::Messages,
        transaction::Transaction,
    },
    envelope::chunk_len,
    identity::Fingerprint,
    vault::stored::LargeRecord,
    wire::{BucketId, Cell, CellSize, MAX_LOBBY_ENTRIES, PostEntry},
};

/// The day of a cell that has to be sealed again before it may leave.
const SEAL_AGAIN: Day = Day(0);

/// Whether recipients do not look for the tags of a day.
fn is_unheard(day: Day, today: Day) -> bool {
    day.0 + LISTENING_DAYS <= today.0 || day.0 > today.0 + LISTENING_DAYS_AHEAD
}

/// What this device may post, as [`Devices`](crate::client::devices::Devices)
/// decides it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SendPolicy {
    /// Whether what waits was sealed under this device's index.
    pub(crate) settled: bool,
    /// Whether that index is final. Before, only announcements, the
    /// rendezvous, and messages that the device of the backup sealed leave.
    pub(crate) confirmed: bool,
    /// Cells below this ordinal were sealed by the device of the backup.
    pub(crate) former_below: u64,
}

impl SendPolicy {
    fn allows(&self, ordinal: u64, queued: &QueuedCell) -> bool {
        let former = queued.message().is_some() && ordinal < self.former_below;
        self.confirmed || queued.contact().is_none() || former
    }
}

/// A queued cell that may leave now.
struct Ready<'a> {
    ordinal: u64,
    bucket: BucketId,
    queued: &'a QueuedCell,
}

impl Ready<'_> {
    fn cell(&self, size: CellSize) -> Result<Cell, ClientError> {
        Cell::parse(self.queued.cell.clone(), size).map_err(|_| ClientError::RelayProtocol)
    }
}

/// The queue, and the large messages that are sealed as slots come due.
pub(crate) struct Outbox {
    /// Sealed cells by ordinal: first in, first out.
    queue: SortedMap<u64, QueuedCell>,
    /// Never used twice while this client lives, so that the answer to a post
    /// cannot mean another cell.
    next_ordinal: u64,
    large: LargeMessages,
    /// The size of cells that the relay takes. Cells of another size, from
    /// before it changed, are sealed again.
    size: Option<CellSize>,
}

impl Outbox {
    pub(crate) fn new() -> Self {
        Self {
            queue: SortedMap::new(),
            next_ordinal: 0,
            large: LargeMessages::default(),
            size: None,
        }
    }

    /// The relay takes cells of this size from now on.
    pub(crate) fn fit(&mut self, size: CellSize) {
        self.size = Some(size);
    }

    fn fits(&self, queued: &QueuedCell) -> bool {
        self.size
            .is_none_or(|size| queued.cell.len() == size.bytes())
    }

    /// Cells of the rendezvous or of announcements that are of another size
    /// than the relay takes.
    pub(crate) fn misfits(&self) -> impl Iterator<Item = &QueuedCell> {
        let queued = self.queue.values();
        queued.filter(|queued| queued.contact().is_none() && !self.fits(queued))
    }

    /// Discards those cells.
    pub(crate) fn discard_misfits(&mut self, tx: &mut Transaction) {
        let Some(size) = self.size else {
            return;
        };
        self.discard_if(
            |queued| queued.contact().is_none() && queued.cell.len() != size.bytes(),
            tx,
        );
    }

    pub(crate) fn restore(&mut self, ordinal: u64, queued: QueuedCell) {
        self.next_ordinal = self.next_ordinal.max(ordinal + 1);
        self.queue.insert(ordinal, queued);
    }

    pub(crate) fn restore_large(&mut self, message: MessageRef, record: LargeRecord) {
        let end = record.ordinal + u64::from(record.count);
        self.next_ordinal = self.next_ordinal.max(end);
        self.large.restore(message, record);
    }

    /// No new cell gets an ordinal below this.
    pub(crate) fn start_at(&mut self, ordinal: u64) {
        self.next_ordinal = self.next_ordinal.max(ordinal);
    }

    pub(crate) fn next_ordinal(&self) -> u64 {
        self.next_ordinal
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &QueuedCell)> {
        self.queue
            .iter()
            .map(|(ordinal, queued)| (*ordinal, queued))
    }

    pub(crate) fn large(&self) -> impl Iterator<Item = (MessageRef, &LargeRecord)> {
        self.large.iter()
    }

    /// Cells that wait for the relay, those not sealed yet included.
    pub(crate) fn len(&self) -> usize {
        let unsealed = self.large.iter();
        let unsealed = unsealed.map(|(_, record)| (record.count - record.next) as usize);
        self.queue.len() + unsealed.sum::<usize>()
    }

    /// Queues sealed cells.
    pub(crate) fn push(
        &mut self,
        cells: Vec<Cell>,
        to: Destination,
        day: Day,
        purpose: &CellPurpose,
        tx: &mut Transaction,
    ) {
        let first = self.next_ordinal;
        self.next_ordinal += cells.len() as u64;
        self.push_at(first, cells, to, day, purpose, tx);
    }

    fn push_at(
        &mut self,
        first: u64,
        cells: Vec<Cell>,
        to: Destination,
        day: Day,
        purpose: &CellPurpose,
        tx: &mut Transaction,
    ) {
        for (ordinal, cell) in (first..).zip(cells) {
            let queued = QueuedCell {
                cell: cell.as_bytes().to_vec(),
                to,
                day,
                purpose: purpose.clone(),
            };
            tx.put(StoreKey::Queued(ordinal), &queued.to_record());
            self.queue.insert(ordinal, queued);
        }
    }

    /// The relay answered 202: these cells are durable there. How many cells
    /// of which messages they were.
    pub(crate) fn acknowledge(
        &mut self,
        ordinals: &[u64],
        tx: &mut Transaction,
    ) -> SortedMap<MessageRef, u32> {
        let mut posted = SortedMap::new();
        for ordinal in ordinals {
            let Some(queued) = self.queue.remove(ordinal) else {
                continue;
            };
            tx.delete(StoreKey::Queued(*ordinal));
            if let Some(message) = queued.message() {
                *posted.get_or_insert(message, 0) += 1;
            }
        }
        posted
    }

    /// Contacts for whom something waits that their client would not find:
    /// it waited so long that it is no longer looked for, its day lies ahead
    /// because a clock was wrong, or the relay takes another size of cells.
    /// Nothing is posted to them until all that waits is sealed again, so that
    /// messages keep their order. Protocol §6.
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

    /// From which ordinal on what waits for a contact is sealed again: all of
    /// it, or what follows a large message that was withdrawn.
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
    /// Not if that would discard a whole window of cells of today: their
    /// counters are used, and the recipient would not find what comes after
    /// such a hole. Then it waits for tomorrow's counters. Protocol §5.
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
        // The delivery that uses the number of a cancelled message stands beside it.
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
                    // What is left of a message that was withdrawn and deleted
                    // has no number any more.
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

    /// Whether the device of the backup sealed a message that still waits. It
    /// cannot be sealed again: its number is of the former device's count.
    pub(crate) fn is_former(&self, policy: SendPolicy, message: MessageRef) -> bool {
        self.queue.iter().any(|(ordinal, queued)| {
            *ordinal < policy.former_below && queued.message() == Some(message)
        })
    }

    /// Messages of which cells wait, from this ordinal of the queue on.
    pub(crate) fn messages_from(&self, ordinal: u64) -> Vec<MessageRef> {
        let queued = self.queue.iter().filter(|(at, _)| **at >= ordinal);
        queued
            .filter_map(|(_, queued)| queued.message())
            .chain(self.large.iter().map(|(message, _)| message))
            .collect()
    }

    /// Control deliveries that wait, in their order.
    pub(crate) fn controls(&self) -> Vec<(ContactId, Vec<u8>, Destination)> {
        let mut found = SortedMap::new();
        for queued in self.queue.values() {
            if let CellPurpose::Control(contact, control) = &queued.purpose {
                let delivery = (*contact, control.payload.clone(), queued.to);
                found.insert((*contact, control.seq), delivery);
            }
        }
        found.into_values().collect()
    }

    pub(crate) fn has(&self, ordinal: u64) -> bool {
        self.queue.contains_key(&ordinal)
    }

    pub(crate) fn has_cell(&self, bytes: &[u8]) -> bool {
        self.queue.values().any(|queued| queued.cell == bytes)
    }

    /// Discards the cells of one message or control delivery.
    pub(crate) fn discard(&mut self, purpose: &CellPurpose, tx: &mut Transaction) {
        if let CellPurpose::Message(message) = purpose {
            self.large.forget(*message, tx);
        }
        self.discard_if(|queued| queued.purpose.is_same_delivery(purpose), tx);
    }

    /// Discards the queued cells that `gone` accepts.
    pub(crate) fn discard_if(&mut self, gone: impl Fn(&QueuedCell) -> bool, tx: &mut Transaction) {
        self.queue.retain(|ordinal, queued| {
            let gone = gone(queued);
            if gone {
                tx.delete(StoreKey::Queued(*ordinal));
            }
            !gone
        });
    }

    /// Discards all that waits for a contact.
    pub(crate) fn remove_contact(&mut self, contact: ContactId, tx: &mut Transaction) {
        self.discard_if(|queued| queued.contact() == Some(contact), tx);
        self.large.remove_contact(contact, tx);
    }

    /// Withdraws a message: what has not left of it is dropped, so that it is
    /// never whole. Of several cells every 32nd leaves all the same, from the
    /// first on: a recipient finds nothing behind a longer hole in the day's
    /// counters. Protocol §5.
    ///
    /// The counters of the cells of a large message that are not sealed yet
    /// are free again ([`Outbox::unused`]). So what waits behind it, none of
    /// which has left, is marked to be sealed again with those.
    pub(crate) fn cut_short(&mut self, message: MessageRef, tx: &mut Transaction) {
        let queued = self.queue.iter();
        let cells: Vec<u64> = queued
            .filter(|(_, queued)| queued.message() == Some(message))
            .map(|(ordinal, _)| *ordinal)
            .collect();
        let large = self.large.get(message);
        let several = cells.len() > 1 || large.is_some();
        let behind = large.map(|record| record.ordinal + u64::from(record.next));
        for (place, ordinal) in cells.into_iter().enumerate() {
            if !several || !place.is_multiple_of(WINDOW as usize) {
                self.queue.remove(&ordinal);
                tx.delete(StoreKey::Queued(ordinal));
            }
        }
        self.large.forget(message, tx);
        let Some(behind) = behind else {
            return;
        };
        let waiting = self.queue.iter_mut();
        for (ordinal, queued) in waiting.filter(|(ordinal, _)| **ordinal >= behind) {
            if queued.contact() == Some(message.contact) {
                queued.day = SEAL_AGAIN;
                tx.put(StoreKey::Queued(*ordinal), &queued.to_record());
            }
        }
    }

    /// The day of a large message, and the first of its counters that no cell
    /// was sealed with.
    pub(crate) fn unused(&self, message: MessageRef) -> Option<(Day, u32)> {
        let record = self.large.get(message)?;
        Some((large::day(record), record.first_counter + record.next))
    }

    /// Whether every cell that is left of a message is in a post without an
    /// answer.
    pub(crate) fn may_have_left(&self, message: MessageRef, in_flight: &[u64]) -> bool {
        let mut queued = self.queue.iter();
        self.large.get(message).is_none()
            && !queued.any(|(ordinal, queued)| {
                queued.message() == Some(message) && !in_flight.contains(ordinal)
            })
    }

    /// The next slot: what may leave, in the place of cover.
    pub(crate) fn slot(
        &self,
        policy: SendPolicy,
        today: Day,
        mailboxes: &Mailboxes,
    ) -> Result<Slot, ClientError> {
        let relay = mailboxes.for_posting()?;
        let mut slot = Slot::new(&relay);
        for ready in self.ready(policy, today, mailboxes)? {
            slot.take(ready.ordinal, ready.bucket, || ready.cell(relay.cell_size))?;
        }
        Ok(slot)
    }

    /// The next cells for the lobby, which no slot carries.
    pub(crate) fn lobby_post(
        &self,
        policy: SendPolicy,
        today: Day,
        mailboxes: &Mailboxes,
    ) -> Result<Option<Post>, ClientError> {
        let size = mailboxes.info()?.cell_size;
        let ready = self.ready(policy, today, mailboxes)?.into_iter();
        let for_lobby = ready.filter(|ready| ready.bucket.is_lobby());
        let (mut entries, mut tokens) = (Vec::new(), Vec::new());
        for ready in for_lobby.take(MAX_LOBBY_ENTRIES) {
            let (bucket, cell) = (ready.bucket, ready.cell(size)?);
            entries.push(PostEntry { bucket, cell });
            tokens.push(ready.ordinal);
        }
        if entries.is_empty() {
            return Ok(None);
        }
        let body = slot::encode(&entries)?;
        Ok(Some(Post { body, tokens }))
    }

    /// What may leave now, oldest first; cells of large messages last, so that
    /// a picture to one person does not delay a word to another. What goes to
    /// one contact keeps its order.
    fn ready(
        &self,
        policy: SendPolicy,
        today: Day,
        mailboxes: &Mailboxes,
    ) -> Result<Vec<Ready<'_>>, ClientError> {
        if mailboxes.is_changing() {
            return Ok(Vec::new()); // Nothing that waits is of that shape.
        }
        let (held_back, barriers) = (self.held_back(today), self.large.barriers());
        let off = mailboxes.clock_is_off();
        let may_leave = |ordinal: u64, queued: &QueuedCell| {
            policy.allows(ordinal, queued)
                && self.fits(queued)
                && !(off && queued.contact().is_some())
                && queued.contact().is_none_or(|id| {
                    !held_back.contains(&id) && barriers.get(&id).is_none_or(|end| ordinal < *end)
                })
        };
        let is_large = |queued: &QueuedCell| {
            let message = queued.message();
            message.is_some_and(|message| self.large.get(message).is_some())
        };
        // A greeting can wait until nothing else is sent to that contact.
        let addressed: SortedSet<_> = self
            .queue
            .values()
            .filter(|queued| !queued.is_greeting())
            .filter_map(QueuedCell::contact)
            .collect();
        let waits = |queued: &QueuedCell| {
            queued.is_greeting() && queued.contact().is_none_or(|id| !addressed.contains(&id))
        };
        let ready = self.queue.iter();
        let ready = ready.filter(|(ordinal, queued)| may_leave(**ordinal, queued));
        let in_turn = sorted_by_key(ready, |(ordinal, queued)| {
            (waits(queued), is_large(queued), **ordinal)
        });
        let placed = in_turn.map(|(ordinal, queued)| {
            Ok(Ready {
                ordinal: *ordinal,
                bucket: mailboxes.bucket_for(queued.to)?,
                queued,
            })
        });
        placed.collect()
    }

    /// Keeps a large message, to be sealed as slots come due. Fragment 0 was
    /// queued last: the others follow it.
    pub(crate) fn push_large(
        &mut self,
        message: MessageRef,
        mut record: LargeRecord,
        tx: &mut Transaction,
    ) {
        record.ordinal = self.next_ordinal - u64::from(record.next);
        self.next_ordinal += u64::from(record.count - record.next);
        self.large.put(message, record, tx);
    }

    /// The large message of which cells are to be sealed next.
    pub(crate) fn next_large(&self, today: Day) -> Option<(MessageRef, &LargeRecord)> {
        let held_back = self.held_back(today);
        self.large
            .first_of_each()
            .into_iter()
            .filter(|message| !held_back.contains(&message.contact))
            .find_map(|message| Some((message, self.large.get(message)?)))
            .filter(|(message, _)| self.sealed_ahead(*message) < large::AHEAD)
    }

    pub(crate) fn large_message(&self, message: MessageRef) -> Option<&LargeRecord> {
        self.large.get(message)
    }

    /// The next cells of a large message were sealed.
    pub(crate) fn push_sealed(
        &mut self,
        message: MessageRef,
        cells: Vec<Cell>,
        to: Destination,
        tx: &mut Transaction,
    ) {
        let Some(mut record) = self.large.get(message).cloned() else {
            return;
        };
        let first = record.ordinal + u64::from(record.next);
        record.next += u32::try_from(cells.len()).unwrap_or(u32::MAX);
        let purpose = CellPurpose::Message(message);
        self.push_at(first, cells, to, large::day(&record), &purpose, tx);
        if record.next >= record.count {
            self.large.forget(message, tx);
        } else {
            self.large.put(message, record, tx);
        }
    }

    fn sealed_ahead(&self, message: MessageRef) -> usize {
        let queued = self.queue.values();
        queued
            .filter(|queued| queued.message() == Some(message))
            .count()
    }
}

#[cfg(test)]
mod tests;
