//! The audit log: what happened is in it, committed with what it changed.

use crate::stage::*;
use serde_json::{Value, json};
use tessera::{
    base::UnixTime,
    client::{AuditEvent, ContactId, Outgoing, StoreKey, UnlockedBy},
    enrolment::Kind,
    identity::Fingerprint,
    wire::post,
};

const FINDING: &str = "Sífilis latente (A53.0)";

/// What happened, but for the daily checkpoint.
fn events(log: &[Value]) -> Vec<&str> {
    let events = log.iter().map(|e| e["event"].as_str().unwrap());
    events.filter(|event| *event != "checkpoint").collect()
}

/// The last entry of that event.
fn last(log: &[Value], event: &str) -> Value {
    let found = log.iter().rfind(|e| e["event"] == event);
    found.unwrap_or_else(|| panic!("no {event}")).clone()
}

fn hex_of(fingerprint: Fingerprint) -> String {
    hex::encode(fingerprint.0)
}

#[test]
fn both_logs_record_enrolments_and_messages_but_no_content() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("Dr. Rivera"), Person::new("Ana Gómez"));
    let (b_at_a, _) = enrol(&mut relay, &mut a, &mut b, Kind::Qr);
    let id = a.send(b_at_a, FINDING, relay.now()).unwrap();
    for _ in 0..3 {
        round(&mut relay, &mut [&mut a, &mut b]);
    }
    let (at_a, at_b) = (a.log(), b.log());
    assert_eq!(
        events(&at_a),
        [
            "began",
            "invited",
            "enrolled",
            "verified",
            "sent",
            "delivered"
        ]
    );
    assert_eq!(
        events(&at_b),
        ["began", "accepted", "enrolled", "verified", "received"]
    );
    let owner = hex_of(a.client.public().fingerprint());
    assert_eq!(at_a[0]["owner"], owner.as_str());
    let (sent, received) = (&last(&at_a, "sent"), &last(&at_b, "received"));
    let digest = hex::encode(tessera::crypto::kdf::sha256(FINDING.as_bytes()));
    let peer = hex_of(b.client.public().fingerprint());
    let expected = json!({
        "event": "sent", "time": sent["time"], "contact": b_at_a.to_string(), "fingerprint": peer,
        "message": id, "session": received["session"], "label": "visit-7421", "digest": digest,
    });
    assert_eq!(*sent, expected);
    assert_eq!(received["digest"], sent["digest"]);
    assert_eq!(last(&at_a, "verified")["by"], "digits");
    assert_eq!(last(&at_a, "delivered")["session"], sent["session"]);
    for log in [at_a, at_b] {
        let text = Value::from(log).to_string();
        for word in ["fil", "A53", "Rivera", "Gómez", "text/plain"] {
            assert!(!text.contains(word), "{word}");
        }
    }
}

#[test]
fn every_outcome_of_an_enrolment_is_logged() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("A"), Person::new("B"));
    round(&mut relay, &mut [&mut a, &mut b]);
    let made = a
        .client
        .invite(Kind::Link, None, relay.now(), &mut rng())
        .unwrap();
    let made = a.commit(made);
    let withdrawn = a.client.cancel_invitation(made.id, relay.now()).unwrap();
    a.commit(withdrawn);
    let log = a.log();
    assert_eq!(events(&log), ["began", "invited", "withdrawn"]);
    let (invited, withdrawn) = (last(&log, "invited"), last(&log, "withdrawn"));
    assert_eq!(invited["kind"], "link");
    assert_eq!(invited["invitation"], withdrawn["invitation"]);

    // In person: the acceptor needs no digits, the inviter expects the fingerprint.
    let made = a
        .client
        .invite(Kind::Link, None, relay.now(), &mut rng())
        .unwrap();
    let made = a.commit(made);
    let fingerprint = b.client.public().fingerprint();
    let expected = a
        .client
        .expect(made.id, fingerprint, relay.now(), &mut rng())
        .unwrap();
    a.commit(expected);
    let accepted = b
        .client
        .accept(&made.uri, true, relay.now(), &mut rng())
        .unwrap();
    b.commit(accepted);
    for _ in 0..4 {
        round(&mut relay, &mut [&mut a, &mut b]);
    }
    assert_eq!(last(&a.log(), "verified")["by"], "expected");
    let log = b.log();
    assert_eq!(last(&log, "accepted")["inPerson"], true);
    assert_eq!(last(&log, "verified")["by"], "inPerson");

    let contact = b.contact().id;
    let rejected = b.client.reject_sas(contact, relay.now()).unwrap();
    b.commit(rejected);
    let removed = b.client.remove_contact(contact, relay.now()).unwrap();
    b.commit(removed);
    let log = b.log();
    let peer = hex_of(a.client.public().fingerprint());
    for event in ["suspect", "removed"] {
        let entry = last(&log, event);
        assert_eq!(entry["contact"], contact.to_string());
        assert_eq!(entry["fingerprint"], peer.as_str());
    }
    assert_eq!(last(&log, "suspect")["code"], "NOT_AUTHENTIC");
}

