//! The state of one process, shared by its tasks.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use ed25519_dalek::SigningKey;
use tessera::{
    base::UnixTime,
    wire::{BucketId, HeaderHash, Origin},
};
use tokio::{
    sync::{Mutex, Notify, watch},
    time::timeout,
};

use super::{
    LogOptions, Stream, Subject,
    compute::{Computed, WaitingCell},
    marker::Marker,
    post::{InFlight, Kept, Waiters},
};
use crate::{
    cover::CoverRule,
    lock::lock,
    store::{
        ByKind, Kind, SqliteStore, StoreError,
        queue::{CellId, Queue, QueueClass},
        ratchet::{KeyFile, frame::Sealer},
        sqlite::view::Position,
    },
};

/// What all tasks of a process share.
pub(super) struct Process<L> {
    pub(super) log: L,
    pub(super) options: LogOptions,
    pub(super) view: SqliteStore,
    pub(super) origin: Origin,
    pub(super) signing_key: SigningKey,
    pub(super) config_hash: [u8; 32],
    pub(super) state: Mutex<State>,
    /// Serializes the readers of the published stream.
    pub(super) reading: Mutex<()>,
    pub(super) wake: Wake,
    /// Incremented whenever a marker is read or a close is applied.
    pub(super) changed: watch::Sender<u64>,
    /// Whether the process has read the log up to its end once.
    pub(super) ready: watch::Sender<bool>,
    pub(super) stop: watch::Sender<bool>,
    pub(super) health: Health,
}

/// What tasks wait for.
#[derive(Default)]
pub(super) struct Wake {
    waiting: ByKind<Notify>,
    published: Notify,
    /// Another process has imported batches.
    pub(super) imported: ByKind<Notify>,
    pub(super) flush: ByKind<Notify>,
    pub(super) due: ByKind<Notify>,
}

impl Wake {
    pub(super) fn reader(&self, stream: Stream) -> &Notify {
        match stream.kind() {
            Some(kind) => &self.waiting[kind],
            None => &self.published,
        }
    }
}

/// What an operator should know.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// The streams in which messages are missing, one bit each.
    pub(super) gap: AtomicU8,
    /// Whether the log has no room for posts to buckets of this kind.
    full: ByKind<AtomicBool>,
    /// Closes by which the ratchet of each kind is behind the log.
    lag: ByKind<AtomicU64>,
    /// The level of the store: what this process may write.
    level: AtomicU32,
    /// The process has read what it does not know.
    newer: AtomicBool,
    /// Closes that this process computed otherwise than they were published.
    pub(super) differs: AtomicU64,
    /// What was last said.
    pub(super) said: std::sync::Mutex<&'static str>,
    /// The process must not write any more.
    pub(super) crashed: AtomicBool,
}

impl Health {
    pub(super) fn writable(&self) -> Result<(), StoreError> {
        if self.crashed.load(Ordering::Relaxed) {
            Err(self.failure())
        } else if self.gap.load(Ordering::Relaxed) != 0 || self.lag() > 0 {
            Err(StoreError::Unavailable)
        } else {
            Ok(())
        }
    }

    /// Why the process has stopped for good.
    pub(super) fn failure(&self) -> StoreError {
        match self.newer.load(Ordering::Relaxed) {
            true => StoreError::Newer,
            false => StoreError::Failed,
        }
    }

    pub(super) fn set_newer(&self) {
        self.newer.store(true, Ordering::Relaxed);
    }

    pub(super) fn set_level(&self, level: u32) {
        self.level.store(level, Ordering::Relaxed);
    }

    pub(super) fn level(&self) -> u32 {
        self.level.load(Ordering::Relaxed)
    }

    /// Fails while the log has no room for posts to buckets of this kind.
    pub(super) fn room(&self, kind: Kind) -> Result<(), StoreError> {
        match self.full[kind].load(Ordering::Relaxed) {
            true => Err(StoreError::Full),
            false => Ok(()),
        }
    }

    /// Closes by which the slower ratchet is behind the log.
    pub(super) fn lag(&self) -> u64 {
        let [numbered, lobby] = Kind::ALL.map(|kind| self.lag[kind].load(Ordering::Relaxed));
        numbered.max(lobby)
    }

    /// Sets a flag, and logs changes.
    pub(super) fn set_gap(&self, gap: bool, stream: Stream) {
        let bit = 1 << stream as u8;
        let before = match gap {
            true => self.gap.fetch_or(bit, Ordering::Relaxed),
            false => self.gap.fetch_and(!bit, Ordering::Relaxed),
        };
        match gap {
            _ if (before & bit != 0) == gap => (),
            true => tracing::error!(
                ?stream,
                "messages are missing in the log: posts are refused"
            ),
            false => tracing::info!(?stream, "the log is complete again"),
        }
    }

    /// Logs what is wrong with the log.
    pub(super) fn damaged(&self, what: &'static str) -> StoreError {
        self.say(what);
        StoreError::Damaged
    }

    /// Logs an error once, as what failed is tried again.
    pub(super) fn say(&self, what: &'static str) {
        let mut said = lock(&self.said);
        if std::mem::replace(&mut *said, what) != what {
            tracing::error!("{what}");
        }
    }

    pub(super) fn set_full(&self, full: bool, kind: Kind) {
        let was_full = self.full[kind].swap(full, Ordering::Relaxed);
        match full {
            _ if was_full == full => (),
            true => tracing::error!(?kind, "the log is full: posts are refused"),
            false => tracing::info!(?kind, "the log has room again"),
        }
    }

