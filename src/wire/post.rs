//! The body of `POST /v1/cells`: 1 to 64 entries of `u32 bucket || cell`.
//!
//! The bucket is in the body to keep it out of access logs.

use super::{BucketCount, BucketId, Cell, CellSize};
pub use crate::base::parameters::{MAX_LOBBY_ENTRIES, MAX_POST_ENTRIES as MAX_ENTRIES};
use crate::base::{encoding::Reader, error::coded};

/// Length of the bucket number before each cell, in bytes.
const BUCKET_LEN: usize = 4;

/// Maximum length of a body for a cell size, in bytes.
#[must_use]
pub const fn max_body_len(size: CellSize) -> usize {
    MAX_ENTRIES * (BUCKET_LEN + size.bytes())
}

/// One cell and its destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostEntry {
    /// The destination.
    pub bucket: BucketId,
    /// The cell.
    pub cell: Cell,
}

coded! {
    /// Why a body is refused. One invalid entry refuses the whole post.
    pub enum PostError {
        /// No entries.
        #[error("a post must have at least one entry")]
        Empty => Malformed,
        /// More than 64 entries.
        #[error("a post may have at most 64 entries")]
        TooMany => Malformed,
        /// Not a whole number of entries of this relay's cell size.
        #[error("not a whole number of entries of 4 bytes of bucket and one cell")]
        Length => Malformed,
        /// A bucket that this relay does not have.
        #[error("no such bucket")]
        Bucket => InvalidArgument,
        /// More than 4 entries for the lobby.
        #[error("a post may have at most 4 entries for the lobby")]
        Lobby => InvalidArgument,
    }
}

/// Encodes entries, in order.
///
/// # Errors
///
/// [`PostError::Empty`], [`PostError::TooMany`] or [`PostError::Lobby`].
pub fn encode(entries: &[PostEntry]) -> Result<Vec<u8>, PostError> {
    let first = entries.first().ok_or(PostError::Empty)?;
    if entries.len() > MAX_ENTRIES {
        return Err(PostError::TooMany);
    }
    check_lobby(entries)?;
    let mut body = Vec::with_capacity(entries.len() * (BUCKET_LEN + first.cell.as_bytes().len()));
    for entry in entries {
        body.extend_from_slice(&entry.bucket.get().to_be_bytes());
        body.extend_from_slice(entry.cell.as_bytes());
    }
    Ok(body)
}

/// Decodes the entries of a body, for a relay's cell size and bucket count.
///
/// # Errors
///
/// Every [`PostError`].
pub fn decode(
    body: &[u8],
    size: CellSize,
    buckets: BucketCount,
) -> Result<Vec<PostEntry>, PostError> {
    let entry_len = BUCKET_LEN + size.bytes();
    if body.is_empty() {
        return Err(PostError::Empty);
    }
    if !body.len().is_multiple_of(entry_len) {
        return Err(PostError::Length);
    }
    if body.len() / entry_len > MAX_ENTRIES {
        return Err(PostError::TooMany);
    }
    let entries: Vec<_> = body
        .chunks_exact(entry_len)
        .map(|entry| decode_entry(entry, size, buckets))
        .collect::<Result<_, _>>()?;
    check_lobby(&entries)?;
    Ok(entries)
}

fn check_lobby(entries: &[PostEntry]) -> Result<(), PostError> {
    let lobby = entries.iter().filter(|entry| entry.bucket.is_lobby());
    let allowed = lobby.count() <= MAX_LOBBY_ENTRIES;
    allowed.then_some(()).ok_or(PostError::Lobby)
}

fn decode_entry(
    entry: &[u8],
    size: CellSize,
    buckets: BucketCount,
) -> Result<PostEntry, PostError> {
    let mut reader = Reader::new(entry);
    let number = reader.u32().ok_or(PostError::Length)?;
    let bucket = BucketId::try_from(number).map_err(|_| PostError::Bucket)?;
    if !buckets.contains(bucket) {
        return Err(PostError::Bucket);
    }
    let cell = Cell::parse(reader.rest(), size).map_err(|_| PostError::Length)?;
    Ok(PostEntry { bucket, cell })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: CellSize = CellSize::DEFAULT;

    fn buckets() -> BucketCount {
        BucketCount::try_from(8).unwrap()
    }

    fn entry(bucket: u32, fill: u8) -> PostEntry {
        let bucket = BucketId::try_from(bucket).unwrap();
        PostEntry {
            bucket,
            cell: Cell::parse(vec![fill; SIZE.bytes()], SIZE).unwrap(),
        }
    }

    #[test]
    fn invalid_posts_are_refused() {
        let one = encode(&[entry(0, 1)]).unwrap();
        assert_eq!(decode(&[], SIZE, buckets()), Err(PostError::Empty));
        for cut in [1, 3, 4, 5, one.len() - 1] {
            assert_eq!(
                decode(&one[..cut], SIZE, buckets()),
                Err(PostError::Length),
                "{cut}"
            );
        }
        assert_eq!(
            decode(&[one.clone(), vec![0]].concat(), SIZE, buckets()),
            Err(PostError::Length)
        );
        assert_eq!(
            decode(&one.repeat(65), SIZE, buckets()),
            Err(PostError::TooMany)
        );
        assert_eq!(encode(&[]), Err(PostError::Empty));
        assert_eq!(encode(&vec![entry(0, 1); 65]), Err(PostError::TooMany));
        let lobby = vec![entry(0xFFFF_FFFF, 1); 5];
        assert_eq!(encode(&lobby), Err(PostError::Lobby));
        let one = encode(&lobby[..1]).unwrap();
        assert_eq!(
            decode(&one.repeat(5), SIZE, buckets()),
            Err(PostError::Lobby)
        );
        let other_size = CellSize::try_from(1024).unwrap();
        assert_eq!(decode(&one, other_size, buckets()), Err(PostError::Length));
    }

    #[test]
    fn one_unknown_bucket_refuses_the_whole_post() {
        for strange in [8_u32, 65_535, 65_536, 0xFFFF_FFFE] {
            let mut body = encode(&[entry(0, 1), entry(1, 2)]).unwrap();
            body[4 + SIZE.bytes()..][..4].copy_from_slice(&strange.to_be_bytes());
            assert_eq!(
                decode(&body, SIZE, buckets()),
                Err(PostError::Bucket),
                "{strange}"
            );
        }
    }

    #[test]
    fn entries_round_trip_in_order() {
        let entries: Vec<_> = (0..64)
            .map(|i| entry(if i % 16 == 8 { 0xFFFF_FFFF } else { i % 8 }, i as u8))
            .collect();
        let body = encode(&entries).unwrap();
        assert_eq!(body.len(), max_body_len(SIZE));
        assert_eq!(decode(&body, SIZE, buckets()).unwrap(), entries);
    }
}
