//! Reassembly of fragmented messages. Protocol §6.

use crate::{
    base::{Day, SortedMap, SortedSet},
    channel::TagSlot,
    client::{StoreKey, transaction::Transaction},
    envelope::{Assembly, EnvelopeError, Fragment, MessageId, Progress},
    vault::{VaultError, stored::FragmentRecord},
};

/// The local id of the contact or invitation that a fragment came from.
pub(crate) type Owner = [u8; 8];
/// An incomplete message: its owner, and the id that its fragments share.
pub(crate) type Key = (Owner, MessageId);

/// Maximum number of incomplete messages of one owner.
const MAX_INCOMPLETE: usize = 4;
/// Maximum size of the incomplete messages of one owner: 32 MiB.
const MAX_INCOMPLETE_BYTES: usize = 32 << 20;

/// An incomplete message, or the mark of one that was dropped.
#[derive(Debug)]
struct Incomplete {
    /// `None` once its fragments contradicted each other.
    assembly: Option<Assembly>,
    day: Day,
    device: u8,
    /// Indexes of the fragments in the store.
    stored: SortedSet<u32>,
}

/// All incomplete messages.
#[derive(Default)]
pub(crate) struct Reassembly {
    incomplete: SortedMap<Key, Incomplete>,
}

impl Reassembly {
    /// Adds a fragment; returns all chunks once the message is complete.
    ///
    /// # Errors
    ///
    /// `FragmentConflict` for a fragment that contradicts an earlier one: the
    /// message is dropped, and the rest of it is refused too.
    pub(crate) fn add(
        &mut self,
        owner: Owner,
        slot: TagSlot,
        fragment: Fragment,
        tx: &mut Transaction,
    ) -> Result<Option<Vec<Vec<u8>>>, EnvelopeError> {
        let key = (owner, fragment.message_id);
        let index = fragment.index;
        let record = FragmentRecord {
            count: fragment.count.get(),
            chunk: fragment.chunk.clone(),
            day: slot.day.0,
            device: slot.device,
        };
        let (progress, mut stored) = match self.incomplete.remove(&key) {
            None => (
                Ok(Progress::Unfinished(Assembly::begin(fragment))),
                SortedSet::default(),
            ),
            Some(known) => {
                // All fragments have one day and one device.
                let same = (known.day, known.device) == (slot.day, slot.device);
                let progress = match known.assembly {
                    Some(assembly) if same => assembly.insert(fragment),
                    _ => Err(EnvelopeError::FragmentConflict),
                };
                (progress, known.stored)
            }
        };
        let (assembly, record, index, added) = match progress {
            Ok(Progress::Complete(chunks)) => {
                delete(key, &stored, tx);
                return Ok(Some(chunks));
            }
            Ok(Progress::Unfinished(assembly)) => (Some(assembly), record, index, Ok(None)),
            Err(conflict) => {
                delete(key, &stored, tx);
                stored = SortedSet::default();
                let mark = FragmentRecord {
                    count: 0,
                    chunk: Vec::new(),
                    ..record
                };
                (None, mark, 0, Err(conflict))
            }
        };
        tx.put(stored_key(key, index), &record);
        stored.insert(index);
        let incomplete = Incomplete {
            assembly,
            day: slot.day,
            device: slot.device,
            stored,
        };
        self.incomplete.insert(key, incomplete);
        added
    }

