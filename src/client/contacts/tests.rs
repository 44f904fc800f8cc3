use super::*;
use crate::{
    base::{ErrorCode, Secret, time::DAY_SECONDS},
    channel::Direction,
    enrolment::{SasKey, SasNonce, commitment},
    envelope::CheckedBy,
};

const NOW: UnixTime = UnixTime(1_795_300_000);
const GRACE: u64 = 7 * DAY_SECONDS;

fn id(byte: u8) -> ContactId {
    ContactId([byte; 8])
}

fn tx() -> Transaction {
    Transaction::new(NOW)
}

fn touched(tx: Transaction) -> Vec<StoreKey> {
    tx.touched.into_iter().collect()
}

fn contact(byte: u8) -> Contact {
    let mut contact = Contact::new(id(byte), NOW);
    let seed = Secret::take(&mut [byte; 32]);
    let first = NOW.month();
    contact.channel = Some(Channel::new(&seed, Direction::FromInviter, first));
    contact
}

fn contacts(bytes: &[u8]) -> Contacts {
    let mut contacts = Contacts::default();
    for byte in bytes {
        contacts.restore(contact(*byte));
    }
    contacts
}

fn nonce(byte: u8) -> SasNonce {
    SasNonce::new(Secret::take(&mut [byte; 32]))
}

fn awaiting(nonce: &SasNonce) -> Awaiting {
    Awaiting {
        commitment: commitment(nonce),
        sas: SasKey {
            export: Secret::take(&mut [3; 32]),
            offer_hash: [4; 32],
            response_hash: [5; 32],
        },
    }
}

#[test]
fn an_unknown_contact_is_refused_and_changes_nothing() {
    let (mut contacts, mut tx) = (contacts(&[1]), tx());
    assert_eq!(
        contacts.find(id(2)).err(),
        Some(ClientError::ContactUnknown)
    );
    assert!(contacts.update(id(2), &mut tx).is_none());
    assert!(contacts.update_channel(id(2), &mut tx).is_none());
    contacts.emit(id(2), &mut tx);
    assert!(tx.events.is_empty());
    assert_eq!(touched(tx), []);
}

#[test]
fn a_contact_without_keys_has_no_channel_to_change() {
    let (mut contacts, mut tx) = (Contacts::default(), tx());
    contacts.restore(Contact::new(id(1), NOW));
    assert!(contacts.update_channel(id(1), &mut tx).is_none());
    contacts.reset_counters(&mut tx);
    contacts.forget_before(NOW.day(), &mut tx);
    assert_eq!(contacts.fingerprint(id(1)), None);
    assert_eq!(touched(tx), []);
}

#[test]
fn only_an_active_contact_may_be_sent_to() {
    let mut contact = contact(1);
    assert_eq!(contact.require_active(), Err(ClientError::ContactPending));
    contact.activate(CheckedBy::Digits);
    assert_eq!(contact.require_active(), Ok(()));
    contact.suspect(ErrorCode::NotAuthentic);
    assert_eq!(contact.require_active(), Err(ClientError::ContactSuspect));
    let view = contact.view();
    assert_eq!(
        (view.state, view.reason.as_deref()),
        ("suspect", Some("NOT_AUTHENTIC"))
    );
}

#[test]
fn a_nonce_that_opens_another_commitment_makes_the_contact_suspect() {
    let mut contact = contact(1);
    contact.on_confirm = Some(CheckedBy::InPerson);
    contact.awaiting = Some(awaiting(&nonce(1)));
    contact.confirm(&nonce(2));
    assert_eq!(contact.state, ContactState::Suspect);
    assert_eq!(contact.reason.as_deref(), Some("COMMITMENT_MISMATCH"));
    contact.confirm(&nonce(1));
    assert_eq!(contact.state, ContactState::Suspect, "it stays so");
}

#[test]
fn a_nonce_that_opens_the_commitment_gives_digits_or_how_the_peer_is_verified_without() {
    for by in [None, Some(CheckedBy::InPerson), Some(CheckedBy::Expected)] {
        let mut contact = contact(1);
        contact.on_confirm = by;
        assert_eq!(contact.confirm(&nonce(1)), None, "nothing is awaited");
        assert_eq!(contact.digits, None);
        contact.awaiting = Some(awaiting(&nonce(1)));
        let mut contact = Contact::from_record(id(1), contact.to_record()).unwrap();
        assert_eq!(contact.confirm(&nonce(1)), by);
        assert_eq!(contact.digits.as_ref().map(String::len), Some(6));
    }
}

#[test]
fn a_suspect_contact_is_not_made_active_by_a_confirm() {
    let mut contact = contact(1);
    contact.on_confirm = Some(CheckedBy::InPerson);
    contact.awaiting = Some(awaiting(&nonce(1)));
    contact.suspect(ErrorCode::InvitationUsed);
    contact.confirm(&nonce(1));
    assert_eq!(contact.state, ContactState::Suspect);
}

