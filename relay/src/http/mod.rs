//! The HTTP interface of `docs/relay.md`, and the portal's files.
//!
//! No handler asks for the peer's address, and no answer repeats what a
//! request held.

mod buckets;
mod cells;
mod health;
mod info;
mod portal;
mod problem;
mod segments;

use std::{path::Path, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use tessera::wire::{BucketCount, CellSize, RelayInfo};
use tokio::sync::watch;

use self::buckets::Indexes;
pub use self::problem::Refusal;
use crate::{
    epoch::{Board, Schedule},
    store::{Kind, Store},
};

/// What every handler may look at.
#[derive(Debug)]
pub struct App<S> {
    /// The store.
    pub store: S,
    /// What is visible.
    pub board: Board,
    /// `/v1/info` without the time.
    pub info: RelayInfo,
    /// Epochs of the numbered buckets.
    pub numbered: Schedule,
    /// Epochs of the lobby.
    pub lobby: Schedule,
    /// Whether the relay is about to end.
    pub draining: watch::Receiver<bool>,
    indexes: Indexes,
}

type Shared<S> = State<Arc<App<S>>>;

impl<S: Store> App<S> {
    /// A new interface; nothing is cached yet.
    pub fn new(store: S, board: Board, info: RelayInfo, draining: watch::Receiver<bool>) -> Self {
        let numbered = Schedule::new(info.epoch_seconds.get());
        let lobby = Schedule::new(info.lobby.epoch_seconds.get());
        Self {
            store,
            board,
            info,
            numbered,
            lobby,
            draining,
            indexes: Indexes::default(),
        }
    }

    fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    fn schedule(&self, kind: Kind) -> Schedule {
        match kind {
            Kind::Numbered => self.numbered,
            Kind::Lobby => self.lobby,
        }
    }

    fn cell_size(&self) -> CellSize {
        self.info.cell_size
    }

    fn bucket_count(&self) -> BucketCount {
        self.info.buckets
    }
}

/// All routes.
pub fn router<S: Store>(app: Arc<App<S>>, portal: Option<&Path>) -> Router {
    let api = Router::new()
        .route("/v1/info", read(get(info::info::<S>)))
        .route("/v1/cells", write(post(cells::post::<S>)))
        .route("/v1/buckets/{bucket}/index", read(get(buckets::index::<S>)))
        .route(
            "/v1/buckets/{bucket}/batches/{origin}/{epoch}",
            read(get(buckets::batch::<S>)),
        )
        .route(
            "/v1/buckets/{bucket}/segments/{origin}/{number}",
            read(get(segments::segment::<S>)),
        )
        // The stream of notices and the OpenAPI document join here.
        .route("/healthz", read(get(health::alive)))
        .route("/readyz", read(get(health::ready::<S>)))
        .with_state(app);
    let files = portal::router(portal);
    api.fallback_service(files)
        .layer(middleware::from_fn(headers))
}

fn read<T: Clone + Send + Sync + 'static>(method: MethodRouter<T>) -> MethodRouter<T> {
    only(method, "GET, HEAD, OPTIONS")
}

fn write<T: Clone + Send + Sync + 'static>(method: MethodRouter<T>) -> MethodRouter<T> {
    only(method, "POST, OPTIONS")
}

/// Answers OPTIONS, and refuses every other method with what is allowed.
fn only<T: Clone + Send + Sync + 'static>(
    method: MethodRouter<T>,
    allow: &'static str,
) -> MethodRouter<T> {
    let allow = HeaderValue::from_static(allow);
    let refused = allow.clone();
    method
        .options(move || async move {
            let mut response = StatusCode::NO_CONTENT.into_response();
            let headers = response.headers_mut();
            headers.insert(header::ALLOW, allow.clone());
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, allow);
            headers.insert(
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                HeaderValue::from_static("content-type, if-none-match"),
            );
            headers.insert(
                header::ACCESS_CONTROL_MAX_AGE,
                HeaderValue::from_static("86400"),
            );
            response
        })
        .fallback(move || async move {
            let mut response = Refusal::Method.into_response();
            response.headers_mut().insert(header::ALLOW, refused);
            response
        })
}

/// Headers of every answer. Anyone may read everything: batches are public,
/// and no answer depends on who asks.
async fn headers(request: Request, next: Next) -> Response {
    let is_api = portal::is_api(request.uri().path());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    if is_api {
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_ORIGIN,
            HeaderValue::from_static("*"),
        );
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("etag, retry-after"),
        );
        headers.insert(
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("cross-origin"),
        );
    }
    response
}
