//! What a verified delivery does. Protocol §4 and §6.

use rand_core::CryptoRng;

use crate::client::{
    Check, Client, ClientError, ContactId, Did, Entry, Event, Gap, MessageView,
    contacts::ContactState, view::MessageState,
};
use crate::{
    base::{Day, ErrorCode, UnixTime},
    channel::TagSlot,
    crypto::cbor::Deterministic as _,
    enrolment::SasNonce,
    envelope::{Authentic, Control, Delivery, DeliveryId, EnvelopeError, Sender},
    vault::stored::{self, MessageRecord, OpenedRecord},
};

/// A delivery put together, with the place of its (first) tag.
pub(crate) struct Candidate {
    pub(crate) contact: ContactId,
    pub(crate) slot: TagSlot,
    /// Digest of the cell that completed it.
    pub(crate) digest: [u8; 16],
    pub(crate) delivery: Delivery,
}

/// What one batch led to, besides events.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) messages: Vec<MessageView>,
    /// Cells looked at.
    pub(crate) cells: usize,
    pub(crate) receipts: Vec<(ContactId, DeliveryId)>,
}

impl Client {
    /// Checks a delivery and does what it says.
    pub(crate) fn accept_delivery(
        &mut self,
        candidate: Candidate,
        closed_at: UnixTime,
        now: UnixTime,
        outcome: &mut Outcome,
    ) -> Result<(), ClientError> {
        let Candidate {
            contact: id,
            slot,
            digest,
            delivery,
        } = candidate;
        let grace = self.settings.grace();
        let contact = self.contact(id)?;
        let keys = contact
            .channel
            .as_ref()
            .and_then(|channel| channel.receiving_keys(slot.day, closed_at, grace))
            .ok_or(EnvelopeError::NotAuthentic)?;
        let peer = contact.peer.ok_or(EnvelopeError::NotAuthentic)?;
        let sender = Sender {
            identity: &peer,
            seed: &keys.blind_seed,
            slot,
            recipient: &self.identity.public().fingerprint(),
        };
        let authentic = delivery.verify(&sender, now, self.settings.retention())?;
        self.take_fresh(id, slot, digest, authentic, now, outcome)
    }

    /// The replay check, and everything after it.
    fn take_fresh(
        &mut self,
        id: ContactId,
        slot: TagSlot,
        digest: [u8; 16],
        delivery: Authentic,
        now: UnixTime,
        outcome: &mut Outcome,
    ) -> Result<(), ClientError> {
        let session = delivery.id().encode();
        if let Some(seq) = self.accepted.get(&(id, session.clone())) {
            if *seq != delivery.seq() {
                return Err(EnvelopeError::Replayed.into());
            }
            // Sealed again by a sender that did not hear of the first: say so once more.
            if !delivery.content_type().is_control()
                && self.contact(id)?.state == ContactState::Active
            {
                outcome.receipts.push((id, delivery.id().clone()));
            }
            return Ok(());
        }
        // The number of something that arrived: a message that waited at its
        // sender until its session id was forgotten here, or one taken back.
        let channel = self.contact(id)?.channel.as_ref();
        let channel = channel.ok_or(ClientError::Internal)?;
        if channel.has_arrived(slot.device, delivery.seq()) && !delivery.content_type().is_control()
        {
            return Err(EnvelopeError::Replayed.into());
        }
        self.accepted.insert((id, session.clone()), delivery.seq());
        self.mark_opened(digest, slot.day, Some(id), Some((session, delivery.seq())));
        let contact = self.contact_mut(id)?;
        let state = contact.state;
        let channel = contact.channel.as_mut().ok_or(ClientError::Internal)?;
        let newest = channel.newest_device();
        if channel.sequence(slot.device).arrived(delivery.seq()) {
            let seq = delivery.seq();
            let gap = Gap::Sequence {
                contact_id: id,
                from: seq,
                to: seq,
                closed: true,
            };
            self.tell_gap(gap, now);
        }
        self.note_device(id, slot.device, newest, delivery.sent_at());
        if delivery.content_type().is_control() {
            return self.take_control(id, &delivery.payload().to_vec(), now);
        }
        let session = delivery.id().clone();
        let message = self.take_message(id, delivery, state, now)?;
        if state == ContactState::Active {
            outcome.receipts.push((id, session));
        }
        self.tell(Event::Message {
            message: message.clone(),
        });
        outcome.messages.push(message);
        Ok(())
    }

