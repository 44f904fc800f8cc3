//! When batches are closed, published and deleted.
//!
//! One [`Engine`] for the numbered buckets and one for the lobby, each with
//! its own length. At a boundary it closes its buckets, and publishes the
//! batches a fixed delay after the boundary, however long the closing took:
//! else the moment of publication would tell how much there was to do.

mod board;
mod retention;
mod schedule;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tessera::{
    base::UnixTime,
    wire::{BucketId, CellSize},
};
use tokio::sync::watch;

use self::retention::Retention;
pub use self::{
    board::{Board, Published},
    schedule::{Boundary, Schedule},
};
use crate::{
    cover::{self, CoverRule},
    random,
    store::{Closing, Kind, LastClose, Store, StoreError},
};

/// Buckets closed in one transaction: posts wait for that long, not for all.
const STEP: usize = 16;
/// How soon a failed close is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// How often the wall clock is looked at while waiting, for it may be set.
const LOOK: Duration = Duration::from_secs(1);

/// What an engine runs by.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which buckets these are.
    pub kind: Kind,
    /// The buckets.
    pub buckets: Vec<BucketId>,
    /// Bytes of a cell.
    pub cell_size: CellSize,
    /// Boundaries and the delay after them.
    pub schedule: Schedule,
    /// How batches are made up.
    pub rule: CoverRule,
    /// How long batches are kept.
    pub retention: Duration,
}

/// Closes, publishes and deletes the batches of one kind.
#[derive(Debug)]
pub struct Engine<S> {
    store: S,
    settings: Settings,
    board: Board,
    last: Option<LastClose>,
    retention: Retention,
}

impl<S: Store> Engine<S> {
    /// Reads where the store left off. What was closed before is visible at
    /// once.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn resume(store: S, settings: Settings, board: Board) -> Result<Self, StoreError> {
        let last = store.last_close(settings.kind).await?;
        let last_seen = last.map_or(wall_clock(), |last| Duration::from_secs(last.closed_at.0));
        let mut retention = Retention::new(settings.retention, last_seen, Instant::now());
        if let Some(last) = last {
            let cutoff = retention.cutoff(wall_clock(), Instant::now());
            board.publish(
                settings.kind,
                Published {
                    epoch: last.epoch,
                    cutoff,
                },
            );
        }
        Ok(Self {
            store,
            settings,
            board,
            last,
            retention,
        })
    }

    /// Works until told to stop; a close that has begun is finished first.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        loop {
            let boundary = tokio::select! {
                boundary = self.next_boundary() => boundary,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            if !self.close(boundary, &mut stop).await {
                return;
            }
            self.publish(boundary).await;
            self.expire().await;
        }
    }

    /// Waits for the next boundary by the wall clock, even if that is set
    /// meanwhile.
    async fn next_boundary(&self) -> Boundary {
        let schedule = &self.settings.schedule;
        let mut due = schedule.due(wall_clock());
        loop {
            let now = wall_clock();
            if now >= due {
                return schedule.passed(now, self.last.map(|last| last.epoch));
            }
            // Set back: the boundary that was due is further than an epoch away.
            due = due.min(schedule.due(now));
            tokio::time::sleep(LOOK.min(due.saturating_sub(now))).await;
        }
    }

    /// `false` when told to stop before it worked.
    async fn close(&mut self, boundary: Boundary, stop: &mut watch::Receiver<bool>) -> bool {
        let (kind, cell_size) = (self.settings.kind, self.settings.cell_size);
        let rule = &self.settings.rule;
        for buckets in self.settings.buckets.chunks(STEP) {
            let count = rule.most() * buckets.len();
            loop {
                let cover = tokio::task::spawn_blocking(move || {
                    cover::prepare(count, cell_size, &mut random::system())
                });
                let Ok(cover) = cover.await else { return false };
                let closing = Closing {
                    buckets: buckets.to_vec(),
                    epoch: boundary.epoch,
                    closed_at: boundary.at,
                    cell_size,
                    rule: rule.clone(),
                    cover,
                };
                match self.store.close(closing).await {
                    Ok(()) => break,
                    Err(error) => {
                        tracing::error!(%error, ?kind, epoch = boundary.epoch, "closing again")
                    }
                }
                tokio::select! {
                    () = tokio::time::sleep(AGAIN) => (),
                    _ = stop.wait_for(|stop| *stop) => return false,
                }
            }
        }
        self.last = Some(LastClose {
            epoch: boundary.epoch,
            closed_at: boundary.at,
        });
        true
    }

    async fn publish(&mut self, boundary: Boundary) {
        let due = self.settings.schedule.publication(boundary);
        match due.checked_sub(wall_clock()) {
            // A clock set back meanwhile must not hold the batch for longer than the delay.
            Some(wait) => tokio::time::sleep(wait.min(self.settings.schedule.delay())).await,
            None => {
                tracing::warn!(kind = ?self.settings.kind, epoch = boundary.epoch, "published late")
            }
        }
        let cutoff = self.retention.cutoff(wall_clock(), Instant::now());
        self.board.publish(
            self.settings.kind,
            Published {
                epoch: boundary.epoch,
                cutoff,
            },
        );
    }

    /// Deletes what is past retention, after readers were told.
    async fn expire(&self) {
        let (kind, before) = (self.settings.kind, self.retention.last_cutoff());
        loop {
            match self.store.expire(kind, before).await {
                Ok(0) => return,
                Ok(batches) => tracing::debug!(?kind, batches, "deleted after retention"),
                Err(error) => {
                    tracing::error!(%error, ?kind, "deleting after retention");
                    return;
                }
            }
        }
    }
}

/// Time since 1970 by the operating system; a clock before 1970 counts as then.
#[must_use]
pub fn wall_clock() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// Whole seconds of it.
#[must_use]
pub fn unix_time() -> UnixTime {
    UnixTime(wall_clock().as_secs())
}
