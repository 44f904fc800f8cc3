use super::*;
use crate::{
    base::{ErrorCode, UnixTime},
    envelope::ContentType,
};

const CONTACT: ContactId = ContactId([1; 8]);

fn at(ordinal: u32) -> MessageRef {
    MessageRef {
        contact: CONTACT,
        ordinal,
    }
}

fn outgoing(seq: u64, state: MessageState) -> Message {
    Message {
        outgoing: true,
        session: vec![u8::try_from(seq).unwrap(); 16],
        sent_at: 100 + seq,
        received_at: None,
        seq,
        content_type: "text/plain".into(),
        size: 3,
        text: Some((0, 3)),
        attachments: Vec::new(),
        state,
        cells_left: 2,
        read: true,
        filing: None,
    }
}

fn tx() -> Transaction {
    Transaction::new(UnixTime(1))
}

#[test]
fn a_body_is_refused_while_the_message_is_held_or_unknown() {
    let mut messages = Messages::default();
    assert_eq!(
        messages.body_keys(at(0)).unwrap_err(),
        ClientError::MessageUnknown
    );
    let held = Message {
        outgoing: false,
        ..outgoing(0, MessageState::Held)
    };
    messages.put(at(0), held, &mut tx());
    assert_eq!(
        messages.body_keys(at(0)).unwrap_err(),
        ClientError::ContactPending
    );
    let mut tx = tx();
    messages.advance(at(0), MessageState::Verified, &mut tx);
    assert_eq!(messages.body_keys(at(0)), Ok(vec![StoreKey::Body(at(0))]));
    assert!(matches!(tx.events[..], [Event::Message { .. }]));
}

#[test]
fn outcomes_in_any_order_and_repeated_lead_to_the_same_state() {
    use MessageState::{Cancelled, Delivered, Stopped, Undelivered};
    let mut unknown = tx();
    assert_eq!(
        Messages::default().advance(at(0), Delivered, &mut unknown),
        None
    );
    assert!(unknown.touched.is_empty());
    let outcomes = [Stopped, Cancelled, Undelivered, Delivered];
    for chosen in 1_usize..1 << outcomes.len() {
        let mut applied: Vec<_> = (0..outcomes.len())
            .filter(|i| chosen & 1 << i != 0)
            .map(|i| outcomes[i])
            .collect();
        let latest = applied.last().copied();
        for _ in 0..applied.len() {
            applied.rotate_left(1);
            for reversed in [false, true] {
                let mut order = applied.clone();
                if reversed {
                    order.reverse();
                }
                let mut messages = Messages::default();
                messages.put(at(0), outgoing(0, MessageState::Queued), &mut tx());
                for state in order.iter().chain(&order) {
                    messages.advance(at(0), *state, &mut tx());
                }
                assert_eq!(messages.get(at(0)).map(|held| held.state), latest);
            }
        }
    }
}

#[test]
fn a_message_is_stored_once_the_relay_has_all_its_cells() {
    let mut messages = Messages::default();
    messages.put(at(0), outgoing(0, MessageState::Queued), &mut tx());
    for (cells, state, events) in [
        (1, MessageState::Queued, 0),
        (1, MessageState::Sent, 1),
        (1, MessageState::Sent, 0),
    ] {
        let mut tx = tx();
        messages.cells_posted(at(0), cells, &mut tx);
        assert_eq!(messages.get(at(0)).unwrap().state, state);
        assert_eq!(tx.events.len(), events);
    }
    let mut tx = tx();
    messages.cells_posted(at(7), 1, &mut tx);
    assert!(tx.touched.is_empty(), "unknown");
}

#[test]
fn what_is_not_of_the_form_it_claims_is_malformed() {
    let malformed = |content_type: &str, body: &[u8]| {
        let content_type = ContentType::new(content_type).unwrap();
        let (text, attachments) = parts(&content_type, &body.into());
        let message = Message {
            text,
            attachments,
            content_type: content_type.as_str().to_owned(),
            ..outgoing(0, MessageState::Verified)
        };
        let view = MessageView::new(at(0), &message);
        assert!(view.text_at.is_some() || view.attachments.len() == 1);
        view.problem == Some("malformed")
    };
    for (content_type, body) in [
        (ContentType::MESSAGE, &b"not CBOR"[..]),
        (ContentType::MESSAGE, b""),
        (ContentType::MESSAGE, b"\x82\xf6\x80"),
        (ContentType::PLAIN_TEXT, b"caf\xe9"),
    ] {
        assert!(malformed(content_type, body), "{content_type} {body:x?}");
    }
    for (content_type, body) in [
        (ContentType::MESSAGE, &b"\x82\xf6\x81\x83\x61t\xf6\x40"[..]),
        (ContentType::MESSAGE, b"\x82\x61a\x80"),
        (ContentType::PLAIN_TEXT, b""),
        ("application/pdf", b"%PDF"),
        ("text/plain;charset=iso-8859-1", b"caf\xe9"),
    ] {
        assert!(!malformed(content_type, body), "{content_type} {body:x?}");
    }
}

