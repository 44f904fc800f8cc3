//! What the servers say about themselves: `/varz` of their monitoring interfaces.
//!
//! A server whose writes are not synced one by one acknowledges what a power cut
//! takes away: with the default, whole streams were gone after one.

use std::time::Duration;

use hyper::{StatusCode, body::Bytes};
use serde::Deserialize;
use tokio::time::timeout;

use super::ReplicaError;
use crate::{config::Monitor, fetch};

/// The oldest version whose defects are known to be bearable.
const NEEDED: &str = "2.15.1";
const PATIENCE: Duration = Duration::from_secs(10);
/// An answer has about 5 KiB.
const ANSWER_LEN: usize = 1 << 20;

/// What a server says about itself.
#[derive(Clone, Debug, Deserialize)]
pub struct Server {
    #[serde(rename = "server_name")]
    name: String,
    version: String,
    #[serde(default)]
    jetstream: JetStream,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct JetStream {
    config: Option<JetStreamConfig>,
}

#[derive(Clone, Debug, Deserialize)]
struct JetStreamConfig {
    #[serde(default)]
    sync_always: bool,
}

impl Server {
    /// Its name, by which streams list their replicas.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Checks that the server keeps what it acknowledges.
    ///
    /// # Errors
    ///
    /// [`ReplicaError::ServerOld`], [`ReplicaError::ServerUnsafe`].
    pub fn check(&self) -> Result<(), ReplicaError> {
        if numbers(&self.version) < numbers(NEEDED) {
            return Err(ReplicaError::ServerOld {
                name: self.name.clone(),
                version: self.version.clone(),
                needed: NEEDED,
            });
        }
        let reason = match &self.jetstream.config {
            None => "JetStream is off",
            Some(config) if !config.sync_always => {
                "loses acknowledged cells at a power cut; set `sync_interval: always` in its \
                 jetstream block"
            }
            Some(_) => return Ok(()),
        };
        Err(ReplicaError::ServerUnsafe {
            name: self.name.clone(),
            reason,
        })
    }
}

/// The three numbers of a version; zeros where there is none. A pre-release is older
/// than its release.
fn numbers(version: &str) -> ([u32; 3], bool) {
    let (release, rest) = version.split_once('-').unwrap_or((version, ""));
    let mut parts = release.split('.').map(|part| part.parse().unwrap_or(0));
    let numbers = std::array::from_fn(|_| parts.next().unwrap_or(0));
    (numbers, rest.is_empty())
}

/// Asks every server, and checks each that answers. At least a majority must answer,
/// so that a relay can start while one server is down.
///
/// # Errors
///
/// [`ReplicaError::ServersUnreachable`], [`ReplicaError::ServerForeign`], or the
/// first check that fails.
pub async fn check(monitors: &[Monitor]) -> Result<Vec<Server>, ReplicaError> {
    let mut servers = Vec::new();
    let mut silent = None;
    for &monitor in monitors {
        match ask(monitor).await {
            Ok(body) => {
                let server: Server = serde_json::from_slice(&body)
                    .map_err(|_| ReplicaError::ServerForeign(monitor))?;
                server.check()?;
                servers.push(server);
            }
            Err(reason) => {
                tracing::warn!(%monitor, reason, "a NATS server does not answer and is not checked");
                silent = Some((monitor, reason));
            }
        }
    }
    match silent {
        Some((silent, reason)) if servers.len() * 2 <= monitors.len() => {
            Err(ReplicaError::ServersUnreachable {
                answering: servers.len(),
                asked: monitors.len(),
                silent,
                reason,
            })
        }
        _ => Ok(servers),
    }
}

async fn ask(monitor: Monitor) -> Result<Bytes, String> {
    let asking = fetch::get(monitor.address(), "/varz", ANSWER_LEN);
    match timeout(PATIENCE, asking).await {
        Ok(Ok((StatusCode::OK, body))) => Ok(body),
        Ok(Ok((status, _))) => Err(format!("status {}", status.as_u16())),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(text: &str) -> Server {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn old_and_unsafe_servers_are_refused() {
        let jetstream = r#""jetstream":{"config":{"sync_always":true}}"#;
        for version in ["2.15.0", "2.9.25", "1.99.99", "2.15.1-RC.1", "", "x"] {
            let text = format!(r#"{{"server_name":"n1","version":"{version}",{jetstream}}}"#);
            assert_eq!(
                server(&text).check().unwrap_err().code(),
                "SERVER_OLD",
                "{version}"
            );
        }
        for version in ["2.15.1", "2.15.2", "2.16.0-RC.1", "3.0.0"] {
            let text = format!(r#"{{"server_name":"n1","version":"{version}",{jetstream}}}"#);
            server(&text).check().unwrap();
        }
        for (jetstream, reason) in [
            ("{}", "JetStream is off"),
            (r#"{"config":{}}"#, "sync_interval: always"),
            (
                r#"{"config":{"sync_always":false}}"#,
                "sync_interval: always",
            ),
        ] {
            let text =
                format!(r#"{{"server_name":"n1","version":"2.15.1","jetstream":{jetstream}}}"#);
            let error = server(&text).check().unwrap_err();
            assert_eq!(error.code(), "SERVER_UNSAFE");
            assert!(error.to_string().contains(reason), "{error}");
        }
    }
}
