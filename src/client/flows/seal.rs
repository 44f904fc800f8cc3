//! Proves and seals deliveries: one reading of the clock fixes the day, the
//! month and all keys of all cells of a delivery. Protocol §4 and §6.

use rand_core::CryptoRng;

use crate::{
    base::{Content, Day, UnixTime},
    channel::{MonthKeys, TagSlot},
    client::{
        Client, ClientError, ContactId,
        contacts::{Contact, ContactState, Counters, UsedCounters},
        mailboxes::Destination,
        outbox::{CellPurpose, greeting, seal_fragment},
        transaction::Transaction,
    },
    envelope::{
        Body, ContentType, DeliveryId, EnvelopeError, Layout, NEXT_DEVICE_WINDOW, Sealing,
        UnprovenDelivery, compose, seal, split,
    },
    identity::{Identity, PublicIdentity},
    vault::stored::{ControlRecord, LargeRecord},
    wire::{Cell, CellSize},
};

/// Messages of more cells than this are sealed a few cells at a time.
const LARGE: u32 = 64;

/// What one delivery carries.
pub(crate) struct DeliveryContent<'a> {
    pub(crate) session: &'a DeliveryId,
    /// `None` for the next; a delivery that is sealed again keeps its own.
    pub(crate) seq: Option<u64>,
    pub(crate) content_type: &'a ContentType,
    pub(crate) payload: &'a Content,
}

/// A delivery that is proved and sealed, but not queued yet.
pub(crate) struct SealedDelivery {
    pub(crate) seq: u64,
    /// Its cells; of a large one the first only.
    pub(crate) cells: Vec<Cell>,
    /// How to seal the rest of a large one as slots come due.
    pub(crate) later: Option<LargeRecord>,
}

impl SealedDelivery {
    /// Cells in all.
    pub(crate) fn count(&self) -> u32 {
        let now = u32::try_from(self.cells.len()).unwrap_or(u32::MAX);
        let later = self.later.as_ref();
        now + later.map_or(0, |record| record.count - record.next)
    }
}

/// Seals deliveries to one contact with a copy of its counters, which takes
/// effect with [`Contacts::use_counters`](crate::client::contacts::Contacts::use_counters).
pub(crate) struct Sealer<'a> {
    identity: &'a Identity,
    contact: ContactId,
    peer: PublicIdentity,
    keys: MonthKeys,
    size: CellSize,
    device: u8,
    now: UnixTime,
    counters: Counters,
}

/// A control delivery that is sealed, but not queued yet.
pub(crate) struct SealedControl {
    to: Destination,
    used: UsedCounters,
    record: ControlRecord,
    cells: Vec<Cell>,
}

