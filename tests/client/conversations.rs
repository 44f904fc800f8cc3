//! What should work.

use crate::stage::*;
use tessera::{
    base::ErrorCode,
    client::{Client, ClientError, Event, Outgoing, StoreKey},
    enrolment::Kind,
    envelope::{ContentType, message::Attachment},
    wire::BucketId,
};

#[test]
fn two_people_enrol_and_exchange_messages() {
    for kind in [Kind::Qr, Kind::Link] {
        let mut relay = Relay::new();
        let (mut a, mut b) = (Person::new("Dr. Rivera"), Person::new("Ana Gómez"));
        let (b_at_a, a_at_b) = enrol(&mut relay, &mut a, &mut b, kind);
        let now = relay.now();
        let id = a
            .send(
                b_at_a,
                "Continue metformin 500mg BID; recheck HbA1c in 3 months.",
                now,
            )
            .unwrap();
        let back = b.send(a_at_b, "Gracias, doctora.", now).unwrap();
        assert_eq!(a.state(id), "queued");
        round(&mut relay, &mut [&mut a, &mut b]);
        assert_eq!(a.state(id), "sent");
        let received = round(&mut relay, &mut [&mut a, &mut b]);
        let message = &received[1].messages[0];
        assert_eq!(
            message.text.as_deref(),
            Some("Continue metformin 500mg BID; recheck HbA1c in 3 months.")
        );
        assert_eq!(
            (message.state, message.session.as_deref()),
            ("verified", Some("visit-7421"))
        );
        assert_eq!(
            received[0].messages[0].text.as_deref(),
            Some("Gracias, doctora.")
        );
        round(&mut relay, &mut [&mut a, &mut b]);
        assert_eq!((a.state(id), b.state(back)), ("delivered", "delivered"));
        assert!(
            b.events
                .iter()
                .all(|e| !matches!(e, Event::Rejected(_) | Event::Gap(_)))
        );
    }
}

#[test]
fn an_offer_read_before_its_invitation_was_accepted_is_found() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("Dr. Rivera"), Person::new("Ana Gómez"));
    // Their first enrolment leaves opened cells in the lobby, which are then read once more.
    enrol(&mut relay, &mut a, &mut b, Kind::Qr);
    let mut c = Person::new("Northside Lab");
    round(&mut relay, &mut [&mut a, &mut b, &mut c]);
    let now = relay.now();
    let effects = c
        .client
        .invite(Kind::Qr, Some(86_400), now, &mut rng())
        .unwrap();
    let invitation = c.commit(effects);
    for _ in 0..3 {
        round(&mut relay, &mut [&mut a, &mut b, &mut c]);
    }
    let now = relay.now();
    let effects = b
        .client
        .accept(&invitation.uri, false, now, &mut rng())
        .unwrap();
    let contact = b.commit(effects).id;
    for _ in 0..4 {
        round(&mut relay, &mut [&mut a, &mut b, &mut c]);
    }
    let at_b = b
        .client
        .contacts()
        .into_iter()
        .find(|one| one.id == contact)
        .unwrap();
    assert_eq!(
        (at_b.name.as_str(), at_b.sas.is_some()),
        ("Northside Lab", true)
    );
    assert_eq!(at_b.sas, c.contact().sas);
    assert!(
        b.events
            .iter()
            .all(|e| !matches!(e, Event::Rejected(_) | Event::Gap(_)))
    );
}

#[test]
fn a_post_holds_at_most_four_cells_for_the_lobby() {
    let (mut relay, mut a) = (Relay::new(), Person::new("Dr. Rivera"));
    a.pull(&relay, NOW);
    for _ in 0..5 {
        let effects = a
            .client
            .invite(Kind::Qr, Some(86_400), NOW, &mut rng())
            .unwrap();
        a.commit(effects);
    }
    let queued = a.client.queued();
    assert!(queued > 4, "{queued}");
    // The relay takes no post with more.
    a.post(&mut relay);
    assert_eq!(a.client.queued(), 0);
    assert_eq!(relay.pending[&BucketId::LOBBY.get()].len(), queued);
}

