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

use super::{Subject, hex::Hex, level::FIRST};
use crate::store::{Kind, SignedBatch, StoreError};

const MAGIC: &[u8; 4] = b"TSC1";
pub(super) const VERSION: u32 = 1;
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
    /// The level of the store: a new view may find no other record of it.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub(super) level: u32,
    pub(super) batches: Vec<CommittedBatch>,
}

const fn first() -> u32 {
    FIRST
}

const fn is_first(level: &u32) -> bool {
    *level == FIRST
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
    /// Encodes and signs it.
    pub(super) fn sign(&self, key: &SigningKey) -> Result<Vec<u8>, StoreError> {
        sign(MAGIC, self, key)
    }

    /// Decodes a commit of this origin and kind, and returns its hash.
    pub(super) fn open(bytes: &[u8], origin: &Origin, kind: Kind) -> Signed<(Self, [u8; 32])> {
        let signed = Signed::<Self>::open(MAGIC, VERSION, bytes, origin);
        signed
            .filter(|commit| commit.kind == char::from(kind.letter()) && commit.step < commit.steps)
            .map(|commit| (commit, Sha256::digest(bytes).into()))
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
    /// A batch whose parts were published with these sequences.
    pub(super) fn new(batch: &SignedBatch, parts: Vec<u64>) -> Self {
        Self {
            bucket: batch.header.bucket.get(),
            sha256: Hex(Sha256::digest(&batch.bytes).into()),
            parts,
        }
    }

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

/// What a message is, if it should be a record that the origin has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Signed<T> {
    /// A record.
    Known(T),
    /// Signed, but not a record of this version: of a newer one.
    Newer,
    /// Not signed by this origin, or for another place.
    Foreign,
}

impl<T> Signed<T> {
    /// Decodes a record of this version.
    pub(super) fn open(magic: &[u8; 4], version: u32, bytes: &[u8], origin: &Origin) -> Self
    where
        T: DeserializeOwned,
    {
        match signed_body(magic, bytes, origin) {
            Some(body) => parse(version, body).map_or(Self::Newer, Self::Known),
            None => Self::Foreign,
        }
    }

    pub(super) fn filter(self, fits: impl FnOnce(&T) -> bool) -> Self {
        match self {
            Self::Known(record) if !fits(&record) => Self::Foreign,
            signed => signed,
        }
    }

    pub(super) fn map<U>(self, with: impl FnOnce(T) -> U) -> Signed<U> {
        match self {
            Self::Known(record) => Signed::Known(with(record)),
            Self::Newer => Signed::Newer,
            Self::Foreign => Signed::Foreign,
        }
    }
}

/// Whether this origin has signed a message as a record of any kind.
pub(super) fn is_signed(bytes: &[u8], origin: &Origin) -> bool {
    let magic = bytes.first_chunk();
    magic.is_some_and(|magic| signed_body(magic, bytes, origin).is_some())
}

/// The body of a record that this origin has signed.
fn signed_body<'b>(magic: &[u8; 4], bytes: &'b [u8], origin: &Origin) -> Option<&'b [u8]> {
    let (signature, body) = bytes.strip_prefix(magic)?.split_at_checked(SIGNATURE_LEN)?;
    let signature = Signature::from_slice(signature).ok()?;
    VerifyingKey::from_bytes(&origin.0)
        .and_then(|key| key.verify_strict(&[magic, body].concat(), &signature))
        .ok()?;
    Some(body)
}

/// Decodes the body of a record if its `v` is this version.
pub(super) fn parse<T: DeserializeOwned>(version: u32, body: &[u8]) -> Option<T> {
    #[derive(Deserialize)]
    struct Versioned {
        v: u32,
    }
    let found: Versioned = serde_json::from_slice(body).ok()?;
    (found.v == version).then(|| serde_json::from_slice(body).ok())?
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
            level: FIRST,
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
        let Signed::Known((opened, hash)) = Commit::open(&bytes, &origin, Kind::Numbered) else {
            panic!("it is signed");
        };
        assert_eq!(opened, commit());
        assert_eq!(hash, <[u8; 32]>::from(Sha256::digest(&bytes)));
        assert_eq!(Commit::open(&bytes, &origin, Kind::Lobby), Signed::Foreign);
        let foreign = commit().sign(&other).unwrap();
        let opened = Commit::open(&foreign, &origin, Kind::Numbered);
        assert_eq!(opened, Signed::Foreign);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let opened = Commit::open(&changed, &origin, Kind::Numbered);
            assert_eq!(opened, Signed::Foreign);
        }
        let late = Commit {
            step: 2,
            ..commit()
        };
        let late = late.sign(&key).unwrap();
        let opened = Commit::open(&late, &origin, Kind::Numbered);
        assert_eq!(opened, Signed::Foreign);
    }

    #[test]
    fn a_signed_commit_of_another_version_is_newer_and_not_foreign() {
        let key = SigningKey::from_bytes(&[1; 32]);
        let origin = Origin(key.verifying_key().to_bytes());
        let open = |record: &serde_json::Value| {
            let bytes = sign(MAGIC, record, &key).unwrap();
            Commit::open(&bytes, &origin, Kind::Numbered)
        };
        let known = serde_json::to_value(commit()).unwrap();
        assert!(
            known.get("level").is_none(),
            "as the first version wrote it"
        );
        assert!(matches!(open(&known), Signed::Known(_)));
        let with = |name: &str, value: u32| {
            let mut record = known.clone();
            record[name] = value.into();
            record
        };
        assert_eq!(open(&with("v", 2)), Signed::Newer);
        assert_eq!(open(&with("unheard", 1)), Signed::Newer);
        let Signed::Known((raised, _)) = open(&with("level", 9)) else {
            panic!("a field of this version");
        };
        assert_eq!(raised.level, 9);
    }
}
