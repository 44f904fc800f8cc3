//! A message and its proof, sealed to one recipient: `SecureEncryption` of the
//! SDK. Protocol §8.
//!
//! ```text
//! plaintext = CBOR [proof(64), message]
//! sealed    = enc(32) || HPKE.Seal(mode_base, info = "tessera/v1/message", aad = "")
//! ```
//!
//! Anyone can seal to a public identity. Only the proof inside shows who sent
//! the message, and the recipient must verify it.

use minicbor::{Decoder, decode};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{
    base::{labels, secret::redacted},
    crypto::{
        cbor::{self, Deterministic},
        hpke::{self, ENC_LEN},
        schnorr::PROOF_LEN,
    },
    identity::{Identity, PublicIdentity},
};

/// A message and its proof. Opening does not verify the proof. The message is
/// wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct ProvenMessage {
    /// `R || z`, not yet verified.
    pub proof: [u8; PROOF_LEN],
    /// The message; may be empty.
    pub message: Zeroizing<Vec<u8>>,
}

impl ProvenMessage {
    /// Seals to the recipient's KEM key: `enc || ciphertext || tag`. `None`
    /// only if HPKE fails, which it never does for a decoded identity.
    pub fn encrypt(&self, recipient: &PublicIdentity, rng: &mut impl CryptoRng) -> Option<Vec<u8>> {
        let plaintext = Zeroizing::new(self.encode());
        let (enc, ciphertext) =
            hpke::seal(recipient.kem(), None, labels::MESSAGE, &[], &plaintext, rng)?;
        Some([enc.as_slice(), &ciphertext].concat())
    }

    /// Opens the output of [`ProvenMessage::encrypt`]; `None` for another
    /// recipient, altered bytes or a malformed plaintext.
    #[must_use]
    pub fn decrypt(recipient: &Identity, sealed: &[u8]) -> Option<Self> {
        let (enc, ciphertext) = sealed.split_first_chunk::<ENC_LEN>()?;
        let plaintext = hpke::open(recipient.kem(), enc, None, labels::MESSAGE, &[], ciphertext)
            .map(Zeroizing::new)?;
        Self::decode(&plaintext)
    }
}

redacted! { ProvenMessage }

impl Deterministic for ProvenMessage {
    fn encode(&self) -> Vec<u8> {
        cbor::array(2, |w| {
            w.bytes(&self.proof).bytes(&self.message);
        })
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, decode::Error> {
        cbor::expect_array(decoder, 2)?;
        Ok(Self {
            proof: cbor::fixed(decoder)?,
            message: Zeroizing::new(decoder.bytes()?.to_vec()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(plaintext: &[u8], to: &Identity) -> Vec<u8> {
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        let (enc, ciphertext) = hpke::seal(
            to.public().kem(),
            None,
            labels::MESSAGE,
            &[],
            plaintext,
            &mut rng,
        )
        .unwrap();
        [&enc[..], &ciphertext].concat()
    }

    #[test]
    fn only_the_recipient_opens_and_alterations_are_refused() {
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        let (bob, eve) = (Identity::generate(&mut rng), Identity::generate(&mut rng));
        for message in [&b""[..], b"Continue metformin", &[7; 70_000]] {
            let said = ProvenMessage {
                proof: [9; 64],
                message: Zeroizing::new(message.to_vec()),
            };
            let ciphertext = said.encrypt(bob.public(), &mut rng).unwrap();
            assert_eq!(ProvenMessage::decrypt(&bob, &ciphertext), Some(said));
            assert_eq!(ProvenMessage::decrypt(&eve, &ciphertext), None);
            for i in [0, 31, 32, ciphertext.len() - 1] {
                let mut bad = ciphertext.clone();
                bad[i] ^= 1;
                assert_eq!(ProvenMessage::decrypt(&bob, &bad), None, "byte {i}");
            }
            for len in [0, 31, 32, 47, ciphertext.len() - 1] {
                assert_eq!(ProvenMessage::decrypt(&bob, &ciphertext[..len]), None);
            }
        }
    }

    #[test]
    fn a_malformed_plaintext_is_refused() {
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        let bob = Identity::generate(&mut rng);
        let good = ProvenMessage {
            proof: [9; 64],
            message: Zeroizing::new(b"hi".to_vec()),
        }
        .encode();
        assert!(ProvenMessage::decrypt(&bob, &sealed(&good, &bob)).is_some());
        let mut long_form = good.clone();
        long_form.splice(68..69, [0x58, 2]);
        for (what, bad) in [
            ("trailing byte", [&good[..], &[0]].concat()),
            ("long length form", long_form),
            (
                "proof of 63 bytes",
                cbor::array(2, |w| {
                    w.bytes(&[9; 63]).bytes(b"hi");
                }),
            ),
            (
                "text for bytes",
                cbor::array(2, |w| {
                    w.bytes(&[9; 64]).text("hi");
                }),
            ),
            (
                "three items",
                cbor::array(3, |w| {
                    w.bytes(&[9; 64]).bytes(b"hi").bytes(b"");
                }),
            ),
            ("nothing", Vec::new()),
        ] {
            assert_eq!(
                ProvenMessage::decrypt(&bob, &sealed(&bad, &bob)),
                None,
                "{what}"
            );
        }
    }
}
