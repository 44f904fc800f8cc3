//! A backup restored on another device: the conversation goes on, and two
//! devices of one person notice each other.

use std::collections::BTreeSet;

use crate::stage::*;
use tessera::{
    base::{ErrorCode, UnixTime},
    client::{Client, ClientError, ContactId, DeviceNotice, Effects, Event, Synced},
    enrolment::Kind,
};

/// What a backup holds, on a device of its own.
fn restored(backup: &Person) -> Person {
    let records: Vec<_> = backup
        .store
        .iter()
        .filter(|(key, _)| key.starts_with("s/") || key.starts_with("m/"))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let (mut client, changes) = Client::restore(&records, NOW, &mut rng()).unwrap();
    client.set_receipt_delay(0).unwrap();
    let mut person = Person {
        client,
        ticks: 0,
        round: tessera::client::Round::default(),
        store: backup.store.clone(),
        events: Vec::new(),
    };
    person.commit(Effects {
        changes,
        events: Vec::new(),
        value: (),
    });
    person
}

/// What a backup is: the store as it is now.
fn backup(person: &Person) -> Person {
    let mut copy = Person::new("a copy");
    copy.store = person.store.clone();
    copy.restart();
    copy
}

fn now(relay: &Relay) -> UnixTime {
    UnixTime(relay.epoch * EPOCH + 60)
}

/// One round in which a restored device settles and all time-bound work runs.
fn round(relay: &mut Relay, people: &mut [&mut Person]) -> Vec<Synced> {
    let now = now(relay);
    let mut all = Vec::new();
    for person in people.iter_mut() {
        all.push(person.pull(relay, now));
        person.post(relay);
        person.restart();
    }
    relay.close();
    all
}

fn rounds(relay: &mut Relay, people: &mut [&mut Person], count: usize) {
    for _ in 0..count {
        round(relay, people);
    }
}

fn notices(person: &Person) -> Vec<DeviceNotice> {
    let notice = |event: &Event| match event {
        Event::Device(notice) => Some(notice.clone()),
        _ => None,
    };
    person.events.iter().filter_map(notice).collect()
}

fn superseded(device: u8) -> DeviceNotice {
    DeviceNotice::Superseded {
        code: "DEVICE_SUPERSEDED",
        device,
    }
}

fn alarms(person: &Person) -> Vec<&Event> {
    let alarm = |event: &&Event| matches!(event, Event::Rejected(_) | Event::Gap(_));
    person.events.iter().filter(alarm).collect()
}

fn texts(person: &Person, with: ContactId) -> Vec<String> {
    let all = person.client.messages(with, None, usize::MAX).unwrap();
    let incoming = all.iter().filter(|message| message.direction == "in");
    incoming
        .map(|message| {
            let body = &person.store[&tessera::client::StoreKey::Body(message.id).to_string()];
            String::from_utf8(body.to_vec()).unwrap()
        })
        .collect()
}

/// Two people who know each other, and have nothing in flight.
fn friends() -> (Relay, Person, Person, ContactId, ContactId) {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("A"), Person::new("B"));
    let (b_at_a, a_at_b) = enrol(&mut relay, &mut a, &mut b, Kind::Link);
    rounds(&mut relay, &mut [&mut a, &mut b], 4);
    a.events.clear();
    b.events.clear();
    (relay, a, b, b_at_a, a_at_b)
}

