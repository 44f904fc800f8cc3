//! The state of one person's client, and the end of a transaction.

use core::fmt;

use zeroize::Zeroizing;

use crate::{
    base::{Content, ErrorCode, UnixTime},
    client::{
        AuditEvent, Change, ClientError, ContactId, ContactView, DeviceView, Effects,
        EmergencyView, MessageEvent, MessageRef, MessageView, Settings, StoreKey,
        contacts::{Checks, Contacts},
        devices::Devices,
        emergencies::Emergencies,
        forks::Forks,
        inbox::{Inbox, TagSources, Work},
        invitations::Invitations,
        journal::Journal,
        light::Light,
        mailboxes::Mailboxes,
        messages::Messages,
        outbox::Outbox,
        shredding::Shredding,
        transaction::{Parts, Transaction},
        view::Gap,
    },
    crypto::kdf,
    enrolment::Name,
    envelope::OwnKeys,
    identity::{Identity, PublicIdentity},
    vault::stored::{self, SelfRecord},
    wire::RelaySettings,
};

/// This person's identity and name.
pub(crate) struct Account {
    pub(crate) identity: Identity,
    /// The keys of the channel between this person's own devices.
    pub(crate) own: OwnKeys,
    pub(crate) name: Name,
    pub(crate) created_at: UnixTime,
}

/// The state of one person's client, in memory: the sum of its machines. A
/// machine owns one piece of state; the flows tie them together.
pub struct Client {
    pub(crate) account: Account,
    pub(crate) settings: Settings,
    pub(crate) mailboxes: Mailboxes,
    pub(crate) contacts: Contacts,
    pub(crate) checks: Checks,
    pub(crate) invitations: Invitations,
    pub(crate) messages: Messages,
    pub(crate) inbox: Inbox,
    pub(crate) outbox: Outbox,
    pub(crate) devices: Devices,
    pub(crate) emergencies: Emergencies,
    pub(crate) journal: Journal,
    pub(crate) shredding: Shredding,
    pub(crate) light: Light,
    pub(crate) forks: Forks,
}

