//! The audit log: a checkpoint of its last entry detects every edit.

use proptest::prelude::*;
use tessera::{
    audit::{AuditError, AuditKey, Checkpoint, Entry, Export, Head, LogKeys},
    base::UnixTime,
    identity::Identity,
};

use super::{altered, few, identity, secret};

#[derive(Debug)]
struct Log {
    owner: Identity,
    keys: LogKeys,
    entries: Vec<(Entry, [u8; 32])>,
    checkpoint: Checkpoint,
}

fn log() -> impl Strategy<Value = Log> {
    (identity(), prop::collection::vec("[a-z]{0,12}", 2..6)).prop_map(|(owner, events)| {
        let keys = LogKeys::derive(owner.secret());
        let mut head = Head::GENESIS;
        let mut entries = Vec::new();
        for event in events {
            let (entry, next) = head.append(&keys, &format!(r#"{{"event":"{event}"}}"#));
            entries.push((entry, *next.hash()));
            head = next;
        }
        let checkpoint =
            Checkpoint::sign(owner.witness(), &head, UnixTime(1_795_300_000), &[9; 32]).unwrap();
        Log {
            owner,
            keys,
            entries,
            checkpoint,
        }
    })
}

impl Log {
    /// Verifies entries as an auditor with the checkpoint does.
    fn verify(&self, entries: Vec<(Entry, [u8; 32])>) -> Result<(), AuditError> {
        let export = Export::new(*self.owner.public().statement(), entries, Vec::new());
        let export = Export::parse(&export.to_ndjson())?;
        export
            .replay()?
            .attest(core::slice::from_ref(&self.checkpoint))
            .map(drop)
    }

    /// The heads that an owner recomputes after an edit.
    fn rechained(entries: &[(Entry, [u8; 32])]) -> Vec<(Entry, [u8; 32])> {
        let mut head = Head::GENESIS;
        let chained = entries.iter().map(|(entry, _)| {
            head = head.advance(entry);
            (entry.clone(), *head.hash())
        });
        chained.collect()
    }

    fn finds(&self, entries: Vec<(Entry, [u8; 32])>, edit: &str) {
        assert!(
            self.verify(Self::rechained(&entries)).is_err(),
            "{edit}, with a recomputed chain"
        );
        assert!(self.verify(entries).is_err(), "{edit}");
    }
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn every_edit_is_detected(log in log(), other in log(), at: prop::sample::Index, place: prop::sample::Index, bit: u8) {
        assert_eq!(log.verify(log.entries.clone()), Ok(()));
        for i in 0..log.entries.len() {
            let mut dropped = log.entries.clone();
            dropped.remove(i);
            log.finds(dropped, "dropped");
            log.finds(log.entries[..i].to_vec(), "truncated");
            let mut inserted = log.entries.clone();
            inserted.insert(i, other.entries[0].clone());
            log.finds(inserted, "inserted");
            // Repeating the last entry only appends after the checkpoint.
            if i + 1 < log.entries.len() {
                let mut repeated = log.entries.clone();
                repeated.insert(i, log.entries[i].clone());
                log.finds(repeated, "repeated");
            }
            for j in 0..i {
                let mut swapped = log.entries.clone();
                swapped.swap(i, j);
                log.finds(swapped, "swapped");
            }
            let (entry, head) = &log.entries[i];
            for (plain, blob) in [
                (altered(&entry.plain(), at, bit), entry.blob().to_vec()),
                (entry.plain().to_vec(), altered(entry.blob(), place, bit)),
            ] {
                if let Ok(changed) = Entry::new(&plain, blob) {
                    let mut edited = log.entries.clone();
                    edited[i] = (changed, *head);
                    log.finds(edited, "edited");
                }
            }
            let mut claimed = log.entries.clone();
            claimed[i].1 = altered(head, at, bit).try_into().unwrap();
            assert_eq!(log.verify(claimed), Err(AuditError::Broken { index: i as u64 }));
        }
    }

    #[test]
    fn sealed_entries_open_only_for_the_owner(log in log(), other in secret(), at: prop::sample::Index, bit: u8) {
        let other = AuditKey::new(other);
        let mut head = Head::GENESIS;
        for (entry, claimed) in &log.entries {
            assert!(head.open(&other, entry.blob().to_vec()).is_err());
            assert!(head.open(log.keys.sealing(), altered(entry.blob(), at, bit)).is_err());
            let (opened, next) = head.open(log.keys.sealing(), entry.blob().to_vec()).unwrap();
            assert_eq!(&opened, entry);
            assert_eq!(next.hash(), claimed);
            head = next;
        }
    }

    #[test]
    fn checkpoints_bind_owner_entry_head_and_time(log in log(), other in identity(), at: prop::sample::Index, bit: u8) {
        let (owner, good) = (log.owner.public().statement(), &log.checkpoint);
        assert_eq!(good.verify(owner), Ok(()));
        assert_eq!(good.verify(other.public().statement()), Err(AuditError::Checkpoint));
        let head: [u8; 32] = altered(good.head(), at, bit).try_into().unwrap();
        let later = good.time().plus(1);
        for bad in [
            Checkpoint::from_parts(good.index() + 1, *good.head(), good.time(), good.proof()),
            Checkpoint::from_parts(good.index(), head, good.time(), good.proof()),
            Checkpoint::from_parts(good.index(), *good.head(), later, good.proof()),
            Checkpoint::from_parts(good.index(), *good.head(), good.time(), &altered(good.proof(), at, bit)),
        ] {
            assert!(bad.is_none_or(|bad| bad.verify(owner).is_err()));
        }
    }
}