#[test]
fn a_conversation_goes_on_from_a_backup() {
    let (mut relay, mut a, mut b, b_at_a, a_at_b) = friends();
    a.send(b_at_a, "queued in the backup", now(&relay)).unwrap();
    let copy = backup(&a);
    b.send(a_at_b, "after the backup", now(&relay)).unwrap();
    rounds(&mut relay, &mut [&mut a, &mut b], 3);
    a.send(b_at_a, "the last of the old device", now(&relay))
        .unwrap();
    rounds(&mut relay, &mut [&mut a, &mut b], 3);
    drop(a);

    let mut a = restored(&copy);
    assert_eq!(
        a.send(b_at_a, "too early", now(&relay)).unwrap_err(),
        ClientError::Unsettled
    );
    rounds(&mut relay, &mut [&mut a, &mut b], 1);
    let view = a.client.device();
    assert_eq!((view.index, view.restored, view.ready), (1, true, true));
    assert_eq!(texts(&a, b_at_a), ["after the backup"], "read again");
    for text in ["from the new device", "and once more"] {
        a.send(b_at_a, text, now(&relay)).unwrap();
        b.send(a_at_b, text, now(&relay)).unwrap();
        rounds(&mut relay, &mut [&mut a, &mut b], 3);
    }
    let said = ["from the new device", "and once more"];
    assert_eq!(texts(&a, b_at_a)[1..], said);
    let heard = texts(&b, a_at_b);
    let before = ["queued in the backup", "the last of the old device"];
    assert_eq!(heard, [before, said].concat(), "each once");
    for person in [&a, &b] {
        let with = person.contact().id;
        for message in person.client.messages(with, None, 50).unwrap() {
            let end = if message.direction == "out" {
                "delivered"
            } else {
                "verified"
            };
            assert_eq!(message.state, end);
        }
        assert!(alarms(person).is_empty(), "{:?}", person.events);
        assert!(notices(person).is_empty(), "{:?}", person.events);
    }
}

#[test]
fn no_tag_of_the_old_device_is_used_again() {
    let (mut relay, mut a, mut b, b_at_a, _) = friends();
    let copy = backup(&a);
    let mut new = restored(&copy);
    rounds(&mut relay, &mut [&mut new, &mut b], 3);
    let mut seen = BTreeSet::new();
    for turn in 0..20 {
        for person in [&mut a, &mut new] {
            let at = now(&relay);
            person.send(b_at_a, &"x".repeat(turn * 400), at).unwrap();
            while let Some(post) = person.client.next_flush(at, &mut rng()).unwrap() {
                for cell in post.body.chunks(4 + relay.size.get() as usize) {
                    assert!(seen.insert(cell[4..20].to_vec()), "a tag of two cells");
                }
                relay.post(&post.body);
                let effects = person.client.posted(&post.tokens, NOW);
                person.commit(effects);
            }
            person.restart();
        }
    }
    relay.close();
    rounds(&mut relay, &mut [&mut b], 1);
    assert_eq!(
        b.client.messages(b.contact().id, None, 99).unwrap().len(),
        40
    );
}

#[test]
fn both_devices_notice_that_the_other_lives() {
    let (mut relay, mut old, mut b, b_at_a, a_at_b) = friends();
    let mut new = restored(&backup(&old));
    rounds(&mut relay, &mut [&mut new, &mut b], 2);
    // The old one has not looked yet, and writes.
    let late = old
        .send(b_at_a, "from the old device", now(&relay))
        .unwrap();
    old.post(&mut relay);
    let waits = old
        .send(b_at_a, "waits on the old device", now(&relay))
        .unwrap();
    rounds(&mut relay, &mut [&mut b], 1);
    rounds(&mut relay, &mut [&mut b], 1);
    assert_eq!(texts(&b, a_at_b), ["from the old device"]);
    assert_eq!(notices(&b), [DeviceNotice::Contact { contact_id: a_at_b }]);

    round(&mut relay, &mut [&mut old, &mut new, &mut b]);
    assert_eq!(notices(&old), [superseded(1)]);
    assert_eq!(old.client.device().superseded_by, Some(1), "kept");
    assert_eq!(old.state(waits), "undelivered", "it will not leave");
    assert_eq!(
        old.send(b_at_a, "no", now(&relay)).unwrap_err(),
        ClientError::DeviceSuperseded
    );
    let invited = old.client.invite(Kind::Qr, None, now(&relay), &mut rng());
    assert_eq!(invited.unwrap_err(), ClientError::DeviceSuperseded);

    rounds(&mut relay, &mut [&mut new, &mut old, &mut b], 2);
    assert_eq!(notices(&new), [DeviceNotice::Former { device: 0 }]);
    b.send(a_at_b, "to whoever reads", now(&relay)).unwrap();
    rounds(&mut relay, &mut [&mut new, &mut old, &mut b], 4);
    for device in [&new, &old] {
        let last = texts(device, b_at_a);
        assert_eq!(last.last().map(String::as_str), Some("to whoever reads"));
    }
    assert_eq!(old.state(late), "delivered", "receipts are still read");
    // Days later: each is told once, however often it is repeated.
    for _ in 0..3 {
        relay.epoch += 86_400 / EPOCH;
        rounds(&mut relay, &mut [&mut new, &mut old, &mut b], 2);
    }
    assert_eq!(
        notices(&new).len() + notices(&old).len() + notices(&b).len(),
        3
    );
    assert_eq!(texts(&b, a_at_b).len(), 1, "the old one sent nothing more");
    assert!(alarms(&b).is_empty(), "{:?}", b.events);
}

