//! What must hold before a relay starts on a shared store, and what `store init`
//! leaves behind. A relay that starts without it would lose or split cells.

use std::collections::BTreeSet;

use serde::Deserialize;
use tessera::wire::Origin;
use zeroize::Zeroizing;

use super::{
    ReplicaError, open_state,
    servers::{self, Server},
    streams::{self, Limits, StreamConfig},
};
use crate::{
    config::{Config, LogUrl, NatsArgs},
    files::PathError,
    store::log::{
        LogError, StateDir,
        nats::{Nats, NatsOptions, Nkey},
    },
};

/// NATS's numbers of "stream not found" and "stream name already in use with a
/// different configuration".
const NOT_FOUND: u32 = 10_059;
const IN_USE: u32 = 10_058;

/// The answer about one stream.
#[derive(Debug, Deserialize)]
pub(super) struct StreamInfo {
    pub(super) config: StreamConfig,
    pub(super) state: StreamState,
    #[serde(default)]
    cluster: Peers,
}

#[derive(Debug, Deserialize)]
pub(super) struct StreamState {
    pub(super) last_seq: u64,
}

#[derive(Debug, Default, Deserialize)]
struct Peers {
    leader: Option<String>,
    #[serde(default)]
    replicas: Vec<Peer>,
}

#[derive(Debug, Deserialize)]
struct Peer {
    name: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Refused { error: Refusal },
    Given(Box<StreamInfo>),
}

#[derive(Deserialize)]
struct Refusal {
    err_code: u32,
    description: String,
}

/// Starts to connect with the flags of a relay; must be called within a runtime.
///
/// # Errors
///
/// [`ReplicaError::NkeyInvalid`], [`ReplicaError::Nats`], [`ReplicaError::Io`].
pub fn connect(url: &LogUrl, flags: &NatsArgs) -> Result<Nats, ReplicaError> {
    let nkey = flags.nats_nkey.as_ref().map(|path| {
        let text = std::fs::read_to_string(path).map_err(PathError::at(path))?;
        Nkey::parse(&Zeroizing::new(text)).map_err(|_| ReplicaError::NkeyInvalid(path.clone()))
    });
    Ok(Nats::start(NatsOptions {
        servers: url.servers.clone(),
        id: url.id.clone(),
        ca: flags.nats_ca.clone(),
        nkey: nkey.transpose()?,
    })?)
}

/// Opens the keys of this member and connects to its log, which must fit.
///
/// # Errors
///
/// The first check that fails, or as for [`connect`] and [`open_state`].
pub async fn open(config: &Config, url: &LogUrl) -> Result<(StateDir, Nats), ReplicaError> {
    let state = open_state(config.nats.directory())?;
    let log = connect(url, &config.nats)?;
    check(config, url, &log, state.origin()).await?;
    Ok((state, log))
}

/// Checks servers and streams, and that the store is that of this origin.
///
/// # Errors
///
/// The first check that fails.
pub async fn check(
    config: &Config,
    url: &LogUrl,
    log: &Nats,
    origin: Origin,
) -> Result<(), ReplicaError> {
    let servers = servers::check(&config.nats.nats_monitor).await?;
    let published = find(log, &streams::name(&url.id, "P")).await?;
    let stored = published.config.origin();
    if stored != Some(&origin.to_string()) {
        return Err(ReplicaError::OriginDiffers {
            stored: stored.cloned().unwrap_or_else(|| "none".to_owned()),
            held: origin.to_string(),
        });
    }
    // The number of replicas is that of the store; every stream must have it.
    let limits = limits(config, published.config.replicas());
    for wanted in streams::configs(&url.id, &limits, origin) {
        let found = find(log, &wanted.name).await?;
        wanted.matches(&found.config)?;
        monitored(&found, &servers, config.nats.nats_monitor.len())?;
    }
    Ok(())
}

/// The limits of the streams, from the flags.
pub(super) fn limits(config: &Config, replicas: u8) -> Limits {
    Limits {
        replicas,
        retention: config.retention.duration(),
        published: config.storage.max_disk.map(crate::config::Bytes::get),
    }
}