    /// Loads a fragment from the store.
    pub(crate) fn restore(
        &mut self,
        key: Key,
        index: u32,
        record: FragmentRecord,
    ) -> Result<(), VaultError> {
        let (day, device) = (Day(record.day), record.device);
        let (held, mut stored) = match self.incomplete.remove(&key) {
            None => (None, SortedSet::default()),
            Some(known) => (Some(known.assembly), known.stored),
        };
        // The mark of a message that was dropped.
        let assembly = if record.count == 0 {
            None
        } else {
            let fragment = Fragment {
                message_id: key.1,
                index,
                count: record.count.try_into().map_err(|_| VaultError::Damaged)?,
                chunk: record.chunk,
            };
            match held {
                None => Some(Assembly::begin(fragment)),
                Some(None) => None,
                Some(Some(held)) => match held.insert(fragment) {
                    Ok(Progress::Unfinished(held)) => Some(held),
                    _ => return Err(VaultError::Damaged),
                },
            }
        };
        stored.insert(index);
        let incomplete = Incomplete {
            assembly,
            day,
            device,
            stored,
        };
        self.incomplete.insert(key, incomplete);
        Ok(())
    }

    /// Bytes received of an incomplete message, and its total size, which may be up
    /// to a cell too large; `None` for a dropped one.
    pub(crate) fn progress(&self, key: Key) -> Option<(usize, usize)> {
        let assembly = self.incomplete.get(&key)?.assembly.as_ref()?;
        Some((assembly.len(), assembly.expected_len()))
    }

    /// The size of all incomplete messages in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let held = self.incomplete.values();
        let held = held.filter_map(|held| held.assembly.as_ref());
        held.map(Assembly::len).sum()
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = Key> {
        self.incomplete.keys().copied()
    }

    /// The incomplete messages that exceed their owner's limits, oldest first,
    /// because a message that is sealed again comes under a new id. Call it after a
    /// whole batch: a batch mixes the cells of any number of messages.
    pub(crate) fn overfull(&self) -> Vec<Key> {
        let mut over = Vec::new();
        let owners: SortedSet<Owner> = self.incomplete.keys().map(|key| key.0).collect();
        for owner in owners {
            let held = self
                .incomplete
                .range((owner, [0; 16])..=(owner, [0xff; 16]));
            let held = held.filter_map(|(key, incomplete)| {
                let assembly = incomplete.assembly.as_ref()?;
                Some((incomplete.day, *key, assembly.len()))
            });
            let mut held: Vec<_> = crate::base::sorted_by_key(held, |held| *held).collect();
            let mut bytes: usize = held.iter().map(|(.., len)| len).sum();
            while held.len() > MAX_INCOMPLETE || bytes > MAX_INCOMPLETE_BYTES {
                let (_, key, len) = held.remove(0);
                bytes -= len;
                over.push(key);
            }
        }
        over
    }

    /// Incomplete messages of an earlier day.
    pub(crate) fn older_than(&self, day: Day) -> Vec<Key> {
        let old = self.incomplete.iter().filter(|(_, held)| held.day < day);
        old.map(|(key, _)| *key).collect()
    }

    /// Deletes an incomplete message.
    pub(crate) fn forget(&mut self, key: Key, tx: &mut Transaction) {
        if let Some(incomplete) = self.incomplete.remove(&key) {
            delete(key, &incomplete.stored, tx);
        }
    }

    pub(crate) fn forget_owner(&mut self, owner: Owner, tx: &mut Transaction) {
        let keys: Vec<Key> = self.keys().filter(|key| key.0 == owner).collect();
        for key in keys {
            self.forget(key, tx);
        }
    }

    /// The records of all fragments that are held.
    pub(crate) fn records(&self) -> impl Iterator<Item = (StoreKey, FragmentRecord)> {
        self.incomplete.iter().flat_map(|(key, held)| {
            let record = |count, chunk: &[u8]| FragmentRecord {
                count,
                chunk: chunk.to_vec(),
                day: held.day.0,
                device: held.device,
            };
            let records: Vec<_> = match &held.assembly {
                None => vec![(stored_key(*key, 0), record(0, &[]))],
                Some(assembly) => {
                    let count = assembly.progress().1;
                    let chunks = assembly.chunks();
                    chunks
                        .map(|(index, chunk)| (stored_key(*key, index), record(count, chunk)))
                        .collect()
                }
            };
            records
        })
    }
}

