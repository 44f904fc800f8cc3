//! The audit log. An event is committed together with the change that it records.
//! Protocol §11.
//!
//! ```text
//! tx.log(event) … tx.log(event) → commit: sealed in a chain → `a/<i>` each, `s/audit`
//! ```
//! Entries are in the store and are opened on demand; only the end of the log is in
//! memory.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{
    audit::{self, AuditError, Checkpoint, Head, LogKeys, checkpoint_line, owner_line},
    base::{Month, SortedMap, UnixTime, time::DAY_SECONDS},
    client::{
        StoreKey,
        audit_event::AuditEvent,
        transaction::Transaction,
        view::{CheckpointView, Event},
    },
    identity::{Fingerprint, Identity},
    vault::{
        VaultError,
        stored::{self, AuditRecord, CheckpointRecord, EntryRecord},
    },
};

/// Maximum age of the last checkpoint while entries follow it: one day.
const CHECKPOINT_SECONDS: u64 = DAY_SECONDS;

/// An event with the fingerprint of the contact that it concerns.
pub(crate) type Logged = (AuditEvent, Option<Fingerprint>);

/// The end of the audit log; its entries are in the store.
pub struct Journal {
    keys: LogKeys,
    head: Head,
    /// The last month whose beginning was logged.
    month: Month,
    checkpoint: Option<Checkpoint>,
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

    /// Restores the end of the log from the store.
    pub(crate) fn restore(&mut self, record: &AuditRecord) -> Result<(), VaultError> {
        let checkpoint = record.checkpoint.as_ref().map(|kept| {
            let time = UnixTime(kept.time);
            Checkpoint::from_parts(kept.index, kept.head, time, &kept.proof)
                .ok_or(VaultError::Damaged)
        });
        self.checkpoint = checkpoint.transpose()?;
        self.head = Head::from_stored(record.len, record.head);
        self.month = Month(record.month);
        Ok(())
    }

