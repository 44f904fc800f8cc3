//! Where cells are kept.

use std::{ops::RangeInclusive, path::PathBuf, str::FromStr};

use clap::Args;
use tessera::wire::{CellSize, segment::GRID_SECONDS};

use super::{Bytes, Config, ConfigError, Seconds};
use crate::{
    cover::LOBBY_CELLS,
    epoch::makes_segments,
    store::{
        Kind,
        queue::Capacity,
        sqlite::{DiskLimit, Reserve},
    },
};

/// Flags about the store.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Storage")]
pub struct StorageArgs {
    /// Where cells are kept: sqlite:///absolute/path or sqlite://relative/path. Made at first
    /// start, with a signing key of its own
    #[arg(
        long = "storage",
        env = "TESSERA_RELAY_STORAGE",
        value_name = "URL",
        id = "storage"
    )]
    pub url: Storage,

    /// Most disk the store may take, for instance 20GiB; at least 64MiB and the cover of a full
    /// retention. What that cover will still need is set aside: when the rest is used up, posts are
    /// refused with 507, and reading and publishing go on. No limit by default
    #[arg(long, env = "TESSERA_RELAY_MAX_DISK", value_name = "SIZE")]
    pub max_disk: Option<Bytes>,

    /// Largest batch, cover included, 1MiB to 48MiB: what waits beyond it follows in the next
    /// epochs. A bucket takes four times as much, or twice with epochs of more than 12h; beyond
    /// that, posts are answered 429
    #[arg(
        long,
        env = "TESSERA_RELAY_MAX_BATCH",
        default_value = "32MiB",
        value_name = "SIZE"
    )]
    pub max_batch: Bytes,
}

/// What --max-batch may be. Clients read batches of up to 64 MiB.
const BATCH_LEN: RangeInclusive<u64> = 1 << 20..=48 << 20;
/// Epochs in which everything that waits for a numbered bucket is published,
/// unless that takes more than two days: recipients look for a cell for three.
const NUMBERED_EPOCHS: u32 = 4;
const NUMBERED_SECONDS: u32 = 2 * 86_400;
/// A cell that so many closes left behind goes before all others; fewer with
/// long epochs.
const NUMBERED_PATIENCE: u32 = 16;
/// Epochs in which everything that waits for the lobby is published, if they
/// are no longer than 15 s; else as many as 15 minutes have, at least two.
const LOBBY_EPOCHS: u32 = 60;
const LOBBY_SECONDS: u32 = 900;
/// A cell for the lobby is dropped once so many epochs left it behind, or as
/// many as an invitation may be valid for: one day.
const LOBBY_PATIENCE: u32 = 240;
const LOBBY_LIFETIME: u32 = 86_400;

/// Where cells are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Storage {
    /// One SQLite file.
    Sqlite(PathBuf),
}

impl FromStr for Storage {
    type Err = &'static str;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        match url.strip_prefix("sqlite://") {
            Some("") => Err("no path after sqlite://"),
            Some(path) if path.ends_with('/') => Err("a directory; name a file"),
            Some(path) => Ok(Self::Sqlite(PathBuf::from(path))),
            None => {
                Err("only sqlite:// is supported, for instance sqlite:///var/lib/tessera/relay.db")
            }
        }
    }
}

impl Config {
    /// How many cells a batch has at most, and how many wait.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Cover`], or [`ConfigError::Batch`] when a batch has too
    /// little room beside its cover.
    pub fn capacity(&self) -> Result<Capacity, ConfigError> {
        let max_batch = self.storage.max_batch.get();
        let lobby_epochs = (LOBBY_SECONDS / self.lobby_epoch.get()).clamp(2, LOBBY_EPOCHS);
        let numbered_epochs = (NUMBERED_SECONDS / self.epoch.get()).clamp(2, NUMBERED_EPOCHS);
        let epochs = NUMBERED_SECONDS / self.epoch.get();
        let patience = epochs.saturating_sub(numbered_epochs);
        let capacity = Capacity {
            numbered_patience: u8::try_from(patience.clamp(1, NUMBERED_PATIENCE)).unwrap_or(1),
            ..Capacity::new(self.cell_size, max_batch, numbered_epochs, lobby_epochs)
        };
        let cover = self.cover.build()?.rule.most();
        if !BATCH_LEN.contains(&max_batch) || capacity.batch_cells < 2 * cover {
            let cell = self.cell_size.get();
            return Err(ConfigError::Batch { cover, cell });
        }
        Ok(capacity)
    }

    /// A cell for the lobby that more closes than this left behind is dropped.
    #[must_use]
    pub fn lobby_patience(&self) -> u8 {
        let epochs = (LOBBY_LIFETIME / self.lobby_epoch.get()).clamp(2, LOBBY_PATIENCE);
        u8::try_from(epochs).unwrap_or(u8::MAX)
    }

    /// The limit on disk use, with what the cover of a full retention takes.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Cover`], or [`ConfigError::Disk`] when not even cover would fit.
    pub fn disk_limit(&self) -> Result<Option<DiskLimit>, ConfigError> {
        let Some(most) = self.storage.max_disk else {
            return Ok(None);
        };
        let cover = self.cover.build()?.rule.usual();
        let limit = DiskLimit {
            most: most.get(),
            numbered: reserve(
                Kind::Numbered,
                self.retention,
                self.epoch,
                self.buckets.get(),
                cover,
                self.cell_size,
            ),
            lobby: reserve(
                Kind::Lobby,
                self.lobby_retention,
                self.lobby_epoch,
                1,
                LOBBY_CELLS,
                self.cell_size,
            ),
        };
        let least = limit.least();
        if limit.most < least {
            return Err(ConfigError::Disk { least });
        }
        Ok(Some(limit))
    }
}

/// A batch is held for the retention, and for as long as its segment is.
fn reserve(
    kind: Kind,
    retention: Seconds,
    epoch: Seconds,
    buckets: u32,
    cells: u32,
    size: CellSize,
) -> Reserve {
    let with_segment = match makes_segments(kind, retention.duration()) {
        true => GRID_SECONDS,
        false => 0,
    };
    let kept = u64::from(retention.get()) + with_segment;
    let epochs = kept.div_ceil(u64::from(epoch.get())) + 1;
    Reserve::new(
        epochs.saturating_mul(u64::from(buckets)),
        u64::from(cells),
        size,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_no_storage() {
        for (url, reason) in [
            ("nats://x", "only sqlite://"),
            ("/var/lib/relay.db", "only sqlite://"),
            ("sqlite://", "no path"),
            ("sqlite:///tmp/", "a directory"),
        ] {
            let error = url.parse::<Storage>().unwrap_err();
            assert!(error.contains(reason), "{url}: {error}");
        }
        assert_eq!(
            "sqlite:///tmp/x.db".parse(),
            Ok(Storage::Sqlite("/tmp/x.db".into()))
        );
    }
}
