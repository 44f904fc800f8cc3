//! Filing in the health record: what came of it is kept with the message, and
//! nothing unfiled is lost without being asked.

use tessera::{
    base::{ErrorCode, UnixTime},
    client::{
        ClientError, ContactId, Event, FilingScope, FilingUpdate, FilingView, MessageRef,
        MessageState,
    },
    enrolment::Kind,
};

use crate::stage::*;

fn filed(filed_as: MessageState) -> FilingUpdate {
    FilingUpdate::Filed {
        id: "c-7.A".into(),
        version: Some("1".into()),
        filed_as,
    }
}

fn failed() -> FilingUpdate {
    FilingUpdate::Failed(ErrorCode::RecordRefused)
}

/// Marks a message, and restarts: what is shown after it was stored.
fn mark(person: &mut Person, message: MessageRef, update: &FilingUpdate, now: UnixTime) {
    let effects = person.client.mark_filing(message, update, now).unwrap();
    assert!(
        effects
            .events
            .iter()
            .any(|event| matches!(event, Event::Filing { message: shown } if shown.id == message))
    );
    person.commit(effects);
    person.assert_memory_is_stored();
    person.restart();
}

fn filing(person: &Person, message: MessageRef) -> FilingView {
    let messages = person.client.messages(message.contact, None, 99).unwrap();
    let found = messages.into_iter().find(|view| view.id == message);
    found.unwrap().filing
}

fn logged(person: &mut Person) -> Vec<(String, Option<String>)> {
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let log = person.log();
    let entries = log.iter().filter(|entry| {
        let event = entry["event"].as_str().unwrap();
        event == "filed" || event == "filingFailed"
    });
    entries
        .map(|entry| (text(&entry["event"]).unwrap(), text(&entry["code"])))
        .collect()
}

/// Two people of whom the first files, and a message in each direction: in
/// and out as the first has them.
struct Scene {
    relay: Relay,
    a: Person,
    b: Person,
    contact: ContactId,
    incoming: MessageRef,
    outgoing: MessageRef,
    now: UnixTime,
}

fn scene() -> Scene {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("Rivera"), Person::new("Ana"));
    let (contact, a_at_b) = enrol(&mut relay, &mut a, &mut b, Kind::Link);
    let now = relay.now();
    let effects = a.client.set_files_messages(true, now);
    a.commit(effects);
    b.send(a_at_b, "since yesterday", now).unwrap();
    b.post(&mut relay);
    relay.close();
    let now = relay.now();
    let incoming = a.pull(&relay, now).messages[0].id;
    let outgoing = a.send(contact, "take half", now).unwrap();
    Scene {
        relay,
        a,
        b,
        contact,
        incoming,
        outgoing,
        now,
    }
}

#[test]
fn the_state_of_filing_is_kept_logged_and_counted() {
    let Scene {
        mut a,
        contact,
        incoming,
        outgoing,
        now,
        ..
    } = scene();
    let state = |a: &Person, message| filing(a, message).state;
    assert_eq!(state(&a, incoming), "unfiled");
    assert_eq!(a.client.count_unfiled(FilingScope::Contact(contact)), 2);
    mark(&mut a, incoming, &FilingUpdate::Started, now);
    assert_eq!(state(&a, incoming), "filing");
    mark(&mut a, incoming, &failed(), now);
    let view = filing(&a, incoming);
    assert_eq!(
        (view.state, view.code.as_deref(), view.outdated),
        ("failed", Some("RECORD_REFUSED"), false)
    );
    assert_eq!(
        a.client.count_unfiled(FilingScope::All),
        2,
        "a failure is not filed"
    );
    mark(&mut a, incoming, &FilingUpdate::Started, now);
    mark(&mut a, incoming, &filed(MessageState::Verified), now);
    let view = filing(&a, incoming);
    assert_eq!(
        (view.state, view.id.as_deref(), view.version.as_deref()),
        ("filed", Some("c-7.A"), Some("1"))
    );
    assert_eq!((view.code, view.since), (None, Some(now.0)));
    let exported = a.client.checkpoint(Some("csv"), now, &mut rng()).unwrap();
    a.commit(exported);
    assert_eq!(a.log().last().unwrap()["unfiled"], 1);
    let left = a.client.unfiled(9);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].id, outgoing);
    let code = |code: &str| Some(code.to_owned());
    assert_eq!(
        logged(&mut a),
        [
            ("filingFailed".to_owned(), code("RECORD_REFUSED")),
            ("filed".to_owned(), None)
        ]
    );
}

