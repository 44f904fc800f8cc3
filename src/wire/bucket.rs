//! Buckets: numbered collections of cells, shared by many people. Protocol §2.

use core::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::base::{encoding::parts, error::coded, labels};

/// Maximum number of buckets of the protocol.
const MAX_COUNT: u32 = 65_536;
/// The lobby, as a bucket number.
const LOBBY: u32 = 0xFFFF_FFFF;
const LOBBY_TEXT: &str = "lobby";

coded! {
    /// A number that is not a valid bucket or bucket count.
    pub enum BucketError {
        /// Not a power of two from 1 to 65536.
        #[error("the number of buckets is a power of two from 1 to 65536")]
        Count => InvalidArgument,
        /// Neither the lobby nor a number from 0 to 65535.
        #[error("a bucket is \"lobby\" or a number from 0 to 65535")]
        Number => InvalidArgument,
    }
}

/// The number of buckets of a relay: a power of two from 1 to 65536. Protocol §2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct BucketCount(u32);

impl BucketCount {
    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Returns `true` if a relay with this many buckets has `bucket`. Every relay
    /// has the lobby.
    #[must_use]
    pub fn contains(self, bucket: BucketId) -> bool {
        bucket.is_lobby() || bucket.0 < self.0
    }

    /// Every numbered bucket, in order.
    pub fn numbered(self) -> impl Iterator<Item = BucketId> {
        (0..self.0).map(BucketId)
    }

    /// The bucket `number mod N`.
    #[must_use]
    pub fn wrap(self, number: u64) -> BucketId {
        BucketId(u32::try_from(number % u64::from(self.0)).unwrap_or(0))
    }
}

impl TryFrom<u32> for BucketCount {
    type Error = BucketError;

    fn try_from(n: u32) -> Result<Self, BucketError> {
        let known = n.is_power_of_two() && n <= MAX_COUNT;
        known.then_some(Self(n)).ok_or(BucketError::Count)
    }
}

impl From<BucketCount> for u32 {
    fn from(n: BucketCount) -> Self {
        n.0
    }
}

/// One bucket: the lobby, or a number below 65536. `u32` on the wire, with
/// 0xFFFFFFFF for the lobby; `lobby` or a decimal number in paths.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketId(u32);

impl BucketId {
    /// The bucket for enrolment.
    pub const LOBBY: Self = Self(LOBBY);

    /// Returns `true` for the lobby.
    #[must_use]
    pub const fn is_lobby(self) -> bool {
        self.0 == LOBBY
    }

    /// The number on the wire.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for BucketId {
    type Error = BucketError;

    fn try_from(number: u32) -> Result<Self, BucketError> {
        let known = number < MAX_COUNT || number == LOBBY;
        known.then_some(Self(number)).ok_or(BucketError::Number)
    }
}

impl From<BucketId> for u32 {
    fn from(bucket: BucketId) -> Self {
        bucket.0
    }
}

impl fmt::Display for BucketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_lobby() {
            f.write_str(LOBBY_TEXT)
        } else {
            write!(f, "{}", self.0)
        }
    }
}

impl fmt::Debug for BucketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BucketId({self})")
    }
}

impl FromStr for BucketId {
    type Err = BucketError;

    /// Accepts one spelling per bucket: no sign, no leading zeros.
    fn from_str(text: &str) -> Result<Self, BucketError> {
        if text == LOBBY_TEXT {
            return Ok(Self::LOBBY);
        }
        let number: u32 = text.parse().map_err(|_| BucketError::Number)?;
        if number >= MAX_COUNT || number.to_string() != text {
            return Err(BucketError::Number);
        }
        Ok(Self(number))
    }
}

/// `u64(SHA-256(parts("tessera/v1/bucket", address))[0..8]) mod N`. The
/// address of an identity is its fingerprint. Protocol §2.
#[must_use]
pub fn compute_bucket(address: &[u8; 32], n: BucketCount) -> BucketId {
    let hash: [u8; 32] = Sha256::digest(parts(labels::BUCKET, &[address])).into();
    let [a, b, c, d, e, f, g, h, ..] = hash;
    n.wrap(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_powers_of_two_up_to_65536() {
        for bad in [0, 3, 6, 65_535, 65_537, 131_072, u32::MAX] {
            assert_eq!(BucketCount::try_from(bad), Err(BucketError::Count), "{bad}");
        }
        for good in [1, 2, 8, 65_536] {
            assert_eq!(BucketCount::try_from(good).map(BucketCount::get), Ok(good));
        }
        assert!(serde_json::from_str::<BucketCount>("3").is_err());
        assert!(serde_json::from_str::<BucketCount>("\"8\"").is_err());
    }

    #[test]
    fn a_bucket_has_one_spelling() {
        for bad in [
            "",
            "Lobby",
            "+1",
            "01",
            "-1",
            "65536",
            "4294967295",
            "1 ",
            "0x1",
            "1.0",
        ] {
            assert_eq!(bad.parse::<BucketId>(), Err(BucketError::Number), "{bad}");
        }
        for good in ["lobby", "0", "7", "65535"] {
            assert_eq!(good.parse::<BucketId>().unwrap().to_string(), good);
        }
        assert_eq!(BucketId::try_from(65_536), Err(BucketError::Number));
        assert_eq!(BucketId::try_from(0xFFFF_FFFF), Ok(BucketId::LOBBY));
    }

    #[test]
    fn a_relay_has_its_numbered_buckets_and_the_lobby() {
        let n = BucketCount::try_from(8).unwrap();
        assert_eq!(n.numbered().count(), 8);
        assert!(n.numbered().all(|b| n.contains(b)));
        assert!(n.contains(BucketId::LOBBY));
        assert!(!n.contains(BucketId::try_from(8).unwrap()));
    }

    #[test]
    fn buckets_match_the_vectors() {
        let text = include_str!("../../tests/vectors/identity.json");
        let vectors: serde_json::Value = serde_json::from_str(text).unwrap();
        let mut seen = 0;
        for case in vectors["cases"].as_array().unwrap() {
            let address =
                super::super::hex::decode_32(case["fingerprint"].as_str().unwrap()).unwrap();
            for (n, expected) in case["buckets"].as_object().unwrap() {
                let n = BucketCount::try_from(n.parse::<u32>().unwrap()).unwrap();
                assert_eq!(
                    u64::from(compute_bucket(&address, n).get()),
                    expected.as_u64().unwrap()
                );
                seen += 1;
            }
        }
        assert!(seen >= 20);
    }
}
