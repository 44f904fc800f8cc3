//! The settings of `serve`, checked before anything starts. [`crate::cli`] reads
//! them from flags, environment and file.

mod access;
mod cover;
mod federation;
mod limits;
mod message;
mod nats;
mod storage;
mod tls;
mod units;

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use clap::Args;
use tessera::{
    base::parameters::{EPOCH_SECONDS, MAX_RELAY_BUCKETS, RELAY_RETENTION_SECONDS},
    wire::{BucketCount, CellSize},
};

use crate::store::ByKind;

pub use self::{
    access::{AccessArgs, FrameAncestor, WebOrigin},
    cover::{Cover, CoverArgs, CoverError, Mechanism},
    federation::{FederationArgs, PeerFiles, Topology},
    limits::LimitArgs,
    message::MessageArgs,
    nats::{LogUrl, Monitor, NatsArgs, Tick},
    storage::{Storage, StorageArgs},
    tls::TlsArgs,
    units::{Bytes, Seconds},
};

/// The settings of a relay.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// Port to listen on; 0 for any free port
    #[arg(long, default_value_t = 8100)]
    pub port: u16,

    /// Address to listen on. Anything but the loopback needs TLS: --tls-cert, or a proxy that
    /// terminates it and keeps no access log
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS")]
    pub bind: IpAddr,

    /// Address and port of the admin interface: /metrics, /healthz and /readyz, in plain HTTP. Must
    /// not be reachable from the network: its metrics are coarse, but for the operator only
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub admin: Option<SocketAddr>,

    /// Directory of a portal to serve beside the interface, with an index.html
    #[arg(long, value_name = "DIR")]
    pub static_dir: Option<PathBuf>,

    /// Number of numbered buckets: a power of two from 1 to 64. People who share a bucket hide
    /// each other, and each downloads all of it. Cannot change for an existing store
    #[arg(long, default_value = "8", value_parser = buckets, value_name = "N")]
    pub buckets: BucketCount,

    /// Bytes of a cell: 1024, 2048, 4096, 8192 or 16384. Cannot change for an existing store
    #[arg(long, default_value = "2048", value_parser = cell_size, value_name = "BYTES")]
    pub cell_size: CellSize,

    /// Length of an epoch of the numbered buckets, 1s to 24h: how long a message may wait before
    /// it can be pulled
    #[arg(long, default_value = "30m", value_name = "DURATION")]
    pub epoch: Seconds,

    /// Length of an epoch of the lobby, where invitations are answered, 1s to 24h
    #[arg(long, default_value = "5s", value_name = "DURATION")]
    pub lobby_epoch: Seconds,

    /// How long a batch is kept before it is deleted. Two epochs to 366 days
    #[arg(long, default_value = "60d", value_name = "DURATION")]
    pub retention: Seconds,

    /// The same for batches of the lobby
    #[arg(long, default_value = "2h", value_name = "DURATION")]
    pub lobby_retention: Seconds,

    /// Messages and slots.
    #[command(flatten)]
    pub message: MessageArgs,

    /// The store.
    #[command(flatten)]
    pub storage: StorageArgs,

    /// A store that several relays share.
    #[command(flatten)]
    pub nats: NatsArgs,

    /// Cover in batches.
    #[command(flatten)]
    pub cover: CoverArgs,

    /// TLS.
    #[command(flatten)]
    pub tls: TlsArgs,

    /// Access.
    #[command(flatten)]
    pub access: AccessArgs,

    /// Other relays.
    #[command(flatten)]
    pub federation: FederationArgs,

    /// Limits on clients.
    #[command(flatten)]
    pub limits: LimitArgs,

    /// Shut down when standard input ends, that is, when the process that started this one ends
    #[arg(long, hide = true)]
    pub until_stdin_ends: bool,
}

