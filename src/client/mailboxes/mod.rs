//! The relay's parameters, and how far each mailbox was read.

mod alerts;
mod chain;
mod shape;

pub use alerts::RelayNotice;
use alerts::{Alert, Alerts};
pub(crate) use chain::{Cursors, Step};
use shape::{Shape, ShapeChange, Verdict};

use serde::Serialize;

use crate::{
    base::{UnixTime, parameters::CLOCK_SKEW_SECONDS, sorted_by_key},
    client::{ClientError, StoreKey, outbox::Destination, transaction::Transaction},
    identity::Fingerprint,
    vault::{
        VaultError,
        stored::{InfoRecord, RelayRecord, ShapeRecord},
    },
    wire::{
        BATCH_HEADER_LEN, BatchHeader, BatchRef, BucketId, BucketIndex, CellSize, CellsPerBucket,
        InfoAnswer, Origin, RelaySettings, SegmentRef, compute_bucket, paths,
    },
};

/// Newest batches of the lobby that a client without an open invitation reads
/// when it opens, whatever it missed.
const LOBBY_FIRST_LOOK: usize = 4;
/// Most older lobby batches read at a time while an offer is looked for.
const BACKFILL_BATCHES: usize = 64;

/// Epochs without a new batch after which a mailbox counts as stalled, and
/// seconds besides for clocks that differ and epochs that are short.
const STALLED_EPOCHS: u64 = 4;
const STALLED_SECONDS: u64 = 600;
/// Clocks that differ by more are reported: the times of messages are wrong.
const REPORTED_SKEW_SECONDS: u64 = 300;
/// How far the closing time of a new batch may lie before the one of its
/// predecessor: operators set clocks right.
const CLOSING_TOLERANCE_SECONDS: u64 = 3_600;

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
    /// Whether the whole mailbox was to be read when this was planned, so
    /// that what is missing before it is a gap.
    #[serde(skip)]
    pub(crate) whole: bool,
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
    change: ShapeChange,
    own: Cursors,
    lobby: Cursors,
    alerts: Alerts,
    /// Seconds that the relay's clock is ahead of the local one, as its last
    /// `/v1/info` says.
    clock_ahead: i64,
}

impl Mailboxes {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            url: url.trim_end_matches('/').to_owned(),
            info: None,
            change: ShapeChange::default(),
            own: Cursors::default(),
            lobby: Cursors::default(),
            alerts: Alerts::default(),
            clock_ahead: 0,
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

    /// Takes a `/v1/info`. Another number of buckets or another cell size
    /// counts once it has lasted. The number of buckets moves everyone: the
    /// own bucket is then read from its beginning.
    pub(crate) fn configure(&mut self, answer: InfoAnswer, tx: &mut Transaction) {
        let InfoAnswer { settings, time } = answer;
        self.clock_ahead = time.0.cast_signed() - tx.now.0.cast_signed();
        let skewed = self.clock_ahead.unsigned_abs() > REPORTED_SKEW_SECONDS;
        self.alerts.set_skew(skewed, self.clock_ahead, tx);
        let certain = !self.clock_is_off();
        let info = match self.info.as_ref().map(Shape::of) {
            Some(in_use) => self.in_shape(in_use, settings, certain, tx),
            None => settings,
        };
        if self.info.as_ref() != Some(&info) {
            self.info = Some(info);
            tx.touch(StoreKey::Mailboxes);
        }
    }

    /// The settings, in the shape that is in use from now on.
    fn in_shape(
        &mut self,
        in_use: Shape,
        settings: RelaySettings,
        certain: bool,
        tx: &mut Transaction,
    ) -> RelaySettings {
        let stated = Shape::of(&settings);
        match self.change.judge(in_use, stated, certain, tx) {
            Verdict::InUse => settings,
            Verdict::Begins => {
                Alerts::changed(tx);
                in_use.applied_to(settings)
            }
            Verdict::Waits => in_use.applied_to(settings),
            Verdict::Lasts => {
                if stated.buckets != in_use.buckets {
                    self.own = Cursors {
                        started: true,
                        ..Cursors::default()
                    };
                }
                settings
            }
        }
    }

    /// Whether the relay states another shape than the one in use, so that
    /// nothing but cover can be posted.
    pub(crate) fn is_changing(&self) -> bool {
        self.change.stated().is_some()
    }

