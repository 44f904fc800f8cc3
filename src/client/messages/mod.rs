//! Messages without their bodies, which are in the store and read on demand.

mod parts;
mod state;

pub(crate) use parts::Parts;
pub(crate) use state::Message;
pub use state::MessageState;

use std::collections::HashMap;

use crate::{
    base::{Content, SortedMap, UnixTime, parameters::CLOCK_SKEW_SECONDS},
    client::{
        ClientError, ContactId, MessageRef, StoreKey,
        transaction::Transaction,
        view::{Event, MessageView},
    },
};

/// All messages, in the order of each conversation.
#[derive(Default)]
pub(crate) struct Messages {
    all: SortedMap<MessageRef, Message>,
    /// The newest outgoing message of each session id: a receipt may name any
    /// number of them, and must not cost a search of the conversation.
    sent: HashMap<(ContactId, Vec<u8>), MessageRef>,
}

impl Messages {
    pub(crate) fn get(&self, message: MessageRef) -> Option<&Message> {
        self.all.get(&message)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (MessageRef, &Message)> {
        self.all.iter().map(|(message, held)| (*message, held))
    }

    /// The messages with one contact, oldest first.
    pub(crate) fn with(
        &self,
        contact: ContactId,
    ) -> impl DoubleEndedIterator<Item = (MessageRef, &Message)> {
        let range = self.all.range(MessageRef::all(contact));
        range.map(|(message, held)| (*message, held))
    }

    pub(crate) fn restore(&mut self, message: MessageRef, held: Message) {
        if held.outgoing {
            let sent = (message.contact, held.session.clone());
            let newest = self.sent.entry(sent).or_insert(message);
            *newest = message.max(*newest);
        }
        self.all.insert(message, held);
    }

    /// Adds a message, or replaces it.
    pub(crate) fn put(&mut self, message: MessageRef, held: Message, tx: &mut Transaction) {
        tx.put(StoreKey::Message(message), &held.to_record());
        self.restore(message, held);
    }

    /// Moves a message to another state and reports it; its session id, or
    /// `None` for an unknown message.
    pub(crate) fn set_state(
        &mut self,
        message: MessageRef,
        state: MessageState,
        tx: &mut Transaction,
    ) -> Option<Vec<u8>> {
        let held = self.all.get_mut(&message)?;
        held.state = state;
        tx.put(StoreKey::Message(message), &held.to_record());
        let view = MessageView::new(message, held);
        tx.emit(match state {
            MessageState::Verified => Event::Message { message: view },
            _ => Event::State { message: view },
        });
        Some(held.session.clone())
    }

    /// An outgoing message was sealed again in so many cells. One that was
    /// sent by a clock that was ahead waits again, and is of now.
    pub(crate) fn sealed_again(&mut self, message: MessageRef, cells: u32, tx: &mut Transaction) {
        if let Some(held) = self.all.get_mut(&message) {
            held.cells_left = cells;
            if held.sent_at > tx.now.0 {
                held.sent_at = tx.now.0;
                held.state = MessageState::Queued;
                let message = MessageView::new(message, held);
                tx.emit(Event::State { message });
            }
            tx.put(StoreKey::Message(message), &held.to_record());
        }
    }

    /// The relay has so many more cells of an outgoing message.
    pub(crate) fn cells_posted(&mut self, message: MessageRef, cells: u32, tx: &mut Transaction) {
        let Some(held) = self.all.get_mut(&message) else {
            return;
        };
        held.cells_left = held.cells_left.saturating_sub(cells);
        if held.cells_left == 0 && held.state == MessageState::Queued {
            held.state = MessageState::Sent;
            let message = MessageView::new(message, held);
            tx.emit(Event::State { message });
        }
        tx.put(StoreKey::Message(message), &held.to_record());
    }

    /// Stores a body, piece by piece.
    pub(crate) fn put_body(&self, message: MessageRef, body: Content, tx: &mut Transaction) {
        let keys = StoreKey::body(message, body.len());
        let mut pieces = body.into_pieces();
        pieces.resize_with(keys.len(), Default::default); // an empty body is an empty piece
        for (key, piece) in keys.into_iter().zip(pieces) {
            tx.put_bytes(key, piece);
        }
    }

    /// Deletes the messages with a contact, bodies and draft included.
    pub(crate) fn remove_contact(&mut self, contact: ContactId, tx: &mut Transaction) {
        for (message, held) in self.with(contact) {
            held.delete(message, tx);
        }
        self.all.retain(|message, _| message.contact != contact);
        self.sent.retain(|(known, _), _| *known != contact);
        tx.delete(StoreKey::Draft(contact));
    }

    /// Deletes a message with its body.
    pub(crate) fn remove(&mut self, message: MessageRef, tx: &mut Transaction) {
        let Some(held) = self.all.remove(&message) else {
            return;
        };
        held.delete(message, tx);
        let sent = (message.contact, held.session);
        if self.sent.get(&sent) == Some(&message) {
            self.sent.remove(&sent);
        }
    }

    /// The store keys of a message's body, in pieces.
    pub(crate) fn body_keys(&self, message: MessageRef) -> Result<Vec<StoreKey>, ClientError> {
        match self.all.get(&message) {
            None => Err(ClientError::MessageUnknown),
            Some(held) if held.state == MessageState::Held => Err(ClientError::ContactPending),
            Some(held) => Ok(StoreKey::body(message, held.size as usize)),
        }
    }

    /// The newest outgoing message of that session id.
    pub(crate) fn sent_as(&self, contact: ContactId, session: &[u8]) -> Option<MessageRef> {
        self.sent.get(&(contact, session.to_vec())).copied()
    }

    /// Messages that wait for their contact to be verified.
    pub(crate) fn held(&self, contact: ContactId) -> Vec<(MessageRef, &Message)> {
        self.with(contact)
            .filter(|(_, held)| held.state == MessageState::Held)
            .collect()
    }

    /// Outgoing messages under way that a clock which was ahead dated so far
    /// in the future that recipients do not look for them. Protocol §5.
    pub(crate) fn sent_in_the_future(&self, now: UnixTime) -> impl Iterator<Item = MessageRef> {
        let latest = now.plus(CLOCK_SKEW_SECONDS).0;
        let sent = self.iter();
        sent.filter(move |(_, held)| held.outgoing && held.state.is_under_way())
            .filter(move |(_, held)| held.sent_at > latest)
            .map(|(message, _)| message)
    }

    /// Outgoing messages of before `limit` without a receipt.
    pub(crate) fn unacknowledged_before(&self, limit: u64) -> Vec<MessageRef> {
        self.iter()
            .filter(|(_, held)| held.outgoing && held.sent_at < limit && held.state.is_under_way())
            .map(|(message, _)| message)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::UnixTime, envelope::ContentType};

    const CONTACT: ContactId = ContactId([1; 8]);

    fn at(ordinal: u32) -> MessageRef {
        MessageRef {
            contact: CONTACT,
            ordinal,
        }
    }

    fn outgoing(seq: u64, state: MessageState) -> Message {
        Message {
            outgoing: true,
            session: vec![u8::try_from(seq).unwrap(); 16],
            sent_at: 100 + seq,
            received_at: None,
            seq,
            content_type: "text/plain".into(),
            size: 3,
            state,
            parts: Parts::text(3),
            cells_left: 2,
            read: true,
            filing: None,
        }
    }

    fn tx() -> Transaction {
        Transaction::new(UnixTime(1))
    }

    #[test]
    fn a_body_is_refused_while_the_message_is_held_or_unknown() {
        let mut messages = Messages::default();
        assert_eq!(
            messages.body_keys(at(0)).unwrap_err(),
            ClientError::MessageUnknown
        );
        let held = Message {
            outgoing: false,
            ..outgoing(0, MessageState::Held)
        };
        messages.put(at(0), held, &mut tx());
        assert_eq!(
            messages.body_keys(at(0)).unwrap_err(),
            ClientError::ContactPending
        );
        let mut tx = tx();
        messages.set_state(at(0), MessageState::Verified, &mut tx);
        assert_eq!(messages.body_keys(at(0)), Ok(vec![StoreKey::Body(at(0))]));
        assert!(matches!(tx.events[..], [Event::Message { .. }]));
    }

    #[test]
    fn a_message_is_stored_once_the_relay_has_all_its_cells() {
        let mut messages = Messages::default();
        messages.put(at(0), outgoing(0, MessageState::Queued), &mut tx());
        for (cells, state, events) in [
            (1, MessageState::Queued, 0),
            (1, MessageState::Sent, 1),
            (1, MessageState::Sent, 0),
        ] {
            let mut tx = tx();
            messages.cells_posted(at(0), cells, &mut tx);
            assert_eq!(messages.get(at(0)).unwrap().state, state);
            assert_eq!(tx.events.len(), events);
        }
        let mut tx = tx();
        messages.cells_posted(at(7), 1, &mut tx);
        assert!(tx.into_parts().changes.is_empty(), "unknown");
    }

    #[test]
    fn what_is_not_of_the_form_it_claims_is_malformed() {
        let malformed = |content_type: &str, body: &[u8]| {
            let content_type = ContentType::new(content_type).unwrap();
            let message = Message {
                parts: Parts::of(&content_type, &body.into()),
                content_type: content_type.as_str().to_owned(),
                ..outgoing(0, MessageState::Verified)
            };
            let view = MessageView::new(at(0), &message);
            assert!(view.text_at.is_some() || view.attachments.len() == 1);
            view.problem == Some("malformed")
        };
        for (content_type, body) in [
            (ContentType::MESSAGE, &b"not CBOR"[..]),
            (ContentType::MESSAGE, b""),
            (ContentType::MESSAGE, b"\x82\xf6\x80"),
            (ContentType::PLAIN_TEXT, b"caf\xe9"),
        ] {
            assert!(malformed(content_type, body), "{content_type} {body:x?}");
        }
        for (content_type, body) in [
            (ContentType::MESSAGE, &b"\x82\xf6\x81\x83\x61t\xf6\x40"[..]),
            (ContentType::MESSAGE, b"\x82\x61a\x80"),
            (ContentType::PLAIN_TEXT, b""),
            ("application/pdf", b"%PDF"),
            ("text/plain;charset=iso-8859-1", b"caf\xe9"),
        ] {
            assert!(!malformed(content_type, body), "{content_type} {body:x?}");
        }
    }

    #[test]
    fn only_what_is_under_way_can_be_undelivered() {
        let mut messages = Messages::default();
        for (ordinal, state) in (0..).zip([
            MessageState::Queued,
            MessageState::Sent,
            MessageState::Delivered,
            MessageState::Cancelled,
        ]) {
            messages.put(at(ordinal), outgoing(0, state), &mut tx());
        }
        assert_eq!(messages.unacknowledged_before(100), []);
        assert_eq!(messages.unacknowledged_before(101), [at(0), at(1)]);
    }

    #[test]
    fn removing_a_contact_deletes_its_records_and_no_others() {
        let mut messages = Messages::default();
        let other = MessageRef {
            contact: ContactId([2; 8]),
            ordinal: 0,
        };
        messages.put(at(0), outgoing(0, MessageState::Queued), &mut tx());
        messages.put(other, outgoing(0, MessageState::Queued), &mut tx());
        let mut tx = tx();
        messages.remove_contact(CONTACT, &mut tx);
        assert!(messages.get(at(0)).is_none() && messages.get(other).is_some());
        let changes = tx.into_parts().changes;
        let keys: Vec<_> = changes.keys().copied().collect();
        assert_eq!(
            keys,
            [
                StoreKey::Message(at(0)),
                StoreKey::Body(at(0)),
                StoreKey::Draft(CONTACT)
            ]
        );
        assert!(changes.values().all(Option::is_none));
    }
}
