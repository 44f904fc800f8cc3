//! Posting: cells are gathered, sealed into frames and published, and a post is
//! answered once its frames were read in the log.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, oneshot},
    time::{sleep, timeout},
};

use super::{
    Broken, Item, Log, LogError, Stream, Subject,
    compute::{Slot, WaitingCell},
    state::{Process, State},
};
use crate::{
    epoch::wall_clock,
    lock::lock,
    store::{
        Kind, Post, QueueClass, Store as _, StoreError,
        queue::{Additions, CellId, cell_id},
        ratchet::frame::FrameEntry,
    },
};

/// How long a sender waits until its frame was read, before it publishes it again.
const AGAIN: Duration = Duration::from_secs(4);
/// Pause after a failed publication.
const PAUSE: Duration = Duration::from_millis(100);
/// How often the size of a stream is read while there are posts.
const LOOK: Duration = Duration::from_secs(1);

/// A post that waits for its cells.
pub(super) struct Waiter {
    left: AtomicUsize,
    reply: Mutex<Option<oneshot::Sender<Result<(), StoreError>>>>,
}

pub(super) type Waiters = Vec<Arc<Waiter>>;

impl Waiter {
    fn done(&self) {
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.answer(Ok(()));
        }
    }

    fn answer(&self, result: Result<(), StoreError>) {
        if let Some(reply) = lock(&self.reply).take() {
            let _ = reply.send(result);
        }
    }
}

/// A frame that was sealed and not read yet.
pub(super) struct InFlight {
    pub(super) index: u64,
    pub(super) cells: Vec<(WaitingCell, QueueClass)>,
    /// Its sender waits for this.
    pub(super) gone: Arc<Notify>,
}

/// Acknowledged cells until they are published: a log that loses a message must
/// not lose them.
#[derive(Default)]
pub(super) struct Kept {
    cells: HashMap<CellId, (u64, WaitingCell)>,
    bytes: usize,
    most: usize,
}

impl Kept {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            ..Self::default()
        }
    }

    pub(super) fn insert(&mut self, index: u64, cell: WaitingCell) {
        if self.bytes + cell.cell.len() > self.most {
            return;
        }
        self.bytes += cell.cell.len();
        if let Some((_, old)) = self.cells.insert(cell.id(), (index, cell)) {
            self.bytes -= old.cell.len();
        }
    }

    /// Removes and returns the cells of this or an earlier index.
    pub(super) fn take(&mut self, index: u64) -> Vec<WaitingCell> {
        let old = self.cells.extract_if(|_, (of, _)| *of <= index);
        let taken: Vec<WaitingCell> = old.map(|(_, (_, cell))| cell).collect();
        self.bytes -= taken.iter().map(|cell| cell.cell.len()).sum::<usize>();
        taken
    }
}

impl<L: Log> Process<L> {
    /// Accepts a post, and waits until all of its cells were read in the log.
    pub(super) async fn post(self: &Arc<Self>, post: Post) -> Result<(), StoreError> {
        self.health.writable()?;
        for entry in &post.entries {
            self.health.room(Kind::of(entry.bucket))?;
        }
        self.view.writable()?;
        let mut ready = self.ready.subscribe();
        let waited = timeout(self.options.limits.post, ready.wait_for(|ready| *ready)).await;
        if !matches!(waited, Ok(Ok(_))) {
            return Err(StoreError::Unavailable);
        }
        drop(waited);
        let published = self.published(&post).await?;
        let (reply, answer) = oneshot::channel();
        let waiter = Arc::new(Waiter {
            left: AtomicUsize::new(0),
            reply: Mutex::new(Some(reply)),
        });
        {
            let mut state = self.state.lock().await;
            self.accept(&mut state, &post, &published, &waiter)?;
        }
        if waiter.left.load(Ordering::Acquire) == 0 {
            return Ok(());
        }
        for kind in Kind::ALL {
            self.wake.flush[kind].notify_one();
        }
        match timeout(self.options.limits.post, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(StoreError::Failed),
            // The outcome is unknown; a repetition is harmless.
            Err(_) => Err(StoreError::Unavailable),
        }
    }

