//! How many files the process may have open: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is open beside connections: the store and its readers, the log.
const OTHERS: u64 = 256;

/// Asks for as many as so many connections need, and warns if there are not
/// as many to be had.
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
            "fewer open files are allowed than --max-connections needs: raise the limit (ulimit -n, LimitNOFILE)"
        );
    }
}
