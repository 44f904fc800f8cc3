//! What `tests/bench` measures below the package's own surface: one cell, and
//! the index of watched tags. Compiled with the feature `bench` only, into a
//! module of its own that no package holds.

use js_sys::Uint8Array;
use wasm_bindgen::prelude::wasm_bindgen;

use super::{
    bytes::{array, content, invalid, rng, secret},
    error::{JsResult, js_error},
};
use crate::{
    base::{Day, ErrorCode, Secret, UnixTime},
    channel::{TAG_LEN, Tag, TagKey, TagSlot},
    crypto::hpke::{KemKeyPair, KemPublicKey},
    envelope::{Body, EnvelopeError, Sealing, TagIndex, Window, open, seal},
    wire::{Batch, BatchHeader, BucketId, Cell, CellSize, OriginKey, batch::BatchPlace},
};

/// The two ends of one direction and month: seals to a recipient, and opens as it.
#[wasm_bindgen]
pub struct CellKeys {
    recipient: KemKeyPair,
    psk: Secret<32>,
}

#[wasm_bindgen]
impl CellKeys {
    /// The recipient's KEM pair by `DeriveKeyPair(ikm)`, and the month's psk.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` unless both are 32 bytes.
    #[wasm_bindgen(constructor)]
    pub fn new(ikm: &Uint8Array, psk: &Uint8Array) -> JsResult<Self> {
        Ok(Self {
            recipient: KemKeyPair::derive(&secret(ikm, "ikm")?),
            psk: secret(psk, "psk")?,
        })
    }

    /// The recipient's KEM public key: 32 bytes.
    #[wasm_bindgen(getter, js_name = publicKey)]
    #[must_use]
    pub fn public_key(&self) -> Uint8Array {
        array(self.recipient.public().as_bytes())
    }

    /// Seals the body `[0, delivery]` under a tag into a cell of 2048 bytes;
    /// the recipient's key is decoded as for every cell that is sent.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` for a tag that is not 16 bytes, `MESSAGE_TOO_LARGE`.
    pub fn seal(&self, tag: &Uint8Array, delivery: &Uint8Array) -> JsResult<Uint8Array> {
        let recipient = KemPublicKey::decode(self.recipient.public().as_bytes())
            .ok_or(ErrorCode::InvalidKey)?;
        let sealing = Sealing {
            recipient: &recipient,
            psk: &self.psk,
            size: CellSize::DEFAULT,
        };
        let body = Body::Whole(content(delivery).to_vec());
        let cell = seal(&sealing, parse_tag(tag)?, &body, &mut rng()).map_err(envelope_error)?;
        Ok(array(cell.as_bytes()))
    }

    /// Opens a cell; gives the delivery.
    ///
    /// # Errors
    ///
    /// `NOT_AUTHENTIC`, `MALFORMED` unless 2048 bytes.
    pub fn open(&self, cell: &Uint8Array) -> JsResult<Uint8Array> {
        let cell = Cell::parse(cell.to_vec(), CellSize::DEFAULT).map_err(|error| error.code())?;
        match open(&self.recipient, &self.psk, &cell).map_err(envelope_error)? {
            Body::Whole(delivery) => Ok(array(&delivery)),
            Body::Fragment(_) => Err(ErrorCode::NotAuthentic.into()),
        }
    }

    /// Trial decryption: how many of the cells, 2048 bytes each and one after
    /// the other, open.
    #[must_use]
    pub fn opening(&self, cells: &Uint8Array) -> usize {
        let cells = cells.to_vec();
        let cells = cells.chunks_exact(CellSize::DEFAULT.bytes());
        cells.filter(|bytes| self.opens(bytes)).count()
    }

    fn opens(&self, bytes: &[u8]) -> bool {
        Cell::parse(bytes, CellSize::DEFAULT)
            .is_ok_and(|cell| open(&self.recipient, &self.psk, &cell).is_ok())
    }
}

/// The tags of all contacts and days.
#[wasm_bindgen]
#[derive(Default)]
pub struct Tags(TagIndex<u32>);

#[wasm_bindgen]
impl Tags {
    /// Watches nothing yet.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Watches one contact's fresh window of a day: 40 tags.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` unless the tag key is 32 bytes.
    pub fn watch(&mut self, contact: u32, tag_key: &Uint8Array, day: u32) -> JsResult<()> {
        let key = TagKey::new(&secret(tag_key, "tagKey")?);
        for (device, counters) in Window::default().ranges() {
            self.0
                .watch_range(contact, &key, Day(day), device, counters);
        }
        Ok(())
    }

    /// Tags watched.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn length(&self) -> usize {
        self.0.len()
    }

    /// Which of the tags, 16 bytes each and one after the other, are watched.
    #[must_use]
    pub fn find(&self, tags: &[u8]) -> Vec<u32> {
        let (tags, _) = tags.as_chunks::<TAG_LEN>();
        let found = (0..)
            .zip(tags)
            .filter(|(_, tag)| self.0.find(tag).is_some());
        found.map(|(i, _)| i).collect()
    }
}

/// One tag, as its sender derives it.
///
/// # Errors
///
/// `INVALID_ARGUMENT` unless the tag key is 32 bytes.
#[wasm_bindgen(js_name = tagOf)]
pub fn tag_of(tag_key: &Uint8Array, day: u32, device: u8, counter: u32) -> JsResult<Uint8Array> {
    let key = TagKey::new(&secret(tag_key, "tagKey")?);
    Ok(array(&key.tag(TagSlot {
        day: Day(day),
        device,
        counter,
    })))
}

/// The header of a batch of these cells, signed as a relay does: 192 bytes.
///
/// # Errors
///
/// `BATCH_INVALID` unless `cells` are whole cells of 2048 bytes.
#[wasm_bindgen(js_name = signBatch)]
pub fn sign_batch(cells: &[u8]) -> JsResult<Uint8Array> {
    let place = BatchPlace {
        bucket: BucketId::LOBBY,
        epoch: 1,
        closed_at: UnixTime(0),
        prev: BatchHeader::NO_PREV,
    };
    let key = OriginKey::generate(&mut rng());
    let header =
        BatchHeader::sign(&place, cells, CellSize::DEFAULT, &key).map_err(|error| error.code())?;
    Ok(array(&header.encode()))
}

/// Reads a batch as the engine does, its digest and signature checked, with the
/// SHA-256 of what follows the tags; gives the number of cells.
///
/// # Errors
///
/// `BATCH_INVALID`.
#[wasm_bindgen(js_name = readBatch)]
pub fn read_batch(bytes: &Uint8Array, rests: &Uint8Array) -> JsResult<usize> {
    let bytes = bytes.to_vec();
    let batch = Batch::parse_hashed(&bytes, rests.to_vec().try_into().ok())
        .map_err(|error| error.code())?;
    Ok(batch.cells().len())
}

fn parse_tag(tag: &Uint8Array) -> JsResult<Tag> {
    tag.to_vec()
        .try_into()
        .map_err(|_| invalid("tag is not 16 bytes"))
}

fn envelope_error(error: EnvelopeError) -> wasm_bindgen::JsValue {
    js_error(error.code(), &error.to_string())
}
