//! Inviting, accepting, and checking who it is. Protocol §7.

use rand_core::CryptoRng;

use crate::client::{
    Check, Client, ClientError, ContactId, ContactView, Effects, Entry, InvitationId,
    InvitationView, Mailbox,
    contacts::{Contact, ContactState},
    invitations::{OpenInvitation, Stage},
    outbox::{Destination, Part},
};
use crate::{
    base::{ErrorCode, UnixTime},
    channel::Direction,
    crypto::{cbor::Deterministic as _, kdf},
    enrolment::{
        Invitation, InvitationSecret, Kind, ORDINARY_DEFAULT_SECONDS, Offer, QUICK_DEFAULT_SECONDS,
        QUICK_MAX_SECONDS, Rendezvous,
    },
    envelope::{Sealing, seal, split},
    identity::Fingerprint,
    wire::Cell,
};

impl Client {
    /// A fresh invitation. `expires_in` in seconds; at most 24 h for a quick
    /// one and the relay's retention for an ordinary one.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for another life, `RelayUnknown` before the first
    /// `/v1/info`.
    pub fn invite(
        &mut self,
        kind: Kind,
        expires_in: Option<u64>,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Effects<InvitationView>, ClientError> {
        self.require_place()?;
        let quick = kind == Kind::Quick;
        let longest = if quick {
            QUICK_MAX_SECONDS
        } else {
            self.relay.info()?.retention_seconds.get().into()
        };
        let default = if quick {
            QUICK_DEFAULT_SECONDS
        } else {
            ORDINARY_DEFAULT_SECONDS
        };
        let life = expires_in.unwrap_or(default.min(longest));
        if !(1..=longest).contains(&life) {
            return Err(ClientError::InvalidArgument("expiresInSeconds"));
        }
        let (offer, secrets) =
            Offer::create(self.identity.public(), &self.name, rng).ok_or(ClientError::Internal)?;
        let offer = offer.encode();
        let invitation = Invitation {
            secret: InvitationSecret::random(rng),
            offer_hash: kdf::sha256(&offer),
            relay: self.relay.url().to_owned(),
            expires_at: now.plus(life),
            offer: (!quick).then(|| offer.clone()),
        };
        let uri = invitation.to_uri();
        let stage = Stage::Offered {
            offer: offer.clone(),
            secrets,
        };
        let open = OpenInvitation::new(invitation.secret, invitation.expires_at, quick, stage);
        if quick {
            let cells =
                self.rendezvous_cells(&open.rendezvous, Direction::FromInviter, &offer, rng)?;
            self.enqueue(cells, Destination::Lobby, now.day(), &Part::Rendezvous);
        }
        let id = InvitationId::random(rng);
        self.invitations.insert(id, open);
        self.pending.invitations.insert(id);
        self.watch.reset();
        let invitation = id;
        self.log(Entry::Invited { invitation, quick }, now);
        Ok(self.finish(InvitationView {
            id,
            uri,
            expires_at: now.plus(life).0,
        }))
    }

    /// Withdraws an invitation; whoever answers it gets no confirm.
    ///
    /// # Errors
    ///
    /// `InvitationUnknown`.
    pub fn cancel_invitation(
        &mut self,
        id: InvitationId,
        now: UnixTime,
    ) -> Result<Effects, ClientError> {
        let open = self.invitation_mut(id)?;
        if !open.is_own() {
            return Err(ClientError::InvitationUnknown);
        }
        self.invitations.remove(&id);
        self.watch.reset();
        self.log(Entry::Withdrawn { invitation: id }, now);
        Ok(self.finish(()))
    }

    /// Accepts an invitation. A second time gives the same contact and sends
    /// the same cells. `in_person` says that the invitation came from the
    /// inviter's own hand, so that this side needs no digits.
    ///
    /// # Errors
    ///
    /// Of the invitation; `RelayMismatch` if it names another relay.
    pub fn accept(
        &mut self,
        uri: &str,
        in_person: bool,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Effects<ContactView>, ClientError> {
        self.require_place()?;
        let invitation = Invitation::parse(uri)?;
        invitation.check_expiry(now)?;
        if invitation.relay.trim_end_matches('/') != self.relay.url() {
            return Err(ClientError::RelayMismatch);
        }
        self.relay.info()?;
        let known = self
            .invitations
            .iter()
            .find(|(_, open)| open.secret == invitation.secret);
        if let Some((id, open)) = known.map(|(id, open)| (*id, open)) {
            let contact = if open.is_own() { None } else { open.contact };
            let contact = contact.ok_or(crate::enrolment::EnrolmentError::OwnIdentity)?;
            self.send_response_again(id, now)?;
            let view = self.contact(contact)?.view();
            return Ok(self.finish(view));
        }

        let quick = invitation.kind() == Kind::Quick;
        let stage = Stage::AwaitingOffer {
            offer_hash: invitation.offer_hash,
        };
        let contact_id = ContactId::random(rng);
        let mut contact = Contact::new(contact_id, now);
        contact.in_person = in_person;
        let mut open = OpenInvitation::new(invitation.secret, invitation.expires_at, quick, stage);
        open.contact = Some(contact_id);
        let id = InvitationId::random(rng);
        let accepted = Entry::Accepted {
            contact: contact_id,
            in_person,
        };
        self.contacts.insert(contact_id, contact);
        self.invitations.insert(id, open);
        self.log(accepted, now);
        if let Some(offer) = invitation.offer {
            // The whole handshake fits into this call; if it fails, nothing was accepted.
            if let Err(error) = self.answer_offer(id, &offer, now, rng) {
                self.contacts.remove(&contact_id);
                self.invitations.remove(&id);
                self.pending.records.clear();
                return Err(error);
            }
        }
        if quick {
            self.relay.read_lobby_again();
            self.pending.relay = true;
        }
        self.pending.contacts.insert(contact_id);
        self.pending.invitations.insert(id);
        self.watch.reset();
        self.tell_contact(contact_id);
        let view = self.contact(contact_id)?.view();
        Ok(self.finish(view))
    }

    /// Only this fingerprint may answer the invitation: scanned from the
    /// acceptor's screen, or passed by a host that authenticated it.
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
        let open = self.invitation_mut(id)?;
        if !open.is_own() {
            return Err(ClientError::InvitationUnknown);
        }
        open.expected = Some(fingerprint);
        if let Some(contact_id) = open.contact {
            let contact = self.contact_mut(contact_id)?;
            let found = contact.peer.map(|peer| peer.fingerprint());
            if found != Some(fingerprint) {
                self.suspect(contact_id, ErrorCode::UnexpectedIdentity, now)?;
            } else if contact.state == ContactState::Pending {
                self.activate(contact_id, Check::Expected, now, rng)?;
            }
        }
        Ok(self.finish(()))
    }

    /// The people compared the digits: they match.
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
        let contact = self.contact(id)?;
        match contact.state {
            ContactState::Active => {}
            ContactState::Suspect => return Err(ClientError::ContactSuspect),
            ContactState::Pending if contact.digits.is_none() => {
                return Err(ClientError::SasNotReady);
            }
            ContactState::Pending => self.activate(id, Check::Digits, now, rng)?,
        }
        Ok(self.finish(()))
    }

