//! Evidence of what arrived: it outlives the keys it was taken with, and goes
//! with its message.

use tessera::{
    client::{ClientError, MessageRef, StoreKey},
    crypto::cbor::Deterministic as _,
    enrolment::Kind,
    envelope::{CheckedBy, Evidence},
};

use crate::stage::*;

const DAY: u64 = 86_400;

fn evidence(person: &Person, message: MessageRef) -> Result<Evidence, ClientError> {
    let key = person.client.evidence_key(message)?;
    let stored = person.store[&key.to_string()].clone();
    let bytes = person.client.evidence(message, &stored)?;
    Ok(Evidence::decode(&bytes).unwrap())
}

#[test]
fn evidence_outlives_its_month_and_is_deleted_with_its_message() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("A"), Person::new("B"));
    let (b_at_a, a_at_b) = enrol(&mut relay, &mut a, &mut b, Kind::Link);
    let now = relay.now();
    let sent = a.send(b_at_a, "stop warfarin", now).unwrap();
    a.send(b_at_a, "never mind", now).unwrap();
    a.post(&mut relay);
    relay.close();
    let received = b.pull(&relay, relay.now());
    let [message, other] = [received.messages[0].id, received.messages[1].id];
    assert_eq!(
        a.client.evidence_key(sent).unwrap_err(),
        ClientError::NoEvidence,
        "of a message that was written here"
    );

    let later = now.plus(200 * DAY);
    let effects = b.client.shred_expired_keys(later);
    assert_eq!(b.commit(effects), 1, "the month is gone");
    b.restart();
    let taken = evidence(&b, message).unwrap();
    assert!(taken.verify(&b"stop warfarin"[..].into()));
    assert!(!taken.verify(&b"never mind"[..].into()));
    assert_eq!(taken.sender, *a.client.public());
    assert_eq!(taken.recipient, b.client.public().fingerprint());
    let (by, at) = taken.checked.unwrap();
    assert_eq!(by, CheckedBy::Digits);
    assert!(at <= now);

    let effects = b.client.delete_message(message, later, &mut rng());
    b.commit(effects.unwrap());
    assert!(
        !b.store
            .contains_key(&StoreKey::Evidence(message).to_string())
    );
    assert!(evidence(&b, other).is_ok());
    let effects = b.client.remove_contact(a_at_b, later).unwrap();
    b.commit(effects);
    let left = b.store.keys().any(|key| key.contains(&a_at_b.to_string()));
    assert!(!left, "neither evidence nor the check is left");
    b.assert_memory_is_stored();
}

#[test]
fn a_held_message_gives_no_evidence() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("A"), Person::new("B"));
    let (b_at_a, held) = hold_a_message(&mut relay, &mut a, &mut b);
    let now = relay.now();
    assert_eq!(
        a.client.evidence_key(held).unwrap_err(),
        ClientError::ContactPending
    );
    let effects = a.client.confirm_sas(b_at_a, now, &mut rng()).unwrap();
    a.commit(effects);
    a.restart();
    let taken = evidence(&a, held).unwrap();
    assert!(taken.verify(&b"early"[..].into()));
    assert_eq!(taken.checked, Some((CheckedBy::Digits, now)));
}
