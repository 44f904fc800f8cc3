//! What a relay is started with: its store, listeners, tokens and engines, and
//! how it describes itself.

use std::{net::SocketAddr, num::NonZeroU32, os::unix::fs::PermissionsExt as _, path::Path};

use tessera::wire::{
    CellsPerBucket, CoverInfo, EpochSeconds, LobbyEpochSeconds, LobbyInfo, MaxMessageBytes,
    PROTOCOL, RelayInfo, RetentionSeconds, SlotInfo,
};
use tokio::{sync::watch, task::JoinHandle};
use zeroize::Zeroizing;

use crate::{
    Config,
    access::Tokens,
    config::ConfigError,
    cover::{CoverRule, LOBBY_CELLS},
    epoch::{Engine, Now, PublishedEpochs, Schedule, Settings},
    store::{ByKind, Kind, Store, StoreError, sqlite::Options},
};

/// The parameters of the store for these settings.
///
/// # Errors
///
/// [`ConfigError`] if they are inconsistent.
pub fn store_options(config: &Config) -> Result<Options, ConfigError> {
    Ok(Options {
        cell_size: config.cell_size,
        buckets: config.buckets,
        disk: config.disk_limit()?,
        capacity: config.capacity()?,
    })
}

/// Warns if a file with a secret is readable for all users of the machine.
pub(super) fn warn_if_shared(file: Option<&Path>) {
    let mode = file.and_then(|file| Some(file.metadata().ok()?.permissions().mode()));
    if let (Some(file), Some(0o004)) = (file, mode.map(|mode| mode & 0o004)) {
        tracing::warn!(path = %file.display(), "this secret is readable for every user of this machine");
    }
}

pub(super) fn listen(address: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

pub(super) fn parse_tokens(files: &[Zeroizing<Vec<u8>>]) -> Result<Tokens, String> {
    let bytes = files.first().map_or(&[][..], |bytes| bytes);
    let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8")?;
    Tokens::parse(text).map_err(|error| error.to_string())
}

pub(super) async fn start_engines<S: Store>(
    store: &S,
    config: &Config,
    (rule, publishes): (CoverRule, ByKind<bool>),
    published: &PublishedEpochs,
    stopped: &watch::Receiver<bool>,
) -> Result<Vec<JoinHandle<()>>, StoreError> {
    let mut engines = Vec::new();
    for kind in Kind::ALL {
        let (rule, most_waited) = match kind {
            Kind::Numbered => (rule.clone(), u8::MAX),
            Kind::Lobby => (CoverRule::FillTo(LOBBY_CELLS), config.lobby_patience()),
        };
        let settings = Settings {
            kind,
            buckets: kind.buckets(config.buckets),
            cell_size: config.cell_size,
            schedule: Schedule::new(config.epochs()[kind].get()),
            rule,
            retention: config.retentions()[kind].duration(),
            most_waited,
            publishes: publishes[kind],
        };
        let engine =
            Engine::resume(store.clone(), settings, published.clone(), Now::look()).await?;
        engines.push(tokio::spawn(engine.run(stopped.clone())));
    }
    Ok(engines)
}

pub(super) fn info(config: &Config, cover: CoverInfo, store: &impl Store) -> RelayInfo {
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
        federation: Vec::new(),
        time: 0,
    }
}
