//! The admin interface, on its own port.

use std::sync::Arc;

use axum::{Router, extract::State, response::Response, routing::get};

use super::{App, Refusal, Shared, buckets::answer, health, read};
use crate::store::Store;

/// The media type of Prometheus' text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `/metrics`, `/healthz` and `/readyz`.
pub fn admin<S: Store>(app: Arc<App<S>>) -> Router {
    Router::new()
        .route("/metrics", read(get(metrics::<S>)))
        .route("/healthz", read(get(health::alive)))
        .route("/readyz", read(get(health::ready::<S>)))
        .fallback(|| async { Refusal::NotFound })
        .with_state(app)
}

async fn metrics<S: Store>(State(app): Shared<S>) -> Response {
    answer(TEXT, "no-store", app.metrics.shown().to_string())
}
