//! Large messages: their cells are sealed as slots come due, a few ahead of
//! the post, so that 16 MiB never lie in memory or in the queue as cells.
//!
//! The proof, the counters, the day and the sequence number are fixed when
//! the message is sent; what waits here is only the sealing. The body lies in
//! the store in pieces, and the caller brings those the next cells are cut
//! from: [`Client::wanted`], then [`Client::seal_more`].

use rand_core::CryptoRng;

use crate::client::{
    Client, ClientError, ContactId, Did, Effects, MessageView, TransferView,
    outbox::{Destination, Part, outbox_key},
    view::{MessageState, large_key},
};
use crate::{
    base::{SortedMap, SortedSet, UnixTime, content::PIECE_LEN},
    channel::{MonthKeys, TagSlot},
    envelope::{Body, Fragment, Sealing, seal},
    vault::stored::{self, LargeRecord},
    wire::Cell,
};

/// Cells sealed ahead of the post: one full request.
const AHEAD: usize = crate::client::MAX_POST;

/// Which message of one's own.
pub(crate) type Key = (ContactId, u32);

/// Pieces of a stored body, by number.
pub type Pieces<'a> = SortedMap<u32, &'a [u8]>;

/// A message of one's own, and the pieces of its body that are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The contact it goes to.
    pub contact: ContactId,
    /// Which of the messages with that contact.
    pub ordinal: u32,
    /// Numbers of the pieces.
    pub pieces: Vec<u32>,
}

impl Client {
    /// What [`Client::seal_more`] needs next; `None` while enough cells are
    /// sealed. To be asked before every post, until it says so.
    #[must_use]
    pub fn wanted(&self, now: UnixTime) -> Option<Wanted> {
        let held_back = self.held_back(now.day());
        let (key, record) = self
            .first_large()
            .into_iter()
            .filter(|(contact, _)| !held_back.contains(&contact.0))
            .find_map(|key| Some((key, self.large.get(&key)?)))
            .filter(|(key, _)| self.sealed_ahead(*key) < AHEAD)?;
        let (from, to) = (record.next, record.count.min(record.next + BURST));
        let (from, to) = (offset(record, from), offset(record, to) - 1);
        let pieces = to
            .checked_sub(record.head.len())
            .map_or_else(Vec::new, |last| {
                let first = from.saturating_sub(record.head.len());
                let last = last.min(self.body_len(key).saturating_sub(1));
                (first / PIECE_LEN..=last / PIECE_LEN)
                    .filter_map(|piece| u32::try_from(piece).ok())
                    .collect()
            });
        Some(Wanted {
            contact: key.0,
            ordinal: key.1,
            pieces,
        })
    }

    /// Seals the next cells of a large message and queues them. Without the
    /// pieces that were wanted the message cannot be sent any more: it is
    /// given up, shown as undelivered, and holds up no other.
    pub fn seal_more(
        &mut self,
        contact: ContactId,
        ordinal: u32,
        pieces: &Pieces<'_>,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Effects {
        let key = (contact, ordinal);
        if self.large.contains_key(&key) && self.seal_burst(key, pieces, rng).is_err() {
            self.cut_short(key);
            self.mark(contact, ordinal, Did::Undelivered, now);
        }
        self.finish(())
    }

    /// Lets a message of several cells never be whole. Its first cell leaves
    /// all the same, unless others have left: without it the recipient could
    /// not look beyond the hole in the day's counters. Protocol §5.
    fn cut_short(&mut self, key: Key) {
        let owner = (Some(key.0.0), Some(key.1));
        let queued = self.outbox.iter();
        let mut dropped: Vec<u64> = queued
            .filter(|(_, queued)| (queued.contact, queued.message) == owner)
            .map(|(ordinal, _)| *ordinal)
            .collect();
        if dropped.len() > 1 || (!dropped.is_empty() && self.large.contains_key(&key)) {
            dropped.remove(0);
        }
        for ordinal in dropped {
            self.outbox.remove(&ordinal);
            self.pending.changes.insert(outbox_key(ordinal), None);
        }
        self.forget_large(key);
    }

