//! Select over real connections.

use tempfile::TempDir;
use tessera::wire::{
    Batch, BatchHeader, BucketId, CellSize, Origin, SelectWindow, paths,
    select::{MAX_QUERIES, Select},
};

use crate::{
    bucket,
    client::{Answer, Client},
    entries,
    server::Server,
};

const OCTETS: &[(&str, &str)] = &[("Content-Type", "application/octet-stream")];

fn select(client: Client, bucket: BucketId, body: &[u8]) -> Answer {
    client.request("POST", &paths::select(bucket), OCTETS, body)
}

/// What follows the tags of the cells of these epochs.
fn rests(client: Client, origin: Origin, epochs: &[u64]) -> Vec<Vec<u8>> {
    let batches = epochs.iter().map(|epoch| {
        let path = paths::batch(bucket(0), &origin, *epoch);
        client.get(&path).body
    });
    let cells = batches.map(|batch| {
        let batch = Batch::parse(&batch).unwrap();
        batch.cells().map(|cell| cell[16..].to_vec()).collect()
    });
    cells.collect::<Vec<Vec<_>>>().concat()
}

/// The sums that the definition states, bit by bit.
fn expected(rests: &[Vec<u8>], bitmaps: &[Vec<u8>]) -> Vec<u8> {
    let sums = bitmaps.iter().map(|bitmap| {
        let chosen = rests.iter().enumerate();
        let chosen = chosen.filter(|(cell, _)| bitmap[cell / 8] >> (cell % 8) & 1 == 1);
        chosen.fold(vec![0; rests[0].len()], |sum, (_, rest)| {
            sum.iter().zip(rest).map(|(a, b)| a ^ b).collect()
        })
    });
    sums.collect::<Vec<_>>().concat()
}

/// Bitmaps with every second, third, … cell, and with one cell.
fn bitmaps(count: usize) -> Vec<Vec<u8>> {
    let of = |chosen: &dyn Fn(usize) -> bool| {
        let mut bitmap = vec![0; count.div_ceil(8)];
        for cell in (0..count).filter(|cell| chosen(*cell)) {
            bitmap[cell / 8] |= 1 << (cell % 8);
        }
        bitmap
    };
    let mut all: Vec<_> = (1..8).map(|n| of(&|cell| cell % n == 0)).collect();
    all.push(of(&|cell| cell + 1 == count));
    all
}

fn assert_sums(client: Client, origin: Origin, epochs: &[u64], cell_size: CellSize) {
    let rests = rests(client, origin, epochs);
    let window = SelectWindow {
        origin,
        first: epochs[0],
        last: *epochs.last().unwrap(),
        count: u32::try_from(rests.len()).unwrap(),
    };
    let bitmaps = bitmaps(rests.len());
    let body = window.encode(bitmaps.len(), &bitmaps.concat(), cell_size);
    let answer = select(client, bucket(0), &body.unwrap());
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(
        answer.header("content-type"),
        Some("application/octet-stream")
    );
    assert_eq!(answer.body, expected(&rests, &bitmaps));
}

#[test]
fn sums_are_those_of_the_published_cells() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), "");
    let client = server.client;
    client.post(&entries(bucket(0), 11));
    let index = client.index_when(bucket(0), |index| index.batches.len() >= 3);
    let origin = index.batches[0].origin;
    let epochs: Vec<u64> = index.batches.iter().map(|batch| batch.epoch).collect();
    for window in [&epochs[..], &epochs[..1], &epochs[1..]] {
        assert_sums(client, origin, window, CellSize::DEFAULT);
    }
    server.stop();
}

