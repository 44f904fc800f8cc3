//! The relay as one knows it, and how far each mailbox was pulled.

mod chain;

pub(crate) use chain::{Cursors, Step};

use serde::Serialize;

use crate::client::ClientError;
use crate::{
    base::{UnixTime, sorted_by_key},
    identity::Fingerprint,
    vault::{
        VaultError,
        stored::{InfoRecord, RelayRecord},
    },
    wire::{
        BATCH_HEADER_LEN, BatchHeader, BatchRef, BucketId, BucketIndex, CellSize, CellsPerBucket,
        InfoAnswer, Origin, RelaySettings, SegmentRef, compute_bucket, paths,
    },
};

/// How far back a fresh client reads the lobby: 15 min, the life of a quick
/// invitation unless said otherwise.
const LOBBY_LOOKBACK_SECONDS: u64 = 15 * 60;
/// Most older lobby batches read in one round while an offer is looked for.
const BACKFILL_BATCHES: usize = 64;

/// One of the two mailboxes a client pulls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mailbox {
    /// The bucket of one's own fingerprint.
    Own,
    /// The bucket every client reads, for enrolments.
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

/// One thing to fetch: a batch, or a segment of many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Planned {
    /// Path below the relay's URL.
    pub path: String,
    /// Bucket number.
    pub bucket: u32,
    /// Origin key, lower-case hex.
    pub origin: String,
    /// Epoch; of a segment, the last.
    pub epoch: u64,
    /// Bytes to come.
    pub bytes: u64,
    #[serde(skip)]
    pub(crate) mailbox: Mailbox,
    #[serde(skip)]
    pub(crate) listed: Listed,
}

impl Planned {
    /// Of which mailbox it is.
    #[must_use]
    pub fn mailbox(&self) -> Mailbox {
        self.mailbox
    }
}

/// What the index says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listed {
    Batch(BatchRef),
    Segment(SegmentRef),
}

impl Listed {
    fn origin(&self) -> &Origin {
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

pub(crate) struct RelayState {
    url: String,
    info: Option<RelaySettings>,
    own: Cursors,
    lobby: Cursors,
}

impl RelayState {
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

    /// Takes another URL of the relay; whether it is another.
    pub(crate) fn relocate(&mut self, url: &str) -> bool {
        let url = url.trim_end_matches('/');
        let moved = self.url != url;
        url.clone_into(&mut self.url);
        moved
    }

    /// Takes a `/v1/info`. A new number of buckets moves everyone; the own
    /// bucket is then read from its beginning.
    pub(crate) fn configure(&mut self, json: &str) -> Result<bool, ClientError> {
        let answer = InfoAnswer::parse(json.as_bytes()).map_err(|_| ClientError::RelayProtocol)?;
        let info = answer.settings;
        if self.info.as_ref() == Some(&info) {
            return Ok(false);
        }
        if self
            .info
            .as_ref()
            .is_some_and(|known| known.buckets != info.buckets)
        {
            self.own = Cursors {
                started: true,
                known: Vec::new(),
            };
        }
        self.info = Some(info);
        Ok(true)
    }

    pub(crate) fn info(&self) -> Result<&RelaySettings, ClientError> {
        self.info.as_ref().ok_or(ClientError::RelayUnknown)
    }

    pub(crate) fn bucket_of(&self, fingerprint: &Fingerprint) -> Result<BucketId, ClientError> {
        Ok(compute_bucket(&fingerprint.0, self.info()?.buckets))
    }

    /// Up to when one's own bucket is drained. Where a batch is missing, that
    /// is up to the batch before it, for as long as the relay would keep it
    /// and its content would be accepted: a relay that withholds batches
    /// delays shredding by no more than that. Protocol §4.
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

    fn cursors(&mut self, mailbox: Mailbox) -> &mut Cursors {
        match mailbox {
            Mailbox::Own => &mut self.own,
            Mailbox::Lobby => &mut self.lobby,
        }
    }

    /// What to fetch, oldest first: of the `whole` mailbox the segments of
    /// what was missed and the batches since, or else its newest; then, while
    /// an offer is looked for, older ones of the lobby, newest first.
    pub(crate) fn plan(
        &mut self,
        mailbox: Mailbox,
        bucket: BucketId,
        index: &BucketIndex,
        whole: bool,
        backfill: bool,
    ) -> Result<Vec<Planned>, ClientError> {
        let size = self.info()?.cell_size;
        let lookback = LOBBY_LOOKBACK_SECONDS / u64::from(self.info()?.lobby_epoch_seconds.get());
        let first_look = match mailbox {
            // Nobody knows a fresh identity yet: the newest batch anchors the chain.
            Mailbox::Own => 1,
            Mailbox::Lobby => usize::try_from(lookback).unwrap_or(usize::MAX).max(1),
        };
        let cursors = self.cursors(mailbox);
        let segments = index.segments.iter().copied().map(Listed::Segment);
        let batches = index.batches.iter().copied().map(Listed::Batch);
        let listed: Vec<_> =
            sorted_by_key(segments.chain(batches), |listed| listed.epochs().0).collect();
        let mut wanted: Vec<_> = listed
            .iter()
            .copied()
            .filter(|listed| cursors.wants(&listed.origin().0, listed.epochs()))
            .collect();
        // A mailbox that is empty at first is read from its beginning on.
        cursors.started |= listed.is_empty();
        if !cursors.started || !whole {
            wanted.retain(|listed| matches!(listed, Listed::Batch(_)));
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
            .map(|listed| Planned {
                path: listed.path(bucket),
                bucket: bucket.get(),
                origin: listed.origin().to_string(),
                epoch: listed.epochs().1,
                bytes: listed.bytes(size),
                mailbox,
                listed,
            })
            .collect())
    }

    /// Whether batches of this origin are the relay's: it names it as its own,
    /// or did so before.
    pub(crate) fn trusts(&self, mailbox: Mailbox, origin: &Origin) -> bool {
        let cursors = match mailbox {
            Mailbox::Own => &self.own,
            Mailbox::Lobby => &self.lobby,
        };
        self.info
            .as_ref()
            .is_some_and(|info| info.origin == *origin)
            || cursors.of(&origin.0).is_some()
    }

    /// The offer of an invitation just accepted may stand in a batch that was
    /// read when nobody looked for it: all of the lobby counts as older again.
    pub(crate) fn read_lobby_again(&mut self) {
        for cursor in &mut self.lobby.known {
            cursor.floor = cursor.epoch.saturating_add(1);
        }
    }

    /// Places a verified header in its chain and moves the cursor past it.
    /// Where not the `whole` mailbox is read, what was passed over is no gap.
    pub(crate) fn advance(&mut self, mailbox: Mailbox, header: &BatchHeader, whole: bool) -> Step {
        self.cursors(mailbox)
            .advance(header, mailbox == Mailbox::Lobby, whole)
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
