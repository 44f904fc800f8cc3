//! What the devices of one person say to each other, in the bucket that all
//! of them read; the newest is the one in use. Protocol §13.

use rand_core::CryptoRng;

use crate::client::{
    Client, ClientError, ContactId, Entry, Event,
    devices::DeviceNotice,
    outbox::{Destination, Part},
};
use crate::{
    base::{ErrorCode, UnixTime, time::DAY_SECONDS},
    channel::TagSlot,
    envelope::{Announcement, DEVICE_ID_LEN, Said},
    wire::Cell,
};

/// A device says once a day which one it is.
const ANNOUNCE_SECONDS: u64 = DAY_SECONDS;

impl Client {
    /// Whether it is time to say once more which device this is.
    pub(crate) fn announcement_due(&self, now: UnixTime) -> bool {
        let speaks = self.superseded() || (self.devices.restored && self.devices.settled);
        let next = self.devices.announced_at.plus(ANNOUNCE_SECONDS);
        speaks && now >= next && self.relay.info().is_ok()
    }

    /// Queues a cell to oneself that says which device this is.
    pub(crate) fn announce(&mut self, now: UnixTime, rng: &mut impl CryptoRng) {
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
        self.drop_announcements();
        let to = Destination::Bucket(self.identity.public().fingerprint());
        self.enqueue(vec![cell], to, now.day(), &Part::Own);
        self.devices.announced_at = now;
        self.pending.own = true;
    }

    pub(crate) fn drop_announcements(&mut self) {
        let own = self.identity.public().fingerprint();
        self.drop_queued(|queued| queued.contact.is_none() && queued.to == Some(own.0));
    }

    pub(crate) fn own_cell(
        &self,
        announcement: &Announcement,
        rng: &mut impl CryptoRng,
    ) -> Result<Cell, ClientError> {
        let size = self.relay.info()?.cell_size;
        Ok(self.own.seal(&self.identity, announcement, size, rng)?)
    }

    /// Detected → opened: a cell to oneself.
    pub(crate) fn open_own_cell(
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
    pub(crate) fn weigh_claims(&mut self, now: UnixTime) {
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
    pub(crate) fn supersede(&mut self, by: u8, now: UnixTime, rng: &mut impl CryptoRng) {
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
}
