//! This person's devices and those of contacts, and which of them are live.
//! Protocol §13.
//!
//! ```text
//! restored → settled (it has an index) → confirmed (nobody else has it) → superseded
//! ```

mod announcements;

use rand_core::CryptoRng;

use crate::{
    base::{SortedMap, UnixTime},
    client::{
        ClientError, ContactId, StoreKey, outbox::SendPolicy, transaction::Transaction,
        view::DeviceView,
    },
    envelope::DEVICE_ID_LEN,
    vault::stored::{ContactDeviceRecord, RecoveryRecord},
};

/// What a delivery says about the devices of its sender.
#[must_use]
pub(crate) struct Heard {
    /// The device is newer than the newest one known.
    pub(crate) is_newer: bool,
    /// An older device sent after a newer one was in use. Once for each newer device.
    pub(crate) two_in_use: bool,
}

/// This device, and what it knows about others.
#[derive(Debug)]
pub(crate) struct Devices {
    /// The index under which this device sends.
    index: u8,
    /// Random id that marks the announcements of this device.
    id: [u8; DEVICE_ID_LEN],
    restored: bool,
    /// Whether an index was taken: the own bucket was read since the restore.
    settled: bool,
    /// Whether the index is final: the announcement of it was read back, and
    /// no other came before it.
    confirmed: bool,
    /// Announcements of others in the batch being read, until it is read.
    claims: Vec<(u8, [u8; DEVICE_ID_LEN])>,
    /// This device's announcement was in that batch too.
    read_back: bool,
    /// Cells queued below this ordinal were sealed by the device of the backup.
    former_queue: u64,
    /// The highest index that another device announced.
    highest: u8,
    announced_at: UnixTime,
    superseded_by: Option<u8>,
    /// Former devices that announced that they are still open, and when.
    former: SortedMap<u8, u64>,
    /// Contacts that sent from a newer device than their first.
    contacts: SortedMap<ContactId, ContactDeviceRecord>,
}

impl Devices {
    /// The state of a device that was never restored and knows no other.
    pub(crate) fn alone() -> Self {
        Self {
            index: 0,
            id: [0; DEVICE_ID_LEN],
            restored: false,
            settled: true,
            confirmed: true,
            claims: Vec::new(),
            read_back: false,
            former_queue: 0,
            highest: 0,
            announced_at: UnixTime(0),
            superseded_by: None,
            former: SortedMap::new(),
            contacts: SortedMap::new(),
        }
    }

    /// The state of the device on which this device's backup is restored;
    /// `None` after 255 restores. `queued` is the next ordinal of the queue.
    pub(crate) fn restored(self, queued: u64, rng: &mut impl CryptoRng) -> Option<Self> {
        let highest = self.highest.max(self.index);
        let mut id = [0; DEVICE_ID_LEN];
        rng.fill_bytes(&mut id);
        Some(Self {
            index: highest.checked_add(1)?,
            id,
            restored: true,
            settled: false,
            confirmed: false,
            former_queue: queued,
            highest,
            contacts: self.contacts,
            ..Self::alone()
        })
    }

    pub(crate) fn index(&self) -> u8 {
        self.index
    }

    pub(crate) fn set_index(&mut self, index: u8) {
        self.index = index;
    }

    pub(crate) fn view(&self) -> DeviceView {
        DeviceView {
            index: self.index,
            restored: self.restored,
            ready: self.settled,
            superseded_by: self.superseded_by,
        }
    }

    /// Checks that this device may send.
    pub(crate) fn require_live(&self) -> Result<(), ClientError> {
        self.require_current()?;
        self.settled.then_some(()).ok_or(ClientError::Unsettled)
    }

    /// Checks that this device was not superseded.
    pub(crate) fn require_current(&self) -> Result<(), ClientError> {
        match self.superseded_by {
            Some(_) => Err(ClientError::DeviceSuperseded),
            None => Ok(()),
        }
    }

