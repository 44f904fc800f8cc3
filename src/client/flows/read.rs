//! Read marks of messages.

use crate::{
    base::UnixTime,
    client::{
        Client, ClientError, ContactId, Effects, MessageRef, MessageState, messages::Message,
        transaction::Transaction,
    },
};

impl Client {
    /// Marks the messages that came from a contact as read, up to one of them
    /// or all. Held messages are shown to nobody, and stay unread.
    ///
    /// # Errors
    ///
    /// `ContactUnknown`, `MessageUnknown`.
    pub fn mark_read(
        &mut self,
        contact: ContactId,
        until: Option<MessageRef>,
        now: UnixTime,
    ) -> Result<Effects, ClientError> {
        self.contacts.find(contact)?;
        if let Some(until) = until
            && (until.contact != contact || self.messages.get(until).is_none())
        {
            return Err(ClientError::MessageUnknown);
        }
        let seen = |message: MessageRef, held: &Message| {
            !held.read
                && held.state != MessageState::Held
                && until.is_none_or(|until| message.ordinal <= until.ordinal)
        };
        let unread: Vec<_> = self
            .messages
            .with(contact)
            .filter(|(message, held)| seen(*message, held))
            .map(|(message, held)| (message, held.clone()))
            .collect();

        let mut tx = Transaction::new(now);
        for (message, held) in unread {
            let held = Message { read: true, ..held };
            self.messages.put(message, held, &mut tx);
        }
        Ok(self.commit(tx, ()))
    }
}
