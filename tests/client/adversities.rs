//! What must be refused, reported, and survived.

use std::{collections::BTreeMap, rc::Rc};

use crate::stage::*;
use tessera::{
    base::ErrorCode,
    client::{Client, ClientError, ContactView, Effects, Event, Gap, Mailbox},
    enrolment::Kind,
    identity::Fingerprint,
    wire::{BatchHeader, BucketId, Cell, OriginKey, cover_cell, post},
};

#[test]
fn a_second_answer_to_one_invitation_makes_the_contact_suspect() {
    for kind in [Kind::Qr, Kind::Link] {
        let mut relay = Relay::new();
        let mut people = [Person::new("A"), Person::new("B"), Person::new("Eve")];
        let [a, b, e] = &mut people;
        round(&mut relay, &mut [a, b, e]);
        let now = relay.now();
        let effects = a
            .client
            .invite(kind, Some(86_400), now, &mut rng())
            .unwrap();
        let uri = a.commit(effects).uri;
        for person in [b, e] {
            let effects = person.client.accept(&uri, false, now, &mut rng()).unwrap();
            person.commit(effects);
        }
        for _ in 0..5 {
            let [a, b, e] = &mut people;
            round(&mut relay, &mut [a, b, e]);
        }
        let contact = people[0].contact();
        assert_eq!(
            people[0].client.contacts().len(),
            1,
            "only one response is taken"
        );
        assert_eq!(
            (contact.state, contact.reason.as_deref()),
            ("suspect", Some("INVITATION_USED"))
        );
        let refused = people[0].send(contact.id, "x", now);
        assert_eq!(refused, Err(ClientError::ContactSuspect));
    }
}

#[test]
fn an_unsent_response_is_withdrawn_if_the_invitation_is_already_answered() {
    let mut relay = Relay::new();
    let (mut a, mut b, mut late) = (Person::new("A"), Person::new("B"), Person::new("C"));
    round(&mut relay, &mut [&mut a, &mut b, &mut late]);
    let now = relay.now();
    let effects = a.client.invite(Kind::Qr, Some(86_400), now, &mut rng());
    let uri = a.commit(effects.unwrap()).uri;
    let effects = b.client.accept(&uri, false, now, &mut rng()).unwrap();
    b.commit(effects);
    // The offer, its answer and the confirm are published before the third person looks again.
    for _ in 0..5 {
        round(&mut relay, &mut [&mut a, &mut b]);
    }
    let now = relay.now();
    let effects = late.client.accept(&uri, false, now, &mut rng()).unwrap();
    late.commit(effects);
    let received = late.pull(&relay, now);
    let reported = received.rejected.iter().map(|refusal| refusal.code);
    assert!(reported.clone().any(|code| code == "INVITATION_USED"));
    assert_eq!(late.contact().state, "suspect");
    assert_eq!(late.client.queued(), 0, "the first two are not disturbed");
    round(&mut relay, &mut [&mut late, &mut a, &mut b]);
    round(&mut relay, &mut [&mut late, &mut a, &mut b]);
    assert_eq!(
        (a.contact().state, b.contact().state),
        ("pending", "pending")
    );
    assert_eq!(a.contact().sas, b.contact().sas);
}

#[test]
fn a_response_from_an_unexpected_identity_is_refused() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("A"), Person::new("B"));
    round(&mut relay, &mut [&mut a, &mut b]);
    let now = relay.now();
    let effects = a.client.invite(Kind::Link, None, now, &mut rng()).unwrap();
    let invitation = a.commit(effects);
    let effects = a
        .client
        .expect(invitation.id, Fingerprint([7; 32]), now, &mut rng())
        .unwrap();
    a.commit(effects);
    let effects = b
        .client
        .accept(&invitation.uri, false, now, &mut rng())
        .unwrap();
    b.commit(effects);
    for _ in 0..4 {
        round(&mut relay, &mut [&mut a, &mut b]);
    }
    assert!(a.client.contacts().is_empty());
    assert!(a.events.iter().any(
        |e| matches!(e, Event::Rejected(r) if r.code == ErrorCode::UnexpectedIdentity.as_str())
    ));
}

