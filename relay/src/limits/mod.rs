//! What a client may cost: connections, cells, time.
//!
//! This is the one module that may see an address. It turns it into a key
//! that is renewed each epoch, counts under that in memory, and forgets
//! both; a connection's address is known for as long as the connection lives.
//! Behind a trusted proxy the address is the one the proxy names.
//!
//! Hospitals share an address among thousands, so that limits per connection
//! are the narrow ones.

mod address;
mod allowance;
mod limiter;

use std::time::Duration;

pub(crate) use self::address::network;
pub use self::limiter::{Accepted, Connection, ConnectionLimiter, Wait};

/// How long the head of a request may take to arrive, and how long a
/// connection may be idle.
pub const HEAD_TIME: Duration = Duration::from_secs(20);
/// Most header fields of a request.
pub const HEAD_FIELDS: usize = 64;
/// Most bytes of a request's head.
pub const HEAD_LEN: usize = 16 << 10;
/// How long the body of a post may take to arrive.
pub const BODY_TIME: Duration = Duration::from_secs(30);
/// How long the relay may take to answer.
pub const ANSWER_TIME: Duration = Duration::from_secs(60);
/// How long an answer may take to be read, before [`READ_RATE`] counts.
pub const READ_TIME: Duration = Duration::from_secs(30);
/// Bytes per second at which an answer has to be read.
pub const READ_RATE: u32 = 8 << 10;
/// Batches that are read from the store at a time.
pub const READS_AT_ONCE: usize = 32;
/// KiB of batches that were read and wait in memory for their readers.
pub const UNREAD_KIB: u32 = 256 << 10;
/// How long a reader waits for its turn.
pub const READ_WAIT: Duration = Duration::from_secs(5);
/// How long a TLS handshake may take.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// How long open requests may take to finish once the relay drains.
pub const DRAIN_TIME: Duration = Duration::from_secs(10);
/// Connections the operator may have at a time.
pub const ADMIN_CONNECTIONS: u32 = 64;
/// Posts that may wait for the store before the relay answers 503.
pub const QUEUED_POSTS: usize = 1024;
/// Seconds after which a client may try again, in `Retry-After`.
pub const RETRY_AFTER_SECONDS: u32 = 5;
/// Cells for the lobby per connection and epoch of the lobby: a slot of an
/// enrolment, which follows these epochs.
pub const LOBBY_PER_CONNECTION: u32 = 4;
/// The same per peer: half of what the lobby publishes in an epoch.
pub const LOBBY_PER_PEER: u32 = 8;
/// Peers that are told apart in one epoch.
const MOST_PEERS: usize = 100_000;
