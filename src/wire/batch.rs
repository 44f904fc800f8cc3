//! Batches: signed, chained publications of a relay, one per bucket and epoch.
//! `docs/relay.md`.
//!
//! ```text
//! header = "TSB2" || u32 bucket || origin(32) || u64 epoch || u64 closed_at || prev(32)
//!          || digest(32) || u32 count || u32 cell_size || signature(64)      192 bytes
//! batch  = header || count cells
//! digest = SHA-256(SHA-256(tags) || SHA-256(rests))
//! ```
//!
//! `tags` are the first 16 bytes of each cell in order, `rests` the remaining
//! bytes of each, so that the tags alone can be checked against the signature.
//!
//! The signature is Ed25519 over the 128 bytes before it. `prev` is the SHA-256
//! of the bucket's previous header, which makes dropped and forked batches
//! detectable.

mod digest;
mod origin_key;
mod signature;
mod tags;

use ed25519_dalek::Signer as _;
use sha2::{Digest as _, Sha256};

pub use self::{
    digest::{CellsDigest, Hashes},
    origin_key::OriginKey,
    tags::{BATCH_TAGS_PREFIX, BatchTags, batch_tags},
};

use super::{BatchDigest, BucketId, Cell, CellSize, HeaderHash, Origin};
use crate::base::{
    UnixTime,
    encoding::Reader,
    error::coded,
    parameters::{MAX_EPOCH, MAX_UNIX_TIME},
};

/// Length of a header in bytes.
pub const BATCH_HEADER_LEN: usize = 192;
const SIGNED_LEN: usize = 128;
const MAGIC: [u8; 4] = *b"TSB2";

coded! {
    /// Why a batch is refused. All variants mean the same to a user: the relay or
    /// the connection to it is at fault.
    pub enum BatchError {
        /// Wrong magic, a field out of range, or a length other than the header states.
        #[error("not a batch")]
        Malformed => BatchInvalid,
        /// The cells do not match the digest.
        #[error("the cells do not match the batch's digest")]
        Digest => BatchInvalid,
        /// The signature is invalid under the origin's key.
        #[error("the batch's signature is invalid")]
        Signature => BatchInvalid,
        /// A valid batch, but not the requested one.
        #[error("not the requested batch")]
        Unexpected => BatchInvalid,
        /// The batch does not follow the previous one.
        #[error("the batch does not follow the previous one")]
        Chain => BatchInvalid,
    }
}

/// The header of a batch, with its signature. A decoded header is not verified:
/// [`Batch::parse`] and [`BatchHeader::verify`] do that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// The bucket.
    pub bucket: BucketId,
    /// The public key of the signer.
    pub origin: Origin,
    /// Number of the epoch; increases from batch to batch, not always by one.
    pub epoch: u64,
    /// The nominal boundary at which the epoch ended.
    pub closed_at: UnixTime,
    /// Hash of the bucket's previous header, zeros for the first.
    pub prev: HeaderHash,
    /// Digest of the cells' tags and of the remaining bytes.
    pub digest: BatchDigest,
    /// Number of cells.
    pub count: u32,
    /// Length of a cell.
    pub cell_size: CellSize,
    signature: [u8; 64],
}

/// The fields of a header that the relay chooses; the others follow from the
/// cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchPlace {
    /// The bucket.
    pub bucket: BucketId,
    /// Number of the epoch.
    pub epoch: u64,
    /// The nominal boundary at which the epoch ended.
    pub closed_at: UnixTime,
    /// Hash of the bucket's previous header, [`HeaderHash`] of zeros for the first.
    pub prev: HeaderHash,
}

impl BatchHeader {
    /// The value of `prev` in a bucket's first batch.
    pub const NO_PREV: HeaderHash = HeaderHash([0; 32]);

    /// Decodes the fields without checking the signature.
    ///
    /// # Errors
    ///
    /// [`BatchError::Malformed`].
    pub fn decode(bytes: &[u8; BATCH_HEADER_LEN]) -> Result<Self, BatchError> {
        Self::read(&mut Reader::new(bytes)).ok_or(BatchError::Malformed)
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        if reader.array()? != MAGIC {
            return None;
        }
        let header = Self {
            bucket: BucketId::try_from(reader.u32()?).ok()?,
            origin: Origin(reader.array()?),
            epoch: reader.u64()?,
            closed_at: UnixTime(reader.u64()?),
            prev: HeaderHash(reader.array()?),
            digest: BatchDigest(reader.array()?),
            count: reader.u32()?,
            cell_size: CellSize::try_from(reader.u32()?).ok()?,
            signature: reader.array()?,
        };
        (header.epoch <= MAX_EPOCH && header.closed_at.0 <= MAX_UNIX_TIME).then_some(header)
    }

    /// Signs the header for concatenated cells.
    ///
    /// # Errors
    ///
    /// [`BatchError::Malformed`] if `cells` is not a whole number of cells, or
    /// more than `u32::MAX`.
    pub fn sign(
        place: &BatchPlace,
        cells: &[u8],
        cell_size: CellSize,
        key: &OriginKey,
    ) -> Result<Self, BatchError> {
        Self::sign_digest(place, CellsDigest::of(cells, cell_size)?, key)
    }

    /// Signs the header for cells that were hashed one by one.
    ///
    /// # Errors
    ///
    /// [`BatchError::Malformed`] for more than `u32::MAX` cells.
    pub fn sign_digest(
        place: &BatchPlace,
        cells: CellsDigest,
        key: &OriginKey,
    ) -> Result<Self, BatchError> {
        let count = u32::try_from(cells.count).map_err(|_| BatchError::Malformed)?;
        let cell_size = cells.cell_size;
        let (digest, _) = cells.finish();
        let mut header = Self {
            bucket: place.bucket,
            origin: key.origin(),
            epoch: place.epoch,
            closed_at: place.closed_at,
            prev: place.prev,
            digest,
            count,
            cell_size,
            signature: [0; 64],
        };
        header.signature = key.0.sign(&header.signed()).to_bytes();
        Ok(header)
    }

