//! Checks of buckets: batches and their chains, segments, and the digests of all
//! published cells.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension as _, params};
use sha2::{Digest as _, Sha256};
use tessera::{
    base::UnixTime,
    wire::{Batch, BatchHeader, BucketId, SegmentRef, segment::MAX_SEGMENT_LEN},
};

use super::{
    super::{schema::unsigned, segment},
    Place, Report,
    file::Layout,
};
use crate::store::run::{Link, complete};

/// The fields of a batch that are needed to check its neighbours.
struct Seen {
    header: BatchHeader,
    link: Link,
    deleting: bool,
}

/// A bucket's row in `chain`.
struct Chain {
    lobby: i64,
    epoch: u64,
    closed_at: UnixTime,
    head: [u8; 32],
    expired_through: Option<u64>,
    segment: Option<u64>,
    segment_expired: Option<u64>,
}

pub(super) fn check(
    connection: &Connection,
    layout: &Layout,
    report: &mut Report,
) -> rusqlite::Result<()> {
    let mut digests = 0;
    for bucket in layout.buckets.numbered().chain([BucketId::LOBBY]) {
        let batches = batches(connection, layout, bucket, &mut digests, report)?;
        let chain = chain(connection, bucket)?;
        match &chain {
            Some(chain) => check_chain(layout, bucket, chain, &batches, report),
            None => report.require(
                batches.is_empty(),
                Place::Chain(bucket),
                "missing, although there are batches",
            ),
        }
        segments(connection, bucket, chain.as_ref(), &batches, report)?;
    }
    let count = |sql| connection.query_row(sql, [], |row| row.get(0).map(unsigned));
    let below_zero = count("SELECT count(*) FROM segment WHERE number < 0")?;
    report.require(
        below_zero == 0,
        Place::File,
        "has a segment with a negative number",
    );
    let strangers = [
        ("SELECT count(*) FROM batch", report.batches),
        ("SELECT count(*) FROM segment", report.segments),
    ];
    for (sql, known) in strangers {
        report.require(
            count(sql)? == known,
            Place::File,
            "has rows of an invalid bucket",
        );
    }
    let mut chains = connection.prepare("SELECT bucket FROM chain")?;
    for bucket in chains.query_map([], |row| row.get::<_, i64>(0))? {
        let known = u32::try_from(bucket?)
            .ok()
            .and_then(|bucket| BucketId::try_from(bucket).ok())
            .is_some_and(|bucket| layout.buckets.contains(bucket));
        report.require(known, Place::File, "has the chain of an invalid bucket");
    }
    report.require(
        count("SELECT count(*) FROM seen")? == digests,
        Place::Digests,
        "the number of digests differs from the number of published cells",
    );
    Ok(())
}

/// Reads every batch of a bucket, oldest first; malformed ones are reported and
/// skipped.
fn batches(
    connection: &Connection,
    layout: &Layout,
    bucket: BucketId,
    digests: &mut u64,
    report: &mut Report,
) -> rusqlite::Result<Vec<Seen>> {
    let mut seen = connection.prepare("SELECT 1 FROM seen WHERE digest = ?1")?;
    let mut select = connection.prepare(
        "SELECT lobby, origin, epoch, closed_at, header, bytes, forgotten FROM batch
         LEFT JOIN expiring ON batch = id WHERE bucket = ?1 ORDER BY epoch",
    )?;
    let mut rows = select.query([bucket.get()])?;
    let mut batches = Vec::new();
    while let Some(row) = rows.next()? {
        report.batches += 1;
        let (epoch, closed_at) = (unsigned(row.get(2)?), UnixTime(unsigned(row.get(3)?)));
        let place = Place::Batch(bucket, epoch);
        let bytes = row.get_ref(5)?.as_blob()?;
        let batch = match Batch::parse(bytes) {
            Ok(batch) => batch,
            Err(error) => {
                report.find(place, error.to_string());
                continue;
            }
        };
        let header = batch.header().clone();
        let fits = header.bucket == bucket
            && header.epoch == epoch
            && header.closed_at == closed_at
            && header.cell_size == layout.cell_size
            && header.encode().as_slice() == row.get_ref(4)?.as_blob()?
            && header.origin.0.as_slice() == row.get_ref(1)?.as_blob()?
            && row.get::<_, i64>(0)? == i64::from(bucket.is_lobby());
        report.require(
            fits,
            place,
            "is stored under another name than in its header",
        );
        let forgotten: Option<i64> = row.get(6)?;
        let known_from = unsigned(forgotten.unwrap_or(0));
        let mut known = true;
        for cell in batch
            .cells()
            .skip(usize::try_from(known_from).unwrap_or(usize::MAX))
        {
            known &= seen.exists([<[u8; 32]>::from(Sha256::digest(cell))])?;
        }
        report.require(known, place, "has a cell that is not in the digest index");
        report.cells += u64::from(header.count);
        *digests += u64::from(header.count).saturating_sub(known_from);
        let link = Link {
            epoch,
            closed_at,
            bytes: bytes.len() as u64,
        };
        let deleting = forgotten.is_some();
        batches.push(Seen {
            header,
            link,
            deleting,
        });
    }
    Ok(batches)
}

