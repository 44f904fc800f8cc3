//! Opening a store that several relays share.

use crate::{
    config::{Config, ConfigError, LogUrl},
    cover::{CoverRule, LOBBY_CELLS},
    replica::{ReplicaError, checks},
    store::{
        ByKind,
        log::{Fault, Limits, LogConfig, LogOptions, LogStore, Shared, nats::Nats},
    },
};

/// Checks the servers, the streams and the keys, and opens the store once everything
/// published was read. Must be called within a runtime.
pub(super) async fn open(
    config: &Config,
    url: &LogUrl,
    rule: &CoverRule,
) -> Result<LogStore<Nats>, ReplicaError> {
    let (state, log) = checks::open(config, url).await?;
    let store = LogStore::open(log, state, log_options(config, rule)?)?;
    store.ready().await?;
    Ok(store)
}

/// The parameters of a member.
///
/// # Errors
///
/// [`ConfigError`] if the settings are inconsistent.
pub fn log_options(config: &Config, rule: &CoverRule) -> Result<LogOptions, ConfigError> {
    let capacity = config.capacity()?;
    Ok(LogOptions {
        config: LogConfig::new(&Shared {
            cell_size: config.cell_size.get(),
            buckets: config.buckets.get(),
            epochs: [config.epoch.get(), config.lobby_epoch.get()],
            retentions: [config.retention.get(), config.lobby_retention.get()],
            batch_cells: capacity.batch_cells,
            patience: [capacity.numbered_patience, capacity.lobby_patience],
            cover: rule,
        }),
        cell_size: config.cell_size,
        buckets: config.buckets,
        capacity,
        rules: ByKind {
            numbered: rule.clone(),
            lobby: CoverRule::FillTo(LOBBY_CELLS),
        },
        disk: config.disk_limit()?,
        rank: u32::from(config.nats.rank),
        post_tick: config.nats.post_tick.duration(),
        limits: Limits::default(),
        fault: Fault::default(),
    })
}