    /// Verifies the signature under the origin's key. Strict: refuses small-order
    /// keys and non-canonical encodings.
    ///
    /// # Errors
    ///
    /// [`BatchError::Signature`].
    pub fn verify(&self) -> Result<(), BatchError> {
        let verified = signature::verify(&self.origin.0, &self.signed(), &self.signature);
        verified.then_some(()).ok_or(BatchError::Signature)
    }

    /// Checks that this is the requested batch.
    ///
    /// # Errors
    ///
    /// [`BatchError::Unexpected`].
    pub fn expect(&self, bucket: BucketId, origin: &Origin, epoch: u64) -> Result<(), BatchError> {
        let expected = self.bucket == bucket && self.origin == *origin && self.epoch == epoch;
        expected.then_some(()).ok_or(BatchError::Unexpected)
    }

    /// Checks that this batch follows `previous`: same bucket and origin, a later
    /// epoch, and the hash of `previous` in `prev`.
    ///
    /// # Errors
    ///
    /// [`BatchError::Chain`].
    pub fn follows(&self, previous: &Self) -> Result<(), BatchError> {
        let same_chain = self.bucket == previous.bucket && self.origin == previous.origin;
        let follows = same_chain && self.epoch > previous.epoch && self.prev == previous.hash();
        follows.then_some(()).ok_or(BatchError::Chain)
    }

    /// Encodes the header, 192 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; BATCH_HEADER_LEN] {
        let mut out = [0; BATCH_HEADER_LEN];
        let (signed, signature) = out.split_at_mut(SIGNED_LEN);
        signed.copy_from_slice(&self.signed());
        signature.copy_from_slice(&self.signature);
        out
    }

    /// SHA-256 of the 192 bytes: `prev` of the next batch.
    #[must_use]
    pub fn hash(&self) -> HeaderHash {
        HeaderHash(Sha256::digest(self.encode()).into())
    }

    fn signed(&self) -> [u8; SIGNED_LEN] {
        let mut out = [0; SIGNED_LEN];
        let mut rest = out.as_mut_slice();
        let fields: [&[u8]; 9] = [
            &MAGIC,
            &self.bucket.get().to_be_bytes(),
            &self.origin.0,
            &self.epoch.to_be_bytes(),
            &self.closed_at.0.to_be_bytes(),
            &self.prev.0,
            &self.digest.0,
            &self.count.to_be_bytes(),
            &self.cell_size.get().to_be_bytes(),
        ];
        for field in fields {
            if let Some(place) = rest.split_off_mut(..field.len()) {
                place.copy_from_slice(field);
            }
        }
        out
    }
}

/// A verified batch: its digest and signature are valid. Borrows the bytes it
/// was parsed from.
#[derive(Debug)]
pub struct Batch<'a> {
    header: BatchHeader,
    cells: &'a [u8],
}

impl<'a> Batch<'a> {
    /// Parses a batch and verifies magic, fields, length, digest and signature.
    /// No allocation depends on a length field.
    ///
    /// # Errors
    ///
    /// [`BatchError::Malformed`], [`BatchError::Digest`] or [`BatchError::Signature`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BatchError> {
        Self::parse_hashed(bytes, None)
    }

    /// [`Batch::parse`] with the SHA-256 of `rests`, if the caller has computed it
    /// from these bytes.
    ///
    /// # Errors
    ///
    /// As [`Batch::parse`].
    pub fn parse_hashed(bytes: &'a [u8], rests: Option<[u8; 32]>) -> Result<Self, BatchError> {
        let (header, cells) = bytes.split_first_chunk().ok_or(BatchError::Malformed)?;
        let header = BatchHeader::decode(header)?;
        let claimed = u64::from(header.count) * u64::from(header.cell_size.get());
        if u64::try_from(cells.len()) != Ok(claimed) {
            return Err(BatchError::Malformed);
        }
        let digest = match rests {
            Some(rests) => digest::digest_with(rests, cells, header.cell_size),
            None => CellsDigest::of(cells, header.cell_size)?.finish().0,
        };
        if digest != header.digest {
            return Err(BatchError::Digest);
        }
        header.verify()?;
        Ok(Self { header, cells })
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The bytes of each cell, in published order.
    pub fn cells(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        self.cells.chunks_exact(self.header.cell_size.bytes())
    }

    /// Builds and signs a batch: its header, and its bytes for publication.
    ///
    /// # Errors
    ///
    /// [`BatchError::Malformed`] if a cell is not of `cell_size`.
    pub fn build<'c>(
        place: &BatchPlace,
        cells: impl IntoIterator<Item = &'c Cell>,
        cell_size: CellSize,
        key: &OriginKey,
    ) -> Result<(BatchHeader, Vec<u8>), BatchError> {
        let mut bytes = vec![0; BATCH_HEADER_LEN];
        for cell in cells {
            if cell.as_bytes().len() != cell_size.bytes() {
                return Err(BatchError::Malformed);
            }
            bytes.extend_from_slice(cell.as_bytes());
        }
        let (head, joined) = bytes.split_first_chunk_mut().ok_or(BatchError::Malformed)?;
        let header = BatchHeader::sign(place, joined, cell_size, key)?;
        *head = header.encode();
        Ok((header, bytes))
    }
}

#[cfg(test)]
mod tests;
