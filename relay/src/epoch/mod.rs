//! When batches are closed, published and deleted.
//!
//! One [`Engine`] for the numbered buckets and one for the lobby, each with
//! its own length. At a boundary it closes its buckets, and publishes the
//! batches a fixed delay after the boundary, however long the closing took:
//! else the moment of publication would tell how much there was to do.

mod published;
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
    published::{Published, PublishedEpochs},
    schedule::{Boundary, Schedule},
};
use crate::{
    cover::{CoverPool, CoverRule},
    random,
    store::{Closing, Kind, LastClose, Store, StoreError},
};

/// Buckets closed in one step: posts wait for that long, not for all.
const STEP: usize = 16;
/// How soon a failed close is tried again; twice as long each time, up to [`AGAIN_AT_MOST`].
const AGAIN: Duration = Duration::from_secs(1);
const AGAIN_AT_MOST: Duration = Duration::from_secs(30);
/// How often the wall clock is looked at while waiting, for it may be set.
const LOOK: Duration = Duration::from_secs(1);

/// The shortest retention with segments.
const SEGMENTS_FROM: Duration = Duration::from_secs(24 * 3600);

/// Whether such buckets get segments. Protocol §12.
#[must_use]
pub fn makes_segments(kind: Kind, retention: Duration) -> bool {
    kind == Kind::Numbered && retention >= SEGMENTS_FROM
}

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
    /// A cell that more closes than this left behind is dropped.
    pub most_waited: u8,
}

/// A look at the clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Time since 1970 by the wall clock, which may be set.
    pub wall: Duration,
    /// A clock that only runs, and never jumps.
    pub running: Instant,
}

impl Now {
    /// By the operating system.
    #[must_use]
    pub fn look() -> Self {
        Self {
            wall: wall_clock(),
            running: Instant::now(),
        }
    }
}

/// Closes, publishes and deletes the batches of one kind.
///
/// [`Engine::run`] does it by the operating system's clocks; the steps it
/// consists of take the time from whoever calls them.
#[derive(Debug)]
pub struct Engine<S> {
    store: S,
    settings: Settings,
    published: PublishedEpochs,
    last: Option<LastClose>,
    retention: Retention,
    /// Whether the store remembers that deletes wait.
    held: bool,
    /// Buckets still to be closed in an epoch whose close was interrupted.
    left: Option<Vec<BucketId>>,
    /// Cover made before the epoch ends.
    pool: CoverPool,
}