    /// The digits differ: somebody stands between.
    ///
    /// # Errors
    ///
    /// `ContactUnknown`.
    pub fn reject_sas(&mut self, id: ContactId, now: UnixTime) -> Result<Effects, ClientError> {
        self.suspect(id, ErrorCode::NotAuthentic, now)?;
        Ok(self.finish(()))
    }

    /// Whether the lobby must be pulled: a quick enrolment is under way, or
    /// its outcome is not checked yet, so that a second answer still counts.
    #[must_use]
    pub fn lobby_watch(&self, now: UnixTime) -> bool {
        self.quick_enrolments().any(|open| now <= open.expires_at)
    }

    /// Whether something in the lobby may concern one: then all of it is read.
    pub(crate) fn looks_in_lobby(&self) -> bool {
        self.quick_enrolments().next().is_some()
    }

    /// Quick invitations whose outcome is open.
    fn quick_enrolments(&self) -> impl Iterator<Item = &OpenInvitation> {
        self.invitations.values().filter(|open| {
            let contact = open.contact.and_then(|id| self.contacts.get(&id));
            let pending = contact.is_none_or(|contact| contact.state == ContactState::Pending);
            open.quick && pending
        })
    }

    /// Whether an offer is still looked for, so that older lobby batches are
    /// worth reading.
    pub(crate) fn lobby_backfill(&self, mailbox: Mailbox) -> bool {
        mailbox == Mailbox::Lobby
            && self
                .invitations
                .values()
                .any(|open| open.quick && matches!(open.stage, Stage::AwaitingOffer { .. }))
    }

    /// Seals bytes for the rendezvous, counters from 0.
    pub(crate) fn rendezvous_cells(
        &self,
        rendezvous: &Rendezvous,
        direction: Direction,
        bytes: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<Cell>, ClientError> {
        let sealing = Sealing {
            recipient: rendezvous.kem.public(),
            psk: &rendezvous.psk,
            size: self.relay.info()?.cell_size,
        };
        let key = rendezvous.tag_key(direction);
        let bodies = split(bytes, sealing.size, rng)?;
        (0..)
            .zip(&bodies)
            .map(|(counter, body)| {
                Ok(seal(
                    &sealing,
                    key.tag(Rendezvous::slot(counter)),
                    body,
                    rng,
                )?)
            })
            .collect()
    }

    /// The contact is checked: what was held is released, with receipts.
    pub(crate) fn activate(
        &mut self,
        id: ContactId,
        by: Check,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ClientError> {
        self.contact_mut(id)?.activate(by);
        self.log(Entry::Verified { contact: id, by }, now);
        self.tell_contact(id);
        self.release_held(id, now, rng)
    }

    /// Something is wrong with the contact, from now on.
    pub(crate) fn suspect(
        &mut self,
        id: ContactId,
        code: ErrorCode,
        now: UnixTime,
    ) -> Result<(), ClientError> {
        self.contact_mut(id)?.suspect(code);
        self.log(Entry::Suspect { contact: id, code }, now);
        self.tell_contact(id);
        Ok(())
    }

    fn send_response_again(&mut self, id: InvitationId, now: UnixTime) -> Result<(), ClientError> {
        let size = self.relay.info()?.cell_size;
        let Some(open) = self.invitations.get(&id) else {
            return Ok(());
        };
        let to = self.response_destination(open)?;
        let cells = open
            .response_cells
            .iter()
            .filter(|bytes| !self.outbox.values().any(|queued| queued.cell == **bytes))
            .map(|bytes| Cell::parse(bytes.clone(), size).map_err(|_| ClientError::RelayProtocol))
            .collect::<Result<Vec<_>, _>>()?;
        self.enqueue(cells, to, now.day(), &Part::Rendezvous);
        Ok(())
    }
}
