//! `/healthz` and `/readyz`, for the operator.

use axum::{extract::State, http::header, response::IntoResponse};

use super::{Refusal, Shared};
use crate::store::{Kind, Store};

pub(super) const NO_STORE: [(header::HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

/// The process runs.
pub(super) async fn alive() -> impl IntoResponse {
    (NO_STORE, "alive\n")
}

/// Posts are accepted, the store can be read, and every bucket was closed in time.
pub(super) async fn ready<S: Store>(State(app): Shared<S>) -> Result<impl IntoResponse, Refusal> {
    if app.is_draining() {
        return Err(Refusal::Draining);
    }
    app.store.writable()?;
    if app.published.is_behind() {
        return Err(Refusal::Behind);
    }
    app.store.last_close(Kind::Numbered).await?;
    Ok((NO_STORE, "ready\n"))
}
