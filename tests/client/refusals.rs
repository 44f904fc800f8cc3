//! A call that is refused has changed nothing, neither in memory nor in the
//! store: every public method that changes a client, in many states, with good
//! and bad arguments. The sources list the methods: one without a case here
//! fails the test.
//!
//! Longer than other files: it is one list of cases.

use std::{collections::BTreeMap, fs, path::Path};

use tessera::{
    base::{ErrorCode, UnixTime},
    client::{
        AuditEvent, Client, ClientError, ContactId, Draft, Effects, FilingUpdate, InvitationId,
        Mailbox, MessageRef, MessageState, Outgoing, Settings, UnlockedBy,
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

/// The sources below a folder.
fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push(fs::read_to_string(path).unwrap());
        }
    }
}

/// The public methods of `Client` that take `&mut self`, wherever they are, and
/// whether they can refuse.
fn methods() -> BTreeMap<String, bool> {
    let mut texts = Vec::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/client");
    sources(&folder, &mut texts);
    let mut found = BTreeMap::new();
    let blocks = texts
        .iter()
        .flat_map(|text| text.split("\nimpl Client {\n").skip(1));
    for block in blocks.filter_map(|block| block.split("\n}\n").next()) {
        for function in block.split("    pub fn ").skip(1) {
            let (name, rest) = function.split_once(['(', '<']).unwrap();
            let (signature, _) = rest.split_once(" {\n").unwrap();
            if signature.contains("&mut self") {
                found.insert(name.to_owned(), signature.contains("-> Result<"));
            }
        }
    }
    found
}

fn nothing_to_commit<T>(value: T) -> Effects<T> {
    Effects {
        changes: Vec::new(),
        events: Vec::new(),
        value,
    }
}

struct Known {
    contacts: Vec<ContactId>,
    invitations: Vec<InvitationId>,
    uris: Vec<String>,
    messages: Vec<MessageRef>,
}

