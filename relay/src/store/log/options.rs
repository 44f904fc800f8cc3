//! The parameters of a process.

use std::{fmt, sync::Arc, time::Duration};

use super::LEVEL;
use crate::{
    cover::CoverRule,
    store::{ByKind, sqlite::Options},
};

/// The parameters of a process of a deployment.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// The parameters of the view.
    pub view: Options,
    /// Seconds of an epoch.
    pub epochs: ByKind<u32>,
    /// Seconds for which batches are kept.
    pub retentions: ByKind<u32>,
    /// The cover of the numbered buckets and of the lobby.
    pub rules: ByKind<CoverRule>,
    /// The place of this process in the order in which processes close; the lowest
    /// closes first.
    pub rank: u32,
    /// Posts are gathered to a grid of this length before they are sealed.
    pub post_tick: Duration,
    /// Limits of time and memory.
    pub limits: Limits,
    /// What a test makes go wrong; nothing otherwise.
    pub fault: Fault,
}

/// Limits of time and memory.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long a post waits until its frame was read.
    pub post: Duration,
    /// How long a close waits until it is applied.
    pub close: Duration,
    /// How much later than the previous rank a process ends an epoch.
    pub marker_turn: Duration,
    /// The same for publishing what an ended epoch contains.
    pub commit_turn: Duration,
    /// How often a reader looks without being woken.
    pub poll: Duration,
    /// Bytes of acknowledged cells that are kept until they are published, to post
    /// them again if the log loses them.
    pub kept: usize,
    /// Bytes of a stream that are left free for markers.
    pub reserve: u64,
    /// Buckets of one commit.
    pub step: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            post: Duration::from_secs(10),
            close: Duration::from_secs(30),
            marker_turn: Duration::from_millis(250),
            commit_turn: Duration::from_millis(400),
            poll: Duration::from_millis(150),
            kept: 64 << 20,
            reserve: 64 << 20,
            step: 256,
        }
    }
}

/// Faults for tests: they show that the checks of the tests notice them.
#[derive(Clone, Default)]
pub struct Fault {
    /// Called between the steps of a close and a post, with the step's name. If it
    /// returns `true`, the process stops there, as after a crash.
    pub crash: Option<Arc<dyn Fn(&'static str) -> bool + Send + Sync>>,
    /// A rule that the process breaks.
    pub broken: Option<Broken>,
    /// The level that the process knows, as an earlier version would.
    pub level: Option<u32>,
}

/// A rule that a process breaks in a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Posts are answered when the log acknowledges them.
    AckBeforeRead,
    /// Draws come from the operating system.
    SystemDraws,
    /// Any marker ends the interval, also one without a right MAC or of another index.
    AnyMarker,
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fault({:?})", self.broken)
    }
}

impl LogOptions {
    /// The highest level that the process knows.
    pub(super) fn knows(&self) -> u32 {
        self.fault.level.unwrap_or(LEVEL)
    }

    pub(super) fn breaks(&self, rule: Broken) -> bool {
        self.fault.broken == Some(rule)
    }

    /// Cells of a frame: at most 256 KiB.
    pub(super) fn frame_cells(&self) -> usize {
        ((256 << 10) / self.view.cell_size.bytes()).max(1)
    }
}
