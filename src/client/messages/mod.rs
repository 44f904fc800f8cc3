//! Messages without their bodies, which are in the store and read on demand.

mod filing;
mod parts;
mod state;
mod view;

pub use filing::{FilingScope, FilingUpdate};
pub(crate) use parts::parts;

/// A message in memory is its record.
pub(crate) use crate::vault::stored::MessageRecord as Message;
pub use crate::vault::stored::MessageState;

use std::collections::HashMap;

use zeroize::Zeroizing;

use crate::{
    base::{Content, SortedMap, UnixTime, parameters::CLOCK_SKEW_SECONDS},
    client::{
        ClientError, ContactId, MessagePage, MessageRef, StoreKey,
        transaction::Transaction,
        view::{Event, MessageView},
    },
    crypto::cbor::Deterministic as _,
    envelope::Evidence,
    vault::{
        VaultError,
        stored::{FilingRecord, FilingSettingRecord, MessagesRecord},
    },
};

/// All messages, in the order of each conversation.
#[derive(Default)]
pub(crate) struct Messages {
    all: SortedMap<MessageRef, Message>,
    /// The newest outgoing message of each session id: a receipt may name any
    /// number of them, and must not cost a search of the conversation.
    sent: HashMap<(ContactId, Vec<u8>), MessageRef>,
    /// Since when messages are filed in the health record, if they are.
    filing_since: Option<UnixTime>,
}

impl Messages {
    pub(crate) fn get(&self, message: MessageRef) -> Option<&Message> {
        self.all.get(&message)
    }

    pub(crate) fn find(&self, message: MessageRef) -> Result<&Message, ClientError> {
        self.all.get(&message).ok_or(ClientError::MessageUnknown)
    }

