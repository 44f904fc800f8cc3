//! Closing, publication and deletion of batches.
//!
//! There is one [`Engine`] for the numbered buckets and one for the lobby, each
//! with its own epoch length. At a boundary it closes its buckets. It publishes
//! the batches a fixed delay after the boundary, however long closing took:
//! otherwise the time of publication would reveal how much was posted.

mod clock;
mod published;
mod retention;
mod schedule;
mod settings;

use std::time::{Duration, Instant};

use tessera::{base::UnixTime, wire::BucketId};
use tokio::sync::watch;

use self::retention::Retention;
pub use self::{
    clock::{Now, unix_time, wall_clock},
    published::{Published, PublishedEpochs},
    schedule::{Boundary, Schedule},
    settings::{Settings, makes_segments},
};
use crate::{
    cover::CoverPool,
    random,
    store::{Closing, Store, StoreError, Window},
};

/// Number of buckets closed in one step: posts wait for one step, not for all.
const STEP: usize = 16;
/// Delay before a failed close is retried; doubles each time, up to [`AGAIN_AT_MOST`].
const AGAIN: Duration = Duration::from_secs(1);
const AGAIN_AT_MOST: Duration = Duration::from_secs(30);
/// How often the wall clock is read while waiting, because it may be set.
const LOOK: Duration = Duration::from_secs(1);
/// Clocks of processes that share a store may differ by this.
const SKEW: Duration = Duration::from_secs(60);

/// Closes, publishes and deletes the batches of one kind.
///
/// [`Engine::run`] uses the operating system's clocks; its individual steps take
/// the time from the caller.
#[derive(Debug)]
pub struct Engine<S> {
    store: S,
    settings: Settings,
    published: PublishedEpochs,
    last: Option<Boundary>,
    retention: Retention,
    /// Whether deletes are suspended in the store.
    held: bool,
    /// Buckets left to close in an epoch whose close was interrupted.
    left: Option<Vec<BucketId>>,
    /// Cover made before the epoch ends.
    pool: CoverPool,
}

