//! What one has written to a contact and not sent yet: kept in the vault, so
//! that a lock or a page that closes loses nothing.

use zeroize::Zeroizing;

use crate::client::{Client, ClientError, ContactId, Effects};

/// Its bytes, as those of a body.
fn draft_key(contact: ContactId) -> String {
    format!("d/{contact}")
}

impl Client {
    /// Where the draft to a contact is stored.
    ///
    /// # Errors
    ///
    /// `ContactUnknown`.
    pub fn draft_key(&self, id: ContactId) -> Result<String, ClientError> {
        self.contact(id).map(|_| draft_key(id))
    }

    /// Keeps a draft in the place of the one before; an empty one is none.
    ///
    /// # Errors
    ///
    /// `ContactUnknown`.
    pub fn set_draft(&mut self, id: ContactId, text: &[u8]) -> Result<Effects, ClientError> {
        self.contact(id)?;
        let kept = (!text.is_empty()).then(|| Zeroizing::new(text.to_vec()));
        self.pending.changes.insert(draft_key(id), kept);
        Ok(self.finish(()))
    }

    /// Lets go of a draft in the commit under way.
    pub(crate) fn drop_draft(&mut self, id: ContactId) {
        self.pending.changes.insert(draft_key(id), None);
    }
}