    pub(crate) fn is_superseded(&self) -> bool {
        self.superseded_by.is_some()
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.settled
    }

    /// What the outbox may post.
    pub(crate) fn send_policy(&self) -> SendPolicy {
        SendPolicy {
            settled: self.settled,
            confirmed: self.confirmed,
            former_below: self.former_queue,
        }
    }

    /// Takes the index after the highest announced one; `false` if there is none left.
    /// The index is final only after the announcement was read back.
    pub(crate) fn settle(&mut self, tx: &mut Transaction) -> bool {
        self.settled = true;
        touch(tx);
        match self.highest.checked_add(1) {
            Some(next) => {
                self.index = self.index.max(next);
                true
            }
            None => false,
        }
    }

    pub(crate) fn highest(&self) -> u8 {
        self.highest
    }

    /// A contact's delivery came from this device; `newest` is the newest one
    /// seen before, and `last_message` the time of the newest message of the
    /// contact.
    pub(crate) fn heard_contact(
        &mut self,
        id: ContactId,
        (device, newest): (u8, u8),
        (sent_at, last_message): (UnixTime, Option<UnixTime>),
        tx: &mut Transaction,
    ) -> Heard {
        if device > newest {
            let newest = ContactDeviceRecord {
                contact: id.0,
                device,
                since: sent_at.0,
                reported: false,
            };
            self.contacts.insert(id, newest);
            touch(tx);
            // An older device's messages may arrive first.
            let two_in_use = last_message.is_some_and(|last| self.older_device_sent(id, last, tx));
            return Heard {
                is_newer: true,
                two_in_use,
            };
        }
        let two_in_use = match self.contacts.get_mut(&id) {
            Some(newest) if device == newest.device && sent_at.0 < newest.since => {
                newest.since = sent_at.0;
                touch(tx);
                false
            }
            Some(newest) if device < newest.device => self.older_device_sent(id, sent_at, tx),
            _ => false,
        };
        Heard {
            is_newer: false,
            two_in_use,
        }
    }

    /// Returns `true`, once, if an older device of a contact sent after the newest
    /// one began.
    fn older_device_sent(
        &mut self,
        id: ContactId,
        sent_at: UnixTime,
        tx: &mut Transaction,
    ) -> bool {
        if let Some(newest) = self.contacts.get_mut(&id)
            && sent_at.0 > newest.since
            && !newest.reported
        {
            newest.reported = true;
            touch(tx);
            return true;
        }
        false
    }

    /// Deletes the state of a removed contact.
    pub(crate) fn forget_contact(&mut self, id: ContactId, tx: &mut Transaction) {
        if self.contacts.remove(&id).is_some() {
            touch(tx);
        }
    }

    pub(crate) fn to_record(&self) -> RecoveryRecord {
        RecoveryRecord {
            id: self.id,
            restored: self.restored,
            settled: self.settled,
            confirmed: self.confirmed,
            former_queue: self.former_queue,
            highest: self.highest,
            announced_at: self.announced_at.0,
            superseded_by: self.superseded_by,
            former: self.former.iter().map(|(d, at)| (*d, *at)).collect(),
            contacts: self.contacts.values().cloned().collect(),
        }
    }

    pub(crate) fn from_record(index: u8, record: RecoveryRecord) -> Self {
        let contacts = record.contacts.into_iter();
        let contacts = contacts.map(|newest| (ContactId(newest.contact), newest));
        Self {
            index,
            id: record.id,
            restored: record.restored,
            settled: record.settled,
            confirmed: record.confirmed,
            claims: Vec::new(),
            read_back: false,
            former_queue: record.former_queue,
            highest: record.highest,
            announced_at: UnixTime(record.announced_at),
            superseded_by: record.superseded_by,
            former: record.former.into_iter().collect(),
            contacts: contacts.collect(),
        }
    }
}

/// The record of this device; the index stands in the account's.
fn touch(tx: &mut Transaction) {
    tx.touch(StoreKey::Devices);
    tx.touch(StoreKey::Account);
}