impl<S: Store> Engine<S> {
    /// Resumes from the state of the store. Batches that were closed before are
    /// visible at once.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn resume(
        store: S,
        settings: Settings,
        published: PublishedEpochs,
        now: Now,
    ) -> Result<Self, StoreError> {
        let last = store.last_close(settings.kind).await?;
        let held = store.published()?.held(settings.kind).await?;
        let stored = store.published()?.origins(settings.kind, Window::ALL);
        let stored = stored.await?;
        let newest = stored.iter().map(|origin| origin.closed_at).max();
        let newest = newest.max(last.map(|last| last.at));
        let seen = Now {
            wall: newest.map_or(now.wall, |newest| Duration::from_secs(newest.0)),
            ..now
        };
        let mut engine = Self {
            retention: Retention::new(settings.retention, seen, held),
            store,
            settings,
            published,
            last,
            held,
            left: None,
            pool: CoverPool::default(),
        };
        if newest.is_some() {
            // After a crash between a close and its segments, make them now or with the next close.
            if let Err(error) = engine.seal().await {
                tracing::error!(%error, kind = ?engine.settings.kind, "making segments failed, retrying at the next close");
            }
            engine.publish(now);
        }
        Ok(engine)
    }

    /// Runs until a stop signal; finishes a running close first.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        loop {
            self.prepare().await;
            let mut now = tokio::select! {
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
                if self.store.is_replicated() {
                    // Meanwhile another process may have closed a later epoch.
                    now = Now::look();
                }
            };
            self.wait_to_publish(boundary).await;
            self.publish(Now::look());
            while !*stop.borrow() && matches!(self.expire().await, Ok(true)) {}
        }
    }

    /// Generates cover for the next close, up to the size of the pool.
    async fn prepare(&mut self) {
        if self.store.is_replicated() || !self.settings.publishes {
            return;
        }
        let want = self.settings.rule.most() * self.settings.buckets.len();
        let size = self.settings.cell_size;
        self.with_pool(move |pool| pool.fill(want, size, &mut random::system()))
            .await;
    }

    /// Works on the pool on a blocking thread. If that fails, only unpublished cover
    /// is lost.
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

    /// Waits for the next boundary of the wall clock, even if the clock is set
    /// meanwhile.
    async fn next_boundary(&self) -> Now {
        let schedule = &self.settings.schedule;
        let mut due = schedule.due(wall_clock());
        loop {
            let now = Now::look();
            if now.wall >= due {
                return now;
            }
            // If the clock was set back, the boundary is more than an epoch away.
            due = due.min(schedule.due(now.wall));
            tokio::time::sleep(LOOK.min(due.saturating_sub(now.wall))).await;
        }
    }

    /// Closes the epoch that has ended: writes the batch of every bucket, then the
    /// segments that are now complete. A repeated call after an error, with the
    /// same time, does the remaining work.
    ///
    /// # Errors
    ///
    /// If the store cannot be written.
    pub async fn close(&mut self, now: Now) -> Result<Boundary, StoreError> {
        let held = self.retention.look(now);
        if held != self.held {
            // Before a batch has the time that is not yet trusted.
            self.store.hold(self.settings.kind, held).await?;
            self.held = held;
        }
        if self.store.is_replicated() {
            self.last = self.store.last_close(self.settings.kind).await?;
        }
        let last = self.last.map(|last| last.epoch);
        let boundary = self.settings.schedule.passed(now.wall, last);
        if let Some(closed) = self.closed_by_another(boundary, now) {
            self.published.set_behind(self.settings.kind, false);
            self.seal().await?;
            return Ok(closed);
        }
        if !self.settings.publishes {
            self.seal().await?;
            return Ok(boundary);
        }
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
        // The close of another process may have been first.
        let last = match self.store.is_replicated() {
            true => self.store.last_close(kind).await?.unwrap_or(boundary),
            false => boundary,
        };
        self.last = Some(last);
        Ok(last)
    }

    /// The close that another process made for this boundary, with its own clock.
    fn closed_by_another(&self, boundary: Boundary, now: Now) -> Option<Boundary> {
        let last = self.last.filter(|_| self.store.is_replicated())?;
        let most = UnixTime((now.wall + SKEW).as_secs());
        (boundary.at..=most).contains(&last.at).then_some(last)
    }

    /// Closes buckets in steps, and those of a failed step one by one, so that a
    /// bucket that cannot be closed does not block the others. Returns the buckets
    /// that failed.
    async fn close_all(
        &mut self,
        buckets: &[BucketId],
        boundary: Boundary,
    ) -> Result<Vec<BucketId>, StoreError> {
        let (mut unclosed, mut last_error) = (Vec::new(), None);
        let is_replicated = self.store.is_replicated();
        let step_len = if is_replicated { usize::MAX } else { STEP };
        for (number, step) in buckets.chunks(step_len).enumerate() {
            let Err(error) = self.close_step(step.to_vec(), boundary).await else {
                continue;
            };
            if is_replicated || matches!(error, StoreError::Full | StoreError::Failed) {
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
        let count = match self.store.is_replicated() {
            true => 0,
            false => rule.most() * buckets.len(),
        };
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
            // A clock that is set back must not hold the batch for longer than the delay.
            Some(wait) => tokio::time::sleep(wait.min(self.settings.schedule.delay())).await,
            None => {
                tracing::warn!(kind = ?self.settings.kind, epoch = boundary.epoch, "the batches were published late")
            }
        }
    }

    /// Makes the batches of the last close visible, and hides those past retention.
    pub fn publish(&mut self, now: Now) {
        self.retention.look(now);
        let epoch = self.last.map_or(0, |last| last.epoch);
        let cutoff = self.retention.cutoff();
        self.published.publish(self.settings.kind, epoch, cutoff);
    }

    /// Deletes some of the batches past retention, which readers no longer see.
    /// Returns `true` if there were any.
    ///
    /// # Errors
    ///
    /// If the store cannot be written.
    pub async fn expire(&self) -> Result<bool, StoreError> {
        let (kind, before) = (self.settings.kind, self.retention.cutoff());
        let expired = self.store.expire(kind, before).await;
        if let Err(error) = expired {
            tracing::error!(%error, ?kind, "deleting batches past retention failed, retrying at the next close");
        }
        expired
    }
}
