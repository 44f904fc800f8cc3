//! Proof that an origin signed two histories of one bucket: two of its headers
//! that cannot belong to one chain. `docs/relay.md`.
//!
//! ```text
//! fork = header(192) || header(192)        the smaller one, by its bytes, first
//! ```

use super::{BATCH_HEADER_LEN, BatchHeader};

/// Length of a proof in bytes.
pub const FORK_LEN: usize = 2 * BATCH_HEADER_LEN;

/// Two valid headers of one origin and bucket with the same epoch or the same
/// `prev`. An honest relay signs at most one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fork {
    first: BatchHeader,
    second: BatchHeader,
}

impl Fork {
    /// Returns the proof if the two headers are one.
    #[must_use]
    pub fn prove(one: &BatchHeader, other: &BatchHeader) -> Option<Self> {
        let same_chain = one.origin == other.origin && one.bucket == other.bucket;
        let same_place = one.epoch == other.epoch || one.prev == other.prev;
        if !same_chain || !same_place || one == other {
            return None;
        }
        one.verify().ok()?;
        other.verify().ok()?;
        let (first, second) = match one.encode() < other.encode() {
            true => (one, other),
            false => (other, one),
        };
        Some(Self {
            first: first.clone(),
            second: second.clone(),
        })
    }

    /// Decodes and verifies a proof.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (first, second) = bytes.split_first_chunk()?;
        let first = BatchHeader::decode(first).ok()?;
        let second = BatchHeader::decode(second.try_into().ok()?).ok()?;
        Self::prove(&first, &second)
    }

    /// Encodes the proof, 384 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; FORK_LEN] {
        let mut out = [0; FORK_LEN];
        let (first, second) = out.split_at_mut(BATCH_HEADER_LEN);
        first.copy_from_slice(&self.first.encode());
        second.copy_from_slice(&self.second.encode());
        out
    }

    /// One of the two headers, for its origin and bucket.
    #[must_use]
    pub fn header(&self) -> &BatchHeader {
        &self.first
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::UnixTime,
        wire::{BucketId, CellSize, HeaderHash, OriginKey, batch::BatchPlace},
    };

    fn key() -> OriginKey {
        OriginKey::generate(&mut rand_core::UnwrapErr(getrandom::SysRng))
    }

    fn header(key: &OriginKey, bucket: u32, epoch: u64, prev: u8, closed_at: u64) -> BatchHeader {
        let place = BatchPlace {
            bucket: BucketId::try_from(bucket).unwrap(),
            epoch,
            closed_at: UnixTime(closed_at),
            prev: HeaderHash([prev; 32]),
        };
        BatchHeader::sign(&place, &[], CellSize::DEFAULT, key).unwrap()
    }

    #[test]
    fn headers_of_one_chain_or_of_two_chains_prove_nothing() {
        let (key, other) = (key(), key());
        let one = header(&key, 0, 5, 1, 50);
        for second in [
            one.clone(),
            header(&key, 0, 6, 2, 60),
            header(&key, 1, 5, 1, 51),
            header(&other, 0, 5, 1, 51),
        ] {
            assert_eq!(Fork::prove(&one, &second), None);
        }
    }

    #[test]
    fn the_same_epoch_or_the_same_place_in_the_chain_is_a_fork() {
        let key = key();
        let one = header(&key, 0, 5, 1, 50);
        for second in [header(&key, 0, 5, 2, 50), header(&key, 0, 6, 1, 60)] {
            let fork = Fork::prove(&one, &second).unwrap();
            assert_eq!(Fork::prove(&second, &one), Some(fork.clone()));
            let bytes = fork.encode();
            assert_eq!(Fork::parse(&bytes), Some(fork));
            // A signature that is not the origin's proves nothing.
            for byte in [191, 383] {
                let mut forged = bytes;
                forged[byte] ^= 1;
                assert_eq!(Fork::parse(&forged), None);
            }
            assert_eq!(Fork::parse(&bytes[..383]), None);
            assert_eq!(Fork::parse(&[&bytes[..], &[0]].concat()), None);
        }
    }
}
