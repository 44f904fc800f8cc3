//! The relay as a whole: [`Relay::serve`] returns on shutdown, or when the store
//! has failed.

mod connections;
pub mod files;
mod min_rate;
mod reload;
mod tls;

use std::{
    future::Future, net::SocketAddr, num::NonZeroU32, os::unix::fs::PermissionsExt as _,
    path::Path, sync::Arc,
};

use tessera::wire::{
    BucketId, CellsPerBucket, CoverInfo, EpochSeconds, LobbyEpochSeconds, LobbyInfo,
    MaxMessageBytes, PROTOCOL, RelayInfo, RetentionSeconds, SlotInfo,
};
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::timeout,
};
use tokio_rustls::rustls::ServerConfig;
use zeroize::Zeroizing;

pub use self::reload::FileError;
use self::reload::Watched;
use crate::{
    Config,
    access::Tokens,
    config::{ConfigError, Cover, LimitArgs, Storage},
    cover::{CoverRule, LOBBY_CELLS},
    epoch::{Engine, Now, PublishedEpochs, Schedule, Settings},
    http::{self, Access, App, router},
    limits::{ADMIN_CONNECTIONS, ConnectionLimiter, DRAIN_TIME},
    metrics::{self, Published},
    store::{
        Kind, SqliteStore, Store, StoreError,
        sqlite::{OpenError, Options},
    },
};

/// Why a relay did not start, or exited.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// Inconsistent settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A reloadable file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// A task of the relay ended unexpectedly: a defect.
    #[error("a task of the relay ended unexpectedly; please report it")]
    Ended,
    /// The listener failed.
    #[error("cannot listen: {0}")]
    Listen(#[from] std::io::Error),
}

/// A relay that is ready to serve: its settings are valid, its files were read, its
/// store is open, and its ports are bound.
pub struct Relay {
    config: Config,
    cover: Cover,
    tokens: Option<Watched<Tokens>>,
    tls: Option<Watched<ServerConfig>>,
    store: SqliteStore,
    listener: std::net::TcpListener,
    admin: Option<std::net::TcpListener>,
}

impl Relay {
    /// Checks the settings, opens the store and binds the ports.
    ///
    /// # Errors
    ///
    /// One of [`RunError`].
    pub fn open(config: Config) -> Result<Self, RunError> {
        config.check()?;
        for warning in config.warnings() {
            tracing::warn!("{warning}");
        }
        for secret in [&config.access.access_token_file, &config.tls.tls_key] {
            warn_if_shared(secret.as_deref());
        }
        let cover = config.cover.build().map_err(ConfigError::from)?;
        let tokens = config.access.access_token_file.clone();
        let tokens = tokens.map(|file| Watched::open(vec![file], parse_tokens));
        let tls = config
            .tls
            .files()
            .map(|files| Watched::open(files, tls::parse));
        let (tokens, tls) = (tokens.transpose()?, tls.transpose()?);
        let Storage::Sqlite(path) = &config.storage.url;
        let options = Options {
            cell_size: config.cell_size,
            buckets: config.buckets,
            disk: config.disk_limit()?,
            capacity: config.capacity()?,
        };
        Ok(Self {
            cover,
            tokens,
            tls,
            store: SqliteStore::open(path, &options)?,
            listener: listen(SocketAddr::new(config.bind, config.port))?,
            admin: config.admin.map(listen).transpose()?,
            config,
        })
    }

