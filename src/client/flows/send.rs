//! Sending: one reading of the clock fixes the day, the month and all keys
//! of all cells of a message. Protocol §4 and §6.

use rand_core::CryptoRng;

use crate::client::{
    Client, ClientError, ContactId, Did, Effects, MessageView,
    messages::content_type,
    outbox::{Destination, Part},
    outbox::{Key, seal_fragment},
    view::{MessageState, body_keys},
};
use crate::{
    base::{Content, UnixTime},
    channel::TagSlot,
    crypto::cbor::Deterministic as _,
    envelope::{
        ContentType, Control, DeliveryId, Draft, EnvelopeError, Layout, Sealing, compose, seal,
        split,
    },
    vault::stored::{ControlRecord, LargeRecord, MessageRecord},
    wire::Cell,
};

/// Session ids of one receipts delivery: as many as fit into one cell of
/// 2 KiB.
const RECEIPTS_PER_DELIVERY: usize = 20;

/// What a page asks to send.
#[derive(Clone, Debug)]
pub struct Outgoing<'a> {
    /// Media type, printable ASCII.
    pub content_type: &'a str,
    /// The content.
    pub body: Content,
    /// A file name; travels as a parameter of the content type (RFC 8187).
    pub filename: Option<&'a str>,
    /// A label of at most 48 bytes, "visit-7421"; empty for none.
    pub session: &'a str,
}

/// What one delivery says.
pub(crate) struct Saying<'a> {
    pub(crate) session: &'a DeliveryId,
    /// `None` for the next; a delivery sealed again keeps its own.
    pub(crate) seq: Option<u64>,
    pub(crate) content_type: &'a ContentType,
    pub(crate) payload: &'a Content,
}

/// Messages of more cells than this are sealed a few cells at a time.
const LARGE: u32 = 64;

/// A delivery that is proved and counted.
struct Sealed {
    /// Its cells; of a large one the first only.
    cells: Vec<Cell>,
    /// What is needed to seal a large one as its cells come due; its place in
    /// the queue is still to be given.
    later: Option<LargeRecord>,
}

impl Sealed {
    fn count(&self) -> u32 {
        let now = u32::try_from(self.cells.len()).unwrap_or(u32::MAX);
        let later = self.later.as_ref();
        now + later.map_or(0, |record| record.count - record.next)
    }
}

impl Client {
    /// Proves, seals and queues a message. It leaves with the next slot.
    ///
    /// # Errors
    ///
    /// `ContactPending` or `ContactSuspect` for a contact that is not
    /// checked, `Envelope(TooLarge)` above the relay's limit, `ClockBehind`,
    /// `InvalidArgument` for a content type, name or label out of form.
    pub fn send(
        &mut self,
        id: ContactId,
        outgoing: Outgoing<'_>,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Effects<MessageView>, ClientError> {
        let contact = self.contact(id)?;
        contact.require_active()?;
        self.require_live()?;
        let peer = contact.peer.ok_or(ClientError::ContactPending)?;
        let ordinal = contact.next_message;
        if outgoing.body.len() > self.relay.info()?.max_attachment_bytes.get() as usize {
            return Err(EnvelopeError::TooLarge.into());
        }
        let content_type = content_type(outgoing.content_type, outgoing.filename)?;
        let session = DeliveryId::with_label(outgoing.session, rng)
            .map_err(|_| ClientError::InvalidArgument("session"))?;
        let seq = contact
            .channel
            .as_ref()
            .ok_or(ClientError::ContactPending)?
            .next_seq();

        let saying = Saying {
            session: &session,
            seq: None,
            content_type: &content_type,
            payload: &outgoing.body,
        };
        let sealed = self.seal_delivery(id, &saying, now, rng)?;
        let record = MessageRecord {
            outgoing: true,
            session: session.encode(),
            sent_at: now.0,
            received_at: None,
            seq,
            content_type: content_type.as_str().to_owned(),
            size: u32::try_from(outgoing.body.len()).unwrap_or(u32::MAX),
            state: MessageState::Queued as u8,
            cells_left: sealed.count(),
        };
        let view = MessageView::new(id, ordinal, &record).with_body(&outgoing.body);
        self.contact_mut(id)?.next_message = ordinal + 1;
        let to = Destination::Bucket(peer.fingerprint());
        self.enqueue_message((id, ordinal), sealed, to, now);
        let content = Some(&outgoing.body);
        self.log_message(Did::Sent, (id, ordinal), &record.session, content, now);
        self.store_body(id, ordinal, outgoing.body);
        self.store_message(id, ordinal, record);
        if outgoing.content_type.starts_with("text/") {
            self.drop_draft(id);
        }
        Ok(self.finish(view))
    }