impl Client {
    /// This person's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.account.name.as_str()
    }

    /// This person's public identity.
    #[must_use]
    pub fn public(&self) -> &PublicIdentity {
        self.account.identity.public()
    }

    /// This device and its state.
    #[must_use]
    pub fn device(&self) -> DeviceView {
        self.devices.view()
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// All contacts, oldest first.
    #[must_use]
    pub fn contacts(&self) -> Vec<ContactView> {
        self.contacts.views()
    }

    /// All known emergency accesses, oldest first.
    #[must_use]
    pub fn emergencies(&self) -> Vec<EmergencyView> {
        self.emergencies.views()
    }

    /// The relay's parameters.
    ///
    /// # Errors
    ///
    /// `RelayUnknown` before the first `/v1/info`.
    pub fn relay_info(&self) -> Result<&RelaySettings, ClientError> {
        self.mailboxes.info()
    }

    /// Up to `limit` messages with a contact before the message `before`
    /// (or the newest), oldest first.
    ///
    /// # Errors
    ///
    /// `ContactUnknown`.
    pub fn messages(
        &self,
        contact: ContactId,
        before: Option<u32>,
        limit: usize,
    ) -> Result<Vec<MessageView>, ClientError> {
        self.contacts.find(contact)?;
        let end = before.unwrap_or(u32::MAX);
        let newest_first = self.messages.with(contact).rev();
        let mut views: Vec<_> = newest_first
            .filter(|(message, _)| message.ordinal < end)
            .take(limit)
            .map(|(message, held)| MessageView::new(message, held))
            .collect();
        views.reverse();
        Ok(views)
    }

    /// The store keys of a message's body, in pieces.
    ///
    /// # Errors
    ///
    /// `MessageUnknown`; `ContactPending` for a message that is held.
    pub fn body_keys(&self, message: MessageRef) -> Result<Vec<StoreKey>, ClientError> {
        self.messages.body_keys(message)
    }

    /// The number of cells that wait for the relay, including unsealed ones.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.outbox.len()
    }

    /// The cost of reading batches so far.
    #[must_use]
    pub fn work(&self) -> Work {
        self.inbox.work()
    }

    /// The end of the audit log.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Ends a call: encodes touched records, seals the log, and returns all changes
    /// for the caller to commit.
    pub(crate) fn commit<T>(&mut self, tx: Transaction, value: T) -> Effects<T> {
        let now = tx.now;
        let Parts {
            mut changes,
            touched,
            events,
            log,
        } = tx.into_parts();
        let began = self.log_began();
        self.journal.append(log, || began, now, &mut changes);
        for key in touched {
            changes.insert(key, self.encode(key));
        }
        let changes = changes.into_iter();
        let changes: Vec<Change> = changes
            .map(|(key, bytes)| (key.to_string(), bytes))
            .collect();
        Effects {
            changes,
            events,
            value,
        }
    }

    /// Encodes the record of touched state; `None` if it was removed.
    pub(crate) fn encode(&self, key: StoreKey) -> Option<Zeroizing<Vec<u8>>> {
        match key {
            StoreKey::Account => Some(stored::encode(&SelfRecord {
                secret: *self.account.identity.secret().expose(),
                name: self.account.name.as_str().to_owned(),
                device: self.devices.index(),
                created_at: self.account.created_at.0,
            })),
            StoreKey::Devices => Some(stored::encode(&self.devices.to_record())),
            StoreKey::Mailboxes => Some(stored::encode(&self.mailboxes.to_record())),
            StoreKey::Shape => {
                let record = self.mailboxes.shape_record();
                record.map(|record| stored::encode(&record))
            }
            StoreKey::Settings => Some(stored::encode(&self.settings.to_record())),
            StoreKey::Filing => {
                let record = self.messages.filing_record();
                record.map(|record| stored::encode(&record))
            }
            StoreKey::Light => {
                let record = self.light.to_record();
                record.map(|record| stored::encode(&record))
            }
            StoreKey::Forks => {
                let record = self.forks.to_record();
                record.map(|record| stored::encode(&record))
            }
            StoreKey::Overdue => self
                .shredding
                .to_record()
                .map(|record| stored::encode(&record)),
            StoreKey::Journal => Some(stored::encode(&self.journal.to_record())),
            StoreKey::Contact(id) => {
                let contact = self.contacts.get(id)?;
                Some(stored::encode(&contact.to_record()))
            }
            StoreKey::Invitation(id) => {
                let open = self.invitations.get(id)?;
                Some(stored::encode(&open.to_record()))
            }
            StoreKey::Receipts(id) => {
                let record = self.inbox.receipts.to_record(id);
                record.map(|record| stored::encode(&record))
            }
            StoreKey::Messages(page) => {
                let record = self.messages.to_record(page);
                record.map(|record| stored::encode(&record))
            }
            StoreKey::Opened(page) => {
                let record = self.inbox.replays.to_record(page);
                record.map(|record| stored::encode(&record))
            }
            _ => None,
        }
    }

    /// The first entry of the log.
    pub(crate) fn log_began(&self) -> AuditEvent {
        AuditEvent::Began {
            owner: self.public().fingerprint(),
            device: self.devices.index(),
        }
    }

    /// Writes to the audit log, with the fingerprint of the contact that the
    /// event concerns.
    pub(crate) fn log(&self, event: AuditEvent, tx: &mut Transaction) {
        let peer = event.contact().and_then(|id| self.contacts.fingerprint(id));
        tx.log(event, peer);
    }

    /// Writes an event of a message to the audit log.
    pub(crate) fn log_message(
        &self,
        event: MessageEvent,
        message: MessageRef,
        session: &[u8],
        content: Option<&Content>,
        tx: &mut Transaction,
    ) {
        let event = AuditEvent::Message {
            event,
            message,
            session: session.to_vec(),
            digest: content.map(kdf::sha256_of),
        };
        self.log(event, tx);
    }

    /// Reports and logs a refusal.
    pub(crate) fn refuse(&self, code: ErrorCode, contact: Option<ContactId>, tx: &mut Transaction) {
        let peer = contact.and_then(|id| self.contacts.fingerprint(id));
        tx.refuse(code, contact, peer);
    }

    /// Logs and reports that something is missing, or has arrived late.
    pub(crate) fn report_gap(&self, gap: Gap, tx: &mut Transaction) {
        let peer = match gap {
            Gap::Sequence { contact_id, .. } => self.contacts.fingerprint(contact_id),
            Gap::Batches { .. } | Gap::Origin { .. } => None,
        };
        tx.gap(gap, peer);
    }

    /// Starts to watch the tags of a contact whose channel is new.
    pub(crate) fn watch_contact(&mut self, id: ContactId) {
        let grace = self.settings.grace();
        if let Some(contact) = self.contacts.get(id) {
            self.inbox.tags.watch_contact(contact, grace);
        }
    }

    /// Prepares the index of tags for a batch with this closing time.
    pub(crate) fn prepare_tags(&mut self, closed_at: UnixTime) {
        let sources = TagSources {
            contacts: &self.contacts,
            invitations: &self.invitations,
            own: &self.account.own,
            grace: self.settings.grace(),
            superseded: self.devices.is_superseded(),
        };
        self.inbox.tags.prepare(closed_at, &sources);
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client(…)")
    }
}
