//! [`LogStore`]: the interface of a store over the tasks of a process.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use ed25519_dalek::SigningKey;
use tessera::{
    base::UnixTime,
    wire::{BucketId, Fork, Origin},
};
use tokio::{
    sync::{Mutex, watch},
    time::{sleep, timeout},
};

use super::{
    ConfigMismatch, Item, Log, LogConfig, LogError, LogOptions, StateDir, Stream, Subject,
    follow::Read,
    level::FIRST,
    state::{Health, KindState, Process, State, Wake},
};
use crate::{
    epoch::Boundary,
    files::PathError,
    store::{
        ByKind, Closing, Kind, Post, SignedBatch, SqliteStore, Store, StoreError,
        queue::Queue,
        ratchet::{frame::Sealer, warn_if_copies_stay},
        sqlite::OpenError,
    },
};

/// Digests of published cells are kept for this long after the retention: the
/// clocks of processes differ.
const GRACE: u64 = 86_400;
/// Pause between attempts to reach the log at the start.
const PAUSE: Duration = Duration::from_millis(500);

/// Why a process of a deployment cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogOpenError {
    /// The view cannot be opened.
    #[error(transparent)]
    View(#[from] OpenError),
    /// The state directory cannot be used.
    #[error(transparent)]
    State(#[from] super::StateDirError),
    /// The log's configuration is another one.
    #[error("the deployment has another configuration: {0}")]
    Config(#[from] ConfigMismatch),
    /// The log has what only a newer version knows.
    #[error("the log has messages of a newer version: upgrade this relay")]
    Newer,
    /// The log is empty.
    #[error("the log has no configuration: run `tessera-relay store init` once per deployment")]
    NotInitialized,
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Writes the configuration of a new deployment into its log.
///
/// # Errors
///
/// [`LogError`]; `Refused` if the log is not empty.
pub async fn initialize(log: &impl Log, config: &LogConfig) -> Result<(), LogError> {
    let is_empty = log.info(Stream::Published).await?.last == 0;
    if !is_empty {
        return Err(LogError::Refused);
    }
    let subject = Subject::new(Kind::Numbered, Item::Config);
    log.publish(subject, config.encode()).await?;
    Ok(())
}

/// The replicated backend. Its tasks end with the last handle.
pub struct LogStore<L>(Arc<Handle<L>>);

struct Handle<L>(Arc<Process<L>>);

impl<L> Drop for Handle<L> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl<L> std::ops::Deref for Handle<L> {
    type Target = Arc<Process<L>>;

    fn deref(&self) -> &Arc<Process<L>> {
        &self.0
    }
}

impl<L> Clone for LogStore<L> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<L> std::fmt::Debug for LogStore<L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LogStore({})", self.0.origin)
    }
}

impl<L: Log> LogStore<L> {
    /// Opens the view and the keys of a process, and starts its tasks; must be
    /// called within a runtime. Posts and closes wait until
    /// [`ready`](Self::ready) has read the log.
    ///
    /// # Errors
    ///
    /// [`LogOpenError`].
    pub fn open(
        log: L,
        mut directory: StateDir,
        options: LogOptions,
    ) -> Result<Self, LogOpenError> {
        let path = directory.view();
        let (view, opened) = SqliteStore::open_view(&path, &options.view, directory.origin_key())?;
        warn_if_copies_stay(directory.keys.path());
        let kinds = ByKind::new(|kind| {
            let (position, rule) = (opened.positions[kind], &options.rules[kind]);
            KindState::new(position, rule, options.limits.kept)
        });
        for kind in Kind::ALL {
            // After a crash between applying and erasing.
            let next = kinds[kind].position.next;
            if directory.keys.get(kind, next).is_some() {
                let erased = directory.keys.erase_all_but(kind, next);
                let failed = PathError::at(directory.keys.path());
                erased.map_err(|error| super::StateDirError::from(failed(error)))?;
            }
        }
        let health = Health::default();
        health.set_level(opened.level.unwrap_or(FIRST));
        let signing_key = SigningKey::from_bytes(directory.seed().expose());
        let shared = Arc::new(Process {
            log,
            view,
            origin: directory.origin_key().origin(),
            signing_key,
            config_hash: LogConfig::new(&options).hash(),
            state: Mutex::new(State {
                keys: directory.keys,
                sealer: Sealer::new(),
                queue: Queue::new(options.view.capacity),
                heads: opened.heads,
                kinds,
                published: opened.read_from,
                parts: Default::default(),
                imported_by_others: None,
                inputs: Default::default(),
                ratchet: 1,
            }),
            options,
            reading: Mutex::new(()),
            wake: Wake::default(),
            changed: watch::Sender::new(0),
            ready: watch::Sender::new(false),
            stop: watch::Sender::new(false),
            health,
        });
        for kind in Kind::ALL {
            tokio::spawn(Arc::clone(&shared).follow(Stream::of(kind)));
            tokio::spawn(Arc::clone(&shared).send_posts(kind));
            tokio::spawn(Arc::clone(&shared).complete_closes(kind));
        }
        tokio::spawn(Arc::clone(&shared).start());
        Ok(Self(Arc::new(Handle(shared))))
    }

    /// Waits until the process has compared its configuration with that of the log,
    /// and has read what was published.
    ///
    /// # Errors
    ///
    /// [`LogOpenError::Config`], [`LogOpenError::NotInitialized`] or
    /// [`LogOpenError::Newer`].
    pub async fn ready(&self) -> Result<(), LogOpenError> {
        while !self.0.is_stopped() {
            match self.0.check_config().await {
                Err(LogOpenError::Log(error)) => {
                    tracing::warn!(%error, "waiting for the log");
                    sleep(PAUSE).await;
                }
                checked => {
                    checked?;
                    break;
                }
            }
        }
        let mut ready = self.0.ready.subscribe();
        let _ = ready.wait_for(|ready| *ready).await;
        match self.0.health.failure() {
            StoreError::Newer => Err(LogOpenError::Newer),
            _ => Ok(()),
        }
    }

    /// Stops here, as a crash would: what is written stays, nothing more is.
    pub async fn kill(&self) {
        self.0.fail();
        self.0.view.shutdown().await;
    }
}

impl<L: Log> Process<L> {
    /// Reads what was published up to the end, then follows.
    async fn start(self: Arc<Self>) {
        while !self.is_stopped() {
            match self.read_published().await {
                Ok(Read::More) => (),
                Ok(Read::End) => break,
                Ok(Read::Gap) | Err(_) => sleep(PAUSE).await,
            }
        }
        self.ready.send_replace(true);
        let listening = Arc::clone(&self);
        tokio::spawn(async move {
            while !listening.is_stopped() {
                let mut stop = listening.stop.subscribe();
                tokio::select! {
                    () = listening.log.kicked() => (),
                    _ = stop.wait_for(|stop| *stop) => return,
                }
                listening.wake_readers();
            }
        });
        self.follow(Stream::Published).await;
    }

    async fn check_config(&self) -> Result<(), LogOpenError> {
        if self.log.info(Stream::Published).await?.last == 0 {
            return Err(LogOpenError::NotInitialized);
        }
        let first = self.log.read(Stream::Published, 1).await?;
        let config = first
            .iter()
            .find(|message| message.subject.item == Item::Config);
        // It expires with the retention; every commit has its hash.
        match config {
            Some(config) => Ok(LogConfig::new(&self.options).check(&config.bytes)?),
            None => Ok(()),
        }
    }
}

impl<L: Log> Store for LogStore<L> {
    fn origin(&self) -> Origin {
        self.0.origin
    }

    fn published(&self) -> Result<&SqliteStore, StoreError> {
        Ok(&self.0.view)
    }

    async fn put(&self, post: impl Into<Post> + Send) -> Result<(), StoreError> {
        self.0.post(post.into()).await
    }

    async fn close(&self, closing: Closing) -> Result<(), StoreError> {
        let closed = timeout(self.0.options.limits.close, self.0.close(&closing));
        closed.await.unwrap_or(Err(StoreError::Unavailable))
    }

    async fn end_epoch(&self, kind: Kind, most_waited: u8) -> Result<(), StoreError> {
        let mut state = self.0.state.lock().await;
        state.kinds[kind].most_waited = most_waited;
        Ok(())
    }

    async fn last_close(&self, kind: Kind) -> Result<Option<Boundary>, StoreError> {
        let position = self.0.state.lock().await.kinds[kind].position;
        Ok((position.next > 1).then_some(position.last))
    }

    async fn import(&self, batches: Vec<SignedBatch>) -> Result<(), StoreError> {
        self.0.import(batches).await
    }

    async fn imported_elsewhere(&self) -> Kind {
        let wake = &self.0.wake;
        tokio::select! {
            () = wake.imported[Kind::Numbered].notified() => Kind::Numbered,
            () = wake.imported[Kind::Lobby].notified() => Kind::Lobby,
        }
    }

    async fn keep_fork(&self, fork: Fork) -> Result<(), StoreError> {
        self.0.view.keep_fork(fork).await
    }

    async fn seal(&self, buckets: &[BucketId]) -> Result<(), StoreError> {
        self.0.view.seal(buckets).await
    }

    async fn expire(&self, kind: Kind, before: UnixTime) -> Result<bool, StoreError> {
        let number = {
            let mut state = self.0.state.lock().await;
            let of_kind = &mut state.kinds[kind];
            of_kind.seen_from = of_kind.seen_from.max(before);
            of_kind.position.next
        };
        let digests_before = UnixTime(before.0.saturating_sub(GRACE));
        self.0.view.sweep(kind, digests_before, number).await?;
        self.0.view.expire(kind, before).await
    }

    async fn hold(&self, kind: Kind, held: bool) -> Result<(), StoreError> {
        self.0.view.hold(kind, held).await
    }

    fn is_replicated(&self) -> bool {
        true
    }

    fn gauges(&self) -> Vec<(&'static str, u64)> {
        let health = &self.0.health;
        vec![
            (
                "log_gap",
                u64::from(health.gap.load(Ordering::Relaxed) != 0),
            ),
            ("ratchet_lag", health.lag()),
            ("close_differs", health.differs.load(Ordering::Relaxed)),
            ("log_level", health.level().into()),
            ("log_level_known", self.0.options.knows().into()),
        ]
    }

    fn writable(&self) -> Result<(), StoreError> {
        let health = &self.0.health;
        health.writable()?;
        health.room(Kind::Numbered)?;
        health.room(Kind::Lobby)?;
        self.0.view.writable()
    }

    async fn failed(&self) -> StoreError {
        let mut stop = self.0.stop.subscribe();
        let failed = async {
            let _ = stop.wait_for(|stop| *stop).await;
            if !self.0.health.crashed.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            self.0.health.failure()
        };
        tokio::select! {
            error = failed => error,
            error = self.0.view.failed() => error,
        }
    }

    async fn shutdown(&self) {
        self.0.stop();
        self.0.view.shutdown().await;
    }
}