    /// The URL of the interface.
    ///
    /// # Errors
    ///
    /// The I/O error.
    pub fn url(&self) -> Result<String, RunError> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        Ok(format!("{scheme}://{}", self.listener.local_addr()?))
    }

    /// The URL of the admin interface, if enabled.
    ///
    /// # Errors
    ///
    /// The I/O error.
    pub fn admin_url(&self) -> Result<Option<String>, RunError> {
        let address = self.admin.as_ref().map(std::net::TcpListener::local_addr);
        Ok(address
            .transpose()?
            .map(|address| format!("http://{address}")))
    }

    /// Serves until `shutdown` resolves, then drains: accepts no new connections,
    /// finishes open requests and a running close, and closes the store.
    ///
    /// # Errors
    ///
    /// One of [`RunError`].
    pub async fn serve(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), RunError> {
        let Self {
            config,
            cover,
            tokens,
            tls,
            store,
            listener,
            admin,
        } = self;
        let published = PublishedEpochs::new();
        let (stop, stopped) = watch::channel(false);
        let engines = start_engines(&store, &config, cover.rule, &published, &stopped).await?;
        let access = Access {
            tokens: tokens.as_ref().map(Watched::subscribe),
            origins: config.access.allow_origin.clone().into(),
        };
        let info = info(&config, cover.info, &store);
        let [numbered, lobby] =
            [config.epoch, config.lobby_epoch].map(|epoch| Schedule::new(epoch.get()));
        let app = Arc::new(App::new(
            store.clone(),
            published,
            info,
            access,
            stopped.clone(),
        ));
        let limiter = ConnectionLimiter::new(config.limits.clone(), numbered, lobby);
        let mut tasks = JoinSet::new();
        tasks.spawn(connections::serve(
            TcpListener::from_std(listener)?,
            Arc::clone(&limiter),
            router(Arc::clone(&app), config.static_dir.as_deref()),
            tls.as_ref().map(Watched::subscribe),
            stopped.clone(),
        ));
        if let Some(listener) = admin {
            let limits = LimitArgs {
                max_connections: ADMIN_CONNECTIONS,
                ..config.limits.clone()
            };
            tasks.spawn(connections::serve(
                TcpListener::from_std(listener)?,
                ConnectionLimiter::new(limits, numbered, lobby),
                http::admin(Arc::clone(&app)),
                None,
                stopped.clone(),
            ));
            tasks.spawn(metrics::keep(
                Arc::clone(&app.metrics),
                store.clone(),
                app.published.clone(),
                [
                    Published::new(
                        Kind::Numbered,
                        numbered,
                        config.buckets.numbered().collect(),
                    ),
                    Published::new(Kind::Lobby, lobby, vec![BucketId::LOBBY]),
                ],
                stopped.clone(),
            ));
        }
        if let Some(tokens) = tokens {
            tasks.spawn(tokens.keep(stopped.clone()));
        }
        if let Some(tls) = tls {
            tasks.spawn(tls.keep(stopped.clone()));
        }
        let outcome = tokio::select! {
            () = shutdown => Ok(()),
            () = store.failed() => Err(RunError::Store(StoreError::Failed)),
            // No task should end before shutdown.
            _ = tasks.join_next() => Err(RunError::Ended),
        };
        let _ = stop.send(true);
        while tasks.join_next().await.is_some() {}
        if timeout(DRAIN_TIME, limiter.empty()).await.is_err() {
            tracing::warn!("some requests did not finish in time");
        }
        for engine in engines {
            let _ = engine.await;
        }
        store.shutdown().await;
        outcome
    }
}

/// Warns if a file with a secret is readable for all users of the machine.
fn warn_if_shared(file: Option<&Path>) {
    let mode = file.and_then(|file| Some(file.metadata().ok()?.permissions().mode()));
    if let (Some(file), Some(0o004)) = (file, mode.map(|mode| mode & 0o004)) {
        tracing::warn!(path = %file.display(), "this secret is readable for every user of this machine");
    }
}

fn listen(address: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn parse_tokens(files: &[Zeroizing<Vec<u8>>]) -> Result<Tokens, String> {
    let bytes = files.first().map_or(&[][..], |bytes| bytes);
    let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8")?;
    Tokens::parse(text).map_err(|error| error.to_string())
}

async fn start_engines<S: Store>(
    store: &S,
    config: &Config,
    rule: CoverRule,
    published: &PublishedEpochs,
    stopped: &watch::Receiver<bool>,
) -> Result<Vec<JoinHandle<()>>, StoreError> {
    let numbered = Settings {
        kind: Kind::Numbered,
        buckets: config.buckets.numbered().collect(),
        cell_size: config.cell_size,
        schedule: Schedule::new(config.epoch.get()),
        rule,
        retention: config.retention.duration(),
        most_waited: u8::MAX,
    };
    let lobby = Settings {
        kind: Kind::Lobby,
        buckets: vec![BucketId::LOBBY],
        cell_size: config.cell_size,
        schedule: Schedule::new(config.lobby_epoch.get()),
        rule: CoverRule::FillTo(LOBBY_CELLS),
        retention: config.lobby_retention.duration(),
        most_waited: config.lobby_patience(),
    };
    let mut engines = Vec::new();
    for settings in [numbered, lobby] {
        let engine =
            Engine::resume(store.clone(), settings, published.clone(), Now::look()).await?;
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
        epoch_seconds: EpochSeconds::nearest(config.epoch.get()),
        lobby: LobbyInfo {
            epoch_seconds: LobbyEpochSeconds::nearest(config.lobby_epoch.get()),
            cells: NonZeroU32::MIN.saturating_add(LOBBY_CELLS - 1),
            retention_seconds: RetentionSeconds::nearest(config.lobby_retention.get()),
        },
        retention_seconds: RetentionSeconds::nearest(config.retention.get()),
        slot: SlotInfo {
            per_bucket: CellsPerBucket::nearest(config.message.cells_per_bucket),
        },
        max_attachment_bytes: MaxMessageBytes::nearest(
            u32::try_from(config.message.max.get()).unwrap_or(u32::MAX),
        ),
        cover,
        time: 0,
    }
}
