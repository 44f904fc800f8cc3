//! Limits on batches in transit from the store to readers: on concurrent reads,
//! and on bytes in memory that wait for slow readers.

use std::{future::Future, sync::Arc};

use axum::body::Bytes;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::Refusal;
use crate::limits::READ_WAIT;

/// Counts reads, and bytes that were read but not yet sent.
#[derive(Debug)]
pub(super) struct Reads {
    turns: Semaphore,
    unread: Arc<Semaphore>,
    most_kib: u32,
}

impl Reads {
    pub(super) fn new(at_once: usize, most_kib: u32) -> Self {
        Self {
            turns: Semaphore::new(at_once),
            unread: Arc::new(Semaphore::new(most_kib as usize)),
            most_kib,
        }
    }

    /// Reads when it is its turn. The bytes count until the last reference is
    /// dropped: they were sent, or their reader has disconnected.
    pub(super) async fn read(
        &self,
        read: impl Future<Output = Result<Vec<u8>, Refusal>>,
    ) -> Result<Bytes, Refusal> {
        let turn = timeout(READ_WAIT, self.turns.acquire()).await;
        let _turn = turn.map_err(|_| Refusal::Overloaded)?;
        let bytes = read.await?;
        let kib = u32::try_from(bytes.len().div_ceil(1024)).unwrap_or(u32::MAX);
        let unread = Arc::clone(&self.unread).acquire_many_owned(kib.min(self.most_kib));
        match timeout(READ_WAIT, unread).await {
            Ok(Ok(permit)) => Ok(Bytes::from_owner(Unread {
                bytes,
                _permit: permit,
            })),
            Ok(Err(_)) | Err(_) => Err(Refusal::Overloaded),
        }
    }
}

struct Unread {
    bytes: Vec<u8>,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Unread {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreError;

    async fn read(reads: &Reads, len: usize) -> Result<Bytes, Refusal> {
        reads.read(async { Ok(vec![7; len]) }).await
    }

    #[tokio::test(start_paused = true)]
    async fn unread_bytes_are_bounded() {
        let reads = Reads::new(2, 4);
        let first = read(&reads, 3 * 1024).await.unwrap();
        assert_eq!(read(&reads, 1025).await, Err(Refusal::Overloaded));
        let copy = first.slice(1..2);
        drop(first);
        assert_eq!(
            read(&reads, 1025).await,
            Err(Refusal::Overloaded),
            "a copy is left"
        );
        let (second, ()) = tokio::join!(read(&reads, 1025), async { drop(copy) });
        assert_eq!(second.unwrap().len(), 1025);
        // A read above the limit is admitted alone.
        assert_eq!(read(&reads, 9000).await.unwrap().len(), 9000);
    }

    #[tokio::test(start_paused = true)]
    async fn reads_take_turns() {
        let reads = Reads::new(1, 4);
        let endless = reads.read(std::future::pending());
        let second = async {
            tokio::task::yield_now().await;
            read(&reads, 1).await
        };
        tokio::select! {
            _ = endless => panic!("it never ends"),
            second = second => assert_eq!(second, Err(Refusal::Overloaded)),
        }
        assert!(read(&reads, 1).await.is_ok());
        let refusal = Refusal::Store(StoreError::Unavailable);
        let failed = reads.read(async { Err(refusal) }).await;
        assert_eq!(failed, Err(refusal));
    }
}
