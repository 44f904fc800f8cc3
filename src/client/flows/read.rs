//! Read marks of messages.

use crate::{
    base::UnixTime,
    client::{Client, ClientError, ContactId, Effects, MessageRef, transaction::Transaction},
};

impl Client {
    /// Marks the messages that came from a contact as read, up to one of them or
    /// all. Held messages are not shown, and stay unread.
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

        let mut tx = Transaction::new(now);
        self.messages.mark_read(contact, until, &mut tx);
        Ok(self.commit(tx, ()))
    }
}
