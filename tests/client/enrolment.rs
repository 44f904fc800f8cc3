//! Enrolment by link: the acceptor offers, the inviter responds. Protocol §7.

use crate::stage::*;
use tessera::{
    base::{ErrorCode, Secret, UnixTime},
    channel::Direction,
    client::{ClientError, Mailbox, MessageRef},
    crypto::{cbor::Deterministic as _, kdf},
    enrolment::{
        Binding, EnrolmentError, Invitation, InvitationSecret, Kind, Name, Offer, Rendezvous,
        first_month, respond,
    },
    envelope::{Body, Sealing, open, seal, split},
    identity::{Identity, PublicIdentity},
    vault::stored::{self, SelfRecord},
    wire::Cell,
};

struct Scene {
    relay: Relay,
    inviter: Person,
    acceptor: Person,
    uri: String,
    invitation: Invitation,
}

/// A link of the inviter, which the acceptor has not opened.
fn scene() -> Scene {
    let mut relay = Relay::new();
    let (mut inviter, mut acceptor) = (Person::new("Dr. Rivera"), Person::new("Ana Gómez"));
    round(&mut relay, &mut [&mut inviter, &mut acceptor]);
    let now = relay.now();
    let made = inviter.client.invite(Kind::Link, None, now, &mut rng());
    let uri = inviter.commit(made.unwrap()).uri;
    let invitation = Invitation::parse(&uri).unwrap();
    Scene {
        relay,
        inviter,
        acceptor,
        uri,
        invitation,
    }
}

fn accept(person: &mut Person, uri: &str, now: UnixTime) {
    let accepted = person.client.accept(uri, false, now, &mut rng());
    person.commit(accepted.unwrap());
}

fn code(person: &Person) -> Vec<String> {
    let rejected = person.log().into_iter();
    let rejected = rejected.filter(|entry| entry["event"] == "rejected");
    rejected
        .map(|entry| entry["code"].as_str().unwrap().to_owned())
        .collect()
}

/// Rendezvous cells as somebody who has the link seals them.
fn sealed(
    secret: &InvitationSecret,
    recipient: Option<&PublicIdentity>,
    direction: Direction,
    bytes: &[u8],
    relay: &Relay,
) -> Vec<Cell> {
    let rendezvous = Rendezvous::new(secret);
    let sealing = Sealing {
        recipient: recipient.map_or(rendezvous.kem.public(), PublicIdentity::kem),
        psk: &rendezvous.psk,
        size: relay.size,
    };
    let key = rendezvous.tag_key(direction);
    let bodies = split(bytes, relay.size, &mut rng()).unwrap();
    let cells = (20..).zip(&bodies).map(|(counter, body)| {
        seal(
            &sealing,
            key.tag(Rendezvous::slot(counter)),
            body,
            &mut rng(),
        )
        .unwrap()
    });
    cells.collect()
}

fn put(relay: &mut Relay, person: &Person, cells: Vec<Cell>) {
    let bucket = bucket_of(&person.client, Mailbox::Own);
    for cell in cells {
        relay.put(bucket, cell);
    }
}

#[test]
fn a_link_names_nobody_and_only_its_inviter_can_open_the_offer() {
    let Scene {
        mut relay,
        inviter,
        mut acceptor,
        uri,
        invitation,
    } = scene();
    assert!(uri.len() < 300, "{}", uri.len());
    let now = relay.now();
    accept(&mut acceptor, &uri, now);
    acceptor.post(&mut relay);
    let rendezvous = Rendezvous::new(&invitation.secret);
    let key = rendezvous.tag_key(Direction::FromAcceptor);
    let cells: Vec<&Cell> = relay.pending.values().flatten().collect();
    let offer = cells
        .iter()
        .find(|cell| cell.tag() == key.tag(Rendezvous::slot(0)));
    let offer = offer.expect("the offer leaves with the first slot");
    assert!(open(&rendezvous.kem, &rendezvous.psk, offer).is_err());
    let lobby = relay.pending.get(&tessera::wire::BucketId::LOBBY.get());
    assert!(lobby.is_none_or(Vec::is_empty), "nothing goes to the lobby");
    assert_eq!(
        invitation.binding,
        Binding::Inviter(*inviter.client.public())
    );
}

