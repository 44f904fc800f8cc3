//! Round trips of sealing, proving and secret sharing.

use proptest::prelude::*;
use tessera::{
    base::{Content, Month, Secret},
    channel::{ChainKey, Direction},
    crypto::{aead, cbor::Deterministic as _, hpke, schnorr::Proof},
    emergency::{self, Share, SharesError},
    identity::Identity,
    medcrypt::{MedCryptError, Message, MonthKey},
    pseudonym::{self, BlindSeed, Claim, SessionId, verify_batch},
    secure_encryption::ProvenMessage,
    vault::{Kdf, Opener, UnlockMethod, VaultHeader, VaultKey},
};

use super::{altered, bytes, few, identity, rng, secret};

proptest! {
    #[test]
    fn aes_gcm(key: [u8; 32], aad in bytes(40), text in bytes(200), at: prop::sample::Index, bit: u8) {
        let sealed = aead::seal(&key, &aad, &text, &mut rng());
        assert_eq!(sealed.len(), aead::NONCE_LEN + text.len() + aead::TAG_LEN);
        assert_eq!(aead::open(&key, &aad, &sealed), Some(text));
        assert_eq!(aead::open(&key, &aad, &altered(&sealed, at, bit)), None);
        assert_eq!(aead::open(&key, &[&aad[..], &[0]].concat(), &sealed), None);
    }

    #[test]
    fn vault_records_and_headers(
        key in secret(), kek in secret(), other in secret(), place in "[a-z/]{1,20}", text in bytes(200),
        salt: [u8; 16], at: prop::sample::Index, bit: u8,
    ) {
        let vault = VaultKey::new(key);
        let sealed = vault.seal(&place, &text, &mut rng());
        let opened = vault.open(&place, &sealed);
        assert_eq!(opened.as_deref(), Ok(&text));
        assert!(vault.open(&place, &altered(&sealed, at, bit)).is_err());
        assert!(vault.open(&format!("{place}x"), &sealed).is_err());
        let kdf = Kdf { salt, iterations: Kdf::ITERATIONS };
        let mut header = VaultHeader::default();
        header.add(UnlockMethod::Passphrase(kdf), kek.duplicate(), &vault, &mut rng()).unwrap();
        assert_eq!(VaultHeader::parse(&header.encode()).as_ref(), Ok(&header));
        assert_eq!(header.unwrap(&Opener::Passphrase(kek)).unwrap().expose(), vault.expose());
        assert!(header.unwrap(&Opener::Passphrase(other)).is_err());
    }

    #[test]
    fn medcrypt(key in secret(), other in secret(), id in "\\PC{1,20}", text in "\\PC{0,200}", at: prop::sample::Index) {
        let (key, other) = (MonthKey::from_derived(key), MonthKey::from_derived(other));
        let message = key.seal(&id, &text, &mut rng()).unwrap();
        let wire = message.to_string();
        assert_eq!(Message::parse(&wire).as_ref(), Ok(&message));
        assert_eq!(key.open(&message).as_deref(), Ok(&text));
        assert_eq!(other.open(&message), Err(MedCryptError::NotAuthentic));
        let mut cut = wire.into_bytes();
        cut.remove(at.index(cut.len()));
        let cut = String::from_utf8(cut).unwrap();
        assert!(Message::parse(&cut).map_or(true, |message| key.open(&message).is_err()));
    }

    #[test]
    fn parsed_medcrypt_texts_re_encode_to_themselves(text in "\\[MEDCRYPT:v1:[A-Za-z0-9+/=:]{0,80}\\]|\\PC{0,80}") {
        assert!(Message::parse(&text).is_err_and(|error| error == MedCryptError::Malformed)
            || Message::parse(&text).is_ok_and(|message| message.to_string() == text));
    }

    #[test]
    fn shares(
        key in secret(), count in 2..8_u8, threshold: prop::sample::Index, order: prop::sample::Index,
        taken: prop::sample::Index,
    ) {
        let threshold = 2 + u8::try_from(threshold.index(usize::from(count) - 1)).unwrap();
        let mut shares = emergency::split(&key, threshold, count, &mut rng()).unwrap();
        let first = order.index(shares.len());
        shares.rotate_left(first);
        shares.truncate(1 + taken.index(shares.len()));
        let read: Vec<Share> = shares.iter().map(|share| Share::parse(&share.to_text()).unwrap()).collect();
        if read.len() < usize::from(threshold) {
            assert_eq!(emergency::combine(&read), Err(SharesError::TooFew));
        } else {
            assert_eq!(emergency::combine(&read), Ok(key));
        }
    }

    #[test]
    fn stepping_and_jumping_give_the_same_chain_key(seed in secret(), first in 0..30_000_u32, steps in 0..24_u32) {
        let start = || ChainKey::first(&seed, Direction::FromInviter, Month(first));
        let jumped = start().at(Month(first + steps)).unwrap();
        let stepped = (0..steps).fold(start(), |chain, _| chain.advance());
        assert_eq!((jumped.month(), jumped.key()), (stepped.month(), stepped.key()));
        assert!(stepped.at(Month(first + steps).next()).is_some());
        assert!(steps == 0 || stepped.at(Month(first)).is_none(), "the chain is one-way");
        let other = ChainKey::first(&seed, Direction::FromAcceptor, Month(first));
        assert_ne!(other.key(), start().key());
    }
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn hpke_with_and_without_psk(
        ikm in secret(), psk in secret(), other in secret(), aad in bytes(20), text in bytes(200),
        at: prop::sample::Index, bit: u8,
    ) {
        let pair = hpke::KemKeyPair::derive(&ikm);
        for psk in [None, Some(hpke::Psk { key: &psk, id: "id" })] {
            let (enc, sealed) = hpke::seal(pair.public(), psk, "info", &aad, &text, &mut rng()).unwrap();
            let opened = hpke::open(&pair, &enc, psk, "info", &aad, &sealed);
            assert_eq!(opened.as_ref(), Some(&text));
            assert!(hpke::open(&pair, &enc, psk, "other", &aad, &sealed).is_none());
            assert!(hpke::open(&pair, &enc, psk, "info", &aad, &altered(&sealed, at, bit)).is_none());
            let enc_altered = altered(&enc, at, bit).try_into().unwrap();
            assert!(hpke::open(&pair, &enc_altered, psk, "info", &aad, &sealed).is_none());
            let other = Some(hpke::Psk { key: &other, id: "id" });
            assert!(hpke::open(&pair, &enc, other, "info", &aad, &sealed).is_none());
        }
    }

    #[test]
    fn sdk_encryption(
        recipient in identity(), other in identity(), message in bytes(300), at: prop::sample::Index, bit: u8,
    ) {
        let proven = ProvenMessage { proof: [7; 64], message: message.into() };
        let sealed = proven.encrypt(recipient.public(), &mut rng()).unwrap();
        assert_eq!(ProvenMessage::decrypt(&other, &sealed), None);
        assert_eq!(ProvenMessage::decrypt(&recipient, &altered(&sealed, at, bit)), None);
        assert_eq!(ProvenMessage::decrypt(&recipient, &sealed), Some(proven));
    }

    #[test]
    fn proofs(
        owner in identity(), other in identity(), seed: [u8; 32], session in prop::collection::vec(any::<u8>(), 1..=64),
        context in bytes(40), message in bytes(40), random: [u8; 32], at: prop::sample::Index, bit: u8,
    ) {
        let seed = BlindSeed::new(Secret::take(&mut seed.clone()));
        let session_id = SessionId::new(&session).unwrap();
        let message = Content::from(message.as_slice());
        let prove = |who: &Identity| {
            pseudonym::prove(who.witness(), &seed, &session_id, &context, &message, &random).unwrap()
        };
        let (pseudonym, proof) = prove(&owner);
        let good = Claim {
            statement: owner.public().statement(),
            seed: &seed,
            session_id: &session_id,
            context: &context,
            message: &message,
            pseudonym: Some(&pseudonym),
            proof: &proof,
        };
        let longer = [&message.to_vec(), &[0][..]].concat().as_slice().into();
        let elsewhere = [&context[..], &[0]].concat();
        let (other_pseudonym, other_proof) = prove(&other);
        let bad_bytes = altered(proof.as_bytes(), at, bit);
        let mut claims = vec![
            good,
            Claim { pseudonym: None, ..good },
            Claim { message: &longer, ..good },
            Claim { context: &elsewhere, ..good },
            Claim { statement: other.public().statement(), ..good },
            Claim { pseudonym: Some(&other_pseudonym), ..good },
            Claim { proof: &other_proof, ..good },
            Claim { pseudonym: Some(&other_pseudonym), proof: &other_proof, ..good },
        ];
        let bad = Proof::decode(&bad_bytes);
        claims.extend(bad.as_ref().map(|proof| Claim { proof, ..good }));
        let alone: Vec<bool> = claims.iter().map(Claim::verify).collect();
        assert!(alone.iter().enumerate().all(|(i, holds)| *holds == (i < 2)), "{:?}", alone);
        assert_eq!(verify_batch(&claims, &mut rng()), alone);
        assert_eq!(verify_batch(&claims[..2], &mut rng()), [true, true]);
    }
}