fn stored_key((owner, message): Key, index: u32) -> StoreKey {
    StoreKey::Fragment {
        owner,
        message,
        index,
    }
}

/// Deletes the fragments that are stored, not the number that a peer claims.
fn delete(key: Key, stored: &SortedSet<u32>, tx: &mut Transaction) {
    for index in stored.iter() {
        tx.delete(stored_key(key, *index));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::UnixTime;

    const OWNER: Owner = [1; 8];

    fn slot(day: u32) -> TagSlot {
        TagSlot {
            day: Day(day),
            device: 0,
            counter: 0,
        }
    }

    fn fragment(id: u8, index: u32, count: u32) -> Fragment {
        Fragment {
            message_id: [id; 16],
            index,
            count: count.try_into().unwrap(),
            chunk: vec![u8::try_from(index % 251).unwrap(); 10],
        }
    }

    fn tx() -> Transaction {
        Transaction::new(UnixTime(1))
    }

    #[test]
    fn fragments_that_contradict_each_other_end_the_message() {
        for other in [
            (slot(5), fragment(7, 1, 4)),
            (slot(6), fragment(7, 1, 3)),
            (
                slot(5),
                Fragment {
                    chunk: vec![9; 10],
                    ..fragment(7, 0, 3)
                },
            ),
        ] {
            let mut all = Reassembly::default();
            assert_eq!(
                all.add(OWNER, slot(5), fragment(7, 0, 3), &mut tx()),
                Ok(None)
            );
            let conflict = Err(EnvelopeError::FragmentConflict);
            assert_eq!(all.add(OWNER, other.0, other.1, &mut tx()), conflict);
            assert_eq!(all.progress((OWNER, [7; 16])), None);
            let rest = all.add(OWNER, slot(5), fragment(7, 2, 3), &mut tx());
            assert_eq!(rest, conflict, "the rest begins nothing new");
        }
    }

    #[test]
    fn a_claimed_count_costs_no_more_than_the_fragments_that_came() {
        let mut all = Reassembly::default();
        for id in 0..8 {
            let mut tx = tx();
            let added = all.add(OWNER, slot(5), fragment(id, 0, 16_384), &mut tx);
            assert_eq!(added, Ok(None));
            assert_eq!(tx.changes.len(), 1);
        }
        let over = all.overfull();
        assert_eq!(over.len(), 8 - MAX_INCOMPLETE);
        let mut tx = tx();
        for key in over {
            all.forget(key, &mut tx);
        }
        assert_eq!(tx.changes.len(), 4, "one deletion for each fragment");
        assert!(all.overfull().is_empty());
    }

    #[test]
    fn the_oldest_gives_way_and_only_for_its_owner() {
        let mut all = Reassembly::default();
        for (owner, id, day) in [
            (OWNER, 1, 6),
            (OWNER, 2, 5),
            (OWNER, 3, 7),
            (OWNER, 4, 7),
            (OWNER, 5, 7),
            ([2; 8], 6, 1),
        ] {
            let added = all.add(owner, slot(day), fragment(id, 0, 2), &mut tx());
            assert_eq!(added, Ok(None));
        }
        assert_eq!(all.overfull(), [(OWNER, [2; 16])]);
        assert_eq!(
            all.older_than(Day(6)),
            [(OWNER, [2; 16]), ([2; 8], [6; 16])]
        );
    }

    #[test]
    fn a_message_completes_in_any_order_and_leaves_nothing_stored() {
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
            let mut all = Reassembly::default();
            let mut last = None;
            let mut tx = tx();
            for index in order {
                last = all
                    .add(OWNER, slot(5), fragment(7, index, 3), &mut tx)
                    .unwrap();
            }
            let chunks = last.unwrap();
            assert_eq!(chunks.iter().map(|c| c[0]).collect::<Vec<_>>(), [0, 1, 2]);
            assert!(all.keys().next().is_none());
            assert!(tx.changes.values().all(Option::is_none));
        }
    }
}
