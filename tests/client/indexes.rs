//! Several devices of one person: which index each takes, and which goes on.

use serde_json::{Value, json};
use tessera::{
    client::{Client, ClientError, DeviceNotice},
    enrolment::Kind,
};

use crate::{devices::*, stage::*};

#[test]
fn a_contact_is_warned_if_the_former_device_is_heard_first() {
    let (mut relay, mut old, mut b, b_at_a, a_at_b) = pair();
    let mut new = restored(&backup(&old));
    rounds(&mut relay, &mut [&mut new], 1);
    old.send(b_at_a, "from the old device", relay.now())
        .unwrap();
    old.post(&mut relay);
    rounds(&mut relay, &mut [&mut b], 2);
    assert_eq!(texts(&b, a_at_b), ["from the old device"]);
    assert_eq!(notices(&b), []);
    rounds(&mut relay, &mut [&mut new, &mut b], 3);
    assert_eq!(notices(&b), [DeviceNotice::Contact { contact_id: a_at_b }]);
}

#[test]
fn both_devices_detect_each_other() {
    let (mut relay, mut old, mut b, b_at_a, a_at_b) = pair();
    let mut new = restored(&backup(&old));
    rounds(&mut relay, &mut [&mut new, &mut b], 2);
    // The old one has not looked yet, and writes.
    let late = old
        .send(b_at_a, "from the old device", relay.now())
        .unwrap();
    old.post(&mut relay);
    let waits = old
        .send(b_at_a, "waits on the old device", relay.now())
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
        old.send(b_at_a, "no", relay.now()).unwrap_err(),
        ClientError::DeviceSuperseded
    );
    let invited = old.client.invite(Kind::Qr, None, relay.now(), &mut rng());
    assert_eq!(invited.unwrap_err(), ClientError::DeviceSuperseded);

    rounds(&mut relay, &mut [&mut new, &mut old, &mut b], 2);
    assert_eq!(notices(&new), [DeviceNotice::Former { device: 0 }]);
    b.send(a_at_b, "to any reader", relay.now()).unwrap();
    rounds(&mut relay, &mut [&mut new, &mut old, &mut b], 4);
    for device in [&new, &old] {
        let last = texts(device, b_at_a);
        assert_eq!(last.last().map(String::as_str), Some("to any reader"));
    }
    assert_eq!(old.state(late), "delivered", "receipts are still read");
    for (person, kind, device) in [
        (&old, "superseded", json!(1)),
        (&new, "former", json!(0)),
        (&b, "contact", Value::Null),
    ] {
        let log = person.log();
        let logged: Vec<_> = log.iter().filter(|e| e["event"] == "device").collect();
        assert_eq!(logged.len(), 1, "{log:?}");
        assert_eq!(logged[0]["kind"], kind);
        assert_eq!(logged[0]["device"], device);
        let names_contact = logged[0].get("fingerprint").is_some();
        assert_eq!(names_contact, kind == "contact");
    }
    // Days later: each is reported once, however often it is repeated.
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
fn one_backup_restored_twice_gives_two_indexes() {
    let (mut relay, a, mut b, b_at_a, a_at_b) = pair();
    let copy = backup(&a);
    let mut first = restored(&copy);
    // It says who it is, and is put away.
    first.pull(&relay, relay.now());
    let effects = first.client.settle(relay.now(), &mut rng()).unwrap();
    first.commit(effects);
    let slot = first.slot(relay.now());
    relay.post(&slot.body);
    relay.close();

    let mut second = restored(&copy);
    round(&mut relay, &mut [&mut second, &mut b]);
    assert_eq!(second.client.device().index, 2);
    second
        .send(b_at_a, "from the third device", relay.now())
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
fn of_two_restores_in_one_epoch_one_keeps_the_index() {
    let (mut relay, a, mut b, b_at_a, a_at_b) = pair();
    let copy = backup(&a);
    let (mut one, mut two) = (restored(&copy), restored(&copy));
    for (device, text) in [(&mut one, "from one"), (&mut two, "from two")] {
        device.pull(&relay, relay.now());
        let effects = device.client.settle(relay.now(), &mut rng()).unwrap();
        device.commit(effects);
        device.send(b_at_a, text, relay.now()).unwrap();
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
    winner.send(b_at_a, "and on", relay.now()).unwrap();
    rounds(&mut relay, &mut [winner, &mut b], 4);
    let heard = texts(&b, a_at_b);
    assert_eq!(heard.last().unwrap(), "and on");
    let sent = winner.client.messages(b_at_a, None, 9).unwrap();
    assert_eq!(sent[0].state, "undelivered", "it was of the other index");
    assert!(alarms(&b).is_empty(), "{:?}", b.events);
}

#[test]
fn a_contact_finds_an_index_two_above_any_it_has_seen() {
    let (mut relay, a, mut b, b_at_a, a_at_b) = pair();
    // The first restore settles, and none of what it posts is ever published.
    let mut lost = restored(&backup(&a));
    lost.pull(&relay, relay.now());
    let effects = lost.client.settle(relay.now(), &mut rng()).unwrap();
    lost.commit(effects);
    lost.flush(&mut relay.clone(), relay.now());
    let mut next = restored(&backup(&lost));
    round(&mut relay, &mut [&mut next, &mut b]);
    assert_eq!(next.client.device().index, 2);
    for text in ["one", "two"] {
        next.send(b_at_a, text, relay.now()).unwrap();
        rounds(&mut relay, &mut [&mut next, &mut b], 2);
        // The next day nothing of it is in the day's window.
        relay.epoch += 86_400 / EPOCH;
    }
    assert_eq!(texts(&b, a_at_b), ["one", "two"]);
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
