//! The command line of `serve`, checked before anything starts.

mod units;

use std::{net::IpAddr, path::PathBuf, str::FromStr};

use clap::Args;
use tessera::wire::{BucketCount, CellSize};

pub use units::{Bytes, Seconds};

/// How one relay runs. Every value can also be given by environment.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// Port to listen on; 0 takes any free one
    #[arg(long, env = "TESSERA_RELAY_PORT", default_value_t = 8100)]
    pub port: u16,

    /// Address to listen on. The relay speaks plain HTTP: anything but the loopback belongs behind
    /// a proxy that ends TLS and keeps no access log
    #[arg(
        long,
        env = "TESSERA_RELAY_BIND",
        default_value = "127.0.0.1",
        value_name = "ADDRESS"
    )]
    pub bind: IpAddr,

    /// Where cells are kept: sqlite:///absolute/path or sqlite://relative/path. Made at first
    /// start, with a signing key of its own
    #[arg(long, env = "TESSERA_RELAY_STORAGE", value_name = "URL")]
    pub storage: Storage,

    /// Number of numbered buckets: a power of two from 1 to 65536. People who share a bucket hide
    /// each other, and each downloads all of it. Fixed for a store
    #[arg(long, env = "TESSERA_RELAY_BUCKETS", default_value = "8", value_parser = buckets, value_name = "N")]
    pub buckets: BucketCount,

    /// Bytes of a cell: 1024, 2048, 4096, 8192 or 16384. Fixed for a store
    #[arg(long, env = "TESSERA_RELAY_CELL_SIZE", default_value = "2048", value_parser = cell_size, value_name = "BYTES")]
    pub cell_size: CellSize,

    /// Length of an epoch of the numbered buckets, 1s to 24h: how long a message may wait before
    /// it can be pulled
    #[arg(
        long,
        env = "TESSERA_RELAY_EPOCH",
        default_value = "30m",
        value_name = "DURATION"
    )]
    pub epoch: Seconds,

    /// Length of an epoch of the lobby, where invitations are answered, 1s to 24h
    #[arg(
        long,
        env = "TESSERA_RELAY_LOBBY_EPOCH",
        default_value = "15s",
        value_name = "DURATION"
    )]
    pub lobby_epoch: Seconds,

    /// How long a batch can be pulled; after it the batch is deleted. At least two epochs
    #[arg(
        long,
        env = "TESSERA_RELAY_RETENTION",
        default_value = "60d",
        value_name = "DURATION"
    )]
    pub retention: Seconds,

    /// The same for batches of the lobby
    #[arg(
        long,
        env = "TESSERA_RELAY_LOBBY_RETENTION",
        default_value = "24h",
        value_name = "DURATION"
    )]
    pub lobby_retention: Seconds,

    /// Cover cells added to every batch of a numbered bucket, 0 to 4096. A fixed number carries no
    /// differential-privacy guarantee: the size of a batch shows how many cells were posted
    #[arg(long, env = "TESSERA_RELAY_COVER", default_value_t = 64, value_name = "CELLS",
        value_parser = clap::value_parser!(u32).range(0..=4096))]
    pub cover: u32,

    /// Largest message clients should send, up to 16MiB; told to clients in /v1/info
    #[arg(
        long,
        env = "TESSERA_RELAY_MAX_ATTACHMENT",
        default_value = "256KiB",
        value_name = "SIZE"
    )]
    pub max_attachment: Bytes,

    /// Directory of a portal to serve beside the interface, with an index.html
    #[arg(long, env = "TESSERA_RELAY_PORTAL", value_name = "DIR")]
    pub portal: Option<PathBuf>,
}

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

/// Values that do not go together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// An epoch outside 1 s to 24 h.
    #[error("--{flag}: an epoch lasts from 1s to 24h")]
    Epoch {
        /// The flag.
        flag: &'static str,
    },
    /// A retention below two epochs.
    #[error("--{flag}: at least two epochs, or batches would be gone before they are pulled")]
    Retention {
        /// The flag.
        flag: &'static str,
    },
    /// A message size that cannot be.
    #[error("--max-attachment: from one cell to 16MiB")]
    Attachment,
    /// A portal without a page.
    #[error("--portal: no index.html in {0}")]
    Portal(PathBuf),
}