#[test]
fn a_missing_batch_is_reported_and_read_when_it_arrives_late() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("A"), Person::new("B"));
    let (b_at_a, _) = enrol(&mut relay, &mut a, &mut b, Kind::Link);
    round(&mut relay, &mut [&mut a, &mut b]);
    round(&mut relay, &mut [&mut a, &mut b]);
    let now = relay.now();
    a.send(b_at_a, "stop warfarin", now).unwrap();
    a.post(&mut relay);
    relay.close();
    // The relay withholds that batch from every bucket.
    let dropped: Vec<_> = relay
        .published
        .iter_mut()
        .map(|(k, chain)| (*k, chain.pop().unwrap()))
        .collect();
    let mut hidden = Relay::new();
    std::mem::swap(&mut hidden, &mut relay);
    relay = hidden;
    // Its successors still name it in their chain.
    let heads: BTreeMap<u32, BatchHeader> = dropped
        .iter()
        .map(|(bucket, (header, _))| (*bucket, header.clone()))
        .collect();
    a.send(b_at_a, "second", now).unwrap();
    a.post(&mut relay);
    for (bucket, header) in &heads {
        relay
            .published
            .get_mut(bucket)
            .unwrap()
            .push((header.clone(), Vec::new()));
    }
    relay.close();
    for chain in relay.published.values_mut() {
        let at = chain.len() - 2;
        chain.remove(at);
    }
    let received = b.pull(&relay, now);
    assert_eq!(received.messages[0].text.as_deref(), Some("second"));
    assert!(received.gaps.iter().any(|g| matches!(
        g,
        Gap::Batches {
            closed: false,
            lobby: false,
            ..
        }
    )));
    assert!(
        received
            .gaps
            .iter()
            .any(|g| matches!(g, Gap::Sequence { closed: false, .. }))
    );
    b.restart();
    for (bucket, batch) in dropped {
        let chain = relay.published.get_mut(&bucket).unwrap();
        chain.insert(chain.len() - 1, batch);
    }
    let received = b.pull(&relay, now);
    assert_eq!(received.messages[0].text.as_deref(), Some("stop warfarin"));
    assert!(received.gaps.iter().any(|g| matches!(
        g,
        Gap::Batches {
            closed: true,
            lobby: false,
            ..
        }
    )));
    assert!(
        received
            .gaps
            .iter()
            .any(|g| matches!(g, Gap::Sequence { closed: true, .. }))
    );
}

#[test]
fn forged_and_replayed_cells_under_a_known_tag_hide_no_message() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("A"), Person::new("B"));
    let (b_at_a, _) = enrol(&mut relay, &mut a, &mut b, Kind::Link);
    round(&mut relay, &mut [&mut a, &mut b]);
    let now = relay.now();
    a.send(b_at_a, "one", now).unwrap();
    let post = a.slot(now);
    let mailbox = bucket_of(&b.client, Mailbox::Own);
    let entries = post::decode(&post.body, relay.size, relay.buckets).unwrap();
    let mut to_b = entries.into_iter();
    let entry = to_b.find(|entry| entry.bucket.get() == mailbox).unwrap();
    let noise = cover_cell(relay.size, &mut rng());
    let stranger = Cell::from_parts(
        &entry.cell.tag(),
        &noise.enc(),
        noise.ciphertext(),
        relay.size,
    )
    .unwrap();
    let mut flipped = entry.cell.as_bytes().to_vec();
    flipped[1_000] ^= 1;
    let flipped = Cell::parse(flipped, relay.size).unwrap();
    let pending = relay.pending.entry(entry.bucket.get()).or_default();
    pending.extend([stranger, flipped, entry.cell.clone()]);
    relay.close();
    let received = b.pull(&relay, now);
    assert_eq!(received.messages.len(), 1);
    let refused = received.rejected.iter().map(|r| (r.code, r.count));
    assert_eq!(refused.collect::<Vec<_>>(), [("NOT_AUTHENTIC", 2)]);
    relay
        .pending
        .entry(entry.bucket.get())
        .or_default()
        .push(entry.cell);
    relay.close();
    b.restart();
    let received = b.pull(&relay, now);
    assert!(received.messages.is_empty());
    assert_eq!(
        received.rejected.iter().map(|r| r.code).collect::<Vec<_>>(),
        ["REPLAYED"]
    );
}

