//! The relay's parameters, and the cursors of both mailboxes.

mod alerts;
mod chain;
mod plan;
mod relay;
mod shape;

pub(crate) use chain::{Cursors, Step};
pub use plan::Download;
pub(crate) use plan::{IndexEntry, Part};

use alerts::{Alert, Alerts};
use shape::ShapeChange;

use serde::Serialize;

use crate::{
    base::{UnixTime, parameters::CLOCK_SKEW_SECONDS, words::worded},
    client::{ClientError, StoreKey, transaction::Transaction},
    identity::Fingerprint,
    vault::{
        VaultError,
        stored::{RelayRecord, ShapeRecord},
    },
    wire::{BatchHeader, BucketId, Origin, RelaySettings, compute_bucket},
};

/// How far the closing time of a new batch may lie before the one of its
/// predecessor: operators set clocks right.
const CLOSING_TOLERANCE_SECONDS: u64 = 3_600;

worded! {
    /// One of the two mailboxes that a client pulls.
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    pub enum Mailbox {
        /// The bucket of this person's fingerprint.
        Own = "own",
        /// The bucket that every client reads during an enrolment.
        Lobby = "lobby",
    }
}

/// The destination of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    Lobby,
    /// The bucket of a person.
    Bucket(Fingerprint),
}

/// The relay's parameters as it last described them, and the cursors of both
/// mailboxes.
#[derive(Default)]
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
    /// For how many seconds the relay keeps a batch of the lobby, as its last
    /// `/v1/info` says; `None` before the first of this session.
    lobby_retention: Option<u64>,
    /// The origins of its federation, as its last `/v1/info` says.
    members: Vec<Origin>,
}

impl Mailboxes {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            url: url.trim_end_matches('/').to_owned(),
            ..Self::default()
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Changes the relay's URL; whether it was another.
    pub(crate) fn relocate(&mut self, url: &str, tx: &mut Transaction) -> bool {
        let url = url.trim_end_matches('/');
        let moves = self.url != url;
        if moves {
            url.clone_into(&mut self.url);
            tx.touch(StoreKey::Mailboxes);
        }
        moves
    }

    pub(crate) fn info(&self) -> Result<&RelaySettings, ClientError> {
        self.info.as_ref().ok_or(ClientError::RelayUnknown)
    }

    /// The longest life of an invitation through the lobby: its cells are gone
    /// after the lobby's retention.
    pub(crate) fn longest_in_lobby(&self, most: u64) -> u64 {
        self.lobby_retention.map_or(most, |kept| most.min(kept))
    }

    /// The bucket of a cell.
    pub(crate) fn bucket_for(&self, to: Destination) -> Result<BucketId, ClientError> {
        match to {
            Destination::Lobby => Ok(BucketId::LOBBY),
            Destination::Bucket(fingerprint) => self.bucket_of(&fingerprint),
        }
    }

    pub(crate) fn bucket_of(&self, fingerprint: &Fingerprint) -> Result<BucketId, ClientError> {
        Ok(compute_bucket(&fingerprint.0, self.info()?.buckets))
    }

    /// The closing time up to which the own bucket was read completely. A missing
    /// batch holds it back only while the relay would keep that batch and its
    /// content would be accepted, so a relay that withholds batches cannot delay
    /// shredding for longer. Protocol §4.
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

    /// Places a verified header in its chain and moves the cursor past it. Skipped
    /// batches count as a gap only if the `whole` mailbox is read.
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
        let listed = self.members.contains(&header.origin);
        let cursors = self.cursors_mut(mailbox);
        if listed {
            cursors.enter(header);
        }
        let step = cursors.advance(header, lobby, whole);
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

    /// Reports a closing time that goes back or lies in the future, because closing
    /// times decide which months are open and when keys are shredded. It delays
    /// neither: the latest closing time counts.
    fn judge_closing_time(&mut self, before: u64, closed_at: UnixTime, tx: &mut Transaction) {
        let back = closed_at.plus(CLOSING_TOLERANCE_SECONDS).0 < before;
        let future = closed_at > tx.now.plus(CLOCK_SKEW_SECONDS) && !self.clock_is_off();
        self.alerts.set(Alert::ClosingTime, back || future, tx);
    }

    /// Whether the second relay of light reading answers.
    pub(crate) fn mirror_answers(&mut self, answers: bool, tx: &mut Transaction) {
        self.alerts.set(Alert::Mirror, !answers, tx);
    }

    /// Whether a batch of an origin may be new.
    pub(crate) fn wants(&self, mailbox: Mailbox, origin: &Origin, epoch: u64) -> bool {
        self.cursors(mailbox).wants(&origin.0, (epoch, epoch))
    }

    /// The epoch of an origin that was read last.
    pub(crate) fn read_until(&self, mailbox: Mailbox, origin: &Origin) -> Option<u64> {
        Some(self.cursors(mailbox).of(&origin.0)?.epoch)
    }

    /// Epoch and hash of what was read last of each origin that the relay lists.
    pub(crate) fn heads(&self, mailbox: Mailbox) -> impl Iterator<Item = (Origin, u64, [u8; 32])> {
        let read = self.cursors(mailbox).known.iter();
        let read = read.filter(|cursor| cursor.epoch > 0);
        let heads = read.map(|cursor| (Origin(cursor.origin), cursor.epoch, cursor.head));
        let own = self.info.as_ref().map(|info| info.origin);
        heads.filter(move |(origin, ..)| Some(*origin) == own || self.members.contains(origin))
    }

    pub(crate) fn to_record(&self) -> RelayRecord {
        RelayRecord {
            url: self.url.clone(),
            own: self.own.known.clone(),
            lobby: self.lobby.known.clone(),
            started: (self.own.started, self.lobby.started),
            info: self.info.as_ref().map(relay::info_record),
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
            state.info = relay::settings(info);
        }
        let cursors = |started, known| Cursors {
            started,
            known,
            empty_since: None,
        };
        state.own = cursors(record.started.0, record.own);
        state.lobby = cursors(record.started.1, record.lobby);
        Ok(state)
    }
}

#[cfg(test)]
mod tests;
