//! Who may connect, and how much one may post.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
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
    store::QueueClass,
};

/// Counts connections and cells, in memory only.
#[derive(Debug)]
pub struct ConnectionLimiter {
    limits: LimitArgs,
    /// The key of peers is renewed with these epochs.
    numbered: Schedule,
    lobby: Schedule,
    connections: Arc<Semaphore>,
    subscribers: Arc<Semaphore>,
    open: Mutex<Open>,
    peers: Mutex<Peers>,
    /// Connections of this machine so far.
    local: AtomicU64,
}

/// Open connections of each peer that has any, under a key of this process.
#[derive(Debug)]
struct Open {
    keys: Keys,
    connections: HashMap<Key, u32>,
}

/// What is known of peers in one epoch.
#[derive(Debug)]
struct Peers {
    epoch: u64,
    keys: Keys,
    known: HashMap<Key, Account>,
}

/// What one has used.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    cells: Allowance,
    lobby: Quota,
}

/// A connection that was let in. Knows no address.
#[derive(Debug)]
pub struct Connection {
    limiter: Arc<ConnectionLimiter>,
    source: Source,
    account: Mutex<Account>,
    _permit: OwnedSemaphorePermit,
}

/// Where a connection comes from, as far as limits go.
#[derive(Debug)]
enum Source {
    /// This machine: each connection is a class of its own.
    Local(QueueClass),
    /// A trusted proxy: each request says for whom.
    Proxy,
    /// A peer, under the key of this process.
    Peer(Key),
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

impl ConnectionLimiter {
    /// A limiter for epochs of these lengths.
    #[must_use]
    pub fn new(limits: LimitArgs, numbered: Schedule, lobby: Schedule) -> Arc<Self> {
        let connections = Arc::new(Semaphore::new(limits.max_connections as usize));
        let subscribers = Arc::new(Semaphore::new(limits.max_subscribers as usize));
        let open = Mutex::new(Open {
            keys: Keys::new(),
            connections: HashMap::new(),
        });
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
            open,
            peers,
            local: AtomicU64::new(1),
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

    /// Waits for the end of the epoch, and forgets its peers and its key even
    /// if nobody comes.
    pub async fn forget(&self) {
        let now = wall_clock();
        tokio::time::sleep(self.numbered.due(now).saturating_sub(now)).await;
        drop(self.peers());
    }

    /// Returns when no connection is left.
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

    /// The class of a peer's posts: a number that says nothing without a key
    /// that nobody has and that ends with the process.
    fn class_of(&self, client: Client) -> QueueClass {
        class_of(lock(&self.open).keys.peer(client))
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
    fn get(&mut self, key: Key) -> &mut Account {
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
        let subscribers = Arc::clone(&self.limiter.subscribers);
        subscribers.try_acquire_owned().ok()
    }

    /// Lets so many cells through, of which some are for the lobby, or none,
    /// and says in which class they wait: that of the peer, or of the
    /// connection where there is none.
    ///
    /// # Errors
    ///
    /// How long to wait.
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
                    let class = self.limiter.class_of(client);
                    let connection = connection.map(Place::Known);
                    (class, connection, Some(Place::Known(peer)))
                }
                None => {
                    let shared = Key::default();
                    (class_of(shared), None, Some(Place::Known(shared)))
                }
            },
        };
        let now = Now {
            instant: Instant::now(),
            lobby: self.limiter.lobby,
        };
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
            account.take_lobby(lobby, of_lobby, &now)?;
            account.take_cells(cells, Rate::per_minute(per_minute), &now)?;
            taken.push((place, account));
        }
        // Only now: what one limit refuses takes nothing of another.
        for (place, account) in taken {
            match place {
                Place::Own => *own = account,
                Place::Known(key) => *peers.get(key) = account,
            }
        }
        Ok(class)
    }
}

/// Whose account it is.
#[derive(Clone, Copy)]
enum Place {
    /// The connection's own.
    Own,
    /// A peer's, or that of a connection behind a proxy.
    Known(Key),
}

/// The time, and the epochs that the lobby counts by.
struct Now {
    instant: Instant,
    lobby: Schedule,
}

impl Account {
    fn take_cells(&mut self, cells: u32, rate: Rate, now: &Now) -> Result<(), Wait> {
        self.cells
            .take(cells, rate, now.instant)
            .map_err(Wait::from)
    }

    fn take_lobby(&mut self, cells: u32, most: u32, now: &Now) -> Result<(), Wait> {
        let clock = wall_clock();
        if cells == 0 || self.lobby.take(cells, most, now.lobby.current(clock)) {
            return Ok(());
        }
        Err(now.lobby.due(clock).saturating_sub(clock).into())
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

fn class_of(key: Key) -> QueueClass {
    QueueClass(
        key.first_chunk()
            .map_or(0, |bytes| u64::from_be_bytes(*bytes)),
    )
}

/// Counters stay usable after a panic elsewhere.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
