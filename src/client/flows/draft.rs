//! Drafts: text, files and session label that were not sent yet, stored in the
//! vault so that neither a lock nor a closed page loses them.

use zeroize::Zeroizing;

use crate::{
    base::UnixTime,
    client::{Client, ClientError, ContactId, Effects, StoreKey, transaction::Transaction},
    envelope::message::{self, Attachment},
};

/// One part of a draft. Each is stored apart from the others.
#[derive(Clone, Debug)]
pub enum Draft<'a> {
    /// Typed text.
    Text(&'a [u8]),
    /// The session label, as it was typed.
    Session(&'a [u8]),
    /// Files. Their record is the payload of a message without text.
    Files(Vec<Attachment>),
}

impl Client {
    /// The store keys of the text, the session label and the files of a draft.
    ///
    /// # Errors
    ///
    /// `ContactUnknown`.
    pub fn draft_keys(&self, id: ContactId) -> Result<[StoreKey; 3], ClientError> {
        self.contacts.find(id)?;
        Ok([
            StoreKey::Draft(id),
            StoreKey::DraftSession(id),
            StoreKey::DraftFiles(id),
        ])
    }

    /// Stores one part of a draft in place of the previous one; an empty one
    /// deletes it.
    ///
    /// # Errors
    ///
    /// `ContactUnknown`; `Message` for files that no message could have.
    pub fn set_draft(
        &mut self,
        id: ContactId,
        draft: Draft<'_>,
        now: UnixTime,
    ) -> Result<Effects, ClientError> {
        let [text_key, session_key, files_key] = self.draft_keys(id)?;
        let (key, bytes) = match draft {
            Draft::Text(text) => (text_key, Zeroizing::new(text.to_vec())),
            Draft::Session(label) => (session_key, Zeroizing::new(label.to_vec())),
            Draft::Files(files) if files.is_empty() => (files_key, Zeroizing::default()),
            Draft::Files(files) => {
                let payload = message::encode(None, files).map_err(ClientError::Message)?;
                (files_key, payload.to_vec())
            }
        };

        let mut tx = Transaction::new(now);
        match bytes.is_empty() {
            true => tx.delete(key),
            false => tx.put_bytes(key, bytes),
        }
        Ok(self.commit(tx, ()))
    }
}
