//! One person's devices, and those of its contacts: which of them is in use.
//! Protocol §13.
//!
//! ```text
//! restored → settled (it has an index) → confirmed (nobody else has it) → superseded
//! ```

mod announcements;

use serde::Serialize;

use crate::client::{
    Change, Client, ClientError, ContactId, Event,
    flows::load::{RECOVERY_KEY, SELF_KEY},
};
use crate::{
    base::{SortedMap, UnixTime},
    envelope::DEVICE_ID_LEN,
    vault::stored::{self, ContactDeviceRecord, QueuedRecord, RecoveryRecord, SelfRecord},
};

/// What this device knows of others.
#[derive(Debug)]
pub(crate) struct Devices {
    /// Tells one's own announcements from those of another device.
    pub(crate) id: [u8; DEVICE_ID_LEN],
    pub(crate) restored: bool,
    /// Whether an index was taken: one's own bucket was read since the restore.
    pub(crate) settled: bool,
    /// Whether it is final: one's own announcement of it was read back, and no
    /// other came before it.
    pub(crate) confirmed: bool,
    /// Announcements of others in the batch being read, until it is.
    pub(crate) claims: Vec<(u8, [u8; DEVICE_ID_LEN])>,
    /// One's own was in that batch too.
    pub(crate) read_back: bool,
    /// Cells queued below this ordinal were sealed by the device of the backup.
    pub(crate) former_queue: u64,
    /// The highest index another device announced.
    pub(crate) highest: u8,
    pub(crate) announced_at: UnixTime,
    pub(crate) superseded_by: Option<u8>,
    /// Former devices that said they are still open, with when they did.
    pub(crate) former: SortedMap<u8, u64>,
    /// Contacts that were heard from a newer device than their first.
    contacts: SortedMap<ContactId, Newest>,
}

/// The newest device of a contact.
#[derive(Debug)]
struct Newest {
    device: u8,
    /// The earliest time it sent at.
    since: UnixTime,
    /// An older one that went on was told.
    told: bool,
}

/// Something about devices that a person must judge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
#[non_exhaustive]
pub enum DeviceNotice {
    /// A newer device took this one's place: this one sends nothing more.
    Superseded {
        /// `DEVICE_SUPERSEDED`, as calls give it from now on.
        code: &'static str,
        /// Its index.
        device: u8,
    },
    /// A device that this one took the place of is still open somewhere.
    Former {
        /// Its index.
        device: u8,
    },
    /// A contact sent from an older device after a newer one was in use.
    Contact {
        /// The contact.
        contact_id: ContactId,
    },
}

/// Which device this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceView {
    /// 0 for the device the vault was created on.
    pub index: u8,
    /// Whether it came from a backup.
    pub restored: bool,
    /// Whether it can send: a restored device only after it has read its mailbox.
    pub ready: bool,
    /// The newer device that took its place.
    pub superseded_by: Option<u8>,
}

impl Client {
    /// Which device this is.
    #[must_use]
    pub fn device(&self) -> DeviceView {
        DeviceView {
            index: self.device,
            restored: self.devices.restored,
            ready: self.devices.settled,
            superseded_by: self.devices.superseded_by,
        }
    }

    /// Refuses to send from a device that may not.
    pub(crate) fn require_live(&self) -> Result<(), ClientError> {
        self.require_place()?;
        let settled = self.devices.settled.then_some(());
        settled.ok_or(ClientError::Unsettled)
    }

    /// Refuses to begin anything on a device whose place another took.
    pub(crate) fn require_place(&self) -> Result<(), ClientError> {
        match self.superseded() {
            true => Err(ClientError::DeviceSuperseded),
            false => Ok(()),
        }
    }

    pub(crate) fn superseded(&self) -> bool {
        self.devices.superseded_by.is_some()
    }

    /// Whether a queued cell may be posted. Before the index is final, only
    /// announcements, the rendezvous, and messages that the device of the
    /// backup sealed may.
    pub(crate) fn may_post(&self, ordinal: u64, queued: &QueuedRecord) -> bool {
        let former = queued.message.is_some() && ordinal < self.devices.former_queue;
        self.devices.confirmed || queued.contact.is_none() || former
    }

    /// Whether what waits is of this device's index.
    pub(crate) fn has_index(&self) -> bool {
        self.devices.settled
    }

    /// Whether the device of the backup sealed a message that still waits. It
    /// cannot be sealed again: its number is of the former device's count.
    pub(crate) fn is_former(&self, id: ContactId, message: u32) -> bool {
        self.outbox.iter().any(|(ordinal, queued)| {
            *ordinal < self.devices.former_queue
                && (queued.contact, queued.message) == (Some(id.0), Some(message))
        })
    }

    /// Where the ordinals of this device's own cells begin.
    pub(crate) fn first_ordinal(&self) -> u64 {
        self.devices.former_queue
    }

    /// A contact's delivery came from this device; `newest` is the newest it
    /// was heard from before.
    pub(crate) fn note_device(&mut self, id: ContactId, device: u8, newest: u8, sent_at: UnixTime) {
        if device > newest {
            let newest = Newest {
                device,
                since: sent_at,
                told: false,
            };
            self.devices.contacts.insert(id, newest);
            self.pending.own = true;
            // From now on its whole window is watched every day.
            self.watch.reset();
            return;
        }
        let Some(newest) = self.devices.contacts.get_mut(&id) else {
            return;
        };
        if device == newest.device && sent_at < newest.since {
            newest.since = sent_at;
            self.pending.own = true;
        } else if device < newest.device && sent_at > newest.since && !newest.told {
            newest.told = true;
            self.pending.own = true;
            self.tell(Event::Device(DeviceNotice::Contact { contact_id: id }));
        }
    }

    /// A contact is gone.
    pub(crate) fn forget_device(&mut self, id: ContactId) {
        if self.devices.contacts.remove(&id).is_some() {
            self.pending.own = true;
        }
    }

    /// The records of this device.
    pub(crate) fn own_changes(&self) -> [Change; 2] {
        let own = SelfRecord {
            secret: *self.identity.secret().expose(),
            name: self.name.as_str().to_owned(),
            device: self.device,
            created_at: self.created_at.0,
        };
        let devices = stored::encode(&self.devices.to_record());
        [
            (SELF_KEY.into(), Some(stored::encode(&own))),
            (RECOVERY_KEY.into(), Some(devices)),
        ]
    }
}

impl Devices {
    /// Of a device that was never restored and has heard of no other.
    pub(crate) fn alone() -> Self {
        Self {
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

    /// Of a device that a backup of this one is restored on.
    pub(crate) fn restored(self, id: [u8; DEVICE_ID_LEN], highest: u8, former_queue: u64) -> Self {
        Self {
            id,
            restored: true,
            settled: false,
            confirmed: false,
            former_queue,
            highest,
            contacts: self.contacts,
            ..Self::alone()
        }
    }

    fn to_record(&self) -> RecoveryRecord {
        let contacts = self
            .contacts
            .iter()
            .map(|(id, newest)| ContactDeviceRecord {
                contact: id.0,
                device: newest.device,
                since: newest.since.0,
                told: newest.told,
            });
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
            contacts: contacts.collect(),
        }
    }

    pub(crate) fn from_record(record: RecoveryRecord) -> Self {
        let contacts = record.contacts.into_iter().map(|contact| {
            let newest = Newest {
                device: contact.device,
                since: UnixTime(contact.since),
                told: contact.told,
            };
            (ContactId(contact.contact), newest)
        });
        Self {
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
