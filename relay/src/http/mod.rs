//! The HTTP interface of `docs/relay.md`, and the portal's files.
//!
//! No handler uses the peer's address, and no response repeats the content of a
//! request.

mod access;
mod admin;
mod buckets;
mod cells;
mod health;
mod info;
mod notices;
mod openapi;
mod origins;
mod portal;
mod problem;
mod reads;
mod segments;
mod select;
mod tags;

use std::{sync::Arc, time::Instant};

use axum::{
    Router,
    extract::{Request, State},
    http::{Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use tessera::wire::{BucketCount, BucketId, CellSize, RelayInfo};
use tokio::{
    sync::{Semaphore, watch},
    time::timeout,
};

pub use self::{access::Access, admin::admin, origins::Common, portal::Portal, problem::Refusal};
use self::{buckets::Indexes, origins::OriginsList, reads::Reads, tags::TagLists};
use crate::{
    epoch::{PublishedEpochs, Schedule},
    federation::Forward,
    limits::{ANSWER_TIME, READS_AT_ONCE, SELECTS_AT_ONCE, UNREAD_KIB},
    metrics::{Measured, Metrics},
    store::{ByKind, Kind, Store},
};

/// The state shared by all handlers.
#[derive(Debug)]
pub struct App<S> {
    /// The store.
    pub store: S,
    /// The published epochs.
    pub published: PublishedEpochs,
    /// `/v1/info` without the time.
    pub info: RelayInfo,
    /// The epochs.
    pub schedules: ByKind<Schedule>,
    /// The access rules.
    pub access: Access,
    /// What this relay has in common with others.
    pub common: Common,
    /// Passes posts on, if this relay does not publish everything itself.
    pub forward: Option<Forward>,
    /// Metrics for the operator.
    pub metrics: Arc<Metrics>,
    /// Whether the relay is shutting down.
    pub draining: watch::Receiver<bool>,
    indexes: Indexes,
    reads: Reads,
    tags: TagLists,
    /// Counts selects that are being answered: each keeps a core busy.
    selects: Semaphore,
    origins: OriginsList,
}

type Shared<S> = State<Arc<App<S>>>;

impl<S: Store> App<S> {
    /// Creates the state, with empty caches.
    pub fn new(
        store: S,
        published: PublishedEpochs,
        info: RelayInfo,
        access: Access,
        (common, forward): (Common, Option<Forward>),
        draining: watch::Receiver<bool>,
    ) -> Self {
        let schedules = ByKind {
            numbered: Schedule::new(info.epoch_seconds.get()),
            lobby: Schedule::new(info.lobby.epoch_seconds.get()),
        };
        Self {
            store,
            published,
            info,
            schedules,
            access,
            common,
            forward,
            metrics: Arc::default(),
            draining,
            indexes: Indexes::default(),
            reads: Reads::new(READS_AT_ONCE, UNREAD_KIB),
            tags: TagLists::default(),
            selects: Semaphore::new(SELECTS_AT_ONCE),
            origins: OriginsList::default(),
        }
    }

    fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// The last published epoch of this relay's own batches.
    fn published_epoch(&self, bucket: BucketId) -> Option<u64> {
        let published = self.published.get(Kind::of(bucket));
        published.map(|published| published.epoch)
    }

    fn cell_size(&self) -> CellSize {
        self.info.cell_size
    }

    fn bucket_count(&self) -> BucketCount {
        self.info.buckets
    }
}

/// The path of notices.
const WS: &str = "/v1/ws";

/// All routes.
pub fn router<S: Store>(app: Arc<App<S>>, portal: Option<Portal>) -> Router {
    let access = app.access.clone();
    let files = portal::router(portal);
    api(app)
        .fallback_service(files)
        .layer(middleware::from_fn_with_state(access, access::guard))
        .layer(middleware::from_fn(headers))
}

/// The routes for other members of a federation, whose keys were checked.
pub fn peers<S: Store>(app: Arc<App<S>>) -> Router {
    let passes_on = app.forward.is_some();
    let routes = api(app).fallback_service(portal::router(None));
    // A post is passed on once.
    match passes_on {
        true => routes.layer(middleware::from_fn(cells::refuse)),
        false => routes,
    }
}

fn api<S: Store>(app: Arc<App<S>>) -> Router {
    let metrics = Arc::clone(&app.metrics);
    Router::new()
        .route("/v1/info", read(get(info::info::<S>)))
        .route("/v1/cells", write(post(cells::post::<S>)))
        .route("/v1/buckets/{bucket}/index", read(get(buckets::index::<S>)))
        .route(
            "/v1/buckets/{bucket}/batches/{origin}/{epoch}",
            read(get(buckets::batch::<S>)),
        )
        .route(
            "/v1/buckets/{bucket}/batches/{origin}/{epoch}/tags",
            read(get(buckets::batch_tags::<S>)),
        )
        .route(
            "/v1/buckets/{bucket}/segments/{origin}/{number}",
            read(get(segments::segment::<S>)),
        )
        .route(
            "/v1/buckets/{bucket}/segments/{origin}/{number}/tags",
            read(get(segments::segment_tags::<S>)),
        )
        .route(
            "/v1/buckets/{bucket}/select",
            write(post(select::select::<S>)),
        )
        .route("/v1/origins", read(get(origins::list::<S>)))
        .route(
            "/v1/origins/{origin}/{kind}/headers",
            read(get(origins::headers::<S>)),
        )
        .route("/v1/origins/{origin}/fork", read(get(origins::fork::<S>)))
        .route("/v1/openapi.json", read(get(openapi::document)))
        .route(WS, read(get(notices::open::<S>)))
        .route("/healthz", read(get(health::alive)))
        .route("/readyz", read(get(health::ready::<S>)))
        .with_state(app)
        .layer(middleware::from_fn_with_state(metrics, timed))
}

fn read<T: Clone + Send + Sync + 'static>(method: MethodRouter<T>) -> MethodRouter<T> {
    only(method, "GET, HEAD, OPTIONS")
}

fn write<T: Clone + Send + Sync + 'static>(method: MethodRouter<T>) -> MethodRouter<T> {
    only(method, "POST, OPTIONS")
}

