//! A relay that states another number of buckets or another cell size. It may
//! be a mistake, or a lie, for a moment: a client that followed at once would
//! seal again what was posted without an answer, and read its bucket from the
//! beginning, for nothing. So a change counts once it has lasted. Until then
//! nothing but cover is posted, in the shape that the relay takes. Protocol
//! §13.

use crate::{
    base::{
        UnixTime,
        time::{DAY_SECONDS, HOUR_SECONDS},
    },
    client::{StoreKey, transaction::Transaction},
    vault::{
        VaultError,
        stored::{ShapeRecord, StatedShapeRecord},
    },
    wire::{BucketCount, CellSize, RelaySettings},
};

/// For how long a relay must have stated a change.
pub(crate) const LASTING_SECONDS: u64 = HOUR_SECONDS;
/// How long after a change another is followed. Sealing again leaves a hole in
/// a day's counters, and a recipient looks across one of them, not several.
pub(crate) const REST_SECONDS: u64 = DAY_SECONDS;

/// What decides where a cell goes and how it is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) buckets: BucketCount,
    cell_size: CellSize,
}

impl Shape {
    pub(super) fn of(relay: &RelaySettings) -> Self {
        Self {
            buckets: relay.buckets,
            cell_size: relay.cell_size,
        }
    }

    /// The settings, in this shape.
    pub(super) fn applied_to(self, relay: RelaySettings) -> RelaySettings {
        RelaySettings {
            buckets: self.buckets,
            cell_size: self.cell_size,
            ..relay
        }
    }
}

/// What follows from the shape that a relay states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is the one in use.
    InUse,
    /// It is another one, for the first time.
    Begins,
    /// It is another one, and has not lasted yet.
    Waits,
    /// It has lasted: it is the one in use from now on.
    Lasts,
}

/// The shape that a relay states instead of the one in use, and when a
/// change was last followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ShapeChange {
    stated: Option<(Shape, UnixTime)>,
    followed_at: Option<UnixTime>,
}

impl ShapeChange {
    /// The shape that the relay states, if it is not the one in use.
    pub(super) fn stated(&self) -> Option<Shape> {
        self.stated.map(|(shape, _)| shape)
    }

    /// The relay states this shape. `certain` says whether the local clock can
    /// tell how long it has done so.
    pub(super) fn judge(
        &mut self,
        in_use: Shape,
        stated: Shape,
        certain: bool,
        tx: &mut Transaction,
    ) -> Verdict {
        let before = *self;
        let verdict = self.decide(in_use, stated, certain, tx.now);
        if *self != before {
            tx.touch(StoreKey::Shape);
        }
        verdict
    }

    fn decide(&mut self, in_use: Shape, stated: Shape, certain: bool, now: UnixTime) -> Verdict {
        if stated == in_use {
            self.stated = None;
            return Verdict::InUse;
        }
        let known = self.stated.filter(|(known, _)| *known == stated);
        let Some((_, since)) = known else {
            self.stated = Some((stated, now));
            return Verdict::Begins;
        };
        // A clock that was set back begins again.
        let since = since.min(now);
        self.stated = Some((stated, since));
        let rested = self
            .followed_at
            .is_none_or(|at| now.0.abs_diff(at.0) >= REST_SECONDS);
        if !certain || !rested || now < since.plus(LASTING_SECONDS) {
            return Verdict::Waits;
        }
        *self = Self {
            stated: None,
            followed_at: Some(now),
        };
        Verdict::Lasts
    }

    pub(super) fn to_record(self) -> Option<ShapeRecord> {
        let stated = self.stated.map(|(shape, since)| StatedShapeRecord {
            buckets: shape.buckets.get(),
            cell_size: shape.cell_size.get(),
            since: since.0,
        });
        let followed_at = self.followed_at.map(|at| at.0);
        (self != Self::default()).then_some(ShapeRecord {
            stated,
            followed_at,
        })
    }

