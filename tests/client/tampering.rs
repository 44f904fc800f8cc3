//! The audit log as it lies in the store, and what was done to it.

use crate::stage::*;
use tessera::{
    audit::{self, AuditError, Head},
    client::{AuditEvent, StoreKey},
    vault::stored::{self, EntryRecord},
};

/// Walks what lies in the store; the first place that is not as written.
fn walk(a: &Person, store: &std::collections::BTreeMap<u64, Vec<u8>>) -> Result<(), AuditError> {
    let mut at = Head::GENESIS;
    while at.len() < a.client.journal().head().len() {
        let missing = AuditError::Broken { index: at.len() };
        let stored = store.get(&at.len()).ok_or(missing)?;
        at = a.client.journal().replay(at, stored)?.1;
    }
    assert_eq!(at, a.client.journal().head());
    Ok(())
}

#[test]
fn every_edit_of_the_stored_log_is_located() {
    let mut a = Person::new("A");
    for i in 0..6 {
        let entry = AuditEvent::SharesCreated {
            threshold: 2,
            shares: i + 2,
        };
        let effects = a.client.record([entry], NOW);
        a.commit(effects);
    }
    let signed = a.client.checkpoint(None, NOW, &mut rng()).unwrap();
    a.commit(signed);
    let store: std::collections::BTreeMap<u64, Vec<u8>> = (0..a.client.journal().head().len())
        .map(|i| (i, a.store[&StoreKey::LogEntry(i).to_string()].to_vec()))
        .collect();
    assert_eq!(walk(&a, &store), Ok(()));
    let broken = |index| Err(AuditError::Broken { index });
    for (i, bytes) in &store {
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut edited = store.clone();
                edited.get_mut(i).unwrap()[at] ^= 1 << bit;
                assert_eq!(walk(&a, &edited), broken(*i), "entry {i}, byte {at}");
            }
        }
        for cut in 0..bytes.len() {
            let mut edited = store.clone();
            edited.get_mut(i).unwrap().truncate(cut);
            assert_eq!(walk(&a, &edited), broken(*i));
        }
        let mut dropped = store.clone();
        dropped.remove(i);
        assert_eq!(walk(&a, &dropped), broken(*i));
        // All after it moved up into its place.
        let closed: std::collections::BTreeMap<_, _> = dropped
            .iter()
            .map(|(j, bytes)| (if j > i { j - 1 } else { *j }, bytes.clone()))
            .collect();
        assert_eq!(walk(&a, &closed), broken(*i));
        for j in 0..*i {
            let mut swapped = store.clone();
            swapped.insert(*i, store[&j].clone());
            swapped.insert(j, bytes.clone());
            assert_eq!(walk(&a, &swapped), broken(j));
        }
    }
}

#[test]
fn a_key_holder_can_rewrite_the_log_but_not_a_signed_checkpoint() {
    let mut a = Person::new("A");
    let effects = a.client.record([AuditEvent::BackedUp], NOW);
    a.commit(effects);
    let secret = stored::decode::<stored::SelfRecord>(&a.store["s/self"]);
    let owner = tessera::base::Secret::take(&mut secret.unwrap().secret);
    let keys = audit::LogKeys::derive(&owner);
    let checkpoint = a.client.checkpoint(None, NOW, &mut rng()).unwrap();
    let kept = a.commit(checkpoint).text;
    // The same number of entries, the second one another.
    let mut at = Head::GENESIS;
    for (i, record) in a.log().iter().enumerate() {
        let text = if i == 1 {
            "{}".into()
        } else {
            record.to_string()
        };
        let (entry, next) = at.append(&keys, &text);
        let record = EntryRecord {
            before: *at.hash(),
            blob: entry.blob().to_vec(),
        };
        a.store.insert(
            StoreKey::LogEntry(i as u64).to_string(),
            stored::encode(&record),
        );
        at = next;
    }
    let head =
        |store: &Person| stored::decode::<stored::AuditRecord>(&store.store["s/audit"]).unwrap();
    let mut stands = head(&a);
    stands.head = *at.hash();
    a.store.insert("s/audit".into(), stored::encode(&stands));
    a.restart();
    let walked = |a: &Person| {
        let mut at = Head::GENESIS;
        while at != a.client.journal().head() {
            at = a
                .client
                .journal()
                .replay(at, &a.store[&StoreKey::LogEntry(at.len()).to_string()])?
                .1;
        }
        Ok::<_, AuditError>(at)
    };
    assert!(walked(&a).is_err(), "the checkpoint beside it still tells");
    stands.checkpoint = None;
    a.store.insert("s/audit".into(), stored::encode(&stands));
    a.restart();
    let at = walked(&a).unwrap();
    let kept = audit::kept_checkpoints(kept.as_bytes(), a.client.public().statement()).unwrap();
    assert_ne!(
        kept[0].head(),
        at.hash(),
        "the one kept elsewhere tells for ever"
    );
}
