//! The configuration that all processes of a deployment share.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{LogOptions, hex::Hex};
use crate::{cover::CoverRule, store::Kind};

/// The version of the rules by which a close is computed. Processes with
/// different versions would compute different batches.
const ALGORITHM: u32 = 1;

/// The settings on which the content of batches depends: the first message of the
/// published stream, whose hash is in every commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// Version of the rules of a close.
    algorithm: u32,
    /// Bytes of a cell.
    pub cell_size: u32,
    /// Number of numbered buckets.
    pub buckets: u32,
    /// Seconds of an epoch of the numbered buckets.
    pub epoch: u32,
    /// Seconds of an epoch of the lobby.
    pub lobby_epoch: u32,
    /// Seconds for which batches are kept.
    pub retention: u32,
    /// The same for the lobby.
    pub lobby_retention: u32,
    /// Maximum number of cells of a batch.
    pub batch_cells: u64,
    /// Closes after which a waiting cell is taken first, numbered and lobby.
    pub patience: [u8; 2],
    /// SHA-256 of the cover rule of the numbered buckets.
    cover: Hex<32>,
}

/// A setting that differs from that of the deployment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} is {asked} here and {stored} in the deployment")]
pub struct ConfigMismatch {
    /// The setting.
    pub name: String,
    /// Its value in the deployment.
    pub stored: String,
    /// Its value in this process.
    pub asked: String,
}

impl LogConfig {
    /// The configuration of a process with these parameters.
    #[must_use]
    pub fn new(options: &LogOptions) -> Self {
        let (view, capacity) = (&options.view, &options.view.capacity);
        Self {
            algorithm: ALGORITHM,
            cell_size: view.cell_size.get(),
            buckets: view.buckets.get(),
            epoch: options.epochs.numbered,
            lobby_epoch: options.epochs.lobby,
            retention: options.retentions.numbered,
            lobby_retention: options.retentions.lobby,
            batch_cells: capacity.batch_cells as u64,
            patience: Kind::ALL.map(|kind| capacity.patience[kind]),
            cover: Hex(rule_hash(&options.rules.numbered)),
        }
    }

    /// Encodes it as a message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// SHA-256 of its encoding.
    pub(super) fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.encode()).into()
    }

    /// Compares with the message of the deployment.
    ///
    /// # Errors
    ///
    /// The first setting that differs.
    pub fn check(&self, stored: &[u8]) -> Result<(), ConfigMismatch> {
        let own = serde_json::to_value(self).unwrap_or_default();
        let stored = serde_json::from_slice(stored).unwrap_or(serde_json::Value::Null);
        let names = [&own, &stored].map(|of| of.as_object().cloned().unwrap_or_default());
        let mut names: Vec<String> = names
            .into_iter()
            .flat_map(|of| of.into_iter().map(|(name, _)| name))
            .collect();
        names.sort_unstable();
        let text = |of: &serde_json::Value, name: &str| match of.get(name) {
            Some(value) => value.to_string(),
            None => "not set".to_owned(),
        };
        let differs = names
            .into_iter()
            .find(|name| own.get(name) != stored.get(name));
        match differs {
            None => Ok(()),
            Some(name) => Err(ConfigMismatch {
                stored: text(&stored, &name),
                asked: text(&own, &name),
                name,
            }),
        }
    }
}

/// SHA-256 of a cover rule, by which a marker names it.
pub(super) fn rule_hash(rule: &CoverRule) -> [u8; 32] {
    let mut hash = Sha256::new();
    match rule {
        CoverRule::Noise(noise) => {
            hash.update(b"noise");
            for weight in noise.weights() {
                hash.update(weight.to_be_bytes());
            }
        }
        CoverRule::Constant(cells) => hash.update([b"constant", &cells.to_be_bytes()[..]].concat()),
        CoverRule::FillTo(cells) => hash.update([b"fill", &cells.to_be_bytes()[..]].concat()),
        CoverRule::Fixed(cells) => hash.update([b"fixed", &cells.to_be_bytes()[..]].concat()),
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tessera::wire::{BucketCount, CellSize};

    use super::*;
    use crate::store::{
        ByKind,
        log::{Fault, Limits},
        queue::Capacity,
        sqlite::Options,
    };

    fn options() -> LogOptions {
        LogOptions {
            view: Options {
                cell_size: CellSize::DEFAULT,
                buckets: BucketCount::try_from(8).unwrap(),
                disk: None,
                capacity: Capacity::new(CellSize::DEFAULT, 32 << 20, 4, 60),
            },
            epochs: ByKind {
                numbered: 1800,
                lobby: 5,
            },
            retentions: ByKind {
                numbered: 86_400,
                lobby: 7200,
            },
            rules: ByKind::new(|_| CoverRule::Fixed(4)),
            rank: 0,
            post_tick: Duration::ZERO,
            limits: Limits::default(),
            fault: Fault::default(),
        }
    }

    #[test]
    fn a_setting_that_differs_is_named() {
        let config = LogConfig::new(&options());
        assert_eq!(config.check(&config.encode()), Ok(()));
        let differs = |change: fn(&mut LogOptions)| {
            let mut other = options();
            change(&mut other);
            let stored = LogConfig::new(&other).encode();
            config.check(&stored).unwrap_err().name
        };
        let buckets = differs(|of| of.view.buckets = BucketCount::try_from(4).unwrap());
        assert_eq!(buckets, "buckets");
        assert_eq!(differs(|of| of.retentions.numbered += 1), "retention");
        let cover = differs(|of| of.rules.numbered = CoverRule::Constant(4));
        assert_eq!(cover, "cover");
        assert!(config.check(b"{}").is_err());
        assert!(config.check(b"not JSON").is_err());
        let newer = String::from_utf8(config.encode()).unwrap();
        let newer = newer.replace("\"algorithm\":1", "\"algorithm\":2");
        assert_eq!(
            config.check(newer.as_bytes()).unwrap_err().name,
            "algorithm"
        );
    }
}
