//! Sealing and opening of cells. Protocol §6.
//!
//! ```text
//! cell       = tag(16) || enc(32) || ciphertext
//! ciphertext = HPKE mode_psk Seal(u32(len) || body || zeros), info = "tessera/v1/cell", aad = tag
//! ```

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{Body, EnvelopeError};
use crate::{
    base::{Secret, encoding::Reader, labels},
    channel::Tag,
    crypto::{
        cbor::Deterministic as _,
        hpke::{self, KemKeyPair, KemPublicKey, Psk},
    },
    wire::{Cell, CellSize},
};

/// The keys and the size for sealing cells.
#[derive(Clone, Copy, Debug)]
pub struct Sealing<'a> {
    /// The recipient's KEM key.
    pub recipient: &'a KemPublicKey,
    /// The month's psk.
    pub psk: &'a Secret<32>,
    /// The relay's cell size.
    pub size: CellSize,
}

/// Seals one body under a tag.
///
/// # Errors
///
/// `TooLarge` for a body above the capacity.
pub fn seal(
    sealing: &Sealing<'_>,
    tag: Tag,
    body: &Body,
    rng: &mut impl CryptoRng,
) -> Result<Cell, EnvelopeError> {
    let capacity = sealing.size.capacity();
    let body = Zeroizing::new(body.encode());
    if body.len() + 4 > capacity {
        return Err(EnvelopeError::TooLarge);
    }
    let len = u32::try_from(body.len()).map_err(|_| EnvelopeError::TooLarge)?;
    let mut plaintext = Zeroizing::new(Vec::with_capacity(capacity));
    plaintext.extend_from_slice(&len.to_be_bytes());
    plaintext.extend_from_slice(&body);
    plaintext.resize(capacity, 0);
    let (enc, ciphertext) = hpke::seal(
        sealing.recipient,
        Some(psk(sealing.psk)),
        labels::CELL,
        &tag,
        &plaintext,
        rng,
    )
    .ok_or(EnvelopeError::NotAuthentic)?;
    Cell::from_parts(&tag, &enc, &ciphertext, sealing.size).map_err(|_| EnvelopeError::TooLarge)
}

/// Opens a cell that was found under a watched tag.
///
/// # Errors
///
/// `NotAuthentic` whatever fails.
pub fn open(recipient: &KemKeyPair, key: &Secret<32>, cell: &Cell) -> Result<Body, EnvelopeError> {
    let plaintext = hpke::open(
        recipient,
        &cell.enc(),
        Some(psk(key)),
        labels::CELL,
        &cell.tag(),
        cell.ciphertext(),
    )
    .map(Zeroizing::new)
    .ok_or(EnvelopeError::NotAuthentic)?;
    unpad(&plaintext).ok_or(EnvelopeError::NotAuthentic)
}

fn psk(key: &Secret<32>) -> Psk<'_> {
    Psk {
        key,
        id: labels::CELL_PSK,
    }
}

fn unpad(plaintext: &[u8]) -> Option<Body> {
    let mut reader = Reader::new(plaintext);
    let len = usize::try_from(reader.u32()?).ok()?;
    let body = reader.take(len)?;
    if reader.rest().iter().any(|byte| *byte != 0) {
        return None;
    }
    Body::decode(body)
}
