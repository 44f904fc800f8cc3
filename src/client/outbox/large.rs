//! Large messages: their cells are sealed as slots come due, a few ahead of
//! the post, so that 16 MiB never lie in memory or in the queue as cells.
//!
//! The proof, the counters, the day and the sequence number are fixed when
//! the message is sent; only the sealing waits. The body lies in the store in
//! pieces, and the caller loads those that the next cells are cut from:
//! [`Client::pieces_needed`](crate::client::Client::pieces_needed), then
//! [`Client::seal_more`](crate::client::Client::seal_more).

use rand_core::CryptoRng;

use crate::{
    base::{Day, SortedMap, SortedSet, UnixTime, content::PIECE_LEN},
    channel::{MonthKeys, TagSlot},
    client::{ClientError, ContactId, MessageRef, StoreKey, transaction::Transaction},
    envelope::{Body, Fragment, Sealing, seal},
    vault::stored::LargeRecord,
    wire::Cell,
};

/// Cells sealed ahead of the post: one full request.
pub(super) const AHEAD: usize = super::MAX_POST;

/// Cells sealed at a time.
const BURST: u32 = 64;

/// Pieces of a stored body, by number.
pub type Pieces<'a> = SortedMap<u32, &'a [u8]>;

/// An outgoing message, and the pieces of its body that are needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PiecesNeeded {
    /// The message.
    pub message: MessageRef,
    /// Numbers of the pieces.
    pub pieces: Vec<u32>,
}

/// Outgoing messages that are not sealed completely.
#[derive(Default)]
pub(super) struct LargeMessages(SortedMap<MessageRef, LargeRecord>);

impl LargeMessages {
    pub(super) fn get(&self, message: MessageRef) -> Option<&LargeRecord> {
        self.0.get(&message)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (MessageRef, &LargeRecord)> {
        self.0.iter().map(|(message, record)| (*message, record))
    }

    pub(super) fn of(&self, contact: ContactId) -> impl Iterator<Item = &LargeRecord> {
        let range = self.0.range(MessageRef::all(contact));
        range.map(|(_, record)| record)
    }

    pub(super) fn restore(&mut self, message: MessageRef, record: LargeRecord) {
        self.0.insert(message, record);
    }

    pub(super) fn put(&mut self, message: MessageRef, record: LargeRecord, tx: &mut Transaction) {
        tx.put(StoreKey::Large(message), &record);
        self.0.insert(message, record);
    }

    pub(super) fn forget(&mut self, message: MessageRef, tx: &mut Transaction) {
        if self.0.remove(&message).is_some() {
            tx.delete(StoreKey::Large(message));
        }
    }

    pub(super) fn remove_contact(&mut self, contact: ContactId, tx: &mut Transaction) {
        self.0.retain(|message, _| {
            let gone = message.contact == contact;
            if gone {
                tx.delete(StoreKey::Large(*message));
            }
            !gone
        });
    }

    /// Of each contact the large message that was sent first: they follow one
    /// another. The earliest of all comes first.
    pub(super) fn first_of_each(&self) -> Vec<MessageRef> {
        let mut seen = SortedSet::default();
        let by_place = crate::base::sorted_by_key(self.iter(), |(_, record)| record.ordinal);
        by_place
            .map(|(message, _)| message)
            .filter(|message| seen.insert(message.contact))
            .collect()
    }

    /// Of each contact, the place in the queue from which nothing may leave:
    /// the first cell of its large messages that is not sealed yet.
    pub(super) fn barriers(&self) -> SortedMap<ContactId, u64> {
        let first = self.first_of_each().into_iter();
        first
            .filter_map(|message| {
                let record = self.0.get(&message)?;
                Some((message.contact, record.ordinal + u64::from(record.next)))
            })
            .collect()
    }
}

pub(super) fn day(record: &LargeRecord) -> Day {
    UnixTime(record.sent_at).day()
}

/// Indexes of the fragments that are sealed next.
pub(crate) fn burst(record: &LargeRecord) -> core::ops::Range<u32> {
    record.next..record.count.min(record.next + BURST)
}

/// Numbers of the pieces of a body that the next fragments are cut from.
pub(crate) fn pieces_of_burst(record: &LargeRecord, body_len: usize) -> Vec<u32> {
    let next = burst(record);
    let (from, to) = (offset(record, next.start), offset(record, next.end) - 1);
    let Some(last) = to.checked_sub(record.head.len()) else {
        return Vec::new();
    };
    let first = from.saturating_sub(record.head.len());
    let last = last.min(body_len.saturating_sub(1));
    (first / PIECE_LEN..=last / PIECE_LEN)
        .filter_map(|piece| u32::try_from(piece).ok())
        .collect()
}

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
        day: day(record),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn record(head: usize, chunk_len: u32, count: u32, next: u32) -> LargeRecord {
        LargeRecord {
            head: vec![1; head],
            message_id: [7; 16],
            sent_at: 1_795_300_000,
            device: 0,
            first_counter: 0,
            count,
            chunk_len,
            next,
            ordinal: 0,
        }
    }

    #[test]
    fn a_fragment_of_a_missing_or_short_piece_is_not_cut() {
        let record = record(10, 100, 4, 1);
        assert_eq!(cut(&record, 1, 300, &Pieces::new()), None);
        let short = [2; 50];
        let pieces: Pieces<'_> = [(0, short.as_slice())].into_iter().collect();
        assert_eq!(cut(&record, 1, 300, &pieces), None);
    }

    #[test]
    fn fragments_put_together_are_head_and_body_and_need_the_pieces_that_are_named() {
        let body_len = PIECE_LEN * 2 + 777;
        let body: Vec<u8> = (0..body_len).map(|i| (i % 251) as u8).collect();
        let chunk_len = 1_999;
        let count = (body_len + 10).div_ceil(chunk_len);
        let mut record = record(10, 1_999, u32::try_from(count).unwrap(), 0);
        let mut whole = Vec::new();
        while record.next < record.count {
            let numbers = pieces_of_burst(&record, body_len);
            let pieces: Pieces<'_> = numbers
                .iter()
                .map(|n| (*n, body.chunks(PIECE_LEN).nth(*n as usize).unwrap()))
                .collect();
            for index in burst(&record) {
                whole.extend(cut(&record, index, body_len, &pieces).unwrap());
            }
            record.next = burst(&record).end;
        }
        assert_eq!(whole, [vec![1; 10], body].concat());
    }
}