#[test]
fn the_backup_of_a_superseded_device_takes_over_again() {
    let (mut relay, mut old, mut b, b_at_a, a_at_b) = friends();
    let mut new = restored(&backup(&old));
    rounds(&mut relay, &mut [&mut new, &mut b], 3);
    // It hears of the new one, and is backed up before it could say so.
    old.pull(&relay, now(&relay));
    assert_eq!(notices(&old), [superseded(1)]);
    let mut again = restored(&backup(&old));
    rounds(&mut relay, &mut [&mut again, &mut new, &mut b], 4);
    assert_eq!(again.client.device().index, 2);
    assert_eq!(notices(&new), [superseded(2)]);
    again
        .send(b_at_a, "from the first device again", now(&relay))
        .unwrap();
    rounds(&mut relay, &mut [&mut again, &mut new, &mut b], 3);
    assert_eq!(texts(&b, a_at_b), ["from the first device again"]);
    assert_eq!(notices(&again), [DeviceNotice::Former { device: 1 }]);
    assert!(
        alarms(&b).is_empty() && notices(&b).is_empty(),
        "{:?}",
        b.events
    );
}

#[test]
fn a_device_that_was_away_hears_of_the_newer_one() {
    let (mut relay, mut old, mut b, _, _) = friends();
    let mut new = restored(&backup(&old));
    for _ in 0..40 {
        relay.epoch += 86_400 / EPOCH;
        rounds(&mut relay, &mut [&mut new, &mut b], 1);
    }
    round(&mut relay, &mut [&mut old]);
    assert_eq!(notices(&old), [superseded(1)]);
}

#[test]
fn one_backup_restored_twice_gives_two_indexes() {
    let (mut relay, a, mut b, b_at_a, a_at_b) = friends();
    let copy = backup(&a);
    let mut first = restored(&copy);
    // It says who it is, and is put away.
    first.pull(&relay, now(&relay));
    let effects = first.client.settle(now(&relay), &mut rng()).unwrap();
    first.commit(effects);
    let slot = first.client.next_slot(now(&relay), &mut rng()).unwrap();
    relay.post(&slot.body);
    relay.close();

    let mut second = restored(&copy);
    round(&mut relay, &mut [&mut second, &mut b]);
    assert_eq!(second.client.device().index, 2);
    second
        .send(b_at_a, "from the third device", now(&relay))
        .unwrap();
    rounds(&mut relay, &mut [&mut second, &mut first, &mut b], 4);
    assert_eq!(notices(&first), [superseded(2)]);
    assert_eq!(texts(&b, a_at_b), ["from the third device"]);
    assert_eq!(first.client.device().superseded_by, Some(2));
    assert!(
        alarms(&b).is_empty() && notices(&b).is_empty(),
        "{:?}",
        b.events
    );
}

