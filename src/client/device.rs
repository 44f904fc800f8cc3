//! One person's devices: restoring from a backup, and noticing that two of
//! them live. Protocol §13.
//!
//! A restored device takes the index after that of every device it can know
//! of, and the newest one wins: it announces itself in the bucket that all of
//! them read, and whoever hears of a newer one sends nothing more.

use rand_core::CryptoRng;
use serde::Serialize;
use zeroize::Zeroizing;

use super::{
    Change, Client, ClientError, ContactId, Effects, Entry, Event,
    contact::ContactState,
    load::{RECOVERY_KEY, SELF_KEY},
    outbox::{Destination, Part},
};
use crate::{
    base::{ErrorCode, SortedMap, UnixTime, time::DAY_SECONDS},
    channel::{MonthKeys, TagSlot},
    crypto::cbor::Deterministic as _,
    envelope::{
        Announcement, Body, ContentType, Control, DEVICE_ID_LEN, DeliveryId, Draft,
        NEXT_DEVICE_WINDOW, Said, Sealing, compose, seal,
    },
    identity::PublicIdentity,
    vault::{
        VaultError,
        stored::{self, ContactDeviceRecord, QueuedRecord, RecoveryRecord, SelfRecord},
    },
    wire::Cell,
};

/// A device says once a day which one it is.
const ANNOUNCE_SECONDS: u64 = DAY_SECONDS;

/// What this device knows of others.
#[derive(Debug)]
pub(super) struct Devices {
    /// Tells one's own announcements from those of another device.
    id: [u8; DEVICE_ID_LEN],
    restored: bool,
    /// Whether an index was taken: one's own bucket was read since the restore.
    settled: bool,
    /// Whether it is final: one's own announcement of it was read back, and no
    /// other came before it.
    confirmed: bool,
    /// Announcements of others in the batch being read, until it is.
    claims: Vec<(u8, [u8; DEVICE_ID_LEN])>,
    /// One's own was in that batch too.
    read_back: bool,
    /// Cells queued below this ordinal were sealed by the device of the backup.
    former_queue: u64,
    /// The highest index another device announced.
    highest: u8,
    announced_at: UnixTime,
    superseded_by: Option<u8>,
    /// Former devices that said they are still open, with when they did.
    former: SortedMap<u8, u64>,
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
    /// Whether one can send: from a restored one only after its mailbox was read.
    pub settled: bool,
    /// The newer device that took its place.
    pub superseded_by: Option<u8>,
}

