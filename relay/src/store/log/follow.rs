//! Reading the log: frames and markers of waiting cells, and what was published.

mod apply;
mod interval;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time::{sleep, timeout};

use super::{
    Broken, Item, Log, LogError, Message, Stream, Subject,
    commit::{Commit, Signed},
    compute::cells_of,
    import::keep_part,
    marker::Marker,
    post::confirm,
    state::{Process, State},
};
use crate::store::{Kind, QueueClass, StoreError, ratchet::frame::Head, sqlite::view::Position};

/// Pause before a replica that is behind is asked again.
const BEHIND: Duration = Duration::from_millis(2);
/// Pause after a failed read.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a gap must last before it counts as damage: a replica or the commit
/// that explains it may be late.
const GAP: Duration = Duration::from_secs(5);

/// Why a reader stopped within a batch of messages.
enum Halt {
    /// The next message comes after a commit that was not read yet.
    NeedsCommit,
    /// Messages are missing before this one.
    Gap,
}

impl<L: Log> Process<L> {
    /// Follows a stream until the process stops.
    pub(super) async fn follow(self: Arc<Self>, stream: Stream) {
        let mut gap: Option<(u64, Instant)> = None;
        while !self.is_stopped() {
            let read = match stream.kind() {
                Some(kind) => self.read_waiting(kind).await,
                None => self.read_published().await,
            };
            let pos = self.position(stream).await;
            if gap.is_some_and(|(at, _)| at != pos) {
                gap = None;
                self.health.set_gap(false, stream);
            }
            match read {
                Ok(Read::More) => (),
                Ok(Read::End) => self.rest(stream).await,
                Ok(Read::Gap) => {
                    let (_, since) = *gap.get_or_insert_with(|| (pos, Instant::now()));
                    if since.elapsed() > GAP {
                        self.health.set_gap(true, stream);
                    }
                    sleep(PAUSE).await;
                }
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    /// The next sequence of a stream.
    async fn position(&self, stream: Stream) -> u64 {
        let state = self.state.lock().await;
        let of_kind = stream.kind().map(|kind| state.kinds[kind].pos);
        of_kind.unwrap_or(state.published)
    }

    /// Waits until there may be something to read.
    async fn rest(&self, stream: Stream) {
        if let Some(kind) = stream.kind()
            && self.is_behind(kind).await
        {
            sleep(BEHIND).await;
            return;
        }
        let woken = self.wake.reader(stream).notified();
        let _ = timeout(self.options.limits.poll, woken).await;
    }

    async fn is_behind(&self, kind: Kind) -> bool {
        let state = self.state.lock().await;
        let kind = &state.kinds[kind];
        kind.pos <= kind.wanted
    }

    /// Reads some messages of a stream of waiting cells.
    async fn read_waiting(&self, kind: Kind) -> Result<Read, LogError> {
        let stream = Stream::of(kind);
        let from = self.state.lock().await.kinds[kind].pos;
        let messages = self.log.read(stream, from).await?;
        let is_end = messages.is_empty();
        let mut state = self.state.lock().await;
        for message in messages {
            match self.take(&mut state, kind, message) {
                Ok(()) => (),
                Err(halt) => {
                    let pos = state.kinds[kind].pos;
                    drop(state);
                    // Both are explained by commits, if others are ahead.
                    while self.read_published().await? == Read::More {}
                    let moved = self.state.lock().await.kinds[kind].pos != pos;
                    return Ok(match halt {
                        _ if moved => Read::More,
                        Halt::NeedsCommit => Read::End,
                        Halt::Gap => Read::Gap,
                    });
                }
            }
        }
        Ok(if is_end { Read::End } else { Read::More })
    }

    /// Takes the next message of a stream of waiting cells.
    fn take(&self, state: &mut State, kind: Kind, message: Message) -> Result<(), Halt> {
        let of_kind = &state.kinds[kind];
        let next = of_kind.position.next;
        if message.seq < of_kind.pos {
            return Ok(());
        }
        if message.seq > of_kind.pos {
            return Err(Halt::Gap);
        }
        if self.is_stopped() {
            return Err(Halt::Gap);
        }
        match self.knows(&message) {
            Ok(true) => (),
            Ok(false) => {
                state.kinds[kind].pos = message.seq + 1;
                return Ok(());
            }
            Err(_) => return Err(Halt::Gap),
        }
        match message.subject.item {
            Item::Marker => {
                let open = |index| {
                    if self.options.breaks(Broken::AnyMarker) {
                        return Marker::unchecked(&message.bytes);
                    }
                    let key = state.keys.get(kind, index)?;
                    Marker::open(key, kind, &message.bytes)
                };
                let is_newer = |index| {
                    let key = state.keys.get(kind, index);
                    key.is_some_and(|key| Marker::is_newer(key, &message.bytes))
                };
                if is_newer(state.kinds[kind].current()) {
                    self.newer("a marker of another version");
                    return Err(Halt::Gap);
                }
                if state.kinds[kind].marker.is_some() {
                    // Another marker of this index is void; that of the next one must wait.
                    if open(next).is_none() && open(next + 1).is_some() {
                        return Err(Halt::NeedsCommit);
                    }
                } else if let Some(marker) = open(next) {
                    let position = &state.kinds[kind].position;
                    if marker.follows(position, message.at) && self.are_open(state, kind, &marker)
                        || self.options.breaks(Broken::AnyMarker)
                    {
                        self.end_interval(state, kind, message.seq, marker);
                    }
                }
            }
            Item::Frame => self.take_frame(state, kind, message.seq, message.bytes),
            _ => (),
        }
        state.kinds[kind].pos = message.seq + 1;
        Ok(())
    }

    fn take_frame(&self, state: &mut State, kind: Kind, seq: u64, frame: Vec<u8>) {
        let Some(head) = Head::parse(&frame) else {
            return;
        };
        let is_own = state.sealer.is_own(&frame);
        let current = state.kinds[kind].current();
        let own = match is_own {
            true => state.kinds[kind].in_flight.remove(&head.number),
            false => None,
        };
        if let Some(own) = &own {
            own.gone.notify_one();
        }
        if head.step != current {
            // Too late for its interval: its cells are not in the log.
            if let Some(own) = own {
                state.kinds[kind].outbox.extend(own.cells);
                self.wake.flush[kind].notify_one();
            }
            return;
        }
        let cells = match own {
            Some(own) => own.cells,
            None => match state.keys.get(kind, current) {
                Some(key) => {
                    let size = self.options.view.cell_size;
                    let buckets = kind.buckets(self.options.view.buckets);
                    let cells = cells_of(key, kind, current, &frame, size, &buckets);
                    let class = QueueClass::default();
                    cells.into_iter().map(|cell| (cell, class)).collect()
                }
                None => Vec::new(),
            },
        };
        let of_kind = &mut state.kinds[kind];
        let interval = match of_kind.marker.is_some() {
            true => &mut of_kind.late,
            false => &mut of_kind.read,
        };
        interval.frames.push((seq, frame));
        let ids = cells.iter().map(|(cell, _)| cell.id());
        interval.ids.extend(ids);
        for (cell, class) in cells {
            state.queue.push(cell.slot.bucket, class, cell.ticket());
            confirm(state, kind, &cell.id());
            if is_own {
                state.kinds[kind].kept.insert(current, cell);
            }
        }
    }

    /// Reads some messages of the published stream.
    pub(super) async fn read_published(&self) -> Result<Read, LogError> {
        let _alone = self.reading.lock().await;
        let from = self.state.lock().await.published;
        let messages = self.log.read(Stream::Published, from).await?;
        if messages.is_empty() {
            return Ok(Read::End);
        }
        for message in messages {
            let mut state = self.state.lock().await;
            if message.seq < state.published {
                continue;
            }
            // The oldest messages expire: a new view starts with the first that is left.
            let is_new = Kind::ALL
                .into_iter()
                .all(|kind| state.kinds[kind].position == Position::default());
            if message.seq > state.published && !is_new {
                return Ok(Read::Gap);
            }
            let Subject { kind, item } = message.subject;
            if !self.knows(&message).map_err(|_| LogError::Refused)? {
                state.published = message.seq + 1;
                continue;
            }
            match item {
                Item::Part => {
                    let part = (message.subject, message.bytes);
                    state.parts.insert(message.seq, part);
                }
                Item::ImportPart => keep_part(&mut state, message.clone()),
                Item::Import if self.take_import(&mut state, &message).await.is_err() => {
                    return Ok(Read::Gap);
                }
                Item::Level if self.take_level(&message).await.is_err() => {
                    return Ok(Read::Gap);
                }
                Item::Commit if self.commit(&mut state, kind, &message).await.is_err() => {
                    return Ok(Read::Gap);
                }
                _ => (),
            }
            state.published = message.seq + 1;
            if item == Item::Import {
                self.change();
            }
        }
        Ok(Read::More)
    }

    /// Applies a commit if it is the next one of its kind.
    async fn commit(
        &self,
        state: &mut State,
        kind: Kind,
        message: &Message,
    ) -> Result<(), StoreError> {
        let (commit, hash) = match Commit::open(&message.bytes, &self.origin, kind) {
            Signed::Known(known) => known,
            Signed::Newer => return Err(self.newer("a commit of another version")),
            Signed::Foreign => {
                tracing::warn!(?kind, "a commit that this origin did not sign is ignored");
                return Ok(());
            }
        };
        self.raised(commit.level).await?;
        let position = state.kinds[kind].position;
        let is_next = commit.i == position.next
            && commit.step == position.step
            && commit.prev.0 == position.commit;
        let is_new = position == Position::default();
        let is_first = is_new && commit.i > 1 && commit.step == 0;
        if !is_next && !is_first {
            // A new view begins with the first step of a close.
            if commit.i > position.next && !is_new {
                return Err(self.health.damaged("a commit is missing in the log"));
            }
            return Ok(());
        }
        if commit.config.0 != self.config_hash {
            let what = "a commit was made with another configuration";
            return Err(self.health.damaged(what));
        }
        match self.batches(state, kind, &commit) {
            Ok(batches) => {
                self.apply(state, kind, &commit, hash, message.seq, batches)
                    .await
            }
            // Its first parts have expired.
            Err(_) if is_first => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// The result of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// There may be more.
    More,
    /// Nothing new.
    End,
    /// Messages are missing.
    Gap,
}