impl Client {
    /// A sealer for deliveries to a contact.
    ///
    /// # Errors
    ///
    /// `ContactPending` before the handshake; `RelayUnknown`; `ClockBehind`.
    pub(crate) fn sealer(
        &self,
        contact: &Contact,
        now: UnixTime,
    ) -> Result<Sealer<'_>, ClientError> {
        let size = self.mailboxes.info()?.cell_size;
        let channel = contact.channel.as_ref();
        let channel = channel.ok_or(ClientError::ContactPending)?;
        Ok(Sealer {
            identity: &self.account.identity,
            contact: contact.id,
            peer: contact.peer.ok_or(ClientError::ContactPending)?,
            keys: channel.sending_keys(now)?,
            size,
            device: self.devices.index(),
            now,
            counters: channel.counters().clone(),
        })
    }

    /// Seals a control delivery with this payload. A superseded device sends
    /// none, and a suspect contact gets none.
    pub(crate) fn seal_control(
        &self,
        contact: &Contact,
        payload: Vec<u8>,
        to: Destination,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<SealedControl>, ClientError> {
        if self.devices.is_superseded() || contact.state == ContactState::Suspect {
            return Ok(None);
        }
        let sealer = self.sealer(contact, now)?;
        sealer.control(payload, None, to, rng).map(Some)
    }

    /// Seals a control delivery that acknowledges nothing, under the number of a
    /// message that will not be sent. Counters that the message leaves unused are
    /// used again.
    pub(crate) fn seal_filler(
        &self,
        contact: &Contact,
        seq: u64,
        unused: Option<(Day, u32)>,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<SealedControl, ClientError> {
        let mut sealer = self.sealer(contact, now)?;
        if let Some((day, from)) = unused {
            sealer.counters.give_back(day, from);
        }
        let to = Destination::Bucket(sealer.peer.fingerprint());
        sealer.control(greeting(), Some(seq), to, rng)
    }

    /// Queues a control delivery that was sealed.
    pub(crate) fn push_control(&mut self, sealed: Option<SealedControl>, tx: &mut Transaction) {
        if let Some(sealed) = sealed {
            let purpose = CellPurpose::Control(sealed.used.contact, sealed.record);
            self.contacts.use_counters(sealed.used, tx);
            self.outbox.push(sealed.cells, sealed.to, &purpose, tx);
        }
    }
}

impl Sealer<'_> {
    pub(crate) fn finish(self) -> UsedCounters {
        UsedCounters {
            contact: self.contact,
            counters: self.counters,
        }
    }

    /// Seals a new control delivery under this number, or under the next.
    fn control(
        mut self,
        payload: Vec<u8>,
        seq: Option<u64>,
        to: Destination,
        rng: &mut impl CryptoRng,
    ) -> Result<SealedControl, ClientError> {
        let mut record = ControlRecord {
            session: DeliveryId::generate(rng).encode(),
            seq: 0,
            payload,
        };
        let sealed = self.seal_again(&record, seq, rng)?;
        record.seq = sealed.seq;
        Ok(SealedControl {
            to,
            used: self.finish(),
            record,
            cells: sealed.cells,
        })
    }

    /// Seals a control delivery under its own number, or under the next.
    pub(crate) fn seal_again(
        &mut self,
        record: &ControlRecord,
        seq: Option<u64>,
        rng: &mut impl CryptoRng,
    ) -> Result<SealedDelivery, ClientError> {
        let session = DeliveryId::decode(&record.session).ok_or(ClientError::Internal)?;
        let content = DeliveryContent {
            session: &session,
            seq,
            content_type: &ContentType::control(),
            payload: &record.payload.as_slice().into(),
        };
        let sealed = self.seal(&content, rng)?;
        match sealed.later {
            Some(_) => Err(EnvelopeError::TooLarge.into()),
            None => Ok(sealed),
        }
    }

    /// Proves one delivery and seals it, or leaves the sealing for later if
    /// it takes many cells. Takes as many counters as it has cells, and a
    /// sequence number unless it is sealed again.
    pub(crate) fn seal(
        &mut self,
        content: &DeliveryContent<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<SealedDelivery, ClientError> {
        let day = self.now.day();
        if !self.counters.is_open(day) {
            return Err(ClientError::ClockBehind);
        }
        let seq = content.seq.unwrap_or_else(|| self.counters.next_seq());
        let mut delivery = self.compose(content, self.device, seq, rng)?;
        let layout = Layout::of(delivery.len() + content.payload.len(), self.size)?;
        let mut cells = Vec::new();
        if seq == 0 {
            cells = self.introductions(rng)?;
        }
        if content.seq.is_none() {
            self.counters.take_seq();
        }
        let first_counter = self.counters.take(day, layout.cells());
        if let Layout::Fragments { count, chunk_len } = layout
            && count.get() > LARGE
        {
            let mut message_id = [0; 16];
            rng.fill_bytes(&mut message_id);
            let later = LargeRecord {
                head: delivery,
                message_id,
                sent_at: self.now.0,
                device: self.device,
                first_counter,
                count: count.get(),
                chunk_len: u32::try_from(chunk_len).map_err(|_| EnvelopeError::TooLarge)?,
                next: 1,
                ordinal: 0,
            };
            // The first leaves in any case: from it, the recipient knows how
            // many counters are used.
            let (len, pieces) = (content.payload.len(), content.payload.pieces());
            let pieces = (0..).zip(pieces).collect();
            let (keys, sealing) = (&self.keys, self.sealing());
            let first = seal_fragment(&later, 0, len, &pieces, keys, &sealing, rng);
            cells.push(first?);
            let later = Some(later);
            return Ok(SealedDelivery { seq, cells, later });
        }
        delivery.extend_from_slice(&content.payload.to_vec());
        for (counter, body) in (first_counter..).zip(&split(&delivery, self.size, rng)?) {
            cells.push(self.cell(self.device, counter, body, rng)?);
        }
        let later = None;
        Ok(SealedDelivery { seq, cells, later })
    }

    /// Greetings under the indexes below this device's, which go ahead of its
    /// first delivery to a contact: devices that had them may never have
    /// reached it, and it looks for the next index only. Counters are drawn,
    /// since those devices have used some.
    fn introductions(&self, rng: &mut impl CryptoRng) -> Result<Vec<Cell>, ClientError> {
        let mut cells = Vec::new();
        let payload: Content = greeting().as_slice().into();
        for device in 1..self.device {
            let content = DeliveryContent {
                session: &DeliveryId::generate(rng),
                seq: None,
                content_type: &ContentType::control(),
                payload: &payload,
            };
            let mut delivery = self.compose(&content, device, 0, rng)?;
            delivery.extend_from_slice(&greeting());
            let counter = rng.next_u32() % NEXT_DEVICE_WINDOW;
            cells.push(self.cell(device, counter, &Body::Whole(delivery), rng)?);
        }
        Ok(cells)
    }

    /// Proves a delivery; its bytes before the payload.
    fn compose(
        &self,
        content: &DeliveryContent<'_>,
        device: u8,
        seq: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, ClientError> {
        let draft = UnprovenDelivery {
            id: content.session,
            sent_at: self.now,
            device,
            seq,
            content_type: content.content_type,
            payload: content.payload,
        };
        let to = self.peer.fingerprint();
        compose(self.identity, &to, &self.keys.blind_seed, &draft, rng).ok_or(ClientError::Internal)
    }

    fn cell(
        &self,
        device: u8,
        counter: u32,
        body: &Body,
        rng: &mut impl CryptoRng,
    ) -> Result<Cell, ClientError> {
        let slot = TagSlot {
            day: self.now.day(),
            device,
            counter,
        };
        Ok(seal(
            &self.sealing(),
            self.keys.tag_key.tag(slot),
            body,
            rng,
        )?)
    }

    fn sealing(&self) -> Sealing<'_> {
        Sealing {
            recipient: self.peer.kem(),
            psk: &self.keys.psk,
            size: self.size,
        }
    }
}

/// Maximum overhead of a cell of receipts besides the session ids.
const RECEIPTS_OVERHEAD: usize = 728;

/// The first of these session ids: as many as one cell can acknowledge.
pub(crate) fn one_cell_of_receipts(sessions: &[DeliveryId], size: CellSize) -> Vec<DeliveryId> {
    let mut room = size.bytes().saturating_sub(RECEIPTS_OVERHEAD);
    let fits = |session: &&DeliveryId| {
        // A CBOR byte string of up to 64 bytes.
        let len = session.encode().len() + 2;
        let fits = len <= room;
        room = room.saturating_sub(len);
        fits
    };
    sessions.iter().take_while(fits).cloned().collect()
}
