//! Which messages were read.

use crate::{
    base::UnixTime,
    client::{Client, ClientError, Effects, MessageRef, transaction::Transaction},
};

impl Client {
    /// Marks what a contact sent as read, up to and including a message. What
    /// is held is not shown, so it stays unread.
    ///
    /// # Errors
    ///
    /// `MessageUnknown`.
    pub fn mark_read(&mut self, until: MessageRef, now: UnixTime) -> Result<Effects, ClientError> {
        self.messages
            .get(until)
            .ok_or(ClientError::MessageUnknown)?;
        let mut tx = Transaction::new(now);
        self.messages.mark_read(until, &mut tx);
        Ok(self.commit(tx, ()))
    }
}