#[test]
fn only_what_is_under_way_can_be_undelivered() {
    let mut messages = Messages::default();
    for (ordinal, state) in (0..).zip([
        MessageState::Queued,
        MessageState::Sent,
        MessageState::Delivered,
        MessageState::Cancelled,
    ]) {
        messages.put(at(ordinal), outgoing(0, state), &mut tx());
    }
    assert_eq!(messages.unacknowledged_before(100), []);
    assert_eq!(messages.unacknowledged_before(101), [at(0), at(1)]);
}

#[test]
fn read_marks_give_the_same_in_any_order_and_repeated() {
    let incoming = |state| Message {
        outgoing: false,
        read: false,
        ..outgoing(0, state)
    };
    for order in [[1, 2], [2, 1]] {
        let mut messages = Messages::default();
        for (ordinal, state) in (0..).zip([
            MessageState::Verified,
            MessageState::Held,
            MessageState::Verified,
            MessageState::Verified,
        ]) {
            messages.put(at(ordinal), incoming(state), &mut tx());
        }
        let other = ContactId([2; 8]);
        messages.mark_read(other, None, &mut tx());
        for ordinal in order.into_iter().chain(order) {
            messages.mark_read(CONTACT, Some(at(ordinal)), &mut tx());
        }
        let read: Vec<_> = messages.iter().map(|(_, held)| held.read).collect();
        assert_eq!(read, [true, false, true, false]);
        let mut again = tx();
        messages.mark_read(CONTACT, Some(at(2)), &mut again);
        assert!(again.touched.is_empty());
    }
}

#[test]
fn removing_a_contact_deletes_its_records_and_no_others() {
    let mut messages = Messages::default();
    let other = MessageRef {
        contact: ContactId([2; 8]),
        ordinal: 0,
    };
    messages.put(at(0), outgoing(0, MessageState::Queued), &mut tx());
    messages.put(other, outgoing(0, MessageState::Queued), &mut tx());
    let mut tx = tx();
    messages.remove_contact(CONTACT, &mut tx);
    assert!(messages.get(at(0)).is_none() && messages.get(other).is_some());
    let changes = tx.changes;
    let keys: Vec<_> = changes.keys().copied().collect();
    assert_eq!(
        keys,
        [
            StoreKey::Body(at(0)),
            StoreKey::Draft(CONTACT),
            StoreKey::DraftFiles(CONTACT),
            StoreKey::DraftSession(CONTACT)
        ]
    );
    assert!(changes.values().all(Option::is_none));
}

#[test]
fn only_what_is_to_be_filed_and_is_not_counts_as_unfiled() {
    let other = MessageRef {
        contact: ContactId([0xff; 8]),
        ordinal: u32::MAX,
    };
    let mut messages = Messages::default();
    let count = |messages: &Messages, scope| messages.unfiled(scope).count();
    messages.put(at(0), outgoing(0, MessageState::Sent), &mut tx());
    messages.put(other, outgoing(1, MessageState::Sent), &mut tx());
    assert_eq!(count(&messages, FilingScope::All), 0, "nothing is filed");
    messages.set_filed(true, &mut tx());
    assert_eq!(count(&messages, FilingScope::All), 2);
    assert_eq!(count(&messages, FilingScope::Contact(CONTACT)), 1);
    assert_eq!(count(&messages, FilingScope::Message(other)), 1);
    assert_eq!(count(&messages, FilingScope::Message(at(9))), 0);
    let filed = |filed_as| FilingUpdate::Filed {
        id: "c-7".into(),
        version: None,
        filed_as,
    };
    for (update, unfiled) in [
        (FilingUpdate::Started, 1),
        (FilingUpdate::Failed(ErrorCode::RecordRefused), 1),
        (filed(MessageState::Cancelled), 1),
        (filed(MessageState::Queued), 0),
    ] {
        let held = messages.get(at(0)).unwrap();
        let filing = FilingRecord::after(held.filing.as_ref(), &update, held.state, UnixTime(5));
        messages.set_filing(at(0), filing, &mut tx());
        assert_eq!(
            count(&messages, FilingScope::Message(at(0))),
            unfiled,
            "{update:?}"
        );
    }
    messages.advance(at(0), MessageState::Undelivered, &mut tx());
    assert_eq!(count(&messages, FilingScope::Message(at(0))), 1, "outdated");
}