/// Invalid or inconsistent values.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// An epoch outside 1 s to 24 h.
    #[error("--{flag}: must be from 1s to 24h")]
    Epoch {
        /// The flag.
        flag: &'static str,
    },
    /// A retention below two epochs or above 366 days.
    #[error("--{flag}: must be from two epochs to 366 days, so that clients can pull every batch")]
    Retention {
        /// The flag.
        flag: &'static str,
    },
    /// An invalid message size.
    #[error("--max-message-size: from one cell to 16MiB")]
    Attachment,
    /// A message that would be resealed before all of it was sent.
    #[error(
        "--max-message-size: {cells} cells for one bucket would take {slots} slots with \
         {cells_per_bucket} for each, one per epoch, and a client seals again what has not left \
         after three days: a smaller size, a shorter --epoch, or more --cells-per-bucket"
    )]
    Unsendable {
        /// Cells of the largest message.
        cells: u32,
        /// Slots needed for them.
        slots: u32,
        /// Cells of a slot for each bucket.
        cells_per_bucket: u32,
    },
    /// A slot that does not fit into a post.
    #[error(
        "--cells-per-bucket: a slot for {buckets} buckets with {cells_per_bucket} cells each is \
         more than the 64 of a post"
    )]
    Slot {
        /// Number of buckets.
        buckets: u32,
        /// Cells of a slot for each bucket.
        cells_per_bucket: u32,
    },
    /// Flags about cover.
    #[error(transparent)]
    Cover(#[from] CoverError),
    /// A batch that is too small or too large.
    #[error(
        "--max-batch: from 1MiB to 48MiB, and at least twice the cover of a batch ({cover} cells of {cell} bytes)"
    )]
    Batch {
        /// Maximum number of cover cells of a batch.
        cover: usize,
        /// Bytes of a cell.
        cell: u32,
    },
    /// The disk limit is too small even for cover.
    #[error("--max-disk: the cover of a full retention alone needs {least} bytes")]
    Disk {
        /// Bytes needed.
        least: u64,
    },
    /// A flag that a store shared by several relays needs.
    #[error("--storage nats://…: needs --{0}")]
    Shared(&'static str),
    /// A flag that only a store shared by several relays has.
    #[error("--{0}: only with --storage nats://… or tls://…")]
    NotShared(&'static str),
    /// Certificates for connections without TLS.
    #[error("--nats-ca: only with --storage tls://…")]
    PlainCa,
    /// A portal directory without `index.html`.
    #[error("--static-dir: no index.html in {0}")]
    Portal(PathBuf),
    /// Pages that may frame a portal, without a portal.
    #[error("--frame-ancestor: only with --static-dir, whose pages it is about")]
    FrameAncestor,
}

impl Config {
    /// Checks that the values are consistent.
    ///
    /// # Errors
    ///
    /// One of [`ConfigError`].
    pub fn check(&self) -> Result<(), ConfigError> {
        for (flag, epoch) in [("epoch", self.epoch), ("lobby-epoch", self.lobby_epoch)] {
            if !EPOCH_SECONDS.contains(&epoch.get()) {
                return Err(ConfigError::Epoch { flag });
            }
        }
        for (flag, retention, epoch) in [
            ("retention", self.retention, self.epoch),
            ("lobby-retention", self.lobby_retention, self.lobby_epoch),
        ] {
            let possible = RELAY_RETENTION_SECONDS.contains(&retention.get());
            if !possible || retention.get() / 2 < epoch.get() {
                return Err(ConfigError::Retention { flag });
            }
        }
        self.message
            .check(self.buckets, self.cell_size, self.epoch)?;
        self.cover.build()?;
        self.capacity()?;
        self.disk_limit()?;
        self.nats.check(&self.storage.url)?;
        match &self.static_dir {
            Some(directory) if !directory.join("index.html").is_file() => {
                Err(ConfigError::Portal(directory.clone()))
            }
            None if !self.access.frame_ancestor.is_empty() => Err(ConfigError::FrameAncestor),
            _ => Ok(()),
        }
    }

    /// The lengths of epochs.
    #[must_use]
    pub const fn epochs(&self) -> ByKind<Seconds> {
        ByKind {
            numbered: self.epoch,
            lobby: self.lobby_epoch,
        }
    }

    /// How long batches are kept.
    #[must_use]
    pub const fn retentions(&self) -> ByKind<Seconds> {
        ByKind {
            numbered: self.retention,
            lobby: self.lobby_retention,
        }
    }

    /// Warnings about permitted but unusual settings.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let message = self.message.warning(self.buckets, self.cell_size);
        let is_plain = !self.bind.is_loopback() && self.tls.tls_cert.is_none();
        let plain = is_plain.then(|| {
            "plain HTTP beyond this machine (--bind without --tls-cert): right only behind a proxy \
             that ends TLS"
                .to_owned()
        });
        let is_shown = self.admin.is_some_and(|admin| !admin.ip().is_loopback());
        let shown = is_shown
            .then(|| "the admin interface (--admin) is reachable from other machines".to_owned());
        [message, plain, shown].into_iter().flatten().collect()
    }
}

fn buckets(text: &str) -> Result<BucketCount, String> {
    let number: u32 = text.parse().map_err(|_| "not a number".to_owned())?;
    if number > MAX_RELAY_BUCKETS {
        return Err(format!("a power of two from 1 to {MAX_RELAY_BUCKETS}"));
    }
    BucketCount::try_from(number).map_err(|error| error.to_string())
}

fn cell_size(text: &str) -> Result<CellSize, String> {
    let number: u32 = text.parse().map_err(|_| "not a number".to_owned())?;
    CellSize::try_from(number).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
