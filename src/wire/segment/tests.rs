use super::*;
use crate::{
    base::Secret,
    wire::{Batch, BatchDigest, Cell, CellSize, OriginKey, batch::BatchPlace},
};

fn key(byte: u8) -> OriginKey {
    OriginKey::from_seed(&Secret::take(&mut [byte; 32]))
}

fn bucket(number: u32) -> BucketId {
    BucketId::try_from(number).unwrap()
}

fn batch(number: u32, epoch: u64, cells: usize, key: &OriginKey) -> Vec<u8> {
    let place = BatchPlace {
        bucket: bucket(number),
        epoch,
        closed_at: UnixTime(epoch * 1800),
        prev: BatchHeader::NO_PREV,
    };
    let cell = Cell::parse(vec![7; 1024], CellSize::try_from(1024).unwrap()).unwrap();
    let size = cell.as_bytes().len() as u32;
    let cells = vec![cell; cells];
    Batch::build(&place, &cells, CellSize::try_from(size).unwrap(), key)
        .unwrap()
        .1
}

fn listed(bytes: &[u8], first: u64, last: u64) -> SegmentRef {
    SegmentRef {
        origin: key(1).origin(),
        number: 0,
        first,
        last,
        cells: (bytes.len() / 1024) as u64,
        bytes: bytes.len() as u64,
        digest: BatchDigest(Sha256::digest(bytes).into()),
    }
}

#[test]
fn a_segment_other_than_listed_is_refused() {
    let bytes = [batch(3, 5, 1, &key(1)), batch(3, 6, 2, &key(1))].concat();
    let segment = listed(&bytes, 5, 6);
    for at in [0, 200, bytes.len() - 1] {
        let mut bad = bytes.clone();
        bad[at] ^= 1;
        assert_eq!(
            segment.split(bucket(3), &bad),
            Err(BatchError::Digest),
            "{at}"
        );
    }
    for bad in [&bytes[..bytes.len() - 1], &[], &[&bytes[..], &[0]].concat()] {
        assert_eq!(segment.split(bucket(3), bad), Err(BatchError::Digest));
    }
    for (field, wrong) in [
        (
            "first",
            SegmentRef {
                first: 4,
                ..segment
            },
        ),
        ("last", SegmentRef { last: 7, ..segment }),
        (
            "origin",
            SegmentRef {
                origin: key(2).origin(),
                ..segment
            },
        ),
    ] {
        assert_eq!(
            wrong.split(bucket(3), &bytes),
            Err(BatchError::Unexpected),
            "{field}"
        );
    }
    assert_eq!(
        segment.split(bucket(4), &bytes),
        Err(BatchError::Unexpected),
        "bucket"
    );
}

#[test]
fn a_segment_that_is_not_a_run_of_batches_is_refused() {
    let whole = |epoch| batch(3, epoch, 1, &key(1));
    let cases: [(&str, Vec<u8>, BatchError); 7] = [
        ("nothing", vec![], BatchError::Unexpected),
        ("no batch", vec![0; 192], BatchError::Malformed),
        (
            "a batch cut off",
            [whole(5), whole(6)[..1000].to_vec()].concat(),
            BatchError::Malformed,
        ),
        (
            "a header cut off",
            [whole(5), whole(6)[..100].to_vec()].concat(),
            BatchError::Malformed,
        ),
        (
            "another bucket among them",
            [whole(5), batch(2, 6, 1, &key(1))].concat(),
            BatchError::Unexpected,
        ),
        (
            "another origin among them",
            [whole(5), batch(3, 6, 1, &key(2))].concat(),
            BatchError::Unexpected,
        ),
        (
            "the same epoch twice",
            [whole(5), whole(5), whole(6)].concat(),
            BatchError::Unexpected,
        ),
    ];
    for (name, bytes, error) in cases {
        assert_eq!(
            listed(&bytes, 5, 6).split(bucket(3), &bytes),
            Err(error),
            "{name}"
        );
    }
    let mut claims = whole(5);
    claims[120..124].copy_from_slice(&u32::MAX.to_be_bytes());
    assert_eq!(
        listed(&claims, 5, 5).split(bucket(3), &claims),
        Err(BatchError::Malformed),
        "four billion cells claimed"
    );
}

#[test]
fn a_segment_splits_into_its_batches() {
    let batches: Vec<_> = [(5, 1), (6, 0), (9, 3)]
        .map(|(epoch, cells)| batch(3, epoch, cells, &key(1)))
        .into();
    let bytes = batches.concat();
    let split = listed(&bytes, 5, 9).split(bucket(3), &bytes).unwrap();
    assert_eq!(split, batches);
    assert!(split.iter().all(|batch| Batch::parse(batch).is_ok()));
}

#[test]
fn the_grid_starts_in_1970_and_a_boundary_starts_a_cell() {
    let cells = [0, 21_599, 21_600, 43_199, 43_200].map(|at| grid_cell(UnixTime(at)));
    assert_eq!(cells, [0, 0, 1, 1, 2]);
}