    pub(crate) fn to_record(&self) -> AuditRecord {
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

    /// Where the log ends.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }

    /// The last checkpoint that was signed here.
    #[must_use]
    pub fn last_checkpoint(&self) -> Option<&Checkpoint> {
        self.checkpoint.as_ref()
    }

    /// Returns `true` if entries follow the last checkpoint and it is a day old.
    #[must_use]
    pub fn checkpoint_due(&self, now: UnixTime) -> bool {
        match &self.checkpoint {
            None => !self.head.is_empty(),
            Some(last) => {
                self.head.len() > last.index().saturating_add(1)
                    && last.time().plus(CHECKPOINT_SECONDS) <= now
            }
        }
    }

    /// Logs that a month begins, once.
    pub(crate) fn begin_month(&mut self, tx: &mut Transaction) {
        let month = tx.now.month();
        if !self.head.is_empty() && month > self.month {
            self.month = month;
            tx.log(AuditEvent::Rotated { month }, None);
        }
    }

    /// Seals events into the chain. `began` is the first entry of every log.
    pub(crate) fn append(
        &mut self,
        events: Vec<Logged>,
        began: impl FnOnce() -> AuditEvent,
        now: UnixTime,
        changes: &mut SortedMap<StoreKey, Option<Zeroizing<Vec<u8>>>>,
    ) {
        if events.is_empty() {
            return;
        }
        if self.head.is_empty() {
            self.month = now.month();
            if !matches!(events.first(), Some((AuditEvent::Began { .. }, _))) {
                self.seal(&began().record(now, None), changes);
            }
        }
        for (event, peer) in events {
            self.seal(&event.record(now, peer), changes);
        }
        let bytes = stored::encode(&self.to_record());
        changes.insert(StoreKey::Journal, Some(bytes));
    }

    fn seal(
        &mut self,
        record: &str,
        changes: &mut SortedMap<StoreKey, Option<Zeroizing<Vec<u8>>>>,
    ) {
        let before = self.head;
        let (entry, head) = before.append(&self.keys, record);
        let stored = stored::encode(&EntryRecord {
            before: *before.hash(),
            blob: entry.blob().to_vec(),
        });
        changes.insert(StoreKey::LogEntry(before.len()), Some(stored));
        self.head = head;
    }

    /// Signs the log as it will stand once `event` is appended; `None` never
    /// in practice.
    pub(crate) fn sign(
        &self,
        event: &AuditEvent,
        began: &AuditEvent,
        identity: &Identity,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Option<Checkpoint> {
        let mut head = self.head;
        if head.is_empty() {
            head = head.append(&self.keys, &began.record(now, None)).1;
        }
        head = head.append(&self.keys, &event.record(now, None)).1;
        let mut random = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *random);
        Checkpoint::sign(identity.witness(), &head, now, &random)
    }

    /// Stores a checkpoint and reports it.
    pub(crate) fn set_checkpoint(
        &mut self,
        checkpoint: Checkpoint,
        identity: &Identity,
        tx: &mut Transaction,
    ) -> CheckpointView {
        let owner = owner_line(identity.public().statement());
        let view = CheckpointView {
            index: checkpoint.index(),
            time: checkpoint.time().0,
            text: owner + &checkpoint_line(&checkpoint),
        };
        self.checkpoint = Some(checkpoint);
        tx.touch(StoreKey::Journal);
        let checkpoint = view.clone();
        tx.emit(Event::Checkpoint { checkpoint });
        view
    }

    /// The head before a stored entry.
    ///
    /// # Errors
    ///
    /// [`AuditError::Broken`] for a malformed record.
    pub fn head_before(index: u64, stored: &[u8]) -> Result<Head, AuditError> {
        stored::decode::<EntryRecord>(stored)
            .map(|record| Head::from_stored(index, record.before))
            .map_err(|_| AuditError::Broken { index })
    }

    /// Opens the stored entry `at.len()` if it follows `at`, and returns the
    /// head after it. Doing this from [`Head::GENESIS`] to [`Journal::head`]
    /// verifies the whole log.
    ///
    /// # Errors
    ///
    /// [`AuditError::Broken`] for an entry that was not written here.
    pub fn replay(&self, at: Head, stored: &[u8]) -> Result<(audit::Entry, Head), AuditError> {
        let broken = AuditError::Broken { index: at.len() };
        let record: EntryRecord = stored::decode(stored).map_err(|_| broken)?;
        if record.before != *at.hash() {
            return Err(broken);
        }
        let (entry, next) = at.open(self.keys.sealing(), record.blob)?;
        let signed = self
            .checkpoint
            .as_ref()
            .filter(|checkpoint| checkpoint.index() == at.len());
        let differs = next.len() > self.head.len()
            || next.len() == self.head.len() && next != self.head
            || signed.is_some_and(|checkpoint| checkpoint.head() != next.hash());
        if differs {
            Err(broken)
        } else {
            Ok((entry, next))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime(1_795_300_000);

    fn journal() -> (Identity, Journal) {
        let identity = Identity::generate(&mut rand_core::UnwrapErr(getrandom::SysRng));
        let journal = Journal::new(&identity);
        (identity, journal)
    }

    fn began(identity: &Identity) -> AuditEvent {
        AuditEvent::Began {
            owner: identity.public().fingerprint(),
            device: 0,
        }
    }

    /// Appends one event; the stored entries.
    fn append(
        journal: &mut Journal,
        identity: &Identity,
        event: AuditEvent,
    ) -> Vec<Zeroizing<Vec<u8>>> {
        let mut changes = SortedMap::new();
        journal.append(vec![(event, None)], || began(identity), NOW, &mut changes);
        let entries = changes
            .into_iter()
            .filter(|(key, _)| matches!(key, StoreKey::LogEntry(_)));
        entries.map(|(_, bytes)| bytes.unwrap()).collect()
    }

    #[test]
    fn an_entry_that_was_not_written_here_is_refused() {
        let (identity, mut journal) = journal();
        let [first, second] = append(&mut journal, &identity, AuditEvent::BackedUp)
            .try_into()
            .unwrap();
        let (_, after_first) = journal.replay(Head::GENESIS, &first).unwrap();
        assert!(journal.replay(after_first, &second).is_ok());
        for (at, stored) in [
            (Head::GENESIS, second.as_slice()),
            (after_first, first.as_slice()),
            (after_first, &second[..second.len() - 1]),
            (after_first, b""),
        ] {
            assert!(journal.replay(at, stored).is_err());
        }
        let (_, other) = self::journal();
        assert!(other.replay(Head::GENESIS, &first).is_err(), "another key");
    }

    #[test]
    fn the_first_entry_says_that_the_log_begins() {
        let (identity, mut journal) = journal();
        assert_eq!(
            append(&mut journal, &identity, AuditEvent::BackedUp).len(),
            2
        );
        assert_eq!(
            append(&mut journal, &identity, AuditEvent::BackedUp).len(),
            1
        );
        let mut changes = SortedMap::new();
        journal.append(Vec::new(), || began(&identity), NOW, &mut changes);
        assert!(changes.is_empty(), "nothing happened");
    }

    #[test]
    fn a_checkpoint_signs_the_head_that_follows_its_own_entry() {
        let (identity, mut journal) = journal();
        assert!(!journal.checkpoint_due(NOW), "nothing to sign");
        let rng = &mut rand_core::UnwrapErr(getrandom::SysRng);
        let event = AuditEvent::Checkpoint;
        let signed = journal.sign(&event, &began(&identity), &identity, NOW, rng);
        let signed = signed.unwrap();
        append(&mut journal, &identity, event);
        assert_eq!(signed.head(), journal.head().hash());
        assert!(journal.checkpoint_due(NOW));
        journal.set_checkpoint(signed, &identity, &mut Transaction::new(NOW));
        let tomorrow = NOW.plus(CHECKPOINT_SECONDS);
        assert!(!journal.checkpoint_due(tomorrow), "no entry follows");
        append(&mut journal, &identity, AuditEvent::BackedUp);
        assert!(!journal.checkpoint_due(NOW));
        assert!(journal.checkpoint_due(tomorrow));
    }
}
