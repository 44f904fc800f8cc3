//! A call that is refused has changed nothing, neither in memory nor in the
//! store: every public method, in many states, with good and bad arguments.

use std::collections::BTreeMap;

use tessera::{
    base::UnixTime,
    client::{
        Client, ClientError, ContactId, Effects, InvitationId, Mailbox, MessageRef, Outgoing,
        Settings,
    },
    enrolment::Kind,
    envelope::{ContentType, message::Attachment},
    identity::Fingerprint,
};

use crate::stage::*;

/// How often each method was refused, and how often it was not.
type Counts = BTreeMap<&'static str, [usize; 2]>;

fn records(client: &Client) -> BTreeMap<String, Vec<u8>> {
    let records = client.records().into_iter();
    records.map(|(key, bytes)| (key, bytes.to_vec())).collect()
}

/// Calls a method; if it is refused, nothing has changed.
fn call<T>(
    person: &mut Person,
    counts: &mut Counts,
    name: &'static str,
    method: impl FnOnce(&mut Client) -> Result<Effects<T>, ClientError>,
) -> Option<T> {
    let before = records(&person.client);
    let [refused, accepted] = counts.entry(name).or_default();
    match method(&mut person.client) {
        Ok(effects) => {
            *accepted += 1;
            let value = person.commit(effects);
            person.assert_memory_is_stored();
            Some(value)
        }
        Err(error) => {
            *refused += 1;
            assert!(records(&person.client) == before, "{name}: {error}");
            person.assert_memory_is_stored();
            None
        }
    }
}

struct Known {
    contacts: Vec<ContactId>,
    invitations: Vec<InvitationId>,
    uris: Vec<String>,
    messages: Vec<MessageRef>,
}

fn step(
    dice: &mut Dice,
    person: &mut Person,
    known: &mut Known,
    counts: &mut Counts,
    relay: &mut Relay,
) {
    let clock = relay.epoch * EPOCH + 60;
    // A clock that is right, far behind, or far ahead.
    let now = UnixTime(*dice.pick(&[clock, clock, clock, clock - 90 * DAY, clock + 90 * DAY]));
    let contact = *dice.pick(&known.contacts);
    let invitation = *dice.pick(&known.invitations);
    let message = *dice.pick(&known.messages);
    let uri = dice.pick(&known.uris).clone();
    let mailbox = *dice.pick(&[Mailbox::Own, Mailbox::Lobby]);
    let choice = dice.below(24);
    let mut rng = Dice::new(dice.below(usize::MAX) as u64);
    let rng = &mut rng;
    match choice {
        0 => {
            let kind = *dice.pick(&[Kind::Qr, Kind::Link]);
            let life = *dice.pick(&[None, Some(0), Some(60), Some(u64::MAX)]);
            let made = call(person, counts, "invite", |c| c.invite(kind, life, now, rng));
            known.invitations.extend(made.map(|made| made.id));
        }
        1 => {
            call(person, counts, "cancel_invitation", |c| {
                c.cancel_invitation(invitation, now)
            });
        }
        2 => {
            let accepted = call(person, counts, "accept", |c| {
                c.accept(&uri, false, now, rng)
            });
            known.contacts.extend(accepted.map(|contact| contact.id));
        }
        3 => {
            let expected = Fingerprint([7; 32]);
            call(person, counts, "expect", |c| {
                c.expect(invitation, expected, now, rng)
            });
        }
        4 => {
            call(person, counts, "confirm_sas", |c| {
                c.confirm_sas(contact, now, rng)
            });
        }
        5 if dice.chance(20) => {
            call(person, counts, "reject_sas", |c| c.reject_sas(contact, now));
        }
        6 if dice.chance(10) => {
            call(person, counts, "remove_contact", |c| {
                c.remove_contact(contact, now)
            });
        }
        7..=9 => {
            let len = *dice.pick(&[5, 9_000, 200_000]);
            let names = [None, Some("a.pdf"), Some(""), Some("a/b")];
            let file = Attachment {
                content_type: ContentType::new("application/pdf").unwrap(),
                filename: dice.pick(&names).map(str::to_owned),
                body: vec![7; len].as_slice().into(),
            };
            let outgoing = Outgoing {
                text: *dice.pick(&[None, Some("")]),
                attachments: vec![file; *dice.pick(&[0, 1, 2, 101])],
                session: dice.pick::<&str>(&["", "visit-7421", "\u{202e}"]),
            };
            let sent = call(person, counts, "send", |c| {
                c.send(contact, outgoing, now, rng)
            });
            known.messages.extend(sent.map(|sent| sent.id));
        }
        10 => {
            call(person, counts, "cancel", |c| {
                c.cancel(message, &[], now, rng)
            });
        }
        20 => {
            call(person, counts, "delete_message", |c| {
                c.delete_message(message, &[], now, rng)
            });
        }
        21 => {
            let until = *dice.pick(&[None, Some(message)]);
            call(person, counts, "mark_read", |c| {
                c.mark_read(contact, until, now)
            });
        }
        22 => {
            let name = *dice.pick(&["Lab West", "", "\u{202e}", "\u{3164}"]);
            call(person, counts, "rename", |c| c.rename(name, now));
        }
        23 => {
            let batch = relay.batches(bucket_of(&person.client, mailbox)).last();
            let mut bytes = batch.map(|(_, bytes)| bytes.clone()).unwrap_or_default();
            if dice.chance(50) {
                bytes.truncate(bytes.len() / 2);
            }
            call(person, counts, "receive_batch", |c| {
                c.receive_batch(mailbox, &bytes, now, rng)
            });
        }
        11 => {
            call(person, counts, "set_draft", |c| {
                c.set_draft(contact, b"draft", now)
            });
        }
        12 => {
            let settings = Settings {
                grace_days: *dice.pick(&[0, 7, 29]),
                retention_days: 60,
            };
            call(person, counts, "set_settings", |c| {
                c.set_settings(settings, now)
            });
        }
        13 => {
            let info = dice
                .pick(&[relay.info(), "{}".into(), String::new()])
                .clone();
            call(person, counts, "configure", |c| c.configure(&info, now));
        }
        14 => {
            let index = relay.index(bucket_of(&person.client, mailbox));
            let index = dice.pick(&[index, "[]".into()]).clone();
            let planned = call(person, counts, "plan_pull", |c| {
                c.plan_pull(mailbox, &index, now)
            });
            for download in planned.into_iter().flatten().take(3) {
                let mut bytes = relay.batch(&download);
                if dice.chance(50) {
                    let at = dice.below(bytes.len());
                    bytes[at] ^= 1;
                }
                call(person, counts, "receive", |c| {
                    c.receive(&download, &bytes, now, rng)
                });
            }
        }
        15 => {
            call(person, counts, "settle", |c| c.settle(now, rng));
        }
        16 => {
            let reason = *dice.pick(&["unconscious at admission", "", " "]);
            let minutes = *dice.pick(&[0, 30, u32::MAX]);
            call(person, counts, "begin_emergency", |c| {
                c.begin_emergency([9; 16], minutes, reason, now)
            });
        }
        17 => {
            call(person, counts, "checkpoint", |c| c.checkpoint(now, rng));
        }
        18 => {
            call(person, counts, "export_log", |c| {
                c.export_log("csv", now, rng)
            });
        }
        _ => {
            let ticked = person.client.tick(UnixTime(clock));
            person.commit(ticked);
            person.assert_memory_is_stored();
            relay.close();
        }
    }
}