/// Responds to OPTIONS, and refuses other methods with the allowed ones.
fn only<T: Clone + Send + Sync + 'static>(
    method: MethodRouter<T>,
    allow: &'static str,
) -> MethodRouter<T> {
    method
        .options(move || async move {
            let headers = [
                (header::ALLOW, allow),
                (header::ACCESS_CONTROL_ALLOW_METHODS, allow),
                (
                    header::ACCESS_CONTROL_ALLOW_HEADERS,
                    "authorization, content-type, if-none-match",
                ),
                (header::ACCESS_CONTROL_MAX_AGE, "86400"),
            ];
            (StatusCode::NO_CONTENT, headers)
        })
        .fallback(move || async move { ([(header::ALLOW, allow)], Refusal::Method) })
}

/// Applies the response timeout, and measures the time of reads; nothing is counted
/// of a select.
async fn timed(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let is_bucket =
        request.method() != Method::POST && request.uri().path().starts_with("/v1/buckets/");
    let start = Instant::now();
    match timeout(ANSWER_TIME, next.run(request)).await {
        Ok(response) => {
            if is_bucket && response.status().is_success() {
                metrics.took(Measured::Read, start.elapsed());
            }
            response
        }
        Err(_) => Refusal::Overloaded.into_response(),
    }
}

/// Adds the headers of every response. No response depends on the client.
async fn headers(request: Request, next: Next) -> impl IntoResponse {
    let headers = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    let is_api = portal::is_api(request.uri().path());
    let of_api = is_api.then_some([("cross-origin-resource-policy", "cross-origin")]);
    (headers, of_api, next.run(request).await)
}