    pub(super) fn from_record(record: &ShapeRecord) -> Result<Self, VaultError> {
        let stated = record.stated.as_ref().map(|stated| {
            let shape = Shape {
                buckets: stated.buckets.try_into().ok()?,
                cell_size: stated.cell_size.try_into().ok()?,
            };
            Some((shape, UnixTime(stated.since)))
        });
        Ok(Self {
            stated: stated
                .map(|stated| stated.ok_or(VaultError::Damaged))
                .transpose()?,
            followed_at: record.followed_at.map(UnixTime),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_300_000;

    fn shape(buckets: u32, cell_size: u32) -> Shape {
        Shape {
            buckets: buckets.try_into().unwrap(),
            cell_size: cell_size.try_into().unwrap(),
        }
    }

    /// The verdicts on (seconds after the start, stated shape), the clock
    /// being right, and a restart before each.
    fn verdicts(in_use: Shape, stated: &[(u64, Shape)]) -> Vec<Verdict> {
        let mut change = ShapeChange::default();
        let mut in_use = in_use;
        let mut verdicts = Vec::new();
        for (seconds, stated) in stated {
            if let Some(record) = change.to_record() {
                change = ShapeChange::from_record(&record).unwrap();
            }
            let mut tx = Transaction::new(UnixTime(NOW + seconds));
            let verdict = change.judge(in_use, *stated, true, &mut tx);
            if verdict == Verdict::Lasts {
                in_use = *stated;
            }
            verdicts.push(verdict);
        }
        verdicts
    }

    #[test]
    fn a_change_for_a_moment_is_not_followed() {
        let (used, other) = (shape(8, 2_048), shape(8, 4_096));
        let stated = [(0, other), (3_599, other), (3_600, used), (7_300, other)];
        assert_eq!(
            verdicts(used, &stated),
            [
                Verdict::Begins,
                Verdict::Waits,
                Verdict::InUse,
                Verdict::Begins
            ]
        );
    }

    #[test]
    fn a_change_that_lasts_is_followed_once_and_the_next_a_day_later() {
        let (used, other) = (shape(8, 2_048), shape(4, 2_048));
        let stated = [
            (0, other),
            (3_600, other),
            (3_601, other),
            (4_000, used),
            (40_000, used),
            (3_600 + DAY_SECONDS, used),
        ];
        assert_eq!(
            verdicts(used, &stated),
            [
                Verdict::Begins,
                Verdict::Lasts,
                Verdict::InUse,
                Verdict::Begins,
                Verdict::Waits,
                Verdict::Lasts
            ]
        );
    }

    #[test]
    fn a_third_shape_begins_again_and_so_does_a_clock_that_was_set_back() {
        let (used, other, third) = (shape(8, 2_048), shape(8, 1_024), shape(8, 4_096));
        let stated = [(9_000, other), (9_500, third), (0, third), (3_500, third)];
        assert_eq!(
            verdicts(used, &stated),
            [
                Verdict::Begins,
                Verdict::Begins,
                Verdict::Waits,
                Verdict::Waits
            ]
        );
    }

    #[test]
    fn nothing_lasts_by_a_clock_that_is_wrong() {
        let (used, other) = (shape(8, 2_048), shape(8, 1_024));
        let mut change = ShapeChange::default();
        for (seconds, certain, verdict) in [
            (0, true, Verdict::Begins),
            (9_000, false, Verdict::Waits),
            (9_001, true, Verdict::Lasts),
        ] {
            let mut tx = Transaction::new(UnixTime(NOW + seconds));
            assert_eq!(change.judge(used, other, certain, &mut tx), verdict);
        }
    }

    #[test]
    fn a_record_out_of_range_is_damaged() {
        let stated = StatedShapeRecord {
            buckets: 3,
            cell_size: 2_048,
            since: NOW,
        };
        let record = ShapeRecord {
            stated: Some(stated),
            followed_at: None,
        };
        assert!(ShapeChange::from_record(&record).is_err());
    }
}
