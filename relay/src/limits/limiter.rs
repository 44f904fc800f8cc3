//! Limits on connections and posts.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
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
    lock::lock,
    store::{ByKind, QueueClass},
};

/// Counts connections and cells, in memory only.
#[derive(Debug)]
pub struct ConnectionLimiter {
    limits: LimitArgs,
    /// The epochs: the MAC key of peers is renewed with those of the numbered buckets.
    epochs: ByKind<Schedule>,
    connections: Arc<Semaphore>,
    subscribers: Arc<Semaphore>,
    open: Mutex<Open>,
    peers: Mutex<Peers>,
    /// Number of connections from the loopback so far.
    local: AtomicU64,
}

/// The number of open connections per peer, under a MAC key of this process.
#[derive(Debug)]
struct Open {
    keys: Keys,
    connections: HashMap<Key, u32>,
}

/// The accounts of peers in one epoch.
#[derive(Debug)]
struct Peers {
    epoch: u64,
    keys: Keys,
    known: HashMap<Key, Account>,
}

/// The used allowances of a peer or a connection.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    cells: Allowance,
    lobby: Quota,
}

/// An accepted connection. Contains no address.
#[derive(Debug)]
pub struct Connection {
    limiter: Arc<ConnectionLimiter>,
    source: Source,
    account: Mutex<Account>,
    _permit: OwnedSemaphorePermit,
}

/// The source of a connection.
#[derive(Debug)]
enum Source {
    /// The loopback: each connection has its own class.
    Local(QueueClass),
    /// A trusted proxy: each request names its client.
    Proxy,
    /// A peer, under the MAC key of this process.
    Peer(Key),
}

/// The decision about a connection.
#[derive(Debug)]
pub enum Accepted {
    /// Serve it.
    Served(TcpStream, Arc<Connection>),
    /// Refuse it: too many connections in total.
    Full(TcpStream),
    /// Refuse it: too many connections of its peer.
    TooMany(TcpStream),
}

/// A temporary refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Seconds until the next try, at least 1.
    pub seconds: u32,
}

impl From<Duration> for Wait {
    fn from(wait: Duration) -> Self {
        let seconds = u32::try_from(wait.as_secs().saturating_add(1)).unwrap_or(u32::MAX);
        Self { seconds }
    }
}

impl ConnectionLimiter {
    /// Creates a limiter for these epochs.
    #[must_use]
    pub fn new(limits: LimitArgs, epochs: ByKind<Schedule>) -> Arc<Self> {
        let connections = Arc::new(Semaphore::new(limits.max_connections as usize));
        let subscribers = Arc::new(Semaphore::new(limits.max_subscribers as usize));
        let open = Mutex::new(Open {
            keys: Keys::new(),
            connections: HashMap::new(),
        });
        let peers = Mutex::new(Peers::new(epochs.numbered.current(wall_clock())));
        Arc::new(Self {
            limits,
            epochs,
            connections,
            subscribers,
            open,
            peers,
            local: AtomicU64::new(1),
        })
    }

    /// Waits for a connection: the only place that sees an address.
    ///
    /// # Errors
    ///
    /// The I/O error.
    #[expect(clippy::disallowed_methods, reason = "the limiter may see addresses")]
    pub async fn accept(self: &Arc<Self>, listener: &TcpListener) -> std::io::Result<Accepted> {
        let (stream, address) = listener.accept().await?;
        let Ok(permit) = Arc::clone(&self.connections).try_acquire_owned() else {
            return Ok(Accepted::Full(stream));
        };
        let client = Client::from(address);
        let Some(source) = self.source(client) else {
            return Ok(Accepted::TooMany(stream));
        };
        let connection = Connection {
            limiter: Arc::clone(self),
            source,
            account: Mutex::default(),
            _permit: permit,
        };
        Ok(Accepted::Served(stream, Arc::new(connection)))
    }

    /// Waits for the end of the epoch and discards its accounts and MAC key, even
    /// without new connections.
    pub async fn forget(&self) {
        let now = wall_clock();
        tokio::time::sleep(self.epochs.numbered.due(now).saturating_sub(now)).await;
        drop(self.peers());
    }

    /// Waits until no connection is open.
    pub async fn empty(&self) {
        let _ = self
            .connections
            .acquire_many(self.limits.max_connections)
            .await;
    }

    fn source(&self, client: Client) -> Option<Source> {
        if client.is_in(&self.limits.trusted_proxy) {
            return Some(Source::Proxy);
        }
        if client.is_local() {
            let number = self.local.fetch_add(1, Ordering::Relaxed);
            return Some(Source::Local(QueueClass(number)));
        }
        let mut open = lock(&self.open);
        let key = open.keys.peer(client);
        let connections = open.connections.entry(key).or_default();
        if *connections >= self.limits.max_connections_per_peer {
            return None;
        }
        *connections += 1;
        Some(Source::Peer(key))
    }

