//! A backup restored on another device: the conversation goes on, and two
//! devices of one person notice each other.

use std::collections::BTreeSet;

use crate::stage::*;
use tessera::{
    base::ErrorCode,
    client::{Client, ClientError, ContactId, DeviceNotice, Effects, Event},
    enrolment::Kind,
};

/// What a backup holds, on a device of its own.
pub(crate) fn restored(backup: &Person) -> Person {
    let records: Vec<_> = backup
        .store
        .iter()
        .filter(|(key, _)| key.starts_with("s/") || key.starts_with("m/"))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let (mut client, changes) = Client::restore(&records, NOW, &mut rng()).unwrap();
    client.set_receipt_delay(0).unwrap();
    let mut person = Person {
        queries: None,
        members: (None, None),
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
pub(crate) fn backup(person: &Person) -> Person {
    let mut copy = Person::new("a copy");
    copy.store = person.store.clone();
    copy.restart();
    copy
}

pub(crate) fn rounds(relay: &mut Relay, people: &mut [&mut Person], count: usize) {
    for _ in 0..count {
        round(relay, people);
    }
}

pub(crate) fn notices(person: &Person) -> Vec<DeviceNotice> {
    let notice = |event: &Event| match event {
        Event::Device(notice) => Some(notice.clone()),
        _ => None,
    };
    person.events.iter().filter_map(notice).collect()
}

pub(crate) fn superseded(device: u8) -> DeviceNotice {
    DeviceNotice::Superseded {
        code: "DEVICE_SUPERSEDED",
        device,
    }
}

pub(crate) fn alarms(person: &Person) -> Vec<&Event> {
    let alarm = |event: &&Event| matches!(event, Event::Rejected(_) | Event::Gap(_));
    person.events.iter().filter(alarm).collect()
}

pub(crate) fn texts(person: &Person, with: ContactId) -> Vec<String> {
    let all = person.client.messages(with, None, usize::MAX).unwrap();
    let incoming = all.iter().filter(|message| message.direction == "in");
    incoming
        .map(|message| {
            let body = &person.store[&tessera::client::StoreKey::Body(message.id).to_string()];
            String::from_utf8(body.to_vec()).unwrap()
        })
        .collect()
}

#[test]
fn a_conversation_continues_from_a_backup() {
    let (mut relay, mut a, mut b, b_at_a, a_at_b) = pair();
    a.send(b_at_a, "queued in the backup", relay.now()).unwrap();
    let copy = backup(&a);
    b.send(a_at_b, "after the backup", relay.now()).unwrap();
    rounds(&mut relay, &mut [&mut a, &mut b], 3);
    a.send(b_at_a, "the last of the old device", relay.now())
        .unwrap();
    rounds(&mut relay, &mut [&mut a, &mut b], 3);
    drop(a);

    let mut a = restored(&copy);
    assert_eq!(
        a.send(b_at_a, "too early", relay.now()).unwrap_err(),
        ClientError::Unsettled
    );
    rounds(&mut relay, &mut [&mut a, &mut b], 1);
    let view = a.client.device();
    assert_eq!((view.index, view.restored, view.ready), (1, true, true));
    assert_eq!(texts(&a, b_at_a), ["after the backup"], "read again");
    for text in ["from the new device", "and once more"] {
        a.send(b_at_a, text, relay.now()).unwrap();
        b.send(a_at_b, text, relay.now()).unwrap();
        rounds(&mut relay, &mut [&mut a, &mut b], 3);
    }
    let said = ["from the new device", "and once more"];
    assert_eq!(texts(&a, b_at_a)[1..], said);
    let heard = texts(&b, a_at_b);
    let before = ["queued in the backup", "the last of the old device"];
    assert_eq!(heard, [before, said].concat(), "each once");
    assert_eq!((b.contact().device, a.contact().device), (1, 0));
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
    let (mut relay, mut a, mut b, b_at_a, _) = pair();
    let copy = backup(&a);
    let mut new = restored(&copy);
    rounds(&mut relay, &mut [&mut new, &mut b], 3);
    let mut seen = BTreeSet::new();
    for turn in 0..20 {
        for person in [&mut a, &mut new] {
            let at = relay.now();
            person.send(b_at_a, &"x".repeat(turn * 400), at).unwrap();
            for body in person.flush(&mut relay, at) {
                for cell in body.chunks(4 + relay.size.get() as usize) {
                    assert!(seen.insert(cell[4..20].to_vec()), "a tag of two cells");
                }
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
fn the_backup_of_a_superseded_device_takes_over_again() {
    let (mut relay, mut old, mut b, b_at_a, a_at_b) = pair();
    let mut new = restored(&backup(&old));
    rounds(&mut relay, &mut [&mut new, &mut b], 3);
    // It hears of the new one, and is backed up before it could say so.
    old.pull(&relay, relay.now());
    assert_eq!(notices(&old), [superseded(1)]);
    let mut again = restored(&backup(&old));
    rounds(&mut relay, &mut [&mut again, &mut new, &mut b], 4);
    assert_eq!(again.client.device().index, 2);
    assert_eq!(notices(&new), [superseded(2)]);
    again
        .send(b_at_a, "from the first device again", relay.now())
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
fn a_device_that_was_offline_learns_of_the_newer_one() {
    let (mut relay, mut old, mut b, _, _) = pair();
    let mut new = restored(&backup(&old));
    for _ in 0..40 {
        relay.epoch += 86_400 / EPOCH;
        rounds(&mut relay, &mut [&mut new, &mut b], 1);
    }
    round(&mut relay, &mut [&mut old]);
    assert_eq!(notices(&old), [superseded(1)]);
}

#[test]
fn expired_cells_of_the_former_device_are_not_sealed_again() {
    let (mut relay, mut a, mut b, b_at_a, a_at_b) = pair();
    b.send(a_at_b, "to be acknowledged", relay.now()).unwrap();
    rounds(&mut relay, &mut [&mut b], 1);
    a.pull(&relay, relay.now());
    assert_eq!(a.client.queued(), 1, "a receipt");
    let id = a.send(b_at_a, "queued", relay.now()).unwrap();
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
fn a_response_to_an_invitation_in_the_backup_is_read_again() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("A"), Person::new("B"));
    rounds(&mut relay, &mut [&mut a, &mut b], 1);
    let at = relay.now();
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
    let at = relay.now();
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
fn an_emergency_access_is_reported_to_the_owner() {
    let (mut relay, mut a, _, _, _) = pair();
    let mut copy = backup(&a);
    let (at, id) = (relay.now(), [7; 16]);
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
    let reported = |person: &Person| -> Vec<_> {
        let event = |event: &Event| match event {
            Event::BreakGlass(view) => Some((view.reason.clone(), view.minutes, view.ended_at)),
            _ => None,
        };
        person.events.iter().filter_map(event).collect()
    };
    assert_eq!(reported(&a), [("unconscious".to_owned(), 30, None)]);
    let ended = copy.client.end_emergency(id, at.plus(60));
    copy.commit(ended);
    let post = copy.client.emergency_slot(id, &mut rng()).unwrap();
    relay.post(&post.body);
    relay.close();
    rounds(&mut relay, &mut [&mut a], 3);
    assert_eq!(
        reported(&a)[1..],
        [("unconscious".to_owned(), 30, Some(at.0 + 60))]
    );
    assert_eq!(a.client.emergencies(), copy.client.emergencies());
    // In the owner's own store it is reported at the next opening, once.
    let ticked = copy.client.tick(at);
    copy.commit(ticked);
    copy.restart();
    let ticked = copy.client.tick(at);
    copy.commit(ticked);
    assert_eq!(reported(&copy).len(), 1);
}
