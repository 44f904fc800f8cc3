//! Messages of which fragments are still missing. Protocol §6.

use crate::client::{Client, ContactId, TransferView, flows::load::fragment_key};
use crate::{
    base::{Day, ErrorCode, SortedSet, UnixTime},
    channel::TagSlot,
    envelope::{Assembly, EnvelopeError, Fragment, MessageId, Progress},
    vault::{
        VaultError,
        stored::{self, FragmentRecord},
    },
};

/// Whose message it is (a contact's or an invitation's local id), and which
/// of its sealings.
pub(crate) type Key = ([u8; 8], MessageId);

/// Most unfinished messages of one contact.
const MAX_UNFINISHED: usize = 4;
/// Most bytes of unfinished messages of one contact: 32 MiB.
const MAX_UNFINISHED_BYTES: usize = 32 << 20;

/// An unfinished message, or the mark of one that was dropped.
#[derive(Debug)]
pub(crate) struct Unfinished {
    /// `None` once its fragments contradicted each other.
    assembly: Option<Assembly>,
    day: Day,
    device: u8,
}

impl Unfinished {
    /// Fragments the message has in all; the mark of a dropped one is one.
    fn fragments(&self) -> u32 {
        self.assembly
            .as_ref()
            .map_or(1, |assembly| assembly.progress().1)
    }

    /// Takes one more stored fragment.
    pub(crate) fn restore(
        known: Option<Self>,
        message_id: MessageId,
        index: u32,
        record: FragmentRecord,
    ) -> Result<Self, VaultError> {
        let (day, device) = (Day(record.day), record.device);
        if record.count == 0 {
            return Ok(Self {
                assembly: None,
                day,
                device,
            });
        }
        let fragment = Fragment {
            message_id,
            index,
            count: record.count.try_into().map_err(|_| VaultError::Damaged)?,
            chunk: record.chunk,
        };
        let assembly = match known {
            None => Some(Assembly::begin(fragment)),
            Some(Self { assembly: None, .. }) => None,
            Some(Self {
                assembly: Some(assembly),
                ..
            }) => match assembly.insert(fragment) {
                Ok(Progress::Unfinished(assembly)) => Some(assembly),
                _ => return Err(VaultError::Damaged),
            },
        };
        Ok(Self {
            assembly,
            day,
            device,
        })
    }
}

impl Client {
    /// How far an unfinished message of a contact is.
    pub(crate) fn incoming_transfer(&self, key: Key) -> Option<TransferView> {
        let contact = ContactId(key.0);
        let assembly = self.unfinished.get(&key)?.assembly.as_ref()?;
        self.contacts.contains_key(&contact).then(|| {
            TransferView::incoming(contact, &key.1, assembly.len(), assembly.expected_len())
        })
    }

    /// Adds a fragment: all chunks once all are there.
    pub(crate) fn assemble(
        &mut self,
        owner: [u8; 8],
        slot: TagSlot,
        fragment: Fragment,
    ) -> Result<Option<Vec<Vec<u8>>>, EnvelopeError> {
        let key = (owner, fragment.message_id);
        let (index, count) = (fragment.index, fragment.count.get());
        let record = FragmentRecord {
            count,
            chunk: fragment.chunk.clone(),
            day: slot.day.0,
            device: slot.device,
        };
        let progress = match self.unfinished.remove(&key) {
            None => Progress::Unfinished(Assembly::begin(fragment)),
            Some(known) => {
                let held = known.fragments();
                // One day and one device for all fragments.
                let same = (known.day, known.device) == (slot.day, slot.device);
                let progress = match known.assembly {
                    Some(assembly) if same => assembly.insert(fragment),
                    _ => Err(EnvelopeError::FragmentConflict),
                };
                match progress {
                    Ok(progress) => progress,
                    Err(error) => {
                        self.drop_message(key, slot, held);
                        return Err(error);
                    }
                }
            }
        };
        match progress {
            Progress::Complete(chunks) => {
                self.delete_fragments(key, count);
                Ok(Some(chunks))
            }
            Progress::Unfinished(assembly) => {
                let stored_key = fragment_key(&key.0, &key.1, index);
                self.pending
                    .changes
                    .insert(stored_key, Some(stored::encode(&record)));
                self.unfinished.insert(
                    key,
                    Unfinished {
                        assembly: Some(assembly),
                        day: slot.day,
                        device: slot.device,
                    },
                );
                self.pending.grown.insert(key);
                Ok(None)
            }
        }
    }

    /// Drops a message whose fragments contradict each other, and remembers
    /// that, so that the rest of them begins nothing new.
    fn drop_message(&mut self, key: Key, slot: TagSlot, fragments: u32) {
        self.delete_fragments(key, fragments);
        let mark = FragmentRecord {
            count: 0,
            chunk: Vec::new(),
            day: slot.day.0,
            device: slot.device,
        };
        let stored_key = fragment_key(&key.0, &key.1, 0);
        self.pending
            .changes
            .insert(stored_key, Some(stored::encode(&mark)));
        self.unfinished.insert(
            key,
            Unfinished {
                assembly: None,
                day: slot.day,
                device: slot.device,
            },
        );
    }

    /// Keeps at most 4 unfinished messages and 32 MiB per contact: the oldest
    /// gives way, since a message sealed again comes under a new id. Only
    /// after a batch, in which the cells of any number of messages are mixed.
    pub(crate) fn bound_unfinished(&mut self, now: UnixTime) {
        let owners: SortedSet<[u8; 8]> = self.unfinished.keys().map(|key| key.0).collect();
        for owner in owners {
            self.bound_unfinished_of(owner, now);
        }
    }

    fn bound_unfinished_of(&mut self, owner: [u8; 8], now: UnixTime) {
        loop {
            let mine: Vec<_> = self
                .unfinished
                .range((owner, [0; 16])..=(owner, [0xff; 16]))
                .filter_map(|(key, unfinished)| {
                    let assembly = unfinished.assembly.as_ref()?;
                    Some((unfinished.day, *key, assembly.len()))
                })
                .collect();
            let bytes: usize = mine.iter().map(|(_, _, len)| len).sum();
            if mine.len() <= MAX_UNFINISHED && bytes <= MAX_UNFINISHED_BYTES {
                return;
            }
            let Some((_, key, _)) = mine.into_iter().min() else {
                return;
            };
            self.report_unfinished(key, now);
        }
    }

    /// Forgets an unfinished message and says so.
    pub(crate) fn report_unfinished(&mut self, key: Key, now: UnixTime) {
        self.forget_unfinished(key);
        let contact = ContactId(key.0);
        if self.contacts.contains_key(&contact) {
            self.refuse(ErrorCode::MessageIncomplete, Some(contact), now);
        }
    }

    pub(crate) fn forget_unfinished(&mut self, key: Key) {
        let Some(unfinished) = self.unfinished.remove(&key) else {
            return;
        };
        self.delete_fragments(key, unfinished.fragments());
    }

    /// Days of unfinished messages, for `rotate`.
    pub(crate) fn unfinished_before(&self, day: Day) -> Vec<Key> {
        self.unfinished
            .iter()
            .filter(|(_, u)| u.day < day)
            .map(|(key, _)| *key)
            .collect()
    }

    fn delete_fragments(&mut self, key: Key, count: u32) {
        for index in 0..count {
            self.pending
                .changes
                .insert(fragment_key(&key.0, &key.1, index), None);
        }
    }
}
