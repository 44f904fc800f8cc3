//! `GET /v1/buckets/…`: the index of a bucket, and its batches.
//!
//! Every response is the same for every reader, so that any cache can serve it
//! and no request reveals how far a reader has read.

use std::{collections::HashMap, sync::Arc};

use axum::{
    body::Bytes,
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use sha2::{Digest as _, Sha256};
use tessera::wire::{
    BATCH_HEADER_LEN, BatchDigest, BatchHeader, BucketId, BucketIndex, Origin, hex,
};
use tokio::sync::Mutex;

use super::{App, Refusal, Shared, notices, tags::Place};
use crate::{
    epoch::{Published, wall_clock},
    store::{Contents, Found, Kind, Store, StoreError},
};

pub(super) const JSON: &str = "application/json";
pub(super) const OCTETS: &str = "application/octet-stream";
pub(super) const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// The cached indexes; each is made once per publication.
#[derive(Debug, Default)]
pub(super) struct Indexes(Mutex<HashMap<BucketId, Made>>);

#[derive(Clone, Debug)]
pub(super) struct Made {
    of: Option<Published>,
    pub(super) oldest: Option<u64>,
    pub(super) listed: Arc<BucketIndex>,
    json: Bytes,
    notice: Option<Bytes>,
    etag: Arc<str>,
}

/// `GET /v1/buckets/{bucket}/index`.
pub(super) async fn index<S: Store>(
    State(app): Shared<S>,
    bucket: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let Path(bucket) = bucket.map_err(|_| Refusal::NotFound)?;
    let bucket = known_bucket(&app, &bucket)?;
    let made = app.indexes.get(&app, bucket).await?;
    let fresh = app.schedules[Kind::of(bucket)].until_publication(wall_clock());
    // Until the next publication, rounded down.
    let cache = format!("public, max-age={}", fresh.as_secs());
    let json = || made.json.clone();
    Ok(conditional(&headers, &made.etag, JSON, &cache, json))
}

/// `GET /v1/buckets/{bucket}/batches/{origin}/{epoch}`.
pub(super) async fn batch<S: Store>(
    State(app): Shared<S>,
    place: Result<Path<(String, String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let bytes = read_batch(&app, visible(&app, place)?).await?;
    let digest = digest(&bytes)?;
    let etag = digest.to_string();
    Ok(conditional(&headers, &etag, OCTETS, IMMUTABLE, || bytes))
}

/// `GET /v1/buckets/{bucket}/batches/{origin}/{epoch}/tags`.
pub(super) async fn batch_tags<S: Store>(
    State(app): Shared<S>,
    place: Result<Path<(String, String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let place = visible(&app, place)?;
    let (bucket, _, epoch) = place;
    let oldest = app.indexes.get(&app, bucket).await?.oldest;
    let listed = oldest.is_some_and(|oldest| oldest <= epoch);
    let tags = app.tags.get(&app, place, listed).await?;
    let digest = digest(&tags)?;
    let etag = digest.to_string();
    Ok(conditional(&headers, &etag, OCTETS, IMMUTABLE, || tags))
}

/// A visible batch, if there is one.
fn visible<S: Store>(
    app: &App<S>,
    place: Result<Path<(String, String, String)>, PathRejection>,
) -> Result<Place, Refusal> {
    let Path((bucket, origin, epoch)) = place.map_err(|_| Refusal::NotFound)?;
    let bucket = known_bucket(app, &bucket)?;
    let origin: Origin = origin.parse().map_err(|_| Refusal::NotFound)?;
    let epoch = number(&epoch)?;
    // The batch may be written before its publication delay is over.
    if origin == app.store.origin() && Some(epoch) > app.published_epoch(bucket) {
        return Err(Refusal::NotFound);
    }
    Ok((bucket, origin, epoch))
}

/// The bytes of a batch, read when it is its turn.
pub(super) async fn read_batch<S: Store>(app: &App<S>, place: Place) -> Result<Bytes, Refusal> {
    let (bucket, origin, epoch) = place;
    let read = async {
        let found = app.store.published()?.batch(bucket, origin, epoch).await?;
        held(app, bucket, found).await
    };
    app.reads.read(read).await
}

/// What was found in a bucket, or why there is nothing.
pub(super) async fn held<S: Store, T>(
    app: &App<S>,
    bucket: BucketId,
    found: Found<T>,
) -> Result<T, Refusal> {
    match found {
        Found::Held(held) => Ok(held),
        // Past retention for readers, while the store is still deleting.
        Found::Expired => {
            let oldest = app.indexes.get(app, bucket).await?.oldest;
            Err(Refusal::Expired { oldest })
        }
        Found::Nothing => Err(Refusal::NotFound),
    }
}

fn digest(batch: &[u8]) -> Result<BatchDigest, StoreError> {
    let head: &[u8; BATCH_HEADER_LEN] = batch.first_chunk().ok_or(StoreError::Damaged)?;
    Ok(BatchHeader::decode(head).map_err(StoreError::from)?.digest)
}

impl Indexes {
    /// The notice of a bucket's newest batch, if there is one.
    pub(super) async fn newest<S: Store>(
        &self,
        app: &App<S>,
        bucket: BucketId,
    ) -> Result<Option<Bytes>, StoreError> {
        Ok(self.get(app, bucket).await?.notice)
    }

    pub(super) async fn get<S: Store>(
        &self,
        app: &App<S>,
        bucket: BucketId,
    ) -> Result<Made, StoreError> {
        let of = app.published.get(Kind::of(bucket));
        let mut made = self.0.lock().await;
        if let Some(index) = made.get(&bucket).filter(|index| index.of == of) {
            return Ok(index.clone());
        }
        let Contents { segments, batches } = match of {
            Some(of) => app.store.published()?.contents(bucket, of.into()).await?,
            None => Contents::default(),
        };
        let oldest_of = [
            segments.first().map(|segment| segment.first),
            batches.first().map(|header| header.epoch),
        ];
        let index = BucketIndex {
            oldest: oldest_of.into_iter().flatten().min(),
            batches: batches.iter().map(Into::into).collect(),
            segments,
        };
        let json = serde_json::to_vec(&index).map_err(|_| StoreError::Damaged)?;
        let etag = hex::encode(&Sha256::digest(&json)).into();
        let index = Made {
            of,
            oldest: index.oldest,
            listed: Arc::new(index),
            json: json.into(),
            notice: batches.last().and_then(notices::notice),
            etag,
        };
        made.insert(bucket, index.clone());
        Ok(index)
    }
}

pub(super) fn known_bucket<S: Store>(app: &App<S>, text: &str) -> Result<BucketId, Refusal> {
    let bucket = text.parse().ok();
    let known = bucket.filter(|bucket| app.bucket_count().contains(*bucket));
    known.ok_or(Refusal::NotFound)
}

/// Accepts one spelling per number: with two, caches would store a batch twice.
pub(super) fn number(text: &str) -> Result<u64, Refusal> {
    let number = text.parse().ok();
    let number = number.filter(|number: &u64| number.to_string() == text);
    number.ok_or(Refusal::NotFound)
}

/// Responds with 304 if the reader has the current version. `cache` says how long it
/// may be kept.
pub(super) fn conditional<B: IntoResponse>(
    headers: &HeaderMap,
    etag: &str,
    media_type: &'static str,
    cache: &str,
    body: impl FnOnce() -> B,
) -> Response {
    let etag = format!("\"{etag}\"");
    let known = headers.get_all(header::IF_NONE_MATCH);
    let is_known = known.iter().any(|tags| names(tags, etag.as_bytes()));
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, media_type)], body()).into_response()
    };
    for (name, value) in [(header::ETAG, &*etag), (header::CACHE_CONTROL, cache)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Whether `If-None-Match` names this tag, by weak comparison (RFC 9110 §13.1.2): a proxy
/// that compresses marks it as weak.
pub(super) fn names(known: &HeaderValue, tag: &[u8]) -> bool {
    let mut tags = known.to_str().unwrap_or_default().split(',').map(str::trim);
    tags.any(|of| of == "*" || of.strip_prefix("W/").unwrap_or(of).as_bytes() == tag)
}

/// A response that does not depend on what its reader has.
pub(super) fn answer(
    media_type: &'static str,
    cache: &'static str,
    body: impl IntoResponse,
) -> Response {
    let headers = [
        (header::CONTENT_TYPE, media_type),
        (header::CACHE_CONTROL, cache),
    ];
    (headers, body).into_response()
}
