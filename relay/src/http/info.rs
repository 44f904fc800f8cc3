//! `GET /v1/info`.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};
use tessera::wire::RelayInfo;

use super::{Refusal, Shared};
use crate::{
    epoch::unix_time,
    store::{Store, StoreError},
};

/// The relay's parameters, and its clock as a hint.
pub(super) async fn info<S: Store>(State(app): Shared<S>) -> Result<Response, Refusal> {
    let info = RelayInfo {
        time: unix_time().0,
        ..app.info.clone()
    };
    let json = serde_json::to_vec(&info).map_err(|_| StoreError::Damaged)?;
    Ok((
        [
            (header::CONTENT_TYPE, "application/json"),
            (header::CACHE_CONTROL, "no-cache"),
        ],
        json,
    )
        .into_response())
}
