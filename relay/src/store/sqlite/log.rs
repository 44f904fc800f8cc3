//! Clearing the write-ahead log after a close.
//!
//! Until then it holds copies of real cells from when they were pending, and
//! none of cover: whoever takes the disk could tell them apart.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::sync::Mutex;

use super::{SqliteStore, writer::Job};

/// How long an attempt waits for another process, and everyone for the attempt.
const PATIENCE: Duration = Duration::from_millis(20);
/// How soon it is tried again while a reader holds the log; twice as long
/// each time, up to [`LONGEST`].
const AGAIN: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(1);
/// After so many attempts someone should look.
const WORTH_A_LINE: u32 = 12;

/// Closes are numbered; one task at a time clears the log for all of them.
#[derive(Default)]
pub(super) struct Clearing {
    closes: AtomicU64,
    cleared: Mutex<u64>,
}

/// Clears the log, again and again until no reader is in the way. Those of
/// this process wait outside for that moment; another process (a backup, a
/// shell) may hold it up for as long as it reads.
pub(super) fn clear(store: &SqliteStore) {
    let clearing = &store.0.clearing;
    let this_close = clearing.closes.fetch_add(1, Ordering::Relaxed) + 1;
    let store = store.clone();
    tokio::spawn(async move {
        let clearing = &store.0.clearing;
        let mut cleared = clearing.cleared.lock().await;
        let (mut wait, mut attempts) = (AGAIN, 0_u32);
        while *cleared < this_close {
            let covers = clearing.closes.load(Ordering::Relaxed);
            match store.ask(|reply| Job::ClearLog(PATIENCE, reply)).await {
                Ok(true) => *cleared = covers,
                Ok(false) => {
                    attempts += 1;
                    if attempts == WORTH_A_LINE {
                        tracing::warn!("a reader keeps the write-ahead log from being cleared");
                    }
                    tokio::time::sleep(wait).await;
                    wait = LONGEST.min(wait * 2);
                }
                // The store is about to end, or says by itself what is wrong.
                Err(_) => return,
            }
        }
    });
}
