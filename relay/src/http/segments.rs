//! `GET /v1/buckets/{bucket}/segments/…`: concatenated batches, or their tags.

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use http_body_util::channel::Channel;
use tessera::wire::{BATCH_HEADER_LEN, BucketId, Origin, batch::BATCH_TAGS_PREFIX, cell::TAG_LEN};

use super::{
    App, Refusal, Shared,
    buckets::{IMMUTABLE, OCTETS, conditional, held, known_bucket, number, read_batch},
};
use crate::store::{Segment, Store};

/// Number of batches read ahead of a reader.
const AHEAD: usize = 1;

/// `GET /v1/buckets/{bucket}/segments/{origin}/{number}`.
pub(super) async fn segment<S: Store>(
    State(app): Shared<S>,
    place: Result<Path<(String, String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    answer(&app, place, &headers, What::Batches).await
}

/// `GET /v1/buckets/{bucket}/segments/{origin}/{number}/tags`.
pub(super) async fn segment_tags<S: Store>(
    State(app): Shared<S>,
    place: Result<Path<(String, String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    answer(&app, place, &headers, What::Tags).await
}

/// The part of each batch in the response.
#[derive(Clone, Copy)]
enum What {
    Batches,
    Tags,
}

async fn answer<S: Store>(
    app: &Arc<App<S>>,
    place: Result<Path<(String, String, String)>, PathRejection>,
    headers: &HeaderMap,
    what: What,
) -> Result<Response, Refusal> {
    let Path((bucket, origin, name)) = place.map_err(|_| Refusal::NotFound)?;
    let bucket = known_bucket(app, &bucket)?;
    let origin: Origin = origin.parse().map_err(|_| Refusal::NotFound)?;
    let published = app.store.published()?;
    let found = published.segment(bucket, origin, number(&name)?);
    let segment = held(app, bucket, found.await?).await?;
    // The segment may exist before the batch that completes it is visible.
    if origin == app.store.origin() && Some(segment.listed.last) >= app.published_epoch(bucket) {
        return Err(Refusal::NotFound);
    }
    let (etag, bytes) = (segment.listed.digest.to_string(), segment.listed.bytes);
    let batches = segment.epochs.len() as u64;
    let length = match what {
        What::Batches => bytes,
        What::Tags => {
            let cells = (bytes - batches * BATCH_HEADER_LEN as u64) / cell_size(app);
            batches * BATCH_TAGS_PREFIX as u64 + cells * TAG_LEN as u64
        }
    };
    let batches = || stream(app, bucket, origin, segment, what);
    let mut response = conditional(headers, &etag, OCTETS, IMMUTABLE, batches);
    let fields = response.headers_mut();
    if fields.contains_key(header::CONTENT_TYPE) {
        fields.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    Ok(response)
}

fn cell_size<S: Store>(app: &App<S>) -> u64 {
    app.cell_size().get().into()
}

/// Reads each batch while the previous one is being sent. If a batch is deleted
/// meanwhile, the response ends before its stated length.
fn stream<S: Store>(
    app: &Arc<App<S>>,
    bucket: BucketId,
    origin: Origin,
    segment: Segment,
    what: What,
) -> Body {
    let (mut sender, body) = Channel::<Bytes, Infallible>::new(AHEAD);
    let app = Arc::clone(app);
    tokio::spawn(async move {
        for epoch in segment.epochs {
            let place = (bucket, origin, epoch);
            let read = match what {
                What::Batches => read_batch(&app, place).await,
                What::Tags => app.tags.get(&app, place, true).await,
            };
            let Ok(bytes) = read else {
                return;
            };
            if sender.send_data(bytes).await.is_err() {
                return;
            }
        }
    });
    Body::new(body)
}
