//! The relay's parameters, and how far each mailbox was read.

mod chain;

pub(crate) use chain::{Cursors, Step};

use serde::Serialize;

use crate::{
    base::{UnixTime, sorted_by_key},
    client::{ClientError, StoreKey, outbox::Destination, transaction::Transaction},
    identity::Fingerprint,
    vault::{
        VaultError,
        stored::{InfoRecord, RelayRecord},
    },
    wire::{
        BATCH_HEADER_LEN, BatchHeader, BatchRef, BucketId, BucketIndex, CellSize, CellsPerBucket,
        Origin, RelaySettings, SegmentRef, compute_bucket, paths,
    },
};

/// How far back a new client reads the lobby: 15 minutes, the default
/// lifetime of an invitation through the lobby.
const LOBBY_LOOKBACK_SECONDS: u64 = 15 * 60;
/// Most older lobby batches read at a time while an offer is looked for.
const BACKFILL_BATCHES: usize = 64;

/// One of the two mailboxes a client pulls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Mailbox {
    /// The bucket of this person's fingerprint.
    Own,
    /// The bucket that every client reads during an enrolment.
    Lobby,
}

impl Mailbox {
    /// "own" or "lobby".
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "own" => Some(Self::Own),
            "lobby" => Some(Self::Lobby),
            _ => None,
        }
    }
}

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
}

impl Download {
    /// The mailbox it belongs to.
    #[must_use]
    pub fn mailbox(&self) -> Mailbox {
        self.mailbox
    }
}

/// A line of a bucket's index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IndexEntry {
    Batch(BatchRef),
    Segment(SegmentRef),
}

impl IndexEntry {
    pub(crate) fn origin(&self) -> &Origin {
        match self {
            Self::Batch(batch) => &batch.origin,
            Self::Segment(segment) => &segment.origin,
        }
    }

    /// First and last epoch.
    fn epochs(&self) -> (u64, u64) {
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

    fn path(&self, bucket: BucketId) -> String {
        match self {
            Self::Batch(batch) => paths::batch(bucket, &batch.origin, batch.epoch),
            Self::Segment(segment) => paths::segment(bucket, &segment.origin, segment.number),
        }
    }
}

/// The relay's parameters as it last described them, and the cursors of both
/// mailboxes.
pub(crate) struct Mailboxes {
    url: String,
    info: Option<RelaySettings>,
    own: Cursors,
    lobby: Cursors,
}

impl Mailboxes {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            url: url.trim_end_matches('/').to_owned(),
            info: None,
            own: Cursors::default(),
            lobby: Cursors::default(),
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The relay is reached under this URL from now on.
    pub(crate) fn relocate(&mut self, url: &str, tx: &mut Transaction) {
        let url = url.trim_end_matches('/');
        if self.url != url {
            url.clone_into(&mut self.url);
            tx.touch(StoreKey::Mailboxes);
        }
    }

    /// Takes a `/v1/info`. Another number of buckets moves everyone: the own
    /// bucket is then read from its beginning.
    pub(crate) fn configure(&mut self, info: RelaySettings, tx: &mut Transaction) {
        let known = self.info.as_ref();
        if known == Some(&info) {
            return;
        }
        if known.is_some_and(|known| known.buckets != info.buckets) {
            self.own = Cursors {
                started: true,
                known: Vec::new(),
            };
        }
        self.info = Some(info);
        tx.touch(StoreKey::Mailboxes);
    }

    pub(crate) fn info(&self) -> Result<&RelaySettings, ClientError> {
        self.info.as_ref().ok_or(ClientError::RelayUnknown)
    }

    /// The bucket that a cell goes to.
    pub(crate) fn bucket_for(&self, to: Destination) -> Result<BucketId, ClientError> {
        match to {
            Destination::Lobby => Ok(BucketId::LOBBY),
            Destination::Bucket(fingerprint) => self.bucket_of(&fingerprint),
        }
    }

    pub(crate) fn bucket_of(&self, fingerprint: &Fingerprint) -> Result<BucketId, ClientError> {
        Ok(compute_bucket(&fingerprint.0, self.info()?.buckets))
    }

    /// Up to when the own bucket is drained. Where a batch is missing, that is
    /// up to the batch before it, for as long as the relay would keep it and
    /// its content would be accepted: a relay that withholds batches delays
    /// shredding by no more than that. Protocol §4.
    pub(crate) fn drained_until(&self, own_retention: u64) -> Option<UnixTime> {
        let cursors = &self.own.known;
        let newest = UnixTime(cursors.iter().map(|cursor| cursor.closed_at).max()?);
        let stated = u64::from(self.info.as_ref()?.retention_seconds.get());
        let kept = newest.minus(stated.min(own_retention));
        let missing = cursors
            .iter()
            .flat_map(|cursor| &cursor.gaps)
            .map(|gap| UnixTime(gap.since))
            .filter(|since| *since > kept)
            .min();
        Some(missing.unwrap_or(newest))
    }

    fn cursors(&self, mailbox: Mailbox) -> &Cursors {
        match mailbox {
            Mailbox::Own => &self.own,
            Mailbox::Lobby => &self.lobby,
        }
    }

