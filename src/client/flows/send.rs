//! Sending and withdrawing of messages, and posts of the outbox. Protocol §6.

use rand_core::CryptoRng;

use crate::{
    base::{Content, ErrorCode, UnixTime},
    client::{
        Client, ClientError, ContactId, Effects, MessageEvent, MessageRef, MessageState,
        MessageView, Pieces, PiecesNeeded, Post, StoreKey, TransferView,
        flows::seal::{DeliveryContent, SealedControls, SealedDelivery},
        messages::{Message, Parts},
        outbox::{self, CellPurpose, Destination},
        transaction::Transaction,
        view::Event,
    },
    envelope::{
        ContentType, DeliveryId, EnvelopeError, Sealing, chunk_len,
        message::{self, Attachment},
    },
    wire::{Cell, post},
};

/// A message to send.
#[derive(Clone, Debug)]
pub struct Outgoing<'a> {
    /// Typed text.
    pub text: Option<&'a str>,
    /// Files, with or without text.
    pub attachments: Vec<Attachment>,
    /// A label of at most 48 bytes, "visit-7421"; empty for none.
    pub session: &'a str,
}

impl Outgoing<'_> {
    /// Bytes of the text and the files, to which the relay's limit applies.
    fn len(&self) -> usize {
        let files = self.attachments.iter().map(|file| file.body.len());
        self.text.map_or(0, str::len) + files.sum::<usize>()
    }

    /// The delivery's content type and payload.
    fn into_payload(self) -> Result<(ContentType, Content), ClientError> {
        match self.text {
            Some(text) if self.attachments.is_empty() => {
                Ok((ContentType::plain_text(), text.as_bytes().into()))
            }
            text => message::encode(text, self.attachments)
                .map(|payload| (ContentType::message(), payload))
                .map_err(ClientError::Message),
        }
    }
}

impl Client {
    /// Proves, seals and queues a message. It is sent with the next slot.
    ///
    /// # Errors
    ///
    /// `ContactPending` or `ContactSuspect` for a contact that is not
    /// verified, `Envelope(TooLarge)` above the relay's limit, `ClockBehind`,
    /// `Text` for a label that the text rule refuses, `Message` for a file name
    /// that it refuses, and for text and files that make no message.
    pub fn send(
        &mut self,
        id: ContactId,
        outgoing: Outgoing<'_>,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Effects<MessageView>, ClientError> {
        let contact = self.contacts.find(id)?;
        contact.require_active()?;
        self.devices.require_live()?;
        let peer = contact.peer.ok_or(ClientError::ContactPending)?;
        let most = self.mailboxes.info()?.max_attachment_bytes.get() as usize;
        let session = DeliveryId::with_label(outgoing.session, rng)
            .map_err(|error| ClientError::Text("session", error))?;
        if outgoing.len() > most {
            return Err(EnvelopeError::TooLarge.into());
        }
        let typed = outgoing.text.is_some();
        let (content_type, payload) = outgoing.into_payload()?;
        let message = MessageRef {
            contact: id,
            ordinal: contact.next_message,
        };
        let content = DeliveryContent {
            session: &session,
            seq: None,
            content_type: &content_type,
            payload: &payload,
        };
        let mut sealer = self.sealer(contact, now)?;
        let sealed = sealer.seal(&content, rng)?;
        let used = sealer.finish();

        let mut tx = Transaction::new(now);
        let parts = Parts::of(&content_type, &payload);
        let held = Message {
            outgoing: true,
            session: session.encode(),
            sent_at: now.0,
            received_at: None,
            seq: sealed.seq,
            content_type: content_type.as_str().to_owned(),
            size: u32::try_from(payload.len()).unwrap_or(u32::MAX),
            state: MessageState::Queued,
            cells_left: sealed.count(),
            parts,
            read: true,
            filing: None,
        };
        let view = MessageView::new(message, &held).with_body(&payload);
        self.use_counters(used, &mut tx);
        if let Some(contact) = self.contacts.update(id, &mut tx) {
            contact.next_message += 1;
        }
        let to = Destination::Bucket(peer.fingerprint());
        self.push_message(message, sealed, to, &mut tx);
        let content = Some(&payload);
        let event = MessageEvent::Sent;
        self.log_message(event, message, &held.session, content, &mut tx);
        self.messages.put_body(message, payload, &mut tx);
        self.messages.put(message, held, &mut tx);
        if typed {
            tx.delete(StoreKey::Draft(id));
        }
        Ok(self.commit(tx, view))
    }

