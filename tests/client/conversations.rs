//! What should work.

use crate::stage::*;
use tessera::{
    base::UnixTime,
    client::{ClientError, Event, Outgoing, StoreKey},
    enrolment::Kind,
    wire::BucketId,
};

#[test]
fn two_people_meet_and_talk_both_ways() {
    for kind in [Kind::Quick, Kind::Ordinary] {
        let mut relay = Relay::new();
        let (mut a, mut b) = (Person::new("Dr. Rivera"), Person::new("Ana Gómez"));
        let (b_at_a, a_at_b) = enrol(&mut relay, &mut a, &mut b, kind);
        let now = UnixTime(relay.epoch * EPOCH + 60);
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
fn an_offer_that_was_read_before_its_invitation_was_accepted_is_found() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("Dr. Rivera"), Person::new("Ana Gómez"));
    // Their first enrolment leaves opened cells in the lobby, which are then read once more.
    enrol(&mut relay, &mut a, &mut b, Kind::Quick);
    let mut c = Person::new("Northside Lab");
    round(&mut relay, &mut [&mut a, &mut b, &mut c]);
    let now = UnixTime(relay.epoch * EPOCH + 60);
    let effects = c
        .client
        .invite(Kind::Quick, Some(86_400), now, &mut rng())
        .unwrap();
    let invitation = c.commit(effects);
    for _ in 0..3 {
        round(&mut relay, &mut [&mut a, &mut b, &mut c]);
    }
    let now = UnixTime(relay.epoch * EPOCH + 60);
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
            .invite(Kind::Quick, Some(86_400), NOW, &mut rng())
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
fn a_long_message_arrives_whole_from_any_order_and_across_restarts() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("Lab"), Person::new("Dr. Rivera"));
    let (b_at_a, _) = enrol(&mut relay, &mut a, &mut b, Kind::Ordinary);
    let now = UnixTime(relay.epoch * EPOCH + 60);
    let body: Vec<u8> = (0..200_000_u32).map(|i| i.to_le_bytes()[1]).collect();
    let outgoing = Outgoing {
        content_type: "application/pdf",
        body: body.as_slice().into(),
        filename: Some("x.pdf"),
        session: "",
    };
    let effects = a.client.send(b_at_a, outgoing, now, &mut rng()).unwrap();
    a.commit(effects);
    // Half of the cells in one epoch, half in the next.
    a.seal_wanted(now);
    let first = a.client.next_flush(now, &mut rng()).unwrap().unwrap();
    relay.post(&first.body);
    let effects = a.client.posted(&first.tokens, NOW);
    a.commit(effects);
    relay.close();
    let received = round(&mut relay, &mut [&mut b, &mut a]);
    assert!(received[0].messages.is_empty());
    let received = round(&mut relay, &mut [&mut b, &mut a]);
    let message = &received[0].messages[0];
    assert_eq!(
        (message.size as usize, message.filename.as_deref()),
        (body.len(), Some("x.pdf"))
    );
    let key = StoreKey::Body(message.id).to_string();
    assert_eq!(b.store[&key].as_slice(), body);
    assert!(
        b.store.keys().all(|key| !key.starts_with("s/f/")),
        "no fragment is left behind"
    );
}

#[test]
fn content_waits_until_the_contact_is_checked() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("A"), Person::new("B"));
    round(&mut relay, &mut [&mut a, &mut b]);
    let now = UnixTime(relay.epoch * EPOCH + 60);
    let effects = a
        .client
        .invite(Kind::Ordinary, None, now, &mut rng())
        .unwrap();
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
    let now = UnixTime(relay.epoch * EPOCH + 60);
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
    let now = UnixTime(relay.epoch * EPOCH + 60);
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
