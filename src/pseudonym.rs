//! Proofs under blinded statements (pseudonyms). Without the blinding seed, the
//! sessions of one person cannot be linked. Protocol §3.

use curve25519_dalek::{RistrettoPoint, Scalar};
use rand_core::CryptoRng;
use zeroize::{Zeroize as _, ZeroizeOnDrop};

use crate::{
    base::{Content, Secret, generator, labels, secret::redacted},
    crypto::{
        ristretto::{Statement, Witness, hash_to_scalar},
        schnorr::{self, Proof, Transcript},
    },
};

/// A session id of the proof system: 1–64 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(Box<[u8]>);

impl SessionId {
    /// Creates a session id; `None` unless `bytes` has 1–64 bytes.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        matches!(bytes.len(), 1..=64).then(|| Self(bytes.into()))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The 32-byte blinding seed that two people share.
#[derive(Debug)]
pub struct BlindSeed(Secret<32>);

impl BlindSeed {
    /// Creates a blinding seed.
    #[must_use]
    pub fn new(seed: Secret<32>) -> Self {
        Self(seed)
    }

    /// `h = hash_to_scalar("tessera/v1/blind", seed, session_id)`.
    #[must_use]
    pub fn blinding(&self, session_id: &SessionId) -> Blinding {
        let h = hash_to_scalar(labels::BLIND, &[self.0.expose(), session_id.as_bytes()]);
        Blinding(Box::new(h))
    }
}

/// The blinding scalar `h` of one session. It links the pseudonym to the
/// identity, so it is secret. Wiped on drop.
pub struct Blinding(Box<Scalar>);

impl Blinding {
    /// `Y' = Y + h·G`; `None` if that is the identity element.
    #[must_use]
    pub fn statement(&self, statement: &Statement) -> Option<Statement> {
        Statement::new(self.point(statement))
    }

    /// `Y + h·G` as a point: comparing points is cheaper than encoding them.
    fn point(&self, statement: &Statement) -> RistrettoPoint {
        statement.point() + generator::ristretto(&self.0)
    }

    /// `x' = x + h`; `None` if that is zero.
    #[must_use]
    pub fn witness(&self, witness: &Witness) -> Option<Witness> {
        Witness::new(witness.expose() + self.0.as_ref())
    }

    /// Reads an `h`; `None` unless it is canonical.
    #[must_use]
    pub fn decode(bytes: [u8; 32]) -> Option<Self> {
        Option::from(Scalar::from_canonical_bytes(bytes)).map(|h| Self(Box::new(h)))
    }

    /// Exposes `h`, for evidence that must outlive the month (protocol §11).
    #[must_use]
    pub fn expose(&self) -> &Scalar {
        &self.0
    }
}

impl Drop for Blinding {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for Blinding {}

redacted! { Blinding }

/// Proves under a pseudonym that the owner of `witness` wrote `message` in this
/// session and context. Returns the pseudonym `Y'` and the proof; `None` only if
/// the blinded witness is zero.
#[must_use]
pub fn prove(
    witness: &Witness,
    seed: &BlindSeed,
    session_id: &SessionId,
    context: &[u8],
    message: &Content,
    random32: &[u8; 32],
) -> Option<(Statement, Proof)> {
    let blinded = seed.blinding(session_id).witness(witness)?;
    let transcript = Transcript {
        session_id: session_id.as_bytes(),
        context,
        message,
    };
    let proof = schnorr::prove(&blinded, &transcript, random32);
    Some((*blinded.statement(), proof))
}

/// A pseudonym and a proof that claim to come from `statement`.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The long-term statement `Y` of the claimed sender.
    pub statement: &'a Statement,
    /// The shared blinding seed.
    pub seed: &'a BlindSeed,
    /// The session.
    pub session_id: &'a SessionId,
    /// Binds the proof to a recipient, a time and a content type.
    pub context: &'a [u8],
    /// The message.
    pub message: &'a Content,
    /// The transmitted pseudonym; `None` where the protocol transmits none and it
    /// is recomputed (possession, checkpoint).
    pub pseudonym: Option<&'a Statement>,
    /// The proof.
    pub proof: &'a Proof,
}

impl<'a> Claim<'a> {
    fn transcript(&self) -> Transcript<'a> {
        Transcript {
            session_id: self.session_id.as_bytes(),
            context: self.context,
            message: self.message,
        }
    }