    /// The accounts of this epoch; discards those of the previous one.
    fn peers(&self) -> MutexGuard<'_, Peers> {
        let epoch = self.epochs.numbered.current(wall_clock());
        let mut peers = lock(&self.peers);
        if peers.epoch != epoch {
            *peers = Peers::new(epoch);
        }
        peers
    }
}

impl Peers {
    fn new(epoch: u64) -> Self {
        Self {
            epoch,
            keys: Keys::new(),
            known: HashMap::new(),
        }
    }

    /// The account of a peer. Above the maximum number, further peers share one
    /// account.
    fn get(&mut self, key: Key) -> &mut Account {
        let is_full = self.known.len() >= MOST_PEERS && !self.known.contains_key(&key);
        self.known
            .entry(if is_full { Key::default() } else { key })
            .or_default()
    }
}

impl Connection {
    /// Reserves a subscription, if one is left.
    #[must_use]
    pub fn subscribe(&self) -> Option<OwnedSemaphorePermit> {
        let subscribers = Arc::clone(&self.limiter.subscribers);
        subscribers.try_acquire_owned().ok()
    }

    /// Admits a post of `cells` cells, `lobby` of which are for the lobby. Returns
    /// the class in which they wait: that of the peer, or of the connection if
    /// there is no peer.
    ///
    /// # Errors
    ///
    /// The time to wait.
    pub fn admit(&self, headers: &HeaderMap, cells: u32, lobby: u32) -> Result<QueueClass, Wait> {
        let limits = &self.limiter.limits;
        let mut peers = self.limiter.peers();
        let mut own = lock(&self.account);
        let (class, connection, peer) = match self.source {
            Source::Local(class) => (class, Some(Place::Own), None),
            Source::Peer(key) => {
                let peer = peers.keys.of(key);
                (class_of(key), Some(Place::Own), Some(Place::Known(peer)))
            }
            Source::Proxy => match Client::forwarded(headers, &limits.trusted_proxy) {
                Some(client) => {
                    let connection = peers.keys.connection(client);
                    let peer = peers.keys.peer(client);
                    let class = class_of(lock(&self.limiter.open).keys.peer(client));
                    let connection = connection.map(Place::Known);
                    (class, connection, Some(Place::Known(peer)))
                }
                None => {
                    let shared = Key::default();
                    (class_of(shared), None, Some(Place::Known(shared)))
                }
            },
        };
        let now = Instant::now();
        let mut taken = Vec::new();
        for (place, per_minute, of_lobby) in [
            (
                connection,
                limits.cells_per_connection,
                LOBBY_PER_CONNECTION,
            ),
            (peer, limits.cells_per_peer, LOBBY_PER_PEER),
        ] {
            let Some(place) = place else { continue };
            let mut account = match place {
                Place::Own => *own,
                Place::Known(key) => *peers.get(key),
            };
            account.take_lobby(lobby, of_lobby, self.limiter.epochs.lobby)?;
            let rate = Rate::per_minute(per_minute);
            account.cells.take(cells, rate, now)?;
            taken.push((place, account));
        }
        // Only now, so that a refusal by one limit uses up nothing of another.
        for (place, account) in taken {
            match place {
                Place::Own => *own = account,
                Place::Known(key) => *peers.get(key) = account,
            }
        }
        Ok(class)
    }
}

/// The owner of an account.
#[derive(Clone, Copy)]
enum Place {
    /// The connection itself.
    Own,
    /// A peer, or a connection behind a proxy.
    Known(Key),
}

impl Account {
    fn take_lobby(&mut self, cells: u32, most: u32, epochs: Schedule) -> Result<(), Wait> {
        let clock = wall_clock();
        if cells == 0 || self.lobby.take(cells, most, epochs.current(clock)) {
            return Ok(());
        }
        Err(epochs.due(clock).saturating_sub(clock).into())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Source::Peer(key) = self.source else {
            return;
        };
        let mut open = lock(&self.limiter.open);
        if let Entry::Occupied(mut connections) = open.connections.entry(key) {
            *connections.get_mut() -= 1;
            if *connections.get() == 0 {
                connections.remove();
            }
        }
    }
}

/// The class of a peer's posts: a MAC under a key that exists only in this process, so
/// that it reveals nothing.
fn class_of(key: Key) -> QueueClass {
    QueueClass(
        key.first_chunk()
            .map_or(0, |bytes| u64::from_be_bytes(*bytes)),
    )
}

#[cfg(test)]
mod tests;