#[test]
fn a_refused_call_logs_nothing() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("A"), Person::new("B"));
    let (b_at_a, _) = enrol(&mut relay, &mut a, &mut b, Kind::Qr);
    let before = events(&a.log()).len();
    let behind = UnixTime(NOW.0 - 90 * DAY);
    assert!(a.send(b_at_a, FINDING, behind).is_err());
    assert!(
        a.client
            .accept("tessera:/x", false, NOW, &mut rng())
            .is_err()
    );
    let nobody = ContactId::parse("0000000000000000").unwrap();
    assert!(a.client.reject_sas(nobody, NOW).is_err());
    assert!(a.client.remove_contact(nobody, NOW).is_err());
    let entry = a.client.record([AuditEvent::BackedUp], relay.now());
    a.commit(entry);
    assert_eq!(events(&a.log()).len(), before + 1);
}

#[test]
fn held_released_refused_and_missing_messages_are_logged() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("A"), Person::new("B"));
    round(&mut relay, &mut [&mut a, &mut b]);
    let made = a
        .client
        .invite(Kind::Qr, Some(86_400), relay.now(), &mut rng())
        .unwrap();
    let made = a.commit(made);
    let accepted = b
        .client
        .accept(&made.uri, false, relay.now(), &mut rng())
        .unwrap();
    b.commit(accepted);
    for _ in 0..5 {
        round(&mut relay, &mut [&mut a, &mut b]);
    }
    let (b_at_a, a_at_b) = (a.contact().id, b.contact().id);
    let confirmed = b
        .client
        .confirm_sas(a_at_b, relay.now(), &mut rng())
        .unwrap();
    b.commit(confirmed);
    b.send(a_at_b, FINDING, relay.now()).unwrap();
    for _ in 0..2 {
        round(&mut relay, &mut [&mut a, &mut b]);
    }
    let held = last(&a.log(), "held");
    assert!(held["digest"].is_string());
    let confirmed = a
        .client
        .confirm_sas(b_at_a, relay.now(), &mut rng())
        .unwrap();
    a.commit(confirmed);
    assert_eq!(last(&a.log(), "released")["session"], held["session"]);

    // The second of three messages never reaches the relay; the relay publishes the third twice.
    let count = |person: &Person, event: &str| {
        let log = person.log();
        events(&log).iter().filter(|e| **e == event).count()
    };
    for text in ["one", "two"] {
        b.send(a_at_b, text, relay.now()).unwrap();
    }
    for reaches_the_relay in [true, false] {
        let slot = b.slot(relay.now());
        if reaches_the_relay {
            relay.post(&slot.body);
        }
        b.slot_arrives(relay.now());
    }
    b.send(a_at_b, "three", relay.now()).unwrap();
    let at = relay.now();
    let post = b.post_slot(&mut relay, at);
    relay.close();
    a.pull(&relay, relay.now());
    let gap = last(&a.log(), "gap");
    assert_eq!(
        (&gap["kind"], &gap["closed"], &gap["contact"]),
        (
            &json!("sequence"),
            &json!(false),
            &json!(b_at_a.to_string())
        )
    );
    // A relay that publishes it once more.
    for entry in post::decode(&post.body, relay.size, relay.buckets).unwrap() {
        let pending = relay.pending.entry(entry.bucket.get()).or_default();
        pending.push(entry.cell);
    }
    relay.close();
    a.pull(&relay, relay.now());
    assert_eq!(count(&a, "rejected"), 1);
    let rejected = last(&a.log(), "rejected");
    assert_eq!(rejected["code"], "REPLAYED");
    assert_eq!(rejected["contact"], b_at_a.to_string());
}

#[test]
fn rotation_shredding_and_undelivered_messages_are_logged_once() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("A"), Person::new("B"));
    let (b_at_a, _) = enrol(&mut relay, &mut a, &mut b, Kind::Qr);
    let id = a.send(b_at_a, FINDING, relay.now()).unwrap();
    a.post(&mut relay);
    relay.epoch += 45 * DAY / EPOCH;
    round(&mut relay, &mut [&mut a]);
    round(&mut relay, &mut [&mut a]);
    let later = relay.now();
    for _ in 0..2 {
        let ticked = a.client.tick(later);
        a.commit(ticked);
        a.restart();
    }
    let log = a.log();
    let all = events(&log);
    for event in ["rotated", "shredded", "undelivered"] {
        let times = all.iter().filter(|logged| **logged == event).count();
        assert_eq!(times, 1, "{event}");
    }
    assert_eq!(last(&log, "rotated")["month"], "2027-01");
    let shredded = last(&log, "shredded");
    assert_eq!(
        (&shredded["contacts"], &shredded["before"]),
        (&json!(1), &json!("2026-12"))
    );
    assert_eq!(last(&log, "undelivered")["message"], id.to_string());
}

