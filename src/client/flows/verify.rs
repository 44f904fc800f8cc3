//! Verification of a contact, and its removal. Protocol §7.

use rand_core::CryptoRng;

use crate::{
    base::{ErrorCode, UnixTime},
    client::{
        AuditEvent, Client, ClientError, ContactId, Effects, InvitationId, MessageState,
        contacts::ContactState,
        transaction::{Randomized, Transaction},
    },
    envelope::CheckedBy,
    identity::Fingerprint,
};

impl Client {
    /// Restricts the invitation to this fingerprint, which was scanned from the
    /// acceptor's screen, or comes from a host that authenticated the acceptor.
    ///
    /// # Errors
    ///
    /// `InvitationUnknown`.
    pub fn expect(
        &mut self,
        id: InvitationId,
        fingerprint: Fingerprint,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Effects, ClientError> {
        let contact = self.invitations.find_own(id)?.contact;
        let contact = contact.and_then(|id| self.contacts.get(id));
        let found = contact.map(|contact| {
            let awaits_confirm = contact.awaiting.is_some();
            (contact.id, contact.state, contact.peer, awaits_confirm)
        });

        let mut tx = Transaction::new(now).randomized(rng);
        if let Some(open) = self.invitations.update(id, &mut tx) {
            open.expected = Some(fingerprint);
        }
        if let Some((contact, state, peer, awaits_confirm)) = found {
            if peer.map(|peer| peer.fingerprint()) != Some(fingerprint) {
                self.suspect(contact, ErrorCode::UnexpectedIdentity, &mut tx);
            } else if state == ContactState::Pending && awaits_confirm {
                // An offer alone does not show possession of its identity.
                if let Some(contact) = self.contacts.update(contact, &mut tx) {
                    contact.on_confirm = Some(CheckedBy::Expected);
                }
            } else if state == ContactState::Pending {
                self.activate(contact, CheckedBy::Expected, &mut tx);
            }
        }
        Ok(self.commit(tx, ()))
    }

    /// Confirms that the people compared the digits and they match.
    ///
    /// # Errors
    ///
    /// `SasNotReady` while there are none, `ContactSuspect`, `ContactUnknown`.
    pub fn confirm_sas(
        &mut self,
        id: ContactId,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Effects, ClientError> {
        let contact = self.contacts.find(id)?;
        let pending = match contact.state {
            ContactState::Active => false,
            ContactState::Suspect => return Err(ClientError::ContactSuspect),
            ContactState::Pending if contact.digits.is_none() => {
                return Err(ClientError::SasNotReady);
            }
            ContactState::Pending => true,
        };

        let mut tx = Transaction::new(now).randomized(rng);
        if pending {
            self.activate(id, CheckedBy::Digits, &mut tx);
        }
        Ok(self.commit(tx, ()))
    }

    /// Reports that the digits differ, which indicates an attack.
    ///
    /// # Errors
    ///
    /// `ContactUnknown`.
    pub fn reject_sas(&mut self, id: ContactId, now: UnixTime) -> Result<Effects, ClientError> {
        self.contacts.find(id)?;

        let mut tx = Transaction::new(now);
        self.suspect(id, ErrorCode::NotAuthentic, &mut tx);
        Ok(self.commit(tx, ()))
    }

    /// Removes a contact with everything stored about it.
    ///
    /// # Errors
    ///
    /// `ContactUnknown`.
    pub fn remove_contact(&mut self, id: ContactId, now: UnixTime) -> Result<Effects, ClientError> {
        self.contacts.find(id)?;

        let mut tx = Transaction::new(now);
        self.log(AuditEvent::Removed { contact: id }, &mut tx);
        self.contacts.remove(id, &mut tx);
        self.devices.forget_contact(id, &mut tx);
        self.outbox.remove_contact(id, &mut tx);
        self.inbox.receipts.remove_contact(id, &mut tx);
        self.messages.remove_contact(id, &mut tx);
        for invitation in self.invitations.of_contact(id) {
            self.close_invitation(invitation, &mut tx);
        }
        self.inbox.reassembly.forget_owner(id.0, &mut tx);
        self.inbox.tags.forget_contact(id);
        Ok(self.commit(tx, ()))
    }

    /// Marks a contact as verified: shows and acknowledges held messages.
    pub(crate) fn activate(
        &mut self,
        id: ContactId,
        by: CheckedBy,
        tx: &mut Randomized<'_, impl CryptoRng>,
    ) {
        self.contacts.activate(id, by, tx);
        self.log(AuditEvent::Verified { contact: id, by }, tx);
        self.contacts.emit(id, tx);
        self.release_held(id, tx);
    }

    /// Marks a contact as suspect: what is sealed for it is discarded, and its
    /// waiting messages are stopped.
    pub(crate) fn suspect(&mut self, id: ContactId, code: ErrorCode, tx: &mut Transaction) {
        if let Some(contact) = self.contacts.update(id, tx) {
            contact.suspect(code);
        }
        self.log(AuditEvent::Suspect { contact: id, code }, tx);
        self.outbox.remove_contact(id, tx);
        let waiting = self.messages.with(id).filter(|(_, held)| held.is_queued());
        let waiting: Vec<_> = waiting.map(|(message, _)| message).collect();
        for message in waiting {
            self.end_message(message, MessageState::Stopped, tx);
        }
        self.contacts.emit(id, tx);
    }
}
