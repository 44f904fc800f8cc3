//! A client from nothing, and a client from its store.

use std::collections::HashMap;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::client::{
    Change, Client, ClientError, ContactId, Effects, Entry, InvitationId, client::Pending,
    contacts::Contact, devices::Devices, inbox::Unfinished, inbox::Watch,
    invitations::OpenInvitation, journal::Journal, mailboxes::RelayState, view::message_key,
};
use crate::{
    base::{Secret, SortedMap, UnixTime},
    enrolment::Name,
    envelope::OwnKeys,
    identity::Identity,
    vault::{
        VaultError,
        stored::{self, FragmentRecord, LargeRecord, OpenedRecord, QueuedRecord, SelfRecord},
    },
    wire::hex,
};

pub(crate) const SELF_KEY: &str = "s/self";
pub(crate) const RECOVERY_KEY: &str = "s/recovery";
pub(crate) const RELAY_KEY: &str = "s/relay";
pub(crate) const SETTINGS_KEY: &str = "s/settings";
pub(crate) const AUDIT_KEY: &str = "s/audit";

pub(crate) fn contact_key(id: ContactId) -> String {
    format!("s/c/{id}")
}

pub(crate) fn invitation_key(id: InvitationId) -> String {
    format!("s/i/{id}")
}

pub(crate) fn opened_key(digest: &[u8; 16]) -> String {
    format!("s/o/{}", hex::encode(digest))
}

pub(crate) fn fragment_key(owner: &[u8; 8], message: &[u8; 16], index: u32) -> String {
    format!(
        "s/f/{}/{}/{}",
        hex::encode(owner),
        hex::encode(message),
        hex::encode(&index.to_be_bytes())
    )
}