    /// A message that is not held until its contact is verified.
    pub(crate) fn find_shown(&self, message: MessageRef) -> Result<&Message, ClientError> {
        match self.find(message)? {
            held if held.state == MessageState::Held => Err(ClientError::ContactPending),
            shown => Ok(shown),
        }
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

    /// The latest time of sending among the messages of a contact.
    pub(crate) fn last_received(&self, contact: ContactId) -> Option<UnixTime> {
        let received = self.with(contact).filter(|(_, held)| !held.outgoing);
        received.map(|(_, held)| UnixTime(held.sent_at)).max()
    }

    fn restore(&mut self, message: MessageRef, held: Message) {
        if held.outgoing {
            let sent = (message.contact, held.session.clone());
            let newest = self.sent.entry(sent).or_insert(message);
            *newest = message.max(*newest);
        }
        self.all.insert(message, held);
    }

    /// The record of a page; `None` if the page is empty.
    pub(crate) fn to_record(&self, page: MessagePage) -> Option<MessagesRecord> {
        let range = self.all.range(page.range());
        let messages: Vec<_> = range
            .map(|(message, held)| (message.ordinal, held.clone()))
            .collect();
        (!messages.is_empty()).then_some(MessagesRecord { messages })
    }

    /// Restores a page.
    ///
    /// # Errors
    ///
    /// `Damaged` for a message of another page.
    pub(crate) fn restore_page(
        &mut self,
        page: MessagePage,
        record: MessagesRecord,
    ) -> Result<(), VaultError> {
        for (ordinal, held) in record.messages {
            let message = MessageRef {
                contact: page.contact,
                ordinal,
            };
            if message.page() != page {
                return Err(VaultError::Damaged);
            }
            self.restore(message, held);
        }
        Ok(())
    }

    /// The pages that have messages.
    pub(crate) fn pages(&self) -> Vec<MessagePage> {
        let mut pages: Vec<_> = self.all.keys().map(|message| message.page()).collect();
        pages.dedup();
        pages
    }

    /// Adds a message, or replaces it.
    pub(crate) fn put(&mut self, message: MessageRef, held: Message, tx: &mut Transaction) {
        tx.touch(StoreKey::Messages(message.page()));
        self.restore(message, held);
    }

    /// Advances a message to a later state and reports it; its session id, or
    /// `None` if it is unknown or as far already. Outcomes therefore lead to
    /// the same state in any order, and however often each is applied.
    pub(crate) fn advance(
        &mut self,
        message: MessageRef,
        state: MessageState,
        tx: &mut Transaction,
    ) -> Option<Vec<u8>> {
        let held = self.all.get_mut(&message)?;
        if held.state.rank() >= state.rank() {
            return None;
        }
        held.enter(state);
        tx.touch(StoreKey::Messages(message.page()));
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
                held.enter(MessageState::Queued);
                let message = MessageView::new(message, held);
                tx.emit(Event::State { message });
            }
            tx.touch(StoreKey::Messages(message.page()));
        }
    }

    /// The relay has accepted this many more cells of an outgoing message.
    pub(crate) fn cells_posted(&mut self, message: MessageRef, cells: u32, tx: &mut Transaction) {
        let Some(held) = self.all.get_mut(&message) else {
            return;
        };
        held.cells_left = held.cells_left.saturating_sub(cells);
        if held.cells_left == 0 && held.state == MessageState::Queued {
            held.enter(MessageState::Sent);
            let message = MessageView::new(message, held);
            tx.emit(Event::State { message });
        }
        tx.touch(StoreKey::Messages(message.page()));
    }

    /// Marks what came from a contact as read, up to a message or all. Held
    /// messages are not shown, and stay unread.
    pub(crate) fn mark_read(
        &mut self,
        contact: ContactId,
        until: Option<MessageRef>,
        tx: &mut Transaction,
    ) {
        let until = until.unwrap_or(*MessageRef::all(contact).end());
        let held = self.all.iter_mut().filter(|(message, held)| {
            message.contact == contact
                && **message <= until
                && !held.read
                && held.state != MessageState::Held
        });
        for (message, held) in held {
            held.read = true;
            tx.touch(StoreKey::Messages(message.page()));
        }
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

    /// Stores the evidence of a message, taken while its month's seed is held.
    pub(crate) fn put_evidence(
        &self,
        message: MessageRef,
        evidence: &Evidence,
        tx: &mut Transaction,
    ) {
        let bytes = Zeroizing::new(evidence.encode());
        tx.put_bytes(StoreKey::Evidence(message), bytes);
    }

    /// Bytes of a message's body.
    pub(crate) fn body_len(&self, message: MessageRef) -> usize {
        self.get(message).map_or(0, |held| held.size as usize)
    }

    /// Deletes the messages with a contact, bodies and draft included.
    pub(crate) fn remove_contact(&mut self, contact: ContactId, tx: &mut Transaction) {
        for (message, held) in self.with(contact) {
            held.delete(message, tx);
        }
        self.all.retain(|message, _| message.contact != contact);
        self.sent.retain(|(known, _), _| *known != contact);
        for draft in [
            StoreKey::Draft,
            StoreKey::DraftFiles,
            StoreKey::DraftSession,
        ] {
            tx.delete(draft(contact));
        }
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
        let size = self.find_shown(message)?.size;
        Ok(StoreKey::body(message, size as usize))
    }

    /// The newest outgoing message of that session id.
    pub(crate) fn sent_as(&self, contact: ContactId, session: &[u8]) -> Option<MessageRef> {
        self.sent.get(&(contact, session.to_vec())).copied()
    }

    /// Whether messages are filed in the health record.
    pub(crate) fn are_filed(&self) -> bool {
        self.filing_since.is_some()
    }

    pub(crate) fn filing_record(&self) -> Option<FilingSettingRecord> {
        self.filing_since
            .map(|since| FilingSettingRecord { since: since.0 })
    }

    pub(crate) fn restore_filing(&mut self, record: &FilingSettingRecord) {
        self.filing_since = Some(UnixTime(record.since));
    }

    pub(crate) fn set_filed(&mut self, filed: bool, tx: &mut Transaction) {
        if self.are_filed() != filed {
            self.filing_since = filed.then_some(tx.now);
            tx.touch(StoreKey::Filing);
        }
    }

    /// Messages that the health record is to have and does not have, or has in
    /// an earlier state.
    pub(crate) fn unfiled(
        &self,
        scope: FilingScope,
    ) -> impl Iterator<Item = (MessageRef, &Message)> {
        let unfiled = self.all.range(scope.range());
        unfiled
            .filter(|(_, held)| self.are_filed() && held.is_unfiled())
            .map(|(message, held)| (*message, held))
    }

    /// Stores the progress of a message's filing, and reports it.
    pub(crate) fn set_filing(
        &mut self,
        message: MessageRef,
        filing: FilingRecord,
        tx: &mut Transaction,
    ) {
        if let Some(held) = self.all.get_mut(&message) {
            held.filing = Some(filing);
            tx.touch(StoreKey::Messages(message.page()));
            let message = MessageView::new(message, held);
            tx.emit(Event::Filing { message });
        }
    }

    /// Messages that wait for their contact to be verified.
    pub(crate) fn held(&self, contact: ContactId) -> Vec<(MessageRef, &Message)> {
        self.with(contact)
            .filter(|(_, held)| held.state == MessageState::Held)
            .collect()
    }

    /// Outgoing messages under way that a fast clock dated so far in the future
    /// that recipients do not look for them. Protocol §5.
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
mod tests;