    /// The relay's parameters for what is posted at once.
    pub(crate) fn for_posting(&self) -> Result<RelaySettings, ClientError> {
        let info = self.info()?.clone();
        let stated = self.change.stated();
        Ok(match stated {
            Some(shape) => shape.applied_to(info),
            None => info,
        })
    }

    /// Whether the clocks of this device and of the relay differ so much that
    /// recipients would look for today's tags on another day. Then nothing
    /// that has a day is posted, until one of the clocks is set right.
    pub(crate) fn clock_is_off(&self) -> bool {
        self.clock_ahead.unsigned_abs() > CLOCK_SKEW_SECONDS
    }

    pub(crate) fn clock_ahead(&self) -> i64 {
        self.clock_ahead
    }

    pub(crate) fn set_clock_ahead(&mut self, seconds: i64) {
        self.clock_ahead = seconds;
    }

    /// A mailbox of which everything that is listed has been read: whether
    /// that is because the relay publishes nothing new. Protocol §13.
    pub(crate) fn read_to_the_end(&mut self, mailbox: Mailbox, tx: &mut Transaction) {
        if let Some(stalled) = self.is_stalled(mailbox, tx.now) {
            self.alerts.set(Alert::stalled(mailbox), stalled, tx);
        }
    }

    /// Whether the newest batch is too old; `None` without a clock that is
    /// right, when age means nothing.
    fn is_stalled(&mut self, mailbox: Mailbox, now: UnixTime) -> Option<bool> {
        let info = self.info.as_ref().filter(|_| !self.clock_is_off())?;
        let epoch = match mailbox {
            Mailbox::Own => info.epoch_seconds.get(),
            Mailbox::Lobby => info.lobby_epoch_seconds.get(),
        };
        let limit = STALLED_EPOCHS * u64::from(epoch) + STALLED_SECONDS;
        let ahead = self.clock_ahead;
        let cursors = self.cursors_mut(mailbox);
        let newest = cursors.known.iter().map(|cursor| cursor.closed_at).max();
        let (newest, now) = match newest {
            Some(newest) => (newest, now.0.saturating_add_signed(ahead)),
            None => (cursors.empty_since.get_or_insert(now).0, now.0),
        };
        Some(now.saturating_sub(newest) > limit)
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
        let first_look = match mailbox {
            // Nobody knows a new identity yet: the newest batch anchors the chain.
            Mailbox::Own => 1,
            Mailbox::Lobby => LOBBY_FIRST_LOOK,
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
                whole,
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
        let before = self.cursors(mailbox).of(&header.origin.0);
        let before = before.map(|cursor| (cursor.epoch, cursor.closed_at));
        let step = self.cursors_mut(mailbox).advance(header, lobby, whole);
        if let Some((epoch, closed_at)) = before
            && header.epoch > epoch
            && mailbox == Mailbox::Own
        {
            self.judge_closing_time(closed_at, header.closed_at, tx);
        }
        if self.is_stalled(mailbox, tx.now) == Some(false) {
            self.alerts.set(Alert::stalled(mailbox), false, tx);
        }
        if !matches!(step, Step::Taken) {
            tx.touch(StoreKey::Mailboxes);
        }
        step
    }

    /// Closing times decide which months are open and when keys are shredded,
    /// so one that goes back, or lies in the future, is reported. It delays
    /// nothing: of all closing times the latest counts.
    fn judge_closing_time(&mut self, before: u64, closed_at: UnixTime, tx: &mut Transaction) {
        let back = closed_at.plus(CLOSING_TOLERANCE_SECONDS).0 < before;
        let future = closed_at > tx.now.plus(CLOCK_SKEW_SECONDS) && !self.clock_is_off();
        self.alerts.set(Alert::ClosingTime, back || future, tx);
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

    pub(crate) fn shape_record(&self) -> Option<ShapeRecord> {
        self.change.to_record()
    }

    pub(crate) fn restore_shape(&mut self, record: &ShapeRecord) -> Result<(), VaultError> {
        self.change = ShapeChange::from_record(record)?;
        Ok(())
    }

    pub(crate) fn from_record(record: RelayRecord) -> Result<Self, VaultError> {
        let mut state = Self::new(&record.url);
        if let Some(info) = &record.info {
            state.info = settings(info);
        }
        state.own = Cursors {
            started: record.started.0,
            known: record.own,
            ..Cursors::default()
        };
        state.lobby = Cursors {
            started: record.started.1,
            known: record.lobby,
            ..Cursors::default()
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

#[cfg(test)]
mod tests;
