//! Creation of a client, loading from a store, and the records of its state.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{
    base::UnixTime,
    client::{
        Change, Client, ClientError, Settings, StoreKey,
        account::Account,
        contacts::{Contact, Contacts},
        devices::Devices,
        emergencies::Emergencies,
        forks::Forks,
        inbox::Inbox,
        invitations::{Invitations, OpenInvitation},
        journal::Journal,
        light::Light,
        mailboxes::Mailboxes,
        members::Members,
        messages::Messages,
        outbox::{Outbox, QueuedCell},
        transaction::Transaction,
    },
    enrolment::Name,
    identity::Identity,
    vault::{
        VaultError,
        stored::{self, LargeRecord, SelfRecord},
    },
};

impl Client {
    /// Creates a client with a new identity at a relay.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for a name that the protocol refuses.
    pub fn create(
        name: &str,
        relay_url: &str,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<(Self, Vec<Change>), ClientError> {
        let name = Name::new(name).map_err(|error| ClientError::Text("name", error))?;
        let account = Account::new(Identity::generate(rng), name, now);
        let mut client = Self::empty(account, Mailboxes::new(relay_url));

        let mut tx = Transaction::new(now);
        tx.touch(StoreKey::Account);
        tx.touch(StoreKey::Mailboxes);
        tx.touch(StoreKey::Journal);
        let began = client.log_began();
        client.log(began, &mut tx);
        let changes = client.commit(tx, ()).changes;
        Ok((client, changes))
    }

    /// Loads a client from its opened records, without bodies.
    ///
    /// # Errors
    ///
    /// `Vault(Damaged)` for a missing or malformed record.
    pub fn load(records: &[(String, Zeroizing<Vec<u8>>)]) -> Result<Self, ClientError> {
        let find = |key: StoreKey| {
            let key = key.to_string();
            let mut records = records.iter();
            let found = records.find(|(known, _)| *known == key);
            let bytes = found.map(|(_, bytes)| bytes.as_slice());
            bytes.ok_or(VaultError::Damaged)
        };
        let account: SelfRecord = stored::decode(find(StoreKey::Account)?)?;
        let device = account.device;
        let mailboxes = Mailboxes::from_record(stored::decode(find(StoreKey::Mailboxes)?)?)?;
        let mut client = Self::empty(Account::from_record(account)?, mailboxes);
        client.devices.set_index(device);
        for (key, bytes) in records {
            let key = StoreKey::parse(key).ok_or(VaultError::Damaged)?;
            client.load_record(key, bytes)?;
        }
        client.outbox.fit(&client.mailboxes);
        let former_below = client.devices.send_policy().former_below;
        client.outbox.start_at(former_below);
        Ok(client)
    }

    /// Takes over the state that is not stored from the client that this one
    /// replaces: used ordinals stay used, so that a late answer cannot refer to
    /// another cell, and the relay's clock is as far ahead as before.
    pub fn continue_from(&mut self, before: &Self) {
        self.outbox.start_at(before.outbox.next_ordinal());
        self.mailboxes
            .set_clock_ahead(before.mailboxes.clock_ahead());
    }

    fn empty(account: Account, mailboxes: Mailboxes) -> Self {
        Self {
            journal: Journal::new(&account.identity),
            account,
            settings: Settings::default(),
            mailboxes,
            contacts: Contacts::default(),
            invitations: Invitations::default(),
            messages: Messages::default(),
            inbox: Inbox::default(),
            outbox: Outbox::default(),
            devices: Devices::alone(),
            emergencies: Emergencies::default(),
            light: Light::default(),
            forks: Forks::default(),
            members: Members::default(),
        }
    }

    fn load_record(&mut self, key: StoreKey, bytes: &[u8]) -> Result<(), VaultError> {
        match key {
            // Read already.
            StoreKey::Account | StoreKey::Mailboxes => {}
            StoreKey::Devices => {
                let index = self.devices.index();
                self.devices = Devices::from_record(index, stored::decode(bytes)?);
            }
            StoreKey::Slot => self.outbox.restore_slot(stored::decode(bytes)?)?,
            StoreKey::Shape => self.mailboxes.restore_shape(&stored::decode(bytes)?)?,
            StoreKey::Settings => {
                self.settings = stored::decode::<Settings>(bytes)?.restored()?;
            }
            StoreKey::Light => self.light.restore(&stored::decode(bytes)?)?,
            StoreKey::Forks => self.forks.restore(stored::decode(bytes)?)?,
            StoreKey::Members => self.members.restore(stored::decode(bytes)?),
            StoreKey::Filing => self.messages.restore_filing(&stored::decode(bytes)?),
            StoreKey::Overdue => {
                self.contacts.shredding.restore(&stored::decode(bytes)?);
            }
            StoreKey::Journal => self.journal.restore(&stored::decode(bytes)?)?,
            StoreKey::Contact(id) => {
                let contact = Contact::from_record(id, stored::decode(bytes)?)?;
                self.contacts.restore(contact);
            }
            StoreKey::Checked(id) => self.contacts.checks.restore(id, stored::decode(bytes)?),
            StoreKey::Invitation(id) => {
                let open = OpenInvitation::from_record(stored::decode(bytes)?);
                self.invitations.restore(id, open);
            }
            StoreKey::Queued(ordinal) => {
                let own = self.public().fingerprint();
                let queued = QueuedCell::from_record(stored::decode(bytes)?, &own);
                self.outbox.restore(ordinal, queued);
            }
            StoreKey::Large(message) => {
                let record: LargeRecord = stored::decode(bytes)?;
                if record.next >= record.count || record.chunk_len == 0 {
                    return Err(VaultError::Damaged);
                }
                self.outbox.restore_large(message, record);
            }
            StoreKey::Receipts(id) => {
                self.inbox.receipts.restore(id, &stored::decode(bytes)?)?;
            }
            StoreKey::Opened(page) => self.inbox.replays.restore(page, stored::decode(bytes)?),
            StoreKey::Fragment {
                owner,
                message,
                index,
            } => {
                let fragments = &mut self.inbox.reassembly;
                fragments.restore((owner, message), index, stored::decode(bytes)?)?;
            }
            StoreKey::Emergency(id) => self.emergencies.restore(id, stored::decode(bytes)?),
            StoreKey::Messages(page) => {
                self.messages.restore_page(page, stored::decode(bytes)?)?;
            }
            // These are read when they are asked for.
            StoreKey::Body(_)
            | StoreKey::Piece(..)
            | StoreKey::Evidence(_)
            | StoreKey::Draft(_)
            | StoreKey::DraftFiles(_)
            | StoreKey::DraftSession(_)
            | StoreKey::LogEntry(_) => return Err(VaultError::Damaged),
        }
        Ok(())
    }

    /// Every record that [`Client::load`](Client::load) would read this state
    /// from. After each commit it is what the store holds below `s/` and `m/`;
    /// the tests compare the two.
    #[must_use]
    pub fn records(&self) -> Vec<(String, Zeroizing<Vec<u8>>)> {
        let state = [
            StoreKey::Account,
            StoreKey::Devices,
            StoreKey::Mailboxes,
            StoreKey::Shape,
            StoreKey::Slot,
            StoreKey::Light,
            StoreKey::Forks,
            StoreKey::Members,
            StoreKey::Settings,
            StoreKey::Filing,
            StoreKey::Overdue,
            StoreKey::Journal,
        ];
        let contacts = self.contacts.iter().map(|c| StoreKey::Contact(c.id));
        let invitations = self.invitations.iter();
        let invitations = invitations.map(|(id, _)| StoreKey::Invitation(id));
        let receipts = self.inbox.receipts.contacts().map(StoreKey::Receipts);
        let touched = state.into_iter().chain(contacts).chain(invitations);
        let messages = self.messages.pages().into_iter().map(StoreKey::Messages);
        let opened = self.inbox.replays.pages().map(StoreKey::Opened);
        let touched = touched.chain(receipts).chain(messages).chain(opened);
        let touched = touched.filter_map(|key| Some((key, self.encode(key)?)));
        let emergencies = self.emergencies.iter();
        let emergencies =
            emergencies.map(|(id, record)| (StoreKey::Emergency(*id), stored::encode(record)));
        let queued = self.outbox.iter();
        let queued = queued.map(|(ordinal, queued)| (ordinal, queued.to_record()));
        let queued =
            queued.map(|(ordinal, record)| (StoreKey::Queued(ordinal), stored::encode(&record)));
        let large = self.outbox.large();
        let large =
            large.map(|(message, record)| (StoreKey::Large(message), stored::encode(record)));
        let checks = self.contacts.checks.iter();
        let checks = checks.map(|(id, record)| (StoreKey::Checked(*id), stored::encode(record)));
        let fragments = self.inbox.reassembly.records();
        let fragments = fragments.map(|(key, record)| (key, stored::encode(&record)));
        touched
            .chain(emergencies)
            .chain(checks)
            .chain(queued)
            .chain(large)
            .chain(fragments)
            .map(|(key, bytes)| (key.to_string(), bytes))
            .collect()
    }
}