/// Neither can have heard of the other when they take the same index; so
/// neither posts under it before it has read who else did.
#[test]
fn of_two_restores_within_one_epoch_one_goes_on() {
    let (mut relay, a, mut b, b_at_a, a_at_b) = friends();
    let copy = backup(&a);
    let (mut one, mut two) = (restored(&copy), restored(&copy));
    for (device, text) in [(&mut one, "from one"), (&mut two, "from two")] {
        device.pull(&relay, now(&relay));
        let effects = device.client.settle(now(&relay), &mut rng()).unwrap();
        device.commit(effects);
        device.send(b_at_a, text, now(&relay)).unwrap();
        device.post(&mut relay);
        assert_eq!(device.client.device().index, 1);
    }
    relay.close();
    rounds(&mut relay, &mut [&mut one, &mut two, &mut b], 5);
    let (winner, loser) = match (one.client.device().index, two.client.device().index) {
        (2, 1) => (&mut one, &two),
        (1, 2) => (&mut two, &one),
        indexes => panic!("{indexes:?}"),
    };
    assert_eq!(notices(loser), [superseded(2)]);
    assert_eq!(winner.client.device().superseded_by, None);
    winner.send(b_at_a, "and on", now(&relay)).unwrap();
    rounds(&mut relay, &mut [winner, &mut b], 4);
    let heard = texts(&b, a_at_b);
    assert_eq!(heard.last().unwrap(), "and on");
    let sent = winner.client.messages(b_at_a, None, 9).unwrap();
    assert_eq!(sent[0].state, "undelivered", "it was of the other index");
    assert!(alarms(&b).is_empty(), "{:?}", b.events);
}

#[test]
fn a_contact_finds_an_index_two_above_any_it_has_seen() {
    let (mut relay, a, mut b, b_at_a, a_at_b) = friends();
    // The first restore settles, and none of what it posts is ever published.
    let mut lost = restored(&backup(&a));
    lost.pull(&relay, now(&relay));
    let effects = lost.client.settle(now(&relay), &mut rng()).unwrap();
    lost.commit(effects);
    while let Some(post) = lost.client.next_flush(now(&relay), &mut rng()).unwrap() {
        let effects = lost.client.posted(&post.tokens, NOW);
        lost.commit(effects);
    }
    let mut next = restored(&backup(&lost));
    round(&mut relay, &mut [&mut next, &mut b]);
    assert_eq!(next.client.device().index, 2);
    for text in ["one", "two"] {
        next.send(b_at_a, text, now(&relay)).unwrap();
        rounds(&mut relay, &mut [&mut next, &mut b], 2);
        // The next day nothing of it is in the day's window.
        relay.epoch += 86_400 / EPOCH;
    }
    assert_eq!(texts(&b, a_at_b), ["one", "two"]);
    assert!(alarms(&b).is_empty(), "{:?}", b.events);
}

#[test]
fn what_the_backups_device_had_queued_too_long_is_not_sealed_again() {
    let (mut relay, mut a, mut b, b_at_a, a_at_b) = friends();
    b.send(a_at_b, "to be acknowledged", now(&relay)).unwrap();
    rounds(&mut relay, &mut [&mut b], 1);
    a.pull(&relay, now(&relay));
    assert_eq!(a.client.queued(), 1, "a receipt");
    let id = a.send(b_at_a, "queued", now(&relay)).unwrap();
    let mut new = restored(&backup(&a));
    relay.epoch += 4 * 86_400 / EPOCH;
    relay.close();
    rounds(&mut relay, &mut [&mut new, &mut b], 4);
    assert_eq!(new.state(id), "undelivered", "the person decides");
    assert!(texts(&b, a_at_b).is_empty());
    assert_eq!(
        b.client.messages(a_at_b, None, 9).unwrap()[0].state,
        "delivered",
        "the receipt was sent as a new one"
    );
    assert!(
        alarms(&b).is_empty() && notices(&b).is_empty(),
        "{:?}",
        b.events
    );
}