impl Client {
    /// A fresh identity at a relay.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for a name the protocol refuses.
    pub fn create(
        name: &str,
        relay_url: &str,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<(Self, Vec<Change>), ClientError> {
        let name = Name::new(name).map_err(|_| ClientError::InvalidArgument("name"))?;
        let relay = RelayState::new(relay_url);
        let mut client = Self::empty(Identity::generate(rng), name, relay);
        client.created_at = now;
        client.pending.relay = true;
        client.begin_log(now);
        let mut changes = client.finish(()).changes;
        let [own, _] = client.own_changes();
        changes.push(own);
        Ok((client, changes))
    }

    /// The client whose opened records these are; bodies are left out.
    ///
    /// # Errors
    ///
    /// `Vault(Damaged)` for a missing or malformed record.
    pub fn load(records: &[(String, Zeroizing<Vec<u8>>)]) -> Result<Self, ClientError> {
        let find = |key: &str| {
            records
                .iter()
                .find(|(k, _)| k == key)
                .map(|(_, bytes)| bytes.as_slice())
        };
        let mut own: SelfRecord = stored::decode(find(SELF_KEY).ok_or(VaultError::Damaged)?)?;
        let identity =
            Identity::from_secret(Secret::take(&mut own.secret)).ok_or(VaultError::Damaged)?;
        let name = Name::from_stored(&own.name).ok_or(VaultError::Damaged)?;
        let relay =
            RelayState::from_record(stored::decode(find(RELAY_KEY).ok_or(VaultError::Damaged)?)?)?;
        let mut client = Self::empty(identity, name, relay);
        client.device = own.device;
        client.created_at = UnixTime(own.created_at);
        for (key, bytes) in records {
            client.load_record(key, bytes)?;
        }
        let queued = client.outbox.last_key_value().map(|(last, _)| last + 1);
        let large = client.large.values();
        let large = large.map(|record| record.ordinal + u64::from(record.count));
        let first = client.first_ordinal();
        client.next_ordinal = large.chain(queued).fold(first, u64::max);
        Ok(client)
    }

    fn empty(identity: Identity, name: Name, relay: RelayState) -> Self {
        Self {
            journal: Journal::new(&identity),
            own: OwnKeys::new(&identity),
            identity,
            name,
            created_at: UnixTime(0),
            device: 0,
            devices: Devices::alone(),
            relay,
            settings: crate::client::Settings::default(),
            contacts: SortedMap::new(),
            invitations: SortedMap::new(),
            outbox: SortedMap::new(),
            next_ordinal: 0,
            large: SortedMap::new(),
            messages: SortedMap::new(),
            opened: HashMap::new(),
            accepted: HashMap::new(),
            unfinished: SortedMap::new(),
            emergencies: SortedMap::new(),
            watch: Watch::default(),
            pending: Pending::default(),
        }
    }

    fn load_record(&mut self, key: &str, bytes: &[u8]) -> Result<(), ClientError> {
        let parts: Vec<&str> = key.split('/').collect();
        match parts.as_slice() {
            ["s", "c", id] => {
                let id = ContactId::parse(id).ok_or(VaultError::Damaged)?;
                self.contacts
                    .insert(id, Contact::from_record(id, stored::decode(bytes)?)?);
            }
            ["s", "i", id] => {
                let id = InvitationId::parse(id).ok_or(VaultError::Damaged)?;
                self.invitations
                    .insert(id, OpenInvitation::from_record(stored::decode(bytes)?)?);
            }
            ["s", "q", ordinal] => {
                let ordinal = u64::from_be_bytes(unhex(ordinal)?);
                self.outbox
                    .insert(ordinal, stored::decode::<QueuedRecord>(bytes)?);
            }
            ["s", "settings"] => {
                self.settings = crate::client::Settings::from_record(&stored::decode(bytes)?)?
            }
            ["s", "l", contact, ordinal] => {
                let contact = ContactId::parse(contact).ok_or(VaultError::Damaged)?;
                let ordinal = u32::from_be_bytes(unhex(ordinal)?);
                let record: LargeRecord = stored::decode(bytes)?;
                if record.next >= record.count || record.chunk_len == 0 {
                    return Err(VaultError::Damaged.into());
                }
                self.large.insert((contact, ordinal), record);
            }
            ["s", "o", digest] => {
                let record: OpenedRecord = stored::decode(bytes)?;
                if let (Some(contact), Some(session)) = (record.contact, &record.session) {
                    self.accepted
                        .insert((ContactId(contact), session.clone()), record.seq);
                }
                self.opened.insert(unhex(digest)?, record);
            }
            ["s", "f", owner, message, index] => {
                let index = u32::from_be_bytes(unhex(index)?);
                let record: FragmentRecord = stored::decode(bytes)?;
                let key = (unhex(owner)?, unhex(message)?);
                let unfinished = self.unfinished.remove(&key);
                self.unfinished
                    .insert(key, Unfinished::restore(unfinished, key.1, index, record)?);
            }
            ["m", contact, ordinal] => {
                let contact = ContactId::parse(contact).ok_or(VaultError::Damaged)?;
                let ordinal = u32::from_be_bytes(unhex(ordinal)?);
                self.messages
                    .insert((contact, ordinal), stored::decode(bytes)?);
            }
            _ if key == AUDIT_KEY => self.journal.resume(&stored::decode(bytes)?)?,
            ["s", "e", id] => {
                self.emergencies.insert(unhex(id)?, stored::decode(bytes)?);
            }
            _ if key == RECOVERY_KEY => {
                self.devices = Devices::from_record(stored::decode(bytes)?);
            }
            _ if key == SELF_KEY || key == RELAY_KEY => {}
            _ => return Err(VaultError::Damaged.into()),
        }
        Ok(())
    }

    /// Removes a contact with everything kept of it.
    ///
    /// # Errors
    ///
    /// `ContactUnknown`.
    pub fn remove_contact(&mut self, id: ContactId, now: UnixTime) -> Result<Effects, ClientError> {
        self.contact_mut(id)?;
        self.log(Entry::Removed { contact: id }, now);
        self.contacts.remove(&id);
        self.forget_device(id);
        self.drop_queued(|queued| queued.contact == Some(id.0));
        let gone: Vec<(u32, u32)> = self
            .messages
            .range((id, 0)..=(id, u32::MAX))
            .map(|(key, record)| (key.1, record.size))
            .collect();
        for (ordinal, size) in gone {
            self.messages.remove(&(id, ordinal));
            self.forget_large((id, ordinal));
            let keys = crate::client::body_keys(id, ordinal, size as usize);
            let keys = keys.into_iter().chain([message_key(id, ordinal)]);
            for key in keys {
                self.pending.changes.insert(key, None);
            }
        }
        self.drop_draft(id);
        let invitations: Vec<InvitationId> = self
            .invitations
            .iter()
            .filter(|(_, open)| open.contact == Some(id))
            .map(|(invitation, _)| *invitation)
            .collect();
        for invitation in invitations {
            self.invitations.remove(&invitation);
            self.pending.invitations.insert(invitation);
        }
        let unfinished: Vec<_> = self
            .unfinished
            .keys()
            .filter(|(owner, _)| *owner == id.0)
            .copied()
            .collect();
        for key in unfinished {
            self.forget_unfinished(key);
        }
        self.watch.reset();
        Ok(self.finish(()))
    }
}

fn unhex<const N: usize>(text: &str) -> Result<[u8; N], VaultError> {
    hex::decode(text).ok_or(VaultError::Damaged)
}