#[test]
fn events_of_the_host_are_logged() {
    let mut a = Person::new("A");
    let entries = [
        AuditEvent::Locked { idle: true },
        AuditEvent::UnlockFailed { count: 3 },
        AuditEvent::Unlocked {
            by: UnlockedBy::Passkey,
        },
        AuditEvent::Rekeyed,
        AuditEvent::BackedUp,
        AuditEvent::BreakGlassStarted {
            reason: "cardiac \"arrest\"\n".into(),
            minutes: 30,
        },
        AuditEvent::BreakGlassEnded,
        AuditEvent::SharesCreated {
            threshold: 2,
            shares: 3,
        },
    ];
    for entry in entries {
        let effects = a.client.record([entry], NOW);
        a.commit(effects);
    }
    let exported = a.client.checkpoint(Some("fhir"), NOW, &mut rng()).unwrap();
    a.commit(exported);
    let log = a.log();
    let said = |i: usize, keys: &[&str]| -> Vec<Value> {
        keys.iter().map(|key| log[i][*key].clone()).collect()
    };
    assert_eq!(said(1, &["event", "idle"]), [json!("locked"), json!(true)]);
    assert_eq!(
        said(2, &["event", "count"]),
        [json!("unlockFailed"), json!(3)]
    );
    assert_eq!(
        said(3, &["event", "by"]),
        [json!("unlocked"), json!("passkey")]
    );
    assert_eq!(
        said(6, &["event", "reason", "minutes"]),
        [
            json!("breakGlassStarted"),
            json!("cardiac \"arrest\"\n"),
            json!(30)
        ]
    );
    assert_eq!(
        said(8, &["event", "threshold", "shares"]),
        [json!("sharesCreated"), json!(2), json!(3)]
    );
    assert_eq!(
        said(9, &["event", "format"]),
        [json!("exported"), json!("fhir")]
    );
}

#[test]
fn one_record_is_written_per_entry_and_one_for_the_head() {
    let mut a = Person::new("A");
    for _ in 0..50 {
        let effects = a.client.record([AuditEvent::BackedUp], NOW);
        assert_eq!(effects.changes.len(), 2);
        assert!(effects.changes.iter().all(|(key, value)| {
            let size = value.as_ref().unwrap().len();
            (key.starts_with("a/") || key == "s/audit") && size < 200
        }));
        a.commit(effects);
    }
    assert_eq!(a.log().len(), 51);
}

#[test]
fn a_crash_leaves_neither_gap_nor_fork_in_the_log() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("A"), Person::new("B"));
    let (b_at_a, _) = enrol(&mut relay, &mut a, &mut b, Kind::Qr);
    let before = a.log();
    let outgoing = Outgoing {
        text: Some(FINDING),
        attachments: Vec::new(),
        session: "",
    };
    // Sent, and the commit refused: nothing of it was.
    let lost = a
        .client
        .send(b_at_a, outgoing, relay.now(), &mut rng())
        .unwrap();
    drop(lost);
    a.restart();
    assert_eq!(a.log(), before);
    let head = a.client.journal().head();
    let id = a.send(b_at_a, "again", relay.now()).unwrap();
    let log = a.log();
    assert_eq!(log.len(), before.len() + 1);
    assert_eq!(log.last().unwrap()["message"], id.to_string());
    // A step repeated after a crash writes the same bytes.
    let place = StoreKey::LogEntry(head.len() + 1).to_string();
    let bytes = |a: &mut Person| {
        let effects = a.client.record([AuditEvent::BackedUp], relay.now());
        let (_, bytes) = effects
            .changes
            .into_iter()
            .find(|(key, _)| *key == place)
            .unwrap();
        a.restart();
        bytes
    };
    assert_eq!(bytes(&mut a), bytes(&mut a));
    for _ in 0..3 {
        round(&mut relay, &mut [&mut a, &mut b]);
    }
    assert_eq!(events(&a.log()).last(), Some(&"delivered"));
}

#[test]
fn a_vault_from_before_the_log_begins_one_with_its_first_change() {
    let mut a = Person::new("A");
    a.store.remove("s/audit");
    a.store.retain(|key, _| !key.starts_with("a/"));
    a.restart();
    assert!(a.client.journal().head().is_empty());
    assert!(!a.client.journal().checkpoint_due(NOW));
    let nothing = a.client.tick(NOW);
    assert!(nothing.changes.is_empty());
    let effects = a.client.record(
        [AuditEvent::Unlocked {
            by: UnlockedBy::Passphrase,
        }],
        NOW,
    );
    a.commit(effects);
    assert_eq!(events(&a.log()), ["began", "unlocked"]);
}
