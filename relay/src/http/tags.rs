//! The tags of batches. To make them a whole batch is read and hashed, 128
//! times what is answered, so those asked for last are kept, and one batch is
//! read for them at a time.

use std::{collections::VecDeque, sync::Mutex};

use axum::body::Bytes;
use tessera::wire::{self, BucketId, Origin};
use tokio::time::timeout;

use super::{App, Refusal, buckets::read_batch};
use crate::{
    limits::READ_WAIT,
    lock::lock,
    store::{Store, StoreError},
};

/// Most bytes of tags that are kept: those of some thousand batches.
const MOST_BYTES: usize = 32 << 20;

/// Which batch.
pub(super) type Place = (BucketId, Origin, u64);

/// Tags that were made, the last asked for at the end.
#[derive(Debug, Default)]
pub(super) struct TagLists {
    made: Mutex<VecDeque<(Place, Bytes)>>,
    /// Held while tags are made.
    turn: tokio::sync::Mutex<()>,
}

impl TagLists {
    /// The tags of a batch that readers may see. `listed` says whether the
    /// index still lists it: a batch that expires is not kept alive here.
    pub(super) async fn get<S: Store>(
        &self,
        app: &App<S>,
        place: Place,
        listed: bool,
    ) -> Result<Bytes, Refusal> {
        if listed && let Some(tags) = self.find(place) {
            return Ok(tags);
        }
        let turn = timeout(READ_WAIT, self.turn.lock()).await;
        let _turn = turn.map_err(|_| Refusal::Overloaded)?;
        if listed && let Some(tags) = self.find(place) {
            return Ok(tags);
        }
        let batch = read_batch(app, place).await?;
        // Not on the threads that answer.
        let made = tokio::task::spawn_blocking(move || wire::batch_tags(&batch));
        let made = made.await.map_err(|_| StoreError::Damaged)?;
        let tags = Bytes::from(made.map_err(StoreError::from)?);
        self.keep(place, tags.clone());
        Ok(tags)
    }

    fn find(&self, place: Place) -> Option<Bytes> {
        let mut made = lock(&self.made);
        let at = made.iter().position(|(known, _)| *known == place)?;
        let found = made.remove(at)?;
        made.push_back(found.clone());
        Some(found.1)
    }

    fn keep(&self, place: Place, tags: Bytes) {
        let mut made = lock(&self.made);
        made.push_back((place, tags));
        let mut bytes: usize = made.iter().map(|(_, tags)| tags.len()).sum();
        while bytes > MOST_BYTES
            && let Some((_, oldest)) = made.pop_front()
        {
            bytes -= oldest.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(epoch: u64) -> Place {
        (BucketId::LOBBY, Origin([7; 32]), epoch)
    }

    #[test]
    fn the_tags_asked_for_last_are_kept_within_a_bound() {
        let lists = TagLists::default();
        let quarter = Bytes::from(vec![1; MOST_BYTES / 4]);
        for epoch in 0..4 {
            lists.keep(place(epoch), quarter.clone());
        }
        assert!(lists.find(place(0)).is_some());
        lists.keep(place(4), quarter);
        assert!(lists.find(place(1)).is_none(), "asked for longest ago");
        assert!(
            [0, 2, 3, 4]
                .map(place)
                .iter()
                .all(|place| lists.find(*place).is_some())
        );
    }

    #[test]
    fn more_than_all_of_it_is_not_kept() {
        let lists = TagLists::default();
        lists.keep(place(0), Bytes::from(vec![1; MOST_BYTES + 1]));
        assert!(lists.find(place(0)).is_none());
    }
}
