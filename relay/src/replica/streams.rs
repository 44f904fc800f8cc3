//! The four streams of a service, and their exact configuration.
//!
//! | stream | subjects | contents |
//! | --- | --- | --- |
//! | `TSR_ID_N` | `tsr.ID.n.*` | frames and markers of the numbered buckets |
//! | `TSR_ID_L` | `tsr.ID.l.*` | the same of the lobby |
//! | `TSR_ID_P` | `tsr.ID.p.*.*` | parts and commits of batches, imports |
//! | `TSR_ID_R` | `tsr.ID.r.*` | the ratchet's inputs of the last 24 h |
//!
//! The origin is in the metadata of `TSR_ID_P`, so that a member with the keys of
//! another store does not start.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tessera::wire::Origin;

use super::ReplicaError;

/// The name of the metadata entry with the origin.
const ORIGIN: &str = "tessera_origin";
const MIB: i64 = 1 << 20;
/// Maximum length of a message, in bytes.
const MESSAGE_LEN: i32 = 512 << 10;
/// Parts and commits stay this long after the end of retention.
const AFTER_RETENTION: Duration = Duration::from_secs(2 * 86_400);
/// How long a member may be away and still follow by itself.
const AWAY: Duration = Duration::from_secs(86_400);

/// The configuration of a stream, as NATS writes it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct StreamConfig {
    /// Its name.
    pub name: String,
    subjects: Vec<String>,
    retention: String,
    storage: String,
    num_replicas: u8,
    discard: String,
    max_bytes: i64,
    /// Nanoseconds.
    max_age: u64,
    max_msgs: i64,
    max_msgs_per_subject: i64,
    max_msg_size: i32,
    max_consumers: i64,
    #[serde(default)]
    allow_direct: bool,
    #[serde(default)]
    deny_delete: bool,
    #[serde(default)]
    deny_purge: bool,
    #[serde(default)]
    sealed: bool,
    #[serde(default)]
    allow_rollup_hdrs: bool,
    #[serde(default)]
    metadata: std::collections::BTreeMap<String, String>,
}

/// The limits of a service's streams that its operator chooses.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Number of servers that hold each stream: 1, 3 or 5.
    pub replicas: u8,
    /// Retention of the numbered buckets.
    pub retention: Duration,
    /// Maximum size of parts and commits.
    pub published: Option<u64>,
}

/// The streams of the service `id`, the one with the origin last: a store exists
/// when that one does.
#[must_use]
pub fn configs(id: &str, limits: &Limits, origin: Origin) -> [StreamConfig; 4] {
    let published = limits.published.and_then(|max| i64::try_from(max).ok());
    let one = |letter: &str, subject: &str, max_bytes: i64, max_age: Duration| StreamConfig {
        name: name(id, letter),
        subjects: vec![format!("tsr.{id}.{subject}")],
        retention: "limits".to_owned(),
        storage: "file".to_owned(),
        num_replicas: limits.replicas,
        discard: "new".to_owned(),
        max_bytes,
        max_age: u64::try_from(max_age.as_nanos()).unwrap_or(u64::MAX),
        max_msgs: -1,
        max_msgs_per_subject: -1,
        max_msg_size: MESSAGE_LEN,
        max_consumers: -1,
        allow_direct: true,
        deny_delete: true,
        deny_purge: false,
        sealed: false,
        allow_rollup_hdrs: false,
        metadata: std::collections::BTreeMap::new(),
    };
    let mut last = one(
        "P",
        "p.*.*",
        published.unwrap_or(-1),
        limits.retention + AFTER_RETENTION,
    );
    last.metadata.insert(ORIGIN.to_owned(), origin.to_string());
    [
        one("N", "n.*", 512 * MIB, Duration::ZERO),
        one("L", "l.*", 128 * MIB, Duration::ZERO),
        one("R", "r.*", 64 * MIB, AWAY),
        last,
    ]
}

/// The name of a stream of the service `id`.
#[must_use]
pub fn name(id: &str, letter: &str) -> String {
    format!("TSR_{id}_{letter}")
}

impl StreamConfig {
    /// The origin in the metadata.
    #[must_use]
    pub fn origin(&self) -> Option<&String> {
        self.metadata.get(ORIGIN)
    }

    /// The number of servers that hold the stream.
    #[must_use]
    pub const fn replicas(&self) -> u8 {
        self.num_replicas
    }

    /// Compares the configuration of an existing stream with this one, except for
    /// the metadata.
    ///
    /// # Errors
    ///
    /// [`ReplicaError::StreamDiffers`] with the first field that differs.
    pub fn matches(&self, found: &Self) -> Result<(), ReplicaError> {
        macro_rules! compared {
            ($($field:ident),* $(,)?) => {[$((
                stringify!($field),
                format!("{:?}", self.$field),
                format!("{:?}", found.$field),
            )),*]};
        }
        let fields = compared![
            subjects,
            retention,
            storage,
            num_replicas,
            discard,
            max_bytes,
            max_age,
            max_msgs,
            max_msgs_per_subject,
            max_msg_size,
            max_consumers,
            allow_direct,
            deny_delete,
            deny_purge,
            sealed,
            allow_rollup_hdrs,
        ];
        for (field, wanted, is) in fields {
            if wanted != is {
                return Err(ReplicaError::StreamDiffers {
                    stream: self.name.clone(),
                    field,
                    found: is,
                    wanted,
                });
            }
        }
        Ok(())
    }
}
