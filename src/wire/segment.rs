//! Segments: the batches of six hours of one chain, concatenated, so that a
//! client that was offline needs few requests. Protocol §12.

use sha2::{Digest as _, Sha256};

use super::{BATCH_HEADER_LEN, BatchError, BatchHeader, BucketId, SegmentRef};
use crate::base::UnixTime;

/// Length of a grid cell in seconds.
pub const GRID_SECONDS: u64 = 6 * 3600;

/// Maximum length of a segment in bytes. A larger batch is in no segment.
pub const MAX_SEGMENT_LEN: u64 = 16 << 20;

/// The grid cell in which a batch was closed.
#[must_use]
pub const fn grid_cell(closed_at: UnixTime) -> u64 {
    closed_at.0 / GRID_SECONDS
}

/// The header and the length of the first item of some bytes.
type FirstItem<'f> = &'f dyn Fn(&[u8]) -> Option<(BatchHeader, usize)>;

impl SegmentRef {
    /// Checks a segment against its entry in the index and splits it into its
    /// batches, oldest first. [`Batch::parse`](super::Batch::parse) must verify
    /// each: a segment itself is not signed.
    ///
    /// # Errors
    ///
    /// [`BatchError::Digest`] if the bytes do not match the listed digest,
    /// [`BatchError::Malformed`] if they are not whole batches,
    /// [`BatchError::Unexpected`] for a batch of another bucket or origin, out
    /// of order, or outside the listed epochs.
    pub fn split<'a>(
        &self,
        bucket: BucketId,
        bytes: &'a [u8],
    ) -> Result<Vec<&'a [u8]>, BatchError> {
        self.split_hashed(bucket, bytes, None)
    }

    /// [`SegmentRef::split`] with the SHA-256 of the bytes, if the caller has
    /// computed it.
    ///
    /// # Errors
    ///
    /// As [`SegmentRef::split`].
    pub fn split_hashed<'a>(
        &self,
        bucket: BucketId,
        bytes: &'a [u8],
        hash: Option<[u8; 32]>,
    ) -> Result<Vec<&'a [u8]>, BatchError> {
        let hash = || hash.unwrap_or_else(|| Sha256::digest(bytes).into());
        if u64::try_from(bytes.len()) != Ok(self.bytes) || hash() != self.digest.0 {
            return Err(BatchError::Digest);
        }
        self.cut(bucket, bytes, &|rest| {
            let header = BatchHeader::decode(rest.first_chunk()?).ok()?;
            let cells = u64::from(header.count) * u64::from(header.cell_size.get());
            let len = BATCH_HEADER_LEN.checked_add(usize::try_from(cells).ok()?)?;
            Some((header, len))
        })
    }

    /// Splits bytes into the batches of this segment, or their tags. `first`
    /// returns the header and the length of the first item.
    pub(super) fn cut<'a>(
        &self,
        bucket: BucketId,
        bytes: &'a [u8],
        first: FirstItem<'_>,
    ) -> Result<Vec<&'a [u8]>, BatchError> {
        let (mut rest, mut batches, mut last) = (bytes, Vec::new(), None);
        while !rest.is_empty() {
            let (header, len) = first(rest).ok_or(BatchError::Malformed)?;
            let batch;
            (batch, rest) = rest.split_at_checked(len).ok_or(BatchError::Malformed)?;
            header.expect(bucket, &self.origin, header.epoch)?;
            let in_place = match last {
                None => header.epoch == self.first,
                Some(last) => header.epoch > last,
            };
            if !in_place {
                return Err(BatchError::Unexpected);
            }
            last = Some(header.epoch);
            batches.push(batch);
        }
        let complete = last == Some(self.last);
        complete.then_some(batches).ok_or(BatchError::Unexpected)
    }
}

#[cfg(test)]
mod tests;
