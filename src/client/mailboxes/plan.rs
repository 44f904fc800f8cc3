//! Planning of downloads of a mailbox. Protocol §13.

use serde::Serialize;

use crate::{
    base::{SortedMap, sorted_by_key},
    client::{ClientError, StoreKey, transaction::Transaction},
    wire::{
        BATCH_HEADER_LEN, BatchRef, BucketId, BucketIndex, CellSize, Origin, SegmentRef,
        batch::BATCH_TAGS_PREFIX, cell::TAG_LEN, paths,
    },
};

use super::{Mailbox, Mailboxes};

/// Newest batches of the lobby that a client without an open invitation reads when
/// it opens, however many it missed.
const LOBBY_FIRST_LOOK: usize = 4;
/// Most older lobby batches read at a time while an offer is looked for.
const BACKFILL_BATCHES: usize = 64;

/// One thing to download: a batch, or a segment of several batches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Download {
    /// Path below the relay's URL.
    pub path: String,
    /// Bucket number.
    pub bucket: u32,
    /// Origin key, lower-case hex.
    pub origin: String,
    /// Epoch; of a segment, the last.
    pub epoch: u64,
    /// Its length.
    pub bytes: u64,
    #[serde(skip)]
    pub(crate) mailbox: Mailbox,
    #[serde(skip)]
    pub(crate) entry: IndexEntry,
    /// Whether the whole mailbox is read, so that missing batches before this one
    /// count as a gap.
    #[serde(skip)]
    pub(crate) whole: bool,
    /// Which part is downloaded, and why.
    #[serde(skip)]
    pub(crate) part: Part,
}

/// The part of a batch or a segment that is downloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it.
    Cells,
    /// All of it, once more: its tags were read before.
    Again,
    /// Its tags.
    Tags,
}

impl Download {
    /// The mailbox it belongs to.
    #[must_use]
    pub fn mailbox(&self) -> Mailbox {
        self.mailbox
    }

    fn new(
        entry: IndexEntry,
        (mailbox, bucket): (Mailbox, BucketId),
        size: CellSize,
        (whole, part): (bool, Part),
    ) -> Self {
        let path = entry.path(bucket);
        Self {
            path: match part {
                Part::Tags => format!("{path}/tags"),
                Part::Cells | Part::Again => path,
            },
            bucket: bucket.get(),
            origin: entry.origin().to_string(),
            epoch: entry.epochs().1,
            bytes: match part {
                Part::Tags => entry.tags_bytes(size),
                Part::Cells | Part::Again => entry.bytes(size),
            },
            mailbox,
            entry,
            whole,
            part,
        }
    }
}

/// An entry of a bucket's index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IndexEntry {
    Batch(BatchRef),
    Segment(SegmentRef),
}

impl IndexEntry {
    /// Everything that an index lists, oldest first.
    pub(crate) fn all(index: &BucketIndex) -> Vec<Self> {
        let segments = index.segments.iter().copied().map(Self::Segment);
        let batches = index.batches.iter().copied().map(Self::Batch);
        sorted_by_key(segments.chain(batches), |listed| listed.epochs().0).collect()
    }

    pub(crate) fn origin(&self) -> &Origin {
        match self {
            Self::Batch(batch) => &batch.origin,
            Self::Segment(segment) => &segment.origin,
        }
    }

    /// First and last epoch.
    pub(crate) fn epochs(&self) -> (u64, u64) {
        match self {
            Self::Batch(batch) => (batch.epoch, batch.epoch),
            Self::Segment(segment) => (segment.first, segment.last),
        }
    }

    fn bytes(&self, size: CellSize) -> u64 {
        match self {
            Self::Batch(batch) => {
                BATCH_HEADER_LEN as u64 + u64::from(batch.count) * u64::from(size.get())
            }
            Self::Segment(segment) => segment.bytes,
        }
    }

    pub(crate) fn cells(&self) -> u64 {
        match self {
            Self::Batch(batch) => batch.count.into(),
            Self::Segment(segment) => segment.cells,
        }
    }

    fn tags_bytes(&self, size: CellSize) -> u64 {
        let batches = match self {
            Self::Batch(_) => 1,
            Self::Segment(segment) => {
                let cells = segment.cells.saturating_mul(size.get().into());
                segment.bytes.saturating_sub(cells) / BATCH_HEADER_LEN as u64
            }
        };
        batches * BATCH_TAGS_PREFIX as u64 + self.cells() * TAG_LEN as u64
    }

    fn path(&self, bucket: BucketId) -> String {
        match self {
            Self::Batch(batch) => paths::batch(bucket, &batch.origin, batch.epoch),
            Self::Segment(segment) => paths::segment(bucket, &segment.origin, segment.number),
        }
    }
}

