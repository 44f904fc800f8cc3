//! Formats between relays and clients: posts, batches, buckets.

use proptest::prelude::*;
use tessera::{
    base::{
        UnixTime,
        parameters::{MAX_EPOCH, MAX_UNIX_TIME},
    },
    wire::{
        BATCH_HEADER_LEN, Batch, BatchHeader, BucketCount, BucketId, Cell, CellSize, MAX_ENTRIES,
        Origin, OriginKey, PostEntry, batch::BatchPlace, compute_bucket, hex, post,
    },
};

use super::{altered, bytes, envelopes::cell_size, secret};

fn cells(size: CellSize, count: usize) -> impl Strategy<Value = Vec<Cell>> {
    prop::collection::vec(any::<u8>(), 0..=count).prop_map(move |fill| {
        fill.iter()
            .map(|byte| Cell::parse(vec![*byte; size.bytes()], size).unwrap())
            .collect()
    })
}

fn small() -> CellSize {
    CellSize::try_from(1024).unwrap()
}

proptest! {
    #[test]
    fn posts(cells in cells(small(), 70), bucket in 0..16_u32, cut: prop::sample::Index) {
        let buckets = BucketCount::try_from(16).unwrap();
        let bucket = BucketId::try_from(bucket).unwrap();
        let entries: Vec<PostEntry> = cells.into_iter().map(|cell| PostEntry { bucket, cell }).collect();
        let encoded = post::encode(&entries);
        assert_eq!(encoded.is_ok(), (1..=MAX_ENTRIES).contains(&entries.len()));
        if let Ok(body) = encoded {
            assert_eq!(body.len() % (4 + 1024), 0);
            assert!(post::decode(&body[..cut.index(body.len())], small(), buckets)
                .is_ok_and(|fewer| fewer.len() < entries.len())
                || !cut.index(body.len()).is_multiple_of(4 + 1024) || cut.index(body.len()) == 0);
            assert_eq!(post::decode(&body, small(), buckets), Ok(entries));
        }
    }

    #[test]
    fn batches(
        cells in cells(small(), 6), key in secret(), bucket in 0..65_536_u32, epoch in 0..MAX_EPOCH, closed_at in 0..=MAX_UNIX_TIME, prev: [u8; 32],
        at: prop::sample::Index, bit: u8,
    ) {
        let key = OriginKey::from_seed(&key);
        let place = BatchPlace {
            bucket: BucketId::try_from(bucket).unwrap(),
            epoch,
            closed_at: UnixTime(closed_at),
            prev: tessera::wire::HeaderHash(prev),
        };
        let (header, bytes) = Batch::build(&place, &cells, small(), &key).unwrap();
        assert_eq!(BatchHeader::decode(bytes.first_chunk().unwrap()).as_ref(), Ok(&header));
        let batch = Batch::parse(&bytes).unwrap();
        assert_eq!(batch.header(), &header);
        assert!(batch.cells().eq(cells.iter().map(Cell::as_bytes)));
        assert!(Batch::parse(&altered(&bytes, at, bit)).is_err(), "every bit is signed");
        assert!(Batch::parse(&bytes[..at.index(bytes.len())]).is_err());
        assert!(Batch::parse(&[&bytes[..], &[0]].concat()).is_err());

        let next = BatchPlace { epoch: place.epoch + 1, prev: header.hash(), ..place };
        let (next, _) = Batch::build(&next, [], small(), &key).unwrap();
        assert!(next.follows(&header).is_ok());
        assert!(header.follows(&header).is_err() && header.follows(&next).is_err());
        let forked = BatchPlace { epoch: place.epoch + 1, prev: tessera::wire::HeaderHash(prev), ..place };
        let (forked, _) = Batch::build(&forked, [], small(), &key).unwrap();
        assert!(forked.follows(&header).is_err());
    }

    #[test]
    fn arbitrary_bytes_are_not_a_batch(data in bytes(600)) {
        assert!(Batch::parse(&data).is_err());
        if let Some(Ok(header)) = data.first_chunk().map(BatchHeader::decode) {
            assert_eq!(&header.encode()[..], &data[..BATCH_HEADER_LEN]);
        }
    }

    #[test]
    fn cells_have_exactly_the_cell_size(size in cell_size(), data in bytes(2_100)) {
        let parsed = Cell::parse(data.clone(), size);
        assert_eq!(parsed.is_ok(), data.len() == size.bytes());
        let cell = Cell::parse([data, vec![0; size.bytes()]].concat()[..size.bytes()].to_vec(), size).unwrap();
        assert_eq!(Cell::from_parts(&cell.tag(), &cell.enc(), cell.ciphertext(), size), Ok(cell));
    }

    #[test]
    fn buckets_are_below_the_count(address: [u8; 32], log in 0..=16_u32) {
        let count = BucketCount::try_from(1 << log).unwrap();
        let bucket = compute_bucket(&address, count);
        assert!(count.contains(bucket) && !bucket.is_lobby());
        assert_eq!(bucket.to_string().parse(), Ok(bucket));
        assert_eq!(BucketId::try_from(bucket.get()), Ok(bucket));
        // Halving the count keeps the low bits: a power of two divides a larger one.
        if log > 0 {
            let half = BucketCount::try_from(1 << (log - 1)).unwrap();
            assert_eq!(compute_bucket(&address, half).get(), bucket.get() % half.get());
        }
    }

    #[test]
    fn origins_have_one_spelling(key: [u8; 32], text in "[0-9a-fA-F]{62,66}") {
        assert_eq!(Origin(key).to_string().parse(), Ok(Origin(key)));
        assert!(hex::decode_32(&text).is_err() || hex::encode(&hex::decode_32(&text).unwrap()) == text);
    }
}
