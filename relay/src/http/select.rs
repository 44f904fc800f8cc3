//! `POST /v1/buckets/{bucket}/select`: sums of the cells that bitmaps name.
//!
//! Nothing about a request is logged or counted, and the time of the answer depends
//! on the window alone but for the bits of a bitmap, which are random.

use axum::{
    body::{Body, Bytes},
    extract::{Path, State, rejection::PathRejection},
    http::HeaderMap,
    response::Response,
};
use tessera::wire::{BucketId, Select, SelectError, SelectWindow, Selection};
use tokio::time::timeout;

use super::{
    App, Refusal, Shared,
    buckets::{OCTETS, answer, known_bucket},
    cells::{check_media_type, collect},
};
use crate::{
    limits::READ_WAIT,
    store::{Found, Store, StoreError},
};

/// Number of batches that are read in one go, a day's and some more: meanwhile the store
/// cannot truncate its log.
const AT_ONCE: usize = 64;

/// Responds with one sum per bitmap.
pub(super) async fn select<S: Store>(
    State(app): Shared<S>,
    bucket: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let Path(bucket) = bucket.map_err(|_| Refusal::NotFound)?;
    let bucket = known_bucket(&app, &bucket)?;
    check_media_type(&headers)?;
    let body = collect(body, &headers, Select::max_len(app.cell_size())).await?;
    let window = *Select::decode(&body, app.cell_size())?.window();
    let turn = timeout(READ_WAIT, app.selects.acquire()).await;
    let _turn = turn.map_err(|_| Refusal::Overloaded)?;
    let epochs = epochs(&app, bucket, &window).await?;
    let sums = add_up(&app, bucket, body, &epochs).await?;
    Ok(answer(OCTETS, "no-store", sums))
}

/// The epochs of a window's visible batches, in order of the chain.
async fn epochs<S: Store>(
    app: &App<S>,
    bucket: BucketId,
    window: &SelectWindow,
) -> Result<Vec<u64>, Refusal> {
    let listed = app.indexes.get(app, bucket).await?.listed;
    let mut epochs = Vec::new();
    for segment in &listed.segments {
        let overlaps = segment.first <= window.last && window.first <= segment.last;
        if segment.origin != window.origin || !overlaps {
            continue;
        }
        let published = app.store.published()?;
        let found = published.segment(bucket, segment.origin, segment.number);
        match found.await? {
            Found::Held(segment) => epochs.extend(segment.epochs),
            Found::Expired | Found::Nothing => return Err(SelectError::Window.into()),
        }
    }
    let batches = listed.batches.iter();
    let batches = batches.filter(|batch| batch.origin == window.origin);
    epochs.extend(batches.map(|batch| batch.epoch));
    epochs.retain(|epoch| (window.first..=window.last).contains(epoch));
    epochs.sort_unstable();
    Ok(epochs)
}

/// Reads one batch after the other, and adds each to all sums. Many batches in one go:
/// handing each to another thread would take longer than adding it up.
async fn add_up<S: Store>(
    app: &App<S>,
    bucket: BucketId,
    body: Bytes,
    epochs: &[u64],
) -> Result<Vec<u8>, Refusal> {
    let size = app.cell_size();
    let (origin, mut selection) = {
        let select = Select::decode(&body, size)?;
        (select.window().origin, Selection::new(&select, size))
    };
    for epochs in epochs.chunks(AT_ONCE) {
        let body = body.clone();
        let add = move |mut selection: Selection, batch: &[u8]| {
            // It was decoded before.
            let select = Select::decode(&body, size).map_err(|_| StoreError::Misused)?;
            let is_within = selection.add(&select, batch)?;
            Ok(is_within.then_some(selection))
        };
        let chain = (bucket, origin);
        let published = app.store.published()?;
        let added = published.fold_batches(chain, epochs.to_vec(), selection, add);
        // Past retention meanwhile, or more cells than the request states.
        selection = added.await?.ok_or(SelectError::Window)?;
    }
    let select = Select::decode(&body, size)?;
    Ok(selection.finish(&select)?)
}