fn step(
    method: &str,
    dice: &mut Dice,
    person: &mut Person,
    known: &mut Known,
    counts: &mut Counts,
    relay: &mut Relay,
) {
    let clock = relay.epoch * EPOCH + 60;
    // A clock that is right, far behind, or far ahead.
    let now = UnixTime(*dice.pick(&[clock, clock, clock, clock - 90 * DAY, clock + 90 * DAY]));
    let right = UnixTime(clock);
    let contact = *dice.pick(&known.contacts);
    let invitation = *dice.pick(&known.invitations);
    let message = *dice.pick(&known.messages);
    let uri = dice.pick(&known.uris).clone();
    let mailbox = *dice.pick(&[Mailbox::Own, Mailbox::Lobby]);
    let mut rng = Dice::new(dice.below(usize::MAX) as u64);
    let rng = &mut rng;
    match method {
        "invite" => {
            let kind = *dice.pick(&[Kind::Qr, Kind::Link]);
            let life = *dice.pick(&[None, Some(0), Some(60), Some(u64::MAX)]);
            let made = call(person, counts, "invite", |c| c.invite(kind, life, now, rng));
            known.invitations.extend(made.map(|made| made.id));
        }
        "cancel_invitation" => {
            call(person, counts, "cancel_invitation", |c| {
                c.cancel_invitation(invitation, now)
            });
        }
        "accept" => {
            let accepted = call(person, counts, "accept", |c| {
                c.accept(&uri, false, now, rng)
            });
            known.contacts.extend(accepted.map(|contact| contact.id));
        }
        "expect" => {
            let expected = Fingerprint([7; 32]);
            call(person, counts, "expect", |c| {
                c.expect(invitation, expected, now, rng)
            });
        }
        "confirm_sas" => {
            call(person, counts, "confirm_sas", |c| {
                c.confirm_sas(contact, now, rng)
            });
        }
        "reject_sas" => {
            // Mostly a contact that does not exist, so that others stay active.
            let contact = match dice.chance(20) {
                true => contact,
                false => ContactId([0; 8]),
            };
            call(person, counts, "reject_sas", |c| c.reject_sas(contact, now));
        }
        "remove_contact" => {
            let contact = match dice.chance(10) {
                true => contact,
                false => ContactId([0; 8]),
            };
            call(person, counts, "remove_contact", |c| {
                c.remove_contact(contact, now)
            });
        }
        "send" => {
            for _ in 0..3 {
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
        }
        "cancel" => {
            call(person, counts, "cancel", |c| c.cancel(message, now, rng));
        }
        "delete_message" => {
            call(person, counts, "delete_message", |c| {
                c.delete_message(message, now, rng)
            });
        }
        "mark_read" => {
            let until = *dice.pick(&[None, Some(message)]);
            call(person, counts, "mark_read", |c| {
                c.mark_read(contact, until, now)
            });
        }
        "rename" => {
            let name = *dice.pick(&["Lab West", "", "\u{202e}", "\u{3164}"]);
            call(person, counts, "rename", |c| c.rename(name, now));
        }
        "mark_filing" => {
            let id = *dice.pick(&["c-7", "", "a b"]);
            let update = match dice.below(3) {
                0 => FilingUpdate::Started,
                1 => FilingUpdate::Failed(ErrorCode::RecordRefused),
                _ => FilingUpdate::Filed {
                    id: id.into(),
                    version: None,
                    filed_as: MessageState::Sent,
                },
            };
            call(person, counts, "mark_filing", |c| {
                c.mark_filing(message, &update, now)
            });
        }
        "set_files_messages" => {
            let filed = dice.chance(80);
            call(person, counts, "set_files_messages", |c| {
                Ok(c.set_files_messages(filed, now))
            });
        }
        "set_draft" => {
            let names = [None, Some("a.pdf"), Some("a/b")];
            let file = Attachment {
                content_type: ContentType::new("application/pdf").unwrap(),
                filename: dice.pick(&names).map(str::to_owned),
                body: b"picked".as_slice().into(),
            };
            let draft = match dice.below(3) {
                0 => Draft::Text(b"draft"),
                1 => Draft::Session(b"visit-7421"),
                _ => Draft::Files(vec![file; *dice.pick(&[0, 1, 101])]),
            };
            call(person, counts, "set_draft", |c| {
                c.set_draft(contact, draft, now)
            });
        }
        "set_settings" => {
            let settings = Settings {
                grace_days: *dice.pick(&[0, 7, 29]),
                retention_days: 60,
            };
            call(person, counts, "set_settings", |c| {
                c.set_settings(settings, now)
            });
        }
        "set_receipt_delay" => {
            let minutes = *dice.pick(&[0, u32::MAX]);
            call(person, counts, "set_receipt_delay", |c| {
                c.set_receipt_delay(minutes).map(nothing_to_commit)
            });
        }
        "read_light" => {
            let queries = *dice.pick(&[None, Some(0), Some(17)]);
            call(person, counts, "read_light", |c| {
                c.read_light(queries).map(nothing_to_commit)
            });
        }
        "set_members" => {
            let members = vec!["https://member-1.example".to_owned()];
            let members = dice.pick(&[None, Some(members), Some(Vec::new())]).clone();
            call(person, counts, "set_members", |c| {
                c.set_members(members, None);
                Ok(nothing_to_commit(()))
            });
        }
        "configure" => {
            let info = dice
                .pick(&[relay.info(), "{}".into(), String::new()])
                .clone();
            call(person, counts, "configure", |c| c.configure(&info, now));
        }
        "relocate" => {
            call(person, counts, "relocate", |c| Ok(c.relocate(URL, now)));
        }
        "plan_pull" | "receive" => {
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
        "posted" => {
            let tokens: Vec<u64> = (0..4).map(|_| dice.below(300) as u64).collect();
            call(person, counts, "posted", |c| Ok(c.posted(&tokens, now)));
        }
        "seal_more" => {
            let pieces = Default::default();
            call(person, counts, "seal_more", |c| {
                Ok(c.seal_more(message, &pieces, now, rng))
            });
        }
        "reseal" => {
            call(person, counts, "reseal", |c| Ok(c.reseal(&[], right, rng)));
        }
        "settle" => {
            call(person, counts, "settle", |c| c.settle(now, rng));
        }
        "begin_emergency" => {
            let reason = *dice.pick(&["unconscious at admission", "", " "]);
            let minutes = *dice.pick(&[0, 30, u32::MAX]);
            call(person, counts, "begin_emergency", |c| {
                c.begin_emergency([9; 16], minutes, reason, now)
            });
        }
        "end_emergency" => {
            call(person, counts, "end_emergency", |c| {
                Ok(c.end_emergency([9; 16], now))
            });
        }
        "checkpoint" => {
            let export = *dice.pick(&[None, Some("csv")]);
            call(person, counts, "checkpoint", |c| {
                c.checkpoint(export, now, rng)
            });
        }
        "record" => {
            let by = UnlockedBy::Passkey;
            let events = [
                AuditEvent::UnlockFailed { count: 2 },
                AuditEvent::Unlocked { by },
            ];
            call(person, counts, "record", |c| Ok(c.record(events, now)));
        }
        "shred_expired_keys" => {
            call(person, counts, "shred_expired_keys", |c| {
                Ok(c.shred_expired_keys(right))
            });
        }
        "continue_from" => {
            let before = person.reopened().client;
            call(person, counts, "continue_from", |c| {
                c.continue_from(&before);
                Ok(nothing_to_commit(()))
            });
        }
        "tick" => {
            call(person, counts, "tick", |c| Ok(c.tick(right)));
            relay.close();
        }
        other => panic!("Client::{other} has no case here"),
    }
}

#[test]
fn a_refused_call_changes_neither_memory_nor_store() {
    let (methods, mut counts) = (methods(), Counts::new());
    let names: Vec<&String> = methods.keys().collect();
    assert!(names.len() > 20, "no methods in the sources");
    for seed in 0..6 {
        let mut relay = Relay::seeded(Dice::new(seed));
        let (mut a, mut b) = (Person::new("Lab"), Person::new("Rivera"));
        let (b_at_a, _) = enrol(&mut relay, &mut a, &mut b, Kind::Link);
        let now = relay.now();
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
            c.cancel(sent, now, &mut rng())
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
        for _ in 0..300 {
            let method = dice.pick(&names).as_str();
            step(
                method,
                &mut dice,
                &mut a,
                &mut known,
                &mut counts,
                &mut relay,
            );
        }
    }
    // A signature fails only with a defect.
    let never = ["checkpoint"];
    for (name, refuses) in &methods {
        let [refused, accepted] = counts.get(name.as_str()).copied().unwrap_or_default();
        assert!(accepted > 0, "{name} was never accepted");
        let refuses = *refuses && !never.contains(&name.as_str());
        assert_eq!(refused > 0, refuses, "{name}: {refused} refusals");
    }
}
