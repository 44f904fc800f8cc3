//! Cells: the fixed-size units on the network. Protocol §6.
//!
//! ```text
//! cell = tag(16) || enc(32) || ciphertext
//! ```

use core::fmt;

use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroize as _;

use crate::base::{error::coded, generator};

/// Bytes of a detection tag.
pub const TAG_LEN: usize = 16;
/// Bytes of an encapsulated X25519 key.
pub const ENC_LEN: usize = 32;
/// Bytes of a cell that are not plaintext: detection tag, enc and AEAD tag.
pub const OVERHEAD: usize = 64;

/// `SHA-256(cell)[0..16]`, by which a client recognizes a replay. Protocol §5.
pub type CellDigest = [u8; 16];

coded! {
    /// Bytes that are not a cell of the relay's size.
    pub enum CellError {
        /// Not one of the five cell sizes.
        #[error("the cell size is 1024, 2048, 4096, 8192 or 16384 bytes")]
        Size => InvalidArgument,
        /// Not of the relay's cell size.
        #[error("not exactly one cell long")]
        Length => Malformed,
    }
}

/// A relay's cell size: 1024, 2048, 4096, 8192 or 16384 bytes. Protocol §6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct CellSize(u32);

impl CellSize {
    /// The default size of a relay.
    pub const DEFAULT: Self = Self(2048);

    /// The size in bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        self.0 as usize
    }

    /// The length of the plaintext, including the length field.
    #[must_use]
    pub const fn capacity(self) -> usize {
        self.bytes() - OVERHEAD
    }

    /// The number in the batch header.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for CellSize {
    type Error = CellError;

    fn try_from(bytes: u32) -> Result<Self, CellError> {
        match bytes {
            1024 | 2048 | 4096 | 8192 | 16_384 => Ok(Self(bytes)),
            _ => Err(CellError::Size),
        }
    }
}

impl From<CellSize> for u32 {
    fn from(size: CellSize) -> Self {
        size.0
    }
}

/// One cell, exactly as long as its relay's cell size. Real cells and cover
/// cells are indistinguishable.
#[derive(Clone, PartialEq, Eq)]
pub struct Cell {
    tag: [u8; TAG_LEN],
    enc: [u8; ENC_LEN],
    bytes: Box<[u8]>,
}

impl Cell {
    /// Creates a cell from bytes of exactly its size.
    ///
    /// # Errors
    ///
    /// [`CellError::Length`] for any other length.
    pub fn parse(bytes: impl Into<Box<[u8]>>, size: CellSize) -> Result<Self, CellError> {
        let bytes = bytes.into();
        if bytes.len() != size.bytes() {
            return Err(CellError::Length);
        }
        let (tag, rest) = bytes.split_first_chunk().ok_or(CellError::Length)?;
        let enc = rest.first_chunk().ok_or(CellError::Length)?;
        Ok(Self {
            tag: *tag,
            enc: *enc,
            bytes,
        })
    }

    /// Creates a cell as `tag || enc || ciphertext`.
    ///
    /// # Errors
    ///
    /// [`CellError::Length`] if the parts together are not of the cell size.
    pub fn from_parts(
        tag: &[u8; TAG_LEN],
        enc: &[u8; ENC_LEN],
        ciphertext: &[u8],
        size: CellSize,
    ) -> Result<Self, CellError> {
        Self::parse([tag.as_slice(), enc, ciphertext].concat(), size)
    }

    /// Detection tag, 16 bytes. Protocol §5.
    #[must_use]
    pub const fn tag(&self) -> [u8; TAG_LEN] {
        self.tag
    }

    /// Encapsulated key, 32 bytes, unchecked: a relay never uses it.
    #[must_use]
    pub const fn enc(&self) -> [u8; ENC_LEN] {
        self.enc
    }

    /// HPKE ciphertext: the rest.
    #[must_use]
    pub fn ciphertext(&self) -> &[u8] {
        self.bytes.get(TAG_LEN + ENC_LEN..).unwrap_or_default()
    }