    /// Returns `true` if the pseudonym is the blinded statement and the proof is
    /// valid.
    #[must_use]
    pub fn verify(&self) -> bool {
        let Some(expected) = self
            .seed
            .blinding(self.session_id)
            .statement(self.statement)
        else {
            return false;
        };
        self.pseudonym.is_none_or(|carried| *carried == expected)
            && schnorr::verify(&expected, &self.transcript(), self.proof)
    }
}

/// Verifies many claims in one multi-scalar multiplication. If that fails, each
/// claim is verified on its own, so there is always a result per claim.
#[must_use]
pub fn verify_batch(claims: &[Claim<'_>], rng: &mut impl CryptoRng) -> Vec<bool> {
    let blindings: Vec<Blinding> = claims
        .iter()
        .map(|c| c.seed.blinding(c.session_id))
        .collect();
    let recomputed: Vec<Option<Statement>> = claims
        .iter()
        .zip(&blindings)
        .map(|(claim, blinding)| {
            claim
                .pseudonym
                .copied()
                .or_else(|| blinding.statement(claim.statement))
        })
        .collect();
    let items: Option<Vec<schnorr::BatchItem<'_>>> = claims
        .iter()
        .zip(&blindings)
        .zip(&recomputed)
        .map(|((claim, blinding), pseudonym)| {
            Some(schnorr::BatchItem {
                statement: claim.statement,
                blinding: blinding.expose(),
                pseudonym: pseudonym.as_ref()?,
                transcript: claim.transcript(),
                proof: claim.proof,
            })
        })
        .collect();
    if items.is_some_and(|items| schnorr::verify_batch(&items, rng)) {
        return vec![true; claims.len()];
    }
    claims.iter().map(Claim::verify).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Identity;

    #[test]
    fn a_failing_batch_identifies_the_invalid_claim() {
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        let (alice, mallory) = (Identity::generate(&mut rng), Identity::generate(&mut rng));
        let seed = BlindSeed::new(Secret::random(&mut rng));
        let message = b"message".as_slice().into();
        let sessions: Vec<_> = (0_u8..5)
            .map(|i| SessionId::new(&[i, 1]).unwrap())
            .collect();
        let proofs: Vec<_> = sessions
            .iter()
            .enumerate()
            .map(|(i, sid)| {
                let who = if i == 3 { &mallory } else { &alice };
                prove(who.witness(), &seed, sid, b"context", &message, &[7; 32]).unwrap()
            })
            .collect();
        let claims: Vec<_> = sessions
            .iter()
            .zip(&proofs)
            .map(|(session_id, (pseudonym, proof))| Claim {
                statement: alice.public().statement(),
                seed: &seed,
                session_id,
                context: b"context",
                message: &message,
                pseudonym: Some(pseudonym),
                proof,
            })
            .collect();
        assert_eq!(
            verify_batch(&claims, &mut rng),
            [true, true, true, false, true]
        );
        assert_eq!(verify_batch(&claims[..3], &mut rng), [true; 3]);
        assert!(verify_batch(&[], &mut rng).is_empty());
        // Both proofs are valid, but the pseudonyms are swapped.
        let swapped = [
            Claim {
                pseudonym: Some(&proofs[1].0),
                ..claims[0]
            },
            Claim {
                pseudonym: Some(&proofs[0].0),
                ..claims[1]
            },
        ];
        assert_eq!(verify_batch(&swapped, &mut rng), [false, false]);
    }
}
