//! Processing of deliveries after their verification. Protocol §4 and §6.

use rand_core::CryptoRng;

use crate::{
    base::{ErrorCode, Secret, SortedMap, SortedSet},
    channel::TagSlot,
    client::{
        Client, ClientError, ContactId, DeviceNotice, Gap, MessageEvent, MessageRef, MessageState,
        MessageView, TransferView,
        contacts::{Channel, ContactState, GenerationId},
        flows::seal::one_cell_of_receipts,
        inbox,
        mailboxes::Destination,
        messages::{Message, parts},
        transaction::{Randomized, Transaction},
        view::Event,
    },
    crypto::cbor::Deterministic as _,
    enrolment::SasNonce,
    envelope::{Authentic, Control, Delivery, DeliveryId, Sender},
    wire::{BatchHeader, hex},
};

/// A complete delivery, with the slot of its (first) tag.
pub(crate) struct Candidate {
    pub(crate) contact: ContactId,
    pub(crate) generation: GenerationId,
    pub(crate) slot: TagSlot,
    /// The digest of the cell that completed it.
    pub(crate) digest: [u8; 16],
    pub(crate) delivery: Delivery,
}

/// The results of the batches of one download, besides changes and events.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) messages: Vec<MessageView>,
    /// Cells in the batches.
    pub(crate) cells: usize,
    /// Deliveries to acknowledge.
    pub(crate) receipts: Vec<(ContactId, DeliveryId)>,
    /// Incomplete messages that got new fragments.
    pub(crate) grown: SortedSet<inbox::Key>,
}

impl Client {
    /// Opened → authentic → fresh: verifies and processes a delivery.
    pub(crate) fn accept_delivery(
        &mut self,
        candidate: Candidate,
        batch: &BatchHeader,
        outcome: &mut Outcome,
        tx: &mut Randomized<'_, impl CryptoRng>,
    ) -> Result<(), ErrorCode> {
        let (id, slot) = (candidate.contact, candidate.slot);
        let contact = self.contacts.get(id).ok_or(ErrorCode::NotAuthentic)?;
        let channel = contact.channel.as_ref().ok_or(ErrorCode::NotAuthentic)?;
        let (closed_at, grace) = (batch.closed_at, self.settings.grace());
        let keys = channel
            .receiving_keys(candidate.generation, slot.day, closed_at, grace)
            .ok_or(ErrorCode::NotAuthentic)?;
        let peer = contact.peer.ok_or(ErrorCode::NotAuthentic)?;
        let sender = Sender {
            identity: &peer,
            seed: &keys.blind_seed,
            slot,
            recipient: &self.public().fingerprint(),
        };
        self.inbox.work.proofs_verified += 1;
        let retention = self.settings.retention();
        let delivery = candidate.delivery.verify(&sender, tx.now, retention)?;
        if !self.is_fresh(id, channel, slot, &delivery)? {
            return Ok(());
        }
        let accepted = Some((delivery.id().encode(), delivery.seq()));
        let replays = &mut self.inbox.replays;
        replays.record(candidate.digest, slot.day, Some(id), accepted, tx);
        self.note_arrival(id, slot, &delivery, tx);
        if delivery.content_type().is_control() {
            return self.take_control(id, &delivery.payload().to_vec(), tx);
        }
        let session = delivery.id().clone();
        let (message, shown) = self.take_message(id, delivery, tx);
        if shown {
            outcome.receipts.push((id, session));
        }
        outcome.messages.push(message);
        Ok(())
    }

    /// Whether a delivery was not taken before. One that its sender sealed
    /// again is not acknowledged again: a contact could choose when.
    fn is_fresh(
        &self,
        id: ContactId,
        channel: &Channel,
        slot: TagSlot,
        delivery: &Authentic,
    ) -> Result<bool, ErrorCode> {
        let is_control = delivery.content_type().is_control();
        let known = self.inbox.replays.accepted(id, &delivery.id().encode());
        match known {
            Some(seq) if seq != delivery.seq() => Err(ErrorCode::Replayed),
            Some(_) => Ok(false),
            // The number of something that arrived: a message that waited at its
            // sender until its session id was forgotten here, or a withdrawn one.
            None if channel.has_arrived(slot.device, delivery.seq()) && !is_control => {
                Err(ErrorCode::Replayed)
            }
            None => Ok(true),
        }
    }

