//! Frames: sealed groups of waiting cells of one kind.
//!
//! ```text
//! frame = "TSF1" || kind(1) || u64 step || process(16) || u64 number || nonce(12)
//!         || AES-256-GCM(HKDF(K(step), "frame" || process), entries)     aad = the first 37 bytes
//! entry = u32 bucket || u8 waited || cell
//! ```
//!
//! `process` is random per start and `number` counts its frames, so that no
//! nonce is used twice under a key. Entries for the bucket [`FILLER`] pad a
//! frame to 1, 2, 4 … 64 entries, or to a multiple of 64, so that its length
//! reveals little about the number of cells posted together.

use aws_lc_rs::aead::{Aad, Nonce};
use sha2::{Digest as _, Sha256};

use super::{super::Kind, StepKey};
use crate::random;

/// The bucket number of padding entries.
pub const FILLER: u32 = 0xFFFF_FFFE;

const MAGIC: &[u8; 4] = b"TSF1";
/// The process of a carried frame.
const CARRIED: &[u8; 16] = b"carry\0\0\0\0\0\0\0\0\0\0\0";
const HEAD_LEN: usize = 37;
const NONCE_LEN: usize = 12;
/// Length of an entry without its cell, in bytes.
const ENTRY_HEAD_LEN: usize = 5;

/// One cell in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameEntry<'c> {
    /// The number of its bucket; [`FILLER`] for padding.
    pub bucket: u32,
    /// Number of closes that left it behind.
    pub waited: u8,
    /// The bytes of the cell.
    pub cell: &'c [u8],
}

/// The bytes are not a frame of this kind and step, or not sealed under its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame of waiting cells cannot be opened")]
pub struct FrameError;

/// Seals the frames of one process.
#[derive(Debug)]
pub struct Sealer {
    process: [u8; 16],
    number: u64,
}

impl Sealer {
    /// Creates a sealer for a process that has just started.
    #[must_use]
    pub fn new() -> Self {
        Self::with(random::bytes(), 0)
    }

    /// Creates a sealer for a known process and its number of sealed frames.
    #[must_use]
    pub const fn with(process: [u8; 16], number: u64) -> Self {
        Self { process, number }
    }

