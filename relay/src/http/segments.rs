//! `GET /v1/buckets/{bucket}/segments/…`: batches, one after the other.

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use http_body_util::channel::Channel;
use tessera::wire::{BucketId, Origin};

use super::{
    App, Refusal, Shared,
    buckets::{IMMUTABLE, conditional, known_bucket, number},
};
use crate::store::{Found, Kind, Segment, Store};

/// Batches read ahead of a reader.
const AHEAD: usize = 1;

/// `GET /v1/buckets/{bucket}/segments/{origin}/{number}`.
pub(super) async fn segment<S: Store>(
    State(app): Shared<S>,
    place: Result<Path<(String, String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let Path((bucket, origin, name)) = place.map_err(|_| Refusal::NotFound)?;
    let bucket = known_bucket(&app, &bucket)?;
    let origin: Origin = origin.parse().map_err(|_| Refusal::NotFound)?;
    let segment = match app.store.segment(bucket, origin, number(&name)?).await? {
        Found::Held(segment) => segment,
        Found::Expired { .. } => {
            let oldest = app.indexes.get(&app, bucket).await?.oldest;
            return Err(Refusal::Expired { oldest });
        }
        Found::Nothing => return Err(Refusal::NotFound),
    };
    // Made already, perhaps, but not to be seen before the batch that completes it.
    let visible = app
        .published
        .get(Kind::of(bucket))
        .is_some_and(|published| segment.listed.last < published.epoch);
    if !visible {
        return Err(Refusal::NotFound);
    }
    let (etag, length) = (segment.listed.digest.to_string(), segment.listed.bytes);
    let mut response = conditional(&headers, &etag, "application/octet-stream", || {
        stream(&app, bucket, origin, segment)
    });
    let fields = response.headers_mut();
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static(IMMUTABLE));
    if fields.contains_key(header::CONTENT_TYPE) {
        fields.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    Ok(response)
}

/// Reads a batch as soon as the one before is on its way. If one is deleted
/// meanwhile the answer ends early, short of its length.
fn stream<S: Store>(app: &Arc<App<S>>, bucket: BucketId, origin: Origin, segment: Segment) -> Body {
    let (mut sender, body) = Channel::<Bytes, Infallible>::new(AHEAD);
    let app = Arc::clone(app);
    tokio::spawn(async move {
        for epoch in segment.epochs {
            let found = app.reads.read(app.store.batch(bucket, origin, epoch));
            let Ok(Found::Held(bytes)) = found.await else {
                return;
            };
            if sender.send_data(bytes).await.is_err() {
                return;
            }
        }
    });
    Body::new(body)
}
