//! The tags of a batch without the rest of its cells: enough to find the cells
//! of a mailbox. Protocol §12.
//!
//! ```text
//! tags = header || SHA-256(rests) || tag(16) of each cell in order
//! ```

use super::{BATCH_HEADER_LEN, BatchError, BatchHeader, CellsDigest, digest::batch_digest};
use crate::{
    base::encoding::Reader,
    wire::{BucketId, SegmentRef, cell::TAG_LEN},
};
use sha2::{Digest as _, Sha256};

/// Length of the prefix before the tags, in bytes.
pub const BATCH_TAGS_PREFIX: usize = BATCH_HEADER_LEN + 32;

/// The verified tags of one batch. Borrows the bytes they were parsed from.
#[derive(Debug)]
pub struct BatchTags<'a> {
    header: BatchHeader,
    tags: &'a [u8],
}

impl<'a> BatchTags<'a> {
    /// Parses tags and verifies magic, fields, length, digest and signature.
    ///
    /// # Errors
    ///
    /// [`BatchError::Malformed`], [`BatchError::Digest`] or [`BatchError::Signature`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BatchError> {
        let (header, rests, tags) = fields(bytes).ok_or(BatchError::Malformed)?;
        if u64::try_from(tags.len()) != Ok(tags_len(&header)) {
            return Err(BatchError::Malformed);
        }
        if batch_digest(Sha256::digest(tags).into(), rests) != header.digest {
            return Err(BatchError::Digest);
        }
        header.verify()?;
        Ok(Self { header, tags })
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The tag of each cell, in published order.
    pub fn tags(&self) -> impl ExactSizeIterator<Item = &'a [u8; TAG_LEN]> + use<'a> {
        self.tags.as_chunks().0.iter()
    }
}

/// Extracts the tags of a batch from its bytes, without verification: a relay
/// trusts the batches that it signed.
///
/// # Errors
///
/// [`BatchError::Malformed`].
pub fn batch_tags(batch: &[u8]) -> Result<Vec<u8>, BatchError> {
    let (header, cells) = batch.split_first_chunk().ok_or(BatchError::Malformed)?;
    let size = BatchHeader::decode(header)?.cell_size;
    let mut digest = CellsDigest::new(size);
    let mut out = Vec::with_capacity(BATCH_TAGS_PREFIX + cells.len() / size.bytes() * TAG_LEN);
    out.extend_from_slice(header);
    out.extend_from_slice(&[0; 32]);
    for cell in cells.chunks(size.bytes()) {
        digest.update(cell)?;
        out.extend_from_slice(cell.get(..TAG_LEN).unwrap_or_default());
    }
    let (_, rests) = digest.finish();
    if let Some(place) = out.get_mut(BATCH_HEADER_LEN..BATCH_TAGS_PREFIX) {
        place.copy_from_slice(&rests);
    }
    Ok(out)
}

impl SegmentRef {
    /// Splits the tags of a segment into those of its batches, oldest first.
    /// [`BatchTags::parse`] must verify each.
    ///
    /// # Errors
    ///
    /// [`BatchError::Malformed`] if the bytes are not the tags of whole batches,
    /// [`BatchError::Unexpected`] for a batch of another bucket or origin, out
    /// of order, or outside the listed epochs.
    pub fn split_tags<'a>(
        &self,
        bucket: BucketId,
        bytes: &'a [u8],
    ) -> Result<Vec<&'a [u8]>, BatchError> {
        self.cut(bucket, bytes, &|rest| {
            let (header, ..) = fields(rest)?;
            let len = BATCH_TAGS_PREFIX.checked_add(usize::try_from(tags_len(&header)).ok()?)?;
            Some((header, len))
        })
    }
}

/// Splits into header, digest of `rests`, and tags.
fn fields(bytes: &[u8]) -> Option<(BatchHeader, [u8; 32], &[u8])> {
    let (header, rest) = bytes.split_first_chunk()?;
    let header = BatchHeader::decode(header).ok()?;
    let mut reader = Reader::new(rest);
    let rests = reader.array()?;
    Some((header, rests, reader.rest()))
}

fn tags_len(header: &BatchHeader) -> u64 {
    u64::from(header.count) * TAG_LEN as u64
}