#[test]
fn a_long_message_is_reassembled_in_any_order_and_across_restarts() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("Lab"), Person::new("Dr. Rivera"));
    let (b_at_a, _) = enrol(&mut relay, &mut a, &mut b, Kind::Link);
    let now = relay.now();
    let body: Vec<u8> = (0..200_000_u32).map(|i| i.to_le_bytes()[1]).collect();
    let outgoing = Outgoing {
        text: None,
        attachments: vec![Attachment {
            content_type: ContentType::new("application/pdf").unwrap(),
            filename: Some("x.pdf".into()),
            body: body.as_slice().into(),
        }],
        session: "",
    };
    let effects = a.client.send(b_at_a, outgoing, now, &mut rng()).unwrap();
    a.commit(effects);
    // Half of the cells in one epoch, half in the next.
    for _ in 0..50 {
        a.post_slot(&mut relay, now);
    }
    relay.close();
    let received = round(&mut relay, &mut [&mut b, &mut a]);
    assert!(received[0].messages.is_empty());
    let received = round(&mut relay, &mut [&mut b, &mut a]);
    let message = &received[0].messages[0];
    let [file] = message.attachments.as_slice() else {
        panic!("one attachment");
    };
    assert_eq!(
        (file.size as usize, file.filename.as_deref()),
        (body.len(), Some("x.pdf"))
    );
    assert_eq!((message.text.as_deref(), message.read), (None, false));
    let key = StoreKey::Body(message.id).to_string();
    assert_eq!(b.store[&key][file.offset as usize..], body);
    assert!(
        b.store.keys().all(|key| !key.starts_with("s/f/")),
        "no fragment is left behind"
    );
}

#[test]
fn text_and_attachments_travel_as_one_message() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("Lab"), Person::new("Dr. Rivera"));
    let (b_at_a, _) = enrol(&mut relay, &mut a, &mut b, Kind::Link);
    let now = relay.now();
    let file = |name: Option<&str>, body: &[u8]| Attachment {
        content_type: ContentType::new("text/csv").unwrap(),
        filename: name.map(str::to_owned),
        body: body.into(),
    };
    let send = |client: &mut Client, text, attachments| {
        let outgoing = Outgoing {
            text,
            attachments,
            session: "visit-7421",
        };
        client.send(b_at_a, outgoing, now, &mut rng())
    };
    for (text, name) in [
        (None, None),
        (Some("x"), Some("../x")),
        (None, Some("\u{202e}x")),
    ] {
        let attachments = name.map(|name| file(Some(name), b"")).into_iter().collect();
        let refused = send(&mut a.client, text, attachments).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::InvalidArgument, "{name:?}");
    }
    let attachments = vec![
        file(Some("血液検査結果報告書二月.csv"), b"a;b"),
        file(None, b""),
    ];
    let effects = send(&mut a.client, Some("See both."), attachments).unwrap();
    let sent = a.commit(effects);
    assert_eq!((sent.text.as_deref(), sent.read), (Some("See both."), true));
    let received = round(&mut relay, &mut [&mut b, &mut a]);
    assert!(received[0].messages.is_empty());
    let received = round(&mut relay, &mut [&mut b]);
    let message = &received[0].messages[0];
    assert_eq!(message.text.as_deref(), Some("See both."));
    let [first, second] = message.attachments.as_slice() else {
        panic!("two attachments");
    };
    assert_eq!(first.content_type, "text/csv");
    assert_eq!(
        first.filename.as_deref(),
        Some("血液検査結果報告書二月.csv")
    );
    assert_eq!(
        (first.size, second.size, second.filename.as_deref()),
        (3, 0, None)
    );
    let effects = b
        .client
        .mark_read(message.contact_id, Some(message.id), now)
        .unwrap();
    b.commit(effects);
    b.restart();
    assert!(b.client.messages(message.contact_id, None, 1).unwrap()[0].read);
    let body = &b.store[&StoreKey::Body(message.id).to_string()];
    let at = first.offset as usize;
    assert_eq!(&body[at..at + 3], b"a;b");
}