    /// Seals entries whose cells are `cell_len` bytes long.
    ///
    /// # Errors
    ///
    /// [`FrameError`] if a cell has another length.
    pub fn seal(
        &mut self,
        key: &StepKey,
        kind: Kind,
        step: u64,
        entries: &[FrameEntry<'_>],
        cell_len: usize,
    ) -> Result<Vec<u8>, FrameError> {
        // Never use this number again, even if this frame is discarded.
        let number = self.number;
        self.number += 1;
        let place = (kind, step, &self.process, number);
        seal(key, place, entries, cell_len, |_, _| nonce(number))
    }

    /// The number of the next frame.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Returns `true` if a process with this sealer sealed the frame.
    #[must_use]
    pub fn is_own(&self, frame: &[u8]) -> bool {
        Head::parse(frame).is_some_and(|head| head.process == self.process)
    }
}

/// Seals cells that a close left behind. Deterministic, so that every process
/// that computes the close seals the same bytes: the nonce is derived from the
/// content.
///
/// # Errors
///
/// [`FrameError`] if a cell has another length.
pub fn seal_carried(
    key: &StepKey,
    kind: Kind,
    step: u64,
    number: u64,
    entries: &[FrameEntry<'_>],
    cell_len: usize,
) -> Result<Vec<u8>, FrameError> {
    let place = (kind, step, CARRIED, number);
    seal(key, place, entries, cell_len, |head, plain| {
        let hash = Sha256::new().chain_update(head);
        let digest = hash.chain_update(Sha256::digest(plain)).finalize();
        *digest.first_chunk().unwrap_or(&[0; NONCE_LEN])
    })
}

fn seal(
    key: &StepKey,
    (kind, step, process, number): (Kind, u64, &[u8; 16], u64),
    entries: &[FrameEntry<'_>],
    cell_len: usize,
    nonce: impl FnOnce(&[u8], &[u8]) -> [u8; NONCE_LEN],
) -> Result<Vec<u8>, FrameError> {
    let entry_len = ENTRY_HEAD_LEN + cell_len;
    let len = padded(entries.len()) * entry_len;
    let mut frame = Vec::with_capacity(HEAD_LEN + NONCE_LEN + len + 16);
    frame.extend_from_slice(MAGIC);
    frame.push(kind.letter());
    frame.extend_from_slice(&step.to_be_bytes());
    frame.extend_from_slice(process);
    frame.extend_from_slice(&number.to_be_bytes());
    frame.extend_from_slice(&[0; NONCE_LEN]);
    for entry in entries {
        if entry.cell.len() != cell_len {
            return Err(FrameError);
        }
        frame.extend_from_slice(&entry.bucket.to_be_bytes());
        frame.push(entry.waited);
        frame.extend_from_slice(entry.cell);
    }
    while frame.len() < HEAD_LEN + NONCE_LEN + len {
        frame.extend_from_slice(&FILLER.to_be_bytes());
        frame.resize(frame.len() + 1 + cell_len, 0);
    }
    let (head, rest) = frame.split_at_mut(HEAD_LEN);
    let (place, plain) = rest.split_at_mut(NONCE_LEN);
    let nonce = nonce(head, plain);
    place.copy_from_slice(&nonce);
    let tag = key
        .frame_key(process)
        .and_then(|key| {
            let nonce = Nonce::assume_unique_for_key(nonce);
            key.seal_in_place_separate_tag(nonce, Aad::from(head), plain)
        })
        .map_err(|_| FrameError)?;
    frame.extend_from_slice(tag.as_ref());
    Ok(frame)
}

/// The readable fields of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The step under whose key it is sealed.
    pub step: u64,
    /// The process that sealed it.
    pub process: [u8; 16],
    /// Its number among the frames of the process.
    pub number: u64,
}

impl Head {
    /// Reads the fields of a frame without opening it.
    #[must_use]
    pub fn parse(frame: &[u8]) -> Option<Self> {
        let (_, rest) = frame.strip_prefix(MAGIC)?.split_first()?;
        let (step, rest) = rest.split_first_chunk()?;
        let (process, rest) = rest.split_first_chunk()?;
        let (number, _) = rest.split_first_chunk()?;
        Some(Self {
            step: u64::from_be_bytes(*step),
            process: *process,
            number: u64::from_be_bytes(*number),
        })
    }
}

impl Default for Sealer {
    fn default() -> Self {
        Self::new()
    }
}

/// An opened frame.
#[derive(Debug)]
pub struct Frame {
    bytes: Vec<u8>,
    plain_end: usize,
    entry_len: usize,
}

impl Frame {
    /// Opens a frame of this kind and step.
    ///
    /// # Errors
    ///
    /// [`FrameError`].
    pub fn open(
        key: &StepKey,
        kind: Kind,
        step: u64,
        mut bytes: Vec<u8>,
        cell_len: usize,
    ) -> Result<Self, FrameError> {
        let (head, rest) = bytes.split_at_mut_checked(HEAD_LEN).ok_or(FrameError)?;
        let (nonce, sealed) = rest.split_first_chunk_mut().ok_or(FrameError)?;
        let expected = [MAGIC.as_slice(), &[kind.letter()], &step.to_be_bytes()].concat();
        let (prefix, process) = head.split_at_checked(expected.len()).ok_or(FrameError)?;
        let process = process.first_chunk::<16>().ok_or(FrameError)?;
        if prefix != expected {
            return Err(FrameError);
        }
        let nonce: [u8; NONCE_LEN] = *nonce;
        let len = key
            .frame_key(process)
            .and_then(|key| {
                let nonce = Nonce::assume_unique_for_key(nonce);
                key.open_in_place(nonce, Aad::from(&*head), sealed)
                    .map(|plain| plain.len())
            })
            .map_err(|_| FrameError)?;
        let entry_len = ENTRY_HEAD_LEN + cell_len;
        if !len.is_multiple_of(entry_len) {
            return Err(FrameError);
        }
        let plain_end = HEAD_LEN + NONCE_LEN + len;
        Ok(Self {
            bytes,
            plain_end,
            entry_len,
        })
    }

    /// All entries in order, including padding.
    pub fn entries(&self) -> impl Iterator<Item = FrameEntry<'_>> {
        self.plain()
            .chunks_exact(self.entry_len)
            .filter_map(parse_entry)
    }

    /// The entry at an index.
    #[must_use]
    pub fn entry(&self, place: u16) -> Option<FrameEntry<'_>> {
        let start = usize::from(place) * self.entry_len;
        parse_entry(self.plain().get(start..start + self.entry_len)?)
    }

