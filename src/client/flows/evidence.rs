//! Evidence of what arrived. Protocol §11.

use crate::{
    client::{Client, ClientError, MessageRef, StoreKey},
    crypto::cbor::Deterministic as _,
    envelope::Evidence,
    vault::VaultError,
};

impl Client {
    /// Where the evidence of a message is stored.
    ///
    /// # Errors
    ///
    /// `MessageUnknown`; `ContactPending` while it is held; `NoEvidence` for a
    /// message that was written here.
    pub fn evidence_key(&self, message: MessageRef) -> Result<StoreKey, ClientError> {
        match self.messages.find_shown(message)?.outgoing {
            true => Err(ClientError::NoEvidence),
            false => Ok(StoreKey::Evidence(message)),
        }
    }

    /// The stored evidence of a message, with how its sender was checked.
    ///
    /// # Errors
    ///
    /// As [`Client::evidence_key`]; `Vault(Damaged)`.
    pub fn evidence(&self, message: MessageRef, stored: &[u8]) -> Result<Vec<u8>, ClientError> {
        self.evidence_key(message)?;
        let mut evidence = Evidence::decode(stored).ok_or(VaultError::Damaged)?;
        evidence.checked = self.contacts.checks.get(message.contact);
        Ok(evidence.encode())
    }
}
