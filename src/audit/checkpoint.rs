//! Checkpoints: signatures of the owner over the log up to one entry.

use super::{AuditError, HEAD_LEN, Head};
use crate::{
    base::{Content, Secret, UnixTime, encoding::parts, labels},
    crypto::{
        ristretto::{Statement, Witness},
        schnorr::{PROOF_LEN, Proof},
    },
    pseudonym::{self, BlindSeed, Claim, SessionId},
};

/// A proof under the owner's identity that the log had the head `head` after
/// entry `index` at `time`. It only protects the log if it is kept where the
/// owner cannot change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    index: u64,
    head: [u8; HEAD_LEN],
    time: UnixTime,
    proof: Proof,
}

impl Checkpoint {
    /// Signs the current head. `random32` hedges the proof's nonce. `None` for an
    /// empty log.
    #[must_use]
    pub fn sign(owner: &Witness, head: &Head, time: UnixTime, random32: &[u8; 32]) -> Option<Self> {
        let index = head.len().checked_sub(1)?;
        let context = context(index, head.hash(), time);
        let (_, proof) = pseudonym::prove(
            owner,
            &seed(),
            &session_id()?,
            &context,
            &Content::default(),
            random32,
        )?;
        Some(Self {
            index,
            head: *head.hash(),
            time,
            proof,
        })
    }

    /// Creates an unverified checkpoint from its fields. `None` if `proof` is not
    /// a well-formed proof.
    #[must_use]
    pub fn from_parts(
        index: u64,
        head: [u8; HEAD_LEN],
        time: UnixTime,
        proof: &[u8],
    ) -> Option<Self> {
        Some(Self {
            index,
            head,
            time,
            proof: Proof::decode(proof)?,
        })
    }

    /// Verifies that the owner of the statement signed the checkpoint.
    ///
    /// # Errors
    ///
    /// [`AuditError::Checkpoint`] if the proof is invalid.
    pub fn verify(&self, owner: &Statement) -> Result<(), AuditError> {
        let session_id = session_id().ok_or(AuditError::Checkpoint)?;
        let claim = Claim {
            statement: owner,
            seed: &seed(),
            session_id: &session_id,
            context: &context(self.index, &self.head, self.time),
            message: &Content::default(),
            pseudonym: None,
            proof: &self.proof,
        };
        claim.verify().then_some(()).ok_or(AuditError::Checkpoint)
    }

    /// The index of the last entry covered.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The head after that entry.
    #[must_use]
    pub fn head(&self) -> &[u8; HEAD_LEN] {
        &self.head
    }

    /// The time of signing, by the owner's clock.
    #[must_use]
    pub fn time(&self) -> UnixTime {
        self.time
    }

    /// The proof, 64 bytes.
    #[must_use]
    pub fn proof(&self) -> &[u8; PROOF_LEN] {
        self.proof.as_bytes()
    }
}

/// A public blinding seed: a checkpoint must be verifiable by anyone.
fn seed() -> BlindSeed {
    BlindSeed::new(Secret::take(&mut [0; 32]))
}

fn session_id() -> Option<SessionId> {
    SessionId::new(b"audit")
}

/// `parts("tessera/v1/audit/checkpoint", u64(i), head[i], u64(time))`.
fn context(index: u64, head: &[u8; HEAD_LEN], time: UnixTime) -> Vec<u8> {
    parts(
        labels::AUDIT_CHECKPOINT,
        &[&index.to_be_bytes(), head, &time.0.to_be_bytes()],
    )
}