impl<S: Store> Engine<S> {
    /// Reads where the store left off. What was closed before is visible at
    /// once.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn resume(
        store: S,
        settings: Settings,
        published: PublishedEpochs,
        now: Now,
    ) -> Result<Self, StoreError> {
        let last = store.last_close(settings.kind).await?;
        let held = store.held(settings.kind).await?;
        let seen = Now {
            wall: last.map_or(now.wall, |last| Duration::from_secs(last.closed_at.0)),
            ..now
        };
        let engine = Self {
            retention: Retention::new(settings.retention, seen, held),
            store,
            settings,
            published,
            last,
            held,
            left: None,
            pool: CoverPool::default(),
        };
        Ok(engine.resumed(now).await)
    }

    async fn resumed(mut self, now: Now) -> Self {
        let Some(last) = self.last else { return self };
        // A crash between a close and its segments: they are made now, or with the next close.
        if let Err(error) = self.seal().await {
            tracing::error!(%error, kind = ?self.settings.kind, "making segments failed; retrying at the next close");
        }
        self.retention.look(now);
        self.show(last.epoch);
        self
    }

    /// Works until told to stop; a close that has begun is finished first.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        loop {
            self.prepare().await;
            let now = tokio::select! {
                now = self.next_boundary() => now,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            let mut wait = AGAIN;
            let boundary = loop {
                match self.close(now).await {
                    Ok(boundary) => break boundary,
                    Err(error) => {
                        tracing::error!(%error, kind = ?self.settings.kind, "closing the epoch failed, retrying");
                        self.published.set_behind(self.settings.kind, true);
                    }
                }
                tokio::select! {
                    () = tokio::time::sleep(wait) => (),
                    _ = stop.wait_for(|stop| *stop) => return,
                }
                wait = AGAIN_AT_MOST.min(wait * 2);
            };
            self.wait_to_publish(boundary).await;
            self.publish(boundary, Now::look());
            while !*stop.borrow() && matches!(self.expire().await, Ok(true)) {}
        }
    }

    /// Makes cover for the next close, as much as is kept.
    async fn prepare(&mut self) {
        let want = self.settings.rule.most() * self.settings.buckets.len();
        let size = self.settings.cell_size;
        self.with_pool(move |pool| pool.fill(want, size, &mut random::system()))
            .await;
    }

    /// Works on the pool where work may take long. What is lost when that
    /// fails is only cover that nobody has seen.
    async fn with_pool<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut CoverPool) -> T + Send + 'static,
    ) -> Option<T> {
        let mut pool = std::mem::take(&mut self.pool);
        let worked = tokio::task::spawn_blocking(move || {
            let done = work(&mut pool);
            (pool, done)
        });
        let (pool, done) = worked.await.ok()?;
        self.pool = pool;
        Some(done)
    }

    /// Waits for the next boundary by the wall clock, even if that is set
    /// meanwhile.
    async fn next_boundary(&self) -> Now {
        let schedule = &self.settings.schedule;
        let mut due = schedule.due(wall_clock());
        loop {
            let now = Now::look();
            if now.wall >= due {
                return now;
            }
            // Set back: the boundary that was due is further than an epoch away.
            due = due.min(schedule.due(now.wall));
            tokio::time::sleep(LOOK.min(due.saturating_sub(now.wall))).await;
        }
    }

    /// Closes the epoch that has ended by now: every bucket's batch, then the
    /// segments that are complete with it. Called again after an error, for
    /// the same time, it does what is left to do.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn close(&mut self, now: Now) -> Result<Boundary, StoreError> {
        let held = self.retention.look(now);
        if held != self.held {
            // Before a batch bears the time that is not believed yet.
            self.store.hold(self.settings.kind, held).await?;
            self.held = held;
        }
        let last = self.last.map(|last| last.epoch);
        let boundary = self.settings.schedule.passed(now.wall, last);
        let start = Instant::now();
        let buckets = self.left.take();
        let buckets = buckets.unwrap_or_else(|| self.settings.buckets.clone());
        let unclosed = self.close_all(&buckets, boundary).await?;
        let (kind, most_waited) = (self.settings.kind, self.settings.most_waited);
        if let Err(error) = self.store.end_epoch(kind, most_waited).await {
            self.left = Some(unclosed);
            return Err(error);
        }
        if !unclosed.is_empty() {
            tracing::error!(
                ?kind,
                epoch = boundary.epoch,
                "some buckets could not be closed; their cells wait for the next epoch"
            );
        }
        self.published.set_behind(kind, !unclosed.is_empty());
        self.published.set_close_time(kind, start.elapsed());
        self.seal().await?;
        self.last = Some(LastClose {
            epoch: boundary.epoch,
            closed_at: boundary.at,
        });
        Ok(boundary)
    }

    /// Closes buckets in steps, and those of a step that fails one by one, so
    /// that a bucket that cannot be closed does not hold the others. Returns
    /// those.
    async fn close_all(
        &mut self,
        buckets: &[BucketId],
        boundary: Boundary,
    ) -> Result<Vec<BucketId>, StoreError> {
        let (mut unclosed, mut last_error) = (Vec::new(), None);
        for (number, step) in buckets.chunks(STEP).enumerate() {
            let Err(error) = self.close_step(step.to_vec(), boundary).await else {
                continue;
            };
            if matches!(error, StoreError::Full | StoreError::Failed) {
                unclosed.extend(buckets.iter().skip(number * STEP));
                self.left = Some(unclosed);
                return Err(error);
            }
            for bucket in step {
                if let Err(error) = self.close_step(vec![*bucket], boundary).await {
                    unclosed.push(*bucket);
                    last_error = Some(error);
                }
            }
        }
        match last_error {
            Some(error) if unclosed.len() == buckets.len() => {
                self.left = Some(unclosed);
                Err(error)
            }
            _ => Ok(unclosed),
        }
    }

    async fn close_step(
        &mut self,
        buckets: Vec<BucketId>,
        boundary: Boundary,
    ) -> Result<(), StoreError> {
        let (cell_size, rule) = (self.settings.cell_size, self.settings.rule.clone());
        let count = rule.most() * buckets.len();
        let cover = self
            .with_pool(move |pool| pool.take(count, cell_size, &mut random::system()))
            .await;
        let closing = Closing {
            buckets,
            epoch: boundary.epoch,
            closed_at: boundary.at,
            cell_size,
            rule,
            cover: cover.ok_or(StoreError::Unavailable)?,
        };
        self.store.close(closing).await
    }

    async fn seal(&self) -> Result<(), StoreError> {
        let settings = &self.settings;
        if !makes_segments(settings.kind, settings.retention) {
            return Ok(());
        }
        for buckets in settings.buckets.chunks(STEP) {
            self.store.seal(buckets).await?;
        }
        Ok(())
    }

    async fn wait_to_publish(&self, boundary: Boundary) {
        let due = self.settings.schedule.publication(boundary);
        match due.checked_sub(wall_clock()) {
            // A clock set back meanwhile must not hold the batch for longer than the delay.
            Some(wait) => tokio::time::sleep(wait.min(self.settings.schedule.delay())).await,
            None => {
                tracing::warn!(kind = ?self.settings.kind, epoch = boundary.epoch, "the batches were published late")
            }
        }
    }

    /// Lets readers see what was closed there, and nothing that is past
    /// retention.
    pub fn publish(&mut self, boundary: Boundary, now: Now) {
        self.retention.look(now);
        self.show(boundary.epoch);
    }

    fn show(&self, epoch: u64) {
        let cutoff = self.retention.cutoff();
        self.published
            .publish(self.settings.kind, Published { epoch, cutoff });
    }

    /// Deletes some of what is past retention, after readers were told, and
    /// says whether there was anything.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn expire(&self) -> Result<bool, StoreError> {
        let (kind, before) = (self.settings.kind, self.retention.cutoff());
        let expired = self.store.expire(kind, before).await;
        if let Err(error) = expired {
            tracing::error!(%error, ?kind, "deleting what is past retention failed; retrying at the next close");
        }
        expired
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
