//! Markers: messages that end an epoch at one place of the log.
//!
//! ```text
//! marker = "TSM1" || HMAC-SHA256(HKDF(K(i), "marker"), body) || body
//! ```
//!
//! The first valid marker in log order ends the epoch of index `i`; later ones
//! are void. All inputs of the close that a process chooses are in it.

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};
use tessera::wire::BucketId;

use super::{commit::parse, hex::Hex};
use crate::store::{Kind, StoreError, ratchet::StepKey, sqlite::view::Position};

const MAGIC: &[u8; 4] = b"TSM1";
pub(super) const VERSION: u32 = 1;
const MAC_LEN: usize = 32;
/// A marker's time may be this many seconds ahead of the log's clock.
const AHEAD: u64 = 60;

/// The end of an epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Marker {
    pub(super) v: u32,
    pub(super) kind: char,
    /// The index of the close.
    pub(super) i: u64,
    /// The number of the epoch.
    pub(super) epoch: u64,
    /// The nominal boundary.
    pub(super) at: u64,
    /// Sequence of the marker of the previous index; 0 for the first.
    pub(super) prev: u64,
    /// The last sequence of the published stream that the close considers.
    pub(super) p: u64,
    /// The random input of the ratchet and of all draws.
    pub(super) r: Hex<32>,
    /// SHA-256 of the cover rule.
    pub(super) rule: Hex<32>,
    /// The buckets that are closed; empty for all of the kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) buckets: Vec<u32>,
    /// Cells published before this time may be published again.
    pub(super) seen_from: u64,
    /// Cells that more closes than this left behind are dropped.
    pub(super) most_waited: u8,
}

impl Marker {
    /// Encodes it with its MAC.
    pub(super) fn encode(&self, key: &StepKey) -> Result<Vec<u8>, StoreError> {
        let body = serde_json::to_vec(self).map_err(|_| StoreError::Misused)?;
        let tag = hmac::sign(&mac_key(key)?, &body);
        Ok([MAGIC, tag.as_ref(), &body].concat())
    }

    /// Decodes a message whose MAC is right under this key.
    pub(super) fn open(key: &StepKey, kind: Kind, bytes: &[u8]) -> Option<Self> {
        let marker: Self = parse(VERSION, authentic(key, bytes)?)?;
        (marker.kind == char::from(kind.letter())).then_some(marker)
    }

    /// Whether it has the right MAC and is not of this version: it is of a newer one.
    pub(super) fn is_newer(key: &StepKey, bytes: &[u8]) -> bool {
        let body = authentic(key, bytes);
        body.is_some_and(|body| parse::<Self>(VERSION, body).is_none())
    }

    /// Decodes a message without checking its MAC, for a test's broken process.
    pub(super) fn unchecked(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes.get(MAGIC.len() + MAC_LEN..)?).ok()
    }

    /// Checks that it ends the current index. `at` is the log's time.
    pub(super) fn follows(&self, position: &Position, at: u64) -> bool {
        let last = position.last.epoch;
        let grows = position.next <= 1
            || self.epoch > last
            // Parts of a kind may be closed in one epoch, one after the other.
            || (self.epoch == last && !self.buckets.is_empty());
        self.i == position.next && self.prev == position.marker && grows && self.at <= at + AHEAD
    }

    /// The buckets that it closes, of those of its kind.
    pub(super) fn closes(&self, all: &[BucketId]) -> Vec<BucketId> {
        let listed =
            |bucket: &&BucketId| self.buckets.is_empty() || self.buckets.contains(&bucket.get());
        all.iter().filter(listed).copied().collect()
    }
}

/// The body of a message whose MAC is right under this key.
fn authentic<'b>(key: &StepKey, bytes: &'b [u8]) -> Option<&'b [u8]> {
    let (tag, body) = bytes.strip_prefix(MAGIC)?.split_at_checked(MAC_LEN)?;
    hmac::verify(&mac_key(key).ok()?, body, tag).ok()?;
    Some(body)
}