#[test]
fn an_open_invitation_is_given_again_until_it_is_answered_or_expires() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("A"), Person::new("B"));
    round(&mut relay, &mut [&mut a, &mut b]);
    let now = relay.now();
    let made = [Kind::Qr, Kind::Link].map(|kind| {
        let effects = a.client.invite(kind, Some(3_600), now, &mut rng());
        a.commit(effects.unwrap())
    });
    let ids = |client: &Client, at| {
        let open = client.open_invitations(at).into_iter();
        open.map(|open| (open.id, open.kind, open.uri, open.expects_identity))
            .collect::<std::collections::BTreeSet<_>>()
    };
    let expected = made.iter().map(|made| {
        let kind = made.kind;
        (made.id, kind, made.uri.clone(), false)
    });
    assert_eq!(ids(&a.client, now), expected.collect());
    a.restart();
    assert_eq!(ids(&a.client, now.plus(3_600)).len(), 2, "after a restart");
    assert!(ids(&a.client, now.plus(3_601)).is_empty(), "expired");

    let [_, link] = &made;
    let answered = b.client.accept(&link.uri, false, now, &mut rng());
    b.commit(answered.unwrap());
    assert!(b.client.open_invitations(now).is_empty(), "not their own");
    let fingerprint = b.client.public().fingerprint();
    let effects = a.client.expect(link.id, fingerprint, now, &mut rng());
    a.commit(effects.unwrap());
    assert!(ids(&a.client, now).iter().any(|open| open.3));
    while ids(&a.client, now).len() == 2 {
        round(&mut relay, &mut [&mut a, &mut b]);
    }
    assert!(ids(&a.client, now).iter().all(|open| open.1 == "qr"));
}

#[test]
fn messages_are_held_until_the_contact_is_verified() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("A"), Person::new("B"));
    round(&mut relay, &mut [&mut a, &mut b]);
    let now = relay.now();
    let effects = a.client.invite(Kind::Link, None, now, &mut rng()).unwrap();
    let invitation = a.commit(effects);
    let effects = b
        .client
        .accept(&invitation.uri, false, now, &mut rng())
        .unwrap();
    let a_at_b = b.commit(effects).id;
    let effects = a
        .client
        .expect(
            invitation.id,
            b.client.public().fingerprint(),
            now,
            &mut rng(),
        )
        .unwrap();
    a.commit(effects);
    for _ in 0..4 {
        round(&mut relay, &mut [&mut a, &mut b]);
    }
    let b_at_a = a.contact();
    assert_eq!(
        (b_at_a.state, b_at_a.verified),
        ("active", Some("expected"))
    );
    assert_eq!(
        b.send(a_at_b, "too early", now),
        Err(ClientError::ContactPending)
    );
    let now = relay.now();
    let id = a.send(b_at_a.id, "held until checked", now).unwrap();
    round(&mut relay, &mut [&mut a, &mut b]);
    let received = round(&mut relay, &mut [&mut a, &mut b]);
    assert_eq!(
        (
            received[1].messages[0].state,
            received[1].messages[0].text.as_deref()
        ),
        ("held", None)
    );
    let now = relay.now();
    let effects = b.client.confirm_sas(a_at_b, now, &mut rng()).unwrap();
    assert!(
        effects
            .events
            .iter()
            .any(|e| matches!(e, Event::Message { message } if message.state == "verified"))
    );
    b.commit(effects);
    assert_eq!(a.state(id), "sent", "no receipt for what nobody could read");
    round(&mut relay, &mut [&mut a, &mut b]);
    round(&mut relay, &mut [&mut a, &mut b]);
    assert_eq!(a.state(id), "delivered");
}
