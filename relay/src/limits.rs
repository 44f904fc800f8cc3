//! What one request may cost. Rate limits and access tokens belong here too:
//! this is the one module that may ever see an address, and so far it sees
//! none.

use std::time::Duration;

/// How long the body of a post may take to arrive.
pub const BODY_TIME: Duration = Duration::from_secs(30);
/// How long open requests may take to finish once the relay drains.
pub const DRAIN_TIME: Duration = Duration::from_secs(10);
/// Posts that may wait for the store before the relay answers 503.
pub const QUEUED_POSTS: usize = 1024;
/// Seconds after which a client may try again, in `Retry-After`.
pub const RETRY_AFTER_SECONDS: u32 = 5;