#[test]
fn a_response_of_another_identity_is_refused_and_the_right_one_is_taken_later() {
    let Scene {
        mut relay,
        mut inviter,
        mut acceptor,
        uri,
        invitation,
    } = scene();
    accept(&mut acceptor, &uri, relay.now());
    acceptor.post(&mut relay);
    // The worst case: somebody who has the link and a copy of the inviter's
    // store can open the offer, but proves another identity.
    let stored: SelfRecord = stored::decode(&inviter.store["s/self"]).unwrap();
    let identity = Identity::from_secret(Secret::from_slice(&stored.secret).unwrap()).unwrap();
    let rendezvous = Rendezvous::new(&invitation.secret);
    let tag = rendezvous
        .tag_key(Direction::FromAcceptor)
        .tag(Rendezvous::slot(0));
    let mut cells = relay.pending.values().flatten();
    let cell = cells.find(|cell| cell.tag() == tag).unwrap();
    let Ok(Body::Whole(offer)) = open(identity.kem(), &rendezvous.psk, cell) else {
        panic!("the inviter can open the offer");
    };
    let (mallory, name) = (
        Identity::generate(&mut rng()),
        Name::new("Dr. Rivera").unwrap(),
    );
    let hash = kdf::sha256(&offer);
    let month = first_month(relay.now());
    let me = (&mallory, &name);
    let (response, _) = respond(&invitation.secret, &hash, &offer, me, month, &mut rng()).unwrap();
    let direction = Direction::FromInviter;
    let forged = sealed(
        &invitation.secret,
        None,
        direction,
        &response.encode(),
        &relay,
    );
    put(&mut relay, &acceptor, forged);
    let garbage = sealed(&invitation.secret, None, direction, b"garbage", &relay);
    put(&mut relay, &acceptor, garbage);
    relay.close();
    acceptor.pull(&relay, relay.now());
    let mut refused = code(&acceptor);
    refused.sort();
    assert_eq!(refused, ["NOT_AUTHENTIC", "UNEXPECTED_IDENTITY"]);
    assert_eq!(acceptor.contact().state, "pending");
    assert_eq!(acceptor.contact().sas, None);
    for _ in 0..4 {
        round(&mut relay, &mut [&mut inviter, &mut acceptor]);
    }
    assert!(acceptor.contact().sas.is_some());
    assert_eq!(acceptor.contact().sas, inviter.contact().sas);
}

#[test]
fn an_offer_with_a_copied_identity_does_not_make_an_expected_contact_active() {
    let Scene {
        mut relay,
        mut inviter,
        acceptor,
        invitation,
        ..
    } = scene();
    let now = relay.now();
    let id = tessera::client::InvitationId::parse(
        inviter
            .store
            .keys()
            .find_map(|key| key.strip_prefix("s/i/"))
            .unwrap(),
    );
    let expected = acceptor.client.public().fingerprint();
    let effects = inviter
        .client
        .expect(id.unwrap(), expected, now, &mut rng());
    inviter.commit(effects.unwrap());
    let name = Name::new("Ana Gómez").unwrap();
    let (offer, _) = Offer::create(acceptor.client.public(), &name, &mut rng());
    let to = *inviter.client.public();
    let secret = &invitation.secret;
    let direction = Direction::FromAcceptor;
    let forged = sealed(secret, Some(&to), direction, &offer.encode(), &relay);
    put(&mut relay, &inviter, forged);
    for _ in 0..3 {
        round(&mut relay, &mut [&mut inviter]);
    }
    let contact = inviter.contact();
    assert_eq!((contact.state, contact.verified), ("pending", None));
    let refused = inviter.send(contact.id, "x", relay.now());
    assert_eq!(refused, Err(ClientError::ContactPending));
}

#[test]
fn an_acceptor_who_is_away_until_after_the_expiry_takes_the_response() {
    let Scene {
        mut relay,
        mut inviter,
        mut acceptor,
        uri,
        invitation,
    } = scene();
    accept(&mut acceptor, &uri, relay.now());
    acceptor.post(&mut relay);
    for _ in 0..2 {
        round(&mut relay, &mut [&mut inviter]);
    }
    relay.epoch += 20 * DAY / EPOCH;
    let now = relay.now();
    assert!(now > invitation.expires_at);
    for tick in 0..2 {
        let effects = acceptor.client.tick(now);
        acceptor.commit(effects);
        let reason = acceptor.contact().reason;
        assert_eq!(reason.as_deref(), Some("INVITATION_EXPIRED"));
        assert_eq!(code(&acceptor), ["INVITATION_EXPIRED"], "tick {tick}: once");
    }
    for _ in 0..3 {
        round(&mut relay, &mut [&mut acceptor, &mut inviter]);
    }
    let (at_inviter, at_acceptor) = (inviter.contact(), acceptor.contact());
    assert!(at_acceptor.sas.is_some() && at_acceptor.reason.is_none());
    assert_eq!(at_inviter.sas, at_acceptor.sas);
}