    /// Queues the cells of a message.
    pub(crate) fn push_message(
        &mut self,
        message: MessageRef,
        sealed: SealedDelivery,
        to: Destination,
        tx: &mut Transaction,
    ) {
        let purpose = CellPurpose::Message(message);
        let day = tx.now.day();
        self.outbox.push(sealed.cells, to, day, &purpose, tx);
        if let Some(record) = sealed.later {
            self.outbox.push_large(message, record, tx);
        }
    }

    /// Withdraws a message of which not all has left, or that was stopped. A
    /// control delivery that acknowledges nothing uses its sequence number, so
    /// that its recipient misses nothing; fragments that arrive are never shown.
    /// `in_flight` are the cells of a post without an answer: the relay may have
    /// them. Protocol §13.
    ///
    /// # Errors
    ///
    /// `MessageUnknown`; `MessageSent` for a message that the relay has or may
    /// have, or that is not outgoing; `ClockBehind`.
    pub fn cancel(
        &mut self,
        message: MessageRef,
        in_flight: &[u64],
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Effects<MessageView>, ClientError> {
        let held = self.messages.get(message);
        let held = held.ok_or(ClientError::MessageUnknown)?;
        let filler = self.seal_withdrawal(message, held, in_flight, now, rng)?;
        let cancelled = Message {
            state: MessageState::Cancelled,
            ..held.clone()
        };
        let view = MessageView::new(message, &cancelled);

        let mut tx = Transaction::new(now);
        self.outbox.cut_short(message, &mut tx);
        self.push_controls(filler, &mut tx);
        self.end_message(message, MessageState::Cancelled, &mut tx);
        Ok(self.commit(tx, view))
    }

    /// What takes the sequence number of a message that is withdrawn.
    pub(crate) fn seal_withdrawal(
        &self,
        message: MessageRef,
        held: &Message,
        in_flight: &[u64],
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<SealedControls>, ClientError> {
        if held.state == MessageState::Stopped {
            return Ok(None); // Nothing leaves for a contact that is suspect.
        }
        if !held.is_queued() || self.outbox.may_have_left(message, in_flight) {
            return Err(ClientError::MessageSent);
        }
        let policy = self.devices.send_policy();
        if self.outbox.is_former(policy, message) {
            // A number of a former device's count is not this device's to use.
            return Ok(None);
        }
        let contact = self.contacts.find(message.contact)?;
        let unused = self.outbox.unused(message);
        self.seal_filler(contact, held.seq, unused, now, rng)
            .map(Some)
    }

    /// Ends an outgoing message that will not arrive.
    pub(crate) fn end_message(
        &mut self,
        message: MessageRef,
        state: MessageState,
        tx: &mut Transaction,
    ) {
        let event = match state {
            MessageState::Cancelled => MessageEvent::Cancelled,
            _ => MessageEvent::Undelivered,
        };
        if let Some(session) = self.messages.set_state(message, state, tx) {
            self.log_message(event, message, &session, None, tx);
        }
    }

    /// Abandons a message that can no longer be sealed or sent from here, so that it
    /// does not block others.
    pub(crate) fn abandon(&mut self, message: MessageRef, tx: &mut Transaction) {
        self.outbox.discard(&CellPurpose::Message(message), tx);
        self.end_message(message, MessageState::Undelivered, tx);
    }

    /// The pieces that [`Client::seal_more`] needs next; `None` while enough
    /// cells are sealed. Ask before every post, until it gives `None`.
    #[must_use]
    pub fn pieces_needed(&self, now: UnixTime) -> Option<PiecesNeeded> {
        let (message, record) = self.outbox.next_large(now.day())?;
        Some(PiecesNeeded {
            message,
            pieces: outbox::pieces_of_burst(record, self.body_len(message)),
        })
    }

    /// Seals the next cells of a large message and queues them. A message of
    /// which a needed piece is missing cannot be sent any more: it is given
    /// up and shown as undelivered.
    pub fn seal_more(
        &mut self,
        message: MessageRef,
        pieces: &Pieces<'_>,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Effects {
        let sealed = self.outbox.large_message(message).is_some();
        let sealed = sealed.then(|| self.seal_burst(message, pieces, rng));

        let mut tx = Transaction::new(now);
        match sealed {
            Some(Ok((cells, to))) => self.outbox.push_sealed(message, cells, to, &mut tx),
            Some(Err(_)) => {
                let unused = self.outbox.unused(message);
                let channel = self.contacts.update_channel(message.contact, &mut tx);
                if let (Some(channel), Some(unused)) = (channel, unused) {
                    channel.give_back(unused);
                }
                self.outbox.cut_short(message, &mut tx);
                self.end_message(message, MessageState::Undelivered, &mut tx);
            }
            None => {}
        }
        self.commit(tx, ())
    }

    fn seal_burst(
        &self,
        message: MessageRef,
        pieces: &Pieces<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<(Vec<Cell>, Destination), ClientError> {
        let record = self.outbox.large_message(message);
        let record = record.ok_or(ClientError::Internal)?;
        let contact = self.contacts.find(message.contact)?;
        let peer = contact.peer.ok_or(ClientError::ContactPending)?;
        let channel = contact.channel.as_ref();
        let channel = channel.ok_or(ClientError::ContactPending)?;
        let keys = channel.sending_keys(UnixTime(record.sent_at))?;
        let sealing = Sealing {
            recipient: peer.kem(),
            psk: &keys.psk,
            size: self.mailboxes.info()?.cell_size,
        };
        let len = self.body_len(message);
        let cells: Result<Vec<Cell>, _> = outbox::burst(record)
            .map(|index| outbox::seal_fragment(record, index, len, pieces, &keys, &sealing, rng))
            .collect();
        Ok((cells?, Destination::Bucket(peer.fingerprint())))
    }

    fn body_len(&self, message: MessageRef) -> usize {
        let held = self.messages.get(message);
        held.map_or(0, |held| held.size as usize)
    }

    /// Creates one slot: the same number of cells for every numbered bucket, in which
    /// queued cells replace cover. It reveals neither whether a person writes nor to
    /// whom. Protocol §13.
    ///
    /// # Errors
    ///
    /// `RelayUnknown` before the first `/v1/info`.
    pub fn next_slot(&self, now: UnixTime, rng: &mut impl CryptoRng) -> Result<Post, ClientError> {
        self.slot_of(now, |_| true, rng)
    }

    /// A slot that has only the queued cells that are admitted, asked for
    /// oldest first.
    pub(crate) fn slot_of(
        &self,
        now: UnixTime,
        admission: impl FnMut(u64) -> bool,
        rng: &mut impl CryptoRng,
    ) -> Result<Post, ClientError> {
        let policy = self.devices.send_policy();
        let slot = self
            .outbox
            .slot(policy, now.day(), &self.mailboxes, admission)?;
        slot.finish(rng)
    }

    /// Creates the next post for sending at once, until nothing waits: cells for the
    /// lobby, then additional slots. The relay sees how many cells the fullest bucket's
    /// queue has, but not which bucket that is.
    ///
    /// # Errors
    ///
    /// `RelayUnknown` before the first `/v1/info`.
    pub fn next_flush(
        &self,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<Post>, ClientError> {
        if let Some(post) = self.next_lobby_post(now)? {
            return Ok(Some(post));
        }
        let policy = self.devices.send_policy();
        let slot = self
            .outbox
            .slot(policy, now.day(), &self.mailboxes, |_| true)?;
        if slot.is_cover() {
            return Ok(None);
        }
        slot.finish(rng).map(Some)
    }

    /// Up to four cells for the lobby, which are not part of slots; `None` if none
    /// waits. An enrolment through the lobby is visible to the relay.
    ///
    /// # Errors
    ///
    /// `RelayUnknown` before the first `/v1/info`.
    pub fn next_lobby_post(&self, now: UnixTime) -> Result<Option<Post>, ClientError> {
        self.lobby_post_of(now, |_| true)
    }

    pub(crate) fn lobby_post_of(
        &self,
        now: UnixTime,
        admission: impl FnMut(u64) -> bool,
    ) -> Result<Option<Post>, ClientError> {
        let policy = self.devices.send_policy();
        self.outbox
            .lobby_post(policy, now.day(), &self.mailboxes, admission)
    }

    /// The relay refuses a slot, or never answered it: what it has is sealed
    /// again before it leaves in another slot, or the relay would see which
    /// cells are real. Returns the cells for which that cannot be done.
    pub(crate) fn slot_abandoned(
        &mut self,
        ordinals: &[u64],
        report: bool,
        now: UnixTime,
    ) -> Effects<Vec<u64>> {
        let mut tx = Transaction::new(now);
        let policy = self.devices.send_policy();
        let kept = self.outbox.seal_again(policy, ordinals, &mut tx);
        if report {
            self.refuse(ErrorCode::RelayRefused, None, &mut tx);
        }
        self.commit(tx, kept)
    }

    /// The relay refuses a queued cell, whatever it is posted with: reports
    /// it. The cell stays in the queue.
    pub(crate) fn cell_refused(&mut self, ordinal: u64, now: UnixTime) -> Effects {
        let contact = self.outbox.contact_of(ordinal);
        let mut tx = Transaction::new(now);
        self.refuse(ErrorCode::RelayRefused, contact, &mut tx);
        self.commit(tx, ())
    }

    /// Whether a post that got no answer may be repeated as it was. Not once
    /// some of its cells may no longer leave, because their contact became
    /// suspect or their message was withdrawn.
    #[must_use]
    pub fn may_post(&self, tokens: &[u64]) -> bool {
        tokens.iter().all(|ordinal| self.outbox.has(*ordinal))
    }

    /// The same of a slot, which must also be of the shape that the relay takes.
    pub(crate) fn may_repeat(&self, slot: &Post) -> bool {
        let fits = self
            .mailboxes
            .for_posting()
            .is_ok_and(|relay| post::decode(&slot.body, relay.cell_size, relay.buckets).is_ok());
        fits && self.may_post(&slot.tokens)
    }

    /// Processes a 202 of the relay: the cells of the post are durable there.
    pub fn posted(&mut self, tokens: &[u64], now: UnixTime) -> Effects {
        let mut tx = Transaction::new(now);
        for (message, cells) in self.outbox.acknowledge(tokens, &mut tx).iter() {
            self.messages.cells_posted(*message, *cells, &mut tx);
            if let Some(transfer) = self.outgoing_transfer(*message) {
                tx.emit(Event::Transfer { transfer });
            }
        }
        self.commit(tx, ())
    }

    /// Messages of more than one cell in transit, in or out.
    ///
    /// # Errors
    ///
    /// `RelayUnknown` before the first `/v1/info`.
    pub fn transfers(&self) -> Result<Vec<TransferView>, ClientError> {
        self.mailboxes.info()?;
        let queued = self.messages.iter().filter(|(_, held)| held.is_queued());
        let outgoing = queued.filter_map(|(message, _)| self.outgoing_transfer(message));
        let incoming = self.inbox.reassembly.keys();
        let incoming = incoming.filter_map(|key| self.incoming_transfer(key));
        Ok(outgoing.chain(incoming).collect())
    }

    /// The progress of an outgoing message; `None` if it takes one cell only.
    fn outgoing_transfer(&self, message: MessageRef) -> Option<TransferView> {
        let held = self.messages.get(message)?;
        if !held.outgoing || !held.state.is_under_way() {
            return None;
        }
        let chunk = chunk_len(self.mailboxes.info().ok()?.cell_size);
        let of = held.size as usize;
        let left = (held.cells_left as usize).saturating_mul(chunk);
        (of > chunk).then(|| TransferView::outgoing(message, of.saturating_sub(left), of))
    }
}