#[test]
fn invalid_batches_are_refused_and_change_nothing() {
    let mut relay = Relay::new();
    let mut a = Person::new("A");
    round(&mut relay, &mut [&mut a]);
    a.pull(&relay, NOW);
    relay.close();
    let index = relay.index(bucket_of(&a.client, Mailbox::Own));
    let planned = a.client.plan_pull(Mailbox::Own, &index, NOW).unwrap();
    let [batch] = a.commit(planned).try_into().unwrap();
    let good = relay.batch(&batch);
    let lobby = relay.batches(BucketId::LOBBY.get()).last().unwrap();
    let mut flipped = good.clone();
    flipped[300] ^= 1;
    for bad in [
        &good[..100],
        &good[..good.len() - 1],
        &lobby.1,
        b"",
        &flipped,
    ] {
        let refused = a.client.receive(&batch, bad, NOW, &mut rng());
        assert_eq!(refused.unwrap_err(), ClientError::BatchInvalid);
    }
    for (cells, what) in [(3, "new"), (0, "taken before: not read again")] {
        let read = a.client.receive(&batch, &good, NOW, &mut rng()).unwrap();
        assert_eq!(a.commit(read).cells, cells, "{what}");
    }
}

#[test]
fn an_invitation_names_the_relay_or_another_member_of_its_federation() {
    let mut relay = Relay::new();
    let mut acceptor = Person::new("Ana Gómez");
    round(&mut relay, &mut [&mut acceptor]);
    let (mut inviter, _) = Client::create("Dr. Rivera", &member_url(1), NOW, &mut rng()).unwrap();
    let _ = inviter.configure(&relay.info(), NOW).unwrap();
    let invited = inviter.invite(Kind::Link, Some(60), NOW, &mut rng());
    let uri = invited.unwrap().value.uri;
    let refused = acceptor.client.accept(&uri, false, NOW, &mut rng());
    assert_eq!(refused.unwrap_err().code(), ErrorCode::RelayMismatch);

    let other = Rc::new(OriginKey::generate(&mut rng()));
    relay.members = vec![Rc::clone(&relay.key), other];
    let configured = acceptor.client.configure(&relay.info(), NOW).unwrap();
    acceptor.commit(configured);
    let accepted = acceptor.client.accept(&uri, false, NOW, &mut rng());
    let _ = acceptor.commit(accepted.unwrap());
    assert_eq!(acceptor.client.contacts().len(), 1);
}

#[test]
fn invalid_and_expired_invitations_are_refused() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("A"), Person::new("B"));
    round(&mut relay, &mut [&mut a, &mut b]);
    let effects = a
        .client
        .invite(Kind::Link, Some(60), NOW, &mut rng())
        .unwrap();
    let uri = a.commit(effects).uri;
    let code = |result: Result<Effects<ContactView>, ClientError>| result.unwrap_err().code();
    assert_eq!(
        code(b.client.accept(&uri, false, NOW.plus(61), &mut rng())),
        ErrorCode::InvitationExpired
    );
    assert_eq!(
        code(a.client.accept(&uri, false, NOW, &mut rng())),
        ErrorCode::InvitationOwn
    );
    assert_eq!(
        code(b.client.accept("tessera:/x", false, NOW, &mut rng())),
        ErrorCode::InvitationMalformed
    );
    let (mut c, _) = Client::create("C", "https://other.example", NOW, &mut rng()).unwrap();
    let _ = c.configure(&relay.info(), NOW).unwrap();
    assert_eq!(
        code(c.accept(&uri, false, NOW, &mut rng())),
        ErrorCode::RelayMismatch
    );
    assert!(b.client.contacts().is_empty());
    let first = b.client.accept(&uri, false, NOW, &mut rng()).unwrap();
    let first = b.commit(first).id;
    let queued = b.client.queued();
    let second = b.client.accept(&uri, false, NOW, &mut rng()).unwrap();
    assert_eq!(
        b.commit(second).id,
        first,
        "accepting again gives the same contact"
    );
    assert_eq!(b.client.queued(), queued, "and sends nothing else");
    let expired = a.client.tick(NOW.plus(61));
    assert!(matches!(&expired.events[..], [Event::Rejected(r)] if r.code == "INVITATION_EXPIRED"));
}