#[test]
fn a_link_accepted_again_gives_the_same_contact_and_no_cell_twice() {
    let Scene {
        mut relay,
        mut inviter,
        mut acceptor,
        uri,
        ..
    } = scene();
    accept(&mut acceptor, &uri, relay.now());
    let waiting = acceptor.client.queued();
    assert!(waiting > 0);
    for _ in 0..4 {
        let contact = acceptor.contact().id;
        accept(&mut acceptor, &uri, relay.now());
        assert_eq!(acceptor.contact().id, contact);
        assert_eq!(acceptor.client.contacts().len(), 1);
        assert!(acceptor.client.queued() <= waiting);
        round(&mut relay, &mut [&mut acceptor, &mut inviter]);
    }
    assert_eq!(acceptor.contact().sas, inviter.contact().sas);
    let removed = acceptor
        .client
        .remove_contact(acceptor.contact().id, relay.now());
    acceptor.commit(removed.unwrap());
    accept(&mut acceptor, &uri, relay.now());
    let removed = acceptor
        .client
        .remove_contact(acceptor.contact().id, relay.now());
    acceptor.commit(removed.unwrap());
    assert_eq!(
        acceptor.client.queued(),
        0,
        "nothing leaves for a removed contact"
    );
}

#[test]
fn a_link_with_the_offer_in_it_is_refused_with_words_and_changes_nothing() {
    let Scene {
        relay,
        mut acceptor,
        invitation,
        ..
    } = scene();
    let earlier = Invitation {
        binding: Binding::EnclosedOffer(vec![7; 1_300]),
        ..invitation
    };
    let refused = acceptor
        .client
        .accept(&earlier.to_uri(), false, relay.now(), &mut rng());
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::InvitationMalformed);
    assert_eq!(refused, EnrolmentError::InvitationOutdated.into());
    assert!(acceptor.client.contacts().is_empty());
}

#[test]
fn a_qr_invitation_lives_no_longer_than_the_relay_keeps_its_cells() {
    let mut relay = Relay::new();
    let mut a = Person::new("Dr. Rivera");
    round(&mut relay, &mut [&mut a]);
    let now = relay.now();
    for (kept, longest, default) in [(7_200, 7_200, 900), (600, 600, 600)] {
        let stated = format!("\"retention_seconds\":{DAY}}}");
        let shorter = format!("\"retention_seconds\":{kept}}}");
        let info = relay.info().replacen(&stated, &shorter, 1);
        assert!(info.contains(&shorter), "{info}");
        let configured = a.client.configure(&info, now);
        a.commit(configured.unwrap());
        let refused = a
            .client
            .invite(Kind::Qr, Some(longest + 1), now, &mut rng());
        let expected = ClientError::InvalidArgument("expiresInSeconds");
        assert_eq!(refused.unwrap_err(), expected);
        for (life, expires) in [(Some(longest), longest), (None, default)] {
            let made = a.client.invite(Kind::Qr, life, now, &mut rng());
            assert_eq!(a.commit(made.unwrap()).expires_at, now.plus(expires).0);
        }
    }
}

/// The confirm of a QR enrolment comes through the lobby, and content of the
/// inviter may be read before it.
#[test]
fn what_was_held_before_the_confirm_is_shown_with_it() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("Dr. Rivera"), Person::new("Ana Gómez"));
    round(&mut relay, &mut [&mut a, &mut b]);
    let now = relay.now();
    let made = a.client.invite(Kind::Qr, Some(86_400), now, &mut rng());
    let invitation = a.commit(made.unwrap());
    let expected = b.client.public().fingerprint();
    let effects = a.client.expect(invitation.id, expected, now, &mut rng());
    a.commit(effects.unwrap());
    let accepted = b.client.accept(&invitation.uri, true, now, &mut rng());
    b.commit(accepted.unwrap());
    while a
        .client
        .contacts()
        .iter()
        .all(|contact| contact.state != "active")
    {
        b.pull(&relay, relay.now());
        b.post(&mut relay);
        a.post(&mut relay);
        relay.close();
        a.pull(&relay, relay.now());
    }
    a.send(a.contact().id, "stop warfarin", relay.now())
        .unwrap();
    a.post(&mut relay);
    relay.close();
    for _ in 0..2 {
        round(&mut relay, &mut [&mut b, &mut a]);
    }
    let contact = b.contact();
    assert_eq!(contact.state, "active");
    let first = MessageRef {
        contact: contact.id,
        ordinal: 0,
    };
    assert_eq!(b.state(first), "verified");
    assert_eq!(b.body(first), b"stop warfarin");
}