fn chain(connection: &Connection, bucket: BucketId) -> rusqlite::Result<Option<Chain>> {
    let optional = |value: Option<i64>| value.map(unsigned);
    connection
        .query_row(
            "SELECT lobby, epoch, closed_at, head, expired_through, segment, segment_expired
             FROM chain WHERE bucket = ?1",
            [bucket.get()],
            |row| {
                Ok(Chain {
                    lobby: row.get(0)?,
                    epoch: unsigned(row.get(1)?),
                    closed_at: UnixTime(unsigned(row.get(2)?)),
                    head: row.get(3)?,
                    expired_through: optional(row.get(4)?),
                    segment: optional(row.get(5)?),
                    segment_expired: optional(row.get(6)?),
                })
            },
        )
        .optional()
}

fn check_chain(
    layout: &Layout,
    bucket: BucketId,
    chain: &Chain,
    batches: &[Seen],
    report: &mut Report,
) {
    let expired = chain.expired_through;
    let mut before: Option<&BatchHeader> = None;
    for batch in batches {
        let header = &batch.header;
        let holds = match before {
            // A new origin starts its own chain.
            Some(last) if last.origin != header.origin => header.prev == BatchHeader::NO_PREV,
            // Between the two, batches may have been deleted after retention.
            Some(last) => {
                header.follows(last).is_ok()
                    || expired.is_some_and(|expired| expired > last.epoch)
                        && header.epoch > last.epoch + 1
            }
            None => expired.is_some() || header.prev == BatchHeader::NO_PREV,
        };
        report.require(
            holds,
            Place::Batch(bucket, header.epoch),
            "does not follow the previous batch",
        );
        before = Some(header);
    }
    let place = Place::Chain(bucket);
    report.require(
        chain.lobby == i64::from(bucket.is_lobby()),
        place,
        "of the wrong kind",
    );
    let newest = batches.last().map(|batch| &batch.header);
    let epoch = newest
        .map_or(0, |header| header.epoch)
        .max(expired.unwrap_or(0));
    report.require(
        chain.epoch == epoch,
        place,
        "does not end with the last batch",
    );
    if let Some(newest) = newest.filter(|header| header.epoch == chain.epoch) {
        report.require(
            chain.closed_at == newest.closed_at,
            place,
            "does not end with the last batch",
        );
        // A backup, and a store restored from it, starts a new chain.
        let head = if layout.origin == Some(newest.origin) {
            newest.hash()
        } else {
            BatchHeader::NO_PREV
        };
        report.require(
            chain.head == head.0,
            place,
            "does not end with the last batch",
        );
    }
}

fn segments(
    connection: &Connection,
    bucket: BucketId,
    chain: Option<&Chain>,
    batches: &[Seen],
    report: &mut Report,
) -> rusqlite::Result<()> {
    let mut select = connection.prepare(&format!(
        "SELECT {}, lobby, closed_at FROM segment WHERE bucket = ?1 ORDER BY first",
        segment::COLUMNS
    ))?;
    let rows = select.query_map(params![bucket.get()], |row| {
        Ok((
            segment::listed(row)?,
            row.get::<_, i64>(6)?,
            UnixTime(unsigned(row.get(7)?)),
        ))
    })?;
    let mut in_segments = BTreeSet::new();
    let mut before: Option<SegmentRef> = None;
    for row in rows {
        report.segments += 1;
        let (listed, lobby, closed_at) = row?;
        let place = Place::Segment(bucket, listed.number);
        // Its batches, and the one that completes it.
        let of_chain: Vec<Link> = batches
            .iter()
            .filter(|batch| batch.header.origin == listed.origin && !batch.deleting)
            .map(|batch| batch.link)
            .skip_while(|link| link.epoch < listed.first)
            .collect();
        let end = of_chain.partition_point(|link| link.epoch <= listed.last);
        let run = complete(of_chain.into_iter().take(end + 1))
            .into_iter()
            .next();
        let fits = run.is_some_and(|run| {
            (run.first, run.last, run.bytes, run.closed_at)
                == (listed.first, listed.last, listed.bytes, closed_at)
        });
        report.require(fits, place, "is not a complete run of batches");
        if let Some(run) = run.filter(|_| fits) {
            let digest = segment::digest(connection, bucket, listed.origin, &run)?;
            report.require(digest == listed.digest.0, place, "has another digest");
            let held = batches.iter().map(|batch| batch.header.epoch);
            in_segments.extend(held.filter(|epoch| (run.first..=run.last).contains(epoch)));
            let (number, last) = (listed.number, before.map(|segment| segment.number));
            let dropped = chain.and_then(|chain| chain.segment_expired);
            let grows = number == run.number(last.max(dropped.filter(|dropped| *dropped < number)))
                // After a clock was set back, the dropped segments are not all earlier ones.
                || dropped > Some(number) && last < Some(number);
            report.require(grows, place, "has a number out of order");
        }
        report.require(
            lobby == i64::from(bucket.is_lobby()),
            place,
            "of the wrong kind",
        );
        before = Some(listed);
    }
    let last = before.map(|segment| segment.number);
    let given = last.max(chain.and_then(|chain| chain.segment_expired));
    report.require(
        given == chain.and_then(|chain| chain.segment),
        Place::Chain(bucket),
        "the number of segments is wrong",
    );
    let sealed_through = before.map_or(0, |segment| segment.last);
    for batch in batches {
        let epoch = batch.header.epoch;
        let alone = batch.deleting || batch.link.bytes > MAX_SEGMENT_LEN || epoch > sealed_through;
        let other_origin = before.is_some_and(|segment| segment.origin != batch.header.origin);
        report.require(
            alone || other_origin || in_segments.contains(&epoch),
            Place::Batch(bucket, epoch),
            "is in no segment, although later batches are",
        );
    }
    Ok(())
}
