//! Invitation, acceptance and verification of a contact. Protocol §7.

use rand_core::CryptoRng;

use crate::{
    base::UnixTime,
    client::{
        AuditEvent, Client, ClientError, ContactId, ContactView, Effects, InvitationId,
        InvitationView,
        contacts::Contact,
        invitations::{OpenInvitation, Stage},
        mailboxes::Destination,
        outbox::CellPurpose,
        transaction::Transaction,
    },
    enrolment::{
        Binding, EnrolmentError, Invitation, InvitationSecret, Kind, LINK_DEFAULT_SECONDS,
        QR_DEFAULT_SECONDS, QR_MAX_SECONDS,
    },
    envelope::CheckedBy,
};

impl Client {
    /// Creates an invitation. `expires_in` in seconds: at most 24 hours and
    /// the retention of the lobby for a QR invitation, and the own retention for
    /// a link.
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
        let size = self.mailboxes.info()?.cell_size;
        let is_qr = kind == Kind::Qr;
        let (longest, default) = match is_qr {
            true => {
                let longest = self.mailboxes.longest_in_lobby(QR_MAX_SECONDS);
                (longest, QR_DEFAULT_SECONDS.min(longest))
            }
            false => (self.settings.retention(), LINK_DEFAULT_SECONDS),
        };
        let life = expires_in.unwrap_or(default);
        if !(1..=longest).contains(&life) {
            return Err(ClientError::InvalidArgument("expiresInSeconds"));
        }
        let stage = match kind {
            Kind::Qr => self.account.offer(rng),
            Kind::Link => Stage::AwaitingOffer { offer_hash: None },
        };
        let secret = InvitationSecret::random(rng);
        let mut open = OpenInvitation::new(secret, now.plus(life), is_qr, stage);
        let cells = open.seal_offer(size, None, rng)?;
        let id = InvitationId::random(rng);
        let view = open.view(id, self.public(), self.mailboxes.url());
        let view = view.ok_or(ClientError::Internal)?;

        let mut tx = Transaction::new(now);
        self.inbox.tags.watch_invitation(id, &open);
        self.invitations.insert(id, open, &mut tx);
        self.push_rendezvous(id, cells, &mut tx);
        let invited = AuditEvent::Invited {
            invitation: id,
            is_qr,
        };
        self.log(invited, &mut tx);
        Ok(self.commit(tx, view))
    }

    /// The invitations that were created here and can still be answered.
    #[must_use]
    pub fn open_invitations(&self, now: UnixTime) -> Vec<InvitationView> {
        let open = self.invitations.iter();
        open.filter(|(_, open)| now <= open.expires_at)
            .filter_map(|(id, open)| open.view(id, self.public(), self.mailboxes.url()))
            .collect()
    }

    /// Withdraws an invitation; an answer to it is no longer taken.
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
        self.close_invitation(id, &mut tx);
        self.log(AuditEvent::Withdrawn { invitation: id }, &mut tx);
        Ok(self.commit(tx, ()))
    }

    /// Forgets an invitation with its cells that have not left.
    pub(crate) fn close_invitation(&mut self, id: InvitationId, tx: &mut Transaction) {
        if let Some(open) = self.invitations.remove(id, tx) {
            self.inbox.tags.forget_invitation(id);
            self.outbox
                .discard_if(|queued| open.is_own_cell(&queued.cell), tx);
        }
    }

    /// Accepts an invitation. Accepting it again returns the same contact.
    /// `in_person` states that the inviter handed the invitation over in person,
    /// so that this side needs no digits.
    ///
    /// # Errors
    ///
    /// Those of the invitation.
    pub fn accept(
        &mut self,
        uri: &str,
        in_person: bool,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Effects<ContactView>, ClientError> {
        self.devices.require_current()?;
        let invitation = Invitation::find(uri)?;
        let members = self.places().into_iter().map(|place| place.url);
        let relays: Vec<_> = [self.mailboxes.url().to_owned()]
            .into_iter()
            .chain(members)
            .collect();
        invitation.check_usable(&relays, now)?;
        let size = self.mailboxes.info()?.cell_size;
        if self.invitations.by_secret(&invitation.secret).is_some() {
            return self.accept_again(&invitation.secret, now);
        }
        let is_qr = matches!(invitation.binding, Binding::Offer(_));
        let (stage, inviter) = match invitation.binding {
            Binding::Offer(hash) => {
                let offer_hash = Some(hash);
                (Stage::AwaitingOffer { offer_hash }, None)
            }
            Binding::Inviter(inviter) if inviter == *self.public() => {
                return Err(EnrolmentError::OwnIdentity.into());
            }
            Binding::Inviter(inviter) => (self.account.offer(rng), Some(inviter)),
            Binding::EnclosedOffer(_) => return Err(EnrolmentError::InvitationOutdated.into()),
        };
        let id = InvitationId::random(rng);
        let mut contact = Contact::new(ContactId::random(rng), now);
        contact.on_confirm = in_person.then_some(CheckedBy::InPerson);
        contact.peer = inviter;
        let mut open = OpenInvitation::new(invitation.secret, invitation.expires_at, is_qr, stage);
        open.expected = inviter.map(|inviter| inviter.fingerprint());
        let cells = open.seal_offer(size, inviter.as_ref(), rng)?;
        let (contact_id, view) = (contact.id, contact.view());
        open.contact = Some(contact_id);

        let mut tx = Transaction::new(now);
        let accepted = AuditEvent::Accepted {
            contact: contact_id,
            in_person,
        };
        self.log(accepted, &mut tx);
        self.contacts.insert(contact, &mut tx);
        self.inbox.tags.watch_invitation(id, &open);
        self.invitations.insert(id, open, &mut tx);
        self.push_rendezvous(id, cells, &mut tx);
        if is_qr {
            self.mailboxes.read_lobby_again(&mut tx);
        }
        self.contacts.emit(contact_id, &mut tx);
        Ok(self.commit(tx, view))
    }

    /// Returns the same contact. The cells of a response through the lobby are
    /// queued again, as they were. Those of an offer in a slot are not: the
    /// relay has them, and would see the same cell in two slots.
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
        let size = self.mailboxes.info()?.cell_size;
        let cells = open.own_cells(size).into_iter();
        let unsent = cells.filter(|cell| open.is_qr && !self.outbox.has_cell(cell.as_bytes()));
        let unsent = unsent.collect();

        let mut tx = Transaction::new(now);
        let purpose = CellPurpose::Rendezvous;
        let to = Destination::Lobby;
        self.outbox.push(unsent, to, &purpose, &mut tx);
        Ok(self.commit(tx, view))
    }

    /// Returns `true` if the lobby must be read: an enrolment through it is in progress,
    /// or its contact is not verified yet, so that a second response still counts.
    #[must_use]
    pub fn lobby_watch(&self, now: UnixTime) -> bool {
        let mut open = self.invitations.open_in_lobby(&self.contacts);
        open.any(|open| now <= open.expires_at)
    }
}
