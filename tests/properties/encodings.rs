//! Encodings: `parts`, CBOR, points, ids and content types.

use proptest::prelude::*;
use tessera::{
    base::{
        Day, Month,
        encoding::parts,
        text::{self, TextUse},
    },
    crypto::{cbor::Deterministic, schnorr::Proof},
    enrolment::Name,
    envelope::{Body, ContentType, Control, DeliveryId, Fragment},
    identity::PublicIdentity,
    secure_encryption::ProvenMessage,
};

use super::{bytes, few, identity};

/// Checks that a value round-trips, and that no altered or truncated bytes decode to
/// the same value.
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
                count: count.try_into().unwrap(),
                chunk,
            })
        }),
    ]
}

/// Text of every kind: ordinary, deceptive and arbitrary.
fn shown_text() -> impl Strategy<Value = String> {
    let tricky = prop::sample::select(
        "./\\ \t\n\u{a0}\u{ad}\u{301}\u{34f}\u{378}\u{61c}\u{115f}\u{200b}\u{200d}\u{202e}\u{2028}\u{2066}\u{2800}\u{3000}\u{3164}\u{fe0f}\u{e000}\u{e0100}\u{e0061}❤葛"
            .chars()
            .collect::<Vec<_>>(),
    );
    let character = prop_oneof![Just('a'), tricky, any::<char>()];
    prop::collection::vec(character, 0..40).prop_map(String::from_iter)
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
    fn cleaned_text_passes_the_rule_and_valid_text_is_unchanged(text in shown_text()) {
        for place in [TextUse::DisplayName, TextUse::Label, TextUse::FileName, TextUse::Reason] {
            let shown = text::cleaned(&text, place);
            if let Some(shown) = &shown {
                prop_assert_eq!(text::check(shown, place), Ok(()));
            }
            if text::check(&text, place).is_ok() {
                prop_assert_eq!(shown.as_deref(), Some(text.as_str()));
                prop_assert!(!text.is_empty() && text.len() <= place.max_bytes());
                prop_assert!(!text.chars().any(char::is_control));
            }
        }
        prop_assert_eq!(Name::new(&text).is_ok(), text::check(&text, TextUse::DisplayName).is_ok());
        prop_assert!(Name::new(&text).is_err() || Name::from_peer(&text).is_ok());
    }

    #[test]
    fn decoded_bytes_re_encode_to_themselves(data in bytes(200)) {
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