    /// Records a delivery as arrived, and its sending device.
    fn note_arrival(
        &mut self,
        id: ContactId,
        slot: TagSlot,
        delivery: &Authentic,
        tx: &mut Transaction,
    ) {
        let (seq, device) = (delivery.seq(), slot.device);
        let Some(channel) = self.contacts.update_channel(id, tx) else {
            return;
        };
        let newest = channel.newest_device();
        if channel.sequence(device).arrived(seq) {
            let gap = Gap::Sequence {
                contact_id: id,
                from: seq,
                to: seq,
                closed: true,
            };
            self.report_gap(gap, tx);
        }
        let last_message = (device > newest).then(|| self.messages.last_received(id));
        let times = (delivery.sent_at(), last_message.flatten());
        let heard = self.devices.heard_contact(id, (device, newest), times, tx);
        if heard.two_in_use {
            self.report_device(DeviceNotice::Contact { contact_id: id }, tx);
        }
        if heard.is_newer {
            // From now on the new device's whole window is watched every day.
            let grace = self.settings.grace();
            if let Some(contact) = self.contacts.get(id) {
                self.inbox.tags.watch_devices(contact, device, grace);
            }
        }
    }

    /// Stores a message; shows it if the contact is verified. Returns `true` if it is
    /// shown.
    fn take_message(
        &mut self,
        id: ContactId,
        delivery: Authentic,
        tx: &mut Transaction,
    ) -> (MessageView, bool) {
        let contact = self.contacts.update(id, tx);
        let (ordinal, shown) = contact.map_or((0, false), |contact| {
            contact.next_message += 1;
            let shown = contact.state == ContactState::Active;
            (contact.next_message - 1, shown)
        });
        let message = MessageRef {
            contact: id,
            ordinal,
        };
        let (state, event) = match shown {
            true => (MessageState::Verified, MessageEvent::Received),
            false => (MessageState::Held, MessageEvent::Held),
        };
        let (text, attachments) = parts(delivery.content_type(), delivery.payload());
        let held = Message {
            outgoing: false,
            session: delivery.id().encode(),
            sent_at: delivery.sent_at().0,
            received_at: Some(tx.now.0),
            seq: delivery.seq(),
            content_type: delivery.content_type().as_str().to_owned(),
            size: u32::try_from(delivery.payload().len()).unwrap_or(u32::MAX),
            text,
            attachments,
            state,
            cells_left: 0,
            read: false,
            filing: None,
        };
        let mut view = MessageView::new(message, &held);
        if shown {
            view = view.with_body(delivery.payload());
        }
        let content = Some(delivery.payload());
        self.log_message(event, message, &held.session, content, tx);
        self.messages.put_evidence(message, delivery.evidence(), tx);
        self.messages.put_body(message, delivery.into_payload(), tx);
        self.messages.put(message, held, tx);
        tx.emit(Event::Message {
            message: view.clone(),
        });
        (view, shown)
    }

    fn take_control(
        &mut self,
        id: ContactId,
        payload: &[u8],
        tx: &mut Randomized<'_, impl CryptoRng>,
    ) -> Result<(), ErrorCode> {
        match Control::decode(payload).ok_or(ErrorCode::NotAuthentic)? {
            Control::Confirm(mut nonce) => {
                let nonce = SasNonce::new(Secret::take(&mut nonce));
                self.take_confirm(id, &nonce, tx);
            }
            Control::Received(sessions) => {
                for session in sessions {
                    if let Some(message) = self.messages.sent_as(id, &session.encode()) {
                        self.end_message(message, MessageState::Delivered, tx);
                    }
                }
            }
        }
        Ok(())
    }

    fn take_confirm(
        &mut self,
        id: ContactId,
        nonce: &SasNonce,
        tx: &mut Randomized<'_, impl CryptoRng>,
    ) {
        let Some(contact) = self.contacts.update(id, tx) else {
            return;
        };
        if contact.awaiting.is_none() {
            return; // It changes nothing, and strangers to the handshake may send it.
        }
        let before = contact.state;
        let verified = contact.confirm(nonce);
        let failed = contact.state == ContactState::Suspect && before != contact.state;
        match verified {
            Some(by) => self.activate(id, by, tx),
            None if failed => self.suspect(id, ErrorCode::CommitmentMismatch, tx),
            None => self.contacts.emit(id, tx),
        }
    }

