//! A contact: an enrolled peer, or a peer whose enrolment is in progress.

use crate::{
    base::{ErrorCode, Secret, UnixTime, words::worded},
    channel::Direction,
    client::{ClientError, ContactId, ContactView, contacts::Channel},
    enrolment::{Enrolled, SasKey, SasNonce, commitment, sas_digits},
    envelope::CheckedBy,
    identity::PublicIdentity,
    vault::{
        VaultError,
        stored::{AwaitingRecord, ContactRecord},
    },
};

worded! {
    /// The state of a contact.
    pub enum ContactState {
        /// Not verified yet: only control deliveries are sent, content is held.
        Pending = "pending",
        /// Verified.
        Active = "active",
        /// Must not be trusted; enrol again in person.
        Suspect = "suspect",
    }
}

worded! {
    /// How the contact was verified.
    pub enum Verified {
        /// The people compared the six digits.
        Digits = "digits",
        /// The fingerprint was scanned, or given by the host.
        Expected = "expected",
    }
}

/// The responder's state until the confirm arrives.
#[derive(Debug)]
pub(crate) struct Awaiting {
    pub(crate) commitment: [u8; 32],
    pub(crate) sas: SasKey,
}

#[derive(Debug)]
pub(crate) struct Contact {
    pub(crate) id: ContactId,
    pub(crate) peer: Option<PublicIdentity>,
    pub(crate) name: String,
    pub(crate) state: ContactState,
    pub(crate) verified: Option<Verified>,
    pub(crate) reason: Option<String>,
    pub(crate) digits: Option<String>,
    pub(crate) awaiting: Option<Awaiting>,
    pub(crate) channel: Option<Channel>,
    pub(crate) next_message: u32,
    /// How the peer is verified once the handshake is complete, other than by
    /// digits.
    pub(crate) on_confirm: Option<CheckedBy>,
    pub(crate) created_at: UnixTime,
}

impl Contact {
    pub(crate) fn new(id: ContactId, now: UnixTime) -> Self {
        Self {
            id,
            peer: None,
            name: String::new(),
            state: ContactState::Pending,
            verified: None,
            reason: None,
            digits: None,
            awaiting: None,
            channel: None,
            next_message: 0,
            on_confirm: None,
            created_at: now,
        }
    }

    /// Takes the keys that were agreed with the peer; this side sends in that
    /// direction.
    pub(crate) fn enrol(&mut self, enrolled: &Enrolled, sends: Direction) {
        self.peer = Some(enrolled.peer);
        enrolled.name.as_str().clone_into(&mut self.name);
        let (seed, first_month) = (&enrolled.shared_seed, enrolled.first_month);
        self.channel = Some(Channel::new(seed, sends, first_month));
    }

    /// Marks the contact as verified.
    pub(crate) fn activate(&mut self, by: CheckedBy) {
        self.state = ContactState::Active;
        self.verified = Some(match by {
            CheckedBy::Digits => Verified::Digits,
            CheckedBy::Expected | CheckedBy::InPerson => Verified::Expected,
        });
        self.on_confirm = None;
        self.digits = None;
        self.reason = None;
    }

    /// Marks the contact as suspect.
    pub(crate) fn suspect(&mut self, code: ErrorCode) {
        self.state = ContactState::Suspect;
        self.on_confirm = None;
        self.digits = None;
        self.reason = Some(code.as_str().to_owned());
    }

    /// Finishes the handshake of the responder: the nonce must open the commitment.
    /// Then the digits are known and the SAS key is wiped. Returns how the contact
    /// is verified now, if not by digits.
    pub(crate) fn confirm(&mut self, nonce: &SasNonce) -> Option<CheckedBy> {
        let awaiting = self.awaiting.take()?;
        if commitment(nonce) != awaiting.commitment {
            self.suspect(ErrorCode::CommitmentMismatch);
            return None;
        }
        if self.state != ContactState::Pending {
            return None;
        }
        self.digits = Some(sas_digits(&awaiting.sas, nonce));
        self.on_confirm
    }

    /// Refuses to send content to a contact that is not verified.
    pub(crate) fn require_active(&self) -> Result<(), ClientError> {
        match self.state {
            ContactState::Active => Ok(()),
            ContactState::Pending => Err(ClientError::ContactPending),
            ContactState::Suspect => Err(ClientError::ContactSuspect),
        }
    }

    pub(crate) fn view(&self) -> ContactView {
        ContactView {
            id: self.id,
            name: self.name.clone(),
            fingerprint: self
                .peer
                .map(|peer| serde_bytes::ByteBuf::from(peer.fingerprint().0.to_vec())),
            state: self.state.word(),
            verified: self.verified.map(Verified::word),
            sas: self.digits.clone(),
            reason: self.reason.clone(),
            device: self.channel.as_ref().map_or(0, Channel::newest_device),
        }
    }

    pub(crate) fn to_record(&self) -> ContactRecord {
        ContactRecord {
            public: self
                .peer
                .map_or_else(Vec::new, |peer| peer.encode().to_vec()),
            name: self.name.clone(),
            state: self.state as u8,
            verified: match (self.verified, self.on_confirm) {
                (None, Some(CheckedBy::Expected)) | (Some(Verified::Expected), _) => 2,
                (Some(Verified::Digits), _) => 1,
                (None, _) => 0,
            },
            reason: self.reason.clone(),
            digits: self.digits.clone(),
            awaiting: self.awaiting.as_ref().map(|awaiting| AwaitingRecord {
                commitment: awaiting.commitment,
                sas_export: *awaiting.sas.export.expose(),
                offer_hash: awaiting.sas.offer_hash,
                response_hash: awaiting.sas.response_hash,
            }),
            channel: self.channel.as_ref().and_then(Channel::to_record),
            next_message: self.next_message,
            in_person: self.on_confirm == Some(CheckedBy::InPerson),
            created_at: self.created_at.0,
        }
    }

    pub(crate) fn from_record(id: ContactId, record: ContactRecord) -> Result<Self, VaultError> {
        let peer = if record.public.is_empty() {
            None
        } else {
            Some(PublicIdentity::decode(&record.public).ok_or(VaultError::Damaged)?)
        };
        let mut channel = record.channel.map(Channel::from_record).transpose()?;
        if let (Some(channel), Some(_)) = (&mut channel, &record.awaiting) {
            // Nothing is reported missing before the confirm.
            channel.report_missing_again();
        }
        let state = ContactState::from_number(record.state).ok_or(VaultError::Damaged)?;
        let (verified, expected) = match (record.verified, state) {
            (0, _) => (None, None),
            (1, _) => (Some(Verified::Digits), None),
            (2, ContactState::Pending) => (None, Some(CheckedBy::Expected)),
            (2, _) => (Some(Verified::Expected), None),
            _ => return Err(VaultError::Damaged),
        };
        Ok(Self {
            id,
            peer,
            name: record.name,
            state,
            verified,
            reason: record.reason,
            digits: record.digits,
            awaiting: record.awaiting.map(|mut awaiting| Awaiting {
                commitment: awaiting.commitment,
                sas: SasKey {
                    export: Secret::take(&mut awaiting.sas_export),
                    offer_hash: awaiting.offer_hash,
                    response_hash: awaiting.response_hash,
                },
            }),
            channel,
            next_message: record.next_message,
            on_confirm: match record.in_person {
                true => Some(CheckedBy::InPerson),
                false => expected,
            },
            created_at: UnixTime(record.created_at),
        })
    }
}
