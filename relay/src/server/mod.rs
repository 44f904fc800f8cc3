//! The relay as a whole: [`Relay::serve`] returns on shutdown, or when the store
//! has failed.

mod connections;
mod federation;
pub mod files;
mod min_rate;
mod reload;
mod shared;
mod start;
mod tls;

use std::{future::Future, net::SocketAddr, pin::Pin, sync::Arc};

use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::timeout,
};
use tokio_rustls::rustls::ServerConfig;

use self::{
    federation::{CELLS_PER_MEMBER, Membership},
    reload::Watched,
    start::{info, listen, parse_tokens, start_engines, warn_if_shared},
};
pub use self::{shared::log_options, start::store_options};
use crate::{
    Config,
    access::Tokens,
    config::{ConfigError, Cover, LimitArgs},
    epoch::PublishedEpochs,
    federation::{Federation, Members, PullError, parameters},
    files::FileError,
    http::{self, Access, App, Common, Portal, router},
    limits::{ADMIN_CONNECTIONS, ConnectionLimiter, DRAIN_TIME},
    metrics::{self, Published},
    replica::ReplicaError,
    store::{
        ByKind, SqliteStore, Store, StoreError,
        log::{LogStore, nats::Nats},
        sqlite::OpenError,
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
    /// A shared store cannot be used.
    #[error("{}", .0.report())]
    Replica(#[from] ReplicaError),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// This relay's store is an old copy.
    #[error(transparent)]
    Pull(#[from] PullError),
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// A task of the relay ended unexpectedly: a defect.
    #[error("a task of the relay ended unexpectedly; please report it")]
    Ended,
    /// The listener failed.
    #[error("cannot listen: {0}")]
    Listen(#[from] std::io::Error),
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A relay that is ready to serve: its settings are valid, its files were read, its
/// store is open, and its ports are bound.
pub struct Relay<S = SqliteStore> {
    config: Config,
    cover: Cover,
    tokens: Option<Watched<Tokens>>,
    tls: Option<Watched<ServerConfig>>,
    store: S,
    listener: std::net::TcpListener,
    admin: Option<std::net::TcpListener>,
    membership: Option<Membership>,
}

impl Relay {
    /// Checks the settings, opens the SQLite store and binds the ports.
    ///
    /// # Errors
    ///
    /// One of [`RunError`].
    pub fn open(config: Config) -> Result<Self, RunError> {
        config.check()?;
        let path = config.storage.url.file()?;
        let store = SqliteStore::open(path, &store_options(&config)?)?;
        Self::with(config, store)
    }
}

impl Relay<LogStore<Nats>> {
    /// The same for a store that several relays share. Must be called within a
    /// runtime.
    ///
    /// # Errors
    ///
    /// One of [`RunError`].
    pub async fn open_shared(config: Config) -> Result<Self, RunError> {
        config.check()?;
        let url = config.storage.url.log("state-dir");
        let url = url.map_err(ReplicaError::from)?;
        let cover = config.cover.build().map_err(ConfigError::from)?;
        let store = shared::open(&config, url, &cover.rule).await?;
        Self::with(config, store)
    }
}

impl<S: Store> Relay<S> {
    fn with(config: Config, store: S) -> Result<Self, RunError> {
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
        Ok(Self {
            cover,
            tokens,
            tls,
            membership: Membership::open(&config, store.origin())?,
            store,
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
        self.serve_until(Box::pin(shutdown)).await
    }

    /// Boxed on both sides: the whole server is then compiled once for each kind of store, not for
    /// each kind of signal, nor in each program that starts it.
    fn serve_until(self, shutdown: Boxed<'_, ()>) -> Boxed<'_, Result<(), RunError>> {
        Box::pin(self.run(shutdown))
    }

    async fn run(self, shutdown: Boxed<'_, ()>) -> Result<(), RunError> {
        let Self {
            config,
            cover,
            tokens,
            tls,
            store,
            listener,
            admin,
            membership,
        } = self;
        let published = PublishedEpochs::new();
        let (stop, stopped) = watch::channel(false);
        let federation = match &membership {
            Some(of) => {
                let (members, peers) = (of.members.clone(), Arc::clone(&of.peers));
                let all =
                    Federation::new(store.clone(), published.clone(), members, peers, &config);
                Some(all.await?)
            }
            None => None,
        };
        let own = membership.as_ref().map(|of| &of.own);
        let publishes = ByKind {
            numbered: own.is_none_or(|own| own.publishes),
            lobby: own.is_none_or(|own| own.lobby),
        };
        if let Some(federation) = &federation
            && (publishes.numbered || publishes.lobby)
        {
            federation.first_pull().await?;
        }
        let rule = cover.rule;
        let engines =
            start_engines(&store, &config, (rule, publishes), &published, &stopped).await?;
        let access = Access {
            tokens: tokens.as_ref().map(Watched::subscribe),
            origins: config.access.allow_origin.clone().into(),
        };
        let mut info = info(&config, cover.info, &store);
        let members = membership.as_ref().map(|of| of.members.clone());
        info.federation = members.as_ref().map(Members::info).unwrap_or_default();
        let others = members.as_ref().map_or_else(Vec::new, |members| {
            let others = members.iter().filter(|member| member.origin != info.origin);
            others.flat_map(|member| member.urls.clone()).collect()
        });
        let common = Common {
            parameters: parameters(&config),
            members,
        };
        let forward = membership.as_ref().and_then(Membership::forward);
        let app = Arc::new(App::new(
            store.clone(),
            published,
            info,
            access,
            (common, forward),
            stopped.clone(),
        ));
        let limiter = ConnectionLimiter::new(config.limits.clone(), app.schedules);
        let portal = config
            .static_dir
            .clone()
            .map(|directory| Portal::new(directory, &config.access.frame_ancestor, &others));
        let (mut tasks, mut pulling) = (JoinSet::new(), None);
        tasks.spawn(connections::serve(
            TcpListener::from_std(listener)?,
            Arc::clone(&limiter),
            router(Arc::clone(&app), portal),
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
                ConnectionLimiter::new(limits, app.schedules),
                http::admin(Arc::clone(&app)),
                None,
                stopped.clone(),
            ));
            tasks.spawn(metrics::keep(
                Arc::clone(&app.metrics),
                store.clone(),
                app.published.clone(),
                ByKind::new(|kind| {
                    Published::new(kind, app.schedules[kind], kind.buckets(config.buckets))
                }),
                federation.as_ref().map(|federation| federation.status()),
                stopped.clone(),
            ));
        }
        if let (Some(membership), Some(federation)) = (membership, &federation) {
            let limits = LimitArgs {
                cells_per_connection: CELLS_PER_MEMBER,
                cells_per_peer: CELLS_PER_MEMBER,
                trusted_proxy: Vec::new(),
                ..config.limits.clone()
            };
            tasks.spawn(connections::serve(
                TcpListener::from_std(membership.listener)?,
                ConnectionLimiter::new(limits, app.schedules),
                http::peers(Arc::clone(&app)),
                Some(membership.tls),
                stopped.clone(),
            ));
            pulling = Some(tokio::spawn(Arc::clone(federation).run(stopped.clone())));
        }
        if let Some(tokens) = tokens {
            tasks.spawn(tokens.keep(stopped.clone()));
        }
        if let Some(tls) = tls {
            tasks.spawn(tls.keep(stopped.clone()));
        }
        let outcome = tokio::select! {
            () = shutdown => Ok(()),
            error = store.failed() => Err(RunError::Store(error)),
            error = ended(&mut pulling) => Err(error),
            // No task should end before shutdown.
            _ = tasks.join_next() => Err(RunError::Ended),
        };
        let _ = stop.send(true);
        while tasks.join_next().await.is_some() {}
        if let Some(pulling) = pulling {
            let _ = pulling.await;
        }
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

/// Waits until pulling has failed for good; for ever outside a federation.
async fn ended(pulling: &mut Option<JoinHandle<Result<(), PullError>>>) -> RunError {
    let Some(task) = pulling else {
        return std::future::pending().await;
    };
    let outcome = task.await;
    *pulling = None;
    match outcome {
        Ok(Err(error)) => error.into(),
        Ok(Ok(())) | Err(_) => RunError::Ended,
    }
}