    /// The digests of the post's cells that were published.
    async fn published(&self, post: &Post) -> Result<HashSet<[u8; 32]>, StoreError> {
        let mut published = HashSet::new();
        for kind in Kind::ALL {
            let of_kind = post
                .entries
                .iter()
                .filter(|entry| Kind::of(entry.bucket) == kind);
            let digests: Vec<_> = of_kind.map(|entry| entry.cell.sha256()).collect();
            if !digests.is_empty() {
                let from = self.state.lock().await.kinds[kind].seen_from;
                let seen = self.view.seen(kind, digests, from, i64::MAX as u64);
                published.extend(seen.await?);
            }
        }
        Ok(published)
    }

    /// Adds new cells to the outbox; the waiter counts the cells that it waits for.
    fn accept(
        &self,
        state: &mut State,
        post: &Post,
        published: &HashSet<[u8; 32]>,
        waiter: &Arc<Waiter>,
    ) -> Result<(), StoreError> {
        let (mut own, mut new, mut joined) = (HashSet::new(), Vec::new(), Vec::new());
        for entry in &post.entries {
            let digest = entry.cell.sha256();
            let id = cell_id(&digest);
            if !own.insert(id) || published.contains(&digest) {
                continue;
            }
            let waits = Kind::ALL
                .into_iter()
                .find(|kind| state.kinds[*kind].waiters.contains_key(&id));
            match waits {
                Some(kind) => joined.push((kind, id)),
                None if state.queue.holds(&id) => (),
                None => new.push((entry, digest)),
            }
        }
        let buckets = new.iter().map(|(entry, _)| entry.bucket);
        state
            .queue
            .admit(post.class, buckets, &mut Additions::default())
            .map_err(StoreError::QueueFull)?;
        waiter
            .left
            .store(joined.len() + new.len(), Ordering::Release);
        for (kind, id) in joined {
            if let Some(waiters) = state.kinds[kind].waiters.get_mut(&id) {
                waiters.push(Arc::clone(waiter));
            }
        }
        for (entry, digest) in new {
            let turn = state.queue.turn(entry.bucket, post.class);
            let cell = WaitingCell {
                slot: Slot::new(turn, entry.bucket),
                waited: 0,
                cell: entry.cell.as_bytes().to_vec(),
                digest,
            };
            state.queue.push(entry.bucket, post.class, cell.ticket());
            let kind = &mut state.kinds[Kind::of(entry.bucket)];
            kind.waiters.insert(cell.id(), vec![Arc::clone(waiter)]);
            kind.outbox.push_back((cell, post.class));
        }
        Ok(())
    }

    /// Seals and publishes what is in the outbox, until the process stops.
    pub(super) async fn send_posts(self: Arc<Self>, kind: Kind) {
        let mut looked = None;
        while !self.is_stopped() {
            let flush = self.wake.flush[kind].notified();
            if self.health.room(kind).is_ok() {
                flush.await;
            } else if timeout(LOOK, flush).await.is_err() {
                // No post is accepted now, so that none wakes this task.
                self.look_at_size(kind).await;
                continue;
            }
            let tick = self.options.post_tick.as_nanos();
            if tick > 0 {
                // The grid is that of the clock: the time of a post shows no more than the tick.
                let into = wall_clock().as_nanos() % tick;
                sleep(Duration::from_nanos(
                    u64::try_from(tick - into).unwrap_or(0),
                ))
                .await;
            }
            if looked.is_none_or(|at: Instant| at.elapsed() > LOOK) {
                self.look_at_size(kind).await;
                looked = Some(Instant::now());
            }
            while let Some((number, frame)) = self.seal_next(kind).await {
                tokio::spawn(Arc::clone(&self).send(kind, number, frame));
            }
        }
    }

