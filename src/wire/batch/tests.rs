use super::*;
use crate::base::Secret;

const SIZE: CellSize = CellSize::DEFAULT;

fn key() -> OriginKey {
    OriginKey::from_seed(&Secret::take(&mut [7; 32]))
}

fn place(epoch: u64, prev: HeaderHash) -> BatchPlace {
    BatchPlace {
        bucket: BucketId::try_from(3).unwrap(),
        epoch,
        closed_at: UnixTime(epoch * 30),
        prev,
    }
}

fn batch(epoch: u64, prev: HeaderHash, fills: &[u8]) -> (BatchHeader, Vec<u8>) {
    let cells: Vec<_> = fills
        .iter()
        .map(|f| Cell::parse(vec![*f; SIZE.bytes()], SIZE).unwrap())
        .collect();
    Batch::build(&place(epoch, prev), &cells, SIZE, &key()).unwrap()
}

#[test]
fn every_flipped_bit_is_refused() {
    let (_, bytes) = batch(9, BatchHeader::NO_PREV, &[1]);
    for at in (0..BATCH_HEADER_LEN).chain([BATCH_HEADER_LEN, bytes.len() - 1]) {
        for bit in [0, 7] {
            let mut bad = bytes.clone();
            bad[at] ^= 1 << bit;
            assert!(Batch::parse(&bad).is_err(), "byte {at} bit {bit}");
        }
    }
}

#[test]
fn lengths_must_agree_with_the_header() {
    let (_, bytes) = batch(9, BatchHeader::NO_PREV, &[1, 2]);
    for len in [0, 1, 4, 191, 192, 192 + SIZE.bytes(), bytes.len() - 1] {
        assert_eq!(
            Batch::parse(&bytes[..len]).unwrap_err(),
            BatchError::Malformed,
            "{len}"
        );
    }
    assert_eq!(
        Batch::parse(&[bytes, vec![0]].concat()).unwrap_err(),
        BatchError::Malformed
    );
}

#[test]
fn a_claimed_count_allocates_nothing() {
    let (_, mut bytes) = batch(9, BatchHeader::NO_PREV, &[]);
    bytes[120..124].copy_from_slice(&u32::MAX.to_be_bytes());
    assert_eq!(Batch::parse(&bytes).unwrap_err(), BatchError::Malformed);
}

#[test]
fn another_key_cannot_sign_for_the_origin() {
    let (header, _) = batch(9, BatchHeader::NO_PREV, &[1]);
    let other = OriginKey::from_seed(&Secret::take(&mut [8; 32]));
    let forged = BatchHeader {
        origin: other.origin(),
        ..header
    };
    assert_eq!(forged.verify(), Err(BatchError::Signature));
}

#[test]
fn a_small_order_origin_is_refused() {
    // The neutral element with an all-zero signature passes lenient Ed25519 checks for any message.
    let (header, _) = batch(9, BatchHeader::NO_PREV, &[1]);
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    let forged = BatchHeader {
        origin: Origin(neutral),
        signature,
        ..header
    };
    assert_eq!(forged.verify(), Err(BatchError::Signature));
}

#[test]
fn a_dropped_batch_breaks_the_chain() {
    let (first, _) = batch(9, BatchHeader::NO_PREV, &[1]);
    let (second, _) = batch(10, first.hash(), &[2]);
    let (third, _) = batch(12, second.hash(), &[3]);
    assert_eq!(second.follows(&first), Ok(()));
    assert_eq!(third.follows(&second), Ok(()));
    assert_eq!(third.follows(&first), Err(BatchError::Chain));
    assert_eq!(first.follows(&second), Err(BatchError::Chain));
}

#[test]
fn a_batch_of_another_bucket_origin_or_epoch_is_unexpected() {
    let (header, _) = batch(9, BatchHeader::NO_PREV, &[1]);
    let (bucket, origin) = (header.bucket, header.origin);
    assert_eq!(header.expect(bucket, &origin, 9), Ok(()));
    assert_eq!(
        header.expect(bucket, &origin, 10),
        Err(BatchError::Unexpected)
    );
    assert_eq!(
        header.expect(BucketId::LOBBY, &origin, 9),
        Err(BatchError::Unexpected)
    );
    assert_eq!(
        header.expect(bucket, &Origin([0; 32]), 9),
        Err(BatchError::Unexpected)
    );
}