/// Every server with a replica must be monitored. One that does not answer has no
/// name yet, so as many names may be unknown.
fn monitored(info: &StreamInfo, servers: &[Server], asked: usize) -> Result<(), ReplicaError> {
    let known: BTreeSet<_> = servers.iter().map(Server::name).collect();
    let replicas = info.cluster.replicas.iter().map(|peer| peer.name.as_str());
    let mut unknown: Vec<_> = info
        .cluster
        .leader
        .as_deref()
        .into_iter()
        .chain(replicas)
        .collect();
    unknown.retain(|name| !known.contains(name));
    match unknown.first() {
        Some(name) if unknown.len() > asked - servers.len() => {
            Err(ReplicaError::ServerUnmonitored((*name).to_owned()))
        }
        _ => Ok(()),
    }
}

/// Asks about a stream that must exist.
pub(super) async fn find(log: &Nats, stream: &str) -> Result<StreamInfo, ReplicaError> {
    let missing = || ReplicaError::StoreMissing(stream.to_owned());
    find_if_any(log, stream).await?.ok_or_else(missing)
}

/// Asks about a stream that may not exist.
pub(super) async fn find_if_any(
    log: &Nats,
    stream: &str,
) -> Result<Option<StreamInfo>, ReplicaError> {
    ask(log, "INFO", stream, b"").await
}

/// Creates a stream, or leaves the same one as it is.
pub(super) async fn create(log: &Nats, config: &StreamConfig) -> Result<StreamInfo, ReplicaError> {
    let body = serde_json::to_vec(config).unwrap_or_default();
    let created = ask(log, "CREATE", &config.name, &body).await?;
    created.ok_or_else(|| ReplicaError::StoreMissing(config.name.clone()))
}

/// The answer about a stream; `None` if it does not exist.
async fn ask(
    log: &Nats,
    what: &str,
    stream: &str,
    body: &[u8],
) -> Result<Option<StreamInfo>, ReplicaError> {
    let subject = format!("$JS.API.STREAM.{what}.{stream}");
    let unreachable = |reason: String| ReplicaError::LogUnreachable {
        stream: stream.to_owned(),
        reason,
    };
    let answer = match log.request(&subject, body).await {
        Err(LogError::Refused) => return Err(ReplicaError::NotPermitted(subject)),
        answer => answer.map_err(|error| unreachable(error.to_string()))?,
    };
    let answer = serde_json::from_slice(&answer);
    match answer.map_err(|error| unreachable(error.to_string()))? {
        Answer::Given(info) => Ok(Some(*info)),
        Answer::Refused { error } => match error.err_code {
            NOT_FOUND => Ok(None),
            IN_USE => Err(ReplicaError::StoreExists(stream.to_owned())),
            code => Err(ReplicaError::LogRefused {
                stream: stream.to_owned(),
                reason: format!("{} ({code})", error.description),
            }),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(leader: &str, replicas: &[&str]) -> StreamInfo {
        let config = r#"{"name":"T","subjects":[],"retention":"limits","storage":"file","num_replicas":3,
            "discard":"new","max_bytes":-1,"max_age":0,"max_msgs":-1,"max_msgs_per_subject":-1,
            "max_msg_size":1,"max_consumers":-1}"#;
        StreamInfo {
            config: serde_json::from_str(config).unwrap(),
            state: StreamState { last_seq: 0 },
            cluster: Peers {
                leader: Some(leader.to_owned()),
                replicas: replicas
                    .iter()
                    .map(|name| Peer {
                        name: (*name).to_owned(),
                    })
                    .collect(),
            },
        }
    }

    fn servers(names: &[&str]) -> Vec<Server> {
        let server = |name: &&str| {
            let text = format!(r#"{{"server_name":"{name}","version":"2.15.1"}}"#);
            serde_json::from_str(&text).unwrap()
        };
        names.iter().map(server).collect()
    }

    #[test]
    fn every_server_with_a_replica_must_be_monitored() {
        let info = info("a", &["b", "c"]);
        for (names, asked, fits) in [
            (&["a", "b", "c"][..], 3, true),
            (&["a", "b", "c", "d"], 4, true),
            (&["a", "b"], 3, true), // c may be the one that is silent
            (&["a", "b"], 2, false),
            (&["a", "b", "x"], 3, false),
            (&["a"], 2, false),
        ] {
            let checked = monitored(&info, &servers(names), asked);
            assert_eq!(checked.is_ok(), fits, "{names:?} of {asked}");
            if let Err(error) = checked {
                assert_eq!(error.code(), "SERVER_UNMONITORED");
            }
        }
    }
}
