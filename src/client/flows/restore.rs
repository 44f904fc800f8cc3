//! A backup on another device. Protocol §13.
//!
//! A restored device takes the index after that of every device it can know
//! of, counts anew under it, and sees to it that its contacts look for it.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::client::{
    Change, Client, ClientError, ContactId, Effects, Entry, contacts::ContactState,
    devices::Devices, outbox::Destination,
};
use crate::{
    base::UnixTime,
    channel::{MonthKeys, TagSlot},
    crypto::cbor::Deterministic as _,
    envelope::{
        Body, ContentType, Control, DEVICE_ID_LEN, DeliveryId, Draft, NEXT_DEVICE_WINDOW, Sealing,
        compose, seal,
    },
    identity::PublicIdentity,
    vault::{VaultError, stored::QueuedRecord},
    wire::Cell,
};

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
        let known = core::mem::replace(&mut client.devices, Devices::alone());
        client.devices = known.restored(id, highest, client.next_ordinal);
        client.pending.own = true;
        client.log(Entry::Restored, now);
        // What the device of the backup had to say is not true of this one.
        client.drop_announcements();
        // Their tags are counted by the device of the backup, which may go on with them.
        let large: Vec<_> = client.large.keys().copied().collect();
        for (id, ordinal) in large {
            client.give_up(id, ordinal, now);
        }
        let changes = client.finish(()).changes;
        Ok((client, changes))
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
    pub(crate) fn introductions(
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
                id: &DeliveryId::generate(rng),
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
}

/// Whether a queued cell is a greeting of [`Client::greet`]: it can wait until
/// there is nothing else to send.
pub(crate) fn is_greeting(queued: &QueuedRecord) -> bool {
    let control = queued.control.as_ref();
    control.is_some_and(|control| control.payload == greeting())
}

/// A receipt of nothing.
fn greeting() -> Vec<u8> {
    Control::Received(Vec::new()).encode()
}