    pub(super) fn set_lag(&self, lag: u64, kind: Kind) {
        if self.lag[kind].swap(lag, Ordering::Relaxed) == 0 && lag > 0 {
            tracing::error!(
                ?kind,
                "the ratchet is behind and its inputs are gone: this process reads only; admit it again"
            );
        }
    }
}

/// What changes.
pub(super) struct State {
    pub(super) keys: KeyFile,
    pub(super) sealer: Sealer,
    pub(super) queue: Queue,
    /// The last header of each bucket, with its epoch.
    pub(super) heads: HashMap<BucketId, (u64, HeaderHash)>,
    pub(super) kinds: ByKind<KindState>,
    /// The next sequence of the published stream.
    pub(super) published: u64,
    /// Parts that no commit or import has used yet.
    pub(super) parts: BTreeMap<u64, (Subject, Vec<u8>)>,
    /// When batches were read that another process had imported.
    pub(super) imported_by_others: Option<Instant>,
    /// Ratchet inputs from their stream, by kind and index.
    pub(super) inputs: HashMap<(Kind, u64), Vec<[u8; 32]>>,
    /// The next sequence of the ratchet's stream.
    pub(super) ratchet: u64,
}

/// The frames of an interval of the log.
#[derive(Default)]
pub(super) struct Interval {
    /// The frames, with their sequences.
    pub(super) frames: Vec<(u64, Vec<u8>)>,
    /// The cells in these frames.
    pub(super) ids: HashSet<CellId>,
}

/// The state of one kind of buckets.
#[derive(Default)]
pub(super) struct KindState {
    pub(super) position: Position,
    /// The next sequence of its stream.
    pub(super) pos: u64,
    /// What was read of the current index.
    pub(super) read: Interval,
    /// What was read of the next index, after the marker.
    pub(super) late: Interval,
    /// The marker of the current index with its sequence, until it is applied.
    pub(super) marker: Option<(u64, Marker)>,
    pub(super) computed: Option<Arc<Computed>>,
    /// The last acknowledged sequence.
    pub(super) wanted: u64,
    /// Cells to be sealed.
    pub(super) outbox: VecDeque<(WaitingCell, QueueClass)>,
    /// Frames that were published and not read yet, by number.
    pub(super) in_flight: HashMap<u64, InFlight>,
    /// The posts that wait for a cell.
    pub(super) waiters: HashMap<CellId, Waiters>,
    /// Acknowledged cells.
    pub(super) kept: Kept,
    /// Cells published before this time may be published again.
    pub(super) seen_from: UnixTime,
    pub(super) most_waited: u8,
    /// Cover rules by their hash.
    pub(super) rules: HashMap<[u8; 32], CoverRule>,
}

impl KindState {
    pub(super) fn new(position: Position, rule: &CoverRule, kept: usize) -> Self {
        let rules = HashMap::from([(super::config::rule_hash(rule), rule.clone())]);
        Self {
            position,
            pos: position.marker + 1,
            kept: Kept::new(kept),
            most_waited: u8::MAX,
            rules,
            ..Self::default()
        }
    }

    /// The index of the interval of the log in which the reader is.
    pub(super) fn current(&self) -> u64 {
        self.position.next + u64::from(self.marker.is_some())
    }
}

impl State {
    /// The first part for which this is true.
    pub(super) fn first_part(&self, is_open: impl Fn(&u64, &Subject) -> bool) -> Option<u64> {
        let mut parts = self.parts.iter();
        let first = parts.find(|(seq, (of, _))| is_open(seq, of));
        first.map(|(seq, _)| *seq)
    }
}

impl<L> Process<L> {
    /// Lets the reader of a kind look for a message that the log has.
    pub(super) async fn expect(&self, kind: Kind, seq: u64) {
        let mut state = self.state.lock().await;
        state.kinds[kind].wanted = state.kinds[kind].wanted.max(seq);
        drop(state);
        self.wake.reader(Stream::of(kind)).notify_one();
    }

    /// Waits until the state has changed so; `false` after the time.
    pub(super) async fn reaches(&self, time: Duration, is_so: impl Fn(&State) -> bool) -> bool {
        let mut changed = self.changed.subscribe();
        let reached = async {
            while !is_so(&*self.state.lock().await) {
                if changed.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        timeout(time, reached).await.is_ok()
    }

    pub(super) fn change(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    pub(super) fn is_stopped(&self) -> bool {
        *self.stop.borrow() || self.health.crashed.load(Ordering::Relaxed)
    }

    /// Lets all readers look for messages.
    pub(super) fn wake_readers(&self) {
        for stream in [Stream::Numbered, Stream::Lobby, Stream::Published] {
            self.wake.reader(stream).notify_one();
        }
    }

    /// Stops all tasks.
    pub(super) fn stop(&self) {
        self.stop.send_replace(true);
        for kind in Kind::ALL {
            self.wake.flush[kind].notify_one();
            self.wake.due[kind].notify_one();
        }
        self.wake_readers();
    }

    /// Stops the process for good: the state of its key file is unknown.
    pub(super) fn fail(&self) -> StoreError {
        self.health.crashed.store(true, Ordering::Relaxed);
        self.stop();
        StoreError::Failed
    }

    /// Stops the process here if a test wants a crash.
    pub(super) fn crash(&self, step: &'static str) -> Result<(), StoreError> {
        let crash = self.options.fault.crash.as_ref();
        if self.health.crashed.load(Ordering::Relaxed) || crash.is_some_and(|crash| crash(step)) {
            return Err(self.fail());
        }
        Ok(())
    }
}
