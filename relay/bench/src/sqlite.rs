//! Plain SQLite with the relay's tables: one thread that commits all waiting posts
//! in one transaction.

use std::{path::Path, thread};

use anyhow::{Context as _, Result};
use rusqlite::{Connection, params};
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, oneshot};

/// The part of the relay's schema that posts and closes use.
const TABLES: &str = "
    CREATE TABLE frame (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
    CREATE TABLE seen (digest BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
    CREATE TABLE batch (id INTEGER PRIMARY KEY, bucket INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;
";
/// Maximum number of cells of one commit, as in the relay.
const GROUP: usize = 1024;

struct Job {
    bucket: u32,
    digest: [u8; 32],
    cell: Vec<u8>,
    done: oneshot::Sender<()>,
}

/// A handle for posting.
#[derive(Clone)]
pub(crate) struct Handle(mpsc::Sender<Job>);

/// Opens a database as the relay does.
pub(crate) fn open(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "page_size", 16_384)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch(TABLES)?;
    Ok(connection)
}

/// Starts the thread; it ends with the last handle.
pub(crate) fn start(path: &Path) -> Result<Handle> {
    let mut connection = open(path)?;
    let (sender, mut jobs) = mpsc::channel::<Job>(GROUP);
    thread::spawn(move || {
        while let Some(first) = jobs.blocking_recv() {
            let mut group = vec![first];
            while let Some(job) = (group.len() < GROUP)
                .then(|| jobs.try_recv().ok())
                .flatten()
            {
                group.push(job);
            }
            if let Err(error) = commit(&mut connection, &group) {
                eprintln!("SQLite: {error}");
                return; // the dropped channel ends the wait of the caller
            }
            for job in group {
                let _ = job.done.send(());
            }
        }
    });
    Ok(Handle(sender))
}

fn commit(connection: &mut Connection, group: &[Job]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut seen = transaction.prepare_cached("SELECT 1 FROM seen WHERE digest = ?1")?;
        let mut frame = Vec::new();
        for job in group {
            if !seen.exists([&job.digest])? {
                frame.extend_from_slice(&job.bucket.to_be_bytes());
                frame.extend_from_slice(&job.cell);
            }
        }
        transaction
            .prepare_cached("INSERT INTO frame (bytes) VALUES (?1)")?
            .execute(params![frame])?;
    }
    transaction.commit()
}

impl Handle {
    /// Inserts the one cell of a post; durable when it returns.
    pub(crate) async fn insert(&mut self, body: &[u8]) -> Result<()> {
        let (bucket, cell) = body.split_first_chunk::<4>().context("no bucket")?;
        let (done, wait) = oneshot::channel();
        let job = Job {
            bucket: u32::from_be_bytes(*bucket),
            digest: Sha256::digest(cell).into(),
            cell: cell.to_vec(),
            done,
        };
        self.0.send(job).await.context("SQLite has ended")?;
        wait.await.context("SQLite has ended")
    }
}
