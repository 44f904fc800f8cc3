//! A contact that sends payloads of no known form, each with a valid proof:
//! all of them are kept to be saved, and none hides another message.

use tessera::{
    base::{Month, Secret},
    channel::{ChainKey, TagSlot},
    enrolment::Kind,
    envelope::{Body, ContentType, DeliveryId, Sealing, UnprovenDelivery, compose, seal},
    identity::Identity,
    vault::stored::{self, ContactRecord, SelfRecord},
    wire::compute_bucket,
};

use crate::stage::*;

/// Payloads that are not what their content types name.
const MALFORMED: &[(&str, &[u8])] = &[
    (ContentType::MESSAGE, b""),
    (ContentType::MESSAGE, b"not CBOR"),
    (ContentType::MESSAGE, b"\x82\xf6\x80"),
    (
        ContentType::MESSAGE,
        b"\x82\xf6\x81\x83\x61t\xf6\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
    ),
    (ContentType::MESSAGE, b"\x82\x61\xff\x80"),
    (ContentType::PLAIN_TEXT, b"caf\xe9"),
    (ContentType::PLAIN_TEXT, b"\xed\xa0\x80"),
];

#[test]
fn malformed_payloads_are_kept_and_hide_no_other_message() {
    let mut relay = Relay::new();
    let (mut victim, mut hostile) = (Person::new("Ana Gómez"), Person::new("Mallory"));
    let (_, at_hostile) = enrol(&mut relay, &mut victim, &mut hostile, Kind::Qr);
    round(&mut relay, &mut [&mut victim, &mut hostile]);
    let mut own: SelfRecord = stored::decode(&hostile.store["s/self"]).unwrap();
    let identity = Identity::from_secret(Secret::take(&mut own.secret)).unwrap();
    let contact = &hostile.store[&format!("s/c/{at_hostile}")];
    let contact: ContactRecord = stored::decode(contact).unwrap();
    let mut channel = contact.channel.unwrap();
    let chain = ChainKey::from_stored(Month(channel.month), Secret::take(&mut channel.sending));

    let now = relay.now();
    let keys = chain.at(now.day().month()).unwrap().month_keys();
    let recipient = victim.client.public().fingerprint();
    let bucket = compute_bucket(&recipient.0, relay.buckets).get();
    let well_formed: &[(&str, &[u8])] = &[(ContentType::PLAIN_TEXT, b"stop warfarin")];
    for (number, (content_type, payload)) in (0..).zip(MALFORMED.iter().chain(well_formed)) {
        let draft = UnprovenDelivery {
            id: &DeliveryId::generate(&mut rng()),
            sent_at: now,
            device: 0,
            seq: channel.next_seq + u64::from(number),
            content_type: &ContentType::new(content_type).unwrap(),
            payload: &(*payload).into(),
        };
        let head = compose(&identity, &recipient, &keys.blind_seed, &draft, &mut rng());
        let body = Body::Whole([&head.unwrap(), *payload].concat());
        let slot = TagSlot {
            day: now.day(),
            device: 0,
            counter: 8 + number,
        };
        let sealing = Sealing {
            recipient: victim.client.public().kem(),
            psk: &keys.psk,
            size: relay.size,
        };
        let cell = seal(&sealing, keys.tag_key.tag(slot), &body, &mut rng()).unwrap();
        relay.put(bucket, cell);
    }
    relay.close();
    let received = victim.pull(&relay, relay.now());
    assert!(received.rejected.is_empty(), "{:?}", received.rejected);
    let (last, others) = received.messages.split_last().unwrap();
    assert_eq!(
        (last.text.as_deref(), last.problem),
        (Some("stop warfarin"), None)
    );
    assert_eq!(others.len(), MALFORMED.len());
    for (message, (content_type, payload)) in others.iter().zip(MALFORMED) {
        assert_eq!(
            (message.problem, message.state),
            (Some("malformed"), "verified")
        );
        let [original] = message.attachments.as_slice() else {
            panic!("{payload:x?}: the original alone");
        };
        assert_eq!(
            (original.content_type.as_str(), original.offset),
            (*content_type, 0)
        );
        assert_eq!(victim.body(message.id), *payload);
    }
    victim.restart();
    let kept = victim.client.messages(last.contact_id, None, 10).unwrap();
    assert_eq!(kept.len(), MALFORMED.len() + 1);
    let malformed = kept.iter().filter(|message| message.problem.is_some());
    assert_eq!(malformed.count(), MALFORMED.len());
}
