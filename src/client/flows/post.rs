//! What leaves: large messages sealed piece by piece, slots, and what the relay
//! answers. Protocol §13.

use rand_core::CryptoRng;

use crate::{
    base::{ErrorCode, UnixTime},
    client::{
        Client, ClientError, Effects, MessageRef, MessageState, Pieces, PiecesNeeded, Post,
        TransferView, mailboxes::Destination, outbox, transaction::Transaction, view::Event,
    },
    envelope::{Sealing, chunk_len},
    wire::Cell,
};

impl Client {
    /// The pieces that [`Client::seal_more`] needs next; `None` while enough cells
    /// are sealed. Call it before every post, until it returns `None`.
    #[must_use]
    pub fn pieces_needed(&self, now: UnixTime) -> Option<PiecesNeeded> {
        let (message, record) = self.outbox.next_large(now.day())?;
        Some(PiecesNeeded {
            message,
            pieces: outbox::pieces_of_burst(record, self.messages.body_len(message)),
        })
    }

    /// Seals the next cells of a large message and queues them. A message with a
    /// missing piece can no longer be sent: it is abandoned and shown as
    /// undelivered.
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
        let len = self.messages.body_len(message);
        let cells: Result<Vec<Cell>, _> = outbox::burst(record)
            .map(|index| outbox::seal_fragment(record, index, len, pieces, &keys, &sealing, rng))
            .collect();
        Ok((cells?, Destination::Bucket(peer.fingerprint())))
    }

    /// Begins the next slot: the same number of cells for every numbered bucket, in
    /// which the queued cells that are admitted, asked for oldest first, replace
    /// cover. It reveals neither whether a person writes nor to whom. From the
    /// commit on it is unanswered. `None` if it would be
    /// cover alone and that is not wanted. Protocol §13.
    pub(crate) fn begin_slot(
        &mut self,
        now: UnixTime,
        admission: impl FnMut(u64) -> bool,
        cover: bool,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<Effects>, ClientError> {
        let policy = self.devices.send_policy();
        let relay = self.mailboxes.for_posting()?;
        let slot = self
            .outbox
            .slot(policy, now.day(), &self.mailboxes, admission)?;
        if slot.is_cover() && !cover {
            return Ok(None);
        }

        let mut tx = Transaction::new(now);
        self.outbox.begin_slot(&slot, &relay, rng, &mut tx);
        Ok(Some(self.commit(tx, ())))
    }

    /// The queued cells of the slot that the relay may have although it has not
    /// answered.
    #[must_use]
    pub fn in_flight(&self) -> &[u64] {
        self.outbox.in_flight()
    }

    /// Up to four of the admitted cells for the lobby, which are not part of slots;
    /// `None` if none waits. An enrolment through the lobby is visible to the relay.
    pub(crate) fn next_lobby_post(
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
    pub(crate) fn slot_abandoned(&mut self, report: bool, now: UnixTime) -> Effects<Vec<u64>> {
        let policy = self.devices.send_policy();
        let mut tx = Transaction::new(now);
        let cells = self.outbox.end_slot(&mut tx);
        let kept = self.outbox.seal_again(policy, &cells, &mut tx);
        if report {
            self.refuse(ErrorCode::RelayRefused, None, &mut tx);
        }
        self.commit(tx, kept)
    }

    /// Whether all that a relay may have without an answer can be sealed again.
    pub(crate) fn may_move_posts(&self) -> bool {
        let former_below = self.devices.send_policy().former_below;
        let mut unanswered = self.outbox.unanswered();
        unanswered.all(|ordinal| ordinal >= former_below)
    }

    /// Posts go to another member from now on, or to the own relay. Returns the
    /// cells that cannot be sealed again.
    pub(crate) fn post_elsewhere(
        &mut self,
        place: Option<String>,
        now: UnixTime,
    ) -> Effects<Vec<u64>> {
        let mut tx = Transaction::new(now);
        let kept = self.move_posts(place, &mut tx);
        self.commit(tx, kept)
    }

    /// What the former place may have without an answer is sealed again before
    /// it leaves: the same cells at two relays would show which are real.
    pub(super) fn move_posts(&mut self, place: Option<String>, tx: &mut Transaction) -> Vec<u64> {
        let policy = self.devices.send_policy();
        let unanswered: Vec<u64> = self.outbox.unanswered().collect();
        self.outbox.end_slot(tx);
        self.members.post_at(place, tx);
        self.outbox.seal_again(policy, &unanswered, tx)
    }

    /// The relay refuses a queued cell, whatever it is posted with: reports
    /// it. The cell stays in the queue.
    pub(crate) fn cell_refused(&mut self, ordinal: u64, now: UnixTime) -> Effects {
        let contact = self.outbox.contact_of(ordinal);
        let mut tx = Transaction::new(now);
        self.refuse(ErrorCode::RelayRefused, contact, &mut tx);
        self.commit(tx, ())
    }

    /// Processes a 202 of the relay: the cells of the post are durable there.
    pub fn posted(&mut self, tokens: &[u64], now: UnixTime) -> Effects {
        let mut tx = Transaction::new(now);
        self.acknowledge_cells(tokens, &mut tx);
        self.commit(tx, ())
    }

    /// Processes a 202 of the relay for the slot that was posted last.
    pub(crate) fn slot_posted(&mut self, now: UnixTime) -> Effects {
        let mut tx = Transaction::new(now);
        let cells = self.outbox.end_slot(&mut tx);
        self.acknowledge_cells(&cells, &mut tx);
        self.commit(tx, ())
    }

    fn acknowledge_cells(&mut self, ordinals: &[u64], tx: &mut Transaction) {
        for (message, cells) in self.outbox.acknowledge(ordinals, tx).iter() {
            self.messages.cells_posted(*message, *cells, tx);
            if let Some(transfer) = self.outgoing_transfer(*message) {
                tx.emit(Event::Transfer { transfer });
            }
        }
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
        (of > chunk).then(|| TransferView {
            id: message.to_string(),
            contact_id: message.contact,
            direction: "out",
            bytes: of.saturating_sub(left),
            total_bytes: of,
        })
    }
}
