//! The queue of sealed cells: committed before they are posted, and posted with
//! identical bytes until the relay answers 202.

mod departures;
mod in_flight;
mod large;
mod queued;
mod resealing;
mod slot;
mod withdrawal;

pub(crate) use departures::SendPolicy;
pub use large::{Pieces, PiecesNeeded};
pub(crate) use large::{burst, pieces_of_burst, seal_fragment};
pub(crate) use queued::{CellPurpose, QueuedCell, greeting};
pub(crate) use slot::Slot;
pub use slot::{MAX_POST, Post};

use large::LargeMessages;

use crate::{
    base::{Day, SortedMap},
    client::{
        ContactId, MessageRef, StoreKey,
        mailboxes::{Destination, Mailboxes},
        transaction::Transaction,
    },
    vault::stored::LargeRecord,
    wire::{Cell, CellSize},
};

/// The queue, and the large messages that are sealed as slots come due.
#[derive(Default)]
pub(crate) struct Outbox {
    /// Sealed cells by ordinal: first in, first out.
    queue: SortedMap<u64, QueuedCell>,
    /// Never used twice in the life of this client, so that the answer to a post
    /// cannot refer to another cell.
    next_ordinal: u64,
    large: LargeMessages,
    last_slot: Option<in_flight::InFlight>,
    /// The size of cells that the relay takes. Cells of another size, from
    /// before it changed, are sealed again.
    size: Option<CellSize>,
}

impl Outbox {
    /// Cells of another size than the relay takes are sealed again.
    pub(crate) fn fit(&mut self, mailboxes: &Mailboxes) {
        if let Ok(info) = mailboxes.info() {
            self.size = Some(info.cell_size);
        }
    }

    fn fits(&self, queued: &QueuedCell) -> bool {
        self.size
            .is_none_or(|size| queued.cell.len() == size.bytes())
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

    /// The number of cells that wait for the relay, including unsealed ones.
    pub(crate) fn len(&self) -> usize {
        let unsealed = self.large.iter();
        let unsealed = unsealed.map(|(_, record)| (record.count - record.next) as usize);
        self.queue.len() + unsealed.sum::<usize>()
    }

    /// Queues cells that were sealed in this call, under tags of today.
    pub(crate) fn push(
        &mut self,
        cells: Vec<Cell>,
        to: Destination,
        purpose: &CellPurpose,
        tx: &mut Transaction,
    ) {
        let (first, today) = (self.next_ordinal, tx.now.day());
        self.next_ordinal += cells.len() as u64;
        self.push_at(first, cells, to, today, purpose, tx);
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

    /// The relay answered 202: these cells are durable there. Returns the number of
    /// cells by message.
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

    /// Whether the device of the backup sealed a message that still waits. It
    /// cannot be sealed again: its number is of the former device's count.
    pub(crate) fn is_former(&self, policy: SendPolicy, message: MessageRef) -> bool {
        self.queue.iter().any(|(ordinal, queued)| {
            *ordinal < policy.former_below && queued.message() == Some(message)
        })
    }

    /// Messages with cells that wait, from this ordinal of the queue on.
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

    /// The contact that a queued cell goes to.
    pub(crate) fn contact_of(&self, ordinal: u64) -> Option<ContactId> {
        self.queue.get(&ordinal).and_then(QueuedCell::contact)
    }

    pub(crate) fn has(&self, ordinal: u64) -> bool {
        self.queue.contains_key(&ordinal)
    }

    pub(crate) fn has_cell(&self, bytes: &[u8]) -> bool {
        self.has_any(|cell| cell == bytes)
    }

    /// Whether a cell that `wanted` accepts is queued.
    pub(crate) fn has_any(&self, wanted: impl Fn(&[u8]) -> bool) -> bool {
        self.queue.values().any(|queued| wanted(&queued.cell))
    }

    /// Discards the cells of one message or control delivery.
    pub(crate) fn discard(&mut self, purpose: &CellPurpose, tx: &mut Transaction) {
        if let CellPurpose::Message(message) = purpose {
            self.large.forget(*message, tx);
        }
        self.discard_if(|queued| queued.purpose.is_same_delivery(purpose), tx);
    }

    /// Discards these cells.
    pub(crate) fn discard_all(&mut self, ordinals: &[u64], tx: &mut Transaction) {
        for ordinal in ordinals {
            self.queue.remove(ordinal);
            tx.delete(StoreKey::Queued(*ordinal));
        }
    }

    /// Discards announcements to this person's devices.
    pub(crate) fn discard_announcements(&mut self, tx: &mut Transaction) {
        self.discard_if(|queued| queued.purpose == CellPurpose::Announcement, tx);
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

    /// Queues the cells of a message, and what is sealed later of a large one.
    pub(crate) fn push_message(
        &mut self,
        message: MessageRef,
        (cells, later): (Vec<Cell>, Option<LargeRecord>),
        to: Destination,
        tx: &mut Transaction,
    ) {
        self.push(cells, to, &CellPurpose::Message(message), tx);
        if let Some(record) = later {
            self.push_large(message, record, tx);
        }
    }

    /// Keeps a large message, to be sealed as slots come due. Fragment 0 was
    /// queued last: the others follow it.
    fn push_large(&mut self, message: MessageRef, mut record: LargeRecord, tx: &mut Transaction) {
        record.ordinal = self.next_ordinal - u64::from(record.next);
        self.next_ordinal += u64::from(record.count - record.next);
        self.large.put(message, record, tx);
    }

    /// The large message whose cells are sealed next.
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
