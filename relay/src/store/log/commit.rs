//! Commits: signed records of what a close published.
//!
//! ```text
//! commit = "TSC1" || Ed25519(origin key, "TSC1" || body) || body
//! ```
//!
//! A close of many buckets is published in steps, each with its own commit. The
//! first commit in log order that follows the previous one is applied; others
//! are void.

use std::collections::BTreeMap;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};
use tessera::wire::Origin;

use super::{Subject, hex::Hex};
use crate::store::{Kind, StoreError};

const MAGIC: &[u8; 4] = b"TSC1";
const VERSION: u32 = 1;
const SIGNATURE_LEN: usize = 64;

/// One step of a close.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Commit {
    pub(super) v: u32,
    pub(super) kind: char,
    /// The index of the close.
    pub(super) i: u64,
    /// The number of this step, from 0.
    pub(super) step: u32,
    /// The number of steps.
    pub(super) steps: u32,
    pub(super) epoch: u64,
    pub(super) at: u64,
    /// Sequence of the marker.
    pub(super) marker: u64,
    /// SHA-256 of the previous commit of this kind.
    pub(super) prev: Hex<32>,
    /// SHA-256 over the frames of the index: a process that read others alarms.
    pub(super) input: Hex<32>,
    /// SHA-256 of the ratchet's input, to check a copy of it.
    pub(super) r: Hex<32>,
    /// SHA-256 of the configuration.
    pub(super) config: Hex<32>,
    pub(super) batches: Vec<CommittedBatch>,
}

/// A batch of a commit or import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CommittedBatch {
    pub(super) bucket: u32,
    /// SHA-256 of its bytes.
    pub(super) sha256: Hex<32>,
    /// Sequences of its parts in the published stream.
    pub(super) parts: Vec<u64>,
}

impl Commit {
    pub(super) const fn version() -> u32 {
        VERSION
    }

    /// Encodes and signs it.
    pub(super) fn sign(&self, key: &SigningKey) -> Result<Vec<u8>, StoreError> {
        sign(MAGIC, self, key)
    }

    /// Decodes a commit of this origin, and returns its hash.
    pub(super) fn open(bytes: &[u8], origin: &Origin, kind: Kind) -> Option<(Self, [u8; 32])> {
        let commit: Self = open(MAGIC, bytes, origin)?;
        let fits = commit.v == VERSION
            && commit.kind == char::from(kind.letter())
            && commit.step < commit.steps;
        fits.then(|| (commit, Sha256::digest(bytes).into()))
    }

    /// Returns `true` for the last step of its close.
    pub(super) fn is_last(&self) -> bool {
        self.step + 1 == self.steps
    }
}

/// Why a batch cannot be put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PartsError {
    Missing,
    Damaged,
}

impl CommittedBatch {
    /// The bytes of the batch, from its parts.
    pub(super) fn assemble(
        &self,
        parts: &BTreeMap<u64, (Subject, Vec<u8>)>,
        subject: Subject,
    ) -> Result<Vec<u8>, PartsError> {
        let mut bytes = Vec::new();
        for part in &self.parts {
            let part = parts.get(part).filter(|(of, _)| *of == subject);
            let (_, part) = part.ok_or(PartsError::Missing)?;
            bytes.extend_from_slice(part);
        }
        match <[u8; 32]>::from(Sha256::digest(&bytes)) == self.sha256.0 {
            true => Ok(bytes),
            false => Err(PartsError::Damaged),
        }
    }
}

/// Encodes a record as `magic || signature of (magic || body) || body`.
pub(super) fn sign(
    magic: &[u8; 4],
    record: &impl Serialize,
    key: &SigningKey,
) -> Result<Vec<u8>, StoreError> {
    let body = serde_json::to_vec(record).map_err(|_| StoreError::Misused)?;
    let signature = key.sign(&[magic, body.as_slice()].concat()).to_bytes();
    Ok([magic.as_slice(), &signature, &body].concat())
}

/// Decodes a record that this origin has signed.
pub(super) fn open<T: DeserializeOwned>(
    magic: &[u8; 4],
    bytes: &[u8],
    origin: &Origin,
) -> Option<T> {
    let (signature, body) = bytes.strip_prefix(magic)?.split_at_checked(SIGNATURE_LEN)?;
    let signature = Signature::from_slice(signature).ok()?;
    VerifyingKey::from_bytes(&origin.0)
        .and_then(|key| key.verify_strict(&[magic, body].concat(), &signature))
        .ok()?;
    serde_json::from_slice(body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit() -> Commit {
        Commit {
            v: VERSION,
            kind: 'n',
            i: 1,
            step: 0,
            steps: 2,
            epoch: 9,
            at: 100,
            marker: 4,
            prev: Hex([0; 32]),
            input: Hex([1; 32]),
            r: Hex([2; 32]),
            config: Hex([3; 32]),
            batches: vec![CommittedBatch {
                bucket: 0,
                sha256: Hex([4; 32]),
                parts: vec![1, 2],
            }],
        }
    }

    #[test]
    fn only_commits_of_the_origin_open() {
        let (key, other) = (
            SigningKey::from_bytes(&[1; 32]),
            SigningKey::from_bytes(&[2; 32]),
        );
        let origin = Origin(key.verifying_key().to_bytes());
        let bytes = commit().sign(&key).unwrap();
        let (opened, hash) = Commit::open(&bytes, &origin, Kind::Numbered).unwrap();
        assert_eq!(opened, commit());
        assert_eq!(hash, <[u8; 32]>::from(Sha256::digest(&bytes)));
        assert!(Commit::open(&bytes, &origin, Kind::Lobby).is_none());
        let foreign = commit().sign(&other).unwrap();
        assert!(Commit::open(&foreign, &origin, Kind::Numbered).is_none());
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(Commit::open(&changed, &origin, Kind::Numbered).is_none());
        }
        let late = Commit {
            step: 2,
            ..commit()
        };
        let late = late.sign(&key).unwrap();
        assert!(Commit::open(&late, &origin, Kind::Numbered).is_none());
    }
}
