//! Limits on the connections, cells and time of clients.
//!
//! This is the only module that may see an address. It converts the address into
//! a MAC whose key is renewed each epoch, counts under that in memory, and
//! discards both. Open connections are counted under a MAC for as long as they
//! live. Behind a trusted proxy, the address is the one that the proxy states.
//!
//! Thousands of people of a hospital share one address, so the limits per
//! connection are the strict ones.

mod address;
mod allowance;
mod limiter;

use std::time::Duration;

pub(crate) use self::address::network;
pub use self::limiter::{Accepted, Connection, ConnectionLimiter, Wait};

/// Timeout for the head of a request, and for an idle connection.
pub const HEAD_TIME: Duration = Duration::from_secs(20);
/// Maximum number of header fields of a request.
pub const HEAD_FIELDS: usize = 64;
/// Maximum length of a request's head in bytes.
pub const HEAD_LEN: usize = 16 << 10;
/// Timeout for the body of a post.
pub const BODY_TIME: Duration = Duration::from_secs(30);
/// Timeout for the relay's response.
pub const ANSWER_TIME: Duration = Duration::from_secs(60);
/// How long reading a response may take before [`READ_RATE`] applies.
pub const READ_TIME: Duration = Duration::from_secs(30);
/// Minimum rate at which a response must be read, in bytes per second.
pub const READ_RATE: u32 = 8 << 10;
/// Maximum number of batches that are read from the store at a time.
pub const READS_AT_ONCE: usize = 32;
/// Maximum number of selects that are answered at a time.
pub const SELECTS_AT_ONCE: usize = 4;
/// Maximum size of batches in memory that wait for their readers, in KiB.
pub const UNREAD_KIB: u32 = 256 << 10;
/// How long a reader waits for its turn.
pub const READ_WAIT: Duration = Duration::from_secs(5);
/// Timeout for a TLS handshake.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// Timeout for open requests when the relay shuts down.
pub const DRAIN_TIME: Duration = Duration::from_secs(10);
/// Maximum number of connections to the admin interface.
pub const ADMIN_CONNECTIONS: u32 = 64;
/// Maximum number of posts that wait for the store; more are answered 503.
pub const QUEUED_POSTS: usize = 1024;
/// Value of `Retry-After` in seconds.
pub const RETRY_AFTER_SECONDS: u32 = 5;
/// Lobby cells per connection and lobby epoch: one slot of an enrolment.
pub const LOBBY_PER_CONNECTION: u32 = 4;
/// Lobby cells per peer and lobby epoch: half of a lobby batch.
pub const LOBBY_PER_PEER: u32 = 8;
/// Maximum number of peers with their own account in one epoch.
const MOST_PEERS: usize = 100_000;
