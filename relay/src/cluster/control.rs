//! The control page of a cluster, on the loopback: shows the relays, kills and
//! starts them.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{Html, IntoResponse as _, Response},
    routing::{get, post},
};
use serde_json::json;
use tokio::net::TcpListener;

use super::{Cluster, ClusterError};

/// A header field that pages of other web origins cannot send.
pub(super) const HEADER: &str = "x-tessera-cluster";

const PAGE: &str = include_str!("control.html");

pub(super) async fn serve(listener: TcpListener, cluster: Arc<Cluster>) {
    let routes = Router::new()
        .route("/", get(page))
        .route("/state", get(state))
        .route("/nodes/{node}/kill", post(kill))
        .route("/nodes/{node}/start", post(start))
        .with_state(cluster)
        .layer(middleware::from_fn(guard));
    if let Err(error) = axum::serve(listener, routes).await {
        tracing::error!(kind = ?error.kind(), "the control page cannot be served");
    }
}

/// Refuses other names of this machine, which a page could have pointed here, and
/// posts from other pages.
async fn guard(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_local = name == "127.0.0.1" || name == "localhost";
    let is_read = request.method() == axum::http::Method::GET;
    if is_local && (is_read || request.headers().contains_key(HEADER)) {
        next.run(request).await
    } else {
        StatusCode::FORBIDDEN.into_response()
    }
}

async fn page() -> Html<&'static str> {
    Html(PAGE)
}

async fn state(State(cluster): State<Arc<Cluster>>) -> Response {
    let state = json!({"cost": cluster.cost, "nodes": cluster.seen.borrow().nodes});
    let headers = [(header::CONTENT_TYPE, "application/json")];
    (headers, state.to_string()).into_response()
}

async fn kill(State(cluster): State<Arc<Cluster>>, Path(node): Path<usize>) -> Response {
    outcome(cluster.kill(node))
}

async fn start(State(cluster): State<Arc<Cluster>>, Path(node): Path<usize>) -> Response {
    outcome(cluster.start(node))
}

fn outcome(done: Result<(), ClusterError>) -> Response {
    match done {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => (StatusCode::CONFLICT, error.to_string()).into_response(),
    }
}