    fn cursors_mut(&mut self, mailbox: Mailbox) -> &mut Cursors {
        match mailbox {
            Mailbox::Own => &mut self.own,
            Mailbox::Lobby => &mut self.lobby,
        }
    }

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
        whole: bool,
        backfill: bool,
    ) -> Result<Vec<Download>, ClientError> {
        let size = self.info()?.cell_size;
        let lookback = LOBBY_LOOKBACK_SECONDS / u64::from(self.info()?.lobby_epoch_seconds.get());
        let first_look = match mailbox {
            // Nobody knows a new identity yet: the newest batch anchors the chain.
            Mailbox::Own => 1,
            Mailbox::Lobby => usize::try_from(lookback).unwrap_or(usize::MAX).max(1),
        };
        let cursors = self.cursors(mailbox);
        let segments = index.segments.iter().copied().map(IndexEntry::Segment);
        let batches = index.batches.iter().copied().map(IndexEntry::Batch);
        let listed: Vec<_> =
            sorted_by_key(segments.chain(batches), |listed| listed.epochs().0).collect();
        let mut wanted: Vec<_> = listed
            .iter()
            .copied()
            .filter(|listed| cursors.wants(&listed.origin().0, listed.epochs()))
            .collect();
        if !cursors.started || !whole {
            wanted.retain(|listed| matches!(listed, IndexEntry::Batch(_)));
            wanted = wanted.split_off(wanted.len().saturating_sub(first_look));
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
            .map(|listed| Download {
                path: listed.path(bucket),
                bucket: bucket.get(),
                origin: listed.origin().to_string(),
                epoch: listed.epochs().1,
                bytes: listed.bytes(size),
                mailbox,
                entry: listed,
            })
            .collect())
    }

    /// Whether the relay names this origin as its own, or once did.
    pub(crate) fn trusts(&self, mailbox: Mailbox, origin: &Origin) -> bool {
        let info = self.info.as_ref();
        info.is_some_and(|info| info.origin == *origin)
            || self.cursors(mailbox).of(&origin.0).is_some()
    }

    /// The offer of an invitation that was just accepted may stand in a batch
    /// that was read before: all of the lobby counts as unread again.
    pub(crate) fn read_lobby_again(&mut self, tx: &mut Transaction) {
        tx.touch(StoreKey::Mailboxes);
        for cursor in &mut self.lobby.known {
            cursor.floor = cursor.epoch.saturating_add(1);
        }
    }

    /// Places a verified header in its chain and moves the cursor past it.
    /// Where not the `whole` mailbox is read, what was passed over is no gap.
    pub(crate) fn advance(
        &mut self,
        mailbox: Mailbox,
        header: &BatchHeader,
        whole: bool,
        tx: &mut Transaction,
    ) -> Step {
        let lobby = mailbox == Mailbox::Lobby;
        let step = self.cursors_mut(mailbox).advance(header, lobby, whole);
        if !matches!(step, Step::Taken) {
            tx.touch(StoreKey::Mailboxes);
        }
        step
    }

    pub(crate) fn to_record(&self) -> RelayRecord {
        RelayRecord {
            url: self.url.clone(),
            own: self.own.known.clone(),
            lobby: self.lobby.known.clone(),
            started: (self.own.started, self.lobby.started),
            info: self.info.as_ref().map(info_record),
        }
    }

    pub(crate) fn from_record(record: RelayRecord) -> Result<Self, VaultError> {
        let mut state = Self::new(&record.url);
        if let Some(info) = &record.info {
            state.info = settings(info);
        }
        state.own = Cursors {
            started: record.started.0,
            known: record.own,
        };
        state.lobby = Cursors {
            started: record.started.1,
            known: record.lobby,
        };
        Ok(state)
    }
}

fn info_record(info: &RelaySettings) -> InfoRecord {
    InfoRecord {
        origin: info.origin.0,
        buckets: info.buckets.get(),
        cell_size: info.cell_size.get(),
        epoch_seconds: info.epoch_seconds.get(),
        lobby_epoch_seconds: info.lobby_epoch_seconds.get(),
        retention_seconds: info.retention_seconds.get(),
        per_bucket: info.per_bucket.get(),
        max_attachment_bytes: info.max_attachment_bytes.get(),
    }
}

fn settings(record: &InfoRecord) -> Option<RelaySettings> {
    Some(RelaySettings {
        origin: Origin(record.origin),
        buckets: record.buckets.try_into().ok()?,
        cell_size: record.cell_size.try_into().ok()?,
        epoch_seconds: record.epoch_seconds.try_into().ok()?,
        lobby_epoch_seconds: record.lobby_epoch_seconds.try_into().ok()?,
        retention_seconds: record.retention_seconds.try_into().ok()?,
        // Vaults from before fan slots hold the entries of a whole slot here.
        per_bucket: CellsPerBucket::nearest(record.per_bucket),
        max_attachment_bytes: record.max_attachment_bytes.try_into().ok()?,
    })
}