#[test]
fn keys_are_shredded_after_the_grace_and_only_what_changed_is_stored() {
    let (mut contacts, end) = (contacts(&[1, 2]), NOW.month().next().first_day().start());
    contacts.restore(Contact::new(id(3), NOW));
    let mut before = tx();
    assert_eq!(
        contacts.shred(end.plus(GRACE - 1), GRACE, &mut before),
        None
    );
    assert!(!contacts.has_expired(end.plus(GRACE - 1), GRACE));
    assert_eq!(touched(before), []);
    assert!(contacts.has_expired(end.plus(GRACE), GRACE));
    let mut after = tx();
    let shredded = contacts.shred(end.plus(GRACE), GRACE, &mut after);
    assert_eq!(shredded, Some((NOW.month().next(), 2)));
    assert_eq!(
        touched(after),
        [StoreKey::Contact(id(1)), StoreKey::Contact(id(2))]
    );
    assert!(!contacts.send_at(NOW), "the month is gone");
}

#[test]
fn keys_that_a_relay_keeps_from_being_shredded_go_after_seven_days_more() {
    let (mut contacts, end) = (contacts(&[1]), NOW.month().next().first_day().start());
    let past = end.plus(GRACE);
    for (horizon, days, shredded) in [
        (past.minus(1), 0, None),
        (past, 1, None),
        (past, 7, None),
        (past, 8, Some((NOW.month().next(), 1))),
    ] {
        let mut tx = Transaction::new(past.plus(days * DAY_SECONDS));
        assert_eq!(
            contacts.shred_overdue(horizon, GRACE, &mut tx),
            shredded,
            "day {days}"
        );
    }
}

#[test]
fn another_device_counts_from_zero_for_all_who_have_keys() {
    let (mut contacts, mut used) = (contacts(&[1, 2]), tx());
    let channel = contacts.update_channel(id(1), &mut used).unwrap();
    let mut counters = channel.counters().clone();
    counters.take_seq();
    let of = |contact| UsedCounters {
        contact,
        counters: counters.clone(),
    };
    contacts.use_counters(of(id(1)), &mut used);
    contacts.use_counters(of(id(9)), &mut used);
    assert_eq!(touched(used), [StoreKey::Contact(id(1))]);
    let next = |contacts: &Contacts| {
        let contact = contacts.get(id(1)).unwrap();
        contact.channel.as_ref().unwrap().counters().next_seq()
    };
    assert_eq!(next(&contacts), 1);
    let mut reset = tx();
    contacts.reset_counters(&mut reset);
    assert_eq!(next(&contacts), 0);
    assert_eq!(touched(reset).len(), 2);
}

#[test]
fn how_a_contact_was_verified_is_kept_until_it_is_removed() {
    let (mut contacts, mut tx) = (contacts(&[1]), tx());
    contacts.activate(id(2), CheckedBy::InPerson, &mut tx);
    assert!(contacts.checks.get(id(2)).is_none(), "unknown");
    contacts.activate(id(1), CheckedBy::InPerson, &mut tx);
    assert!(contacts.checks.get(id(1)).is_some());
    contacts.remove(id(1), &mut tx);
    assert!(contacts.checks.get(id(1)).is_none());
    let changes = tx.changes;
    assert_eq!(changes.get(&StoreKey::Checked(id(1))), Some(&None));
}

#[test]
fn nothing_is_missing_before_the_confirm() {
    let (mut contacts, mut tx) = (contacts(&[1]), tx());
    let contact = contacts.update(id(1), &mut tx).unwrap();
    contact.awaiting = Some(awaiting(&nonce(1)));
    contact.channel.as_mut().unwrap().sequence(0).arrived(3);
    assert!(contacts.newly_missing().is_empty());
    contacts.update(id(1), &mut tx).unwrap().awaiting = None;
    assert_eq!(contacts.newly_missing(), [(id(1), 0..3)]);
    assert!(contacts.newly_missing().is_empty(), "each once");
}

#[test]
fn contacts_are_listed_oldest_first() {
    let mut contacts = Contacts::default();
    for (byte, age) in [(1, 0), (2, 9), (3, 4)] {
        contacts.restore(Contact::new(id(byte), NOW.minus(age)));
    }
    let ids: Vec<_> = contacts.views().iter().map(|view| view.id).collect();
    assert_eq!(ids, [id(2), id(3), id(1)]);
}

#[test]
fn a_record_of_no_known_state_is_damaged() {
    let record = || contact(1).to_record();
    assert!(Contact::from_record(id(1), record()).is_ok());
    let mut unknown = record();
    unknown.state = 3;
    assert!(Contact::from_record(id(1), unknown).is_err());
    let mut unknown = record();
    unknown.verified = 3;
    assert!(Contact::from_record(id(1), unknown).is_err());
    let mut malformed = record();
    malformed.public = vec![1; 63];
    assert!(Contact::from_record(id(1), malformed).is_err());
}
