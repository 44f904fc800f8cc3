//! Announcements between the devices of a person, in their own bucket. The newest
//! device is the live one. Protocol §13.

use rand_core::CryptoRng;

use crate::{
    base::{UnixTime, time::DAY_SECONDS},
    client::{
        EmergencyId,
        devices::{Devices, touch},
        transaction::Transaction,
    },
    envelope::{Announcement, AnnouncementKind},
};

/// Interval of announcements: one day.
const ANNOUNCE_SECONDS: u64 = DAY_SECONDS;

impl Devices {
    /// Returns `true` if it is time to announce this device again.
    pub(crate) fn announcement_due(&self, now: UnixTime) -> bool {
        let speaks = self.is_superseded() || (self.restored && self.settled);
        speaks && now >= self.announced_at.plus(ANNOUNCE_SECONDS)
    }

    /// The announcement of this device.
    pub(crate) fn announcement(&self, now: UnixTime) -> Announcement {
        Announcement {
            id: self.id,
            sent_at: now,
            what: if self.is_superseded() {
                AnnouncementKind::Superseded(self.index)
            } else {
                AnnouncementKind::InUse(self.index)
            },
        }
    }

    pub(crate) fn announced(&mut self, tx: &mut Transaction) {
        self.announced_at = tx.now;
        touch(tx);
    }

    /// Processes a claim to be the live device. Returns `true` if that device
    /// replaces this one.
    pub(crate) fn on_claim(&mut self, device: u8, id: EmergencyId, tx: &mut Transaction) -> bool {
        if id == self.id {
            self.read_back |= device == self.index;
            return false;
        }
        if !self.confirmed {
            self.claims.push((device, id));
            return false;
        }
        self.highest = self.highest.max(device);
        touch(tx);
        let Some(by) = &mut self.superseded_by else {
            return device > self.index;
        };
        *by = device.max(*by);
        false
    }

    /// Processes the announcement of a superseded device that it is still open.
    /// Returns `true` if that was not known.
    #[must_use]
    pub(crate) fn on_former(
        &mut self,
        device: u8,
        id: EmergencyId,
        sent_at: UnixTime,
        tx: &mut Transaction,
    ) -> bool {
        let known = id == self.id || self.former.contains_key(&device);
        if known || device >= self.index || self.is_superseded() {
            return false;
        }
        self.former.insert(device, sent_at.0);
        touch(tx);
        true
    }

    /// Resolves the claims of the batch that was just read. Two concurrent restores
    /// take the same index: it belongs to the device whose announcement was
    /// published first, or has the greater id. The other takes the next index; it
    /// has posted nothing under this one. Returns `true` if this device lost.
    pub(crate) fn resolve_claims(&mut self, tx: &mut Transaction) -> bool {
        if self.confirmed {
            return false;
        }
        let claims = core::mem::take(&mut self.claims);
        let read_back = core::mem::take(&mut self.read_back);
        let own = (self.index, self.id);
        let taken = self.highest >= self.index || claims.iter().any(|claim| *claim > own);
        for (device, _) in claims {
            self.highest = self.highest.max(device);
            touch(tx);
        }
        if !self.settled || !read_back {
            return false;
        }
        touch(tx);
        if taken {
            self.settled = false;
        } else {
            self.confirmed = true;
        }
        taken
    }

