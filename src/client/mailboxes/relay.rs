//! The relay's stated parameters, and their plausibility. Protocol §12 and §13.

use crate::{
    base::{UnixTime, parameters::CLOCK_SKEW_SECONDS},
    client::{ClientError, StoreKey, transaction::Transaction},
    vault::stored::InfoRecord,
    wire::{CellsPerBucket, InfoAnswer, Origin, RelaySettings},
};

use super::{
    Cursors, Mailbox, Mailboxes,
    alerts::{Alert, Alerts},
    shape::{Shape, Verdict},
};

/// A mailbox counts as stalled after this many epochs without a new batch, plus
/// this many seconds for differing clocks and short epochs.
pub(super) const STALLED_EPOCHS: u64 = 4;
pub(super) const STALLED_SECONDS: u64 = 600;
/// A larger difference of clocks is reported, because the times of messages are
/// wrong.
pub(super) const REPORTED_SKEW_SECONDS: u64 = 300;

impl Mailboxes {
    /// Applies `/v1/info`. Another number of buckets or another cell size takes
    /// effect once it has lasted. A new number of buckets moves everyone to another
    /// bucket, so the own bucket is then read from its beginning.
    pub(crate) fn configure(&mut self, answer: InfoAnswer, tx: &mut Transaction) {
        self.members = answer.members.iter().map(|member| member.origin).collect();
        self.lobby_retention = Some(answer.lobby_retention_seconds.get().into());
        self.clock_ahead = answer.time.0.cast_signed() - tx.now.0.cast_signed();
        let skewed = self.clock_ahead.unsigned_abs() > REPORTED_SKEW_SECONDS;
        self.alerts.set_skew(skewed, self.clock_ahead, tx);
        let certain = !self.clock_is_off();
        let info = match self.info.as_ref().map(Shape::of) {
            Some(in_use) => self.in_shape(in_use, answer.settings, certain, tx),
            None => answer.settings,
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

    /// Everything that is listed in the mailbox was read: checks whether the relay
    /// has stopped publishing. Protocol §13.
    pub(crate) fn read_to_the_end(&mut self, mailbox: Mailbox, tx: &mut Transaction) {
        if let Some(stalled) = self.is_stalled(mailbox, tx.now) {
            self.alerts.set(Alert::stalled(mailbox), stalled, tx);
        }
    }

    /// Whether the newest batch is too old; `None` without a clock that is
    /// right, when age means nothing.
    pub(super) fn is_stalled(&mut self, mailbox: Mailbox, now: UnixTime) -> Option<bool> {
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
}

pub(super) fn info_record(info: &RelaySettings) -> InfoRecord {
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

pub(super) fn settings(record: &InfoRecord) -> Option<RelaySettings> {
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
