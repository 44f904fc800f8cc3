//! Opening a store that several relays share.

use super::store_options;
use crate::{
    config::{Config, ConfigError, LogUrl},
    cover::{CoverRule, LOBBY_CELLS},
    replica::{ReplicaError, checks},
    store::{
        ByKind,
        log::{Fault, Limits, LogOptions, LogStore, nats::Nats},
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
    Ok(LogOptions {
        view: store_options(config)?,
        epochs: ByKind::new(|kind| config.epochs()[kind].get()),
        retentions: ByKind::new(|kind| config.retentions()[kind].get()),
        rules: ByKind {
            numbered: rule.clone(),
            lobby: CoverRule::FillTo(LOBBY_CELLS),
        },
        rank: u32::from(config.nats.rank),
        post_tick: config.nats.post_tick.duration(),
        limits: Limits::default(),
        fault: Fault::default(),
    })
}