    /// A newer device replaced this one, which sends nothing more.
    pub(crate) fn supersede(&mut self, by: u8, rng: &mut impl CryptoRng, tx: &mut Transaction) {
        if !self.restored {
            rng.fill_bytes(&mut self.id);
        }
        self.superseded_by = Some(by);
        touch(tx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{ClientError, ContactId};

    const NOW: UnixTime = UnixTime(1_795_300_000);

    fn rng() -> impl CryptoRng {
        rand_core::UnwrapErr(getrandom::SysRng)
    }

    fn tx() -> Transaction {
        Transaction::new(NOW)
    }

    fn read_back(device: &mut Devices) {
        let own = device.announcement(NOW);
        assert_eq!(own.what, AnnouncementKind::InUse(device.index()));
        assert!(!device.on_claim(device.index(), own.id, &mut tx()));
    }

    fn restored() -> Devices {
        Devices::alone().restored(5, &mut rng()).unwrap()
    }

    #[test]
    fn a_device_that_is_not_settled_or_superseded_does_not_send() {
        let mut device = restored();
        assert_eq!(device.require_live(), Err(ClientError::Unsettled));
        assert!(device.require_current().is_ok());
        device.settle(&mut tx());
        assert!(device.require_live().is_ok());
        device.supersede(2, &mut rng(), &mut tx());
        assert_eq!(device.require_live(), Err(ClientError::DeviceSuperseded));
        assert_eq!(device.require_current(), Err(ClientError::DeviceSuperseded));
    }

    #[test]
    fn there_is_no_device_after_the_last_index() {
        let mut last = Devices::alone();
        last.set_index(u8::MAX);
        assert!(last.restored(0, &mut rng()).is_none());
        let mut device = restored();
        device.on_claim(u8::MAX, [9; 16], &mut tx());
        device.resolve_claims(&mut tx());
        assert!(!device.settle(&mut tx()));
    }

    #[test]
    fn only_a_higher_index_supersedes() {
        for (device, supersedes) in [(0, false), (1, true), (7, true)] {
            let mut alone = Devices::alone();
            assert_eq!(alone.on_claim(device, [9; 16], &mut tx()), supersedes);
        }
        let mut superseded = Devices::alone();
        superseded.supersede(1, &mut rng(), &mut tx());
        assert!(!superseded.on_claim(3, [9; 16], &mut tx()));
        assert_eq!(superseded.view().superseded_by, Some(3));
    }

    #[test]
    fn an_index_is_final_once_it_was_read_back_and_nobody_else_has_it() {
        let mut device = restored();
        device.settle(&mut tx());
        assert!(!device.resolve_claims(&mut tx()));
        assert!(!device.send_policy().confirmed, "not read back");
        read_back(&mut device);
        assert!(!device.resolve_claims(&mut tx()));
        assert!(device.send_policy().confirmed);
    }

    #[test]
    fn of_two_devices_with_one_index_the_greater_id_keeps_it() {
        for (other, lost) in [(0x00, false), (0xff, true)] {
            let mut device = restored();
            device.settle(&mut tx());
            device.on_claim(1, [other; 16], &mut tx());
            read_back(&mut device);
            assert_eq!(device.resolve_claims(&mut tx()), lost);
            assert_eq!(device.is_settled(), !lost);
        }
    }

    #[test]
    fn a_former_device_and_a_contacts_older_device_are_reported_once() {
        let mut device = restored();
        let contact = ContactId([1; 8]);
        let heard = device.heard_contact(contact, (1, 0), (NOW, Some(NOW)), &mut tx());
        assert_eq!((heard.is_newer, heard.two_in_use), (true, false));
        for is_first in [true, false] {
            assert_eq!(device.on_former(0, [9; 16], NOW, &mut tx()), is_first);
            let late = NOW.plus(1);
            let heard = device.heard_contact(contact, (0, 1), (late, None), &mut tx());
            assert_eq!((heard.is_newer, heard.two_in_use), (false, is_first));
        }
    }

    #[test]
    fn a_contacts_older_device_is_reported_if_its_message_came_first() {
        let mut device = restored();
        let contact = ContactId([1; 8]);
        let times = (NOW, Some(NOW.plus(1)));
        let heard = device.heard_contact(contact, (1, 0), times, &mut tx());
        assert_eq!((heard.is_newer, heard.two_in_use), (true, true));
        let times = (NOW.plus(2), None);
        let heard = device.heard_contact(contact, (0, 1), times, &mut tx());
        assert!(!heard.two_in_use, "once");
    }
}