    fn take_message(
        &mut self,
        id: ContactId,
        delivery: Authentic,
        state: ContactState,
        now: UnixTime,
    ) -> Result<MessageView, ClientError> {
        let shown = state == ContactState::Active;
        let record = MessageRecord {
            outgoing: false,
            session: delivery.id().encode(),
            sent_at: delivery.sent_at().0,
            received_at: Some(now.0),
            seq: delivery.seq(),
            content_type: delivery.content_type().as_str().to_owned(),
            size: u32::try_from(delivery.payload().len()).unwrap_or(u32::MAX),
            state: if shown {
                MessageState::Verified
            } else {
                MessageState::Held
            } as u8,
            cells_left: 0,
        };
        let contact = self.contact_mut(id)?;
        let ordinal = contact.next_message;
        contact.next_message = ordinal + 1;
        let mut view = MessageView::new(id, ordinal, &record);
        if shown {
            view = view.with_body(delivery.payload());
        }
        let did = if shown { Did::Received } else { Did::Held };
        let content = Some(delivery.payload());
        self.log_message(did, (id, ordinal), &record.session, content, now);
        self.store_body(id, ordinal, delivery.into_payload());
        self.store_message(id, ordinal, record);
        Ok(view)
    }

    fn take_control(
        &mut self,
        id: ContactId,
        payload: &[u8],
        now: UnixTime,
    ) -> Result<(), ClientError> {
        match Control::decode(payload).ok_or(EnvelopeError::NotAuthentic)? {
            Control::Confirm(mut nonce) => {
                let nonce = SasNonce::new(crate::base::Secret::take(&mut nonce));
                self.take_confirm(id, &nonce, now)?;
            }
            Control::Received(sessions) => {
                for session in sessions {
                    self.mark_delivered(id, &session, now);
                }
            }
        }
        Ok(())
    }

    fn take_confirm(
        &mut self,
        id: ContactId,
        nonce: &SasNonce,
        now: UnixTime,
    ) -> Result<(), ClientError> {
        let contact = self.contact_mut(id)?;
        let before = contact.state;
        contact.confirm(nonce);
        let entry = match contact.state {
            after if after == before => None,
            ContactState::Active => Some(Entry::Verified {
                contact: id,
                by: Check::InPerson,
            }),
            _ => Some(Entry::Suspect {
                contact: id,
                code: ErrorCode::CommitmentMismatch,
            }),
        };
        if let Some(entry) = entry {
            self.log(entry, now);
        }
        self.tell_contact(id);
        Ok(())
    }

    fn mark_delivered(&mut self, id: ContactId, session: &DeliveryId, now: UnixTime) {
        let session = session.encode();
        let found = self
            .messages
            .range((id, 0)..=(id, u32::MAX))
            .rev()
            .find(|(_, record)| record.outgoing && record.session == session)
            .map(|((_, ordinal), record)| (*ordinal, record.clone()));
        let Some((ordinal, mut record)) = found else {
            return;
        };
        if record.state == MessageState::Delivered as u8 {
            return;
        }
        record.state = MessageState::Delivered as u8;
        self.log_message(Did::Delivered, (id, ordinal), &session, None, now);
        let message = MessageView::new(id, ordinal, &record);
        self.store_message(id, ordinal, record);
        self.tell(Event::State { message });
    }

    /// Content held until the contact was checked is shown now.
    pub(crate) fn release_held(
        &mut self,
        id: ContactId,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ClientError> {
        let held: Vec<(u32, MessageRecord)> = self
            .messages
            .range((id, 0)..=(id, u32::MAX))
            .filter(|(_, record)| record.state == MessageState::Held as u8)
            .map(|((_, ordinal), record)| (*ordinal, record.clone()))
            .collect();
        let mut sessions = Vec::new();
        for (ordinal, mut record) in held {
            record.state = MessageState::Verified as u8;
            sessions.extend(DeliveryId::decode(&record.session));
            let message = MessageView::new(id, ordinal, &record);
            self.log_message(Did::Released, (id, ordinal), &record.session, None, now);
            self.store_message(id, ordinal, record);
            self.tell(Event::Message { message });
        }
        self.send_receipts(id, &sessions, now, rng)
    }

    /// Remembers an opened cell.
    pub(crate) fn mark_opened(
        &mut self,
        digest: [u8; 16],
        day: Day,
        contact: Option<ContactId>,
        accepted: Option<(Vec<u8>, u64)>,
    ) {
        let (session, seq) = accepted.map_or((None, 0), |(session, seq)| (Some(session), seq));
        let record = OpenedRecord {
            day: day.0,
            contact: contact.map(|id| id.0),
            session,
            seq,
        };
        self.pending.changes.insert(
            crate::client::flows::load::opened_key(&digest),
            Some(stored::encode(&record)),
        );
        self.opened.insert(digest, record);
    }
}
