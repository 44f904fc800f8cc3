//! Invitation, acceptance and verification of a contact. Protocol §7.

use rand_core::CryptoRng;

use crate::{
    base::{ErrorCode, UnixTime},
    client::{
        AuditEvent, Check, Client, ClientError, ContactId, ContactView, Effects, InvitationId,
        InvitationView, MessageState,
        contacts::{Contact, ContactState},
        invitations::{OpenInvitation, Stage},
        outbox::{CellPurpose, Destination},
        transaction::Transaction,
    },
    crypto::{cbor::Deterministic as _, kdf},
    enrolment::{
        EnrolmentError, Invitation, InvitationSecret, Kind, LINK_DEFAULT_SECONDS, Offer,
        QR_DEFAULT_SECONDS, QR_MAX_SECONDS,
    },
    identity::Fingerprint,
    wire::Cell,
};

impl Client {
    /// Creates an invitation. `expires_in` in seconds: at most 24 hours for a QR
    /// invitation, and the relay's retention for a link.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for another lifetime, `RelayUnknown` before the
    /// first `/v1/info`.
    pub fn invite(
        &mut self,
        kind: Kind,
        expires_in: Option<u64>,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Effects<InvitationView>, ClientError> {
        self.devices.require_current()?;
        let is_qr = kind == Kind::Qr;
        let (longest, default) = match is_qr {
            true => (QR_MAX_SECONDS, QR_DEFAULT_SECONDS),
            false => {
                let retention = self.mailboxes.info()?.retention_seconds.get().into();
                (retention, LINK_DEFAULT_SECONDS)
            }
        };
        let life = expires_in.unwrap_or(default.min(longest));
        if !(1..=longest).contains(&life) {
            return Err(ClientError::InvalidArgument("expiresInSeconds"));
        }
        let me = &self.account;
        let (offer, secrets) =
            Offer::create(me.identity.public(), &me.name, rng).ok_or(ClientError::Internal)?;
        let offer = offer.encode();
        let invitation = Invitation {
            secret: InvitationSecret::random(rng),
            offer_hash: kdf::sha256(&offer),
            relay: self.mailboxes.url().to_owned(),
            expires_at: now.plus(life),
            offer: (!is_qr).then(|| offer.clone()),
        };
        let uri = invitation.to_uri();
        let stage = Stage::Offered {
            offer: offer.clone(),
            secrets,
        };
        let mut open = OpenInvitation::new(invitation.secret, invitation.expires_at, is_qr, stage);
        let cells = match is_qr {
            true => self.rendezvous_cells(&open, &offer, rng)?,
            false => Vec::new(),
        };
        open.keep_own_cells(&cells);
        let id = InvitationId::random(rng);

        let mut tx = Transaction::new(now);
        let purpose = CellPurpose::Rendezvous;
        let (to, today) = (Destination::Lobby, now.day());
        self.outbox.push(cells, to, today, &purpose, &mut tx);
        self.inbox.tags.watch_invitation(id, &open);
        self.invitations.insert(id, open, &mut tx);
        let invitation = id;
        self.log(AuditEvent::Invited { invitation, is_qr }, &mut tx);
        let view = InvitationView {
            id,
            uri,
            expires_at: now.plus(life).0,
        };
        Ok(self.commit(tx, view))
    }

    /// Withdraws an invitation; a response to it is no longer confirmed.
    ///
    /// # Errors
    ///
    /// `InvitationUnknown`.
    pub fn cancel_invitation(
        &mut self,
        id: InvitationId,
        now: UnixTime,
    ) -> Result<Effects, ClientError> {
        self.invitations.find_own(id)?;

        let mut tx = Transaction::new(now);
        self.invitations.remove(id, &mut tx);
        self.inbox.tags.forget_invitation(id);
        self.log(AuditEvent::Withdrawn { invitation: id }, &mut tx);
        Ok(self.commit(tx, ()))
    }

    /// Accepts an invitation. Accepting it again returns the same contact and sends
    /// the same cells. `in_person` states that the inviter handed the invitation over
    /// in person, so that this side needs no digits.
    ///
    /// # Errors
    ///
    /// Those of the invitation; `RelayMismatch` if it names another relay.
    pub fn accept(
        &mut self,
        uri: &str,
        in_person: bool,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Effects<ContactView>, ClientError> {
        self.devices.require_current()?;
        let invitation = Invitation::find(uri)?;
        invitation.check_expiry(now)?;
        if invitation.relay.trim_end_matches('/') != self.mailboxes.url() {
            return Err(ClientError::RelayMismatch);
        }
        self.mailboxes.info()?;
        if self.invitations.by_secret(&invitation.secret).is_some() {
            return self.accept_again(&invitation.secret, now);
        }

        let is_qr = invitation.kind() == Kind::Qr;
        let offer_hash = invitation.offer_hash;
        let stage = Stage::AwaitingOffer { offer_hash };
        let id = InvitationId::random(rng);
        let mut contact = Contact::new(ContactId::random(rng), now);
        contact.in_person = in_person;
        let contact_id = contact.id;
        let mut open = OpenInvitation::new(invitation.secret, invitation.expires_at, is_qr, stage);
        open.contact = Some(contact_id);
        // The whole handshake fits into this call if the offer came along.
        let response = match &invitation.offer {
            Some(offer) => {
                let answer = self.decide_answer(&open, &offer_hash, offer, now, rng)?;
                Some(answer.complete(&mut contact, &mut open))
            }
            None => None,
        };
        let view = contact.view();

        let mut tx = Transaction::new(now);
        let accepted = AuditEvent::Accepted {
            contact: contact_id,
            in_person,
        };
        self.log(accepted, &mut tx);
        self.contacts.insert(contact, &mut tx);
        self.inbox.tags.watch_invitation(id, &open);
        self.invitations.insert(id, open, &mut tx);
        if let Some(response) = response {
            self.push_response(contact_id, response, &mut tx);
        }
        if is_qr {
            self.mailboxes.read_lobby_again(&mut tx);
        }
        self.contacts.emit(contact_id, &mut tx);
        Ok(self.commit(tx, view))
    }

    /// Returns the same contact, and queues the cells of the response that were
    /// already sent.
    fn accept_again(
        &mut self,
        secret: &InvitationSecret,
        now: UnixTime,
    ) -> Result<Effects<ContactView>, ClientError> {
        let open = self.invitations.by_secret(secret);
        let open = open.ok_or(ClientError::Internal)?;
        let known = open.contact.filter(|_| !open.is_own());
        let contact = self
            .contacts
            .find(known.ok_or(EnrolmentError::OwnIdentity)?)?;
        let view = contact.view();
        let (cells, to) = self.unsent_response(open, contact)?;

        let mut tx = Transaction::new(now);
        let (purpose, today) = (CellPurpose::Rendezvous, now.day());
        self.outbox.push(cells, to, today, &purpose, &mut tx);
        Ok(self.commit(tx, view))
    }

    /// The cells of a response that are not in the queue, and where they go.
    fn unsent_response(
        &self,
        open: &OpenInvitation,
        contact: &Contact,
    ) -> Result<(Vec<Cell>, Destination), ClientError> {
        let size = self.mailboxes.info()?.cell_size;
        let to = match (open.is_qr, contact.peer) {
            (true, _) => Destination::Lobby,
            (false, Some(peer)) => Destination::Bucket(peer.fingerprint()),
            (false, None) => return Err(ClientError::Internal),
        };
        let cells = open.own_cells(size).into_iter();
        let cells = cells.filter(|cell| !self.outbox.has_cell(cell.as_bytes()));
        Ok((cells.collect(), to))
    }

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
        let found = contact.map(|contact| (contact.id, contact.state, contact.peer));

        let mut tx = Transaction::new(now);
        if let Some(open) = self.invitations.update(id, &mut tx) {
            open.expected = Some(fingerprint);
        }
        if let Some((contact, state, peer)) = found {
            if peer.map(|peer| peer.fingerprint()) != Some(fingerprint) {
                self.suspect(contact, ErrorCode::UnexpectedIdentity, &mut tx);
            } else if state == ContactState::Pending {
                self.activate(contact, Check::Expected, rng, &mut tx);
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

        let mut tx = Transaction::new(now);
        if pending {
            self.activate(id, Check::Digits, rng, &mut tx);
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
        self.checks.remove(id, &mut tx);
        self.devices.forget_contact(id, &mut tx);
        self.outbox.remove_contact(id, &mut tx);
        self.inbox.receipts.remove_contact(id, &mut tx);
        self.messages.remove_contact(id, &mut tx);
        for invitation in self.invitations.remove_contact(id, &mut tx) {
            self.inbox.tags.forget_invitation(invitation);
        }
        self.inbox.reassembly.forget_owner(id.0, &mut tx);
        self.inbox.tags.forget_contact(id);
        Ok(self.commit(tx, ()))
    }

    /// Returns `true` if the lobby must be read: an enrolment through it is in progress,
    /// or its contact is not verified yet, so that a second response still counts.
    #[must_use]
    pub fn lobby_watch(&self, now: UnixTime) -> bool {
        let mut open = self.invitations.open_in_lobby(&self.contacts);
        open.any(|open| now <= open.expires_at)
    }

    /// Marks a contact as verified: shows and acknowledges held messages.
    pub(crate) fn activate(
        &mut self,
        id: ContactId,
        by: Check,
        rng: &mut impl CryptoRng,
        tx: &mut Transaction,
    ) {
        if let Some(contact) = self.contacts.update(id, tx) {
            contact.activate(by);
        }
        self.checks.note(id, by, tx);
        self.log(AuditEvent::Verified { contact: id, by }, tx);
        self.contacts.emit(id, tx);
        self.release_held(id, rng, tx);
    }

    /// Marks a contact as suspect: nothing more is sent to it, and waiting messages are
    /// stopped.
    pub(crate) fn suspect(&mut self, id: ContactId, code: ErrorCode, tx: &mut Transaction) {
        if let Some(contact) = self.contacts.update(id, tx) {
            contact.suspect(code);
        }
        self.log(AuditEvent::Suspect { contact: id, code }, tx);
        self.stop_sending(id, tx);
        self.contacts.emit(id, tx);
    }

    /// Discards what is sealed for a contact, and shows its messages as
    /// stopped.
    pub(crate) fn stop_sending(&mut self, id: ContactId, tx: &mut Transaction) {
        self.outbox.remove_contact(id, tx);
        let waiting = self.messages.with(id).filter(|(_, held)| held.is_queued());
        let waiting: Vec<_> = waiting.map(|(message, _)| message).collect();
        for message in waiting {
            self.end_message(message, MessageState::Stopped, tx);
        }
    }
}