#[test]
fn a_refused_call_changes_neither_memory_nor_store() {
    let mut counts = Counts::new();
    for seed in 0..6 {
        let mut relay = Relay::seeded(Dice::new(seed));
        let (mut a, mut b) = (Person::new("Lab"), Person::new("Rivera"));
        let (b_at_a, _) = enrol(&mut relay, &mut a, &mut b, Kind::Link);
        let now = UnixTime(relay.epoch * EPOCH + 60);
        let theirs = b.client.invite(Kind::Link, None, now, &mut rng()).unwrap();
        let elsewhere = theirs.value.uri.replace("relay", "other");
        let mut known = Known {
            contacts: vec![b_at_a, ContactId([0; 8])],
            invitations: vec![InvitationId([0; 8])],
            uris: vec![theirs.value.uri.clone(), "tessera:/x".into(), elsewhere],
            messages: vec![MessageRef {
                contact: b_at_a,
                ordinal: 99,
            }],
        };
        b.commit(theirs);
        let outgoing = Outgoing {
            text: Some(&"x".repeat(9_000)),
            attachments: Vec::new(),
            session: "",
        };
        let sent = call(&mut a, &mut counts, "send", |c| {
            c.send(b_at_a, outgoing, now, &mut rng())
        });
        let sent = sent.unwrap().id;
        call(&mut a, &mut counts, "cancel", |c| {
            c.cancel(sent, &[], now, &mut rng())
        });
        if seed % 3 == 2 {
            // A device that was restored and has not read its mailbox yet.
            let stored: Vec<_> = a.stored_state().into_iter().collect();
            let (mut client, changes) = Client::restore(&stored, now, &mut rng()).unwrap();
            client.set_receipt_delay(0).unwrap();
            a.client = client;
            a.commit(Effects {
                changes,
                events: Vec::new(),
                value: (),
            });
            let behind = UnixTime(now.0 - 90 * DAY);
            call(&mut a, &mut counts, "settle", |c| {
                c.settle(behind, &mut rng())
            });
        }
        let mut dice = Dice::new(seed);
        for _ in 0..250 {
            step(&mut dice, &mut a, &mut known, &mut counts, &mut relay);
        }
    }
    let never = ["checkpoint", "export_log"];
    for (name, [refused, accepted]) in &counts {
        assert!(*accepted > 0, "{name} was never accepted");
        assert!(
            *refused > 0 || never.contains(name),
            "{name} was never refused"
        );
    }
    assert_eq!(counts.len(), 22, "{counts:?}");
}
