//! The audit log, written by the client: what happened is committed together
//! with what it changed. Protocol §11.
//!
//! ```text
//! log(entry) … log(entry) → finish: sealed in a chain → `a/<i>` each, `s/audit` → one commit
//! ```
//! Entries lie in the store and are opened when asked for; memory holds no
//! more than where the log stands.

mod entry;
mod json;

pub use entry::{Check, Did, Entry, Key};

use rand_core::CryptoRng;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::client::{Client, ClientError, ContactId, Effects, Event, Gap, Rejected, flows::load};
use crate::{
    audit::{self, AuditError, Checkpoint, Head, LogKeys, checkpoint_line, owner_line},
    base::{Content, ErrorCode, Month, UnixTime, time::DAY_SECONDS},
    crypto::kdf,
    identity::Identity,
    vault::{
        VaultError,
        stored::{self, AuditRecord, CheckpointRecord, EntryRecord},
    },
    wire::hex,
};

/// How old the last checkpoint may grow while entries follow it: one day.
const CHECKPOINT_SECONDS: u64 = DAY_SECONDS;

/// Where the log stands.
pub(crate) struct Journal {
    keys: LogKeys,
    head: Head,
    /// The last month that was told of.
    month: Month,
    checkpoint: Option<Checkpoint>,
}

/// A checkpoint as a page hands it on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckpointView {
    /// The last entry it covers.
    pub index: u64,
    /// Unix seconds.
    pub time: u64,
    /// The lines of an export that has no entries: to be kept elsewhere.
    pub text: String,
}

impl Journal {
    pub(crate) fn new(identity: &Identity) -> Self {
        Self {
            keys: LogKeys::derive(identity.secret()),
            head: Head::GENESIS,
            month: Month(0),
            checkpoint: None,
        }
    }

    /// Takes up the log where the store has it.
    pub(crate) fn resume(&mut self, record: &AuditRecord) -> Result<(), VaultError> {
        self.head = Head::from_stored(record.len, record.head);
        self.month = Month(record.month);
        let checkpoint = record.checkpoint.as_ref().map(|kept| {
            let time = UnixTime(kept.time);
            Checkpoint::from_parts(kept.index, kept.head, time, &kept.proof)
                .ok_or(VaultError::Damaged)
        });
        self.checkpoint = checkpoint.transpose()?;
        Ok(())
    }

    fn to_record(&self) -> AuditRecord {
        AuditRecord {
            len: self.head.len(),
            head: *self.head.hash(),
            month: self.month.0,
            checkpoint: self.checkpoint.as_ref().map(|checkpoint| CheckpointRecord {
                index: checkpoint.index(),
                head: *checkpoint.head(),
                time: checkpoint.time().0,
                proof: *checkpoint.proof(),
            }),
        }
    }
}

impl Client {
    /// Logs something that the host did: locked, unlocked, backed up …
    pub fn record(&mut self, entry: Entry, now: UnixTime) -> Effects {
        self.log(entry, now);
        self.finish(())
    }

