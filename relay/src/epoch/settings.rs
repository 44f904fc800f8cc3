//! What decides when an engine closes, and what with.

use std::time::Duration;

use tessera::wire::{BucketId, CellSize};

use super::Schedule;
use crate::{cover::CoverRule, store::Kind};

/// The shortest retention with segments.
const SEGMENTS_FROM: Duration = Duration::from_secs(24 * 3600);

/// Returns `true` if such buckets get segments. Protocol §12.
#[must_use]
pub fn makes_segments(kind: Kind, retention: Duration) -> bool {
    kind == Kind::Numbered && retention >= SEGMENTS_FROM
}

/// The settings of an engine.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The kind of the buckets.
    pub kind: Kind,
    /// The buckets.
    pub buckets: Vec<BucketId>,
    /// Bytes of a cell.
    pub cell_size: CellSize,
    /// Boundaries and the delay after them.
    pub schedule: Schedule,
    /// The cover of batches.
    pub rule: CoverRule,
    /// How long batches are kept.
    pub retention: Duration,
    /// Cells that more closes than this left behind are dropped.
    pub most_waited: u8,
    /// Whether this relay publishes batches of this kind; otherwise it only keeps
    /// imported ones.
    pub publishes: bool,
}