    /// Notes whether there is room in the log.
    async fn look_at_size(&self, kind: Kind) {
        let mut full = false;
        for stream in [Stream::of(kind), Stream::Published] {
            let Ok(info) = self.log.info(stream).await else {
                return;
            };
            let reserve = self.options.limits.reserve.min(info.max_bytes / 2);
            full |= info.max_bytes > 0 && info.bytes + reserve >= info.max_bytes;
        }
        self.health.set_full(full, kind);
    }

    /// Takes up to a frame of cells from the outbox and seals them for the interval
    /// in which the reader is.
    async fn seal_next(&self, kind: Kind) -> Option<(u64, Vec<u8>)> {
        let mut state = self.state.lock().await;
        let index = state.kinds[kind].current();
        let number = state.sealer.number();
        let key = state.keys.get(kind, index)?.duplicate();
        let of_kind = &mut state.kinds[kind];
        let count = of_kind.outbox.len().min(self.options.frame_cells());
        if count == 0 {
            return None;
        }
        let cells: Vec<_> = of_kind.outbox.drain(..count).collect();
        let entries: Vec<_> = cells.iter().map(|(cell, _)| entry(cell)).collect();
        let cell_len = self.options.view.cell_size.bytes();
        let frame = state
            .sealer
            .seal(&key, kind, index, &entries, cell_len)
            .ok()?;
        let in_flight = InFlight {
            index,
            cells,
            gone: Arc::new(Notify::new()),
        };
        state.kinds[kind].in_flight.insert(number, in_flight);
        Some((number, frame))
    }

    /// Publishes a frame until it was read or sealed again.
    async fn send(self: Arc<Self>, kind: Kind, number: u64, frame: Vec<u8>) {
        loop {
            let gone = {
                let state = self.state.lock().await;
                match state.kinds[kind].in_flight.get(&number) {
                    Some(in_flight) if !self.is_stopped() => Arc::clone(&in_flight.gone),
                    _ => return,
                }
            };
            let subject = Subject::new(kind, Item::Frame);
            match self.log.publish(subject, frame.clone()).await {
                Ok(seq) => {
                    if self.crash("post").is_err() {
                        return;
                    }
                    self.published_frame(kind, number, seq).await;
                    let _ = timeout(AGAIN, gone.notified()).await;
                }
                Err(LogError::Full) => {
                    self.health.set_full(true, kind);
                    return self.refuse(kind, number, StoreError::Full).await;
                }
                Err(_) => {
                    let _ = timeout(PAUSE, gone.notified()).await;
                }
            }
        }
    }

    async fn published_frame(&self, kind: Kind, number: u64, seq: u64) {
        let mut state = self.state.lock().await;
        if self.options.breaks(Broken::AckBeforeRead)
            && let Some(in_flight) = state.kinds[kind].in_flight.remove(&number)
        {
            in_flight.gone.notify_one();
            for (cell, _) in in_flight.cells {
                confirm(&mut state, kind, &cell.id());
            }
        }
        drop(state);
        self.expect(kind, seq).await;
    }

    /// Answers the posts of a frame that the log refused.
    async fn refuse(&self, kind: Kind, number: u64, error: StoreError) {
        let mut state = self.state.lock().await;
        let Some(in_flight) = state.kinds[kind].in_flight.remove(&number) else {
            return;
        };
        let ids: HashSet<CellId> = in_flight.cells.iter().map(|(cell, _)| cell.id()).collect();
        state.queue.forget(&ids);
        for id in ids {
            for waiter in state.kinds[kind].waiters.remove(&id).unwrap_or_default() {
                waiter.answer(Err(error));
            }
        }
    }
}

/// Answers the posts that wait for this cell.
pub(super) fn confirm(state: &mut State, kind: Kind, id: &CellId) {
    for waiter in state.kinds[kind].waiters.remove(id).unwrap_or_default() {
        waiter.done();
    }
}

/// A cell as an entry of a frame.
pub(super) fn entry(cell: &WaitingCell) -> FrameEntry<'_> {
    FrameEntry {
        bucket: cell.slot.encode(),
        waited: cell.waited,
        cell: &cell.cell,
    }
}
