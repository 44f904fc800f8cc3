//! Invitations, and the handshake from both sides.

use proptest::prelude::*;
use tessera::{
    base::{UnixTime, encoding::parts},
    crypto::{cbor::Deterministic as _, kdf},
    enrolment::{
        Binding, EnrolmentError, Invitation, InvitationSecret, Name, Offer, Response, SasNonce,
        commitment, first_month, open_response, respond, sas_digits,
    },
};

use super::{altered, bytes, few, identity, rng, secret};

fn name() -> impl Strategy<Value = Name> {
    "[A-Za-zñáéíóú. ]{1,20}".prop_filter_map("64 bytes", |text| Name::new(&text).ok())
}

fn binding() -> impl Strategy<Value = Binding> {
    prop_oneof![
        any::<[u8; 32]>().prop_map(Binding::Offer),
        identity().prop_map(|inviter| Binding::Inviter(*inviter.public())),
        bytes(300).prop_map(Binding::EnclosedOffer),
    ]
}

proptest! {
    #[test]
    fn invitations(
        secret in secret(), relay in any::<String>(), expires_at: u64, binding in binding(),
        cut: prop::sample::Index, other in any::<char>(),
    ) {
        let relay: String = relay.chars().take(60).collect();
        let invitation = Invitation {
            secret: InvitationSecret::new(secret), relay, expires_at: UnixTime(expires_at), binding,
        };
        let text = invitation.to_uri();
        for text in [text.clone(), format!("https://portal.example/enrol#{text}")] {
            let read = Invitation::parse(&text).unwrap();
            assert_eq!(&read.secret, &invitation.secret);
            assert_eq!((&read.binding, &read.relay), (&invitation.binding, &invitation.relay));
            assert_eq!(read.expires_at, invitation.expires_at);
        }
        let mut changed: Vec<char> = text.chars().collect();
        let at = cut.index(changed.len());
        changed.remove(at);
        assert_eq!(
            Invitation::parse(&changed.iter().collect::<String>()).err(), Some(EnrolmentError::InvitationMalformed)
        );
        changed.insert(at, other);
        let changed: String = changed.into_iter().collect();
        // A changed character may give another QR invitation, but not the same one, and no link.
        assert!(Invitation::parse(&changed).map_or(true, |read| {
            changed == text || read.to_uri() != text && !matches!(read.binding, Binding::Inviter(_))
        }));
    }
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn both_sides_agree(
        inviter in identity(), acceptor in identity(), names in (name(), name()), secret in secret(),
        other_secret in secret(), now in 1_000_000_000..4_000_000_000_u64, at: prop::sample::Index, bit: u8,
    ) {
        let now = UnixTime(now);
        let (secret, other_secret) = (InvitationSecret::new(secret), InvitationSecret::new(other_secret));
        let (offer, secrets) = Offer::create(inviter.public(), &names.0, &mut rng()).unwrap();
        let offered = offer.encode();
        assert_eq!(Offer::decode(&offered), Some(offer));
        let hash = kdf::sha256(&offered);
        let me = (&acceptor, &names.1);
        let (response, theirs) = respond(&secret, &hash, &offered, me, first_month(now), &mut rng()).unwrap();
        let response = response.encode();
        assert_eq!(Response::decode(&response).map(|response| response.encode()), Some(response.clone()));
        let open = |secret: &InvitationSecret, offer: &[u8], response: &[u8]| {
            open_response(secret, offer, &secrets.xwing, inviter.public(), response)
        };
        let mine = open(&secret, &offered, &response).unwrap();
        assert_eq!(mine.check_first_month(now, now), Ok(()));
        assert_eq!(&mine.peer, acceptor.public());
        assert_eq!((&mine.name, &theirs.name), (&names.1, &names.0));
        assert_eq!(&theirs.peer, inviter.public());
        assert_eq!(&mine.shared_seed, &theirs.shared_seed);
        assert_eq!(commitment(&secrets.sas_nonce), Offer::decode(&offered).unwrap().commitment);
        let digits = sas_digits(&mine.sas, &secrets.sas_nonce);
        assert_eq!(&digits, &sas_digits(&theirs.sas, &secrets.sas_nonce));
        assert!(digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_digit()));
        assert_ne!(
            commitment(&secrets.sas_nonce), commitment(&SasNonce::random(&mut rng())), "a commitment binds"
        );

        let refused = EnrolmentError::NotAuthentic;
        assert_eq!(open(&other_secret, &offered, &response).unwrap_err(), refused);
        assert_eq!(open(&secret, &altered(&offered, at, bit), &response).unwrap_err(), refused);
        assert_eq!(open(&secret, &offered, &altered(&response, at, bit)).unwrap_err(), refused);
        let reached = open_response(&secret, &offered, &secrets.xwing, acceptor.public(), &response);
        assert_eq!(reached.unwrap_err(), EnrolmentError::OwnIdentity);
        let other_hash = kdf::sha256(&parts("other", &[&offered]));
        let other_offer = respond(&secret, &other_hash, &offered, me, first_month(now), &mut rng());
        assert_eq!(other_offer.unwrap_err(), refused);
        let own = respond(&secret, &hash, &offered, (&inviter, &names.0), first_month(now), &mut rng());
        assert_eq!(own.unwrap_err(), EnrolmentError::OwnIdentity);
    }
}