    fn seal_burst(
        &mut self,
        key: Key,
        pieces: &Pieces<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ClientError> {
        let mut record = self.large.get(&key).ok_or(ClientError::Internal)?.clone();
        let contact = self.contact(key.0)?;
        let peer = contact.peer.ok_or(ClientError::ContactPending)?;
        let channel = contact
            .channel
            .as_ref()
            .ok_or(ClientError::ContactPending)?;
        let sent_at = UnixTime(record.sent_at);
        let keys = channel.sending_keys(sent_at)?;
        let sealing = Sealing {
            recipient: peer.kem(),
            psk: &keys.psk,
            size: self.relay.info()?.cell_size,
        };
        let len = self.body_len(key);
        let cells: Result<Vec<Cell>, _> = (record.next..record.count.min(record.next + BURST))
            .map(|index| seal_fragment(&record, index, len, pieces, &keys, &sealing, rng))
            .collect();
        let cells = cells?;
        let first = record.ordinal + u64::from(record.next);
        record.next += u32::try_from(cells.len()).unwrap_or(u32::MAX);
        let to = Destination::Bucket(peer.fingerprint());
        let part = Part::Message(key.0, key.1);
        self.enqueue_from(first, cells, to, sent_at.day(), &part);
        if record.next == record.count {
            self.forget_large(key);
        } else {
            self.keep_large(key, record);
        }
        Ok(())
    }

    /// Remembers what is still to be sealed.
    pub(crate) fn keep_large(&mut self, key: Key, record: LargeRecord) {
        let bytes = stored::encode(&record);
        self.pending
            .changes
            .insert(large_key(key.0, key.1), Some(bytes));
        self.large.insert(key, record);
    }

    pub(crate) fn forget_large(&mut self, key: Key) {
        if self.large.remove(&key).is_some() {
            self.pending.changes.insert(large_key(key.0, key.1), None);
        }
    }

    /// Of each contact the large message that was sent first: they follow
    /// one another.
    fn first_large(&self) -> Vec<Key> {
        let mut seen = SortedSet::default();
        let mut keys: Vec<(u64, Key)> = self
            .large
            .iter()
            .map(|(key, record)| (record.ordinal, *key))
            .collect();
        keys.sort_unstable();
        keys.into_iter()
            .map(|(_, key)| key)
            .filter(|(contact, _)| seen.insert(*contact))
            .collect()
    }

    /// Of each contact, the place in the queue from which nothing may leave:
    /// the first cell of its large messages that is not sealed yet.
    pub(crate) fn barriers(&self) -> SortedMap<[u8; 8], u64> {
        self.first_large()
            .into_iter()
            .filter_map(|key| {
                let record = self.large.get(&key)?;
                Some((key.0.0, record.ordinal + u64::from(record.next)))
            })
            .collect()
    }

    fn sealed_ahead(&self, key: Key) -> usize {
        let owner = (Some(key.0.0), Some(key.1));
        self.outbox
            .values()
            .filter(|queued| (queued.contact, queued.message) == owner)
            .count()
    }

    fn body_len(&self, key: Key) -> usize {
        self.messages
            .get(&key)
            .map_or(0, |record| record.size as usize)
    }

    /// Takes back a message of several cells that has not wholly left. Its
    /// sequence number goes to a control delivery that says nothing, so that
    /// its recipient is told of no gap; fragments that arrive are never
    /// shown. Protocol §13.
    ///
    /// # Errors
    ///
    /// `MessageUnknown`; `MessageSent` for one that the relay has, that is
    /// not one's own, or that is one cell; `ClockBehind`.
    pub fn cancel(
        &mut self,
        contact: ContactId,
        ordinal: u32,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Effects<MessageView>, ClientError> {
        let found = self.messages.get(&(contact, ordinal));
        let record = found.ok_or(ClientError::MessageUnknown)?;
        let queued = record.outgoing && record.state == MessageState::Queued as u8;
        if !queued || self.outgoing_transfer((contact, ordinal)).is_none() {
            return Err(ClientError::MessageSent);
        }
        let seq = record.seq;
        // A number of a former device's count is not this one's to fill.
        if !self.is_former(contact, ordinal) {
            self.fill_sequence(contact, seq, now, rng)?;
        }
        self.cut_short((contact, ordinal));
        self.mark(contact, ordinal, Did::Cancelled, now);
        let record = self.messages.get(&(contact, ordinal));
        let record = record.ok_or(ClientError::Internal)?;
        let view = MessageView::new(contact, ordinal, record);
        Ok(self.finish(view))
    }

    /// Messages of more than one cell that are on their way, in or out.
    ///
    /// # Errors
    ///
    /// `RelayUnknown` before the first `/v1/info`.
    pub fn transfers(&self) -> Result<Vec<TransferView>, ClientError> {
        let queued = self
            .messages
            .iter()
            .filter(|(_, record)| record.outgoing && record.state == MessageState::Queued as u8);
        let outgoing = queued.filter_map(|(key, _)| self.outgoing_transfer(*key));
        let incoming = self.unfinished.keys();
        let incoming = incoming.filter_map(|key| self.incoming_transfer(*key));
        self.relay.info()?;
        Ok(outgoing.chain(incoming).collect())
    }

    /// How far a message of one's own is; `None` if it takes one cell only.
    pub(crate) fn outgoing_transfer(&self, key: Key) -> Option<TransferView> {
        let record = self.messages.get(&key)?;
        if !record.outgoing || record.state > MessageState::Stored as u8 {
            return None;
        }
        let chunk = crate::envelope::chunk_len(self.relay.info().ok()?.cell_size);
        let of = record.size as usize;
        let left = (record.cells_left as usize).saturating_mul(chunk);
        (of > chunk).then(|| TransferView::outgoing(key.0, key.1, of.saturating_sub(left), of))
    }
}

/// Cells sealed at a time.
const BURST: u32 = 64;

/// One cell of a large message.
pub(crate) fn seal_fragment(
    record: &LargeRecord,
    index: u32,
    body_len: usize,
    pieces: &Pieces<'_>,
    keys: &MonthKeys,
    sealing: &Sealing<'_>,
    rng: &mut impl CryptoRng,
) -> Result<Cell, ClientError> {
    let chunk = cut(record, index, body_len, pieces);
    let body = Body::Fragment(Fragment {
        message_id: record.message_id,
        index,
        count: record
            .count
            .try_into()
            .map_err(|_| ClientError::MessageUnknown)?,
        chunk: chunk.ok_or(ClientError::MessageUnknown)?,
    });
    let slot = TagSlot {
        day: UnixTime(record.sent_at).day(),
        device: record.device,
        counter: record.first_counter + index,
    };
    Ok(seal(sealing, keys.tag_key.tag(slot), &body, rng)?)
}

/// Where a fragment begins in the bytes of its delivery.
fn offset(record: &LargeRecord, index: u32) -> usize {
    index as usize * record.chunk_len as usize
}

/// A fragment's bytes: of the delivery's head, and of the body after it.
/// `None` if a piece that it lies in is missing.
fn cut(record: &LargeRecord, index: u32, body_len: usize, pieces: &Pieces<'_>) -> Option<Vec<u8>> {
    let head = &record.head;
    let len = head.len() + body_len;
    let (mut at, end) = (offset(record, index), offset(record, index + 1).min(len));
    let mut chunk = Vec::with_capacity(end.saturating_sub(at));
    if let Some(bytes) = head.get(at..end.min(head.len())) {
        chunk.extend_from_slice(bytes);
        at += bytes.len();
    }
    while at < end {
        let place = at - head.len();
        let piece = pieces.get(&u32::try_from(place / PIECE_LEN).ok()?)?;
        let from = place % PIECE_LEN;
        let bytes = piece.get(from..(from + end - at).min(piece.len()))?;
        if bytes.is_empty() {
            return None;
        }
        chunk.extend_from_slice(bytes);
        at += bytes.len();
    }
    Some(chunk)
}
