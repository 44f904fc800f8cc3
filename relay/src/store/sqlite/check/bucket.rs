//! Checks of buckets: batches and their chains, segments, and the digests of all
//! published cells.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};
use sha2::{Digest as _, Sha256};
use tessera::{
    base::UnixTime,
    wire::{Batch, BatchHeader, BucketId, Fork, Origin, SegmentRef, segment::MAX_SEGMENT_LEN},
};

use super::{
    super::{schema::unsigned, segment},
    Place, Report,
    file::Layout,
};
use crate::store::run::{Run, complete};

/// The fields of a batch that are needed to check its neighbours.
struct Seen {
    header: BatchHeader,
    /// The run of this batch alone.
    alone: Run,
    deleting: bool,
}

/// A row of `chain`.
struct Chain {
    origin: Origin,
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
        let chains = chains(connection, bucket)?;
        let of = |origin: Origin| batches.iter().filter(move |b| b.header.origin == origin);
        let known: usize = chains.iter().map(|chain| of(chain.origin).count()).sum();
        report.require(
            known == batches.len(),
            Place::Chain(bucket),
            "missing, although there are batches",
        );
        for chain in &chains {
            let batches: Vec<&Seen> = of(chain.origin).collect();
            check_chain(layout, bucket, chain, &batches, report);
            segments(connection, bucket, chain, &batches, report)?;
        }
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
        count("SELECT coalesce(sum(1 + more), 0) FROM seen")? == digests,
        Place::Digests,
        "the number of digests differs from the number of published cells",
    );
    forks(connection, report)
}

/// Every proof must be valid, and of the origin it is stored for.
fn forks(connection: &Connection, report: &mut Report) -> rusqlite::Result<()> {
    let mut select = connection.prepare("SELECT origin, proof FROM fork")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let fork = Fork::parse(row.get_ref(1)?.as_blob()?);
        let origin: Vec<u8> = row.get(0)?;
        report.require(
            fork.is_some_and(|fork| fork.header().origin.0.as_slice() == origin),
            Place::File,
            "has an invalid proof of a fork",
        );
    }
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
    // What a member of a log computes closes from; `seen` has what it imported.
    let own = layout.origin.filter(|_| layout.is_view);
    let sql = "SELECT 1 FROM log_seen WHERE digest = ?1 AND lobby = ?2";
    let mut logged = own.map(|_| connection.prepare(sql)).transpose()?;
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
        let mut logged = logged.as_mut().filter(|_| own == Some(header.origin));
        let is_logged = logged.is_some();
        for cell in batch
            .cells()
            .skip(usize::try_from(known_from).unwrap_or(usize::MAX))
        {
            let digest = <[u8; 32]>::from(Sha256::digest(cell));
            known &= match &mut logged {
                Some(logged) => logged.exists(params![digest, bucket.is_lobby()])?,
                None => seen.exists([digest])?,
            };
        }
        report.require(known, place, "has a cell that is not in the digest index");
        report.cells += u64::from(header.count);
        if !is_logged {
            *digests += u64::from(header.count).saturating_sub(known_from);
        }
        let alone = Run::of(epoch, closed_at, bytes.len() as u64);
        let deleting = forgotten.is_some();
        batches.push(Seen {
            header,
            alone,
            deleting,
        });
    }
    Ok(batches)
}

fn chains(connection: &Connection, bucket: BucketId) -> rusqlite::Result<Vec<Chain>> {
    let optional = |value: Option<i64>| value.map(unsigned);
    connection
        .prepare(
            "SELECT origin, lobby, epoch, closed_at, head, expired_through, segment, segment_expired
             FROM chain WHERE bucket = ?1",
        )?
        .query_map([bucket.get()], |row| {
            Ok(Chain {
                origin: Origin(row.get(0)?),
                lobby: row.get(1)?,
                epoch: unsigned(row.get(2)?),
                closed_at: UnixTime(unsigned(row.get(3)?)),
                head: row.get(4)?,
                expired_through: optional(row.get(5)?),
                segment: optional(row.get(6)?),
                segment_expired: optional(row.get(7)?),
            })
        })?
        .collect()
}

fn check_chain(
    layout: &Layout,
    bucket: BucketId,
    chain: &Chain,
    batches: &[&Seen],
    report: &mut Report,
) {
    let expired = chain.expired_through;
    let mut before: Option<&BatchHeader> = None;
    for batch in batches {
        let header = &batch.header;
        let holds = match before {
            // Between the two, batches may have been deleted after retention.
            Some(last) => {
                header.follows(last).is_ok()
                    || expired.is_some_and(|expired| expired > last.epoch)
                        && header.epoch > last.epoch + 1
            }
            // An imported chain starts where the import began.
            None => {
                layout.origin != Some(chain.origin)
                    || expired.is_some()
                    || header.prev == BatchHeader::NO_PREV
            }
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
    let mut ends = |holds| report.require(holds, place, "does not end with the last batch");
    ends(chain.epoch == epoch);
    if let Some(newest) = newest.filter(|header| header.epoch == chain.epoch) {
        ends(chain.closed_at == newest.closed_at);
        ends(chain.head == newest.hash().0);
    }
}

fn segments(
    connection: &Connection,
    bucket: BucketId,
    chain: &Chain,
    batches: &[&Seen],
    report: &mut Report,
) -> rusqlite::Result<()> {
    let mut select = connection.prepare(&format!(
        "SELECT {}, lobby, closed_at FROM segment AS s WHERE bucket = ?1 AND origin = ?2
         ORDER BY first",
        segment::COLUMNS
    ))?;
    let rows = select.query_map(params![bucket.get(), chain.origin.0], |row| {
        Ok((
            segment::listed(row)?,
            row.get::<_, i64>(segment::COLUMN_COUNT)?,
            UnixTime(unsigned(row.get(segment::COLUMN_COUNT + 1)?)),
        ))
    })?;
    let mut in_segments = BTreeSet::new();
    let mut before: Option<SegmentRef> = None;
    for row in rows {
        report.segments += 1;
        let (listed, lobby, closed_at) = row?;
        let place = Place::Segment(bucket, listed.number);
        // Its batches, and the one that completes it.
        let of_chain: Vec<Run> = batches
            .iter()
            .filter(|batch| !batch.deleting)
            .map(|batch| batch.alone)
            .skip_while(|batch| batch.first < listed.first)
            .collect();
        let end = of_chain.partition_point(|batch| batch.first <= listed.last);
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
            let dropped = chain.segment_expired;
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
    report.require(
        last.max(chain.segment_expired) == chain.segment,
        Place::Chain(bucket),
        "the number of segments is wrong",
    );
    let sealed_through = before.map_or(0, |segment| segment.last);
    for batch in batches {
        let epoch = batch.header.epoch;
        let alone = batch.deleting || batch.alone.bytes > MAX_SEGMENT_LEN || epoch > sealed_through;
        report.require(
            alone || in_segments.contains(&epoch),
            Place::Batch(bucket, epoch),
            "is in no segment, although later batches are",
        );
    }
    Ok(())
}