#[test]
fn a_window_may_begin_and_end_inside_of_segments() {
    let directory = TempDir::new().unwrap();
    let large = "--cell-size 16384 --cover-cells 200 --buckets 1";
    let server = Server::start(directory.path(), large);
    let client = server.client;
    let index = client.index_when(bucket(0), |index| !index.segments.is_empty());
    let listed = index.segments[0];
    let whole = client.get(&paths::segment(bucket(0), &listed.origin, listed.number));
    let batches = listed.split(bucket(0), &whole.body).unwrap();
    let epochs: Vec<u64> = batches
        .iter()
        .map(|batch| {
            let header = BatchHeader::decode(batch.first_chunk().unwrap());
            header.unwrap().epoch
        })
        .collect();
    assert_eq!(listed.cells, 200 * epochs.len() as u64);
    let next = index.batches.iter().find(|batch| batch.epoch > listed.last);
    let after = [&epochs[1..], &[next.unwrap().epoch]].concat();
    let size = CellSize::try_from(16_384).unwrap();
    for window in [&epochs[..], &epochs[..1], &after[..]] {
        assert_sums(client, listed.origin, window, size);
    }
    server.stop();
}

#[test]
fn another_window_than_the_relay_holds_is_a_conflict() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), "");
    let client = server.client;
    let index = client.index_when(bucket(0), |index| index.batches.len() >= 2);
    let (first, last) = (index.batches[0], index.batches[1]);
    let window = SelectWindow {
        origin: first.origin,
        first: first.epoch,
        last: last.epoch,
        count: first.count + last.count,
    };
    let refused = |window: SelectWindow| {
        let bitmaps = vec![0; window.bitmap_len()];
        let body = window.encode(1, &bitmaps, CellSize::DEFAULT).unwrap();
        let answer = select(client, bucket(0), &body);
        (
            answer.status,
            answer.status != 200 && answer.problem().code == "WINDOW_MISMATCH",
        )
    };
    assert_eq!(refused(window), (200, false));
    let count = window.count;
    for other in [
        SelectWindow {
            count: count + 1,
            ..window
        },
        SelectWindow {
            count: count - 1,
            ..window
        },
        SelectWindow {
            last: first.epoch,
            ..window
        },
        SelectWindow {
            first: last.epoch,
            ..window
        },
        // The next batch has not been published yet.
        SelectWindow {
            last: last.epoch + 1000,
            count: count + 1000,
            ..window
        },
        SelectWindow {
            origin: Origin([7; 32]),
            ..window
        },
    ] {
        assert_eq!(refused(other), (409, true), "{other:?}");
    }
    server.stop();
}

#[test]
fn what_is_no_select_is_refused() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), "");
    let client = server.client;
    let window = SelectWindow {
        origin: Origin([7; 32]),
        first: 1,
        last: 2,
        count: 16,
    };
    let good = window.encode(1, &[0, 0], CellSize::DEFAULT).unwrap();
    let mut many = good.clone();
    many[52] = u8::try_from(MAX_QUERIES + 1).unwrap();
    many.extend(vec![0; 2 * MAX_QUERIES]);
    let too_long = vec![0; Select::max_len(CellSize::DEFAULT) + 1];
    for (body, status, code) in [
        (&good[..good.len() - 1], 400, "MALFORMED"),
        (&[][..], 400, "MALFORMED"),
        (&many, 413, "MESSAGE_TOO_LARGE"),
        (&too_long, 413, "MESSAGE_TOO_LARGE"),
    ] {
        let answer = select(client, bucket(0), body);
        assert_eq!(
            (answer.status, answer.problem().code.as_str()),
            (status, code)
        );
    }
    let answer = select(client, bucket(7), &good);
    assert_eq!(
        (answer.status, answer.problem().code.as_str()),
        (404, "NOT_FOUND")
    );
    let path = paths::select(bucket(0));
    assert_eq!(client.request("POST", &path, &[], &good).status, 415);
    assert_eq!(client.get(&path).status, 405);
    let page = [OCTETS[0], ("Origin", "https://elsewhere.example")];
    let answer = client.request("POST", &path, &page, &good);
    assert_eq!(answer.status, 401, "a page that may not post");
    server.stop();
}