    /// One message of [`Client::reseal`]: a new time, the same session id and
    /// sequence number, so that a recipient who has it already takes it for
    /// what it is. Protocol §6.
    pub(crate) fn reseal_message(
        &mut self,
        id: ContactId,
        ordinal: u32,
        body: &Content,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ClientError> {
        let found = self.messages.get(&(id, ordinal));
        let mut record = found.cloned().ok_or(ClientError::MessageUnknown)?;
        let peer = self.contact(id)?.peer.ok_or(ClientError::ContactPending)?;
        let damaged = ClientError::Vault(crate::vault::VaultError::Damaged);
        let saying = Saying {
            session: &DeliveryId::decode(&record.session).ok_or(damaged)?,
            seq: Some(record.seq),
            content_type: &ContentType::new(&record.content_type).ok_or(damaged)?,
            payload: body,
        };
        let sealed = self.seal_delivery(id, &saying, now, rng)?;
        self.discard(&Part::Message(id, ordinal));
        record.cells_left = sealed.count();
        let to = Destination::Bucket(peer.fingerprint());
        self.enqueue_message((id, ordinal), sealed, to, now);
        self.store_message(id, ordinal, record);
        Ok(())
    }

    fn enqueue_message(&mut self, key: Key, sealed: Sealed, to: Destination, now: UnixTime) {
        let part = Part::Message(key.0, key.1);
        self.enqueue(sealed.cells, to, now.day(), &part);
        if let Some(mut record) = sealed.later {
            record.ordinal = self.next_ordinal - u64::from(record.next);
            self.next_ordinal += u64::from(record.count - record.next);
            self.keep_large(key, record);
        }
    }

    /// Uses a sequence number whose message will not come, so that its
    /// recipient misses nothing: a control delivery that acknowledges nothing.
    pub(crate) fn fill_sequence(
        &mut self,
        id: ContactId,
        seq: u64,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ClientError> {
        let peer = self.contact(id)?.peer.ok_or(ClientError::ContactPending)?;
        let session = DeliveryId::generate(rng);
        let record = ControlRecord {
            session: session.encode(),
            seq,
            payload: Control::Received(Vec::new()).encode(),
        };
        let to = Destination::Bucket(peer.fingerprint());
        self.seal_control(id, record, Some(seq), to, now, rng)
    }

    /// A control delivery to a contact, in whatever state it is.
    pub(crate) fn send_control(
        &mut self,
        id: ContactId,
        control: &Control,
        to: Destination,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ClientError> {
        self.send_payload(id, control.encode(), to, now, rng)
    }

    /// The same from its payload. A superseded device sends nothing.
    pub(crate) fn send_payload(
        &mut self,
        id: ContactId,
        payload: Vec<u8>,
        to: Destination,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ClientError> {
        if self.superseded() {
            return Ok(());
        }
        let session = DeliveryId::generate(rng);
        let channel = self.contact(id)?.channel.as_ref();
        let record = ControlRecord {
            session: session.encode(),
            seq: channel.ok_or(ClientError::ContactPending)?.next_seq(),
            payload,
        };
        self.seal_control(id, record, None, to, now, rng)
    }

    /// Seals a control delivery, for the first time or again.
    pub(crate) fn seal_control(
        &mut self,
        id: ContactId,
        record: ControlRecord,
        seq: Option<u64>,
        to: Destination,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ClientError> {
        let session = DeliveryId::decode(&record.session);
        let saying = Saying {
            session: &session.ok_or(ClientError::Internal)?,
            seq,
            content_type: &ContentType::control(),
            payload: &record.payload.as_slice().into(),
        };
        let sealed = self.seal_delivery(id, &saying, now, rng)?;
        if sealed.later.is_some() {
            return Err(EnvelopeError::TooLarge.into());
        }
        let part = Part::Control(id, record);
        self.discard(&part);
        self.enqueue(sealed.cells, to, now.day(), &part);
        Ok(())
    }

    /// Proves one delivery and seals it, or leaves the sealing for later if
    /// it takes many cells. Takes a sequence number, unless it is sealed
    /// again, and as many counters as it has cells. Changes nothing if it
    /// fails.
    fn seal_delivery(
        &mut self,
        id: ContactId,
        saying: &Saying<'_>,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Sealed, ClientError> {
        let size = self.relay.info()?.cell_size;
        let contact = self.contact(id)?;
        let peer = contact.peer.ok_or(ClientError::ContactPending)?;
        let channel = contact
            .channel
            .as_ref()
            .ok_or(ClientError::ContactPending)?;
        let keys = channel.sending_keys(now)?;
        let draft = Draft {
            id: saying.session,
            sent_at: now,
            device: self.device,
            seq: saying.seq.unwrap_or_else(|| channel.next_seq()),
            content_type: saying.content_type,
            payload: saying.payload,
        };
        let to = peer.fingerprint();
        let mut delivery = compose(&self.identity, &to, &keys.blind_seed, &draft, rng)
            .ok_or(ClientError::Internal)?;
        let layout = Layout::of(delivery.len() + saying.payload.len(), size)?;
        let sealing = Sealing {
            recipient: peer.kem(),
            psk: &keys.psk,
            size,
        };
        let mut cells = Vec::new();
        if draft.seq == 0 {
            cells = self.introductions(&peer, &keys, &sealing, now, rng)?;
        }

        let device = self.device;
        let channel = self.contact_mut(id)?.channel.as_mut();
        let channel = channel.ok_or(ClientError::ContactPending)?;
        let first = channel.take_counters(now.day(), layout.cells());
        if saying.seq.is_none() {
            channel.take_seq();
        }
        if let Layout::Fragments { count, chunk_len } = layout
            && count.get() > LARGE
        {
            let mut message_id = [0; 16];
            rng.fill_bytes(&mut message_id);
            let later = LargeRecord {
                head: delivery,
                message_id,
                sent_at: now.0,
                device,
                first_counter: first,
                count: count.get(),
                chunk_len: u32::try_from(chunk_len).map_err(|_| EnvelopeError::TooLarge)?,
                next: 1,
                ordinal: 0,
            };
            // The first goes in any case: from it, the recipient knows how many counters are used.
            let pieces = saying.payload.pieces();
            let pieces = (0..).zip(pieces).collect();
            let first = seal_fragment(
                &later,
                0,
                saying.payload.len(),
                &pieces,
                &keys,
                &sealing,
                rng,
            );
            cells.push(first?);
            let later = Some(later);
            return Ok(Sealed { cells, later });
        }
        delivery.extend_from_slice(&saying.payload.to_vec());
        for (counter, body) in (first..).zip(&split(&delivery, size, rng)?) {
            let slot = TagSlot {
                day: now.day(),
                device,
                counter,
            };
            cells.push(seal(&sealing, keys.tag_key.tag(slot), body, rng)?);
        }
        Ok(Sealed { cells, later: None })
    }

    /// Receipts for what was accepted, in the commit that accepts it.
    pub(crate) fn send_receipts(
        &mut self,
        id: ContactId,
        sessions: &[DeliveryId],
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ClientError> {
        let peer = self.contact(id)?.peer.ok_or(ClientError::ContactPending)?;
        for ids in sessions.chunks(RECEIPTS_PER_DELIVERY) {
            let to = Destination::Bucket(peer.fingerprint());
            self.send_control(id, &Control::Received(ids.to_vec()), to, now, rng)?;
        }
        Ok(())
    }

    /// Stores a body, piece by piece.
    pub(crate) fn store_body(&mut self, id: ContactId, ordinal: u32, body: Content) {
        let keys = body_keys(id, ordinal, body.len());
        let mut pieces = body.into_pieces();
        pieces.resize_with(keys.len(), Default::default); // an empty body is one empty piece
        for (key, piece) in keys.into_iter().zip(pieces) {
            self.pending.changes.insert(key, Some(piece));
        }
    }
}
