//! The slot that was posted last. Until the relay answers it is repeated byte
//! for byte, also after a restart: the same cells among other cover would show
//! the relay which of them are real. Protocol §13.
//!
//! The record has no body but what it is made from: the queued cells, and the seed
//! of the cover and the order.

use rand_core::CryptoRng;

use super::{MAX_POST, Outbox, Post, Slot};
use crate::{
    base::{Secret, UnixTime},
    client::{
        ClientError, StoreKey,
        mailboxes::{Destination, Mailboxes},
        transaction::Transaction,
    },
    crypto::seeded::SeededRng,
    vault::{VaultError, stored::SlotRecord},
    wire::{BucketCount, CellSize, CellsPerBucket, RelaySettings},
};

/// The number of bytes of an ordinal.
const ORDINAL_LEN: usize = 8;
/// Padding of the list of cells; no ordinal reaches it.
const NO_CELL: u64 = u64::MAX;

/// The slot that was posted last.
#[derive(Debug)]
pub(super) struct InFlight {
    seed: Secret<32>,
    /// Ordinals of its queued cells.
    cells: Vec<u64>,
    /// When it was first posted.
    since: UnixTime,
    shape: (BucketCount, CellsPerBucket, CellSize),
    answered: bool,
}

/// A slot without an answer.
#[derive(Debug)]
pub(crate) struct UnansweredSlot {
    /// When it was first posted.
    pub(crate) since: UnixTime,
    /// What was posted; `None` if that may not be repeated, because the relay
    /// takes another shape of slots, or one of its cells may no longer leave.
    pub(crate) post: Option<Post>,
}

impl InFlight {
    fn to_record(&self) -> SlotRecord {
        let (buckets, per_bucket, cell_size) = &self.shape;
        let unused = MAX_POST.saturating_sub(self.cells.len());
        let cells = self
            .cells
            .iter()
            .chain(core::iter::repeat_n(&NO_CELL, unused));
        SlotRecord {
            seed: *self.seed.expose(),
            cells: cells.flat_map(|ordinal| ordinal.to_be_bytes()).collect(),
            since: self.since.0,
            buckets: buckets.get(),
            per_bucket: per_bucket.get(),
            cell_size: cell_size.get(),
            answered: self.answered,
        }
    }

    fn from_record(mut record: SlotRecord) -> Option<Self> {
        let (ordinals, rest) = record.cells.as_chunks::<ORDINAL_LEN>();
        rest.is_empty().then_some(())?;
        let cells = ordinals.iter().map(|bytes| u64::from_be_bytes(*bytes));
        let cells = cells.filter(|ordinal| *ordinal != NO_CELL).collect();
        Some(Self {
            seed: Secret::take(&mut record.seed),
            cells,
            since: UnixTime(record.since),
            shape: (
                record.buckets.try_into().ok()?,
                record.per_bucket.try_into().ok()?,
                record.cell_size.try_into().ok()?,
            ),
            answered: record.answered,
        })
    }
}

impl Outbox {
    /// Begins a slot: from the commit of this change on it counts as posted. Every
    /// slot makes this change, and its record always has the same length, so that
    /// neither timing nor a full store distinguishes cover from messages.
    pub(crate) fn begin_slot(
        &mut self,
        slot: &Slot,
        relay: &RelaySettings,
        rng: &mut impl CryptoRng,
        tx: &mut Transaction,
    ) {
        let slot = InFlight {
            seed: Secret::random(rng),
            cells: slot.tokens().to_vec(),
            since: tx.now,
            shape: (relay.buckets, relay.per_bucket, relay.cell_size),
            answered: false,
        };
        tx.put(StoreKey::Slot, &slot.to_record());
        self.last_slot = Some(slot);
    }

    /// The slot is no longer repeated: the relay has it, or its cells are
    /// sealed again. Returns its cells.
    pub(crate) fn end_slot(&mut self, tx: &mut Transaction) -> Vec<u64> {
        let cells = self.in_flight().to_vec();
        if let Some(slot) = &mut self.last_slot {
            slot.answered = true;
            tx.put(StoreKey::Slot, &slot.to_record());
        }
        cells
    }

    /// The cells that the relay may have although it has not answered.
    pub(crate) fn in_flight(&self) -> &[u64] {
        let slot = self.last_slot.as_ref().filter(|slot| !slot.answered);
        slot.map_or(&[], |slot| &slot.cells)
    }

    /// All cells that the relay may have although it has not answered: those of
    /// the slot, and what waits for the lobby, of which no record says whether it
    /// was posted.
    pub(crate) fn unanswered(&self) -> impl Iterator<Item = u64> {
        let lobby = self.iter();
        let lobby = lobby.filter(|(_, queued)| queued.to == Destination::Lobby);
        let in_flight = self.in_flight().iter().copied();
        in_flight.chain(lobby.map(|(ordinal, _)| ordinal))
    }

    /// When the slot without an answer was first posted.
    pub(crate) fn unanswered_since(&self) -> Option<UnixTime> {
        let slot = self.last_slot.as_ref().filter(|slot| !slot.answered)?;
        Some(slot.since)
    }

    /// The slot that the relay may have although it has not answered.
    pub(crate) fn unanswered_slot(&self, mailboxes: &Mailboxes) -> Option<UnansweredSlot> {
        let slot = self.last_slot.as_ref().filter(|slot| !slot.answered)?;
        Some(UnansweredSlot {
            since: slot.since,
            post: self.repeated(slot, mailboxes),
        })
    }

    /// The same bytes as when the slot was first posted.
    fn repeated(&self, last: &InFlight, mailboxes: &Mailboxes) -> Option<Post> {
        let relay = mailboxes.for_posting().ok()?;
        let (buckets, per_bucket, cell_size) = last.shape;
        if (relay.buckets, relay.cell_size) != (buckets, cell_size) {
            return None;
        }
        let mut slot = Slot::with(buckets, per_bucket, cell_size);
        for ordinal in &last.cells {
            let queued = self.queue.get(ordinal)?;
            let bucket = mailboxes.bucket_for(queued.to).ok()?;
            let cell = || queued.cell_of(cell_size).ok_or(ClientError::Internal);
            slot.take(*ordinal, bucket, cell)
                .ok()
                .filter(|taken| *taken)?;
        }
        slot.finish(&mut SeededRng::new(&last.seed)).ok()
    }

    pub(crate) fn restore_slot(&mut self, record: SlotRecord) -> Result<(), VaultError> {
        let slot = InFlight::from_record(record).ok_or(VaultError::Damaged)?;
        // Ordinals are never reused, so these cells are gone.
        let newest = slot.cells.iter().max();
        self.start_at(newest.map_or(0, |ordinal| ordinal.saturating_add(1)));
        self.last_slot = Some(slot);
        Ok(())
    }

    pub(crate) fn slot_record(&self) -> Option<SlotRecord> {
        self.last_slot.as_ref().map(InFlight::to_record)
    }
}