#[test]
fn an_answer_to_an_invitation_of_the_backup_is_read_again() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("A"), Person::new("B"));
    rounds(&mut relay, &mut [&mut a, &mut b], 1);
    let at = now(&relay);
    let invited = a.client.invite(Kind::Link, None, at, &mut rng());
    let uri = a.commit(invited.unwrap()).uri;
    let copy = backup(&a);
    let accepted = b.client.accept(&uri, false, at, &mut rng());
    b.commit(accepted.unwrap());
    rounds(&mut relay, &mut [&mut b, &mut a], 3);
    drop(a);
    let mut a = restored(&copy);
    rounds(&mut relay, &mut [&mut a, &mut b], 3);
    let (at_a, at_b) = (a.contact(), b.contact());
    assert_eq!(at_a.sas.as_ref().map(String::len), Some(6));
    assert_eq!(at_a.sas, at_b.sas);
    let at = now(&relay);
    let confirmed = a.client.confirm_sas(at_a.id, at, &mut rng()).unwrap();
    a.commit(confirmed);
    let confirmed = b.client.confirm_sas(at_b.id, at, &mut rng()).unwrap();
    b.commit(confirmed);
    a.send(at_a.id, "hello", at).unwrap();
    rounds(&mut relay, &mut [&mut a, &mut b], 3);
    assert_eq!(texts(&b, at_b.id), ["hello"]);
    assert!(alarms(&b).is_empty(), "{:?}", b.events);
}

#[test]
fn after_255_restores_there_is_no_index_left() {
    let mut person = Person::new("A");
    for index in 1..=255_u8 {
        person = restored(&person);
        assert_eq!(person.client.device().index, index);
    }
    let records = person.store.into_iter();
    let records: Vec<_> = records.filter(|(key, _)| key.starts_with("s/")).collect();
    assert!(Client::restore(&records, NOW, &mut rng()).is_err());
}

#[test]
fn the_owner_is_told_of_an_emergency_access() {
    let (mut relay, mut a, _, _, _) = friends();
    let mut copy = backup(&a);
    let (at, id) = (now(&relay), [7; 16]);
    for (minutes, why) in [(0, "a reason"), (1_441, "a reason"), (30, " "), (30, "")] {
        let refused = copy.client.begin_emergency(id, minutes, why, at);
        let code = refused.err().map(|error| error.code());
        assert_eq!(code, Some(ErrorCode::InvalidArgument));
    }
    let began = copy.client.begin_emergency(id, 30, "unconscious", at);
    copy.commit(began.unwrap());
    let configured = copy.client.configure(&relay.info(), NOW).unwrap();
    copy.commit(configured);
    let post = copy.client.emergency_slot(id, &mut rng()).unwrap();
    relay.post(&post.body);
    relay.close();
    rounds(&mut relay, &mut [&mut a], 1);
    let told = |person: &Person| -> Vec<_> {
        let event = |event: &Event| match event {
            Event::BreakGlass(view) => Some((view.reason.clone(), view.minutes, view.ended_at)),
            _ => None,
        };
        person.events.iter().filter_map(event).collect()
    };
    assert_eq!(told(&a), [("unconscious".to_owned(), 30, None)]);
    let ended = copy.client.end_emergency(id, at.plus(60));
    copy.commit(ended);
    let post = copy.client.emergency_slot(id, &mut rng()).unwrap();
    relay.post(&post.body);
    relay.close();
    rounds(&mut relay, &mut [&mut a], 3);
    assert_eq!(
        told(&a)[1..],
        [("unconscious".to_owned(), 30, Some(at.0 + 60))]
    );
    assert_eq!(a.client.emergencies(), copy.client.emergencies());
    // In the owner's own store it is told at the next opening, once.
    let ticked = copy.client.tick(at);
    copy.commit(ticked);
    copy.restart();
    let ticked = copy.client.tick(at);
    copy.commit(ticked);
    assert_eq!(told(&copy).len(), 1);
}
