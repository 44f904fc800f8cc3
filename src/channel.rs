//! Pairwise keys: chain keys, monthly keys, detection tags. Protocol §4–§5.

use crate::{
    base::{Day, Month, Secret, encoding::parts, labels, secret::redacted},
    crypto::kdf::{self, Prf},
    pseudonym::BlindSeed,
};

/// Length of a detection tag in bytes.
pub const TAG_LEN: usize = 16;

/// A detection tag: the first 16 bytes of a cell.
pub type Tag = [u8; TAG_LEN];

/// The direction of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Inviter to acceptor: 0.
    FromInviter,
    /// Acceptor to inviter: 1.
    FromAcceptor,
}

impl Direction {
    /// The byte that stands for the direction in key derivations.
    #[must_use]
    pub fn byte(self) -> u8 {
        match self {
            Self::FromInviter => 0,
            Self::FromAcceptor => 1,
        }
    }

    /// The opposite direction.
    #[must_use]
    pub fn reverse(self) -> Self {
        match self {
            Self::FromInviter => Self::FromAcceptor,
            Self::FromAcceptor => Self::FromInviter,
        }
    }
}

/// The chain key of one direction and month. Advancing consumes it, so the key
/// of an older month cannot be derived from a newer one. Protocol §4.
#[derive(Debug)]
pub struct ChainKey {
    month: Month,
    key: Secret<32>,
}

impl ChainKey {
    /// `chain[first] = derive(seed, "tessera/v1/chain", u8(direction), u32(first_month))`.
    #[must_use]
    pub fn first(shared_seed: &Secret<32>, direction: Direction, first_month: Month) -> Self {
        let key = kdf::derive(
            shared_seed.expose(),
            labels::CHAIN,
            &[&[direction.byte()], &first_month.0.to_be_bytes()],
        );
        Self {
            month: first_month,
            key,
        }
    }

    /// Restores a key from the vault.
    #[must_use]
    pub fn from_stored(month: Month, key: Secret<32>) -> Self {
        Self { month, key }
    }

    /// `chain[m] = derive(chain[m−1], "tessera/v1/chain/next", u32(m))`. The
    /// old key is wiped.
    #[must_use]
    pub fn advance(self) -> Self {
        let month = self.month.next();
        Self {
            month,
            key: self.step(month),
        }
    }

    /// Derives the chain key of a later month and keeps this one.
    /// `None` for an earlier month, or one more than 24 months ahead.
    #[must_use]
    pub fn at(&self, month: Month) -> Option<Self> {
        if month < self.month || month.0 - self.month.0 > 24 {
            return None;
        }
        let mut chain = Self {
            month: self.month,
            key: self.key.duplicate(),
        };
        while chain.month < month {
            chain = chain.advance();
        }
        Some(chain)
    }

    /// The month of this key.
    #[must_use]
    pub fn month(&self) -> Month {
        self.month
    }

    /// The bytes, for the vault.
    #[must_use]
    pub fn key(&self) -> &Secret<32> {
        &self.key
    }

    /// Derives the three keys of the month.
    #[must_use]
    pub fn month_keys(&self) -> MonthKeys {
        let key = self.key.expose();
        MonthKeys {
            tag_key: TagKey::new(&kdf::derive(key, labels::MONTH_TAG, &[])),
            psk: kdf::derive(key, labels::MONTH_PSK, &[]),
            blind_seed: BlindSeed::new(kdf::derive(key, labels::MONTH_BLIND, &[])),
        }
    }

    fn step(&self, month: Month) -> Secret<32> {
        kdf::derive(
            self.key.expose(),
            labels::CHAIN_NEXT,
            &[&month.0.to_be_bytes()],
        )
    }
}

/// The keys of one direction and month.
#[derive(Debug)]
pub struct MonthKeys {
    /// Derives the detection tags of the month's cells.
    pub tag_key: TagKey,
    /// The HPKE pre-shared key of every cell.
    pub psk: Secret<32>,
    /// The seed that blinds the pseudonym of every delivery.
    pub blind_seed: BlindSeed,
}

/// The key of the detection-tag PRF. It finds cells but cannot open them.
#[derive(Clone)]
pub struct TagKey(Prf);

impl TagKey {
    /// Creates the PRF from its key.
    #[must_use]
    pub fn new(key: &Secret<32>) -> Self {
        Self(Prf::new(key.expose()))
    }

    /// `HMAC-SHA-256(tag_key, parts("tessera/v1/tag", u32(day), u8(device),
    /// u32(counter)))[0..16]`. Protocol §5.
    #[must_use]
    pub fn tag(&self, slot: TagSlot) -> Tag {
        let message = parts(
            labels::TAG,
            &[
                &slot.day.0.to_be_bytes(),
                &[slot.device],
                &slot.counter.to_be_bytes(),
            ],
        );
        let mac = self.0.eval(&message);
        mac.first_chunk().copied().unwrap_or_default()
    }
}

redacted! { TagKey }

/// The input of one tag: a day, a device and a counter. A sender never uses
/// a slot twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TagSlot {
    /// The day of the cell's `sent_at`.
    pub day: Day,
    /// The sender's device index.
    pub device: u8,
    /// The number of the cell among the device's cells of that day, from 0.
    pub counter: u32,
}
