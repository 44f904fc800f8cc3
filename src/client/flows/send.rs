//! Sending and withdrawing of messages. Protocol §6.

use rand_core::CryptoRng;

use crate::{
    base::{Content, UnixTime},
    client::{
        Client, ClientError, ContactId, Effects, MessageEvent, MessageRef, MessageState,
        MessageView, StoreKey,
        flows::seal::{DeliveryContent, SealedControl},
        mailboxes::Destination,
        messages::{Message, parts},
        outbox::CellPurpose,
        transaction::Transaction,
    },
    envelope::{
        ContentType, DeliveryId, EnvelopeError,
        message::{self, Attachment},
    },
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
        let (typed, picked) = (outgoing.text.is_some(), !outgoing.attachments.is_empty());
        let labelled = !outgoing.session.is_empty();
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
        let (text, attachments) = parts(&content_type, &payload);
        let held = Message {
            outgoing: true,
            session: session.encode(),
            sent_at: now.0,
            received_at: None,
            seq: sealed.seq,
            content_type: content_type.as_str().to_owned(),
            size: u32::try_from(payload.len()).unwrap_or(u32::MAX),
            text,
            attachments,
            state: MessageState::Queued,
            cells_left: sealed.count(),
            read: true,
            filing: None,
        };
        let view = MessageView::new(message, &held).with_body(&payload);
        self.contacts.use_counters(used, &mut tx);
        if let Some(contact) = self.contacts.update(id, &mut tx) {
            contact.next_message += 1;
        }
        let to = Destination::Bucket(peer.fingerprint());
        self.outbox
            .push_message(message, (sealed.cells, sealed.later), to, &mut tx);
        let content = Some(&payload);
        let event = MessageEvent::Sent;
        self.log_message(event, message, &held.session, content, &mut tx);
        self.messages.put_body(message, payload, &mut tx);
        self.messages.put(message, held, &mut tx);
        if typed {
            tx.delete(StoreKey::Draft(id));
        }
        if picked {
            tx.delete(StoreKey::DraftFiles(id));
        }
        if labelled {
            tx.delete(StoreKey::DraftSession(id));
        }
        Ok(self.commit(tx, view))
    }

    /// Withdraws a message that has not left completely, or that was stopped. A
    /// control delivery that acknowledges nothing takes its sequence number, so
    /// that its recipient sees no gap; fragments that arrive are never shown.
    /// Protocol §13.
    ///
    /// # Errors
    ///
    /// `MessageUnknown`; `MessageSent` for a message that the relay has or may
    /// have, or that is not outgoing; `ClockBehind`.
    pub fn cancel(
        &mut self,
        message: MessageRef,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Effects<MessageView>, ClientError> {
        let held = self.messages.find(message)?;
        let filler = self.seal_withdrawal(message, held, now, rng)?;
        let cancelled = Message {
            state: MessageState::Cancelled,
            ..held.clone()
        };
        let view = MessageView::new(message, &cancelled);

        let mut tx = Transaction::new(now);
        self.outbox.cut_short(message, &mut tx);
        self.push_control(filler, &mut tx);
        self.end_message(message, MessageState::Cancelled, &mut tx);
        Ok(self.commit(tx, view))
    }

    /// Seals what takes the sequence number of a withdrawn message.
    pub(crate) fn seal_withdrawal(
        &self,
        message: MessageRef,
        held: &Message,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<SealedControl>, ClientError> {
        if held.state == MessageState::Stopped {
            return Ok(None); // Nothing leaves for a contact that is suspect.
        }
        if !held.is_queued() || self.outbox.may_have_left(message) {
            return Err(ClientError::MessageSent);
        }
        let policy = self.devices.send_policy();
        if self.outbox.is_former(policy, message) {
            // The sequence numbers of a former device are not used here.
            return Ok(None);
        }
        let contact = self.contacts.find(message.contact)?;
        let unused = self.outbox.unused(message);
        self.seal_filler(contact, held.seq, unused, now, rng)
            .map(Some)
    }

    /// Advances an outgoing message to a state in which it stays: it arrived,
    /// or will not.
    pub(crate) fn end_message(
        &mut self,
        message: MessageRef,
        state: MessageState,
        tx: &mut Transaction,
    ) {
        let event = match state {
            MessageState::Cancelled => MessageEvent::Cancelled,
            MessageState::Delivered => MessageEvent::Delivered,
            _ => MessageEvent::Undelivered,
        };
        if let Some(session) = self.messages.advance(message, state, tx) {
            self.log_message(event, message, &session, None, tx);
        }
    }

    /// Abandons a message that can no longer be sealed or sent from here, so that it
    /// does not block others.
    pub(crate) fn abandon(&mut self, message: MessageRef, tx: &mut Transaction) {
        self.outbox.discard(&CellPurpose::Message(message), tx);
        self.end_message(message, MessageState::Undelivered, tx);
    }
}