impl Mailboxes {
    /// An index was read. A mailbox that is empty at first is read from its
    /// beginning on.
    pub(crate) fn looked(&mut self, mailbox: Mailbox, index: &BucketIndex, tx: &mut Transaction) {
        let cursors = self.cursors_mut(mailbox);
        let empty = index.batches.is_empty() && index.segments.is_empty();
        if empty && !cursors.started {
            cursors.started = true;
            tx.touch(StoreKey::Mailboxes);
        }
    }

    /// What to download, oldest first: of the `whole` mailbox the segments of
    /// what was missed and the batches since, or else only its newest; then,
    /// while an offer is looked for, older ones of the lobby, newest first.
    pub(crate) fn plan(
        &self,
        mailbox: Mailbox,
        bucket: BucketId,
        index: &BucketIndex,
        (whole, part): (bool, Part),
        backfill: bool,
    ) -> Result<Vec<Download>, ClientError> {
        let size = self.info()?.cell_size;
        let first_look = match mailbox {
            // Nobody knows a new identity yet: the newest batch anchors the chain.
            Mailbox::Own => 1,
            Mailbox::Lobby => LOBBY_FIRST_LOOK,
        };
        let cursors = self.cursors(mailbox);
        let listed = IndexEntry::all(index);
        let mut wanted: Vec<_> = listed
            .iter()
            .copied()
            .filter(|listed| cursors.wants(&listed.origin().0, listed.epochs()))
            .collect();
        if !cursors.started || !whole {
            wanted.retain(|listed| matches!(listed, IndexEntry::Batch(_)));
            wanted = self.newest(wanted, first_look);
        }
        if backfill {
            let older = listed
                .iter()
                .rev()
                .copied()
                .filter(|listed| cursors.is_older(&listed.origin().0, listed.epochs().1));
            wanted.extend(older.take(BACKFILL_BATCHES));
        }
        Ok(wanted
            .into_iter()
            .map(|listed| Download::new(listed, (mailbox, bucket), size, (whole, part)))
            .collect())
    }

    /// The tags of what is new in the own bucket.
    pub(crate) fn plan_tags(
        &self,
        bucket: BucketId,
        index: &BucketIndex,
    ) -> Result<Vec<Download>, ClientError> {
        self.plan(Mailbox::Own, bucket, index, (true, Part::Tags), false)
    }

    /// Everything of the own bucket that overlaps these epochs of origins.
    pub(crate) fn plan_again(
        &self,
        bucket: BucketId,
        index: &BucketIndex,
        spans: &[(Origin, u64, u64)],
    ) -> Result<Vec<Download>, ClientError> {
        let size = self.info()?.cell_size;
        let overlaps = |listed: &IndexEntry| {
            let (first, last) = listed.epochs();
            let mut spans = spans.iter();
            spans.any(|(origin, from, to)| {
                listed.origin() == origin && first <= *to && *from <= last
            })
        };
        let place = (Mailbox::Own, bucket);
        let listed = IndexEntry::all(index).into_iter().filter(overlaps);
        let plan = listed.map(|entry| Download::new(entry, place, size, (true, Part::Again)));
        Ok(plan.collect())
    }

    /// The newest entries: so many of each member of the relay's federation,
    /// and so many of all others.
    fn newest(&self, entries: Vec<IndexEntry>, most: usize) -> Vec<IndexEntry> {
        let mut taken = SortedMap::<Option<[u8; 32]>, usize>::new();
        let newest = entries.into_iter().rev().filter(|entry| {
            let origin = entry.origin();
            let member = self.members.contains(origin).then_some(origin.0);
            let number = taken.get_or_insert(member, 0);
            *number += 1;
            *number <= most
        });
        let mut newest: Vec<_> = newest.collect();
        newest.reverse();
        newest
    }

    /// Whether the relay names this origin as its own or as one of its
    /// federation, or once did.
    pub(crate) fn trusts(&self, mailbox: Mailbox, origin: &Origin) -> bool {
        let info = self.info.as_ref();
        info.is_some_and(|info| info.origin == *origin)
            || self.members.contains(origin)
            || self.cursors(mailbox).of(&origin.0).is_some()
    }

    /// Marks all of the lobby as unread: the offer of an invitation that was just
    /// accepted may be in a batch that was read before.
    pub(crate) fn read_lobby_again(&mut self, tx: &mut Transaction) {
        tx.touch(StoreKey::Mailboxes);
        for cursor in &mut self.lobby.known {
            cursor.floor = cursor.epoch.saturating_add(1);
        }
    }
}