#[test]
fn an_outgoing_message_is_filed_again_when_its_outcome_changes() {
    let Scene {
        mut relay,
        mut a,
        mut b,
        outgoing,
        incoming,
        now,
        ..
    } = scene();
    mark(&mut a, incoming, &filed(MessageState::Verified), now);
    mark(&mut a, outgoing, &filed(MessageState::Queued), now);
    a.post(&mut relay);
    relay.close();
    assert_eq!(
        a.client.count_unfiled(FilingScope::All),
        0,
        "both states are in progress"
    );
    for _ in 0..3 {
        round(&mut relay, &mut [&mut b, &mut a]);
    }
    let view = filing(&a, outgoing);
    assert_eq!((view.state, view.outdated), ("filed", true));
    assert_eq!(a.client.count_unfiled(FilingScope::All), 1);
    // The host filed what it had read before the receipt came.
    let now = relay.now();
    mark(&mut a, outgoing, &filed(MessageState::Sent), now);
    assert!(filing(&a, outgoing).outdated);
    mark(&mut a, outgoing, &failed(), now);
    let view = filing(&a, outgoing);
    assert_eq!(
        (view.state, view.id.as_deref(), view.outdated),
        ("failed", Some("c-7.A"), true),
        "the record still has the earlier state"
    );
    mark(&mut a, outgoing, &filed(MessageState::Delivered), now);
    assert!(!filing(&a, outgoing).outdated);
    assert_eq!(a.client.count_unfiled(FilingScope::All), 0);
}

#[test]
fn nothing_unfiled_is_deleted_unasked() {
    let Scene {
        mut a,
        contact,
        incoming,
        outgoing,
        now,
        ..
    } = scene();
    assert_eq!(
        a.client.require_filed(FilingScope::Contact(contact)),
        Err(ClientError::Unfiled(2))
    );
    assert_eq!(
        a.client.require_filed(FilingScope::All),
        Err(ClientError::Unfiled(2))
    );
    assert_eq!(
        a.client
            .require_filed(FilingScope::Contact(ContactId([0; 8]))),
        Ok(())
    );
    assert_eq!(
        a.client.require_filed(FilingScope::Message(incoming)),
        Err(ClientError::Unfiled(1))
    );
    // Nobody saw what was withdrawn before it left.
    let cancelled = a.client.cancel(outgoing, now, &mut rng()).unwrap();
    a.commit(cancelled);
    assert_eq!(
        a.client.require_filed(FilingScope::Message(outgoing)),
        Ok(())
    );
    mark(&mut a, incoming, &filed(MessageState::Verified), now);
    assert_eq!(a.client.require_filed(FilingScope::All), Ok(()));

    let effects = a.client.set_files_messages(false, now);
    a.commit(effects);
    a.restart();
    assert!(!a.client.files_messages());
    let refused = a.client.mark_filing(incoming, &failed(), now);
    assert!(matches!(refused, Err(ClientError::InvalidArgument(_))));
}

#[test]
fn what_cannot_be_filed_is_refused() {
    let Scene {
        mut a,
        contact,
        incoming,
        now,
        ..
    } = scene();
    let unknown = MessageRef {
        contact,
        ordinal: 99,
    };
    let refused = a.client.mark_filing(unknown, &failed(), now).unwrap_err();
    assert_eq!(refused, ClientError::MessageUnknown);
    for id in ["", "a/b", "Ana Gómez", &"1".repeat(65)] {
        for (id, version) in [(id, None), ("1", Some(id.to_owned()))] {
            let update = FilingUpdate::Filed {
                id: id.to_owned(),
                version,
                filed_as: MessageState::Verified,
            };
            let refused = a.client.mark_filing(incoming, &update, now);
            assert!(matches!(refused, Err(ClientError::InvalidArgument(_))));
        }
    }
    assert_eq!(filing(&a, incoming).state, "unfiled");

    let mut relay = Relay::new();
    let (mut c, mut d) = (Person::new("C"), Person::new("D"));
    let now = relay.now();
    let effects = c.client.set_files_messages(true, now);
    c.commit(effects);
    let (_, held) = hold_a_message(&mut relay, &mut c, &mut d);
    let refused = c.client.mark_filing(held, &failed(), now).unwrap_err();
    assert_eq!(refused, ClientError::ContactPending);
    assert_eq!(
        c.client.count_unfiled(FilingScope::All),
        0,
        "nobody has seen it"
    );
}