    /// The whole cell.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// `SHA-256(cell)[0..16]`, by which a client recognizes a replay. Protocol §5.
    #[must_use]
    pub fn digest(&self) -> CellDigest {
        self.sha256().first_chunk().copied().unwrap_or_default()
    }

    /// `SHA-256(cell)`, by which a relay recognizes a repeated post.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.bytes).into()
    }
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cell({} bytes)", self.bytes.len())
    }
}

/// Generates a cover cell: random tag, `enc` = the public key of a fresh X25519
/// pair, random ciphertext. Protocol §6.
///
/// `enc` cannot be random bytes: half of those are not on the curve, which would
/// distinguish cover from real cells.
pub fn cover_cell(size: CellSize, rng: &mut impl CryptoRng) -> Cell {
    let mut scalar = [0; 32];
    rng.fill_bytes(&mut scalar);
    let enc = generator::x25519(&scalar);
    scalar.zeroize();

    let mut bytes = vec![0; size.bytes()].into_boxed_slice();
    rng.fill_bytes(&mut bytes);
    let mut tag = [0; TAG_LEN];
    rng.fill_bytes(&mut tag);
    if let Some((head, rest)) = bytes.split_first_chunk_mut() {
        *head = tag;
        if let Some(head) = rest.first_chunk_mut() {
            *head = enc;
        }
    }
    Cell { tag, enc, bytes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use getrandom::{SysRng, rand_core::UnwrapErr};

    const SIZES: [u32; 5] = [1024, 2048, 4096, 8192, 16_384];

    #[test]
    fn only_five_sizes_exist() {
        for bad in [0, 64, 1023, 1025, 3072, 32_768, u32::MAX] {
            assert_eq!(CellSize::try_from(bad), Err(CellError::Size), "{bad}");
        }
        for good in SIZES {
            let size = CellSize::try_from(good).unwrap();
            assert_eq!(size.bytes() - size.capacity(), 64);
        }
    }

    #[test]
    fn a_cell_of_another_length_is_refused() {
        for len in [0, 47, 48, 64, 1023, 1025, 2047, 2049, 4096] {
            assert_eq!(
                Cell::parse(vec![0; len], CellSize::DEFAULT),
                Err(CellError::Length),
                "{len}"
            );
        }
        for len in [0, 1999, 2001] {
            let parts = Cell::from_parts(&[0; 16], &[0; 32], &vec![0; len], CellSize::DEFAULT);
            assert_eq!(parts, Err(CellError::Length), "{len}");
        }
    }

    #[test]
    fn cell_parts_round_trip() {
        let cell = Cell::from_parts(&[1; 16], &[2; 32], &[3; 2000], CellSize::DEFAULT).unwrap();
        let parsed = Cell::parse(cell.as_bytes(), CellSize::DEFAULT).unwrap();
        assert_eq!(parsed, cell);
        assert_eq!(
            (parsed.tag(), parsed.enc(), parsed.ciphertext()),
            ([1; 16], [2; 32], &[3_u8; 2000][..])
        );
        assert_eq!(parsed.digest(), parsed.sha256()[..16]);
    }

    #[test]
    fn the_enc_of_a_cover_cell_is_on_the_curve() {
        let mut rng = UnwrapErr(SysRng);
        let mut tags = std::collections::BTreeSet::new();
        for size in SIZES.map(|s| CellSize::try_from(s).unwrap()) {
            for _ in 0..20 {
                let cover = cover_cell(size, &mut rng);
                assert_eq!(Cell::parse(cover.as_bytes(), size).unwrap(), cover);
                assert!(
                    curve25519_dalek::MontgomeryPoint(cover.enc())
                        .to_edwards(0)
                        .is_some(),
                    "on the twist"
                );
                assert!(tags.insert(cover.tag()));
                assert!(cover.ciphertext().windows(16).all(|w| w != [0; 16]));
            }
        }
    }
}