    /// Signs the log as it stands, so that it can be held against its owner
    /// later. The text is to be kept where the owner cannot reach it.
    ///
    /// # Errors
    ///
    /// `Internal`, never in practice.
    pub fn checkpoint(
        &mut self,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Effects<CheckpointView>, ClientError> {
        self.sign_log(Entry::Checkpoint, now, rng)
    }

    /// Logs that the log is exported, and signs it with that entry: an
    /// export ends with this checkpoint.
    ///
    /// # Errors
    ///
    /// `Internal`, never in practice.
    pub fn export_log(
        &mut self,
        format: &'static str,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Effects<CheckpointView>, ClientError> {
        self.sign_log(Entry::Exported { format }, now, rng)
    }

    /// Whether entries follow the last checkpoint and it is a day old.
    #[must_use]
    pub fn checkpoint_due(&self, now: UnixTime) -> bool {
        match &self.journal.checkpoint {
            None => !self.journal.head.is_empty(),
            Some(last) => {
                self.journal.head.len() > last.index().saturating_add(1)
                    && last.time().plus(CHECKPOINT_SECONDS) <= now
            }
        }
    }

    /// Where the log stands.
    #[must_use]
    pub fn log_head(&self) -> Head {
        self.journal.head
    }

    /// The last checkpoint that was signed here.
    #[must_use]
    pub fn last_checkpoint(&self) -> Option<&Checkpoint> {
        self.journal.checkpoint.as_ref()
    }

    /// Opens the entry `at.len()` of the log from what lies in the store, if
    /// it follows `at`; with the head after it. Walked from [`Head::GENESIS`]
    /// to as many entries as [`Client::log_head`] has, the log is as it was
    /// written here.
    ///
    /// # Errors
    ///
    /// [`AuditError::Broken`] for an entry that is not the one written.
    pub fn replay_entry(
        &self,
        at: Head,
        stored: &[u8],
    ) -> Result<(audit::Entry, Head), AuditError> {
        let broken = AuditError::Broken { index: at.len() };
        let record: EntryRecord = stored::decode(stored).map_err(|_| broken)?;
        if record.before != *at.hash() {
            return Err(broken);
        }
        let (entry, next) = at.open(self.journal.keys.sealing(), record.blob)?;
        let Journal {
            head, checkpoint, ..
        } = &self.journal;
        let signed = checkpoint
            .as_ref()
            .filter(|checkpoint| checkpoint.index() == at.len());
        let differs = next.len() > head.len()
            || next.len() == head.len() && next != *head
            || signed.is_some_and(|checkpoint| checkpoint.head() != next.hash());
        if differs {
            Err(broken)
        } else {
            Ok((entry, next))
        }
    }

    /// Where the log stood before an entry, by what lies in the store.
    ///
    /// # Errors
    ///
    /// [`AuditError::Broken`] for a record of another form.
    pub fn log_before(index: u64, stored: &[u8]) -> Result<Head, AuditError> {
        stored::decode::<EntryRecord>(stored)
            .map(|record| Head::from_stored(index, record.before))
            .map_err(|_| AuditError::Broken { index })
    }

    /// The first entry says that the log begins, and whose it is.
    pub(crate) fn begin_log(&mut self, now: UnixTime) {
        if !self.journal.head.is_empty() || !self.pending.records.is_empty() {
            return;
        }
        self.journal.month = now.month();
        let began = Entry::Began {
            owner: self.identity.public().fingerprint(),
            device: self.device,
        };
        self.pending.records.push(began.record(now, None));
    }

    /// Something happened: it is written with the changes of this call.
    pub(crate) fn log(&mut self, entry: Entry, now: UnixTime) {
        self.begin_log(now);
        let contact = entry.contact().and_then(|id| self.contacts.get(&id));
        let peer = contact.and_then(|contact| contact.peer);
        let record = entry.record(now, peer.map(|peer| peer.fingerprint()));
        self.pending.records.push(record);
    }

    /// Something happened to a message.
    pub(crate) fn log_message(
        &mut self,
        did: Did,
        (contact, ordinal): (ContactId, u32),
        session: &[u8],
        content: Option<&Content>,
        now: UnixTime,
    ) {
        let entry = Entry::Message {
            did,
            contact,
            ordinal,
            session: session.to_vec(),
            digest: content.map(kdf::sha256_of),
        };
        self.log(entry, now);
    }

    /// Something is refused: told, and written.
    pub(crate) fn refuse(&mut self, code: ErrorCode, contact: Option<ContactId>, now: UnixTime) {
        self.log(Entry::Rejected { code, contact }, now);
        self.tell(Event::Rejected(Rejected::new(code, contact)));
    }

    /// Something is missing, or has come after all: told, and written.
    pub(crate) fn tell_gap(&mut self, gap: Gap, now: UnixTime) {
        self.log(Entry::Gap(gap.clone()), now);
        self.tell(Event::Gap(gap));
    }

    /// A month begins: its keys are in use from here on.
    pub(crate) fn log_month(&mut self, now: UnixTime) {
        let month = now.month();
        if !self.journal.head.is_empty() && month > self.journal.month {
            self.journal.month = month;
            self.log(Entry::Rotated { month }, now);
        }
    }

    /// Seals what was logged into the chain, for the commit under way.
    pub(crate) fn seal_records(&mut self) {
        let records = core::mem::take(&mut self.pending.records);
        if records.is_empty() {
            return;
        }
        for record in records {
            let before = self.journal.head;
            let (entry, head) = before.append(&self.journal.keys, &record);
            let stored = stored::encode(&EntryRecord {
                before: *before.hash(),
                blob: entry.blob().to_vec(),
            });
            self.pending
                .changes
                .insert(log_key(before.len()), Some(stored));
            self.journal.head = head;
        }
        self.store_journal();
    }

    fn sign_log(
        &mut self,
        entry: Entry,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Effects<CheckpointView>, ClientError> {
        self.log(entry, now);
        self.seal_records();
        let mut random = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *random);
        let (owner, head) = (self.identity.witness(), &self.journal.head);
        let checkpoint =
            Checkpoint::sign(owner, head, now, &random).ok_or(ClientError::Internal)?;
        let owner = owner_line(self.identity.public().statement());
        let view = CheckpointView {
            index: checkpoint.index(),
            time: checkpoint.time().0,
            text: owner + &checkpoint_line(&checkpoint),
        };
        self.journal.checkpoint = Some(checkpoint);
        self.store_journal();
        self.tell(Event::Checkpoint {
            checkpoint: view.clone(),
        });
        Ok(self.finish(view))
    }

    fn store_journal(&mut self) {
        let bytes = stored::encode(&self.journal.to_record());
        self.pending
            .changes
            .insert(load::AUDIT_KEY.into(), Some(bytes));
    }
}

/// Where an entry of the log is stored.
#[must_use]
pub fn log_key(index: u64) -> String {
    format!("a/{}", hex::encode(&index.to_be_bytes()))
}
