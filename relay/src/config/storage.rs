//! Flags about the store.

use std::{ops::RangeInclusive, path::PathBuf, str::FromStr};

use clap::Args;
use tessera::wire::segment::GRID_SECONDS;

use super::{Bytes, Config, ConfigError, LogUrl};
use crate::{
    cover::LOBBY_CELLS,
    epoch::makes_segments,
    store::{
        ByKind, Kind,
        queue::Capacity,
        sqlite::{DiskLimit, OpenError, Reserve},
    },
};

/// Flags about the store.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Storage")]
pub struct StorageArgs {
    /// The store: sqlite:///absolute/path or sqlite://relative/path, created at first start with
    /// a new signing key; or nats://HOST:PORT[,HOST:PORT…]/NAME (tls://… with TLS), which several
    /// relays share, created by `store init`
    #[arg(long = "storage", value_name = "URL")]
    pub url: Storage,

    /// Maximum disk use of the store, for instance 20GiB; at least 64MiB plus the cover of a full
    /// retention. The space that cover will still need is reserved: when the rest is used up, posts
    /// are refused with 507, while reading and publishing continue. No limit by default
    #[arg(long, value_name = "SIZE")]
    pub max_disk: Option<Bytes>,

    /// Maximum batch size, including cover, 1MiB to 48MiB: further cells wait for the next epochs.
    /// A bucket queues four times as much, or twice with epochs of more than 12h; beyond that,
    /// posts are answered 429
    #[arg(long, default_value = "32MiB", value_name = "SIZE")]
    pub max_batch: Bytes,
}

/// Permitted values of --max-batch. Clients read batches of up to 64 MiB.
const BATCH_LEN: RangeInclusive<u64> = 1 << 20..=48 << 20;
/// Epochs within which all waiting cells of a numbered bucket are published, unless
/// that takes more than two days: recipients watch for a cell for three days.
const NUMBERED_EPOCHS: u32 = 4;
const NUMBERED_SECONDS: u32 = 2 * 86_400;
/// A cell that this many closes left behind is published before all others; fewer
/// with long epochs.
const NUMBERED_PATIENCE: u32 = 16;
/// Epochs within which all waiting cells of the lobby are published, if they are at
/// most 15 s long; otherwise the number of epochs in 15 minutes, at least two.
const LOBBY_EPOCHS: u32 = 60;
const LOBBY_SECONDS: u32 = 900;
/// A cell for the lobby is dropped after it was left behind by this many epochs, or
/// by one day of epochs, the maximum lifetime of a QR invitation.
const LOBBY_PATIENCE: u32 = 240;
const LOBBY_LIFETIME: u32 = 86_400;

/// Where cells are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Storage {
    /// One SQLite file.
    Sqlite(PathBuf),
    /// A replicated log on NATS servers.
    Nats(LogUrl),
}

impl Storage {
    /// The log of a store that several relays share. `flag` needs such a store.
    ///
    /// # Errors
    ///
    /// [`ConfigError::NotShared`].
    pub const fn log(&self, flag: &'static str) -> Result<&LogUrl, ConfigError> {
        match self {
            Self::Nats(url) => Ok(url),
            Self::Sqlite(_) => Err(ConfigError::NotShared(flag)),
        }
    }

    /// The file of a store that one relay has.
    ///
    /// # Errors
    ///
    /// [`OpenError::Shared`].
    pub const fn file(&self) -> Result<&PathBuf, OpenError> {
        match self {
            Self::Sqlite(path) => Ok(path),
            Self::Nats(_) => Err(OpenError::Shared),
        }
    }
}

impl FromStr for Storage {
    type Err = &'static str;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        match url.strip_prefix("sqlite://") {
            Some("") => Err("no path after sqlite://"),
            Some(path) if path.ends_with('/') => Err("the path is a directory, not a file"),
            Some(path) => Ok(Self::Sqlite(PathBuf::from(path))),
            None if url.starts_with("nats://") || url.starts_with("tls://") => {
                url.parse().map(Self::Nats)
            }
            None => {
                Err("sqlite://, nats:// or tls://, for instance sqlite:///var/lib/tessera/relay.db")
            }
        }
    }
}

impl std::fmt::Display for Storage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Nats(url) => url.fmt(f),
        }
    }
}

impl Config {
    /// The maximum number of cells of a batch, and of waiting cells.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Cover`], or [`ConfigError::Batch`] if a batch has too little
    /// room besides its cover.
    pub fn capacity(&self) -> Result<Capacity, ConfigError> {
        let max_batch = self.storage.max_batch.get();
        let lobby_epochs = (LOBBY_SECONDS / self.lobby_epoch.get()).clamp(2, LOBBY_EPOCHS);
        let numbered_epochs = (NUMBERED_SECONDS / self.epoch.get()).clamp(2, NUMBERED_EPOCHS);
        let epochs = NUMBERED_SECONDS / self.epoch.get();
        let patience = epochs.saturating_sub(numbered_epochs);
        let mut capacity = Capacity::new(self.cell_size, max_batch, numbered_epochs, lobby_epochs);
        capacity.patience.numbered =
            u8::try_from(patience.clamp(1, NUMBERED_PATIENCE)).unwrap_or(1);
        let cover = self.cover.build()?.rule.most();
        if !BATCH_LEN.contains(&max_batch) || capacity.batch_cells < 2 * cover {
            let cell = self.cell_size.get();
            return Err(ConfigError::Batch { cover, cell });
        }
        Ok(capacity)
    }

    /// Lobby cells that more closes than this left behind are dropped.
    #[must_use]
    pub fn lobby_patience(&self) -> u8 {
        let epochs = (LOBBY_LIFETIME / self.lobby_epoch.get()).clamp(2, LOBBY_PATIENCE);
        u8::try_from(epochs).unwrap_or(u8::MAX)
    }

    /// The limit on disk use, with the reserve for the cover of a full retention.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Cover`], or [`ConfigError::Disk`] if not even cover fits.
    pub fn disk_limit(&self) -> Result<Option<DiskLimit>, ConfigError> {
        let Some(most) = self.storage.max_disk else {
            return Ok(None);
        };
        let cover = self.cover.build()?.rule.usual();
        let limit = DiskLimit {
            most: most.get(),
            reserves: ByKind {
                numbered: self.reserve(Kind::Numbered, self.buckets.get(), cover),
                lobby: self.reserve(Kind::Lobby, 1, LOBBY_CELLS),
            },
        };
        let least = limit.least();
        if limit.most < least {
            return Err(ConfigError::Disk { least });
        }
        Ok(Some(limit))
    }

    /// Computes a reserve. A batch is kept for the retention, or longer if its segment
    /// is.
    fn reserve(&self, kind: Kind, buckets: u32, cells: u32) -> Reserve {
        let retention = self.retentions()[kind];
        let with_segment = match makes_segments(kind, retention.duration()) {
            true => GRID_SECONDS,
            false => 0,
        };
        let kept = u64::from(retention.get()) + with_segment;
        let epochs = kept.div_ceil(u64::from(self.epochs()[kind].get())) + 1;
        let batches = epochs.saturating_mul(u64::from(buckets));
        Reserve::new(batches, u64::from(cells), self.cell_size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_storage_urls_are_refused() {
        for (url, reason) in [
            ("nats://x", "no name"),
            ("postgres://x", "sqlite://, nats://"),
            ("/var/lib/relay.db", "sqlite://, nats://"),
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
