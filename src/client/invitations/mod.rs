//! Open invitations, created or accepted by this person.

mod invitation;

pub(crate) use invitation::{OpenInvitation, Stage};

use crate::{
    base::SortedMap,
    client::{
        ClientError, ContactId, InvitationId, StoreKey,
        contacts::{ContactState, Contacts},
        transaction::Transaction,
    },
    enrolment::InvitationSecret,
};

/// All open invitations by id.
#[derive(Default)]
pub(crate) struct Invitations(SortedMap<InvitationId, OpenInvitation>);

impl Invitations {
    pub(crate) fn get(&self, id: InvitationId) -> Option<&OpenInvitation> {
        self.0.get(&id)
    }

    /// An invitation that was created here.
    pub(crate) fn find_own(&self, id: InvitationId) -> Result<&OpenInvitation, ClientError> {
        let open = self.0.get(&id).filter(|open| open.is_own());
        open.ok_or(ClientError::InvitationUnknown)
    }

    /// The invitation of that secret, if it was made or accepted here.
    pub(crate) fn by_secret(&self, secret: &InvitationSecret) -> Option<&OpenInvitation> {
        self.0.values().find(|open| open.secret == *secret)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (InvitationId, &OpenInvitation)> {
        self.0.iter().map(|(id, open)| (*id, open))
    }

    /// The invitation, to be changed and stored.
    pub(crate) fn update(
        &mut self,
        id: InvitationId,
        tx: &mut Transaction,
    ) -> Option<&mut OpenInvitation> {
        let open = self.0.get_mut(&id)?;
        tx.touch(StoreKey::Invitation(id));
        Some(open)
    }

    pub(crate) fn insert(&mut self, id: InvitationId, open: OpenInvitation, tx: &mut Transaction) {
        tx.touch(StoreKey::Invitation(id));
        self.0.insert(id, open);
    }

    pub(crate) fn restore(&mut self, id: InvitationId, open: OpenInvitation) {
        self.0.insert(id, open);
    }

    pub(crate) fn remove(
        &mut self,
        id: InvitationId,
        tx: &mut Transaction,
    ) -> Option<OpenInvitation> {
        tx.touch(StoreKey::Invitation(id));
        self.0.remove(&id)
    }

    /// What led to a contact.
    pub(crate) fn of_contact(&self, contact: ContactId) -> Vec<InvitationId> {
        let of_contact = self
            .iter()
            .filter(|(_, open)| open.contact == Some(contact));
        of_contact.map(|(id, _)| id).collect()
    }

    /// Invitations through the lobby whose outcome is open: until the contact is
    /// verified, a second response still counts.
    pub(crate) fn open_in_lobby<'a>(
        &'a self,
        contacts: &'a Contacts,
    ) -> impl Iterator<Item = &'a OpenInvitation> {
        self.0.values().filter(|open| {
            let contact = open.contact.and_then(|id| contacts.get(id));
            let pending = contact.is_none_or(|contact| contact.state == ContactState::Pending);
            open.is_qr && pending
        })
    }

    /// Whether an offer in the lobby is still looked for, so that older
    /// batches are worth reading.
    pub(crate) fn await_offer(&self) -> bool {
        let mut all = self.0.values();
        all.any(|open| open.is_qr && matches!(open.stage, Stage::AwaitingOffer { .. }))
    }
}

#[cfg(test)]
mod tests;
