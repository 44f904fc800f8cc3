//! Schnorr proofs of knowledge over ristretto255, Fiat–Shamir. Protocol §3.
//!
//! ```text
//! nonce      k = hash_to_scalar(".../proof/nonce", x', random32, session_id, context, message)
//! commitment R = k·G
//! challenge  c = hash_to_scalar(".../proof/challenge", Y', R, session_id, context, message)
//! response   z = k + c·x'
//! verify     z·G − c·Y' = R
//! ```

use curve25519_dalek::{
    RistrettoPoint, Scalar,
    constants::RISTRETTO_BASEPOINT_POINT,
    ristretto::CompressedRistretto,
    traits::{IsIdentity as _, VartimeMultiscalarMul as _},
};
use rand_core::CryptoRng;
use zeroize::Zeroize as _;

use super::ristretto::{ScalarHash, Statement, Witness};
use crate::base::{Content, generator, labels};

/// Bytes of an encoded proof: `R || z`.
pub const PROOF_LEN: usize = 64;

/// The bytes that a proof binds through its challenge.
#[derive(Clone, Copy, Debug)]
pub struct Transcript<'a> {
    /// Session id, 1–64 bytes.
    pub session_id: &'a [u8],
    /// Binds the proof to a recipient, a time and a content type.
    pub context: &'a [u8],
    /// The message.
    pub message: &'a Content,
}

impl Transcript<'_> {
    fn add_to(&self, hash: ScalarHash) -> ScalarHash {
        hash.part(&[self.session_id])
            .part(&[self.context])
            .part(&self.message.pieces())
    }
}

/// A decoded proof: a canonical commitment, not the identity, and a reduced
/// response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    commitment: RistrettoPoint,
    bytes: [u8; PROOF_LEN],
    response: Scalar,
}

impl Proof {
    /// Decodes `R || z`; `None` unless `R` is canonical and not the identity
    /// and `z < ℓ`.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; PROOF_LEN] = bytes.try_into().ok()?;
        let (r, z) = bytes.split_first_chunk::<32>()?;
        let commitment = CompressedRistretto(*r).decompress()?;
        if commitment.is_identity() {
            return None;
        }
        let response = Option::from(Scalar::from_canonical_bytes(z.try_into().ok()?))?;
        Some(Self {
            commitment,
            bytes,
            response,
        })
    }

    /// `R || z`, 64 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; PROOF_LEN] {
        &self.bytes
    }

    fn commitment_bytes(&self) -> &[u8] {
        self.bytes.first_chunk::<32>().map_or(&[], |r| r)
    }
}

/// Proves knowledge of the witness. The nonce is hedged: it stays secret if
/// `random32` is predictable, and differs between messages if `random32` repeats.
#[must_use]
pub fn prove(witness: &Witness, transcript: &Transcript<'_>, random32: &[u8; 32]) -> Proof {
    let mut x = witness.expose().to_bytes();
    let hash = ScalarHash::new(labels::PROOF_NONCE)
        .part(&[&x])
        .part(&[random32]);
    let mut k = transcript.add_to(hash).scalar();
    x.zeroize();
    let commitment = generator::ristretto(&k);
    let r = commitment.compress();
    let c = challenge(witness.statement(), r.as_bytes(), transcript);
    let response = k + c * witness.expose();
    k.zeroize();
    let mut bytes = [0; PROOF_LEN];
    let (head, tail) = bytes.split_at_mut(32);
    head.copy_from_slice(r.as_bytes());
    tail.copy_from_slice(response.as_bytes());
    Proof {
        commitment,
        bytes,
        response,
    }
}

/// Verifies a proof for the statement. Variable time: all inputs are public.
#[must_use]
pub fn verify(statement: &Statement, transcript: &Transcript<'_>, proof: &Proof) -> bool {
    let c = challenge(statement, proof.commitment_bytes(), transcript);
    generator::vartime_ristretto(&-c, statement.point(), &proof.response) == proof.commitment
}

/// One proof of a batch, under a pseudonym `Y' = Y + h·G`.
#[derive(Clone, Copy, Debug)]
pub struct BatchItem<'a> {
    /// The long-term statement `Y`.
    pub statement: &'a Statement,
    /// The blinding scalar `h`.
    pub blinding: &'a Scalar,
    /// The transmitted pseudonym `Y'`.
    pub pseudonym: &'a Statement,
    /// The bytes that the proof binds.
    pub transcript: Transcript<'a>,
    /// The proof.
    pub proof: &'a Proof,
}

/// Verifies that every proof is valid and every pseudonym is the blinded
/// statement, in one multi-scalar multiplication that gives each of the two
/// equations of each item its own random 128-bit weight. An invalid batch passes
/// with probability 2^-128. Variable time.
#[must_use]
pub fn verify_batch(items: &[BatchItem<'_>], rng: &mut impl CryptoRng) -> bool {
    let mut base = Scalar::ZERO;
    let mut scalars = Vec::with_capacity(items.len() * 3 + 1);
    let mut points = Vec::with_capacity(items.len() * 3 + 1);
    for item in items {
        let c = challenge(
            item.pseudonym,
            item.proof.commitment_bytes(),
            &item.transcript,
        );
        let (w, v) = (weight(rng), weight(rng));
        // w·(z·G − c·Y' − R) + v·(Y + h·G − Y') = 0
        base += w * item.proof.response + v * item.blinding;
        scalars.extend([-(w * c + v), -w, v]);
        points.extend([
            *item.pseudonym.point(),
            item.proof.commitment,
            *item.statement.point(),
        ]);
    }
    scalars.push(base);
    points.push(RISTRETTO_BASEPOINT_POINT);
    RistrettoPoint::vartime_multiscalar_mul(scalars, points).is_identity()
}

fn weight(rng: &mut impl CryptoRng) -> Scalar {
    let mut bytes = [0; 16];
    rng.fill_bytes(&mut bytes);
    Scalar::from(u128::from_le_bytes(bytes))
}

fn challenge(statement: &Statement, r: &[u8], transcript: &Transcript<'_>) -> Scalar {
    let hash = ScalarHash::new(labels::PROOF_CHALLENGE)
        .part(&[statement.as_bytes()])
        .part(&[r]);
    transcript.add_to(hash).scalar()
}
