//! Who may connect, and how much one may post.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::http::HeaderMap;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};

use super::{
    LOBBY_PER_CONNECTION, LOBBY_PER_PEER, MOST_PEERS,
    address::{Client, Key, Keys},
    allowance::{Allowance, Quota, Rate},
};
use crate::{
    config::LimitArgs,
    epoch::{Schedule, wall_clock},
};

/// Counts connections and cells, in memory only.
#[derive(Debug)]
pub struct Gate {
    limits: LimitArgs,
    /// The key of peers is renewed with these epochs.
    numbered: Schedule,
    lobby: Schedule,
    connections: Arc<Semaphore>,
    subscribers: Arc<Semaphore>,
    peers: Mutex<Peers>,
}

/// What is known of peers in one epoch.
#[derive(Debug)]
struct Peers {
    epoch: u64,
    keys: Keys,
    known: HashMap<Key, Peer>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Peer {
    connections: usize,
    cells: Allowance,
    lobby: Quota,
}

/// A connection that was let in. Knows no address.
#[derive(Debug)]
pub struct Connection {
    gate: Arc<Gate>,
    origin: Origin,
    allowances: Mutex<Peer>,
    _permit: OwnedSemaphorePermit,
}

/// Where a connection comes from, as far as limits go.
#[derive(Debug)]
enum Origin {
    /// This machine.
    Local,
    /// A trusted proxy: each request says for whom.
    Proxy,
    /// A peer, under the key of that epoch.
    Peer { key: Key, epoch: u64 },
}

/// What became of a connection.
#[derive(Debug)]
pub enum Accepted {
    /// To be served.
    Served(TcpStream, Arc<Connection>),
    /// There are too many in all.
    Full(TcpStream),
    /// There are too many from there.
    TooMany(TcpStream),
}

/// Refused for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Seconds until it may be tried again, at least one.
    pub seconds: u32,
}

impl From<Duration> for Wait {
    fn from(wait: Duration) -> Self {
        let seconds = u32::try_from(wait.as_secs().saturating_add(1)).unwrap_or(u32::MAX);
        Self { seconds }
    }
}

impl Gate {
    /// A gate for epochs of such lengths.
    #[must_use]
    pub fn new(limits: LimitArgs, numbered: Schedule, lobby: Schedule) -> Arc<Self> {
        let connections = Arc::new(Semaphore::new(limits.max_connections as usize));
        let subscribers = Arc::new(Semaphore::new(limits.max_subscribers as usize));
        let peers = Mutex::new(Peers {
            epoch: numbered.current(wall_clock()),
            keys: Keys::new(),
            known: HashMap::new(),
        });
        Arc::new(Self {
            limits,
            numbered,
            lobby,
            connections,
            subscribers,
            peers,
        })
    }

    /// Waits for a connection: the one place where an address is seen.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    #[expect(clippy::disallowed_methods, reason = "the limiter may see addresses")]
    pub async fn accept(self: &Arc<Self>, listener: &TcpListener) -> std::io::Result<Accepted> {
        let (stream, address) = listener.accept().await?;
        let Ok(permit) = Arc::clone(&self.connections).try_acquire_owned() else {
            return Ok(Accepted::Full(stream));
        };
        let client = Client::from(address);
        let Some(origin) = self.origin(client) else {
            return Ok(Accepted::TooMany(stream));
        };
        let connection = Connection {
            gate: Arc::clone(self),
            origin,
            allowances: Mutex::default(),
            _permit: permit,
        };
        Ok(Accepted::Served(stream, Arc::new(connection)))
    }

    /// Returns when no connection is left.
    pub async fn empty(&self) {
        let _ = self
            .connections
            .acquire_many(self.limits.max_connections)
            .await;
    }