    fn plain(&self) -> &[u8] {
        self.bytes
            .get(HEAD_LEN + NONCE_LEN..self.plain_end)
            .unwrap_or_default()
    }
}

fn parse_entry(bytes: &[u8]) -> Option<FrameEntry<'_>> {
    let (bucket, rest) = bytes.split_first_chunk()?;
    let (waited, cell) = rest.split_first()?;
    Some(FrameEntry {
        bucket: u32::from_be_bytes(*bucket),
        waited: *waited,
        cell,
    })
}

fn nonce(number: u64) -> [u8; NONCE_LEN] {
    let mut nonce = [0; NONCE_LEN];
    let (_, last) = nonce.split_at_mut(NONCE_LEN - size_of::<u64>());
    last.copy_from_slice(&number.to_be_bytes());
    nonce
}

fn padded(entries: usize) -> usize {
    if entries <= 64 {
        entries.next_power_of_two()
    } else {
        entries.next_multiple_of(64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(cells: &[Vec<u8>]) -> Vec<FrameEntry<'_>> {
        (0..)
            .zip(cells)
            .map(|(bucket, cell)| FrameEntry {
                bucket,
                waited: 3,
                cell,
            })
            .collect()
    }

    #[test]
    fn frames_are_padded_and_open_to_what_was_sealed() {
        let key = StepKey::random();
        let mut sealer = Sealer::new();
        for (count, slots) in [(1, 1), (3, 4), (33, 64), (64, 64), (65, 128), (200, 256)] {
            let cells: Vec<Vec<u8>> = (0..count).map(|n| vec![n as u8; 100]).collect();
            let sealed = sealer
                .seal(&key, Kind::Lobby, 7, &entries(&cells), 100)
                .unwrap();
            assert_eq!(sealed.len(), 49 + slots * 105 + 16);
            let frame = Frame::open(&key, Kind::Lobby, 7, sealed, 100).unwrap();
            let all: Vec<_> = frame.entries().collect();
            assert_eq!(all.len(), slots);
            assert_eq!(all[..count], entries(&cells));
            assert!(all[count..].iter().all(|entry| entry.bucket == FILLER));
            assert_eq!(frame.entry(0), Some(all[0]));
            assert_eq!(frame.entry(slots as u16), None);
        }
    }

    #[test]
    fn a_frame_opens_only_with_its_own_kind_step_and_key() {
        let (key, other) = (StepKey::random(), StepKey::random());
        let cells = vec![vec![1; 100]];
        let sealed = Sealer::new()
            .seal(&key, Kind::Numbered, 7, &entries(&cells), 100)
            .unwrap();
        let open = |key: &StepKey, kind, step, bytes: &[u8], len| {
            Frame::open(key, kind, step, bytes.to_vec(), len).is_ok()
        };
        assert!(open(&key, Kind::Numbered, 7, &sealed, 100));
        assert!(!open(&other, Kind::Numbered, 7, &sealed, 100));
        assert!(!open(&key, Kind::Lobby, 7, &sealed, 100));
        assert!(!open(&key, Kind::Numbered, 8, &sealed, 100));
        assert!(!open(&key, Kind::Numbered, 7, &sealed, 99));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(!open(&key, Kind::Numbered, 7, &changed, 100), "byte {at}");
            assert!(!open(&key, Kind::Numbered, 7, &sealed[..at], 100));
        }
    }

    #[test]
    fn cells_of_another_length_are_refused() {
        let sealed = Sealer::new().seal(
            &StepKey::random(),
            Kind::Numbered,
            1,
            &entries(&[vec![0; 99]]),
            100,
        );
        assert_eq!(sealed, Err(FrameError));
    }
}