#[test]
fn cells_of_another_size_are_refused() {
    let small = CellSize::try_from(1024).unwrap();
    let cell = Cell::parse(vec![0; 1024], small).unwrap();
    let refused = Batch::build(&place(1, BatchHeader::NO_PREV), [&cell], SIZE, &key());
    assert_eq!(refused.unwrap_err(), BatchError::Malformed);
}

#[test]
fn cells_round_trip_and_a_batch_may_be_empty() {
    let (header, bytes) = batch(9, BatchHeader::NO_PREV, &[5, 6]);
    let parsed = Batch::parse(&bytes).unwrap();
    assert_eq!(parsed.header(), &header);
    let fills: Vec<_> = parsed.cells().map(|c| (c.len(), c[0])).collect();
    assert_eq!(fills, [(2048, 5), (2048, 6)]);

    let (_, empty) = batch(9, BatchHeader::NO_PREV, &[]);
    assert_eq!(empty.len(), BATCH_HEADER_LEN);
    assert_eq!(Batch::parse(&empty).unwrap().cells().len(), 0);
}

#[test]
fn header_bytes_are_stable() {
    let (header, _) = batch(0x0102, HeaderHash([9; 32]), &[1]);
    let bytes = header.encode();
    assert_eq!(&bytes[..8], b"TSB2\0\0\0\x03");
    assert_eq!(bytes[8..40], header.origin.0);
    assert_eq!(bytes[40..48], 0x0102_u64.to_be_bytes());
    assert_eq!(bytes[48..56], (0x0102_u64 * 30).to_be_bytes());
    assert_eq!(bytes[56..88], [9; 32]);
    assert_eq!(bytes[88..120], header.digest.0);
    assert_eq!(bytes[120..128], [0, 0, 0, 1, 0, 0, 8, 0]);
    assert_eq!(BatchHeader::decode(&bytes).unwrap(), header);
}

#[test]
fn tags_are_checked_against_the_signature() {
    let (header, bytes) = batch(9, BatchHeader::NO_PREV, &[1, 2, 3]);
    let tags = batch_tags(&bytes).unwrap();
    assert_eq!(tags.len(), BATCH_TAGS_PREFIX + 3 * 16);
    let read = BatchTags::parse(&tags).unwrap();
    assert_eq!(read.header(), &header);
    assert!(read.tags().eq(&[[1; 16], [2; 16], [3; 16]]));
    for at in 0..tags.len() {
        let mut altered = tags.clone();
        altered[at] ^= 1;
        assert!(BatchTags::parse(&altered).is_err(), "byte {at}");
        assert!(BatchTags::parse(&tags[..at]).is_err(), "cut at {at}");
    }
    assert!(BatchTags::parse(&[&tags[..], &[0; 16]].concat()).is_err());
    assert!(batch_tags(&bytes[..bytes.len() - 1]).is_err());
}

#[test]
fn swapping_tags_and_rests_changes_the_digest() {
    let (_, mut bytes) = batch(9, BatchHeader::NO_PREV, &[1, 2]);
    bytes.swap(BATCH_HEADER_LEN, BATCH_HEADER_LEN + SIZE.bytes() + 20);
    assert_eq!(Batch::parse(&bytes).unwrap_err(), BatchError::Digest);
}

#[test]
fn hashes_of_the_caller_give_what_is_computed_here() {
    let (header, bytes) = batch(9, BatchHeader::NO_PREV, &[1, 2]);
    let mut digest = CellsDigest::new(SIZE);
    for cell in bytes[BATCH_HEADER_LEN..].chunks(SIZE.bytes()) {
        digest.update(cell).unwrap();
    }
    let (_, rests) = digest.finish();
    let parsed = Batch::parse_hashed(&bytes, Some(rests)).unwrap();
    assert_eq!(parsed.header(), &header);
    let refused = Batch::parse_hashed(&bytes, Some([0; 32])).unwrap_err();
    assert_eq!(refused, BatchError::Digest);
    let mut other = bytes;
    other[BATCH_HEADER_LEN] ^= 1;
    let refused = Batch::parse_hashed(&other, Some(rests)).unwrap_err();
    assert_eq!(refused, BatchError::Digest, "a tag is hashed here");
}
