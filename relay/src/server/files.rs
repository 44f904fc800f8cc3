//! The limit on open files: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Open files besides connections: the store and its readers, the log.
const OTHERS: u64 = 256;

/// Raises the limit to what `connections` need, and warns if it stays below.
pub fn allow(connections: u32) {
    let wanted = u64::from(connections) + OTHERS;
    let limit = getrlimit(Resource::Nofile);
    let has = |limit: Option<u64>| limit.is_none_or(|limit| limit >= wanted);
    if has(limit.current) {
        return;
    }
    let current = if has(limit.maximum) {
        Some(wanted)
    } else {
        limit.maximum
    };
    let raised = Rlimit { current, ..limit };
    if setrlimit(Resource::Nofile, raised).is_err() || !has(current) {
        tracing::warn!(
            wanted,
            "the limit on open files is below what --max-connections needs: raise it (ulimit -n, LimitNOFILE)"
        );
    }
}
