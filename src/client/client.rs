//! The state of one person's client, and the end of a transaction.

use zeroize::Zeroizing;

use crate::{
    base::{Content, ErrorCode, UnixTime, secret::redacted},
    client::{
        AuditEvent, Change, ClientError, ContactId, ContactView, DeviceNotice, DeviceView, Effects,
        EmergencyView, Event, MessageEvent, MessageRef, MessageView, Settings, StoreKey,
        account::Account,
        contacts::{Contact, Contacts},
        devices::Devices,
        emergencies::Emergencies,
        forks::Forks,
        inbox::{Inbox, TagSources, Work},
        invitations::{Invitations, OpenInvitation},
        journal::Journal,
        light::Light,
        mailboxes::Mailboxes,
        members::Members,
        messages::Messages,
        outbox::Outbox,
        transaction::Transaction,
        view::Gap,
    },
    crypto::kdf,
    identity::PublicIdentity,
    vault::stored::{self, Record},
    wire::RelaySettings,
};

/// The state of one person's client, in memory: the sum of its machines. A
/// machine owns one piece of state; the flows tie them together.
pub struct Client {
    pub(crate) account: Account,
    pub(crate) settings: Settings,
    pub(crate) mailboxes: Mailboxes,
    pub(crate) contacts: Contacts,
    pub(crate) invitations: Invitations,
    pub(crate) messages: Messages,
    pub(crate) inbox: Inbox,
    pub(crate) outbox: Outbox,
    pub(crate) devices: Devices,
    pub(crate) emergencies: Emergencies,
    pub(crate) journal: Journal,
    pub(crate) light: Light,
    pub(crate) forks: Forks,
    pub(crate) members: Members,
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
    pub(crate) fn commit<T>(&mut self, tx: impl Into<Transaction>, value: T) -> Effects<T> {
        let mut tx: Transaction = tx.into();
        let began = self.log_began();
        self.journal
            .append(tx.log, || began, tx.now, &mut tx.changes);
        for key in tx.touched {
            tx.changes.insert(key, self.encode(key));
        }
        let changes = tx.changes.into_iter();
        let changes: Vec<Change> = changes
            .map(|(key, bytes)| (key.to_string(), bytes))
            .collect();
        Effects {
            changes,
            events: tx.events,
            value,
        }
    }

    /// Encodes the record of touched state; `None` if it was removed.
    pub(crate) fn encode(&self, key: StoreKey) -> Option<Zeroizing<Vec<u8>>> {
        match key {
            StoreKey::Account => encoded(Some(self.account.to_record(self.devices.index()))),
            StoreKey::Devices => encoded(Some(self.devices.to_record())),
            StoreKey::Mailboxes => encoded(Some(self.mailboxes.to_record())),
            StoreKey::Shape => encoded(self.mailboxes.shape_record()),
            StoreKey::Settings => encoded(Some(self.settings)),
            StoreKey::Filing => encoded(self.messages.filing_record()),
            StoreKey::Light => encoded(self.light.to_record()),
            StoreKey::Forks => encoded(self.forks.to_record()),
            StoreKey::Members => encoded(self.members.to_record()),
            StoreKey::Slot => encoded(self.outbox.slot_record()),
            StoreKey::Overdue => encoded(self.contacts.shredding.to_record()),
            StoreKey::Journal => encoded(Some(self.journal.to_record())),
            StoreKey::Contact(id) => encoded(self.contacts.get(id).map(Contact::to_record)),
            StoreKey::Invitation(id) => {
                encoded(self.invitations.get(id).map(OpenInvitation::to_record))
            }
            StoreKey::Receipts(id) => encoded(self.inbox.receipts.to_record(id)),
            StoreKey::Messages(page) => encoded(self.messages.to_record(page)),
            StoreKey::Opened(page) => encoded(self.inbox.replays.to_record(page)),
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

    /// Reports and logs that two devices of a person are in use.
    pub(crate) fn report_device(&self, notice: DeviceNotice, tx: &mut Transaction) {
        self.log(AuditEvent::Device(notice.clone()), tx);
        tx.emit(Event::Device(notice));
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

fn encoded<R: Record>(record: Option<R>) -> Option<Zeroizing<Vec<u8>>> {
    record.map(|record| stored::encode(&record))
}

redacted! { Client }
