//! Drafts: text, files and session label that were not sent yet, stored in the
//! vault so that neither a lock nor a closed page loses them.

use zeroize::Zeroizing;

use crate::{
    base::UnixTime,
    client::{Client, ClientError, ContactId, Effects, StoreKey, transaction::Transaction},
    envelope::message::{self, Attachment},
};

impl Client {
    /// The store key of the text of a draft.
    ///
    /// # Errors
    ///
    /// `ContactUnknown`.
    pub fn draft_key(&self, id: ContactId) -> Result<StoreKey, ClientError> {
        self.contacts.find(id).map(|_| StoreKey::Draft(id))
    }

    /// The store key of the files of a draft. The record is the payload of a
    /// message without text.
    ///
    /// # Errors
    ///
    /// `ContactUnknown`.
    pub fn draft_files_key(&self, id: ContactId) -> Result<StoreKey, ClientError> {
        self.contacts.find(id).map(|_| StoreKey::DraftFiles(id))
    }

    /// The store key of the session label of a draft.
    ///
    /// # Errors
    ///
    /// `ContactUnknown`.
    pub fn draft_session_key(&self, id: ContactId) -> Result<StoreKey, ClientError> {
        self.contacts.find(id).map(|_| StoreKey::DraftSession(id))
    }

    /// Stores the text of a draft in place of the previous one; an empty one
    /// deletes it.
    ///
    /// # Errors
    ///
    /// `ContactUnknown`.
    pub fn set_draft(
        &mut self,
        id: ContactId,
        text: &[u8],
        now: UnixTime,
    ) -> Result<Effects, ClientError> {
        let key = self.draft_key(id)?;
        Ok(self.set_draft_text(key, text, now))
    }

    /// Stores the session label of a draft as it was typed, in place of the
    /// previous one; an empty one deletes it.
    ///
    /// # Errors
    ///
    /// `ContactUnknown`.
    pub fn set_draft_session(
        &mut self,
        id: ContactId,
        label: &[u8],
        now: UnixTime,
    ) -> Result<Effects, ClientError> {
        let key = self.draft_session_key(id)?;
        Ok(self.set_draft_text(key, label, now))
    }

    fn set_draft_text(&mut self, key: StoreKey, text: &[u8], now: UnixTime) -> Effects {
        let mut tx = Transaction::new(now);
        if text.is_empty() {
            tx.delete(key);
        } else {
            tx.put_bytes(key, Zeroizing::new(text.to_vec()));
        }
        self.commit(tx, ())
    }

    /// Stores the files of a draft in place of the previous ones; none deletes
    /// them.
    ///
    /// # Errors
    ///
    /// `ContactUnknown`; `Message` for files that no message could have.
    pub fn set_draft_files(
        &mut self,
        id: ContactId,
        files: Vec<Attachment>,
        now: UnixTime,
    ) -> Result<Effects, ClientError> {
        let key = self.draft_files_key(id)?;
        let payload = match files.is_empty() {
            true => None,
            false => Some(message::encode(None, files).map_err(ClientError::Message)?),
        };
        let mut tx = Transaction::new(now);
        match payload {
            Some(payload) => tx.put_bytes(key, payload.to_vec()),
            None => tx.delete(key),
        }
        Ok(self.commit(tx, ()))
    }
}