    fn origin(&self, client: Client) -> Option<Origin> {
        if client.is_in(&self.limits.trusted_proxy) {
            return Some(Origin::Proxy);
        }
        if client.is_local() {
            return Some(Origin::Local);
        }
        let mut peers = self.peers();
        let key = peers.keys.peer(client);
        let peer = peers.get(key);
        if peer.connections >= self.limits.max_connections_per_peer as usize {
            return None;
        }
        peer.connections += 1;
        let epoch = peers.epoch;
        Some(Origin::Peer { key, epoch })
    }

    /// The peers of this epoch; those of the last are forgotten.
    fn peers(&self) -> MutexGuard<'_, Peers> {
        let epoch = self.numbered.current(wall_clock());
        let mut peers = lock(&self.peers);
        if peers.epoch != epoch {
            *peers = Peers {
                epoch,
                keys: Keys::new(),
                known: HashMap::new(),
            };
        }
        peers
    }
}

impl Peers {
    /// What is known of a peer. Once there are too many, the others share
    /// one place.
    fn get(&mut self, key: Key) -> &mut Peer {
        let is_full = self.known.len() >= MOST_PEERS && !self.known.contains_key(&key);
        self.known
            .entry(if is_full { Key::default() } else { key })
            .or_default()
    }
}

impl Connection {
    /// A place among the subscribers, if there is one left.
    #[must_use]
    pub fn subscribe(&self) -> Option<OwnedSemaphorePermit> {
        let subscribers = Arc::clone(&self.gate.subscribers);
        subscribers.try_acquire_owned().ok()
    }

    /// Lets so many cells through, of which some are for the lobby, or none.
    ///
    /// # Errors
    ///
    /// How long to wait.
    pub fn admit(&self, headers: &HeaderMap, cells: u32, lobby: u32) -> Result<(), Wait> {
        let (gate, now) = (&self.gate, Instant::now());
        let per_connection = Rate::per_minute(gate.limits.cells_per_connection);
        let per_peer = Rate::per_minute(gate.limits.cells_per_peer);
        let of_connection = Limit {
            cells: (cells, per_connection),
            lobby: (lobby, LOBBY_PER_CONNECTION),
        };
        let of_peer = Limit {
            cells: (cells, per_peer),
            lobby: (lobby, LOBBY_PER_PEER),
        };
        let (connection, peer) = match self.origin {
            Origin::Local => (None, None),
            Origin::Peer { key, .. } => (None, Some(key)),
            Origin::Proxy => {
                let keys = &gate.peers().keys;
                match Client::forwarded(headers, &gate.limits.trusted_proxy) {
                    Some(client) => (keys.connection(client), Some(keys.peer(client))),
                    None => (None, Some(Key::default())),
                }
            }
        };
        if !matches!(self.origin, Origin::Proxy) {
            of_connection.take(&mut lock(&self.allowances), gate, now)?;
        }
        let mut peers = gate.peers();
        if let Some(key) = connection {
            of_connection.take(peers.get(key), gate, now)?;
        }
        match peer {
            Some(key) => of_peer.take(peers.get(key), gate, now),
            None => Ok(()),
        }
    }
}

/// Amounts and what is allowed of them.
struct Limit {
    cells: (u32, Rate),
    lobby: (u32, u32),
}

impl Limit {
    fn take(&self, peer: &mut Peer, gate: &Gate, now: Instant) -> Result<(), Wait> {
        let (lobby, most) = self.lobby;
        let clock = wall_clock();
        if lobby > 0 && !peer.lobby.take(lobby, most, gate.lobby.current(clock)) {
            return Err(gate.lobby.due(clock).saturating_sub(clock).into());
        }
        let (cells, rate) = self.cells;
        peer.cells.take(cells, rate, now).map_err(Wait::from)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Origin::Peer { key, epoch } = self.origin else {
            return;
        };
        let mut peers = lock(&self.gate.peers);
        // One that was counted in an epoch that is over is not known any more.
        if peers.epoch == epoch {
            let peer = peers.get(key);
            peer.connections = peer.connections.saturating_sub(1);
        }
    }
}

/// Counters stay usable after a panic elsewhere.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