    /// Shows the messages that were held until the contact was verified. They
    /// are acknowledged if that is possible now.
    pub(crate) fn release_held(&mut self, id: ContactId, tx: &mut Randomized<'_, impl CryptoRng>) {
        let held = self.messages.held(id).into_iter();
        let held: Vec<_> = held
            .map(|(message, held)| (message, held.session.clone()))
            .collect();
        for (message, session) in &held {
            let event = MessageEvent::Released;
            self.log_message(event, *message, session, None, tx);
            self.messages.advance(*message, MessageState::Verified, tx);
        }
        let sessions = held.iter();
        let sessions = sessions.filter_map(|(_, session)| DeliveryId::decode(session));
        self.acknowledge(sessions.map(|session| (id, session)), tx);
    }

    /// Owes receipts for what was accepted, in the commit that accepts it.
    /// They leave after a random time; what is due at once is queued now.
    pub(crate) fn acknowledge(
        &mut self,
        accepted: impl IntoIterator<Item = (ContactId, DeliveryId)>,
        tx: &mut Randomized<'_, impl CryptoRng>,
    ) {
        let mut by_contact = SortedMap::<ContactId, Vec<DeliveryId>>::new();
        for (contact, session) in accepted {
            by_contact.get_or_insert(contact, Vec::new()).push(session);
        }
        for (contact, sessions) in by_contact.iter() {
            let receipts = &mut self.inbox.receipts;
            receipts.owe(*contact, sessions.clone(), tx.rng, &mut tx.tx);
        }
        self.seal_receipts(tx);
    }

    /// Queues the receipts that are due, one cell for each contact. What
    /// cannot be sealed now, because a clock is wrong, waits: that must not
    /// keep a message from being shown. A contact that is suspect by now gets
    /// none.
    pub(crate) fn seal_receipts(&mut self, tx: &mut Randomized<'_, impl CryptoRng>) {
        let Ok(size) = self.mailboxes.info().map(|info| info.cell_size) else {
            return;
        };
        if self.mailboxes.clock_is_off() {
            return;
        }
        let due: Vec<ContactId> = self.inbox.receipts.due(tx.now).collect();
        for id in due {
            let contact = self.contacts.get(id);
            let Some((contact, peer)) = contact.and_then(|contact| Some((contact, contact.peer?)))
            else {
                continue;
            };
            let to = Destination::Bucket(peer.fingerprint());
            let sessions = one_cell_of_receipts(self.inbox.receipts.of(id), size);
            let count = sessions.len();
            let payload = Control::Received(sessions).encode();
            if let Ok(sealed) = self.seal_control(contact, payload, to, tx.now, tx.rng) {
                self.push_control(sealed, tx);
                self.inbox.receipts.sealed(id, count, tx.rng, &mut tx.tx);
            }
        }
    }

    /// Sets how long receipts wait on average, in minutes: a day unless set.
    /// The shorter, the more contacts and the relay learn of when messages are
    /// read. Not stored.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` above two days.
    pub fn set_receipt_delay(&mut self, minutes: u32) -> Result<(), ClientError> {
        self.inbox.receipts.set_mean_delay(minutes)
    }

    /// The progress of an incomplete message of a contact.
    pub(crate) fn incoming_transfer(&self, key: inbox::Key) -> Option<TransferView> {
        let contact = ContactId(key.0);
        self.contacts.get(contact)?;
        let (bytes, of) = self.inbox.reassembly.progress(key)?;
        Some(TransferView {
            id: hex::encode(&key.1),
            contact_id: contact,
            direction: "in",
            bytes,
            total_bytes: of,
        })
    }

    /// Deletes an incomplete message and reports it.
    pub(crate) fn abandon_incomplete(&mut self, key: inbox::Key, tx: &mut Transaction) {
        self.inbox.reassembly.forget(key, tx);
        let contact = ContactId(key.0);
        if self.contacts.get(contact).is_some() {
            self.refuse(ErrorCode::MessageIncomplete, Some(contact), tx);
        }
    }
}
