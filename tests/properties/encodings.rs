//! Encodings: `parts`, CBOR forms, points, names of things.

use proptest::prelude::*;
use tessera::{
    base::{Day, Month, encoding::parts},
    crypto::{cbor::Deterministic, schnorr::Proof},
    enrolment::Name,
    envelope::{Body, ContentType, Control, DeliveryId, Fragment},
    identity::PublicIdentity,
    secure_encryption::ProvenMessage,
};

use super::{bytes, few, identity};

/// Decodes to itself, and no altered or cut bytes decode to the same.
fn one_encoding<T: Deterministic + PartialEq + core::fmt::Debug>(
    value: &T,
    at: prop::sample::Index,
    bit: u8,
) {
    let encoded = value.encode();
    assert_eq!(T::decode(&encoded).as_ref(), Some(value));
    assert_eq!(
        T::decode(&[&encoded[..], &[0]].concat()),
        None,
        "a trailing byte"
    );
    assert_eq!(T::decode(&encoded[..encoded.len() - 1]), None, "cut");
    let altered = super::altered(&encoded, at, bit);
    if let Some(other) = T::decode(&altered) {
        assert_ne!(&other, value);
        assert_eq!(other.encode(), altered);
    }
}

fn body() -> impl Strategy<Value = Body> {
    let fragment = (
        any::<[u8; 16]>(),
        2..=16_384_u32,
        any::<prop::sample::Index>(),
        bytes(300),
        any::<u8>(),
    );
    prop_oneof![
        bytes(300).prop_map(Body::Whole),
        fragment.prop_map(|(message_id, count, index, mut chunk, last)| {
            chunk.push(last);
            let index = u32::try_from(index.index(count as usize)).unwrap();
            Body::Fragment(Fragment {
                message_id,
                index,
                count,
                chunk,
            })
        }),
    ]
}

/// A session id as a sender makes it.
pub fn delivery_id() -> impl Strategy<Value = DeliveryId> {
    (any::<[u8; 16]>(), "\\PC{0,12}").prop_map(|(random, label)| {
        let id = [&random[..], label.as_bytes()].concat();
        DeliveryId::decode(&id).unwrap()
    })
}

proptest! {
    #[test]
    fn different_parts_give_different_bytes(
        a in prop::collection::vec(bytes(6), 0..4), b in prop::collection::vec(bytes(6), 0..4),
        label_a in "[a-c]{0,3}", label_b in "[a-c]{0,3}",
    ) {
        let encode = |label: &str, items: &[Vec<u8>]| {
            parts(label, &items.iter().map(Vec::as_slice).collect::<Vec<_>>())
        };
        assert_eq!(encode(&label_a, &a) == encode(&label_b, &b), (&label_a, &a) == (&label_b, &b));
    }

    #[test]
    fn bodies(body in body(), at: prop::sample::Index, bit: u8) {
        one_encoding(&body, at, bit);
    }

    #[test]
    fn controls(
        nonce: [u8; 32], ids in prop::collection::vec(delivery_id(), 0..40), at: prop::sample::Index, bit: u8,
    ) {
        one_encoding(&Control::Confirm(nonce), at, bit);
        one_encoding(&Control::Received(ids), at, bit);
    }

    #[test]
    fn proven_messages(proof: [u8; 32], message in bytes(400), at: prop::sample::Index, bit: u8) {
        let proof = [proof, proof].concat().try_into().unwrap();
        one_encoding(&ProvenMessage { proof, message: message.into() }, at, bit);
    }

    #[test]
    fn session_ids(id in delivery_id()) {
        assert!(id.is_text());
        assert_eq!(DeliveryId::decode(&id.encode()), Some(id));
    }

    #[test]
    fn session_ids_have_16_to_64_bytes(id in bytes(80)) {
        assert_eq!(DeliveryId::decode(&id).is_some(), (16..=64).contains(&id.len()));
    }

    #[test]
    fn content_types_are_printable_ascii(text in "\\PC{0,130}|[ -~]{120,130}") {
        let printable = text.bytes().all(|b| (0x20..0x7f).contains(&b));
        assert_eq!(ContentType::new(&text).is_some(), printable && (1..=127).contains(&text.len()));
    }

    #[test]
    fn names_have_no_control_characters(text in any::<String>()) {
        let refused = |c: char| c.is_control() || "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}".contains(c);
        let good = (1..=64).contains(&text.len()) && !text.contains(refused);
        assert_eq!(Name::new(&text).is_some(), good);
    }

    #[test]
    fn any_bytes_decode_to_what_encodes_to_them(data in bytes(200)) {
        assert!(Body::decode(&data).is_none_or(|value| value.encode() == data));
        assert!(Control::decode(&data).is_none_or(|value| value.encode() == data));
        assert!(Proof::decode(&data).is_none_or(|value| value.as_bytes().as_slice() == data));
        assert!(PublicIdentity::decode(&data).is_none_or(|value| value.encode().as_slice() == data));
    }

    #[test]
    fn months_and_their_first_days(day in 0..3_000_000_u32) {
        let month = Day(day).month();
        assert!(month.first_day() <= Day(day) && Day(day) < month.next().first_day());
        let (year, of_year) = month.year_month();
        assert_eq!(Month(year * 12 + of_year - 1), month);
    }
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn public_identities(identity in identity(), at: prop::sample::Index, bit: u8) {
        let public = identity.public();
        assert_eq!(PublicIdentity::decode(&public.encode()), Some(*public));
        let other = super::altered(&public.encode(), at, bit);
        assert!(PublicIdentity::decode(&other).is_none_or(|other| {
            other != *public && other.fingerprint() != public.fingerprint()
        }));
    }
}