impl Config {
    /// Checks what no single value shows.
    ///
    /// # Errors
    ///
    /// One of [`ConfigError`].
    pub fn check(&self) -> Result<(), ConfigError> {
        const DAY: u32 = 86_400;
        const MOST_ATTACHMENT: u32 = 16 << 20;
        for (flag, epoch) in [("epoch", self.epoch), ("lobby-epoch", self.lobby_epoch)] {
            if epoch.get() > DAY {
                return Err(ConfigError::Epoch { flag });
            }
        }
        for (flag, retention, epoch) in [
            ("retention", self.retention, self.epoch),
            ("lobby-retention", self.lobby_retention, self.lobby_epoch),
        ] {
            if retention.get() / 2 < epoch.get() {
                return Err(ConfigError::Retention { flag });
            }
        }
        if !(self.cell_size.get()..=MOST_ATTACHMENT).contains(&self.max_attachment.get()) {
            return Err(ConfigError::Attachment);
        }
        match &self.portal {
            Some(directory) if !directory.join("index.html").is_file() => {
                Err(ConfigError::Portal(directory.clone()))
            }
            _ => Ok(()),
        }
    }
}

fn buckets(text: &str) -> Result<BucketCount, String> {
    let number: u32 = text.parse().map_err(|_| "not a number".to_owned())?;
    BucketCount::try_from(number).map_err(|error| error.to_string())
}

fn cell_size(text: &str) -> Result<CellSize, String> {
    let number: u32 = text.parse().map_err(|_| "not a number".to_owned())?;
    CellSize::try_from(number).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        config: Config,
    }

    fn parse(flags: &str) -> Result<Config, String> {
        let line = ["serve", "--storage", "sqlite:///tmp/x.db"]
            .into_iter()
            .chain(flags.split_whitespace());
        let config = Line::try_parse_from(line)
            .map_err(|error| error.to_string())?
            .config;
        config.check().map_err(|error| error.to_string())?;
        Ok(config)
    }

    #[test]
    fn bad_values_are_refused_with_the_reason() {
        for (flags, reason) in [
            ("--buckets 3", "power of two"),
            ("--buckets 131072", "power of two"),
            ("--buckets many", "not a number"),
            ("--cell-size 2000", "1024, 2048"),
            ("--epoch 0s", "at least 1s"),
            ("--epoch 3", "number and a unit"),
            ("--epoch 25h", "from 1s to 24h"),
            ("--lobby-epoch 2d", "from 1s to 24h"),
            ("--retention 59m", "two epochs"),
            ("--lobby-retention 29s", "two epochs"),
            ("--retention 99999999999d", "too long"),
            ("--cover 4097", "0..=4096"),
            ("--max-attachment 17MiB", "from one cell to 16MiB"),
            ("--max-attachment 1KiB", "from one cell to 16MiB"),
            ("--max-attachment 256", "number and a unit"),
            ("--port 70000", "65535"),
            ("--bind localhost", "invalid IP address"),
            ("--storage nats://x", "only sqlite://"),
            ("--storage sqlite://", "no path"),
            ("--storage sqlite:///tmp/", "a directory"),
            ("--portal /nonexistent", "no index.html"),
            ("--cover-traffic-epsilon 0.1", "unexpected argument"),
        ] {
            // The later --storage of a case wins over the first.
            let flags = if flags.starts_with("--storage") {
                flags.replacen(' ', "=", 1)
            } else {
                flags.to_owned()
            };
            let error = match flags.strip_prefix("--storage=") {
                Some(url) => url.parse::<Storage>().unwrap_err().to_owned(),
                None => parse(&flags).unwrap_err(),
            };
            assert!(error.contains(reason), "{flags}: {error}");
        }
    }

    #[test]
    fn defaults_are_those_of_the_help() {
        let config = parse("").unwrap();
        assert_eq!(
            (config.port, config.buckets.get(), config.cell_size.get()),
            (8100, 8, 2048)
        );
        assert_eq!(
            (config.epoch.get(), config.retention.get()),
            (1800, 60 * 86_400)
        );
        assert_eq!(
            (config.lobby_epoch.get(), config.lobby_retention.get()),
            (15, 86_400)
        );
        assert_eq!(config.storage, Storage::Sqlite("/tmp/x.db".into()));
        assert!(config.bind.is_loopback());
        let short = parse("--epoch 3s --lobby-epoch 1s --retention 1h --cover 0").unwrap();
        assert_eq!((short.epoch.get(), short.cover), (3, 0));
    }
}
