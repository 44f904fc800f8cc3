//! Deletion of a message on this side. The contact keeps its copy.

use rand_core::CryptoRng;

use crate::{
    base::UnixTime,
    client::{Client, ClientError, Effects, MessageEvent, MessageRef, transaction::Transaction},
};

impl Client {
    /// Deletes a message with its body. A message that waits for the relay is
    /// withdrawn first.
    ///
    /// # Errors
    ///
    /// `MessageUnknown`; `ContactPending` for a held message, which was not shown
    /// yet; `MessageSent` while its last cell is on its way to the relay;
    /// `ClockBehind`.
    pub fn delete_message(
        &mut self,
        message: MessageRef,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Effects, ClientError> {
        let held = self.messages.find_shown(message)?;
        let filler = match held.is_queued() {
            true => self.seal_withdrawal(message, held, now, rng)?,
            false => None,
        };
        let (queued, session) = (held.is_queued(), held.session.clone());

        let mut tx = Transaction::new(now);
        if queued {
            self.outbox.cut_short(message, &mut tx);
            self.push_control(filler, &mut tx);
        }
        self.messages.remove(message, &mut tx);
        self.log_message(MessageEvent::Deleted, message, &session, None, &mut tx);
        Ok(self.commit(tx, ()))
    }
}
