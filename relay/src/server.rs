//! All of the relay, on a listener: [`run`] returns when told to stop, or
//! when the store has failed.

use std::{future::Future, num::NonZeroU32, sync::Arc};

use axum::serve::ListenerExt as _;
use tessera::wire::{LobbyInfo, PROTOCOL, RelayInfo};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle, time::timeout};

use crate::{
    Config,
    config::{ConfigError, Storage},
    cover::{CoverRule, LOBBY_CELLS},
    epoch::{Board, Engine, Schedule, Settings},
    http::{App, router},
    limits::DRAIN_TIME,
    store::{Kind, SqliteStore, Store, StoreError, sqlite::OpenError},
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
    Ok(SqliteStore::open(path, config.cell_size, config.buckets)?)
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
    let board = Board::new();
    let (stop, stopped) = watch::channel(false);
    let engines = start_engines(&store, &config, &board, &stopped).await?;
    let app = Arc::new(App::new(
        store.clone(),
        board,
        info(&config, &store),
        stopped.clone(),
    ));
    let routes = router(app, config.portal.as_deref());

    let mut draining = stopped.clone();
    // Whole answers are written at once; waiting to fill packets only delays their ends.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let server = axum::serve(listener, routes).with_graceful_shutdown(async move {
        // An error means that nobody can stop it any more: then it stops.
        let _ = draining.wait_for(|stop| *stop).await;
    });
    let mut server = tokio::spawn(async move { server.await });
    let failed = {
        let store = store.clone();
        async move { store.failed().await }
    };
    let outcome = tokio::select! {
        () = shutdown => Ok(()),
        () = failed => Err(RunError::Store(StoreError::Failed)),
        ended = &mut server => Err(ended.map_or_else(|error| error.into(), |ended| ended.err().unwrap_or_else(closed)).into()),
    };
    let _ = stop.send(true);
    if !server.is_finished() && timeout(DRAIN_TIME, &mut server).await.is_err() {
        tracing::warn!("some requests did not finish in time");
        server.abort();
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
    board: &Board,
    stopped: &watch::Receiver<bool>,
) -> Result<Vec<JoinHandle<()>>, StoreError> {
    let numbered = Settings {
        kind: Kind::Numbered,
        buckets: config.buckets.numbered().collect(),
        cell_size: config.cell_size,
        schedule: Schedule::new(config.epoch.get()),
        rule: config.cover.rule(),
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
        let engine = Engine::resume(store.clone(), settings, board.clone()).await?;
        engines.push(tokio::spawn(engine.run(stopped.clone())));
    }
    Ok(engines)
}

fn info(config: &Config, store: &impl Store) -> RelayInfo {
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
        cover: config.cover.rule().info(),
        time: 0,
    }
}

fn closed() -> std::io::Error {
    std::io::Error::other("the listener has ended")
}
