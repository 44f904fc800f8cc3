//! `POST /v1/cells`.

use std::{sync::Arc, time::Instant};

use axum::{
    body::{Body, Bytes},
    extract::{Extension, Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tessera::wire::{
    paths,
    post::{decode, max_body_len},
};
use tokio::time::timeout;

use super::{Refusal, Shared, health::NO_STORE};
use crate::{
    epoch::wall_clock,
    limits::{BODY_TIME, Connection},
    metrics::Measured,
    store::{Post, Store, StoreError},
};

/// Accepts 1 to 64 cells, all or none; responds with 202 once they are durable.
pub(super) async fn post<S: Store>(
    State(app): Shared<S>,
    Extension(connection): Extension<Arc<Connection>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    if app.is_draining() {
        return Err(Refusal::Draining);
    }
    check_media_type(&headers)?;
    let limit = max_body_len(app.cell_size());
    let body = collect(body, &headers, limit).await?;
    let entries = decode(&body, app.cell_size(), app.bucket_count()).map_err(Refusal::Post)?;
    let lobby = entries.iter().filter(|entry| entry.bucket.is_lobby());
    let has_lobby = lobby.clone().next().is_some();
    let class = connection.admit(&headers, count(entries.iter()), count(lobby))?;
    if let Some(forward) = app.forward.as_ref().filter(|f| f.takes(has_lobby)) {
        let passed_on = forward.post(body, has_lobby).await;
        return passed_on.ok_or(Refusal::NoPublisher);
    }
    let start = Instant::now();
    let kept = app.store.put(Post { entries, class }).await;
    kept.map_err(|error| match error {
        StoreError::QueueFull(kind) => {
            Refusal::TooMuch(app.schedules[kind].until_publication(wall_clock()).into())
        }
        error => error.into(),
    })?;
    app.metrics.took(Measured::Post, start.elapsed());
    Ok((StatusCode::ACCEPTED, NO_STORE).into_response())
}

/// Refuses posts of other members: this one would pass them on once more.
pub(super) async fn refuse(request: Request, next: Next) -> Response {
    match request.uri().path() == paths::CELLS {
        true => Refusal::NoPublisher.into_response(),
        false => next.run(request).await,
    }
}

fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    u32::try_from(items.count()).unwrap_or(u32::MAX)
}

/// Requires the exact media type, for which browsers send a preflight before a
/// page of another site may post.
pub(super) fn check_media_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let is_octets = headers.get(header::CONTENT_TYPE).is_some_and(|value| {
        value
            .as_bytes()
            .eq_ignore_ascii_case(b"application/octet-stream")
    });
    if is_octets && !headers.contains_key(header::CONTENT_ENCODING) {
        Ok(())
    } else {
        Err(Refusal::MediaType)
    }
}

pub(super) async fn collect(
    body: Body,
    headers: &HeaderMap,
    limit: usize,
) -> Result<Bytes, Refusal> {
    let claimed = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if claimed.is_some_and(|claimed| claimed > limit as u64) {
        return Err(Refusal::TooLarge);
    }
    match timeout(BODY_TIME, Limited::new(body, limit).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refusal::TooLarge),
        Ok(Err(_)) => Err(Refusal::Incomplete),
        Err(_) => Err(Refusal::Slow),
    }
}
