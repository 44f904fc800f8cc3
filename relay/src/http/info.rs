//! `GET /v1/info`.

use axum::{extract::State, response::Response};
use tessera::wire::RelayInfo;

use super::{
    Refusal, Shared,
    buckets::{JSON, answer},
};
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
    Ok(answer(JSON, "no-cache", json))
}
