//! Restoring a backup on another device, and two devices of a person in use.
//! Protocol §13.
//!
//! A restored device takes the index after the highest one it can know of, counts
//! from zero under it, and makes sure that its contacts look for it.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{
    base::{
        ErrorCode, UnixTime,
        text::{self, TextUse},
    },
    client::{
        AuditEvent, Change, Client, ClientError, ContactId, DeviceNotice, Effects, StoreKey,
        contacts::ContactState,
        devices::Devices,
        mailboxes::Destination,
        outbox::{CellPurpose, greeting},
        transaction::{Randomized, Transaction},
    },
    envelope::{Announcement, AnnouncementKind},
    vault::VaultError,
};

impl Client {
    /// Loads a backup on another device. Store its records together with these
    /// changes in one transaction. It sends nothing before it has
    /// [settled](Client::settle).
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
        let known = core::mem::replace(&mut client.devices, Devices::alone());
        let restored = known.restored(client.outbox.next_ordinal(), rng);
        client.devices = restored.ok_or(VaultError::Damaged)?;

        let mut tx = Transaction::new(now);
        tx.touch(StoreKey::Account);
        tx.touch(StoreKey::Devices);
        client.log(AuditEvent::Restored, &mut tx);
        // Announcements of the backup's device do not apply to this one.
        client.outbox.discard_announcements(&mut tx);
        // Their tags belong to the backup's device, which may continue to use them.
        let large: Vec<_> = client.outbox.large().map(|(message, _)| message).collect();
        for message in large {
            client.abandon(message, &mut tx);
        }
        let changes = client.commit(tx, ()).changes;
        Ok((client, changes))
    }

    /// Takes an index for a restored device and announces it. Call it whenever the
    /// own bucket was read to its end, so that announcements of other devices are
    /// known. Does nothing if the device has an index.
    ///
    /// What is sealed from here on leaves once the announcement was read back.
    /// All counters start from zero under it. Control deliveries that the
    /// device of the backup had queued are sent as new ones; its messages keep
    /// their cells. Every contact is greeted, so that it looks for the new
    /// index.
    ///
    /// # Errors
    ///
    /// `RelayUnknown`, `ClockBehind`: try again later.
    pub fn settle(
        &mut self,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Effects, ClientError> {
        if self.devices.is_settled() {
            return Ok(Effects::default());
        }
        self.mailboxes.info()?;
        if !self.contacts.send_at(now) {
            return Err(ClientError::ClockBehind);
        }

        let mut tx = Transaction::new(now).randomized(rng);
        if !self.devices.settle(&mut tx) {
            self.supersede(self.devices.highest(), &mut tx);
            return Ok(self.commit(tx, ()));
        }
        let controls = self.outbox.controls();
        self.outbox
            .discard_if(|queued| queued.is_control(), &mut tx);
        self.contacts.reset_counters(&mut tx);
        for (id, payload, to) in controls {
            self.send_control(id, payload, to, &mut tx);
        }
        self.greet(&mut tx);
        self.announce(&mut tx);
        Ok(self.commit(tx, ()))
    }

    /// An empty receipt to every contact for whom nothing else waits. Contacts look
    /// for one index above the highest they have seen, no further.
    fn greet(&mut self, tx: &mut Randomized<'_, impl CryptoRng>) {
        let waiting = |id: ContactId| {
            let mut queued = self.outbox.iter();
            queued.any(|(_, queued)| queued.contact() == Some(id) && queued.is_control())
        };
        let unheard: Vec<_> = self
            .contacts
            .iter()
            .filter(|contact| contact.state != ContactState::Suspect)
            .filter(|contact| contact.channel.is_some() && !waiting(contact.id))
            .filter_map(|contact| Some((contact.id, contact.peer?.fingerprint())))
            .collect();
        for (id, fingerprint) in unheard {
            let to = Destination::Bucket(fingerprint);
            self.send_control(id, greeting(), to, tx);
        }
    }

    /// Seals one control delivery. A failure is reported, and the contact learns of
    /// this device with the next delivery.
    fn send_control(
        &mut self,
        id: ContactId,
        payload: Vec<u8>,
        to: Destination,
        tx: &mut Randomized<'_, impl CryptoRng>,
    ) {
        let Some(contact) = self.contacts.get(id) else {
            return;
        };
        match self.seal_control(contact, payload, to, tx.now, tx.rng) {
            Ok(sealed) => self.push_control(sealed, tx),
            Err(error) => self.refuse(error.code(), Some(id), tx),
        }
    }

    /// Queues an announcement of this device, replacing the previous one.
    pub(crate) fn announce(&mut self, tx: &mut Randomized<'_, impl CryptoRng>) {
        let announcement = self.devices.announcement(tx.now);
        let Ok(size) = self.mailboxes.info().map(|info| info.cell_size) else {
            return;
        };
        let Ok(cell) = self.account.own_cell(&announcement, size, tx.rng) else {
            return;
        };
        self.outbox.discard_announcements(tx);
        let to = Destination::Bucket(self.public().fingerprint());
        let purpose = CellPurpose::Announcement;
        self.outbox.push(vec![cell], to, &purpose, tx);
        self.devices.announced(tx);
    }

    /// Applies what another device of this person announces.
    pub(super) fn hear(
        &mut self,
        announcement: Announcement,
        tx: &mut Randomized<'_, impl CryptoRng>,
    ) {
        let Announcement { id, sent_at, what } = announcement;
        match what {
            AnnouncementKind::InUse(device) => {
                if self.devices.on_claim(device, id, tx) {
                    self.supersede(device, tx);
                }
            }
            AnnouncementKind::Superseded(device) => {
                if self.devices.on_former(device, id, sent_at, tx) {
                    self.report_device(DeviceNotice::Former { device }, tx);
                }
            }
            AnnouncementKind::EmergencyBegan { minutes, reason } => {
                let reason = text::cleaned(&reason, TextUse::Reason).unwrap_or_default();
                self.emergencies.begin(id, (sent_at, minutes, reason), tx);
                self.emergencies.emit_pending(tx);
            }
            AnnouncementKind::EmergencyEnded => {
                self.emergencies.end_announced(id, sent_at, tx);
                self.emergencies.emit_pending(tx);
            }
        }
    }

    /// Another device has this one's index: messages that were sealed under
    /// it are abandoned. None of them has left.
    pub(crate) fn abandon_own_index(&mut self, tx: &mut Transaction) {
        let former_below = self.devices.send_policy().former_below;
        for message in self.outbox.messages_from(former_below) {
            self.abandon(message, tx);
        }
    }

    /// Marks this device as superseded. Nothing more is sent: waiting messages are
    /// abandoned, and that is reported.
    pub(crate) fn supersede(&mut self, by: u8, tx: &mut Randomized<'_, impl CryptoRng>) {
        self.devices.supersede(by, tx.rng, &mut tx.tx);
        for message in self.outbox.messages_from(0) {
            self.abandon(message, tx);
        }
        self.outbox.discard_if(|_| true, tx);
        self.inbox.tags.forget_invitations();
        let superseded = DeviceNotice::Superseded {
            code: ErrorCode::DeviceSuperseded.as_str(),
            device: by,
        };
        self.report_device(superseded, tx);
        self.announce(tx);
    }
}
