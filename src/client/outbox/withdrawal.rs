//! Withdrawing a message that has not left, or not all of it. Protocol §13.

use crate::{
    base::{Day, parameters::WINDOW},
    client::{MessageRef, StoreKey, transaction::Transaction},
};

use super::{Outbox, large, resealing::SEAL_AGAIN};

impl Outbox {
    /// Withdraws a message by dropping the cells that have not left, so that it
    /// never becomes complete. Of several cells every 32nd, starting with the
    /// first, is still sent: a recipient finds nothing after a longer hole in the
    /// day's counters. Protocol §5.
    ///
    /// Counters of a large message's unsealed cells become free again
    /// ([`Outbox::unused`]). Cells that wait behind it have not left; they are
    /// marked to be sealed again with those counters.
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

    /// Whether every remaining cell of a message is in a post without an answer.
    pub(crate) fn may_have_left(&self, message: MessageRef) -> bool {
        let in_flight = self.in_flight();
        let mut queued = self.queue.iter();
        self.large.get(message).is_none()
            && !queued.any(|(ordinal, queued)| {
                queued.message() == Some(message) && !in_flight.contains(ordinal)
            })
    }
}
