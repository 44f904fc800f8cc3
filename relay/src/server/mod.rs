//! All of the relay, on a listener: [`run`] returns when told to stop, or
//! when the store has failed.

mod connections;
mod paced;

use std::{future::Future, num::NonZeroU32, sync::Arc};

use tessera::wire::{CoverInfo, LobbyInfo, PROTOCOL, RelayInfo};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle, time::timeout};

use crate::{
    Config,
    config::{ConfigError, Storage},
    cover::{CoverRule, LOBBY_CELLS},
    epoch::{Board, Engine, Now, Schedule, Settings},
    http::{App, router},
    limits::{DRAIN_TIME, Gate},
    store::{
        Kind, SqliteStore, Store, StoreError,
        sqlite::{OpenError, Options},
    },
};

/// Why a relay did not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// Settings that do not go together.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The listener failed.
    #[error("listening: {0}")]
    Listen(#[from] std::io::Error),
}

/// Serves until `shutdown` resolves, then drains: no new connections, open
/// requests are finished, a close that has begun is finished, the store is
/// let go of.
///
/// # Errors
///
/// One of [`RunError`].
pub async fn run(
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), RunError> {
    let store = open(&config)?;
    run_on(store, listener, config, shutdown).await
}

/// Checks the settings and opens the store they name.
///
/// # Errors
///
/// [`RunError::Config`] or [`RunError::Open`].
pub fn open(config: &Config) -> Result<SqliteStore, RunError> {
    config.check()?;
    if let Some(warning) = config.message.warning(config.cell_size, config.epoch) {
        tracing::warn!("{warning}");
    }
    let Storage::Sqlite(path) = &config.storage.url;
    let options = Options {
        cell_size: config.cell_size,
        buckets: config.buckets,
        disk: config.disk_limit()?,
    };
    Ok(SqliteStore::open(path, &options)?)
}

/// [`run`] on a store that is open already.
///
/// # Errors
///
/// One of [`RunError`].
pub async fn run_on<S: Store>(
    store: S,
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), RunError> {
    let cover = config.cover.build().map_err(ConfigError::from)?;
    let board = Board::new();
    let (stop, stopped) = watch::channel(false);
    let engines = start_engines(&store, &config, cover.rule, &board, &stopped).await?;
    let app = Arc::new(App::new(
        store.clone(),
        board,
        info(&config, cover.info, &store),
        stopped.clone(),
    ));
    let routes = router(app, config.portal.as_deref());

    let gate = Gate::new(
        config.limits.clone(),
        Schedule::new(config.epoch.get()),
        Schedule::new(config.lobby_epoch.get()),
    );
    let serving = connections::serve(listener, Arc::clone(&gate), routes, stopped.clone());
    let serving = tokio::spawn(serving);
    let outcome = tokio::select! {
        () = shutdown => Ok(()),
        () = store.failed() => Err(RunError::Store(StoreError::Failed)),
    };
    let _ = stop.send(true);
    let _ = serving.await;
    if timeout(DRAIN_TIME, gate.empty()).await.is_err() {
        tracing::warn!("some requests did not finish in time");
    }
    for engine in engines {
        let _ = engine.await;
    }
    store.shutdown().await;
    outcome
}

async fn start_engines<S: Store>(
    store: &S,
    config: &Config,
    rule: CoverRule,
    board: &Board,
    stopped: &watch::Receiver<bool>,
) -> Result<Vec<JoinHandle<()>>, StoreError> {
    let numbered = Settings {
        kind: Kind::Numbered,
        buckets: config.buckets.numbered().collect(),
        cell_size: config.cell_size,
        schedule: Schedule::new(config.epoch.get()),
        rule,
        retention: config.retention.duration(),
    };
    let lobby = Settings {
        kind: Kind::Lobby,
        buckets: vec![tessera::wire::BucketId::LOBBY],
        cell_size: config.cell_size,
        schedule: Schedule::new(config.lobby_epoch.get()),
        rule: CoverRule::FillTo(LOBBY_CELLS),
        retention: config.lobby_retention.duration(),
    };
    let mut engines = Vec::new();
    for settings in [numbered, lobby] {
        let engine = Engine::resume(store.clone(), settings, board.clone(), Now::look()).await?;
        engines.push(tokio::spawn(engine.run(stopped.clone())));
    }
    Ok(engines)
}

fn info(config: &Config, cover: CoverInfo, store: &impl Store) -> RelayInfo {
    RelayInfo {
        protocol: PROTOCOL,
        origin: store.origin(),
        buckets: config.buckets,
        cell_size: config.cell_size,
        epoch_seconds: config.epoch.non_zero(),
        lobby: LobbyInfo {
            epoch_seconds: config.lobby_epoch.non_zero(),
            cells: NonZeroU32::MIN.saturating_add(LOBBY_CELLS - 1),
            retention_seconds: config.lobby_retention.non_zero(),
        },
        retention_seconds: config.retention.non_zero(),
        slot_cells: NonZeroU32::new(config.message.slot_cells).unwrap_or(NonZeroU32::MIN),
        max_attachment_bytes: u32::try_from(config.message.max.get()).unwrap_or(u32::MAX),
        cover,
        time: 0,
    }
}