impl Client {
    /// The client of a backup's records, on a new device: they are to be
    /// stored with these changes in one transaction. It sends nothing before
    /// it has [settled](Client::settle).
    ///
    /// # Errors
    ///
    /// `Vault(Damaged)` for records that make no client, or after 255
    /// restores.
    pub fn restore(
        records: &[(String, Zeroizing<Vec<u8>>)],
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<(Self, Vec<Change>), ClientError> {
        let mut client = Self::load(records)?;
        let highest = client.devices.highest.max(client.device);
        client.device = highest.checked_add(1).ok_or(VaultError::Damaged)?;
        let mut id = [0; DEVICE_ID_LEN];
        rng.fill_bytes(&mut id);
        client.devices = Devices {
            id,
            restored: true,
            settled: false,
            confirmed: false,
            claims: Vec::new(),
            read_back: false,
            former_queue: client.next_ordinal,
            highest,
            announced_at: UnixTime(0),
            superseded_by: None,
            former: SortedMap::new(),
            contacts: core::mem::take(&mut client.devices.contacts),
        };
        client.pending.own = true;
        client.log(Entry::Restored, now);
        // Their tags are counted by the device of the backup, which may go on with them.
        let large: Vec<_> = client.large.keys().copied().collect();
        for (id, ordinal) in large {
            client.give_up(id, ordinal, now);
        }
        let changes = client.finish(()).changes;
        Ok((client, changes))
    }

    /// Which device this is.
    #[must_use]
    pub fn device(&self) -> DeviceView {
        DeviceView {
            index: self.device,
            restored: self.devices.restored,
            settled: self.devices.settled,
            superseded_by: self.devices.superseded_by,
        }
    }

    /// Takes an index for a restored device and announces it. To be called
    /// whenever all of one's own bucket that can be read was read, so that
    /// announcements of other devices were heard; does nothing if it has one.
    ///
    /// What is sealed from here on leaves once the announcement was read back.
    /// All counters begin anew under it. Control deliveries that the device
    /// of the backup had queued are sent as new ones; its messages keep their
    /// cells. Every contact is greeted, so that it looks for the new index.
    ///
    /// # Errors
    ///
    /// `RelayUnknown`, `ClockBehind`: to be tried again later.
    pub fn settle(
        &mut self,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Effects, ClientError> {
        if self.devices.settled {
            return Ok(self.finish(()));
        }
        self.relay.info()?;
        let channels = || self.contacts.values().filter_map(|c| c.channel.as_ref());
        if channels().any(|channel| !channel.sends_at(now)) {
            return Err(ClientError::ClockBehind);
        }
        self.devices.settled = true;
        self.pending.own = true;
        let Some(next) = self.devices.highest.checked_add(1) else {
            self.supersede(self.devices.highest, now, rng);
            return Ok(self.finish(()));
        };
        self.device = self.device.max(next);
        let controls = self.queued_controls();
        self.drop_queued(|queued| queued.control.is_some());
        for contact in self.contacts.values_mut() {
            if let Some(channel) = &mut contact.channel {
                channel.renew();
                self.pending.contacts.insert(contact.id);
            }
        }
        for (id, payload, to) in controls {
            self.send_payload(id, payload, to, now, rng)?;
        }
        self.greet(now, rng)?;
        self.announce(now, rng);
        Ok(self.finish(()))
    }

    /// An empty receipt to every contact for whom nothing else waits: nobody
    /// looks for an index more than one above those it has seen.
    fn greet(&mut self, now: UnixTime, rng: &mut impl CryptoRng) -> Result<(), ClientError> {
        let waiting = |id: ContactId| {
            let mut queued = self.outbox.values();
            queued.any(|queued| queued.contact == Some(id.0) && queued.control.is_some())
        };
        let unheard: Vec<_> = self
            .contacts
            .values()
            .filter(|contact| contact.state != ContactState::Suspect)
            .filter(|contact| contact.channel.is_some() && !waiting(contact.id))
            .filter_map(|contact| Some((contact.id, contact.peer?.fingerprint())))
            .collect();
        for (id, fingerprint) in unheard {
            let to = Destination::Bucket(fingerprint);
            self.send_payload(id, greeting(), to, now, rng)?;
        }
        Ok(())
    }

    /// Greetings under the indexes below this one, which go ahead of its first
    /// delivery to a contact: devices that had them may never have reached
    /// it, and it looks for the next index only. Counters are drawn, since
    /// those devices have used some.
    pub(super) fn introductions(
        &self,
        peer: &PublicIdentity,
        keys: &MonthKeys,
        sealing: &Sealing<'_>,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<Cell>, ClientError> {
        let mut cells = Vec::new();
        for device in 1..self.device {
            let payload = greeting().as_slice().into();
            let draft = Draft {
                id: &DeliveryId::generate("", rng).ok_or(ClientError::Internal)?,
                sent_at: now,
                device,
                seq: 0,
                content_type: &ContentType::control(),
                payload: &payload,
            };
            let to = peer.fingerprint();
            let head = compose(&self.identity, &to, &keys.blind_seed, &draft, rng);
            let mut delivery = head.ok_or(ClientError::Internal)?;
            delivery.extend_from_slice(&greeting());
            let body = Body::Whole(delivery);
            let slot = TagSlot {
                day: now.day(),
                device,
                counter: rng.next_u32() % NEXT_DEVICE_WINDOW,
            };
            cells.push(seal(sealing, keys.tag_key.tag(slot), &body, rng)?);
        }
        Ok(cells)
    }

    /// Refuses to send from a device that may not.
    pub(super) fn require_live(&self) -> Result<(), ClientError> {
        self.require_place()?;
        let settled = self.devices.settled.then_some(());
        settled.ok_or(ClientError::Unsettled)
    }

    /// Refuses to begin anything on a device whose place another took.
    pub(super) fn require_place(&self) -> Result<(), ClientError> {
        match self.superseded() {
            true => Err(ClientError::DeviceSuperseded),
            false => Ok(()),
        }
    }

    pub(super) fn superseded(&self) -> bool {
        self.devices.superseded_by.is_some()
    }

    /// Whether a queued cell may be posted. Before the index is final, only
    /// announcements, the rendezvous, and messages that the device of the
    /// backup sealed may.
    pub(super) fn may_post(&self, ordinal: u64, queued: &QueuedRecord) -> bool {
        let former = queued.message.is_some() && ordinal < self.devices.former_queue;
        self.devices.confirmed || queued.contact.is_none() || former
    }

    /// Whether what waits is of this device's index.
    pub(super) fn has_index(&self) -> bool {
        self.devices.settled
    }

    /// Whether the device of the backup sealed a message that still waits. It
    /// cannot be sealed again: its number is of the former device's count.
    pub(super) fn is_former(&self, id: ContactId, message: u32) -> bool {
        self.outbox.iter().any(|(ordinal, queued)| {
            *ordinal < self.devices.former_queue
                && (queued.contact, queued.message) == (Some(id.0), Some(message))
        })
    }

    /// Where the ordinals of this device's own cells begin.
    pub(super) fn first_ordinal(&self) -> u64 {
        self.devices.former_queue
    }

    /// Whether it is time to say once more which device this is.
    pub(super) fn announcement_due(&self, now: UnixTime) -> bool {
        let speaks = self.superseded() || (self.devices.restored && self.devices.settled);
        let next = self.devices.announced_at.plus(ANNOUNCE_SECONDS);
        speaks && now >= next && self.relay.info().is_ok()
    }

    /// Queues a cell to oneself that says which device this is.
    pub(super) fn announce(&mut self, now: UnixTime, rng: &mut impl CryptoRng) {
        let what = if self.superseded() {
            Said::Superseded(self.device)
        } else {
            Said::InUse(self.device)
        };
        let announcement = Announcement {
            id: self.devices.id,
            sent_at: now,
            what,
        };
        let Ok(cell) = self.own_cell(&announcement, rng) else {
            return;
        };
        let own = self.identity.public().fingerprint();
        self.drop_queued(|queued| queued.contact.is_none() && queued.to == Some(own.0));
        let to = Destination::Bucket(own);
        self.enqueue(vec![cell], to, now.day(), &Part::Own);
        self.devices.announced_at = now;
        self.pending.own = true;
    }

    pub(super) fn own_cell(
        &self,
        announcement: &Announcement,
        rng: &mut impl CryptoRng,
    ) -> Result<Cell, ClientError> {
        let size = self.relay.info()?.cell_size;
        Ok(self.own.seal(&self.identity, announcement, size, rng)?)
    }

    /// Detected → opened: a cell to oneself.
    pub(super) fn open_own_cell(
        &mut self,
        slot: TagSlot,
        cell: &Cell,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ClientError> {
        let announcement = self.own.open(&self.identity, slot.day, cell)?;
        self.mark_opened(cell.digest(), slot.day, None, None);
        let Announcement { id, sent_at, what } = announcement;
        match what {
            Said::InUse(device) if id == self.devices.id => {
                self.devices.read_back |= device == self.device;
            }
            Said::Superseded(_) if id == self.devices.id => {}
            Said::InUse(device) => self.heard_of(device, id, now, rng),
            Said::Superseded(device) => self.heard_from_former(device, sent_at),
            Said::EmergencyBegan { minutes, reason } => {
                self.emergency_began(id, sent_at, minutes, reason, now);
            }
            Said::EmergencyEnded => self.emergency_ended(id, sent_at, now),
        }
        Ok(())
    }

    /// Another device says that it is the one in use.
    fn heard_of(
        &mut self,
        device: u8,
        id: [u8; DEVICE_ID_LEN],
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) {
        if !self.devices.confirmed {
            self.devices.claims.push((device, id));
            return;
        }
        self.devices.highest = self.devices.highest.max(device);
        self.pending.own = true;
        match self.devices.superseded_by {
            None if device > self.device => self.supersede(device, now, rng),
            Some(by) => self.devices.superseded_by = Some(by.max(device)),
            None => {}
        }
    }

    /// A batch was read. Two restores that could not hear of each other took
    /// the same index: it is whose announcement was published first, or has
    /// the greater id. The other takes the next, having posted nothing under
    /// it; its messages, if there are any, are given up.
    pub(super) fn weigh_claims(&mut self, now: UnixTime) {
        if self.devices.confirmed {
            return;
        }
        let claims = core::mem::take(&mut self.devices.claims);
        let read_back = core::mem::take(&mut self.devices.read_back);
        let own = (self.device, self.devices.id);
        let taken = self.devices.highest >= self.device || claims.iter().any(|claim| *claim > own);
        for (device, _) in claims {
            self.devices.highest = self.devices.highest.max(device);
            self.pending.own = true;
        }
        if !self.devices.settled || !read_back {
            return;
        }
        self.pending.own = true;
        if !taken {
            self.devices.confirmed = true;
            return;
        }
        self.devices.settled = false;
        let queued = self.outbox.iter();
        let messages: Vec<(ContactId, u32)> = queued
            .filter(|(ordinal, _)| **ordinal >= self.devices.former_queue)
            .filter_map(|(_, queued)| Some((ContactId(queued.contact?), queued.message?)))
            .chain(self.large.keys().copied())
            .collect();
        for (id, ordinal) in messages {
            self.give_up(id, ordinal, now);
        }
    }

    /// Nothing leaves from here on: what waits is given up, and says so.
    fn supersede(&mut self, by: u8, now: UnixTime, rng: &mut impl CryptoRng) {
        if !self.devices.restored {
            rng.fill_bytes(&mut self.devices.id);
        }
        self.devices.superseded_by = Some(by);
        self.pending.own = true;
        let queued = self.outbox.values();
        let messages: Vec<(ContactId, u32)> = queued
            .filter_map(|queued| Some((ContactId(queued.contact?), queued.message?)))
            .chain(self.large.keys().copied())
            .collect();
        for (id, ordinal) in messages {
            self.give_up(id, ordinal, now);
        }
        self.drop_queued(|_| true);
        self.watch.reset();
        let code = ErrorCode::DeviceSuperseded;
        self.log(
            Entry::Rejected {
                code,
                contact: None,
            },
            now,
        );
        self.tell(Event::Device(DeviceNotice::Superseded {
            code: code.as_str(),
            device: by,
        }));
        self.announce(now, rng);
    }

    fn heard_from_former(&mut self, device: u8, sent_at: UnixTime) {
        let known = self.devices.former.contains_key(&device);
        if known || device >= self.device || self.superseded() {
            return;
        }
        self.devices.former.insert(device, sent_at.0);
        self.pending.own = true;
        self.tell(Event::Device(DeviceNotice::Former { device }));
    }

    /// A contact's delivery came from this device; `newest` is the newest it
    /// was heard from before.
    pub(super) fn note_device(&mut self, id: ContactId, device: u8, newest: u8, sent_at: UnixTime) {
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
    pub(super) fn forget_device(&mut self, id: ContactId) {
        if self.devices.contacts.remove(&id).is_some() {
            self.pending.own = true;
        }
    }

    /// The records of this device.
    pub(super) fn own_changes(&self) -> [Change; 2] {
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

/// Whether a queued cell is a greeting of [`Client::greet`]: it can wait until
/// there is nothing else to send.
pub(super) fn is_greeting(queued: &QueuedRecord) -> bool {
    let control = queued.control.as_ref();
    control.is_some_and(|control| control.payload == greeting())
}

/// A receipt of nothing.
fn greeting() -> Vec<u8> {
    Control::Received(Vec::new()).encode()
}

impl Devices {
    /// Of a device that was never restored and has heard of no other.
    pub(super) fn alone() -> Self {
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

    pub(super) fn from_record(record: RecoveryRecord) -> Self {
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