fn mac_key(key: &StepKey) -> Result<hmac::Key, StoreError> {
    let key = key.marker_key().map_err(|_| StoreError::Misused)?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, key.expose()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch::Boundary;
    use tessera::{base::Secret, wire::hex};

    const VECTORS: &str = include_str!("../../../tests/vectors/ratchet.json");

    fn marker() -> Marker {
        Marker {
            v: VERSION,
            kind: 'n',
            i: 3,
            epoch: 70,
            at: 1000,
            prev: 12,
            p: 5,
            r: Hex([7; 32]),
            rule: Hex([8; 32]),
            buckets: Vec::new(),
            seen_from: 0,
            most_waited: 255,
        }
    }

    #[test]
    fn a_marker_opens_only_under_its_key_and_kind() {
        let (key, other) = (StepKey::random(), StepKey::random());
        let bytes = marker().encode(&key).unwrap();
        assert_eq!(Marker::open(&key, Kind::Numbered, &bytes), Some(marker()));
        assert_eq!(Marker::open(&other, Kind::Numbered, &bytes), None);
        assert_eq!(Marker::open(&key, Kind::Lobby, &bytes), None);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(Marker::open(&key, Kind::Numbered, &changed), None, "{at}");
            assert_eq!(Marker::open(&key, Kind::Numbered, &bytes[..at]), None);
        }
    }

    #[test]
    fn a_marker_of_another_version_is_newer_only_under_its_key() {
        let (key, other) = (StepKey::random(), StepKey::random());
        let bytes = marker().encode(&key).unwrap();
        assert!(!Marker::is_newer(&key, &bytes));
        let newer = Marker { v: 2, ..marker() }.encode(&key).unwrap();
        assert_eq!(Marker::open(&key, Kind::Numbered, &newer), None);
        assert!(Marker::is_newer(&key, &newer));
        assert!(!Marker::is_newer(&other, &newer));
    }

    #[test]
    fn only_the_next_marker_follows() {
        let at_epoch = |epoch| Boundary {
            epoch,
            ..Boundary::default()
        };
        let before = Position {
            next: 3,
            last: at_epoch(69),
            marker: 12,
            ..Position::default()
        };
        assert!(marker().follows(&before, 1000));
        assert!(marker().follows(&before, 940));
        assert!(!marker().follows(&before, 939), "ahead of the log's clock");
        assert!(!marker().follows(&Position { next: 2, ..before }, 1000));
        assert!(!marker().follows(
            &Position {
                marker: 11,
                ..before
            },
            1000
        ));
        let same = Position {
            last: at_epoch(70),
            ..before
        };
        assert!(!marker().follows(&same, 1000));
        let part = Marker {
            buckets: vec![1],
            ..marker()
        };
        assert!(part.follows(&same, 1000));
    }

    #[test]
    fn the_mac_and_the_seeds_match_the_vectors() {
        let vectors: serde_json::Value = serde_json::from_str(VECTORS).unwrap();
        let key = |text: &serde_json::Value| {
            let mut bytes: [u8; 32] = hex::decode(text.as_str().unwrap()).unwrap();
            StepKey::from_secret(Secret::take(&mut bytes))
        };
        let marker = &vectors["marker"];
        let mac: [u8; 32] = hex::decode(marker["mac"].as_str().unwrap()).unwrap();
        let body = marker["body"].as_str().unwrap().as_bytes();
        let first = key(&vectors["steps"][0]["key"]);
        let tag = hmac::sign(&mac_key(&first).unwrap(), body);
        assert_eq!(tag.as_ref(), mac);
        let draws = vectors["draw"].as_array().unwrap();
        assert_eq!(draws.len(), 3);
        for draw in draws {
            let r = hex::decode(draw["r"].as_str().unwrap()).unwrap();
            let bucket = draw["bucket"].as_u64().unwrap() as u32;
            let seed = key(&draw["key"]).close_seed(&r, bucket).unwrap();
            assert_eq!(hex::encode(seed.expose()), draw["seed"].as_str().unwrap());
        }
    }
}
