//! Drafts: unsent text to a contact, stored in the vault so that neither a lock nor
//! a closed page loses it.

use zeroize::Zeroizing;

use crate::{
    base::UnixTime,
    client::{Client, ClientError, ContactId, Effects, StoreKey, transaction::Transaction},
};

impl Client {
    /// The store key of the draft to a contact.
    ///
    /// # Errors
    ///
    /// `ContactUnknown`.
    pub fn draft_key(&self, id: ContactId) -> Result<StoreKey, ClientError> {
        self.contacts.find(id).map(|_| StoreKey::Draft(id))
    }

    /// Stores a draft in place of the previous one; an empty one deletes it.
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
        let mut tx = Transaction::new(now);
        if text.is_empty() {
            tx.delete(key);
        } else {
            tx.put_bytes(key, Zeroizing::new(text.to_vec()));
        }
        Ok(self.commit(tx, ()))
    }
}
